// SPDX-License-Identifier: MIT
#include <vm/base/memory.h>

size_t vm_text_length(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int vm_text_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

bool vm_text_equal(const char *a, const char *b)
{
    return vm_text_compare(a, b) == 0;
}
