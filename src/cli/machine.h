// SPDX-License-Identifier: MIT
//
// A machine as the options describe it, with the files that it is made from.
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <vm/libvm/libvm.h>

#include "options.h"

enum { CLI_MACHINE_FILES = 4 };

// It must stay where it is: the machine asks it for kernel and initrd.
struct cli_machine {
    struct vm *vm;
    struct vm_images images;
    struct vm_osal_file_contents files[CLI_MACHINE_FILES];
};

// Whether there is anything to run.
bool cli_machine_has_code(const struct cli_options *o);

// Whether the terminal is a virtio console and not the serial port.
bool cli_machine_has_virtio_terminal(const struct cli_options *o);

// Reads the files and makes the machine. `base` has the callbacks and the trace; everything else
// comes from the options, which must outlive the machine. The caller releases *m in any case.
vm_status cli_machine_create(struct cli_machine *m, const struct cli_options *o,
                             const struct vm_options *base, struct vm_error *e);
void cli_machine_release(struct cli_machine *m);

#endif
