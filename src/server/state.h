/* SPDX-License-Identifier: MIT */
/* server/state: what a server consists of. Each part of this room owns one of the structs; viamc_server is their sum. */
#ifndef VIAMC_SERVER_STATE_H
#define VIAMC_SERVER_STATE_H

#include "base/port.h"
#include "server/server.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "tls/tls.h"
#include "http2/h2.h"
#include "call/call_impl.h"
#include "conn/conn.h"

#ifndef VIAMC_NO_SERVER

#define VMC_SERVER_NONE 0xffu       /* no peer, no key, no session */
#define VMC_SERVER_NAME 128u        /* longest name of a resource, octets */
#define VMC_SERVER_TOKEN 16u        /* random octets of a bearer token; as text twice as many */
#define VMC_SERVER_SCRATCH 512u     /* header fields of a request: path, token, session id, each VMC_GRPC_KEEP at most, and one at hand */
#define VMC_SERVER_STOP_BYTES 256u  /* message of a Stop of ours (name, extra if it fits) and its answer */
#define VMC_SERVER_RESERVE 64u      /* of tx: answers of Stop and heartbeats, five octets each */
#define VMC_SERVER_GREET_MS 10000u  /* from accept to the peer's SETTINGS: as Go's servers (viam-wire.md 2.1) */
#define VMC_SERVER_KNOWN_MS 20000u  /* from accept to a valid token, if there are keys: strangers do not occupy places */
#define VMC_SERVER_QUIET_MS 20000u  /* without an octet: the peer is asked for a sign of life */
#define VMC_SERVER_DEAD_MS 30000u   /* without an octet: it is gone */
#define VMC_SERVER_LARGE_MS 10000u  /* for a request in the large buffer to arrive: others wait for it */
#define VMC_SERVER_WRONG 10u        /* wrong credentials of one connection */
#define VMC_SERVER_READS 3u         /* port reads of a peer and poll: a record is its head, its body and the head of the next one */
#define VMC_SERVER_AGAIN_MS 10u     /* handlers that said WAIT, stops that failed */
#define VMC_SERVER_KEYS 250u        /* API keys; their index has 8 bits */

typedef enum vmc_request_state {
    VMC_REQUEST_NONE,     /* nobody's */
    VMC_REQUEST_OPEN,     /* its handler is called for what comes, or came */
    VMC_REQUEST_KEPT,     /* its handler has it all and will answer */
    VMC_REQUEST_ANSWERED  /* the rest is sending */
} vmc_request_state;

typedef struct vmc_peer vmc_peer;

struct viamc_request {
    viamc_server *server;
    vmc_peer *peer;               /* NULL: a Stop of ours */
    const viamc_service *service;
    const viamc_serve *serve;     /* NULL: a Stop of ours */
    viamc_resource *resource;     /* NULL until the first message, and for the services of our own */
    viamc_bytes msg;
    uint64_t came;                /* viamc_server.stops when its fields were complete */
    uint32_t mark;
    uint32_t need;                /* octets, and one, of the message that found no room; 0: none */
    uint16_t session_turn;        /* vmc_safety.turn of its session */
    uint8_t session;              /* viam-sid; VMC_SERVER_NONE: none */
    uint8_t key;                  /* whose token it carries; VMC_SERVER_NONE: there are no keys */
    uint8_t index;                /* call record and stream slot */
    uint8_t state;                /* vmc_request_state */
    uint8_t status;               /* of a Stop of ours */
    bool kept;                    /* viamc_request_keep */
    bool begun;                   /* its handler was called */
    bool waits;                   /* its handler said WAIT */
    bool at_end;
    bool late;                    /* its deadline has passed */
};

/* viamc_resource.due: why it is to be stopped */
enum {
    VMC_DUE_EXPIRED = 1, /* its session ended, or a Stop failed */
    VMC_DUE_ALL = 2,     /* StopAll */
    VMC_DUE_DRIVEN = 4   /* of one under way: somebody has driven it since; if it fails, that is his business */
};

struct viamc_resource {
    const viamc_service *service;
    const void *ops;
    void *user;
    viamc_str name;
    viamc_request stop;  /* ours */
    uint64_t stopped;    /* viamc_server.stops of the last Stop: moving calls that came before it are over */
    viamc_ms due_at;
    uint8_t session;     /* the one that a moving call bound it to last */
    uint8_t due;         /* VMC_DUE_* of a Stop that is to be asked for */
    uint8_t running;     /* VMC_DUE_* of the one that is under way */
    bool failed;         /* the last one */
};

/* A safety session. */
typedef struct vmc_safety {
    uint8_t id[16];
    vmc_timer end;
    viamc_ms beat_at;
    uint16_t turn; /* counts the sessions of this place */
    uint8_t key;
    bool used;
} vmc_safety;

struct vmc_peer {
    viamc_server *server;
    viamc_request *requests;  /* max_requests, as many as call records and stream slots */
    vmc_h2_stream *streams;
    uint8_t *table;
    uint8_t *scratch;
    vmc_calls calls;
    vmc_timer deadline;       /* until it has said what it has to say first */
    vmc_timer large;          /* until its large request is there */
    viamc_ms came_at, heard_at;
    viamc_addr addr;
    uint8_t number;
    uint8_t wrong;            /* credentials */
    bool greeted;             /* its SETTINGS came */
    bool known;               /* it showed a valid token, or credentials */
    bool heard;               /* the slots may have something of a connection that was closed */
    bool asked;               /* for a sign of life */
    vmc_conn conn;
};

struct viamc_server {
    viamc_server_desc desc;   /* defaults filled in */
    viamc_error error;
    vmc_peer *peers;
    viamc_resource *resources;
    vmc_safety *sessions;
    uint8_t *tokens;          /* VMC_SERVER_TOKEN octets a key */
    uint8_t *message;         /* viamc_request_scratch */
    uint8_t *stop;            /* VMC_SERVER_STOP_BYTES */
#ifndef VIAMC_NO_TLS
    vmc_tls_identity *identity;
#endif
    size_t size;              /* of the whole block, from the server on */
    size_t stop_len;          /* octets of the message in stop */
    uint64_t stops;           /* counts Stops; 64 bits never wrap, however many a peer sends */
    viamc_ms now;             /* of the last poll */
    uint8_t resource_count;
    uint8_t turn;             /* peer that is first in this poll */
    uint8_t handshake;        /* peer whose handshake goes on next */
    bool in_poll;
    bool vacant;              /* a place became free after accept was asked */
};

/* Tells whoever watches. */
VMC_FN void vmc_server_tell(const viamc_server *s, uint8_t kind, uint8_t peer, viamc_str text, viamc_str name, viamc_ms ms, uint32_t number)
{
    viamc_server_event ev;
    if (s->desc.on_event == NULL)
        return;
    ev.kind = kind;
    ev.peer = peer;
    ev.text = text;
    ev.name = name;
    ev.ms = ms;
    ev.number = number;
    vmc_error_clear(&ev.error);
    s->desc.on_event(s->desc.event_user, &ev);
}

VMC_FN uint8_t vmc_request_peer(const viamc_request *rq)
{
    return rq->peer == NULL ? (uint8_t)VMC_SERVER_NONE : rq->peer->number;
}

#endif
#endif
