// SPDX-License-Identifier: MIT
//
// core: guest memory accesses. Random loads, stores and atomics of every size at every kind of page
// and across pages, against a model that works byte by byte.
#include "core_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/ir/ir.h>

enum { PAGE = VM_PAGE_SIZE, RW = VM_ACCESS_READ | VM_ACCESS_WRITE };
#define TOP (UINT64_MAX - 0xfff)

// What is where: the pages of the guest's address space in the tests.
static const struct {
    uint64_t gva, gpa;
    uint8_t allowed;
    bool split;
} map[] = {
    {TOP, RIG_RAM + 6 * PAGE, RW, false}, // the last page, and the first: they adjoin
    {0x0000, RIG_RAM + 1 * PAGE, RW, false},
    {0x1000, RIG_RAM, RW, false},
    {0x2000, RIG_RAM + 3 * PAGE, RW, false},
    {0x3000, RIG_ROM, RW, false},
    {0x4000, RIG_MMIO, RW, false},
    {0x5000, RIG_RAM + 4 * PAGE, VM_ACCESS_READ, false},
    // nothing at 0x6000
    {0x7000, 0x70000000, RW, false}, // nobody answers
    {0x8000, RIG_RAM + 5 * PAGE, RW, true},
    {0x9000, RIG_RAM + 3 * PAGE, RW, false}, // a second name
    {0xa000, RIG_ROM, RW, false},
};

struct fixture {
    struct rig rig;
    uint8_t ram[RIG_PAGES * PAGE]; // what must be in RAM
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    uint64_t random = 99;
    rig_init(&f->rig, 1, NULL, NULL);
    for (size_t i = 0; i < VM_ARRAY_SIZE(map); i++) {
        rig_map(&f->rig, map[i].gva, map[i].gpa, map[i].allowed);
        f->rig.mappings[i].split = map[i].split;
    }
    for (size_t i = 0; i < sizeof f->ram; i++)
        f->ram[i] = f->rig.ram[i] = (uint8_t)test_random(&random);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    rig_destroy(&f->rig);
    free(f);
    return 0;
}

// --- the model ---

enum kind { UNMAPPED, HOLE, RAM, ROM, MMIO };

struct model_place {
    enum kind kind;
    uint8_t *bytes; // RAM, ROM
};

static struct model_place find(struct fixture *f, uint64_t gva, enum vm_access access)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(map); i++) {
        uint64_t offset = gva - map[i].gva;
        if (offset >= PAGE || !(map[i].allowed & access))
            continue;
        if (map[i].gpa == RIG_ROM)
            return (struct model_place){ROM, f->rig.rom + offset};
        if (map[i].gpa == RIG_MMIO)
            return (struct model_place){MMIO, NULL};
        if (map[i].gpa < RIG_RAM)
            return (struct model_place){HOLE, NULL};
        return (struct model_place){RAM, f->ram + (map[i].gpa - RIG_RAM) + offset};
    }
    return (struct model_place){UNMAPPED, NULL};
}

struct outcome {
    uint64_t cause, value; // cause 0: it worked
};

static struct outcome failed(uint64_t cause, enum vm_access access, uint64_t gva)
{
    return (struct outcome){cause + access, gva};
}

static struct outcome check_page(struct fixture *f, uint64_t gva, enum vm_access access)
{
    enum kind k = find(f, gva, access).kind;
    return k == UNMAPPED ? failed(RIG_PAGE_FAULT, access, gva)
           : k == HOLE   ? failed(RIG_BUS_ERROR, access, gva)
                         : (struct outcome){0, 0};
}

static bool crosses(uint64_t gva, unsigned size)
{
    return (gva ^ (gva + size - 1)) >> VM_PAGE_SHIFT != 0;
}

// Whether the access has bytes in both pieces of a page that is protected in two.
static bool crosses_pieces(uint64_t gva, unsigned size)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(map); i++) {
        uint64_t offset = gva - map[i].gva;
        if (map[i].split && offset < RIG_SPLIT && offset + size > RIG_SPLIT)
            return true;
    }
    return false;
}

