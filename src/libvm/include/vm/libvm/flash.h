// SPDX-License-Identifier: MIT
//
// Firmware in NOR flash, and the variables that it keeps there.
#ifndef VM_LIBVM_FLASH_H
#define VM_LIBVM_FLASH_H

#include <vm/base/error.h>
#include <vm/base/types.h>

enum { VM_FLASH_OPTION_PATH = 4096 }; // bytes of a path with its terminating zero

// Files of at most the size of the board's banks of flash; what is missing is erased flash.
struct vm_flash_options {
    char code[VM_FLASH_OPTION_PATH]; // only read
    // Written: what the guest has seen finish is in it, word by word, should this process or its
    // host end; it grows to the size of a bank. "": an erased bank that is gone in the end.
    char vars[VM_FLASH_OPTION_PATH];
};

// Reads the text form, which is the command line's:
//
//   code=FILE[,vars=FILE]
//
// A comma of a file's name is written twice. VM_ERR_USAGE says what is wrong with it, and what it
// should be; *out is undefined then. The files are looked at when the machine is made.
vm_status vm_flash_options_parse(const char *text, struct vm_flash_options *out,
                                 struct vm_error *e);

#endif
