"""The memory balloon's driver, against a host that uses each page that it is given."""

import gc
import struct
from errno import ETIMEDOUT

import clock
import interrupts
import memory
import pytest

from model import NEVER, Device
from mpy_virtio import Balloon, MMIOTransport, errors

VERSIONS = pytest.mark.parametrize("version", [1, 2])
LINE = 7
PAGE = 4096
MUST_TELL_HOST, STATS = 1, 2
INFLATE, DEFLATE, STATISTICS = range(3)


class BalloonModel(Device):
    """Has the pages `taken`, and keeps the reports that it asked for in `reports`."""

    name = "balloon"

    def __init__(self, features=MUST_TELL_HOST | STATS, **options):
        self.taken = []
        self.reports = []
        super().__init__(
            device_id=5,
            queue_sizes=(128, 128, 128),
            features=features,
            config=bytes(8),
            config_fields={0: (4, 0), 4: (4, 0)},
            **options,
        )

    @property
    def actual(self):
        return struct.unpack_from("<I", self.config, 4)[0]

    def was_reset(self):
        super().was_reset()
        self.taken.clear()

    def want(self, pages):
        self.change_config(struct.pack("<II", pages, self.actual))

    def process(self, request):
        data = request.chain.read()
        if request.queue == STATISTICS:
            self.reports.append(dict(struct.iter_unpack("<HQ", data)))
            return None
        for (page,) in struct.iter_unpack("<I", data):
            if (page in self.taken) == (request.queue == INFLATE):
                self.violate("5.5.6", f"page {page:#x} comes or goes twice")
            if request.queue == INFLATE:
                self.taken.append(page)
            else:
                self.taken.remove(page)
            # Which nobody else has, also if it is about to go.
            memory.dma_write(page * PAGE, bytes(PAGE))
        return 0

    def use(self):
        for page in self.taken:
            memory.dma_write(page * PAGE, b"host" * (PAGE // 4))

    def ask(self):
        """Have the driver report anew."""
        (request,) = (one for one in self.in_flight if one.queue == STATISTICS)
        self.finish(request, 0)


@pytest.fixture(autouse=True)
def heap(monkeypatch):
    """What the board's collector says."""
    monkeypatch.setattr(gc, "mem_free", lambda: 1000, raising=False)
    monkeypatch.setattr(gc, "mem_alloc", lambda: 234, raising=False)


def make(version=2, **options):
    model = BalloonModel(version=version, **options)
    return model, Balloon(MMIOTransport(model.address, irq=options.get("irq")))


@VERSIONS
def test_it_becomes_as_large_as_it_is_wanted(version):
    model, balloon = make(version)
    largest = 0
    for wanted in (3, 600, 601, 600, 300, 0, 256):
        model.want(wanted)
        assert balloon.wanted_pages == wanted
        balloon.adjust()
        model.use()
        assert len(model.taken) == model.actual == balloon.pages
        # What was given together stays so, if the host would have too little otherwise.
        assert wanted <= balloon.pages < wanted + 256
        largest = max(largest, balloon.pages)
    assert largest == 601


@VERSIONS
def test_a_new_driver_begins_with_nothing(version):
    model, balloon = make(version)
    model.want(5)
    balloon.adjust()
    another = Balloon(balloon.transport)
    assert (another.pages, model.actual) == (0, 0)
    with pytest.raises(errors.DeviceNotReady):
        model.want(6)
        balloon.adjust()


def test_what_the_host_has_not_answered_for_is_not_for_others():
    model, balloon = make()
    model.want(2)
    model.defer, model.late = True, NEVER
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        balloon.adjust(20)
    assert balloon.pages == 2
    model.complete()
    model.use()
    model.want(0)
    with pytest.raises(OSError, match=str(ETIMEDOUT)):
        balloon.adjust(20)
    assert balloon.pages == 2
    model.use()


def test_a_handler_that_adjusts_it_finds_no_step_half_done(monkeypatch):
    interrupts.install(monkeypatch)
    model, balloon = make(irq=LINE)
    balloon.irq(Balloon.adjust)
    model.want(300)
    clock.look()
    assert (len(model.taken), balloon.pages) == (300, 300)


def test_ctrl_c_leaves_no_step_half_done(ctrl_c, guarded, monkeypatch):
    monkeypatch.setattr("mpy_virtio.device.balloon._MOST", 2)
    model, balloon = make()
    n = 1
    came = True
    while came:
        balloon = Balloon(balloon.transport)
        model.want(3)
        with ctrl_c(n) as press:
            balloon.adjust()
        came, n = press.came, press.following
        model.use()
        if guarded:
            assert len(model.taken) == balloon.pages == model.actual
        balloon.adjust()
        assert balloon.pages == 3
    assert n > 2


def test_the_host_is_told_about_the_heap_when_it_asks(monkeypatch):
    interrupts.install(monkeypatch)
    model, balloon = make(irq=LINE)
    for n in range(1, 4):
        assert model.reports == [{4: 1000, 5: 1234}] * n
        model.ask()
        clock.look()


@pytest.mark.parametrize("options", [{"features": 0, "irq": LINE}, {}])
def test_without_a_queue_for_it_or_interrupts_it_is_not_told(monkeypatch, options):
    interrupts.install(monkeypatch)
    model, balloon = make(**options)
    clock.look()
    assert model.reports == []
    model.want(1)
    balloon.adjust()
    assert len(model.taken) == 1
