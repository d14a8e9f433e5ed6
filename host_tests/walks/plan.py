"""Walks that are planned before they begin, where what happens may differ from run to run."""

import inspect

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import INITIALIZE_RULE_MARKER, INVARIANT_MARKER, RULE_MARKER

STEPS = 50


def plans(machine, number, count=20):
    """`count` plans for the class `machine`: lists of steps, which are (name, arguments).

    They are the same for the same `number`. A plan has some of the machine's rules only, so that
    each has what is rare.
    """
    beginning = _steps(machine, INITIALIZE_RULE_MARKER)
    rules = _steps(machine, RULE_MARKER)
    made = []

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(st.data())
    def plan(data):
        some = data.draw(st.lists(st.sampled_from(rules), min_size=5, unique=True))
        steps = st.lists(st.one_of(some), min_size=STEPS, max_size=STEPS)
        made.append([data.draw(st.one_of(beginning)), *data.draw(steps)])

    plan()
    return made


def _steps(machine, marker):
    steps = []
    for name, member in inspect.getmembers(machine):
        if rule := getattr(member, marker, None):
            arguments = st.fixed_dictionaries(rule.arguments)
            steps.append(st.tuples(st.just(name), arguments))
    return steps


def follow(machine, plan):
    """Have `machine` do what is in `plan`, hold it to its invariants, and end it."""
    members = [member for _, member in inspect.getmembers(machine)]
    checks = [check for check in members if hasattr(check, INVARIANT_MARKER)]
    done = []
    try:
        for name, arguments in plan:
            values = [f"{key}={value}" for key, value in arguments.items()]
            done.append(f"{name}({', '.join(values)})")
            getattr(machine, name)(**arguments)
            for check in checks:
                check()
        done.append("teardown()")
        machine.teardown()
    except BaseException as error:
        error.add_note("\n".join(["after", *done]))
        raise
