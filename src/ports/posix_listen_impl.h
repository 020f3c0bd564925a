/* SPDX-License-Identifier: MIT */
/* ports/posix: listening and taking connections. Knows sockets; knows nothing of what the server does with its peers. */
#ifndef VIAMC_PORTS_POSIX_LISTEN_IMPL_H
#define VIAMC_PORTS_POSIX_LISTEN_IMPL_H

#include "ports/posix_os_impl.h"

#include "base/core_impl.h"
#include "base/port.h"
#include "codec/dns_impl.h"
#include "ports/posix.h"
#include "ports/posix_names_impl.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_BACKLOG 16

/* The address of the listening socket; 0 if there is none. */
VMC_FN socklen_t vmc_posix_listener(const viamc_posix *p, vmc_posix_sa *sa)
{
    int fd = p->conn[VIAMC_POSIX_LISTENER].fd;
    socklen_t n = (socklen_t)sizeof *sa;
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    return fd >= 0 && getsockname(fd, &sa->any, &n) == 0 ? n : 0;
}

VMC_FN void vmc_posix_peer(viamc_addr *peer, const vmc_posix_sa *sa)
{
    vmc_wr w = vmc_wr_of(peer->text, sizeof peer->text - 1u);
    if (sa->any.sa_family == AF_UNIX)
        vmc_wr_text(&w, "unix");
    else
        vmc_posix_sa_text(&w, sa);
    peer->text[w.len] = '\0';
}

/* Errors of a connection that was lost before it was taken, as accept(2) lists them: no reason to stop listening. */
VMC_FN bool vmc_posix_lost_early(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == ECONNRESET || error == ENETDOWN || error == ENETUNREACH
           || error == EHOSTUNREACH || error == EOPNOTSUPP;
}

VMC_FN viamc_err vmc_posix_accept(void *user, unsigned conn, viamc_addr *peer)
{
    viamc_posix *p = (viamc_posix *)user;
    vmc_posix_conn *listener = &p->conn[VIAMC_POSIX_LISTENER];
    vmc_posix_sa sa;
    socklen_t n = (socklen_t)sizeof sa;
    int fd;
    if (conn >= VIAMC_POSIX_CONNS)
        return VIAMC_ERR_ARG;
    if (listener->fd < 0 || p->conn[conn].fd >= 0)
        return VIAMC_ERR_STATE;
    p->knocked = false;
    VIAMC_MEMSET(&sa, 0, sizeof sa);
    fd = accept(listener->fd, &sa.any, &n);
    if (fd < 0 && (vmc_posix_later(errno) || vmc_posix_lost_early(errno)))
        return VIAMC_WAIT;
    if (fd < 0 || !vmc_posix_prepare(fd)) {
        listener->error = errno;
        p->knocked = true; /* he waits on: without a descriptor for him the listener would end every sleep at once */
        vmc_posix_close_fd(&fd);
        return VIAMC_ERR_IO;
    }
    vmc_posix_tune(fd);
    vmc_posix_peer(peer, &sa);
    vmc_posix_set_conn(p, conn, fd);
    p->conn[conn].error = 0;
    return VIAMC_OK;
}

/* Removes a socket that nobody listens on any more. Anything else at that path stays. */
VMC_FN void vmc_posix_unlink_stale(const vmc_posix_sa *sa, socklen_t n)
{
    struct stat st;
    int fd = -1;
    if (lstat(sa->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = vmc_posix_socket(AF_UNIX, SOCK_STREAM);
    if (fd >= 0 && connect(fd, &sa->any, n) != 0 && errno == ECONNREFUSED)
        (void)unlink(sa->local.sun_path);
    vmc_posix_close_fd(&fd);
}

/* Listens on one address. any: IPv6 and IPv4 by one socket. */
VMC_FN viamc_err vmc_posix_bind(viamc_posix *p, const vmc_posix_sa *sa, socklen_t n, bool any)
{
    vmc_posix_conn *c = &p->conn[VIAMC_POSIX_LISTENER];
    int on = 1, both = any ? 0 : 1;
    c->fd = vmc_posix_socket(sa->any.sa_family, SOCK_STREAM);
    if (c->fd >= 0 && sa->any.sa_family != AF_UNIX)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &on, (socklen_t)sizeof on);
    if (c->fd >= 0 && sa->any.sa_family == AF_INET6)
        (void)setsockopt(c->fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, (socklen_t)sizeof both);
    if (c->fd >= 0 && bind(c->fd, &sa->any, n) == 0 && listen(c->fd, VMC_POSIX_BACKLOG) == 0)
        return VIAMC_OK;
    c->error = errno;
    vmc_posix_close_fd(&c->fd);
    return VIAMC_ERR_IO;
}

/* All interfaces: both families, or IPv4 where there is no IPv6. */
VMC_FN viamc_err vmc_posix_listen_any(viamc_posix *p, uint16_t port)
{
    vmc_posix_sa sa;
    vmc_posix_ip any;
    viamc_err err;
    VIAMC_MEMSET(&any, 0, sizeof any);
    any.len = 16;
    err = vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &any, port), true);
    if (err == VIAMC_OK || p->conn[VIAMC_POSIX_LISTENER].error == EADDRINUSE)
        return err;
    any.len = 4;
    return vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &any, port), false);
}

/* A host of its own: the first of its addresses. */
VMC_FN viamc_err vmc_posix_listen_host(viamc_posix *p, const char *host, uint16_t port)
{
    vmc_posix_sa sa;
    vmc_posix_lookup_here(p, host);
    if (p->lookup.count == 0)
        return VIAMC_ERR_DNS;
    return vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &p->lookup.ip[0], port), false);
}

VIAMC_API viamc_err viamc_posix_listen(viamc_posix *p, const char *address)
{
    char host[VMC_POSIX_NAME_BYTES];
    vmc_posix_sa sa;
    socklen_t n;
    uint16_t port = 0;
    bool local;
    if (p == NULL || address == NULL)
        return VIAMC_ERR_ARG;
    local = vmc_posix_is_unix(address);
    n = local ? vmc_posix_sa_unix(&sa, address) : 0;
    if (local ? n == 0 : !vmc_dns_host_port(address, host, sizeof host, &port))
        return VIAMC_ERR_ARG;
    if (p->conn[VIAMC_POSIX_LISTENER].fd >= 0)
        return VIAMC_ERR_STATE;
    if (local) {
        vmc_posix_unlink_stale(&sa, n);
        return vmc_posix_bind(p, &sa, n, false);
    }
    return host[0] == '\0' ? vmc_posix_listen_any(p, port) : vmc_posix_listen_host(p, host, port);
}

VIAMC_API viamc_err viamc_posix_listen_address(const viamc_posix *p, char *buf, size_t cap)
{
    vmc_posix_sa sa;
    vmc_wr w = vmc_wr_of(buf, cap);
    if (p == NULL || buf == NULL)
        return VIAMC_ERR_ARG;
    if (vmc_posix_listener(p, &sa) == 0)
        return VIAMC_ERR_STATE;
    vmc_posix_sa_text(&w, &sa);
    vmc_wr_u8(&w, 0);
    return w.full ? VIAMC_ERR_NOMEM : VIAMC_OK;
}

#endif
#endif