static struct outcome check(struct fixture *f, uint64_t gva, unsigned size, enum vm_access access)
{
    uint64_t second = (gva | VM_PAGE_MASK) + 1;
    struct outcome o = check_page(f, gva, access);
    if (o.cause)
        return o;
    bool device = find(f, gva, access).kind == MMIO;
    if (crosses_pieces(gva, size))
        return failed(RIG_BUS_ERROR, access, gva);
    if (!crosses(gva, size))
        return device && gva % size ? failed(RIG_BUS_ERROR, access, gva) : o;
    o = check_page(f, second, access);
    if (o.cause)
        return o;
    if (device)
        return failed(RIG_BUS_ERROR, access, gva);
    if (find(f, second, access).kind == MMIO)
        return failed(RIG_BUS_ERROR, access, second);
    return o;
}

// Loads and stores of up to 8 bytes.
static struct outcome model_load(struct fixture *f, uint64_t gva, unsigned size, uint64_t *value)
{
    struct outcome o = check(f, gva, size, VM_ACCESS_READ);
    *value = 0;
    for (unsigned i = 0; i < size && !o.cause; i++) {
        struct model_place p = find(f, gva + i, VM_ACCESS_READ);
        if (p.kind == MMIO)
            *value = f->rig.device_value;
        else
            *value |= (uint64_t)*p.bytes << 8 * i;
    }
    return o;
}

static struct outcome model_store(struct fixture *f, uint64_t gva, unsigned size, uint64_t value)
{
    struct outcome o = check(f, gva, size, VM_ACCESS_WRITE);
    for (unsigned i = 0; i < size && !o.cause; i++) {
        struct model_place p = find(f, gva + i, VM_ACCESS_WRITE);
        if (p.kind == RAM)
            *p.bytes = (uint8_t)(value >> 8 * i);
    }
    return o;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return size >= 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
}

static uint64_t reverse(uint64_t value, unsigned size)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < size; i++)
        r |= (value >> 8 * i & 0xff) << 8 * (size - 1 - i);
    return r;
}

static vm_u128 reverse_wide(vm_u128 value, unsigned size)
{
    if (size == 16)
        return (vm_u128){reverse(value.hi, 8), reverse(value.lo, 8)};
    return (vm_u128){reverse(value.lo, size), 0};
}

// --- one random access ---

struct attempt {
    uint64_t gva;
    unsigned size;
    uint32_t attr;
    bool big, natural;
    vm_u128 value;
};

static struct attempt random_attempt(uint64_t *random, unsigned most)
{
    uint64_t x = test_random(random);
    struct attempt a = {.size = 1u << x % most,
                        .big = x >> 8 & 1,
                        .natural = (x >> 9 & 3) == 0,
                        .value = {test_random(random), test_random(random)}};
    uint64_t page = (x >> 16) % 13 == 12 ? TOP : ((x >> 16) % 13) * PAGE;
    uint64_t offset = x >> 40 & VM_PAGE_MASK;
    if (x >> 12 & 1) // near the edges
        offset = (x >> 13 & 1 ? PAGE - 20 : 0) + offset % 20;
    if (x >> 14 & 1)
        offset &= ~(uint64_t)(a.size - 1);
    a.gva = page + offset;
    a.attr =
        VM_IR_MEM((uint32_t)__builtin_ctz(a.size), a.big ? VM_IR_MEM_BIG_ENDIAN : 0, (x >> 60) % 5);
    if (a.natural)
        a.attr |= VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
    return a;
}

static void expect(struct fixture *f, bool worked, struct outcome want)
{
    struct vm_vcpu *v = f->rig.v[0];
    assert_int_equal(worked, want.cause == 0);
    if (want.cause)
        rig_expect_exception(v, want.cause, want.value);
    assert_false(v->exception.pending);
}

static void check_ram(const struct fixture *f)
{
    assert_memory_equal(f->rig.ram, f->ram, sizeof f->ram);
}

static void try_load(struct fixture *f, const struct attempt *a)
{
    struct vm_vcpu *v = f->rig.v[0];
    uint64_t want = 0, got = 0;
    struct outcome o = model_load(f, a->gva, a->size, &want);
    if (!(a->big || a->natural)) {
        expect(f, rig_load(v, a->gva, a->size, &got), o);
    } else {
        if (a->natural && a->gva % a->size)
            o = failed(RIG_MISALIGNED, VM_ACCESS_READ, a->gva);
        expect(f, vm_vcpu_load(v, vm_gva_of(a->gva), a->attr, &got), o);
        want = a->big ? reverse(want, a->size) : want;
    }
    if (!o.cause)
        assert_int_equal(cut(got, a->size), cut(want, a->size));
}

