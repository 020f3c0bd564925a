/* SPDX-License-Identifier: MIT */
/* ports/win: connections, names, sleeping. */
#ifndef VIAMC_PORTS_WIN_IMPL_H
#define VIAMC_PORTS_WIN_IMPL_H

#include "ports/win_sys.h"

#include "base/core_impl.h"
#include "base/port.h"
#include "base/time_impl.h"
#include "codec/dns_impl.h"
#include "codec/mdns.h"
#include "codec/mdns_impl.h"
#include "ports/posix.h"
#include "ports/win.h"
#include "ports/win_mdns_impl.h"
#include "ports/win_os_impl.h"
#include "ports/win_roots_impl.h"

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_CONNECT_MS 3000u /* viamc: of one address; then the next has its turn */
#define VMC_WIN_NAME_MS 10u      /* viamc: the resolver cannot be waited for together with sockets, so it is asked this often */
#define VMC_WIN_KNOCK_MS 1000u   /* viamc: somebody who could not be taken is tried again */

VMC_STATIC_ASSERT(win_conns, VMC_WIN_CONNS == VIAMC_POSIX_CONNS);
VMC_STATIC_ASSERT(win_overlapped, sizeof(OVERLAPPED) <= sizeof ((vmc_win_dial *)0)->overlapped);
VMC_STATIC_ASSERT(win_wide, sizeof(WCHAR) == sizeof(uint16_t));

enum {
    VMC_WIN_IDLE = 0, /* nobody dials */
    VMC_WIN_LOCAL,    /* the local network is asked; until, again */
    VMC_WIN_NAME,     /* the resolver works */
    VMC_WIN_CONNECT   /* dial.fd connects, or dial.next has its turn */
};

/* ---- life ---- */

VIAMC_API void viamc_posix_init(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->dial.fd = VMC_WIN_NONE;
    for (i = 0; i < VMC_WIN_CONNS + 2u; i++)
        p->conn[i].fd = VMC_WIN_NONE;
}

/* Before the first socket, also the first one after viamc_posix_close. 0, or why Winsock is not to be had. */
VMC_FN int vmc_win_start(viamc_win *p)
{
    WSADATA data;
    int error = p->started ? 0 : WSAStartup(MAKEWORD(2, 2), &data);
    p->started = error == 0;
    return error;
}

/* Ends the opening under way. The resolver writes into *dial until its event comes, which a cancelled one sets at once. */
VMC_FN void vmc_win_dial_end(vmc_win_dial *d)
{
    if (d->state == VMC_WIN_LOCAL)
        vmc_lan_close(&d->fd);
    if (d->state == VMC_WIN_NAME) {
        (void)GetAddrInfoExCancel(&d->cancel);
        (void)WaitForSingleObject((HANDLE)d->event, INFINITE);
    }
    if (d->event != NULL)
        (void)CloseHandle((HANDLE)d->event);
    if (d->found != NULL)
        FreeAddrInfoExW((PADDRINFOEXW)d->found);
    vmc_win_close_fd(&d->fd);
    d->event = d->found = d->next = NULL;
    d->state = VMC_WIN_IDLE;
}

VMC_FN void vmc_win_close(void *user, unsigned conn)
{
    viamc_win *p = (viamc_win *)user;
    if (conn >= VMC_WIN_CONNS)
        return;
    if (p->dial.state != VMC_WIN_IDLE && p->dial.conn == conn)
        vmc_win_dial_end(&p->dial);
    vmc_win_close_fd(&p->conn[conn].fd);
    vmc_win_roots_close(p);
    p->knocked = false; /* there is room again */
}

VIAMC_API void viamc_posix_close(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    for (i = 0; i < VMC_WIN_CONNS; i++)
        vmc_win_close(p, i);
    vmc_win_close_fd(&p->conn[VIAMC_POSIX_LISTENER].fd);
    if (p->started)
        (void)WSACleanup();
    p->started = false;
}

VIAMC_API int viamc_posix_errno(const viamc_posix *p, unsigned conn)
{
    return p != NULL && conn < VMC_WIN_CONNS + 2u ? p->conn[conn].error : WSAENOTSOCK;
}

/* ---- opening: the name, then its addresses one after the other ---- */

