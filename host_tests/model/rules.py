"""What a model does when the driver breaks the specification."""

import contextlib

import memory

_everyone = []


class SpecViolation(AssertionError):
    """The driver did what the specification forbids; `rule` is the id of the rule."""

    def __init__(self, rule, what):
        super().__init__(f"{rule}: {what}")
        self.rule = rule


class Witness:
    """Base of the models: raises violations where they happen, and remembers them.

    A driver may swallow the exception, so what is in `violations` at the end of a test fails it
    unless the test took it with take_violations().
    """

    def __init__(self):
        self.violations = []
        _everyone.append(self)

    def violate(self, rule, what):
        """The driver broke rule `rule` by doing `what`."""
        violation = SpecViolation(rule, f"{self}: {what}")
        self.violations.append(violation)
        raise violation

    @contextlib.contextmanager
    def witnessing(self):
        """Remember the faults of memory accesses inside, which are the driver's."""
        try:
            yield
        except memory.Fault as fault:
            if fault not in self.violations:
                self.violations.append(fault)
            raise

    def take_violations(self):
        """What the driver did wrong so far; the test then vouches for it."""
        taken = self.violations
        self.violations = []
        return taken


def take_all_violations():
    """Forget all models; returns what was left in them."""
    left = [violation for witness in _everyone for violation in witness.violations]
    _everyone.clear()
    return left
