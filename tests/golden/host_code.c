// SPDX-License-Identifier: MIT
//
// Writes what the JIT makes of each instruction of a guest's tables, for host_code.py: one
// encoding of each row, translated as a block of its own, for the features of two host CPUs that
// this host need not have, since nothing is run. Everything is made twice, in two machines, so that
// what depends on addresses can be told from what does not. Lines, fields separated by tabs:
//
//   register NAME NUMBER            the host's register that a guest's is in
//   state NAME DISPLACEMENT BYTES   something that code reaches off the register with the state
//   place NAME NUMBER               code that blocks share, by its offset in the code cache
//   address NAME NUMBER             of a C function or object, in the first machine
//   block NAME GROUP CPU GUEST-BYTES TEXT IR-OPS PLACE ASIDE CODE SECOND-CODE WAYS WAY
//
// PLACE is the block's offset in the code cache, ASIDE that of its rarely run section in CODE. WAYS
// is where the first machine has the descriptions of the block's exits, each of WAY bytes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>
#include <vm/core/machine.h>
#include <vm/core/translate.h>
#include <vm/engine-jit/jit.h>
#include <vm/ir/passes.h>
#include <vm/osal/cpu.h>

#include "emit-x86_64/emit.h"
#include "test_host.h"
#include "words.h"

enum {
    ENTRY = 0x100, // of the code in its page: jumps both ways stay there
    SIZE = 2 * VM_PAGE_SIZE,
};

struct cpu {
    const char *name;
    uint32_t features;
};

// The x86-64 psABI's levels 1 and 3, level 3 with the extensions that every CPU of it has.
static const struct cpu cpus[] = {
    {"v1", 0},
    {"v3", VM_CPU_X86_64_SSE3 | VM_CPU_X86_64_SSSE3 | VM_CPU_X86_64_SSE4_1 | VM_CPU_X86_64_SSE4_2 |
               VM_CPU_X86_64_POPCNT | VM_CPU_X86_64_AVX | VM_CPU_X86_64_AVX2 | VM_CPU_X86_64_FMA |
               VM_CPU_X86_64_BMI1 | VM_CPU_X86_64_BMI2 | VM_CPU_X86_64_LZCNT | VM_CPU_X86_64_F16C |
               VM_CPU_X86_64_PCLMUL | VM_CPU_X86_64_AES | VM_CPU_X86_64_MOVBE |
               VM_CPU_X86_64_CMPXCHG16B | VM_CPU_X86_64_LAHF},
};

struct hart {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v;
    void *config;
    uint8_t *ram;
};

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}

// --- machines ---

static uint16_t named(const char *name)
{
    const struct vm_regfile *f = words_guest.ops->regfile;
    for (uint16_t i = 0; i < f->count; i++)
        if (strcmp(f->registers[i].name, name) == 0)
            return i;
    fail("no such register", name);
    return 0;
}

void words_set(struct vm_vcpu *v, const char *name, uint64_t value)
{
    vm_vcpu_set(v, named(name), value);
}

uint64_t words_get(const struct vm_vcpu *v, const char *name)
{
    return vm_vcpu_get(v, named(name));
}

static void create(struct hart *h)
{
    const struct vm_guest_ops *guest = words_guest.ops;
    struct vm_error e = {0};
    test_host_init(&h->host);
    h->ram = aligned_alloc(VM_PAGE_SIZE, SIZE);
    if (!h->ram || guest->configure(NULL, &h->host.host.allocator, &h->config, &e) != VM_OK ||
        vm_machine_init(&h->machine, &h->host.host, guest, h->config, &e) != VM_OK ||
        vm_space_add_ram(&h->machine.space, vm_gpa_of(words_guest.ram), SIZE, h->ram, "ram", &e) !=
            VM_OK ||
        vm_vcpu_create(&h->machine, 0, &h->v, &e) != VM_OK)
        fail(e.text, "machine");
    memset(h->ram, 0, SIZE);
    h->machine.vcpus[h->machine.vcpu_count++] = h->v;
    h->v->engine = &vm_jit_ops;
    if (vm_jit_ops.create(h->v, &e) != VM_OK)
        fail(e.text, "jit");
}

static void destroy(struct hart *h)
{
    vm_machine_destroy(&h->machine);
    words_guest.ops->unconfigure(h->config, &h->host.host.allocator);
    free(h->ram);
}

static uint64_t entry(void)
{
    return words_guest.ram + ENTRY;
}

