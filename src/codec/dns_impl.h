/* SPDX-License-Identifier: MIT */
/* codec/dns: what a resolver that never blocks needs: queries, a walk over the records of any packet (DNS and mDNS), answers with
 * addresses, texts of addresses, /etc/hosts and /etc/resolv.conf.
 * Knows RFC 1035 and 3596; knows nothing of sockets, files, servers and time. */
#ifndef VIAMC_CODEC_DNS_IMPL_H
#define VIAMC_CODEC_DNS_IMPL_H

#include "base/core.h"
#include "base/core_impl.h"

#define VMC_DNS_HEADER 12u      /* RFC 1035 4.1.1, octets */
#define VMC_DNS_MAX_LABEL 63u   /* RFC 1035 2.3.4, octets */
#define VMC_DNS_MAX_WIRE 255u   /* RFC 1035 2.3.4: a name with its lengths and the root, octets */
#define VMC_DNS_MAX_NAME 253u   /* the same as text: less the first length and the root */
#define VMC_DNS_MAX_QUERY (VMC_DNS_HEADER + VMC_DNS_MAX_WIRE + 4u) /* with one question, octets */
#define VMC_DNS_MAX_PACKET 512u /* RFC 1035 2.3.4: longest answer over UDP to a query without EDNS, octets */
#define VMC_DNS_MAX_JUMPS 32u   /* viamc: compression pointers in one name; each leads backward too */
#define VMC_DNS_MAX_ALIASES 8u  /* viamc: CNAMEs followed in one answer */
#define VMC_DNS_MAX_ADDRS 8u    /* viamc: addresses kept of one name */
#define VMC_DNS_MAX_SERVERS 3u  /* resolv.conf(5) */

enum { /* record types, RFC 1035 3.2.2, 3596 2.1, 2782 */
    VMC_DNS_A = 1,
    VMC_DNS_CNAME = 5,
    VMC_DNS_PTR = 12,
    VMC_DNS_TXT = 16,
    VMC_DNS_AAAA = 28,
    VMC_DNS_SRV = 33
};

#define VMC_DNS_IN 1u          /* class */
#define VMC_DNS_TOP 0x8000u    /* of a class in mDNS, RFC 6762 5.4, 10.2: answer to me alone; flush the cache */
#define VMC_DNS_RESPONSE 0x8000u /* flags, RFC 1035 4.1.1 */
#define VMC_DNS_OPCODE 0x7800u
#define VMC_DNS_RCODE 0x000fu
#define VMC_DNS_TC 0x0200u     /* cut to what a packet holds */
#define VMC_DNS_RD 0x0100u     /* recursion desired: what a stub resolver asks for */

/* ---- addresses ---- */

typedef struct vmc_dns_addr {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* as on the wire, 4 or 16 of them */
} vmc_dns_addr;

typedef struct vmc_dns_addrs {
    uint8_t count;
    vmc_dns_addr list[VMC_DNS_MAX_ADDRS];
} vmc_dns_addrs;

/* Adds an address of 4 or 16 octets; one too many is left out. */
VMC_FN void vmc_dns_add(vmc_dns_addrs *to, viamc_bytes octets)
{
    vmc_dns_addr *a = &to->list[to->count];
    if (to->count >= VMC_DNS_MAX_ADDRS || (octets.len != 4u && octets.len != 16u))
        return;
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->family = octets.len == 4u ? 4 : 6;
    vmc_copy(a->bytes, octets.ptr, octets.len);
    to->count++;
}

/* Reads a decimal number that takes up a whole text, has no leading zero and is at most max. */
VMC_FN bool vmc_dns_number(viamc_str s, uint32_t max, uint32_t *v)
{
    size_t i;
    *v = 0;
    for (i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *v = *v * 10u + (uint32_t)(s.ptr[i] - '0'); /* max * 10 + 9 does not overflow: max is below 2^16 */
        if (*v > max)
            return false;
    }
    return s.len == 1u || (s.len > 1u && s.ptr[0] != '0');
}

/* Octets before the next c, or all. */
VMC_FN size_t vmc_dns_until(viamc_str s, char c)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] != c)
        n++;
    return n;
}

