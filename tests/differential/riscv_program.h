// SPDX-License-Identifier: MIT
//
// Random RISC-V programs for differential tests: user-level programs for Linux that need two system
// calls, write and exit, so that they run the same under an oracle and under Trine.
//
// A program works through batches. For each it loads registers, fcsr and a window of memory with
// random values, runs a straight piece of random instructions of one extension, and writes all of
// them to file descriptor 1 as a struct dump. x31 points to the window and is not written by random
// instructions. No instruction of a program traps.
#ifndef RISCV_PROGRAM_H
#define RISCV_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;

enum {
    PROGRAM_BASE = 0x1000000, // where the image lies, and its first instruction
    PROGRAM_WINDOW = 384,
};

// What a program writes after a batch, and, with `code` as the batch's address, what it begins
// from. Little-endian.
struct dump {
    uint64_t code;
    uint64_t x[30]; // x1 to x30
    uint64_t f[32];
    uint64_t fcsr;
    uint8_t window[PROGRAM_WINDOW];
};

struct program_options {
    // An extension as in --cpu, in the tables' grouping (isa_pattern.h); or "rows": batch i is
    // about the instruction program_row(i) alone.
    const char *group;
    uint64_t seed;
    unsigned batches, length; // length: random instructions in a batch
    bool boxed; // floating-point operands are of the format that the instruction works on
    const char *const *without; // instructions that are left out, ended by NULL; or NULL
};

struct program_code {
    uint64_t address;
    uint32_t bytes;
};

struct program {
    uint8_t *image;
    size_t size;
    uint64_t instructions; // random ones, of the group itself
    unsigned batches;
    struct program_code *codes; // one per batch
    struct dump *starts;        // in the image: what each batch begins from
};

// False: no instruction of that group can be tested this way. Ends the test program when the host
// has no memory.
bool program_make(const struct program_options *o, struct program *p);
void program_free(struct program *p);

// The names of all groups that program_make takes, ended by NULL; not "rows".
const char *const *program_groups(void);

// The instructions that programs of "rows" go through, in turn: all that are in a group.
const struct pattern *program_row(unsigned batch);
unsigned program_row_count(void);

// Writes the program as a static ELF file. False: errno says why.
bool program_write_elf(const struct program *p, const char *path);

#endif