VMC_FN viamc_err vmc_win_found(vmc_win_dial *d, int error)
{
    d->cancel = NULL;
    d->state = VMC_WIN_CONNECT;
    d->next = d->found;
    d->error = error;
    return d->found != NULL && error == 0 ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_ERR_DNS;
}

VMC_FN viamc_err vmc_win_on_idle(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    static const char tens[] = "0123456789";
    vmc_win_dial *d = &p->dial;
    ADDRINFOEXW hints;
    WCHAR service[6];
    int error;
    unsigned i;
    for (i = 5; i-- > 0; port = (uint16_t)(port / 10u))
        service[i] = (WCHAR)tens[port % 10u];
    service[5] = 0;
    VIAMC_MEMSET(d, 0, sizeof *d);
    VIAMC_MEMSET(&hints, 0, sizeof hints);
    d->fd = VMC_WIN_NONE;
    d->conn = conn;
    hints.ai_socktype = SOCK_STREAM;
    d->error = vmc_win_start(p);
    if (d->error != 0)
        return VIAMC_ERR_IO;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host, -1, (WCHAR *)d->name, (int)VMC_WIN_NAME_BYTES) == 0)
        return VIAMC_ERR_DNS;
    d->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (d->event == NULL)
        return VIAMC_ERR_IO;
    ((OVERLAPPED *)(void *)d->overlapped)->hEvent = (HANDLE)d->event;
    error = GetAddrInfoExW((PCWSTR)d->name, service, NS_ALL, NULL, &hints, (PADDRINFOEXW *)&d->found, NULL,
                           (OVERLAPPED *)(void *)d->overlapped, NULL, (LPHANDLE)&d->cancel);
    if (error != WSA_IO_PENDING)
        return vmc_win_found(d, error);
    d->state = VMC_WIN_NAME;
    return VIAMC_WAIT;
}

/* Begins to look for a name of viam's cloud on the local network. False: that cannot be, or is not wanted. */
VMC_FN bool vmc_win_mdns_start(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    vmc_win_dial *d = &p->dial;
    if (!p->mdns || port != 443u || !vmc_mdns_is_cloud(viamc_text(host)))
        return false;
    d->fd = vmc_lan_open();
    if (!vmc_lan_is_open(d->fd))
        return false;
    d->state = VMC_WIN_LOCAL;
    d->conn = conn;
    d->again = viamc_posix_now();
    d->until = d->again + VMC_LAN_MS;
    return true;
}

/* The first address of a name in a datagram. False: there is none. */
VMC_FN bool vmc_win_mdns_take(viamc_bytes packet, const char *host, vmc_mdns_hit *hit)
{
    vmc_mdns m;
    viamc_str name;
    if (!vmc_mdns_open(&m, packet))
        return false;
    while (vmc_mdns_next(&m, hit)) {
        name.ptr = hit->text;
        name.len = hit->len;
        if (vmc_mdns_same(name, viamc_text(host)))
            return true;
    }
    return false;
}

/* Goes on looking; an address that was found goes to the resolver like one that was written, else the name does when the time is over. */
VMC_FN viamc_err vmc_win_on_local(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    vmc_win_dial *d = &p->dial;
    viamc_ms now = viamc_posix_now();
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    char address[sizeof ((viamc_found *)0)->address];
    viamc_bytes packet;
    vmc_mdns_hit hit;
    unsigned i;
    for (i = 0; i < VMC_LAN_DATAGRAMS && vmc_lan_hear(d->fd, buf, &packet); i++) {
        if (!vmc_win_mdns_take(packet, host, &hit))
            continue;
        vmc_lan_close(&d->fd);
        vmc_mdns_put_address(&hit, address, sizeof address);
        address[vmc_dns_until(viamc_text(address), ':')] = '\0';
        return vmc_win_on_idle(p, conn, address, hit.port);
    }
    if (vmc_time_reached(now, d->until)) {
        vmc_lan_close(&d->fd);
        return vmc_win_on_idle(p, conn, host, port);
    }
    if (vmc_time_reached(now, d->again)) {
        vmc_lan_ask(d->fd);
        d->again = now + VMC_LAN_AGAIN;
    }
    return VIAMC_WAIT;
}

