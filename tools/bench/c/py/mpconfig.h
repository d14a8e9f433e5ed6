// SPDX-License-Identifier: MIT

// Stands in for MicroPython's, as far as the firmware's drivers need it.

#ifndef MICROPY_INCLUDED_TOOLS_BENCH_C_PY_MPCONFIG_H
#define MICROPY_INCLUDED_TOOLS_BENCH_C_PY_MPCONFIG_H

#include "mpconfigboard.h"

#endif // MICROPY_INCLUDED_TOOLS_BENCH_C_PY_MPCONFIG_H