static void try_store(struct fixture *f, const struct attempt *a)
{
    struct vm_vcpu *v = f->rig.v[0];
    if (!(a->big || a->natural)) {
        struct outcome o = model_store(f, a->gva, a->size, a->value.lo);
        expect(f, rig_store(v, a->gva, a->size, a->value.lo), o);
    } else if (a->natural && a->gva % a->size) {
        expect(f, vm_vcpu_store(v, vm_gva_of(a->gva), a->attr, a->value.lo),
               failed(RIG_MISALIGNED, VM_ACCESS_WRITE, a->gva));
    } else {
        uint64_t bytes = a->big ? reverse(a->value.lo, a->size) : a->value.lo;
        struct outcome o = model_store(f, a->gva, a->size, bytes);
        expect(f, vm_vcpu_store(v, vm_gva_of(a->gva), a->attr, a->value.lo), o);
    }
}

static void loads_and_stores_agree_with_the_model(void **state)
{
    struct fixture *f = *state;
    uint64_t random = test_seed("accesses", 1);
    f->rig.device_value = 0x1122334455667788u;
    for (unsigned i = 0; i < 200000; i++) {
        struct attempt a = random_attempt(&random, 4);
        if (test_random(&random) >> 63)
            try_load(f, &a);
        else
            try_store(f, &a);
        if (i % 64 == 0)
            check_ram(f);
    }
    check_ram(f);
    assert_true(f->rig.device_reads > 100 && f->rig.device_writes > 100);
}

// --- 128 bits ---

static struct outcome model_load128(struct fixture *f, uint64_t gva, vm_u128 *value)
{
    struct outcome o = model_load(f, gva, 8, &value->lo);
    return o.cause ? o : model_load(f, gva + 8, 8, &value->hi);
}

static struct outcome model_store128(struct fixture *f, uint64_t gva, vm_u128 value)
{
    struct outcome o = {0, 0};
    if (crosses(gva, 16))
        o = check(f, gva, 16, VM_ACCESS_WRITE);
    // The upper half is known to be within reach before the lower one is written.
    else if (!crosses_pieces(gva, 8) && crosses_pieces(gva + 8, 8))
        o = failed(RIG_BUS_ERROR, VM_ACCESS_WRITE, gva + 8);
    if (!o.cause)
        o = model_store(f, gva, 8, value.lo);
    return o.cause ? o : model_store(f, gva + 8, 8, value.hi);
}

static void wide_accesses_agree_with_the_model(void **state)
{
    struct fixture *f = *state;
    struct vm_vcpu *v = f->rig.v[0];
    uint64_t random = test_seed("wide accesses", 1);
    for (unsigned i = 0; i < 100000; i++) {
        struct attempt a = random_attempt(&random, 1);
        bool store = test_random(&random) >> 63, misaligned = a.natural && a.gva % 16;
        vm_gva gva = vm_gva_of(a.gva);
        a.attr += 4; // of 16 bytes
        if (misaligned) {
            struct outcome o =
                failed(RIG_MISALIGNED, store ? VM_ACCESS_WRITE : VM_ACCESS_READ, a.gva);
            vm_u128 unused;
            expect(f,
                   store ? vm_vcpu_store128(v, gva, a.attr, a.value)
                         : vm_vcpu_load128(v, gva, a.attr, &unused),
                   o);
        } else if (store) {
            struct outcome o =
                model_store128(f, a.gva, a.big ? reverse_wide(a.value, 16) : a.value);
            expect(f, vm_vcpu_store128(v, gva, a.attr, a.value), o);
        } else {
            vm_u128 want, got;
            struct outcome o = model_load128(f, a.gva, &want);
            expect(f, vm_vcpu_load128(v, gva, a.attr, &got), o);
            if (o.cause)
                continue;
            want = a.big ? reverse_wide(want, 16) : want;
            assert_int_equal(got.lo, want.lo);
            assert_int_equal(got.hi, want.hi);
        }
        if (i % 64 == 0)
            check_ram(f);
    }
    check_ram(f);
}

// --- atomics ---

