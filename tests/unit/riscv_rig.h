// SPDX-License-Identifier: MIT
//
// One RISC-V hart in a machine without board or engine, for tests of the frontend's system half:
// memory of every kind, the helpers called as translated code would call them, and the CSR
// addresses and fields that the tests name.
#ifndef RISCV_RIG_H
#define RISCV_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frontend.h" // private: src/frontend-riscv64
#include "test_host.h"

// The memory map. HIGH reaches to the last physical address of 56 bits.
#define RIG_RAM       0x80000000u
#define RIG_RAM_SIZE  (4u << 20)
#define RIG_HIGH      0xfffffffff00000u
#define RIG_HIGH_SIZE (1u << 20)
#define RIG_ROM       0x20000000u
#define RIG_ROM_SIZE  (64u << 10)
#define RIG_MMIO      0x10000000u
#define RIG_MMIO_SIZE 0x1000u

struct riscv_rig {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v;
    struct vm_riscv64_state *s;
    uint8_t *ram, *high, *rom;
    unsigned code_syncs; // calls of the engine's sync_code
    unsigned firmware_calls;
    uint64_t icount; // what the next CSR helper is given
};

// Builds the machine with the given --cpu text and resets the hart with the PC at RIG_RAM.
void rig_start(struct riscv_rig *r, const char *cpu);
// Takes it down and checks that everything was released.
void rig_stop(struct riscv_rig *r);

// The RAM, HIGH or ROM behind a physical address, or NULL.
uint64_t *rig_memory(const struct riscv_rig *r, uint64_t gpa);

// Calls a helper with no exception pending; what it raised is in v->exception afterwards.
uint64_t rig_call(struct riscv_rig *r, enum rv_helper helper, uint64_t a, uint64_t b, uint64_t c);

// CSR instructions. Each fails the test if it raises, but for rig_csr_illegal, which says whether
// the instruction `helper` (with operand 0) raises illegal-instruction.
uint64_t rig_read(struct riscv_rig *r, unsigned csr);
void rig_write(struct riscv_rig *r, unsigned csr, uint64_t value);
bool rig_csr_illegal(struct riscv_rig *r, enum rv_helper helper, unsigned csr);

// Enters a privilege without a trap.
void rig_set_privilege(struct riscv_rig *r, unsigned privilege);

enum {
    CSR_FFLAGS = 0x001,
    CSR_FRM = 0x002,
    CSR_FCSR = 0x003,
    CSR_SEED = 0x015,
    CSR_SSTATUS = 0x100,
    CSR_SIE = 0x104,
    CSR_STVEC = 0x105,
    CSR_SCOUNTEREN = 0x106,
    CSR_SENVCFG = 0x10a,
    CSR_SSTATEEN0 = 0x10c,
    CSR_SSCRATCH = 0x140,
    CSR_SEPC = 0x141,
    CSR_SCAUSE = 0x142,
    CSR_STVAL = 0x143,
    CSR_SIP = 0x144,
    CSR_STIMECMP = 0x14d,
    CSR_SATP = 0x180,
    CSR_MSTATUS = 0x300,
    CSR_MISA = 0x301,
    CSR_MEDELEG = 0x302,
    CSR_MIDELEG = 0x303,
    CSR_MIE = 0x304,
    CSR_MTVEC = 0x305,
    CSR_MCOUNTEREN = 0x306,
    CSR_MENVCFG = 0x30a,
    CSR_MSTATEEN0 = 0x30c,
    CSR_MCOUNTINHIBIT = 0x320,
    CSR_MHPMEVENT3 = 0x323,
    CSR_MSCRATCH = 0x340,
    CSR_MEPC = 0x341,
    CSR_MCAUSE = 0x342,
    CSR_MTVAL = 0x343,
    CSR_MIP = 0x344,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPCFG2 = 0x3a2,
    CSR_PMPADDR0 = 0x3b0,
    CSR_MSECCFG = 0x747,
    CSR_TSELECT = 0x7a0,
    CSR_MCYCLE = 0xb00,
    CSR_MINSTRET = 0xb02,
    CSR_MHPMCOUNTER3 = 0xb03,
    CSR_CYCLE = 0xc00,
    CSR_TIME = 0xc01,
    CSR_INSTRET = 0xc02,
    CSR_HPMCOUNTER3 = 0xc03,
    CSR_SCOUNTOVF = 0xda0,
    CSR_MVENDORID = 0xf11,
    CSR_MHARTID = 0xf14,
    CSR_MCONFIGPTR = 0xf15,
};

// Bits as the privileged manual numbers them, written down again here on purpose.
#define M_SIE   (1ull << 1)
#define M_MIE   (1ull << 3)
#define M_SPIE  (1ull << 5)
#define M_MPIE  (1ull << 7)
#define M_SPP   (1ull << 8)
#define M_MPP   (3ull << 11)
#define M_FS    (3ull << 13)
#define M_MPRV  (1ull << 17)
#define M_SUM   (1ull << 18)
#define M_MXR   (1ull << 19)
#define M_TVM   (1ull << 20)
#define M_TW    (1ull << 21)
#define M_TSR   (1ull << 22)
#define M_UXL   (2ull << 32)
#define M_SXL   (2ull << 34)
#define M_SD    (1ull << 63)
#define E_FIOM  (1ull << 0)
#define E_CBIE  (3ull << 4)
#define E_CBCFE (1ull << 6)
#define E_CBZE  (1ull << 7)
#define E_ADUE  (1ull << 61)
#define E_PBMTE (1ull << 62)
#define E_STCE  (1ull << 63)

static inline uint64_t mpp(unsigned privilege)
{
    return (uint64_t)privilege << 11;
}

#endif