// --- blocks ---

struct made {
    const struct jit_block *block;
    struct vm_ir_region region; // what does not lie in the arena
    unsigned ops, aside;
};

static unsigned count_ops(const struct vm_ir_region *r)
{
    unsigned n = 0;
    for (uint32_t b = 0; b < r->block_count; b++)
        for (uint32_t i = 0; i < r->blocks[b].count; i++) {
            unsigned code = r->ops[r->blocks[b].first + i].code;
            n += code != VM_IR_nop && code != VM_IR_insn;
        }
    return n;
}

static struct made translate(struct hart *h, uint32_t word, const char *name)
{
    struct jit *j = jit_of(h->v);
    struct vm_ir_region region;
    struct vm_block_source source;
    jit_flush(j);
    memcpy(h->ram + ENTRY, &word, sizeof word);
    vm_arena_reset(&j->scratch);
    if (!vm_translate_block(h->v, 1, &j->scratch, &region, &source) ||
        !vm_ir_optimize(&region, VM_IR_TIER1, false, NULL))
        fail("was not translated", name);
    struct made m = {.ops = count_ops(&region), .region = region};
    m.block = jit_emit_region(j, &region, &source, false);
    if (!m.block)
        fail("was not emitted", name);
    m.aside = j->aside;
    return m;
}

static void print_hex(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", bytes[i]);
}

static void write_block(struct hart h[2], const char *name, const char *group, uint32_t word,
                        unsigned bytes, unsigned privilege, const struct cpu *cpu)
{
    struct made m[2];
    char text[128];
    for (unsigned i = 0; i < 2; i++) {
        jit_of(h[i].v)->cpu_features = cpu->features;
        words_guest.reset(h[i].v, entry(), privilege);
        m[i] = translate(&h[i], word, name);
    }
    words_guest.ops->disassemble(h->config, entry(), (const uint8_t *)&word, bytes, text,
                                 sizeof text);
    for (char *tab = strchr(text, '\t'); tab; tab = strchr(tab, '\t'))
        *tab = ' ';
    printf("block\t%s\t%s\t%s\t", name, group, cpu->name);
    print_hex((const uint8_t *)&word, bytes);
    printf("\t%s\t%u\t%u\t%u\t", text, m[0].ops, m[0].block->place, m[0].aside);
    for (unsigned i = 0; i < 2; i++) {
        print_hex(jit_code(jit_of(h[i].v), m[i].block), m[i].block->code_bytes);
        printf("\t");
    }
    printf("%" PRIuPTR "\n", (uintptr_t)m[0].block);
}

// --- what code refers to ---

static void write_state(const struct hart *h, const char *name, const void *at, size_t bytes)
{
    ptrdiff_t displacement = (const char *)at - ((const char *)h->v->state + STATE_BIAS);
    printf("state\t%s\t%td\t%zu\n", name, displacement, bytes);
}

static void write_states(const struct hart *h)
{
    const struct vm_regfile *f = words_guest.ops->regfile;
    struct jit *j = jit_of(h->v);
    for (uint16_t i = 0; i < f->count; i++)
        write_state(h, f->registers[i].name, (const char *)h->v->state + f->registers[i].offset,
                    vm_ir_type_bytes(f->registers[i].type));
#define FIELD(name, field) write_state(h, name, (const void *)&(field), sizeof(field))
    FIELD("page-base", j->frame->page_base);
    FIELD("stack", j->frame->stack);
    FIELD("stack-limit", j->frame->stack_limit);
    FIELD("args", j->frame->args);
    FIELD("result", j->frame->result);
    FIELD("pair", j->frame->pair);
    FIELD("fp-live", j->frame->fp.live);
    FIELD("fp", j->frame->fp);
    FIELD("flags-a", j->frame->flags.a);
    FIELD("flags-b", j->frame->flags.b);
    FIELD("flags-word", j->frame->flags.word);
    write_state(h, "slots", j->frame->slots, j->frame_slots);
    FIELD("icount", h->v->icount);
    FIELD("mode", h->v->mode);
    FIELD("request", h->v->request);
    FIELD("reservation", h->v->reservation);
    FIELD("exception", h->v->exception);
    FIELD("generations", h->v->tlb.code_generations);
    FIELD("tlb-data", h->v->tlb.data);
#undef FIELD
}