VMC_FN viamc_err vmc_win_on_name(vmc_win_dial *d)
{
    if (WaitForSingleObject((HANDLE)d->event, 0) != WAIT_OBJECT_0)
        return VIAMC_WAIT;
    return vmc_win_found(d, GetAddrInfoExOverlappedResult((OVERLAPPED *)(void *)d->overlapped));
}

/* What became of a connect: 0 done, WSAEWOULDBLOCK, or why it failed. select(2) says so in all versions of Windows, WSAPoll does not. */
VMC_FN int vmc_win_connected(uintptr_t fd)
{
    struct timeval none = {0, 0};
    fd_set writes, fails;
    int error = 0, n = (int)sizeof error;
    FD_ZERO(&writes);
    FD_ZERO(&fails);
    FD_SET((SOCKET)fd, &writes);
    FD_SET((SOCKET)fd, &fails);
    if (select(0, NULL, &writes, &fails, &none) == 0)
        return WSAEWOULDBLOCK;
    if (getsockopt((SOCKET)fd, SOL_SOCKET, SO_ERROR, (char *)&error, &n) != 0)
        return WSAGetLastError();
    return error == 0 && !FD_ISSET((SOCKET)fd, &writes) ? WSAECONNREFUSED : error;
}

VMC_FN int vmc_win_try(vmc_win_dial *d, viamc_ms now)
{
    const ADDRINFOEXW *a = (const ADDRINFOEXW *)d->next;
    d->next = a->ai_next;
    d->until = now + VMC_WIN_CONNECT_MS;
    d->fd = (uintptr_t)socket(a->ai_family, SOCK_STREAM, IPPROTO_TCP);
    if (d->fd == VMC_WIN_NONE || !vmc_win_prepare(d->fd))
        return WSAGetLastError();
    return connect((SOCKET)d->fd, a->ai_addr, (int)a->ai_addrlen) == 0 ? 0 : WSAGetLastError();
}

VMC_FN viamc_err vmc_win_on_connect(viamc_win *p, viamc_ms now)
{
    vmc_win_dial *d = &p->dial;
    for (;;) { /* each turn ends, or uses up an address */
        int error = d->fd == VMC_WIN_NONE ? vmc_win_try(d, now) : vmc_win_connected(d->fd);
        if (error == WSAEWOULDBLOCK && !vmc_time_reached(now, d->until))
            return VIAMC_WAIT;
        if (error == 0) {
            vmc_win_set_conn(p, d->conn, d->fd);
            d->fd = VMC_WIN_NONE;
            vmc_win_dial_end(d);
            return VIAMC_OK;
        }
        if (d->error == 0 || error == WSAECONNREFUSED)
            d->error = error == WSAEWOULDBLOCK ? WSAETIMEDOUT : error;
        vmc_win_close_fd(&d->fd);
        if (d->next == NULL)
            return vmc_win_err(d->error);
    }
}

VMC_FN viamc_err vmc_win_step(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    switch (p->dial.state) {
    case VMC_WIN_IDLE: return vmc_win_mdns_start(p, conn, host, port) ? (viamc_err)VIAMC_WAIT : vmc_win_on_idle(p, conn, host, port);
    case VMC_WIN_LOCAL: return vmc_win_on_local(p, conn, host, port);
    case VMC_WIN_NAME: return vmc_win_on_name(&p->dial);
    default: return vmc_win_on_connect(p, viamc_posix_now());
    }
}

VMC_FN viamc_err vmc_win_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    viamc_win *p = (viamc_win *)user;
    viamc_err err;
    if (conn >= VMC_WIN_CONNS)
        return VIAMC_ERR_ARG;
    if (p->conn[conn].fd != VMC_WIN_NONE)
        return VIAMC_OK;
    if (p->dial.state != VMC_WIN_IDLE && p->dial.conn != conn)
        return VIAMC_WAIT;
    err = vmc_win_step(p, conn, host, port);
    if (err == VIAMC_OK || err == VIAMC_WAIT)
        return err;
    p->conn[conn].error = p->dial.error;
    vmc_win_dial_end(&p->dial);
    return err;
}

/* ---- reading, writing ---- */

/* After a call that failed: OK if it is only too early. */
VMC_FN viamc_err vmc_win_failed(vmc_win_conn *c)
{
    int error = WSAGetLastError();
    if (error == WSAEWOULDBLOCK)
        return VIAMC_OK;
    c->error = error;
    return vmc_win_err(error);
}