// The exception that an atomic access gives, if any.
static struct outcome check_atomic(struct fixture *f, const struct attempt *a, enum vm_access kind)
{
    if (a->gva % a->size)
        return failed(RIG_MISALIGNED, kind, a->gva);
    struct outcome o = check_page(f, a->gva, kind);
    enum kind what = find(f, a->gva, kind).kind;
    if (!o.cause && (what == MMIO || (what == ROM && kind == VM_ACCESS_WRITE)))
        return failed(RIG_BUS_ERROR, kind, a->gva);
    return o;
}

// The value at the place as the guest sees it, and a new one for it.
static vm_u128 model_peek(struct fixture *f, const struct attempt *a)
{
    vm_u128 value = {0, 0};
    const uint8_t *bytes = find(f, a->gva, VM_ACCESS_READ).bytes;
    memcpy(&value.lo, bytes, a->size < 8 ? a->size : 8);
    if (a->size == 16)
        memcpy(&value.hi, bytes + 8, 8);
    return a->big ? reverse_wide(value, a->size) : value;
}

static void model_poke(struct fixture *f, const struct attempt *a, vm_u128 value)
{
    uint8_t *bytes = find(f, a->gva, VM_ACCESS_WRITE).bytes;
    value = a->big ? reverse_wide(value, a->size) : value;
    memcpy(bytes, &value.lo, a->size < 8 ? a->size : 8);
    if (a->size == 16)
        memcpy(bytes + 8, &value.hi, 8);
}

static bool same(vm_u128 a, vm_u128 b, unsigned size)
{
    return cut(a.lo, size) == cut(b.lo, size) && (size < 16 || a.hi == b.hi);
}

static void try_cas(struct fixture *f, const struct attempt *a, bool hit)
{
    struct outcome o = check_atomic(f, a, VM_ACCESS_WRITE);
    vm_u128 expected = {1, 2}, before = {0, 0}, old = {0, 0};
    if (!o.cause) {
        before = model_peek(f, a);
        if (hit)
            expected = before;
        if (a->size < 8)
            expected.lo |= UINT64_MAX << 8 * a->size; // bits above the size do not count
    }
    expect(f, vm_vcpu_cas(f->rig.v[0], vm_gva_of(a->gva), a->attr, expected, a->value, &old), o);
    if (o.cause)
        return;
    assert_true(same(old, before, a->size));
    if (same(expected, before, a->size))
        model_poke(f, a, a->value);
}

