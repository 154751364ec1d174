// SPDX-License-Identifier: MIT
//
// The table of options, and the parser of command lines that reads it.
#include "options.h"

#include <string.h>
#include <vm/base/format.h>
#include <vm/libvm/libvm.h>
#include <vm/osal/memory.h>

#include "config.h"
#include "nearest.h"
#include "trace.h"
#include "values.h"

struct option;
typedef vm_status setter(const struct option *option, struct cli_options *o, const char *value,
                         struct vm_error *e);

struct option {
    const char *name;
    const char *value; // what help calls the value; NULL: the choices, or "on" or "off" for a flag
    unsigned users;
    setter *set;
    size_t offset;                       // of the field that `set` fills
    const char *(*choice)(size_t index); // for set_choice: NULL past the end
    const struct cli_item_type *item;    // for set_item
    const char *help;
};

// --- setters ---

static void *field(const struct option *option, struct cli_options *o)
{
    return (char *)o + option->offset;
}

static vm_status set_text(const struct option *option, struct cli_options *o, const char *value,
                          struct vm_error *e)
{
    (void)e;
    *(const char **)field(option, o) = value;
    return VM_OK;
}

static vm_status set_name(const struct option *option, struct cli_options *o, const char *value,
                          struct vm_error *e)
{
    if (!*value)
        return vm_error_set(e, VM_ERR_USAGE, "it is empty; give %s", option->value);
    return set_text(option, o, value, e);
}

static void add_choices(const struct option *option, const char *prefix, char *out, size_t size)
{
    size_t n = vm_format(out, size, "%s", prefix);
    for (size_t i = 0; option->choice(i); i++)
        n += vm_format(n < size ? out + n : NULL, n < size ? size - n : 0, "%s%s", i ? "|" : "",
                       option->choice(i));
}

static const char *stats_value(void)
{
    return cli_has_json() ? "text|json[:FILE]" : "text[:FILE]";
}

// The first choice, "auto", leaves the field NULL.
static vm_status set_choice(const struct option *option, struct cli_options *o, const char *value,
                            struct vm_error *e)
{
    struct vm_nearest nearest = vm_nearest_to(value);
    for (size_t i = 0; option->choice(i); i++) {
        const char *choice = option->choice(i);
        if (strcmp(choice, value) == 0) {
            *(const char **)field(option, o) = strcmp(choice, "auto") == 0 ? NULL : choice;
            return VM_OK;
        }
        vm_nearest_consider(&nearest, choice);
    }
    char hint[128], choices[128];
    add_choices(option, "", choices, sizeof choices);
    vm_nearest_hint(&nearest, "", "", hint, sizeof hint);
    return vm_error_set(e, VM_ERR_USAGE, "this build has %s%s", choices,
                        nearest.best ? hint : "; give one of them");
}

// A board's name, and after a comma its own options, which are the board's to read.
static vm_status set_machine(const struct option *option, struct cli_options *o, const char *value,
                             struct vm_error *e)
{
    size_t length = strcspn(value, ",");
    for (size_t i = 0; option->choice(i); i++) {
        const char *choice = option->choice(i);
        if (strlen(choice) == length && strncmp(choice, value, length) == 0)
            return set_text(option, o, value, e);
    }
    return set_choice(option, o, value, e);
}

static vm_status set_memory(const struct option *option, struct cli_options *o, const char *value,
                            struct vm_error *e)
{
    enum { LEAST = 1 << 20, UNIT = 4096 };
    uint64_t size;
    vm_status status = cli_parse_size(value, &size, e);
    if (status != VM_OK)
        return status;
    if (size < LEAST)
        return vm_error_set(e, VM_ERR_USAGE, "too little; give at least 1M");
    if (size % UNIT != 0)
        return vm_error_set(e, VM_ERR_USAGE, "no multiple of 4K; give one");
    *(uint64_t *)field(option, o) = size;
    return VM_OK;
}

static vm_status set_size(const struct option *option, struct cli_options *o, const char *value,
                          struct vm_error *e)
{
    uint64_t size;
    vm_status status = cli_parse_size(value, &size, e);
    if (status == VM_OK && size == 0)
        return vm_error_set(e, VM_ERR_USAGE, "it is zero; give more");
    if (status == VM_OK)
        *(uint64_t *)field(option, o) = size;
    return status;
}