VMC_FN viamc_str vmc_dns_part(viamc_str s, size_t at, size_t n)
{
    s.ptr += at;
    s.len = n;
    return s;
}

/* Reads "HOST:PORT". The host is left as it stands, terminated; false if there is no port, or no room. */
VMC_FN bool vmc_dns_host_port(const char *address, char *host, size_t cap, uint16_t *port)
{
    viamc_str s = viamc_text(address);
    uint32_t number = 0;
    size_t n = s.len;
    while (n != 0 && s.ptr[n - 1u] != ':')
        n--;
    if (n == 0 || n > cap || !vmc_dns_number(vmc_dns_part(s, n, s.len - n), 65535u, &number))
        return false;
    vmc_copy(host, address, n - 1u);
    host[n - 1u] = '\0';
    *port = (uint16_t)number;
    if (host[0] == '[')
        return host[n - 2u] == ']';
    return vmc_dns_until(viamc_text(host), ':') == n - 1u; /* "::1" alone has no port */
}

/* "10.0.0.7" */
VMC_FN bool vmc_dns_parse_v4(viamc_str s, uint8_t *out)
{
    size_t i, n;
    uint32_t v;
    for (i = 0; i < 4u; i++) {
        n = i < 3u ? vmc_dns_until(s, '.') : s.len;
        if ((i < 3u && n == s.len) || !vmc_dns_number(vmc_dns_part(s, 0, n), 255, &v))
            return false;
        out[i] = (uint8_t)v;
        if (i < 3u)
            s = vmc_dns_part(s, n + 1u, s.len - n - 1u);
    }
    return true;
}

VMC_FN uint32_t vmc_dns_hex(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a') + 10u;
    return c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10u : 16u;
}

/* Reads a group of one to four hex digits as two octets; returns the digits, 0 if there is none. */
VMC_FN size_t vmc_dns_group(viamc_str s, uint8_t *out)
{
    uint32_t v = 0;
    size_t n = 0;
    while (n < s.len && n < 4u && vmc_dns_hex(s.ptr[n]) < 16u)
        v = v << 4 | vmc_dns_hex(s.ptr[n++]);
    vmc_put_be16(out, v);
    return n;
}

/* Reads one group, or a dotted quad at the end, at *at; have is what was read before. Returns the octets it gave, 0 if it is neither. */
VMC_FN size_t vmc_dns_v6_piece(viamc_str s, size_t *at, uint8_t *out, size_t have)
{
    viamc_str rest = vmc_dns_part(s, *at, s.len - *at);
    size_t n = vmc_dns_until(rest, ':');
    if (n == rest.len && vmc_dns_until(rest, '.') < n) {
        *at = s.len;
        return have <= 12u && vmc_dns_parse_v4(rest, out + have) ? 4u : 0;
    }
    n = vmc_dns_group(rest, out + have);
    *at += n;
    return n != 0 ? 2u : 0;
}

/* "fe80::1", "::ffff:10.0.0.7"; no zone (%eth0). */
VMC_FN bool vmc_dns_parse_v6(viamc_str s, uint8_t *out)
{
    size_t at = 0, n = 0, got, gap = 16; /* n octets are there, the zeros of "::" go in at gap; 16: no "::" */
    while (at < s.len && n <= 14u) {
        if (s.len - at >= 2u && s.ptr[at] == ':' && s.ptr[at + 1u] == ':') {
            if (gap != 16u)
                return false;
            gap = n;
            at += 2u;
            if (at == s.len)
                break;
        } else if (n != 0 && s.ptr[at++] != ':') {
            return false;
        }
        got = vmc_dns_v6_piece(s, &at, out, n);
        if (got == 0)
            return false;
        n += got;
    }
    if (at != s.len || (gap == 16u) != (n == 16u))
        return false;
    if (gap != 16u) {
        vmc_move(out + (16u - (n - gap)), out + gap, n - gap);
        VIAMC_MEMSET(out + gap, 0, 16u - n);
    }
    return true;
}

/* Reads the text of an address of either family, without brackets, port and zone. */
VMC_FN bool vmc_dns_parse_addr(viamc_str s, vmc_dns_addr *a)
{
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->family = vmc_dns_until(s, ':') < s.len ? 6 : 4;
    return a->family == 6 ? vmc_dns_parse_v6(s, a->bytes) : vmc_dns_parse_v4(s, a->bytes);
}

