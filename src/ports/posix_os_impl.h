/* SPDX-License-Identifier: MIT */
/* ports/posix, lowest part: clock, random octets, addresses, sockets that do not block. */
#ifndef VIAMC_PORTS_POSIX_OS_IMPL_H
#define VIAMC_PORTS_POSIX_OS_IMPL_H

#include "ports/posix_sys.h"

#include "base/core_impl.h"
#include "base/time.h"
#include "codec/dns_impl.h"
#include "ports/posix.h"

#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_RANDOM_BYTES 256u /* getrandom(2), getentropy(3): up to here a request is filled whole */
#define VMC_POSIX_UNSENT 16384      /* octets that the kernel holds unsent: what goes first waits behind no more */
#define VMC_POSIX_UNDERWAY 16384    /* likewise of a client, with those that are not acknowledged; Linux doubles it: 0.26 s at 1 Mbit/s, whatever queue
                                     * a router has, and 5 Mbit/s at 50 ms */

/* ---- clock ---- */

VIAMC_API viamc_ms viamc_posix_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (viamc_ms)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
}

VIAMC_API uint64_t viamc_posix_unix_time(void)
{
    time_t t = time(NULL);
    return t < 0 ? 0 : (uint64_t)t;
}

/* ---- errors ---- */

VMC_FN viamc_err vmc_posix_err(int error)
{
    switch (error) {
    case ECONNREFUSED: return VIAMC_ERR_REFUSED;
    case ENOENT: return VIAMC_ERR_REFUSED; /* no such unix socket */
    case ETIMEDOUT: return VIAMC_ERR_TIMEOUT;
    case ECONNRESET: return VIAMC_ERR_CLOSED;
    case EPIPE: return VIAMC_ERR_CLOSED;
    default: return VIAMC_ERR_IO;
    }
}

/* An error that means: nothing was done, later. */
VMC_FN bool vmc_posix_later(int error)
{
    bool later = error == EAGAIN || error == EINTR;
#if EWOULDBLOCK != EAGAIN
    later = later || error == EWOULDBLOCK;
#endif
    return later;
}

VMC_FN void vmc_posix_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A socket is open: connection number conn. */
VMC_FN void vmc_posix_set_conn(viamc_posix *p, unsigned conn, int fd)
{
    p->conn[conn].fd = fd;
    p->conn[conn].blocked = p->conn[conn].drained = p->conn[conn].skip = false;
    if (p->used <= conn)
        p->used = (uint8_t)(conn + 1u);
}

/* ---- random octets ---- */

/* Where there is no system call for it. A short read is an error: what is missing would be predictable. */
VMC_FN viamc_err vmc_posix_urandom(uint8_t *out, size_t len)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, len);
    vmc_posix_close_fd(&fd);
    return n < 0 || (size_t)n != len ? VIAMC_ERR_ENTROPY : VIAMC_OK;
}

/* At most VMC_POSIX_RANDOM_BYTES. A kernel that has gathered no entropy yet is an error: waiting for it would block. */
VMC_FN viamc_err vmc_posix_random_some(uint8_t *out, size_t len)
{
#if defined(GRND_NONBLOCK)
    ssize_t n = getrandom(out, len, GRND_NONBLOCK);
    if (n < 0 && errno == ENOSYS)
        return vmc_posix_urandom(out, len);
    return n < 0 || (size_t)n != len ? VIAMC_ERR_ENTROPY : VIAMC_OK;
#elif defined(__APPLE__) || defined(__OpenBSD__)
    return getentropy(out, len) != 0 ? VIAMC_ERR_ENTROPY : VIAMC_OK;
#else
    return vmc_posix_urandom(out, len);
#endif
}

VMC_FN viamc_err vmc_posix_random(void *user, uint8_t *out, size_t len)
{
    viamc_err err = VIAMC_OK;
    size_t at = 0;
    (void)user;
    while (err == VIAMC_OK && at < len) {
        size_t n = vmc_min(len - at, VMC_POSIX_RANDOM_BYTES);
        err = vmc_posix_random_some(out + at, n);
        at += n;
    }
    return err;
}

/* ---- addresses ---- */

typedef union vmc_posix_sa {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage max;
} vmc_posix_sa;

/* Number of an interface from its name or digits, 0: none. */
VMC_FN uint32_t vmc_posix_scope(viamc_str zone)
{
    char name[IF_NAMESIZE];
    uint32_t number = 0;
    if (zone.len == 0 || zone.len >= sizeof name)
        return 0;
    if (vmc_dns_number(zone, 65535u, &number))
        return number;
    vmc_copy(name, zone.ptr, zone.len);
    name[zone.len] = '\0';
    return if_nametoindex(name);
}

/* Reads "10.0.0.7", "fe80::1", "fe80::1%eth0" or one of them in brackets. */
VMC_FN bool vmc_posix_ip_of(viamc_str text, vmc_posix_ip *ip)
{
    vmc_dns_addr addr;
    size_t n;
    if (text.len >= 2u && text.ptr[0] == '[' && text.ptr[text.len - 1u] == ']')
        text = vmc_dns_part(text, 1, text.len - 2u);
    n = vmc_dns_until(text, '%');
    if (!vmc_dns_parse_addr(vmc_dns_part(text, 0, n), &addr))
        return false;
    ip->len = addr.family == 4 ? 4 : 16;
    ip->scope = n < text.len ? vmc_posix_scope(vmc_dns_part(text, n + 1u, text.len - n - 1u)) : 0;
    vmc_copy(ip->octets, addr.bytes, sizeof ip->octets);
    return n == text.len || (ip->scope != 0 && ip->len == 16u);
}

