# SPDX-License-Identifier: MIT

# The front door; the work is done by tools/, in plain Python.
#
# make run         boots a board in QEMU to its REPL, with a disk; leave it with Ctrl-A X
#   BOARD=         which board; VIRT_RV32 unless told otherwise
#   SCRIPT=x.py    runs this file on the board instead, and fails if it fails; without a terminal
#                  it is examples/demo.py (make ends with 2 and shows the script's own status;
#                  `python3 -m tools.run` ends with that status itself)
#   NET=           the network: "user", where it reaches what the host reaches; "none"; or two boards
#                  on one desk: "listen:5000" for the first, "join:5000" for the second
#   FORWARD=8080:80  makes the board's port 80 the host's port 8080; several are separated by blanks
#   SAFE=1         starts without boot.py and main.py of the disk
#   DISK= MEM=     another disk image, another size of memory, such as 512M
#   GDB=1          waits for a debugger before the first instruction, and says how to attach it
#   QEMU_ARGS=     more arguments for QEMU
# make test        checks the style and runs every test; make unit those that need no QEMU
#   ALL=1          on all four boards also what is alike on them, which two do for otherwise
# make firmware    builds build/$BOARD/firmware.elf
# make wheel       builds the host's library, with the firmwares of all boards in it, to be installed
#   anywhere with pip: dist/*.whl
# make conformance runs MicroPython's own test suite on a board, and fails if one of them fails
# make bench       measures a board beside a bare-metal C program; the figures are in
#                  build/bench.json, too
#   PARTS=         some of it: block, boot, heartbeat, interrupts, language, memory, net, size
#   AGAINST=       another firmware of the board, for `language`: both run in turns
# make cuts        cuts the power of a board that writes files, CUTS= times (1000), and looks for
#                  what is lost; SEED= makes the same cuts again
# make stress      works with files under INTERRUPTS= Ctrl-C (3000) and beside CALLBACKS= callbacks
#                  (100000) on each file system, and looks for what is lost; SEED= makes the same
#                  choices again
# make integrity   moves SIZE= MiB (256) each way over TCP and over TLS, through a network that loses
#                  LOSS= percent of the frames (0.1) and has LATE= (1) overtaken, and compares what
#                  was sent with what arrived
# make stock       builds MicroPython's own QEMU port with our package in it and nothing else
#
# All of them first install what this machine lacks. MPY_DIR= is a MicroPython source tree to
# build from; without it the source comes from Debian's archive. MPY_LIB_DIR= is micropython-lib's, of
# which requests, mip, ntptime and unittest are frozen in the place of ours. QEMU=10 starts the
# boards in a QEMU that is at least that new; for Debian 12 it is unpacked in build/, and its own
# stays as it is.
# RING=packed has their VirtIO devices offer packed rings; with QEMU=10 there are RING=in_order and
# RING="packed in_order", too. BUS=pci has them on PCI.

PYTHON ?= python3

# Files with tests, each of which has its builds and its boards to itself.
TWO_AT_ONCE = -n 2 --dist loadfile

# What depends on QEMU most.
ON_QEMU_10 = boot transport devices irq block_features net

# What depends on the rings and on the bus: on a board with viper beside split ones on MMIO, and on
# one without in their place, each on PCI; on the other boards; in order.
RINGS = devices block_features disks failing_disks filesystems guard net checksums interrupts irq \
	asyncio resets random balloon
RINGS_BRIEFLY = devices interrupts net
RINGS_IN_ORDER = filesystems disks net checksums interrupts

# What a machine does without a device tree, PSCI and fw_cfg.
ON_VEXPRESS = boot resets devices filesystems net vhost_user

# Stress takes long: on the first board it is with packed rings on PCI, with split ones on MMIO on
# another one.
BUT_STRESS = $(if $(ALL),,--ignore=host_tests/target/test_stress.py)

