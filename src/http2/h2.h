/* SPDX-License-Identifier: MIT */
/* http2/h2: HTTP/2 frames to streams and back, both roles (RFC 9113).
 * Octets are handed in and events are pulled; octets to send are written into a window that is handed in.
 * Nothing is queued: what is owed to the peer (acknowledgements, resets, credit) is state, and becomes frames when there is room.
 * Knows hpack. Knows nothing of gRPC, sockets, TLS and time. */
#ifndef VIAMC_HTTP2_H2_H
#define VIAMC_HTTP2_H2_H

#include "base/core_impl.h"
#include "http2/hpack.h"

/* RFC 9113 7: error codes */
enum {
    VMC_H2_NO_ERROR = 0,
    VMC_H2_PROTOCOL_ERROR = 1,
    VMC_H2_INTERNAL_ERROR = 2,
    VMC_H2_FLOW_CONTROL_ERROR = 3,
    VMC_H2_SETTINGS_TIMEOUT = 4,
    VMC_H2_STREAM_CLOSED = 5,
    VMC_H2_FRAME_SIZE_ERROR = 6,
    VMC_H2_REFUSED_STREAM = 7,
    VMC_H2_CANCEL = 8,
    VMC_H2_COMPRESSION_ERROR = 9,
    VMC_H2_CONNECT_ERROR = 10,
    VMC_H2_ENHANCE_YOUR_CALM = 11,
    VMC_H2_INADEQUATE_SECURITY = 12,
    VMC_H2_HTTP_1_1_REQUIRED = 13
};

#define VMC_H2_NO_SLOT 0xffu         /* an event or frame that belongs to no stream of ours */
#define VMC_H2_WINDOW_INIT 65535u    /* RFC 9113 6.9.2: both windows before SETTINGS, octets */
#define VMC_H2_WINDOW_MAX 0x7fffffffu /* RFC 9113 6.9.1 */
#define VMC_H2_FRAME_MAX 16384u      /* RFC 9113 4.2: payload every peer accepts; we announce no more */
#define VMC_H2_ID_MAX 0x7fffffffu    /* RFC 9113 5.1.1 */
#define VMC_H2_FRAME_HEAD 9u         /* RFC 9113 4.1: octets of a frame header */

/* Flags of a stream. A slot with id 0 is free. */
#define VMC_H2_LOCAL_END 0x01u  /* we sent END_STREAM */
#define VMC_H2_REMOTE_END 0x02u /* the peer sent END_STREAM, or reset the stream */
#define VMC_H2_RESET_DUE 0x04u  /* RST_STREAM is to be sent, then the slot is free; what comes meanwhile is dropped */
#define VMC_H2_GOT_FINAL 0x08u  /* the peer's final header block came: DATA is legal, the next block is trailers */
#define VMC_H2_EARLY 0x10u      /* server: opened before the peer acknowledged our SETTINGS, so it may send 65,535 octets */
#define VMC_H2_ALL_FIELDS 0x20u /* client: every field is handed up, also of a block that repeats one */

#define VMC_H2_DUE_MAX 0xffffffu /* most credit that one WINDOW_UPDATE gives */

typedef struct vmc_h2_stream {
    uint32_t id;
    int32_t send_window; /* octets that we may send; negative after a SETTINGS that lowered it (RFC 9113 6.9.2) */
    int32_t credit;      /* octets that the peer may still send */
    uint32_t due : 24;   /* with RESET_DUE: its code; else the credit that WINDOW_UPDATE is to give */
    uint8_t flags;
} vmc_h2_stream;

typedef enum vmc_h2_event_kind {
    VMC_H2_MORE,         /* input is used up */
    VMC_H2_OPENED,       /* server: a request's header block begins on `slot` */
    VMC_H2_FIELD,        /* a piece of a field of `slot`: piece */
    VMC_H2_BLOCK_END,    /* header block of `slot` complete and well-formed: status (0: trailers, or a request), end */
    VMC_H2_DATA,         /* octets of `slot`: data; end */
    VMC_H2_RESET,        /* the peer reset `slot` with code */
    VMC_H2_STREAM_ERROR, /* the peer broke a rule on `slot`, which is being reset with code */
    VMC_H2_GOAWAY,       /* the peer opens no more: code; streams above `last` were not processed */
    VMC_H2_FAILED        /* the connection is broken: vmc_h2_what; GOAWAY is to be sent, then close */
} vmc_h2_event_kind;

