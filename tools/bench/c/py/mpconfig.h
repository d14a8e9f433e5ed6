// Stands in for MicroPython's, as far as the firmware's drivers need it.

#include "mpconfigboard.h"
