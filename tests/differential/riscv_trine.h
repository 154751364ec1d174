// SPDX-License-Identifier: MIT
//
// Runs random programs (riscv_program.h) and single instructions on Trine: one hart, no device; the
// test plays Linux.
#ifndef RISCV_TRINE_H
#define RISCV_TRINE_H

#include <vm/core/engine.h>

#include "riscv_program.h"

// Takes the dump of the next batch; false ends the run.
typedef bool program_sink(void *context, const struct dump *d);

struct trine_options {
    const struct vm_engine_ops *engine;
    bool machine_mode;  // run the program in M-mode, not in U-mode
    uint64_t *coverage; // counters, one per row of the tables, or NULL
    uint64_t *retired;  // how many instructions were, brought up to date at every dump, or NULL
};

// Runs the program until it exits or the sink has enough. Returns NULL, or, in a buffer that the
// next call overwrites, why it did not come to its end.
const char *trine_run(const struct program *p, const struct trine_options *o, program_sink *sink,
                      void *context);

// What one instruction did: where it went, in which privilege, and the last trap to M-mode.
struct trine_outcome {
    bool waits;
    uint64_t pc, privilege, mcause, mtval;
};

// Executes one instruction at PROGRAM_BASE in M-mode that goes to the next one, four bytes on, or
// to the address in mtvec, or to that in mepc and sepc; mstatus says that the last trap was from
// U-mode. Returns NULL, or why it could not.
enum { TRINE_TRAP = PROGRAM_BASE + 0xffc, TRINE_RETURN = PROGRAM_BASE + 0x100 };
const char *trine_execute(uint32_t word, const struct trine_options *o, struct trine_outcome *out);

// One line of assembly for the instruction at `bytes`, which is at `pc`; returns its length.
unsigned trine_disassemble(uint64_t pc, const uint8_t *bytes, char *text, size_t size);

#endif
