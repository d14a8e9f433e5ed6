"""What a board is told to do with files, and what a disk has to hold after a power cut.

An operation is a tuple of what is done, a name, a number that says what the content is, and a
size: ("create", name, number, size), ("append", name, number, size), ("replace", name, number,
size), ("delete", name, 0, 0). Only "replace" is atomic, and only littlefs has it.
"""

from dataclasses import dataclass, field, replace

LOG = "log"
STATE = "state"
FILES = 12
RECORD = 48


@dataclass(frozen=True)
class Promises:
    """What was synced: `files` maps names to (number, size), `log` has the numbers of records.

    `state` has the contents that the file STATE may have; empty if nothing is known of it. What is
    in `gone` was deleted.
    """

    files: dict = field(default_factory=dict)
    log: tuple = ()
    state: tuple = ()
    gone: tuple = ()

    def after(self, operation):
        """The promises when the operation is done."""
        what, name, number, size = operation
        if what == "create":
            return replace(self, files={**self.files, name: (number, size)})
        if what == "append":
            return replace(self, log=(*self.log, number))
        if what == "replace":
            return replace(self, state=((number, size),))
        return replace(self.during(operation), gone=(*self.gone, name))

    def during(self, operation):
        """The promises while the operation goes on."""
        what, name, number, size = operation
        if what == "delete":
            return replace(self, files={k: v for k, v in self.files.items() if k != name})
        if what == "replace" and self.state:
            return replace(self, state=(*self.state, (number, size)))
        return self

    def at(self, operations, done):
        """The promises when `done` of the operations are done, and the next one may go on."""
        promises = self
        for operation in operations[:done]:
            promises = promises.after(operation)
        return promises.during(operations[done]) if done < len(operations) else promises


def make_operations(promises, chance, first, count, atomic):
    """`count` operations on a disk that holds `promises`; numbers start at `first`.

    `chance` is a random.Random, `atomic` whether files can be replaced.
    """
    operations = []
    files = list(promises.files)
    for number in range(first, first + count):
        kind = chance.random()
        if atomic and (number == first or kind < 0.2):
            operation = ("replace", STATE, number, chance.randrange(1, 3000))
        elif kind < 0.5:
            operation = ("append", LOG, number, RECORD)
        elif len(files) >= FILES:
            operation = ("delete", files.pop(chance.randrange(len(files))), 0, 0)
        else:
            size = chance.choice([0, 1, 511, 512, 4096, chance.randrange(20000)])
            operation = ("create", f"file{number}.bin", number, size)
            files.append(operation[1])
        operations.append(operation)
    return operations
