// SPDX-License-Identifier: MIT
//
// Decodes every A64 word, or random ones, and holds the decoder against the rows of the tables,
// looked at one by one:
//
//   - no word belongs to two rows, but to one and its special case, which then has it
//   - the decoder, a tree of switches, gives that row, and nothing where there is none
//   - what decode.c itself refuses is what the manual reserves (bitmask immediates), and equal
//     registers of memory copies
//   - every row has words: of those without constraint as many as it has free bits
//
//     arm64-words [--cpu TEXT] [--seed N] [--count WORDS | --all] [--list]
//
// --list prints how many words each row has. The defaults of seed and count are TRINE_SEED of the
// environment or 1, and 4 million times TRINE_TEST_SCALE.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64_row_patterns.h"

enum {
    MAX_ROWS = 4096,
    MAX_CANDIDATES = 1024,
    KEYS = 1 << 17, // bits 31 to 21 and 15 to 10, which tell most rows apart
    MAX_FAULTS = 20,
};

struct search {
    const struct a64_config *config;
    size_t rows;
    uint64_t words[MAX_ROWS], refused, undefined, total;
    unsigned faults;
    uint16_t candidates[MAX_CANDIDATES]; // rows that may have a word of this key
    unsigned candidate_count;
};

static void fault(struct search *s, uint32_t word, const char *what, int a, int b)
{
    if (s->faults++ < MAX_FAULTS)
        printf("%08x: %s: %s, %s\n", word, what, a < 0 ? "-" : vm_arm64_row_name((size_t)a),
               b < 0 ? "-" : vm_arm64_row_name((size_t)b));
}

// --- The rows that a word belongs to ---

static uint32_t word_of(uint32_t key, uint32_t rest)
{
    return key >> 6 << 21 | (rest >> 10 & 31) << 16 | (key & 63) << 10 | (rest & 1023);
}

static void choose_candidates(struct search *s, uint32_t key)
{
    const uint32_t bits = word_of(KEYS - 1, 0), word = word_of(key, 0);
    s->candidate_count = 0;
    for (size_t i = 0; i < s->rows; i++) {
        const struct a64_row_pattern *p = &a64_row_patterns[i];
        if ((word ^ p->value) & p->mask & bits || !p->has(s->config->extensions))
            continue;
        if (s->candidate_count == MAX_CANDIDATES)
            abort();
        s->candidates[s->candidate_count++] = (uint16_t)i;
    }
}

static int row_of(struct search *s, uint32_t word)
{
    int found = -1;
    for (unsigned i = 0; i < s->candidate_count; i++) {
        int n = s->candidates[i];
        const struct a64_row_pattern *p = &a64_row_patterns[n];
        if ((word & p->mask) != p->value || (p->holds && !p->holds(word)))
            continue;
        if (found < 0 || p->general == found)
            found = n;
        else if (a64_row_patterns[found].general != n)
            fault(s, word, "belongs to two rows", found, n);
    }
    return found;
}

// --- What decode.c refuses ---

// N:immr:imms of the manual's DecodeBitMasks: an element has 2 to 64 bits, not all of them ones,
// and no more than the register.
static bool is_bitmask(uint32_t word)
{
    unsigned n = word >> 22 & 1, ones = word >> 10 & 63;
    if (n)
        return word >> 31 && ones != 63;
    for (unsigned size = 32; size >= 2; size /= 2) {
        unsigned prefix = ~(2 * size - 1) & 63; // 11...0, then the number of ones less 1
        if ((ones & prefix) == prefix && !(ones & size))
            return (ones & (size - 1)) != size - 1;
    }
    return false;
}

static bool are_distinct(uint32_t word)
{
    unsigned d = word & 31, n = word >> 5 & 31, s = word >> 16 & 31;
    bool sets = (word >> 22 & 3) == 3;
    return d != 31 && n != 31 && (s != 31 || sets) && d != n && d != s && n != s;
}

static bool is_refused(const struct a64_row_pattern *p, uint32_t word)
{
    if (strcmp(p->class, "bitmask") == 0)
        return !is_bitmask(word);
    return strcmp(p->class, "mops") == 0 && !are_distinct(word);
}

// --- Words ---

