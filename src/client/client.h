/* SPDX-License-Identifier: MIT */
/* client/client: a connection to a robot: memory, dialling, polling, calls, events. */
#ifndef VIAMC_CLIENT_CLIENT_H
#define VIAMC_CLIENT_CLIENT_H

#include "base/core.h"
#include "base/time.h"
#include "base/log.h"
#include "base/port.h"
#include "tls/trust.h"
#include "call/call.h"

/* One robot as its program sees it. Lives in one block of the caller's memory; two clients in two blocks are independent.
 * Belongs to one thread at a time. */
typedef struct viamc_client viamc_client;

/* How a client's memory is divided. Zero means default; copied by viamc_client_init. Defaults: host / board. */
typedef struct viamc_client_desc {
    uint32_t guard;          /* leave 0: catches an uninitialised struct */
    const viamc_port *port;  /* kept: moves the bytes; required, with all functions but accept */
    void *port_user;         /* kept: handed to the port */
    uint8_t profile;         /* VIAMC_HOST or VIAMC_BOARD */
    uint8_t max_calls;       /* calls at once; 4 / 4 */
    bool no_tls;             /* never TLS: no memory for it; dial.insecure is needed then */
    uint32_t rx_bytes;       /* the one buffer for replies larger than a slot; 0: none */
    uint32_t slot_bytes;     /* reply that every call can take without waiting; 4,096 / 512 */
    uint32_t tx_bytes;       /* requests waiting to be sent, the last 128 for Stop; 16,384 / 1,024; at least 256 */
    uint32_t token_bytes;    /* longest bearer token; 1,024 / 1,024; VIAMC_OFF: no authentication */
    uint32_t in_bytes;       /* TLS input, 837 to 16,709: 16,709 / 4,608 (more for more than 3 calls: (max_calls + 4) * (slot_bytes + 5)
                              * + 837); plaintext input, at most 65,535: 4,096 / 256 */
    uint32_t out_bytes;      /* frames on their way out, at least 512, without TLS 256, at most 65,535; 16,384 / that */
    uint32_t table_bytes;    /* HPACK table for replies; 4,096 / 256 */
    viamc_log log;           /* kept */
    uint32_t guard_end;      /* leave 0 */
} viamc_client_desc;

/* Where a robot is and how to become its client. Copied by viamc_dial; what it points to is kept until viamc_client_close. */
typedef struct viamc_dial_desc {
    uint32_t guard;
    const char *address;     /* "host", "host:8080", "[v6]:8080", "unix:/path"; scheme:// and a path are ignored; ASCII, no blanks; required */
    const char *api_key;     /* with api_key_id: API key and its id (a UUID) */
    const char *api_key_id;
    const char *credential_type; /* other credentials: type and payload; "access-token": the payload is the bearer token (ASCII, no blanks),
                                  * such as AuthenticateTo of whoever gives tokens for this robot answers */
    const char *credential_payload;
    const char *auth_entity;     /* whom they are for; NULL: api_key_id, else the address */
    const char *server_name;     /* name in the robot's certificate; NULL: by viam's rules, mostly the host */
    bool insecure;               /* plaintext; otherwise TLS */
    bool allow_insecure_downgrade;            /* go on in plaintext if the robot does not speak TLS, without credentials; no more once it did */
    bool allow_insecure_with_creds_downgrade; /* the same with credentials, which are sent in the clear */
    bool require_session;        /* moving calls fail on robots without sessions instead of going unprotected */
    bool disable_sessions;       /* moving calls carry no session: nothing stops the robot when this program dies */
    bool old_sessions;           /* for robots of before 2025: every call waits for the session and carries it, but Stop and calls that look after
                                  * the connection; needs #define VIAMC_OLD_SESSIONS 1 */
    const viamc_anchor *anchors; /* whom to trust: an array (boards, made by tools/anchor.py), or ... */
    size_t anchor_count;
    viamc_next_root_fn next_root; /* ... a store that is walked; viamc_posix_open fills it in */
    void *next_root_user;
    viamc_bytes pin_sha256;      /* or the SHA-256 of the robot's public key (SubjectPublicKeyInfo), instead of both */
    uint64_t unix_time;          /* seconds since 1970 at the time of the call of viamc_dial; 0: clock unknown, certificates are refused */
    viamc_ms timeout_ms;         /* of one attempt, all steps together; 20,000 */
    uint32_t attempts;           /* until the first READY; 3; VIAMC_FOREVER: no limit */
    uint32_t max_reconnect_attempts; /* in a row, after a loss; default and VIAMC_FOREVER: no limit; VIAMC_OFF: none */
    viamc_ms backoff_ms;         /* after a loss, and behind three attempts without READY, doubles; 1,000 */
    viamc_ms max_backoff_ms;     /* 60,000 */
    viamc_ms check_interval_ms;  /* of silence, then the robot is asked for a sign of life; 10,000; VIAMC_OFF: never */
    viamc_ms keepalive_ms;       /* the same by HTTP/2's PING in place of a call: of silence, at least 20,000; doubles each time that the robot
                                  * complains (GOAWAY ENHANCE_YOUR_CALM); 0 and VIAMC_OFF: no PING */
    uint32_t guard_end;
} viamc_dial_desc;

