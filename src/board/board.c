// SPDX-License-Identifier: MIT
//
// The boards of this build.
#include "board.h"

#include <vm/base/memory.h>

static const struct vm_board_ops *const boards[] = {
#ifdef VM_GUEST_RISCV64
    &vm_board_virt_riscv64,
#endif
    NULL,
};

const struct vm_board_ops *vm_board_at(size_t index)
{
    return index < VM_ARRAY_SIZE(boards) ? boards[index] : NULL;
}

const struct vm_board_ops *vm_board_find(enum vm_guest_isa isa, const char *name)
{
    for (size_t i = 0; boards[i]; i++) {
        if (boards[i]->isa == isa && (!name || vm_text_equal(boards[i]->name, name)))
            return boards[i];
    }
    return NULL;
}
