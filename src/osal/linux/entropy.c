// SPDX-License-Identifier: MIT
//
// Random bytes by getrandom (Linux man-pages, getrandom(2)).
#include <vm/osal/entropy.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

vm_status vm_osal_entropy_fill(void *out, size_t size, struct vm_error *e)
{
    uint8_t *p = out;
    while (size > 0) {
        ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vm_error_set(e, VM_ERR_HOST, "the host gives no random bytes: %s",
                                strerror(errno));
        p += n;
        size -= (size_t)n;
    }
    return VM_OK;
}
