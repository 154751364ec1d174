// SPDX-License-Identifier: MIT
//
// Runs a random program (riscv_program.h) on Trine: one hart, no device; the test plays Linux.
#ifndef RISCV_TRINE_H
#define RISCV_TRINE_H

#include <vm/core/engine.h>

#include "riscv_program.h"

// Takes the dump of the next batch; false ends the run.
typedef bool program_sink(void *context, const struct dump *d);

struct trine_options {
    const struct vm_engine_ops *engine;
    bool machine_mode; // run the program in M-mode, not in U-mode
};

// Runs the program until it exits or the sink has enough. Returns NULL, or, in a buffer that the
// next call overwrites, why it did not come to its end.
const char *trine_run(const struct program *p, const struct trine_options *o, program_sink *sink,
                      void *context);

// One line of assembly for the instruction at `bytes`, which is at `pc`; returns its length.
unsigned trine_disassemble(uint64_t pc, const uint8_t *bytes, char *text, size_t size);

#endif
