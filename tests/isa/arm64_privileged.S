// SPDX-License-Identifier: MIT
//
// What is privileged in A64: every kind of synchronous exception, translation, address translation
// instructions, TLB maintenance, hardware updates of descriptors, traps from EL0, self-hosted debug,
// timers. arm64_privileged_run.S runs it, arm64_privileged_test.py compares.

#include "arm64_privileged_calls.S"
#include "arm64_privileged_memory.S"
#include "arm64_privileged_registers.S"
#include "arm64_privileged_debug.S"
#include "arm64_privileged_aborts.S"
