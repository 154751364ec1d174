// SPDX-License-Identifier: MIT
//
// vm-cli run: makes the machine, lets it run, and tells how it ended.
//
// Two threads besides the machine's: this one sits in vm_run, the console's serves input and pauses
// the machine when the run is to end.
#include <stdlib.h>
#include <string.h>
#include <vm/base/format.h>
#include <vm/osal/clock.h>
#include <vm/osal/sandbox.h>
#include <vm/osal/signal.h>

#include "commands.h"
#include "console.h"
#include "machine.h"
#include "serial_log.h"
#include "stats.h"
#include "trace.h"

struct run {
    uint64_t start; // of the program, by vm_clock
    struct cli_options options;
    struct cli_machine machine;
    struct cli_console *console;
    struct cli_serial_log *serial; // NULL: the serial port is the console
    struct cli_trace *trace;
    bool sandbox;
    struct vm_error no_sandbox; // why not, if it is not off; "": it is
    struct vm_osal_inherited inherited;
    struct vm_osal_file *stats_file;

    bool started;         // options and the statistics' file are right: a report is due
    uint64_t guest_start; // by vm_clock; 0: the guest never ran
    struct vm_result result;
    struct vm_error error; // what the reason "error" means
    struct cli_report report;
    struct cli_text state; // of a crashed guest
};

// --- the machine's callbacks ---

static void on_output(void *context, const uint8_t *bytes, size_t size)
{
    cli_console_output(((struct run *)context)->console, bytes, size);
}

static void on_serial(void *context, const uint8_t *bytes, size_t size)
{
    cli_serial_log_output(((struct run *)context)->serial, bytes, size);
}

static void on_room(void *context)
{
    cli_console_room(((struct run *)context)->console);
}

static void on_log(void *context, const char *line)
{
    (void)context;
    cli_say("%s", line);
}

static void on_trace(void *context, const char *topic, const char *line)
{
    cli_trace_line(((struct run *)context)->trace, topic, line);
}

// --- before ---

static vm_status open_stats(struct run *r, struct vm_error *e)
{
    const char *path = r->options.stats.file;
    if (!path)
        return VM_OK;
    vm_status status = vm_osal_file_open(path, VM_OSAL_FILE_CREATE, &r->stats_file, e);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "--stats");
}

// In the sandbox, unless that is off or was not asked for and cannot be had.
static vm_status choose_sandbox(struct run *r, struct vm_error *e)
{
    const char *wanted = r->options.sandbox;
    if (wanted && strcmp(wanted, "off") == 0)
        return VM_OK;
    vm_status status = vm_osal_sandbox_probe(&r->no_sandbox);
    r->sandbox = status == VM_OK;
    if (status != VM_OK && wanted)
        return vm_error_set(e, status, "--sandbox: %s", r->no_sandbox.text);
    return VM_OK;
}

static vm_status prepare(struct run *r, struct vm_error *e)
{
    vm_status status = open_stats(r, e);
    r->started = status == VM_OK;
    if (status == VM_OK)
        status = choose_sandbox(r, e);
    if (status == VM_OK)
        status = cli_trace_open(&r->options.trace, &r->trace, e);
    if (status == VM_OK && !cli_machine_has_code(&r->options))
        status = vm_error_set(e, VM_ERR_USAGE, "there is nothing to run; give --kernel FILE");
    if (status != VM_OK)
        return status;
    if (cli_machine_has_virtio_terminal(&r->options))
        status = cli_serial_log_create(&r->serial, e);
    if (status == VM_OK)
        status = cli_console_create(&r->console, e);
    if (status != VM_OK)
        return status;
    struct vm_options base = vm_default_options();
    base.context = r;
    base.console_output = on_output;
    base.console_room = on_room;
    base.log = on_log;
    if (r->serial)
        base.serial_output = on_serial;
    base.sandbox = r->sandbox;
    base.trace = r->options.trace.mask;
    if (r->trace)
        base.trace_line = on_trace;
    return cli_machine_create(&r->machine, &r->options, &base, e);
}

// --- the run ---

// Everything is open that will be.
static vm_status enter_sandbox(const struct run *r, struct vm_error *e)
{
    if (r->no_sandbox.text[0])
        cli_say("no sandbox: %s", r->no_sandbox.text);
    if (!r->sandbox)
        return VM_OK;
    vm_osal_streams_close_inherited(&r->inherited);
    return vm_osal_sandbox_enter(VM_OSAL_SANDBOX_MAIN, e);
}

static vm_status run_machine(struct run *r, struct vm_error *e)
{
    struct vm *vm = r->machine.vm;
    cli_say("%s guest, engine %s (%s)", vm_guest_name(vm), vm_engine_name(vm),
            vm_engine_reason(vm));
    uint64_t now = vm_clock(), timeout = r->options.timeout;
    uint64_t deadline = timeout ? now + timeout : VM_FOREVER;
    vm_status status =
        cli_console_start(r->console, vm, r->serial != NULL, r->sandbox, deadline, e);
    if (status != VM_OK)
        return status;
    status = enter_sandbox(r, e);
    r->guest_start = vm_clock();
    if (status == VM_OK)
        status = vm_run(vm, deadline, &r->result, e);
    cli_console_stop(r->console);
    return status;
}

