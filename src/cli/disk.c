// SPDX-License-Identifier: MIT
//
// vm-cli disk: create, info, check and convert disk images.
#include <string.h>

#include <vm/libvm/disk.h>

#include "commands.h"
#include "nearest.h"
#include "options.h"
#include "values.h"

enum { MAX_WORDS = 2 };

enum user { CREATE = 1, INFO = 2, CHECK = 4, CONVERT = 8 };

// What the words behind a disk command say.
struct disk_words {
    enum vm_disk_format format, to, backing_format;
    uint64_t cluster_size, version;
    const char *backing;
    bool repair;
    const char *words[MAX_WORDS];
    unsigned count;
};

// --- options ---

static vm_status set_format(const char *text, enum vm_disk_format *format, struct vm_error *e)
{
    if (strcmp(text, "raw") == 0)
        *format = VM_DISK_RAW;
    else if (strcmp(text, "qcow2") == 0)
        *format = VM_DISK_QCOW2;
    else
        return vm_error_set(e, VM_ERR_USAGE, "\"%.100s\" is no format of disks; raw and qcow2 are",
                            text);
    return VM_OK;
}

static vm_status set_source(struct disk_words *w, const char *text, struct vm_error *e)
{
    return set_format(text, &w->format, e);
}

static vm_status set_target(struct disk_words *w, const char *text, struct vm_error *e)
{
    return set_format(text, &w->to, e);
}

static vm_status set_backing_format(struct disk_words *w, const char *text, struct vm_error *e)
{
    return set_format(text, &w->backing_format, e);
}

static vm_status set_backing(struct disk_words *w, const char *text, struct vm_error *e)
{
    w->backing = text;
    return text[0] ? VM_OK : vm_error_set(e, VM_ERR_USAGE, "the name is empty");
}

static vm_status set_cluster_size(struct disk_words *w, const char *text, struct vm_error *e)
{
    return cli_parse_size(text, &w->cluster_size, e);
}

static vm_status set_version(struct disk_words *w, const char *text, struct vm_error *e)
{
    if (cli_parse_decimal(text, strlen(text), 3, &w->version) && w->version >= 2)
        return VM_OK;
    return vm_error_set(e, VM_ERR_USAGE, "\"%.100s\" is no version of qcow2; 2 and 3 are", text);
}

static vm_status set_repair(struct disk_words *w, const char *text, struct vm_error *e)
{
    (void)text;
    (void)e;
    w->repair = true;
    return VM_OK;
}

static const struct disk_option {
    const char *name, *value, *text;
    unsigned users;
    vm_status (*set)(struct disk_words *w, const char *text, struct vm_error *e);
} options[] = {
    {"--format", "FORMAT", "raw or qcow2; without it, what the file begins like",
     INFO | CHECK | CONVERT, set_source},
    {"--to", "FORMAT", "of the new image: raw or qcow2 (default)", CREATE | CONVERT, set_target},
    {"--cluster-size", "SIZE", "of a new qcow2 image: 512 to 2M (default 64K)", CREATE | CONVERT,
     set_cluster_size},
    {"--version", "2|3", "of a new qcow2 image (default 3)", CREATE | CONVERT, set_version},
    {"--backing", "FILE",
     "base the new qcow2 image on this one, in its directory or below; the name counts from there",
     CREATE, set_backing},
    {"--backing-format", "FORMAT", "of that file", CREATE, set_backing_format},
    {"--repair", NULL, "set refcounts right", CHECK, set_repair},
};

void cli_disk_describe(struct cli_text *t)
{
    enum { COLUMN = 28 };
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        struct cli_text name = {0};
        cli_text_add(&name, "  %s%s%s", options[i].name, options[i].value ? " " : "",
                     options[i].value ? options[i].value : "");
        cli_text_add_row(t, name.data ? name.data : options[i].name, COLUMN, options[i].text);
        cli_text_release(&name);
    }
}

static const struct disk_option *find(const char *word, enum user user)
{
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        if (options[i].users & user && strlen(options[i].name) == n &&
            memcmp(options[i].name, word, n) == 0)
            return &options[i];
    }
    return NULL;
}

static vm_status refuse_option(const char *word, enum user user, struct vm_error *e)
{
    struct vm_nearest nearest = vm_nearest_to(word);
    char hint[128];
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        if (options[i].users & user)
            vm_nearest_consider(&nearest, options[i].name);
    }
    vm_nearest_hint(&nearest, "", "vm-cli help disk lists the options", hint, sizeof hint);
    return vm_error_set(e, VM_ERR_USAGE, "unknown option \"%.100s\"%s", word, hint);
}

// Takes the option at *argv, which moves on to its last word.
static vm_status take_option(struct disk_words *w, enum user user, char ***argv, struct vm_error *e)
{
    const char *word = **argv, *value = strchr(word, '=');
    const struct disk_option *o = find(word, user);
    if (!o)
        return refuse_option(word, user, e);
    if (!o->value && value)
        return vm_error_set(e, VM_ERR_USAGE, "%s takes no value", o->name);
    if (o->value && !value && !(value = *++*argv))
        return vm_error_set(e, VM_ERR_USAGE, "%s needs a value: %s", o->name, o->value);
    if (o->value && value[0] == '=' && **argv == word)
        value++;
    vm_status s = o->set(w, value, e);
    return s == VM_OK ? s : vm_error_prefix(e, s, "%s", o->name);
}

