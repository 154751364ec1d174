// SPDX-License-Identifier: MIT
//
// What takes the place of config.c and stats_json.c in a build without a JSON library.
#include "config.h"
#include "stats.h"

static vm_status refuse(struct vm_error *e)
{
    return vm_error_set(e, VM_ERR_USAGE,
                        "this build has no JSON: build with -Dcjson=enabled (libcjson-dev)");
}

bool cli_has_json(void)
{
    return false;
}

vm_status cli_config_read(struct cli_options *o, enum cli_user user, const char *path,
                          struct vm_error *e)
{
    (void)o, (void)user, (void)path;
    return refuse(e);
}

vm_status cli_config_apply(struct cli_options *o, enum cli_user user, const char *name,
                           const char *text, size_t size, struct vm_error *e)
{
    (void)o, (void)user, (void)name, (void)text, (void)size;
    return refuse(e);
}

vm_status cli_stats_format_json(const struct cli_report *report, struct cli_text *out,
                                struct vm_error *e)
{
    (void)report, (void)out;
    return refuse(e);
}
