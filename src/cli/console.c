// SPDX-License-Identifier: MIT
//
// One thread serves the input. It sleeps on standard input and on the event `wake`, which signal
// handlers, the machine's threads and the end of the run set. What the guest does not take yet
// waits in `pending`, from where the vCPU that makes room takes it: a pipe is not read on
// meanwhile, so that its writer waits too; a terminal is, for the escape keys, and what is typed
// beyond the buffer is lost.
//
// Output is written by the vCPU that sent it. It may have to wait for a slow reader; the event
// `abandon` ends that wait when the run is to end.
//
// `mutex` guards `pending`; it is held while the guest's receiver takes bytes, which has a lock of
// its own inside. `escape`, `input`, `stopping` and the
// size belong to the thread. `end` is set once, by
// compare-and-exchange; who sets it to CLI_CONSOLE_OUTPUT owns `error` until the thread is joined.
#include "console.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <vm/osal/clock.h>
#include <vm/osal/sandbox.h>
#include <vm/osal/signal.h>
#include <vm/osal/terminal.h>
#include <vm/osal/thread.h>

#include "text.h"

enum {
    PENDING_SIZE = 4096,
    ESCAPE = 0x01, // Ctrl-A
    // A pause that comes before the machine runs is lost, so it is repeated until the run is over.
    PAUSE_AGAIN_NS = 20 * 1000 * 1000,
    // A signal tells of a new size only those whose terminal it is.
    LOOK_AT_SIZE_NS = 500 * 1000 * 1000,
};

static const char keys_text[] = "\n"
                                "Ctrl-A h       this help\n"
                                "Ctrl-A p       press the machine's power key\n"
                                "Ctrl-A x       quit: end the machine at once\n"
                                "Ctrl-A Ctrl-A  send Ctrl-A to the guest\n";

static const char no_power_key[] = "\nvm-cli: this machine has no power key\n";

struct cli_console {
    struct vm *vm;
    struct vm_osal_thread *thread;
    struct vm_osal_event *wake, *abandon;
    uint64_t deadline;
    bool has_signals;

    vm_osal_stream input; // none after its end
    bool is_terminal;
    bool escape;          // the last key was Ctrl-A
    bool shows_keys;      // is to
    bool lacks_power_key; // is to say so
    bool stopping;
    bool resizes; // the terminal's size is looked at
    unsigned columns, rows;
    uint64_t next_look;

    struct vm_osal_mutex *mutex;
    uint8_t pending[PENDING_SIZE];
    size_t pending_count;

    atomic_bool over; // the run has ended; the thread is to end too
    atomic_int end;   // enum cli_console_end
    struct vm_error error;
    _Atomic uint64_t output_bytes, input_bytes, first_output;
};

// --- output ---

static bool set_end(struct cli_console *c, enum cli_console_end end)
{
    int none = CLI_CONSOLE_NOTHING;
    return atomic_compare_exchange_strong(&c->end, &none, (int)end);
}

static void write_output(struct cli_console *c, const void *bytes, size_t size)
{
    struct vm_error e;
    if (vm_osal_write_all(vm_osal_stdout(), bytes, size, c->abandon, NULL, &e) == VM_OK)
        return;
    if (set_end(c, CLI_CONSOLE_OUTPUT)) {
        vm_error_set(&c->error, VM_ERR_HOST,
                     "the guest's output is incomplete: %s; give standard output a place that "
                     "takes it",
                     e.text);
        vm_osal_event_set(c->wake);
    }
    vm_osal_event_set(c->abandon);
}

void cli_console_output(struct cli_console *c, const uint8_t *bytes, size_t size)
{
    if (atomic_fetch_add(&c->output_bytes, size) == 0)
        atomic_store(&c->first_output, vm_clock());
    write_output(c, bytes, size);
}

// --- input ---

// With the mutex held.
static void offer_pending(struct cli_console *c)
{
    if (c->pending_count == 0)
        return;
    size_t taken = vm_console_input(c->vm, c->pending, c->pending_count);
    memmove(c->pending, c->pending + taken, c->pending_count - taken);
    c->pending_count -= taken;
    atomic_fetch_add(&c->input_bytes, taken);
}

void cli_console_room(struct cli_console *c)
{
    vm_osal_mutex_lock(c->mutex);
    offer_pending(c);
    bool is_empty = c->pending_count == 0;
    vm_osal_mutex_unlock(c->mutex);
    if (is_empty)
        vm_osal_event_set(c->wake);
}

static void keep(struct cli_console *c, uint8_t byte)
{
    if (c->pending_count < PENDING_SIZE)
        c->pending[c->pending_count++] = byte;
}

static void press(struct cli_console *c, uint8_t key)
{
    if (!c->escape) {
        c->escape = key == ESCAPE;
        if (!c->escape)
            keep(c, key);
        return;
    }
    c->escape = false;
    switch (key) {
    case 'x':
    case 'X': set_end(c, CLI_CONSOLE_QUIT); break;
    case 'p':
    case 'P': c->lacks_power_key = !vm_press_power_key(c->vm); break;
    case 'h':
    case 'H':
    case '?': c->shows_keys = true; break;
    case ESCAPE: keep(c, key); break;
    default: break; // no key of ours
    }
}

