// SPDX-License-Identifier: MIT
//
// A thread gives up the host calls that its work does not need, for good, so that whoever takes it
// over through a bug does not get them. Linux: seccomp filters.
//
// A call that a thread gave up is not carried out and ends the process by SIGSYS, so that nothing
// of it goes on and the host's core dump shows where it was. With the handlers of vm/osal/signal.h,
// and unless the C library has blocked the signal, a line on standard error names thread and call.
// Two kinds of calls fail instead, since the C library makes them on its own account and lives with
// a refusal: opening files, and clone3.
#ifndef VM_OSAL_SANDBOX_H
#define VM_OSAL_SANDBOX_H

#include <vm/base/error.h>
#include <vm/osal/thread.h>

// What a thread's work is; a set. Every thread may allocate memory (never executable), wait, look
// at the clock, and use the descriptors that it has to read, write and poll.
enum vm_osal_sandbox_work {
    VM_OSAL_SANDBOX_VCPU = 1 << 0,    // runs the guest
    VM_OSAL_SANDBOX_TIMER = 1 << 1,   // runs the machine's timers
    VM_OSAL_SANDBOX_DEVICE = 1 << 2,  // an event loop with devices that need nothing of the host
    VM_OSAL_SANDBOX_DISK = 1 << 3,    // and with open disk images
    VM_OSAL_SANDBOX_NET = 1 << 4,     // and with internet sockets of its own making
    VM_OSAL_SANDBOX_TAP = 1 << 5,     // and with an open tap interface
    VM_OSAL_SANDBOX_SHARE = 1 << 6,   // and with shared directories: files by name
    VM_OSAL_SANDBOX_CONSOLE = 1 << 7, // and with consoles: terminals, connections to a socket
    VM_OSAL_SANDBOX_VSOCK = 1 << 8,   // and with connections to Unix sockets, both ways
    VM_OSAL_SANDBOX_MAIN = 1 << 9,    // starts and ends the others, and what they have open
};

// VM_OK if this host and this build can; VM_ERR_HOST with the reason if not.
vm_status vm_osal_sandbox_probe(struct vm_error *e);

// The calling thread, and those that it starts from now on, keeps what `work` needs. May be called
// again, which can only take more away. Only VM_OSAL_SANDBOX_MAIN may do so, or start threads.
vm_status vm_osal_sandbox_enter(unsigned work, struct vm_error *e);

// vm_osal_thread_create with a thread that is in the sandbox before `entry` begins; `work` may be
// 0, for one that is not.
vm_status vm_osal_sandbox_thread_create(const char *name, unsigned work,
                                        void (*entry)(void *argument), void *argument,
                                        struct vm_osal_thread **thread, struct vm_error *e);

#endif
