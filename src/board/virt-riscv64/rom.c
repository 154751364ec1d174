// SPDX-License-Identifier: MIT
//
// The ROM: the code that harts run from reset in machine mode, with what it hands on, and the two
// instructions in which the built-in SBI has harts wait.
#include <vm/base/memory.h>

#include "riscv64.h"

// The data behind the reset code: offsets in the ROM, 64-bit words.
enum {
    START = 0x20,      // where harts go
    TREE = 0x28,       // address of the device tree
    FW_DYNAMIC = 0x30, // struct fw_dynamic_info (OpenSBI, include/sbi/fw_dynamic.h)
};

#define FW_DYNAMIC_MAGIC UINT64_C(0x4942534f) // "OSBI"

enum { FW_DYNAMIC_VERSION = 2, FW_DYNAMIC_NEXT_S = 1 };

// a0 = hart id, a1 = device tree, a2 = what firmware is to start; then to START.
static const uint32_t reset_code[] = {
    0x00000297, // 0x00 auipc t0, 0
    0xf1402573, // 0x04 csrr  a0, mhartid
    0x0282b583, // 0x08 ld    a1, TREE(t0)
    0x03028613, // 0x0c addi  a2, t0, FW_DYNAMIC
    0x0202b303, // 0x10 ld    t1, START(t0)
    0x00030067, // 0x14 jr    t1
};

static const uint32_t wait_code[] = {
    0x10500073, // wfi:   a suspended hart waits
    0x00000073, // ecall: the firmware resumes it, or starts one that was stopped
};

_Static_assert(sizeof reset_code <= START && FW_DYNAMIC + 6 * 8 <= RISCV64_ROM_SUSPENDED, "layout");

static void put_code(uint8_t *to, const uint32_t *code, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vm_store_le32(to + 4 * i, code[i]);
}

void riscv64_fill_rom(struct virt_riscv64 *b, uint64_t start, uint64_t tree, uint64_t next)
{
    uint8_t rom[RISCV64_ROM_SUSPENDED + sizeof wait_code] = {0};
    const uint64_t boot_hart = 0, options = 0;
    const uint64_t info[] = {FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, next, FW_DYNAMIC_NEXT_S,
                             options,          boot_hart};
    put_code(rom + RISCV64_ROM_RESET, reset_code, VM_ARRAY_SIZE(reset_code));
    put_code(rom + RISCV64_ROM_SUSPENDED, wait_code, VM_ARRAY_SIZE(wait_code));
    vm_store_le64(rom + START, start);
    vm_store_le64(rom + TREE, tree);
    for (size_t i = 0; i < VM_ARRAY_SIZE(info); i++)
        vm_store_le64(rom + FW_DYNAMIC + 8 * i, info[i]);
    vm_space_write(&b->virt.machine->space, vm_gpa_of(RISCV64_ROM_BASE), rom, sizeof rom);
}