VMC_FN viamc_err vmc_win_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    vmc_win_conn *c = vmc_win_at(user, conn);
    int n;
    *len = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    if (cap == 0 || c->skip) { /* of 0 octets recv would answer 0, which means the end */
        c->skip = false;
        return VIAMC_OK;
    }
    n = recv((SOCKET)c->fd, (char *)buf, (int)vmc_min(cap, 1u << 20), 0);
    c->drained = n < 0 || (size_t)n < cap;
    if (n < 0)
        return vmc_win_failed(c);
    *len = (size_t)n;
    return n == 0 ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

VMC_FN viamc_err vmc_win_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    vmc_win_conn *c = vmc_win_at(user, conn);
    int n;
    *done = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    n = len == 0 ? 0 : send((SOCKET)c->fd, (const char *)buf, (int)vmc_min(len, 1u << 20), 0);
    c->blocked = n < 0 || (size_t)n < len;
    if (n < 0)
        return vmc_win_failed(c);
    *done = (size_t)n;
    return VIAMC_OK;
}

VIAMC_API const viamc_port *viamc_posix_port(void)
{
    static const viamc_port port = {vmc_win_open, vmc_win_read, vmc_win_write, vmc_win_close, vmc_win_random, NULL};
    return &port;
}

/* ---- sleeping ---- */

VMC_FN void vmc_win_watch(fd_set *set, uintptr_t fd, bool wanted)
{
    if (fd != VMC_WIN_NONE && wanted)
        FD_SET((SOCKET)fd, set);
}

VIAMC_API viamc_err viamc_posix_sleep(viamc_posix *p, const viamc_wait_hint *wait)
{
    fd_set reads, writes, fails;
    struct timeval t;
    uintptr_t listener;
    viamc_ms ms;
    bool writing, blocked = false;
    unsigned i;
    if (p == NULL || wait == NULL)
        return VIAMC_ERR_ARG;
    listener = p->conn[VIAMC_POSIX_LISTENER].fd;
    ms = p->dial.state == VMC_WIN_NAME ? vmc_min32(wait->ms, VMC_WIN_NAME_MS) : wait->ms;
    writing = (wait->want & VIAMC_WANT_WRITE) != 0;
    if (p->dial.state == VMC_WIN_CONNECT)
        ms = vmc_min32(ms, VMC_WIN_CONNECT_MS);
    if (p->dial.state == VMC_WIN_LOCAL)
        ms = vmc_min32(ms, VMC_LAN_AGAIN);
    if (p->knocked)
        ms = vmc_min32(ms, VMC_WIN_KNOCK_MS);
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&fails);
    for (i = 0; i < p->used; i++)
        blocked = blocked || (p->conn[i].fd != VMC_WIN_NONE && p->conn[i].blocked);
    for (i = 0; i < p->used; i++) {
        vmc_win_watch(&reads, p->conn[i].fd, (wait->want & VIAMC_WANT_READ) != 0);
        vmc_win_watch(&writes, p->conn[i].fd, writing && (p->conn[i].blocked || !blocked));
    }
    vmc_win_watch(&reads, listener, !p->knocked);
    vmc_win_watch(&reads, p->dial.fd, p->dial.state == VMC_WIN_LOCAL);
    vmc_win_watch(&writes, p->dial.fd, p->dial.state != VMC_WIN_LOCAL);
    vmc_win_watch(&fails, p->dial.fd, p->dial.state != VMC_WIN_LOCAL);
    t.tv_sec = (long)(ms / 1000u);
    t.tv_usec = (long)(ms % 1000u) * 1000;
    if (reads.fd_count + writes.fd_count + fails.fd_count == 0)
        Sleep(ms); /* select(2) refuses to wait for nothing but time; FOREVER is INFINITE */
    else if (select(0, &reads, &writes, &fails, ms == VIAMC_FOREVER ? NULL : &t) == SOCKET_ERROR)
        return VIAMC_ERR_IO;
    else if (listener != VMC_WIN_NONE && FD_ISSET((SOCKET)listener, &reads))
        p->knocked = true;
    return VIAMC_OK;
}

#endif
#endif
