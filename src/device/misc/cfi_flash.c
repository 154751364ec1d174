// SPDX-License-Identifier: MIT
//
// NOR flash with Intel's command set (vm/device/cfi_flash.h).
//
// A command is the low byte of a store, given to both chips of the bank; answers come from both.
// Most commands take more stores: `step` is what the next one means. What loads see is `shows`;
// only the array is memory of the address space, everything else comes through bank_read.
//
// Invariants: rom shows memory if and only if shows == SHOWS_ARRAY. While `saving`, the array and
// the errors in `status` do not change.
//
// Locking: one lock for all banks; `save` is called without it.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/cfi_flash.h>

enum { WORD = 4, CHIPS = 2 }; // bytes of a bank's word, chips that it is made of

enum {
    WRITE_WORD_OTHER = 0x10,
    ERASE_SETUP = 0x20,
    WRITE_WORD = 0x40,
    CLEAR_STATUS = 0x50,
    LOCK_SETUP = 0x60,
    READ_STATUS = 0x70,
    READ_ID = 0x90,
    READ_QUERY = 0x98,
    SUSPEND = 0xb0,
    CONFIRM = 0xd0, // and resume, and unlock
    WRITE_BUFFER = 0xe8,
    // After LOCK_SETUP.
    LOCK = 0x01,
    SET_CONFIGURATION = 0x03,
    LOCK_DOWN = 0x2f,
};

// The status register.
enum {
    SR_LOCKED = 1 << 1,
    SR_PROGRAM_ERROR = 1 << 4,
    SR_ERASE_ERROR = 1 << 5,
    SR_SEQUENCE_ERROR = SR_PROGRAM_ERROR | SR_ERASE_ERROR,
    SR_READY = 1 << 7,
};

// What ID mode gives, by word of a sector.
enum { ID_MANUFACTURER, ID_DEVICE, ID_LOCKS };
enum { INTEL = 0x89, DEVICE_128_MBIT = 0x18 };

enum { LOCKED = 1 << 0, LOCKED_DOWN = 1 << 1 };

enum shows { SHOWS_ARRAY, SHOWS_STATUS, SHOWS_ID, SHOWS_QUERY };
enum step { STEP_COMMAND, STEP_WORD, STEP_ERASE, STEP_LOCK, STEP_COUNT, STEP_DATA, STEP_CONFIRM };

enum { QUERY_BYTES = 0x40, QUERY_EXTENDED = 0x31 };

struct flash;

struct bank {
    struct flash *flash;
    struct vm_cfi_flash_bank c;
    struct vm_rom_device *rom; // NULL: not in the address space yet
    uint8_t query[QUERY_BYTES];
    uint8_t *locks; // of every sector

    // Under the lock.
    enum shows shows;
    enum step step;
    uint8_t status; // without SR_READY
    bool saving;
    bool erasing;        // what is being saved is an erasure
    uint32_t words_left; // of a buffered program
    bool has_block;      // its first word has come
    bool outside;        // a word was not in the block of the first
    uint64_t block;      // offset of what the buffer stands for
    uint32_t low, high;  // bytes of the buffer that were written: [low, high)
    uint8_t buffer[VM_CFI_FLASH_BUFFER];
};

struct flash {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    unsigned count;
    struct bank bank[VM_CFI_FLASH_BANKS];
};

// Bytes to be saved.
struct range {
    uint64_t offset, size;
};

static uint64_t sectors(const struct bank *b)
{
    return b->c.size / VM_CFI_FLASH_SECTOR;
}

// --- the query table ---

// JEP137 gives the timings: 2^n µs or ms typically, 2^m times that at most.
static void fill_query(struct bank *b)
{
    static const uint8_t head[] = {
        [0x10] = 'Q',  'R',           'Y',  0x01, 0x00, QUERY_EXTENDED, 0x00, // command set 0x0001
        [0x1b] = 0x45, 0x55,          0x00, 0x00, // 4.5 V to 5.5 V, no other
        [0x1f] = 0x07, 0x07,          0x0a, 0x00, 0x04, 0x04,           0x04,
        0x00,          [0x28] = 0x01, 0x00, // chips of 16 bits
        [0x2c] = 1,                         // all sectors are alike
    };
    static const uint8_t extended[] = {'P', 'R',  'I', '1',  '1', 0x20, 0, 0, 0, // locks: at once
                                       0,   0x03, 0,   0x50, 0};
    uint64_t chip_sector = VM_CFI_FLASH_SECTOR / CHIPS;
    vm_copy(b->query, head, sizeof head);
    vm_copy(b->query + QUERY_EXTENDED, extended, sizeof extended);
    b->query[0x27] = (uint8_t)__builtin_ctzll(b->c.size / CHIPS);
    b->query[0x2a] = (uint8_t)__builtin_ctz(VM_CFI_FLASH_BUFFER / CHIPS);
    vm_store_le16(b->query + 0x2d, (uint16_t)(sectors(b) - 1));
    vm_store_le16(b->query + 0x2f, (uint16_t)(chip_sector / 256));
}

