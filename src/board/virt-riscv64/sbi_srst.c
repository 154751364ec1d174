// SPDX-License-Identifier: MIT
//
// System Reset extension (chapter 10).
#include "sbi.h"

enum { SYSTEM_RESET };

// Both are 32 bits wide (tables 11 and 12).
enum { SHUTDOWN, COLD_REBOOT, WARM_REBOOT };
enum { NO_REASON, SYSTEM_FAILURE };
#define FIRST_VENDOR_TYPE    0xf0000000u
#define FIRST_SPECIAL_REASON 0xe0000000u // of implementations, vendors and platforms

struct sbi_result sbi_srst(struct sbi_call *c)
{
    struct vm_machine *m = c->hart->vcpu->machine;
    uint32_t type = (uint32_t)c->arg[0], reason = (uint32_t)c->arg[1];
    if (c->function != SYSTEM_RESET)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    if ((type > WARM_REBOOT && type < FIRST_VENDOR_TYPE) ||
        (reason > SYSTEM_FAILURE && reason < FIRST_SPECIAL_REASON))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    if (type >= FIRST_VENDOR_TYPE || reason >= FIRST_SPECIAL_REASON)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    if (type != SHUTDOWN)
        vm_machine_stop(m, VM_STOP_RESET, 0, "SBI: reboot");
    else if (reason == SYSTEM_FAILURE)
        vm_machine_stop(m, VM_STOP_POWEROFF, 1, "SBI: shutdown after a system failure");
    else
        vm_machine_stop(m, VM_STOP_POWEROFF, 0, "SBI: shutdown");
    // The stop is served before the hart executes another instruction.
    return sbi_ok(0);
}
