/* SPDX-License-Identifier: MIT */
/* ports/posix: connections: opening by several addresses, reading, writing, sleeping. */
#ifndef VIAMC_PORTS_POSIX_IMPL_H
#define VIAMC_PORTS_POSIX_IMPL_H

#include "ports/posix_os_impl.h"

#include "base/core_impl.h"
#include "base/port.h"
#include "base/time_impl.h"
#include "ports/posix.h"
#include "ports/posix_listen_impl.h"
#include "ports/posix_mdns_impl.h"
#include "ports/posix_names_impl.h"
#include "ports/posix_roots_impl.h"
#include "ports/posix_sys.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_STAGGER_MS 250u /* RFC 8305 5: from one attempt to connect to the next */
#define VMC_POSIX_KNOCK_MS 1000u  /* viamc: somebody who could not be taken, for want of descriptors, is tried again */
#define VMC_POSIX_RETRY_MS 20u    /* viamc: a unix socket whose queue is full does not say when it has room */

enum {
    VMC_POSIX_IDLE = 0, /* nobody dials */
    VMC_POSIX_LOCAL,    /* waits for robots of the local network; lookup.again, next */
    VMC_POSIX_NAME,     /* waits for nameservers; lookup.again */
    VMC_POSIX_CONNECT   /* waits for one of fd[0..started); next */
};

/* ---- life ---- */

VIAMC_API void viamc_posix_init(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->hosts_file = "/etc/hosts";
    p->resolv_file = "/etc/resolv.conf";
    p->nameserver_port = 53;
    p->dns_timeout_ms = 1000;
    p->lookup.fd = -1;
    for (i = 0; i < VIAMC_POSIX_CONNS + 2u; i++)
        p->conn[i].fd = -1;
    for (i = 0; i < VMC_POSIX_IPS; i++)
        p->dial.fd[i] = -1;
}

/* Ends the opening under way; the attempts that lost are closed. */
VMC_FN void vmc_posix_dial_end(viamc_posix *p)
{
    unsigned i;
    for (i = 0; i < VMC_POSIX_IPS; i++)
        vmc_posix_close_fd(&p->dial.fd[i]);
    vmc_posix_close_fd(&p->lookup.fd);
    p->dial.state = VMC_POSIX_IDLE;
}

VMC_FN void vmc_posix_close(void *user, unsigned conn)
{
    viamc_posix *p = (viamc_posix *)user;
    if (conn >= VIAMC_POSIX_CONNS)
        return;
    if (p->dial.state != VMC_POSIX_IDLE && p->dial.conn == conn)
        vmc_posix_dial_end(p);
    vmc_posix_close_fd(&p->conn[conn].fd);
    vmc_posix_roots_close(p);
    p->knocked = false; /* there is room again */
}

VIAMC_API void viamc_posix_close(viamc_posix *p)
{
    vmc_posix_sa sa;
    unsigned i;
    if (p == NULL)
        return;
    for (i = 0; i < VIAMC_POSIX_CONNS; i++)
        vmc_posix_close(p, i);
    if (vmc_posix_listener(p, &sa) != 0 && sa.any.sa_family == AF_UNIX)
        (void)unlink(sa.local.sun_path); /* before the close: while we listen, nobody takes the path over */
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_LISTENER].fd);
}

VIAMC_API int viamc_posix_errno(const viamc_posix *p, unsigned conn)
{
    return p != NULL && conn < VIAMC_POSIX_CONNS + 2u ? p->conn[conn].error : EBADF;
}

/* ---- opening ---- */

/* Starts to connect to one address. 0: connected or under way (*fd), EAGAIN: the queue of a unix socket is full, else why not. */
VMC_FN int vmc_posix_connect(const vmc_posix_dial *d, const vmc_posix_ip *ip, int *fd)
{
    vmc_posix_sa sa;
    socklen_t n = ip->len == 0 ? vmc_posix_sa_unix(&sa, d->name) : vmc_posix_sa_ip(&sa, ip, d->port);
    int error = 0;
    if (n == 0)
        return ENAMETOOLONG;
    *fd = vmc_posix_socket(sa.any.sa_family, SOCK_STREAM);
    if (*fd < 0)
        return errno;
    vmc_posix_tune_client(*fd);
    if (connect(*fd, &sa.any, n) != 0 && errno != EINPROGRESS && errno != EINTR)
        error = errno;
    if (error != 0)
        vmc_posix_close_fd(fd);
    return error;
}

