// SPDX-License-Identifier: MIT
//
// The guest-physical address space (vm/mem/space.h). Look-ups read an immutable sorted map without
// a lock; changes publish a new map and keep the old one alive.
#include <vm/base/bits.h>
#include <vm/base/memory.h>
#include <vm/mem/space.h>

// A ROM device's two faces. Readers of the map get one or the other, whole.
struct vm_rom_device {
    _Atomic bool shows_memory;
    struct vm_region memory; // as it stands in the map
    struct vm_region commands;
};

static size_t map_bytes(uint32_t count)
{
    return sizeof(struct vm_region_map) + count * sizeof(struct vm_region);
}

static struct vm_region_map *map_alloc(const struct vm_allocator *a, uint32_t count)
{
    struct vm_region_map *m =
        a->alloc(a->context, map_bytes(count), _Alignof(struct vm_region_map));
    if (m) {
        m->older = NULL;
        m->largest = NULL;
        m->count = count;
    }
    return m;
}

vm_status vm_space_init(struct vm_space *s, const struct vm_allocator *allocator,
                        struct vm_error *e)
{
    struct vm_region_map *empty = map_alloc(allocator, 0);
    if (!empty)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the address map");
    s->allocator = allocator;
    atomic_init(&s->map, empty);
    atomic_init(&s->code_writes, 0);
    for (unsigned i = 0; i < VM_CODE_LOG; i++)
        s->code_log[i] = (struct vm_code_write){0};
    atomic_init(&s->withdrawals, 0);
    atomic_init(&s->track_dirty, false);
    return VM_OK;
}

static size_t track_bytes(const struct vm_region *r)
{
    return (size_t)(r->size >> VM_PAGE_SHIFT) * sizeof(struct vm_page_track);
}

void vm_space_destroy(struct vm_space *s)
{
    const struct vm_allocator *a = s->allocator;
    struct vm_region_map *m = atomic_load(&s->map);
    for (uint32_t i = 0; m && i < m->count; i++) {
        if (m->regions[i].track)
            a->release(a->context, m->regions[i].track, track_bytes(&m->regions[i]));
        if (m->regions[i].rom)
            a->release(a->context, m->regions[i].rom, sizeof *m->regions[i].rom);
    }
    while (m) {
        struct vm_region_map *older = m->older;
        a->release(a->context, m, map_bytes(m->count));
        m = older;
    }
    atomic_store(&s->map, NULL);
}

static vm_status insert(struct vm_space *s, const struct vm_region *r, struct vm_error *e)
{
    struct vm_region_map *old = atomic_load(&s->map);
    uint64_t last = r->base.v + (r->size - 1);
    if (r->size == 0 || last < r->base.v)
        return vm_error_set(e, VM_ERR_USAGE, "region %s does not fit the address space", r->name);
    uint32_t at = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        const struct vm_region *o = &old->regions[i];
        if (r->base.v <= o->base.v + (o->size - 1) && o->base.v <= last)
            return vm_error_set(e, VM_ERR_USAGE, "region %s overlaps region %s", r->name, o->name);
        if (o->base.v < r->base.v)
            at = i + 1;
    }
    struct vm_region_map *m = map_alloc(s->allocator, old->count + 1);
    if (!m)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the address map");
    vm_copy(m->regions, old->regions, at * sizeof *r);
    m->regions[at] = *r;
    vm_copy(m->regions + at + 1, old->regions + at, (old->count - at) * sizeof *r);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct vm_region *o = &m->regions[i];
        if (o->host && (!m->largest || o->size > m->largest->size))
            m->largest = o;
    }
    m->older = old;
    atomic_store_explicit(&s->map, m, memory_order_release);
    return VM_OK;
}

static vm_status add_memory(struct vm_space *s, struct vm_region r, struct vm_error *e)
{
    if ((r.base.v | r.size) & VM_PAGE_MASK)
        return vm_error_set(e, VM_ERR_USAGE, "RAM %s is not made of whole pages", r.name);
    const struct vm_allocator *a = s->allocator;
    r.track = vm_alloc_zeroed(a, track_bytes(&r), _Alignof(struct vm_page_track));
    if (!r.track)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the page tracking of %s", r.name);
    vm_status status = insert(s, &r, e);
    if (status != VM_OK)
        a->release(a->context, r.track, track_bytes(&r));
    return status;
}

vm_status vm_space_add_ram(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                           const char *name, struct vm_error *e)
{
    struct vm_region r = {.base = base, .size = size, .host = host, .name = name};
    return add_memory(s, r, e);
}

vm_status vm_space_add_rom(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                           const char *name, struct vm_error *e)
{
    struct vm_region r = {.base = base, .size = size, .host = host, .name = name};
    r.read_only = true;
    return add_memory(s, r, e);
}

