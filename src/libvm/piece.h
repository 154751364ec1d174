// SPDX-License-Identifier: MIT
//
// Pieces of an option's text, and the complaints about them.
#ifndef LIBVM_PIECE_H
#define LIBVM_PIECE_H

#include <vm/base/error.h>
#include <vm/base/types.h>

// Not terminated.
struct piece {
    const char *text;
    size_t size;
};

struct piece piece_of(const char *text);
bool piece_is(struct piece p, const char *text);

// Cuts `from` at the first `separator`: *before is what is before it, `from` becomes what is after.
// False, and nothing changed, if there is none.
bool piece_cut(struct piece *from, char separator, struct piece *before);

// The next part of a list with commas; the list becomes what follows.
struct piece piece_next(struct piece *list);

// A copy with a terminating zero; false if there is not enough room.
bool piece_copy(struct piece p, char *to, size_t room);

// A decimal number from 1 to `max`.
bool piece_number(struct piece p, uint32_t max, uint32_t *out);

// VM_ERR_USAGE: "PIECE": what.
vm_status piece_wrong(struct vm_error *e, struct piece p, const char *what);

// The same, with the nearest of `names` (ended by NULL), which is written with `suffix`, if one is
// near.
vm_status piece_unknown(struct vm_error *e, struct piece p, const char *const *names,
                        const char *suffix, const char *what);

#endif
