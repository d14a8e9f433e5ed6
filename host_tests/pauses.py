"""When the machine that runs the tests stood still: time limits end then with nothing wrong.

A virtual machine may be paused, or have no processor for a while.
"""

import threading
import time

LOOK = 0.5  # seconds
LONGEST = 5


class Watch(threading.Thread):
    """Looks at the clock now and then. `pauses` are times of day, and how long each was, in s."""

    def __init__(self):
        super().__init__(daemon=True)
        self.pauses = []

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(LOOK)
            now = time.monotonic()
            if now - last > LONGEST:
                self.pauses.append((time.strftime("%H:%M:%S"), now - last))
            last = now
