/* SPDX-License-Identifier: MIT */
/* base/port: what viamc asks of the world: bytes out, bytes in, random bytes.
 * Ports are leaves (sockets, UART, lwIP, memory); everything above knows only this. */
#ifndef VIAMC_BASE_PORT_H
#define VIAMC_BASE_PORT_H

#include "base/core.h"

/* Where a peer comes from, as text: "10.0.0.9:51544", "unix". Terminated. */
typedef struct viamc_addr {
    char text[56];
} viamc_addr;

/* A port. None of the functions blocks; each is called from poll only; `user` is the pointer of the desc.
 * conn: 0 for a client; a server counts its peers from 0. After an error only close follows, until conn is opened or accepted anew. */
typedef struct viamc_port {
    /* Starts or goes on opening a connection. OK: open. WAIT: not yet, called again at the next poll. Else an error (DNS, REFUSED, IO, TIMEOUT).
     * host: terminated, without brackets; "unix:/path" for a unix socket, then port is 0. NULL on servers. */
    viamc_err (*open)(void *user, unsigned conn, const char *host, uint16_t port);
    /* Reads what is there, at most cap octets. OK and *len 0: nothing now. CLOSED: the peer ended the stream. */
    viamc_err (*read)(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len);
    /* Writes what fits. OK and *done 0: later. */
    viamc_err (*write)(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done);
    /* Ends the connection, also one that open has not finished. Must be harmless when called twice. */
    void (*close)(void *user, unsigned conn);
    /* Fills out with len unpredictable octets, or answers an error: then nothing starts. */
    viamc_err (*random)(void *user, uint8_t *out, size_t len);
    /* Takes a waiting connection as number conn. OK, WAIT (nobody there) or an error. NULL on clients. */
    viamc_err (*accept)(void *user, unsigned conn, viamc_addr *peer);
} viamc_port;

/* What a caller of poll may wait for. */
#define VIAMC_WANT_READ 1u
#define VIAMC_WANT_WRITE 2u

/* How long the caller may sleep and what should wake it. */
typedef struct viamc_wait_hint {
    uint32_t ms;  /* at most, VIAMC_FOREVER: until a byte comes */
    uint8_t want; /* VIAMC_WANT_READ, VIAMC_WANT_WRITE or both */
} viamc_wait_hint;

#endif
