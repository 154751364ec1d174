// SPDX-License-Identifier: MIT
//
// libvm: a virtual machine as a library. Everything hangs off one handle; a process may have as
// many as it likes.
//
//   struct vm_options o = vm_default_options();
//   o.kernel = (struct vm_blob){"kernel", bytes, size};
//   struct vm *vm;
//   if (vm_create(&o, &vm, &error) != VM_OK) ...
//   struct vm_result result;
//   vm_run(vm, VM_FOREVER, &result, &error);
//   vm_destroy(vm);
//
// Threads: vm_run, vm_step, vm_destroy and the register functions are for one thread at a time, and
// all but vm_run only while the machine does not run. vm_pause, vm_console_input,
// vm_console_resize, vm_press_power_key and the balloon's functions may be called from any thread
// at any time. Devices have threads of their own, from vm_create to vm_destroy: what is in flight
// goes on while the vCPUs stand still. Strings and bytes in vm_options must stay valid as long as
// the machine.
#ifndef VM_LIBVM_LIBVM_H
#define VM_LIBVM_LIBVM_H

#include <vm/base/error.h>
#include <vm/base/types.h>
#include <vm/libvm/console.h>
#include <vm/libvm/disk.h>
#include <vm/libvm/flash.h>
#include <vm/libvm/net.h>
#include <vm/libvm/share.h>
#include <vm/libvm/vsock.h>

#define VM_FOREVER UINT64_MAX

struct vm;
struct vm_result;

// Bytes that the embedder owns; data NULL: not given. `name` is for messages.
struct vm_blob {
    const char *name;
    const void *data;
    size_t size;
};

// Who has the bytes of kernel and initrd, where they shall not stay in memory: they are loaded when
// the machine is made and when the guest resets.
struct vm_images {
    void *context;
    // Gives what is to be loaded now, of those that the options had; called by vm_run.
    vm_status (*fetch)(void *context, struct vm_blob *kernel, struct vm_blob *initrd,
                       struct vm_error *e);
    // They are loaded: the bytes may go. Called by vm_create and vm_run.
    void (*release)(void *context);
};

enum vm_bios {
    VM_OPTION_BIOS_BUILTIN, // the built-in firmware
    VM_OPTION_BIOS_NONE,    // none: the kernel starts in the most privileged mode
    VM_OPTION_BIOS_FILE,    // vm_options.bios
};

// How the guest reaches its virtio devices.
enum vm_transport {
    VM_TRANSPORT_PCI,
    VM_TRANSPORT_MMIO,
};

struct vm_options {
    const char *guest;   // "riscv64", or NULL: as the kernel's file says, or the only one built
    const char *cpu;     // "NAME,+ext,-ext", or NULL
    const char *machine; // board name, or NULL for the guest's first
    const char *engine;  // "interpreter", or NULL for the best there is
    uint64_t code_cache; // bytes for translations, all vCPUs together; 0: the engine's choice
    bool perfmap;        // names of generated code for Linux's perf, in /tmp/perf-PID.map
    const char *simd;    // the host's vector instructions that may be used (vm_simd_level), or NULL
    unsigned vcpus;      // 1 to 64
    const unsigned *pin; // host CPU per vCPU, or NULL
    uint64_t memory;     // bytes
    // With neither kernel nor firmware the vCPUs start at the bottom of RAM, which the embedder
    // fills (vm_write_memory).
    struct vm_blob kernel, initrd, dtb, bios;
    const struct vm_images *images; // NULL: their bytes stay as they are while the machine lives
    enum vm_bios bios_mode;
    const char *append; // kernel command line, or NULL
    // Firmware in flash, which starts in place of the kernel, or of all firmware if bios_mode is
    // NONE; kernel, initrd and command line are there for it to load. NULL: none.
    const struct vm_flash_options *flash;
    uint32_t trace;       // mask of trace topics (vm/base/trace.h)
    bool block_at_a_time; // the engine links no blocks: for vm_check_engine

    // Virtio devices, in the order in which the guest finds them. All consoles are ports of one
    // device.
    const struct vm_disk_options *disks;
    const struct vm_net_options *nets;
    const struct vm_console_options *consoles;
    const struct vm_share_options *shares;
    size_t disk_count, net_count, console_count, share_count;
    const struct vm_vsock_options *vsock; // NULL: none
    bool rng;                             // a source of random numbers
    bool balloon;                         // the guest gives back memory that it does not need
    enum vm_transport transport;

