// SPDX-License-Identifier: MIT
//
// What a frontend gives to the C that isagen makes, for the tests of isagen.
#ifndef TT_H
#define TT_H

#include <stddef.h>
#include <stdint.h>

enum {
#define TT_EXT(id, name) TT_EXT_##id,
#include "tt.def"
};

struct tt_args {
    uint8_t a, b;
    int64_t n;
};
struct tt_translate;
struct tt_row {
    const char *name, *manual;
    void (*semantic)(struct tt_translate *t, const struct tt_args *a);
    uint16_t index;
    uint8_t class, text;
};

#endif
