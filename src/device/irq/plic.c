// SPDX-License-Identifier: MIT
//
// PLIC (vm/device/plic.h). A source's gateway forwards one request while its wire is high and the
// last one is not completed; a forwarded request pends until some context claims it.
//
// Invariant: a source never pends while it is claimed. Locking: all state is under one lock, which
// is also held while wires to the harts are driven, so that a level never overtakes a later one.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/plic.h>

enum {
    PRIORITY = 0x0,
    PENDING = 0x1000,
    ENABLE = 0x2000,
    ENABLE_STRIDE = 0x80,
    CONTEXT = 0x200000,
    CONTEXT_STRIDE = 0x1000,
    CONTEXT_THRESHOLD = 0,
    CONTEXT_CLAIM = 4,

    WORDS = (VM_PLIC_SOURCES + 1 + 31) / 32, // source 0 does not exist but has its bit
};

struct context {
    uint32_t enable[WORDS];
    uint32_t threshold;
    struct vm_irq irq;
    uint32_t cpu_intc, cause;
};

struct plic {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    vm_gpa base;
    uint32_t phandle;
    uint8_t priority[VM_PLIC_SOURCES + 1];
    uint32_t level[WORDS], pending[WORDS], claimed[WORDS];
    uint32_t contexts;
    struct context context[VM_PLIC_MAX_CONTEXTS];
};

static bool get_bit(const uint32_t *words, uint32_t n)
{
    return words[n / 32] >> (n % 32) & 1;
}

static void put_bit(uint32_t *words, uint32_t n, bool value)
{
    uint32_t bit = (uint32_t)1 << (n % 32);
    words[n / 32] = value ? words[n / 32] | bit : words[n / 32] & ~bit;
}

// The pending source of highest priority above `threshold` that the context has enabled, the lowest
// number among equals; 0 if there is none.
static uint32_t best_source(const struct plic *p, const struct context *c, uint32_t threshold)
{
    uint32_t best = 0, best_priority = threshold;
    for (uint32_t w = 0; w < WORDS; w++) {
        for (uint32_t bits = p->pending[w] & c->enable[w]; bits; bits &= bits - 1) {
            uint32_t source = 32 * w + vm_ctz32(bits);
            if (p->priority[source] > best_priority) {
                best = source;
                best_priority = p->priority[source];
            }
        }
    }
    return best;
}

static void update_context(struct plic *p, struct context *c)
{
    vm_irq_set(&c->irq, best_source(p, c, c->threshold) != 0);
}

static void update_all(struct plic *p)
{
    for (uint32_t i = 0; i < p->contexts; i++)
        update_context(p, &p->context[i]);
}

// Lets the gateway forward a request; true if one pends newly.
static bool open_gateway(struct plic *p, uint32_t source)
{
    if (!get_bit(p->level, source) || get_bit(p->claimed, source) || get_bit(p->pending, source))
        return false;
    put_bit(p->pending, source, true);
    return true;
}

static void source_changed(void *target, uint32_t source, bool level)
{
    struct plic *p = target;
    vm_device_lock(p->machine, p->lock);
    put_bit(p->level, source, level);
    if (open_gateway(p, source))
        update_all(p);
    vm_device_unlock(p->machine, p->lock);
}

// The threshold masks the notification, not the claim (specification, "Interrupt Claim Process").
static uint32_t claim(struct plic *p, struct context *c)
{
    uint32_t source = best_source(p, c, 0);
    if (source) {
        put_bit(p->pending, source, false);
        put_bit(p->claimed, source, true);
        update_all(p);
    }
    return source;
}

// A completion of a source that the context has not enabled is ignored, as the specification says.
static void complete(struct plic *p, const struct context *c, uint64_t source)
{
    if (source == 0 || source > VM_PLIC_SOURCES || !get_bit(c->enable, (uint32_t)source) ||
        !get_bit(p->claimed, (uint32_t)source))
        return;
    put_bit(p->claimed, (uint32_t)source, false);
    if (open_gateway(p, (uint32_t)source))
        update_all(p);
}

static uint32_t valid_bits(uint32_t word)
{
    uint32_t mask = UINT32_MAX;
    if (word == 0)
        mask &= ~(uint32_t)1;
    if (word == WORDS - 1)
        mask &= (uint32_t)vm_mask(VM_PLIC_SOURCES % 32 + 1);
    return mask;
}

static struct context *context_of(struct plic *p, uint64_t offset, uint64_t first, uint64_t stride)
{
    uint64_t index = (offset - first) / stride;
    return index < p->contexts ? &p->context[index] : NULL;
}

// Registers that do not exist read as 0.
static uint32_t read_register(struct plic *p, uint64_t offset)
{
    if (offset >= CONTEXT) {
        struct context *c = context_of(p, offset, CONTEXT, CONTEXT_STRIDE);
        uint64_t reg = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (c && reg == CONTEXT_CLAIM)
            return claim(p, c);
        return c && reg == CONTEXT_THRESHOLD ? c->threshold : 0;
    }
    if (offset >= ENABLE) {
        struct context *c = context_of(p, offset, ENABLE, ENABLE_STRIDE);
        uint64_t word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        return c && word < WORDS ? c->enable[word] : 0;
    }
    if (offset >= PENDING) {
        uint64_t word = (offset - PENDING) / 4;
        return word < WORDS ? p->pending[word] : 0;
    }
    uint64_t source = (offset - PRIORITY) / 4;
    return source <= VM_PLIC_SOURCES ? p->priority[source] : 0;
}

