// SPDX-License-Identifier: MIT
//
// The ARM64 virt board on a machine without an engine, for tests.
#ifndef ARM64_BOARD_H
#define ARM64_BOARD_H

#include "board_tree.h"

#include <vm/core/arch/arm64/state.h>
#include <vm/frontend-arm64/frontend.h>

#define ARM64_RAM UINT64_C(0x40000000)

static inline void arm64_board_init(struct board_machine *b, uint32_t vcpus, uint64_t ram_size,
                                    const char *options)
{
    board_machine_init_guest(b, VM_ISA_ARM64, &vm_arm64_guest_ops, ARM64_RAM, vcpus, NULL,
                             ram_size);
    b->config.options = options;
}

static inline struct vm_arm64_state *cpu_state(struct board_machine *b, uint32_t cpu)
{
    return b->machine.vcpus[cpu]->state;
}

#endif
