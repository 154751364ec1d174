// SPDX-License-Identifier: MIT
//
// See serial_log.h. `mutex` guards the line.
#include "serial_log.h"

#include <stdlib.h>
#include <vm/osal/thread.h>

#include "text.h"

enum { LINE_SIZE = 200 }; // a longer line becomes several

struct cli_serial_log {
    struct vm_osal_mutex *mutex;
    char line[LINE_SIZE];
    size_t length;
};

vm_status cli_serial_log_create(struct cli_serial_log **out, struct vm_error *e)
{
    struct cli_serial_log *log = calloc(1, sizeof *log);
    if (!log)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the serial port's lines");
    vm_status status = vm_osal_mutex_create(&log->mutex, e);
    if (status != VM_OK) {
        free(log);
        return status;
    }
    *out = log;
    return VM_OK;
}

static void end_line(struct cli_serial_log *log)
{
    cli_say("serial: %.*s", (int)log->length, log->line);
    log->length = 0;
}

void cli_serial_log_output(struct cli_serial_log *log, const uint8_t *bytes, size_t size)
{
    vm_osal_mutex_lock(log->mutex);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' || log->length == LINE_SIZE)
            end_line(log);
        if (bytes[i] != '\n' && bytes[i] != '\r')
            log->line[log->length++] = (char)bytes[i];
    }
    vm_osal_mutex_unlock(log->mutex);
}

void cli_serial_log_destroy(struct cli_serial_log *log)
{
    if (!log)
        return;
    if (log->length > 0)
        end_line(log);
    vm_osal_mutex_destroy(log->mutex);
    free(log);
}
