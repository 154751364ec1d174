// SPDX-License-Identifier: MIT
//
// Access to CSRs: finding the row of csrs.def, the checks that every access takes (volume II, CSR
// Address Mapping Conventions; volume I, Zicsr), and the helpers that CSR instructions call.
//
// A read gives the state before the instruction; a write's effects hold from the next instruction.
#include "system.h"

enum {
#define RV_CSR(id, ...) ROW_##id,
#include "csrs.def"
    ROW_COUNT,
};

static const struct rv_csr rows[ROW_COUNT] = {
#define RV_CSR(id, name, address, count, ext, check, read, write, field, writable, manual) \
    {name,                                                                                 \
     address,                                                                              \
     count,                                                                                \
     RV_EXT_##ext,                                                                         \
     rv_check_##check,                                                                     \
     rv_read_##read,                                                                       \
     rv_write_##write,                                                                     \
     offsetof(struct vm_riscv64_state, field),                                             \
     writable,                                                                             \
     manual},
#include "csrs.def"
};

// 1 + the row of each address, 0 for none.
static const uint8_t row_of[4096] = {
#define RV_CSR(id, name, address, count, ...) [address... address + count - 1] = 1 + ROW_##id,
#include "csrs.def"
};

const struct rv_csr *rv_csr_find(unsigned address)
{
    unsigned row = address < VM_ARRAY_SIZE(row_of) ? row_of[address] : 0;
    return row ? &rows[row - 1] : NULL;
}

// --- what most rows use ---

bool rv_check_any(const struct rv_csr_access *a)
{
    (void)a;
    return true;
}

static uint64_t *field_of(const struct rv_csr_access *a)
{
    return (uint64_t *)(void *)((char *)a->s + a->row->field) + a->number;
}

uint64_t rv_read_field(const struct rv_csr_access *a)
{
    return *field_of(a);
}

void rv_put_field(const struct rv_csr_access *a, uint64_t value, uint64_t writable)
{
    uint64_t *field = field_of(a);
    *field = (*field & ~writable) | (value & writable);
}

void rv_write_field(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, a->row->writable);
}

uint64_t rv_read_zero(const struct rv_csr_access *a)
{
    (void)a;
    return 0;
}

void rv_write_ignore(const struct rv_csr_access *a, uint64_t value)
{
    (void)a;
    (void)value;
}

// --- the helpers ---

// Checks an access and completes its description. False: illegal-instruction is raised.
static bool begin(struct vm_vcpu *v, uint64_t address, struct rv_csr_access *a)
{
    struct vm_riscv64_state *s = rv_state(v);
    const struct rv_config *config = rv_config_of(v);
    const struct rv_csr *row = rv_csr_find((unsigned)address);
    if (row) {
        a->v = v;
        a->s = s;
        a->config = config;
        a->row = row;
        a->number = (unsigned)address - row->address;
        bool privileged = s->privilege >= (address >> 8 & 3);
        bool read_only = address >> 10 == 3;
        if (privileged && !(a->write && read_only) && rv_has(config, (enum rv_ext)row->extension) &&
            row->check(a))
            return true;
    }
    rv_raise_illegal(v);
    return false;
}

// Reads, and writes the bits of `mask` as they are in `bits`.
static uint64_t modify(struct vm_vcpu *v, uint64_t address, uint64_t bits, uint64_t mask,
                       uint64_t icount)
{
    struct rv_csr_access a = {
        .read = true, .write = true, .mask = mask, .bits = bits, .icount = icount};
    if (!begin(v, address, &a))
        return 0;
    uint64_t old = a.row->read(&a);
    a.row->write(&a, (old & ~mask) | (bits & mask));
    return old;
}

// What follows from sstatus after IR has written it.
uint64_t rv_help_status(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    rv_sync(vcpu);
    rv_check_interrupts(vcpu);
    return 0;
}

uint64_t rv_help_csr_read(void *vcpu, uint64_t address, uint64_t icount, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    struct rv_csr_access a = {.read = true, .icount = icount};
    return begin(vcpu, address, &a) ? a.row->read(&a) : 0;
}

uint64_t rv_help_csr_write(void *vcpu, uint64_t address, uint64_t value, uint64_t icount,
                           uint64_t d)
{
    (void)d;
    struct rv_csr_access a = {.write = true, .mask = UINT64_MAX, .bits = value, .icount = icount};
    if (begin(vcpu, address, &a))
        a.row->write(&a, value);
    return 0;
}

uint64_t rv_help_csr_swap(void *vcpu, uint64_t address, uint64_t value, uint64_t icount, uint64_t d)
{
    (void)d;
    return modify(vcpu, address, value, UINT64_MAX, icount);
}

uint64_t rv_help_csr_set(void *vcpu, uint64_t address, uint64_t mask, uint64_t icount, uint64_t d)
{
    (void)d;
    return modify(vcpu, address, UINT64_MAX, mask, icount);
}

uint64_t rv_help_csr_clear(void *vcpu, uint64_t address, uint64_t mask, uint64_t icount, uint64_t d)
{
    (void)d;
    return modify(vcpu, address, 0, mask, icount);
}
