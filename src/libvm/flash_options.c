// SPDX-License-Identifier: MIT
//
// The text form of vm_flash_options (vm/libvm/flash.h).
#include <vm/libvm/flash.h>

#include "piece.h"

static const char form[] = "give code=FILE[,vars=FILE]";

// The file's name at *text, up to the first comma that is not doubled; *text becomes what follows
// that comma, NULL at the end.
static vm_status parse_path(const char **text, char *to, struct vm_error *e)
{
    size_t length = 0;
    const char *at = *text;
    for (; *at && !(at[0] == ',' && at[1] != ','); at++) {
        if (*at == ',')
            at++;
        if (length == VM_FLASH_OPTION_PATH - 1)
            return vm_error_set(e, VM_ERR_USAGE, "no path is as long as %d bytes",
                                VM_FLASH_OPTION_PATH);
        to[length++] = *at;
    }
    to[length] = 0;
    *text = *at ? at + 1 : NULL;
    return length ? VM_OK : vm_error_set(e, VM_ERR_USAGE, "a file has no name; %s", form);
}

static vm_status parse_item(const char **text, struct vm_flash_options *o, struct vm_error *e)
{
    static const char *const keys[] = {"code", "vars", NULL};
    struct piece value = piece_of(*text), key = {"", 0};
    char *to = NULL;
    if (!piece_cut(&value, '=', &key))
        key = value;
    else if (piece_is(key, "code"))
        to = o->code;
    else if (piece_is(key, "vars"))
        to = o->vars;
    if (!to)
        return piece_unknown(e, key, keys, "=", form);
    if (*to)
        return piece_wrong(e, key, "it is there twice");
    *text = value.text;
    return parse_path(text, to, e);
}

vm_status vm_flash_options_parse(const char *text, struct vm_flash_options *o, struct vm_error *e)
{
    vm_status status = VM_OK;
    o->code[0] = o->vars[0] = 0;
    while (status == VM_OK && text)
        status = parse_item(&text, o, e);
    if (status == VM_OK && !o->code[0])
        return vm_error_set(e, VM_ERR_USAGE, "there is no firmware; %s", form);
    return status;
}
