// SPDX-License-Identifier: MIT
//
// vm-cli debug disassemble: the code of a file, or bytes given on the command line, a line for each
// instruction.
#include <string.h>
#include <vm/base/format.h>
#include <vm/libvm/libvm.h>

#include "commands.h"
#include "options.h"

enum { FLUSH_SIZE = 64 << 10, MAX_WORDS = 4096, MAX_BYTES = 16 * MAX_WORDS };

#define MAX_FILE (UINT64_C(4) << 30)

struct listing {
    const char *guest;
    uint64_t base; // added to addresses that start at 0
    struct cli_text text;
    struct vm_error *error;
};

static void add_line(struct cli_text *t, uint64_t address, const uint8_t *bytes, unsigned length,
                     const char *assembly)
{
    enum { COLUMN = 8 };
    cli_text_add(t, "%16llx:  ", (unsigned long long)address);
    // As one number where the guest's instructions are numbers; longer ones byte by byte.
    for (unsigned i = length; i > 0; i--)
        cli_text_add(t, "%02x", bytes[i - 1]);
    cli_text_add(t, "%*s  %s\n", 2 * length < COLUMN ? (int)(COLUMN - 2 * length) : 0, "",
                 assembly);
}

static vm_status add_code(void *context, uint64_t address, const uint8_t *bytes, size_t size)
{
    struct listing *l = context;
    vm_status status = VM_OK;
    address += l->base;
    for (size_t at = 0; at < size && status == VM_OK;) {
        char line[256];
        unsigned n =
            vm_disassemble(l->guest, address + at, bytes + at, size - at, line, sizeof line);
        if (n == 0 || n > size - at)
            return vm_error_set(l->error, VM_ERR_HOST, "the disassembler of %s does not work",
                                l->guest);
        add_line(&l->text, address + at, bytes + at, n, line);
        at += n;
        if (l->text.length >= FLUSH_SIZE)
            status = cli_text_write(&l->text, vm_osal_stdout(), "the listing", l->error);
    }
    return status;
}

// The only guest of this build stands for those that a file does not name.
static vm_status choose_guest(struct listing *l, const struct cli_options *o, const char *found)
{
    const char *only = vm_built_guest(1) ? NULL : vm_built_guest(0);
    l->guest = o->guest ? o->guest : found ? found : only;
    if (!l->guest)
        return vm_error_set(l->error, VM_ERR_USAGE, "for which guest is it? name it with --guest");
    for (size_t i = 0; vm_built_guest(i); i++) {
        if (strcmp(vm_built_guest(i), l->guest) == 0)
            return VM_OK;
    }
    return vm_error_set(l->error, VM_ERR_USAGE, "this build has no guest %s", l->guest);
}

static vm_status list_contents(struct listing *l, const struct cli_options *o, const char *path,
                               const struct vm_osal_file_contents *file)
{
    const char *found = vm_file_guest(file->data, file->size);
    if (o->guest && found && strcmp(o->guest, found) != 0)
        return vm_error_set(l->error, VM_ERR_USAGE, "%s is for %s, but --guest says %s", path,
                            found, o->guest);
    vm_status status = choose_guest(l, o, found);
    l->base = o->address;
    if (status == VM_OK)
        status = vm_visit_code(file->data, file->size, add_code, l, l->error);
    return status;
}

static vm_status list_file(struct listing *l, const struct cli_options *o, const char *path)
{
    struct vm_osal_file_contents file;
    vm_status status = vm_osal_file_read_all(path, MAX_FILE, &file, l->error);
    if (status != VM_OK)
        return status;
    status = list_contents(l, o, path, &file);
    vm_osal_file_contents_release(&file);
    return status;
}

// --- bytes on the command line ---

static int digit_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
    const char *at = lower ? strchr(digits, lower) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool is_hexadecimal(const char *word)
{
    if (word[0] == '0' && word[1] == 'x')
        word += 2;
    if (!*word)
        return false;
    while (*word && digit_value(*word) >= 0)
        word++;
    return *word == 0;
}

// "13050500" is bytes in the order of memory; "0x00050513" is a number, the lowest byte first.
static vm_status add_word(const char *word, uint8_t *bytes, size_t *count, struct vm_error *e)
{
    bool is_number = word[1] == 'x';
    const char *digits = is_number ? word + 2 : word;
    size_t length = strlen(digits), n = length / 2;
    if (length % 2 != 0)
        return vm_error_set(e, VM_ERR_USAGE, "%.40s: two digits make a byte; one is missing", word);
    if (n > MAX_BYTES - *count)
        return vm_error_set(e, VM_ERR_USAGE, "more than %d bytes; put them into a file", MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        const char *at = digits + 2 * (is_number ? n - 1 - i : i);
        bytes[(*count)++] = (uint8_t)(digit_value(at[0]) << 4 | digit_value(at[1]));
    }
    return VM_OK;
}

static vm_status list_bytes(struct listing *l, const struct cli_options *o)
{
    uint8_t bytes[MAX_BYTES];
    size_t count = 0;
    vm_status status = choose_guest(l, o, NULL);
    for (size_t i = 0; i < o->argument_count && status == VM_OK; i++) {
        if (!is_hexadecimal(o->arguments[i]))
            return vm_error_set(l->error, VM_ERR_USAGE,
                                "\"%.100s\" are no bytes in hexadecimal; give one file, or bytes",
                                o->arguments[i]);
        status = add_word(o->arguments[i], bytes, &count, l->error);
    }
    return status == VM_OK ? add_code(l, o->address, bytes, count) : status;
}

int cli_disassemble(char **argv)
{
    struct cli_options o;
    struct vm_error e;
    struct listing l = {.error = &e};
    vm_status status = cli_options_parse(&o, CLI_DISASSEMBLE, argv, MAX_WORDS, &e);
    if (status == VM_OK && o.argument_count == 0)
        status = vm_error_set(&e, VM_ERR_USAGE,
                              "there is nothing to disassemble; give a file, or "
                              "bytes in hexadecimal");
    else if (status == VM_OK && o.argument_count == 1 && !is_hexadecimal(o.arguments[0]))
        status = list_file(&l, &o, o.arguments[0]);
    else if (status == VM_OK)
        status = list_bytes(&l, &o);
    if (status == VM_OK)
        status = cli_text_write(&l.text, vm_osal_stdout(), "the listing", &e);
    cli_text_release(&l.text);
    cli_options_release(&o);
    return status == VM_OK ? 0 : cli_fail(&e);
}
