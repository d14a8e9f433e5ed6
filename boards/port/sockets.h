// Options of sockets beyond those of MicroPython's. All differ, whatever their level.

#ifndef PORT_SOCKETS_H
#define PORT_SOCKETS_H

#include "lwip/ip.h"

#define SO_ERROR 0x1007
#define SO_TYPE 0x1008

#endif
