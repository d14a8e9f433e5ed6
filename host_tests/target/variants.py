"""The ways to set up a VirtIO device that the device tests go through."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """Transport version, properties of QEMU's device, the driver's queue size.

    That is its own if None, and what the device takes at most if that is less.
    """

    legacy: bool = False
    options: str = ""
    queue_size: int | None = None

    def __str__(self):
        parts = ["legacy" if self.legacy else "modern", self.options]
        if self.queue_size:
            parts.append(f"queue_size={self.queue_size}")
        return ",".join(filter(None, parts))


VARIANTS = [
    Variant(legacy, options, queue_size)
    for legacy in (False, True)
    for options, queue_size in (
        ("", None),
        ("event_idx=off", None),
        ("indirect_desc=off", None),
        ("event_idx=off,indirect_desc=off", None),
        ("", 4),
        ("indirect_desc=off", 4),
        ("", 1024),
        ("indirect_desc=off", 1024),
    )
]
