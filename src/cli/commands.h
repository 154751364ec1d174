// SPDX-License-Identifier: MIT
//
// The commands. Each gets the words behind its name, ends with a NULL, may reorder them, and
// returns the exit status.
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "text.h"

// Exit statuses beside those of vm_status (docs/cli.md).
enum {
    CLI_STATUS_TIMEOUT = 124,
    CLI_STATUS_SIGNAL = 128, // and the signal's number
    CLI_MAX_STATUS = 255,
};

int cli_run(char **argv);
int cli_info(char **argv);
int cli_debug(char **argv);
int cli_disk(char **argv);
int cli_bench(char **argv);
int cli_help(char **argv);

// What debug has.
int cli_disassemble(char **argv);
int cli_dump_dtb(char **argv);
int cli_check_jit(char **argv);

// What disk has.
int cli_disk_create(char **argv);
int cli_disk_info(char **argv);
int cli_disk_check(char **argv);
int cli_disk_convert(char **argv);
// The options of these, for help.
void cli_disk_describe(struct cli_text *t);

// The workloads of bench, for help.
void cli_bench_describe(struct cli_text *t);

// Prints the page of a help topic; for --help behind a command.
int cli_help_page(const char *topic);

#endif
