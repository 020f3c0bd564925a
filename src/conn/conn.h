/* SPDX-License-Identifier: MIT */
/* conn/conn: port, TLS, HTTP/2 and gRPC as one state machine, both roles. No policy: whoever owns it dials, retries and judges. */
#ifndef VIAMC_CONN_CONN_H
#define VIAMC_CONN_CONN_H

#include "base/core.h"
#include "base/port.h"
#include "tls/tls.h"
#include "call/grpc_impl.h"

typedef enum vmc_conn_state {
    VMC_CONN_CLOSED,
    VMC_CONN_OPENING,  /* the port connects */
    VMC_CONN_SECURING, /* TLS handshake */
    VMC_CONN_UP,       /* HTTP/2 */
    VMC_CONN_BROKEN,   /* error says why; GOAWAY or an alert may still be on its way out */
    VMC_CONN_GONE      /* the same, and the port failed or was never open: it is only closed */
} vmc_conn_state;

/* What vmc_conn_next found. */
typedef enum vmc_conn_event {
    VMC_CONN_IDLE = VMC_GRPC_MORE,       /* nothing more now */
    VMC_CONN_REQUEST = VMC_GRPC_REQUEST, /* server: call grpc.at has its fields */
    VMC_CONN_GOAWAY = VMC_GRPC_GOAWAY,   /* the peer takes no new calls */
    VMC_CONN_LOST = VMC_GRPC_FAILED,     /* error says why; every call of it has ended */
    VMC_CONN_IS_UP                       /* the handshake is over: calls can be sent */
} vmc_conn_event;

#define VMC_CONN_BUFFER_MAX 0xffffu /* octets: what is in one is counted with 16 bits; a TLS record and its head have fewer */

typedef struct vmc_conn_config {
    const viamc_port *port; /* kept */
    void *port_user;
    unsigned number;
    uint8_t *in, *out;      /* kept: record buffers with TLS, plain ones without */
    uint32_t in_cap, out_cap; /* at most VMC_CONN_BUFFER_MAX */
    void *tls;              /* kept: vmc_tls_bytes octets, NULL: plaintext only */
} vmc_conn_config;

typedef struct vmc_conn {
    const viamc_port *port;
    void *port_user;
#ifndef VIAMC_NO_TLS
    vmc_tls *tls;
#endif
    uint8_t *in, *out;
    uint16_t in_cap, out_cap;
    uint16_t in_at, in_len;   /* plaintext read and not yet parsed */
    uint16_t out_at, out_len; /* plaintext staged and not yet written */
    viamc_error error;
    uint16_t number;
    uint16_t steps;           /* reads and writes since the poll began */
    uint8_t state;
    bool secure;              /* this connection speaks TLS */
    bool blocked;             /* the port took less than it was given */
    bool heard;               /* an octet came since the owner cleared this */
#ifndef VIAMC_NO_TLS
    bool more;                /* SECURING: the last read brought octets, and there may be more */
#endif
    vmc_grpc grpc;
} vmc_conn;

#endif
