// SPDX-License-Identifier: MIT
//
// Accesses and wires of the APLIC at random, against a model that keeps each source by itself and
// has no registers: it says who pends, which wire is high and which messages went out.
#include "aplic_bed.h"

#include <stdlib.h>
#include <string.h>

enum { SOURCES = VM_APLIC_SOURCES, STEPS = 60000 };

struct source {
    int domain;
    uint32_t mode, target;
    bool wire, pending, enabled;
};

struct model {
    bool by_message;
    struct source source[SOURCES + 1];
    bool enabled[DOMAINS], delivers[DOMAINS][HARTS], forced[DOMAINS][HARTS];
    uint32_t threshold[DOMAINS][HARTS];
    unsigned messages;
    uint64_t address;
    uint32_t data;
};

static bool input(const struct source *s)
{
    return s->mode >= EDGE1 && s->wire != (s->mode == EDGE0 || s->mode == LEVEL0);
}

static bool is_level(const struct source *s)
{
    return s->mode >= LEVEL1;
}

static void send(struct model *m, int domain, uint32_t target)
{
    m->messages++;
    m->address = (domain == M ? IMSIC_M : IMSIC_S) + 0x1000 * (target >> 18 & 3);
    m->data = target & 0x7ff;
}

// In the order of numbers, as one write may release several.
static void settle(struct model *m)
{
    for (uint32_t i = 1; i <= SOURCES; i++) {
        struct source *s = &m->source[i];
        if (is_level(s) && !(m->by_message && input(s)))
            s->pending = input(s);
        if (m->by_message && s->pending && s->enabled && m->enabled[s->domain]) {
            s->pending = false;
            send(m, s->domain, s->target);
        }
    }
}

static uint32_t top(const struct model *m, int domain, uint32_t hart)
{
    uint32_t best = 0, threshold = m->threshold[domain][hart];
    for (uint32_t i = 1; i <= SOURCES; i++) {
        const struct source *s = &m->source[i];
        uint32_t priority = s->target & 0xff;
        if (s->domain == domain && s->mode && s->pending && s->enabled && s->target >> 18 == hart &&
            (!threshold || priority < threshold) && (!best || priority < (best & 0xff)))
            best = i << 16 | priority;
    }
    return best;
}

static bool active(const struct model *m, int domain, uint32_t i)
{
    return i >= 1 && i <= SOURCES && m->source[i].domain == domain && m->source[i].mode;
}

static void configure(struct model *m, int domain, uint32_t i, uint32_t value)
{
    struct source *s = &m->source[i], old = *s;
    uint32_t mode = value & 7;
    if (mode == 2 || mode == 3 || value & DELEGATE)
        mode = 0;
    if (domain == S && old.domain != S)
        return;
    if (domain == M && value & DELEGATE) {
        if (old.domain == M)
            *s = (struct source){.domain = S, .wire = old.wire};
        return;
    }
    if (!mode || !old.mode || old.domain != domain)
        *s = (struct source){.wire = old.wire, .target = mode && !m->by_message};
    s->domain = domain;
    s->mode = mode;
    if (is_level(s))
        s->pending = input(s);
}

static void set_pending(struct model *m, uint32_t i)
{
    if (!is_level(&m->source[i]) || (m->by_message && input(&m->source[i])))
        m->source[i].pending = true;
}

static void clear_pending(struct model *m, uint32_t i)
{
    if (!is_level(&m->source[i]) || m->by_message)
        m->source[i].pending = false;
}

static void one_bit(struct model *m, int domain, uint32_t i, unsigned what)
{
    if (!active(m, domain, i))
        return;
    switch (what) {
    case 0: set_pending(m, i); break;
    case 1: clear_pending(m, i); break;
    case 2: m->source[i].enabled = true; break;
    default: m->source[i].enabled = false; break;
    }
}

