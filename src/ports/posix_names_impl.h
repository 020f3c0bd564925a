/* SPDX-License-Identifier: MIT */
/* ports/posix: names to addresses without ever waiting: numeric, hosts file, localhost, then the system's nameservers over UDP.
 * Knows files and datagrams; knows nothing of connections. Uses neither search domains nor TCP: what a cut answer holds is taken. */
#ifndef VIAMC_PORTS_POSIX_NAMES_IMPL_H
#define VIAMC_PORTS_POSIX_NAMES_IMPL_H

#include "ports/posix_os_impl.h"

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/dns_impl.h"
#include "ports/posix.h"
#include "ports/posix_sys.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_FILE_BYTES 16777216u /* viamc: of a hosts or resolver file, a safety net; long block lists have 5 MB */
#define VMC_POSIX_ROUNDS 2u            /* resolv.conf(5), attempts: how often each server is asked */
#define VMC_POSIX_DATAGRAMS 16u        /* read in one poll; the rest waits for the next */
#define VMC_POSIX_GRACE_MS 50u         /* RFC 8305 3: wait for the other family once one has answered */

enum { VMC_POSIX_ASK_A = 1, VMC_POSIX_ASK_AAAA = 2, VMC_POSIX_ASK_BOTH = 3 };

/* ---- files in pieces ---- */

typedef struct vmc_posix_file {
    int fd;
    bool ended;
    size_t left;
    uint8_t buf[1024];
} vmc_posix_file;

VMC_FN void vmc_posix_file_open(vmc_posix_file *f, const char *path)
{
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    f->ended = false;
    f->left = VMC_POSIX_FILE_BYTES;
}

/* The next piece; the last one is a line end, also of a file that is not there. False after that. */
VMC_FN bool vmc_posix_file_next(vmc_posix_file *f, viamc_bytes *piece)
{
    ssize_t n = f->fd < 0 ? 0 : read(f->fd, f->buf, vmc_min(sizeof f->buf, f->left));
    if (n > 0) {
        f->left -= (size_t)n;
        *piece = viamc_view(f->buf, (size_t)n);
        return true;
    }
    vmc_posix_close_fd(&f->fd);
    *piece = viamc_view("\n", 1);
    f->ended = !f->ended;
    return f->ended;
}

/* ---- lists of addresses ---- */

VMC_FN void vmc_posix_add(vmc_posix_lookup *l, const vmc_posix_ip *ip)
{
    uint8_t i;
    for (i = 0; i < l->count; i++)
        if (l->ip[i].len == ip->len && l->ip[i].scope == ip->scope && vmc_same(l->ip[i].octets, ip->octets, ip->len))
            return;
    if (l->count < VMC_POSIX_IPS)
        l->ip[l->count++] = *ip;
}

VMC_FN vmc_posix_ip vmc_posix_ip_from(const vmc_dns_addr *addr)
{
    vmc_posix_ip ip;
    ip.len = addr->family == 4 ? 4 : 16;
    ip.scope = 0;
    vmc_copy(ip.octets, addr->bytes, sizeof ip.octets);
    return ip;
}

VMC_FN void vmc_posix_add_all(vmc_posix_lookup *l, const vmc_dns_addrs *from, size_t max)
{
    size_t i;
    for (i = 0; i < from->count && i < max; i++) {
        vmc_posix_ip ip = vmc_posix_ip_from(&from->list[i]);
        vmc_posix_add(l, &ip);
    }
}

/* IPv6 and IPv4 in turn, IPv6 first, each in the order in which it came (RFC 8305 4). */
VMC_FN void vmc_posix_alternate(vmc_posix_lookup *l)
{
    vmc_posix_ip ip[VMC_POSIX_IPS];
    uint8_t i, from, family = 16, n = 0;
    uint8_t taken[VMC_POSIX_IPS] = {0};
    for (i = 0; i < 2u * l->count && n < l->count; i++) {
        for (from = 0; from < l->count && (taken[from] != 0 || l->ip[from].len != family); from++)
            continue;
        if (from < l->count) {
            taken[from] = 1;
            ip[n++] = l->ip[from];
        }
        family = family == 4u ? 16 : 4;
    }
    vmc_copy(l->ip, ip, n * sizeof ip[0]);
}

/* ---- what needs no server ---- */

VMC_FN void vmc_posix_hosts(vmc_posix_lookup *l, const char *path, const char *name)
{
    vmc_posix_file f;
    vmc_dns_hosts hosts;
    viamc_bytes piece;
    vmc_dns_hosts_begin(&hosts, viamc_text(name));
    vmc_posix_file_open(&f, path);
    while (vmc_posix_file_next(&f, &piece))
        vmc_dns_hosts_feed(&hosts, piece);
    vmc_posix_add_all(l, &hosts.found, VMC_POSIX_IPS);
}

