// Calls Python inside of an interrupt: with the heap and the scheduler locked. Returns whether it
// went well; an exception is printed.

#include "py/obj.h"

bool hard_call(mp_obj_t function, mp_obj_t argument);