static void wire(struct model *m, uint32_t i, bool level)
{
    struct source *s = &m->source[i];
    bool was = input(s);
    s->wire = level;
    if (input(s) && !was)
        s->pending = true;
    if (is_level(s) && !input(s))
        s->pending = false;
}

// --- one step of both ---

static const uint32_t by_number[] = {SETIPNUM, CLRIPNUM, SETIENUM, CLRIENUM};

static void step_bits(struct aplic_bed *b, struct model *m, int d, uint64_t r)
{
    unsigned what = r >> 8 & 3;
    if (r & 1) {
        uint32_t i = (uint32_t)(r >> 16) % (SOURCES + 3);
        one_bit(m, d, i, what);
        settle(m);
        aplic_put(b, d, by_number[what], i);
        return;
    }
    uint32_t word = r >> 16 & 3, bits = (uint32_t)(r >> 32);
    for (uint32_t i = 0; i < 32; i++) {
        if (bits >> i & 1)
            one_bit(m, d, 32 * word + i, what);
    }
    settle(m);
    static const uint32_t by_word[] = {SETIP(0), IN_CLRIP(0), SETIE(0), CLRIE(0)};
    aplic_put(b, d, by_word[what] + 4 * word, bits);
}

static void step_target(struct aplic_bed *b, struct model *m, int d, uint32_t i, uint64_t r)
{
    uint32_t value = (uint32_t)(r % 4) << 18 | (uint32_t)(r >> 8 & 0x7ff);
    if (active(m, d, i)) {
        m->source[i].target = m->by_message ? value : value & 0xfffc00ff;
        if (!m->by_message && !(value & 0xff))
            m->source[i].target |= 1;
    }
    aplic_put(b, d, TARGET(i), value);
}

static void step_idc(struct aplic_bed *b, struct model *m, int d, uint64_t r)
{
    uint32_t hart = (uint32_t)(r >> 8) % HARTS, value = (uint32_t)(r >> 16);
    if (m->by_message)
        return;
    switch (r % 4) {
    case 0:
        m->delivers[d][hart] = value & 1;
        aplic_put(b, d, IDELIVERY(hart), value);
        break;
    case 1:
        m->forced[d][hart] = value & 1;
        aplic_put(b, d, IFORCE(hart), value);
        break;
    case 2:
        m->threshold[d][hart] = value % 3 ? 0 : value & 0xff;
        aplic_put(b, d, ITHRESHOLD(hart), m->threshold[d][hart]);
        break;
    default: {
        uint32_t claimed = top(m, d, hart);
        assert_int_equal(aplic_get(b, d, CLAIMI(hart)), claimed);
        if (claimed)
            clear_pending(m, claimed >> 16);
        else
            m->forced[d][hart] = false;
    }
    }
}

static void step(struct aplic_bed *b, struct model *m, uint64_t *seed)
{
    uint64_t r = test_random(seed);
    int d = r >> 60 & 1;
    uint32_t i = 1 + (uint32_t)(r >> 40) % SOURCES;
    switch (test_random(seed) % 8) {
    case 0:
        configure(m, d, i, (uint32_t)r & (r >> 20 & 3 ? 7 : 7 | DELEGATE));
        settle(m);
        aplic_put(b, d, SOURCECFG(i), (uint32_t)r & (r >> 20 & 3 ? 7 : 7 | DELEGATE));
        break;
    case 1: step_target(b, m, d, i, r); break;
    case 2: step_idc(b, m, d, r); break;
    case 3:
        m->enabled[d] = r & 7;
        settle(m);
        aplic_put(b, d, DOMAINCFG, r & 7 ? 0x100 : 0);
        break;
    case 4:
    case 5:
        wire(m, i, r & 1);
        settle(m);
        aplic_drive(b, i, r & 1);
        break;
    default: step_bits(b, m, d, r); break;
    }
    settle(m);
}

// --- comparison ---

