/* SPDX-License-Identifier: MIT */
/* tls/tls: TLS 1.2 as a thing between two byte ports, client and server: private declarations.
 * Knows BearSSL and octets; knows nothing of HTTP/2, sockets and who uses it. */
#ifndef VIAMC_TLS_TLS_H
#define VIAMC_TLS_TLS_H

#include "base/config.h"
#include "base/core.h"
#include "tls/tls_sys.h"
#include "tls/trust.h"

#ifndef VIAMC_NO_TLS

typedef enum vmc_tls_role { VMC_TLS_CLIENT, VMC_TLS_SERVER } vmc_tls_role;

typedef enum vmc_tls_state {
    VMC_TLS_IDLE,      /* all zero, or wiped: nothing moves */
    VMC_TLS_HANDSHAKE, /* wire_in and wire_out move octets; no application data yet */
    VMC_TLS_UP,        /* application data flows both ways */
    VMC_TLS_CLOSED,    /* the peer's close_notify came, or ours was answered; wire_out may still hold ours */
    VMC_TLS_FAILED     /* error says why; nothing moves any more, except an alert that waits in wire_out */
} vmc_tls_state;

/* Which cipher comes first: decided by who pays for it. */
typedef enum vmc_tls_order {
    VMC_TLS_AES_FIRST,   /* hosts: AES instructions */
    VMC_TLS_CHACHA_FIRST /* boards: ChaCha20-Poly1305 costs a sixth of AES-GCM there */
} vmc_tls_order;

/* Numbers of a certificate error, in days since 1970-01-01 UTC. */
typedef struct vmc_tls_dates {
    uint32_t clock, from, until;
    bool early; /* else late */
} vmc_tls_dates;

typedef struct vmc_trust vmc_trust;

/* What both roles share: the first member of vmc_tls_client and vmc_tls_server, so vmc_tls_bytes says how much there must be. */
typedef struct vmc_tls {
    br_ssl_engine_context *eng;
    vmc_trust *trust;      /* clients, during the handshake only */
    uint8_t *in, *out;     /* the record buffers */
    size_t in_cap, out_cap;
    viamc_error error;
    vmc_tls_dates dates;   /* of a certificate refused for its dates */
    const char *alpn[1];   /* what is offered: "h2" */
    uint8_t state;         /* vmc_tls_state */
    uint8_t role;          /* vmc_tls_role */
    uint8_t head;          /* octets of the first record header that came, at most 5 */
} vmc_tls;

/* What a client connection needs. All views are used until the handshake has ended; nothing is copied but the name. */
typedef struct vmc_tls_client_desc {
    viamc_str server_name;       /* DNS name or address as text: decides SNI (none for addresses) and the name that is checked */
    const viamc_anchor *anchors; /* kept until UP */
    size_t anchor_count;
    viamc_next_root_fn next_root;
    void *next_root_user;
    viamc_bytes pin_sha256;      /* SHA-256 of the server's SubjectPublicKeyInfo; set: the key is checked, the chain is not */
    uint64_t unix_time;          /* seconds; 0: the clock is unknown, certificates are refused with a text that says so */
    const uint8_t *seed;         /* unpredictable octets: the only source of the engine's secrets */
    size_t seed_len;             /* at least VMC_TLS_SEED_MIN */
    uint8_t order;               /* vmc_tls_order */
    uint8_t *in, *out;           /* kept until wiped */
    size_t in_cap, out_cap;      /* VMC_TLS_IN_MIN to _MAX, VMC_TLS_OUT_MIN to _MAX */
    void *trust;                 /* lent until UP, aligned as uint64_t: may be memory that has another use after the handshake */
    size_t trust_cap;            /* vmc_tls_trust_bytes(next_root != NULL) */
} vmc_tls_client_desc;

#define VMC_TLS_CHAIN_MAX 4u /* certificates that a server sends */

/* A private key: views into its DER. */
typedef struct vmc_key {
    uint8_t type; /* VIAMC_KEY_*, 0: none */
    union {
        br_rsa_private_key rsa;
        br_ec_private_key ec;
    } of;
    viamc_bytes n; /* RSA: the modulus, to compare with the certificate's */
} vmc_key;

/* A server's certificates and key: made once by vmc_tls_identity_load, used by any number of connections. */
typedef struct vmc_tls_identity {
    br_x509_certificate chain[VMC_TLS_CHAIN_MAX]; /* views */
    size_t chain_len;
    vmc_key key;
} vmc_tls_identity;

typedef struct vmc_tls_server_desc {
    const vmc_tls_identity *identity; /* kept until wiped */
    const uint8_t *seed;
    size_t seed_len;
    uint8_t order;
    uint8_t *in, *out;
    size_t in_cap, out_cap;
} vmc_tls_server_desc;

/* The functions are in tls_impl.h, in the order of use:
 *     vmc_tls_bytes, vmc_tls_trust_bytes         how much memory
 *     vmc_tls_identity_load                      servers: certificates and key, once
 *     vmc_tls_client_open, vmc_tls_server_open
 *     vmc_tls_state_of
 *     vmc_tls_wire_in, _done, wire_out, _done    octets of the wire
 *     vmc_tls_app_in, _done, app_out, _done      octets of the user
 *     vmc_tls_close, vmc_tls_wipe
 *     vmc_tls_suite_name, vmc_tls_alpn_h2, vmc_tls_explain_error */

#endif /* VIAMC_NO_TLS */
#endif
