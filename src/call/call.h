/* SPDX-License-Identifier: MIT */
/* call/call: what a call is to its caller: options, handle, events. Knows nothing of HTTP/2, sockets and robots. */
#ifndef VIAMC_CALL_CALL_H
#define VIAMC_CALL_CALL_H

#include "base/core.h"
#include "base/time.h"

/* A running call: 8 bits of index, 24 of generation. 0 is never valid. */
typedef uint32_t viamc_call;

/* viamc_method.flags */
#define VIAMC_M_CLIENT_STREAM 0x01u /* the caller sends any number of messages */
#define VIAMC_M_SERVER_STREAM 0x02u /* the robot sends any number of messages */
#define VIAMC_M_MONITORED 0x04u     /* moves something and carries the session (safety_heartbeat_monitored) */
#define VIAMC_M_MOVES 0x08u         /* moves something, but is not monitored: gantry Home */
#define VIAMC_M_SETPOINT 0x10u      /* only the newest value matters: opts.replace is allowed */
#define VIAMC_M_STOP 0x20u          /* ends motion of the resource named in field 1 */
#define VIAMC_M_STOP_ALL 0x40u      /* ends motion of every resource */
#define VIAMC_M_EXTRA 0x80u         /* field 99 is `extra`, a Struct: opts.extra is allowed */

struct vmc_parts;

/* A method of a service: constants of viamc_proto.h, or one's own. Kept as long as a call of it runs. */
typedef struct viamc_method {
    const char *path;    /* "/package.Service/Method" */
    const void *request; /* nanopb descriptors, for viamc_proto.h; the core does not look at them */
    const void *reply;
    uint8_t flags;       /* VIAMC_M_* */
    const struct vmc_parts *parts; /* of viamc_proto.h: the bytes fields of a reply. NULL: sinks get raw octets */
} viamc_method;

/* One field of metadata to be sent. The name: a-z, 0-9, '_', '-' and '.', none that viamc sends itself or that begins with "grpc-". The
 * value: without NUL, CR and LF, no blank at either end; if the name ends in -bin any octets, which go as base64. Anything else is ARG. */
typedef struct viamc_metadata {
    viamc_str name;
    viamc_bytes value;
} viamc_metadata;

/* A piece of a large message on its way to a sink. Methods of viamc_proto.h: a piece of a bytes field. Every such field that is larger than a slot
 * comes in pieces, a smaller one once those before it fill half the slot; the message that the event brings has all the other fields, which
 * may take three quarters of a slot, and those as empty ones. */
typedef struct viamc_piece {
    const char *path;  /* the field: "point_cloud", "images[2].image"; view during the call of the sink. NULL: octets of the encoded message */
    viamc_bytes bytes; /* view during the call of the sink */
    uint32_t offset;   /* of the first octet, in its field */
    uint32_t total;    /* octets of the field in all */
} viamc_piece;

/* Takes a piece. Called from poll; may not call viamc on that client (STATE).
 * Returns OK: taken. WAIT: nothing taken, the piece comes again at a later poll (viamc_wait asks for one 10 ms later). Else the call is cancelled with this error. */
typedef viamc_err (*viamc_sink_fn)(void *user, const viamc_piece *piece);

/* Options of one call. Zero means default; copied when the call starts. */
typedef struct viamc_opts {
    uint32_t guard;         /* leave 0: catches an uninitialised struct */
    viamc_ms timeout_ms;    /* 0: 5 s for unary calls that move nothing, none for the others; VIAMC_FOREVER: none */
    const viamc_metadata *metadata; /* kept until DONE: metadata_count fields to send */
    size_t metadata_count;
    viamc_bytes extra;      /* copied: an encoded Struct, sent as field 99; ARG where the method has none */
    uint8_t *into;          /* lent until DONE: room for a reply larger than a slot */
    size_t into_cap;
    viamc_sink_fn sink;     /* takes messages larger than a slot piece by piece */
    void *sink_user;
    uint8_t *metadata_into; /* lent until DONE was pulled: room for the reply's metadata, read with viamc_event_metadata; 65,535 octets at most */
    size_t metadata_cap;
    void *user;             /* handed back in every event of the call */
    uint8_t stream;         /* raw calls: VIAMC_M_CLIENT_STREAM, VIAMC_M_SERVER_STREAM or both; 0 unary. Methods know theirs */
    bool keep;              /* the request's octets stay where they are, kept until DONE, instead of being copied */
    bool replace;           /* setpoint: newest value only (VIAMC_M_SETPOINT methods, else ARG). One that still waits gets the new value and keeps its
                             * handle and its other options */
    bool reads_only;        /* raw calls: moves nothing, so no session is needed */
    uint32_t guard_end;     /* leave 0 */
} viamc_opts;

/* viamc_event.ran: whether the robot may have run the call. */
enum {
    VIAMC_NOT_RUN = 1, /* certainly not: it never left, or the robot refused it unread */
    VIAMC_MAYBE = 2,   /* lost, cancelled or late: nobody knows */
    VIAMC_ANSWERED = 3 /* the robot answered with a status */
};

/* viamc_event.kind, in the order in which they can come */
enum {
    VIAMC_EV_READY = 1,      /* connected and authenticated: calls may start */
    VIAMC_EV_MESSAGE = 2,    /* call: one message of a stream: msg */
    VIAMC_EV_WRITABLE = 3,   /* call: everything sent so far is on its way, the next message may be sent */
    VIAMC_EV_DONE = 4,       /* call: over: status, text, ran, msg (unary reply); its handle is invalid from now on */
    VIAMC_EV_STARVED = 5,    /* the heartbeat left late_ms after it was due: poll more often */
    VIAMC_EV_UNPROTECTED = 6, /* this robot has no sessions: it will not stop when this program dies */
    VIAMC_EV_SESSION_LOST = 7, /* the safety session ended on the robot, which stopped what it moved: error */
    VIAMC_EV_LOST = 8        /* connection lost: error; next try in retry_ms. Nothing of the old connection follows */
};

/* What happened. Views last until the next poll of that client. */
typedef struct viamc_event {
    uint8_t kind;        /* VIAMC_EV_* */
    uint8_t ran;         /* DONE: VIAMC_NOT_RUN, VIAMC_MAYBE, VIAMC_ANSWERED */
    bool unconfirmed;    /* DONE of a Stop: a motion call before it ended by time alone (README, What it promises about motion) */
    bool text_cut;       /* text did not fit and was cut */
    uint32_t status;     /* DONE: gRPC status */
    viamc_call call;     /* MESSAGE, WRITABLE, DONE */
    void *user;          /* opts.user of that call */
    const viamc_method *method; /* of that call; NULL for raw calls */
    const char *path;
    viamc_bytes msg;     /* MESSAGE, DONE: view */
    viamc_str text;      /* DONE: the robot's own words, view */
    viamc_bytes metadata; /* MESSAGE, DONE: what came into opts.metadata_into so far */
    viamc_error error;   /* LOST, SESSION_LOST; DONE: code RPC and the status as detail, OK if the status is OK */
    uint32_t retry_ms;   /* LOST: ms to the next try, VIAMC_FOREVER: there is none */
    uint32_t late_ms;    /* STARVED */
} viamc_event;

/* Walks the metadata of an event: *at starts at 0. name and value are views into the lent buffer;
 * values of names that end in -bin are base64 as it came, padded or not. False at the end. */
VIAMC_API bool viamc_event_metadata(const viamc_event *ev, size_t *at, viamc_str *name, viamc_bytes *value);

#endif