/* ---- queries ---- */

/* A name without the dot that may end it. */
VMC_FN viamc_str vmc_dns_trim(viamc_str name)
{
    if (name.len != 0 && name.ptr[name.len - 1u] == '.')
        name.len--;
    return name;
}

/* Checks RFC 1035 2.3.4: labels of 1 to 63 octets, 253 in all, a dot at the end allowed. Which characters is the server's matter. */
VMC_FN bool vmc_dns_name_good(viamc_str name)
{
    viamc_str rest = vmc_dns_trim(name);
    size_t n = 0;
    if (rest.len == 0 || rest.len > VMC_DNS_MAX_NAME)
        return false;
    for (;;) {
        n = vmc_dns_until(rest, '.');
        if (n == 0 || n > VMC_DNS_MAX_LABEL)
            return false;
        if (n == rest.len)
            return true;
        rest = vmc_dns_part(rest, n + 1u, rest.len - n - 1u);
    }
}

/* Writes a good name as labels. */
VMC_FN void vmc_dns_put_name(vmc_wr *w, viamc_str name)
{
    viamc_str rest = vmc_dns_trim(name);
    for (;;) {
        size_t n = vmc_dns_until(rest, '.');
        vmc_wr_u8(w, (uint32_t)n);
        vmc_wr_bytes(w, rest.ptr, n);
        if (n == rest.len)
            break;
        rest = vmc_dns_part(rest, n + 1u, rest.len - n - 1u);
    }
    vmc_wr_u8(w, 0);
}

/* Writes the header of a query. mDNS asks with id 0 and flags 0. */
VMC_FN void vmc_dns_put_header(vmc_wr *w, uint16_t id, uint16_t flags, uint16_t questions)
{
    vmc_wr_be16(w, id);
    vmc_wr_be16(w, flags);
    vmc_wr_be16(w, questions);
    vmc_wr_be16(w, 0);
    vmc_wr_be16(w, 0);
    vmc_wr_be16(w, 0);
}

/* Writes a question of class cls: VMC_DNS_IN, with VMC_DNS_TOP in mDNS if one wants the answer alone. ARG if the name is not good. */
VMC_FN viamc_err vmc_dns_put_question(vmc_wr *w, viamc_str name, uint16_t type, uint16_t cls)
{
    if (!vmc_dns_name_good(name))
        return VIAMC_ERR_ARG;
    vmc_dns_put_name(w, name);
    vmc_wr_be16(w, type);
    vmc_wr_be16(w, cls);
    return w->full ? VIAMC_ERR_NOMEM : VIAMC_OK;
}

/* Writes the query of a stub resolver for A or AAAA; VMC_DNS_MAX_QUERY octets are enough. id: unpredictable. OK, ARG, NOMEM. */
VMC_FN viamc_err vmc_dns_put_query(vmc_wr *w, uint16_t id, viamc_str name, uint16_t type)
{
    vmc_dns_put_header(w, id, VMC_DNS_RD, 1);
    return vmc_dns_put_question(w, name, type, VMC_DNS_IN);
}

/* ---- names in packets: an offset into the packet is all that is kept of one ---- */

typedef struct vmc_dns_name {
    viamc_bytes all; /* the packet */
    size_t at;       /* next length octet or pointer */
    size_t floor;    /* pointers lead below it: no name can run in a circle */
    size_t end;      /* behind the name where it stood, 0 while unknown */
    uint16_t wire;   /* octets so far, as RFC 1035 counts them */
    uint8_t jumps;
    bool bad;
} vmc_dns_name;

VMC_FN vmc_dns_name vmc_dns_name_at(viamc_bytes packet, size_t at)
{
    vmc_dns_name n;
    n.all = packet;
    n.at = at;
    n.floor = at;
    n.end = 0;
    n.wire = 1; /* the root */
    n.jumps = 0;
    n.bad = false;
    return n;
}

