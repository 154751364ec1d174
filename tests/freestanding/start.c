// SPDX-License-Identifier: MIT
//
// The entry point, the system calls of x86-64 Linux, and the four functions that compilers may call
// in freestanding code.
#include "start.h"

enum { SYS_WRITE = 1, SYS_EXIT = 60, STDOUT = 1, HEAP = 48 << 20 };

static long system_call(long number, long a, const void *b, size_t c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void start_print(const char *text, size_t size)
{
    system_call(SYS_WRITE, STDOUT, text, size);
}

void *start_alloc(size_t size, size_t align)
{
    static _Alignas(4096) uint8_t heap[HEAP];
    static size_t used;
    size_t at = (used + align - 1) & ~(align - 1);
    if (at > HEAP || size > HEAP - at)
        return NULL;
    used = at + size;
    return heap + at;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d < s)
        return memcpy(to, from, n);
    while (n-- > 0)
        ((volatile uint8_t *)d)[n] = s[n];
    return to;
}

void *memset(void *p, int value, size_t n)
{
    void *d = p;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
    return p;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

void start_run(void);

void start_run(void)
{
    system_call(SYS_EXIT, start_main(), NULL, 0);
}

// The kernel enters with the stack aligned as before a call; a call aligns it as C expects.
__asm__(".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    call start_run\n");
