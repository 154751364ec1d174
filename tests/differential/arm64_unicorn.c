// SPDX-License-Identifier: MIT
//
// Runs a user-level program of arm64_programs.py under libunicorn, as arm64_run.c does under Trine:
// an oracle for arm64_qemu_user.py.
//
//     arm64-unicorn IMAGE BASE
#include <stdio.h>
#include <stdlib.h>
#include <unicorn/unicorn.h>

enum { PAGE = 4096, WRITE = 64, EXIT = 93, SWI = 2, MAX_BYTES = 1 << 16 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static void check(const char *what, uc_err e)
{
    if (e != UC_ERR_OK)
        fail(what, uc_strerror(e));
}

static uint64_t get(uc_engine *uc, int reg)
{
    uint64_t value = 0;
    check("uc_reg_read", uc_reg_read(uc, reg, &value));
    return value;
}

static void take_exception(uc_engine *uc, uint32_t number, void *status)
{
    static uint8_t bytes[MAX_BYTES];
    uint64_t call = get(uc, UC_ARM64_REG_X8), size = get(uc, UC_ARM64_REG_X2);
    if (number != SWI || (call != EXIT && (call != WRITE || size > sizeof bytes))) {
        fprintf(stderr, "exception %u at %#lx, call %lu\n", number, get(uc, UC_ARM64_REG_PC), call);
        *(int *)status = 1;
        uc_emu_stop(uc);
    } else if (call == EXIT) {
        uc_emu_stop(uc);
    } else {
        check("uc_mem_read", uc_mem_read(uc, get(uc, UC_ARM64_REG_X1), bytes, size));
        if (fwrite(bytes, 1, size, stdout) != size)
            fail("standard output", "short write");
    }
}

static void *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        fail(path, "cannot be read");
    *size = (size_t)ftell(f);
    void *bytes = malloc(*size);
    if (!bytes || fseek(f, 0, SEEK_SET) || fread(bytes, 1, *size, f) != *size)
        fail(path, "cannot be read");
    fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: arm64-unicorn IMAGE BASE\n");
        return 2;
    }
    const uint64_t fpen = 3 << 20;
    uint64_t base = strtoull(argv[2], NULL, 16);
    size_t size;
    int status = 0;
    void *image = load(argv[1], &size);
    uc_engine *uc;
    uc_hook hook;
    check("uc_open", uc_open(UC_ARCH_ARM64, UC_MODE_ARM, &uc));
    check("uc_ctl_set_cpu_model", uc_ctl_set_cpu_model(uc, UC_CPU_ARM64_MAX));
    check("uc_mem_map", uc_mem_map(uc, base, (size + PAGE - 1) & ~(size_t)(PAGE - 1), UC_PROT_ALL));
    check("uc_mem_write", uc_mem_write(uc, base, image, size));
    check("uc_reg_write", uc_reg_write(uc, UC_ARM64_REG_CPACR_EL1, &fpen));
    check("uc_hook_add",
          uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)take_exception, &status, 1, 0));
    uc_err e = uc_emu_start(uc, base, 0, 0, 0);
    if (e != UC_ERR_OK) {
        fprintf(stderr, "%s at %#lx\n", uc_strerror(e), get(uc, UC_ARM64_REG_PC));
        status = 1;
    }
    check("uc_close", uc_close(uc));
    free(image);
    return status;
}
