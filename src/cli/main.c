// SPDX-License-Identifier: MIT
//
// vm-cli: finds the command and passes its words on. The only file that sees argv as it comes; its
// return ends the program.
#include <string.h>

#include "commands.h"
#include "nearest.h"
#include "options.h"

struct command {
    const char *name;
    int (*run)(char **argv);
    const char *page; // of help that --help behind it shows; NULL: it looks for --help itself
};

static const struct command commands[] = {
    {"run", cli_run, "run"},    {"info", cli_info, "info"},    {"debug", cli_debug, "debug"},
    {"disk", cli_disk, "disk"}, {"bench", cli_bench, "bench"}, {"help", cli_help, NULL},
};

static const struct command debug_commands[] = {
    {"disassemble", cli_disassemble, NULL},
    {"dump-dtb", cli_dump_dtb, NULL},
    {"check-jit", cli_check_jit, NULL},
};

static const struct command disk_commands[] = {
    {"create", cli_disk_create, NULL},
    {"info", cli_disk_info, NULL},
    {"check", cli_disk_check, NULL},
    {"convert", cli_disk_convert, NULL},
};

static int refuse_nothing(const char *what, const char *instead)
{
    struct vm_error e;
    vm_error_set(&e, VM_ERR_USAGE, "there is no %s; %s", what, instead);
    return cli_fail(&e);
}

static bool wants_help(char **words)
{
    for (; *words && strcmp(*words, "--") != 0; words++) {
        if (cli_is_help(*words))
            return true;
    }
    return false;
}

static int dispatch(const struct command *table, size_t count, const char *what,
                    const char *instead, char **words)
{
    const char *names[VM_ARRAY_SIZE(commands) + 1] = {0};
    if (!words[0])
        return refuse_nothing(what, instead);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, words[0]) == 0)
            return table[i].page && wants_help(words + 1) ? cli_help_page(table[i].page)
                                                          : table[i].run(words + 1);
        names[i] = table[i].name;
    }
    return cli_refuse(what, words[0], names, instead);
}

int cli_debug(char **argv)
{
    return dispatch(debug_commands, VM_ARRAY_SIZE(debug_commands), "debug command",
                    "vm-cli help debug lists them", argv);
}

int cli_disk(char **argv)
{
    return dispatch(disk_commands, VM_ARRAY_SIZE(disk_commands), "disk command",
                    "vm-cli help disk lists them", argv);
}

int main(int argc, char **argv)
{
    struct vm_error e;
    if (vm_osal_streams_reserve(&e) != VM_OK)
        return cli_fail(&e);
    if (argc >= 2 && cli_is_help(argv[1]))
        return cli_help_page("help");
    return dispatch(commands, VM_ARRAY_SIZE(commands), "command", "vm-cli help lists them",
                    argc > 0 ? argv + 1 : argv);
}
