// SPDX-License-Identifier: MIT
//
// The CSRs of the Advanced Interrupt Architecture 1.0 (Smaia and Ssaia), chapters "CSRs" and
// "Interrupts for Machine and Supervisor Levels". The interrupt files behind some of them are the
// board's (vm/core/arch/riscv64/imsic.h); without an IMSIC their CSRs do not exist.
//
// The priorities of major interrupts (iprio) are read-only zeros, so that the default order holds
// and a top interrupt's priority reads as 1, as the manual allows.
#include "system.h"

// Values of miselect and siselect.
enum {
    IPRIO_FIRST = 0x30,
    IPRIO_LAST = 0x3f,
    FILE_FIRST = 0x70,
    FILE_ARRAYS = 0x80,
    FILE_LAST = 0xff,
};

enum { IID_SHIFT = 16, SIMPLE_PRIORITY = 1 };

static bool is_machine(const struct rv_csr_access *a)
{
    return (a->row->address >> 8 & 3) == VM_RISCV64_M;
}

static const struct vm_register_device *file_of(const struct rv_csr_access *a)
{
    const struct vm_riscv64_imsic *imsic = &a->s->derived.imsic;
    return is_machine(a) ? &imsic->machine : &imsic->supervisor;
}

static uint64_t select_of(const struct rv_csr_access *a)
{
    return is_machine(a) ? a->s->miselect : a->s->siselect;
}

// --- who may access what (Access control by the state-enable CSRs) ---

uint64_t rv_mstateen0_mask(struct vm_vcpu *v)
{
    const struct rv_config *c = rv_config_of(v);
    uint64_t aia = rv_has(c, RV_EXT_SSAIA) ? RV_STATEEN_CSRIND | RV_STATEEN_AIA : 0;
    return RV_STATEEN_SE0 | RV_STATEEN_ENVCFG | aia |
           (rv_has_imsic(rv_state(v)) ? RV_STATEEN_IMSIC : 0);
}

void rv_write_mstateen0(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, rv_mstateen0_mask(a->v));
}

static bool is_enabled(const struct rv_csr_access *a, uint64_t bits)
{
    return a->s->privilege == VM_RISCV64_M || !rv_has(a->config, RV_EXT_SMSTATEEN) ||
           (a->s->mstateen0 & bits) == bits;
}

bool rv_check_siselect(const struct rv_csr_access *a)
{
    return is_enabled(a, RV_STATEEN_CSRIND);
}

bool rv_check_stopi(const struct rv_csr_access *a)
{
    return is_enabled(a, RV_STATEEN_AIA);
}

// While machine level filters supervisor external interrupts, their file is its own (Interrupt
// filtering and virtual interrupts for supervisor level).
static bool may_use_file(const struct rv_csr_access *a)
{
    bool filtered = a->s->privilege < VM_RISCV64_M && a->s->mvien & RV_IP(VM_RISCV64_SEI);
    return file_of(a)->ops && !filtered && is_enabled(a, RV_STATEEN_IMSIC);
}

bool rv_check_topei(const struct rv_csr_access *a)
{
    return may_use_file(a);
}

// Of the registers that are 64 bits wide here only the even ones exist. What the architecture has
// not given a meaning is illegal.
bool rv_check_ireg(const struct rv_csr_access *a)
{
    uint64_t number = select_of(a);
    if (!is_enabled(a, RV_STATEEN_CSRIND))
        return false;
    if (number >= IPRIO_FIRST && number <= IPRIO_LAST)
        return number % 2 == 0 && is_enabled(a, RV_STATEEN_AIA);
    if (number >= FILE_FIRST && number <= FILE_LAST)
        return (number < FILE_ARRAYS || number % 2 == 0) && may_use_file(a);
    return false;
}

// --- registers behind the window ---

// An access that reads and writes is one step, all of which the read does: no message that arrives
// meanwhile is lost.
static uint64_t exchange(const struct rv_csr_access *a, uint64_t number, uint64_t value,
                         uint64_t mask)
{
    const struct vm_register_device *f = file_of(a);
    uint64_t old = 0;
    (void)f->ops->exchange(f->device, a->v->index, (uint16_t)number, value, mask, &old);
    return old;
}

