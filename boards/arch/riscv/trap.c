// Tells interrupts from exceptions: an interrupt goes to its handler, an exception ends QEMU.

#include "py/mpprint.h"
#include "hardware.h"
#include "trap.h"

#define MCAUSE_INTERRUPT            ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))
#define MCAUSE_TIMER_INTERRUPT      (MCAUSE_INTERRUPT | 7)
#define MCAUSE_EXTERNAL_INTERRUPT   (MCAUSE_INTERRUPT | 11)

#if __riscv_xlen == 64
#define HEX_FORMAT "%016lx"
#else
#define HEX_FORMAT "%08x"
#endif

static const char *const exception_names[] = {
    "instruction address misaligned",
    "instruction access fault",
    "illegal instruction",
    "breakpoint",
    "load address misaligned",
    "load access fault",
    "store address misaligned",
    "store access fault",
};

static const char *const register_names[32] = {
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
    "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

// Straight to the UART: neither Python nor the heap can be relied on any more.
static void print_strn(void *env, const char *str, size_t len) {
    (void)env;
    uart_write(str, len);
}

static const mp_print_t crash_print = { NULL, print_strn };

static void report(const trap_frame_t *frame, uintptr_t cause, uintptr_t value) {
    const char *name = "unexpected trap";
    if (cause < sizeof(exception_names) / sizeof(exception_names[0])) {
        name = exception_names[cause];
    }
    mp_printf(&crash_print, "\r\nFATAL: %s (mcause " HEX_FORMAT "), address " HEX_FORMAT "\r\n",
        name, cause, value);
    for (int i = 0; i < 32; ++i) {
        mp_printf(&crash_print, "%4s " HEX_FORMAT "%s",
            register_names[i], frame->x[i], i % 4 == 3 ? "\r\n" : "");
    }
}

void trap_handle(const trap_frame_t *frame, uintptr_t cause, uintptr_t value) {
    if (cause == MCAUSE_TIMER_INTERRUPT) {
        clint_handle_timer();
    } else if (cause == MCAUSE_EXTERNAL_INTERRUPT) {
        plic_handle_external();
    } else {
        // A second exception means that not even the report works.
        static bool reporting;
        if (!reporting) {
            reporting = true;
            report(frame, cause, value);
        }
        power_off(1);
    }
}
