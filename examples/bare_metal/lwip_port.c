/* SPDX-License-Identifier: MIT */
#include "lwip_port.h"

#include "lwip/dns.h"

enum { IDLE = 0, NAMING, NAMED, CONNECTING, OPEN, LOST };

static lwip_conn *conn_of(void *user, unsigned conn)
{
    return conn < LWIP_PORT_CONNS ? &((lwip_port *)user)->conn[conn] : NULL;
}

/* ---- what lwIP tells ---- */

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    lwip_conn *c = (lwip_conn *)arg;
    (void)pcb, (void)err;
    if (p == NULL)
        c->ended = true;
    else if (c->rx == NULL)
        c->rx = p;
    else
        pbuf_cat(c->rx, p); /* at most TCP_WND octets: more is acknowledged by reading alone */
    return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb, (void)err;
    ((lwip_conn *)arg)->state = OPEN;
    return ERR_OK;
}

/* The pcb is gone. */
static void on_error(void *arg, err_t err)
{
    lwip_conn *c = (lwip_conn *)arg;
    viamc_err reset = c->state == CONNECTING ? VIAMC_ERR_REFUSED : VIAMC_ERR_CLOSED;
    c->err = err == ERR_RST ? reset : err == ERR_ABRT ? (viamc_err)VIAMC_ERR_TIMEOUT : (viamc_err)VIAMC_ERR_IO;
    c->pcb = NULL;
    c->state = LOST;
}

static void on_found(const char *name, const ip_addr_t *ip, void *arg)
{
    lwip_conn *c = (lwip_conn *)arg;
    if (c->state != NAMING || lwip_stricmp(name, c->host) != 0)
        return; /* closed meanwhile, and perhaps another name is looked for: lwIP's queries cannot be called off */
    c->state = ip != NULL ? NAMED : LOST;
    c->err = VIAMC_ERR_DNS;
    if (ip != NULL)
        c->ip = *ip;
}

static void adopt(lwip_conn *c, struct tcp_pcb *pcb)
{
    c->pcb = pcb;
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_receive);
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
}

/* ---- the port ---- */

static viamc_err find(lwip_conn *c, const char *host)
{
    err_t err = dns_gethostbyname(host, &c->ip, on_found, c);
    c->host = host;
    c->state = err == ERR_OK ? NAMED : NAMING;
    return err == ERR_OK || err == ERR_INPROGRESS ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_ERR_DNS;
}

static viamc_err connect_to(lwip_conn *c, uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL)
        return VIAMC_WAIT; /* those of closed connections come free with time */
    adopt(c, pcb);
    c->state = CONNECTING;
    return tcp_connect(pcb, &c->ip, port, on_connected) == ERR_OK ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_ERR_IO;
}

static viamc_err port_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    lwip_conn *c = conn_of(user, conn);
    if (c == NULL)
        return VIAMC_ERR_ARG;
    switch (c->state) {
    case IDLE: return find(c, host);
    case NAMED: return connect_to(c, port);
    case OPEN: return VIAMC_OK;
    case LOST: return c->err;
    default: return VIAMC_WAIT;
    }
}

static viamc_err port_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    lwip_conn *c = conn_of(user, conn);
    u16_t n;
    *len = 0;
    if (c == NULL || c->state < OPEN)
        return VIAMC_ERR_STATE;
    if (c->rx == NULL)
        return c->state == LOST ? c->err : c->ended ? (viamc_err)VIAMC_ERR_CLOSED : (viamc_err)VIAMC_OK;
    n = pbuf_copy_partial(c->rx, buf, cap < 0xffffu ? (u16_t)cap : 0xffffu, 0);
    c->rx = pbuf_free_header(c->rx, n);
    if (c->pcb != NULL)
        tcp_recved(c->pcb, n);
    *len = n;
    return VIAMC_OK;
}

