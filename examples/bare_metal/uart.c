/* SPDX-License-Identifier: MIT */
#include "uart.h"

static uart *uart_of(void *user, unsigned conn)
{
    const uart_set *set = (const uart_set *)user;
    return conn < UART_CONNS ? set->conn[conn] : NULL;
}

/* True if what comes from now on belongs to a new connection. */
static bool uart_is_fresh(uart *u)
{
    if (!u->stale)
        return true;
    if (u->rx_in != u->rx_out || u->lost) {
        u->rx_out = u->rx_in;
        u->lost = false;
        u->heard_at = u->now();
        u->serve(u);
    }
    u->stale = u->now() - u->heard_at < UART_SILENCE_MS;
    return !u->stale;
}

static viamc_err uart_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    uart_set *set = (uart_set *)user;
    (void)host, (void)port; /* whoever is at the other end of the line */
    if (conn >= UART_CONNS)
        return VIAMC_ERR_ARG;
    if (!uart_is_fresh(set->uarts[0]))
        return VIAMC_WAIT;
    set->conn[conn] = set->uarts[0];
    set->conn[conn]->open = true;
    return VIAMC_OK;
}

/* The first octet on a line that is not in use is a peer. */
static viamc_err uart_accept(void *user, unsigned conn, viamc_addr *peer)
{
    uart_set *set = (uart_set *)user;
    unsigned i;
    for (i = 0; i < set->count && conn < UART_CONNS; i++) {
        uart *u = set->uarts[i];
        if (u->open || !uart_is_fresh(u) || u->rx_in == u->rx_out)
            continue;
        memcpy(peer->text, "uart 0", sizeof "uart 0");
        peer->text[5] = (char)('0' + u->id);
        set->conn[conn] = u;
        u->open = true;
        return VIAMC_OK;
    }
    return VIAMC_WAIT;
}

static viamc_err uart_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    uart *u = uart_of(user, conn);
    size_t n = 0;
    *len = 0;
    if (u == NULL)
        return VIAMC_ERR_STATE;
    if (u->lost)
        return VIAMC_ERR_IO;
    while (n < cap && u->rx_in != u->rx_out) {
        buf[n++] = u->rx[u->rx_out % UART_RX_BYTES];
        u->rx_out = u->rx_out + 1u;
        if (u->rx_in == u->rx_out)
            u->serve(u); /* octets may have waited in the UART for room */
    }
    *len = n;
    return VIAMC_OK;
}

static viamc_err uart_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    uart *u = uart_of(user, conn);
    size_t n = 0;
    *done = 0;
    if (u == NULL)
        return VIAMC_ERR_STATE;
    while (n < len && u->tx_in - u->tx_out < UART_TX_BYTES) {
        u->tx[u->tx_in % UART_TX_BYTES] = buf[n++];
        u->tx_in = u->tx_in + 1u;
    }
    *done = n;
    if (n != 0)
        u->serve(u);
    return VIAMC_OK;
}

/* What lies in tx still goes out: the goodbye, by which the other end knows. */
static void uart_close(void *user, unsigned conn)
{
    uart *u = uart_of(user, conn);
    if (u == NULL)
        return;
    ((uart_set *)user)->conn[conn] = NULL;
    u->open = false;
    u->stale = true;
    u->heard_at = u->now();
}

static viamc_err uart_random(void *user, uint8_t *out, size_t len)
{
    const uart_set *set = (const uart_set *)user;
    return set->uarts[0]->random(out, len) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_ENTROPY;
}

const viamc_port *uart_client_port(void)
{
    static const viamc_port port = {uart_open, uart_read, uart_write, uart_close, uart_random, NULL};
    return &port;
}

const viamc_port *uart_server_port(void)
{
    static const viamc_port port = {NULL, uart_read, uart_write, uart_close, uart_random, uart_accept};
    return &port;
}
