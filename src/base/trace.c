// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/base/trace.h>

const struct vm_trace_topic_info vm_trace_topics[VM_TRACE_COUNT] = {
#define ROW(id, name, text) {name, text},
    VM_TRACE_TOPICS(ROW)
#undef ROW
};

int vm_trace_find(const char *name, size_t length)
{
    for (int i = 0; i < VM_TRACE_COUNT; i++) {
        const char *topic = vm_trace_topics[i].name;
        if (vm_text_length(topic) == length && vm_compare(topic, name, length) == 0)
            return i;
    }
    return -1;
}

void vm_trace_emit(struct vm_trace *t, enum vm_trace_topic topic, const char *fmt, ...)
{
    char line[4096];
    va_list args;
    va_start(args, fmt);
    vm_vformat(line, sizeof line, fmt, args);
    va_end(args);
    t->write(t->context, topic, line);
}