/* Follows a pointer. False if it leads forward, or if there were too many. */
VMC_FN bool vmc_dns_jump(vmc_dns_name *n)
{
    size_t target;
    if (n->all.len - n->at < 2u || n->jumps == VMC_DNS_MAX_JUMPS)
        return false;
    target = vmc_be16(n->all.ptr + n->at) & 0x3fffu;
    if (target >= n->floor)
        return false;
    if (n->end == 0)
        n->end = n->at + 2u;
    n->at = target;
    n->floor = target;
    n->jumps++;
    return true;
}

/* Takes a label of n octets. False if it reaches over the packet or makes the name too long. */
VMC_FN bool vmc_dns_take_label(vmc_dns_name *n, size_t len, viamc_bytes *label)
{
    if (len > n->all.len - n->at - 1u || len + 1u > VMC_DNS_MAX_WIRE - n->wire)
        return false;
    *label = viamc_view(n->all.ptr + n->at + 1u, len);
    n->wire = (uint16_t)(n->wire + len + 1u);
    n->at += len + 1u;
    return true;
}

/* Reads the next label. False at the root, or with n->bad if the name is malformed. */
VMC_FN bool vmc_dns_label(vmc_dns_name *n, viamc_bytes *label)
{
    while (!n->bad && n->at < n->all.len) { /* a turn ends in a label, the root, damage, or one of 32 jumps */
        uint8_t octet = n->all.ptr[n->at];
        if (octet == 0) {
            if (n->end == 0)
                n->end = n->at + 1u;
            return false;
        }
        if (octet <= VMC_DNS_MAX_LABEL) {
            n->bad = !vmc_dns_take_label(n, octet, label);
            return !n->bad;
        }
        n->bad = octet < 0xc0u || !vmc_dns_jump(n); /* 0x40 and 0x80 are reserved */
    }
    n->bad = true;
    return false;
}

/* Offset behind the name at `at`; 0 if it is malformed anywhere. */
VMC_FN size_t vmc_dns_name_end(viamc_bytes packet, size_t at)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label;
    while (vmc_dns_label(&n, &label))
        continue;
    return n.bad ? 0 : n.end;
}

VMC_FN uint8_t vmc_dns_lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Compares ASCII letters without their case, RFC 1035 2.3.3. */
VMC_FN bool vmc_dns_same_text(viamc_bytes a, viamc_bytes b)
{
    size_t i;
    for (i = 0; i < a.len && i < b.len; i++)
        if (vmc_dns_lower(a.ptr[i]) != vmc_dns_lower(b.ptr[i]))
            return false;
    return a.len == b.len;
}

/* Compares two names of a packet. */
VMC_FN bool vmc_dns_same_name(viamc_bytes packet, size_t a, size_t b)
{
    vmc_dns_name na = vmc_dns_name_at(packet, a), nb = vmc_dns_name_at(packet, b);
    viamc_bytes la, lb;
    for (;;) { /* a name has at most 127 labels */
        bool more_a = vmc_dns_label(&na, &la), more_b = vmc_dns_label(&nb, &lb);
        if (!more_a || !more_b)
            return more_a == more_b && !na.bad && !nb.bad;
        if (!vmc_dns_same_text(la, lb))
            return false;
    }
}

/* Writes a name as text without a dot at the end; dots inside a label stay as they are (mDNS has such), control characters become '?'.
 * False if it is malformed or does not fit; VMC_DNS_MAX_NAME octets are enough. */
VMC_FN bool vmc_dns_name_text(viamc_bytes packet, size_t at, vmc_wr *w)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label;
    size_t i;
    bool first = true;
    while (vmc_dns_label(&n, &label)) {
        if (!first)
            vmc_wr_u8(w, '.');
        for (i = 0; i < label.len; i++)
            vmc_wr_u8(w, label.ptr[i] < 0x20u || label.ptr[i] == 0x7fu ? (uint32_t)'?' : label.ptr[i]);
        first = false;
    }
    return !n.bad && !w->full;
}

/* Compares a name of a packet with a text. */
VMC_FN bool vmc_dns_name_is(viamc_bytes packet, size_t at, viamc_str name)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label, rest = vmc_bytes_of(vmc_dns_trim(name));
    bool first = true;
    while (vmc_dns_label(&n, &label)) {
        if (!first && (rest.len == 0 || *rest.ptr != '.'))
            return false;
        if (!first)
            rest = viamc_view(rest.ptr + 1, rest.len - 1u);
        if (label.len > rest.len || !vmc_dns_same_text(label, viamc_view(rest.ptr, label.len)))
            return false;
        rest = viamc_view(rest.ptr + label.len, rest.len - label.len);
        first = false;
    }
    return !n.bad && rest.len == 0;
}

