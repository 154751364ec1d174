// SPDX-License-Identifier: MIT
//
// The RISC-V board's device tree: harts, and what is beside the devices.
#include <vm/base/memory.h>
#include <vm/device/syscon.h>
#include <vm/frontend-riscv64/frontend.h>

#include "riscv64.h"

// --- processors ---

// Whether the list of names, one after the other, has `name`.
static bool has_extension(const char *list, size_t size, const char *name)
{
    for (size_t at = 0; at < size; at += vm_text_length(list + at) + 1) {
        if (vm_text_equal(list + at, name))
            return true;
    }
    return false;
}

static void describe_isa(const struct virt *v, struct vm_describe *d)
{
    static const struct {
        const char *extension, *property;
    } blocks[] = {{"zicbom", "riscv,cbom-block-size"},
                  {"zicbop", "riscv,cbop-block-size"},
                  {"zicboz", "riscv,cboz-block-size"}};
    size_t size;
    const char *extensions = vm_riscv64_isa_extensions(v->machine->config, &size);
    vm_describe_text(d, "riscv,isa", vm_riscv64_isa_string(v->machine->config));
    vm_describe_text(d, "riscv,isa-base", "rv64i");
    vm_describe_bytes(d, "riscv,isa-extensions", extensions, size);
    vm_describe_text(d, "mmu-type", vm_riscv64_mmu_type(v->machine->config));
    for (size_t i = 0; i < VM_ARRAY_SIZE(blocks); i++) {
        if (has_extension(extensions, size, blocks[i].extension))
            vm_describe_cell(d, blocks[i].property, VM_RISCV64_CACHE_BLOCK);
    }
}

static void describe_cpu(const struct virt *v, struct vm_describe *d, uint32_t hart)
{
    vm_describe_begin_at(d, "cpu", hart);
    vm_describe_text(d, "device_type", "cpu");
    vm_describe_text(d, "compatible", "riscv");
    vm_describe_cell(d, "reg", hart);
    vm_describe_text(d, "status", "okay");
    describe_isa(v, d);
    vm_describe_cell(d, "phandle", riscv64_cpu_phandle(hart));
    vm_describe_begin(d, "interrupt-controller");
    vm_describe_text(d, "compatible", "riscv,cpu-intc");
    vm_describe_cell(d, "#address-cells", 0);
    vm_describe_cell(d, "#interrupt-cells", 1);
    vm_describe_flag(d, "interrupt-controller");
    vm_describe_cell(d, "phandle", riscv64_cpu_intc_phandle(hart));
    vm_describe_end(d);
    vm_describe_end(d);
}

static void describe_cpus(const struct virt *v, struct vm_describe *d)
{
    uint32_t harts = v->machine->vcpu_count;
    vm_describe_begin(d, "cpus");
    vm_describe_cell(d, "#address-cells", 1);
    vm_describe_cell(d, "#size-cells", 0);
    vm_describe_cell(d, "timebase-frequency", VM_RISCV64_TIMEBASE);
    for (uint32_t i = 0; i < harts; i++)
        describe_cpu(v, d, i);
    virt_describe_cpu_map(v, d, riscv64_cpu_phandle);
    vm_describe_end(d);
}

// --- the rest ---

// A value that the guest writes to the test device.
static void describe_syscon(struct vm_describe *d, const char *name, const char *compatible,
                            uint32_t value)
{
    vm_describe_begin(d, name);
    vm_describe_text(d, "compatible", compatible);
    vm_describe_cell(d, "regmap", RISCV64_PHANDLE_TEST);
    vm_describe_cell(d, "offset", 0);
    vm_describe_cell(d, "value", value);
    vm_describe_end(d);
}

static void describe_soc(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin(d, "soc");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
    vm_describe_text(d, "compatible", "simple-bus");
    vm_describe_flag(d, "ranges");
    virt_describe_devices(v, d);
    vm_describe_end(d);
}

void riscv64_describe(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin(d, "");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
    vm_describe_text(d, "compatible", "riscv-virtio");
    vm_describe_text(d, "model", "riscv-virtio,trine");
    virt_describe_console(d, "/soc/serial@10000000");
    virt_describe_memory(v, d);
    describe_cpus(v, d);
    describe_soc(v, d);
    describe_syscon(d, "poweroff", "syscon-poweroff", VM_SYSCON_POWEROFF);
    describe_syscon(d, "reboot", "syscon-reboot", VM_SYSCON_RESET);
    vm_describe_end(d);
}