static vm_status set_vcpus(const struct option *option, struct cli_options *o, const char *value,
                           struct vm_error *e)
{
    return cli_parse_vcpus(value, CLI_MAX_VCPUS, field(option, o), o->pin, &o->pinned, e);
}

static vm_status set_seconds(const struct option *option, struct cli_options *o, const char *value,
                             struct vm_error *e)
{
    return cli_parse_seconds(value, field(option, o), e);
}

static vm_status set_address(const struct option *option, struct cli_options *o, const char *value,
                             struct vm_error *e)
{
    return cli_parse_address(value, field(option, o), e);
}

static vm_status set_trace(const struct option *option, struct cli_options *o, const char *value,
                           struct vm_error *e)
{
    struct cli_trace_option *trace = field(option, o);
    return cli_trace_parse(value, &trace->mask, &trace->file, e);
}

static vm_status set_stats(const struct option *option, struct cli_options *o, const char *value,
                           struct vm_error *e)
{
    struct cli_stats_option *stats = field(option, o);
    size_t length = strcspn(value, ":");
    const char *file = value[length] ? value + length + 1 : NULL;
    if (length == 4 && strncmp(value, "text", length) == 0)
        stats->form = CLI_STATS_TEXT;
    else if (length == 4 && strncmp(value, "json", length) == 0)
        stats->form = CLI_STATS_JSON;
    else
        return vm_error_set(e, VM_ERR_USAGE, "no form of statistics; give %s", stats_value());
    if (stats->form == CLI_STATS_JSON && !cli_has_json())
        return vm_error_set(e, VM_ERR_USAGE,
                            "this build has no JSON; give text, or build with -Dcjson=enabled");
    if (file && !*file)
        return vm_error_set(e, VM_ERR_USAGE, "there is no file after the colon; name one");
    stats->file = file;
    return VM_OK;
}

static vm_status set_flash(const struct option *option, struct cli_options *o, const char *value,
                           struct vm_error *e)
{
    return vm_flash_options_parse(value, field(option, o), e);
}

static vm_status set_vsock(const struct option *option, struct cli_options *o, const char *value,
                           struct vm_error *e)
{
    return vm_vsock_options_parse(value, field(option, o), e);
}

static vm_status set_item(const struct option *option, struct cli_options *o, const char *value,
                          struct vm_error *e)
{
    return cli_list_add(field(option, o), option->item, &o->arena, o->reading_line, value, e);
}

static vm_status set_flag(const struct option *option, struct cli_options *o, const char *value,
                          struct vm_error *e)
{
    bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0)
        return vm_error_set(e, VM_ERR_USAGE, "give on or off, or nothing");
    *(bool *)field(option, o) = on;
    return VM_OK;
}

static const char *net_value(void)
{
    return !vm_net_built(VM_NET_USER) ? "tap=NAME"
           : vm_net_built(VM_NET_TAP) ? "user[,hostfwd=...]|tap=NAME"
                                      : "user[,hostfwd=...]";
}

// --- choices ---

