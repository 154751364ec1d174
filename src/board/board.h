// SPDX-License-Identifier: MIT
//
// What the boards share inside the module.
#ifndef VM_BOARD_PRIVATE_H
#define VM_BOARD_PRIVATE_H

#include <vm/board/board.h>

// The first member of every board's own struct.
struct vm_board {
    const struct vm_board_ops *ops;
};

extern const struct vm_board_ops vm_board_virt_riscv64, vm_board_virt_arm64;

#endif
