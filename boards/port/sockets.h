// Options of sockets beyond those of MicroPython's. All differ, whatever their level.

#ifndef PORT_SOCKETS_H
#define PORT_SOCKETS_H

#include "lwip/ip.h"

#define SO_KEEPALIVE SOF_KEEPALIVE
#define SO_ERROR 0x1007
#define SO_TYPE 0x1008
#define TCP_KEEPIDLE 0x1103
#define TCP_KEEPINTVL 0x1104
#define TCP_KEEPCNT 0x1105

#endif