static void write_register(struct plic *p, uint64_t offset, uint32_t value)
{
    if (offset >= CONTEXT) {
        struct context *c = context_of(p, offset, CONTEXT, CONTEXT_STRIDE);
        uint64_t reg = (offset - CONTEXT) % CONTEXT_STRIDE;
        if (c && reg == CONTEXT_CLAIM) {
            complete(p, c, value);
        } else if (c && reg == CONTEXT_THRESHOLD) {
            c->threshold = value & VM_PLIC_MAX_PRIORITY;
            update_context(p, c);
        }
    } else if (offset >= ENABLE) {
        struct context *c = context_of(p, offset, ENABLE, ENABLE_STRIDE);
        uint64_t word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (c && word < WORDS) {
            c->enable[word] = value & valid_bits((uint32_t)word);
            update_context(p, c);
        }
    } else if (offset < PENDING) { // pending bits are read-only
        uint64_t source = (offset - PRIORITY) / 4;
        if (source >= 1 && source <= VM_PLIC_SOURCES) {
            p->priority[source] = value & VM_PLIC_MAX_PRIORITY;
            update_all(p);
        }
    }
}

static bool plic_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct plic *p = device;
    if (size != 4)
        return false;
    vm_device_lock(p->machine, p->lock);
    *value = read_register(p, offset);
    vm_device_unlock(p->machine, p->lock);
    return true;
}

static bool plic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct plic *p = device;
    if (size != 4)
        return false;
    vm_device_lock(p->machine, p->lock);
    write_register(p, offset, (uint32_t)value);
    vm_device_unlock(p->machine, p->lock);
    return true;
}

// Levels are the wires' own and stay.
static void plic_reset(void *device)
{
    struct plic *p = device;
    vm_device_lock(p->machine, p->lock);
    vm_zero(p->priority, sizeof p->priority);
    vm_zero(p->claimed, sizeof p->claimed);
    vm_copy(p->pending, p->level, sizeof p->pending);
    for (uint32_t i = 0; i < p->contexts; i++) {
        vm_zero(p->context[i].enable, sizeof p->context[i].enable);
        p->context[i].threshold = 0;
    }
    update_all(p);
    vm_device_unlock(p->machine, p->lock);
}

static int plic_describe(const void *device, void *fdt)
{
    const struct plic *p = device;
    struct vm_describe d = {.fdt = fdt};
    uint32_t wires[2 * VM_PLIC_MAX_CONTEXTS];
    for (uint32_t i = 0; i < p->contexts; i++) {
        wires[2 * i] = p->context[i].cpu_intc;
        wires[2 * i + 1] = p->context[i].cause;
    }
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    vm_describe_begin_at(&d, "plic", p->base.v);
    vm_describe_bytes(&d, "compatible", compatible, sizeof compatible);
    vm_describe_reg(&d, p->base.v, VM_PLIC_SIZE);
    vm_describe_cell(&d, "#address-cells", 0);
    vm_describe_cell(&d, "#interrupt-cells", 1);
    vm_describe_flag(&d, "interrupt-controller");
    vm_describe_cells(&d, "interrupts-extended", wires, 2 * (size_t)p->contexts);
    vm_describe_cell(&d, "riscv,ndev", VM_PLIC_SOURCES);
    vm_describe_cell(&d, "phandle", p->phandle);
    vm_describe_end(&d);
    return d.error;
}

static void plic_destroy(void *device)
{
    struct plic *p = device;
    vm_device_lock_destroy(p->machine, p->lock);
    vm_device_release(p->machine, p, sizeof *p);
}

static const struct vm_device_ops plic_ops = {
    .type = "plic",
    .mmio = {plic_read, plic_write},
    .reset = plic_reset,
    .destroy = plic_destroy,
    .describe = plic_describe,
};

vm_status vm_plic_create(struct vm_machine *m, const struct vm_plic_config *config,
                         struct vm_device *out, struct vm_error *e)
{
    if (config->contexts > VM_PLIC_MAX_CONTEXTS)
        return vm_error_set(e, VM_ERR_USAGE, "the PLIC has at most %d contexts, not %u",
                            VM_PLIC_MAX_CONTEXTS, config->contexts);
    struct plic *p = vm_device_alloc(m, sizeof *p, plic_ops.type, e);
    if (!p)
        return VM_ERR_HOST;
    p->machine = m;
    p->base = config->base;
    p->phandle = config->phandle;
    p->contexts = config->contexts;
    for (uint32_t i = 0; i < config->contexts; i++) {
        p->context[i].irq = config->context[i].irq;
        p->context[i].cpu_intc = config->context[i].cpu_intc;
        p->context[i].cause = config->context[i].cause;
    }
    p->lock = vm_device_lock_create(m, plic_ops.type, e);
    if (!p->lock) {
        plic_destroy(p);
        return VM_ERR_HOST;
    }
    *out = (struct vm_device){&plic_ops, p, config->base, VM_PLIC_SIZE};
    return VM_OK;
}

struct vm_irq vm_plic_source(const struct vm_device *plic, uint32_t source)
{
    if (source < 1 || source > VM_PLIC_SOURCES)
        return (struct vm_irq){0};
    return (struct vm_irq){source_changed, plic->device, source};
}
