// See socket_callbacks.c. At each start of MicroPython: no callback is to be called.
void socket_callbacks_init(void);