/* Keeps the reason that tells most: somebody refused, else the first. */
VMC_FN void vmc_posix_dial_failed(vmc_posix_dial *d, int error)
{
    if (d->error == 0 || error == ECONNREFUSED)
        d->error = error;
}

/* Looks after the attempts under way. Number of the one that is connected, VMC_POSIX_IPS: none; *live: how many go on. */
VMC_FN unsigned vmc_posix_dial_check(vmc_posix_dial *d, unsigned *live)
{
    unsigned i;
    *live = 0;
    for (i = 0; i < d->started; i++) {
        int error = d->fd[i] < 0 ? EBADF : vmc_posix_connected(d->fd[i]);
        if (error == 0)
            return i;
        if (error == EINPROGRESS)
            *live += 1u;
        else if (d->fd[i] >= 0)
            vmc_posix_dial_failed(d, error);
        if (error != EINPROGRESS)
            vmc_posix_close_fd(&d->fd[i]);
    }
    return VMC_POSIX_IPS;
}

VMC_FN viamc_err vmc_posix_dial_won(viamc_posix *p, unsigned i)
{
    vmc_posix_dial *d = &p->dial;
    vmc_posix_set_conn(p, d->conn, d->fd[i]);
    d->fd[i] = -1;
    if (p->lookup.asked)
        vmc_posix_remember(p, d->name, &p->lookup.ip[i]);
    vmc_posix_dial_end(p);
    return VIAMC_OK;
}

/* One address after the other: at once if none is under way, else when the last one has had its time. Those before go on. */
VMC_FN viamc_err vmc_posix_on_connect(viamc_posix *p, viamc_ms now)
{
    vmc_posix_dial *d = &p->dial;
    unsigned live, winner = vmc_posix_dial_check(d, &live);
    while (winner == VMC_POSIX_IPS && d->started < p->lookup.count && (live == 0 || vmc_time_reached(now, d->next))) {
        int error = vmc_posix_connect(d, &p->lookup.ip[d->started], &d->fd[d->started]);
        d->next = now + (error == EAGAIN ? VMC_POSIX_RETRY_MS : VMC_POSIX_STAGGER_MS);
        if (error == EAGAIN)
            return VIAMC_WAIT;
        if (error != 0)
            vmc_posix_dial_failed(d, error);
        d->started++;
        winner = vmc_posix_dial_check(d, &live);
    }
    if (winner != VMC_POSIX_IPS)
        return vmc_posix_dial_won(p, winner);
    if (live != 0)
        return VIAMC_WAIT;
    return vmc_posix_err(d->error);
}

/* What asking for the name gave: go on with its addresses, wait, or give up. */
VMC_FN viamc_err vmc_posix_named(viamc_posix *p, viamc_err err)
{
    p->dial.error = err == VIAMC_ERR_DNS ? p->lookup.error : 0;
    p->dial.state = err == VIAMC_OK ? VMC_POSIX_CONNECT : err == VIAMC_WAIT ? VMC_POSIX_NAME : VMC_POSIX_IDLE;
    return err;
}

/* Goes on with the local network; after it come the servers. */
VMC_FN viamc_err vmc_posix_on_local(viamc_posix *p, viamc_ms now)
{
    viamc_err err = vmc_posix_mdns_step(p, now);
    p->dial.state = VMC_POSIX_LOCAL;
    if (err == VIAMC_WAIT)
        return err;
    return vmc_posix_named(p, err == VIAMC_OK ? err : vmc_posix_lookup_start(p, p->dial.name, now));
}

