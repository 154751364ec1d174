// SPDX-License-Identifier: MIT
//
// vm-cli info: what a file is; what this build has and this host offers.
#include <vm/base/format.h>
#include <vm/libvm/libvm.h>
#include <vm/osal/file.h>
#include <vm/osal/memory.h>
#include <vm/osal/thread.h>

#include "commands.h"
#include "options.h"

enum { COLUMN = 14 };

#define MAX_FILE (UINT64_C(4) << 30)

static void add_list(struct cli_text *t, const char *name, const char *(*item)(size_t index))
{
    cli_text_add(t, "%-*s", COLUMN, name);
    for (size_t i = 0; item(i); i++)
        cli_text_add(t, "%s%s", i ? ", " : "", item(i));
    cli_text_add(t, item(0) ? "\n" : "none in this build\n");
}

static void add_machines(struct cli_text *t)
{
    for (size_t g = 0; vm_built_guest(g); g++) {
        const char *guest = vm_built_guest(g);
        cli_text_add(t, "%-*s", COLUMN, g == 0 ? "machines" : "");
        for (size_t i = 0; vm_built_machine(guest, i); i++)
            cli_text_add(t, "%s%s", i ? ", " : "", vm_built_machine(guest, i));
        cli_text_add(t, " (%s)\n", guest);
    }
}

static void add_features(struct cli_text *t)
{
    struct vm_feature f;
    for (size_t i = 0; vm_describe_feature(i, &f); i++) {
        cli_text_add(t, "%-*s%s", COLUMN, f.name, f.available ? "yes" : "no");
        if (!f.available)
            cli_text_add(t, ": %s%s%s%s", f.built ? "" : "not in this build; ", f.why,
                         *f.without ? "; " : "", f.without);
        cli_text_add(t, "\n");
    }
}

static int describe_host(void)
{
    struct cli_text t = {0};
    uint64_t memory = vm_osal_host_memory();
    add_list(&t, "guests", vm_built_guest);
    add_list(&t, "engines", vm_built_engine);
    add_machines(&t);
    // The build gives a list of "NAME=yes" and "NAME=no".
    cli_text_add(&t, "%-*s%s\n", COLUMN, "libraries", CLI_LIBRARIES);
    add_features(&t);
    cli_text_add(&t, "%-*s%u CPUs for this process, %lluM of memory\n", COLUMN, "host",
                 vm_osal_cpu_count(), (unsigned long long)(memory >> 20));
    return cli_print(&t, "the output of info");
}

static int describe_file(const char *path)
{
    struct vm_osal_file_contents file;
    struct vm_error e;
    char text[512];
    if (vm_osal_file_read_all(path, MAX_FILE, &file, &e) != VM_OK)
        return cli_fail(&e);
    struct cli_text t = {0};
    vm_describe_file(file.data, file.size, text, sizeof text);
    vm_osal_file_contents_release(&file);
    cli_text_add(&t, "%s: %s\n", path, text);
    return cli_print(&t, "the output of info");
}

int cli_info(char **argv)
{
    if (!argv[0])
        return describe_host();
    if (argv[0][0] == '-' || argv[1]) {
        struct vm_error e;
        vm_error_set(&e, VM_ERR_USAGE, "info takes one file, or nothing; \"%.100s\" is too much",
                     argv[0][0] == '-' ? argv[0] : argv[1]);
        return cli_fail(&e);
    }
    return describe_file(argv[0]);
}
