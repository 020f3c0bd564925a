/* SPDX-License-Identifier: MIT */
#include "socket_port.h"
#include "system.h"

#define NAP_MS 10u     /* between two looks where there is nothing to wait on */
#define LONGEST_MS 60000u

static void drop(socket_port *p)
{
    if (p->fd >= 0)
        (void)SYS(close)(p->fd);
    p->fd = -1;
    p->connecting = false;
}

/* ---- open ---- */

static void port_text(uint16_t port, char text[6])
{
    char *p = text + 5;
    *p = '\0';
    do
        *--p = (char)('0' + port % 10u);
    while ((port /= 10u) != 0);
    memmove(text, p, (size_t)(text + 6 - p));
}

static viamc_err connect_to(socket_port *p, const sys_addrinfo *to)
{
    int flags, yes = 1;
    p->fd = SYS(socket)(to->ai_family, to->ai_socktype, to->ai_protocol);
    if (p->fd < 0)
        return VIAMC_ERR_IO;
    flags = SYS(fcntl)(p->fd, F_GETFL, 0);
    if (flags < 0 || SYS(fcntl)(p->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return VIAMC_ERR_IO;
    (void)SYS(setsockopt)(p->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* a heartbeat does not wait for company */
    if (SYS(connect)(p->fd, to->ai_addr, to->ai_addrlen) == 0)
        return VIAMC_OK;
    if (errno != EINPROGRESS)
        return errno == ECONNREFUSED ? (viamc_err)VIAMC_ERR_REFUSED : (viamc_err)VIAMC_ERR_IO;
    p->connecting = true;
    return VIAMC_WAIT;
}

/* Looking up a name blocks. This client has no connection then, so none of its heartbeats is late; another robot's, in the same task,
 * would be: dial addresses there, or have a task for each. */
static viamc_err begin(socket_port *p, const char *host, uint16_t port)
{
    sys_addrinfo hints, *found = NULL;
    char text[6];
    viamc_err err;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    port_text(port, text);
    if (SYS(getaddrinfo)(host, text, &hints, &found) != 0 || found == NULL)
        return VIAMC_ERR_DNS;
    err = connect_to(p, found);
    SYS(freeaddrinfo)(found);
    return err;
}

static viamc_err is_connected(socket_port *p)
{
    sys_pollfd look;
    int failed = 0;
    socklen_t size = sizeof failed;
    look.fd = p->fd;
    look.events = SYS_POLLOUT;
    look.revents = 0;
    if (SYS(poll)(&look, 1, 0) < 0 || SYS(getsockopt)(p->fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0)
        return VIAMC_ERR_IO;
    if (failed != 0)
        return failed == ECONNREFUSED ? (viamc_err)VIAMC_ERR_REFUSED : (viamc_err)VIAMC_ERR_IO;
    if (look.revents == 0)
        return VIAMC_WAIT;
    p->connecting = false;
    return VIAMC_OK;
}

static viamc_err port_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    socket_port *p = (socket_port *)user;
    (void)conn;
    if (p->fd < 0)
        return begin(p, host, port);
    return p->connecting ? is_connected(p) : (viamc_err)VIAMC_OK;
}

/* ---- octets ---- */

/* What errno means: nothing now, or the end. */
static viamc_err why(void)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return VIAMC_OK;
    return errno == ECONNRESET || errno == EPIPE ? (viamc_err)VIAMC_ERR_CLOSED : (viamc_err)VIAMC_ERR_IO;
}

static viamc_err port_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    socket_port *p = (socket_port *)user;
    long n;
    (void)conn;
    *len = 0;
    if (p->fd < 0)
        return VIAMC_ERR_STATE;
    if (cap == 0)
        return VIAMC_OK;
    n = (long)SYS(recv)(p->fd, buf, cap, 0);
    if (n == 0)
        return VIAMC_ERR_CLOSED;
    if (n < 0)
        return why();
    *len = (size_t)n;
    return VIAMC_OK;
}

static viamc_err port_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    socket_port *p = (socket_port *)user;
    long n;
    (void)conn;
    *done = 0;
    if (p->fd < 0)
        return VIAMC_ERR_STATE;
    n = (long)SYS(send)(p->fd, buf, len, 0);
    if (n < 0)
        return why();
    *done = (size_t)n;
    return VIAMC_OK;
}

static void port_close(void *user, unsigned conn)
{
    (void)conn;
    drop((socket_port *)user);
}

static viamc_err port_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    return sys_random(out, len) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_ENTROPY;
}

/* ---- socket_port.h ---- */

void socket_port_init(socket_port *p)
{
    p->fd = -1;
    p->connecting = false;
}

const viamc_port *socket_client_port(void)
{
    static const viamc_port port = {port_open, port_read, port_write, port_close, port_random, NULL};
    return &port;
}

viamc_ms socket_port_now(void)
{
    return sys_now();
}

void socket_port_sleep(socket_port *p, const viamc_wait_hint *wait)
{
    uint32_t ms = wait->ms < LONGEST_MS ? wait->ms : LONGEST_MS;
    sys_pollfd look;
    if (p->fd < 0) {
        sys_nap(ms < NAP_MS ? ms : NAP_MS);
        return;
    }
    look.fd = p->fd;
    look.events = (short)(((wait->want & VIAMC_WANT_READ) != 0 ? SYS_POLLIN : 0)
                          | ((wait->want & VIAMC_WANT_WRITE) != 0 || p->connecting ? SYS_POLLOUT : 0));
    look.revents = 0;
    (void)SYS(poll)(&look, 1, (int)ms);
}
