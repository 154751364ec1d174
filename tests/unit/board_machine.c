// SPDX-License-Identifier: MIT
#include "board_machine.h"

#include <string.h>
#include <sys/mman.h>

#include <vm/frontend-riscv64/frontend.h>

void board_machine_init_guest(struct board_machine *b, enum vm_guest_isa isa,
                              const struct vm_guest_ops *guest, uint64_t ram_base, uint32_t vcpus,
                              const char *cpu, uint64_t ram_size)
{
    memset(b, 0, sizeof *b);
    device_host_init(&b->host);
    b->ram_base = ram_base;
    const struct vm_host *host = &b->host.base.host;
    assert_int_equal(guest->configure(cpu, &host->allocator, &b->cpu, &b->error), VM_OK);
    assert_int_equal(vm_machine_init(&b->machine, host, guest, b->cpu, &b->error), VM_OK);
    for (uint32_t i = 0; i < vcpus; i++) {
        assert_int_equal(vm_vcpu_create(&b->machine, i, &b->machine.vcpus[i], &b->error), VM_OK);
        b->machine.vcpu_count++;
    }
    void *ram = mmap(NULL, ram_size ? ram_size : 1, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(ram, MAP_FAILED);
    b->config = (struct vm_board_config){
        .ram = ram,
        .ram_size = ram_size,
        .console = {sink_output, sink_room, &b->sink},
    };
    b->ops = vm_board_find(isa, "virt");
    assert_non_null(b->ops);
}

void board_machine_init(struct board_machine *b, uint32_t vcpus, const char *cpu, uint64_t ram_size)
{
    board_machine_init_guest(b, VM_ISA_RISCV64, &vm_riscv64_guest_ops, BOARD_RAM, vcpus, cpu,
                             ram_size);
}

vm_status board_create(struct board_machine *b)
{
    return b->ops->create(&b->machine, &b->config, &b->board, &b->error);
}

vm_status board_reset(struct board_machine *b)
{
    return b->ops->reset(b->board, &b->error);
}

void board_start(struct board_machine *b)
{
    vm_status status = board_create(b);
    if (status == VM_OK)
        status = board_reset(b);
    if (status != VM_OK)
        fail_msg("%s", b->error.text);
}

void board_machine_end(struct board_machine *b)
{
    b->ops->destroy(b->board);
    const struct vm_guest_ops *guest = b->machine.guest;
    vm_machine_destroy(&b->machine);
    guest->unconfigure(b->cpu, &b->host.base.host.allocator);
    munmap(b->config.ram, b->config.ram_size ? b->config.ram_size : 1);
    test_host_check_released(&b->host.base);
}

void board_set_kernel(struct board_machine *b, const struct image *kernel)
{
    b->config.kernel = (struct vm_board_file){"k.img", kernel->data, kernel->size};
}

uint8_t *board_ram(struct board_machine *b, uint64_t address)
{
    assert_true(address - b->ram_base < b->config.ram_size);
    return (uint8_t *)b->config.ram + (address - b->ram_base);
}
