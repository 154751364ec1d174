// SPDX-License-Identifier: MIT
//
// See piece.h. No state.
#include "piece.h"

#include <string.h>
#include <vm/base/format.h>
#include <vm/libvm/nearest.h>

struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

bool piece_is(struct piece p, const char *text)
{
    return p.size == strlen(text) && memcmp(p.text, text, p.size) == 0;
}

bool piece_cut(struct piece *from, char separator, struct piece *before)
{
    const char *at = memchr(from->text, separator, from->size);
    if (!at)
        return false;
    *before = (struct piece){from->text, (size_t)(at - from->text)};
    from->size -= before->size + 1;
    from->text = at + 1;
    return true;
}

struct piece piece_next(struct piece *list)
{
    struct piece item;
    if (piece_cut(list, ',', &item))
        return item;
    item = *list;
    *list = (struct piece){list->text + list->size, 0};
    return item;
}

bool piece_copy(struct piece p, char *to, size_t room)
{
    if (p.size >= room)
        return false;
    memcpy(to, p.text, p.size);
    to[p.size] = 0;
    return true;
}

bool piece_number(struct piece p, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < p.size && value <= max; i++) {
        if (p.text[i] < '0' || p.text[i] > '9')
            return false;
        value = 10 * value + (uint64_t)(p.text[i] - '0');
    }
    *out = (uint32_t)value;
    return p.size > 0 && value > 0 && value <= max;
}

vm_status piece_wrong(struct vm_error *e, struct piece p, const char *what)
{
    return vm_error_set(e, VM_ERR_USAGE, "\"%.*s\": %s", (int)p.size, p.text, what);
}

vm_status piece_unknown(struct vm_error *e, struct piece p, const char *const *names,
                        const char *suffix, const char *what)
{
    char word[64];
    struct piece key = p, before;
    if (piece_cut(&key, '=', &before))
        key = before;
    else
        key = p;
    if (!piece_copy(key, word, sizeof word))
        return piece_wrong(e, p, what);
    struct vm_nearest nearest = vm_nearest_to(word);
    for (; *names; names++)
        vm_nearest_consider(&nearest, *names);
    if (!nearest.best)
        return piece_wrong(e, p, what);
    return vm_error_set(e, VM_ERR_USAGE, "\"%.*s\": %s; did you mean %s%s?", (int)p.size, p.text,
                        what, nearest.best, suffix);
}
