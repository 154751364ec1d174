// SPDX-License-Identifier: MIT
//
// Options that may be given several times: each makes one item of a list, read by libvm's own
// parsers.
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include <vm/base/arena.h>
#include <vm/base/error.h>

struct cli_list {
    void *items; // `count` of them one behind the other, in the arena
    size_t count, capacity;
    bool from_line; // they come from the command line, not from a configuration file
};

struct cli_item_type {
    size_t size;
    vm_status (*parse)(const char *text, void *out, struct vm_error *e);
};

extern const struct cli_item_type cli_disk_item, cli_net_item, cli_console_item, cli_share_item;

// Adds the item that `text` means. The first from the command line takes the place of those from a
// configuration file.
vm_status cli_list_add(struct cli_list *list, const struct cli_item_type *type,
                       struct vm_arena *arena, bool from_line, const char *text,
                       struct vm_error *e);

#endif
