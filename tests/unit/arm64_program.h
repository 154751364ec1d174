// SPDX-License-Identifier: MIT
//
// A bed for small ARM64 programs on an engine (with TRINE_JIT the JIT, else the interpreter): they
// run until an exception ends them, at a vector with a breakpoint.
#ifndef ARM64_PROGRAM_H
#define ARM64_PROGRAM_H

#include "arm64_code.h"
#include "arm64_rig.h"

// The layout of RAM.
enum {
    CODE = RIG_RAM, // at EL1
    USER = RIG_RAM + 0x10000,
    VECTORS = RIG_RAM + 0x20000,
    TABLES = RIG_RAM + 0x30000, // first level; second levels and a third behind it
    DATA = RIG_RAM + 0x40000,   // EL0 may access it
    KERNEL_DATA = RIG_RAM + 0x41000,
    READ_ONLY = RIG_RAM + 0x42000,
    NOT_THERE = RIG_RAM + 0x43000,
    DEVICE = RIG_RAM + 0x44000, // Device memory
    OTHER = RIG_RAM + 0x45000,
};

// Vectors by their offset.
enum { SAME_SP0 = 0, SAME = 0x200, LOWER = 0x400, IRQ = 0x80, FIQ = 0x100 };

#define ESR(ec, iss) ((uint64_t)(ec) << 26 | 0x2000000 | (iss))

// Pages and blocks of the identity map.
enum {
    BLOCK = 1 << 10 | 1,
    PAGE = 1 << 10 | 3,
    EL0 = 1 << 6,
    READS = 1 << 7,
    DEVICE_ATTR = 1 << 2,
    NON_GLOBAL = 1 << 11,
};
#define GUARDED ((uint64_t)1 << 50)

struct program {
    struct arm64_rig rig;
    struct vm_arm64_state *s;
};

void program_start(struct program *p, const char *cpu);
void program_stop(struct program *p);

void program_put(struct program *p, uint64_t address, uint32_t word);
void program_put64(struct program *p, uint64_t address, uint64_t value);
uint64_t program_get64(struct program *p, uint64_t address);
void program_write(struct program *p, uint64_t address, const uint32_t *words, size_t n);

#define WORDS(p, address, ...)                                             \
    do {                                                                   \
        const uint32_t words_[] = {__VA_ARGS__};                           \
        program_write(p, address, words_, sizeof words_ / sizeof *words_); \
    } while (0)

// Where the table has the page's entry.
uint64_t program_page_entry(uint64_t address);

// Maps the first two MiB of RAM in pages, the next as a block, all for EL1, but for the code and
// the data of EL0; translation by 4 KiB, 39 bits.
void program_map(struct program *p);

// Runs at `pc` until a vector is reached; its offset.
uint64_t program_run(struct program *p, unsigned el, uint64_t pc);

#define CHECK_EXCEPTION(p, vector_, el_, pc_, esr_, elr_)    \
    do {                                                     \
        assert_int_equal(program_run(p, el_, pc_), vector_); \
        assert_int_equal((p)->s->esr[1], esr_);              \
        assert_int_equal((p)->s->elr[1], elr_);              \
    } while (0)

#endif