/* ---- packets ---- */

enum { /* sections, in their order */
    VMC_DNS_QUESTION = 0,
    VMC_DNS_ANSWER = 1,
    VMC_DNS_AUTHORITY = 2,
    VMC_DNS_ADDITIONAL = 3
};

typedef struct vmc_dns_packet {
    viamc_bytes all;
    size_t at;        /* next question or record */
    uint16_t id;
    uint16_t flags;
    uint16_t left[4]; /* entries of each section that are still to come */
    bool bad;         /* the walk ended early: malformed */
} vmc_dns_packet;

typedef struct vmc_dns_record {
    uint8_t section;
    bool top;         /* the highest bit of the class, see VMC_DNS_TOP */
    uint16_t type;
    uint16_t cls;     /* without that bit */
    uint32_t ttl;     /* seconds; 0 of a question, as all that follows */
    size_t name;      /* offset of the owner's name */
    size_t data_at;   /* offset of data, for the names in it */
    viamc_bytes data;
} vmc_dns_record;

/* Begins a walk. False if there is not even a header. */
VMC_FN bool vmc_dns_open(viamc_bytes packet, vmc_dns_packet *p)
{
    size_t i;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->all = packet;
    p->at = VMC_DNS_HEADER;
    if (packet.len < VMC_DNS_HEADER) {
        p->bad = true;
        return false;
    }
    p->id = (uint16_t)vmc_be16(packet.ptr);
    p->flags = (uint16_t)vmc_be16(packet.ptr + 2);
    for (i = 0; i < 4u; i++)
        p->left[i] = (uint16_t)vmc_be16(packet.ptr + 4u + 2u * i);
    return true;
}

VMC_FN uint32_t vmc_dns_u16(vmc_rd *r)
{
    uint32_t high = vmc_rd_u8(r);
    return high << 8 | vmc_rd_u8(r);
}

/* Reads what follows the name of a record. */
VMC_FN bool vmc_dns_read_record(vmc_dns_packet *p, vmc_dns_record *rec)
{
    vmc_rd r = vmc_rd_of(viamc_view(p->all.ptr + p->at, p->all.len - p->at));
    uint32_t cls;
    rec->type = (uint16_t)vmc_dns_u16(&r);
    cls = vmc_dns_u16(&r);
    rec->cls = (uint16_t)(cls & (VMC_DNS_TOP - 1u));
    rec->top = (cls & VMC_DNS_TOP) != 0;
    if (rec->section != VMC_DNS_QUESTION) {
        rec->ttl = vmc_dns_u16(&r) << 16;
        rec->ttl |= vmc_dns_u16(&r);
        rec->data = vmc_rd_take(&r, vmc_dns_u16(&r));
        rec->data_at = p->all.len - r.left - rec->data.len;
    }
    p->at = p->all.len - r.left;
    return vmc_rd_ok(&r);
}

/* Reads the next question or record, through all sections. False at the end, or with p->bad if the packet is malformed. */
VMC_FN bool vmc_dns_next_record(vmc_dns_packet *p, vmc_dns_record *rec)
{
    uint8_t section = VMC_DNS_QUESTION;
    size_t end;
    VIAMC_MEMSET(rec, 0, sizeof *rec);
    while (section < VMC_DNS_ADDITIONAL && p->left[section] == 0)
        section++;
    if (p->bad || p->left[section] == 0)
        return false;
    p->left[section]--;
    rec->section = section;
    rec->name = p->at;
    end = vmc_dns_name_end(p->all, p->at);
    p->at = end;
    p->bad = end == 0 || !vmc_dns_read_record(p, rec);
    return !p->bad;
}

/* True if the data of a record is one name and nothing else, as in CNAME and PTR. */
VMC_FN bool vmc_dns_data_is_name(viamc_bytes packet, const vmc_dns_record *rec)
{
    return rec->data.len != 0 && vmc_dns_name_end(packet, rec->data_at) == rec->data_at + rec->data.len;
}

