// SPDX-License-Identifier: MIT
//
// The interrupt files of the IMSIC, by messages and by the registers that CSRs reach.
#include "device_host.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <vm/device/imsic.h>

enum { BASE = 0x28000000, HARTS = 3, PAGE = 0x1000, BE = 4 };
enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP = 0x80, EIE = 0xc0, LAST = 0xff };
#define ALL UINT64_MAX

struct fixture {
    struct device_bed bed;
    struct wire wire[HARTS];
};

static vm_status create(void *fixture)
{
    struct fixture *f = fixture;
    struct vm_imsic_config c = {.base = {BASE}, .cause = 9, .harts = HARTS};
    for (int i = 0; i < HARTS; i++)
        c.irq[i] = wire_irq(&f->wire[i]);
    return vm_imsic_create(&f->bed.machine, &c, &f->bed.device, NULL);
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    assert_int_equal(create(f), VM_OK);
    device_bed_attach(&f->bed);
}

static void tear_down(struct fixture *f)
{
    device_bed_end(&f->bed);
}

static uint64_t change(struct fixture *f, uint32_t hart, unsigned number, uint64_t value,
                       uint64_t mask)
{
    struct vm_register_device file = vm_imsic_file(&f->bed.device, hart);
    uint64_t old;
    assert_true(file.ops->exchange(file.device, hart, (uint16_t)number, value, mask, &old));
    return old;
}

static uint64_t get(struct fixture *f, uint32_t hart, unsigned number)
{
    return change(f, hart, number, 0, 0);
}

static void put(struct fixture *f, uint32_t hart, unsigned number, uint64_t value)
{
    change(f, hart, number, value, ALL);
}

static uint32_t top(struct fixture *f, uint32_t hart)
{
    return (uint32_t)change(f, hart, VM_RISCV64_TOPEI, 0, 0);
}

static uint32_t claim(struct fixture *f, uint32_t hart)
{
    return (uint32_t)change(f, hart, VM_RISCV64_TOPEI, 0, 1);
}

static void send(struct fixture *f, uint32_t hart, uint32_t identity)
{
    mmio_write(&f->bed.machine, BASE + PAGE * hart, 4, identity);
}

static bool pends(struct fixture *f, uint32_t hart, unsigned identity)
{
    return get(f, hart, EIP + identity / 64 * 2) >> identity % 64 & 1;
}

// --- messages ---

static void a_message_sets_the_bit_that_it_names(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    static const unsigned identities[] = {1, 2, 63, 64, 128, 254, 255};
    for (size_t i = 0; i < VM_ARRAY_SIZE(identities); i++) {
        send(&f, 1, identities[i]);
        assert_true(pends(&f, 1, identities[i]));
        assert_false(pends(&f, 0, identities[i]));
        assert_false(pends(&f, 2, identities[i]));
    }
    assert_int_equal(get(&f, 1, EIP), 1ull << 63 | 6);
    assert_int_equal(get(&f, 1, EIP + 2), 1);
    assert_int_equal(get(&f, 1, EIP + 4), 1);
    assert_int_equal(get(&f, 1, EIP + 6), 3ull << 62);
    tear_down(&f);
}

static void other_byte_order(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    mmio_write(&f.bed.machine, BASE + BE, 4, 0x05000000);
    assert_int_equal(get(&f, 0, EIP), 1 << 5);
    mmio_write(&f.bed.machine, BASE + BE, 4, 6);
    mmio_write(&f.bed.machine, BASE, 4, 0x07000000);
    assert_int_equal(get(&f, 0, EIP), 1 << 5);
    tear_down(&f);
}

static void what_is_no_identity_is_ignored(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    static const uint32_t none[] = {0, 256, 257, 2047, 2048, 0x10001, UINT32_MAX};
    for (size_t i = 0; i < VM_ARRAY_SIZE(none); i++)
        send(&f, 0, none[i]);
    for (unsigned number = EIP; number < EIE; number += 2)
        assert_int_equal(get(&f, 0, number), 0);
    tear_down(&f);
}

