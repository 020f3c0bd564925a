/* SPDX-License-Identifier: MIT */
/* ports/posix: robots of the local network: a socket in the group of mDNS, on every interface with an IPv4 address.
 * Knows codec/mdns and datagrams; knows nothing of connections. */
#ifndef VIAMC_PORTS_POSIX_MDNS_IMPL_H
#define VIAMC_PORTS_POSIX_MDNS_IMPL_H

#include "ports/posix_os_impl.h"

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/mdns.h"
#include "codec/mdns_impl.h"
#include "ports/posix.h"
#include "ports/posix_names_impl.h"
#include "ports/posix_sys.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_LAN_PORT 5353u
#define VMC_LAN_MS 1500u       /* viam-wire.md 7.2: for a name */
#define VMC_LAN_AGAIN 250u     /* likewise: from one question to the next */
#define VMC_LAN_DATAGRAMS 16u  /* read in one poll; the rest waits for the next */
#define VMC_LAN_INTERFACES 16u /* addresses of this machine from which is asked */

/* struct ip_mreq, which strict modes hide. */
typedef struct vmc_lan_membership {
    struct in_addr group, from;
} vmc_lan_membership;

VMC_FN struct in_addr vmc_lan_group(void)
{
    struct in_addr a;
    a.s_addr = htonl(0xe00000fbu); /* 224.0.0.251, RFC 6762 3 */
    return a;
}

/* A socket on mDNS' port, beside those of other programs: answers come to the group (6.7: to another port not all would answer). -1: none. */
VMC_FN vmc_lan vmc_lan_open(void)
{
    vmc_posix_sa sa;
    int on = 1, ttl = 255; /* 11: it does not leave the link */
    int fd = vmc_posix_socket(AF_INET, SOCK_DGRAM);
    if (fd < 0)
        return -1;
    VIAMC_MEMSET(&sa, 0, sizeof sa);
    sa.v4.sin_family = AF_INET;
    sa.v4.sin_port = htons(VMC_LAN_PORT);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, (socklen_t)sizeof on);
#ifdef SO_REUSEPORT
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, (socklen_t)sizeof on);
#endif
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, (socklen_t)sizeof ttl);
    if (bind(fd, &sa.any, (socklen_t)sizeof sa.v4) != 0)
        vmc_posix_close_fd(&fd);
    return fd;
}

/* Joins the group on the interface that has this address, if it has not, and asks there. What fails there may go elsewhere. */
VMC_FN void vmc_lan_ask_from(vmc_lan fd, struct in_addr from, const uint8_t *query, size_t n)
{
    vmc_lan_membership g;
    vmc_posix_sa to;
    g.group = vmc_lan_group();
    g.from = from;
    VIAMC_MEMSET(&to, 0, sizeof to);
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(VMC_LAN_PORT);
    to.v4.sin_addr = g.group;
    (void)setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &g, (socklen_t)sizeof g);
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, (socklen_t)sizeof from) == 0)
        (void)sendto(fd, query, n, VMC_POSIX_SEND_FLAGS, &to.any, (socklen_t)sizeof to.v4);
}

/* Asks who is there, on every interface. */
VMC_FN void vmc_lan_ask(vmc_lan fd)
{
    uint8_t query[40];
    size_t n = viamc_find_query(query, sizeof query);
    struct ifaddrs *all = NULL, *i;
    unsigned asked = 0;
    vmc_posix_sa sa;
    if (getifaddrs(&all) != 0)
        return;
    for (i = all; i != NULL && asked < VMC_LAN_INTERFACES; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
            continue;
        vmc_copy(&sa.v4, i->ifa_addr, sizeof sa.v4);
        vmc_lan_ask_from(fd, sa.v4.sin_addr, query, n);
        asked++;
    }
    freeifaddrs(all);
}