typedef struct vmc_dns_srv {
    uint16_t priority, weight, port;
    size_t target; /* offset of a name */
} vmc_dns_srv;

/* Reads the data of an SRV record, RFC 2782. */
VMC_FN bool vmc_dns_read_srv(viamc_bytes packet, const vmc_dns_record *rec, vmc_dns_srv *srv)
{
    if (rec->data.len < 7u)
        return false;
    srv->priority = (uint16_t)vmc_be16(rec->data.ptr);
    srv->weight = (uint16_t)vmc_be16(rec->data.ptr + 2);
    srv->port = (uint16_t)vmc_be16(rec->data.ptr + 4);
    srv->target = rec->data_at + 6u;
    return vmc_dns_name_end(packet, srv->target) == rec->data_at + rec->data.len;
}

/* Takes the next string off the data of a TXT record. False at the end, and at a string that reaches over it. */
VMC_FN bool vmc_dns_next_string(viamc_bytes *data, viamc_bytes *string)
{
    vmc_rd r = vmc_rd_of(*data);
    if (data->len == 0)
        return false;
    *string = vmc_rd_take(&r, vmc_rd_u8(&r));
    *data = viamc_view(r.ptr, r.left);
    return vmc_rd_ok(&r);
}

/* ---- answers of a resolver's server ---- */

typedef struct vmc_dns_result {
    vmc_dns_addrs addrs; /* what several answers gave; the caller clears it */
    uint8_t rcode;       /* of the last answer, RFC 1035 4.1.1: 0, 3 no such name, others: ask another server */
    bool truncated;      /* that answer was cut; what it gave was taken */
} vmc_dns_result;

/* True if a packet answers the one question that was asked; p stands behind it then. owner: offset of the name.
 * A refusal may come without the question: then owner is 0. */
VMC_FN bool vmc_dns_answers(vmc_dns_packet *p, uint16_t id, viamc_str name, uint16_t type, size_t *owner)
{
    vmc_dns_record q;
    *owner = 0;
    if (p->id != id || (p->flags & (VMC_DNS_RESPONSE | VMC_DNS_OPCODE)) != VMC_DNS_RESPONSE)
        return false;
    if (p->left[VMC_DNS_QUESTION] != 1u)
        return p->left[VMC_DNS_QUESTION] == 0 && (p->flags & VMC_DNS_RCODE) != 0;
    if (!vmc_dns_next_record(p, &q) || q.type != type || q.cls != VMC_DNS_IN || q.top)
        return false;
    *owner = q.name;
    return vmc_dns_name_is(p->all, q.name, name);
}

/* Goes once over the answers: takes the addresses of owner. Returns the offset of the name that owner is an alias of, or 0. */
VMC_FN size_t vmc_dns_collect(vmc_dns_packet *p, size_t owner, uint16_t type, vmc_dns_addrs *to)
{
    size_t alias = 0, len = type == VMC_DNS_A ? 4u : 16u;
    vmc_dns_record rec;
    while (p->left[VMC_DNS_ANSWER] != 0 && vmc_dns_next_record(p, &rec)) {
        if (rec.cls != VMC_DNS_IN || (rec.type != type && rec.type != VMC_DNS_CNAME) || !vmc_dns_same_name(p->all, rec.name, owner))
            continue;
        if (rec.type == type && rec.data.len == len)
            vmc_dns_add(to, rec.data);
        else if (rec.type == VMC_DNS_CNAME && alias == 0 && vmc_dns_data_is_name(p->all, &rec))
            alias = rec.data_at;
    }
    return alias;
}

/* Reads a packet that came as an answer to vmc_dns_put_query.
 * OK: it gave an address. WAIT: it answers something else, go on waiting. DNS: it says that there is none (see rcode).
 * MESSAGE: it is malformed; res->addrs is as before. */
