// SPDX-License-Identifier: MIT
//
// vm-cli debug check-jit: a guest on the JIT and on the interpreter, compared step by step.
#include <stdlib.h>
#include <string.h>
#include <vm/libvm/check.h>
#include <vm/osal/terminal.h>

#include "commands.h"
#include "machine.h"

enum { STATUS_DIFFERS = 1, INPUT_STEP = 4096 };

struct check_command {
    struct cli_options options;
    struct cli_machine machine;
    struct cli_text input;
};

static void on_output(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    vm_osal_write_all(vm_osal_stdout(), bytes, size, NULL, NULL, NULL);
}

static void on_text(void *context, const char *text)
{
    (void)context;
    vm_osal_write_all(vm_osal_stderr(), text, strlen(text), NULL, NULL, NULL);
}

// All of standard input, unless it is a terminal: the guest gets it as it has room.
static vm_status read_input(struct cli_text *input, struct vm_error *e)
{
    if (vm_osal_is_terminal(vm_osal_stdin()))
        return VM_OK;
    for (;;) {
        size_t got = 0;
        char *to = cli_text_reserve(input, INPUT_STEP);
        if (!to)
            return vm_error_set(e, VM_ERR_HOST, "out of memory for the input");
        if (vm_osal_read(vm_osal_stdin(), to, INPUT_STEP, &got) == VM_OSAL_READ_END)
            return VM_OK;
        input->length += got;
    }
}

static int tell(const struct vm_check_result *r)
{
    if (r->differs)
        return STATUS_DIFFERS;
    const char *end = r->end.reason == VM_EXIT_POWEROFF  ? "the guest powered off"
                      : r->end.reason == VM_EXIT_CRASHED ? "the guest crashed"
                      : r->end.reason == VM_EXIT_WAITING ? "the guest waits for input"
                                                         : "the time is over";
    cli_say("%llu instructions in %llu steps, no difference; %s",
            (unsigned long long)r->instructions, (unsigned long long)r->steps, end);
    return 0;
}

static vm_status check(struct check_command *k, char **argv, struct vm_check_result *result,
                       struct vm_error *e)
{
    struct vm_options base = vm_default_options();
    struct cli_options *o = &k->options;
    vm_status status = cli_options_parse(o, CLI_CHECK_JIT, argv, 1, e);
    if (status != VM_OK)
        return status;
    const char *steps = o->argument_count ? o->arguments[0] : "blocks";
    if (strcmp(steps, "blocks") != 0 && strcmp(steps, "links") != 0)
        return vm_error_set(e, VM_ERR_USAGE, "%s is no kind of step; give blocks or links", steps);
    if (!cli_machine_has_code(o))
        return vm_error_set(e, VM_ERR_USAGE, "there is nothing to run; give --kernel FILE");
    base.console_output = on_output;
    base.block_at_a_time = strcmp(steps, "blocks") == 0;
    o->engine = "jit";
    status = read_input(&k->input, e);
    if (status == VM_OK)
        status = cli_machine_create(&k->machine, o, &base, e);
    if (status != VM_OK)
        return status;
    const struct vm_check_options c = {
        .deadline = o->timeout ? vm_clock() + o->timeout : VM_FOREVER,
        .input = (const uint8_t *)k->input.data,
        .input_size = k->input.length,
        .text = on_text,
    };
    return vm_check_engine(k->machine.vm, &c, result, e);
}

int cli_check_jit(char **argv)
{
    struct check_command k = {0};
    struct vm_check_result result = {0};
    struct vm_error e;
    vm_status status = check(&k, argv, &result, &e);
    int code = status == VM_OK ? tell(&result) : cli_fail(&e);
    cli_machine_release(&k.machine);
    cli_options_release(&k.options);
    cli_text_release(&k.input);
    return code;
}
