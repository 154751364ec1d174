// SPDX-License-Identifier: MIT
//
// The guest's console, which is its serial port or a virtio device, on the program's own terminal,
// pipe or file: input to the guest, output from it, the escape keys, and everything else that may
// end a run from outside (signals, output that cannot be written).
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <vm/base/error.h>
#include <vm/libvm/libvm.h>

struct cli_console;

// What ended a run from outside, if anything did.
enum cli_console_end {
    CLI_CONSOLE_NOTHING,
    CLI_CONSOLE_QUIT,   // Ctrl-A x
    CLI_CONSOLE_SIGNAL, // SIGINT, SIGTERM, SIGHUP or SIGQUIT
    CLI_CONSOLE_OUTPUT, // standard output takes no more
};

// Makes a console and takes over the process's signals; one at a time.
vm_status cli_console_create(struct cli_console **console, struct vm_error *e);
void cli_console_destroy(struct cli_console *console); // NULL is allowed

// Starts to serve `vm`: the terminal, if standard input is one, becomes raw. At `deadline` (of
// vm_clock) output that waits for its reader is given up, so that it cannot hold up the end.
// `resizes`: the guest's console wants to know the terminal's size. `sandbox`: its thread is in it.
vm_status cli_console_start(struct cli_console *console, struct vm *vm, bool resizes, bool sandbox,
                            uint64_t deadline, struct vm_error *e);
// Ends that and restores the terminal. Nothing happens when it was not started.
void cli_console_stop(struct cli_console *console);

// Why the console has paused the machine; for CLI_CONSOLE_OUTPUT *e is the error. After
// cli_console_stop.
enum cli_console_end cli_console_ended(const struct cli_console *console, struct vm_error *e);

struct cli_console_counts {
    uint64_t output_bytes, input_bytes;
    uint64_t first_output; // time of vm_clock; 0: there was no output
};

struct cli_console_counts cli_console_count(const struct cli_console *console);

// The machine's callbacks, from any of its threads.
void cli_console_output(struct cli_console *console, const uint8_t *bytes, size_t size);
void cli_console_room(struct cli_console *console);

#endif