static void read_input(struct cli_console *c)
{
    uint8_t bytes[PENDING_SIZE];
    size_t count;
    if (c->is_terminal)
        vm_osal_terminal_raw(c->input, NULL); // for who was in the background at the start
    enum vm_osal_read_result result = vm_osal_read(c->input, bytes, sizeof bytes, &count);
    if (result == VM_OSAL_READ_END)
        c->input = vm_osal_stream_none();
    vm_osal_mutex_lock(c->mutex);
    for (size_t i = 0; i < count; i++) {
        if (c->is_terminal)
            press(c, bytes[i]);
        else
            keep(c, bytes[i]);
    }
    offer_pending(c);
    vm_osal_mutex_unlock(c->mutex);
    if (c->shows_keys)
        write_output(c, keys_text, sizeof keys_text - 1);
    if (c->lacks_power_key)
        write_output(c, no_power_key, sizeof no_power_key - 1);
    c->shows_keys = c->lacks_power_key = false;
}

// --- the thread ---

// True when it is time to end the run, whoever wants it.
static bool must_stop(struct cli_console *c)
{
    if (vm_osal_stop_signal() != 0)
        set_end(c, CLI_CONSOLE_SIGNAL);
    return atomic_load(&c->end) != CLI_CONSOLE_NOTHING;
}

static void look_at_size(struct cli_console *c)
{
    unsigned columns, rows;
    c->next_look = vm_clock() + LOOK_AT_SIZE_NS;
    if (!vm_osal_terminal_size(vm_osal_stdout(), &columns, &rows) ||
        (columns == c->columns && rows == c->rows))
        return;
    c->columns = columns;
    c->rows = rows;
    vm_console_resize(c->vm, columns, rows);
}

// Sleeps until there is something to do; true: input.
static bool wait_for_work(struct cli_console *c)
{
    vm_osal_mutex_lock(c->mutex);
    bool listens = !c->stopping && (c->is_terminal || c->pending_count == 0);
    vm_osal_mutex_unlock(c->mutex);
    uint64_t deadline = c->stopping ? vm_clock() + PAUSE_AGAIN_NS : c->deadline;
    bool looks = c->resizes && !c->stopping && c->next_look < deadline;
    if (looks)
        deadline = c->next_look;
    unsigned why =
        vm_osal_wait_input(listens ? c->input : vm_osal_stream_none(), c->wake, deadline);
    if (why & VM_OSAL_WAIT_EVENT)
        vm_osal_event_clear(c->wake);
    if (why == 0 && looks) {
        look_at_size(c);
    } else if (why == 0 && !c->stopping) {
        vm_osal_event_set(c->abandon);
        c->deadline = VM_OSAL_FOREVER;
    }
    return why & VM_OSAL_WAIT_INPUT;
}

static void serve(void *argument)
{
    struct cli_console *c = argument;
    while (!atomic_load(&c->over)) {
        if (wait_for_work(c))
            read_input(c);
        if (must_stop(c)) {
            c->stopping = true;
            vm_osal_event_set(c->abandon);
            vm_pause(c->vm);
        }
    }
}

// --- beginning and end ---

vm_status cli_console_create(struct cli_console **console, struct vm_error *e)
{
    struct cli_console *c = calloc(1, sizeof *c);
    if (!c)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the console");
    vm_status status = vm_osal_mutex_create(&c->mutex, e);
    if (status == VM_OK)
        status = vm_osal_event_create(&c->wake, e);
    if (status == VM_OK)
        status = vm_osal_event_create(&c->abandon, e);
    if (status == VM_OK)
        status = vm_osal_signals_install(c->wake, e);
    c->has_signals = status == VM_OK;
    if (status != VM_OK) {
        cli_console_destroy(c);
        return status;
    }
    *console = c;
    return VM_OK;
}

void cli_console_destroy(struct cli_console *c)
{
    if (!c)
        return;
    cli_console_stop(c);
    if (c->has_signals)
        vm_osal_signals_uninstall();
    vm_osal_event_destroy(c->wake);
    vm_osal_event_destroy(c->abandon);
    vm_osal_mutex_destroy(c->mutex);
    free(c);
}

vm_status cli_console_start(struct cli_console *c, struct vm *vm, bool resizes, bool sandbox,
                            uint64_t deadline, struct vm_error *e)
{
    c->vm = vm;
    c->resizes = resizes && vm_osal_is_terminal(vm_osal_stdout());
    if (c->resizes)
        look_at_size(c);
    c->deadline = deadline;
    c->input = vm_osal_stdin();
    c->is_terminal = vm_osal_is_terminal(c->input);
    vm_status status = vm_osal_terminal_raw(c->input, e);
    if (status == VM_OK)
        status = vm_osal_sandbox_thread_create("console", sandbox ? VM_OSAL_SANDBOX_CONSOLE : 0,
                                               serve, c, &c->thread, e);
    if (status != VM_OK)
        vm_osal_terminal_restore();
    return status;
}

void cli_console_stop(struct cli_console *c)
{
    if (!c->thread)
        return;
    atomic_store(&c->over, true);
    vm_osal_event_set(c->wake);
    vm_osal_thread_join(c->thread);
    c->thread = NULL;
    vm_osal_terminal_restore();
}

enum cli_console_end cli_console_ended(const struct cli_console *c, struct vm_error *e)
{
    enum cli_console_end end = (enum cli_console_end)atomic_load(&c->end);
    if (end == CLI_CONSOLE_OUTPUT && e)
        *e = c->error;
    return end;
}

struct cli_console_counts cli_console_count(const struct cli_console *c)
{
    return (struct cli_console_counts){
        .output_bytes = atomic_load(&c->output_bytes),
        .input_bytes = atomic_load(&c->input_bytes),
        .first_output = atomic_load(&c->first_output),
    };
}
