# SPDX-License-Identifier: MIT

ARCH = aarch64
CROSS_COMPILE ?= aarch64-linux-gnu-

# This compiler is for Linux, where programs can be loaded anywhere and the C library has helpers
# for atomic operations.
ARCH_FLAGS = -march=armv8-a -fno-pie -no-pie -static -mno-outline-atomics

# picolibc has all that there is of double precision.
SRC_LIBM_C =
