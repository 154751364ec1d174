// SPDX-License-Identifier: MIT
//
// Configuration files: a JSON object whose keys are names of options.
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "options.h"

// False in a build without a JSON library: then no option or form that needs one is offered.
bool cli_has_json(void);

// Reads `path` and sets every option that it names. VM_ERR_FILE: it cannot be read or is no JSON;
// VM_ERR_USAGE: it says what no option takes.
vm_status cli_config_read(struct cli_options *o, enum cli_user user, const char *path,
                          struct vm_error *e);

// As above for a text in memory that need not end in a zero; `name` is for messages.
vm_status cli_config_apply(struct cli_options *o, enum cli_user user, const char *name,
                           const char *text, size_t size, struct vm_error *e);

#endif