static viamc_err port_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    lwip_conn *c = conn_of(user, conn);
    size_t n;
    *done = 0;
    if (c == NULL || c->state < OPEN)
        return VIAMC_ERR_STATE;
    if (c->state == LOST)
        return c->err;
    n = tcp_sndbuf(c->pcb) < len ? tcp_sndbuf(c->pcb) : len;
    if (n == 0 || tcp_sndqueuelen(c->pcb) + 2u > TCP_SND_QUEUELEN)
        return VIAMC_OK;
    if (tcp_write(c->pcb, buf, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
        return VIAMC_OK; /* no memory now */
    (void)tcp_output(c->pcb);
    *done = n;
    return VIAMC_OK;
}

static void drop(lwip_conn *c)
{
    if (c->rx != NULL && c->pcb != NULL)
        tcp_recved(c->pcb, c->rx->tot_len); /* or lwIP would reset the connection, and what was written last be lost */
    if (c->rx != NULL)
        (void)pbuf_free(c->rx);
    if (c->pcb != NULL) {
        tcp_arg(c->pcb, NULL);
        tcp_recv(c->pcb, NULL);
        tcp_err(c->pcb, NULL);
        if (tcp_close(c->pcb) != ERR_OK)
            tcp_abort(c->pcb);
    }
    memset(c, 0, sizeof *c);
}

static void port_close(void *user, unsigned conn)
{
    lwip_conn *c = conn_of(user, conn);
    if (c != NULL)
        drop(c);
}

static viamc_err port_random(void *user, uint8_t *out, size_t len)
{
    return ((lwip_port *)user)->random(out, len) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_ENTROPY;
}

/* ---- servers ---- */

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    lwip_port *p = (lwip_port *)arg;
    unsigned i;
    for (i = 0; pcb != NULL && err == ERR_OK && i < LWIP_PORT_WAITING; i++)
        if (p->waiting[i].state == IDLE) {
            p->waiting[i].state = OPEN;
            adopt(&p->waiting[i], pcb);
            return ERR_OK;
        }
    return ERR_MEM; /* lwIP refuses it */
}

viamc_err lwip_port_listen(lwip_port *p, uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK || (p->listener = tcp_listen(pcb)) == NULL)
        return VIAMC_ERR_IO;
    tcp_arg(p->listener, p);
    tcp_accept(p->listener, on_accept);
    return VIAMC_OK;
}

static viamc_err port_accept(void *user, unsigned conn, viamc_addr *peer)
{
    lwip_port *p = (lwip_port *)user;
    lwip_conn *c = conn_of(user, conn);
    unsigned i;
    for (i = 0; c != NULL && i < LWIP_PORT_WAITING; i++) {
        if (p->waiting[i].state == IDLE)
            continue;
        *c = p->waiting[i];
        peer->text[0] = '\0';
        memset(&p->waiting[i], 0, sizeof p->waiting[i]);
        if (c->pcb != NULL) {
            tcp_arg(c->pcb, c);
            (void)ipaddr_ntoa_r(&c->pcb->remote_ip, peer->text, (int)sizeof peer->text);
        }
        return VIAMC_OK;
    }
    return VIAMC_WAIT;
}

bool lwip_port_waiting(const lwip_port *p)
{
    unsigned i;
    for (i = 0; i < LWIP_PORT_CONNS; i++)
        if (p->conn[i].rx != NULL || p->conn[i].ended || p->conn[i].state == NAMED || p->conn[i].state == LOST)
            return true;
    for (i = 0; i < LWIP_PORT_WAITING; i++)
        if (p->waiting[i].state != IDLE)
            return true;
    return false;
}

const viamc_port *lwip_client_port(void)
{
    static const viamc_port port = {port_open, port_read, port_write, port_close, port_random, NULL};
    return &port;
}

const viamc_port *lwip_server_port(void)
{
    static const viamc_port port = {NULL, port_read, port_write, port_close, port_random, port_accept};
    return &port;
}
