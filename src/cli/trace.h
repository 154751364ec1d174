// SPDX-License-Identifier: MIT
//
// --trace: which topics, and where their lines go.
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "options.h"

// Reads "TOPIC,...[:FILE]". *file is NULL without a file.
vm_status cli_trace_parse(const char *text, uint32_t *mask, const char **file, struct vm_error *e);

// A row for each topic, for help.
void cli_trace_describe(struct cli_text *t);

// Where the lines go. The lines may come from any thread.
struct cli_trace;

// NULL in *trace when the option was not given. VM_ERR_FILE: its file cannot be made.
vm_status cli_trace_open(const struct cli_trace_option *option, struct cli_trace **trace,
                         struct vm_error *e);
void cli_trace_line(struct cli_trace *trace, const char *topic, const char *line);
// Writes what is left. VM_ERR_HOST: lines were lost. NULL is allowed.
vm_status cli_trace_close(struct cli_trace *trace, struct vm_error *e);

#endif