static const char *choice_transport(size_t index)
{
    static const char *const names[] = {"pci", "mmio"};
    return index < VM_ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *choice_sandbox(size_t index)
{
    static const char *const names[] = {"on", "off"};
    return index < VM_ARRAY_SIZE(names) ? names[index] : NULL;
}

static const char *choice_guest(size_t index)
{
    return index == 0 ? "auto" : vm_built_guest(index - 1);
}

static const char *choice_engine(size_t index)
{
    return index == 0 ? "auto" : vm_built_engine(index - 1);
}

static const char *choice_simd(size_t index)
{
    return index == 0 ? "auto" : vm_simd_level(index - 1);
}

// The machines of all guests; one name may stand for a machine of each.
static const char *choice_machine(size_t index)
{
    for (size_t g = 0; vm_built_guest(g); g++) {
        for (size_t m = 0; vm_built_machine(vm_built_guest(g), m); m++) {
            if (index-- == 0)
                return vm_built_machine(vm_built_guest(g), m);
        }
    }
    return NULL;
}

// --- the table ---

#define FIELD(name) offsetof(struct cli_options, name)
enum { CODE = CLI_RUN | CLI_CHECK_JIT, MACHINE = CODE | CLI_DUMP_DTB };

static const struct option options[] = {
    {"kernel", "FILE", MACHINE, set_name, FIELD(kernel), NULL, NULL,
     "the kernel or program to run: ELF, Linux Image, EFI zboot; plain, gzip or zstd"},
    {"initrd", "FILE", MACHINE, set_name, FIELD(initrd), NULL, NULL,
     "the kernel's initial RAM file system"},
    {"append", "TEXT", MACHINE, set_text, FIELD(append), NULL, NULL,
     "the kernel's command line (default: one that puts its console on the serial port, unless "
     "--dtb brings its own)"},
    {"bios", "builtin|none|FILE", MACHINE, set_name, FIELD(bios), NULL, NULL,
     "firmware: the built-in one (default), none (the kernel starts in the most privileged mode), "
     "or a file"},
    {"pflash", "code=FILE[,vars=FILE]", CLI_RUN, set_flash, FIELD(flash), NULL, NULL,
     "firmware in flash, started in place of the kernel, which it may load; its variables are kept "
     "in the second file"},
    {"dtb", "FILE", MACHINE, set_name, FIELD(dtb), NULL, NULL,
     "a device tree to use instead of the machine's own"},
    {"guest", NULL, MACHINE | CLI_DISASSEMBLE | CLI_BENCH, set_choice, FIELD(guest), choice_guest,
     NULL, "the guest architecture (default: auto, as the file says)"},
    {"cpu", "NAME[,+ext,-ext]", MACHINE | CLI_BENCH, set_name, FIELD(cpu), NULL, NULL,
     "the CPU, and extensions to add or take away"},
    {"smp", "N[,pin=LIST]", MACHINE, set_vcpus, FIELD(vcpus), NULL, NULL,
     "number of vCPUs, 1 (default) to 64; pin= puts each on a host CPU, such as pin=0-3"},
    {"memory", "SIZE", MACHINE, set_memory, FIELD(memory), NULL, NULL,
     "guest RAM, a number and K, M, G or T (default: 1G)"},
    {"machine", NULL, MACHINE, set_machine, FIELD(machine), choice_machine, NULL,
     "the board, and its options after commas: aia=none|aplic|aplic-imsic, the interrupt "
     "controller"},
    {"engine", NULL, MACHINE | CLI_BENCH, set_choice, FIELD(engine), choice_engine, NULL,
     "what executes the guest (default: auto, the fastest there is)"},
    {"simd", NULL, MACHINE | CLI_BENCH, set_choice, FIELD(simd), choice_simd, NULL,
     "the host's vector instructions that the jit may use (default: auto, all); off: only what "
     "every such host has"},
    {"perfmap", NULL, CLI_RUN, set_flag, FIELD(perfmap), NULL, NULL,
     "write the names of translated code to /tmp/perf-PID.map, for Linux's perf"},
    {"code-cache", "SIZE", MACHINE | CLI_BENCH, set_size, FIELD(code_cache), NULL, NULL,
     "memory for translated code, all vCPUs together (default: 256M for the jit)"},
    {"virtio-blk", "FILE[,OPTION...]", CLI_RUN, set_item, FIELD(disks), NULL, &cli_disk_item,
     "a disk, from a raw or qcow2 image (vm-cli help devices); repeat it for more"},
    {"virtio-net", "user|tap=NAME", CLI_RUN, set_item, FIELD(nets), NULL, &cli_net_item,
     "a network (vm-cli help devices); repeat it for more"},
    {"virtio-console", "stdio|pty|unix:PATH|file:PATH", CLI_RUN, set_item, FIELD(consoles), NULL,
     &cli_console_item,
     "a console besides the serial port, or with stdio in its place; repeat it for more"},
    {"virtio-rng", NULL, CLI_RUN, set_flag, FIELD(rng), NULL, NULL,
     "a source of random numbers from the host"},
    {"virtio-balloon", NULL, CLI_RUN, set_flag, FIELD(balloon), NULL, NULL,
     "the guest gives memory back that it does not need"},
    {"share", "DIR:TAG[:ro]", CLI_RUN, set_item, FIELD(shares), NULL, &cli_share_item,
     "a directory that the guest mounts by its tag (vm-cli help devices); repeat it for more"},
    {"virtio-vsock", "CID[,path=PATH]", CLI_RUN, set_vsock, FIELD(vsock), NULL, NULL,
     "sockets between programs of the guest, which has that CID, and of the host"},
    {"transport", NULL, CLI_RUN, set_choice, FIELD(transport), choice_transport, NULL,
     "how the guest reaches its virtio devices (default: pci)"},
    {"sandbox", NULL, CLI_RUN, set_choice, FIELD(sandbox), choice_sandbox, NULL,
     "threads give up the host calls that they do not need (default: on, where the host can)"},
    {"config", "FILE", MACHINE, set_name, FIELD(config), NULL, NULL,
     "read options from a JSON file (vm-cli help config); the command line overrides it"},
    {"stats", "text[:FILE]", CLI_RUN, set_stats, FIELD(stats), NULL, NULL,
     "print statistics at the end, on standard error or into a file"},
    {"trace", "TOPIC,...[:FILE]", CLI_RUN, set_trace, FIELD(trace), NULL, NULL,
     "print what happens inside (vm-cli help trace), on standard error or into a file"},
    {"timeout", "SECONDS", CODE, set_seconds, FIELD(timeout), NULL, NULL,
     "stop the machine after that time, with exit status 124"},
    {"address", "ADDRESS", CLI_DISASSEMBLE, set_address, FIELD(address), NULL, NULL,
     "where the first byte is, for bytes and flat files (default: 0)"},
};

// What help and suggestions name. An option that this build cannot serve is found by its full name
// only, and says why.
static bool is_offered(const struct option *option, enum cli_user user)
{
    return option->users & user && (option->offset != FIELD(config) || cli_has_json());
}

static const struct option *find(enum cli_user user, const char *name, size_t length)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        if (options[i].users & user && strlen(options[i].name) == length &&
            memcmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    return NULL;
}

enum cli_option_kind cli_options_kind(const char *key)
{
    const struct option *option = find(CLI_RUN, key, strlen(key));
    if (option && option->set == set_flag)
        return CLI_OPTION_FLAG;
    return option && option->item ? CLI_OPTION_LIST : CLI_OPTION_ONE;
}

static const char *help_topic(enum cli_user user)
{
    return user == CLI_RUN ? "vm-cli help run" : "vm-cli help debug";
}

static vm_status unknown(enum cli_user user, const char *what, const char *shown, const char *name,
                         const char *dashes, struct vm_error *e)
{
    struct vm_nearest nearest = vm_nearest_to(name);
    char instead[64], hint[128];
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        if (is_offered(&options[i], user))
            vm_nearest_consider(&nearest, options[i].name);
    }
    vm_format(instead, sizeof instead, "%s lists them", help_topic(user));
    vm_nearest_hint(&nearest, dashes, instead, hint, sizeof hint);
    return vm_error_set(e, VM_ERR_USAGE, "unknown %s %.100s%s", what, shown, hint);
}