// --- what loads see ---

static uint32_t from_both(uint32_t chip)
{
    return chip | chip << 16;
}

static uint32_t id_word(const struct bank *b, uint64_t offset)
{
    switch (offset % VM_CFI_FLASH_SECTOR / WORD) {
    case ID_MANUFACTURER: return from_both(INTEL);
    case ID_DEVICE: return from_both(DEVICE_128_MBIT);
    case ID_LOCKS: return from_both(b->locks[offset / VM_CFI_FLASH_SECTOR]);
    default: return 0;
    }
}

// The word at `offset`, a multiple of its size.
static uint32_t read_word(const struct bank *b, uint64_t offset)
{
    switch (b->shows) {
    case SHOWS_ARRAY: return (uint32_t)vm_ram_load(b->c.array + offset, WORD);
    case SHOWS_STATUS: return from_both(b->status | (b->saving ? 0 : SR_READY));
    case SHOWS_ID: return id_word(b, offset);
    case SHOWS_QUERY: break;
    }
    return offset / WORD < QUERY_BYTES ? from_both(b->query[offset / WORD]) : 0;
}

static bool bank_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct bank *b = device;
    uint64_t aligned = offset & ~(uint64_t)(WORD - 1);
    vm_device_lock(b->flash->machine, b->flash->lock);
    uint64_t words = read_word(b, aligned);
    if (size > WORD)
        words |= (uint64_t)read_word(b, aligned + WORD) << 8 * WORD;
    vm_device_unlock(b->flash->machine, b->flash->lock);
    *value = words >> 8 * (offset - aligned) & vm_mask(8 * size);
    return true;
}

// --- operations ---

static void show(struct bank *b, enum shows what)
{
    b->shows = what;
    if (b->rom)
        vm_space_show_rom(&b->flash->machine->space, b->rom, what == SHOWS_ARRAY);
}

static bool is_locked(const struct bank *b, uint64_t offset)
{
    return b->locks[offset / VM_CFI_FLASH_SECTOR] & LOCKED;
}

// The array has changed.
static struct range changed(struct bank *b, uint64_t offset, uint64_t size)
{
    if (b->rom)
        vm_space_rom_changed(&b->flash->machine->space, b->rom, offset, size);
    b->saving = b->c.save != NULL;
    return (struct range){offset, size};
}

// Takes bits away by whole words, so that what is saved never has half of one.
static struct range program(struct bank *b, uint64_t offset, const uint8_t *bytes, uint32_t size)
{
    if (is_locked(b, offset)) {
        b->status |= SR_PROGRAM_ERROR | SR_LOCKED;
        return (struct range){0};
    }
    for (uint32_t i = 0; i < size; i += WORD) {
        uint8_t *to = b->c.array + offset + i;
        vm_ram_store(to, WORD, vm_ram_load(to, WORD) & vm_load_le32(bytes + i));
    }
    b->erasing = false;
    return changed(b, offset, size);
}

static struct range program_word(struct bank *b, uint64_t offset, unsigned size, uint64_t value)
{
    uint8_t word[WORD];
    uint64_t at = offset % WORD, bits = vm_mask(8 * size);
    vm_store_le32(word, (uint32_t) ~((~value & bits) << 8 * at));
    return program(b, offset - at, word, WORD);
}

static struct range erase(struct bank *b, uint64_t offset)
{
    uint64_t sector = offset & ~(uint64_t)(VM_CFI_FLASH_SECTOR - 1);
    if (is_locked(b, offset)) {
        b->status |= SR_ERASE_ERROR | SR_LOCKED;
        return (struct range){0};
    }
    for (uint32_t i = 0; i < VM_CFI_FLASH_SECTOR; i += 8)
        vm_ram_store(b->c.array + sector + i, 8, UINT64_MAX);
    b->erasing = true;
    return changed(b, sector, VM_CFI_FLASH_SECTOR);
}

static void change_lock(struct bank *b, uint64_t offset, uint8_t command)
{
    uint8_t *lock = &b->locks[offset / VM_CFI_FLASH_SECTOR];
    switch (command) {
    case LOCK: *lock |= LOCKED; break;
    case LOCK_DOWN: *lock |= LOCKED | LOCKED_DOWN; break;
    case CONFIRM:
        if (!(*lock & LOCKED_DOWN))
            *lock &= (uint8_t)~LOCKED;
        break;
    case SET_CONFIGURATION: break; // of the bus: there is none
    default: b->status |= SR_SEQUENCE_ERROR; break;
    }
}

