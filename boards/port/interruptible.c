// SPDX-License-Identifier: MIT

// Each function here stands in the place of one of MicroPython's, in the files that the Makefile
// names with it.

#include "py/cstack.h"
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "interruptible.h"

#define pending_exception MP_STATE_MAIN_THREAD(mp_pending_exception)

static __attribute__((noinline)) void raise_pending(void) {
    uint32_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    mp_obj_t exception = pending_exception;
    pending_exception = MP_OBJ_NULL;
    MICROPY_END_ATOMIC_SECTION(state);
    if (exception != MP_OBJ_NULL) {
        nlr_raise(exception);
    }
}

void interruptible(void) {
    if (MP_UNLIKELY(pending_exception != MP_OBJ_NULL)) {
        raise_pending();
    }
}

static __attribute__((noinline)) void raise_what_there_is(void) {
    interruptible();
    mp_cstack_check();
}

void interruptible_stack_check(void);
void *interruptible_malloc(size_t size);
char *interruptible_vstr_extend(vstr_t *vstr, size_t size);
mp_obj_t interruptible_list_append(mp_obj_t list, mp_obj_t item);
mp_obj_t interruptible_dict_store(mp_obj_t dict, mp_obj_t key, mp_obj_t value);

// - py/runtime.c, before a step of any iterator but the one of a `for` in bytecode: what a program
//   iterates over may be its own generator. Each built-in that iterates stores an element at a time
//   into a whole object. A step that several iterators make, as that of zip(), can lose what the
//   first of them gave, as it does when the second raises an exception.
// - py/objlist.c, where the sort of a part of a list begins: the elements are only ever swapped, so
//   that all of them are there.
// - py/obj.c, before an element is printed.
// - extmod/modre.c, where the matching goes a level deeper: it changes nothing but its own stack.
void interruptible_stack_check(void) {
    // At each step of each iterator: what is usual takes no longer than mp_cstack_check() does.
    char here;
    size_t usage = (uintptr_t)MP_STATE_THREAD(stack_top) - (uintptr_t)&here;
    if (MP_UNLIKELY(pending_exception != MP_OBJ_NULL || usage >= MP_STATE_THREAD(stack_limit))) {
        raise_what_there_is();
    }
}

// A number of fewer bytes takes no time. Addresses are such numbers, and bytecode that goes on
// without a jump may rely on that nothing comes during it.
#define LARGE_NUMBER 128

// py/mpz.c: a power is many multiplications, and each copies a number of its own, before it changes
// that. The compiler does so with constants; an import that is ended there has not begun.
void *interruptible_malloc(size_t size) {
    if (size >= LARGE_NUMBER) {
        interruptible();
    }
    return m_malloc(size);
}

// py/stream.c, where read() of all that there is goes on: what it has read is lost, as it is when
// the stream ends with an error. A line that is read has no such place.
char *interruptible_vstr_extend(vstr_t *vstr, size_t size) {
    interruptible();
    return vstr_extend(vstr, size);
}

// extmod/modjson.c, before an element that was read goes into its list or dict: nobody else has
// these before all is read.
mp_obj_t interruptible_list_append(mp_obj_t list, mp_obj_t item) {
    interruptible();
    return mp_obj_list_append(list, item);
}

mp_obj_t interruptible_dict_store(mp_obj_t dict, mp_obj_t key, mp_obj_t value) {
    interruptible();
    return mp_obj_dict_store(dict, key, value);
}
