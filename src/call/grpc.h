/* SPDX-License-Identifier: MIT */
/* call/grpc: gRPC over HTTP/2, both roles: header fields, message prefixes, status, deadlines.
 * A carrier: it pushes what comes into the call table and sends what the table has. Stream slots and call records have the same index.
 * Knows h2 and call. Knows nothing of sockets, TLS and robots. */
#ifndef VIAMC_CALL_GRPC_H
#define VIAMC_CALL_GRPC_H

#include "base/core.h"
#include "base/time_impl.h"
#include "codec/percent_impl.h"
#include "http2/h2_impl.h"
#include "call/call_impl.h"

#define VMC_GRPC_SPARE_STREAMS 2u  /* of those that the peer permits: a heartbeat and a Stop always have a way out (design.md 2, 5) */
#define VMC_GRPC_KEEP 96u          /* octets kept of a request's field: the longest path, token or session id that means anything has 87 */
#define VMC_GRPC_SCRATCH 24u       /* octets of a reply's content-type that decide: the 22 of "application/grpc+proto" and one more */
#define VMC_GRPC_SMALL 512u        /* octets of user DATA that do not hurt a heartbeat behind them: they go even while one is awaited, or a
                                    * round trip above window/5 would starve every call */
#define VMC_GRPC_SPARE_WINDOW 512u /* octets of the peer's connection window, likewise */
#define VMC_GRPC_AGAIN_MS 10u      /* a sink that said WAIT is asked again */

/* A content-type: there is none, one that is not gRPC's, or the right one. */
enum { VMC_GRPC_TYPE_NONE, VMC_GRPC_TYPE_WRONG, VMC_GRPC_TYPE_OK };

/* What the fields of a reply's header block said. */
typedef struct vmc_grpc_said {
    uint8_t status;         /* grpc-status, VMC_GRPC_NO_STATUS: none */
    uint8_t type;           /* content-type: VMC_GRPC_TYPE_NONE ... */
} vmc_grpc_said;

/* What the owner of the connection has to look at. */
typedef enum vmc_grpc_event {
    VMC_GRPC_MORE,    /* input is used up */
    VMC_GRPC_REQUEST, /* server: the fields of call g->at are complete: path, kept fields */
    VMC_GRPC_GOAWAY,  /* the peer takes no new calls: g->code */
    VMC_GRPC_FAILED   /* the connection is broken: g->h2.broken */
} vmc_grpc_event;

typedef struct vmc_grpc {
    vmc_h2 h2;
    vmc_calls *calls;
    /* the header block that is being received */
    vmc_grpc_said said;
#if VIAMC_SHORTCUTS
    vmc_grpc_said memo[2];  /* the same of blocks that may come again */
#endif
    uint16_t meta_at;       /* where in the call's lent buffer the field at hand begins */
    vmc_percent message;    /* its grpc-message */
    bool text_given;        /* grpc-message is being decoded into the call's text */
    bool held_cut;
#ifndef VIAMC_NO_SERVER
    bool is_post;
    uint8_t reject;         /* server: status that the request is refused with, 0: none */
    uint8_t at;             /* with VMC_GRPC_REQUEST */
    uint16_t kept;          /* server: octets of kept fields in scratch */
    viamc_ms timeout;       /* server: grpc-timeout of the request that comes, VIAMC_FOREVER: none */
#endif
    /* the header block that is being sent */
    uint8_t field;          /* next field */
    bool in_updates;        /* table size updates of the block are being written */
    bool https;
    bool hold_data;         /* a heartbeat is unanswered: user DATA above VMC_GRPC_SMALL waits */
    bool token_comes;       /* octets of the new one are over the old one */
    bool hold_token;        /* the token is being replaced: calls that carry it wait */
    uint32_t field_at;      /* octets of it that were written */
    viamc_ms block_now;     /* when it began: grpc-timeout stays the same over all windows that it needs */
    /* what every request carries: views, kept by the owner; after a change vmc_grpc_changed */
    viamc_bytes authority[2]; /* one after the other */
    viamc_bytes token;
    viamc_bytes session;    /* viam-sid */
    uint32_t code;          /* with VMC_GRPC_GOAWAY */
    uint32_t answered;      /* client: highest stream that the peer has answered */
    uint32_t block_of;      /* stream of the header block that is being received, 0: nothing of it was looked at yet */
    uint8_t *scratch;       /* kept by the owner: VMC_GRPC_SCRATCH octets on clients; on servers room for the token, the path and the session
                             * id, which are kept there until VMC_GRPC_REQUEST: name, length (16 bits), octets */
    uint16_t scratch_cap;
    uint16_t held;          /* octets of the field at hand behind them */
} vmc_grpc;

#ifdef VIAMC_NO_SERVER
#define VMC_GRPC_KEPT(g) 0u
#else
#define VMC_GRPC_KEPT(g) ((g)->kept)
#endif

#endif
