/* SPDX-License-Identifier: MIT */
/* server/server: being a robot: memory, peers, resources and the handlers that serve them. */
#ifndef VIAMC_SERVER_SERVER_H
#define VIAMC_SERVER_SERVER_H

#include "base/core.h"
#include "base/time.h"
#include "base/log.h"
#include "base/port.h"
#include "call/call.h"

/* One robot that others drive. Lives in one block of the caller's memory; belongs to one thread at a time. */
typedef struct viamc_server viamc_server;

/* One call that is being served. A handle that is valid while its handler runs and, after viamc_request_keep, until it is answered. */
typedef struct viamc_request viamc_request;

/* A name under which a service is offered. Lives in the server's block. */
typedef struct viamc_resource viamc_resource;

/* A key that lets clients in: id and secret, as a client's api_key_id and api_key. */
typedef struct viamc_api_key {
    const char *id;
    const char *key;
} viamc_api_key;

/* viamc_server_event.kind */
enum {
    VIAMC_SEV_CAME = 1,      /* a peer was accepted: text its address */
    VIAMC_SEV_SECURED = 2,   /* its TLS handshake is over: text the suite; ms since it came */
    VIAMC_SEV_KNOWN = 3,     /* it authenticated: text the key id; ms since it came */
    VIAMC_SEV_REFUSED = 4,   /* it showed wrong credentials: text the key id that it claims, in ASCII, number how many times on this connection */
    VIAMC_SEV_LEFT = 5,      /* it is gone: error; ms since it came */
    VIAMC_SEV_CALL = 6,      /* a handler is called: text the method's path, name the resource */
    VIAMC_SEV_SESSION = 7,   /* a safety session begins, or goes on (number 1): ms its window */
    VIAMC_SEV_HEARTBEAT = 8, /* of a session: ms since the one before */
    VIAMC_SEV_BOUND = 9,     /* a moving call: from now on the session stops name when it ends */
    VIAMC_SEV_EXPIRED = 10,  /* a session ended: ms since its last heartbeat, number of resources that it moved */
    VIAMC_SEV_STOPPED = 11   /* the server stopped name: ms since it was due, number the gRPC status that stop answered */
};

/* What happened, for a person who watches. Views last as long as the callback. */
typedef struct viamc_server_event {
    uint8_t kind;       /* VIAMC_SEV_* */
    uint8_t peer;       /* whose: 0 to max_peers - 1; 255: nobody's */
    viamc_str text;
    viamc_str name;     /* of a resource */
    viamc_ms ms;
    uint32_t number;
    viamc_error error;  /* LEFT */
} viamc_server_event;

/* Called from viamc_server_poll and from the functions that answer; may call nothing of viamc on that server. */
typedef void (*viamc_server_event_fn)(void *user, const viamc_server_event *event);

