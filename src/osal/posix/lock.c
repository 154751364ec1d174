// SPDX-License-Identifier: MIT
//
// Mutexes and conditions by pthread; conditions count on the monotonic clock.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vm/osal/clock.h>
#include <vm/osal/thread.h>

struct vm_osal_mutex {
    pthread_mutex_t lock;
};

struct vm_osal_condition {
    pthread_cond_t condition;
};

static vm_status refuse(struct vm_error *e, const char *what, int cause)
{
    return vm_error_set(e, VM_ERR_HOST, "cannot make a %s: %s", what, strerror(cause));
}

vm_status vm_osal_mutex_create(struct vm_osal_mutex **mutex, struct vm_error *e)
{
    struct vm_osal_mutex *m = malloc(sizeof *m);
    if (!m)
        return refuse(e, "mutex", ENOMEM);
    int cause = pthread_mutex_init(&m->lock, NULL);
    if (cause != 0) {
        free(m);
        return refuse(e, "mutex", cause);
    }
    *mutex = m;
    return VM_OK;
}

void vm_osal_mutex_destroy(struct vm_osal_mutex *mutex)
{
    if (!mutex)
        return;
    pthread_mutex_destroy(&mutex->lock);
    free(mutex);
}

void vm_osal_mutex_lock(struct vm_osal_mutex *mutex)
{
    pthread_mutex_lock(&mutex->lock);
}

void vm_osal_mutex_unlock(struct vm_osal_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->lock);
}

static int init_monotonic(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int cause = pthread_condattr_init(&attributes);
    if (cause != 0)
        return cause;
    cause = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (cause == 0)
        cause = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return cause;
}

vm_status vm_osal_condition_create(struct vm_osal_condition **condition, struct vm_error *e)
{
    struct vm_osal_condition *c = malloc(sizeof *c);
    if (!c)
        return refuse(e, "condition", ENOMEM);
    int cause = init_monotonic(&c->condition);
    if (cause != 0) {
        free(c);
        return refuse(e, "condition", cause);
    }
    *condition = c;
    return VM_OK;
}

void vm_osal_condition_destroy(struct vm_osal_condition *condition)
{
    if (!condition)
        return;
    pthread_cond_destroy(&condition->condition);
    free(condition);
}

void vm_osal_condition_wait(struct vm_osal_condition *condition, struct vm_osal_mutex *mutex)
{
    pthread_cond_wait(&condition->condition, &mutex->lock);
}

bool vm_osal_condition_wait_until(struct vm_osal_condition *condition, struct vm_osal_mutex *mutex,
                                  uint64_t deadline_ns)
{
    if (deadline_ns == VM_OSAL_FOREVER) {
        vm_osal_condition_wait(condition, mutex);
        return true;
    }
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                         .tv_nsec = (long)(deadline_ns % 1000000000u)};
    return pthread_cond_timedwait(&condition->condition, &mutex->lock, &t) != ETIMEDOUT;
}

void vm_osal_condition_signal(struct vm_osal_condition *condition)
{
    pthread_cond_signal(&condition->condition);
}

void vm_osal_condition_broadcast(struct vm_osal_condition *condition)
{
    pthread_cond_broadcast(&condition->condition);
}
