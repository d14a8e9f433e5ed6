# Somebody who works with files in a folder of their own, and knows what must be in it.

import gc
import os
import random
import sys

FOLDER = "/stress"
NAMES = ("a", "b", "c with a long name", "d")
MODULES = ("m0", "m1")
LONGEST = 2000
MOST_FINDINGS = 5
OPERATIONS = "write append read rename remove list load drop collect".split()

PATTERN = bytes(range(251)) * 10

sys.path.append(FOLDER)

findings = []
counts = {}


def report(*words):
    if len(findings) < MOST_FINDINGS:
        findings.append(" ".join(map(str, words)))


def content():
    """Some bytes, of which no two are likely to be the same."""
    start = random.getrandbits(9)
    number = random.getrandbits(30).to_bytes(4, "little")
    return number + PATTERN[start : start + random.randrange(LONGEST)]


def shown(data):
    return "nothing" if data is None else "{} bytes {}".format(len(data), bytes(data[:8]))


class Worker:
    """Works in the folder `name`; with `replaces`, a file can be renamed to one that is there.

    `files` is what must be there. What an operation that was ended may have left is in `intent`,
    as a function and its arguments that give all the outcomes that are right.
    """

    def __init__(self, name, replaces):
        self.name = name
        self.folder = "{}/{}/".format(FOLDER, name)
        self.replaces = replaces
        self.files = {}
        self.dropped = []
        self.intent = None
        self.file = None
        os.mkdir(self.folder[:-1])

    def step(self):
        """Do something, unless what was done before was ended, and is not settled."""
        if self.intent:
            return
        operation = random.choice(OPERATIONS)
        try:
            if getattr(self, operation)():
                counts[operation] = counts.get(operation, 0) + 1
        except Exception as error:
            report(self.name, "in", operation, repr(error))

    # ---- Operations; each says whether there was something to be done.

    def write(self):
        return self._write(self._some_name(NAMES), content())

    def _write(self, name, new):
        if name is None:
            return False
        step = 200 + random.getrandbits(10)
        self.intent = written, name, self.files.get(name), b"", new, step
        self.file = open(self.folder + name, "wb")
        self._write_pieces(new, step)
        self.files[name] = new
        self.intent = None
        return True

    def append(self):
        name = self._some_file()
        if name is None or name.endswith(".py"):
            return False
        old, new, step = self.files[name], content(), 200 + random.getrandbits(10)
        if len(old) > LONGEST:
            return False
        self.intent = written, name, old, old, new, step
        self.file = open(self.folder + name, "ab")
        self._write_pieces(new, step)
        self.files[name] = old + new
        self.intent = None
        return True

    def _write_pieces(self, new, step):
        for at in range(0, len(new), step):
            piece = new[at : at + step]
            if self.file.write(piece) != len(piece):
                report(self.name, "a short write")
        self.file.close()

    def read(self):
        name = self._some_file()
        if name is None:
            return False
        expected = self.files[name]
        start = random.randrange(len(expected))
        with open(self.folder + name, "rb") as file:
            found = file.read()
            file.seek(start)
            rest = file.read(100)
        if found != expected:
            report(self.name, "reads", name, shown(found), "and not", shown(expected))
        elif rest != expected[start : start + 100]:
            report(self.name, "reads in the middle of", name, shown(rest))
        return True

    def rename(self):
        old, new = self._some_file(), self._some_name(NAMES)
        if old is None or new is None or old == new or old.endswith(".py"):
            return False
        if new in self.files and not self.replaces:
            return False
        self.intent = renamed, old, new, self.files[old], self.files.get(new)
        os.rename(self.folder + old, self.folder + new)
        self.files[new] = self.files.pop(old)
        self.intent = None
        return True

    def remove(self):
        name = self._some_file()
        if name is None:
            return False
        self.intent = removed, name, self.files[name]
        os.remove(self.folder + name)
        del self.files[name]
        self.intent = None
        return True

    def list(self):
        found = {}
        for name, _, _, size in os.ilistdir(self.folder[:-1]):
            found[name] = size
        for name, expected in self.files.items():
            size = found.pop(name, None)
            if size != len(expected) and not (name in self.dropped and size is not None):
                report(self.name, "lists", name, "with", size, "bytes and not", len(expected))
        if found:
            report(self.name, "lists more:", found)
        return True

    def load(self):
        """Import a module."""
        module = random.choice(MODULES)
        file = module + ".py"
        if file in self.dropped:
            return False
        if file not in self.files:
            return self._write(file, b"value = %d\n" % random.getrandbits(30))
        module = "{}.{}".format(self.name, module)
        sys.modules.pop(module, None)
        __import__(module)
        value = sys.modules[module].value
        if b"value = %d\n" % value != self.files[file]:
            report(self.name, "imports", value)
        return True

    def drop(self):
        """Write a file that nobody closes."""
        name = self._some_name(NAMES)
        if name is None:
            return False
        new = content()
        self.intent = dropped, name, self.files.get(name), new
        self.dropped.append(name)
        open(self.folder + name, "wb").write(new)
        self.files[name] = new
        self.intent = None
        return True

    def collect(self):
        """Have the collector close what was dropped; what the stack still names is left."""
        if not self.dropped:
            return False
        gc.collect()
        self.forget_dropped()
        return True

    def forget_dropped(self):
        """Take what is whole for closed; says whether there is nothing else."""
        for name in list(self.dropped):
            found = self.look(name)
            if found in self._right_when_closed(name) and self._is_on_disk(name, found):
                self.dropped.remove(name)
        return not self.dropped

    def _is_on_disk(self, name, found):
        # Who reads a file of FAT that somebody else writes is told of what is not on the disk yet.
        return found is None or os.stat(self.folder + name)[6] == len(found)

    def _right_when_closed(self, name):
        if self.intent and self.intent[1] == name:
            return self.intent[2:]
        return (self.files[name],)

    # ---- After Ctrl-C, when nobody else runs.

    def close(self):
        """Close the file that an operation may have left open."""
        if self.file:
            self.file.close()
            self.file = None

    def settle(self):
        """Find out what came of an operation that was ended, when the collector was there."""
        if self.dropped:
            report(self.name, "never has closed", self.dropped)
        if self.intent:
            counts["ended"] = counts.get("ended", 0) + 1
            function, *arguments = self.intent
            self._take_outcome(list(function(*arguments)))
            self.intent = None

    def _take_outcome(self, outcomes):
        found = {name: self.look(name) for name in outcomes[0]}
        if found not in outcomes:
            right = [list(map(shown, one.values())) for one in outcomes]
            there = ["{}: {}".format(name, shown(data)) for name, data in found.items()]
            report(self.name, "after", self.intent[0].__name__, "has", there, "right are", right)
        for name, data in found.items():
            if data is None:
                self.files.pop(name, None)
            else:
                self.files[name] = data

    def check(self):
        for name, expected in self.files.items():
            found = self.look(name)
            if found != expected:
                report(self.name, "has in", name, shown(found), "and not", shown(expected))

    def look(self, name):
        """What is in a file, or None."""
        try:
            with open(self.folder + name, "rb") as file:
                return file.read()
        except OSError as error:
            if error.errno != 2:
                report(self.name, "looks at", name, repr(error))
            return None

    # ----

    def _some_name(self, names):
        name = random.choice(names)
        return None if name in self.dropped else name

    def _some_file(self):
        names = [name for name in self.files if name not in self.dropped]
        return random.choice(names) if names else None


# ---- The outcomes of operations that were ended, as what is in files, or None.


def written(name, before, start, new, step):
    yield {name: before}
    for end in range(0, len(new), step):
        yield {name: start + new[:end]}
    yield {name: start + new}


def dropped(name, before, new):
    yield {name: before}
    yield {name: new}


def renamed(old, new, content, replaced):
    yield {old: content, new: replaced}
    yield {old: None, new: content}


def removed(name, content):
    yield {name: content}
    yield {name: None}
