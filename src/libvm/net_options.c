// SPDX-License-Identifier: MIT
//
// The text form of vm_net_options (vm/libvm/net.h).
#include <string.h>

#include <vm/libvm/net.h>

// A piece of the text; not terminated.
struct piece {
    const char *text;
    size_t size;
};

static bool is(struct piece p, const char *text)
{
    return p.size == strlen(text) && memcmp(p.text, text, p.size) == 0;
}

// Cuts `from` at the first `separator`: what is before it; `from` becomes what is after. False if
// there is none.
static bool cut(struct piece *from, char separator, struct piece *before)
{
    const char *at = memchr(from->text, separator, from->size);
    if (!at)
        return false;
    *before = (struct piece){from->text, (size_t)(at - from->text)};
    from->size -= before->size + 1;
    from->text = at + 1;
    return true;
}

// The next part of a list with commas.
static struct piece next(struct piece *list)
{
    struct piece item;
    if (cut(list, ',', &item))
        return item;
    item = *list;
    *list = (struct piece){list->text + list->size, 0};
    return item;
}

static vm_status wrong(struct vm_error *e, struct piece p, const char *what)
{
    return vm_error_set(e, VM_ERR_USAGE, "\"%.*s\": %s", (int)p.size, p.text, what);
}

static bool copy(struct piece p, char *to, size_t room)
{
    if (p.size >= room)
        return false;
    memcpy(to, p.text, p.size);
    to[p.size] = 0;
    return true;
}

static bool parse_port(struct piece p, uint16_t *port)
{
    uint32_t value = 0;
    for (size_t i = 0; i < p.size && value <= UINT16_MAX; i++) {
        if (p.text[i] < '0' || p.text[i] > '9')
            return false;
        value = 10 * value + (uint32_t)(p.text[i] - '0');
    }
    *port = (uint16_t)value;
    return p.size > 0 && value > 0 && value <= UINT16_MAX;
}

// ADDR and the ':' behind it; colons may stand in brackets.
static bool cut_address(struct piece *from, struct piece *address)
{
    if (from->size == 0 || *from->text != '[')
        return cut(from, ':', address);
    from->text++;
    from->size--;
    if (!cut(from, ']', address) || address->size == 0 || from->size == 0 || *from->text != ':')
        return false;
    from->text++;
    from->size--;
    return true;
}

static vm_status parse_forward(struct piece text, struct vm_net_forward *f, struct vm_error *e)
{
    static const char form[] = "a forward is tcp:[ADDR]:PORT-:PORT or udp:[ADDR]:PORT-:PORT, as in "
                               "hostfwd=tcp::2222-:22";
    struct piece rest = text, kind, address, port, nothing;
    *f = (struct vm_net_forward){0};
    if (!cut(&rest, ':', &kind) || !(is(kind, "tcp") || is(kind, "udp")))
        return wrong(e, text, form);
    f->udp = is(kind, "udp");
    if (!cut_address(&rest, &address) || !cut(&rest, '-', &port))
        return wrong(e, text, form);
    if (!copy(address, f->address, sizeof f->address))
        return wrong(e, address, "no address is that long");
    if (!parse_port(port, &f->host_port))
        return wrong(e, port, "a port is a number from 1 to 65535");
    if (!cut(&rest, ':', &nothing))
        return wrong(e, text, form);
    if (nothing.size)
        return wrong(e, nothing, "the guest's address is not given: it is the one it gets by DHCP");
    if (!parse_port(rest, &f->guest_port))
        return wrong(e, rest, "a port is a number from 1 to 65535");
    return VM_OK;
}

static vm_status parse_user(struct piece list, struct vm_net_options *o, struct vm_error *e)
{
    while (list.size) {
        struct piece value = next(&list), item = value, key;
        if (!cut(&value, '=', &key) || !is(key, "hostfwd"))
            return wrong(e, item, "a user network takes hostfwd=...");
        if (o->forward_count == VM_NET_OPTION_FORWARDS)
            return vm_error_set(e, VM_ERR_USAGE, "a network has at most %d forwards",
                                VM_NET_OPTION_FORWARDS);
        vm_status status = parse_forward(value, &o->forwards[o->forward_count++], e);
        if (status != VM_OK)
            return status;
    }
    return VM_OK;
}

vm_status vm_net_options_parse(const char *text, struct vm_net_options *o, struct vm_error *e)
{
    struct piece list = {text, strlen(text)}, kind = next(&list), value = kind, key;
    *o = (struct vm_net_options){.kind = VM_NET_USER};
    if (is(kind, "user")) {
        if (kind.size + 1 == strlen(text))
            return wrong(e, (struct piece){text, strlen(text)}, "nothing follows the comma");
        return parse_user(list, o, e);
    }
    if (!cut(&value, '=', &key) || !is(key, "tap"))
        return wrong(e, kind, "a network is user or tap=NAME");
    o->kind = VM_NET_TAP;
    if (list.size)
        return wrong(e, list, "a tap interface takes nothing more");
    if (value.size == 0 || !copy(value, o->tap, sizeof o->tap))
        return wrong(e, kind, "tap= takes the name of an interface");
    return VM_OK;
}
