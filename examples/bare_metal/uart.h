/* SPDX-License-Identifier: MIT */
/* A viamc port over a UART: two rings between the board's interrupt and viamc's polls. It knows no register: a board moves octets
 * between the rings and its UART in a function of its own (uart.serve), which is its interrupt handler too.
 *
 * The line carries one connection at a time, as a modem in transparent mode or a bridge to TCP does. It says neither who is there nor
 * that the other end has gone: viamc finds that out by asking (dial.check_interval_ms), and by TLS's and HTTP/2's own goodbye. After a
 * close the octets of the old connection are dropped until the line was silent for UART_SILENCE_MS.
 *
 * An octet that is lost breaks the stream for good. With RTS/CTS none is: when the ring is full, the board leaves octets in its UART.
 * Without, the ring must hold what comes while viamc is busy: some ms after READY; while dialling with TLS a poll may take 0.14 s at
 * 168 MHz, in which the rest of the robot's flight comes, 1 to 4 KB with its certificates. A lost octet that the board notices (uart.lost)
 * ends the connection at once. */
#ifndef UART_H
#define UART_H

#include "viamc.h"

#ifndef UART_RX_BYTES
#define UART_RX_BYTES 1024u /* a power of two */
#endif
#ifndef UART_TX_BYTES
#define UART_TX_BYTES 256u /* a power of two */
#endif
#define UART_SILENCE_MS 100u
#define UART_CONNS 4u /* connections that one server can have; a UART carries one at a time */

typedef struct uart {
    void (*serve)(struct uart *u);         /* moves what can be moved; called with octets in tx, or with new room in rx */
    uint32_t (*now)(void);                 /* ms of the clock that viamc_poll is given */
    bool (*random)(uint8_t *out, size_t len); /* the board's generator of true random octets */
    unsigned id;                           /* the board's number of this UART */
    volatile bool lost;                    /* set by the board: the UART dropped an octet */
    bool open;
    bool stale;                            /* what comes may still belong to the connection before */
    uint32_t heard_at;                     /* when the last stale octet was dropped */
    /* Written by one side each, so no lock is needed; the counters wrap, and only differences count. All volatile: or the compiler might move
     * an octet behind the count that says it is there. */
    volatile uint32_t rx_in, rx_out, tx_in, tx_out;
    volatile uint8_t rx[UART_RX_BYTES], tx[UART_TX_BYTES];
} uart;

/* For the user pointer of a port: UARTs that serve one client (count 1) or one server, whose connections take the first that is free. */
typedef struct uart_set {
    uart *const *uarts;
    unsigned count;
    uart *conn[UART_CONNS]; /* of each connection, NULL: none */
} uart_set;

/* Constant. user: a uart_set. */
const viamc_port *uart_client_port(void);
const viamc_port *uart_server_port(void);

/* ---- for the board's serve ---- */

static inline uint32_t uart_waiting(const uart *u) /* octets that came and were not read */
{
    return u->rx_in - u->rx_out;
}

static inline bool uart_has_room(const uart *u)
{
    return uart_waiting(u) < UART_RX_BYTES;
}

static inline void uart_received(uart *u, uint8_t octet) /* only if uart_has_room */
{
    u->rx[u->rx_in % UART_RX_BYTES] = octet;
    u->rx_in = u->rx_in + 1u;
}

static inline bool uart_has_octet(const uart *u)
{
    return u->tx_in != u->tx_out;
}

static inline uint8_t uart_to_send(uart *u) /* only if uart_has_octet */
{
    uint8_t octet = u->tx[u->tx_out % UART_TX_BYTES];
    u->tx_out = u->tx_out + 1u;
    return octet;
}

#endif