VMC_FN viamc_err vmc_dns_answer(viamc_bytes packet, uint16_t id, viamc_str name, uint16_t type, vmc_dns_result *res)
{
    vmc_dns_packet p, walk;
    uint8_t before = res->addrs.count;
    size_t owner, hop;
    if (!vmc_dns_open(packet, &p) || !vmc_dns_answers(&p, id, name, type, &owner))
        return VIAMC_WAIT;
    res->rcode = (uint8_t)(p.flags & VMC_DNS_RCODE);
    res->truncated = (p.flags & VMC_DNS_TC) != 0;
    for (hop = 0; hop <= VMC_DNS_MAX_ALIASES && owner != 0 && res->addrs.count == before; hop++) {
        walk = p;
        owner = vmc_dns_collect(&walk, owner, type, &res->addrs);
        if (walk.bad && !res->truncated) {
            res->addrs.count = before;
            return VIAMC_ERR_MESSAGE;
        }
    }
    return res->addrs.count != before ? VIAMC_OK : VIAMC_ERR_DNS;
}

/* ---- the words of a text file that comes in pieces ---- */

typedef struct vmc_dns_words {
    char text[VMC_DNS_MAX_NAME + 1u]; /* with room for the dot at the end of a name */
    uint16_t len;  /* of the word; 0 when it was too long */
    uint8_t index; /* words before it in its line, 255 at most */
    bool over;     /* it is too long */
    bool taken;    /* it was handed out */
    bool comment;  /* up to the end of the line */
} vmc_dns_words;

VMC_FN void vmc_dns_words_begin(vmc_dns_words *s)
{
    VIAMC_MEMSET(s, 0, sizeof *s);
}

VMC_FN viamc_str vmc_dns_word(const vmc_dns_words *s)
{
    viamc_str word;
    word.ptr = s->text;
    word.len = s->len;
    return word;
}

/* Takes a character of a word, or one between words. */
VMC_FN void vmc_dns_word_char(vmc_dns_words *s, char c, bool blank)
{
    if (c == '\n') {
        s->comment = false;
        s->index = 0;
    } else if (c == '#' || c == ';') {
        s->comment = true;
    } else if (!blank && !s->comment) {
        s->over = s->over || s->len == sizeof s->text;
        if (!s->over)
            s->text[s->len++] = c;
    }
}

/* Reads on in a piece until a word is whole (what ends it is left in the piece) or the piece is used up: then false. Comments, from '#'
 * or ';' on, are left out. End a file with a piece of "\n". */
VMC_FN bool vmc_dns_next_word(vmc_dns_words *s, viamc_bytes *piece)
{
    if (s->taken) {
        s->taken = false;
        s->over = false;
        s->len = 0;
        s->index = (uint8_t)(s->index < 255u ? s->index + 1u : 255u);
    }
    while (piece->len != 0) {
        char c = (char)*piece->ptr;
        bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
        if (blank && (s->len != 0 || s->over)) {
            s->len = (uint16_t)(s->over ? 0 : s->len);
            s->taken = true;
            return true;
        }
        vmc_dns_word_char(s, c, blank);
        piece->ptr++;
        piece->len--;
    }
    return false;
}

/* ---- /etc/hosts: hosts(5) ---- */

typedef struct vmc_dns_hosts {
    vmc_dns_words words;
    viamc_str name;      /* view: the name that is looked for */
    vmc_dns_addr addr;   /* of the line */
    bool usable;         /* it is one */
    vmc_dns_addrs found; /* addresses of the name, in the file's order */
} vmc_dns_hosts;

VMC_FN void vmc_dns_hosts_begin(vmc_dns_hosts *h, viamc_str name)
{
    VIAMC_MEMSET(h, 0, sizeof *h);
    vmc_dns_words_begin(&h->words);
    h->name = vmc_dns_trim(name);
}

/* Takes a piece of the file; the last one is "\n". */
VMC_FN void vmc_dns_hosts_feed(vmc_dns_hosts *h, viamc_bytes piece)
{
    while (vmc_dns_next_word(&h->words, &piece)) {
        viamc_str word = vmc_dns_word(&h->words);
        if (h->words.index == 0)
            h->usable = vmc_dns_parse_addr(word, &h->addr);
        else if (h->usable && word.len != 0 && vmc_dns_same_text(vmc_bytes_of(vmc_dns_trim(word)), vmc_bytes_of(h->name)))
            vmc_dns_add(&h->found, viamc_view(h->addr.bytes, h->addr.family == 4 ? 4u : 16u));
    }
}

