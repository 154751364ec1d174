// SPDX-License-Identifier: MIT
//
// The text form of vm_share_options (vm/libvm/share.h).
#include <vm/libvm/share.h>

#include "piece.h"

static const char form[] = "a share is DIR:TAG or DIR:TAG:ro";

// Cuts at the last colon: *behind is what is behind it, `from` becomes what is before.
static bool cut_last(struct piece *from, struct piece *behind)
{
    for (size_t at = from->size; at-- > 0;) {
        if (from->text[at] == ':') {
            *behind = (struct piece){from->text + at + 1, from->size - at - 1};
            from->size = at;
            return true;
        }
    }
    return false;
}

vm_status vm_share_options_parse(const char *text, struct vm_share_options *o, struct vm_error *e)
{
    struct piece directory = piece_of(text), all = directory, tag;
    if (!cut_last(&directory, &tag))
        return piece_wrong(e, all, form);
    o->read_only = piece_is(tag, "ro");
    if (o->read_only && !cut_last(&directory, &tag))
        return piece_wrong(e, all, form);
    if (directory.size == 0 || tag.size == 0)
        return piece_wrong(e, all, form);
    if (!piece_copy(tag, o->tag, sizeof o->tag))
        return vm_error_set(e, VM_ERR_USAGE, "a tag has at most %d bytes", VM_SHARE_OPTION_TAG - 1);
    if (!piece_copy(directory, o->directory, sizeof o->directory))
        return vm_error_set(e, VM_ERR_USAGE, "no path is as long as %d bytes",
                            VM_SHARE_OPTION_PATH);
    return VM_OK;
}
