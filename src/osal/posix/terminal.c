// SPDX-License-Identifier: MIT
//
// The controlling terminal by termios. Restoring is idempotent and async-signal-safe: it may run in
// a handler while another thread runs it too; both then write the same saved state.
#include <vm/osal/terminal.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "descriptor.h"
#include "process_state.h"

bool vm_osal_is_terminal(vm_osal_stream stream)
{
    return isatty((int)stream.v);
}

bool vm_osal_terminal_is_foreground(int fd)
{
    pid_t group = tcgetpgrp(fd);
    return group < 0 || group == getpgrp();
}

static void make_raw(struct termios *t)
{
    t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    t->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    t->c_cflag |= CS8;
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
}

vm_status vm_osal_terminal_raw(vm_osal_stream stream, struct vm_error *e)
{
    struct vm_osal_process_state *state = vm_osal_process_state();
    int fd = (int)stream.v;
    if (atomic_load(&state->raw) || !isatty(fd) || !vm_osal_terminal_is_foreground(fd))
        return VM_OK;
    if (!state->restores_at_exit && atexit(vm_osal_terminal_restore) != 0)
        return vm_error_set(e, VM_ERR_HOST, "no memory to restore the terminal at exit");
    state->restores_at_exit = true;
    if (tcgetattr(fd, &state->saved) < 0)
        return vm_error_set(e, VM_ERR_HOST, "cannot read the terminal's mode: %s", strerror(errno));
    struct termios raw = state->saved;
    make_raw(&raw);
    state->descriptor = fd;
    atomic_store(&state->raw, 1); // first, so that a signal in between restores
    if (tcsetattr(fd, TCSANOW, &raw) < 0) {
        int cause = errno;
        atomic_store(&state->raw, 0);
        return vm_error_set(e, VM_ERR_HOST, "cannot set the terminal's mode: %s", strerror(cause));
    }
    return VM_OK;
}

void vm_osal_terminal_restore(void)
{
    struct vm_osal_process_state *state = vm_osal_process_state();
    if (!atomic_load(&state->raw))
        return;
    int saved = errno;
    // In the background the terminal is the shell's, which has set it up for itself.
    if (vm_osal_terminal_is_foreground(state->descriptor))
        tcsetattr(state->descriptor, TCSANOW, &state->saved);
    atomic_store(&state->raw, 0);
    errno = saved;
}

bool vm_osal_terminal_size(vm_osal_stream stream, unsigned *columns, unsigned *rows)
{
    struct winsize w;
    if (ioctl((int)stream.v, TIOCGWINSZ, &w) < 0 || w.ws_col == 0 || w.ws_row == 0)
        return false;
    *columns = w.ws_col;
    *rows = w.ws_row;
    return true;
}