static uint64_t access_ireg(const struct rv_csr_access *a, uint64_t value, uint64_t mask)
{
    uint64_t number = select_of(a);
    return number < FILE_FIRST ? 0 : exchange(a, number, value, mask); // iprio
}

uint64_t rv_read_ireg(const struct rv_csr_access *a)
{
    return access_ireg(a, a->bits, a->write ? a->mask : 0);
}

void rv_write_ireg(const struct rv_csr_access *a, uint64_t value)
{
    if (!a->read)
        access_ireg(a, value, UINT64_MAX);
}

// --- the top interrupts ---

static uint64_t top_external(const struct rv_csr_access *a, bool claim)
{
    uint64_t identity = exchange(a, VM_RISCV64_TOPEI, 0, claim ? UINT64_MAX : 0);
    return identity << IID_SHIFT | identity;
}

// As above: what a read returns is what the same instruction's write claims.
uint64_t rv_read_topei(const struct rv_csr_access *a)
{
    return top_external(a, a->write);
}

void rv_write_topei(const struct rv_csr_access *a, uint64_t value)
{
    (void)value;
    if (!a->read)
        top_external(a, true);
}

static uint64_t top_of(uint64_t interrupts)
{
    if (!interrupts)
        return 0;
    return (uint64_t)rv_first_interrupt(interrupts) << IID_SHIFT | SIMPLE_PRIORITY;
}

uint64_t rv_read_mtopi(const struct rv_csr_access *a)
{
    return top_of(rv_machine_interrupts(a->v));
}

uint64_t rv_read_stopi(const struct rv_csr_access *a)
{
    return top_of(rv_supervisor_interrupts(a->v));
}

// --- mvien, mvip ---

uint64_t rv_mvien_mask(const struct rv_config *c)
{
    return rv_has(c, RV_EXT_SMAIA) ? RV_IP(VM_RISCV64_SSI) | RV_IP(VM_RISCV64_SEI) : 0;
}

void rv_write_mvien(const struct rv_csr_access *a, uint64_t value)
{
    rv_put_field(a, value, rv_mvien_mask(a->config));
    rv_check_interrupts(a->v);
}

// The bits of mvip that are those of mip: SSIP unless mvien has it, STIP while it is writable.
static uint64_t aliases(const struct vm_riscv64_state *s)
{
    return (s->mvien & RV_IP(VM_RISCV64_SSI) ? 0 : RV_IP(VM_RISCV64_SSI)) |
           (s->menvcfg & RV_ENVCFG_STCE ? 0 : RV_IP(VM_RISCV64_STI));
}

uint64_t rv_read_mvip(const struct rv_csr_access *a)
{
    const struct vm_riscv64_state *s = a->s;
    uint64_t same = aliases(s);
    uint64_t lines = atomic_load(&a->v->irq_lines) & RV_IP(VM_RISCV64_SSI);
    uint64_t own = s->mvip & RV_IP(VM_RISCV64_SSI) & ~same;
    return ((s->mip | lines) & same) | own | (s->mip & RV_IP(VM_RISCV64_SEI));
}

void rv_write_mvip(const struct rv_csr_access *a, uint64_t value)
{
    struct vm_riscv64_state *s = a->s;
    uint64_t same = aliases(s), ssi = RV_IP(VM_RISCV64_SSI);
    uint64_t in_mip = a->mask & (RV_IP(VM_RISCV64_SEI) | (same & RV_IP(VM_RISCV64_STI)));
    s->mip = (s->mip & ~in_mip) | (value & in_mip);
    if (a->mask & ssi & same)
        vm_vcpu_set_irq(a->v, VM_RISCV64_SSI, (value & ssi) != 0);
    else
        s->mvip = (s->mvip & ~(a->mask & ssi)) | (value & a->mask & ssi);
    rv_check_interrupts(a->v);
}

// --- for the board ---

vm_status vm_riscv64_connect_imsics(struct vm_machine *m, const struct vm_riscv64_imsic *imsics,
                                    struct vm_error *e)
{
    vm_status status = rv_add_aia(m->config, e);
    for (uint32_t i = 0; status == VM_OK && i < m->vcpu_count; i++)
        rv_state(m->vcpus[i])->derived.imsic = imsics[i];
    return status;
}
