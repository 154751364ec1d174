// SPDX-License-Identifier: MIT
//
// The ARM64 board's device tree: CPUs, timers, firmware, and what is beside the devices.
#include <vm/base/memory.h>
#include <vm/frontend-arm64/frontend.h>

#include "arm64.h"

// Interrupt specifiers of a GIC (Linux's arm,gic-v3.yaml). With GICv2 those of private interrupts
// say for which CPUs.
enum { PRIVATE = 1, LEVEL_HIGH = 4, CPUS_SHIFT = 8, SPECIFIER = 3 };

enum { CLOCK_HZ = 24000000, KEY_POWER = 116 /* Linux's input event codes */ };

static uint32_t cpu_phandle(uint32_t cpu)
{
    return ARM64_PHANDLE_CPUS + cpu;
}

static void describe_private(const struct virt_arm64 *b, struct vm_describe *d,
                             const uint32_t *ppis, size_t count)
{
    uint32_t cells[4 * SPECIFIER];
    uint32_t cpus = b->gicv2 ? ((1u << b->virt.machine->vcpu_count) - 1) << CPUS_SHIFT : 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *c = &cells[SPECIFIER * i];
        c[0] = PRIVATE;
        c[1] = ppis[i];
        c[2] = cpus | LEVEL_HIGH;
    }
    vm_describe_cells(d, "interrupts", cells, SPECIFIER * count);
}

static void describe_timer(const struct virt_arm64 *b, struct vm_describe *d)
{
    static const uint32_t ppis[] = {ARM64_PPI_TIMER_SECURE, ARM64_PPI_TIMER_PHYSICAL,
                                    ARM64_PPI_TIMER_VIRTUAL, ARM64_PPI_TIMER_HYPERVISOR};
    vm_describe_begin(d, "timer");
    vm_describe_text(d, "compatible", "arm,armv8-timer");
    describe_private(b, d, ppis, VM_ARRAY_SIZE(ppis));
    vm_describe_flag(d, "always-on");
    vm_describe_end(d);
}

static void describe_pmu(const struct virt_arm64 *b, struct vm_describe *d)
{
    static const uint32_t ppi = ARM64_PPI_PMU;
    if (!vm_arm64_has(b->virt.machine->config, "pmuv3"))
        return;
    vm_describe_begin(d, "pmu");
    vm_describe_text(d, "compatible", "arm,armv8-pmuv3");
    describe_private(b, d, &ppi, 1);
    vm_describe_end(d);
}

static void describe_cpus(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin(d, "cpus");
    vm_describe_cell(d, "#address-cells", 1);
    vm_describe_cell(d, "#size-cells", 0);
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++) {
        uint32_t affinity = (uint32_t)vm_arm64_affinity(v->machine->vcpus[i]);
        vm_describe_begin_at(d, "cpu", affinity);
        vm_describe_text(d, "device_type", "cpu");
        vm_describe_text(d, "compatible", "arm,armv8");
        vm_describe_cell(d, "reg", affinity);
        vm_describe_text(d, "enable-method", "psci");
        vm_describe_cell(d, "phandle", cpu_phandle(i));
        vm_describe_end(d);
    }
    virt_describe_cpu_map(v, d, cpu_phandle);
    vm_describe_end(d);
}

static void describe_psci(struct vm_describe *d)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
    vm_describe_begin(d, "psci");
    vm_describe_bytes(d, "compatible", compatible, sizeof compatible);
    vm_describe_text(d, "method", "hvc");
    vm_describe_end(d);
}

// The clock of the PrimeCells.
static void describe_clock(struct vm_describe *d)
{
    vm_describe_begin(d, "apb-pclk");
    vm_describe_text(d, "compatible", "fixed-clock");
    vm_describe_cell(d, "#clock-cells", 0);
    vm_describe_cell(d, "clock-frequency", CLOCK_HZ);
    vm_describe_text(d, "clock-output-names", "clk24mhz");
    vm_describe_cell(d, "phandle", ARM64_PHANDLE_CLOCK);
    vm_describe_end(d);
}

static void describe_keys(struct vm_describe *d)
{
    static const uint32_t gpios[] = {ARM64_PHANDLE_GPIO, ARM64_POWER_PIN, 0};
    vm_describe_begin(d, "gpio-keys");
    vm_describe_text(d, "compatible", "gpio-keys");
    vm_describe_begin(d, "poweroff");
    vm_describe_text(d, "label", "GPIO Key Poweroff");
    vm_describe_cell(d, "linux,code", KEY_POWER);
    vm_describe_cells(d, "gpios", gpios, VM_ARRAY_SIZE(gpios));
    vm_describe_end(d);
    vm_describe_end(d);
}

void arm64_describe(const struct virt *v, struct vm_describe *d)
{
    const struct virt_arm64 *b = arm64_of(v);
    vm_describe_begin(d, "");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
    vm_describe_text(d, "compatible", "linux,dummy-virt");
    vm_describe_text(d, "model", "linux,dummy-virt");
    vm_describe_cell(d, "interrupt-parent", ARM64_PHANDLE_GIC);
    vm_describe_flag(d, "dma-coherent");
    virt_describe_console(d, "/serial@9000000");
    virt_describe_memory(v, d);
    describe_cpus(v, d);
    describe_psci(d);
    describe_timer(b, d);
    describe_pmu(b, d);
    describe_clock(d);
    virt_describe_devices(v, d);
    describe_keys(d);
    vm_describe_end(d);
}
