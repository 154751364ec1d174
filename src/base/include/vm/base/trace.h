// SPDX-License-Identifier: MIT
//
// Trace events: lines by topic that can be switched on without a rebuild. Off, an event costs one
// load and a branch that is never taken; its arguments are not evaluated.
#ifndef VM_BASE_TRACE_H
#define VM_BASE_TRACE_H

#include <stdatomic.h>
#include <vm/base/types.h>

// The topics, their names on the command line and what they show.
#define VM_TRACE_TOPICS(X)                                          \
    X(BLOCK, "block", "each translated block: guest code and size") \
    X(EXEC, "exec", "each block executed")                          \
    X(IR, "ir", "the IR of each translated block")                  \
    X(JIT, "jit", "the host code of each translated block")         \
    X(MMU, "mmu", "page walks and TLB flushes")                     \
    X(IRQ, "irq", "interrupt lines and interrupts taken")           \
    X(TRAP, "trap", "exceptions taken")                             \
    X(FIRMWARE, "firmware", "calls to the built-in firmware")       \
    X(MMIO, "mmio", "device register accesses")                     \
    X(TIMER, "timer", "timers armed and fired")

enum vm_trace_topic {
#define VM_TRACE_ENUM(id, name, text) VM_TRACE_##id,
    VM_TRACE_TOPICS(VM_TRACE_ENUM)
#undef VM_TRACE_ENUM
        VM_TRACE_COUNT,
};

struct vm_trace_topic_info {
    const char *name, *text;
};

extern const struct vm_trace_topic_info vm_trace_topics[VM_TRACE_COUNT];

struct vm_trace {
    _Atomic uint32_t mask; // bit per topic
    // Takes one line without a newline; called on any thread.
    void (*write)(void *context, enum vm_trace_topic topic, const char *line);
    void *context;
};

// The topic with that name, or -1.
int vm_trace_find(const char *name, size_t length);

void vm_trace_emit(struct vm_trace *t, enum vm_trace_topic topic, const char *fmt, ...)
    VM_PRINTF(3, 4);

static VM_ALWAYS_INLINE bool vm_trace_on(struct vm_trace *t, enum vm_trace_topic topic)
{
    return VM_UNLIKELY(atomic_load_explicit(&t->mask, memory_order_relaxed) >> topic & 1);
}

#define VM_TRACE(t, topic, ...)                       \
    do {                                              \
        if (vm_trace_on((t), (topic)))                \
            vm_trace_emit((t), (topic), __VA_ARGS__); \
    } while (0)

#endif
