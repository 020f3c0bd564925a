/* SPDX-License-Identifier: MIT */
/* ports/win: what ports/posix_mdns is on Windows: a socket in the group of mDNS, on every interface with an IPv4 address.
 * Knows codec/mdns and datagrams; knows nothing of connections. */
#ifndef VIAMC_PORTS_WIN_MDNS_IMPL_H
#define VIAMC_PORTS_WIN_MDNS_IMPL_H

#include "ports/win_sys.h"

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/mdns.h"
#include "codec/mdns_impl.h"
#include "ports/posix.h"
#include "ports/win.h"

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_LAN_PORT 5353u
#define VMC_LAN_MS 1500u       /* viam-wire.md 7.2: for a name */
#define VMC_LAN_AGAIN 250u     /* likewise: from one question to the next */
#define VMC_LAN_DATAGRAMS 16u  /* read in one poll; the rest waits for the next */
#define VMC_LAN_INTERFACES 16u /* addresses of this machine from which is asked */
#define VMC_LAN_GROUP 0xe00000fbu /* 224.0.0.251, RFC 6762 3 */

VMC_FN bool vmc_lan_is_open(vmc_lan s)
{
    return s != (vmc_lan)INVALID_SOCKET;
}

VMC_FN void vmc_lan_close(vmc_lan *s)
{
    if (vmc_lan_is_open(*s)) {
        (void)closesocket((SOCKET)*s);
        (void)WSACleanup();
    }
    *s = (vmc_lan)INVALID_SOCKET;
}

VMC_FN struct sockaddr_in vmc_lan_address(uint32_t ip)
{
    struct sockaddr_in a;
    VIAMC_MEMSET(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(VMC_LAN_PORT);
    a.sin_addr.s_addr = htonl(ip);
    return a;
}

/* A socket on mDNS' port, beside those of other programs, that does not block. It keeps Winsock up until it is closed. */
VMC_FN vmc_lan vmc_lan_open(void)
{
    const struct sockaddr_in any = vmc_lan_address(0);
    BOOL shared = TRUE;
    DWORD ttl = 255; /* 11: it does not leave the link */
    u_long on = 1;
    WSADATA data;
    vmc_lan s = (vmc_lan)INVALID_SOCKET;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return s;
    s = (vmc_lan)socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (!vmc_lan_is_open(s)) {
        (void)WSACleanup();
        return s;
    }
    (void)setsockopt((SOCKET)s, SOL_SOCKET, SO_REUSEADDR, (const char *)&shared, (int)sizeof shared);
    (void)setsockopt((SOCKET)s, IPPROTO_IP, IP_MULTICAST_TTL, (const char *)&ttl, (int)sizeof ttl);
    if (ioctlsocket((SOCKET)s, (long)FIONBIO, &on) != 0 || bind((SOCKET)s, (const struct sockaddr *)&any, (int)sizeof any) != 0)
        vmc_lan_close(&s);
    return s;
}

/* Joins the group on the interface that has this address, if it has not, and asks there. What fails there may go elsewhere. */
VMC_FN void vmc_lan_ask_from(vmc_lan s, uint32_t from, const uint8_t *query, size_t n)
{
    const struct sockaddr_in to = vmc_lan_address(VMC_LAN_GROUP);
    struct ip_mreq join;
    join.imr_multiaddr = to.sin_addr;
    join.imr_interface.s_addr = htonl(from);
    (void)setsockopt((SOCKET)s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (const char *)&join, (int)sizeof join);
    if (setsockopt((SOCKET)s, IPPROTO_IP, IP_MULTICAST_IF, (const char *)&join.imr_interface, (int)sizeof join.imr_interface) == 0)
        (void)sendto((SOCKET)s, (const char *)query, (int)n, 0, (const struct sockaddr *)&to, (int)sizeof to);
}

/* Asks who is there, on every interface: those that Windows lists, and its own. */
VMC_FN void vmc_lan_ask(vmc_lan s)
{
    uint64_t room[(sizeof(SOCKET_ADDRESS_LIST) + VMC_LAN_INTERFACES * (sizeof(SOCKET_ADDRESS) + sizeof(struct sockaddr_in))) / sizeof(uint64_t) + 1u];
    const SOCKET_ADDRESS_LIST *list = (const SOCKET_ADDRESS_LIST *)(const void *)room;
    uint8_t query[40];
    size_t n = viamc_find_query(query, sizeof query);
    DWORD got = 0;
    int i;
    vmc_lan_ask_from(s, 0x7f000001u, query, n);
    if (WSAIoctl((SOCKET)s, SIO_ADDRESS_LIST_QUERY, NULL, 0, room, (DWORD)sizeof room, &got, NULL, NULL) != 0)
        return;
    for (i = 0; i < list->iAddressCount && i < (int)VMC_LAN_INTERFACES; i++) {
        struct sockaddr_in a;
        vmc_copy(&a, list->Address[i].lpSockaddr, sizeof a);
        vmc_lan_ask_from(s, ntohl(a.sin_addr.s_addr), query, n);
    }
}

/* The next datagram of a responder. False: none is there. What comes from another port is none (6), and empty. */
VMC_FN bool vmc_lan_hear(vmc_lan s, uint8_t buf[VMC_MDNS_MAX_PACKET + 1u], viamc_bytes *packet)
{
    struct sockaddr_in from;
    int len = (int)sizeof from;
    int n = recvfrom((SOCKET)s, (char *)buf, (int)VMC_MDNS_MAX_PACKET + 1, 0, (struct sockaddr *)&from, &len);
    bool later = n < 0 && WSAGetLastError() == WSAEWOULDBLOCK;
    *packet = viamc_view(buf, n <= 0 || ntohs(from.sin_port) != VMC_LAN_PORT ? 0 : (size_t)n);
    return !later;
}

/* Sleeps until a datagram comes, at most ms. */
VMC_FN void vmc_lan_sleep(vmc_lan s, viamc_ms ms)
{
    struct timeval t;
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET((SOCKET)s, &reads);
    t.tv_sec = (long)(ms / 1000u);
    t.tv_usec = (long)(ms % 1000u) * 1000;
    (void)select(0, &reads, NULL, NULL, &t);
}

#endif
#endif
