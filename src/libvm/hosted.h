// SPDX-License-Identifier: MIT
//
// The hosted machine: a core machine, its board, its RAM and its threads.
//
// Locks: `control` guards the run state (running, active, result); each vCPU thread has a mutex for
// its wait; `timer_drain` is held while timer callbacks run, so that a reset can keep them out.
// Order: control, then a vCPU's mutex. The core's and the devices' locks are innermost.
#ifndef LIBVM_HOSTED_H
#define LIBVM_HOSTED_H

#include <stdatomic.h>
#include <vm/board/board.h>
#include <vm/core/machine.h>
#include <vm/libvm/libvm.h>
#include <vm/osal/memory.h>
#include <vm/osal/thread.h>

#include "devices.h"
#include "flash.h"

// One vCPU's thread and how it is woken.
struct hosted_vcpu {
    struct vm *vm;
    struct vm_vcpu *vcpu;
    struct vm_osal_thread *thread;
    struct vm_osal_mutex *mutex;
    struct vm_osal_condition *wake;
    _Atomic bool waiting; // set before the last look at must_run
    bool kicked;          // under mutex
};

struct vm {
    struct vm_options options;
    struct vm_host host;
    struct hosted_perfmap *perfmap; // or NULL
    const struct vm_guest_ops *guest;
    const struct vm_engine_ops *engine;
    const struct vm_board_ops *board_ops;
    void *config;
    struct vm_machine machine;
    bool machine_ready;
    bool images_released; // to options.images
    struct vm_board *board;
    struct hosted_devices devices;
    struct hosted_flash *flash; // NULL: none
    struct vm_osal_shared_memory *ram;
    void *ram_map;
    char engine_reason[256];

    struct hosted_vcpu vcpus[VM_MAX_VCPUS];
    struct vm_osal_thread *timer_thread;
    struct vm_osal_mutex *timer_mutex; // guards timer_changed
    struct vm_osal_mutex *timer_drain;
    struct vm_osal_condition *timer_wake;
    bool timer_changed;

    struct vm_osal_mutex *control;
    struct vm_osal_condition *state_changed;
    bool threads_started;
    bool running;    // vCPU threads may run the guest
    uint64_t turn;   // how often they were allowed to
    bool quitting;   // threads must end
    unsigned active; // threads that are in the guest
    bool has_event;  // `event` holds why a vCPU came back by itself
    struct vm_result event;
    uint64_t run_ns;
    struct check *check;       // while an engine is checked
    uint64_t fixed_clock;      // what the clock shows instead of the host's time, unless 0
    _Atomic bool pause_wanted; // vm_pause was called, and vm_run has not said so yet
};

// host.c: the core's services on the osal.
void hosted_fill_host(struct vm *vm);

// threads.c
vm_status hosted_start_threads(struct vm *vm, struct vm_error *e);
void hosted_stop_threads(struct vm *vm);
void hosted_wake(struct vm *vm, uint32_t vcpu);
void hosted_timers_changed(struct vm *vm);
vm_status hosted_create_locks(struct vm *vm, struct vm_error *e);
void hosted_destroy_locks(struct vm *vm);

// select.c: what this build has, and which of it the options mean.
// Power-on and reset: the board loads what it starts with.
vm_status hosted_load(struct vm *vm, struct vm_error *e);
vm_status hosted_select(struct vm *vm, struct vm_error *e);
// Takes the next engine in place of the one that could not be created for `e`, where nobody asked
// for that one; false: there is none.
bool hosted_fall_back(struct vm *vm, const struct vm_error *e);
const struct vm_guest_ops *hosted_find_guest(const char *name);

#endif
