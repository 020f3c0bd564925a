/* SPDX-License-Identifier: MIT */
/* base/core: results, views, the record of an error.
 * Knows C99; knows nothing of networks and protocols. */
#ifndef VIAMC_BASE_CORE_H
#define VIAMC_BASE_CORE_H

#include "base/config.h"

/* Pointers, in every function below: one that is NULL, where its docstring does not say what that means, is a mistake of the caller that
 * changes nothing. What answers viamc_err answers ARG; the rest answers false, 0, NULL, "" or an empty view, or does nothing. The same goes
 * for a message (viamc_bytes) with a length at NULL. Octets of length 0 may be at NULL. */

/* What a function answers. VIAMC_OK is 0; the range of a code says which reaction fits, `detail` of the error record what exactly. */
typedef int16_t viamc_err;

enum {
    VIAMC_OK = 0,
    /* 1-15: the caller. Fix the call. */
    VIAMC_ERR_ARG = 1,       /* a parameter or a member of a desc is wrong; detail: its index or the limit, where there is one */
    VIAMC_ERR_STATE = 2,     /* not now (not connected, from inside a callback, after the end) */
    VIAMC_ERR_NOMEM = 3,     /* the memory given is too small; detail: the bytes needed */
    VIAMC_ERR_BUSY = 4,      /* all calls in use, tx full, or a Stop of this resource is under way; try again after an event */
    VIAMC_ERR_NOT_FOUND = 5, /* no such name */
    VIAMC_ERR_SINK = 6,      /* a sink refused a piece */
    VIAMC_ERR_ENTROPY = 7,   /* no random bytes to be had: nothing starts */
    VIAMC_WAIT = 15,         /* not an error: not yet, ask again */
    /* 16-31: the link. detail: the port's own number (errno). Reconnect. */
    VIAMC_ERR_CLOSED = 16,   /* the peer closed the connection */
    VIAMC_ERR_TIMEOUT = 17,  /* a deadline passed */
    VIAMC_ERR_DNS = 18,      /* the name has no address */
    VIAMC_ERR_IO = 19,       /* the port failed */
    VIAMC_ERR_REFUSED = 20,  /* nobody listens there */
    /* 32-47: TLS. detail: BR_ERR_* or 256 + alert. Check trust, name and clock. */
    VIAMC_ERR_TLS = 32,
    VIAMC_ERR_TLS_PLAINTEXT = 33, /* the peer does not speak TLS */
    VIAMC_ERR_TLS_CERT = 34,      /* certificate refused */
    VIAMC_ERR_TLS_ALPN = 35,      /* the peer did not choose h2 */
    VIAMC_ERR_TLS_RECORD = 36,    /* a record larger than the input buffer; detail: the buffer */
    /* 48-63: HTTP/2. detail: the code of RFC 9113 section 7. Reconnect. */
    VIAMC_ERR_H2 = 48,        /* the peer broke the protocol; detail: the code that it was told */
    VIAMC_ERR_H2_GOAWAY = 49, /* the peer said goodbye; detail: its code */
    /* 64-79: RPC. detail: gRPC status, text in the record. */
    VIAMC_ERR_RPC = 64,     /* a call ended with a status other than OK */
    VIAMC_ERR_AUTH = 65,    /* the robot refused the credentials */
    VIAMC_ERR_SESSION = 66, /* the safety session is lost */
    VIAMC_ERR_MESSAGE = 67, /* a message could not be decoded or encoded */
    VIAMC_ERR_INSECURE = 68 /* the robot is plaintext and that was not accepted */
};

/* gRPC status codes (gRPC, statuscodes). */
enum {
    VIAMC_CANCELLED = 1,
    VIAMC_UNKNOWN = 2,
    VIAMC_INVALID_ARGUMENT = 3,
    VIAMC_DEADLINE_EXCEEDED = 4,
    VIAMC_NOT_FOUND = 5,
    VIAMC_ALREADY_EXISTS = 6,
    VIAMC_PERMISSION_DENIED = 7,
    VIAMC_RESOURCE_EXHAUSTED = 8,
    VIAMC_FAILED_PRECONDITION = 9,
    VIAMC_ABORTED = 10,
    VIAMC_OUT_OF_RANGE = 11,
    VIAMC_UNIMPLEMENTED = 12,
    VIAMC_INTERNAL = 13,
    VIAMC_UNAVAILABLE = 14,
    VIAMC_DATA_LOSS = 15,
    VIAMC_UNAUTHENTICATED = 16
};

/* Profile of a client or a server: which defaults, which ciphers first. */
enum { VIAMC_HOST = 0, VIAMC_BOARD = 1 };

/* Octets somewhere else: pointer and length, never terminated. Whose they are and for how long says each function. */
typedef struct viamc_bytes {
    const uint8_t *ptr;
    size_t len;
} viamc_bytes;

/* The same for text, UTF-8. */
typedef struct viamc_str {
    const char *ptr;
    size_t len;
} viamc_str;

/* printf("%.*s", VIAMC_ARG(str)) */
#define VIAMC_ARG(s) (int)(s).len, (s).ptr

/* What went wrong: the first cause within its scope (call, connection, client). */
typedef struct viamc_error {
    viamc_err code;
    uint32_t detail;    /* by the range of the code */
    const char *where;  /* constant: "dial", "TLS", "HTTP/2", "auth", "session" */
    const char *what;   /* constant text, "" with VIAMC_NO_STRINGS */
} viamc_error;

/* Makes a view of n octets at ptr; nothing is copied. */
VIAMC_API viamc_bytes viamc_view(const void *ptr, size_t n);

/* Makes a view of a terminated string; NULL gives an empty view. */
VIAMC_API viamc_str viamc_text(const char *s);

/* True if both texts are the same. */
VIAMC_API bool viamc_str_eq(viamc_str a, viamc_str b);

/* "0.1.0" */
VIAMC_API const char *viamc_version(void);

/* The name of a code: "NOMEM", "TLS_CERT"; "?" for an unknown one. Constant. */
VIAMC_API const char *viamc_err_name(viamc_err err);

/* The name of a gRPC status: "UNAVAILABLE"; "OK" for 0, "?" above 16. Constant. */
VIAMC_API const char *viamc_status_name(uint32_t status);

#endif