vm_status vm_space_add_rom_device(struct vm_space *s, vm_gpa base, uint64_t size, void *host,
                                  const struct vm_mmio_ops *ops, void *device, const char *name,
                                  struct vm_rom_device **rom, struct vm_error *e)
{
    const struct vm_allocator *a = s->allocator;
    struct vm_rom_device *d = a->alloc(a->context, sizeof *d, _Alignof(struct vm_rom_device));
    if (!d)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for region %s", name);
    struct vm_region r = {.base = base, .size = size, .name = name, .ops = ops, .device = device};
    atomic_init(&d->shows_memory, true);
    d->commands = r;
    r.host = host;
    r.read_only = true;
    r.rom = d;
    vm_status status = add_memory(s, r, e);
    if (status != VM_OK) {
        a->release(a->context, d, sizeof *d);
        return status;
    }
    d->memory = *vm_space_find(s, base);
    *rom = d;
    return VM_OK;
}

void vm_space_show_rom(struct vm_space *s, struct vm_rom_device *rom, bool memory)
{
    if (atomic_exchange(&rom->shows_memory, memory) && !memory)
        atomic_fetch_add(&s->withdrawals, 1);
}

void vm_space_rom_changed(struct vm_space *s, struct vm_rom_device *rom, uint64_t offset,
                          uint64_t size)
{
    vm_region_note_write(s, &rom->memory, offset, size);
}

vm_status vm_space_add_mmio(struct vm_space *s, vm_gpa base, uint64_t size,
                            const struct vm_mmio_ops *ops, void *device, const char *name,
                            struct vm_error *e)
{
    struct vm_region r = {.base = base, .size = size, .ops = ops, .device = device, .name = name};
    return insert(s, &r, e);
}

// The entry of the map that holds gpa, or NULL: of a ROM device its memory.
static const struct vm_region *memory_at(const struct vm_space *s, vm_gpa gpa)
{
    struct vm_region_map *m = atomic_load_explicit(&s->map, memory_order_acquire);
    uint32_t low = 0, high = m->count;
    if (VM_LIKELY(m->largest && gpa.v - m->largest->base.v < m->largest->size))
        return m->largest;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct vm_region *r = &m->regions[middle];
        if (gpa.v < r->base.v)
            high = middle;
        else if (gpa.v - r->base.v >= r->size)
            low = middle + 1;
        else
            return r;
    }
    return NULL;
}

void vm_space_wrap_devices(struct vm_space *s,
                           void (*wrap)(void *context, struct vm_region *region), void *context)
{
    struct vm_region_map *m = atomic_load(&s->map);
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->regions[i].ops)
            wrap(context, &m->regions[i]);
    }
}

const struct vm_region *vm_space_region(const struct vm_space *s, uint32_t number)
{
    const struct vm_region_map *m = atomic_load(&s->map);
    return number < m->count ? &m->regions[number] : NULL;
}

const struct vm_region *vm_space_find(const struct vm_space *s, vm_gpa gpa)
{
    const struct vm_region *r = memory_at(s, gpa);
    if (VM_LIKELY(!r || !r->rom) ||
        atomic_load_explicit(&r->rom->shows_memory, memory_order_acquire))
        return r;
    return &r->rom->commands;
}

// Whether devices and loaders may read, or write, a region's memory.
static bool is_ram(const struct vm_region *r, bool write)
{
    return r && r->host && !(write && r->rom);
}

// The RAM region that holds all of [gpa, gpa+size), or NULL.
static const struct vm_region *find_ram(const struct vm_space *s, vm_gpa gpa, uint64_t size,
                                        bool write)
{
    const struct vm_region *r = vm_space_find(s, gpa);
    if (!is_ram(r, write) || size > r->size - (gpa.v - r->base.v))
        return NULL;
    return r;
}

// Whether [gpa, gpa+size) is RAM throughout, perhaps in several adjoining regions.
static bool all_ram(const struct vm_space *s, vm_gpa gpa, uint64_t size, bool write)
{
    if (size > 0 && gpa.v + (size - 1) < gpa.v)
        return false; // what adjoins does so upwards, not round the end of the address space
    while (size > 0) {
        const struct vm_region *r = vm_space_find(s, gpa);
        if (!is_ram(r, write))
            return false;
        uint64_t here = r->size - (gpa.v - r->base.v);
        if (here >= size)
            return true;
        gpa.v += here;
        size -= here;
    }
    return true;
}