# What is the host's is the same for all boards.
OF_THE_HOST = command serial_clients pytest_plugin mpy_lib
BUT_THE_HOST = $(if $(ALL),,$(OF_THE_HOST:%=--ignore=host_tests/target/test_%.py))

# Legacy devices have no packed rings.
ON_RINGS = build/venv/bin/python -m pytest $(TWO_AT_ONCE) -k "not legacy"

.PHONY: run test unit firmware wheel conformance bench cuts stress integrity stock clean

run:
	@$(PYTHON) -m tools.packages run
	@$(PYTHON) -m tools.run

test:
	@$(PYTHON) -m tools.packages test
	@$(PYTHON) -m tools.firmware
	build/venv/bin/ruff check
	build/venv/bin/python -m pytest $(TWO_AT_ONCE) $(BUT_STRESS) --cov -m "not hostile"
	QEMU=10 build/venv/bin/python -m pytest $(TWO_AT_ONCE) $(ON_QEMU_10:%=host_tests/target/test_%.py)
	RING=packed BUS=pci $(ON_RINGS) $(patsubst %,host_tests/target/test_%.py,stress $(RINGS))
	QEMU=10 RING="packed in_order" $(ON_RINGS) $(RINGS_IN_ORDER:%=host_tests/target/test_%.py)
	build/venv/bin/python -m pytest -n 2 host_tests/unit -m hostile
	@for board in VIRT_RV64 VIRT_ARM; do \
		$(PYTHON) -m tools.firmware $$board || exit 1; \
		BOARD=$$board build/venv/bin/python -m pytest $(TWO_AT_ONCE) host_tests/target \
			$(BUT_THE_HOST) || exit 1; \
		BOARD=$$board RING=packed BUS="pci one_line" \
			$(ON_RINGS) $(RINGS_BRIEFLY:%=host_tests/target/test_%.py) || exit 1; \
	done
	$(PYTHON) -m tools.firmware VEXPRESS_A15
	BOARD=VEXPRESS_A15 build/venv/bin/python -m pytest $(TWO_AT_ONCE) \
		$(if $(ALL),host_tests/target,$(ON_VEXPRESS:%=host_tests/target/test_%.py))
	$(PYTHON) -m tools.firmware VIRT_AARCH64
	BOARD=VIRT_AARCH64 build/venv/bin/python -m pytest $(TWO_AT_ONCE) host_tests/target \
		$(RINGS:%=--ignore=host_tests/target/test_%.py) $(BUT_THE_HOST)
	BOARD=VIRT_AARCH64 RING=packed BUS=pci $(ON_RINGS) $(RINGS:%=host_tests/target/test_%.py)
	BOARD=VIRT_AARCH64 BUS="pci intx root_port" $(ON_RINGS) host_tests/target/test_interrupts.py

unit:
	@$(PYTHON) -m tools.packages unit
	build/venv/bin/python -m pytest host_tests/unit -m "not mutants and not hostile"

firmware:
	@$(PYTHON) -m tools.packages run
	@$(PYTHON) -m tools.firmware

wheel:
	@$(PYTHON) -m tools.packages wheel
	@$(PYTHON) -m tools.wheel

conformance:
	@$(PYTHON) -m tools.packages network
	@$(PYTHON) -m tools.packages unit
	@build/venv/bin/python -m tools.conformance

bench:
	@$(PYTHON) -m tools.packages network
	@$(PYTHON) -m tools.bench

cuts:
	@$(PYTHON) -m tools.packages run
	@$(PYTHON) -m tools.cuts

stress:
	@$(PYTHON) -m tools.packages run
	@$(PYTHON) -m tools.stress

integrity:
	@$(PYTHON) -m tools.packages network
	@$(PYTHON) -m tools.integrity

stock:
	@BOARD=VIRT_RV32 $(PYTHON) -m tools.packages run
	@$(PYTHON) -m tools.firmware stock

clean:
	rm -rf build dist
