/* SPDX-License-Identifier: MIT */
/* A viamc port over lwIP's raw API, for main loops without operating system (NO_SYS): client and server. The loop feeds lwIP (line_lwip.c
 * does), and all calls come from it. */
#ifndef LWIP_PORT_H
#define LWIP_PORT_H

#include "viamc.h"

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

enum { LWIP_PORT_CONNS = 4, LWIP_PORT_WAITING = 2 };

typedef struct lwip_conn {
    struct tcp_pcb *pcb; /* NULL: none, or lost */
    struct pbuf *rx;     /* what came and was not read */
    uint8_t state;       /* lwip_port.c */
    bool ended;          /* the peer closed; rx may still hold something */
    viamc_err err;       /* why it was lost */
    const char *host;    /* whose address is looked for; the caller keeps it until open has an end */
    ip_addr_t ip;
} lwip_conn;

/* Of fixed size, kept where it is; all zero to begin with. */
typedef struct lwip_port {
    bool (*random)(uint8_t *out, size_t len);
    lwip_conn conn[LWIP_PORT_CONNS];
    lwip_conn waiting[LWIP_PORT_WAITING]; /* servers: accepted by lwIP, not yet by viamc */
    struct tcp_pcb *listener;
} lwip_port;

const viamc_port *lwip_client_port(void); /* user: a lwip_port */
const viamc_port *lwip_server_port(void);
viamc_err lwip_port_listen(lwip_port *p, uint16_t port);
bool lwip_port_waiting(const lwip_port *p); /* something came that viamc has not taken */

#endif
