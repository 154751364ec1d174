// SPDX-License-Identifier: MIT
//
// Bounded formatting without a libc, for the freestanding core: %d %i %u %x %X %o %c %s %p %%, the
// flags '-', '0', '+', '#', width and precision (also '*'), and the lengths hh h l ll z j t.
#ifndef VM_BASE_FORMAT_H
#define VM_BASE_FORMAT_H

#include <stdarg.h>
#include <vm/base/types.h>

// Writes at most `size` bytes including the terminating zero (nothing if size is 0) and returns the
// length that the whole text has, like C's snprintf.
size_t vm_format(char *out, size_t size, const char *fmt, ...) VM_PRINTF(3, 4);
size_t vm_vformat(char *out, size_t size, const char *fmt, va_list args);

#endif
