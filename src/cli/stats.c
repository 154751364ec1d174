// SPDX-License-Identifier: MIT
//
// Statistics as text, and the way of both forms to where they go.
#include "stats.h"

#include <vm/base/format.h>

enum { COLUMN = 20, NS_PER_MS = 1000000, MS_PER_SECOND = 1000 };

static void row(struct cli_text *t, const char *name, const char *fmt, ...) VM_PRINTF(3, 4);

static void row(struct cli_text *t, const char *name, const char *fmt, ...)
{
    char value[512];
    va_list args;
    va_start(args, fmt);
    vm_vformat(value, sizeof value, fmt, args);
    va_end(args);
    cli_text_add(t, "  %-*s %s\n", COLUMN, name, value);
}

static void seconds(struct cli_text *t, const char *name, uint64_t ns)
{
    uint64_t ms = ns / NS_PER_MS;
    row(t, name, "%llu.%03llu s", (unsigned long long)(ms / MS_PER_SECOND),
        (unsigned long long)(ms % MS_PER_SECOND));
}

static void count(struct cli_text *t, const char *name, uint64_t value)
{
    row(t, name, "%llu", (unsigned long long)value);
}

static void add_device(struct cli_text *t, const struct vm_device_stats *d)
{
    row(t, d->name, "%llu requests, %llu bytes out, %llu in, %llu interrupts, %llu doorbells",
        (unsigned long long)d->requests, (unsigned long long)d->bytes_out,
        (unsigned long long)d->bytes_in, (unsigned long long)d->interrupts,
        (unsigned long long)d->doorbells);
    if (!d->is_disk)
        return;
    row(t, "", "%llu reads (%llu bytes), %llu writes (%llu bytes), %llu flushes",
        (unsigned long long)d->reads, (unsigned long long)d->bytes_read,
        (unsigned long long)d->writes, (unsigned long long)d->bytes_written,
        (unsigned long long)d->flushes);
    row(t, "", "%llu discards, %llu errors, %llu batches", (unsigned long long)d->discards,
        (unsigned long long)d->errors, (unsigned long long)d->batches);
}

static void add_machine(struct cli_text *t, const struct vm *vm)
{
    struct vm_stats s;
    vm_get_stats(vm, &s);
    // Thousands of instructions per microsecond are thousands of millions per second.
    uint64_t us = s.run_ns / 1000;
    row(t, "machine", "%s, %u vCPU%s, engine %s (%s)", vm_guest_name(vm), vm_vcpu_count(vm),
        vm_vcpu_count(vm) == 1 ? "" : "s", vm_engine_name(vm), vm_engine_reason(vm));
    seconds(t, "run", s.run_ns);
    row(t, "instructions", "%llu (%llu million per second)", (unsigned long long)s.instructions,
        (unsigned long long)(us ? s.instructions / us : 0));
    row(t, "translated", "%llu blocks, %llu instructions", (unsigned long long)s.blocks,
        (unsigned long long)s.translated_instructions);
    seconds(t, "translation", s.translate_ns);
    row(t, "code cache", "%llu bytes, %llu flushes, %llu lookups",
        (unsigned long long)s.cache_bytes, (unsigned long long)s.cache_flushes,
        (unsigned long long)s.lookups);
    row(t, "TLB", "%llu misses of level 1, %llu hits of level 2, %llu page walks",
        (unsigned long long)s.tlb_l1_misses, (unsigned long long)s.tlb_l2_hits,
        (unsigned long long)s.page_walks);
    row(t, "TLB flushes", "%llu whole, %llu pages", (unsigned long long)s.tlb_flushes,
        (unsigned long long)s.tlb_page_flushes);
    count(t, "exceptions", s.exceptions);
    count(t, "page faults", s.page_faults);
    count(t, "interrupts", s.interrupts);
    row(t, "device registers", "%llu reads, %llu writes", (unsigned long long)s.mmio_reads,
        (unsigned long long)s.mmio_writes);
    count(t, "waits", s.waits);
    count(t, "cross calls", s.cross_calls);
    struct vm_device_stats d;
    for (size_t i = 0; vm_get_device_stats(vm, i, &d); i++)
        add_device(t, &d);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(s.exits) && vm_engine_exit_name(i); i++) {
        char name[48];
        vm_format(name, sizeof name, "exits: %s", vm_engine_exit_name(i));
        count(t, name, s.exits[i]);
    }
}

static void format_text(const struct cli_report *r, struct cli_text *t)
{
    cli_text_add(t, "vm-cli: statistics\n");
    row(t, "ended by", "%s%s%s, exit status %d", r->reason, *r->text ? ": " : "", r->text,
        r->status);
    seconds(t, "set-up", r->setup);
    if (r->first_output)
        seconds(t, "first output", r->first_output);
    seconds(t, "host CPU", r->cpu);
    if (r->vm)
        add_machine(t, r->vm);
    row(t, "console", "%llu bytes out, %llu bytes in", (unsigned long long)r->output_bytes,
        (unsigned long long)r->input_bytes);
}

vm_status cli_stats_write(const struct cli_report *report, enum cli_stats_form form,
                          struct vm_osal_file *file, struct vm_error *e)
{
    struct cli_text t = {0};
    uint64_t offset = 0;
    vm_status status = VM_OK;
    if (form == CLI_STATS_JSON)
        status = cli_stats_format_json(report, &t, e);
    else
        format_text(report, &t);
    if (status == VM_OK)
        status = file ? cli_text_write_file(&t, file, &offset, e)
                      : cli_text_write(&t, vm_osal_stderr(), "the text of --stats", e);
    cli_text_release(&t);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, VM_ERR_HOST, "--stats");
}
