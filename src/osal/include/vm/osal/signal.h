// SPDX-License-Identifier: MIT
//
// Signals of the host that ask the process to end. Process-wide: called once, by the program, not
// by a library.
#ifndef VM_OSAL_SIGNAL_H
#define VM_OSAL_SIGNAL_H

#include <vm/osal/stream.h>

// Prepares the process: a write to a closed pipe is an error and no signal; SIGINT, SIGTERM, SIGHUP
// and SIGQUIT restore the terminal and set `stop` (the first of them; a second one ends the process
// as it would by default); a fatal signal restores the terminal and then ends the process by
// default. `stop` must live until the process ends or vm_osal_signals_uninstall. VM_ERR_HOST when
// the host refuses.
vm_status vm_osal_signals_install(struct vm_osal_event *stop, struct vm_error *e);

// Puts the default actions back; `stop` may be destroyed afterwards.
void vm_osal_signals_uninstall(void);

// The number of the signal that has set the event, 0 when none has.
int vm_osal_stop_signal(void);

#endif