// --- buffered programs ---

static void start_buffer(struct bank *b, uint64_t value)
{
    uint32_t words = (uint32_t)(value & 0xffff) + 1;
    if (words > VM_CFI_FLASH_BUFFER / WORD) {
        b->status |= SR_SEQUENCE_ERROR;
        return;
    }
    b->words_left = words;
    b->has_block = b->outside = false;
    b->low = VM_CFI_FLASH_BUFFER;
    b->high = 0;
    for (uint32_t i = 0; i < VM_CFI_FLASH_BUFFER; i++)
        b->buffer[i] = 0xff;
    b->step = STEP_DATA;
}

static void fill_buffer(struct bank *b, uint64_t offset, unsigned size, uint64_t value)
{
    uint32_t at = (uint32_t)(offset % VM_CFI_FLASH_BUFFER), word = at & ~(uint32_t)(WORD - 1);
    uint64_t block = offset - at;
    if (!b->has_block) {
        b->has_block = true;
        b->block = block;
    }
    if (block != b->block) {
        b->outside = true;
    } else {
        for (unsigned i = 0; i < size; i++)
            b->buffer[at + i] = (uint8_t)(value >> 8 * i);
        b->low = word < b->low ? word : b->low;
        b->high = word + WORD > b->high ? word + WORD : b->high;
    }
    b->step = --b->words_left ? STEP_DATA : STEP_CONFIRM;
}

static struct range end_buffer(struct bank *b, uint8_t command)
{
    if (command != CONFIRM || b->outside) {
        b->status |= command != CONFIRM ? SR_SEQUENCE_ERROR : SR_PROGRAM_ERROR;
        return (struct range){0};
    }
    return program(b, b->block + b->low, b->buffer + b->low, b->high - b->low);
}

// --- commands ---

// What follows a command shows the status meanwhile.
static void expect(struct bank *b, enum step step)
{
    b->step = step;
    show(b, SHOWS_STATUS);
}

// What no command knows makes the bank read as its array: probing software counts on that.
static void take_command(struct bank *b, uint8_t command)
{
    switch (command) {
    case WRITE_WORD:
    case WRITE_WORD_OTHER: expect(b, STEP_WORD); break;
    case ERASE_SETUP: expect(b, STEP_ERASE); break;
    case LOCK_SETUP: expect(b, STEP_LOCK); break;
    case WRITE_BUFFER: expect(b, STEP_COUNT); break;
    case CLEAR_STATUS: b->status = 0; break;
    case READ_ID: show(b, SHOWS_ID); break;
    case READ_QUERY: show(b, SHOWS_QUERY); break;
    // Nothing is ever in progress that could be suspended.
    case SUSPEND:
    case CONFIRM:
    case READ_STATUS: show(b, SHOWS_STATUS); break;
    default: show(b, SHOWS_ARRAY); break;
    }
}

// One store of at most a word.
static struct range take_store(struct bank *b, uint64_t offset, unsigned size, uint64_t value)
{
    uint8_t command = (uint8_t)value;
    enum step step = b->step;
    if (b->saving)
        return (struct range){0}; // it shows its status, and is deaf
    b->step = STEP_COMMAND;
    switch (step) {
    case STEP_COMMAND: take_command(b, command); break;
    case STEP_WORD: return program_word(b, offset, size, value);
    case STEP_ERASE:
        if (command == CONFIRM)
            return erase(b, offset);
        b->status |= SR_SEQUENCE_ERROR;
        break;
    case STEP_LOCK: change_lock(b, offset, command); break;
    case STEP_COUNT: start_buffer(b, value); break;
    case STEP_DATA: fill_buffer(b, offset, size, value); break;
    case STEP_CONFIRM: return end_buffer(b, command);
    }
    return (struct range){0};
}

static void store(struct bank *b, uint64_t offset, unsigned size, uint64_t value)
{
    vm_device_lock(b->flash->machine, b->flash->lock);
    struct range r = take_store(b, offset, size, value);
    vm_device_unlock(b->flash->machine, b->flash->lock);
    if (r.size > 0 && b->c.save)
        b->c.save(b->c.context, r.offset, r.size);
}

static bool bank_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    store(device, offset, size < WORD ? size : WORD, value);
    if (size > WORD)
        store(device, offset + WORD, WORD, value >> 8 * WORD);
    return true;
}

static const struct vm_mmio_ops bank_ops = {bank_read, bank_write};

