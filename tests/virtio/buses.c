// SPDX-License-Identifier: MIT
#include "rig.h"

const struct virtio_bus *const virtio_buses[] = {&virtio_bus_mmio, &virtio_bus_pci_msix,
                                                 &virtio_bus_pci_intx};
const unsigned virtio_bus_count = VM_ARRAY_SIZE(virtio_buses);
