// SPDX-License-Identifier: MIT
//
// Advanced SIMD loads and stores of structures (the manual, C7.2 LD1 to LD4R and ST1 to ST4).
// Arguments: len is the number of registers less 1, ra 1 where the base is written.
//
// Registers go to and from memory whole, and are taken apart and put together by permutations;
// where every access is checked for alignment (SCTLR.A), which is that of an element, they go
// element by element. All loads come before the first put, stores in the order of addresses.
#include "sem_simd.h"

enum { MAX = 4 };

static unsigned registers(const struct a64_args *a)
{
    return a->len + 1u;
}

static unsigned bytes_of(const struct a64_args *a)
{
    return a->q ? 16 : 8;
}

static unsigned number(const struct a64_args *a, unsigned i)
{
    return (a->rd + i) & 31;
}

// Post-index by Rm, or by `bytes` where that is 31.
static void write_back(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                       unsigned bytes)
{
    if (!a->ra)
        return;
    vm_ir_value by = a->rm == 31 ? a64_imm(t, bytes) : a64_x(t, a->rm);
    a64_set_x_sp(t, a->rn, vm_ir_add(t->b, VM_I64, base, by));
}

static bool checked(const struct a64_translate *t)
{
    return t->mode & A64_MODE_ALIGN;
}

static void put_all(struct a64_translate *t, const struct a64_args *a, const vm_ir_value v[MAX])
{
    for (unsigned i = 0; i < registers(a); i++)
        a64_set_v(t, number(a, i), v[i]);
}

static void get_all(struct a64_translate *t, const struct a64_args *a, vm_ir_value v[MAX])
{
    for (unsigned i = 0; i < registers(a); i++)
        v[i] = a64_v(t, number(a, i));
}

// --- whole registers ---

static void load_whole(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                       vm_ir_value v[MAX])
{
    unsigned bytes = bytes_of(a);
    for (unsigned i = 0; i < registers(a); i++)
        v[i] = vm_ir_load(t->b, VM_V128, a64_mem(t, a->q ? 4 : 3, 0), base, i * bytes);
}

static void store_whole(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                        const vm_ir_value v[MAX])
{
    unsigned bytes = bytes_of(a);
    for (unsigned i = 0; i < registers(a); i++)
        vm_ir_store(t->b, VM_V128, a64_mem(t, a->q ? 4 : 3, 0), base, i * bytes, v[i]);
}

// Elements of two vectors, taken apart by turns.
static void unzip(struct a64_translate *t, const struct a64_args *a, vm_ir_value x, vm_ir_value y,
                  vm_ir_value *even, vm_ir_value *odd)
{
    uint32_t attr = a64_lanes(a, a->size);
    *even = vm_ir_vuzp1(t->b, VM_V128, attr, x, y);
    *odd = vm_ir_vuzp2(t->b, VM_V128, attr, x, y);
}

static void zip(struct a64_translate *t, const struct a64_args *a, vm_ir_value x, vm_ir_value y,
                vm_ir_value *low, vm_ir_value *high)
{
    uint32_t attr = a64_lanes(a, a->size);
    *low = vm_ir_vzip1(t->b, VM_V128, attr, x, y);
    *high = vm_ir_vzip2(t->b, VM_V128, attr, x, y);
}

static void unzip4(struct a64_translate *t, const struct a64_args *a, vm_ir_value v[MAX])
{
    vm_ir_value even[2], odd[2];
    unzip(t, a, v[0], v[1], &even[0], &odd[0]);
    unzip(t, a, v[2], v[3], &even[1], &odd[1]);
    unzip(t, a, even[0], even[1], &v[0], &v[2]);
    unzip(t, a, odd[0], odd[1], &v[1], &v[3]);
}

static void zip4(struct a64_translate *t, const struct a64_args *a, vm_ir_value v[MAX])
{
    vm_ir_value even[2], odd[2];
    zip(t, a, v[0], v[2], &even[0], &even[1]);
    zip(t, a, v[1], v[3], &odd[0], &odd[1]);
    zip(t, a, even[0], odd[0], &v[0], &v[1]);
    zip(t, a, even[1], odd[1], &v[2], &v[3]);
}

// Where byte i of vector `to` is among the bytes of three vectors: as they are in memory for the
// bytes of registers (`loads`), or the other way round.
static unsigned source3(const struct a64_args *a, bool loads, unsigned to, unsigned i)
{
    unsigned bytes = bytes_of(a), in = i & ((1u << a->size) - 1);
    if (loads)
        return (((i >> a->size) * 3 + to) << a->size) + in;
    unsigned element = (to * bytes + i) >> a->size;
    return element % 3 * bytes + (element / 3 << a->size) + in;
}

// The bytes of `from` that go to vector number `to`, at their places; zeros elsewhere.
static vm_ir_value pick3(struct a64_translate *t, const struct a64_args *a, bool loads, unsigned to,
                         unsigned from, vm_ir_value v)
{
    unsigned bytes = bytes_of(a);
    uint64_t index[2] = {0, 0};
    for (unsigned i = 0; i < 16; i++) {
        unsigned source = i < bytes ? source3(a, loads, to, i) : 0xff;
        uint64_t at = source < 0xff && source / bytes == from ? source % bytes : 0xff;
        index[i / 8] |= at << i % 8 * 8;
    }
    uint32_t halves = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
    vm_ir_value low = a64_imm(t, index[0]), high = a64_imm(t, index[1]);
    vm_ir_value table = vm_ir_vpair(t->b, VM_V128, halves, low, high);
    return vm_ir_vtbl(t->b, VM_V128, VM_IR_LANES(VM_I8, VM_IR_WHOLE), v, table);
}