VMC_FN socklen_t vmc_posix_sa_ip(vmc_posix_sa *sa, const vmc_posix_ip *ip, uint16_t port)
{
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    if (ip->len == 4u) {
        sa->v4.sin_family = AF_INET;
        sa->v4.sin_port = htons(port);
        vmc_copy(&sa->v4.sin_addr, ip->octets, 4);
        return (socklen_t)sizeof sa->v4;
    }
    sa->v6.sin6_family = AF_INET6;
    sa->v6.sin6_port = htons(port);
    sa->v6.sin6_scope_id = ip->scope;
    vmc_copy(&sa->v6.sin6_addr, ip->octets, 16);
    return (socklen_t)sizeof sa->v6;
}

VMC_FN bool vmc_posix_is_unix(const char *address)
{
    return vmc_strlen(address) >= 5u && vmc_same(address, "unix:", 5);
}

/* From "unix:/path" or "unix:///path"; 0 if the path is missing or longer than the system permits. */
VMC_FN socklen_t vmc_posix_sa_unix(vmc_posix_sa *sa, const char *address)
{
    const char *path = address + 5;
    size_t n;
    if (path[0] == '/' && path[1] == '/')
        path += 2;
    n = vmc_strlen(path);
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    if (n == 0 || n >= sizeof sa->local.sun_path)
        return 0;
    sa->local.sun_family = AF_UNIX;
    vmc_copy(sa->local.sun_path, path, n);
    return (socklen_t)sizeof sa->local;
}

/* "10.0.0.9:51544", "[::1]:80", "unix:/path"; a terminal 0 is the caller's. */
VMC_FN void vmc_posix_sa_text(vmc_wr *w, const vmc_posix_sa *sa)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
    char t[INET6_ADDRSTRLEN];
    const uint8_t *v6 = sa->v6.sin6_addr.s6_addr;
    if (sa->any.sa_family == AF_UNIX) {
        vmc_wr_text(w, "unix:");
        vmc_wr_text(w, sa->local.sun_path);
    } else if (sa->any.sa_family == AF_INET6 && !vmc_same(v6, mapped, sizeof mapped)) {
        vmc_wr_u8(w, '[');
        vmc_wr_text(w, inet_ntop(AF_INET6, v6, t, sizeof t));
        vmc_wr_text(w, "]:");
        vmc_wr_dec(w, ntohs(sa->v6.sin6_port));
    } else {
        bool v4 = sa->any.sa_family == AF_INET;
        vmc_wr_text(w, v4 ? inet_ntop(AF_INET, &sa->v4.sin_addr, t, sizeof t) : inet_ntop(AF_INET, v6 + 12, t, sizeof t));
        vmc_wr_u8(w, ':');
        vmc_wr_dec(w, ntohs(v4 ? sa->v4.sin_port : sa->v6.sin6_port));
    }
}

/* ---- sockets ---- */

/* Makes a socket what all of ours are: not blocking, not inherited, without SIGPIPE. */
VMC_FN bool vmc_posix_prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
#ifdef SO_NOSIGPIPE
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, (socklen_t)sizeof on);
#endif
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A new socket, -1 with errno. */
VMC_FN int vmc_posix_socket(int family, int type)
{
    int fd = socket(family, type | VMC_POSIX_SOCK_FLAGS, 0);
    if (fd >= 0 && !vmc_posix_prepare(fd))
        vmc_posix_close_fd(&fd);
    return fd;
}

/* Small frames at once, and a short queue in the kernel. Fails on unix sockets, which need neither. */
VMC_FN void vmc_posix_tune(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, (socklen_t)sizeof on);
#ifdef VMC_POSIX_NOTSENT
    {
        int unsent = VMC_POSIX_UNSENT;
        (void)setsockopt(fd, IPPROTO_TCP, VMC_POSIX_NOTSENT, &unsent, (socklen_t)sizeof unsent);
    }
#endif
}

/* What a client sends is small, but for an upload, and then its heartbeats are to arrive in time: TCP may not fill the queues on the way. */
VMC_FN void vmc_posix_tune_client(int fd)
{
    int underway = VMC_POSIX_UNDERWAY;
    vmc_posix_tune(fd);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &underway, (socklen_t)sizeof underway);
}

/* True if a socket is connected to itself: a port of this machine that nobody listens on can be the one just chosen for us. */
VMC_FN bool vmc_posix_is_self(int fd)
{
    vmc_posix_sa here, there;
    socklen_t n = (socklen_t)sizeof here, m = (socklen_t)sizeof there;
    if (getsockname(fd, &here.any, &n) != 0 || getpeername(fd, &there.any, &m) != 0 || here.any.sa_family == AF_UNIX)
        return false;
    return n == m && vmc_same(&here, &there, n);
}

/* What became of a connect: 0 done, EINPROGRESS, or why it failed. */
VMC_FN int vmc_posix_connected(int fd)
{
    struct pollfd f;
    int error = 0;
    socklen_t n = (socklen_t)sizeof error;
    f.fd = fd;
    f.events = POLLOUT;
    f.revents = 0;
    if (poll(&f, 1, 0) <= 0 || f.revents == 0)
        return EINPROGRESS;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error == 0 && vmc_posix_is_self(fd) ? ECONNREFUSED : error;
}

#endif
#endif
