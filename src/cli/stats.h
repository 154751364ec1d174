// SPDX-License-Identifier: MIT
//
// --stats: what is told about a run when it is over.
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <vm/libvm/libvm.h>

#include "options.h"

// A run that is over. Times are ns of the monotonic clock.
struct cli_report {
    const char *reason;    // "poweroff", "crashed", "timeout", "signal", "quit", "error"
    const char *text;      // more about the reason, maybe empty
    int status;            // that the program ends with
    uint32_t code;         // that the guest gave; 0 if it gave none
    const struct vm *vm;   // NULL when there was no machine
    uint64_t memory;       // bytes of guest RAM
    uint64_t setup;        // from the program's start until the machine was ready
    uint64_t first_output; // from the guest's start to its first console output; 0: there was none
    uint64_t cpu;          // processor time of the whole process
    uint64_t output_bytes, input_bytes; // of the guest's console
    const char *state;                  // of a crashed guest, or NULL
};

// Formats by --stats and writes where it says. `file` is the one that it names, or NULL.
vm_status cli_stats_write(const struct cli_report *report, enum cli_stats_form form,
                          struct vm_osal_file *file, struct vm_error *e);

vm_status cli_stats_format_json(const struct cli_report *report, struct cli_text *out,
                                struct vm_error *e);

#endif
