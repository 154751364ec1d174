// SPDX-License-Identifier: MIT
//
// The real-time clock of the Android emulator's "goldfish" platform: nanoseconds since 1970 and one
// alarm (Android emulator, docs/GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish timer").
#ifndef VM_DEVICE_GOLDFISH_RTC_H
#define VM_DEVICE_GOLDFISH_RTC_H

#include <vm/device/site.h>

enum { VM_GOLDFISH_RTC_SIZE = 0x1000 };

// Shows the host's real time until the guest sets it. Registers a timer with the machine's queue.
vm_status vm_goldfish_rtc_create(struct vm_machine *m, const struct vm_device_site *site,
                                 struct vm_device *out, struct vm_error *e);

#endif
