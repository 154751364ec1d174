// SPDX-License-Identifier: MIT
//
// See vm/libvm/nearest.h. The distance is that of optimal string alignment, whatever the letters'
// case.
#include <string.h>
#include <vm/base/format.h>

#include <vm/libvm/nearest.h>

// No option or suboption has a longer name; of more only the start is compared.
enum { MAX_LENGTH = 48 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

unsigned vm_edit_distance(const char *a, const char *b)
{
    unsigned rows[3][MAX_LENGTH + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    size_t columns = strnlen(b, MAX_LENGTH), length = strnlen(a, MAX_LENGTH);
    for (unsigned j = 0; j <= columns; j++)
        last[j] = j;
    for (unsigned i = 1; i <= length; i++) {
        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            unsigned changed = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + changed);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[columns];
}

void vm_nearest_consider(struct vm_nearest *n, const char *name)
{
    unsigned distance = vm_edit_distance(n->text, name);
    // What somebody began to type is close, however much of it is missing.
    size_t typed = strlen(n->text);
    if (typed >= 2 && strncmp(n->text, name, typed) == 0)
        distance = 1;
    size_t length = strlen(name);
    if (distance > (length + 1) / 3)
        return;
    if (!n->best || distance < n->distance) {
        n->best = name;
        n->distance = distance;
    }
}

void vm_nearest_hint(const struct vm_nearest *n, const char *prefix, const char *instead, char *out,
                     size_t size)
{
    if (n->best)
        vm_format(out, size, "; did you mean %s%s?", prefix, n->best);
    else
        vm_format(out, size, "; %s", instead);
}