// --- from a configuration file ---

vm_status cli_options_set(struct cli_options *o, enum cli_user user, const char *key,
                          const char *value, struct vm_error *e)
{
    const struct option *option = find(user, key, strlen(key));
    // A file for "run" serves the commands that take less.
    if (!option && find(CLI_RUN, key, strlen(key)))
        return VM_OK;
    if (!option)
        return unknown(CLI_RUN, "key", key, key, "", e);
    if (option->offset == FIELD(config))
        return vm_error_set(e, VM_ERR_USAGE,
                            "config: a configuration file cannot name another; put the options "
                            "of both into one");
    vm_status status = option->set(option, o, value, e);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "%s \"%.100s\"", key, value);
}

const char *cli_options_keep(struct cli_options *o, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = vm_arena_alloc(&o->arena, size, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}

// --- from a command line ---

// One option of the command line, taken apart.
struct word {
    const struct option *option;
    const char *value;
};

bool cli_is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != 0;
}

// Reads the option at *argv and moves to its last word.
static vm_status read_option(enum cli_user user, char ***argv, struct word *out, struct vm_error *e)
{
    const char *argument = **argv;
    const char *name = argument + strspn(argument, "-");
    size_t length = strcspn(name, "=");
    bool long_form = name - argument == 2;
    out->option = long_form ? find(user, name, length) : NULL;
    if (!out->option) {
        char cut[64];
        vm_format(cut, sizeof cut, "%.*s", (int)(length < sizeof cut ? length : sizeof cut), name);
        return unknown(user, "option", argument, cut, "--", e);
    }
    if (name[length] == '=') {
        out->value = name + length + 1;
        return VM_OK;
    }
    if (out->option->set == set_flag) {
        out->value = "on";
        return VM_OK;
    }
    const char *value = (*argv)[1];
    if (!value || (strncmp(value, "--", 2) == 0 && find(user, value + 2, strcspn(value + 2, "="))))
        return vm_error_set(e, VM_ERR_USAGE, "%s needs a value: --%s %s", argument,
                            out->option->name, out->option->value ? out->option->value : "NAME");
    out->value = value;
    ++*argv;
    return VM_OK;
}

