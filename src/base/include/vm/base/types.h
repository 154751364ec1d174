// SPDX-License-Identifier: MIT
//
// The types that every room shares: fixed-width integers, and distinct types for guest-virtual,
// guest-physical and host addresses so that the compiler refuses a mix-up.
#ifndef VM_BASE_TYPES_H
#define VM_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An address as the guest's program sees it, before the page walk.
typedef struct {
    uint64_t v;
} vm_gva;

// An address on the guest's physical bus, after the page walk.
typedef struct {
    uint64_t v;
} vm_gpa;

// An unsigned 128-bit quantity as two halves; guests and devices never need a compiler extension.
typedef struct {
    uint64_t lo, hi;
} vm_u128;

static inline vm_gva vm_gva_of(uint64_t v)
{
    return (vm_gva){v};
}

static inline vm_gpa vm_gpa_of(uint64_t v)
{
    return (vm_gpa){v};
}

#define VM_ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define VM_CONTAINER_OF(p, t, m) ((t *)(void *)((char *)(p)-offsetof(t, m)))

#define VM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define VM_LIKELY(x)         __builtin_expect(!!(x), 1)
#define VM_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define VM_NOINLINE          __attribute__((noinline))
#define VM_ALWAYS_INLINE     inline __attribute__((always_inline))
#define VM_UNREACHABLE()     __builtin_unreachable()
#define VM_FALLTHROUGH       __attribute__((fallthrough))

#endif
