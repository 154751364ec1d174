// SPDX-License-Identifier: MIT
//
// What the build and the host give beyond guests and engines (vm_describe_feature).
#include <vm/base/format.h>
#include <vm/device/backend/slirp.h>
#include <vm/device/backend/tap.h>
#include <vm/libvm/libvm.h>
#include <vm/osal/aio.h>
#include <vm/osal/sandbox.h>

static bool always(void)
{
    return true;
}

static vm_status ask_user_network(struct vm_error *e)
{
    return vm_slirp_built() ? VM_OK
                            : vm_error_set(e, VM_ERR_HOST, "build with -Dslirp=enabled (libslirp)");
}

static vm_status ask_kernel_aio(struct vm_error *e)
{
    struct vm_osal_aio *aio;
    vm_status status = vm_osal_aio_create(VM_OSAL_AIO_KERNEL, &aio, e);
    if (status == VM_OK)
        vm_osal_aio_destroy(aio);
    return status;
}

static const struct {
    const char *name, *without;
    bool (*built)(void);
    vm_status (*ask)(struct vm_error *e);
} features[] = {
    {"user network", "", vm_slirp_built, ask_user_network},
    {"tap network", "", vm_tap_built, vm_tap_available},
    {"io_uring", "disks use threads", always, ask_kernel_aio},
    {"sandbox", "threads keep all host calls", always, vm_osal_sandbox_probe},
};

bool vm_describe_feature(size_t index, struct vm_feature *out)
{
    struct vm_error e;
    if (index >= VM_ARRAY_SIZE(features))
        return false;
    *out = (struct vm_feature){
        .name = features[index].name,
        .without = features[index].without,
        .built = features[index].built(),
    };
    out->available = features[index].ask(&e) == VM_OK;
    if (!out->available)
        vm_format(out->why, sizeof out->why, "%s", e.text);
    return true;
}
