// SPDX-License-Identifier: MIT
//
// What the guest says on its serial port while its console is another device: lines on standard
// error.
#ifndef CLI_SERIAL_LOG_H
#define CLI_SERIAL_LOG_H

#include <vm/base/error.h>

struct cli_serial_log;

vm_status cli_serial_log_create(struct cli_serial_log **log, struct vm_error *e);
// From any thread.
void cli_serial_log_output(struct cli_serial_log *log, const uint8_t *bytes, size_t size);
void cli_serial_log_destroy(struct cli_serial_log *log); // NULL is allowed

#endif
