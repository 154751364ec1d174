// SPDX-License-Identifier: MIT
#include "aplic_bed.h"

#include <string.h>

static void catch_message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    (void)device;
    struct aplic_bed *b = target;
    b->messages++;
    b->address = address;
    b->data = data;
}

static vm_status create(struct aplic_bed *b, uint32_t harts, bool by_message, bool machine_level)
{
    const struct vm_msi msi = {catch_message, b};
    struct vm_aplic_config c = {
        .harts = harts,
        .msi = by_message ? &msi : NULL,
        .machine = {.base = {APLIC_M}, .cause = 11, .msi_base = IMSIC_M},
        .supervisor = {.base = {APLIC_S}, .cause = 9, .msi_base = IMSIC_S},
    };
    for (int i = 0; i < HARTS; i++) {
        c.machine.irq[i] = wire_irq(&b->wire[M][i]);
        c.supervisor.irq[i] = wire_irq(&b->wire[S][i]);
    }
    return vm_aplic_create(&b->machine, &c, machine_level ? &b->device[M] : NULL, &b->device[S],
                           NULL);
}

static void prepare(struct aplic_bed *b)
{
    memset(b, 0, sizeof *b);
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
}

void aplic_bed_init(struct aplic_bed *b, bool by_message, bool machine_level)
{
    prepare(b);
    assert_int_equal(create(b, HARTS, by_message, machine_level), VM_OK);
    for (int d = machine_level ? M : S; d < DOMAINS; d++)
        assert_int_equal(vm_device_attach(&b->machine, &b->device[d], NULL), VM_OK);
    aplic_reset(b);
}

void aplic_bed_end(struct aplic_bed *b)
{
    for (int d = 0; d < DOMAINS; d++)
        vm_device_destroy(&b->device[d]);
    vm_machine_destroy(&b->machine);
    test_host_check_released(&b->host.base);
}

vm_status aplic_bed_try(struct aplic_bed *b, unsigned allocations, uint32_t harts)
{
    prepare(b);
    b->host.base.fail_after = allocations;
    vm_status status = create(b, harts, true, true);
    aplic_bed_end(b);
    return status;
}

void aplic_reset(struct aplic_bed *b)
{
    for (int d = 0; d < DOMAINS; d++) {
        if (b->device[d].ops)
            b->device[d].ops->reset(b->device[d].device);
    }
}

static uint64_t base(int domain)
{
    return domain == M ? APLIC_M : APLIC_S;
}

uint32_t aplic_get(struct aplic_bed *b, int domain, uint32_t offset)
{
    return (uint32_t)mmio_read(&b->machine, base(domain) + offset, 4);
}

void aplic_put(struct aplic_bed *b, int domain, uint32_t offset, uint32_t value)
{
    mmio_write(&b->machine, base(domain) + offset, 4, value);
}

void aplic_drive(struct aplic_bed *b, uint32_t source, bool level)
{
    struct vm_irq irq = vm_aplic_source(&b->device[S], source);
    vm_irq_set(&irq, level);
}

bool aplic_pends(struct aplic_bed *b, int domain, uint32_t source)
{
    return aplic_get(b, domain, SETIP(source / 32)) >> source % 32 & 1;
}

void aplic_open(struct aplic_bed *b, int domain, uint32_t hart)
{
    aplic_put(b, domain, DOMAINCFG, 0x100);
    aplic_put(b, domain, IDELIVERY(hart), 1);
}
