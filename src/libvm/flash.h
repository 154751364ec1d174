// SPDX-License-Identifier: MIT
//
// The flash of the hosted machine.
#ifndef LIBVM_FLASH_H
#define LIBVM_FLASH_H

#include <vm/board/board.h>
#include <vm/libvm/libvm.h>

// Makes what the options ask for, with an I/O thread; when the board is known and not made yet.
vm_status hosted_create_flash(struct vm *vm, struct vm_error *e);
// What the board is to have.
struct vm_board_flash hosted_board_flash(const struct vm *vm);
// Waits until nothing is being saved. While no vCPU runs and the I/O thread does.
void hosted_settle_flash(struct vm *vm);
// When the board is destroyed, and before the I/O threads' loops are.
void hosted_destroy_flash(struct vm *vm);

#endif