static void write_accesses(const struct jit *j, const char *prefix, unsigned log2,
                           uint8_t *const loads[2], const uint8_t *store)
{
    const char size = "bhwd"[log2];
    for (unsigned sign = 0; sign < 2; sign++)
        printf("place\t%sload_%s%c\t%td\n", prefix, sign ? "s" : "", size,
               loads[sign] - j->exec.write);
    printf("place\t%sstore_%c\t%td\n", prefix, size, store - j->exec.write);
}

static void write_places(const struct hart *h)
{
    const struct jit *j = jit_of(h->v);
    const struct jit_thunks *t = &j->thunks;
#define PLACE(name) printf("place\t%s\t%td\n", #name, t->name - j->exec.write)
    PLACE(leave);
    PLACE(fault);
    PLACE(link);
    PLACE(indirect);
    PLACE(no_call);
    if (t->flags)
        PLACE(flags);
    PLACE(load);
    PLACE(store);
    PLACE(atomic);
    PLACE(call);
    PLACE(call_all);
    for (unsigned key = 0; key < 4 && t->pointer_code[0][0]; key++) {
        printf("place\tmake_code+%u\t%td\n", key, t->pointer_code[0][key] - j->exec.write);
        printf("place\tcheck_code+%u\t%td\n", key, t->pointer_code[1][key] - j->exec.write);
    }
    for (unsigned log2 = 0; log2 < 4; log2++) {
        write_accesses(j, "", log2, t->plain_load[log2], t->plain_store[log2]);
        write_accesses(j, "span_", log2, t->span_load[log2], t->span_store[log2]);
    }
    PLACE(evaluate);
    PLACE(vector);
    PLACE(fp_control);
    PLACE(fp_flags);
    for (unsigned i = 0; i < MASK_COUNT; i++)
        printf("place\tfp_masks+%u\t%td\n", 16 * i, t->fp_masks + 16 * i - j->exec.write);
    PLACE(fp_begin);
    PLACE(fp_resume);
    PLACE(fp_end);
    PLACE(fp_save);
    PLACE(fp_restore);
    PLACE(fp_nans);
    PLACE(fp_evaluate);
    PLACE(fp_vector);
#undef PLACE
}

static void write_addresses(const struct hart *h, const struct vm_ir_region *r)
{
    printf("address\tvcpu\t%" PRIuPTR "\n", (uintptr_t)h->v);
    printf("address\tjit_help_nans\t%" PRIuPTR "\n", (uintptr_t)jit_help_nans);
    for (unsigned i = 0; i < r->helper_count; i++)
        printf("address\t%s\t%" PRIuPTR "\n", r->helpers[i].name, (uintptr_t)r->helpers[i].fn);
}

// Those from 16 on are xmm registers.
static void write_registers(const struct vm_regfile *f)
{
    for (unsigned i = 0; i < FIXED_COUNT && f->hot[i] != VM_IR_NONE; i++)
        printf("register\t%s\t%u\n", f->registers[f->hot[i]].name, x64_fixed[i]);
    for (unsigned i = 0; i < emit_fixed_xmm_count(f); i++)
        printf("register\t%s\t%u\n", f->registers[f->hot_float[i]].name, 16 + XMM_COUNT - 1 - i);
}

int main(void)
{
    struct hart *h = calloc(2, sizeof *h);
    if (!h)
        fail("out of memory", "harts");
    for (unsigned i = 0; i < 2; i++)
        create(&h[i]);
    write_registers(words_guest.ops->regfile);
    write_states(h);
    write_places(h);
    words_guest.reset(h->v, entry(), 0);
    struct made nothing = translate(h, words_guest.nop, "nop");
    write_addresses(h, &nothing.region);
    write_block(h, "nop", "frame", words_guest.nop, 4, 0, &cpus[0]);
    for (unsigned c = 0; c < VM_ARRAY_SIZE(cpus); c++) {
        for (unsigned i = 0; i < pattern_count; i++) {
            const struct pattern *p = &patterns[i];
            write_block(h, p->name, p->group, words_guest.encode(p, h->config), p->bytes,
                        words_guest.privilege(p), &cpus[c]);
        }
        for (unsigned i = 0; i < words_guest.idiom_count; i++) {
            const struct idiom *w = &words_guest.idioms[i];
            write_block(h, w->name, w->group, w->word, 4, w->privilege, &cpus[c]);
        }
    }
    for (unsigned i = 0; i < 2; i++)
        destroy(&h[i]);
    free(h);
    return 0;
}
