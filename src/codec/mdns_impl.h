/* SPDX-License-Identifier: MIT */
/* codec/mdns: one datagram tells all about a robot, as RFC 6763 12 asks for: SRV (where), TXT (what), A (addresses).
 * Knows codec/dns; knows nothing of sockets and time. Everything in a datagram may be a lie: TLS decides. */
#ifndef VIAMC_CODEC_MDNS_IMPL_H
#define VIAMC_CODEC_MDNS_IMPL_H

#include "base/core.h"
#include "codec/mdns.h"
#include "base/core_impl.h"
#include "codec/dns_impl.h"

#define VMC_MDNS_SERVICE "_rpc._tcp.local" /* viam-wire.md 7.1 */
#define VMC_MDNS_CLOUD ".viam.cloud"
#define VMC_MDNS_MAX_PACKET 1500u /* viamc: a robot's announcement has some 300 octets */
#define VMC_MDNS_MAX_RECORDS 48u  /* viamc: looked at in one datagram: each SRV is compared with each TXT and A */

/* The records of a datagram that count, and which pair of SRV and A has its turn. */
typedef struct vmc_mdns {
    viamc_bytes packet;
    vmc_dns_record rec[VMC_MDNS_MAX_RECORDS];
    uint8_t count, srv, a;
} vmc_mdns;

/* An address at which somebody says that he is a robot. */
typedef struct vmc_mdns_hit {
    char text[VMC_DNS_MAX_NAME]; /* of the instance: the name that it has */
    size_t len;
    const uint8_t *ip; /* 4 octets */
    uint16_t port;
} vmc_mdns_hit;

/* ---- names ---- */

/* The announced form of a name has '-' for each '.', and letters of any case are the same. */
VMC_FN uint8_t vmc_mdns_fold(char c)
{
    return c == '.' ? (uint8_t)'-' : vmc_dns_lower((uint8_t)c);
}

VMC_FN bool vmc_mdns_ends(viamc_str name, const char *end)
{
    size_t n = vmc_strlen(end), i;
    for (i = 0; i < n; i++)
        if (name.len < n || vmc_mdns_fold(name.ptr[name.len - n + i]) != vmc_mdns_fold(end[i]))
            return false;
    return true;
}

/* A name that is looked for on the local network: a robot's in viam's cloud. */
VMC_FN bool vmc_mdns_is_cloud(viamc_str name)
{
    return name.len > sizeof VMC_MDNS_CLOUD - 1u && vmc_mdns_ends(name, VMC_MDNS_CLOUD);
}

/* What is the same in all announcements of a robot: "rover-main.abc" of "rover-main.abc.viam.cloud" and of "rover-main-abc-local-viam-cloud". */
VMC_FN viamc_str vmc_mdns_stem(viamc_str name)
{
    if (vmc_mdns_is_cloud(name))
        name.len -= sizeof VMC_MDNS_CLOUD - 1u;
    else
        return name;
    if (vmc_mdns_ends(name, ".local"))
        name.len -= sizeof ".local" - 1u;
    return name;
}

/* Both are the name of one robot. */
VMC_FN bool vmc_mdns_same(viamc_str a, viamc_str b)
{
    bool cloud = vmc_mdns_is_cloud(a);
    size_t i;
    if (cloud != vmc_mdns_is_cloud(b))
        return false;
    a = vmc_mdns_stem(a);
    b = vmc_mdns_stem(b);
    for (i = 0; i < a.len && i < b.len; i++)
        if (vmc_mdns_fold(a.ptr[i]) != vmc_mdns_fold(b.ptr[i]))
            return false;
    return a.len == b.len;
}

/* ---- a datagram ---- */

VMC_FN bool vmc_mdns_counts(const vmc_dns_record *rec)
{
    bool told = rec->section == VMC_DNS_ANSWER || rec->section == VMC_DNS_ADDITIONAL; /* the others are questions, and plans (RFC 6762 8.2) */
    bool wanted = rec->type == VMC_DNS_SRV || rec->type == VMC_DNS_TXT || (rec->type == VMC_DNS_A && rec->data.len == 4u);
    return told && wanted && rec->cls == VMC_DNS_IN && rec->ttl != 0; /* 0: it says goodbye (10.1) */
}

/* Reads a datagram. False: it is no answer, or damaged anywhere. */
VMC_FN bool vmc_mdns_open(vmc_mdns *m, viamc_bytes packet)
{
    vmc_dns_packet p;
    vmc_dns_record rec;
    m->packet = packet;
    m->count = m->srv = m->a = 0;
    if (packet.len > VMC_MDNS_MAX_PACKET || !vmc_dns_open(packet, &p))
        return false;
    if ((p.flags & (VMC_DNS_RESPONSE | VMC_DNS_OPCODE | VMC_DNS_RCODE)) != VMC_DNS_RESPONSE) /* RFC 6762 18.3, 18.11 */
        return false;
    while (vmc_dns_next_record(&p, &rec)) /* a record has at least 11 octets of the packet */
        if (vmc_mdns_counts(&rec) && m->count < VMC_MDNS_MAX_RECORDS)
            m->rec[m->count++] = rec;
    return !p.bad;
}

/* TXT of the same name says that it speaks gRPC: "grpc" or "grpc=". */
VMC_FN bool vmc_mdns_speaks_grpc(const vmc_mdns *m, const vmc_dns_record *srv)
{
    viamc_bytes data, string;
    uint8_t i;
    for (i = 0; i < m->count; i++) {
        if (m->rec[i].type != VMC_DNS_TXT || !vmc_dns_same_name(m->packet, m->rec[i].name, srv->name))
            continue;
        data = m->rec[i].data;
        while (vmc_dns_next_string(&data, &string))
            if (string.len >= 4u && vmc_same(string.ptr, "grpc", 4) && (string.len == 4u || string.ptr[4] == '='))
                return true;
    }
    return false;
}