/* The next datagram of a responder. False: none is there. What comes from another port is none (6), and empty. */
VMC_FN bool vmc_lan_hear(vmc_lan fd, uint8_t buf[VMC_MDNS_MAX_PACKET + 1u], viamc_bytes *packet)
{
    vmc_posix_sa from;
    socklen_t len = (socklen_t)sizeof from;
    ssize_t n = recvfrom(fd, buf, VMC_MDNS_MAX_PACKET + 1u, 0, &from.any, &len); /* one octet more: what is too long shows */
    *packet = viamc_view(buf, n <= 0 || from.any.sa_family != AF_INET || ntohs(from.v4.sin_port) != VMC_LAN_PORT ? 0 : (size_t)n);
    return n >= 0;
}

VMC_FN bool vmc_lan_is_open(vmc_lan fd)
{
    return fd >= 0;
}

VMC_FN void vmc_lan_close(vmc_lan *fd)
{
    vmc_posix_close_fd(fd);
}

/* Sleeps until a datagram comes, at most ms. */
VMC_FN void vmc_lan_sleep(vmc_lan fd, viamc_ms ms)
{
    struct pollfd f;
    f.fd = fd;
    f.events = POLLIN;
    f.revents = 0;
    (void)poll(&f, 1, (int)vmc_min32(ms, VMC_TIME_MAX));
}

/* ---- a name that is dialled ---- */

/* A name of viam's cloud at the port that it has where none is written, which no file of ours knows. */
VMC_FN bool vmc_posix_mdns_wants(viamc_posix *p)
{
    if (!p->mdns || p->dial.port != 443u || !vmc_mdns_is_cloud(viamc_text(p->dial.name)))
        return false;
    vmc_posix_lookup_here(p, p->dial.name);
    return p->lookup.count == 0;
}

/* Begins to look for the name that is dialled. False: that cannot be. */
VMC_FN bool vmc_posix_mdns_start(viamc_posix *p, viamc_ms now)
{
    if (!vmc_posix_mdns_wants(p))
        return false;
    p->lookup.fd = vmc_lan_open();
    p->lookup.again = now;
    p->dial.next = now + VMC_LAN_MS;
    return p->lookup.fd >= 0;
}

/* Takes the addresses of the name out of a datagram; the first one tells the port. */
VMC_FN void vmc_posix_mdns_take(viamc_posix *p, viamc_bytes packet)
{
    vmc_mdns m;
    vmc_mdns_hit hit;
    vmc_posix_ip ip;
    viamc_str name;
    if (!vmc_mdns_open(&m, packet))
        return;
    while (vmc_mdns_next(&m, &hit)) {
        name.ptr = hit.text;
        name.len = hit.len;
        if (!vmc_mdns_same(name, viamc_text(p->dial.name)) || (p->lookup.count != 0 && hit.port != p->dial.port))
            continue;
        p->dial.port = hit.port;
        VIAMC_MEMSET(&ip, 0, sizeof ip);
        ip.len = 4;
        vmc_copy(ip.octets, hit.ip, 4);
        vmc_posix_add(&p->lookup, &ip);
    }
}

/* Goes on looking. OK: addresses are there; WAIT; NOT_FOUND: nobody says that he has this name. */
VMC_FN viamc_err vmc_posix_mdns_step(viamc_posix *p, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    viamc_bytes packet;
    unsigned i;
    bool late = vmc_time_reached(now, p->dial.next);
    for (i = 0; i < VMC_LAN_DATAGRAMS && l->count == 0 && vmc_lan_hear(l->fd, buf, &packet); i++)
        vmc_posix_mdns_take(p, packet);
    if (l->count != 0 || late) {
        vmc_posix_close_fd(&l->fd);
        return l->count != 0 ? VIAMC_OK : VIAMC_ERR_NOT_FOUND;
    }
    if (vmc_time_reached(now, l->again)) {
        vmc_lan_ask(l->fd);
        l->again = now + VMC_LAN_AGAIN;
    }
    return VIAMC_WAIT;
}

#endif
#endif
