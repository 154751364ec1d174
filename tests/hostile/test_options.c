// SPDX-License-Identifier: MIT
//
// vm_create with files and options that mean harm: noise, noise behind every magic number, good
// files with bytes changed or cut off, strings that are no names. A status comes back, never a
// crash; the error is one line of at most 200 characters (beside what it quotes) and, where a file
// is at fault, names it. What can be created can also be run and destroyed.
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 96 << 10, MAX_TEXT = 600, LINE = 200 };

enum kind { KERNEL, INITRD, DTB, BIOS, KINDS };

static const char *const names[KINDS] = {"vmlinux-file", "initrd-file", "tree-file", "fw-file"};

// The files and strings of one trial.
struct surface {
    struct vm_options options;
    uint8_t bytes[KINDS][MAX_FILE];
    char text[4][MAX_TEXT];
    unsigned texts;
};

static size_t random_size(struct random *r)
{
    static const unsigned limits[] = {2, 64, 1024, MAX_FILE};
    return random_below(r, limits[random_below(r, 4)]);
}

static void put(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

// --- files ---

static void fill_noise(struct random *r, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_bits(r);
}

static void put_magic(struct random *r, uint8_t *bytes)
{
    static const struct {
        uint16_t offset;
        const char *text;
        uint8_t size;
    } magics[] = {{0,
                   "\x7f"
                   "ELF\2\1\1",
                   7},
                  {0, "\x1f\x8b\x08", 3},
                  {0, "\x28\xb5\x2f\xfd", 4},
                  {0, "\xd0\x0d\xfe\xed", 4},
                  {0, "070701", 6},
                  {0, "MZ\0\0zimg", 8},
                  {48, "RISCV\0\0\0RSC\5", 12},
                  {56, "ARM\x64", 4},
                  {0x1fe, "\x55\xaa\0\0HdrS", 8},
                  {0, "MZ", 2}};
    unsigned i = random_below(r, sizeof magics / sizeof *magics);
    memcpy(bytes + magics[i].offset, magics[i].text, magics[i].size);
}

// An ELF file for this guest with one segment; returns its size.
static size_t make_elf(uint8_t *b)
{
    enum { EHDR = 64, PHDR = 56, CODE = EHDR + PHDR, SIZE = CODE + 64 };
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    memset(b, 0, SIZE);
    memcpy(b, ident, sizeof ident);
    put(b + 16, 2, 2);   // an executable
    put(b + 18, 243, 2); // RISC-V
    put(b + 20, 1, 4);
    put(b + 24, HOSTILE_RAM, 8); // entry
    put(b + 32, EHDR, 8);
    put(b + 52, EHDR, 2);
    put(b + 54, PHDR, 2);
    put(b + 56, 1, 2);
    put(b + EHDR, 1, 4); // to load
    put(b + EHDR + 4, 7, 4);
    put(b + EHDR + 8, CODE, 8);
    put(b + EHDR + 16, HOSTILE_RAM, 8);
    put(b + EHDR + 24, HOSTILE_RAM, 8);
    put(b + EHDR + 32, 64, 8);
    put(b + EHDR + 40, 4096, 8);
    put(b + CODE, 0x6f, 4); // j .
    return SIZE;
}

static size_t make_image(uint8_t *b)
{
    memset(b, 0, 256);
    put(b, 0x6f, 4);
    put(b + 8, 0x200000, 8);
    put(b + 16, 4096, 8);
    memcpy(b + 48, "RISCV\0\0\0RSC\5", 12);
    return 256;
}

// The device tree that a machine has.
static size_t make_tree(uint8_t *b)
{
    static const uint8_t loop[] = {0x6f, 0, 0, 0};
    struct hostile_machine m = {.vcpus = 2, .memory = 4 << 20, .code = loop, .size = sizeof loop};
    struct vm *vm = hostile_create(&m);
    const void *tree;
    size_t size;
    struct vm_error e;
    assert_int_equal(vm_device_tree(vm, &tree, &size, &e), VM_OK);
    assert_true(size <= MAX_FILE);
    memcpy(b, tree, size);
    vm_destroy(vm);
    return size;
}

static void mutate(struct random *r, uint8_t *bytes, size_t *size)
{
    for (unsigned n = 1 + random_below(r, 8); n; n--) {
        size_t at = random_below(r, (unsigned)*size), width = (size_t)1 << random_below(r, 4);
        if (at + width <= *size)
            put(bytes + at, random_integer(r), (unsigned)width);
    }
    if (random_below(r, 4) == 0)
        *size = random_below(r, (unsigned)*size + 1);
}

static void make_file(struct random *r, struct surface *s, enum kind kind, struct vm_blob *out)
{
    uint8_t *b = s->bytes[kind];
    size_t size = random_size(r);
    fill_noise(r, b, size);
    switch (random_below(r, 6)) {
    case 0: break;
    case 1:
        if (size > 0x210)
            put_magic(r, b);
        break;
    default:
        size = kind == DTB                            ? make_tree(b)
               : kind == KERNEL && random_below(r, 2) ? make_image(b)
                                                      : make_elf(b);
        if (random_below(r, 2))
            mutate(r, b, &size);
    }
    *out = (struct vm_blob){names[kind], b, size};
}

// --- strings ---

static const char *make_text(struct random *r, struct surface *s, const char *good)
{
    static const char *const words[] = {"rv64gc", "max",  "riscv64", "virt", "interpreter", "+zba",
                                        "-c",     ",",    "_",       "+",    "sv39",        "-",
                                        "arm64",  "none", "%s%n",    "\n",   "\x1b[2J",     "\x80"};
    if (random_below(r, 16))
        return random_below(r, 2) ? good : NULL;
    char *text = s->text[s->texts++];
    size_t used = 0;
    for (unsigned n = random_below(r, 30); n; n--)
        used += (size_t)snprintf(text + used, MAX_TEXT - used, "%s",
                                 words[random_below(r, sizeof words / sizeof *words)]);
    text[used] = 0;
    return text;
}

static uint64_t random_memory(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0: return random_below(r, 64 << 20);
    case 1: return (uint64_t)random_below(r, 1 << 14) << 12;
    case 2: return random_integer(r) | UINT64_C(1) << 60; // more than any host has
    default: return (uint64_t)(1 + random_below(r, 16)) << 20;
    }
}