void vm_cfi_flash_saved(const struct vm_device *flash, unsigned bank, bool saved)
{
    struct flash *f = flash->device;
    struct bank *b = &f->bank[bank];
    vm_device_lock(f->machine, f->lock);
    b->saving = false;
    if (!saved)
        b->status |= b->erasing ? SR_ERASE_ERROR : SR_PROGRAM_ERROR;
    vm_device_unlock(f->machine, f->lock);
}

// --- the device ---

static void reset_bank(struct bank *b)
{
    b->status = 0;
    b->step = STEP_COMMAND;
    for (uint64_t i = 0; i < sectors(b); i++)
        b->locks[i] = b->c.read_only ? LOCKED | LOCKED_DOWN : 0;
    show(b, SHOWS_ARRAY);
}

static void flash_reset(void *device)
{
    struct flash *f = device;
    vm_device_lock(f->machine, f->lock);
    for (unsigned i = 0; i < f->count; i++)
        reset_bank(&f->bank[i]);
    vm_device_unlock(f->machine, f->lock);
}

static int flash_describe(const void *device, void *fdt)
{
    const struct flash *f = device;
    struct vm_describe d = {.fdt = fdt};
    uint32_t reg[VM_CFI_FLASH_BANKS * 4];
    for (unsigned i = 0; i < f->count; i++) {
        const struct vm_cfi_flash_bank *c = &f->bank[i].c;
        const uint32_t cells[] = {(uint32_t)(c->base.v >> 32), (uint32_t)c->base.v,
                                  (uint32_t)(c->size >> 32), (uint32_t)c->size};
        vm_copy(reg + (size_t)4 * i, cells, sizeof cells);
    }
    vm_describe_begin_at(&d, "flash", f->bank[0].c.base.v);
    vm_describe_text(&d, "compatible", "cfi-flash");
    vm_describe_cells(&d, "reg", reg, (size_t)4 * f->count);
    vm_describe_cell(&d, "bank-width", WORD);
    vm_describe_end(&d);
    return d.error;
}

static void flash_destroy(void *device)
{
    struct flash *f = device;
    for (unsigned i = 0; i < f->count; i++) {
        if (f->bank[i].locks)
            vm_device_release(f->machine, f->bank[i].locks, sectors(&f->bank[i]));
    }
    vm_device_lock_destroy(f->machine, f->lock);
    vm_device_release(f->machine, f, sizeof *f);
}

static const struct vm_device_ops flash_ops = {
    .type = "flash", // the banks have operations of their own
    .reset = flash_reset,
    .destroy = flash_destroy,
    .describe = flash_describe,
};

static vm_status init_bank(struct flash *f, const struct vm_cfi_flash_bank *c, struct vm_error *e)
{
    struct bank *b = &f->bank[f->count++];
    b->flash = f;
    b->c = *c;
    b->locks = vm_device_alloc(f->machine, sectors(b), flash_ops.type, e);
    if (!b->locks)
        return VM_ERR_HOST;
    fill_query(b);
    reset_bank(b);
    return VM_OK;
}

static bool is_possible(const struct vm_cfi_flash_bank *c)
{
    return c->size >= 2 * VM_CFI_FLASH_SECTOR && !(c->size & (c->size - 1)) &&
           c->size / VM_CFI_FLASH_SECTOR <= 1 << 16;
}

vm_status vm_cfi_flash_create(struct vm_machine *m, const struct vm_cfi_flash_bank *banks,
                              unsigned count, struct vm_device *out, struct vm_error *e)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!is_possible(&banks[i]))
            return vm_error_set(e, VM_ERR_USAGE, "a flash bank cannot have %llu bytes",
                                (unsigned long long)banks[i].size);
        size += banks[i].size;
    }
    struct flash *f = vm_device_alloc(m, sizeof *f, flash_ops.type, e);
    if (!f)
        return VM_ERR_HOST;
    f->machine = m;
    f->lock = vm_device_lock_create(m, flash_ops.type, e);
    vm_status status = f->lock ? VM_OK : VM_ERR_HOST;
    for (unsigned i = 0; status == VM_OK && i < count; i++)
        status = init_bank(f, &banks[i], e);
    if (status != VM_OK) {
        flash_destroy(f);
        return status;
    }
    *out = (struct vm_device){&flash_ops, f, banks[0].base, size};
    return VM_OK;
}

vm_status vm_cfi_flash_attach(const struct vm_device *flash, struct vm_error *e)
{
    struct flash *f = flash->device;
    vm_status status = VM_OK;
    for (unsigned i = 0; status == VM_OK && i < f->count; i++) {
        struct bank *b = &f->bank[i];
        status = vm_space_add_rom_device(&f->machine->space, b->c.base, b->c.size, b->c.array,
                                         &bank_ops, b, flash_ops.type, &b->rom, e);
    }
    return status;
}