static void permute3(struct a64_translate *t, const struct a64_args *a, bool loads,
                     vm_ir_value v[MAX])
{
    uint32_t attr = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
    vm_ir_value old[3] = {v[0], v[1], v[2]};
    for (unsigned to = 0; to < 3; to++) {
        vm_ir_value part[3];
        for (unsigned from = 0; from < 3; from++)
            part[from] = pick3(t, a, loads, to, from, old[from]);
        v[to] = vm_ir_vor(t->b, VM_V128, attr, part[0], part[1]);
        v[to] = vm_ir_vor(t->b, VM_V128, attr, v[to], part[2]);
    }
}

// --- element by element ---

static uint32_t element(const struct a64_args *a, unsigned index)
{
    return VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE) | VM_IR_VIMM(index);
}

// Element number i of memory is element *e of register *r. `structures`: registers by turns.
static void locate(const struct a64_args *a, bool structures, unsigned i, unsigned *r, unsigned *e)
{
    unsigned each = bytes_of(a) >> a->size;
    *r = structures ? i % registers(a) : i / each;
    *e = structures ? i / registers(a) : i % each;
}

static void load_elements(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                          bool structures, vm_ir_value v[MAX])
{
    for (unsigned i = 0; i < registers(a); i++)
        v[i] = a64_v_zero(t);
    for (unsigned i = 0; i < registers(a) * bytes_of(a) >> a->size; i++) {
        unsigned r, e;
        locate(a, structures, i, &r, &e);
        vm_ir_value x = vm_ir_load(t->b, VM_I64, a64_mem(t, a->size, 0), base, i << a->size);
        v[r] = vm_ir_vset(t->b, VM_V128, element(a, e), v[r], x);
    }
}

static void store_elements(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                           bool structures, const vm_ir_value v[MAX])
{
    for (unsigned i = 0; i < registers(a) * bytes_of(a) >> a->size; i++) {
        unsigned r, e;
        locate(a, structures, i, &r, &e);
        vm_ir_value x = vm_ir_vget(t->b, VM_V128, element(a, e), v[r]);
        vm_ir_store(t->b, VM_I64, a64_mem(t, a->size, 0), base, i << a->size, x);
    }
}

// --- multiple structures ---

static void load(struct a64_translate *t, const struct a64_args *a, bool structures)
{
    vm_ir_value v[MAX], base = a64_base(t, a->rn);
    if (checked(t)) {
        load_elements(t, a, base, structures, v);
    } else {
        load_whole(t, a, base, v);
        if (structures && registers(a) == 2)
            unzip(t, a, v[0], v[1], &v[0], &v[1]);
        else if (structures && registers(a) == 3)
            permute3(t, a, true, v);
        else if (structures)
            unzip4(t, a, v);
    }
    put_all(t, a, v);
    write_back(t, a, base, registers(a) * bytes_of(a));
}

static void store(struct a64_translate *t, const struct a64_args *a, bool structures)
{
    vm_ir_value v[MAX], base = a64_base(t, a->rn);
    get_all(t, a, v);
    if (checked(t)) {
        store_elements(t, a, base, structures, v);
    } else {
        if (structures && registers(a) == 2)
            zip(t, a, v[0], v[1], &v[0], &v[1]);
        else if (structures && registers(a) == 3)
            permute3(t, a, false, v);
        else if (structures)
            zip4(t, a, v);
        store_whole(t, a, base, v);
    }
    write_back(t, a, base, registers(a) * bytes_of(a));
}

A64_SEMANTIC(ld1_multiple)
{
    load(t, a, false);
}

A64_SEMANTIC(ld2_multiple)
{
    load(t, a, true);
}

A64_SEMANTIC(ld3_multiple)
{
    load(t, a, true);
}

A64_SEMANTIC(ld4_multiple)
{
    load(t, a, true);
}

A64_SEMANTIC(st1_multiple)
{
    store(t, a, false);
}

A64_SEMANTIC(st2_multiple)
{
    store(t, a, true);
}

A64_SEMANTIC(st3_multiple)
{
    store(t, a, true);
}

A64_SEMANTIC(st4_multiple)
{
    store(t, a, true);
}

// --- single structures ---

static void load_each(struct a64_translate *t, const struct a64_args *a, vm_ir_value base,
                      vm_ir_value x[MAX])
{
    for (unsigned i = 0; i < registers(a); i++)
        x[i] = vm_ir_load(t->b, VM_I64, a64_mem(t, a->size, 0), base, i << a->size);
}

A64_SEMANTIC(load_single)
{
    vm_ir_value v[MAX], x[MAX], base = a64_base(t, a->rn);
    load_each(t, a, base, x);
    get_all(t, a, v);
    for (unsigned i = 0; i < registers(a); i++)
        v[i] = vm_ir_vset(t->b, VM_V128, element(a, a->index), v[i], x[i]);
    put_all(t, a, v);
    write_back(t, a, base, registers(a) << a->size);
}

A64_SEMANTIC(load_replicate)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value v[MAX], base = a64_base(t, a->rn);
    load_each(t, a, base, v);
    for (unsigned i = 0; i < registers(a); i++)
        v[i] = vm_ir_vsplat(t->b, VM_V128, attr, v[i]);
    put_all(t, a, v);
    write_back(t, a, base, registers(a) << a->size);
}

A64_SEMANTIC(store_single)
{
    vm_ir_value v[MAX], base = a64_base(t, a->rn);
    get_all(t, a, v);
    for (unsigned i = 0; i < registers(a); i++) {
        vm_ir_value x = vm_ir_vget(t->b, VM_V128, element(a, a->index), v[i]);
        vm_ir_store(t->b, VM_I64, a64_mem(t, a->size, 0), base, i << a->size, x);
    }
    write_back(t, a, base, registers(a) << a->size);
}
