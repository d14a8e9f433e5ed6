# SPDX-License-Identifier: MIT

ARCH = arm
CROSS_COMPILE ?= arm-none-eabi-

ARCH_FLAGS = -mthumb -mcpu=cortex-a15 -mfpu=neon-vfpv4 -mfloat-abi=hard
MPY_CROSS_FLAGS += -march=armv7emdp

SRC_S += shared/runtime/gchelper_thumb2.s