/* Begins to open a connection: from here on the addresses are known, or servers are asked. */
VMC_FN viamc_err vmc_posix_dial_start(viamc_posix *p, unsigned conn, const char *host, uint16_t port, viamc_ms now)
{
    vmc_posix_dial *d = &p->dial;
    size_t n = vmc_strlen(host);
    d->error = 0;
    if (n == 0 || n >= sizeof d->name)
        return VIAMC_ERR_ARG;
    vmc_copy(d->name, host, n + 1u);
    d->port = port;
    d->conn = conn;
    d->started = 0;
    d->next = now;
    if (vmc_posix_is_unix(host)) {
        vmc_posix_lookup_reset(&p->lookup);
        p->lookup.count = 1; /* an address without octets */
        return vmc_posix_named(p, VIAMC_OK);
    }
    if (vmc_posix_mdns_start(p, now))
        return vmc_posix_on_local(p, now);
    return vmc_posix_named(p, vmc_posix_lookup_start(p, d->name, now));
}

VMC_FN viamc_err vmc_posix_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    viamc_posix *p = (viamc_posix *)user;
    viamc_ms now = viamc_posix_now();
    viamc_err err = VIAMC_OK;
    if (conn >= VIAMC_POSIX_CONNS)
        return VIAMC_ERR_ARG;
    if (p->conn[conn].fd >= 0)
        return VIAMC_OK;
    if (p->dial.state == VMC_POSIX_IDLE)
        err = vmc_posix_dial_start(p, conn, host, port, now);
    else if (p->dial.conn != conn)
        return VIAMC_WAIT;
    else if (p->dial.state == VMC_POSIX_LOCAL)
        err = vmc_posix_on_local(p, now);
    else if (p->dial.state == VMC_POSIX_NAME)
        err = vmc_posix_named(p, vmc_posix_lookup_step(p, p->dial.name, now));
    if (err == VIAMC_OK)
        err = vmc_posix_on_connect(p, now);
    p->conn[conn].error = p->dial.error;
    if (err != VIAMC_OK && err != VIAMC_WAIT)
        vmc_posix_dial_end(p);
    return err;
}

/* ---- octets ---- */

/* The connection, NULL if it is not open. */
VMC_FN vmc_posix_conn *vmc_posix_at(void *user, unsigned conn)
{
    viamc_posix *p = (viamc_posix *)user;
    return conn < VIAMC_POSIX_CONNS && p->conn[conn].fd >= 0 ? &p->conn[conn] : NULL;
}

/* A call on a socket failed: OK if that only means later. */
VMC_FN viamc_err vmc_posix_failed(vmc_posix_conn *c)
{
    if (vmc_posix_later(errno))
        return VIAMC_OK;
    c->error = errno;
    return vmc_posix_err(c->error);
}

VMC_FN viamc_err vmc_posix_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    vmc_posix_conn *c = vmc_posix_at(user, conn);
    ssize_t n;
    *len = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    if (cap == 0 || c->skip) { /* of 0 octets recv would answer 0, which means the end */
        c->skip = false;
        return VIAMC_OK;
    }
    n = recv(c->fd, buf, cap, 0);
    c->drained = n < 0 || (size_t)n < cap;
    if (n < 0)
        return vmc_posix_failed(c);
    *len = (size_t)n;
    if (n == 0)
        c->error = 0;
    return n == 0 ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

VMC_FN viamc_err vmc_posix_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    vmc_posix_conn *c = vmc_posix_at(user, conn);
    ssize_t n;
    *done = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    n = len == 0 ? 0 : send(c->fd, buf, len, VMC_POSIX_SEND_FLAGS);
    c->blocked = n < 0 || (size_t)n < len;
    if (n < 0)
        return vmc_posix_failed(c);
    *done = (size_t)n;
    return VIAMC_OK;
}

/* ---- sleeping ---- */

#define VMC_POSIX_FDS (VIAMC_POSIX_CONNS + 1u + VMC_POSIX_IPS + 1u) /* connections, listener, attempts, nameserver or local network */

