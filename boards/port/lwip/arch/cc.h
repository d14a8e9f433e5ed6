// What lwIP asks about the compiler, where its own guess will not do.

#ifndef ARCH_CC_H
#define ARCH_CC_H

#define LWIP_NO_CTYPE_H             1
#define LWIP_NO_UNISTD_H            1
#define LWIP_NOASSERT               1
#define LWIP_PLATFORM_DIAG(message)

#endif
