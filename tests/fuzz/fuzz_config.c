// SPDX-License-Identifier: MIT
//
// Fuzz target: a configuration file's text. Whatever the bytes, reading stays inside of them, the
// options keep values that they may have, and a refusal is one line with a status of its kind.
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fuzz_input.h"
#include "options.h"

static void check_text(const char *text)
{
    if (text)
        must(strlen(text) < INPUT_ROOM);
}

static void check_options(const struct cli_options *o)
{
    must(o->vcpus >= 1 && o->vcpus <= CLI_MAX_VCPUS);
    must(o->memory >= 1 << 20 && o->memory % 4096 == 0);
    check_text(o->kernel);
    check_text(o->append);
    check_text(o->stats.file);
    check_text(o->trace.file);
    must(!o->config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli_options o;
    struct vm_error e = {.text = ""};
    // Of its own, so that a read behind the end is seen.
    char *text = malloc(size ? size : 1);
    must(text != NULL);
    memcpy(text, data, size);
    cli_options_init(&o);
    vm_status status = cli_config_apply(&o, CLI_RUN, "fuzz", text, size, &e);
    if (status != VM_OK) {
        must(status == VM_ERR_USAGE || status == VM_ERR_FILE);
        must(status == e.status && e.text[0]);
    }
    check_options(&o);
    cli_options_release(&o);
    free(text);
    return 0;
}
