// SPDX-License-Identifier: MIT

#include "py/gc.h"
#include "py/mphal.h"
#include "py/objexcept.h"
#include "py/runtime.h"
#include "fault.h"
#include "modvirt.h"

#if UINTPTR_MAX > UINT32_MAX
#define SHORT_HEX   "0x%08lx"
#define LONG_HEX    "%016lx"
#else
#define SHORT_HEX   "0x%08x"
#define LONG_HEX    "%08x"
#endif

// With less stack than this left fault_raise() could itself be the next fault.
#define STACK_FOR_RAISING 4096

// An overflow of the stack is seen this far below it.
#define STACK_GUARD_SIZE 4096

// From the linker script.
extern char _stack_start, _stack_end;

MP_DEFINE_EXCEPTION(Fault, Exception)

bool fault_is_recoverable(uintptr_t stack_pointer) {
    return (uintptr_t)&_stack_start + STACK_FOR_RAISING <= stack_pointer
           && stack_pointer <= (uintptr_t)&_stack_end
           && MP_STATE_THREAD(nlr_top) != NULL
           && !(MP_STATE_THREAD(gc_lock_depth) & GC_COLLECT_FLAG);
}

void fault_raise(const char *access, uintptr_t address, const char *reason) {
    mp_raise_msg_varg(&mp_type_Fault, MP_ERROR_TEXT("%s " SHORT_HEX ": %s"),
        access, address, reason);
}

// Straight to the UART: neither Python nor the heap can be relied on any more.
static void print_strn(void *env, const char *str, size_t len) {
    (void)env;
    uart_write(str, len);
}

static const mp_print_t crash_print = { NULL, print_strn };
static unsigned int registers_printed;

void fault_report_begin(const char *access, uintptr_t address, const char *reason) {
    // A fault in here means that not even the report works.
    static bool reporting;
    if (reporting) {
        power_off(1);
    }
    reporting = true;
    if ((uintptr_t)&_stack_start - address - 1 < STACK_GUARD_SIZE) {
        reason = "the stack is full";
    }
    mp_printf(&crash_print, "\r\nFATAL: %s " SHORT_HEX ": %s", access, address, reason);
}

void fault_report_register(const char *name, uintptr_t value) {
    const char *separator = registers_printed++ % 4 == 0 ? "\r\n" : "";
    mp_printf(&crash_print, "%s%6s " LONG_HEX, separator, name, value);
}

void fault_report_end(void) {
    mp_printf(&crash_print, "\r\n");
    power_off(1);
}
