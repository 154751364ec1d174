// SPDX-License-Identifier: MIT
//
// What a differential test says about a batch whose dumps differ.
#ifndef RISCV_REPORT_H
#define RISCV_REPORT_H

#include "riscv_program.h"

// Compares two dumps of batch number `batch`. When they differ prints the registers and bytes that
// do, what the batch began from, its code, and how to replay it, and returns false.
bool report_compare(const struct program_options *o, const struct program *p, unsigned batch,
                    const struct dump *trine, const char *oracle_name, const struct dump *oracle);

#endif
