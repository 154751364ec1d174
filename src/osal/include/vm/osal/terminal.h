// SPDX-License-Identifier: MIT
//
// The controlling terminal. One terminal per process can be raw; its state before is saved, and
// comes back by vm_osal_terminal_restore, at exit, and, once vm_osal_signals_install was called,
// when a signal ends the process.
#ifndef VM_OSAL_TERMINAL_H
#define VM_OSAL_TERMINAL_H

#include <vm/osal/stream.h>

bool vm_osal_is_terminal(vm_osal_stream stream);

// Switches the terminal behind `stream` to raw input: every byte at once, no echo, no signals from
// keys; output processing stays as it is. Without effect, and VM_OK, when the stream is no
// terminal, when this process is not in the terminal's foreground, or when it is raw already by
// this call. VM_ERR_HOST when the terminal refuses.
vm_status vm_osal_terminal_raw(vm_osal_stream stream, struct vm_error *e);

// Undoes vm_osal_terminal_raw; nothing happens when it is undone already. Safe in signal handlers.
void vm_osal_terminal_restore(void);

// Size in characters; false when the stream is no terminal or does not know.
bool vm_osal_terminal_size(vm_osal_stream stream, unsigned *columns, unsigned *rows);

#endif
