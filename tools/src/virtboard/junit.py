"""JUnit's XML, which CI services read."""

import re
from xml.etree import ElementTree

NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd]")


def write(path, suite, results):
    """Write to the file `path` what became of tests.

    `suite` is what they are called together; each of `results` is the path of a file, a Case of
    it (virtboard.cases), and the Outcome (virtboard.unittests).
    """
    kinds = [outcome.kind for _, _, outcome in results]
    root = ElementTree.Element("testsuites")
    all_tests = ElementTree.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(results)),
        failures=str(kinds.count("failed")),
        errors="0",
        skipped=str(kinds.count("skipped") + kinds.count("xfailed")),
        time=f"{sum(outcome.seconds for _, _, outcome in results):.3f}",
    )
    for file, case, outcome in results:
        add(all_tests, file, case, outcome)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def add(parent, file, case, outcome):
    """Add a test to an element."""
    element = ElementTree.SubElement(
        parent,
        "testcase",
        classname=".".join([*file.with_suffix("").parts, *case.name.split(".")[:-1]]).lstrip("./"),
        name=case.name.rpartition(".")[2],
        file=str(file),
        line=str(case.line),
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.kind == "failed":
        failure = ElementTree.SubElement(
            element, "failure", message=clean((outcome.text.splitlines() or [""])[-1])
        )
        failure.text = clean(outcome.text)
    elif outcome.kind != "passed":
        ElementTree.SubElement(element, "skipped", message=clean(outcome.text or outcome.kind))
    if outcome.output:
        ElementTree.SubElement(element, "system-out").text = clean(outcome.output)


def clean(text):
    """The text without the characters that XML cannot have."""
    return NOT_IN_XML.sub("?", text)