// Everything but the two registers reads as zero, up to the power of two that the pages fill.
static void the_window(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(f.bed.device.size, 4 * PAGE);
    for (uint64_t at = 0; at < f.bed.device.size; at += 4) {
        if (at % PAGE > BE)
            mmio_write(&f.bed.machine, BASE + at, 4, 1);
        assert_int_equal(mmio_read(&f.bed.machine, BASE + at, 4), 0);
    }
    mmio_write(&f.bed.machine, BASE + 3 * PAGE, 4, 1); // a page without a hart
    for (uint32_t hart = 0; hart < HARTS; hart++)
        assert_int_equal(get(&f, hart, EIP), 0);
    for (unsigned size = 1; size <= 8; size *= 2) {
        assert_int_equal(mmio_reads(&f.bed.machine, BASE, size), size == 4);
        assert_int_equal(mmio_writes(&f.bed.machine, BASE, size, 1), size == 4);
    }
    assert_int_equal(get(&f, 0, EIP), 2);
    tear_down(&f);
}

static void messages_of_devices(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_true(vm_imsic_message(&f.bed.device, BASE + 2 * PAGE, 9));
    assert_true(pends(&f, 2, 9));
    assert_true(vm_imsic_message(&f.bed.device, BASE + 3 * PAGE, 9)); // no hart is there
    assert_true(vm_imsic_message(&f.bed.device, BASE + 8, 10));       // nor a register here
    assert_false(pends(&f, 0, 10));
    assert_false(vm_imsic_message(&f.bed.device, BASE - 4, 9));
    assert_false(vm_imsic_message(&f.bed.device, BASE + 4 * PAGE, 9));
    assert_false(vm_imsic_message(&f.bed.device, BASE + 2, 9));
    assert_false(vm_imsic_message(&f.bed.device, UINT64_MAX - 3, 9));
    assert_false(vm_imsic_message(&f.bed.device, BASE | 1ull << 40, 9));
    tear_down(&f);
}

// --- registers ---

static void registers_hold_what_exists(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (unsigned number = EIDELIVERY; number <= LAST; number++)
        assert_int_equal(get(&f, 1, number), 0);
    for (unsigned number = EIDELIVERY; number <= LAST; number++) {
        if (number >= EIP && number % 2)
            continue; // the CSRs do not come here
        put(&f, 1, number, ALL);
        uint64_t want = number == EIDELIVERY                 ? 1
                        : number == EITHRESHOLD              ? 255
                        : number == EIP || number == EIE     ? ALL - 1
                        : number >= EIP && number % 0x40 < 8 ? ALL
                                                             : 0;
        assert_int_equal(get(&f, 1, number), want);
        assert_int_equal(get(&f, 0, number), 0);
    }
    f.bed.device.ops->reset(f.bed.device.device);
    for (unsigned number = EIDELIVERY; number <= LAST; number++)
        assert_int_equal(get(&f, 1, number), 0);
    assert_false(f.wire[1].level);
    tear_down(&f);
}

static void accesses_change_the_bits_of_their_mask(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, 0, EIP, 0xf0);
    assert_int_equal(change(&f, 0, EIP, 0xff00, 0x0ff0), 0xf0);
    assert_int_equal(get(&f, 0, EIP), 0x0f00);
    assert_int_equal(change(&f, 0, EIDELIVERY, ALL, 1ull << 30), 0); // the PLIC's value: not there
    assert_int_equal(get(&f, 0, EIDELIVERY), 0);
    tear_down(&f);
}

// --- delivery ---