    // The machine's threads give up the host calls that their work does not need, and the process
    // ends should one make such a call all the same. Callbacks run in it too: they may write to
    // what is open, allocate and wait, but not open files or start threads.
    bool sandbox;

    // Callbacks, each with `context`; NULL where not wanted. They run on the machine's threads.
    void *context;
    // The guest's console: its serial port, or the virtio console VM_CONSOLE_STDIO, if there is
    // one. It may block; the guest's console then waits.
    void (*console_output)(void *context, const uint8_t *bytes, size_t size);
    void (*console_room)(void *context); // the guest takes input again
    // The serial port when it is not the console.
    void (*serial_output)(void *context, const uint8_t *bytes, size_t size);
    void (*log)(void *context, const char *line);
    void (*trace_line)(void *context, const char *topic, const char *line);
    void (*on_fault)(void *context, const char *what); // the guest crashed
    void (*on_exit)(void *context, const struct vm_result *result);
};

enum vm_exit_reason {
    VM_EXIT_POWEROFF,   // code: what the guest asked for
    VM_EXIT_PAUSED,     // vm_pause
    VM_EXIT_TIMEOUT,    // the deadline of vm_run passed
    VM_EXIT_BREAKPOINT, // vcpu is at one
    VM_EXIT_STEPPED,    // vm_step has done its instructions
    VM_EXIT_WAITING,    // vm_step: the vCPU waits for an interrupt
    VM_EXIT_CRASHED,    // beyond continuing; text says why
};

struct vm_result {
    enum vm_exit_reason reason;
    unsigned vcpu;
    uint32_t code;
    char text[256];
};

const char *vm_exit_reason_name(enum vm_exit_reason reason);

struct vm_options vm_default_options(void);

// Makes a machine: reads what the files are, allocates RAM (untouched RAM costs nothing), builds
// the board, loads the images. Nothing runs yet. VM_ERR_USAGE: the options contradict each other or
// the files; VM_ERR_FILE: a file is not usable; VM_ERR_HOST: the host refuses.
vm_status vm_create(const struct vm_options *options, struct vm **out, struct vm_error *e);
void vm_destroy(struct vm *vm); // NULL is allowed

// Runs every vCPU until something in vm_exit_reason happens or the monotonic clock
// (vm_clock) reaches `deadline` ns. Guest resets are carried out on the way. May be called again
// after PAUSED, TIMEOUT and BREAKPOINT. Only the host's failures are errors.
vm_status vm_run(struct vm *vm, uint64_t deadline, struct vm_result *result, struct vm_error *e);

// Runs `count` instructions of one vCPU on the calling thread while the others stand still. A reset
// that the guest asks for is carried out and ends the step (VM_EXIT_STEPPED).
vm_status vm_step(struct vm *vm, unsigned vcpu, uint64_t count, struct vm_result *result,
                  struct vm_error *e);

// Makes vm_run return VM_EXIT_PAUSED: the one that runs now or, if none does or it ends for another
// reason, the next.
void vm_pause(struct vm *vm);

uint64_t vm_clock(void); // monotonic, ns

// Console input: returns how many bytes the guest took; console_room is called when it takes more.
size_t vm_console_input(struct vm *vm, const uint8_t *bytes, size_t size);
// The size in characters of the terminal that shows the console. A serial port has none; then
// nothing happens.
void vm_console_resize(struct vm *vm, unsigned columns, unsigned rows);

// Presses the machine's power key: the guest may power off. False: there is no such key.
bool vm_press_power_key(struct vm *vm);

// The balloon, in bytes.
struct vm_balloon {
    uint64_t target;   // that the guest is to give up
    uint64_t actual;   // that it has given up
    uint64_t released; // that went back to the host until now, by balloon and free page reports
};

// VM_ERR_USAGE: the machine has no balloon. The guest gives up memory when it gets to it, if it
// does.
vm_status vm_set_balloon(struct vm *vm, uint64_t target, struct vm_error *e);
vm_status vm_get_balloon(const struct vm *vm, struct vm_balloon *out, struct vm_error *e);

vm_status vm_add_breakpoint(struct vm *vm, uint64_t address, struct vm_error *e);
vm_status vm_remove_breakpoint(struct vm *vm, uint64_t address, struct vm_error *e);

// Registers by index, in the guest's order; hidden ones are not listed.
unsigned vm_register_count(const struct vm *vm);
const char *vm_register_name(const struct vm *vm, unsigned index);
unsigned vm_register_bits(const struct vm *vm, unsigned index);
int vm_register_find(const struct vm *vm, const char *name); // -1: none of that name
vm_status vm_read_register(const struct vm *vm, unsigned vcpu, unsigned index, uint64_t *value,
                           struct vm_error *e);
