// SPDX-License-Identifier: MIT
//
// The text form of vm_console_options (vm/libvm/console.h).
#include <vm/libvm/console.h>

#include "piece.h"

static const char *const kinds[] = {
    [VM_CONSOLE_STDIO] = "stdio", [VM_CONSOLE_PTY] = "pty",     [VM_CONSOLE_UNIX] = "unix",
    [VM_CONSOLE_FILE] = "file",   [VM_CONSOLE_FILE + 1] = NULL,
};

vm_status vm_console_options_parse(const char *text, struct vm_console_options *o,
                                   struct vm_error *e)
{
    static const char form[] = "a console is stdio, pty, unix:PATH or file:PATH";
    struct piece path = piece_of(text), kind = path;
    bool has_path = piece_cut(&path, ':', &kind);
    unsigned k = 0;
    while (kinds[k] && !piece_is(kind, kinds[k]))
        k++;
    if (!kinds[k])
        return piece_unknown(e, kind, kinds, "", form);
    o->kind = (enum vm_console_kind)k;
    bool takes_path = o->kind == VM_CONSOLE_UNIX || o->kind == VM_CONSOLE_FILE;
    if (has_path != takes_path)
        return piece_wrong(e, piece_of(text), form);
    if (!takes_path)
        path.size = 0;
    if (takes_path && path.size == 0)
        return piece_wrong(e, piece_of(text), "there is no path behind the colon");
    if (!piece_copy(path, o->path, sizeof o->path))
        return vm_error_set(e, VM_ERR_USAGE, "no path is as long as %d bytes",
                            VM_CONSOLE_OPTION_PATH);
    return VM_OK;
}
