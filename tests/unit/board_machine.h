// SPDX-License-Identifier: MIT
//
// A machine with a virt board and without an engine, for tests: the RISC-V one unless said
// otherwise.
#ifndef BOARD_MACHINE_H
#define BOARD_MACHINE_H

#include "device_host.h"

#include <vm/board/board.h>
#include <vm/core/arch/riscv64/state.h>
#include <vm/core/guest.h>

#include "loader_images.h"

#define BOARD_RAM UINT64_C(0x80000000)
#define MIB       (UINT64_C(1) << 20)

struct board_machine {
    struct device_host host;
    struct vm_machine machine;
    struct vm_board_config config;
    const struct vm_board_ops *ops;
    struct vm_board *board;
    struct vm_error error;
    struct text_sink sink;
    void *cpu; // the frontend's configuration
    uint64_t ram_base;
};

// Prepares a machine with `vcpus` harts of CPU `cpu` (NULL: the default) and `ram_size` bytes of
// zeroed, lazily allocated RAM; the configuration may be changed before board_create.
void board_machine_init(struct board_machine *b, uint32_t vcpus, const char *cpu,
                        uint64_t ram_size);
// The same with the virt board of another guest, whose RAM begins at `ram_base`.
void board_machine_init_guest(struct board_machine *b, enum vm_guest_isa isa,
                              const struct vm_guest_ops *guest, uint64_t ram_base, uint32_t vcpus,
                              const char *cpu, uint64_t ram_size);
vm_status board_create(struct board_machine *b); // the board alone; text in b->error
vm_status board_reset(struct board_machine *b);
void board_start(struct board_machine *b);       // both, which must succeed
void board_machine_end(struct board_machine *b); // also checks that all is released

void board_set_kernel(struct board_machine *b, const struct image *kernel);

static inline struct vm_riscv64_state *hart_state(struct board_machine *b, uint32_t hart)
{
    return b->machine.vcpus[hart]->state;
}

// The host address of guest RAM.
uint8_t *board_ram(struct board_machine *b, uint64_t address);

#endif