enum { /* viamc_state */
    VIAMC_IDLE = 0,    /* viamc_dial was not called */
    VIAMC_DIALING = 1, /* connecting, TLS, authentication */
    VIAMC_READY = 2,   /* calls may start */
    VIAMC_BACKOFF = 3, /* lost, or not to be had; the next attempt is waiting */
    VIAMC_FAILED = 4   /* will not try again; viamc_poll returns the error */
};

/* What is wrong with a desc, with the members' names; NULL: nothing. Constant text, "" with VIAMC_NO_STRINGS. */
VIAMC_API const char *viamc_client_desc_error(const viamc_client_desc *desc);

/* Octets that a block for this desc needs, exactly, whatever its alignment. 0: the desc is wrong (viamc_client_desc_error). */
VIAMC_API size_t viamc_client_mem_size(const viamc_client_desc *desc);

/* Makes a client in a block of memory. Nothing is sent.
 *   memory  kept until viamc_client_close: size octets, any alignment
 *   desc    copied
 *   client  out: the client, inside memory; NULL unless OK
 * Returns:  OK; ARG (viamc_client_desc_error says what is wrong); NOMEM (viamc_client_mem_size says how much). */
VIAMC_API viamc_err viamc_client_init(void *memory, size_t size, const viamc_client_desc *desc, viamc_client **client);

/* Starts to connect; the polls do the work. Also after FAILED or with a new address: the old connection is closed first, its calls end
 * with CANCELLED, and the new one begins when their events were taken; LOST does not come.
 *   desc  copied; what it points to is kept until viamc_client_close
 * Returns:  OK; ARG (bad address, key id not a UUID, api_key without api_key_id, NULL address ...); STATE (from inside a sink). After ARG a
 *           client that was connected, or was to be, goes on as if nothing had been asked, and desc.log has what is wrong; another one is
 *           FAILED, and viamc_explain says it. */
VIAMC_API viamc_err viamc_dial(viamc_client *c, const viamc_dial_desc *desc);

/* Does all the work there is, and never blocks: reads, writes, heartbeats, redialling. Bounded (VMC_POLL_STEPS).
 * Events and views of the last poll end here.
 *   now  milliseconds of a monotonic clock, may wrap
 * Returns:  OK, also before viamc_dial and while the connection is lost; STATE (from inside a sink); the client's error when it will not
 *           try again (state FAILED). */
VIAMC_API viamc_err viamc_poll(viamc_client *c, viamc_ms now);

/* How long the caller may sleep, and for what. A pure question, to be asked just before sleeping. Without a client: for ever. */
VIAMC_API void viamc_wait(const viamc_client *c, viamc_ms now, viamc_wait_hint *hint);

/* Takes the next event. False: none (always from inside a sink). What it shows lasts until the next poll; what is not taken waits. */
VIAMC_API bool viamc_next_event(viamc_client *c, viamc_event *ev);

/* VIAMC_IDLE to VIAMC_FAILED */
VIAMC_API uint8_t viamc_state(const viamc_client *c);

/* The error of the client or, if it has none, of the connection that was lost last (until READY). */
VIAMC_API viamc_error viamc_client_error(const viamc_client *c);

/* Writes what went wrong for a person: "TLS: certificate expired 2026-03-01 (rover.viam.cloud:443)". Terminated, cut to cap.
 * Returns the octets written, without the terminator. */
VIAMC_API size_t viamc_explain(const viamc_client *c, char *buf, size_t cap);

/* Ends everything at once: calls, connection, secrets (wiped). The session is left to expire on the robot, which then stops what it
 * moved: stop it yourself first if you want to know. The handle ends here, and the memory is the caller's again.
 * Allowed: any time but from inside a sink, where it does nothing. */
VIAMC_API void viamc_client_close(viamc_client *c);

/* Starts a call of a method and returns at once.
 *   method  kept until the call ends
 *   msg     copied (opts.keep: kept until DONE): the encoded request; not sent for client streams, whose messages go by viamc_call_send_bytes
 *   opts    copied; NULL: defaults
 *   call    out: handle until DONE was taken; may be NULL
 * Allowed:  in state READY; not from a sink.
 * Returns:  OK; ARG (a wrong option: extra or replace where the method has none, a Stop above 123 octets ...); STATE (not READY);
 *           BUSY (all calls in use, tx full, or a Stop of the same resource is under way: after a DONE); NOMEM (more than there ever is room
 *           for: tx_bytes less 138, a prefix and what Stops need).
 * Source:   gRPC over HTTP/2, Requests; motion: src/README.md, Motion rules */
VIAMC_API viamc_err viamc_call_method(viamc_client *c, const viamc_method *method, viamc_bytes msg, const viamc_opts *opts, viamc_call *call);

