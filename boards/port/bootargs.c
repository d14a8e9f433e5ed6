// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/mpconfig.h"
#include "bootargs.h"
#include "device_tree.h"
#include "semihosting.h"

// Where the architecture has no semihosting.
__attribute__((weak)) bool semihosting_command_line(char *text, size_t size) {
    (void)text;
    (void)size;
    return false;
}

const char *bootargs(void) {
    static char line[1024];
    size_t size;
    const char *text = device_tree_property("chosen", "bootargs", &size);
    if (text != NULL && memchr(text, '\0', size) != NULL) {
        return text;
    }
    if (device_tree == 0 && semihosting_command_line(line, sizeof(line))) {
        const char *blank = strchr(line, ' ');
        return blank == NULL ? "" : blank + 1;
    }
    return "";
}