/* The instance that an SRV record is of: what stands before "._rpc._tcp.local". The joined text counts, not the labels: viam-server
 * cuts the dots of a name into labels (viam-wire.md 7.1). */
VMC_FN bool vmc_mdns_instance(const vmc_mdns *m, const vmc_dns_record *srv, vmc_mdns_hit *hit)
{
    vmc_wr w = vmc_wr_of(hit->text, sizeof hit->text);
    viamc_str name;
    if (!vmc_dns_name_text(m->packet, srv->name, &w))
        return false;
    name.ptr = hit->text;
    name.len = w.len;
    hit->len = w.len - vmc_min(w.len, sizeof VMC_MDNS_SERVICE); /* its end and a dot */
    return hit->len != 0 && vmc_dns_same_text(vmc_bytes_of(vmc_dns_part(name, hit->len, w.len - hit->len)), viamc_view("." VMC_MDNS_SERVICE, sizeof VMC_MDNS_SERVICE));
}

/* An SRV record of a robot, with a port. */
VMC_FN bool vmc_mdns_robot(const vmc_mdns *m, const vmc_dns_record *rec, vmc_mdns_hit *hit, vmc_dns_srv *srv)
{
    return rec->type == VMC_DNS_SRV && vmc_dns_read_srv(m->packet, rec, srv) && srv->port != 0 && vmc_mdns_instance(m, rec, hit) && vmc_mdns_speaks_grpc(m, rec);
}

/* An address that one can connect to: not 0.x, not multicast and above. */
VMC_FN bool vmc_mdns_is_address(const vmc_dns_record *rec)
{
    return rec->type == VMC_DNS_A && rec->data.ptr[0] != 0 && rec->data.ptr[0] < 224u;
}

/* The next robot, once for each of its addresses. False: no more. */
VMC_FN bool vmc_mdns_next(vmc_mdns *m, vmc_mdns_hit *hit)
{
    vmc_dns_srv srv;
    for (; m->srv < m->count; m->srv++, m->a = 0) {
        if (!vmc_mdns_robot(m, &m->rec[m->srv], hit, &srv))
            continue;
        while (m->a < m->count) {
            const vmc_dns_record *rec = &m->rec[m->a++];
            if (!vmc_mdns_is_address(rec) || !vmc_dns_same_name(m->packet, rec->name, srv.target))
                continue;
            hit->ip = rec->data.ptr;
            hit->port = srv.port;
            return true;
        }
    }
    return false;
}

/* ---- the list ---- */

VIAMC_API size_t viamc_find_query(uint8_t *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL ? 0 : cap);
    vmc_dns_put_header(&w, 0, 0, 1);
    return vmc_dns_put_question(&w, viamc_text(VMC_MDNS_SERVICE), VMC_DNS_PTR, VMC_DNS_IN) == VIAMC_OK ? w.len : 0;
}

/* "192.168.1.50:8080" */
VMC_FN void vmc_mdns_put_address(const vmc_mdns_hit *hit, char *text, size_t cap)
{
    vmc_wr w = vmc_wr_of(text, cap - 1u);
    unsigned i;
    for (i = 0; i < 4u; i++) {
        vmc_wr_dec(&w, hit->ip[i]);
        vmc_wr_u8(&w, i < 3u ? '.' : ':');
    }
    vmc_wr_dec(&w, hit->port);
    text[w.len] = '\0';
}

/* How good a form of a name is: with dots before one without, a short one before a long one. Less is better. */
VMC_FN size_t vmc_mdns_rank(viamc_str name)
{
    return name.len + (vmc_dns_until(name, '.') == name.len ? sizeof ((viamc_found *)0)->name : 0);
}

VMC_FN void vmc_mdns_put_name(viamc_found *f, viamc_str name)
{
    vmc_copy(f->name, name.ptr, name.len);
    f->name[name.len] = '\0';
}

/* Adds one robot at one address, or gives the one that is there a better form of its name. */
VMC_FN size_t vmc_mdns_add(const vmc_mdns_hit *hit, viamc_found *robots, size_t max, size_t count)
{
    char address[sizeof robots->address];
    viamc_str name;
    size_t i;
    name.ptr = hit->text;
    name.len = hit->len;
    vmc_mdns_put_address(hit, address, sizeof address);
    for (i = 0; i < count; i++) {
        viamc_str old = viamc_text(robots[i].name);
        if (!viamc_str_eq(viamc_text(robots[i].address), viamc_text(address)) || !vmc_mdns_same(old, name))
            continue;
        if (vmc_mdns_rank(name) < vmc_mdns_rank(old))
            vmc_mdns_put_name(&robots[i], name);
        return count;
    }
    if (count >= max)
        return count;
    vmc_mdns_put_name(&robots[count], name);
    vmc_copy(robots[count].address, address, sizeof address);
    return count + 1u;
}

VIAMC_API size_t viamc_find_add(viamc_bytes packet, viamc_found *robots, size_t max, size_t count)
{
    vmc_mdns m;
    vmc_mdns_hit hit;
    if (robots == NULL || !vmc_is_view(packet) || !vmc_mdns_open(&m, packet))
        return count;
    while (vmc_mdns_next(&m, &hit)) /* at most VMC_MDNS_MAX_RECORDS squared */
        count = vmc_mdns_add(&hit, robots, max, count);
    return count;
}

#endif
