// SPDX-License-Identifier: MIT
//
// Runs a user-level program of arm64_programs.py on one of Trine's engines: one PE at EL0, memory
// mapped to itself, no device. The program plays for Linux: write goes to standard output, whatever
// the descriptor, and exit ends it.
//
//     arm64-run ENGINE IMAGE BASE
//     arm64-run engines
//
// IMAGE is loaded at BASE (hexadecimal), where the program begins. VBAR_EL1 points to a breakpoint:
// every exception comes back here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/core/machine.h>
#include <vm/frontend-arm64/frontend.h>

#include "test_host.h"
#include "tested_engines.h"

enum {
    TABLE = 0x100000, // of translations
    VECTORS = 0x200000,
    LOWER_LEVEL = VECTORS + 0x400, // where exceptions from EL0 go
    WRITE = 64,
    EXIT = 93,
    EC_SVC = 0x15,
};

struct run {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v;
    void *config, *ram;
    uint64_t *table;
};

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

static uint16_t register_index(const char *name)
{
    const struct vm_regfile *f = vm_arm64_guest_ops.regfile;
    for (uint16_t i = 0; i < f->count; i++)
        if (strcmp(f->registers[i].name, name) == 0)
            return i;
    die(name);
    return 0;
}

static void set(struct run *r, const char *name, uint64_t value)
{
    vm_vcpu_set(r->v, register_index(name), value);
}

static uint64_t get(const struct run *r, const char *name)
{
    return vm_vcpu_get(r->v, register_index(name));
}

// Goes on at EL0, on SP_EL0.
static void enter_program(struct run *r, uint64_t pc, uint64_t nzcv, uint64_t sp)
{
    set(r, "el", 0);
    set(r, "spsel", 0);
    set(r, "sp", sp);
    set(r, "nzcv", nzcv);
    vm_vcpu_set_pc(r->v, pc);
    vm_arm64_guest_ops.sync(r->v);
}

static void set_up(struct run *r, uint64_t base)
{
    // SCTLR_EL1: M, DZE, UCT, UCI, MSCEn, and what is RES1. CPACR_EL1: FPEN. TCR_EL1: T0SZ of 39
    // bits, 4 KiB granule, EPD1. A table of one block of 1 GiB: normal memory, EL0 may write.
    const uint64_t sctlr = (uint64_t)1 << 33 | 1 << 26 | 1 << 15 | 1 << 14 | 1 | 0x30d00800;
    const uint64_t tcr = (uint64_t)2 << 32 | 1 << 23 | 25, block = 1 << 10 | 1 << 6 | 1;
    vm_arm64_guest_ops.reset(r->v, base);
    set(r, "vbar_el1", VECTORS);
    set(r, "sctlr_el1", sctlr);
    set(r, "cpacr_el1", 3 << 20);
    set(r, "tcr_el1", tcr);
    set(r, "mair_el1", 0xff);
    set(r, "ttbr0_el1", TABLE);
    r->table[0] = block;
    enter_program(r, base, 0, 0);
}

static void *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        die(path);
    long length = ftell(f);
    *size = ((size_t)length + VM_PAGE_MASK) & ~(size_t)VM_PAGE_MASK;
    void *ram = aligned_alloc(VM_PAGE_SIZE, *size);
    if (!ram || fseek(f, 0, SEEK_SET))
        die(path);
    memset(ram, 0, *size);
    if (fread(ram, 1, (size_t)length, f) != (size_t)length)
        die(path);
    fclose(f);
    return ram;
}

static void create(struct run *r, const struct vm_engine_ops *engine, const char *path,
                   uint64_t base)
{
    const struct vm_guest_ops *guest = &vm_arm64_guest_ops;
    struct vm_error e = {0};
    size_t size;
    test_host_init(&r->host);
    r->ram = load(path, &size);
    r->table = aligned_alloc(VM_PAGE_SIZE, VM_PAGE_SIZE);
    if (!r->table)
        die("no memory");
    memset(r->table, 0, VM_PAGE_SIZE);
    if (guest->configure(NULL, &r->host.host.allocator, &r->config, &e) != VM_OK ||
        vm_machine_init(&r->machine, &r->host.host, guest, r->config, &e) != VM_OK ||
        vm_space_add_ram(&r->machine.space, vm_gpa_of(base), size, r->ram, "ram", &e) != VM_OK ||
        vm_space_add_ram(&r->machine.space, vm_gpa_of(TABLE), VM_PAGE_SIZE, r->table, "table",
                         &e) != VM_OK ||
        vm_vcpu_create(&r->machine, 0, &r->v, &e) != VM_OK)
        die(e.text);
    r->machine.vcpus[r->machine.vcpu_count++] = r->v;
    r->v->engine = engine;
    if (engine->create(r->v, &e) != VM_OK ||
        vm_machine_add_breakpoint(&r->machine, LOWER_LEVEL, &e) != VM_OK)
        die(e.text);
}

// A system call: true to go on.
static bool serve(struct run *r)
{
    uint64_t esr = get(r, "esr_el1"), number = get(r, "x8"), size = get(r, "x2");
    static uint8_t bytes[1 << 16];
    if (esr >> 26 != EC_SVC) {
        fprintf(stderr, "exception %#lx, address %#lx, at %#lx\n", esr, get(r, "far_el1"),
                get(r, "elr_el1"));
        exit(1);
    }
    if (number == EXIT)
        return false;
    if (number != WRITE || size > sizeof bytes ||
        !vm_space_read(&r->machine.space, vm_gpa_of(get(r, "x1")), bytes, size))
        die("a system call that is not expected");
    if (fwrite(bytes, 1, size, stdout) != size)
        die("standard output");
    enter_program(r, get(r, "elr_el1"), get(r, "nzcv"), get(r, "sp_el0"));
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: arm64-run ENGINE IMAGE BASE\n       arm64-run engines\n");
    return 2;
}

int main(int argc, char **argv)
{
    const struct vm_engine_ops *engine = NULL;
    for (size_t i = 0; tested_engines[i]; i++) {
        if (argc == 2 && strcmp(argv[1], "engines") == 0)
            puts(tested_engines[i]->name);
        else if (argc == 4 && strcmp(argv[1], tested_engines[i]->name) == 0)
            engine = tested_engines[i];
    }
    if (!engine)
        return argc == 2 ? 0 : usage();
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        die("no memory");
    uint64_t base = strtoull(argv[3], NULL, 16);
    create(r, engine, argv[2], base);
    set_up(r, base);
    enum vm_run_result result;
    do {
        result = vm_vcpu_run(r->v);
        if (result != VM_RUN_BREAKPOINT) {
            fprintf(stderr, "the vCPU came back with %d\n", result);
            return 1;
        }
    } while (serve(r));
    vm_machine_destroy(&r->machine);
    vm_arm64_guest_ops.unconfigure(r->config, &r->host.host.allocator);
    free(r->table);
    free(r->ram);
    free(r);
    return 0;
}
