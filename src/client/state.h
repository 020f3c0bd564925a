/* SPDX-License-Identifier: MIT */
/* client/state: what a client consists of. Each part of this room owns one of the structs; viamc_client is their sum. */
#ifndef VIAMC_CLIENT_STATE_H
#define VIAMC_CLIENT_STATE_H

#include "base/core.h"
#include "client/client.h"
#include "base/time_impl.h"
#include "base/log_impl.h"
#include "tls/trust.h"
#include "tls/tls.h"
#include "call/call_impl.h"
#include "call/grpc.h"
#include "conn/conn.h"

/* A dial address, as views into the text it came from. */
typedef struct vmc_address {
    viamc_bytes host;       /* without brackets; of a unix socket "unix:" and the path */
    viamc_bytes authority[2]; /* :authority: host with brackets as it was written, and ":port" */
    uint16_t port;
    bool is_unix;
} vmc_address;

typedef enum vmc_dial_step {
    VMC_DIAL_REST,    /* nothing under way: IDLE, BACKOFF, FAILED or READY */
    VMC_DIAL_OPENING, /* the port connects; the attempt's deadline runs */
    VMC_DIAL_SECURING,
    VMC_DIAL_GREETING, /* our first octets go out; the robot's SETTINGS are awaited, and nothing else */
    VMC_DIAL_AUTH,    /* Authenticate is to be sent, or its answer awaited */
    VMC_DIAL_DRAINING /* the robot said GOAWAY: running calls may end, then the connection is given up */
} vmc_dial_step;

/* What viamc_dial was asked for: views into what its caller keeps, defaults filled in. */
typedef struct vmc_dial_plan {
    const char *address;
    const char *type, *payload; /* of the credentials; NULL: none */
    const char *entity;         /* whom they are for */
    const char *api_key_id;
    bool insecure;
    bool require_session;
    bool disable_sessions;
    bool pings;                 /* a sign of life is asked for by PING */
#if VIAMC_OLD_SESSIONS
    bool old_sessions;
#endif
#ifndef VIAMC_NO_TLS
    bool allow_downgrade;       /* with these credentials, or without */
    const char *server_name;    /* NULL: the host's */
    const viamc_anchor *anchors;
    size_t anchor_count;
    viamc_next_root_fn next_root;
    void *next_root_user;
    viamc_bytes pin_sha256;
    uint64_t unix_time;         /* at clock_at */
    viamc_ms clock_at;
#endif
    viamc_ms timeout_ms, backoff_ms, max_backoff_ms, check_interval_ms;
    uint32_t attempts, max_reconnect_attempts;
} vmc_dial_plan;

typedef struct vmc_dial {
    uint8_t state;        /* VIAMC_IDLE ... */
    uint8_t step;         /* vmc_dial_step */
    uint8_t silent;       /* liveness checks without an answer */
    bool plain;           /* this attempt goes on in plaintext (downgrade) */
    bool was_ready;       /* since viamc_dial */
    bool fresh;           /* viamc_dial was called, no poll yet */
    bool reauth;          /* the token was refused while READY */
    bool is_unix;         /* the address is a path */
#ifndef VIAMC_NO_TLS
    vmc_tls_dates dates;  /* of the certificate that was refused last */
#endif
    vmc_timer due;        /* the next attempt; the attempt's end, or that of DRAINING; READY: no octet came for so long that the robot is
                           * to be asked for one */
    vmc_timer hurried;    /* until then no attempt is made without backoff */
    viamc_ms backoff_ms;  /* the last one */
    uint32_t attempts;    /* failed ones in a row */
} vmc_dial;

typedef enum vmc_session_state {
    VMC_SESSION_NONE,     /* not started */
    VMC_SESSION_STARTING, /* StartSession is awaited; moving calls wait */
    VMC_SESSION_ON,
    VMC_SESSION_ABSENT    /* this robot has none: moving calls go bare, until the next connection */
} vmc_session_state;

#define VMC_SESSION_ID 36u /* octets of a UUID as text */
#define VMC_SESSION_REPLY 80u /* StartSessionResponse with its prefix: 5 + 2 + 36 + 2 + 12 octets, and what may be added to it */

typedef struct vmc_session {
    uint8_t state;        /* vmc_session_state */
    uint8_t id_len;       /* of the id in wire; 0: none */
    bool wanted;          /* to be started */
    bool acked;           /* a heartbeat was answered: acked_at is its */
    viamc_ms window;      /* heartbeat window of the session, or the last one's */
    vmc_timer beat;       /* next heartbeat */
    viamc_ms sent_at[2];  /* when each of the two heartbeats left */
    viamc_ms acked_at;    /* when the last answered one left; else just before the session began */
    viamc_ms gap;         /* longest time between two polls since then */
    uint32_t beats;       /* answered */
    vmc_timer again;      /* no StartSession before */
    viamc_ms since_poll;  /* time between the last poll and this one */
    uint64_t resumed;     /* key of the id that the next StartSession is to resume: the connection was lost with it; 0: none */
    uint8_t wire[VMC_SESSION_REPLY]; /* STARTING: the reply as it comes; else a request {1: id} with its prefix, 43 octets */
} vmc_session;