/* ---- /etc/resolv.conf: resolv.conf(5) ---- */

enum { VMC_DNS_CONF_OTHER = 0, VMC_DNS_CONF_SERVER = 1, VMC_DNS_CONF_SEARCH = 2, VMC_DNS_CONF_OPTIONS = 3 };

typedef struct vmc_dns_conf {
    vmc_dns_words words;
    uint8_t key;        /* of the line */
    uint8_t count;      /* servers; 0 means that the local machine is asked */
    uint8_t timeout_s;  /* 1 to 30, default 5 */
    uint8_t attempts;   /* 1 to 5, default 2 */
    uint8_t ndots;      /* dots from which on a name is tried as it is first; 0 to 15, default 1 */
    uint8_t search_len; /* first domain of the last search or domain line, for names with fewer dots */
    char search[VMC_DNS_MAX_NAME];
    vmc_dns_addr server[VMC_DNS_MAX_SERVERS];
} vmc_dns_conf;

VMC_FN void vmc_dns_conf_begin(vmc_dns_conf *c)
{
    VIAMC_MEMSET(c, 0, sizeof *c);
    vmc_dns_words_begin(&c->words);
    c->timeout_s = 5;
    c->attempts = 2;
    c->ndots = 1;
}

VMC_FN uint8_t vmc_dns_conf_key(viamc_bytes word)
{
    if (vmc_bytes_are(word, "nameserver"))
        return VMC_DNS_CONF_SERVER;
    if (vmc_bytes_are(word, "options"))
        return VMC_DNS_CONF_OPTIONS;
    return vmc_bytes_are(word, "search") || vmc_bytes_are(word, "domain") ? VMC_DNS_CONF_SEARCH : VMC_DNS_CONF_OTHER;
}

/* A server past the third, and one that is no address (a zone is not understood), is left out. */
VMC_FN void vmc_dns_conf_server(vmc_dns_conf *c, viamc_str word)
{
    if (c->count < VMC_DNS_MAX_SERVERS && vmc_dns_parse_addr(word, &c->server[c->count]))
        c->count++;
}

VMC_FN void vmc_dns_conf_search(vmc_dns_conf *c, viamc_str word)
{
    word = vmc_dns_trim(word);
    c->search_len = 0;
    if (!vmc_dns_name_good(word))
        return;
    c->search_len = (uint8_t)word.len;
    vmc_copy(c->search, word.ptr, word.len);
}

/* Takes the number behind "name:", cut to its range. */
VMC_FN void vmc_dns_conf_option(viamc_str word, const char *name, uint32_t min, uint32_t max, uint8_t *to)
{
    size_t n = vmc_dns_until(word, ':');
    uint32_t v;
    if (!vmc_bytes_are(viamc_view(word.ptr, n), name) || n == word.len)
        return;
    if (vmc_dns_number(vmc_dns_part(word, n + 1u, word.len - n - 1u), 9999, &v))
        *to = (uint8_t)(v < min ? min : vmc_min32(v, max));
}

VMC_FN void vmc_dns_conf_word(vmc_dns_conf *c, viamc_str word)
{
    if (c->words.index == 0) {
        c->key = vmc_dns_conf_key(vmc_bytes_of(word));
    } else if (c->key == VMC_DNS_CONF_OPTIONS) {
        vmc_dns_conf_option(word, "timeout", 1, 30, &c->timeout_s);
        vmc_dns_conf_option(word, "attempts", 1, 5, &c->attempts);
        vmc_dns_conf_option(word, "ndots", 0, 15, &c->ndots);
    } else if (c->words.index == 1u && c->key == VMC_DNS_CONF_SERVER) {
        vmc_dns_conf_server(c, word);
    } else if (c->words.index == 1u && c->key == VMC_DNS_CONF_SEARCH) {
        vmc_dns_conf_search(c, word);
    }
}

/* Takes a piece of the file; the last one is "\n". */
VMC_FN void vmc_dns_conf_feed(vmc_dns_conf *c, viamc_bytes piece)
{
    while (vmc_dns_next_word(&c->words, &piece))
        vmc_dns_conf_word(c, vmc_dns_word(&c->words));
}

#endif