typedef struct vmc_h2_event {
    uint8_t slot;
    bool end;        /* BLOCK_END, DATA: with it the peer ended the stream */
#if VIAMC_SHORTCUTS
    bool repeats;    /* BLOCK_END: the octets of block `memo` again; its fields were not handed up */
    uint8_t memo;    /* BLOCK_END: 1 or 2: the fields of this block may come again so; 0: they will not */
#endif
    uint16_t status; /* :status of a response's final header block */
    uint32_t code;
    uint32_t last;
    viamc_bytes data;       /* view into the input */
    vmc_hpack_piece piece;
} vmc_h2_event;

typedef struct vmc_h2_config {
    bool server;
    vmc_h2_stream *streams; /* kept: count slots */
    uint8_t count;
    uint8_t max_streams;    /* server: SETTINGS_MAX_CONCURRENT_STREAMS */
    uint8_t *table;         /* kept: table_bytes octets for the decoder */
    uint32_t table_bytes;   /* SETTINGS_HEADER_TABLE_SIZE */
    uint32_t window;        /* SETTINGS_INITIAL_WINDOW_SIZE */
    uint32_t header_list;   /* SETTINGS_MAX_HEADER_LIST_SIZE */
    uint32_t credit_limit;  /* most octets that the peer may have on its way over all streams, 0: any (design.md 2, invariant 2) */
} vmc_h2_config;

typedef enum vmc_h2_state {
    VMC_H2_AT_HEAD,    /* 9 octets of a frame header */
    VMC_H2_AT_PREFACE, /* server: 24 octets of the client's preface */
    VMC_H2_AT_FIXED,   /* octets that begin the frame's payload, in a number that its header tells */
    VMC_H2_AT_DATA,    /* payload of DATA */
    VMC_H2_AT_BLOCK,   /* header block fragment */
    VMC_H2_AT_SKIP,    /* octets without meaning: padding, unknown frames, debug text */
    VMC_H2_AT_END      /* failed: all input is dropped */
} vmc_h2_state;

/* What is owed to the peer; written in this order. */
#define VMC_H2_OWES_START 0x01u    /* preface and SETTINGS */
#define VMC_H2_OWES_CREDIT 0x02u   /* WINDOW_UPDATE of the connection */
#define VMC_H2_OWES_ACKS 0x04u     /* settings_due, pings_due */
#define VMC_H2_OWES_GOAWAY 0x08u
#define VMC_H2_OWES_REFUSALS 0x10u /* server */
#define VMC_H2_OWES_CHORES 0x20u   /* a stream has RESET_DUE, or credit due */
#define VMC_H2_OWES_PING 0x40u     /* the peer is asked for a sign of life, or whether resets have reached it */

/* What our PINGs carry, eight times: their answers are told apart by it. */
#define VMC_H2_PING_LIFE 'l'
#define VMC_H2_PING_RESETS 'r'

#if VIAMC_SHORTCUTS
/* A whole reply that lies in the input: headers and trailers as they were before, one DATA frame between them. */
typedef struct vmc_h2_reply {
    uint8_t slot;
    uint32_t octets;  /* of the three frames */
    viamc_bytes data; /* of the DATA frame: view into the input */
} vmc_h2_reply;
#endif

/* Header block being received: one at a time on a connection. */
typedef struct vmc_h2_block {
    uint8_t seen;          /* VMC_H2_P_... of its fields, VMC_H2_B_... */
    uint8_t wrong;         /* code that the stream will be reset with when the block ends, 0: none (RFC 9113 8.1.1) */
    bool open;             /* END_HEADERS has not come: only CONTINUATION may follow */
    uint8_t continuations;
#if VIAMC_SHORTCUTS
    uint8_t memo;          /* its octets are in a memo: so many, once it has proved right */
#endif
    uint16_t status;
    uint16_t fields;
    uint32_t octets;       /* encoded, so far */
    uint32_t list;         /* decoded, as RFC 9113 10.5.1 counts */
} vmc_h2_block;

