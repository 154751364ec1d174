// SPDX-License-Identifier: MIT
//
// The options. One table (options.c) has a row for each; parser, help, configuration keys and "did
// you mean" come from it.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <vm/base/arena.h>
#include <vm/base/error.h>
#include <vm/libvm/vsock.h>

#include <vm/libvm/flash.h>

#include "list.h"
#include "text.h"

enum { CLI_MAX_VCPUS = 64 };

// Who takes an option; bits.
enum cli_user {
    CLI_RUN = 1,
    CLI_DUMP_DTB = 2,
    CLI_DISASSEMBLE = 4,
    CLI_CHECK_JIT = 8,
    CLI_BENCH = 16,
};

enum cli_stats_form { CLI_STATS_NONE, CLI_STATS_TEXT, CLI_STATS_JSON };

struct cli_stats_option {
    enum cli_stats_form form;
    const char *file; // NULL: standard error
};

struct cli_trace_option {
    uint32_t mask;    // of topics; 0: off
    const char *file; // NULL: standard error
};

// What the options say. Strings are those of argv or of the arena. NULL or 0: not given.
struct cli_options {
    const char *kernel, *initrd, *append, *bios, *dtb;
    const char *guest, *cpu, *machine, *engine, *simd, *transport, *sandbox;
    const char *config;
    unsigned vcpus;
    bool pinned;
    unsigned pin[CLI_MAX_VCPUS];
    uint64_t memory, code_cache;   // bytes
    struct vm_flash_options flash; // code "": not given
    struct cli_list disks;         // of struct vm_disk_options
    struct cli_list nets;          // of struct vm_net_options
    struct cli_list consoles;      // of struct vm_console_options
    struct cli_list shares;        // of struct vm_share_options
    struct vm_vsock_options vsock; // cid 0: none
    bool rng, balloon, perfmap;
    struct cli_stats_option stats;
    struct cli_trace_option trace;
    uint64_t timeout; // ns
    uint64_t address;

    char **arguments; // what is no option, in the caller's argv
    size_t argument_count;
    struct vm_arena arena;
    bool reading_line; // the command line, after the configuration file
};

// Fills *o with the defaults, the configuration file that --config names, and the command line, the
// later over the earlier. argv is reordered. At most `max_arguments` words may be no options. The
// caller releases *o in any case.
vm_status cli_options_parse(struct cli_options *o, enum cli_user user, char **argv,
                            size_t max_arguments, struct vm_error *e);
void cli_options_init(struct cli_options *o);
void cli_options_release(struct cli_options *o);

// What a configuration file may say about an option.
enum cli_option_kind {
    CLI_OPTION_ONE,  // one value; also for keys that are none
    CLI_OPTION_LIST, // one or several
    CLI_OPTION_FLAG, // whether
};
enum cli_option_kind cli_options_kind(const char *key);

// Sets what `key` says; for configuration files. Unknown keys are refused.
vm_status cli_options_set(struct cli_options *o, enum cli_user user, const char *key,
                          const char *value, struct vm_error *e);
// A copy of a string that lives as long as *o; NULL: memory is out.
const char *cli_options_keep(struct cli_options *o, const char *text);

// For help: "  --name VALUE   what it does" for each option of `user`; as keys, "  name  ...".
void cli_options_describe(struct cli_text *t, enum cli_user user, bool as_keys);

// True for --help and -h, which every command understands.
bool cli_is_help(const char *argument);

#endif