static void make_surface(struct random *r, struct surface *s)
{
    struct vm_options *o = &s->options;
    *o = vm_default_options();
    s->texts = 0;
    o->guest = make_text(r, s, "riscv64");
    o->cpu = make_text(r, s, "rv64gc");
    o->machine = make_text(r, s, "virt");
    o->engine = make_text(r, s, "interpreter");
    o->vcpus = random_below(r, 8) ? 1 + random_below(r, 4) : random_below(r, 70);
    o->memory = random_memory(r);
    o->bios_mode = (enum vm_bios)random_below(r, random_below(r, 16) ? 3 : 100);
    o->append = random_below(r, 2) ? "console=ttyS0" : NULL;
    if (random_below(r, 4))
        make_file(r, s, KERNEL, &o->kernel);
    if (random_below(r, 2))
        make_file(r, s, BIOS, &o->bios);
    if (random_below(r, 4) == 0)
        make_file(r, s, INITRD, &o->initrd);
    if (random_below(r, 4) == 0)
        make_file(r, s, DTB, &o->dtb);
}

// --- the verdict ---

static void check_error(const struct surface *s, vm_status status, const struct vm_error *e)
{
    size_t length = strlen(e->text), limit = LINE;
    bool named = false;
    for (unsigned i = 0; i < s->texts; i++)
        limit += strlen(s->text[i]);
    for (unsigned i = 0; i < KINDS; i++)
        named |= strstr(e->text, names[i]) != NULL;
    bool known = status == VM_ERR_USAGE || status == VM_ERR_FILE || status == VM_ERR_HOST;
    bool host_is_small = status != VM_ERR_HOST || s->options.memory > UINT64_C(1) << 40;
    bool line = length > 0 && length <= limit;
    for (size_t i = 0; i < length; i++)
        line &= (unsigned char)e->text[i] >= ' ' && e->text[i] != 0x7f;
    if (!known || !host_is_small || !line || status != e->status ||
        (status == VM_ERR_FILE && !named))
        fail_msg("status %d (%d): %s", status, e->status, e->text);
}

static void trial(struct hostile_group *g, struct random *r, unsigned *created)
{
    static struct surface s;
    struct vm_error e = {0};
    struct vm_result result;
    struct vm *vm = NULL;
    make_surface(r, &s);
    vm_status status = vm_create(&s.options, &vm, &e);
    if (status != VM_OK) {
        assert_null(vm);
        check_error(&s, status, &e);
        assert_int_equal(vm_create(&s.options, &vm, NULL), status);
        return;
    }
    hostile_run(g, vm, 1, &result);
    hostile_inspect(vm, r);
    vm_destroy(vm);
    ++*created;
}

static void any_file_and_option_gives_a_status(void **state)
{
    struct hostile_group g;
    struct random r;
    unsigned created = 0;
    (void)state;
    hostile_begin(&g, "options", 3);
    while (hostile_next(&g, &r))
        trial(&g, &r, &created);
    hostile_end(&g);
    print_message("options: %u machines created\n", created);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_file_and_option_gives_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