/* A moving call that we ended: it may still run on the robot, for one window from when the robot knows. */
typedef struct vmc_unsettled {
    uint32_t resource; /* 0: none */
    uint32_t after;    /* the window begins with the answer to a stream of this number or a higher one, which left later; 0: it has begun */
    vmc_timer until;
} vmc_unsettled;

typedef struct vmc_motion {
    vmc_unsettled *unsettled; /* max_calls entries, and one more for those that find none: it counts for every resource */
    bool unsure;              /* one of them is in use */
    bool watched;             /* there may be a Stop under way, or a setpoint that waits */
    viamc_call covered;       /* Stop whose record a StopAll took over: its DONE is to be taken; 0: none */
    void *covered_user;
    const viamc_method *covered_method;
    uint32_t unconfirmed;     /* Stops asked for since the session began whose confirmation is missing */
} vmc_motion;

/* vmc_call.motion: a kind, and what is known */
enum {
    VMC_MOTION_NONE = 0,
    VMC_MOTION_MOVE = 1,
    VMC_MOTION_SETPOINT = 2, /* a move of which one is in flight and one pending */
    VMC_MOTION_STOP = 3,
    VMC_MOTION_KIND = 3,
    VMC_MOTION_PENDING = 0x04,     /* setpoint: waits for the one in flight, or for a Stop */
    VMC_MOTION_AGAIN = 0x08,       /* Stop: to be sent once more when all earlier moves are settled */
    VMC_MOTION_UNCONFIRMED = 0x10, /* Stop: a move before it ended by time alone */
    VMC_MOTION_COUNTED = 0x20,     /* Stop: is in vmc_motion.unconfirmed */
    VMC_MOTION_FRESH = 0x40,       /* any call: asked for since the last poll, its times count from the next */
    VMC_MOTION_PAST = 0x80         /* any call: of a session that is over */
};

/* A setpoint that waits for the one in flight, or for a Stop. */
VMC_FN bool vmc_motion_is_pending(const vmc_call *call)
{
    return call->state == VMC_CALL_HELD && (call->motion & VMC_MOTION_PENDING) != 0;
}

#define VMC_MOTION_ANY 0xffffffffu /* resource of StopAll */
#define VMC_MOTION_WINDOW 2000u    /* design.md 6: window where the robot names none, ms */

/* viamc_client.events: the connection's, a bit for each kind, waiting to be taken */
#define VMC_EV_BIT(kind) (1u << ((kind) - 1u))
enum {
    VMC_EV_READY = VMC_EV_BIT(VIAMC_EV_READY),
    VMC_EV_STARVED = VMC_EV_BIT(VIAMC_EV_STARVED),
    VMC_EV_UNPROTECTED = VMC_EV_BIT(VIAMC_EV_UNPROTECTED),
    VMC_EV_SESSION_LOST = VMC_EV_BIT(VIAMC_EV_SESSION_LOST),
    VMC_EV_LOST = VMC_EV_BIT(VIAMC_EV_LOST)
};

/* Records beside the user's max_calls, without slots: Stop's own, then ours. */
enum { VMC_REC_BEAT = 0, VMC_REC_BEAT2 = 1, VMC_REC_AUX = 2, VMC_REC_OURS = 3, VMC_REC_EXTRA = 4 };

#define VMC_STOP_BYTES 128u /* of tx: a Stop with its prefix always has room ... */
#define VMC_STOP_REPLY 48u  /* for the reply of Stop's own record, or what of the robot's words fits */
#define VMC_STOP_RESERVE (VMC_STOP_BYTES + VMC_CALL_PREFIX) /* ... and a StopAll, whose message is empty, beside it */

/* What the auxiliary record is doing. */
typedef enum vmc_aux { VMC_AUX_NOTHING, VMC_AUX_AUTH, VMC_AUX_SESSION, VMC_AUX_CHECK } vmc_aux;

/* What is looked at most comes first: a short offset is a short instruction. */
struct viamc_client {
    vmc_dial dial;
    uint8_t profile;
    uint8_t max_calls;
    uint8_t events;         /* VMC_EV_* */
    uint8_t aux;            /* vmc_aux */
    bool in_poll;
    bool heard;             /* the block may have something of a connection that was closed */
    bool dirty;             /* something was asked for since the last poll: do not sleep */
    uint16_t steps_max;     /* viamc_stats */
    vmc_calls calls;
    viamc_ms now;           /* of the last poll */
    vmc_motion motion;
    vmc_session session;
    viamc_log log;
    const char *session_what; /* why the last session was lost, NULL: none was; and the longest time between two polls then */
    viamc_ms session_gap;
    uint32_t polls, connects; /* viamc_stats */
    uint8_t *token;
    uint32_t token_cap;
    size_t size;            /* of the whole block */
#ifndef VIAMC_NO_TLS
    size_t trust_cap;       /* octets of the certificate check, which overlays big and the slots while dialling */
#endif
    viamc_ms late_ms;       /* of the event STARVED */
    uint8_t scratch[VMC_GRPC_SCRATCH]; /* of the reply fields that come in pieces */
    uint8_t stop_reply[VMC_STOP_REPLY];
    vmc_conn conn;
    vmc_dial_plan desc;
};

#endif
