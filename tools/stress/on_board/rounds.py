# The main program, and callbacks beside it, from one Ctrl-C to the next.

import machine
import micropython
import vfs

import mpy_virtio as virtio

# In milliseconds: what timers wait for.
SHORTEST, LONGEST_WAIT = 1, 8

if any(path == "/" for _, path in vfs.mount()):
    vfs.umount("/")

gc.threshold(100000)

callbacks = 0
timers = []


class Scheduled:
    """Has `worker` do something by micropython.schedule, asked for in a timer's interrupt."""

    def __init__(self, worker):
        self.worker = worker
        self.waits = False
        self.run = self._run

    def ask(self, _):
        if not self.waits:
            self.waits = True
            try:
                micropython.schedule(self.run, None)
            except RuntimeError:
                self.waits = False  # The queue is full.

    def _run(self, _):
        global callbacks
        callbacks += 1
        self.waits = False
        self.worker.step()


def on_timer(worker):
    def tick(_):
        global callbacks
        callbacks += 1
        worker.step()

    return tick


def on_socket(worker):
    def event(_):
        global callbacks
        callbacks += 1
        while talker.hear():
            pass
        worker.step()

    return event


class Losing:
    """A disk that says it has written when it has not, once in a while, if it `loses`."""

    loses = False

    def __init__(self, disk):
        self.readblocks = disk.readblocks
        self.ioctl = disk.ioctl
        self.disk = disk

    def writeblocks(self, *arguments):
        if self.loses and random.getrandbits(5) == 0:
            return 0
        return self.disk.writeblocks(*arguments)


def mount(littlefs, anew, loses=False):
    """Mount the disk, with a new file system if `anew` is true and it is to be littlefs.

    It has a cache there, which FAT can do without: so both are tried.
    """
    disk = virtio.Block()
    if loses:
        disk = Losing(disk)
    if littlefs:
        disk = virtio.Cache(disk)
        sizes = {"readsize": 512, "progsize": 512}
        if anew:
            vfs.VfsLfs2.mkfs(disk, **sizes)
        vfs.mount(vfs.VfsLfs2(disk, **sizes), FOLDER)
    else:
        vfs.mount(vfs.VfsFat(disk), FOLDER)


def begin(littlefs, port, seed, loses):
    global workers, main, scheduled, talker, ticks
    random.seed(seed)
    mount(littlefs, True, loses)
    workers = [Worker(name, littlefs) for name in ("main", "t0", "t1", "s", "n")]
    main, first, second, third, fourth = workers
    ticks = on_timer(first), on_timer(second)
    scheduled = Scheduled(third)
    talker = Talker(port, on_socket(fourth))
    Losing.loses = loses


def run():
    """Work until Ctrl-C comes, which is no more than a character before the program begins."""
    print("runs")
    scheduled.waits = False
    talker.listen(True)
    for tick in ticks:
        timers.append(machine.Timer(-1, period=some_wait(), callback=tick))
    timers.append(machine.Timer(-1, period=some_wait(), callback=scheduled.ask, hard=True))
    while True:
        main.step()
        talker.talk()


def some_wait():
    return random.randrange(SHORTEST, LONGEST_WAIT)


def rest():
    """Have all come to rest; says whether all that was dropped is closed."""
    while timers:
        timers.pop().deinit()
    talker.listen(False)
    time.sleep_ms(1)  # Those that were asked for are called.
    for worker in workers:
        worker.close()
    gc.collect()
    return all([worker.forget_dropped() for worker in workers])


def tell(rests, *_):
    print("at rest:", rests)


def check(all_content=False):
    """Print how many callbacks there were, and what is wrong.

    All files are looked for. The content is read of some that change from time to time, unless it
    is to be all.
    """
    for worker in workers:
        worker.settle()
        worker.list()
    for worker in workers if all_content else (random.choice(workers),):
        worker.check()
    talker.settle()
    print("callbacks:", callbacks)
    for finding in findings:
        print(finding)


def mount_anew(littlefs):
    vfs.umount(FOLDER)
    mount(littlefs, False)
    check(True)


def end():
    vfs.umount(FOLDER)
    print(counts)