static vm_status parse(struct disk_words *w, enum user user, unsigned least, unsigned most,
                       char **argv, struct vm_error *e)
{
    static const char *const usage[] = {
        [CREATE] = "vm-cli disk create [OPTIONS] FILE [SIZE]",
        [INFO] = "vm-cli disk info [OPTIONS] FILE",
        [CHECK] = "vm-cli disk check [OPTIONS] FILE",
        [CONVERT] = "vm-cli disk convert [OPTIONS] FROM TO",
    };
    bool only_words = false;
    for (; *argv; argv++) {
        if (!only_words && strcmp(*argv, "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[0][0] == '-' && argv[0][1]) {
            vm_status s = take_option(w, user, &argv, e);
            if (s != VM_OK)
                return s;
        } else if (w->count == most) {
            return vm_error_set(e, VM_ERR_USAGE, "\"%.100s\" is too much; usage: %s", *argv,
                                usage[user]);
        } else {
            w->words[w->count++] = *argv;
        }
    }
    if (w->count < least)
        return vm_error_set(e, VM_ERR_USAGE, "something is missing; usage: %s", usage[user]);
    return VM_OK;
}

static struct vm_disk_create new_image(const struct disk_words *w, const char *path)
{
    return (struct vm_disk_create){
        .path = path,
        .format = w->to,
        .cluster_size = w->cluster_size,
        .version = (unsigned)w->version,
        .backing = w->backing,
        .backing_format = w->backing_format,
    };
}

// --- commands ---

static int finish(vm_status s, const struct vm_error *e)
{
    return s == VM_OK ? 0 : cli_fail(e);
}

int cli_disk_create(char **argv)
{
    struct disk_words w = {.to = VM_DISK_QCOW2};
    struct vm_error e;
    vm_status s = parse(&w, CREATE, 1, 2, argv, &e);
    struct vm_disk_create c = new_image(&w, w.words[0]);
    if (s == VM_OK && w.count > 1 && (s = cli_parse_size(w.words[1], &c.size, &e)) != VM_OK)
        vm_error_prefix(&e, s, "the size of the disk");
    if (s == VM_OK)
        s = vm_disk_create(&c, &e);
    return finish(s, &e);
}

int cli_disk_convert(char **argv)
{
    struct disk_words w = {.to = VM_DISK_QCOW2};
    struct vm_error e;
    vm_status s = parse(&w, CONVERT, 2, 2, argv, &e);
    const struct vm_disk_create c = new_image(&w, w.words[1]);
    if (s == VM_OK)
        s = vm_disk_convert(w.words[0], w.format, &c, &e);
    return finish(s, &e);
}

static void row(struct cli_text *t, const char *name, uint64_t bytes)
{
    static const char suffixes[] = "\0KMGT";
    unsigned i = 0;
    while (i < sizeof suffixes - 2 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    cli_text_add(t, "%-16s%llu%.1s\n", name, (unsigned long long)bytes, suffixes + i);
}

static void describe_qcow2(struct cli_text *t, const struct vm_disk_info *i)
{
    cli_text_add(t, "%-16s%u\n", "version", i->version);
    row(t, "cluster size", i->cluster_size);
    cli_text_add(t, "%-16s%s\n", "compression", i->zstd ? "zstd" : "zlib");
    if (i->backing[0])
        cli_text_add(t, "%-16s%s%s%s%s\n", "backing file", i->backing,
                     i->backing_format[0] ? " (" : "", i->backing_format,
                     i->backing_format[0] ? ")" : "");
    if (i->snapshots)
        cli_text_add(t, "%-16s%u\n", "snapshots", i->snapshots);
    if (i->lazy_refcounts)
        cli_text_add(t, "%-16s%s\n", "refcounts", "lazy");
    if (i->dirty || i->corrupt)
        cli_text_add(t, "%-16s%s\n", "state",
                     i->corrupt ? "corrupt" : "not closed properly; repaired when written");
}

int cli_disk_info(char **argv)
{
    struct disk_words w = {0};
    struct vm_disk_info i;
    struct vm_error e;
    vm_status s = parse(&w, INFO, 1, 1, argv, &e);
    if (s == VM_OK)
        s = vm_disk_describe(w.words[0], w.format, &i, &e);
    if (s != VM_OK)
        return cli_fail(&e);
    struct cli_text t = {0};
    cli_text_add(&t, "%-16s%s\n", "format", i.format == VM_DISK_QCOW2 ? "qcow2" : "raw");
    row(&t, "disk", i.size);
    row(&t, "file", i.file_size);
    if (i.format == VM_DISK_QCOW2)
        describe_qcow2(&t, &i);
    return cli_print(&t, "the output of disk info");
}

int cli_disk_check(char **argv)
{
    struct disk_words w = {0};
    struct vm_disk_findings f;
    struct vm_error e;
    vm_status s = parse(&w, CHECK, 1, 1, argv, &e);
    if (s == VM_OK)
        s = vm_disk_check(w.words[0], w.format, w.repair, &f, &e);
    if (s != VM_OK)
        return cli_fail(&e);
    if (f.corruptions) {
        vm_error_set(&e, VM_ERR_FILE,
                     "%s has %llu corruptions and %llu leaked clusters; the first: %s; convert "
                     "what can be read, or use qemu-img check -r all",
                     w.words[0], (unsigned long long)f.corruptions, (unsigned long long)f.leaks,
                     f.first);
        return cli_fail(&e);
    }
    struct cli_text t = {0};
    if (w.repair)
        cli_text_add(&t, "%llu refcounts were set right\n", (unsigned long long)f.repaired);
    if (f.leaks)
        cli_text_add(&t, "no corruption; %llu leaked clusters, which --repair frees\n",
                     (unsigned long long)f.leaks);
    else
        cli_text_add(&t, "no corruption, no leaks\n");
    cli_text_add(&t, "%llu of %llu clusters are allocated, %llu compressed\n",
                 (unsigned long long)f.allocated, (unsigned long long)f.total,
                 (unsigned long long)f.compressed);
    return cli_print(&t, "the output of disk check");
}
