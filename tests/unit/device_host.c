// SPDX-License-Identifier: MIT
#include "device_host.h"

#include <string.h>

static uint64_t host_real_time(void *context)
{
    struct device_host *h = context; // base is its first member
    return h->real_time;
}

void device_host_init(struct device_host *h)
{
    test_host_init(&h->base);
    h->base.host.real_time = host_real_time;
    h->base.now = 1000;
    h->real_time = UINT64_C(1700000000123456789);
}

void device_machine_init(struct device_host *h, struct vm_machine *m)
{
    static const struct vm_guest_ops no_guest = {.name = "none"};
    assert_int_equal(vm_machine_init(m, &h->base.host, &no_guest, NULL, NULL), VM_OK);
}

void device_host_advance(struct device_host *h, struct vm_machine *m, uint64_t ns)
{
    h->base.now += ns;
    h->real_time += ns;
    vm_timers_run(&m->timers, h->base.now);
}

void device_bed_init(struct device_bed *b)
{
    memset(b, 0, sizeof *b);
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
}

void device_bed_attach(struct device_bed *b)
{
    assert_int_equal(vm_device_attach(&b->machine, &b->device, NULL), VM_OK);
    b->device.ops->reset(b->device.device);
}

void device_bed_end(struct device_bed *b)
{
    vm_device_destroy(&b->device);
    vm_machine_destroy(&b->machine);
    test_host_check_released(&b->host.base);
}

void device_bed_starve(struct device_bed *b, vm_status (*create)(void *fixture), void *fixture)
{
    vm_status status = VM_ERR_HOST;
    for (unsigned n = 0; status != VM_OK; n++) {
        device_bed_init(b);
        b->host.base.fail_after = n;
        status = create(fixture);
        assert_true(status == VM_OK || status == VM_ERR_HOST);
        assert_true(n > 0 || status == VM_ERR_HOST);
        if (status != VM_OK)
            assert_null(b->device.device);
        device_bed_end(b);
    }
}

static void wire_set(void *target, uint32_t line, bool level)
{
    struct wire *w = target;
    (void)line;
    w->rises += level && !w->level;
    w->level = level;
}

struct vm_irq wire_irq(struct wire *w)
{
    return (struct vm_irq){wire_set, w, 0};
}

bool mmio_reads(struct vm_machine *m, uint64_t address, unsigned size)
{
    uint64_t value;
    return vm_space_mmio_read(&m->space, vm_gpa_of(address), size, &value);
}

bool mmio_writes(struct vm_machine *m, uint64_t address, unsigned size, uint64_t value)
{
    return vm_space_mmio_write(&m->space, vm_gpa_of(address), size, value);
}

uint64_t mmio_read(struct vm_machine *m, uint64_t address, unsigned size)
{
    uint64_t value = 0;
    assert_true(vm_space_mmio_read(&m->space, vm_gpa_of(address), size, &value));
    return value;
}

void mmio_write(struct vm_machine *m, uint64_t address, unsigned size, uint64_t value)
{
    assert_true(mmio_writes(m, address, size, value));
}

void sink_output(void *context, const uint8_t *bytes, size_t size)
{
    struct text_sink *s = context;
    for (size_t i = 0; i < size && s->size + 1 < sizeof s->text; i++)
        s->text[s->size++] = (char)bytes[i];
    s->text[s->size] = 0;
}

void sink_room(void *context)
{
    ((struct text_sink *)context)->rooms++;
}