vm_status vm_write_register(struct vm *vm, unsigned vcpu, unsigned index, uint64_t value,
                            struct vm_error *e);

// Guest-physical memory, RAM only: VM_ERR_USAGE unless all of it is.
vm_status vm_read_memory(const struct vm *vm, vm_gpa address, void *to, size_t size,
                         struct vm_error *e);
vm_status vm_write_memory(struct vm *vm, vm_gpa address, const void *from, size_t size,
                          struct vm_error *e);
// Guest-virtual, as the vCPU would read it now.
vm_status vm_read_virtual(struct vm *vm, unsigned vcpu, vm_gva address, void *to, size_t size,
                          struct vm_error *e);

// One line of assembly for bytes of that guest's code at `pc`; returns the instruction's length.
// `guest` as in vm_options; 0 when there is no such guest in this build.
unsigned vm_disassemble(const char *guest, uint64_t pc, const uint8_t *bytes, size_t size,
                        char *out, size_t out_size);

// The device tree that the guest got; owned by the machine.
vm_status vm_device_tree(const struct vm *vm, const void **blob, size_t *size, struct vm_error *e);

unsigned vm_vcpu_count(const struct vm *vm);
const char *vm_guest_name(const struct vm *vm);    // "riscv64"
const char *vm_engine_name(const struct vm *vm);   // "interpreter"
const char *vm_engine_reason(const struct vm *vm); // one line: why this one and not a faster one

// What this build has, one after the other: NULL past the end.
const char *vm_built_guest(size_t index);
const char *vm_built_engine(size_t index);
// Names for vm_options.simd: this host's levels, the lowest first.
const char *vm_simd_level(size_t index);
const char *vm_built_machine(const char *guest, size_t index);

// What depends on how the build was made and on the host: user networking, tap interfaces,
// asynchronous disk I/O by the kernel.
struct vm_feature {
    const char *name;
    bool built, available;
    const char *without; // what happens without it
    char why[256];       // it is not available; "" if it is
};

// Asks the host, and changes nothing there; false past the end.
bool vm_describe_feature(size_t index, struct vm_feature *out);

struct vm_stats {
    uint64_t run_ns;       // in vm_run
    uint64_t instructions; // retired
    uint64_t blocks, translated_instructions, translate_ns, cache_bytes, cache_flushes, lookups;
    uint64_t tlb_l1_misses, tlb_l2_hits, page_walks, tlb_flushes, tlb_page_flushes;
    uint64_t exceptions, interrupts, page_faults, mmio_reads, mmio_writes, waits;
    uint64_t exits[16]; // by vm_engine_exit_name
    uint64_t cross_calls;
};

// Sums over all vCPUs; while the machine does not run.
void vm_get_stats(const struct vm *vm, struct vm_stats *out);
const char *vm_engine_exit_name(unsigned exit); // NULL past the end

struct vm_device_stats {
    const char *name;                       // "blk0"; lives as long as the machine
    uint64_t requests, bytes_out, bytes_in; // elements of its queues; bytes from and to the guest
    uint64_t interrupts, doorbells;
    bool is_disk; // the following are filled
    uint64_t reads, writes, flushes, discards, bytes_read, bytes_written, errors, batches;
};

// Of each virtio device since vm_create; false past the end. While the machine does not run.
bool vm_get_device_stats(const struct vm *vm, size_t index, struct vm_device_stats *out);

// Registers, the exception and the last blocks of every vCPU, for a crash report; returns the
// text's length as vm_format does.
size_t vm_describe_state(const struct vm *vm, char *out, size_t size);

// What a file is, for people.
void vm_describe_file(const void *data, size_t size, char *out, size_t out_size);

// The guest that a file is for, "riscv64", be it in this build or not; NULL: it does not say.
const char *vm_file_guest(const void *data, size_t size);

// Takes a piece of a file's code; another status than VM_OK ends the visit and is its result.
typedef vm_status vm_code_visitor(void *context, uint64_t address, const uint8_t *bytes,
                                  size_t size);

// Shows the code of a file, with every compression taken off: the executable segments of an ELF
// file at their virtual addresses, all bytes of any other at address 0. VM_ERR_FILE: it is damaged.
vm_status vm_visit_code(const void *data, size_t size, vm_code_visitor *visit, void *context,
                        struct vm_error *e);

#endif
