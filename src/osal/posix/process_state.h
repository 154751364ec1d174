// SPDX-License-Identifier: MIT
//
// What a signal handler has to find without an argument: the terminal's saved state and the event
// that stops the machine. There is one process, one controlling terminal and one handler per
// signal, so this is the one state of the osal that hangs off nothing.
#ifndef VM_OSAL_POSIX_PROCESS_STATE_H
#define VM_OSAL_POSIX_PROCESS_STATE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <termios.h>

#include <vm/osal/stream.h>

enum { VM_OSAL_MAX_HANDLED = 24 };

struct vm_osal_process_state {
    // terminal.c. `saved` and `descriptor` are valid while `raw` is set and do not change then.
    atomic_int raw;
    int descriptor;
    struct termios saved;
    bool restores_at_exit;

    // signal.c. Handlers are installed after the fields are filled in.
    struct vm_osal_event *stop;
    atomic_int stop_signal;
    struct sigaction before[VM_OSAL_MAX_HANDLED]; // in the order of signal.c's table
};

struct vm_osal_process_state *vm_osal_process_state(void);

#endif
