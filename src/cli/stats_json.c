// SPDX-License-Identifier: MIT
//
// Statistics as JSON: one object, described in docs/cli.md. Counters are exact, whatever their
// size; times are seconds.
#include "stats.h"

#include <cjson/cJSON.h>
#include <string.h>

#include <vm/base/format.h>

#define NS_PER_SECOND 1e9

// Members are added until one fails, which is remembered.
struct json {
    cJSON *root;
    bool failed;
};

static void count(struct json *j, cJSON *object, const char *name, uint64_t value)
{
    char digits[24]; // as a number of cJSON it would be rounded to 53 bits
    vm_format(digits, sizeof digits, "%llu", (unsigned long long)value);
    j->failed |= !cJSON_AddRawToObject(object, name, digits);
}

static void seconds(struct json *j, cJSON *object, const char *name, uint64_t ns)
{
    j->failed |= !cJSON_AddNumberToObject(object, name, (double)ns / NS_PER_SECOND);
}

// JSON is UTF-8, and a text may hold a file's name in another encoding.
static void string(struct json *j, cJSON *object, const char *name, const char *text)
{
    char *copy = cJSON_malloc(strlen(text) + 1);
    if (!copy) {
        j->failed = true;
        return;
    }
    char *to = copy;
    for (const char *p = text; *p; p++)
        *to++ = (unsigned char)*p < 0x80 ? *p : '?';
    *to = 0;
    j->failed |= !cJSON_AddStringToObject(object, name, copy);
    cJSON_free(copy);
}

static cJSON *group(struct json *j, const char *name)
{
    cJSON *object = cJSON_AddObjectToObject(j->root, name);
    j->failed |= !object;
    return object;
}

static void add_machine(struct json *j, const struct cli_report *r)
{
    cJSON *machine = group(j, "machine");
    string(j, machine, "guest", vm_guest_name(r->vm));
    string(j, machine, "engine", vm_engine_name(r->vm));
    string(j, machine, "engine_reason", vm_engine_reason(r->vm));
    count(j, machine, "vcpus", vm_vcpu_count(r->vm));
    count(j, machine, "memory", r->memory);
}

static void add_translation(struct json *j, const struct vm_stats *s)
{
    cJSON *translation = group(j, "translation");
    count(j, translation, "blocks", s->blocks);
    count(j, translation, "instructions", s->translated_instructions);
    seconds(j, translation, "seconds", s->translate_ns);
    cJSON *cache = group(j, "code_cache");
    count(j, cache, "bytes", s->cache_bytes);
    count(j, cache, "flushes", s->cache_flushes);
    count(j, cache, "lookups", s->lookups);
}

static void add_memory(struct json *j, const struct vm_stats *s)
{
    cJSON *tlb = group(j, "tlb");
    count(j, tlb, "l1_misses", s->tlb_l1_misses);
    count(j, tlb, "l2_hits", s->tlb_l2_hits);
    count(j, tlb, "page_walks", s->page_walks);
    count(j, tlb, "flushes", s->tlb_flushes);
    count(j, tlb, "page_flushes", s->tlb_page_flushes);
    cJSON *mmio = group(j, "mmio");
    count(j, mmio, "reads", s->mmio_reads);
    count(j, mmio, "writes", s->mmio_writes);
}

static void add_events(struct json *j, const struct vm_stats *s)
{
    count(j, j->root, "exceptions", s->exceptions);
    count(j, j->root, "page_faults", s->page_faults);
    count(j, j->root, "interrupts", s->interrupts);
    count(j, j->root, "waits", s->waits);
    count(j, j->root, "cross_calls", s->cross_calls);
    cJSON *exits = group(j, "exits");
    for (unsigned i = 0; i < VM_ARRAY_SIZE(s->exits) && vm_engine_exit_name(i); i++)
        count(j, exits, vm_engine_exit_name(i), s->exits[i]);
}

static void add_disk(struct json *j, cJSON *object, const struct vm_device_stats *d)
{
    count(j, object, "reads", d->reads);
    count(j, object, "writes", d->writes);
    count(j, object, "flushes", d->flushes);
    count(j, object, "discards", d->discards);
    count(j, object, "bytes_read", d->bytes_read);
    count(j, object, "bytes_written", d->bytes_written);
    count(j, object, "errors", d->errors);
    count(j, object, "batches", d->batches);
}

static void add_devices(struct json *j, const struct vm *vm)
{
    cJSON *devices = group(j, "devices");
    struct vm_device_stats d;
    for (size_t i = 0; vm_get_device_stats(vm, i, &d); i++) {
        cJSON *object = cJSON_AddObjectToObject(devices, d.name);
        j->failed |= !object;
        count(j, object, "requests", d.requests);
        count(j, object, "bytes_out", d.bytes_out);
        count(j, object, "bytes_in", d.bytes_in);
        count(j, object, "interrupts", d.interrupts);
        count(j, object, "doorbells", d.doorbells);
        if (d.is_disk)
            add_disk(j, object, &d);
    }
}

static void add_all(struct json *j, const struct cli_report *r)
{
    struct vm_stats s = {0};
    string(j, j->root, "reason", r->reason);
    string(j, j->root, "text", r->text);
    count(j, j->root, "code", r->code);
    count(j, j->root, "status", (uint64_t)r->status);
    if (r->vm) {
        vm_get_stats(r->vm, &s);
        add_machine(j, r);
    }
    cJSON *time = group(j, "time");
    seconds(j, time, "setup", r->setup);
    seconds(j, time, "first_output", r->first_output);
    seconds(j, time, "run", s.run_ns);
    seconds(j, time, "host_cpu", r->cpu);
    count(j, j->root, "instructions", s.instructions);
    add_translation(j, &s);
    add_memory(j, &s);
    add_events(j, &s);
    if (r->vm)
        add_devices(j, r->vm);
    cJSON *console = group(j, "console");
    count(j, console, "output_bytes", r->output_bytes);
    count(j, console, "input_bytes", r->input_bytes);
    if (r->state)
        string(j, j->root, "state", r->state);
}

vm_status cli_stats_format_json(const struct cli_report *report, struct cli_text *out,
                                struct vm_error *e)
{
    struct json j = {.root = cJSON_CreateObject()};
    char *text = NULL;
    if (j.root)
        add_all(&j, report);
    if (j.root && !j.failed)
        text = cJSON_Print(j.root);
    if (text)
        cli_text_add(out, "%s\n", text);
    bool done = text != NULL;
    cJSON_free(text);
    cJSON_Delete(j.root);
    return done ? VM_OK : vm_error_set(e, VM_ERR_HOST, "out of memory for the statistics");
}
