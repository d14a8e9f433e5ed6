"""The memory balloon on QEMU's own device, which says how much memory the board has left."""

import time

import pytest

PAGE = 4096
MIB = 1 << 20


@pytest.fixture
def guest(board, legacy):
    """A board with a balloon, which follows what the host wants by itself."""
    b = board(devices=["virtio-balloon-device,id=balloon"], legacy=legacy)
    b.exec("""
        import gc, time, mpy_virtio as virtio
        balloon = virtio.Balloon()
        balloon.irq(virtio.Balloon.adjust)
    """)
    return b


def actual(guest):
    return guest.qmp("query-balloon")["actual"]


def test_it_is_as_large_as_the_host_wants_it(guest):
    whole = actual(guest)
    for taken in (1, 20, 3, 0):
        guest.qmp("balloon", value=whole - taken * MIB)
        pages = taken * MIB // PAGE
        printed = guest.exec(f"""
            while balloon.pages != {pages}:
                time.sleep_ms(1)
            print(balloon.pages, balloon.wanted_pages)
        """)
        assert printed == f"{pages} {pages}\n"
        assert actual(guest) == whole - taken * MIB


def test_what_the_host_has_is_for_nobody_else(guest):
    guest.qmp("balloon", value=actual(guest) - 16 * MIB)
    free = guest.exec("""
        before = gc.mem_free()
        while balloon.pages != 4096: time.sleep_ms(1)
        gc.collect()
        blocks = [b"x" * 4096 for _ in range(1000)]
        print(all(block == b"x" * 4096 for block in blocks))
    """)
    assert free == "True\n"


def test_the_host_is_told_how_much_is_free(guest):
    place = "/machine/peripheral/balloon"
    guest.qmp("qom-set", path=place, property="guest-stats-polling-interval", value=1)
    deadline = time.monotonic() + 30
    while not guest.qmp("qom-get", path=place, property="guest-stats")["last-update"]:
        assert time.monotonic() < deadline
        guest.exec("time.sleep_ms(50)")
    stats = guest.qmp("qom-get", path=place, property="guest-stats")["stats"]
    free, total = map(
        int, guest.exec("print(gc.mem_free(), gc.mem_free() + gc.mem_alloc())").split()
    )
    assert stats["stat-total-memory"] == total
    assert abs(stats["stat-free-memory"] - free) < MIB