/* In a build without servers the role is a constant, and the server's half of the code is gone. */
#ifdef VIAMC_NO_SERVER
#define VMC_H2_IS_SERVER(h) ((void)(h), false)
#define VMC_H2_MAX_STREAMS(h) 0u
#else
#define VMC_H2_IS_SERVER(h) ((h)->server)
#define VMC_H2_MAX_STREAMS(h) ((h)->max_streams)
#endif

/* Only the buffer for a TLS record limits the credit of all streams together: else the code for that is gone too. */
#ifdef VIAMC_NO_TLS
#define VMC_H2_LIMIT(h) ((void)(h), 0u)
#define VMC_H2_ZOMBIES(h) 0u
#else
#define VMC_H2_LIMIT(h) ((h)->credit_limit)
#define VMC_H2_ZOMBIES(h) ((h)->zombies + (h)->zombies_ping)
#endif

/* What every frame needs comes first: a short offset is a short instruction. */
typedef struct vmc_h2 {
    /* frame being received */
    uint8_t state;         /* vmc_h2_state */
    uint8_t type;
    uint8_t flags;
    uint8_t slot;          /* of the frame's stream, if it still takes part: neither over nor about to be reset */
    uint8_t padding;
    uint8_t fixed;         /* octets that AT_FIXED takes */
    uint8_t small_len;
    uint8_t owed;          /* VMC_H2_OWES_START ... */
    uint8_t count;
    uint8_t open;          /* slots in use */
    uint8_t empty;         /* DATA frames without octets in a row */
    uint8_t informational; /* 1xx header blocks in a row */
    vmc_h2_block block;
    uint16_t noise;        /* frames since the last one that moved something */
    uint16_t header_list;
    vmc_h2_stream *streams;
    vmc_h2_stream *stream; /* the frame's, NULL: it takes no part, or no longer */
    uint32_t left;         /* octets of the received frame's payload to come */
    uint32_t id;           /* its stream: while a block is open, that of the block */
    uint32_t next_id;      /* client: of the next stream; server: the peer's highest + 2 */
    /* windows and limits */
    uint32_t window;       /* ours, per stream */
    int32_t credit;        /* octets the peer may still send on the connection */
    int32_t send_window;   /* octets we may send on the connection */
    int32_t peer_window;   /* what a new stream of ours may send */
#ifndef VIAMC_NO_TLS
    uint32_t credit_limit;
    uint32_t zombies;      /* credit of streams reset since the last PING was sent */
    uint32_t zombies_ping; /* credit of streams reset before it; gone when it is answered */
#endif
    uint32_t goaway_last;  /* streams above were not processed */
    uint8_t goaway_code;   /* ours */
    uint8_t broken;        /* why the connection is broken: VMC_H2_E_... */
    uint8_t peer_streams;  /* how many streams the peer permits; 255: that or more */
    bool got_settings;     /* the peer's first SETTINGS came */
    bool acked;            /* the peer acknowledged ours */
    bool goaway_got;
    bool goaway_sent;
    uint8_t pings_due;
    uint8_t settings_due;
    /* frame being written */
    uint8_t out_slot;      /* a header block of this slot is not complete: nothing else may be sent */
    bool out_first;        /* its HEADERS frame is still to come */
    bool out_end;          /* its HEADERS frame carries END_STREAM */
    uint32_t out_id;       /* stream of the header block that is being written; the peer may have reset it meanwhile */
#ifndef VIAMC_NO_SERVER
    bool server;
    uint8_t max_streams;
    uint32_t refused;      /* server: first id of the streams to be refused, 0: none */
    uint32_t refused_last; /* server: last of them */
#endif
    uint8_t small[VMC_H2_FRAME_HEAD];
    uint8_t ping[VMC_H2_MAX_PINGS][8];
    vmc_hpack_dec decoder;
    vmc_hpack_enc encoder;
#if VIAMC_SHORTCUTS
    uint64_t memo[2];      /* client: a reply's headers and its trailers, blocks of indexed fields alone, as a number: the same octets are the same
                            * fields while the decoder's table stays as it is. Servers that index all they can need 2 to 6 octets */
    uint8_t memo_len[2];   /* octets of the memos, 0: none; with :status, that is 200 */
#endif
} vmc_h2;

#endif