// --- after ---

static void ended(struct run *r, const char *reason, int status)
{
    r->report.reason = reason;
    r->report.status = status;
}

static void tell_error(struct run *r)
{
    ended(r, "error", cli_fail(&r->error));
    r->report.text = r->error.text;
}

static void tell_poweroff(struct run *r)
{
    uint32_t code = r->result.code;
    ended(r, "poweroff", code > CLI_MAX_STATUS ? CLI_MAX_STATUS : (int)code);
    if (code != 0)
        cli_say("the guest powered off with code %lu (%s)", (unsigned long)code, r->result.text);
}

static void tell_crash(struct run *r)
{
    vm_error_set(&r->error, VM_ERR_GUEST, "the guest crashed: %s", r->result.text);
    ended(r, "crashed", cli_fail(&r->error));
    size_t length = vm_describe_state(r->machine.vm, NULL, 0);
    char *to = cli_text_reserve(&r->state, length + 1);
    if (!to)
        return;
    vm_describe_state(r->machine.vm, to, length + 1);
    r->report.state = to;
    // The text stays in the buffer for the statistics.
    vm_osal_write_all(vm_osal_stderr(), to, length, NULL, NULL, NULL);
}

// The machine was paused: by whom?
static void tell_pause(struct run *r)
{
    int signal = vm_osal_stop_signal();
    switch (cli_console_ended(r->console, &r->error)) {
    case CLI_CONSOLE_QUIT: ended(r, "quit", 0); break;
    case CLI_CONSOLE_OUTPUT: tell_error(r); break;
    case CLI_CONSOLE_NOTHING:
    case CLI_CONSOLE_SIGNAL:
        ended(r, "signal", CLI_STATUS_SIGNAL + signal);
        cli_say("stopped by signal %d", signal);
        break;
    }
}

// What the output after the end says about the status: the guest's own is not hidden.
static void after_end(struct run *r, vm_status status, const struct vm_error *e)
{
    if (status == VM_OK)
        return;
    int failed = cli_fail(e);
    if (r->report.status == 0)
        r->report.status = failed;
}

// Output that was lost while the guest powered off.
static void check_output(struct run *r)
{
    struct vm_error e;
    if (cli_console_ended(r->console, &e) == CLI_CONSOLE_OUTPUT)
        after_end(r, e.status, &e);
}

static void tell_end(struct run *r)
{
    r->report.text = r->result.text;
    r->report.code = r->result.code;
    switch (r->result.reason) {
    case VM_EXIT_POWEROFF: tell_poweroff(r); break;
    case VM_EXIT_CRASHED: tell_crash(r); break;
    case VM_EXIT_TIMEOUT:
        ended(r, "timeout", CLI_STATUS_TIMEOUT);
        cli_say("stopped: the time of --timeout is over");
        break;
    default: tell_pause(r); return;
    }
    check_output(r);
}

static void fill_report(struct run *r)
{
    struct cli_report *report = &r->report;
    report->vm = r->machine.vm;
    report->memory = r->options.memory;
    report->setup = (r->guest_start ? r->guest_start : vm_clock()) - r->start;
    report->cpu = vm_osal_clock_process();
    if (!r->console)
        return;
    struct cli_console_counts counts = cli_console_count(r->console);
    report->output_bytes = counts.output_bytes;
    report->input_bytes = counts.input_bytes;
    report->first_output = counts.first_output ? counts.first_output - r->guest_start : 0;
}

static void finish(struct run *r)
{
    struct vm_error e;
    after_end(r, cli_trace_close(r->trace, &e), &e);
    if (r->started && r->options.stats.form != CLI_STATS_NONE) {
        fill_report(r);
        after_end(r, cli_stats_write(&r->report, r->options.stats.form, r->stats_file, &e), &e);
    }
    vm_osal_file_close(r->stats_file);
    cli_machine_release(&r->machine); // its devices' threads may still write to the console
    cli_console_destroy(r->console);
    cli_serial_log_destroy(r->serial);
    cli_options_release(&r->options);
    cli_text_release(&r->state);
}

int cli_run(char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r) {
        struct vm_error e;
        vm_error_set(&e, VM_ERR_HOST, "out of memory");
        return cli_fail(&e);
    }
    r->start = vm_clock();
    vm_osal_streams_inherited(&r->inherited);
    vm_status status = cli_options_parse(&r->options, CLI_RUN, argv, 0, &r->error);
    if (status == VM_OK)
        status = prepare(r, &r->error);
    if (status == VM_OK)
        status = run_machine(r, &r->error);
    if (status == VM_OK)
        tell_end(r);
    else
        tell_error(r);
    finish(r);
    int result = r->report.status;
    free(r);
    return result;
}
