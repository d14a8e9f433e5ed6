"""MicroPython's own test suite on our firmware: `python3 -m tools.conformance VIRT_RV32`."""
