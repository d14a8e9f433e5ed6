// Stands in for MicroPython's, as far as the firmware's drivers need it.

#include <stdbool.h>
#include <stdint.h>
#include "mpconfigboard.h"
#include "cpu.h"