/* "localhost" and names below it never leave the machine: RFC 6761 6.3. */
VMC_FN void vmc_posix_localhost(vmc_posix_lookup *l, const char *name)
{
    viamc_str s = vmc_dns_trim(viamc_text(name)), last = s;
    vmc_posix_ip ip;
    if (s.len > 9u && s.ptr[s.len - 10u] == '.')
        last = vmc_dns_part(s, s.len - 9u, 9);
    if (!vmc_dns_same_text(vmc_bytes_of(last), viamc_view("localhost", 9)))
        return;
    if (vmc_posix_ip_of(viamc_text("127.0.0.1"), &ip))
        vmc_posix_add(l, &ip);
    if (vmc_posix_ip_of(viamc_text("::1"), &ip))
        vmc_posix_add(l, &ip);
}

VMC_FN void vmc_posix_lookup_reset(vmc_posix_lookup *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    VIAMC_MEMSET(l, 0, sizeof *l);
    l->fd = -1;
}

/* Finds the addresses of a name without asking anybody; count says how many. */
VMC_FN void vmc_posix_lookup_here(viamc_posix *p, const char *name)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_ip ip;
    vmc_posix_lookup_reset(l);
    if (vmc_posix_ip_of(viamc_text(name), &ip)) {
        vmc_posix_add(l, &ip);
        return;
    }
    vmc_posix_hosts(l, p->hosts_file, name);
    if (l->count == 0)
        vmc_posix_localhost(l, name);
}

/* ---- addresses that worked ---- */

VMC_FN const vmc_posix_ip *vmc_posix_recall(const viamc_posix *p, const char *name)
{
    uint8_t i;
    for (i = 0; i < VMC_POSIX_KNOWN; i++)
        if (p->known[i].ip.len != 0 && viamc_str_eq(viamc_text(p->known[i].name), viamc_text(name)))
            return &p->known[i].ip;
    return NULL;
}

VMC_FN void vmc_posix_remember(viamc_posix *p, const char *name, const vmc_posix_ip *ip)
{
    uint8_t i = 0;
    while (i < VMC_POSIX_KNOWN && !viamc_str_eq(viamc_text(p->known[i].name), viamc_text(name)))
        i++;
    if (i == VMC_POSIX_KNOWN) {
        i = p->known_next;
        p->known_next = (uint8_t)((i + 1u) % VMC_POSIX_KNOWN);
        vmc_copy(p->known[i].name, name, vmc_strlen(name) + 1u);
    }
    p->known[i].ip = *ip;
}

/* ---- asking servers ---- */

/* Whom to ask: the one that was set, else those of the system, else this machine, as resolv.conf(5) says. */
VMC_FN void vmc_posix_servers(viamc_posix *p)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_file f;
    vmc_dns_conf conf;
    viamc_bytes piece;
    l->servers = 1;
    if (p->nameserver != NULL && vmc_posix_ip_of(viamc_text(p->nameserver), &l->server[0]))
        return;
    (void)vmc_posix_ip_of(viamc_text("127.0.0.1"), &l->server[0]);
    vmc_dns_conf_begin(&conf);
    vmc_posix_file_open(&f, p->resolv_file);
    while (vmc_posix_file_next(&f, &piece))
        vmc_dns_conf_feed(&conf, piece);
    for (l->servers = 0; l->servers < conf.count && l->servers < VMC_POSIX_SERVERS; l->servers++)
        l->server[l->servers] = vmc_posix_ip_from(&conf.server[l->servers]);
    if (l->servers == 0)
        l->servers = 1;
}

VMC_FN bool vmc_posix_send_query(vmc_posix_lookup *l, unsigned which, const char *name)
{
    uint8_t query[VMC_DNS_MAX_QUERY];
    vmc_wr w = vmc_wr_of(query, sizeof query);
    uint16_t type = which == 0 ? VMC_DNS_A : VMC_DNS_AAAA;
    return vmc_dns_put_query(&w, l->id[which], viamc_text(name), type) == VIAMC_OK
           && send(l->fd, query, w.len, VMC_POSIX_SEND_FLAGS) == (ssize_t)w.len;
}

/* Sends what is not answered yet to one server, from a new port that the system chooses. The socket is connected, so nobody else's
 * datagrams arrive, and the absence of a server does. OK, IO (l->error says why) or ENTROPY. */
VMC_FN viamc_err vmc_posix_ask(viamc_posix *p, const char *name, const vmc_posix_ip *server)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_sa sa;
    socklen_t n = vmc_posix_sa_ip(&sa, server, p->nameserver_port);
    uint8_t id[4];
    unsigned which;
    bool sent = true;
    vmc_posix_close_fd(&l->fd);
    if (vmc_posix_random(NULL, id, sizeof id) != VIAMC_OK)
        return VIAMC_ERR_ENTROPY;
    l->refused = 0;
    l->fd = vmc_posix_socket(sa.any.sa_family, SOCK_DGRAM);
    sent = l->fd >= 0 && connect(l->fd, &sa.any, n) == 0;
    for (which = 0; sent && which < 2u; which++) {
        l->id[which] = (uint16_t)vmc_be16(id + 2u * which);
        if ((l->heard & (1u << which)) == 0)
            sent = vmc_posix_send_query(l, which, name);
    }
    if (sent)
        return VIAMC_OK;
    l->error = errno;
    return VIAMC_ERR_IO;
}

