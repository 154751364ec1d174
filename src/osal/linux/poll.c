// SPDX-License-Identifier: MIT
//
// Pollers on epoll, woken through an eventfd that is watched without a token of its own. Each write
// to it is an edge that ends one wait, so that nobody has to read it.
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <vm/osal/clock.h>
#include <vm/osal/poll.h>

enum { MAX_READY = 64 };

struct vm_osal_poller {
    int epoll, wake;
    _Atomic bool woken;
};

void vm_osal_poller_destroy(struct vm_osal_poller *p)
{
    if (!p)
        return;
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->wake >= 0)
        close(p->wake);
    free(p);
}

static vm_status control(struct vm_osal_poller *p, int operation, int fd, uint32_t events,
                         void *token, struct vm_error *e)
{
    struct epoll_event event = {.events = events, .data.ptr = token};
    if (epoll_ctl(p->epoll, operation, fd, &event) != 0)
        return vm_error_set(e, VM_ERR_HOST, "cannot watch a file for I/O: %s", strerror(errno));
    return VM_OK;
}

vm_status vm_osal_poller_create(struct vm_osal_poller **poller, struct vm_error *e)
{
    struct vm_osal_poller *p = malloc(sizeof *p);
    if (!p)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for an I/O poller");
    atomic_init(&p->woken, false);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vm_status status = VM_OK;
    if (p->epoll < 0 || p->wake < 0)
        status = vm_error_set(e, VM_ERR_HOST, "cannot create an I/O poller: %s", strerror(errno));
    if (status == VM_OK)
        status = control(p, EPOLL_CTL_ADD, p->wake, EPOLLIN | EPOLLET, NULL, e);
    if (status != VM_OK) {
        vm_osal_poller_destroy(p);
        return status;
    }
    *poller = p;
    return VM_OK;
}

static uint32_t to_epoll(unsigned events)
{
    return (events & VM_OSAL_POLL_INPUT ? (uint32_t)EPOLLIN : 0) |
           (events & VM_OSAL_POLL_OUTPUT ? (uint32_t)EPOLLOUT : 0);
}

static unsigned from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? VM_OSAL_POLL_INPUT : 0u) |
           (events & EPOLLOUT ? VM_OSAL_POLL_OUTPUT : 0u) |
           (events & (EPOLLHUP | EPOLLRDHUP) ? VM_OSAL_POLL_HANGUP : 0u) |
           (events & EPOLLERR ? VM_OSAL_POLL_ERROR : 0u);
}

vm_status vm_osal_poller_watch(struct vm_osal_poller *p, vm_osal_stream stream, unsigned events,
                               void *token, struct vm_error *e)
{
    return control(p, EPOLL_CTL_ADD, (int)stream.v, to_epoll(events), token, e);
}

vm_status vm_osal_poller_change(struct vm_osal_poller *p, vm_osal_stream stream, unsigned events,
                                void *token, struct vm_error *e)
{
    return control(p, EPOLL_CTL_MOD, (int)stream.v, to_epoll(events), token, e);
}

void vm_osal_poller_forget(struct vm_osal_poller *p, vm_osal_stream stream)
{
    // Fails only for a stream that is not watched, which is what is wanted.
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, (int)stream.v, NULL);
}

// Milliseconds until the deadline, rounded up so that the wait does not end early and spin.
static int timeout_ms(uint64_t deadline_ns)
{
    enum { LONGEST = 1 << 30 };
    if (deadline_ns == VM_OSAL_FOREVER)
        return -1;
    uint64_t now = vm_osal_clock_monotonic();
    uint64_t ms = deadline_ns <= now ? 0 : (deadline_ns - now + 999999) / 1000000;
    return ms > LONGEST ? LONGEST : (int)ms;
}

unsigned vm_osal_poller_wait(struct vm_osal_poller *p, uint64_t deadline_ns,
                             struct vm_osal_ready *ready, unsigned max)
{
    struct epoll_event events[MAX_READY];
    int want = max < MAX_READY ? (int)max : MAX_READY;
    int n = epoll_wait(p->epoll, events, want, timeout_ms(deadline_ns));
    unsigned count = 0;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            ready[count++] =
                (struct vm_osal_ready){events[i].data.ptr, from_epoll(events[i].events)};
        else
            // A wake before this finds `woken` set and writes nothing, and need not: this wait is
            // about to return.
            atomic_store(&p->woken, false);
    }
    return count;
}

void vm_osal_poller_wake(struct vm_osal_poller *p)
{
    const uint64_t one = 1;
    if (atomic_exchange(&p->woken, true))
        return;
    // The counter would overflow after 2^64 writes.
    while (write(p->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}