static void copy_from_ram(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n > 0 && ((uintptr_t)from & 7); n--)
        *to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
    for (; n >= 8; n -= 8, from += 8, to += 8) {
        uint64_t v = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
        vm_copy(to, &v, 8);
    }
    for (; n > 0; n--)
        *to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
}

static void copy_to_ram(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n > 0 && ((uintptr_t)to & 7); n--)
        __atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
    for (; n >= 8; n -= 8, from += 8, to += 8) {
        uint64_t v;
        vm_copy(&v, from, 8);
        __atomic_store_n((uint64_t *)(void *)to, v, __ATOMIC_RELAXED);
    }
    for (; n > 0; n--)
        __atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
}

bool vm_space_read(const struct vm_space *s, vm_gpa gpa, void *to, size_t size)
{
    if (!all_ram(s, gpa, size, false))
        return false;
    uint8_t *p = to;
    while (size > 0) {
        const struct vm_region *r = memory_at(s, gpa);
        uint64_t offset = gpa.v - r->base.v;
        size_t n = size < r->size - offset ? size : (size_t)(r->size - offset);
        copy_from_ram(p, r->host + offset, n);
        p += n;
        gpa.v += n;
        size -= n;
    }
    return true;
}

bool vm_space_write(struct vm_space *s, vm_gpa gpa, const void *from, size_t size)
{
    if (!all_ram(s, gpa, size, true))
        return false;
    const uint8_t *p = from;
    if (s->watch.written)
        s->watch.written(s->watch.context, gpa, from, size);
    while (size > 0) {
        const struct vm_region *r = vm_space_find(s, gpa);
        uint64_t offset = gpa.v - r->base.v;
        size_t n = size < r->size - offset ? size : (size_t)(r->size - offset);
        copy_to_ram(r->host + offset, p, n);
        vm_region_note_write(s, r, offset, n);
        p += n;
        gpa.v += n;
        size -= n;
    }
    return true;
}

void *vm_space_host(struct vm_space *s, vm_gpa gpa, uint64_t size, bool write)
{
    const struct vm_region *r = find_ram(s, gpa, size, write);
    if (!r)
        return NULL;
    if (write)
        vm_region_note_write(s, r, gpa.v - r->base.v, size);
    return r->host + (gpa.v - r->base.v);
}

static const struct vm_region *find_mmio(const struct vm_space *s, vm_gpa gpa, unsigned size,
                                         bool write)
{
    const struct vm_region *r = vm_space_find(s, gpa);
    if (!r || !r->ops || (r->host && !write) || (gpa.v & (size - 1)) ||
        size > r->size - (gpa.v - r->base.v))
        return NULL;
    return r;
}

bool vm_space_mmio_read(const struct vm_space *s, vm_gpa gpa, unsigned size, uint64_t *value)
{
    const struct vm_region *r = find_mmio(s, gpa, size, false);
    return r && r->ops->read(r->device, gpa.v - r->base.v, size, value);
}

bool vm_space_mmio_write(const struct vm_space *s, vm_gpa gpa, unsigned size, uint64_t value)
{
    const struct vm_region *r = find_mmio(s, gpa, size, true);
    return r && r->ops->write(r->device, gpa.v - r->base.v, size, value);
}

// The lines of the page at `page_offset` that [first, last] (region offsets) touches.
static uint64_t line_mask(uint64_t page_offset, uint64_t first, uint64_t last)
{
    unsigned low = first <= page_offset ? 0 : (unsigned)((first - page_offset) >> VM_LINE_SHIFT);
    uint64_t end = page_offset + VM_PAGE_MASK;
    unsigned high = last >= end ? 63 : (unsigned)((last - page_offset) >> VM_LINE_SHIFT);
    return (UINT64_MAX >> (63 - (high - low))) << low;
}

// Of two writers that come to the same place of the log, one leaves it to the other: a write that
// is not there sends its reader to look at every page.
static void log_code_write(struct vm_space *s, vm_gpa page)
{
    uint64_t number = 2 * (atomic_fetch_add(&s->code_writes, 1) + 1);
    struct vm_code_write *w = &s->code_log[number / 2 % VM_CODE_LOG];
    uint64_t before = atomic_load(&w->number);
    if ((before & 1) || before > number ||
        !atomic_compare_exchange_strong(&w->number, &before, number + 1))
        return;
    atomic_store(&w->page, page.v);
    atomic_store(&w->number, number);
}

bool vm_space_code_write(const struct vm_space *s, uint64_t number, vm_gpa *page)
{
    const struct vm_code_write *w = &s->code_log[number % VM_CODE_LOG];
    bool known = atomic_load(&w->number) == 2 * number;
    *page = vm_gpa_of(atomic_load(&w->page));
    return known && atomic_load(&w->number) == 2 * number;
}