/* What a server needs. Zero means default; copied by viamc_server_init. Defaults: host / board. */
typedef struct viamc_server_desc {
    uint32_t guard;                /* leave 0: catches an uninitialised struct */
    const viamc_port *port;        /* kept: moves the bytes and accepts peers; required, with all functions but open */
    void *port_user;               /* kept: handed to the port */
    uint8_t profile;               /* VIAMC_HOST or VIAMC_BOARD: which defaults, which ciphers first */
    uint8_t max_peers;             /* connections at once, at most 250; 2. More wait in the port's queue */
    uint8_t max_requests;          /* of one peer at once, at most 250; 4 */
    uint8_t max_resources;         /* 8 */
    uint8_t max_sessions;          /* safety sessions at once; 4 */
    const viamc_api_key *api_keys; /* kept: who may come in; none: everybody (Authenticate still answers OK) */
    size_t api_key_count;
    const viamc_bytes *cert_chain; /* kept, DER, its own first; none: plaintext */
    size_t cert_count;
    viamc_bytes key;               /* kept, DER: the private key of the first certificate */
    viamc_ms window_ms;            /* a session ends this long after its last heartbeat; 2,000; from 30 to 60,000 */
    uint32_t slot_bytes;           /* request that every call can take without waiting; 4,096 / 512 */
    uint32_t rx_bytes;             /* the one buffer for requests larger than that, shared by all peers; 0: none */
    uint32_t tx_bytes;             /* answers of one peer waiting to be sent, at least 256: half of it for answers of unary calls, half for
                                    * streams (viamc_answer_room); 16,384 / 1,024 */
    uint32_t in_bytes;             /* TLS input, 837 to 16,709: 16,709; plaintext input, at most 65,535: 4,096 / 256 */
    uint32_t out_bytes;            /* frames on their way out, 512 to 65,535; 16,384 / 512 */
    uint32_t message_bytes;        /* memory for one decoded request (viamc_request_scratch); 640, which is enough for
                                    * every service of a machine / 256, enough for every component */
    const char *platform;          /* kept: what GetVersion answers; "viamc" */
    const char *version;           /* kept; viamc_version() */
    viamc_server_event_fn on_event; /* NULL: nobody watches */
    void *event_user;
    viamc_log log;                 /* kept */
    uint32_t guard_end;            /* leave 0 */
} viamc_server_desc;

#ifndef VIAMC_NO_SERVER

/* Octets that a block for this desc needs, exactly, whatever its alignment. 0: the desc is wrong (viamc_server_init says what). */
VIAMC_API size_t viamc_server_mem_size(const viamc_server_desc *desc);

/* Makes a server in a block of memory. Nothing is accepted before the first poll.
 *   memory  kept until viamc_server_close: size octets, any alignment
 *   desc    copied; what it points to is kept
 *   server  out: the server, inside memory. Also after an error, if the block has room for that much, for viamc_server_explain alone;
 *           else NULL
 * Returns:  OK; ARG (viamc_server_explain says what); NOMEM (detail: octets needed); ENTROPY (the port has no random bytes). */
VIAMC_API viamc_err viamc_server_init(void *memory, size_t size, const viamc_server_desc *desc, viamc_server **server);

/* What is wrong with the server itself; code OK: nothing. NULL: memory was too small for any server. */
VIAMC_API viamc_error viamc_server_error(const viamc_server *s);

/* The same for a person: "NOMEM: server needs 9,416 bytes, 8,192 given". Terminated, cut to cap. Returns the octets written.
 * Knows viamc_server_init's errors only, not what viamc_server_add answered. */
VIAMC_API size_t viamc_server_explain(const viamc_server *s, char *buf, size_t cap);

/* Does all the work there is, and never blocks: ends sessions and stops what they moved, accepts, reads, calls handlers, writes. Bounded: one
 * record and max_requests handlers a peer, one step of one TLS handshake.
 *   now  milliseconds of a monotonic clock, may wrap
 * Allowed:  not from a handler.
 * Returns:  OK; STATE (from a handler, or after an error of viamc_server_init). A lost peer is no error. */
VIAMC_API viamc_err viamc_server_poll(viamc_server *s, viamc_ms now);

/* How long the caller may sleep, and for what. A pure question, to be asked just before sleeping. Without a server: for ever. */
VIAMC_API void viamc_server_wait(const viamc_server *s, viamc_ms now, viamc_wait_hint *hint);

/* Ends everything: stops once what is bound to a session, says goodbye to the peers, closes, wipes the block. From a handler it
 * does nothing. */
VIAMC_API void viamc_server_close(viamc_server *s);

#endif

/* ---- services and resources: generated (viamc_server_add_motor ...), or one's own ---- */

