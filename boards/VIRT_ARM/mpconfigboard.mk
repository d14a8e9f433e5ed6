# SPDX-License-Identifier: MIT

ARCH = arm
CROSS_COMPILE ?= arm-none-eabi-

# What the Cortex-A7 and the Cortex-A15 have in common.
ARCH_FLAGS = -mthumb -march=armv7ve+simd -mfloat-abi=hard
MPY_CROSS_FLAGS += -march=armv7emdp

SRC_S += shared/runtime/gchelper_thumb2.s