// Goes through the command line. First for --config alone, then for everything else.
static vm_status read_line(struct cli_options *o, enum cli_user user, char **argv, bool for_config,
                           struct vm_error *e)
{
    bool options_end = false;
    o->argument_count = 0;
    for (; *argv; argv++) {
        struct word word = {0};
        if (!options_end && strcmp(*argv, "--") == 0) {
            options_end = true;
            continue;
        }
        if (options_end || !is_option(*argv)) {
            if (!for_config)
                o->arguments[o->argument_count++] = *argv;
            continue;
        }
        vm_status status = read_option(user, &argv, &word, e);
        if (status != VM_OK)
            return status;
        if ((word.option->offset == FIELD(config)) != for_config)
            continue;
        status = word.option->set(word.option, o, word.value, e);
        if (status != VM_OK)
            return vm_error_prefix(e, status, "--%s \"%.100s\"", word.option->name, word.value);
    }
    return VM_OK;
}

void cli_options_init(struct cli_options *o)
{
    enum { CHUNK = 4096 };
    *o = (struct cli_options){.vcpus = 1, .memory = UINT64_C(1) << 30};
    vm_arena_init(&o->arena, vm_osal_allocator(), CHUNK);
}

vm_status cli_options_parse(struct cli_options *o, enum cli_user user, char **argv,
                            size_t max_arguments, struct vm_error *e)
{
    cli_options_init(o);
    o->arguments = argv;
    vm_status status = read_line(o, user, argv, true, e);
    if (status == VM_OK && o->config)
        status = cli_config_read(o, user, o->config, e);
    o->reading_line = true;
    if (status == VM_OK)
        status = read_line(o, user, argv, false, e);
    if (status == VM_OK && o->argument_count > max_arguments)
        return vm_error_set(e, VM_ERR_USAGE,
                            "there is no place for \"%.100s\"; files and values "
                            "follow their option (%s)",
                            o->arguments[max_arguments], help_topic(user));
    return status;
}

void cli_options_release(struct cli_options *o)
{
    vm_arena_destroy(&o->arena);
}

// --- for help ---

void cli_options_describe(struct cli_text *t, enum cli_user user, bool as_keys)
{
    enum { COLUMN = 27 };
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        const struct option *option = &options[i];
        char name[64], value[128];
        if (!is_offered(option, user) || (as_keys && option->offset == FIELD(config)))
            continue;
        if (option->set == set_stats)
            vm_format(value, sizeof value, " %s", stats_value());
        else if (option->item == &cli_net_item)
            vm_format(value, sizeof value, " %s", net_value());
        else if (option->set == set_flag)
            vm_format(value, sizeof value, "%s", as_keys ? " true|false" : "");
        else if (option->value)
            vm_format(value, sizeof value, " %s", option->value);
        else
            add_choices(option, " ", value, sizeof value);
        vm_format(name, sizeof name, "  %s%s%s", as_keys ? "" : "--", option->name, value);
        cli_text_add_row(t, name, COLUMN, option->help);
    }
}
