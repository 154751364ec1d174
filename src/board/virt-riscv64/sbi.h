// SPDX-License-Identifier: MIT
//
// The built-in firmware: RISC-V Supervisor Binary Interface Specification 2.0. One file per
// extension; sbi.c dispatches.
//
// Every call runs on the thread of the vCPU that made it. Locking: sbi.lock guards the harts' HSM
// states and the debug console's input. Interrupt lines are driven and timers armed under it,
// nothing of the embedder's console is called.
//
// A hart that is suspended executes the two instructions "wfi; ecall" that the board has in ROM,
// untranslated in supervisor mode; one that is stopped is parked before the second. So what happens
// at its start or resumption happens in its own call, on its own thread.
#ifndef VIRT_RISCV64_SBI_H
#define VIRT_RISCV64_SBI_H

#include <vm/core/machine.h>

struct virt_riscv64;

// Error codes (chapter 3, table 1).
enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_ERR_FAILED = -1,
    SBI_ERR_NOT_SUPPORTED = -2,
    SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4,
    SBI_ERR_INVALID_ADDRESS = -5,
    SBI_ERR_ALREADY_AVAILABLE = -6,
    SBI_ERR_ALREADY_STARTED = -7,
    SBI_ERR_ALREADY_STOPPED = -8,
    SBI_ERR_NO_SHMEM = -9,
};

// The state of a hart as sbi_hart_get_status reports it (section 9.3).
enum sbi_hart_state {
    SBI_HART_STARTED = 0,
    SBI_HART_STOPPED = 1,
    SBI_HART_START_PENDING = 2,
    SBI_HART_SUSPENDED = 4,
};

struct sbi_hart {
    struct vm_vcpu *vcpu;
    enum sbi_hart_state state; // under sbi.lock
    uint64_t entry, opaque;    // under sbi.lock: where the hart goes when it starts or resumes
    bool retentive;            // how it is suspended; then what it goes on with:
    uint64_t pc, satp;
    bool interrupts;       // sstatus.SIE
    struct vm_timer timer; // of the TIME extension
};

enum { SBI_CONSOLE_SIZE = 64 };

struct sbi {
    struct vm_host_lock *lock; // NULL: this board runs without the built-in firmware
    uint32_t harts;
    struct sbi_hart hart[VM_MAX_VCPUS];

    // Debug console input; a guest reads from it what its serial port does not take.
    bool console_reading; // the guest has asked for input
    bool console_refused; // bytes wait outside
    uint8_t console[SBI_CONSOLE_SIZE];
    uint32_t console_head, console_count;
};

// One call: a7 is the extension, a6 the function.
struct sbi_call {
    struct virt_riscv64 *board;
    struct sbi *sbi;
    struct sbi_hart *hart; // that calls
    uint64_t extension, function;
    uint64_t arg[6];
    bool leaves; // out: the hart does not return to its caller, so a0 and a1 are not to be written
};

struct sbi_result {
    int64_t error; // enum sbi_error
    uint64_t value;
};

static inline struct sbi_result sbi_ok(uint64_t value)
{
    return (struct sbi_result){SBI_SUCCESS, value};
}

static inline struct sbi_result sbi_fail(enum sbi_error error)
{
    return (struct sbi_result){error, 0};
}

static inline void sbi_lock(const struct sbi *sbi)
{
    const struct vm_host *host = sbi->hart[0].vcpu->machine->host;
    host->lock(host->context, sbi->lock);
}

static inline void sbi_unlock(const struct sbi *sbi)
{
    const struct vm_host *host = sbi->hart[0].vcpu->machine->host;
    host->unlock(host->context, sbi->lock);
}

// --- sbi.c ---

vm_status sbi_create(struct virt_riscv64 *board, struct vm_error *e);
void sbi_destroy(struct virt_riscv64 *board);
// Power-on: hart 0 starts at `entry` with a1 = opaque, the others are stopped. After the vCPUs'
// own reset.
void sbi_reset(struct virt_riscv64 *board, uint64_t entry, uint64_t opaque);
// Whether the extension is implemented.
bool sbi_has_extension(uint64_t extension);

// --- the extensions ---

typedef struct sbi_result sbi_handler(struct sbi_call *c);
sbi_handler sbi_base, sbi_time, sbi_ipi, sbi_rfence, sbi_hsm, sbi_srst, sbi_dbcn;

// sbi_time.c
vm_status sbi_add_timer(struct virt_riscv64 *board, struct sbi_hart *hart, struct vm_error *e);
void sbi_reset_timer(struct sbi_hart *hart);
// Drives the timer's line again, after something else did.
void sbi_update_timer(struct sbi_hart *hart);

// sbi_hsm.c
// Continues a hart that comes out of the ROM's wait.
void sbi_continue(struct sbi_call *c);
// Stops a hart; on its own thread, or while no vCPU runs.
void sbi_stop_hart(struct sbi_hart *hart);
// sbi_dbcn.c
// Gives console input; returns how many bytes were taken.
size_t sbi_receive(struct virt_riscv64 *board, const uint8_t *bytes, size_t size);

// sbi_mask.c
// The harts that `mask`, a bit vector from hart `base` on, names (section 3.1), as a bit vector
// from hart 0 on. False: it names a hart that does not exist.
bool sbi_hart_mask(const struct sbi *sbi, uint64_t mask, uint64_t base, uint64_t *harts);

#endif
