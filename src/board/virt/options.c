// SPDX-License-Identifier: MIT
//
// The options of --machine virt: "name=word", with commas between.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "virt.h"

enum { TEXT_SIZE = 120 };

struct piece {
    const char *text;
    size_t length;
};

// Takes what is before the next `end`, or all, off the text.
static struct piece next_piece(const char **text, size_t *left, char end)
{
    struct piece p = {*text, 0};
    while (p.length < *left && p.text[p.length] != end)
        p.length++;
    size_t taken = p.length + (p.length < *left);
    *text += taken;
    *left -= taken;
    return p;
}

static bool same(struct piece p, const char *name)
{
    return vm_text_length(name) == p.length && vm_compare(p.text, name, p.length) == 0;
}

static size_t word_count(const struct virt_option *o)
{
    size_t n = 0;
    while (n < VM_ARRAY_SIZE(o->words) && o->words[n])
        n++;
    return n;
}

// "a, b or c", of names or of words.
static void list(char *out, const char *const *words, size_t count)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < count && at < TEXT_SIZE; i++)
        at += vm_format(out + at, TEXT_SIZE - at, "%s%s",
                        i == 0           ? ""
                        : i + 1 == count ? " or "
                                         : ", ",
                        words[i]);
}

static vm_status no_option(struct piece name, const struct virt_option *options, size_t count,
                           struct vm_error *e)
{
    char text[TEXT_SIZE];
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < count && at < TEXT_SIZE; i++)
        at += vm_format(text + at, TEXT_SIZE - at, "%s%s=",
                        i == 0           ? ""
                        : i + 1 == count ? " and "
                                         : ", ",
                        options[i].name);
    return vm_error_set(e, VM_ERR_USAGE, "--machine virt has no option \"%.*s\"; there is %s",
                        (int)name.length, name.text, text);
}

static vm_status choose(const struct virt_option *o, struct piece word, struct vm_error *e)
{
    size_t count = word_count(o);
    for (unsigned i = 0; i < count; i++) {
        if (same(word, o->words[i])) {
            *o->choice = i;
            return VM_OK;
        }
    }
    char words[TEXT_SIZE];
    list(words, o->words, count);
    return vm_error_set(e, VM_ERR_USAGE, "--machine virt: %s is %s, not \"%.*s\"", o->name, words,
                        (int)word.length, word.text);
}

vm_status virt_parse_options(const char *text, const struct virt_option *options, size_t count,
                             struct vm_error *e)
{
    size_t left = text ? vm_text_length(text) : 0;
    vm_status status = VM_OK;
    while (status == VM_OK && left > 0) {
        struct piece word = next_piece(&text, &left, ',');
        const struct piece whole = word;
        struct piece name = next_piece(&word.text, &word.length, '=');
        size_t i = 0;
        while (i < count && !(same(name, options[i].name) && name.length < whole.length))
            i++;
        status = i < count ? choose(&options[i], word, e) : no_option(whole, options, count, e);
    }
    return status;
}
