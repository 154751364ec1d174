// SPDX-License-Identifier: MIT
//
// The text form of vm_vsock_options (vm/libvm/vsock.h).
#include <vm/libvm/vsock.h>

#include <vm/base/format.h>

#include "piece.h"

enum { FIRST_CID = 3 };

static const char form[] = "a guest's CID is a number from 3 to 4294967294; give CID[,path=PATH]";

// The path is the rest, with its commas.
static vm_status parse_path(struct piece rest, struct vm_vsock_options *o, struct vm_error *e)
{
    static const char *const keys[] = {"path", NULL};
    struct piece path = rest, key = rest;
    bool has_value = piece_cut(&path, '=', &key);
    if (!has_value || !piece_is(key, "path"))
        return piece_unknown(e, key, keys, "=", "give path=PATH");
    if (path.size == 0)
        return piece_wrong(e, rest, "there is no path; give path=PATH");
    if (!piece_copy(path, o->path, sizeof o->path))
        return vm_error_set(e, VM_ERR_USAGE, "no path is as long as %d bytes",
                            VM_VSOCK_OPTION_PATH);
    return VM_OK;
}

vm_status vm_vsock_options_parse(const char *text, struct vm_vsock_options *o, struct vm_error *e)
{
    struct piece rest = piece_of(text), cid = rest;
    bool has_path = piece_cut(&rest, ',', &cid);
    if (!piece_number(cid, UINT32_MAX - 1, &o->cid) || o->cid < FIRST_CID)
        return piece_wrong(e, cid, form);
    if (has_path)
        return parse_path(rest, o, e);
    vm_format(o->path, sizeof o->path, "vsock-%u.sock", o->cid);
    return VM_OK;
}
