// SPDX-License-Identifier: MIT
//
// The one variable of process_state.h.
#include "process_state.h"

struct vm_osal_process_state *vm_osal_process_state(void)
{
    static struct vm_osal_process_state state;
    return &state;
}