static void look_at(struct search *s, uint32_t word)
{
    struct a64_args args;
    int wanted = row_of(s, word);
    const struct a64_row *row = a64_decode(s->config, word, &args);
    s->total++;
    if (wanted < 0)
        s->undefined++;
    else
        s->words[wanted]++;
    if (wanted >= 0 && is_refused(&a64_row_patterns[wanted], word)) {
        s->refused++;
        wanted = -1;
    }
    if ((row ? (int)row->index : -1) != wanted)
        fault(s, word, "the decoder differs from the tables", row ? (int)row->index : -1, wanted);
}

static void look_at_all(struct search *s)
{
    for (uint32_t key = 0; key < KEYS && s->faults < MAX_FAULTS; key++) {
        choose_candidates(s, key);
        for (uint32_t rest = 0; rest < 1 << 15; rest++)
            look_at(s, word_of(key, rest));
    }
}

// Random keys; of each a run of words, so that choosing candidates does not cost more than these.
static void look_at_some(struct search *s, uint64_t seed, uint64_t count)
{
    enum { RUN = 64 };
    uint64_t x = seed;
    while (s->total < count && s->faults < MAX_FAULTS) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        choose_candidates(s, (uint32_t)(x >> 40) % KEYS);
        for (unsigned i = 0; i < RUN; i++) {
            uint64_t y = (x ^ i) * UINT64_C(0x9e3779b97f4a7c15);
            look_at(s, word_of((uint32_t)(x >> 40) % KEYS, (uint32_t)(y >> 49)));
        }
    }
}

// Of all words: each row has as many as its free bits and its special cases say.
static void check_counts(struct search *s)
{
    for (size_t i = 0; i < s->rows; i++) {
        const struct a64_row_pattern *p = &a64_row_patterns[i];
        uint64_t wanted = UINT64_C(1) << (32 - __builtin_popcount(p->mask));
        if (!p->has(s->config->extensions))
            continue;
        bool counts = !p->holds;
        for (size_t k = 0; k < s->rows; k++) {
            if (a64_row_patterns[k].general != (int)i ||
                !a64_row_patterns[k].has(s->config->extensions))
                continue;
            wanted -= s->words[k];
        }
        if (!s->words[i] || (counts && s->words[i] != wanted)) {
            printf("%s has %lu words, not %lu\n", vm_arm64_row_name(i), s->words[i], wanted);
            s->faults++;
        }
    }
}

// --- The program ---

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void report(const struct search *s, bool list)
{
    size_t there = 0;
    for (size_t i = 0; i < s->rows; i++) {
        there += s->words[i] != 0;
        if (list)
            printf("%10lu  %s\n", s->words[i], vm_arm64_row_name(i));
    }
    printf("%lu words: %lu of %zu of %zu rows, %lu of these with reserved operands, %lu undefined; "
           "%u faults\n",
           s->total, s->total - s->undefined, there, s->rows, s->refused, s->undefined, s->faults);
}

int main(int argc, char **argv)
{
    const struct vm_allocator allocator = {host_alloc, host_release, NULL};
    const char *cpu = NULL;
    uint64_t seed = from_environment("TRINE_SEED", 1);
    uint64_t count = 4000000 * from_environment("TRINE_TEST_SCALE", 1);
    bool all = false, list = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) {
            all = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            list = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--cpu") == 0) {
            cpu = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (i + 1 < argc && strcmp(argv[i], "--count") == 0) {
            count = strtoull(argv[++i], NULL, 0);
        } else {
            fprintf(stderr, "usage: arm64-words [--cpu TEXT] [--seed N] [--count WORDS | --all] "
                            "[--list]\n");
            return 2;
        }
    }
    struct search *s = calloc(1, sizeof *s);
    struct vm_error e;
    void *config;
    if (!s || vm_arm64_guest_ops.configure(cpu, &allocator, &config, &e) != VM_OK) {
        fprintf(stderr, "%s\n", s ? e.text : "no memory");
        return 2;
    }
    s->config = config;
    s->rows = vm_arm64_row_count();
    if (s->rows > MAX_ROWS)
        abort();
    if (all) {
        look_at_all(s);
        if (!s->faults)
            check_counts(s);
    } else {
        look_at_some(s, seed, count);
    }
    report(s, list);
    bool failed = s->faults;
    vm_arm64_guest_ops.unconfigure(config, &allocator);
    free(s);
    return failed ? 1 : 0;
}
