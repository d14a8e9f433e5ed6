"""What the benchmark does with a disk."""

from dataclasses import dataclass, replace

MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """Requests of `size` bytes, `depth` of them in flight, at random places; `count` at most.

    Without a size it is accesses to a register, with `entropy` requests of random bytes. `ways`
    are what on_board/block.py calls the functions that do it.
    """

    name: str
    size: int = 0
    depth: int = 1
    count: int = 0
    write: bool = False
    in_order: bool = False
    entropy: bool = False
    ways: tuple = ("readblocks", "prepared")

    def name_of(self, way):
        return f"{self.name}, {way}" if len(self.ways) > 1 else self.name


@dataclass(frozen=True)
class FileCase:
    """A file read or written in pieces of `size` bytes, beside C's access to the disk."""

    name: str
    file_system: str
    size: int = MIB
    depth: int = 1
    count: int = 16
    write: bool = False
    in_order: bool = True
    entropy: bool = False


def disk_cases():
    """All that is measured of the disk itself, reads before writes."""
    cases = [Case("register {}", count=100_000, ways=("registers",))]
    for size, shown in ((512, "512 B"), (4096, "4 KiB")):
        cases.append(Case(shown + " random {}, depth 1", size, 1, 400))
        for depth in (16, 32):
            name = f"{shown} random {{}}, depth {depth}"
            cases.append(Case(name, size, depth, 64 * depth, ways=("prepared",)))
    for depth, count in ((1, 400), (32, 64 * 32)):
        name = f"4 KiB random {{}}, depth {depth}, packed ring"
        cases.append(Case(name, 4096, depth, count, ways=("packed",)))
        name = f"4 KiB random {{}}, depth {depth}, on PCI"
        cases.append(Case(name, 4096, depth, count, ways=("on_pci",)))
    cases.append(Case("64 KiB sequential {}", 65536, 1, 200, in_order=True))
    cases.append(Case("1 MiB sequential {}", MIB, 1, 40, in_order=True))
    entropy = Case("64 KiB of entropy", 65536, count=100, entropy=True, ways=("entropy",))
    return [*both_directions(cases), entropy]


def file_cases():
    """All that is measured of files."""
    return both_directions(
        [FileCase(f"1 MiB {{}} of a file on {kind}", kind) for kind in ("FAT", "littlefs")]
    )


def both_directions(cases):
    return [
        replace(case, name=case.name.format("write" if write else "read"), write=write)
        for write in (False, True)
        for case in cases
    ]