/* The same without a method object: path "/package.Service/Method", kept until the call ends, ASCII without blanks (a robot would refuse it). What begins
 * with /viam.component. counts as moving unless opts.reads_only, or as a Stop if it ends in /Stop; opts.stream makes it a stream. */
VIAMC_API viamc_err viamc_call_bytes(viamc_client *c, const char *path, viamc_bytes msg, const viamc_opts *opts, viamc_call *call);

/* Where the next request can be encoded in place: *cap octets, until the next poll or call. Handing exactly that view to
 * viamc_call_method spares a copy. NULL without a client. */
VIAMC_API uint8_t *viamc_call_room(viamc_client *c, size_t *cap);

/* Sends the next message of a client stream; WRITABLE comes when it is on its way.
 * Returns:  OK; BUSY (earlier messages are still waiting: at WRITABLE; tx is full of other calls, or a Stop of the resource that it names is
 *           under way: after a DONE); NOMEM (more than half of tx_bytes); NOT_FOUND (the call is over); STATE (after viamc_call_send_end, no client stream, from inside a sink). */
VIAMC_API viamc_err viamc_call_send_bytes(viamc_client *c, viamc_call call, viamc_bytes msg);

/* Says that no more messages follow. OK; NOT_FOUND (the call is over); STATE (said before, no client stream, from inside a sink). */
VIAMC_API viamc_err viamc_call_send_end(viamc_client *c, viamc_call call);

/* Gives a call up: its DONE comes with CANCELLED. What the robot has begun may go on: only Stop stops. OK; NOT_FOUND (it is over);
 * STATE (from inside a sink). */
VIAMC_API viamc_err viamc_call_cancel(viamc_client *c, viamc_call call);

/* What a client has done and how close to its limits it is. */
typedef struct viamc_stats {
    uint32_t polls, steps_max;      /* polls; most port calls of one poll */
    uint32_t heartbeats;            /* answered */
    uint32_t heartbeat_age_ms;      /* since the last answered one was sent; VIAMC_FOREVER: none */
    uint32_t window_ms;             /* heartbeat window of the session; 0: no session */
    uint32_t connects;              /* times READY */
} viamc_stats;

/* Fills in the figures of a client; all 0 without one. */
VIAMC_API void viamc_client_stats(const viamc_client *c, viamc_ms now, viamc_stats *stats);

/* "ECDHE-ECDSA-CHACHA20-POLY1305", "plaintext", "" while not connected. Constant. */
VIAMC_API const char *viamc_client_suite(const viamc_client *c);

/* ---- memory for static arrays: bounds of viamc_client_mem_size, proven by the tests ---- */

/* Sums, octets, of the layout in client_impl.h. Fixed: client, TLS contexts, HPACK table, token and the records beside the
 * user's; per call: record, stream and slot. */
#define VMC_CLIENT_FIXED_TLS (sizeof(void *) == 8 ? 6360u : 5710u)
#define VMC_CLIENT_FIXED_PLAIN (sizeof(void *) == 8 ? 2510u : 2110u)
#define VMC_CLIENT_PER_CALL(slot) ((sizeof(void *) == 8 ? 184u : 144u) + (slot) + 8u)
/* the slots and rx are at least what the certificate check needs, which uses them while dialling */
#define VMC_CLIENT_ROOM(calls, slot, rx, trust) \
    ((calls) * ((slot) + 8u) + (rx) > (trust) ? 0u : (trust) - (calls) * ((slot) + 8u) - (rx))

/* Host defaults: TLS input of 16,709 octets, slots of 4,096. */
#define VIAMC_CLIENT_MEM(calls, rx) \
    (VMC_CLIENT_FIXED_TLS + 16709u + 16469u + 16384u + 4096u + 1024u + VMC_CLIENT_PER_CALL(4096u) * (calls) + (rx) + VMC_CLIENT_ROOM(calls, 4096u, rx, 7600u))
/* Board defaults: TLS input of 4,608 octets, more for more than 3 calls; slots of 512. */
#define VMC_CLIENT_IN(calls) \
    (((calls) + 4u) * 517u + 837u < 4608u ? 4608u : ((calls) + 4u) * 517u + 837u > 16709u ? 16709u : ((calls) + 4u) * 517u + 837u)
#define VIAMC_CLIENT_MEM_SMALL(calls, rx) \
    (VMC_CLIENT_FIXED_TLS + VMC_CLIENT_IN(calls) + 640u + 1024u + 256u + 1024u + VMC_CLIENT_PER_CALL(512u) * (calls) + (rx) + VMC_CLIENT_ROOM(calls, 512u, rx, 3500u))
/* Board defaults without TLS. */
#define VIAMC_CLIENT_MEM_PLAIN(calls, rx) \
    (VMC_CLIENT_FIXED_PLAIN + 256u + 256u + 1024u + 256u + 1024u + VMC_CLIENT_PER_CALL(512u) * (calls) + (rx))

#endif
