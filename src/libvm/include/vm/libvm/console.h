// SPDX-License-Identifier: MIT
//
// What is at the other end of a machine's virtio console. The text form is the command line's:
//
//   stdio     pty     unix:PATH     file:PATH
#ifndef VM_LIBVM_CONSOLE_H
#define VM_LIBVM_CONSOLE_H

#include <vm/base/error.h>

enum { VM_CONSOLE_OPTION_PATH = 4096 }; // bytes, with the terminating zero

enum vm_console_kind {
    VM_CONSOLE_STDIO, // the embedder, in the serial port's place: vm_options.console_output,
                      // vm_console_input, vm_console_resize. One of a machine's at most
    VM_CONSOLE_PTY,   // a new pseudoterminal, whose name is logged
    VM_CONSOLE_UNIX,  // a Unix socket, made here; one client at a time
    VM_CONSOLE_FILE,  // what the guest writes goes to a file; nothing comes in
};

struct vm_console_options {
    enum vm_console_kind kind;
    char path[VM_CONSOLE_OPTION_PATH]; // of UNIX and FILE
};

// Reads the text form. VM_ERR_USAGE says what is wrong with it, and what it should be; *out is
// undefined then. The file or socket is made when the machine is.
vm_status vm_console_options_parse(const char *text, struct vm_console_options *out,
                                   struct vm_error *e);

#endif