static void compare(struct aplic_bed *b, const struct model *m)
{
    for (int d = 0; d < DOMAINS; d++) {
        uint32_t pending[4] = {0}, enabled[4] = {0}, inputs[4] = {0};
        for (uint32_t i = 1; i <= SOURCES; i++) {
            const struct source *s = &m->source[i];
            uint32_t bit = (uint32_t)active(m, d, i) << i % 32;
            pending[i / 32] |= s->pending ? bit : 0;
            enabled[i / 32] |= s->enabled ? bit : 0;
            inputs[i / 32] |= input(s) ? bit : 0;
            uint32_t config = s->domain == d ? s->mode : d == M ? DELEGATE : 0;
            assert_int_equal(aplic_get(b, d, SOURCECFG(i)), config);
            assert_int_equal(aplic_get(b, d, TARGET(i)), bit ? s->target : 0);
        }
        for (uint32_t w = 0; w < 4; w++) {
            assert_int_equal(aplic_get(b, d, SETIP(w)), pending[w]);
            assert_int_equal(aplic_get(b, d, SETIE(w)), enabled[w]);
            assert_int_equal(aplic_get(b, d, IN_CLRIP(w)), inputs[w]);
        }
    }
}

static void compare_delivery(struct aplic_bed *b, const struct model *m)
{
    assert_int_equal(b->messages, m->messages);
    assert_true(b->address == m->address && b->data == m->data);
    for (int d = 0; d < DOMAINS && !m->by_message; d++) {
        for (uint32_t hart = 0; hart < HARTS; hart++) {
            uint32_t first = top(m, d, hart);
            assert_int_equal(aplic_get(b, d, TOPI(hart)), first);
            assert_int_equal(b->wire[d][hart].level, m->enabled[d] && m->delivers[d][hart] &&
                                                         (first || m->forced[d][hart]));
        }
    }
}

static void run(bool by_message)
{
    uint64_t seed = test_seed(by_message ? "aplic by message" : "aplic direct", 23);
    struct aplic_bed b;
    struct model *m = calloc(1, sizeof *m);
    aplic_bed_init(&b, by_message, true);
    m->by_message = by_message;
    for (unsigned n = 0; n < STEPS; n++) {
        step(&b, m, &seed);
        compare_delivery(&b, m);
        if (n % 16 == 0)
            compare(&b, m);
    }
    assert_true(!by_message || m->messages > STEPS / 100);
    aplic_bed_end(&b);
    free(m);
}

static void direct_delivery(void **state)
{
    (void)state;
    run(false);
}

static void delivery_by_message(void **state)
{
    (void)state;
    run(true);
}

// Any word written anywhere, any size: nothing outside is touched (sanitizers watch), reads answer.
static void any_access(void **state)
{
    (void)state;
    uint64_t seed = test_seed("any_access", 5);
    for (int by_message = 0; by_message < 2; by_message++) {
        struct aplic_bed b;
        aplic_bed_init(&b, by_message, true);
        for (unsigned n = 0; n < 300000; n++) {
            uint64_t r = test_random(&seed), at = r % VM_APLIC_SIZE;
            unsigned size = 1u << (r >> 32 & 3);
            uint64_t address = (r >> 36 & 1 ? APLIC_M : APLIC_S) + (at & ~(uint64_t)(size - 1));
            uint64_t value = test_random(&seed);
            if (r >> 37 & 1)
                mmio_writes(&b.machine, address, size, value);
            else
                mmio_reads(&b.machine, address, size);
            if (n % 8 == 0)
                aplic_drive(&b, 1 + value % SOURCES, value >> 32 & 1);
        }
        aplic_reset(&b);
        for (uint32_t hart = 0; hart < HARTS; hart++)
            assert_false(b.wire[M][hart].level || b.wire[S][hart].level);
        aplic_bed_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_delivery),
        cmocka_unit_test(delivery_by_message),
        cmocka_unit_test(any_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
