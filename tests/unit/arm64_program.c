// SPDX-License-Identifier: MIT
#include "arm64_program.h"

#include <stdio.h>
#include <string.h>

#ifdef TRINE_JIT
#include <vm/engine-jit/jit.h>
#define ENGINE vm_jit_ops
#else
#include <vm/engine-interpreter/interpreter.h>
#define ENGINE vm_interpreter_ops
#endif

enum { LIMIT = 10000 }; // instructions

void program_put(struct program *p, uint64_t address, uint32_t word)
{
    memcpy((char *)arm_rig_memory(&p->rig, RIG_RAM) + (address - RIG_RAM), &word, 4);
}

void program_put64(struct program *p, uint64_t address, uint64_t value)
{
    *arm_rig_memory(&p->rig, address) = value;
}

uint64_t program_get64(struct program *p, uint64_t address)
{
    return *arm_rig_memory(&p->rig, address);
}

void program_write(struct program *p, uint64_t address, const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        program_put(p, address + 4 * i, words[i]);
}

void program_start(struct program *p, const char *cpu)
{
    struct vm_error e = {0};
    memset(p, 0, sizeof *p);
    arm_rig_start(&p->rig, cpu, 1);
    p->s = p->rig.s;
    p->rig.v->engine = &ENGINE;
    assert_int_equal(p->rig.v->engine->create(p->rig.v, &e), VM_OK);
    p->s->vbar[1] = VECTORS;
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(vm_machine_add_breakpoint(&p->rig.machine, VECTORS + 0x80 * i, &e), VM_OK);
}

void program_stop(struct program *p)
{
    arm_rig_stop(&p->rig);
}

uint64_t program_page_entry(uint64_t address)
{
    return TABLES + 0x2000 + (address >> 12 & 511) * 8;
}

void program_map(struct program *p)
{
    const uint64_t tcr = 25 | 25u << 16 | 2u << 30 | (uint64_t)5 << 32 | (uint64_t)1 << 37;
    struct vm_arm64_state *s = p->s;
    program_put64(p, TABLES + 8, (TABLES + 0x1000) | 3);
    program_put64(p, TABLES + 0x1000, (TABLES + 0x2000) | 3);
    program_put64(p, TABLES + 0x1008, (RIG_RAM + 0x200000) | BLOCK);
    for (uint64_t a = RIG_RAM; a < RIG_RAM + 0x200000; a += 0x1000)
        program_put64(p, program_page_entry(a), a | PAGE);
    for (uint64_t a = USER; a < USER + 0x4000; a += 0x1000)
        program_put64(p, program_page_entry(a), a | PAGE | EL0 | READS);
    program_put64(p, program_page_entry(DATA), DATA | PAGE | EL0 | NON_GLOBAL);
    program_put64(p, program_page_entry(OTHER), OTHER | PAGE | EL0 | NON_GLOBAL);
    program_put64(p, program_page_entry(READ_ONLY), READ_ONLY | PAGE | READS);
    program_put64(p, program_page_entry(NOT_THERE), 0);
    program_put64(p, program_page_entry(DEVICE), DEVICE | PAGE | EL0 | DEVICE_ATTR);
    s->mair[1] = 0x00ff;
    s->tcr[1] = tcr;
    s->ttbr0[1] = TABLES;
    s->sctlr[1] |= A64_SCTLR_M;
    p->rig.v->guest->sync(p->rig.v);
}

uint64_t program_run(struct program *p, unsigned el, uint64_t pc)
{
    struct vm_vcpu *v = p->rig.v;
    arm_rig_set_el(&p->rig, el);
    p->s->pc = pc;
    v->guest->sync(v);
    v->insn_limit = v->icount + LIMIT;
    enum vm_run_result result = vm_vcpu_run(v);
    if (result != VM_RUN_BREAKPOINT)
        fail_msg("stopped with %d at %#lx", (int)result, (unsigned long)p->s->pc);
    return p->s->pc - VECTORS;
}
