// network.Bridge: what makes a network interface of lwIP's out of a driver that is written in
// Python.

#include "py/obj.h"

extern const mp_obj_type_t network_bridge_type;

// At each start of MicroPython, after mp_init().
void bridges_init(void);

// Before the heap goes, where the drivers are: takes all interfaces away.
void bridges_deinit(void);

// Has the interfaces take the name that network.hostname() has now.
void bridges_follow_hostname(void);

// Has the drivers send what waits, now; whether something waits still.
void bridges_flush(void);
bool bridges_have_waiting(void);
