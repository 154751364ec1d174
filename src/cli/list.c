// SPDX-License-Identifier: MIT
//
// See list.h.
#include "list.h"

#include <string.h>
#include <vm/libvm/libvm.h>

static vm_status parse_disk(const char *text, void *out, struct vm_error *e)
{
    return vm_disk_options_parse(text, out, e);
}

static vm_status parse_net(const char *text, void *out, struct vm_error *e)
{
    struct vm_net_options *net = out;
    vm_status status = vm_net_options_parse(text, net, e);
    if (status == VM_OK && !vm_net_built(net->kind))
        return vm_error_set(e, VM_ERR_USAGE, "this build has no such network; %s",
                            net->kind == VM_NET_USER ? "build with -Dslirp=enabled" : "give user");
    return status;
}

static vm_status parse_console(const char *text, void *out, struct vm_error *e)
{
    return vm_console_options_parse(text, out, e);
}

static vm_status parse_share(const char *text, void *out, struct vm_error *e)
{
    return vm_share_options_parse(text, out, e);
}

const struct cli_item_type cli_disk_item = {sizeof(struct vm_disk_options), parse_disk};
const struct cli_item_type cli_net_item = {sizeof(struct vm_net_options), parse_net};
const struct cli_item_type cli_console_item = {sizeof(struct vm_console_options), parse_console};
const struct cli_item_type cli_share_item = {sizeof(struct vm_share_options), parse_share};

static bool make_room(struct cli_list *list, size_t size, struct vm_arena *arena)
{
    if (list->count < list->capacity)
        return true;
    size_t capacity = list->capacity ? 2 * list->capacity : 1;
    void *items = vm_arena_alloc(arena, capacity * size, _Alignof(max_align_t));
    if (!items)
        return false;
    if (list->count)
        memcpy(items, list->items, list->count * size);
    list->items = items;
    list->capacity = capacity;
    return true;
}

vm_status cli_list_add(struct cli_list *list, const struct cli_item_type *type,
                       struct vm_arena *arena, bool from_line, const char *text, struct vm_error *e)
{
    if (from_line && !list->from_line)
        list->count = 0;
    list->from_line = from_line;
    if (!make_room(list, type->size, arena))
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the options");
    vm_status status = type->parse(text, (char *)list->items + list->count * type->size, e);
    if (status == VM_OK)
        list->count++;
    return status;
}
