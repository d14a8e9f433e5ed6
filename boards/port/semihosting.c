// SPDX-License-Identifier: MIT

#include "semihosting.h"

#define SYS_GET_CMDLINE         0x15
#define SYS_EXIT_EXTENDED       0x20
#define APPLICATION_EXIT        0x20026

void semihosting_exit(int status) {
    const uintptr_t block[2] = { APPLICATION_EXIT, status };
    semihosting_call(SYS_EXIT_EXTENDED, block);
}

bool semihosting_command_line(char *text, size_t size) {
    const uintptr_t block[2] = { (uintptr_t)text, size };
    return semihosting_call(SYS_GET_CMDLINE, block) == 0;
}
