// SPDX-License-Identifier: MIT
//
// RISC-V --cpu texts: which extensions they give, how the device tree names them, and what is
// refused with which words.
#include <stdio.h>
#include <string.h>

#include "riscv_rig.h"

static struct test_host host;

static struct rv_config *configure(const char *cpu)
{
    struct vm_error e = {0};
    void *config = NULL;
    if (vm_riscv64_guest_ops.configure(cpu, &host.host.allocator, &config, &e) != VM_OK)
        fail_msg("%s: %s", cpu, e.text);
    return config;
}

static void release(struct rv_config *c)
{
    vm_riscv64_guest_ops.unconfigure(c, &host.host.allocator);
    test_host_check_released(&host);
}

static int set_up(void **state)
{
    (void)state;
    test_host_init(&host);
    return 0;
}

static void expect_isa(const char *cpu, const char *isa)
{
    struct rv_config *c = configure(cpu);
    assert_string_equal(vm_riscv64_isa_string(c), isa);
    // The list for riscv,isa-extensions has the same names, single letters apart.
    char joined[600] = "rv64";
    size_t size, at = 0;
    const char *list = vm_riscv64_isa_extensions(c, &size);
    while (at < size) {
        const char *name = list + at;
        if (strlen(name) > 1)
            strcat(joined, "_");
        strcat(joined, name);
        at += strlen(name) + 1;
    }
    assert_int_equal(at, size);
    assert_string_equal(joined, isa);
    release(c);
}

static void texts_give_extensions(void **state)
{
    (void)state;
    expect_isa("rv64gc", "rv64imafdc_zicntr_zicsr_zifencei_zihpm_zca_zcd");
    expect_isa("rv64i", "rv64i_zicsr");
    expect_isa("rv64imac_zba,+zbs", "rv64imac_zicsr_zca_zba_zbs");
    expect_isa("rv64i,+d", "rv64ifd_zicsr"); // D brings F
    expect_isa("rv64if,+zfh", "rv64if_zicsr_zfh_zfhmin");
    expect_isa("rv64imac,+b", "rv64imac_zicsr_zca_zba_zbb_zbs");
    expect_isa("rv64ic,+d", "rv64ifdc_zicsr_zca_zcd");                   // C with D has Zcd
    expect_isa("rv64gc,-f", "rv64imac_zicntr_zicsr_zifencei_zihpm_zca"); // D and Zcd go too
    expect_isa("rv64gc,-c", "rv64imafd_zicntr_zicsr_zifencei_zihpm");
    expect_isa("rv64gc,-c,+zca", "rv64imafd_zicntr_zicsr_zifencei_zihpm_zca");
    expect_isa("rv64imac,+svnapot,+smstateen,+sstc", "rv64imac_zicsr_zca_sstc_svnapot_smstateen");
}

static void the_default_is_max(void **state)
{
    (void)state;
    struct rv_config *a = configure(NULL), *b = configure("max");
    assert_string_equal(a->isa_string, b->isa_string);
    assert_true(rv_has(a, RV_EXT_SVADU) && rv_has(a, RV_EXT_D) && rv_has(a, RV_EXT_ZKR));
    assert_false(rv_has(a, RV_EXT_SVADE)); // beside it, Svadu would be off
    vm_riscv64_guest_ops.unconfigure(a, &host.host.allocator);
    release(b);
}

static void paging_modes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"max", "riscv,sv57"},       {"max,-sv57", "riscv,sv48"},       {"max,-sv48", "riscv,sv39"},
        {"max,+sv39", "riscv,sv39"}, {"max,-sv48,+sv57", "riscv,sv57"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct rv_config *c = configure(cases[i][0]);
        assert_string_equal(vm_riscv64_mmu_type(c), cases[i][1]);
        release(c);
    }
}

static void wrong_texts_are_refused_clearly(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"max,+zbx", "no extension \"zbx\"; the nearest is \"zb"},
        {"max,+svnapt", "the nearest is \"svnapot\""},
        {"max,+zfhmi", "the nearest is \"zfhmin\""},
        {"max,-sv56", "the nearest is \"sv5"},
        {"rv64gx", "no extension \"x\""},
        {"rv64gc_zbaz", "no extension \"zbaz\"; the nearest is \"zba\""},
        {"rv64gc__zba", "no extension \"\""},
        {"rv32gc", "no CPU \"rv32gc\"; try \"max\""},
        {"", "no CPU \"\""},
        {"maxx", "no CPU \"maxx\""},
        {"max,zba", "\"zba\" should be +extension or -extension"},
        {"max,,+zba", "\"\" should be"},
        {"max,+", "\"+\" should be"},
        {"max,-i", "i cannot be turned off"},
        {"max,-zicsr", "cannot be turned off"},
        {"max,-sv39", "sv39 is the least"},
        {"max,-f,+d", "\"+d\" needs f, which is turned off"},
        {"max,+d,-f", "\"-f\" turns off d, which is asked for"},
        {"rv64gc,+zfh,-zfhmin", "turns off zfh, which"},
        {"max,+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "no extension \"aaaaaaaa"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct vm_error e = {0};
        void *config = NULL;
        vm_status status =
            vm_riscv64_guest_ops.configure(cases[i][0], &host.host.allocator, &config, &e);
        assert_int_equal(status, VM_ERR_USAGE);
        if (!strstr(e.text, cases[i][1]))
            fail_msg("\"%s\" gave: %s", cases[i][0], e.text);
    }
    test_host_check_released(&host);
}

static void memory_may_be_out(void **state)
{
    (void)state;
    struct vm_error e = {0};
    void *config;
    host.fail_after = 0;
    assert_int_equal(vm_riscv64_guest_ops.configure("max", &host.host.allocator, &config, &e),
                     VM_ERR_HOST);
    host.fail_after = UINT64_MAX;
}

// Names, types and offsets of the register file: no two entries overlap, names are unique.
static void the_register_file_is_sound(void **state)
{
    (void)state;
    const struct vm_regfile *f = vm_riscv64_guest_ops.regfile;
    assert_int_equal(f->count, RV_REG_COUNT);
    assert_string_equal(f->registers[f->pc].name, "pc");
    assert_string_equal(f->registers[RV_REG_X + 10].name, "a0");
    assert_string_equal(f->registers[RV_REG_F + 10].name, "fa0");
    assert_string_equal(f->registers[RV_REG_SATP].name, "satp");
    for (unsigned i = 0; i < f->count; i++) {
        const struct vm_register *a = &f->registers[i];
        unsigned size = a->type == VM_I8 ? 1 : 8;
        assert_true(a->offset + size <= f->state_size);
        for (unsigned k = 0; k < i; k++) {
            const struct vm_register *b = &f->registers[k];
            assert_string_not_equal(a->name, b->name);
            assert_true(a->offset >= b->offset + (b->type == VM_I8 ? 1 : 8) ||
                        b->offset >= a->offset + size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(texts_give_extensions, set_up),
        cmocka_unit_test_setup(the_default_is_max, set_up),
        cmocka_unit_test_setup(paging_modes, set_up),
        cmocka_unit_test_setup(wrong_texts_are_refused_clearly, set_up),
        cmocka_unit_test_setup(memory_may_be_out, set_up),
        cmocka_unit_test_setup(the_register_file_is_sound, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
