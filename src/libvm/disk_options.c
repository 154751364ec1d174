// SPDX-License-Identifier: MIT
//
// The text form of vm_disk_options (vm/libvm/disk.h).
#include <vm/libvm/disk.h>

#include "piece.h"

// The file's name: up to the first comma that is not doubled. *rest is what follows that comma, its
// text NULL if there is none.
static vm_status parse_path(const char *text, char *to, struct piece *rest, struct vm_error *e)
{
    size_t length = 0;
    *rest = (struct piece){NULL, 0};
    for (; *text; text++) {
        if (text[0] == ',' && text[1] != ',') {
            *rest = piece_of(text + 1);
            break;
        }
        if (*text == ',')
            text++;
        if (length == VM_DISK_OPTION_PATH - 1)
            return vm_error_set(e, VM_ERR_USAGE, "no path is as long as %d bytes",
                                VM_DISK_OPTION_PATH);
        to[length++] = *text;
    }
    to[length] = 0;
    return length ? VM_OK
                  : vm_error_set(e, VM_ERR_USAGE, "there is no file; give FILE[,OPTION...]");
}

static vm_status parse_format(struct piece value, struct vm_disk_options *o, struct vm_error *e)
{
    static const char *const formats[] = {"raw", "qcow2", NULL};
    if (piece_is(value, "raw"))
        o->format = VM_DISK_RAW;
    else if (piece_is(value, "qcow2"))
        o->format = VM_DISK_QCOW2;
    else
        return piece_unknown(e, value, formats, "", "a format is raw or qcow2");
    return VM_OK;
}

static vm_status parse_serial(struct piece value, struct vm_disk_options *o, struct vm_error *e)
{
    if (value.size == 0 || !piece_copy(value, o->serial, sizeof o->serial))
        return piece_wrong(e, value, "a serial number has 1 to 20 characters");
    return VM_OK;
}

static vm_status parse_queues(struct piece value, struct vm_disk_options *o, struct vm_error *e)
{
    uint32_t count;
    if (!piece_number(value, VM_DISK_OPTION_QUEUES, &count))
        return piece_wrong(e, value, "a disk has 1 to 16 queues");
    o->queues = count;
    return VM_OK;
}

static vm_status parse_item(struct piece item, struct vm_disk_options *o, struct vm_error *e)
{
    static const char *const keys[] = {"format", "readonly", "snapshot", "serial", "queues", NULL};
    struct piece value = item, key = {"", 0};
    if (piece_is(item, "readonly"))
        o->read_only = true;
    else if (piece_is(item, "snapshot"))
        o->snapshot = true;
    else if (piece_cut(&value, '=', &key) && piece_is(key, "format"))
        return parse_format(value, o, e);
    else if (piece_is(key, "serial"))
        return parse_serial(value, o, e);
    else if (piece_is(key, "queues"))
        return parse_queues(value, o, e);
    else
        return piece_unknown(e, item, keys, "",
                             "a disk takes format=, readonly, snapshot, serial= and queues= (a "
                             "comma in a file's name is written twice)");
    return VM_OK;
}

vm_status vm_disk_options_parse(const char *text, struct vm_disk_options *o, struct vm_error *e)
{
    struct piece rest;
    *o = (struct vm_disk_options){.format = VM_DISK_AUTO};
    vm_status status = parse_path(text, o->path, &rest, e);
    if (status == VM_OK && rest.text && (rest.size == 0 || rest.text[rest.size - 1] == ','))
        return vm_error_set(e, VM_ERR_USAGE, "nothing follows the last comma");
    while (status == VM_OK && rest.size)
        status = parse_item(piece_next(&rest), o, e);
    return status;
}