/* Serves one call. Called from viamc_server_poll; may do anything but poll or close.
 *   msg  view while the handler runs (kept requests: until they are answered)
 * Called once for unary calls and server streams; for client streams once per message and once more, with msg.ptr NULL, when the client has
 * ended its side (viamc_request_at_end).
 * Returns:  OK: answered, failed, kept; or, of a client stream before its end, taken. A stream of answers whose handler returns OK at the
 *           end (server stream: at once) without keeping has ended with status OK.
 *           WAIT: not yet. The handler is called again with the same message at a later poll, soonest when there is room for an answer.
 *           A request that its client gave up meanwhile is gone without another call; so is a moving one whose resource was stopped
 *           (ABORTED).
 *           Else the call fails with INTERNAL (NOMEM: RESOURCE_EXHAUSTED, MESSAGE: INVALID_ARGUMENT), unless it was answered. */
typedef viamc_err (*viamc_serve_fn)(viamc_request *rq, viamc_bytes msg);

/* A method and who serves it. */
typedef struct viamc_serve {
    const viamc_method *method; /* kept */
    viamc_serve_fn serve;       /* NULL: UNIMPLEMENTED */
} viamc_serve;

/* A service. */
typedef struct viamc_service {
    const char *name;           /* kept: "viam.component.motor.v1.MotorService" */
    const char *type;           /* kept: "component", "service"; "" for services without resource names */
    const char *subtype;        /* kept: "motor" */
    const viamc_serve *methods; /* kept */
    uint8_t count;
    viamc_serve_fn stop;        /* ends motion of the resource: for session expiry and StopAll. Its request is the server's own, with
                                 * the name in field 1 (and field 99, extra, of StopAll); only the status of its answer counts, and it is
                                 * asked again until that is OK, or until somebody drives the resource anew. It may keep, but then msg ends
                                 * with its return. NULL: nothing to stop */
} viamc_service;

#ifndef VIAMC_NO_SERVER

/* Offers a service under a name, from now on, also to peers that are there.
 *   service   kept
 *   name      kept: the resource's name, 1 to 128 octets of UTF-8 without control characters; "" or NULL for a service without names
 *   ops, user kept: what viamc_request_ops and viamc_request_user answer
 *   resource  out, may be NULL
 * Returns:  OK; ARG (no such name, the same service has it already, type and name do not fit, or something of the service is NULL that
 *           may not be); NOMEM (max_resources); STATE (after an error of viamc_server_init). */
VIAMC_API viamc_err viamc_server_add(viamc_server *s, const viamc_service *service, const char *name, const void *ops, void *user,
                                     viamc_resource **resource);

/* The name it was added under. */
VIAMC_API viamc_str viamc_resource_name(const viamc_resource *resource);

/* ---- requests ---- */

/* What was given to viamc_server_add for the resource that the request names. */
VIAMC_API const void *viamc_request_ops(const viamc_request *rq);
VIAMC_API void *viamc_request_user(const viamc_request *rq);

/* The method that was called; NULL for the server's own Stop. */
VIAMC_API const viamc_method *viamc_request_method(const viamc_request *rq);

/* The resource name asked for (field 1 of the first message): the one of viamc_server_add. */
VIAMC_API viamc_str viamc_request_name(const viamc_request *rq);

/* The message at hand, encoded: what the handler was called with. View until the request is answered. */
VIAMC_API viamc_bytes viamc_request_message(const viamc_request *rq);

/* True in the call that says that a client stream has ended: there is no message. */
VIAMC_API bool viamc_request_at_end(const viamc_request *rq);

/* True if the client gave up, is gone, or its deadline has passed. A kept request is to be answered or failed all the same: only then its
 * place is free again. */
VIAMC_API bool viamc_request_cancelled(const viamc_request *rq);

/* A number for the handler's own use, 0 when the request comes: where a stream of answers has got to. Valid as long as rq. */
VIAMC_API uint32_t *viamc_request_mark(viamc_request *rq);

/* Memory for one decoded message, aligned for any type; the same for every request, so it ends when the handler returns. NULL: more than
 * desc.message_bytes. */
VIAMC_API void *viamc_request_scratch(viamc_request *rq, size_t size);

