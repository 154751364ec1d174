// SPDX-License-Identifier: MIT
//
// The boards of this build.
#include "board.h"

#include <vm/base/memory.h>

static const struct vm_board_ops *const boards[] = {
#ifdef VM_GUEST_RISCV64
    &vm_board_virt_riscv64,
#endif
#ifdef VM_GUEST_ARM64
    &vm_board_virt_arm64,
#endif
    NULL,
};

const struct vm_board_ops *vm_board_at(size_t index)
{
    return index < VM_ARRAY_SIZE(boards) ? boards[index] : NULL;
}

static size_t name_length(const char *machine)
{
    size_t length = 0;
    while (machine[length] && machine[length] != ',')
        length++;
    return length;
}

static bool is_named(const struct vm_board_ops *board, const char *machine)
{
    size_t length = name_length(machine);
    return vm_text_length(board->name) == length && vm_compare(board->name, machine, length) == 0;
}

const struct vm_board_ops *vm_board_find(enum vm_guest_isa isa, const char *machine)
{
    for (size_t i = 0; boards[i]; i++) {
        if (boards[i]->isa == isa && (!machine || is_named(boards[i], machine)))
            return boards[i];
    }
    return NULL;
}

const char *vm_board_options(const char *machine)
{
    size_t length = machine ? name_length(machine) : 0;
    return length && machine[length] ? machine + length + 1 : NULL;
}
