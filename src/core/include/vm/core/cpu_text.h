// SPDX-License-Identifier: MIT
//
// What the frontends share that read the text of --cpu, "name,+feature,-feature": words, the
// nearest known name, sets of features with what they depend on. A set has a bit for each feature,
// by its number.
#ifndef VM_CORE_CPU_TEXT_H
#define VM_CORE_CPU_TEXT_H

#include <vm/base/error.h>
#include <vm/base/types.h>

// --- words ---

// A piece of the text.
struct vm_cpu_word {
    const char *text;
    size_t length;
};

bool vm_cpu_word_is(struct vm_cpu_word w, const char *name);

// Takes what is before the next separator, or before a comma, off the text, and the separator too.
struct vm_cpu_word vm_cpu_next_word(const char **text, char separator);

// The known name that a word is nearest to: begins as {0}.
struct vm_cpu_nearest {
    const char *name; // NULL: none was considered
    unsigned distance;
};
void vm_cpu_consider(struct vm_cpu_nearest *n, struct vm_cpu_word w, const char *name);

// --- sets of features ---

struct vm_cpu_feature {
    const char *name;
    bool in_max; // of the CPU "max"
};

struct vm_cpu_dependency {
    uint8_t feature;
    uint64_t needs;
};

struct vm_cpu_features {
    const char *noun; // "feature"
    const struct vm_cpu_feature *list;
    const struct vm_cpu_dependency *dependencies;
    size_t count, dependency_count;
    uint64_t required;                 // what software cannot do without
    uint64_t (*implied)(uint64_t set); // features that several of the set imply; NULL: none do
};

// The set of "max".
uint64_t vm_cpu_max(const struct vm_cpu_features *f);
// The feature that a word names; 0 for none.
uint64_t vm_cpu_find(const struct vm_cpu_features *f, struct vm_cpu_word w);
// The set and all that it depends on.
uint64_t vm_cpu_with_needs(const struct vm_cpu_features *f, uint64_t set);
// The set and all that depends on any of it, out of `on`.
uint64_t vm_cpu_with_dependents(const struct vm_cpu_features *f, uint64_t set, uint64_t on);

// --- what the text asks for ---

struct vm_cpu_choice {
    const struct vm_cpu_features *features;
    const char *cpu; // the whole text, for messages
    struct vm_error *e;
    uint64_t on;
    uint64_t wanted;  // by "+", with what they need
    uint64_t refused; // by "-"
};

// Takes the sign off "+name" or "-name". VM_ERR_USAGE: there is none.
vm_status vm_cpu_take_sign(const struct vm_cpu_choice *c, struct vm_cpu_word *w, bool *add);
// "+name", which names `set`: brings along what it depends on. VM_ERR_USAGE: that was refused.
vm_status vm_cpu_turn_on(struct vm_cpu_choice *c, struct vm_cpu_word name, uint64_t set);
// "-name", which names `set`: takes `all` along (its dependents at least). VM_ERR_USAGE: some of
// that was asked for, or is required.
vm_status vm_cpu_turn_off(struct vm_cpu_choice *c, struct vm_cpu_word name, uint64_t set,
                          uint64_t all);
// VM_ERR_USAGE: no feature has that name. `nearest` has what was considered beside the features.
vm_status vm_cpu_unknown(const struct vm_cpu_choice *c, struct vm_cpu_word name,
                         struct vm_cpu_nearest nearest);

#endif
