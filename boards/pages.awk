# SPDX-License-Identifier: MIT

# Aligns each native function of frozen_content.c so that it lies in one page, if it fits into one:
# QEMU goes on from one piece of translated code to the next by itself only within a page.

match($0, /\[[0-9]+\] __attribute__\(\(section\("\.text/) {
    size = substr($0, RSTART + 1) + 0
    for (alignment = 4; alignment < size && alignment < 4096;)
        alignment *= 2
    sub(/aligned \([0-9]+\)/, "aligned (" alignment ")")
}

{ print }
