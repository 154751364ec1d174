// SPDX-License-Identifier: MIT
//
// See vm/core/cpu_text.h.
#include <vm/base/bits.h>
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/core/cpu_text.h>

enum { NAME_MAX_LENGTH = 31 }; // of longer words only the start is compared with names

// --- words ---

bool vm_cpu_word_is(struct vm_cpu_word w, const char *name)
{
    return vm_text_length(name) == w.length && vm_compare(w.text, name, w.length) == 0;
}

struct vm_cpu_word vm_cpu_next_word(const char **text, char separator)
{
    struct vm_cpu_word w = {*text, 0};
    while (w.text[w.length] && w.text[w.length] != separator && w.text[w.length] != ',')
        w.length++;
    *text += w.length + (w.text[w.length] == separator);
    return w;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

// How many characters must be added, removed or changed; `w` is at most NAME_MAX_LENGTH long.
static unsigned distance(struct vm_cpu_word w, const char *name)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    for (unsigned i = 0; i <= w.length; i++)
        row[i] = i;
    for (unsigned j = 0; name[j]; j++) {
        unsigned diagonal = row[0];
        row[0] = j + 1;
        for (unsigned i = 0; i < w.length; i++) {
            unsigned change = diagonal + (w.text[i] != name[j]);
            diagonal = row[i + 1];
            row[i + 1] = min3(change, row[i] + 1, diagonal + 1);
        }
    }
    return row[w.length];
}

static struct vm_cpu_word start_of(struct vm_cpu_word w)
{
    return (struct vm_cpu_word){w.text,
                                w.length > NAME_MAX_LENGTH ? (size_t)NAME_MAX_LENGTH : w.length};
}

void vm_cpu_consider(struct vm_cpu_nearest *n, struct vm_cpu_word w, const char *name)
{
    unsigned d = distance(start_of(w), name);
    if (!n->name || d < n->distance)
        *n = (struct vm_cpu_nearest){name, d};
}

// --- sets of features ---

uint64_t vm_cpu_max(const struct vm_cpu_features *f)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < f->count; i++)
        set |= (uint64_t)f->list[i].in_max << i;
    return set;
}

uint64_t vm_cpu_find(const struct vm_cpu_features *f, struct vm_cpu_word w)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (vm_cpu_word_is(w, f->list[i].name))
            return (uint64_t)1 << i;
    }
    return 0;
}

uint64_t vm_cpu_with_needs(const struct vm_cpu_features *f, uint64_t set)
{
    uint64_t before;
    do {
        before = set;
        for (size_t i = 0; i < f->dependency_count; i++) {
            if (set >> f->dependencies[i].feature & 1)
                set |= f->dependencies[i].needs;
        }
        if (f->implied)
            set |= f->implied(set);
    } while (set != before);
    return set;
}

uint64_t vm_cpu_with_dependents(const struct vm_cpu_features *f, uint64_t set, uint64_t on)
{
    uint64_t result = set;
    for (unsigned x = 0; x < f->count; x++) {
        if (on >> x & 1 && vm_cpu_with_needs(f, (uint64_t)1 << x) & set)
            result |= (uint64_t)1 << x;
    }
    return result;
}

// --- what the text asks for ---

static const char *first_name(const struct vm_cpu_choice *c, uint64_t set)
{
    return c->features->list[vm_ctz64(set)].name;
}

vm_status vm_cpu_take_sign(const struct vm_cpu_choice *c, struct vm_cpu_word *w, bool *add)
{
    *add = w->text[0] == '+';
    if (w->length < 2 || (!*add && w->text[0] != '-'))
        return vm_error_set(c->e, VM_ERR_USAGE, "CPU \"%s\": \"%.*s\" should be +%s or -%s", c->cpu,
                            (int)w->length, w->text, c->features->noun, c->features->noun);
    *w = (struct vm_cpu_word){w->text + 1, w->length - 1};
    return VM_OK;
}

vm_status vm_cpu_turn_on(struct vm_cpu_choice *c, struct vm_cpu_word name, uint64_t set)
{
    uint64_t all = vm_cpu_with_needs(c->features, set);
    if (all & c->refused)
        return vm_error_set(c->e, VM_ERR_USAGE,
                            "CPU \"%s\": \"+%.*s\" needs %s, which is turned off", c->cpu,
                            (int)name.length, name.text, first_name(c, all & c->refused));
    c->wanted |= all;
    c->on = vm_cpu_with_needs(c->features, c->on | all);
    return VM_OK;
}

vm_status vm_cpu_turn_off(struct vm_cpu_choice *c, struct vm_cpu_word name, uint64_t set,
                          uint64_t all)
{
    if (all & c->features->required)
        return vm_error_set(c->e, VM_ERR_USAGE,
                            "CPU \"%s\": %s cannot be turned off: privileged software needs it",
                            c->cpu, first_name(c, all & c->features->required));
    uint64_t clash = all & c->wanted;
    if (clash)
        return vm_error_set(
            c->e, VM_ERR_USAGE, "CPU \"%s\": \"-%.*s\" turns off %s, which is asked for", c->cpu,
            (int)name.length, name.text, first_name(c, clash & ~set ? clash & ~set : clash));
    c->refused |= set;
    c->on &= ~all;
    return VM_OK;
}

vm_status vm_cpu_unknown(const struct vm_cpu_choice *c, struct vm_cpu_word name,
                         struct vm_cpu_nearest nearest)
{
    struct vm_cpu_nearest best = {0};
    for (size_t i = 0; i < c->features->count; i++)
        vm_cpu_consider(&best, name, c->features->list[i].name);
    if (nearest.name && nearest.distance < best.distance)
        best = nearest;
    name = start_of(name);
    return vm_error_set(c->e, VM_ERR_USAGE,
                        "CPU \"%s\": there is no %s \"%.*s\"; the nearest is \"%s\"", c->cpu,
                        c->features->noun, (int)name.length, name.text, best.name);
}