/* All servers were asked in vain: an address that worked before is better than none. */
VMC_FN viamc_err vmc_posix_lookup_give_up(viamc_posix *p, const char *name)
{
    const vmc_posix_ip *known = vmc_posix_recall(p, name);
    vmc_posix_close_fd(&p->lookup.fd);
    if (known == NULL)
        return VIAMC_ERR_DNS;
    vmc_posix_add(&p->lookup, known);
    return VIAMC_OK;
}

/* Turns to the next server. WAIT: it was asked; OK: not needed, an old address will do; else an error. */
VMC_FN viamc_err vmc_posix_ask_next(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    unsigned rounds = vmc_posix_recall(p, name) != NULL ? 1u : VMC_POSIX_ROUNDS; /* with an address at hand patience is waste */
    while (l->tries < l->servers * rounds) {
        viamc_err err = vmc_posix_ask(p, name, &l->server[l->tries % l->servers]);
        l->tries++;
        l->again = now + p->dns_timeout_ms;
        if (err == VIAMC_OK)
            return VIAMC_WAIT;
        if (err != VIAMC_ERR_IO)
            return err;
    }
    return vmc_posix_lookup_give_up(p, name);
}

/* Takes a datagram: an answer to one of the two questions, or nothing of ours. */
VMC_FN void vmc_posix_hear(vmc_posix_lookup *l, const char *name, viamc_bytes packet, viamc_ms now)
{
    unsigned which;
    for (which = 0; which < 2u; which++) {
        uint8_t bit = (uint8_t)(1u << which);
        vmc_dns_result res;
        viamc_err err;
        if ((l->heard & bit) != 0)
            continue;
        VIAMC_MEMSET(&res, 0, sizeof res);
        err = vmc_dns_answer(packet, l->id[which], viamc_text(name), which == 0 ? VMC_DNS_A : VMC_DNS_AAAA, &res);
        if (err == VIAMC_OK || (err == VIAMC_ERR_DNS && (res.rcode == 0 || res.rcode == 3u)))
            l->heard |= bit;
        else if (err != VIAMC_WAIT)
            l->refused |= bit;
        vmc_posix_add_all(l, &res.addrs, VMC_POSIX_IPS / 2u); /* so that both families find room */
    }
    if (l->count != 0 && vmc_time_reached(l->again, now + VMC_POSIX_GRACE_MS)) /* only ever shortens the wait */
        l->again = now + VMC_POSIX_GRACE_MS;
}

/* Reads what came. False if the server is not there at all. */
VMC_FN bool vmc_posix_listen_to_server(vmc_posix_lookup *l, const char *name, viamc_ms now)
{
    uint8_t buf[VMC_DNS_MAX_PACKET];
    unsigned i;
    for (i = 0; i < VMC_POSIX_DATAGRAMS && (l->heard | l->refused) != VMC_POSIX_ASK_BOTH; i++) {
        ssize_t n = recv(l->fd, buf, sizeof buf, 0);
        if (n < 0 && vmc_posix_later(errno))
            return true;
        l->error = n < 0 ? errno : 0;
        if (n < 0)
            return false;
        vmc_posix_hear(l, name, viamc_view(buf, (size_t)n), now);
    }
    return true;
}

/* Goes on with a question. OK: l->ip holds addresses; WAIT; DNS: none to be had; ENTROPY. */
VMC_FN viamc_err vmc_posix_lookup_step(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    bool there = vmc_posix_listen_to_server(l, name, now);
    bool late = vmc_time_reached(now, l->again);
    bool done = (l->heard | l->refused) == VMC_POSIX_ASK_BOTH;
    if (there && !late && !done)
        return VIAMC_WAIT;
    if (l->count != 0 || l->heard == VMC_POSIX_ASK_BOTH) {
        vmc_posix_close_fd(&l->fd);
        l->asked = true;
        vmc_posix_alternate(l);
        return l->count != 0 ? VIAMC_OK : VIAMC_ERR_DNS;
    }
    if (there)
        l->error = done ? EPROTO : ETIMEDOUT;
    return vmc_posix_ask_next(p, name, now);
}

/* Begins to look a name up. Results as those of vmc_posix_lookup_step. */
VMC_FN viamc_err vmc_posix_lookup_start(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup_here(p, name);
    if (p->lookup.count != 0)
        return VIAMC_OK;
    if (!vmc_dns_name_good(viamc_text(name)))
        return VIAMC_ERR_DNS;
    vmc_posix_servers(p);
    return vmc_posix_ask_next(p, name, now);
}

#endif
#endif
