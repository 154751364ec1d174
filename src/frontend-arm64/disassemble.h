// SPDX-License-Identifier: MIT
//
// What the print functions of the disassembler share.
#ifndef A64_DISASSEMBLE_H
#define A64_DISASSEMBLE_H

#include "isa.h"

#include <vm/base/format.h>

struct a64_printer {
    char *out;
    size_t size, length; // length: of the whole text, even if it does not fit
    uint64_t pc;
    uint32_t word;
    const struct a64_args *args;
    const struct a64_config *config;
};

void a64_put(struct a64_printer *p, const char *fmt, ...) VM_PRINTF(2, 3);

#endif