VMC_FN unsigned vmc_posix_watch(struct pollfd *out, unsigned count, int fd, int events)
{
    if (fd < 0 || events == 0)
        return count;
    out[count].fd = fd;
    out[count].events = (short)events;
    out[count].revents = 0;
    return count + 1u;
}

/* Every socket that something is awaited from: at most VMC_POSIX_FDS. Only connections whose last write did not fit are watched for
 * room, else a server that waits for one of its peers would be woken by all others. */
VMC_FN unsigned vmc_posix_fds(const viamc_posix *p, uint8_t want, struct pollfd *out)
{
    int reads = (want & VIAMC_WANT_READ) != 0 ? POLLIN : 0;
    bool writes = (want & VIAMC_WANT_WRITE) != 0, blocked = false;
    unsigned i, n = 0;
    for (i = 0; writes && i < p->used; i++)
        blocked = blocked || (p->conn[i].fd >= 0 && p->conn[i].blocked);
    for (i = 0; i < p->used; i++)
        n = vmc_posix_watch(out, n, p->conn[i].fd, reads | (writes && (p->conn[i].blocked || !blocked) ? POLLOUT : 0));
    n = vmc_posix_watch(out, n, p->knocked ? -1 : p->conn[VIAMC_POSIX_LISTENER].fd, POLLIN);
    for (i = 0; p->dial.state == VMC_POSIX_CONNECT && i < p->dial.started; i++)
        n = vmc_posix_watch(out, n, p->dial.fd[i], POLLOUT);
    return vmc_posix_watch(out, n, p->lookup.fd, POLLIN);
}

/* Shortens a wait to what the port itself has to do. */
VMC_FN void vmc_posix_wait(const viamc_posix *p, viamc_ms now, viamc_ms *ms)
{
    vmc_timer t;
    vmc_timer_off(&t);
    if (p->dial.state == VMC_POSIX_NAME || p->dial.state == VMC_POSIX_LOCAL)
        vmc_timer_at(&t, p->lookup.again);
    else if (p->dial.state == VMC_POSIX_CONNECT && p->dial.started < p->lookup.count)
        vmc_timer_at(&t, p->dial.next);
    vmc_wait_timer(ms, &t, now);
}

VIAMC_API viamc_err viamc_posix_sleep(viamc_posix *p, const viamc_wait_hint *wait)
{
    struct pollfd fds[VMC_POSIX_FDS];
    unsigned i, n;
    viamc_ms ms;
    if (p == NULL || wait == NULL)
        return VIAMC_ERR_ARG;
    n = vmc_posix_fds(p, wait->want, fds);
    ms = wait->ms;
    if (p->dial.state != VMC_POSIX_IDLE)
        vmc_posix_wait(p, viamc_posix_now(), &ms);
    if (p->knocked)
        ms = vmc_min32(ms, VMC_POSIX_KNOCK_MS);
    if (poll(fds, (nfds_t)n, ms == VIAMC_FOREVER ? -1 : (int)vmc_min32(ms, VMC_TIME_MAX)) < 0)
        return errno == EINTR ? VIAMC_OK : VIAMC_ERR_IO;
    for (i = 0; p->conn[VIAMC_POSIX_LISTENER].fd >= 0 && i < n; i++)
        if (fds[i].fd == p->conn[VIAMC_POSIX_LISTENER].fd && fds[i].revents != 0)
            p->knocked = true;
    return VIAMC_OK;
}

/* ---- the ports ---- */

VIAMC_API const viamc_port *viamc_posix_port(void)
{
    static const viamc_port port = {vmc_posix_open, vmc_posix_read, vmc_posix_write, vmc_posix_close, vmc_posix_random, NULL};
    return &port;
}

VIAMC_API const viamc_port *viamc_posix_server_port(void)
{
    static const viamc_port port = {NULL, vmc_posix_read, vmc_posix_write, vmc_posix_close, vmc_posix_random, vmc_posix_accept};
    return &port;
}

#endif
#endif