bool vm_region_note_write(struct vm_space *s, const struct vm_region *r, uint64_t offset,
                          uint64_t size)
{
    bool hit = false;
    if (size == 0)
        return false;
    uint64_t last = offset + size - 1;
    // The bytes are written before the marks are read; a translator marks before it reads the bytes
    // (vm_vcpu_watch_code). One of the two sees the other.
    atomic_thread_fence(memory_order_seq_cst);
    for (uint64_t page = offset >> VM_PAGE_SHIFT; page <= last >> VM_PAGE_SHIFT; page++) {
        struct vm_page_track *t = &r->track[page];
        if (!atomic_load_explicit(&t->dirty, memory_order_relaxed))
            atomic_store_explicit(&t->dirty, 1, memory_order_relaxed);
        uint64_t mask = line_mask(page << VM_PAGE_SHIFT, offset, last);
        if (!(atomic_load_explicit(&t->code_lines, memory_order_relaxed) & mask))
            continue;
        // The page becomes plain data again; whoever translates from it next marks it anew.
        atomic_store(&t->code_lines, 0);
        atomic_fetch_add(&t->code_version, 1);
        log_code_write(s, vm_gpa_of(r->base.v + (page << VM_PAGE_SHIFT)));
        hit = true;
    }
    return hit;
}

void vm_space_track_dirty(struct vm_space *s, bool on)
{
    atomic_store(&s->track_dirty, on);
}

bool vm_space_collect_dirty(const struct vm_region *r, uint64_t page_index)
{
    return atomic_exchange(&r->track[page_index].dirty, 0) != 0;
}

// The largest aligned piece that starts at p and is at most `size` bytes.
static unsigned aligned_piece(uintptr_t p, unsigned size)
{
    unsigned piece = 1;
    while (piece * 2 <= size && !(p & (piece * 2 - 1)))
        piece *= 2;
    return piece;
}

vm_u128 vm_ram_load128(const void *p)
{
    unsigned __int128 *whole = (unsigned __int128 *)(uintptr_t)p;
    unsigned __int128 both = __sync_val_compare_and_swap(whole, 0, 0);
    return (vm_u128){(uint64_t)both, (uint64_t)(both >> 64)};
}

void vm_ram_store128(void *p, vm_u128 v)
{
    unsigned __int128 *whole = p, old = 0, before;
    const unsigned __int128 value = (unsigned __int128)v.hi << 64 | v.lo;
    do {
        before = old;
        old = __sync_val_compare_and_swap(whole, before, value);
    } while (old != before);
}

// Whether an access lies within 16 aligned bytes, and is then single-copy atomic, too.
static bool lies_within_16(const void *p, unsigned size)
{
    return (uintptr_t)p % 16 + size <= 16;
}

uint64_t vm_ram_load_unaligned(const void *p, unsigned size)
{
    const uint8_t *at = p;
    if (lies_within_16(p, size)) {
        unsigned from = (unsigned)((uintptr_t)p % 16);
        vm_u128 whole = vm_ram_load128(at - from);
        unsigned __int128 both = (unsigned __int128)whole.hi << 64 | whole.lo;
        return (uint64_t)(both >> (8 * from)) & vm_mask(8 * size);
    }
    uint64_t v = 0;
    for (unsigned done = 0; done < size;) {
        unsigned piece = aligned_piece((uintptr_t)at, size - done);
        v |= vm_ram_load(at, piece) << (8 * done);
        at += piece;
        done += piece;
    }
    return v;
}

static void store_within_16(uint8_t *p, unsigned size, uint64_t v)
{
    unsigned shift = 8 * (unsigned)((uintptr_t)p % 16);
    unsigned __int128 *whole = (unsigned __int128 *)(void *)(p - shift / 8);
    const unsigned __int128 mask = (unsigned __int128)vm_mask(8 * size) << shift;
    const unsigned __int128 bytes = (unsigned __int128)v << shift & mask;
    vm_u128 seen = vm_ram_load128(whole);
    unsigned __int128 old = (unsigned __int128)seen.hi << 64 | seen.lo, before;
    do {
        before = old;
        old = __sync_val_compare_and_swap(whole, before, (before & ~mask) | bytes);
    } while (old != before);
}

void vm_ram_store_unaligned(void *p, unsigned size, uint64_t v)
{
    uint8_t *at = p;
    if (lies_within_16(p, size)) {
        store_within_16(at, size, v);
        return;
    }
    for (unsigned done = 0; done < size;) {
        unsigned piece = aligned_piece((uintptr_t)at, size - done);
        vm_ram_store(at, piece, v >> (8 * done));
        at += piece;
        done += piece;
    }
}