static void the_wire_follows_what_pends_and_is_enabled(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, 0, EIDELIVERY, 1);
    send(&f, 0, 70);
    assert_false(f.wire[0].level);
    put(&f, 0, EIE + 2, 1 << 6);
    assert_true(f.wire[0].level);
    put(&f, 0, EIDELIVERY, 0); // the top does not change by this
    assert_false(f.wire[0].level);
    assert_int_equal(top(&f, 0), 70);
    put(&f, 0, EIDELIVERY, 1);
    assert_true(f.wire[0].level);
    assert_int_equal(claim(&f, 0), 70);
    assert_false(f.wire[0].level);
    assert_int_equal(claim(&f, 0), 0);
    put(&f, 0, EIP + 2, 1 << 6); // by the hart itself
    assert_true(f.wire[0].level);
    put(&f, 0, EIE + 2, 0);
    assert_false(f.wire[0].level);
    assert_int_equal(f.wire[0].rises, 3);
    assert_int_equal(f.wire[1].rises + f.wire[2].rises, 0);
    tear_down(&f);
}

static void lower_identities_come_first(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    static const uint32_t order[] = {1, 5, 63, 64, 65, 191, 192, 255};
    for (unsigned i = 0; i < 4; i++)
        put(&f, 2, EIE + 2 * i, ALL);
    for (size_t i = VM_ARRAY_SIZE(order); i-- > 0;)
        send(&f, 2, order[i]);
    send(&f, 2, 5); // once more is once
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        assert_int_equal(top(&f, 2), order[i]);
        assert_int_equal(claim(&f, 2), order[i]);
        assert_false(pends(&f, 2, order[i]));
    }
    assert_int_equal(top(&f, 2), 0);
    tear_down(&f);
}

static void the_threshold_masks_itself_and_above(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, 0, EIDELIVERY, 1);
    put(&f, 0, EIE, ALL);
    put(&f, 0, EIE + 6, ALL);
    send(&f, 0, 20);
    put(&f, 0, EITHRESHOLD, 20);
    assert_false(f.wire[0].level);
    assert_int_equal(top(&f, 0), 0);
    assert_int_equal(claim(&f, 0), 0);
    assert_true(pends(&f, 0, 20));
    put(&f, 0, EITHRESHOLD, 21);
    assert_true(f.wire[0].level);
    assert_int_equal(claim(&f, 0), 20);
    send(&f, 0, 255);
    assert_false(f.wire[0].level);
    put(&f, 0, EITHRESHOLD, 255);
    assert_false(f.wire[0].level);
    put(&f, 0, EITHRESHOLD, 0); // none
    assert_true(f.wire[0].level);
    tear_down(&f);
}

// --- everything at random, against a plain model ---

struct model {
    bool pending[256], enabled[256];
    uint64_t threshold;
    bool delivers;
};

static uint32_t model_top(const struct model *m)
{
    for (uint32_t i = 1; i < 256; i++) {
        if (m->pending[i] && m->enabled[i])
            return m->threshold && i >= m->threshold ? 0 : i;
    }
    return 0;
}

static void model_write(struct model *m, unsigned number, uint64_t value, uint64_t mask)
{
    bool *array = number >= EIE ? m->enabled : m->pending;
    unsigned first = (number & 0x3e) * 32;
    if (number == EIDELIVERY && mask & 1)
        m->delivers = value & 1;
    if (number == EITHRESHOLD)
        m->threshold = ((m->threshold & ~mask) | (value & mask)) & 255;
    for (unsigned i = 0; i < 64 && number >= EIP; i++) {
        unsigned identity = first + i;
        if (identity > 0 && identity < 256 && mask >> i & 1)
            array[identity] = value >> i & 1;
    }
}

