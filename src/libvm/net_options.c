// SPDX-License-Identifier: MIT
//
// The text form of vm_net_options (vm/libvm/net.h).
#include <vm/libvm/net.h>

#include "piece.h"

// ADDR and the ':' behind it; colons may stand in brackets.
static bool cut_address(struct piece *from, struct piece *address)
{
    if (from->size == 0 || *from->text != '[')
        return piece_cut(from, ':', address);
    from->text++;
    from->size--;
    if (!piece_cut(from, ']', address) || address->size == 0 || from->size == 0 ||
        *from->text != ':')
        return false;
    from->text++;
    from->size--;
    return true;
}

static bool parse_port(struct piece p, uint16_t *port)
{
    uint32_t value;
    bool valid = piece_number(p, UINT16_MAX, &value);
    *port = (uint16_t)value;
    return valid;
}

static vm_status parse_forward(struct piece text, struct vm_net_forward *f, struct vm_error *e)
{
    static const char form[] = "a forward is tcp:[ADDR]:PORT-:PORT or udp:[ADDR]:PORT-:PORT, as in "
                               "hostfwd=tcp::2222-:22";
    struct piece rest = text, kind, address, port, nothing;
    *f = (struct vm_net_forward){0};
    if (!piece_cut(&rest, ':', &kind) || !(piece_is(kind, "tcp") || piece_is(kind, "udp")))
        return piece_wrong(e, text, form);
    f->udp = piece_is(kind, "udp");
    if (!cut_address(&rest, &address) || !piece_cut(&rest, '-', &port))
        return piece_wrong(e, text, form);
    if (!piece_copy(address, f->address, sizeof f->address))
        return piece_wrong(e, address, "no address is that long");
    if (!parse_port(port, &f->host_port))
        return piece_wrong(e, port, "a port is a number from 1 to 65535");
    if (!piece_cut(&rest, ':', &nothing))
        return piece_wrong(e, text, form);
    if (nothing.size)
        return piece_wrong(e, nothing,
                           "the guest's address is not given: it is the one it gets by DHCP");
    if (!parse_port(rest, &f->guest_port))
        return piece_wrong(e, rest, "a port is a number from 1 to 65535");
    return VM_OK;
}

static vm_status parse_user(struct piece list, struct vm_net_options *o, struct vm_error *e)
{
    static const char *const keys[] = {"hostfwd", NULL};
    while (list.size) {
        struct piece value = piece_next(&list), item = value, key;
        if (!piece_cut(&value, '=', &key) || !piece_is(key, "hostfwd"))
            return piece_unknown(e, item, keys, "=...", "a user network takes hostfwd=...");
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
    static const char *const kinds[] = {"user", "tap", NULL};
    struct piece list = piece_of(text), kind = piece_next(&list), value = kind, key;
    *o = (struct vm_net_options){.kind = VM_NET_USER};
    if (piece_is(kind, "user")) {
        if (text[kind.size] == ',' && (list.size == 0 || list.text[list.size - 1] == ','))
            return piece_wrong(e, piece_of(text), "nothing follows the last comma");
        return parse_user(list, o, e);
    }
    if (!piece_cut(&value, '=', &key) || !piece_is(key, "tap"))
        return piece_unknown(e, kind, kinds, "", "a network is user or tap=NAME");
    o->kind = VM_NET_TAP;
    if (list.size)
        return piece_wrong(e, list, "a tap interface takes nothing more");
    if (value.size == 0 || !piece_copy(value, o->tap, sizeof o->tap))
        return piece_wrong(e, kind, "tap= takes the name of an interface");
    return VM_OK;
}
