// SPDX-License-Identifier: MIT
//
// The hart's mtvec points to a breakpoint: every trap of the program comes back here. A single
// instruction has breakpoints wherever it may go.
#include "riscv_trine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/core/machine.h>
#include <vm/frontend-riscv64/frontend.h>

#include "test_host.h"

enum {
    USER = 0,
    MACHINE = 3,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_M = 11,
    WRITE = 64,
    EXIT = 93,
    PMP_ALL = 0x1f,       // NAPOT, readable, writable, executable
    FS_INITIAL = 1 << 13, // of mstatus
    CBO_ALLOWED = 0xf0,   // CBIE, CBCFE, CBZE of menvcfg and senvcfg
};

struct run {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v;
    void *config, *ram;
    bool machine_mode;
    uint64_t *retired; // or NULL
    program_sink *sink;
    void *context;
};

static char failure[400];

static uint16_t register_index(const char *name)
{
    const struct vm_regfile *f = vm_riscv64_guest_ops.regfile;
    for (uint16_t i = 0; i < f->count; i++)
        if (strcmp(f->registers[i].name, name) == 0)
            return i;
    fprintf(stderr, "no register '%s'\n", name);
    abort();
}

static void set(struct run *r, const char *name, uint64_t value)
{
    vm_vcpu_set(r->v, register_index(name), value);
}

static uint64_t get(const struct run *r, const char *name)
{
    return vm_vcpu_get(r->v, register_index(name));
}

static void enter_program(struct run *r, uint64_t pc)
{
    set(r, "priv", r->machine_mode ? MACHINE : USER);
    vm_vcpu_set_pc(r->v, pc);
    vm_riscv64_guest_ops.sync(r->v);
}

static void set_up_hart(struct run *r)
{
    vm_riscv64_guest_ops.reset(r->v, PROGRAM_BASE);
    set(r, "mtvec", TRINE_TRAP);
    set(r, "pmpaddr0", UINT64_MAX >> 10);
    set(r, "pmpcfg0", PMP_ALL);
    set(r, "mstatus", get(r, "mstatus") | FS_INITIAL);
    set(r, "menvcfg", get(r, "menvcfg") | CBO_ALLOWED);
    set(r, "senvcfg", get(r, "senvcfg") | CBO_ALLOWED);
    enter_program(r, PROGRAM_BASE);
}

static bool create(struct run *r, const void *image, size_t image_size,
                   const struct trine_options *o, struct vm_error *e)
{
    const struct vm_guest_ops *guest = &vm_riscv64_guest_ops;
    size_t size = (image_size + VM_PAGE_MASK) & ~(size_t)VM_PAGE_MASK;
    test_host_init(&r->host);
    r->ram = aligned_alloc(VM_PAGE_SIZE, size);
    if (!r->ram)
        abort();
    memset(r->ram, 0, size);
    memcpy(r->ram, image, image_size);
    if (guest->configure(NULL, &r->host.host.allocator, &r->config, e) != VM_OK)
        return false;
    vm_riscv64_set_coverage(r->config, o->coverage);
    if (vm_machine_init(&r->machine, &r->host.host, guest, r->config, e) != VM_OK ||
        vm_space_add_ram(&r->machine.space, vm_gpa_of(PROGRAM_BASE), size, r->ram, "ram", e) !=
            VM_OK ||
        vm_vcpu_create(&r->machine, 0, &r->v, e) != VM_OK)
        return false;
    r->machine.vcpus[r->machine.vcpu_count++] = r->v;
    r->v->engine = o->engine;
    return o->engine->create(r->v, e) == VM_OK;
}

static void add_breakpoint(struct run *r, uint64_t pc)
{
    struct vm_error e;
    if (vm_machine_add_breakpoint(&r->machine, pc, &e) != VM_OK) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
}

// A system call: true to go on.
static bool serve(struct run *r)
{
    uint64_t number = get(r, "a7"), cause = get(r, "mcause");
    struct dump d;
    if (cause != CAUSE_ECALL_U && cause != CAUSE_ECALL_M) {
        snprintf(failure, sizeof failure, "trap %#lx, tval %#lx, at %#lx", cause, get(r, "mtval"),
                 get(r, "mepc"));
        return false;
    }
    failure[0] = 0;
    if (number != WRITE)
        return false;
    if (!vm_space_read(&r->machine.space, vm_gpa_of(get(r, "a1")), &d, sizeof d)) {
        snprintf(failure, sizeof failure, "write from %#lx", get(r, "a1"));
        return false;
    }
    if (r->retired)
        *r->retired = r->v->icount;
    enter_program(r, get(r, "mepc") + 4);
    return r->sink(r->context, &d);
}

static void run(struct run *r)
{
    set_up_hart(r);
    do {
        enum vm_run_result result = vm_vcpu_run(r->v);
        if (result != VM_RUN_BREAKPOINT) {
            snprintf(failure, sizeof failure, "the vCPU came back with %d at %#lx: %s", result,
                     vm_vcpu_pc(r->v), r->machine.stop_text);
            return;
        }
    } while (serve(r));
}

static struct run *start(const void *image, size_t size, const struct trine_options *o)
{
    struct run *r = calloc(1, sizeof *r);
    struct vm_error e = {0};
    if (!r)
        abort();
    r->machine_mode = o->machine_mode;
    failure[0] = 0;
    if (!create(r, image, size, o, &e)) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    add_breakpoint(r, TRINE_TRAP);
    return r;
}

static void end(struct run *r)
{
    vm_machine_destroy(&r->machine);
    vm_riscv64_guest_ops.unconfigure(r->config, &r->host.host.allocator);
    free(r->ram);
    free(r);
}

const char *trine_run(const struct program *p, const struct trine_options *o, program_sink *sink,
                      void *context)
{
    struct run *r = start(p->image, p->size, o);
    r->retired = o->retired;
    r->sink = sink;
    r->context = context;
    run(r);
    end(r);
    return failure[0] ? failure : NULL;
}

const char *trine_execute(uint32_t word, const struct trine_options *o, struct trine_outcome *out)
{
    struct run *r = start(&word, sizeof word, o);
    r->machine_mode = true;
    set_up_hart(r);
    set(r, "mepc", TRINE_RETURN);
    set(r, "sepc", TRINE_RETURN);
    add_breakpoint(r, TRINE_RETURN);
    add_breakpoint(r, PROGRAM_BASE + 4);
    enum vm_run_result result = vm_vcpu_run(r->v);
    if (result != VM_RUN_BREAKPOINT && result != VM_RUN_WAITING)
        snprintf(failure, sizeof failure, "the vCPU came back with %d", result);
    *out = (struct trine_outcome){.waits = result == VM_RUN_WAITING,
                                  .pc = vm_vcpu_pc(r->v),
                                  .privilege = get(r, "priv"),
                                  .mcause = get(r, "mcause"),
                                  .mtval = get(r, "mtval")};
    end(r);
    return failure[0] ? failure : NULL;
}

unsigned trine_disassemble(uint64_t pc, const uint8_t *bytes, char *text, size_t size)
{
    struct test_host host;
    struct vm_error e;
    void *config;
    test_host_init(&host);
    if (vm_riscv64_guest_ops.configure(NULL, &host.host.allocator, &config, &e) != VM_OK)
        abort();
    unsigned length = vm_riscv64_guest_ops.disassemble(config, pc, bytes, 4, text, size);
    vm_riscv64_guest_ops.unconfigure(config, &host.host.allocator);
    return length;
}