static void random_histories(void **state)
{
    (void)state;
    uint64_t seed = test_seed("random_histories", 11);
    struct fixture f;
    struct model m[HARTS] = {0};
    set_up(&f);
    for (unsigned n = 0; n < 200000; n++) {
        uint32_t hart = (uint32_t)(test_random(&seed) % HARTS);
        uint32_t identity = (uint32_t)(test_random(&seed) % 260);
        unsigned number = EIDELIVERY + (unsigned)(test_random(&seed) % 0x90) / 2 * 2;
        uint64_t value = test_random(&seed) & test_random(&seed), mask = test_random(&seed);
        if (test_random(&seed) % 2) // where most of the state is
            number = EIP + (number & 0x46);
        switch (test_random(&seed) % 4) {
        case 0:
            send(&f, hart, identity);
            if (identity && identity < 256)
                m[hart].pending[identity] = true;
            break;
        case 1:
            assert_int_equal(claim(&f, hart), model_top(&m[hart]));
            m[hart].pending[model_top(&m[hart])] = false;
            break;
        default:
            change(&f, hart, number, value, mask);
            model_write(&m[hart], number, value, mask);
            break;
        }
        assert_int_equal(top(&f, hart), model_top(&m[hart]));
        assert_int_equal(f.wire[hart].level, m[hart].delivers && model_top(&m[hart]));
        assert_int_equal(get(&f, hart, EITHRESHOLD), m[hart].threshold);
    }
    tear_down(&f);
}

// --- several threads ---

enum { SENDERS = 2, MESSAGES = 20000 };

struct sender {
    struct fixture *f;
    uint32_t identity;
    _Atomic unsigned seen; // by the hart
};

// Sends the next message when the last has been seen: one that is lost stops it.
static void *sending(void *context)
{
    struct sender *s = context;
    for (unsigned n = 0; n < MESSAGES; n++) {
        while (atomic_load(&s->seen) < n)
            sched_yield();
        vm_imsic_message(&s->f->bed.device, BASE, s->identity);
    }
    return NULL;
}

// The hart takes identities one by one, and all of a register at once.
static void no_message_is_lost(void **state)
{
    (void)state;
    struct fixture f;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    set_up(&f);
    put(&f, 0, EIE, ALL);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.f = &f, .identity = 7 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, sending, &senders[i]), 0);
    }
    unsigned total = 0;
    for (unsigned turn = 0; total < SENDERS * MESSAGES; turn++) {
        uint64_t taken = turn % 2 ? change(&f, 0, EIP, 0, ALL) : 1ull << claim(&f, 0);
        for (uint32_t i = 0; i < SENDERS; i++) {
            bool seen = taken >> senders[i].identity & 1;
            atomic_fetch_add(&senders[i].seen, seen);
            total += seen;
        }
        if (taken < 2)
            sched_yield();
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&senders[i].seen), MESSAGES);
    }
    assert_int_equal(get(&f, 0, EIP), 0);
    tear_down(&f);
}

static void creation_survives_every_failure(void **state)
{
    (void)state;
    static struct fixture f;
    device_bed_starve(&f.bed, create, &f);
    struct vm_imsic_config c = {.base = {BASE}};
    device_bed_init(&f.bed);
    assert_int_equal(vm_imsic_create(&f.bed.machine, &c, &f.bed.device, NULL), VM_ERR_USAGE);
    c.harts = VM_MAX_VCPUS + 1;
    assert_int_equal(vm_imsic_create(&f.bed.machine, &c, &f.bed.device, NULL), VM_ERR_USAGE);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_sets_the_bit_that_it_names),
        cmocka_unit_test(other_byte_order),
        cmocka_unit_test(what_is_no_identity_is_ignored),
        cmocka_unit_test(the_window),
        cmocka_unit_test(messages_of_devices),
        cmocka_unit_test(registers_hold_what_exists),
        cmocka_unit_test(accesses_change_the_bits_of_their_mask),
        cmocka_unit_test(the_wire_follows_what_pends_and_is_enabled),
        cmocka_unit_test(lower_identities_come_first),
        cmocka_unit_test(the_threshold_masks_itself_and_above),
        cmocka_unit_test(random_histories),
        cmocka_unit_test(no_message_is_lost),
        cmocka_unit_test(creation_survives_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