static int64_t signed_of(uint64_t value, unsigned size)
{
    return (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static uint64_t model_rmw(enum vm_ir_rmw op, uint64_t old, uint64_t by, unsigned size)
{
    uint64_t x = cut(old, size), y = cut(by, size);
    bool less = signed_of(x, size) < signed_of(y, size);
    switch (op) {
    case VM_IR_RMW_SWAP: return y;
    case VM_IR_RMW_ADD: return x + y;
    case VM_IR_RMW_AND: return x & y;
    case VM_IR_RMW_OR: return x | y;
    case VM_IR_RMW_XOR: return x ^ y;
    case VM_IR_RMW_SMIN: return less ? x : y;
    case VM_IR_RMW_SMAX: return less ? y : x;
    case VM_IR_RMW_UMIN: return x < y ? x : y;
    case VM_IR_RMW_UMAX: return x < y ? y : x;
    }
    return 0;
}

static void try_rmw(struct fixture *f, const struct attempt *a, enum vm_ir_rmw op)
{
    struct outcome o = check_atomic(f, a, VM_ACCESS_WRITE);
    uint64_t before = 0, old = 0;
    if (!o.cause)
        before = model_peek(f, a).lo;
    uint32_t attr = a->attr | (uint32_t)op << VM_IR_MEM_RMW_SHIFT;
    expect(f, vm_vcpu_rmw(f->rig.v[0], vm_gva_of(a->gva), attr, a->value.lo, &old), o);
    if (o.cause)
        return;
    assert_int_equal(cut(old, a->size), cut(before, a->size));
    model_poke(f, a, (vm_u128){model_rmw(op, before, a->value.lo, a->size), 0});
}

// Load-reserved, perhaps something between, store-conditional.
static void try_reserve(struct fixture *f, const struct attempt *a, unsigned between)
{
    struct vm_vcpu *v = f->rig.v[0];
    struct outcome o = check_atomic(f, a, VM_ACCESS_READ);
    struct attempt other = *a;
    vm_u128 seen = {0, 0};
    vm_gva gva = vm_gva_of(a->gva);
    expect(f, vm_vcpu_load_reserved(v, gva, a->attr, &seen), o);
    if (o.cause) {
        assert_null(v->reservation.host);
        return;
    }
    assert_true(same(seen, model_peek(f, a), a->size));
    bool holds = between != 1 && between != 2 && between != 3;
    if (between == 1 && !check(f, a->gva, 1, VM_ACCESS_WRITE).cause &&
        find(f, a->gva, VM_ACCESS_WRITE).kind == RAM) { // another value
        uint8_t byte = (uint8_t) ~*find(f, a->gva, VM_ACCESS_WRITE).bytes;
        model_store(f, a->gva, 1, byte);
        assert_true(rig_store(v, a->gva, 1, byte));
    } else if (between == 2) { // another place
        other.gva ^= 0x20;
    } else if (between == 3) { // another size
        other.size = a->size == 1 ? 2 : a->size / 2;
        other.attr = (a->attr & ~7u) | (uint32_t)__builtin_ctz(other.size);
        other.gva &= ~(uint64_t)(other.size - 1);
    } else if (between == 1) {
        holds = true;
    }
    o = check_atomic(f, &other, VM_ACCESS_WRITE);
    uint64_t fails = 7;
    gva = vm_gva_of(other.gva);
    expect(f, vm_vcpu_store_conditional(v, gva, other.attr, a->value, &fails), o);
    assert_null(v->reservation.host);
    if (o.cause)
        return;
    assert_int_equal(fails, !holds);
    if (holds)
        model_poke(f, &other, a->value);
    expect(f, vm_vcpu_store_conditional(v, gva, other.attr, a->value, &fails), o);
    assert_int_equal(fails, 1);
}

static void atomics_agree_with_the_model(void **state)
{
    struct fixture *f = *state;
    uint64_t random = test_seed("atomics", 1);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t x = test_random(&random);
        struct attempt a = random_attempt(&random, x % 3 == 1 ? 4 : 5);
        if (x % 3 == 0)
            try_cas(f, &a, x >> 62);
        else if (x % 3 == 1)
            try_rmw(f, &a, (enum vm_ir_rmw)((x >> 30) % 9));
        else
            try_reserve(f, &a, x >> 60);
        if (i % 64 == 0)
            check_ram(f);
    }
    check_ram(f);
}

// --- devices, other contexts, tracking ---

static void a_device_that_refuses_is_a_bus_error(void **state)
{
    struct fixture *f = *state;
    struct vm_vcpu *v = f->rig.v[0];
    uint64_t value;
    f->rig.device_refuses = true;
    expect(f, rig_load(v, 0x4010, 4, &value), failed(RIG_BUS_ERROR, VM_ACCESS_READ, 0x4010));
    expect(f, rig_store(v, 0x4018, 8, 5), failed(RIG_BUS_ERROR, VM_ACCESS_WRITE, 0x4018));
    assert_int_equal(f->rig.device_offset, 0x18);
    assert_int_equal(f->rig.device_size, 8);
    assert_int_equal(v->stats.mmio_reads, 1);
    assert_int_equal(v->stats.mmio_writes, 1);
}

static void other_contexts_are_walked_and_not_cached(void **state)
{
    struct fixture *f = *state;
    struct vm_vcpu *v = f->rig.v[0];
    const uint32_t attr = 3 | 5u << VM_IR_MEM_INDEX_SHIFT;
    uint64_t value, walks = v->tlb.stats.walks;
    assert_true(vm_vcpu_load(v, vm_gva_of(0x1000), attr, &value));
    assert_true(vm_vcpu_load(v, vm_gva_of(0x1000), 3, &value));
    assert_int_equal(v->tlb.stats.walks, walks + 1);
    assert_true(vm_vcpu_store(v, vm_gva_of(0x2000), attr, value));
    assert_false(vm_tlb_hit(v->tlb.data->write[2].tag, 0x2000, 1));
}

static uint32_t version_of(const struct fixture *f, unsigned page)
{
    return atomic_load(&f->rig.ram_region->track[page].code_version);
}

// Every kind of store to watched lines is noticed, however it gets there.
static void stores_to_code_are_noticed(void **state)
{
    struct fixture *f = *state;
    struct vm_vcpu *v = f->rig.v[0];
    const struct vm_region *ram = f->rig.ram_region;
    uint64_t value, old;
    vm_u128 wide = {1, 2}, seen;
    for (unsigned how = 0; how < 9; how++) {
        assert_true(rig_store(v, 0x1040, 8, 0)); // the TLB may write ...
        uint32_t before = version_of(f, 0), after;
        vm_vcpu_watch_code(v, ram, 0x40, 0x4f); // ... until the line holds code
        assert_true(rig_store(v, 0x1080, 8, 0));
        assert_int_equal(version_of(f, 0), before); // another line
        vm_gva gva = vm_gva_of(0x1040);
        switch (how) {
        case 0: rig_store(v, 0x1048, 8, 1); break;
        case 1: rig_store(v, 0x103f, 2, 1); break; // its last byte
        case 2: vm_vcpu_store128(v, vm_gva_of(0x1038), 4, wide); break;
        case 3: vm_vcpu_rmw(v, gva, 2 | VM_IR_RMW_ADD << VM_IR_MEM_RMW_SHIFT, 1, &old); break;
        case 4: vm_vcpu_cas(v, gva, 3, (vm_u128){0, 0}, wide, &seen); break;
        case 5:
            vm_vcpu_load_reserved(v, gva, 3, &seen);
            vm_vcpu_store_conditional(v, gva, 3, wide, &value);
            break;
        case 6: vm_space_write(&f->rig.machine.space, vm_gpa_of(RIG_RAM + 0x3c), &wide, 8); break;
        case 7: rig_store(v, 0x107c, 8, 1); break;
        default: // an access that crosses from another page
            rig_store(v, 0x0ffd, 8, 1);
            vm_vcpu_watch_code(v, ram, 0, 1);
            rig_store(v, 0x0ffd, 8, 1);
        }
        after = version_of(f, 0);
        assert_int_equal(after, before + 1);
        assert_int_equal(atomic_load(&ram->track[0].code_lines), 0); // plain data again
        memcpy(f->ram, f->rig.ram, sizeof f->ram);
    }
    // A compare-and-swap and a store-conditional that fail write nothing.
    rig_store(v, 0x1040, 8, 5);
    vm_vcpu_watch_code(v, ram, 0x40, 0x41);
    uint32_t before = version_of(f, 0);
    vm_vcpu_cas(v, vm_gva_of(0x1040), 3, (vm_u128){6, 0}, wide, &seen);
    vm_vcpu_store_conditional(v, vm_gva_of(0x1040), 3, wide, &value);
    assert_int_equal(version_of(f, 0), before);
}

static void marks_spread_over_lines_and_pages(void **state)
{
    struct fixture *f = *state;
    const struct vm_region *ram = f->rig.ram_region;
    vm_vcpu_watch_code(f->rig.v[0], ram, 2 * PAGE - 65, 2 * PAGE + 64);
    assert_int_equal(atomic_load(&ram->track[0].code_lines), 0);
    assert_int_equal(atomic_load(&ram->track[1].code_lines), (uint64_t)3 << 62);
    assert_int_equal(atomic_load(&ram->track[2].code_lines), 3);
}

static void devices_see_who_accesses_them(void **state)
{
    (void)state;
    struct rig *r = calloc(1, sizeof *r);
    uint64_t value;
    rig_init(r, RIG_VCPUS, NULL, NULL);
    rig_map(r, 0x4000, RIG_MMIO, RW);
    for (uint32_t i = 0; i < RIG_VCPUS; i++) {
        r->device_vcpu = UINT32_MAX;
        assert_true(rig_load(r->v[i], 0x4000, 4, &value));
        assert_int_equal(r->device_vcpu, i);
        r->device_vcpu = UINT32_MAX;
        assert_true(rig_store(r->v[i], 0x4000, 4, 0));
        assert_int_equal(r->device_vcpu, i);
    }
    rig_destroy(r);
    free(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads_and_stores_agree_with_the_model),
        TEST(wide_accesses_agree_with_the_model),
        TEST(atomics_agree_with_the_model),
        TEST(a_device_that_refuses_is_a_bus_error),
        TEST(other_contexts_are_walked_and_not_cached),
        TEST(stores_to_code_are_noticed),
        TEST(marks_spread_over_lines_and_pages),
        cmocka_unit_test(devices_see_who_accesses_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
