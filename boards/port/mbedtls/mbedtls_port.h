// SPDX-License-Identifier: MIT

#ifndef MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_PORT_H
#define MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_PORT_H

// Takes out of the heap what mbedTLS has in it apart from contexts and connections.
void mbedtls_port_deinit(void);

#endif // MICROPY_INCLUDED_BOARDS_PORT_MBEDTLS_MBEDTLS_PORT_H
