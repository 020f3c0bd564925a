/* SPDX-License-Identifier: MIT */
/* ports/win: listening and accepting. */
#ifndef VIAMC_PORTS_WIN_LISTEN_IMPL_H
#define VIAMC_PORTS_WIN_LISTEN_IMPL_H

#include "ports/win_sys.h"

#include "base/core_impl.h"
#include "base/port.h"
#include "codec/dns_impl.h"
#include "ports/posix.h"
#include "ports/win.h"
#include "ports/win_impl.h"
#include "ports/win_os_impl.h"

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_BACKLOG 16

/* "10.0.0.9:51544", "[::1]:80", terminated; false: no room. */
VMC_FN bool vmc_win_sa_text(const SOCKADDR_STORAGE *sa, int n, char *buf, size_t cap)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    vmc_wr w = vmc_wr_of(buf, cap);
    bool v6 = sa->ss_family == AF_INET6;
    if (getnameinfo((const SOCKADDR *)sa, n, host, (DWORD)sizeof host, service, (DWORD)sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    vmc_wr_text(&w, v6 ? "[" : "");
    vmc_wr_text(&w, host);
    vmc_wr_text(&w, v6 ? "]:" : ":");
    vmc_wr_text(&w, service);
    vmc_wr_u8(&w, 0);
    return !w.full;
}

VMC_FN viamc_err vmc_win_bind(viamc_win *p, const struct addrinfo *a)
{
    vmc_win_conn *c = &p->conn[VIAMC_POSIX_LISTENER];
    BOOL on = TRUE;
    DWORD both = 0;
    c->fd = (uintptr_t)socket(a->ai_family, SOCK_STREAM, IPPROTO_TCP);
    if (c->fd != VMC_WIN_NONE) {
        (void)setsockopt((SOCKET)c->fd, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, (int)sizeof on);
        (void)setsockopt((SOCKET)c->fd, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&both, (int)sizeof both);
    }
    if (c->fd != VMC_WIN_NONE && vmc_win_prepare(c->fd) && bind((SOCKET)c->fd, a->ai_addr, (int)a->ai_addrlen) == 0
        && listen((SOCKET)c->fd, VMC_WIN_BACKLOG) == 0)
        return VIAMC_OK;
    c->error = WSAGetLastError();
    vmc_win_close_fd(&c->fd);
    return VIAMC_ERR_IO;
}

/* service: the port as text. host may be changed. */
VMC_FN viamc_err vmc_win_listen(viamc_win *p, char *host, const char *service)
{
    struct addrinfo hints, *found = NULL;
    size_t n = vmc_strlen(host);
    viamc_err err;
    VIAMC_MEMSET(&hints, 0, sizeof hints);
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV; /* numbers: nobody is asked, so it does not block */
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = n == 0 ? AF_INET6 : AF_UNSPEC;
    if (host[0] == '[') {
        host[n - 1u] = '\0';
        host++;
    }
    if (getaddrinfo(n == 0 ? NULL : host, service, &hints, &found) != 0)
        return VIAMC_ERR_DNS;
    err = vmc_win_bind(p, found);
    freeaddrinfo(found);
    return err;
}

VIAMC_API viamc_err viamc_posix_listen(viamc_posix *p, const char *address)
{
    char host[VMC_WIN_NAME_BYTES];
    vmc_win_conn *c;
    uint16_t port;
    if (p == NULL || address == NULL || !vmc_dns_host_port(address, host, sizeof host, &port))
        return VIAMC_ERR_ARG;
    c = &p->conn[VIAMC_POSIX_LISTENER];
    if (c->fd != VMC_WIN_NONE)
        return VIAMC_ERR_STATE;
    c->error = vmc_win_start(p);
    return c->error == 0 ? vmc_win_listen(p, host, address + vmc_strlen(host) + 1u) : (viamc_err)VIAMC_ERR_IO;
}

VIAMC_API viamc_err viamc_posix_listen_address(const viamc_posix *p, char *buf, size_t cap)
{
    SOCKADDR_STORAGE sa;
    int n = (int)sizeof sa;
    uintptr_t fd;
    if (p == NULL || buf == NULL)
        return VIAMC_ERR_ARG;
    fd = p->conn[VIAMC_POSIX_LISTENER].fd;
    if (fd == VMC_WIN_NONE || getsockname((SOCKET)fd, (SOCKADDR *)&sa, &n) != 0)
        return VIAMC_ERR_STATE;
    return vmc_win_sa_text(&sa, n, buf, cap) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_NOMEM;
}

VMC_FN viamc_err vmc_win_accept(void *user, unsigned conn, viamc_addr *peer)
{
    viamc_win *p = (viamc_win *)user;
    SOCKADDR_STORAGE sa;
    int n = (int)sizeof sa;
    uintptr_t fd;
    if (conn >= VMC_WIN_CONNS || p->conn[conn].fd != VMC_WIN_NONE || p->conn[VIAMC_POSIX_LISTENER].fd == VMC_WIN_NONE)
        return VIAMC_ERR_STATE;
    p->knocked = false;
    fd = (uintptr_t)accept((SOCKET)p->conn[VIAMC_POSIX_LISTENER].fd, (SOCKADDR *)&sa, &n);
    if (fd == VMC_WIN_NONE) {
        p->knocked = vmc_win_failed(&p->conn[VIAMC_POSIX_LISTENER]) != VIAMC_OK; /* he may wait on, and would end every sleep at once */
        return p->knocked ? (viamc_err)VIAMC_ERR_IO : (viamc_err)VIAMC_WAIT;
    }
    if (!vmc_win_prepare(fd)) {
        vmc_win_close_fd(&fd);
        return VIAMC_WAIT;
    }
    if (!vmc_win_sa_text(&sa, n, peer->text, sizeof peer->text))
        peer->text[0] = '\0';
    vmc_win_set_conn(p, conn, fd);
    return VIAMC_OK;
}

VIAMC_API const viamc_port *viamc_posix_server_port(void)
{
    static const viamc_port port = {NULL, vmc_win_read, vmc_win_write, vmc_win_close, vmc_win_random, vmc_win_accept};
    return &port;
}

#endif
#endif