/* ---- answers ---- */

/* Where the next answer or message of a stream can be encoded in place: *cap octets. Handing exactly that view on spares a copy.
 * Good until the next answer or message to the same peer, and not beyond the poll. Half of tx_bytes (less 64 octets) is always there for a
 * handler that answers a unary call at once. */
VIAMC_API uint8_t *viamc_answer_room(viamc_request *rq, size_t *cap);

/* Answers with one message and status OK.
 *   msg  copied
 * Returns:  OK; BUSY (a kept request: no room now, later); NOMEM (larger than there ever is room for); CLOSED (the client has given up: the
 *           request is over all the same); STATE (it is answered already). */
VIAMC_API viamc_err viamc_answer_bytes(viamc_request *rq, viamc_bytes msg);

/* Ends the call with a status other than OK.
 *   status  VIAMC_CANCELLED to VIAMC_UNAUTHENTICATED
 *   text    copied, cut to 88 octets; NULL: none
 * Returns:  OK; ARG; CLOSED, STATE as above. */
VIAMC_API viamc_err viamc_fail(viamc_request *rq, uint32_t status, const char *text);

/* Keeps the request for an answer from a later loop. It occupies one of its peer's max_requests until then, and its
 * handler is not called again: what its client still sends waits. OK; STATE (answered already, or kept by a handler that has returned). */
VIAMC_API viamc_err viamc_request_keep(viamc_request *rq);

/* Sends one message of a stream of answers.
 *   msg  copied
 * Returns:  OK; BUSY (no room now: later; a handler returns WAIT); NOMEM (more than half of tx_bytes); CLOSED (the client has given up: end
 *           it); STATE (not a stream, or ended). */
VIAMC_API viamc_err viamc_request_send(viamc_request *rq, viamc_bytes msg);

/* Ends a stream of answers with status OK. OK; CLOSED, STATE as above. */
VIAMC_API viamc_err viamc_request_end(viamc_request *rq);

#endif

/* ---- memory for static arrays: bounds of viamc_server_mem_size, proven by the tests ---- */

/* Sums, octets, of the layout in server_impl.h. Fixed: server, TLS identity, 8 keys, 8 resources, 4 sessions; per peer: peer, TLS context,
 * HPACK table and the 512 octets of header fields; per request: record, stream and slot. */
#define VMC_SERVER_FIXED (sizeof(void *) == 8 ? 2200u : 1600u)
#define VMC_SERVER_PEER_TLS (sizeof(void *) == 8 ? 9990u : 9390u)
#define VMC_SERVER_PEER_PLAIN (VMC_SERVER_PEER_TLS - (sizeof(void *) == 8 ? 4320u : 3904u))
#define VMC_SERVER_REQUEST(slot) ((sizeof(void *) == 8 ? 280u : 212u) + (slot) + 96u)

/* Host defaults: TLS input of 16,709 octets, slots of 4,096. */
#define VIAMC_SERVER_MEM(peers, requests, rx) \
    (VMC_SERVER_FIXED + 640u + (peers) * (VMC_SERVER_PEER_TLS + 16709u + 16469u + 16384u + (requests) * VMC_SERVER_REQUEST(4096u)) + (rx))
/* Board defaults: TLS input of 16,709 octets, slots of 512. */
#define VIAMC_SERVER_MEM_SMALL(peers, requests, rx) \
    (VMC_SERVER_FIXED + 256u + (peers) * (VMC_SERVER_PEER_TLS + 16709u + 640u + 1024u + (requests) * VMC_SERVER_REQUEST(512u)) + (rx))
/* Board defaults without TLS. */
#define VIAMC_SERVER_MEM_PLAIN(peers, requests, rx) \
    (VMC_SERVER_FIXED + 256u + (peers) * (VMC_SERVER_PEER_PLAIN + 256u + 512u + 1024u + (requests) * VMC_SERVER_REQUEST(512u)) + (rx))

#endif
