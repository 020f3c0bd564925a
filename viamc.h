/* viamc.h: GENERATED from src/ by tools/amalgamate.py. Do not edit it: edit src/, then run `make amalgamate`. */
/* SPDX-License-Identifier: MIT */
/* viamc: talk to a Viam robot, or be one, from C99: gRPC over HTTP/2, TLS by BearSSL, safety sessions, in memory that you give it.
 *
 *     #define VIAMC_IMPLEMENTATION          in exactly one file
 *     #include "viamc.h"
 *
 * A client is a block of memory, a port moves its bytes, viamc_poll does all the work there is and viamc_wait says when it wants to be
 * called next, events say what happened. No threads, no heap, nothing blocks. Typed calls: viamc_proto.h. */
#ifdef VIAMC_IMPLEMENTATION
/* ---- src/ports/posix_sys.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix_sys: the system headers of ports/posix, so that they can stand outside extern "C", and what systems have or lack.
 * Knows nothing else.
 *
 * A strict mode (-std=c99) hides POSIX names unless a program asks for them before its first system header. If none was read yet
 * this part asks; else it says what to do. In the GNU modes, the default of gcc and clang, nothing has to be asked for. */
#ifndef VIAMC_PORTS_POSIX_SYS_H
#define VIAMC_PORTS_POSIX_SYS_H

#if !defined(VIAMC_NO_POSIX) && (defined(__unix__) || defined(__APPLE__))

#if defined(__STRICT_ANSI__) && defined(__linux__) && !defined(_FEATURES_H) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#if !defined(CLOCK_MONOTONIC) || !defined(O_CLOEXEC)
#error "viamc: POSIX is hidden: use -std=gnu99, or -D_POSIX_C_SOURCE=200809L, or -DVIAMC_NO_POSIX if sockets are not needed"
#endif

#if defined(__APPLE__)
#include <sys/random.h>
#elif defined(__has_include)
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif
#endif

#define VMC_POSIX_OPEN (O_RDONLY | O_CLOEXEC) /* how a file is read */
#ifdef SOCK_CLOEXEC /* set with the socket, so that no fork of another thread comes between */
#define VMC_POSIX_SOCK_FLAGS SOCK_CLOEXEC
#else
#define VMC_POSIX_SOCK_FLAGS 0
#endif
#ifdef __linux__ /* EOR: what follows is not joined to it, for what is joined is counted by no limit of the socket's, up to 64 KB */
#define VMC_POSIX_SEND_FLAGS (MSG_NOSIGNAL | MSG_EOR)
#elif defined(MSG_NOSIGNAL)
#define VMC_POSIX_SEND_FLAGS MSG_NOSIGNAL
#else
#define VMC_POSIX_SEND_FLAGS 0
#endif
#if defined(TCP_NOTSENT_LOWAT)
#define VMC_POSIX_NOTSENT TCP_NOTSENT_LOWAT
#elif defined(__linux__)
#define VMC_POSIX_NOTSENT 25 /* hidden by _POSIX_C_SOURCE */
#endif

#endif
#endif
/* ---- end of src/ports/posix_sys.h ---- */
/* ---- src/ports/win_sys.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win_sys: the system headers of ports/win, so that they can stand outside extern "C". Knows nothing else.
 * A program that includes windows.h itself includes winsock2.h before it, or viamc.h first. */
#ifndef VIAMC_PORTS_WIN_SYS_H
#define VIAMC_PORTS_WIN_SYS_H

#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#include <bcrypt.h>
#include <fcntl.h>
#include <io.h>
#include <time.h>
#include <unistd.h>
#include <wincrypt.h>

#ifdef __MINGW32__ /* whose headers lack them (Windows 8 has them) */
#ifdef __cplusplus
extern "C" {
#endif
INT WSAAPI GetAddrInfoExCancel(LPHANDLE handle);
INT WSAAPI GetAddrInfoExOverlappedResult(LPOVERLAPPED overlapped);
#ifdef __cplusplus
}
#endif
#endif

#define VMC_POSIX_OPEN (O_RDONLY | O_BINARY) /* how a file is read */

#endif
#endif
/* ---- end of src/ports/win_sys.h ---- */
#endif

#ifndef VIAMC_H
#define VIAMC_H

/* ---- src/base/config.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/config: compiler, options and every bound of the library, each with its name.
 * Knows C99 only. No option changes a public struct or prototype. */
#ifndef VIAMC_BASE_CONFIG_H
#define VIAMC_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VIAMC_VERSION "0.1.0"
#define VIAMC_API_VERSION "v0.1.601" /* version of the Viam API that viamc_proto.h is made from */

/* ---- profiles: sets of options under one name; what is defined besides stays. Octets of each: README, Flash ---- */
/* VIAMC_PROFILE_TINY   a client of one robot, whose key is pinned, with ChaCha20: no certificates, no server role, no texts
 * VIAMC_PROFILE_BOARD  client and robot, any certificate; no texts, size before speed
 * VIAMC_PROFILE_HOST   everything, speed before size: what no profile means on a host, also where the compiler optimises for size */
#if defined(VIAMC_PROFILE_TINY) || defined(VIAMC_PROFILE_BOARD)
#undef VIAMC_NO_POSIX
#define VIAMC_NO_POSIX
#undef VIAMC_NO_STRINGS
#define VIAMC_NO_STRINGS
#ifndef VIAMC_SHORTCUTS
#define VIAMC_SHORTCUTS 0
#endif
#endif
#ifdef VIAMC_PROFILE_TINY
#undef VIAMC_NO_SERVER
#define VIAMC_NO_SERVER
#undef VIAMC_NO_X509
#define VIAMC_NO_X509
#undef VIAMC_NO_RSA
#define VIAMC_NO_RSA
#undef VIAMC_NO_P384
#define VIAMC_NO_P384
#undef VIAMC_NO_AES
#define VIAMC_NO_AES
#endif
#if defined(VIAMC_PROFILE_HOST) && !defined(VIAMC_SHORTCUTS)
#define VIAMC_SHORTCUTS 1
#endif

/* ---- how the functions are declared ---- */
#ifndef VIAMC_API
#ifdef VIAMC_STATIC
#if defined(__GNUC__)
#define VIAMC_API static __attribute__((unused))
#else
#define VIAMC_API static
#endif
#else
#define VIAMC_API
#endif
#endif

#if defined(__GNUC__)
#define VMC_FN static __attribute__((unused))
#else
#define VMC_FN static
#endif

/* A function that stays one of its own: off the common path, so that its caller stays small and fast. */
#if defined(__GNUC__)
#define VMC_APART VMC_FN __attribute__((noinline))
#else
#define VMC_APART VMC_FN
#endif

/* All zero: every default. `viamc_dial_desc dial = VIAMC_ZERO;` */
#ifdef __cplusplus
#define VIAMC_ZERO {}
#else
#define VIAMC_ZERO {0}
#endif

/* A static assertion with a written name, for C99, C11 and C++11. */
#if defined(__cplusplus)
#define VMC_STATIC_ASSERT(name, cond) static_assert(cond, #name)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define VMC_STATIC_ASSERT(name, cond) _Static_assert(cond, #name)
#else
#define VMC_STATIC_ASSERT(name, cond) typedef char vmc_assert_##name[(cond) ? 1 : -1]
#endif

/* ---- replaceable library functions: the only four that the core needs, and strlen where it is to be fast ---- */
#ifndef VIAMC_MEMCPY
#define VIAMC_MEMCPY memcpy
#endif
#ifndef VIAMC_MEMMOVE
#define VIAMC_MEMMOVE memmove
#endif
#ifndef VIAMC_MEMSET
#define VIAMC_MEMSET memset
#endif
#ifndef VIAMC_MEMCMP
#define VIAMC_MEMCMP memcmp
#endif

#if !defined(VIAMC_STRLEN) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define VIAMC_STRLEN strlen
#endif

/* VIAMC_ASSERT(x): what viamc takes for certain of itself. A caller's mistake is answered, and what a peer sends never comes here. */
#ifndef VIAMC_ASSERT
#define VIAMC_ASSERT(x) ((void)0)
#endif

/* ---- options: VIAMC_STATIC and VIAMC_NO_... count as soon as they are defined, also as 0; the others are 0 or 1 ---- */
/* VIAMC_STATIC     every function is static: each file has its own
 * VIAMC_NO_TLS     no TLS, no BearSSL                              -40 KB of flash
 * VIAMC_NO_SERVER  no server role                                  -10 KB
 * VIAMC_NO_POSIX   no sockets of our own (port_posix, posix_loop)  default: on POSIX systems and on Windows they are there
 * VIAMC_NO_STRINGS no constant texts                                -3 KB; errors keep code and detail
 * VIAMC_NO_P384    no P-384, SHA-384 and SHA-512 in certificates, no AES-256   -6.0 KB; most public chains need them
 * VIAMC_NO_RSA     no RSA certificates and keys                     -1.0 KB
 * VIAMC_NO_AES     ChaCha20-Poly1305 only                           -3.5 KB
 * VIAMC_NO_X509    no certificate chains: clients take a pinned key only       -8.8 KB
 * VIAMC_SHORTCUTS  usual requests and replies go in one step each  default: 1, where the compiler optimises for size 0: -1 KB
 * VIAMC_OLD_SESSIONS dial.old_sessions can be set                  default 0; +0.3 KB
 * VIAMC_CHECK      invariants are checked after every poll (tests)  default 0
 * Octets of flash: Cortex-M4, -Os. */
#ifndef VIAMC_SHORTCUTS
#ifdef __OPTIMIZE_SIZE__
#define VIAMC_SHORTCUTS 0
#else
#define VIAMC_SHORTCUTS 1
#endif
#endif
#ifndef VIAMC_OLD_SESSIONS
#define VIAMC_OLD_SESSIONS 0
#endif
#ifndef VIAMC_CHECK
#define VIAMC_CHECK 0
#endif
#if !defined(VIAMC_NO_POSIX) && !defined(__unix__) && !defined(__APPLE__) && !defined(_WIN32)
#define VIAMC_NO_POSIX
#endif

#ifdef VIAMC_NO_STRINGS
#define VMC_TEXT(s) ""
#else
#define VMC_TEXT(s) s
#endif

/* ---- bounds: those of VIAMC_ can be set, in a range that is checked; those of VMC_ are as they are ---- */

/* HPACK and HTTP/2 (RFC 7541, RFC 9113) */
#ifndef VIAMC_MAX_CALLS
#define VIAMC_MAX_CALLS 64u /* most calls of a client at once; handles have 8 bits of index */
#endif
#if VIAMC_MAX_CALLS < 1 || VIAMC_MAX_CALLS > 250
#error "VIAMC_MAX_CALLS must be from 1 to 250"
#endif
#define VMC_H2_MAX_BLOCK_BYTES 65536u    /* encoded octets of one header block; more: ENHANCE_YOUR_CALM */
#define VMC_H2_MAX_CONTINUATIONS 64u     /* frames of one header block after the first */
#define VMC_H2_MAX_FIELDS 512u           /* fields of one header block */
#define VMC_H2_MAX_LIST_BYTES 65536u     /* decoded header list as RFC 9113 10.5.1 counts it, whatever was announced */
#define VMC_H2_MAX_PINGS 4u              /* PINGs answered between two writes; a peer has one or two under way, also behind a late poll: gRPC's
                                          * keepalive and its probe of the bandwidth wait each for the last answer; more: ENHANCE_YOUR_CALM */
#define VMC_H2_MAX_SETTINGS 8u           /* SETTINGS frames acknowledged between two writes */
#define VMC_H2_MAX_SETTINGS_ENTRIES 128u /* entries of one SETTINGS frame */
#define VMC_H2_MAX_EMPTY 100u            /* DATA frames without octets (padding is none) and end, in a row, per connection */
#define VMC_H2_MAX_NOISE 10000u          /* frames that move nothing (PING, PRIORITY, unknown, late RST...) since the last useful one */
#define VMC_H2_FORGIVEN 16u              /* of those, each time that everything owed was written: keepalive never adds up, a flood does */
#define VMC_H2_MAX_INFORMATIONAL 16u     /* 1xx header blocks in a row, per connection */
#define VMC_HPACK_ENCODER_ENTRIES 8u     /* paths and time limits that our encoder keeps in the peer's table */

/* google.protobuf.Struct */
#define VMC_STRUCT_MAX_DEPTH 16u /* nesting of Struct, ListValue and Value */

/* Work */
#define VMC_POLL_STEPS 64u /* reads or writes of one poll; the rest waits for the next */

#endif
/* ---- end of src/base/config.h ---- */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- src/base/core.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/core: results, views, the record of an error.
 * Knows C99; knows nothing of networks and protocols. */
#ifndef VIAMC_BASE_CORE_H
#define VIAMC_BASE_CORE_H


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
/* ---- end of src/base/core.h ---- */
/* ---- src/base/time.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/time: milliseconds that may wrap. Knows no clock: time is handed in. */
#ifndef VIAMC_BASE_TIME_H
#define VIAMC_BASE_TIME_H


/* Milliseconds of any monotonic clock. May wrap: only differences below 2^31 are used. */
typedef uint32_t viamc_ms;

#define VIAMC_OFF 0xfffffffeu     /* in a desc: never, where 0 would mean the default */
#define VIAMC_FOREVER 0xffffffffu /* in a desc or as a wait: no limit */

#endif
/* ---- end of src/base/time.h ---- */
/* ---- src/base/log.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/log: one callback for transitions and failures. Never keys, tokens or payload; no printf. */
#ifndef VIAMC_BASE_LOG_H
#define VIAMC_BASE_LOG_H


enum { VIAMC_LOG_ERROR = 1, VIAMC_LOG_WARN = 2, VIAMC_LOG_INFO = 3, VIAMC_LOG_DEBUG = 4 };

/* One line of log. Texts are constants, "" with VIAMC_NO_STRINGS. */
typedef struct viamc_log_item {
    uint8_t level;    /* VIAMC_LOG_* */
    const char *part; /* "dial", "h2": the part that speaks */
    const char *text; /* what happened */
    uint32_t a, b;    /* two numbers that belong to the text: state, code, milliseconds */
} viamc_log_item;

/* Called from poll and from the functions that start something; may call nothing of viamc on that client. */
typedef void (*viamc_log_fn)(void *user, const viamc_log_item *item);

/* A logger: kept by value in descs. fn NULL: silent. */
typedef struct viamc_log {
    viamc_log_fn fn;
    void *user;
} viamc_log;

#endif
/* ---- end of src/base/log.h ---- */
/* ---- src/base/port.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/port: what viamc asks of the world: bytes out, bytes in, random bytes.
 * Ports are leaves (sockets, UART, lwIP, memory); everything above knows only this. */
#ifndef VIAMC_BASE_PORT_H
#define VIAMC_BASE_PORT_H


/* Where a peer comes from, as text: "10.0.0.9:51544", "unix". Terminated. */
typedef struct viamc_addr {
    char text[56];
} viamc_addr;

/* A port. None of the functions blocks; each is called from poll only; `user` is the pointer of the desc.
 * conn: 0 for a client; a server counts its peers from 0. After an error only close follows, until conn is opened or accepted anew. */
typedef struct viamc_port {
    /* Starts or goes on opening a connection. OK: open. WAIT: not yet, called again at the next poll. Else an error (DNS, REFUSED, IO, TIMEOUT).
     * host: terminated, without brackets; "unix:/path" for a unix socket, then port is 0. NULL on servers. */
    viamc_err (*open)(void *user, unsigned conn, const char *host, uint16_t port);
    /* Reads what is there, at most cap octets. OK and *len 0: nothing now. CLOSED: the peer ended the stream. */
    viamc_err (*read)(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len);
    /* Writes what fits. OK and *done 0: later. */
    viamc_err (*write)(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done);
    /* Ends the connection, also one that open has not finished. Must be harmless when called twice. */
    void (*close)(void *user, unsigned conn);
    /* Fills out with len unpredictable octets, or answers an error: then nothing starts. */
    viamc_err (*random)(void *user, uint8_t *out, size_t len);
    /* Takes a waiting connection as number conn. OK, WAIT (nobody there) or an error. NULL on clients. */
    viamc_err (*accept)(void *user, unsigned conn, viamc_addr *peer);
} viamc_port;

/* What a caller of poll may wait for. */
#define VIAMC_WANT_READ 1u
#define VIAMC_WANT_WRITE 2u

/* How long the caller may sleep and what should wake it. */
typedef struct viamc_wait_hint {
    uint32_t ms;  /* at most, VIAMC_FOREVER: until a byte comes */
    uint8_t want; /* VIAMC_WANT_READ, VIAMC_WANT_WRITE or both */
} viamc_wait_hint;

#endif
/* ---- end of src/base/port.h ---- */
/* ---- src/codec/struct.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/struct: google.protobuf.Struct, the form of readings, `extra` and DoCommand: read in place, written into the caller's buffer.
 * Knows the wire format; knows nothing of calls and robots. */
#ifndef VIAMC_CODEC_STRUCT_H
#define VIAMC_CODEC_STRUCT_H


/* What a value is. All numbers are doubles: whole ones above 2^53 lose digits. */
enum {
    VIAMC_NULL = 0,   /* also a value that the peer left empty */
    VIAMC_NUMBER = 1, /* value.number */
    VIAMC_STRING = 2, /* value.text */
    VIAMC_BOOL = 3,   /* value.boolean */
    VIAMC_STRUCT = 4, /* value.fields */
    VIAMC_LIST = 5    /* value.list */
};

/* A walk over the fields of a Struct, or over a map<string, Value> such as sensor readings. Holds a view of the encoded bytes and
 * nothing else: copy it to walk again. Struct and lists may lie in one another VMC_STRUCT_MAX_DEPTH deep, the outermost counted. */
typedef struct viamc_fields {
    viamc_bytes rest; /* encoded fields that are still to come */
    viamc_err err;    /* OK, or MESSAGE: the walk ended early, the bytes are malformed or too deep */
    uint8_t depth;    /* 1 for the outermost */
} viamc_fields;

/* A walk over the values of a list. */
typedef struct viamc_values {
    viamc_bytes rest;
    viamc_err err;
    uint8_t depth;
} viamc_values;

/* One value. Only the member that belongs to `kind` holds something, the others are zero or empty. Text and walks are views of the
 * encoded bytes and live as long as these. */
typedef struct viamc_value {
    uint8_t kind; /* VIAMC_NULL to VIAMC_LIST */
    bool boolean;
    double number;
    viamc_str text; /* as the peer sent it; UTF-8 is not checked */
    viamc_fields fields;
    viamc_values list;
} viamc_value;

/* Builds a Struct. Members are viamc's, except that `len` may be read after viamc_struct_end. */
typedef struct viamc_struct_writer {
    uint8_t *ptr;
    size_t cap;
    size_t len; /* octets written, or with NOMEM the octets that would have been needed */
    viamc_err err;
    uint8_t depth;  /* nested ones that are open */
    uint32_t lists; /* a bit for each of them: it is a list */
    size_t entry[VMC_STRUCT_MAX_DEPTH]; /* where its map entry starts, 0 inside a list */
    size_t start[VMC_STRUCT_MAX_DEPTH]; /* where its content starts */
} viamc_struct_writer;

/* Starts a walk over an encoded Struct or map<string, Value>.
 *   encoded  view: stays where it is as long as the walk and its values are used
 * Allowed:  always. Nothing is read yet. */
VIAMC_API viamc_fields viamc_struct_fields(viamc_bytes encoded);

/* Reads the next field.
 *   fields  moved on by one
 *   key     out: view of its key; not unique: of equal keys the last one counts
 *   value   out: its value
 * Allowed:  always.
 * Returns:  true; false at the end, and then key and value are empty. fields->err tells whether the end was a good one. */
VIAMC_API bool viamc_struct_next(viamc_fields *fields, viamc_str *key, viamc_value *value);

/* Reads the next value of a list.
 *   list   moved on by one
 *   value  out
 * Allowed:  always.
 * Returns:  true; false at the end, and then value is null. list->err tells whether the end was a good one. */
VIAMC_API bool viamc_list_next(viamc_values *list, viamc_value *value);

/* Finds a field by its key among those still to come; of equal keys the last one.
 *   fields  not moved
 *   key     terminated
 *   value   out: null unless OK
 * Allowed:  always. Takes time in proportion to the bytes.
 * Returns:  OK; NOT_FOUND; MESSAGE (malformed or too deep, wherever that is on this level) */
VIAMC_API viamc_err viamc_struct_find(const viamc_fields *fields, const char *key, viamc_value *value);

/* Checks a whole encoded Struct, so that no walk over it can fail later.
 *   encoded  looked at only
 * Allowed:  always. Takes time in proportion to the bytes, and no recursion.
 * Returns:  OK; MESSAGE (malformed, or deeper than VMC_STRUCT_MAX_DEPTH) */
VIAMC_API viamc_err viamc_struct_check(viamc_bytes encoded);

/* Begins a Struct.
 *   w    the caller's, all of it is set
 *   buf  lent until viamc_struct_end; NULL to measure: viamc_struct_end then answers NOMEM and w->len is the need
 *   cap  octets of buf
 * Allowed:  always. The functions below keep the first mistake for viamc_struct_end. */
VIAMC_API void viamc_struct_begin(viamc_struct_writer *w, void *buf, size_t cap);

/* Adds a number, a bool or a null.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between begin and end. */
VIAMC_API void viamc_struct_number(viamc_struct_writer *w, const char *key, double number);
VIAMC_API void viamc_struct_bool(viamc_struct_writer *w, const char *key, bool boolean);
VIAMC_API void viamc_struct_null(viamc_struct_writer *w, const char *key);

/* Adds a text: terminated, or a view.
 *   key           copied, terminated; NULL exactly inside a list
 *   string, text  copied; UTF-8, peers refuse anything else; string NULL: an empty text
 * Allowed:  between begin and end. */
VIAMC_API void viamc_struct_string(viamc_struct_writer *w, const char *key, const char *string);
VIAMC_API void viamc_struct_text(viamc_struct_writer *w, const char *key, viamc_str text);

/* Opens a Struct or a list inside; what follows goes into it until viamc_struct_close.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between begin and end, VMC_STRUCT_MAX_DEPTH - 1 times in one another. */
VIAMC_API void viamc_struct_open_struct(viamc_struct_writer *w, const char *key);
VIAMC_API void viamc_struct_open_list(viamc_struct_writer *w, const char *key);

/* Closes what was opened last.
 * Allowed:  once for each open. */
VIAMC_API void viamc_struct_close(viamc_struct_writer *w);

/* Ends the Struct.
 *   encoded  out: view of the caller's buffer; empty unless OK
 * Allowed:  once. The buffer is the caller's again.
 * Returns:  OK; NOMEM (w->len = bytes needed); ARG (key missing, key inside a list, too deep); STATE (open and close do not match) */
VIAMC_API viamc_err viamc_struct_end(viamc_struct_writer *w, viamc_bytes *encoded);

#endif
/* ---- end of src/codec/struct.h ---- */
/* ---- src/codec/reading.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/reading: readings that are more than a number: vectors, places and orientations, which sensors send as a Struct with `_type`.
 * Knows Structs; knows nothing of calls and robots. */
#ifndef VIAMC_CODEC_READING_H
#define VIAMC_CODEC_READING_H


/* viamc_reading.type */
enum {
    VIAMC_READING_VECTOR = 1,           /* x, y, z */
    VIAMC_READING_ANGULAR_VELOCITY = 2, /* x, y, z: degrees a second about each axis */
    VIAMC_READING_GEO_POINT = 3,        /* lat, lng: degrees */
    VIAMC_READING_ORIENTATION = 4       /* ox, oy, oz: where the axis points; theta: degrees about it */
};

/* The numbers have the order above: x, y, z; lat, lng; ox, oy, oz, theta. Those that a type does not have are 0. */
typedef struct viamc_reading {
    uint8_t type;
    double number[4];
} viamc_reading;

/* Reads such a value.
 *   value    as viamc_struct_next gave it
 *   reading  out: all zero unless OK
 * Returns:  OK; NOT_FOUND (a value of another kind); MESSAGE (malformed, or a number is missing). */
VIAMC_API viamc_err viamc_reading_of(const viamc_value *value, viamc_reading *reading);

/* Adds such a value to a Struct or to the readings that a sensor answers.
 *   key  copied, terminated; NULL exactly inside a list
 * Allowed:  between viamc_struct_begin and viamc_struct_end; an unknown type, or reading NULL, is ARG there. */
VIAMC_API void viamc_struct_reading(viamc_struct_writer *w, const char *key, const viamc_reading *reading);

#endif
/* ---- end of src/codec/reading.h ---- */
/* ---- src/codec/image.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/image: what an image of a camera is: names of forms, and the heads of those that Viam made itself. Decodes no JPEG or PNG. */
#ifndef VIAMC_CODEC_IMAGE_H
#define VIAMC_CODEC_IMAGE_H


/* Forms of images, and of point clouds. */
enum {
    VIAMC_IMAGE_UNKNOWN = 0,
    VIAMC_IMAGE_JPEG = 1,  /* image/jpeg */
    VIAMC_IMAGE_PNG = 2,   /* image/png */
    VIAMC_IMAGE_RGBA = 3,  /* image/vnd.viam.rgba: 4 octets a pixel */
    VIAMC_IMAGE_DEPTH = 4, /* image/vnd.viam.dep: 2 octets a pixel, millimetres, the high one first */
    VIAMC_IMAGE_PCD = 5    /* pointcloud/pcd */
};

/* An image. Pixels go row by row from the upper left. */
typedef struct viamc_image {
    uint8_t form;       /* VIAMC_IMAGE_* */
    uint32_t width;     /* RGBA, DEPTH; else 0 */
    uint32_t height;
    viamc_bytes pixels; /* view: RGBA, DEPTH: behind the head; else all octets */
} viamc_image;

/* The MIME type of a form; "" for an unknown one. Constant. */
VIAMC_API const char *viamc_image_mime(uint8_t form);

/* The form of a MIME type, also with a "+lazy" behind it; UNKNOWN. */
VIAMC_API uint8_t viamc_image_form(viamc_str mime);

/* Looks at the first octets of an image: its form, whatever its MIME type says, and the size of RGBA and DEPTH.
 *   octets  view
 * Returns:  OK (form may be UNKNOWN); MESSAGE (a head of RGBA or DEPTH that does not fit to the octets). */
VIAMC_API viamc_err viamc_image_open(viamc_image *image, viamc_bytes octets);

#endif
/* ---- end of src/codec/image.h ---- */
/* ---- src/codec/pcd.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/pcd: point clouds in the PCD form that cameras and SLAM send ("pointcloud/pcd"): a walk over the points, in place.
 * Source: The PCD (Point Cloud Data) file format, version .7. */
#ifndef VIAMC_CODEC_PCD_H
#define VIAMC_CODEC_PCD_H


/* A number of each point. */
typedef struct viamc_pcd_field {
    uint16_t at;  /* binary: octets before it; text: numbers before it */
    uint8_t size; /* octets; 0: there is no such field */
    char type;    /* F, I or U */
} viamc_pcd_field;

/* A point cloud, and where the walk over it stands: copy it to walk again. */
typedef struct viamc_pcd {
    uint32_t width, height;    /* height 1: points in no order */
    uint32_t left;             /* points still to come; at first all of them */
    viamc_bytes rest;          /* their octets */
    uint16_t stride;           /* octets of a point; text: numbers of a point */
    bool text;                 /* DATA ascii */
    viamc_err err;             /* OK; MESSAGE: the walk ended early, or the header was refused and it cannot begin */
    viamc_pcd_field x, y, z;
    viamc_pcd_field rgb;       /* of size 0: no colours */
} viamc_pcd;

/* A point: metres, and its colour as 0xRRGGBB (0 without). SLAM has a probability from 0 to 100 in the place of blue. */
typedef struct viamc_point {
    double x, y, z;
    uint32_t rgb;
} viamc_point;

/* Reads the header and begins a walk.
 *   file  view: stays where it is as long as the walk is used. May be cut off behind the header, where it comes in pieces:
 *         pcd->rest then is the beginning of the points
 * Returns:  OK; WAIT (the header does not end here); MESSAGE (malformed, without x, y and z, or compressed). */
VIAMC_API viamc_err viamc_pcd_open(viamc_pcd *pcd, viamc_bytes file);

/* Reads the next point.
 * Returns:  true; false at the end. pcd->err tells whether all points came. */
VIAMC_API bool viamc_pcd_next(viamc_pcd *pcd, viamc_point *point);

#endif
/* ---- end of src/codec/pcd.h ---- */
/* ---- src/codec/mdns.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/mdns: robots that announce themselves on the local network (mDNS and DNS-SD, RFC 6762 and 6763): the question, and who answers it. */
#ifndef VIAMC_CODEC_MDNS_H
#define VIAMC_CODEC_MDNS_H


/* A robot, as the local network says; nobody has verified it. */
typedef struct viamc_found {
    char name[254];   /* "rover-main.abc.viam.cloud"; of some robots with '-' for each '.': terminated */
    char address[22]; /* "192.168.1.50:8080", for dial.address, with dial.server_name for the name: terminated */
} viamc_found;

/* Writes the question that robots answer: a datagram for 224.0.0.251, port 5353, sent from that port; again after a quarter of a second,
 * since some get lost. Returns its octets (33), 0 if cap is less. */
VIAMC_API size_t viamc_find_query(uint8_t *buf, size_t cap);

/* Adds the robots of a datagram that came from port 5353 to a list, each address of each once.
 *   packet  any octets: what is no answer adds nothing
 *   robots  count of them are there, at most max
 * Returns:  how many there are now */
VIAMC_API size_t viamc_find_add(viamc_bytes packet, viamc_found *robots, size_t max, size_t count);

#endif
/* ---- end of src/codec/mdns.h ---- */
/* ---- src/ports/win.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win: what ports/posix is on Windows: its functions over Winsock, the system's resolver and its certificate store ROOT. A program is
 * the same on both; it is linked with -lws2_32 -lbcrypt -lcrypt32. No unix sockets. */
#ifndef VIAMC_PORTS_WIN_H
#define VIAMC_PORTS_WIN_H


#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_CONNS 16u      /* and the listener, and the store */
#define VMC_WIN_NAME_BYTES 256u /* a host name has at most 253 octets, terminated */

typedef uintptr_t vmc_lan; /* a socket to the local network; all ones: none */

typedef struct vmc_win_conn {
    uintptr_t fd; /* SOCKET; all ones: none */
    int error;    /* last code of Winsock's */
    bool blocked; /* the last write did not fit */
    bool drained; /* the last read took all there was */
    bool skip;    /* the next read may say "nothing" unasked */
} vmc_win_conn;

/* The one connection that is being opened; others wait for it. */
typedef struct vmc_win_dial {
    uint8_t state;                         /* VMC_WIN_IDLE ... */
    unsigned conn;
    uint16_t port;
    uint16_t name[VMC_WIN_NAME_BYTES];     /* UTF-16; kept while the resolver works */
    uint64_t overlapped[8];                /* OVERLAPPED, the resolver's */
    void *event, *cancel, *found, *next;   /* HANDLEs; ADDRINFOEXW of the answer, and which one has its turn */
    uintptr_t fd;                          /* the attempt under way, or the socket to the local network */
    int error;                             /* of the attempt that failed most tellingly */
    viamc_ms until;                        /* when the attempt, or the local network, has had its time */
    viamc_ms again;                        /* when the local network is asked again */
} vmc_win_dial;

/* A port to the system, as on POSIX systems. Of fixed size, kept where it is until viamc_posix_close; belongs to one thread at a time. */
typedef struct viamc_win {
    void *loop;     /* of the waiting helpers (loops/posix_loop): whom they poll */
    bool session_lost; /* likewise: they dropped a SESSION_LOST that viamc_posix_run has not told */
    char text[160]; /* likewise: what the last one of them has to say */
    bool mdns;      /* as on POSIX systems (ports/posix) */
    /* from here on private */
    vmc_win_conn conn[VMC_WIN_CONNS + 2u];
    vmc_win_dial dial;
    void *store;            /* HCERTSTORE, NULL: not open */
    const void *root;       /* CERT_CONTEXT of the store that was read last */
    uint32_t next_root;     /* number of the certificate that comes next */
    uint8_t used;           /* connections from this number on were never open */
    bool started, knocked;  /* Winsock is up; somebody waits at the listener, and the server was told */
} viamc_win;

#endif
#endif
/* ---- end of src/ports/win.h ---- */
/* ---- src/ports/posix.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: sockets, names, trust store, clock and random octets of a POSIX system, none of which blocks. On Windows the same functions
 * are made by ports/win.
 * Knows base/port and the codecs dns and pem; knows nothing of what is sent. */
#ifndef VIAMC_PORTS_POSIX_H
#define VIAMC_PORTS_POSIX_H


#ifndef VIAMC_NO_POSIX

/* Numbers for viamc_posix_errno beside those of the connections. */
enum { VIAMC_POSIX_CONNS = 16, VIAMC_POSIX_LISTENER = 16, VIAMC_POSIX_ROOTS = 17 };

#ifdef _WIN32
typedef viamc_win viamc_posix;
#else

typedef int vmc_lan; /* a socket to the local network; -1: none */

#define VMC_POSIX_NAME_BYTES 256u /* a host name (at most 253 octets), a unix path or a scope id with its address, terminated */
#define VMC_POSIX_IPS 8u          /* addresses tried for one name */
#define VMC_POSIX_SERVERS 3u      /* nameservers asked, as resolv.conf(5) has them */
#define VMC_POSIX_KNOWN 2u        /* names whose last good address is kept */
#define VMC_POSIX_PEM_BYTES 1024u /* of the trust store read at once */

/* An address: 4 or 16 octets; none: a unix socket, whose path is the name dialled. */
typedef struct vmc_posix_ip {
    uint8_t octets[16];
    uint8_t len;
    uint32_t scope; /* of a link-local address: number of the interface */
} vmc_posix_ip;

typedef struct vmc_posix_conn {
    int fd;       /* -1: none */
    int error;    /* last errno */
    bool blocked; /* the last write did not fit */
    bool drained; /* the last read took all there was */
    bool skip;    /* the next read may say "nothing" unasked: poll(2) is asked before anybody waits (loops/posix_loop) */
} vmc_posix_conn;

/* Name to addresses: ip[0..count), in the order of trying. */
typedef struct vmc_posix_lookup {
    vmc_posix_ip ip[VMC_POSIX_IPS];
    vmc_posix_ip server[VMC_POSIX_SERVERS];
    uint8_t count, servers;
    uint8_t tries;   /* queries sent so far, over all servers */
    uint8_t heard;   /* bits of the questions (A, AAAA) that are answered for good */
    uint8_t refused; /* bits of those that the present server cannot answer */
    bool asked;      /* the addresses came from a server: worth keeping */
    int fd;          /* UDP socket to the present server, or to the local network; -1: none */
    int error;       /* 0: the servers know no such name */
    uint16_t id[2];
    viamc_ms again;  /* when the next server has its turn, or the next question to the local network */
} vmc_posix_lookup;

/* The one connection that is being opened; others wait for it. */
typedef struct vmc_posix_dial {
    char name[VMC_POSIX_NAME_BYTES];
    uint16_t port;
    uint8_t state;   /* VMC_POSIX_IDLE ... */
    uint8_t started; /* addresses tried so far */
    unsigned conn;
    int fd[VMC_POSIX_IPS]; /* attempts under way, -1: none */
    int error;             /* of the attempt that failed most tellingly */
    viamc_ms next;         /* when the next address has its turn; while the local network is asked, the end of that */
} vmc_posix_dial;

typedef struct vmc_posix_known {
    char name[VMC_POSIX_NAME_BYTES];
    vmc_posix_ip ip;
} vmc_posix_known;

/* The trust store while it is read; its file is conn[VIAMC_POSIX_ROOTS].fd. */
typedef struct vmc_posix_roots {
    void *folder;         /* DIR, NULL: a single file */
    uint32_t next;        /* number of the certificate that comes next */
    uint32_t folder_next; /* of SSL_CERT_DIR's list */
    uint32_t total;       /* octets read so far */
    uint16_t at, len;     /* of buf: read, filled */
    uint8_t buf[VMC_POSIX_PEM_BYTES];
} vmc_posix_roots;

/* A port to the system: the sockets of one client or of one server, up to 16 connections. Of fixed size, kept where it is (stack or
 * static) until viamc_posix_close; belongs to one thread at a time. The first members may be set between init and use. */
typedef struct viamc_posix {
    const char *hosts_file;   /* kept; default: /etc/hosts */
    const char *resolv_file;  /* kept; default: /etc/resolv.conf */
    const char *nameserver;   /* kept; numeric address of the only server to ask; default NULL: those of resolv_file */
    uint16_t nameserver_port; /* default: 53 */
    viamc_ms dns_timeout_ms;  /* wait for each server's answer; default: 1000 */
    bool mdns;                /* names that end in .viam.cloud, dialled at port 443, are looked for on the local network first, for 1.5 s: only for
                               * clients that verify certificates. Default: no; viamc_posix_open sets it where its dial does; whoever calls
                               * viamc_dial afterwards, with a downgrade allowed, sets it to false */
    void *loop;               /* of the waiting helpers (loops/posix_loop): whom they poll */
    bool session_lost;        /* likewise: they dropped a SESSION_LOST that viamc_posix_run has not told */
    char text[160];           /* likewise: what the last one of them has to say */
    /* from here on private */
    vmc_posix_conn conn[VIAMC_POSIX_CONNS + 2];
    uint8_t used; /* connections from this number on were never open */
    bool knocked; /* somebody waits at the listener, and the server was told */
    uint8_t known_next;
    vmc_posix_known known[VMC_POSIX_KNOWN];
    vmc_posix_lookup lookup;
    vmc_posix_dial dial;
    vmc_posix_roots roots;
} viamc_posix;

#endif

/* Sets the defaults; no socket is opened yet.
 * Allowed:  on memory of any content, but not on a port in use: that one is closed first. */
VIAMC_API void viamc_posix_init(viamc_posix *p);

/* Closes every socket and file and removes the unix socket that was listened on. The port can be used again.
 * Allowed:  any time after viamc_posix_init, also twice. */
VIAMC_API void viamc_posix_close(viamc_posix *p);

/* The functions for viamc_client_desc.port; the user pointer is the viamc_posix. Constant. */
VIAMC_API const viamc_port *viamc_posix_port(void);

/* The functions for a server's desc; the user pointer is a viamc_posix that listens. Constant. */
VIAMC_API const viamc_port *viamc_posix_server_port(void);

/* Milliseconds of the monotonic clock: the time that polls want. */
VIAMC_API viamc_ms viamc_posix_now(void);

/* Seconds since 1970-01-01, 0 if the clock cannot be read: the time that certificates are judged by. */
VIAMC_API uint64_t viamc_posix_unix_time(void);

/* Listens for connections.
 *   address  copied, "HOST:PORT" (HOST empty: all interfaces; else numeric, "[v6]" or a name of the hosts file; PORT 0: any
 *            free one) or "unix:/path" (a socket that nobody listens on any more is replaced)
 * Allowed:  once until viamc_posix_close. Never blocks.
 * Returns:  OK; ARG (no such form of address; unix: on Windows); STATE (listens already); DNS (name unknown); IO (viamc_posix_errno of
 *           VIAMC_POSIX_LISTENER says why: EADDRINUSE, EACCES, ...) */
VIAMC_API viamc_err viamc_posix_listen(viamc_posix *p, const char *address);

/* The address that is listened on: "127.0.0.1:8080", "[::]:8080", "unix:/path".
 *   buf  out: terminated text; 120 octets are always enough
 * Returns:  OK; STATE (does not listen); NOMEM (cap too small) */
VIAMC_API viamc_err viamc_posix_listen_address(const viamc_posix *p, char *buf, size_t cap);

/* The system's reason for the last failure of a connection, VIAMC_POSIX_LISTENER or VIAMC_POSIX_ROOTS: errno, on Windows
 * GetLastError() (WSAECONNREFUSED). EBADF (WSAENOTSOCK) of no port or of any other number. After VIAMC_ERR_DNS: 0 if the servers know no
 * such name, else why they were no help (ETIMEDOUT, ECONNREFUSED). */
VIAMC_API int viamc_posix_errno(const viamc_posix *p, unsigned conn);

/* Reads one certificate of the trust store: SSL_CERT_FILE, else the folders of SSL_CERT_DIR, else the system's usual file or
 * folder. Asked for with index 0, 1, 2 ... the store is read once from start to end; a smaller index starts again. Certificates
 * longer than cap and what is no certificate are passed over.
 *   user  the viamc_posix
 *   der   lent, out: the certificate
 * Allowed:  from dial.next_root, or on a port of one's own.
 * Returns:  OK; NOT_FOUND (no more); IO (cannot be read: see viamc_posix_errno of VIAMC_POSIX_ROOTS, viamc_posix_roots_path) */
VIAMC_API viamc_err viamc_posix_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len);

/* Where the trust store is, for messages: "/etc/ssl/certs/ca-certificates.crt". Valid until the environment is changed. */
VIAMC_API const char *viamc_posix_roots_path(void);

/* Sleeps until one of the sockets is ready, the time is over or a signal comes. Wakes by itself for the port's own work: answers
 * and time limits of names and of connections that are being opened.
 *   wait  from viamc_wait or viamc_server_wait; not changed
 * Returns:  OK; IO (poll(2) failed) */
VIAMC_API viamc_err viamc_posix_sleep(viamc_posix *p, const viamc_wait_hint *wait);

#endif
#endif
/* ---- end of src/ports/posix.h ---- */
/* ---- src/tls/trust.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/trust: whom a client trusts: public types of descs.
 * Knows octets; knows nothing of the TLS engine. Is there in every build, so that no option changes a desc. */
#ifndef VIAMC_TLS_TRUST_H
#define VIAMC_TLS_TRUST_H


enum { VIAMC_KEY_RSA = 1, VIAMC_KEY_EC = 2 };         /* kind of a public key */
enum { VIAMC_CURVE_P256 = 23, VIAMC_CURVE_P384 = 24 }; /* RFC 8422 5.1.1 */

/* A trust anchor: the name and the key of a certificate authority. Boards have a const array of them, made by tools/anchor.py. */
typedef struct viamc_anchor {
    viamc_bytes dn;      /* kept: the subject's Name as DER, with its SEQUENCE */
    uint8_t key_type;    /* VIAMC_KEY_RSA or VIAMC_KEY_EC */
    uint8_t curve;       /* VIAMC_CURVE_* of an EC key */
    uint8_t ca;          /* 1: an authority; 0: vouches for the server with this very key and for nobody else */
    viamc_bytes n, e;    /* kept: RSA modulus and exponent, big-endian */
    viamc_bytes q;       /* kept: EC point, uncompressed */
    uint32_t from_day;   /* first and last day of validity, days since 1970-01-01 UTC; 0: not limited */
    uint32_t until_day;
} viamc_anchor;

/* Gives certificate number index of a trust store as DER. Called while a server's chain is checked, in rising order from 0, and
 * again from 0 for the next certificate of the chain; so the store is never in memory as a whole.
 *   der, cap  lent: where the certificate goes
 *   len       out: octets written
 * Returns:  OK; NOT_FOUND (no such index: the end); NOMEM (this one is larger than cap: it is skipped); else the check fails.
 * Called from: poll. May not call viamc on the same client. */
typedef viamc_err (*viamc_next_root_fn)(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len);

/* ---- sizes that the memory macros need, also where there is no BearSSL to ask; proven in tls_impl.h ---- */
#define VMC_TLS_IN_MIN 837u        /* input buffer: 512 octets of plaintext and 325 of overhead, the least that BearSSL takes */
#define VMC_TLS_IN_MAX 16709u      /* input buffer in which every record fits: 16,384 + 325 */
#define VMC_TLS_OUT_MIN 597u       /* output buffer: 512 octets of plaintext and 85 of overhead */
#define VMC_TLS_OUT_MAX 16469u     /* 16,384 + 85 */
#define VMC_TLS_SEED_MIN 32u       /* octets of seed */
#define VMC_TRUST_ROOT_BYTES 4096u /* one root certificate of a store; the largest of Debian's 144 has 2,007 octets */
#if UINTPTR_MAX > 0xffffffffu
#define VMC_TLS_CLIENT_BYTES 3904u
#define VMC_TLS_SERVER_BYTES 4320u
#define VMC_TRUST_BYTES 3568u /* without room for a root */
#else
#define VMC_TLS_CLIENT_BYTES 3520u
#define VMC_TLS_SERVER_BYTES 3904u
#define VMC_TRUST_BYTES 3360u
#endif

#endif
/* ---- end of src/tls/trust.h ---- */
/* ---- src/call/call.h ---- */
/* SPDX-License-Identifier: MIT */
/* call/call: what a call is to its caller: options, handle, events. Knows nothing of HTTP/2, sockets and robots. */
#ifndef VIAMC_CALL_CALL_H
#define VIAMC_CALL_CALL_H


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
/* ---- end of src/call/call.h ---- */
/* ---- src/client/client.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/client: a connection to a robot: memory, dialling, polling, calls, events. */
#ifndef VIAMC_CLIENT_CLIENT_H
#define VIAMC_CLIENT_CLIENT_H


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
/* ---- end of src/client/client.h ---- */
/* ---- src/client/robot.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/robot: what every robot can be asked: its resources, StopAll, version, status, operations. Without nanopb. */
#ifndef VIAMC_CLIENT_ROBOT_H
#define VIAMC_CLIENT_ROBOT_H


/* Name of a resource: "rdk", "component", "motor", "left". Views into the reply. */
typedef struct viamc_robot_resource {
    viamc_str space, type, subtype, name;
} viamc_robot_resource;

/* Each starts a call like viamc_call_method, with the same results; the reply comes with DONE. */
VIAMC_API viamc_err viamc_robot_resource_names(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_version(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_machine_status(viamc_client *c, const viamc_opts *opts, viamc_call *call);
VIAMC_API viamc_err viamc_robot_get_operations(viamc_client *c, const viamc_opts *opts, viamc_call *call);

/* Stops everything that can move. A Stop by the rules of motion: goes first, cannot be overtaken, and has room of its own: BUSY only while
 * the header block of the Stop that is there is half written, or its end was not taken from viamc_next_event. */
VIAMC_API viamc_err viamc_robot_stop_all(viamc_client *c, const viamc_opts *opts, viamc_call *call);

/* Cancels an operation by its id, 1 to 64 octets (else ARG). */
VIAMC_API viamc_err viamc_robot_cancel_operation(viamc_client *c, viamc_str id, const viamc_opts *opts, viamc_call *call);

/* Walks the resources of a DONE of viamc_robot_resource_names: *at starts at 0. False at the end (or what is malformed). */
VIAMC_API bool viamc_robot_next_resource(const viamc_event *ev, size_t *at, viamc_robot_resource *name);

/* Looks a resource up in a DONE of viamc_robot_resource_names: type and subtype may be NULL for any.
 * Returns:  OK; NOT_FOUND (also where the reply is malformed); ARG (not such an event). */
VIAMC_API viamc_err viamc_robot_find_resource(const viamc_event *ev, const char *type, const char *subtype, const char *name, viamc_robot_resource *found);

/* Platform ("rdk", "viamc"), version and API version of a DONE of viamc_robot_get_version. Views. OK; ARG; MESSAGE (malformed). */
VIAMC_API viamc_err viamc_robot_version(const viamc_event *ev, viamc_str *platform, viamc_str *version, viamc_str *api_version);

enum { VIAMC_MACHINE_UNSPECIFIED = 0, VIAMC_MACHINE_INITIALIZING = 1, VIAMC_MACHINE_RUNNING = 2 };

/* State of a DONE of viamc_robot_get_machine_status: VIAMC_MACHINE_*. OK; ARG; MESSAGE. */
VIAMC_API viamc_err viamc_robot_machine_state(const viamc_event *ev, uint32_t *state);

/* Walks the resources of that reply with their states (viam.robot.v1.ResourceStatus.State: 3 is READY): *at starts at 0, names are views. False
 * at the end (or what is malformed). */
VIAMC_API bool viamc_robot_next_status(const viamc_event *ev, size_t *at, viamc_robot_resource *name, uint32_t *state);

/* Walks the running operations of a DONE of viamc_robot_get_operations: *at starts at 0, id and method are views. False at the end (or what is
 * malformed). */
VIAMC_API bool viamc_robot_next_operation(const viamc_event *ev, size_t *at, viamc_str *id, viamc_str *method);

#endif
/* ---- end of src/client/robot.h ---- */
/* ---- src/server/server.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/server: being a robot: memory, peers, resources and the handlers that serve them. */
#ifndef VIAMC_SERVER_SERVER_H
#define VIAMC_SERVER_SERVER_H


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
/* ---- end of src/server/server.h ---- */
/* ---- src/loops/posix_loop.h ---- */
/* SPDX-License-Identifier: MIT */
/* loops/posix_loop: helpers that wait, for programs with one robot and nothing else to do. Made of viamc_poll and poll(2). */
#ifndef VIAMC_LOOPS_POSIX_LOOP_H
#define VIAMC_LOOPS_POSIX_LOOP_H


#ifndef VIAMC_NO_POSIX

/* Makes a client on a port to the system and starts to dial.
 *   posix   kept until viamc_posix_close
 *   memory  kept until viamc_client_close, size octets: VIAMC_CLIENT_MEM
 *   desc    copied; NULL: 4 calls, and all memory that is left for large replies; port and port_user are filled in
 *   dial    copied, what it points to is kept; the system's trust store and clock are filled in where it names none. A name of viam's cloud
 *           without a port is looked for on the local network first, unless the robot may be insecure (posix.mdns)
 *   client  out
 * Returns:  as viamc_client_init and viamc_dial; viamc_posix_explain says more. */
VIAMC_API viamc_err viamc_posix_open(viamc_posix *posix, void *memory, size_t size, const viamc_client_desc *desc, const viamc_dial_desc *dial, viamc_client **client);

/* ---- the helpers that wait. They drop events that are not asked for, UNPROTECTED, SESSION_LOST and LOST too: dial.require_session refuses to move
 * a robot without sessions, viamc_posix_run tells the two others. Of a port without a client of viamc_posix_open, each answers STATE ---- */

/* Polls until the robot is ready, at most ms milliseconds. OK; TIMEOUT (viamc_posix_explain says what was in the way); else the client's
 * error. */
VIAMC_API viamc_err viamc_posix_ready(viamc_posix *posix, uint32_t ms);

/* Polls until a call is done, at most ms milliseconds.
 *   ev  out, may be NULL: its DONE, views until the next poll
 * Returns:  OK; RPC (it ended with another status); TIMEOUT (it goes on); NOT_FOUND (its DONE was taken or dropped before); ARG (call is 0);
 *           else the client's error. */
VIAMC_API viamc_err viamc_posix_finish(viamc_posix *posix, viamc_call call, uint32_t ms, viamc_event *ev);

/* Polls for ms milliseconds: heartbeats flow.
 * Returns:  OK, also if the connection was lost meanwhile and stands again with its session; SESSION (at once: the session was lost since the
 *           last run, and the robot has stopped what it moved); else the error of the connection that is not back at the end, or the client's.
 *           After each of them it may be called again. */
VIAMC_API viamc_err viamc_posix_run(viamc_posix *posix, uint32_t ms);

/* Polls once and sleeps until there is an event, or something to do, at most ms milliseconds. OK, or the client's error. */
VIAMC_API viamc_err viamc_posix_turn(viamc_posix *posix, uint32_t ms);

/* Asks the local network who is there, for ms milliseconds; 1,500 are enough.
 *   robots  out: at most max of them; what they say is not verified
 *   count   out: how many there are
 * Returns:  OK, also without robots; ARG; IO (no socket for mDNS) */
VIAMC_API viamc_err viamc_posix_find(viamc_found *robots, size_t max, uint32_t ms, size_t *count);

/* Reads the objects of a PEM file whose label ends in `label` ("CERTIFICATE", "PRIVATE KEY"), as a server's desc wants them.
 *   buf, cap  lent: the DER octets go there, one object behind the other; the views point into it
 *   der       out: at most max objects
 *   count     out: how many there were
 * Returns:  OK; NOT_FOUND (none in the file); NOMEM (buf or der too small); MESSAGE (not PEM inside); IO (cannot be read). */
VIAMC_API viamc_err viamc_posix_read_pem(const char *path, const char *label, uint8_t *buf, size_t cap, viamc_bytes *der, size_t max, size_t *count);

/* Prints "program: what went wrong" to standard error and returns 1, the exit code of main. posix NULL, or without a client: only the
 * error's name, and what to do about it. */
VIAMC_API int viamc_posix_explain(viamc_posix *posix, const char *program, viamc_err err);

#endif
#endif
/* ---- end of src/loops/posix_loop.h ---- */

#ifdef __cplusplus
}
#endif

#endif

#if defined(VIAMC_IMPLEMENTATION) && !defined(VIAMC_IMPLEMENTED)
#define VIAMC_IMPLEMENTED

/* ---- src/tls/tls_sys.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/tls_sys: the one header of BearSSL. Stands outside of extern "C": it has its own. */
#ifndef VIAMC_TLS_TLS_SYS_H
#define VIAMC_TLS_TLS_SYS_H

#ifndef VIAMC_NO_TLS
#include <bearssl.h>
#endif

#endif
/* ---- end of src/tls/tls_sys.h ---- */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- src/base/core_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/core: cursors over octets, the first-error rule, carving of the one block, secrets. */
#ifndef VIAMC_BASE_CORE_IMPL_H
#define VIAMC_BASE_CORE_IMPL_H


/* ---- views ---- */

#if SIZE_MAX > 0xffffffu
#define VMC_TEXT_MAX 0xffffffu /* octets of a text that a caller hands over: certificates in PEM are the longest */
#else
#define VMC_TEXT_MAX 0x7fffu
#endif

VMC_FN size_t vmc_strlen(const char *s)
{
#ifdef VIAMC_STRLEN
    return s == NULL ? 0 : VIAMC_STRLEN(s);
#else
    size_t n = 0;
    while (s != NULL && n < VMC_TEXT_MAX && s[n] != '\0') /* the bound also keeps the compiler from calling newlib's strlen: 220 octets */
        n++;
    return n;
#endif
}

VIAMC_API viamc_bytes viamc_view(const void *ptr, size_t n)
{
    viamc_bytes v;
    v.ptr = (const uint8_t *)ptr;
    v.len = n;
    return v;
}

VIAMC_API viamc_str viamc_text(const char *s)
{
    viamc_str v;
    v.ptr = s;
    v.len = vmc_strlen(s);
    return v;
}

/* False for octets that are nowhere. */
VMC_FN bool vmc_is_view(viamc_bytes v)
{
    return v.ptr != NULL || v.len == 0;
}

VMC_FN bool vmc_same(const void *a, const void *b, size_t n)
{
    return n == 0 || VIAMC_MEMCMP(a, b, n) == 0;
}

VIAMC_API bool viamc_str_eq(viamc_str a, viamc_str b)
{
    return a.len == b.len && vmc_same(a.ptr, b.ptr, a.len);
}

/* Compares with a terminated constant. */
VMC_FN bool vmc_bytes_are(viamc_bytes v, const char *s)
{
    size_t n = vmc_strlen(s);
    return v.len == n && vmc_same(v.ptr, s, n);
}

VMC_FN viamc_bytes vmc_bytes_of(viamc_str s)
{
    return viamc_view(s.ptr, s.len);
}

VMC_FN size_t vmc_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

VMC_FN uint32_t vmc_min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

VMC_FN void vmc_copy(void *to, const void *from, size_t n)
{
    if (n != 0) /* memcpy(NULL, ..., 0) is undefined */
        VIAMC_MEMCPY(to, from, n);
}

/* Small C libraries move octet by octet, and copy by words: what does not overlap is copied. */
VMC_FN void vmc_move(void *to, const void *from, size_t n)
{
    uintptr_t up = (uintptr_t)to - (uintptr_t)from;
    if (up >= n && 0u - up >= n)
        vmc_copy(to, from, n);
    else if (up != 0)
        VIAMC_MEMMOVE(to, from, n);
}

/* ---- secrets ---- */

/* Overwrites octets so that no optimiser leaves them standing. */
VMC_FN void vmc_wipe(void *p, size_t n)
{
    volatile uint8_t *v = (volatile uint8_t *)p;
    while (n-- != 0)
        v[n] = 0;
}

/* Compares without a branch on the content: time depends on the lengths only. */
VMC_FN bool vmc_same_secret(viamc_bytes a, viamc_bytes b)
{
    size_t i;
    uint8_t diff = (uint8_t)(a.len != b.len);
    for (i = 0; i < a.len && i < b.len; i++)
        diff = (uint8_t)(diff | (a.ptr[i] ^ b.ptr[i]));
    return diff == 0;
}

/* ---- errors ---- */

/* The first cause stays, later ones are echoes. */
VMC_FN viamc_err vmc_fail(viamc_error *e, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    if (e->code == VIAMC_OK) {
        e->code = code;
        e->detail = detail;
        e->where = where;
        e->what = what;
    }
    return e->code;
}

VMC_FN void vmc_error_clear(viamc_error *e)
{
    e->code = VIAMC_OK;
    e->detail = 0;
    e->where = "";
    e->what = "";
}

VIAMC_API const char *viamc_version(void)
{
    return VIAMC_VERSION;
}

VIAMC_API const char *viamc_err_name(viamc_err err)
{
    switch (err) {
    case VIAMC_OK: return VMC_TEXT("OK");
    case VIAMC_ERR_ARG: return VMC_TEXT("ARG");
    case VIAMC_ERR_STATE: return VMC_TEXT("STATE");
    case VIAMC_ERR_NOMEM: return VMC_TEXT("NOMEM");
    case VIAMC_ERR_BUSY: return VMC_TEXT("BUSY");
    case VIAMC_ERR_NOT_FOUND: return VMC_TEXT("NOT_FOUND");
    case VIAMC_ERR_SINK: return VMC_TEXT("SINK");
    case VIAMC_ERR_ENTROPY: return VMC_TEXT("ENTROPY");
    case VIAMC_WAIT: return VMC_TEXT("WAIT");
    case VIAMC_ERR_CLOSED: return VMC_TEXT("CLOSED");
    case VIAMC_ERR_TIMEOUT: return VMC_TEXT("TIMEOUT");
    case VIAMC_ERR_DNS: return VMC_TEXT("DNS");
    case VIAMC_ERR_IO: return VMC_TEXT("IO");
    case VIAMC_ERR_REFUSED: return VMC_TEXT("REFUSED");
    case VIAMC_ERR_TLS: return VMC_TEXT("TLS");
    case VIAMC_ERR_TLS_PLAINTEXT: return VMC_TEXT("TLS_PLAINTEXT");
    case VIAMC_ERR_TLS_CERT: return VMC_TEXT("TLS_CERT");
    case VIAMC_ERR_TLS_ALPN: return VMC_TEXT("TLS_ALPN");
    case VIAMC_ERR_TLS_RECORD: return VMC_TEXT("TLS_RECORD");
    case VIAMC_ERR_H2: return VMC_TEXT("H2");
    case VIAMC_ERR_H2_GOAWAY: return VMC_TEXT("H2_GOAWAY");
    case VIAMC_ERR_RPC: return VMC_TEXT("RPC");
    case VIAMC_ERR_AUTH: return VMC_TEXT("AUTH");
    case VIAMC_ERR_SESSION: return VMC_TEXT("SESSION");
    case VIAMC_ERR_MESSAGE: return VMC_TEXT("MESSAGE");
    case VIAMC_ERR_INSECURE: return VMC_TEXT("INSECURE");
    default: return "?";
    }
}

VIAMC_API const char *viamc_status_name(uint32_t status)
{
    switch (status) {
    case VIAMC_OK: return VMC_TEXT("OK");
    case VIAMC_CANCELLED: return VMC_TEXT("CANCELLED");
    case VIAMC_UNKNOWN: return VMC_TEXT("UNKNOWN");
    case VIAMC_INVALID_ARGUMENT: return VMC_TEXT("INVALID_ARGUMENT");
    case VIAMC_DEADLINE_EXCEEDED: return VMC_TEXT("DEADLINE_EXCEEDED");
    case VIAMC_NOT_FOUND: return VMC_TEXT("NOT_FOUND");
    case VIAMC_ALREADY_EXISTS: return VMC_TEXT("ALREADY_EXISTS");
    case VIAMC_PERMISSION_DENIED: return VMC_TEXT("PERMISSION_DENIED");
    case VIAMC_RESOURCE_EXHAUSTED: return VMC_TEXT("RESOURCE_EXHAUSTED");
    case VIAMC_FAILED_PRECONDITION: return VMC_TEXT("FAILED_PRECONDITION");
    case VIAMC_ABORTED: return VMC_TEXT("ABORTED");
    case VIAMC_OUT_OF_RANGE: return VMC_TEXT("OUT_OF_RANGE");
    case VIAMC_UNIMPLEMENTED: return VMC_TEXT("UNIMPLEMENTED");
    case VIAMC_INTERNAL: return VMC_TEXT("INTERNAL");
    case VIAMC_UNAVAILABLE: return VMC_TEXT("UNAVAILABLE");
    case VIAMC_DATA_LOSS: return VMC_TEXT("DATA_LOSS");
    case VIAMC_UNAUTHENTICATED: return VMC_TEXT("UNAUTHENTICATED");
    default: return "?";
    }
}

/* ---- reading cursor: goes short once and stays short, so one check serves many reads ---- */

typedef struct vmc_rd {
    const uint8_t *ptr; /* next octet */
    size_t left;        /* octets from ptr on */
    bool short_;        /* a read asked for more than was left */
} vmc_rd;

VMC_FN vmc_rd vmc_rd_of(viamc_bytes v)
{
    vmc_rd r;
    r.ptr = v.ptr;
    r.left = v.len;
    r.short_ = false;
    return r;
}

VMC_FN bool vmc_rd_ok(const vmc_rd *r)
{
    return !r->short_;
}

/* Takes n octets as a view; an empty one and short if fewer are left. */
VMC_FN viamc_bytes vmc_rd_take(vmc_rd *r, size_t n)
{
    viamc_bytes v;
    v.ptr = r->ptr;
    v.len = 0;
    if (n > r->left) {
        r->short_ = true;
        r->left = 0;
        return v;
    }
    v.len = n;
    if (n != 0)
        r->ptr += n;
    r->left -= n;
    return v;
}

/* Goes over at most so many octets; answers how many. */
VMC_FN size_t vmc_rd_skip(vmc_rd *r, size_t most)
{
    size_t n = vmc_min(r->left, most);
    if (n != 0)
        r->ptr += n;
    r->left -= n;
    return n;
}

VMC_FN uint8_t vmc_rd_u8(vmc_rd *r)
{
    if (r->left == 0) {
        r->short_ = true;
        return 0;
    }
    r->left--;
    return *r->ptr++;
}

VMC_FN uint32_t vmc_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

VMC_FN uint32_t vmc_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

VMC_FN uint32_t vmc_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- writing cursor: goes full once and stays full; len <= cap always holds ---- */

typedef struct vmc_wr {
    uint8_t *ptr; /* start of the memory */
    size_t cap;
    size_t len;   /* octets written */
    bool full;    /* a write did not fit; nothing of it was written */
} vmc_wr;

VMC_FN vmc_wr vmc_wr_of(void *ptr, size_t cap)
{
    vmc_wr w;
    w.ptr = (uint8_t *)ptr;
    w.cap = cap;
    w.len = 0;
    w.full = false;
    return w;
}

VMC_FN size_t vmc_wr_room(const vmc_wr *w)
{
    return w->cap - w->len;
}

/* Claims n octets to be written by the caller; NULL and full if they do not fit. */
VMC_FN uint8_t *vmc_wr_claim(vmc_wr *w, size_t n)
{
    uint8_t *p;
    if (n > w->cap - w->len) {
        w->full = true;
        return NULL;
    }
    p = w->ptr + w->len;
    w->len += n;
    return p;
}

VMC_FN void vmc_wr_bytes(vmc_wr *w, const void *p, size_t n)
{
    uint8_t *to = n == 0 ? NULL : vmc_wr_claim(w, n);
    if (to != NULL)
        vmc_copy(to, p, n);
}

VMC_FN void vmc_wr_u8(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 1);
    if (p != NULL)
        p[0] = (uint8_t)v;
}

VMC_FN void vmc_put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

VMC_FN void vmc_put_be24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

VMC_FN void vmc_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

VMC_FN void vmc_wr_be16(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 2);
    if (p != NULL)
        vmc_put_be16(p, v);
}

VMC_FN void vmc_wr_be32(vmc_wr *w, uint32_t v)
{
    uint8_t *p = vmc_wr_claim(w, 4);
    if (p != NULL)
        vmc_put_be32(p, v);
}

VMC_FN void vmc_wr_text(vmc_wr *w, const char *s)
{
    vmc_wr_bytes(w, s, vmc_strlen(s));
}

/* Writes a number in decimal digits, with a comma between groups of so many. */
VMC_FN void vmc_wr_digits(vmc_wr *w, uint32_t v, uint32_t group)
{
    uint8_t d[13]; /* 10 digits, 3 commas */
    size_t n = sizeof d;
    uint32_t left = group;
    do {
        if (left-- == 0) {
            d[--n] = ',';
            left = group - 1u;
        }
        d[--n] = (uint8_t)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    vmc_wr_bytes(w, d + n, sizeof d - n);
}

/* Writes a number in decimal digits, at most 10. */
VMC_FN void vmc_wr_dec(vmc_wr *w, uint32_t v)
{
    vmc_wr_digits(w, v, 10);
}

/* Writes a decimal number of at least two digits: the parts of dates. */
VMC_FN void vmc_wr_dec2(vmc_wr *w, uint32_t v)
{
    if (v < 10u)
        vmc_wr_u8(w, '0');
    vmc_wr_dec(w, v);
}

/* Writes a number with commas between thousands: "9,416". */
VMC_FN void vmc_wr_grouped(vmc_wr *w, uint32_t v)
{
    vmc_wr_digits(w, v, 3);
}

/* As much of a text as fits: for texts that may be cut, never for protocol octets. */
VMC_FN void vmc_wr_cut(vmc_wr *w, const void *p, size_t n)
{
    vmc_wr_bytes(w, p, vmc_min(n, vmc_wr_room(w)));
}

/* ---- carving one block: the same code measures (base NULL) and divides ---- */

typedef struct vmc_carve {
    uint8_t *base; /* NULL: only count */
    size_t at;     /* octets taken so far */
} vmc_carve;

#define VMC_ALIGN sizeof(uint64_t) /* of every piece, and of the block's start */

/* Takes n octets, aligned; NULL while measuring. */
VMC_FN void *vmc_carve_take(vmc_carve *cv, size_t n)
{
    size_t at = cv->at;
    cv->at += (n + (VMC_ALIGN - 1u)) / VMC_ALIGN * VMC_ALIGN;
    return cv->base == NULL ? NULL : cv->base + at;
}

/* Octets to skip so that p is aligned. */
VMC_FN size_t vmc_misaligned(const void *p)
{
    return (size_t)((VMC_ALIGN - (uintptr_t)p % VMC_ALIGN) % VMC_ALIGN);
}

#endif
/* ---- end of src/base/core_impl.h ---- */
/* ---- src/base/time_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/time: wrap-safe comparison, timers, the shortest of many waits. */
#ifndef VIAMC_BASE_TIME_IMPL_H
#define VIAMC_BASE_TIME_IMPL_H


#define VMC_TIME_MAX 0x7fffffffu /* longest span that comparison can tell from the past, ms: 24 days */

/* True if a is b or later. */
VMC_FN bool vmc_time_reached(viamc_ms a, viamc_ms b)
{
    return (viamc_ms)(a - b) <= VMC_TIME_MAX;
}

/* A point in time that is awaited, or not. */
typedef struct vmc_timer {
    viamc_ms at; /* 0: not; the time 0 counts as the millisecond before it */
} vmc_timer;

VMC_FN bool vmc_timer_is_on(const vmc_timer *t)
{
    return t->at != 0;
}

VMC_FN void vmc_timer_at(vmc_timer *t, viamc_ms at)
{
    t->at = at - (at == 0);
}

/* Arms the timer; VIAMC_FOREVER and VIAMC_OFF leave it off, longer spans than 24 days count as 24 days. */
VMC_FN void vmc_timer_set(vmc_timer *t, viamc_ms now, viamc_ms after)
{
    if (after == VIAMC_FOREVER || after == VIAMC_OFF)
        t->at = 0;
    else
        vmc_timer_at(t, now + (after > VMC_TIME_MAX ? VMC_TIME_MAX : after));
}

VMC_FN void vmc_timer_off(vmc_timer *t)
{
    t->at = 0;
}

VMC_FN bool vmc_timer_due(const vmc_timer *t, viamc_ms now)
{
    return vmc_timer_is_on(t) && vmc_time_reached(now, t->at);
}

/* Milliseconds until the timer is due, 0 if it is, VIAMC_FOREVER if it is off. */
VMC_FN viamc_ms vmc_timer_left(const vmc_timer *t, viamc_ms now)
{
    if (!vmc_timer_is_on(t))
        return VIAMC_FOREVER;
    return vmc_time_reached(now, t->at) ? 0 : t->at - now;
}

/* Shortens a wait to the timer's. */
VMC_FN void vmc_wait_timer(viamc_ms *wait, const vmc_timer *t, viamc_ms now)
{
    viamc_ms left = vmc_timer_left(t, now);
    if (left < *wait)
        *wait = left;
}

#endif
/* ---- end of src/base/time_impl.h ---- */
/* ---- src/base/date_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/date: days since 1970 as dates of the proleptic Gregorian calendar, and back. */
#ifndef VIAMC_BASE_DATE_IMPL_H
#define VIAMC_BASE_DATE_IMPL_H


/* Days from 0000-03-01, where the years of this sum begin, to 1970-01-01. */
#define VMC_DATE_EPOCH 719468u
#define VMC_DATE_ERA_DAYS 146097u /* 400 years */

typedef struct vmc_date {
    uint32_t year, month, day;
} vmc_date;

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, year 1 or later; 0 for all that is before. */
VMC_FN uint32_t vmc_date_days(vmc_date d)
{
    uint32_t year = d.month <= 2u ? d.year - 1u : d.year;
    uint32_t month = d.month <= 2u ? d.month + 9u : d.month - 3u; /* from March: then the leap day is the last of its year */
    uint32_t days = year * 365u + year / 4u - year / 100u + year / 400u + (153u * month + 2u) / 5u + d.day - 1u;
    return days < VMC_DATE_EPOCH ? 0u : days - VMC_DATE_EPOCH;
}

VMC_FN vmc_date vmc_date_of(uint32_t days)
{
    vmc_date d;
    uint32_t all = (days > UINT32_MAX - VMC_DATE_EPOCH ? UINT32_MAX - VMC_DATE_EPOCH : days) + VMC_DATE_EPOCH;
    uint32_t of_era = all % VMC_DATE_ERA_DAYS;
    uint32_t year = (of_era - of_era / 1460u + of_era / 36524u - of_era / 146096u) / 365u; /* less the leap days before it */
    uint32_t of_year = of_era - (365u * year + year / 4u - year / 100u);
    uint32_t month = (5u * of_year + 2u) / 153u;
    d.day = of_year - (153u * month + 2u) / 5u + 1u;
    d.month = month < 10u ? month + 3u : month - 9u;
    d.year = year + all / VMC_DATE_ERA_DAYS * 400u + (d.month <= 2u ? 1u : 0u);
    return d;
}

/* Writes "2026-03-01". */
VMC_FN void vmc_wr_date(vmc_wr *w, uint32_t days)
{
    vmc_date d = vmc_date_of(days);
    vmc_wr_dec(w, d.year);
    vmc_wr_u8(w, '-');
    vmc_wr_dec2(w, d.month);
    vmc_wr_u8(w, '-');
    vmc_wr_dec2(w, d.day);
}

#endif
/* ---- end of src/base/date_impl.h ---- */
/* ---- src/base/log_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* base/log: the one way to the callback. */
#ifndef VIAMC_BASE_LOG_IMPL_H
#define VIAMC_BASE_LOG_IMPL_H


VMC_FN void vmc_log(const viamc_log *log, uint8_t level, const char *part, const char *text, uint32_t a, uint32_t b)
{
    viamc_log_item item;
    if (log->fn == NULL)
        return;
    item.level = level;
    item.part = part;
    item.text = text;
    item.a = a;
    item.b = b;
    log->fn(log->user, &item);
}

#endif
/* ---- end of src/base/log_impl.h ---- */
/* ---- src/codec/wire_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/wire: the wire format of protocol buffers, field by field, for messages small enough to be coded by hand.
 * Knows tags, varints, fixed fields, lengths and groups; knows nothing of any message but google.protobuf.Duration. */
#ifndef VIAMC_CODEC_WIRE_IMPL_H
#define VIAMC_CODEC_WIRE_IMPL_H


#define VMC_WIRE_MAX_VARINT 10u /* octets: 64 bits, 7 in each */

enum { /* wire types, the low three bits of a tag */
    VMC_WIRE_VARINT = 0,
    VMC_WIRE_FIXED64 = 1,
    VMC_WIRE_BYTES = 2, /* string, bytes, submessage, packed numbers */
    VMC_WIRE_GROUP = 3, /* proto3 has none */
    VMC_WIRE_GROUP_END = 4,
    VMC_WIRE_FIXED32 = 5
};

VMC_STATIC_ASSERT(wire_double_has_64_or_32_bits, sizeof(double) == sizeof(uint64_t) || sizeof(double) == sizeof(uint32_t));

typedef struct vmc_wire_field {
    uint32_t number;
    uint8_t type;      /* VMC_WIRE_*, never a group's */
    uint64_t value;    /* of VARINT, FIXED64, FIXED32; else 0 */
    viamc_bytes bytes; /* of BYTES; else empty */
} vmc_wire_field;

/* ---- reading: a malformed field makes the cursor short, so its caller tells the end from damage by vmc_rd_ok ---- */

VMC_FN void vmc_wire_bad(vmc_rd *r)
{
    r->short_ = true;
    r->left = 0;
}

/* Reads a varint; one of more than 10 octets or 64 bits is malformed. */
VMC_FN uint64_t vmc_wire_varint(vmc_rd *r)
{
    uint64_t v = 0;
    unsigned shift;
    for (shift = 0; shift < 7u * VMC_WIRE_MAX_VARINT; shift += 7u) {
        uint8_t octet = vmc_rd_u8(r);
        if (shift == 63u && octet > 1u)
            break;
        v |= (uint64_t)(octet & 0x7fu) << shift;
        if (octet < 0x80u)
            return v;
    }
    vmc_wire_bad(r);
    return 0;
}

/* Reads n octets, at most 8, least significant first. */
VMC_FN uint64_t vmc_wire_fixed(vmc_rd *r, size_t n)
{
    viamc_bytes v = vmc_rd_take(r, n);
    uint64_t value = 0;
    while (v.len != 0)
        value = value << 8 | v.ptr[--v.len];
    return value;
}

/* Reads a length and that many octets. */
VMC_FN viamc_bytes vmc_wire_sized(vmc_rd *r)
{
    uint64_t n = vmc_wire_varint(r);
    if (n > r->left) {
        vmc_wire_bad(r);
        n = 0;
    }
    return vmc_rd_take(r, (size_t)n);
}

/* Reads a tag: field number 1 to 2^29 - 1, any type. False at the end too. */
VMC_FN bool vmc_wire_tag(vmc_rd *r, vmc_wire_field *f)
{
    uint64_t tag;
    if (r->left == 0)
        return false;
    tag = vmc_wire_varint(r);
    f->number = (uint32_t)tag >> 3;
    f->type = (uint8_t)(tag & 7u);
    if (tag > 0xffffffffu || f->number == 0)
        vmc_wire_bad(r);
    return vmc_rd_ok(r);
}

/* Reads what belongs to a tag other than those of groups. */
VMC_FN void vmc_wire_payload(vmc_rd *r, vmc_wire_field *f)
{
    f->value = 0;
    f->bytes = viamc_view(r->ptr, 0);
    switch (f->type) {
    case VMC_WIRE_VARINT: f->value = vmc_wire_varint(r); break;
    case VMC_WIRE_FIXED64: f->value = vmc_wire_fixed(r, 8); break;
    case VMC_WIRE_FIXED32: f->value = vmc_wire_fixed(r, 4); break;
    case VMC_WIRE_BYTES: f->bytes = vmc_wire_sized(r); break;
    default: vmc_wire_bad(r); break; /* an end without a beginning, or types 6 and 7 */
    }
}

/* Reads the next field, whatever it is. Groups are gone over: nobody reads what lies in them, so only their ends are counted.
 * False at the end of the message, or with the cursor short if it is malformed. */
VMC_FN bool vmc_wire_next(vmc_rd *r, vmc_wire_field *f)
{
    uint32_t open = 0; /* groups; each took an octet */
    while (vmc_wire_tag(r, f)) {
        if (f->type == VMC_WIRE_GROUP) {
            open++;
        } else if (f->type == VMC_WIRE_GROUP_END && open != 0) {
            open--;
        } else {
            vmc_wire_payload(r, f);
            if (open == 0)
                return vmc_rd_ok(r);
        }
    }
    if (open != 0)
        vmc_wire_bad(r);
    return false;
}

/* Finds a string, bytes or submessage field; the last one counts, other types of the same number do not.
 * OK; NOT_FOUND; MESSAGE (malformed somewhere). Only OK leaves something in bytes. */
VMC_FN viamc_err vmc_wire_find(viamc_bytes msg, uint32_t number, viamc_bytes *bytes)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_err err = VIAMC_ERR_NOT_FOUND;
    *bytes = viamc_view(NULL, 0);
    while (vmc_wire_next(&r, &f)) {
        if (f.number == number && f.type == VMC_WIRE_BYTES) {
            *bytes = f.bytes;
            err = VIAMC_OK;
        }
    }
    if (vmc_rd_ok(&r))
        return err;
    *bytes = viamc_view(NULL, 0);
    return VIAMC_ERR_MESSAGE;
}

VMC_FN viamc_str vmc_wire_text(const vmc_wire_field *f)
{
    viamc_str s;
    s.ptr = (const char *)f->bytes.ptr;
    s.len = f->bytes.len;
    return s;
}

/* IEEE 754 binary64 as binary32, for compilers whose double is that (AVR): rounded to the nearest; what is too large becomes infinity,
 * what is too small 0. 1023 and 127 are the exponents' biases. */
VMC_FN uint32_t vmc_wire_narrow(uint64_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 32) & 0x80000000u, exponent = (uint32_t)(bits >> 52) & 0x7ffu;
    uint64_t fraction = bits & 0xfffffffffffffu;
    if (exponent == 0x7ffu)
        return sign | 0x7f800000u | (fraction != 0 ? 0x400000u : 0u); /* no number at all, or infinity */
    if (exponent > 1023u + 127u)
        return sign | 0x7f800000u;
    if (exponent < 1023u - 126u)
        return sign;
    return sign | (((exponent - (1023u - 127u)) << 23 | (uint32_t)(fraction >> 29)) + ((uint32_t)(fraction >> 28) & 1u));
}

/* The other way; what is below 2^-126 becomes 0. */
VMC_FN uint64_t vmc_wire_broaden(uint32_t bits)
{
    uint64_t sign = (uint64_t)(bits & 0x80000000u) << 32, fraction = (uint64_t)(bits & 0x7fffffu) << 29;
    uint32_t exponent = bits >> 23 & 0xffu;
    if (exponent == 0)
        return sign;
    return sign | (uint64_t)(exponent == 0xffu ? 0x7ffu : exponent + (1023u - 127u)) << 52 | fraction;
}

VMC_FN double vmc_wire_double(uint64_t bits)
{
    double d = 0;
    uint32_t narrow;
    if (sizeof d == sizeof bits) {
        VIAMC_MEMCPY(&d, &bits, sizeof d);
    } else {
        narrow = vmc_wire_narrow(bits);
        VIAMC_MEMCPY(&d, &narrow, sizeof narrow);
    }
    return d;
}

/* Milliseconds of seconds and nanoseconds as they come off the wire: below 0 gives 0, too many give VMC_TIME_MAX. */
VMC_FN viamc_ms vmc_wire_ms(uint64_t seconds, uint32_t nanos)
{
    if (seconds >> 63 != 0 || nanos >> 31 != 0)
        return 0;
    if (seconds >= VMC_TIME_MAX / 1000u)
        return VMC_TIME_MAX;
    return (viamc_ms)seconds * 1000u + vmc_min32(nanos, 999999999u) / 1000000u;
}

/* Reads a google.protobuf.Duration, rounded down to milliseconds. False if it is malformed. */
VMC_FN bool vmc_wire_duration(viamc_bytes msg, viamc_ms *ms)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    uint64_t seconds = 0;
    uint32_t nanos = 0;
    while (vmc_wire_next(&r, &f)) {
        if (f.type == VMC_WIRE_VARINT && f.number == 1)
            seconds = f.value;
        else if (f.type == VMC_WIRE_VARINT && f.number == 2)
            nanos = (uint32_t)f.value; /* int32: the upper half repeats the sign */
    }
    *ms = vmc_wire_ms(seconds, nanos);
    return vmc_rd_ok(&r);
}

/* ---- writing: every field is written, also one that holds its default; leaving those out is the caller's choice ---- */

VMC_FN size_t vmc_wire_varint_size(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80u) {
        v >>= 7;
        n++;
    }
    return n;
}

/* Writes a varint where there is room for it; returns its octets, at most 10. */
VMC_FN size_t vmc_wire_varint_at(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80u) {
        p[n++] = (uint8_t)(v | 0x80u);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

VMC_FN void vmc_wire_put_varint(vmc_wr *w, uint64_t v)
{
    uint8_t octets[VMC_WIRE_MAX_VARINT];
    vmc_wr_bytes(w, octets, vmc_wire_varint_at(octets, v));
}

VMC_FN void vmc_wire_put_tag(vmc_wr *w, uint32_t number, uint8_t type)
{
    vmc_wire_put_varint(w, number << 3 | type);
}

/* uint32, uint64, enums, and int32 or int64 that the caller has extended to 64 bits. */
VMC_FN void vmc_wire_put_uint(vmc_wr *w, uint32_t number, uint64_t v)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_VARINT);
    vmc_wire_put_varint(w, v);
}

/* Bytes, or a submessage that is encoded already. */
VMC_FN void vmc_wire_put_bytes(vmc_wr *w, uint32_t number, viamc_bytes v)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_BYTES);
    vmc_wire_put_varint(w, v.len);
    vmc_wr_bytes(w, v.ptr, v.len);
}

VMC_FN void vmc_wire_put_text(vmc_wr *w, uint32_t number, viamc_str v)
{
    vmc_wire_put_bytes(w, number, vmc_bytes_of(v));
}

/* Writes the 8 octets of a double, least significant first. */
VMC_FN void vmc_wire_double_at(uint8_t *p, double v)
{
    uint64_t bits = 0;
    uint32_t narrow;
    size_t i;
    if (sizeof v == sizeof bits) {
        VIAMC_MEMCPY(&bits, &v, sizeof v);
    } else {
        VIAMC_MEMCPY(&narrow, &v, sizeof narrow);
        bits = vmc_wire_broaden(narrow);
    }
    for (i = 0; i < 8u; i++) {
        p[i] = (uint8_t)bits;
        bits >>= 8;
    }
}

/* Gives content of n octets a length in front of it that takes 1 + more octets where one was kept free; there is room. */
VMC_FN void vmc_wire_widen(uint8_t *content, size_t n, size_t more)
{
    if (more != 0)
        vmc_move(content + more, content, n);
    (void)vmc_wire_varint_at(content - 1, n);
}

/* Begins a submessage of unknown length. Returns where its content starts, for vmc_wire_close. */
VMC_FN size_t vmc_wire_open(vmc_wr *w, uint32_t number)
{
    vmc_wire_put_tag(w, number, VMC_WIRE_BYTES);
    vmc_wr_u8(w, 0); /* the length, widened when it is known */
    return w->len;
}

/* Ends the submessage opened last. */
VMC_FN void vmc_wire_close(vmc_wr *w, size_t start)
{
    size_t n = w->len - start, more = vmc_wire_varint_size(n) - 1u;
    if (!w->full && vmc_wr_claim(w, more) != NULL)
        vmc_wire_widen(w->ptr + start, n, more);
}

/* Writes a google.protobuf.Duration. */
VMC_FN void vmc_wire_put_duration(vmc_wr *w, uint32_t number, viamc_ms ms)
{
    size_t sub = vmc_wire_open(w, number);
    if (ms >= 1000u)
        vmc_wire_put_uint(w, 1, ms / 1000u);
    if (ms % 1000u != 0)
        vmc_wire_put_uint(w, 2, ms % 1000u * 1000000u);
    vmc_wire_close(w, sub);
}

#endif
/* ---- end of src/codec/wire_impl.h ---- */
/* ---- src/codec/struct_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/struct: the reader is a chain of cursors, one a level, so depth costs it nothing; the writer keeps one octet free for every
 * length and shifts what follows when a length turns out to need more. */
#ifndef VIAMC_CODEC_STRUCT_IMPL_H
#define VIAMC_CODEC_STRUCT_IMPL_H


/* Field numbers of google/protobuf/struct.proto. Members of Value: number = kind + 1. */
#define VMC_STRUCT_ITEM 1u  /* Struct.fields, ListValue.values, and the maps of readings */
#define VMC_STRUCT_KEY 1u   /* of a map entry */
#define VMC_STRUCT_VALUE 2u /* of a map entry */

VMC_STATIC_ASSERT(struct_depth_fits_the_bits_of_lists, VMC_STRUCT_MAX_DEPTH >= 2u && VMC_STRUCT_MAX_DEPTH <= 32u);

/* ---- reading ---- */

VMC_FN void vmc_struct_no_value(viamc_value *v)
{
    VIAMC_MEMSET(v, 0, sizeof *v);
    v->number = 0;
    v->text = viamc_text("");
}

/* The wire type of a kind. */
VMC_FN uint8_t vmc_struct_type(uint8_t kind)
{
    if (kind == VIAMC_NUMBER)
        return VMC_WIRE_FIXED64;
    return kind == VIAMC_NULL || kind == VIAMC_BOOL ? VMC_WIRE_VARINT : VMC_WIRE_BYTES;
}

/* Takes over a member of Value; unknown ones are passed by. False if it lies too deep. */
VMC_FN bool vmc_struct_member(const vmc_wire_field *f, uint8_t depth, viamc_value *v)
{
    uint8_t kind = (uint8_t)(f->number - 1u);
    if (f->number > VIAMC_LIST + 1u || f->type != vmc_struct_type(kind))
        return true;
    vmc_struct_no_value(v); /* members of a oneof replace one another */
    v->kind = kind;
    switch (kind) {
    case VIAMC_NUMBER: v->number = vmc_wire_double(f->value); break;
    case VIAMC_STRING: v->text = vmc_wire_text(f); break;
    case VIAMC_BOOL: v->boolean = f->value != 0; break;
    case VIAMC_STRUCT:
        v->fields.rest = f->bytes;
        v->fields.depth = (uint8_t)(depth + 1u);
        return depth < VMC_STRUCT_MAX_DEPTH;
    case VIAMC_LIST:
        v->list.rest = f->bytes;
        v->list.depth = (uint8_t)(depth + 1u);
        return depth < VMC_STRUCT_MAX_DEPTH;
    default: break;
    }
    return true;
}

/* Reads a Value that stands in a Struct or list of that depth. */
VMC_FN bool vmc_struct_read_value(viamc_bytes msg, uint8_t depth, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    while (vmc_wire_next(&r, &f))
        if (!vmc_struct_member(&f, depth, v))
            return false;
    return vmc_rd_ok(&r);
}

/* Reads a map entry; a missing key is "", a missing value null. */
VMC_FN bool vmc_struct_read_entry(viamc_bytes msg, uint8_t depth, viamc_str *key, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_bytes value = viamc_view(NULL, 0);
    while (vmc_wire_next(&r, &f)) {
        if (f.type == VMC_WIRE_BYTES && f.number == VMC_STRUCT_KEY)
            *key = vmc_wire_text(&f);
        else if (f.type == VMC_WIRE_BYTES && f.number == VMC_STRUCT_VALUE)
            value = f.bytes;
    }
    return vmc_rd_ok(&r) && vmc_struct_read_value(value, depth, v);
}

/* Reads the next item of a Struct or, without a key, of a list. False at the end; *err is set if that is not the good one. */
VMC_FN bool vmc_struct_step(viamc_bytes *rest, uint8_t depth, viamc_err *err, viamc_str *key, viamc_value *v)
{
    vmc_rd r = vmc_rd_of(*rest);
    vmc_wire_field f;
    bool more;
    vmc_struct_no_value(v);
    do
        more = vmc_wire_next(&r, &f);
    while (more && (f.number != VMC_STRUCT_ITEM || f.type != VMC_WIRE_BYTES));
    if (more && (key != NULL ? vmc_struct_read_entry(f.bytes, depth, key, v) : vmc_struct_read_value(f.bytes, depth, v))) {
        *rest = viamc_view(r.ptr, r.left);
        return true;
    }
    if (more || !vmc_rd_ok(&r))
        *err = VIAMC_ERR_MESSAGE;
    rest->len = 0;
    vmc_struct_no_value(v);
    return false;
}

VIAMC_API viamc_fields viamc_struct_fields(viamc_bytes encoded)
{
    viamc_fields fields;
    fields.rest = encoded;
    fields.err = VIAMC_OK;
    fields.depth = 1;
    return fields;
}

VIAMC_API bool viamc_struct_next(viamc_fields *fields, viamc_str *key, viamc_value *value)
{
    if (fields == NULL || key == NULL || value == NULL)
        return false;
    *key = viamc_text("");
    if (vmc_struct_step(&fields->rest, fields->depth, &fields->err, key, value))
        return true;
    *key = viamc_text("");
    return false;
}

VIAMC_API bool viamc_list_next(viamc_values *list, viamc_value *value)
{
    return list != NULL && value != NULL && vmc_struct_step(&list->rest, list->depth, &list->err, NULL, value);
}

VIAMC_API viamc_err viamc_struct_find(const viamc_fields *fields, const char *key, viamc_value *value)
{
    viamc_fields walk;
    viamc_str k, wanted = viamc_text(key);
    viamc_value v;
    viamc_err err = VIAMC_ERR_NOT_FOUND;
    if (fields == NULL || key == NULL || value == NULL)
        return VIAMC_ERR_ARG;
    walk = *fields;
    vmc_struct_no_value(value);
    while (viamc_struct_next(&walk, &k, &v)) {
        if (viamc_str_eq(k, wanted)) {
            *value = v;
            err = VIAMC_OK;
        }
    }
    if (walk.err == VIAMC_OK)
        return err;
    vmc_struct_no_value(value);
    return walk.err;
}

/* Each turn reads one item, goes one level down with it, or comes back up from a level that is done. */
VIAMC_API viamc_err viamc_struct_check(viamc_bytes encoded)
{
    viamc_bytes rest[VMC_STRUCT_MAX_DEPTH];
    uint32_t lists = 0; /* bit n: level n is a list */
    uint8_t depth = 1;
    viamc_err err = VIAMC_OK;
    viamc_value v;
    viamc_str key;
    rest[0] = encoded;
    while (depth != 0 && err == VIAMC_OK) {
        bool list = (lists >> (depth - 1u) & 1u) != 0;
        if (!vmc_struct_step(&rest[depth - 1u], depth, &err, list ? NULL : &key, &v)) {
            depth--;
        } else if (v.kind == VIAMC_STRUCT) { /* depth < VMC_STRUCT_MAX_DEPTH, else the step had failed */
            lists &= ~((uint32_t)1 << depth);
            rest[depth++] = v.fields.rest;
        } else if (v.kind == VIAMC_LIST) {
            lists |= (uint32_t)1 << depth;
            rest[depth++] = v.list.rest;
        }
    }
    return err;
}

/* ---- writing: after NOMEM nothing is written any more, but lengths go on being counted ---- */

VMC_FN void vmc_struct_fail(viamc_struct_writer *w, viamc_err err)
{
    if (w->err == VIAMC_OK || (w->err == VIAMC_ERR_NOMEM && err != VIAMC_ERR_NOMEM))
        w->err = err; /* a mistake outweighs a lack of room */
}

/* Counts n octets; true if they may be written, and then they lie before w->len. */
VMC_FN bool vmc_struct_claim(viamc_struct_writer *w, size_t n)
{
    if (w->err == VIAMC_OK && n > w->cap - w->len)
        w->err = VIAMC_ERR_NOMEM;
    w->len += n;
    return w->err == VIAMC_OK;
}

VMC_FN void vmc_struct_put(viamc_struct_writer *w, const void *p, size_t n)
{
    if (n != 0 && vmc_struct_claim(w, n))
        vmc_copy(w->ptr + (w->len - n), p, n);
}

/* Tag and the octet kept for a length; returns where the content starts. */
VMC_FN size_t vmc_struct_open(viamc_struct_writer *w, uint32_t number)
{
    uint8_t head[2];
    head[0] = (uint8_t)(number << 3 | VMC_WIRE_BYTES);
    head[1] = 0;
    vmc_struct_put(w, head, sizeof head);
    return w->len;
}

/* Writes the length of what began at start. */
VMC_FN void vmc_struct_patch(viamc_struct_writer *w, size_t start)
{
    size_t n = w->len - start, more = vmc_wire_varint_size(n) - 1u;
    if (vmc_struct_claim(w, more))
        vmc_wire_widen(w->ptr + start, n, more);
}

VMC_FN bool vmc_struct_in_list(const viamc_struct_writer *w)
{
    return w->depth != 0 && (w->lists >> (w->depth - 1u) & 1u) != 0;
}

/* Begins a map entry and writes its key; inside a list there is neither. Returns where the entry starts, or 0. */
VMC_FN size_t vmc_struct_entry(viamc_struct_writer *w, const char *key)
{
    size_t entry, text;
    if ((key == NULL) != vmc_struct_in_list(w))
        vmc_struct_fail(w, VIAMC_ERR_ARG);
    if (key == NULL)
        return 0;
    entry = vmc_struct_open(w, VMC_STRUCT_ITEM);
    text = vmc_struct_open(w, VMC_STRUCT_KEY);
    vmc_struct_put(w, key, vmc_strlen(key));
    vmc_struct_patch(w, text);
    return entry;
}

/* Begins the Value behind a key or in a list. */
VMC_FN size_t vmc_struct_value(viamc_struct_writer *w, size_t entry)
{
    return vmc_struct_open(w, entry != 0 ? VMC_STRUCT_VALUE : VMC_STRUCT_ITEM);
}

VMC_FN void vmc_struct_done(viamc_struct_writer *w, size_t entry, size_t value)
{
    vmc_struct_patch(w, value);
    if (entry != 0)
        vmc_struct_patch(w, entry);
}

/* Adds a value whose n octets are encoded already, its tag first. */
VMC_FN void vmc_struct_scalar(viamc_struct_writer *w, const char *key, const uint8_t *p, size_t n)
{
    size_t entry, value;
    if (w == NULL)
        return;
    entry = vmc_struct_entry(w, key);
    value = vmc_struct_value(w, entry);
    vmc_struct_put(w, p, n);
    vmc_struct_done(w, entry, value);
}

VMC_FN uint8_t vmc_struct_tag(uint8_t kind)
{
    return (uint8_t)((kind + 1u) << 3 | vmc_struct_type(kind));
}

VIAMC_API void viamc_struct_begin(viamc_struct_writer *w, void *buf, size_t cap)
{
    if (w == NULL)
        return;
    VIAMC_MEMSET(w, 0, sizeof *w);
    w->ptr = (uint8_t *)buf;
    w->cap = buf != NULL ? cap : 0;
}

VIAMC_API void viamc_struct_number(viamc_struct_writer *w, const char *key, double number)
{
    uint8_t p[9];
    p[0] = vmc_struct_tag(VIAMC_NUMBER);
    vmc_wire_double_at(p + 1, number);
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_bool(viamc_struct_writer *w, const char *key, bool boolean)
{
    uint8_t p[2];
    p[0] = vmc_struct_tag(VIAMC_BOOL);
    p[1] = boolean ? 1 : 0;
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_null(viamc_struct_writer *w, const char *key)
{
    uint8_t p[2];
    p[0] = vmc_struct_tag(VIAMC_NULL);
    p[1] = 0;
    vmc_struct_scalar(w, key, p, sizeof p);
}

VIAMC_API void viamc_struct_text(viamc_struct_writer *w, const char *key, viamc_str text)
{
    size_t entry, value, start;
    if (w == NULL)
        return;
    if (!vmc_is_view(vmc_bytes_of(text))) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    entry = vmc_struct_entry(w, key);
    value = vmc_struct_value(w, entry);
    start = vmc_struct_open(w, VIAMC_STRING + 1u);
    vmc_struct_put(w, text.ptr, text.len);
    vmc_struct_patch(w, start);
    vmc_struct_done(w, entry, value);
}

VIAMC_API void viamc_struct_string(viamc_struct_writer *w, const char *key, const char *string)
{
    viamc_struct_text(w, key, viamc_text(string));
}

/* Opens a level. Its Value starts two octets before its content: tag and length stand between. */
VMC_FN void vmc_struct_push(viamc_struct_writer *w, const char *key, uint8_t kind)
{
    size_t entry;
    if (w == NULL)
        return;
    if (w->depth + 1u >= VMC_STRUCT_MAX_DEPTH) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    entry = vmc_struct_entry(w, key);
    (void)vmc_struct_value(w, entry);
    w->entry[w->depth] = entry;
    w->start[w->depth] = vmc_struct_open(w, kind + 1u);
    w->lists &= ~((uint32_t)1 << w->depth);
    if (kind == VIAMC_LIST)
        w->lists |= (uint32_t)1 << w->depth;
    w->depth++;
}

VIAMC_API void viamc_struct_open_struct(viamc_struct_writer *w, const char *key)
{
    vmc_struct_push(w, key, VIAMC_STRUCT);
}

VIAMC_API void viamc_struct_open_list(viamc_struct_writer *w, const char *key)
{
    vmc_struct_push(w, key, VIAMC_LIST);
}

VIAMC_API void viamc_struct_close(viamc_struct_writer *w)
{
    size_t start;
    if (w == NULL)
        return;
    if (w->depth == 0) {
        vmc_struct_fail(w, VIAMC_ERR_STATE);
        return;
    }
    w->depth--;
    start = w->start[w->depth];
    vmc_struct_patch(w, start);
    vmc_struct_done(w, w->entry[w->depth], start - 2u);
}

VIAMC_API viamc_err viamc_struct_end(viamc_struct_writer *w, viamc_bytes *encoded)
{
    if (w == NULL || encoded == NULL)
        return VIAMC_ERR_ARG;
    if (w->depth != 0)
        vmc_struct_fail(w, VIAMC_ERR_STATE);
    *encoded = viamc_view(w->ptr, w->err == VIAMC_OK ? w->len : 0);
    return w->err;
}

#endif
/* ---- end of src/codec/struct_impl.h ---- */
/* ---- src/codec/reading_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/reading: names of types, and the numbers that belong to each. */
#ifndef VIAMC_CODEC_READING_IMPL_H
#define VIAMC_CODEC_READING_IMPL_H


/* What a type is called, and its numbers in their order. */
typedef struct vmc_reading_form {
    const char *type;
    const char *keys[4];
} vmc_reading_form;

static const vmc_reading_form vmc_reading_forms[] = {
    {"vector3", {"x", "y", "z", NULL}},
    {"angular_velocity", {"x", "y", "z", NULL}},
    {"geopoint", {"lat", "lng", NULL, NULL}},
    {"orientation_vector_degrees", {"ox", "oy", "oz", "theta"}},
};
#define VMC_READING_FORMS (sizeof vmc_reading_forms / sizeof vmc_reading_forms[0])

VMC_FN viamc_err vmc_reading_numbers(const viamc_fields *fields, const vmc_reading_form *form, double number[4])
{
    viamc_value v;
    size_t i;
    for (i = 0; i < 4u && form->keys[i] != NULL; i++) {
        if (viamc_struct_find(fields, form->keys[i], &v) != VIAMC_OK || v.kind != VIAMC_NUMBER)
            return VIAMC_ERR_MESSAGE;
        number[i] = v.number;
    }
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_reading_of(const viamc_value *value, viamc_reading *reading)
{
    viamc_reading found;
    viamc_value type;
    viamc_err err;
    size_t i;
    if (value == NULL || reading == NULL)
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(reading, 0, sizeof *reading);
    VIAMC_MEMSET(&found, 0, sizeof found);
    if (value->kind != VIAMC_STRUCT)
        return VIAMC_ERR_NOT_FOUND;
    err = viamc_struct_find(&value->fields, "_type", &type);
    if (err != VIAMC_OK)
        return err;
    for (i = 0; i < VMC_READING_FORMS; i++)
        if (type.kind == VIAMC_STRING && viamc_str_eq(type.text, viamc_text(vmc_reading_forms[i].type))) {
            found.type = (uint8_t)(i + 1u);
            err = vmc_reading_numbers(&value->fields, &vmc_reading_forms[i], found.number);
            if (err == VIAMC_OK)
                *reading = found;
            return err;
        }
    return VIAMC_ERR_NOT_FOUND;
}

VIAMC_API void viamc_struct_reading(viamc_struct_writer *w, const char *key, const viamc_reading *reading)
{
    const vmc_reading_form *form;
    size_t i;
    if (w == NULL)
        return;
    if (reading == NULL || reading->type == 0 || reading->type > VMC_READING_FORMS) {
        vmc_struct_fail(w, VIAMC_ERR_ARG);
        return;
    }
    form = &vmc_reading_forms[reading->type - 1u];
    viamc_struct_open_struct(w, key);
    viamc_struct_string(w, "_type", form->type);
    for (i = 0; i < 4u && form->keys[i] != NULL; i++)
        viamc_struct_number(w, form->keys[i], reading->number[i]);
    viamc_struct_close(w);
}

#endif
/* ---- end of src/codec/reading_impl.h ---- */
/* ---- src/codec/image_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/image: names of forms, and the first octets by which they are told. */
#ifndef VIAMC_CODEC_IMAGE_IMPL_H
#define VIAMC_CODEC_IMAGE_IMPL_H


/* By VIAMC_IMAGE_*. */
static const char *const vmc_image_mimes[] = {"", "image/jpeg", "image/png", "image/vnd.viam.rgba", "image/vnd.viam.dep", "pointcloud/pcd"};
#define VMC_IMAGE_FORMS (sizeof vmc_image_mimes / sizeof vmc_image_mimes[0])

VIAMC_API const char *viamc_image_mime(uint8_t form)
{
    return form < VMC_IMAGE_FORMS ? vmc_image_mimes[form] : "";
}

VIAMC_API uint8_t viamc_image_form(viamc_str mime)
{
    static const char lazy[] = "+lazy";
    size_t n = sizeof lazy - 1u;
    uint8_t form;
    if (!vmc_is_view(vmc_bytes_of(mime)))
        return VIAMC_IMAGE_UNKNOWN;
    if (mime.len > n && vmc_same(mime.ptr + mime.len - n, lazy, n))
        mime.len -= n;
    for (form = VMC_IMAGE_FORMS - 1u; form != VIAMC_IMAGE_UNKNOWN; form--)
        if (viamc_str_eq(mime, viamc_text(vmc_image_mimes[form])))
            break;
    return form;
}

VMC_FN bool vmc_image_begins(viamc_bytes octets, const char *with, size_t n)
{
    return octets.len >= n && vmc_same(octets.ptr, with, n);
}

/* A head of `skip` octets and two numbers of `size`, high octet first, before the pixels. False if they do not fit. */
VMC_FN bool vmc_image_size(viamc_image *image, size_t skip, size_t size, uint32_t pixel)
{
    viamc_bytes all = image->pixels;
    size_t head = skip + 2u * size;
    if (all.len < head || (size == 8u && (vmc_be32(all.ptr + skip) != 0 || vmc_be32(all.ptr + skip + 8) != 0)))
        return false;
    image->width = vmc_be32(all.ptr + skip + size - 4u);
    image->height = vmc_be32(all.ptr + head - 4u);
    image->pixels = viamc_view(all.ptr + head, all.len - head);
    return image->width == 0 || image->height <= image->pixels.len / pixel / image->width;
}

VIAMC_API viamc_err viamc_image_open(viamc_image *image, viamc_bytes octets)
{
    bool good = true;
    if (image == NULL || !vmc_is_view(octets))
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(image, 0, sizeof *image);
    image->pixels = octets;
    if (vmc_image_begins(octets, "\xff\xd8\xff", 3)) {
        image->form = VIAMC_IMAGE_JPEG;
    } else if (vmc_image_begins(octets, "\x89PNG\r\n", 6)) {
        image->form = VIAMC_IMAGE_PNG;
    } else if (vmc_image_begins(octets, "RGBA", 4)) {
        image->form = VIAMC_IMAGE_RGBA;
        good = vmc_image_size(image, 4, 4, 4);
    } else if (vmc_image_begins(octets, "DEPTHMAP", 8)) {
        image->form = VIAMC_IMAGE_DEPTH;
        good = vmc_image_size(image, 8, 8, 2);
    }
    return good ? VIAMC_OK : VIAMC_ERR_MESSAGE;
}

#endif
/* ---- end of src/codec/image_impl.h ---- */
/* ---- src/codec/pcd_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/pcd: the header's lines are kept as views, and their words are walked side by side when all are there. */
#ifndef VIAMC_CODEC_PCD_IMPL_H
#define VIAMC_CODEC_PCD_IMPL_H


#define VMC_PCD_MAX_EXPONENT 400 /* viamc: beyond what a double holds, and a bound for the loop that scales */

/* The lines that say what a point is. */
typedef struct vmc_pcd_head {
    viamc_str fields, sizes, types, counts;
    uint32_t points;
} vmc_pcd_head;

/* ---- text ---- */

/* Takes a line without its end; one that has none is not taken. */
VMC_FN bool vmc_pcd_line(viamc_bytes *rest, viamc_str *line)
{
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != '\n')
        n++;
    if (n == rest->len)
        return false;
    line->ptr = (const char *)rest->ptr;
    line->len = n != 0 && rest->ptr[n - 1u] == '\r' ? n - 1u : n;
    rest->ptr += n + 1u;
    rest->len -= n + 1u;
    return true;
}

VMC_FN bool vmc_pcd_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes a word; empty at the end. */
VMC_FN viamc_str vmc_pcd_word(viamc_str *line)
{
    viamc_str word;
    size_t from = 0, to;
    while (from < line->len && vmc_pcd_is_blank(line->ptr[from]))
        from++;
    to = from;
    while (to < line->len && !vmc_pcd_is_blank(line->ptr[to]))
        to++;
    word.ptr = line->ptr + from;
    word.len = to - from;
    line->ptr += to;
    line->len -= to;
    return word;
}

VMC_FN bool vmc_pcd_is(viamc_str word, const char *text)
{
    return viamc_str_eq(word, viamc_text(text));
}

/* A whole number up to `most`. */
VMC_FN bool vmc_pcd_count(viamc_str word, uint32_t most, uint32_t *n)
{
    uint64_t v = 0;
    size_t i;
    for (i = 0; i < word.len && v <= most; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9')
            return false;
        v = v * 10u + (uint32_t)(word.ptr[i] - '0');
    }
    *n = (uint32_t)v;
    return word.len != 0 && v <= most;
}

/* Scales by a power of ten; up to 22 that power is exact. */
VMC_FN double vmc_pcd_scaled(double v, int exponent)
{
    double power = 1;
    int i, n = exponent < 0 ? -exponent : exponent;
    for (i = 0; v != 0 && i < n && i < VMC_PCD_MAX_EXPONENT; i++)
        power *= 10;
    return exponent < 0 ? v / power : v * power;
}

/* The exponent behind an e. */
VMC_FN int vmc_pcd_exponent(viamc_str word)
{
    bool minus = word.len != 0 && word.ptr[0] == '-';
    uint32_t n = 0;
    if (word.len != 0 && (minus || word.ptr[0] == '+')) {
        word.ptr++;
        word.len--;
    }
    (void)vmc_pcd_count(word, VMC_PCD_MAX_EXPONENT, &n); /* none: 0 */
    n = vmc_min32(n, VMC_PCD_MAX_EXPONENT);
    return minus ? -(int)n : (int)n;
}

/* A number as printf writes it. What is none, "nan" for instance, is not a number. */
VMC_FN double vmc_pcd_number(viamc_str word)
{
    uint64_t digits = 0;
    int exponent = 0;
    bool minus = word.len != 0 && word.ptr[0] == '-', point = false, any = false;
    size_t i = minus || (word.len != 0 && word.ptr[0] == '+') ? 1u : 0u;
    for (; i < word.len && (word.ptr[i] == '.' || (word.ptr[i] >= '0' && word.ptr[i] <= '9')); i++) {
        bool more = digits < 100000000000000000u; /* 10^17: one digit more still fits */
        if (word.ptr[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        if (more)
            digits = digits * 10u + (uint32_t)(word.ptr[i] - '0');
        if (more == point)
            exponent += point ? -1 : 1;
    }
    if (!any)
        return vmc_wire_double((uint64_t)0x7ff80000u << 32);
    if (i < word.len && (word.ptr[i] == 'e' || word.ptr[i] == 'E')) {
        viamc_str rest;
        rest.ptr = word.ptr + i + 1u;
        rest.len = word.len - i - 1u;
        exponent += vmc_pcd_exponent(rest);
    }
    return minus ? -vmc_pcd_scaled((double)digits, exponent) : vmc_pcd_scaled((double)digits, exponent);
}

/* ---- the header ---- */

/* Takes over a line. Of DATA the word behind it is the line that is left. False: malformed. */
VMC_FN bool vmc_pcd_keyword(viamc_pcd *pcd, vmc_pcd_head *head, viamc_str key, viamc_str line)
{
    if (vmc_pcd_is(key, "FIELDS"))
        head->fields = line;
    else if (vmc_pcd_is(key, "SIZE"))
        head->sizes = line;
    else if (vmc_pcd_is(key, "TYPE"))
        head->types = line;
    else if (vmc_pcd_is(key, "COUNT"))
        head->counts = line;
    else if (vmc_pcd_is(key, "WIDTH"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &pcd->width);
    else if (vmc_pcd_is(key, "HEIGHT"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &pcd->height);
    else if (vmc_pcd_is(key, "POINTS"))
        return vmc_pcd_count(vmc_pcd_word(&line), 0xffffffffu, &head->points);
    return true;
}

/* Where the numbers of a field go, by its name. */
VMC_FN viamc_pcd_field *vmc_pcd_field(viamc_pcd *pcd, viamc_str name)
{
    if (vmc_pcd_is(name, "x"))
        return &pcd->x;
    if (vmc_pcd_is(name, "y"))
        return &pcd->y;
    if (vmc_pcd_is(name, "z"))
        return &pcd->z;
    return vmc_pcd_is(name, "rgb") || vmc_pcd_is(name, "rgba") ? &pcd->rgb : NULL;
}

/* Walks the words of FIELDS, SIZE, TYPE and COUNT side by side. */
VMC_FN bool vmc_pcd_layout(viamc_pcd *pcd, vmc_pcd_head *head)
{
    uint32_t at = 0, size, count;
    for (;;) {
        viamc_str name = vmc_pcd_word(&head->fields), type = vmc_pcd_word(&head->types), many = vmc_pcd_word(&head->counts);
        viamc_pcd_field *field = vmc_pcd_field(pcd, name);
        if (name.len == 0)
            break;
        count = 1;
        if (type.len != 1 || !vmc_pcd_count(vmc_pcd_word(&head->sizes), 8, &size) || (many.len != 0 && !vmc_pcd_count(many, 0xffff, &count)))
            return false;
        if (size == 0 || count == 0) /* so each field lies within the stride */
            return false;
        if (field != NULL) {
            field->at = (uint16_t)at;
            field->size = (uint8_t)size;
            field->type = type.ptr[0];
        }
        at += count * (pcd->text ? 1u : size);
        if (at > 0xffff)
            return false;
    }
    pcd->stride = (uint16_t)at;
    return true;
}

/* True for fields that can be read: floats of 4 or 8 octets, whole numbers of up to 4. */
VMC_FN bool vmc_pcd_is_readable(const viamc_pcd_field *f)
{
    return f->type == 'F' ? f->size == 4 || f->size == 8 : (f->type == 'I' || f->type == 'U') && (f->size == 1 || f->size == 2 || f->size == 4);
}

/* DATA: what the lines before it say together. */
VMC_FN bool vmc_pcd_data(viamc_pcd *pcd, vmc_pcd_head *head, viamc_str form)
{
    uint64_t points = (uint64_t)pcd->width * pcd->height;
    pcd->text = vmc_pcd_is(form, "ascii");
    if ((!pcd->text && !vmc_pcd_is(form, "binary")) || !vmc_pcd_layout(pcd, head) || points > 0xffffffffu)
        return false;
    pcd->left = head->points != 0 ? head->points : (uint32_t)points;
    return vmc_pcd_is_readable(&pcd->x) && vmc_pcd_is_readable(&pcd->y) && vmc_pcd_is_readable(&pcd->z)
        && (pcd->rgb.size == 0 || (vmc_pcd_is_readable(&pcd->rgb) && pcd->rgb.size == 4));
}

VIAMC_API viamc_err viamc_pcd_open(viamc_pcd *pcd, viamc_bytes file)
{
    vmc_pcd_head head;
    viamc_str line, key;
    viamc_bytes rest = file;
    if (pcd == NULL || !vmc_is_view(file))
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(pcd, 0, sizeof *pcd);
    VIAMC_MEMSET(&head, 0, sizeof head);
    head.fields = head.sizes = head.types = head.counts = viamc_text("");
    pcd->err = VIAMC_ERR_MESSAGE; /* no walk begins, until the header is whole and good */
    while (vmc_pcd_line(&rest, &line)) {
        key = vmc_pcd_word(&line);
        if (vmc_pcd_is(key, "DATA")) {
            pcd->rest = rest;
            if (vmc_pcd_data(pcd, &head, vmc_pcd_word(&line)))
                pcd->err = VIAMC_OK;
            return pcd->err;
        }
        if (!vmc_pcd_keyword(pcd, &head, key, line))
            return VIAMC_ERR_MESSAGE;
    }
    return VIAMC_WAIT;
}

/* ---- points ---- */

VMC_FN uint64_t vmc_pcd_octets(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n-- != 0)
        v = v << 8 | p[n];
    return v;
}

VMC_FN double vmc_pcd_float(uint32_t bits)
{
    float v;
    vmc_copy(&v, &bits, sizeof v);
    return (double)v;
}

/* A coordinate of a binary point. */
VMC_FN double vmc_pcd_value(const viamc_pcd_field *f, const uint8_t *point)
{
    uint64_t v = vmc_pcd_octets(point + f->at, f->size), sign = (uint64_t)1 << (f->size * 8u - 1u);
    if (f->type == 'F')
        return f->size == 4 ? vmc_pcd_float((uint32_t)v) : vmc_wire_double(v);
    return f->type == 'I' && (v & sign) != 0 ? -(double)(2u * sign - v) : (double)v;
}

VMC_FN bool vmc_pcd_next_binary(viamc_pcd *pcd, viamc_point *point)
{
    const uint8_t *p = pcd->rest.ptr;
    if (pcd->rest.len < pcd->stride)
        return false;
    point->x = vmc_pcd_value(&pcd->x, p);
    point->y = vmc_pcd_value(&pcd->y, p);
    point->z = vmc_pcd_value(&pcd->z, p);
    if (pcd->rgb.size != 0)
        point->rgb = (uint32_t)vmc_pcd_octets(p + pcd->rgb.at, 4) & 0xffffffu; /* also where it is called a float */
    pcd->rest.ptr += pcd->stride;
    pcd->rest.len -= pcd->stride;
    return true;
}

/* A colour as text: a whole number, or the float of the same bits. */
VMC_FN uint32_t vmc_pcd_colour(const viamc_pcd_field *f, viamc_str word)
{
    double v = vmc_pcd_number(word);
    float single = (float)v;
    uint32_t bits = 0;
    if (f->type == 'F')
        vmc_copy(&bits, &single, sizeof bits);
    else if (v > 0 && v <= 4294967295.0)
        bits = (uint32_t)v;
    else if (v < 0 && v >= -2147483648.0)
        bits = (uint32_t)(int32_t)v;
    return bits & 0xffffffu;
}

VMC_FN bool vmc_pcd_next_text(viamc_pcd *pcd, viamc_point *point)
{
    viamc_str text, word;
    uint16_t i;
    text.ptr = (const char *)pcd->rest.ptr;
    text.len = pcd->rest.len;
    for (i = 0; i < pcd->stride; i++) {
        word = vmc_pcd_word(&text);
        if (word.len == 0)
            return false;
        if (i == pcd->x.at)
            point->x = vmc_pcd_number(word);
        else if (i == pcd->y.at)
            point->y = vmc_pcd_number(word);
        else if (i == pcd->z.at)
            point->z = vmc_pcd_number(word);
        else if (pcd->rgb.size != 0 && i == pcd->rgb.at)
            point->rgb = vmc_pcd_colour(&pcd->rgb, word);
    }
    pcd->rest = viamc_view(text.ptr, text.len);
    return true;
}

VIAMC_API bool viamc_pcd_next(viamc_pcd *pcd, viamc_point *point)
{
    if (point == NULL)
        return false;
    VIAMC_MEMSET(point, 0, sizeof *point);
    if (pcd == NULL || pcd->left == 0 || pcd->err != VIAMC_OK)
        return false;
    if (pcd->text ? vmc_pcd_next_text(pcd, point) : vmc_pcd_next_binary(pcd, point)) {
        pcd->left--;
        return true;
    }
    VIAMC_MEMSET(point, 0, sizeof *point);
    pcd->err = VIAMC_ERR_MESSAGE;
    return false;
}

#endif
/* ---- end of src/codec/pcd_impl.h ---- */
/* ---- src/codec/base64_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/base64: the standard alphabet of RFC 4648 4, for `-bin` metadata and PEM. Padding is optional when reading.
 * Knows characters; knows nothing of lines and of what the octets mean. */
#ifndef VIAMC_CODEC_BASE64_IMPL_H
#define VIAMC_CODEC_BASE64_IMPL_H


#define VMC_BASE64_NONE 0xffu /* not of the alphabet */

/* ---- decoding, a character at a time ---- */

typedef struct vmc_base64 {
    uint32_t bits; /* of the group under way */
    uint8_t count; /* its characters, 0 to 3 */
    uint8_t pads;  /* '=' seen; they end the text */
    bool bad;      /* something that is no base64 was among the characters */
} vmc_base64;

/* Begins, and leaves nothing of an earlier text behind. */
VMC_FN void vmc_base64_begin(vmc_base64 *b)
{
    b->bits = 0;
    b->count = 0;
    b->pads = 0;
    b->bad = false;
}

VMC_FN uint32_t vmc_base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - (uint32_t)'A';
    if (c >= 'a' && c <= 'z')
        return c - (uint32_t)'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - (uint32_t)'0' + 52u;
    return c == '+' ? 62u : c == '/' ? 63u : VMC_BASE64_NONE;
}

/* Writes the n octets, at most 3, that stand highest in 24 bits. */
VMC_FN void vmc_base64_emit(uint32_t bits, size_t n, vmc_wr *out)
{
    uint8_t octets[3];
    vmc_put_be24(octets, bits);
    vmc_wr_bytes(out, octets, n);
}

VMC_FN void vmc_base64_char(vmc_base64 *b, uint8_t c, vmc_wr *out)
{
    uint32_t value = vmc_base64_value(c);
    if (c == '=' && b->count >= 2u && b->count + b->pads < 4u) {
        b->pads++;
    } else if (value == VMC_BASE64_NONE || b->pads != 0) {
        b->bad = true;
    } else {
        b->bits = b->bits << 6 | value;
        if (++b->count == 4u) {
            vmc_base64_emit(b->bits, 3, out);
            b->bits = 0;
            b->count = 0;
        }
    }
}

/* Writes what is left over. False if the text was not base64: a stray character, one left alone, too little padding. Bits that do not
 * fill an octet are ignored. Whether everything fitted says out->full. */
VMC_FN bool vmc_base64_end(vmc_base64 *b, vmc_wr *out)
{
    bool good = !b->bad && b->count != 1u && (b->pads == 0 || b->count + b->pads == 4u);
    if (good && b->count != 0)
        vmc_base64_emit(b->bits << (24u - 6u * b->count), b->count - 1u, out);
    b->bits = 0;
    return good;
}

/* ---- encoding ---- */

/* Characters of n octets; no padding. */
VMC_FN size_t vmc_base64_size(size_t n)
{
    return (n * 4u + 2u) / 3u;
}

VMC_FN uint8_t vmc_base64_letter(uint32_t value)
{
    int32_t c = (int32_t)(value & 63u);
    return (uint8_t)(c + (c < 26 ? 'A' : c < 52 ? 'a' - 26 : c < 62 ? '0' - 52 : c < 63 ? '+' - 62 : '/' - 63));
}

/* Character i of the text of v: six bits of two octets. */
VMC_FN uint8_t vmc_base64_at(viamc_bytes v, size_t i)
{
    size_t at = i * 3u / 4u;
    uint32_t two = (uint32_t)v.ptr[at] << 8 | (at + 1u < v.len ? v.ptr[at + 1u] : 0u);
    return vmc_base64_letter(two >> (10u - i * 6u % 8u));
}

#endif
/* ---- end of src/codec/base64_impl.h ---- */
/* ---- src/codec/percent_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/percent: the form of grpc-message: octets outside 0x20 to 0x7e, and '%', stand as %XX.
 * Knows UTF-8 only as far as not to cut a character in two; knows nothing of headers. */
#ifndef VIAMC_CODEC_PERCENT_IMPL_H
#define VIAMC_CODEC_PERCENT_IMPL_H


VMC_FN bool vmc_percent_plain(uint8_t c)
{
    return c >= 0x20u && c <= 0x7eu && c != '%';
}

VMC_FN uint8_t vmc_percent_digit(uint32_t v)
{
    return (uint8_t)(v < 10u ? '0' + v : 'A' + (v - 10u));
}

VMC_FN void vmc_percent_encode(vmc_wr *w, viamc_str text)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i], escape[3];
        escape[0] = '%';
        escape[1] = vmc_percent_digit(c >> 4);
        escape[2] = vmc_percent_digit(c & 15u);
        if (vmc_percent_plain(c))
            vmc_wr_u8(w, c);
        else
            vmc_wr_bytes(w, escape, sizeof escape);
    }
}

/* The value of a hex digit in either case, or 16. */
VMC_FN uint8_t vmc_percent_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    c = (uint8_t)(c | 0x20u);
    return c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10) : 16u;
}

/* Octets that the UTF-8 character at p announces: 1 to 4; 1 too for an octet that begins none. */
VMC_FN size_t vmc_percent_utf8_size(uint8_t c)
{
    return c >= 0xf0u && c < 0xf8u ? 4u : c >= 0xe0u && c < 0xf0u ? 3u : c >= 0xc0u && c < 0xe0u ? 2u : 1u;
}

/* Octets of a cut text that end with a whole character: up to three fewer. */
VMC_FN size_t vmc_percent_utf8_cut(const uint8_t *p, size_t len)
{
    size_t back;
    for (back = 1; back <= 3u && back <= len; back++) {
        uint8_t c = p[len - back];
        if ((c & 0xc0u) != 0x80u) /* the first octet of the last character */
            return vmc_percent_utf8_size(c) > back ? len - back : len;
    }
    return len;
}

/* ---- decoding, lenient and in pieces ---- */

/* What is kept between two pieces. Each goes to the same vmc_wr: its octets, their number and their room. */
typedef struct vmc_percent {
    bool truncated; /* the text did not fit, what there is ends with a whole character */
    uint8_t held;   /* octets of an escape under way: 0, 1 ('%') or 2 ('%' and digit) */
    uint8_t digit;  /* the digit, as it came */
} vmc_percent;

VMC_FN void vmc_percent_begin(vmc_percent *d)
{
    d->truncated = false;
    d->held = 0;
    d->digit = 0;
}

/* Writes an octet; from the first that does not fit on nothing more. */
VMC_FN void vmc_percent_emit(vmc_percent *d, vmc_wr *out, uint32_t c)
{
    if (d->truncated)
        return;
    vmc_wr_u8(out, c);
    d->truncated = out->full;
    if (out->full)
        out->len = vmc_percent_utf8_cut(out->ptr, out->len);
}

/* Copies through what turned out to be no escape. */
VMC_FN void vmc_percent_flush(vmc_percent *d, vmc_wr *out)
{
    if (d->held > 0)
        vmc_percent_emit(d, out, '%');
    if (d->held > 1u)
        vmc_percent_emit(d, out, d->digit);
    d->held = 0;
}

VMC_FN void vmc_percent_char(vmc_percent *d, vmc_wr *out, uint8_t c)
{
    bool hex = vmc_percent_value(c) < 16u;
    if (d->held == 2u && hex) {
        d->held = 0;
        vmc_percent_emit(d, out, (uint32_t)vmc_percent_value(d->digit) << 4 | vmc_percent_value(c));
    } else if (d->held == 1u && hex) {
        d->held = 2;
        d->digit = c;
    } else {
        vmc_percent_flush(d, out);
        if (c == '%')
            d->held = 1;
        else
            vmc_percent_emit(d, out, c);
    }
}

VMC_FN void vmc_percent_feed(vmc_percent *d, vmc_wr *out, viamc_bytes piece)
{
    size_t i;
    for (i = 0; i < piece.len; i++)
        vmc_percent_char(d, out, piece.ptr[i]);
}

/* Ends the text and returns it. */
VMC_FN viamc_bytes vmc_percent_end(vmc_percent *d, vmc_wr *out)
{
    vmc_percent_flush(d, out);
    return viamc_view(out->ptr, out->len);
}

#endif
/* ---- end of src/codec/percent_impl.h ---- */
/* ---- src/codec/pem_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/pem: takes the pieces of a PEM file (RFC 7468) and hands out its objects one by one: label and DER octets.
 * Knows lines and base64; knows nothing of certificates, keys and files. */
#ifndef VIAMC_CODEC_PEM_IMPL_H
#define VIAMC_CODEC_PEM_IMPL_H


#define VMC_PEM_MAX_LABEL 32u /* viamc: longer than any label in use; an object with a longer one is junk */
#define VMC_PEM_DASHES 5u     /* RFC 7468 2: around both lines */

/* What vmc_pem_next found. Each object that begins ends in exactly one of the last three, or is left unfinished by the end of the file. */
enum {
    VMC_PEM_MORE = 0,      /* the piece is used up */
    VMC_PEM_OBJECT = 1,    /* label and der hold an object */
    VMC_PEM_TOO_LARGE = 2, /* an object that did not fit into the buffer */
    VMC_PEM_BAD = 3        /* no base64, encrypted in the old way, empty, or without its own end */
};

typedef enum vmc_pem_state {
    VMC_PEM_LINE,       /* at the start of a line, `at` octets of "-----BEGIN " matched */
    VMC_PEM_JUNK,       /* in the rest of a line that says nothing */
    VMC_PEM_LABEL,      /* in the label */
    VMC_PEM_LABEL_END,  /* in the dashes behind it, `at` seen */
    VMC_PEM_BODY,       /* in the base64 */
    VMC_PEM_END,        /* `at` octets of "-----END " matched */
    VMC_PEM_END_LABEL,  /* `at` octets of the label matched again */
    VMC_PEM_END_DASHES  /* in the dashes behind that, `at` seen */
} vmc_pem_state;

typedef struct vmc_pem {
    vmc_wr der; /* the caller's buffer, with der.len octets of the object */
    vmc_base64 body;
    uint8_t state; /* vmc_pem_state */
    uint8_t at;
    uint8_t label_len;
    char label[VMC_PEM_MAX_LABEL];
} vmc_pem;

/* Begins a file.
 * buf: lent until the last call; parts of refused objects may stay in it, so wipe it where keys are read. */
VMC_FN void vmc_pem_begin(vmc_pem *p, void *buf, size_t cap)
{
    p->der = vmc_wr_of(buf, cap);
    vmc_base64_begin(&p->body);
    p->state = VMC_PEM_LINE;
    p->at = 0;
    p->label_len = 0;
}

VMC_FN viamc_str vmc_pem_label(const vmc_pem *p)
{
    viamc_str s;
    s.ptr = p->label;
    s.len = p->label_len;
    return s;
}

VMC_FN void vmc_pem_enter(vmc_pem *p, vmc_pem_state state)
{
    p->state = (uint8_t)state;
    p->at = 0;
}

VMC_FN void vmc_pem_on_line(vmc_pem *p, uint8_t c)
{
    static const char begin[] = "-----BEGIN ";
    if (c == (uint8_t)begin[p->at]) {
        if (++p->at == sizeof begin - 1u) {
            vmc_pem_enter(p, VMC_PEM_LABEL);
            p->label_len = 0;
        }
    } else if (c == '\n' || c == '\r') {
        p->at = 0;
    } else if (p->at != 0 || (c != ' ' && c != '\t' && c < 0x80u)) { /* else indented, or a byte order mark in front of the file */
        vmc_pem_enter(p, VMC_PEM_JUNK);
    }
}

VMC_FN void vmc_pem_on_junk(vmc_pem *p, uint8_t c)
{
    if (c == '\n' || c == '\r')
        vmc_pem_enter(p, VMC_PEM_LINE);
}

VMC_FN void vmc_pem_on_label(vmc_pem *p, uint8_t c)
{
    if (c == '-') {
        vmc_pem_enter(p, VMC_PEM_LABEL_END);
        p->at = 1;
    } else if (c < 0x20u || c > 0x7eu || p->label_len == VMC_PEM_MAX_LABEL) {
        vmc_pem_enter(p, VMC_PEM_JUNK);
        vmc_pem_on_junk(p, c);
    } else {
        p->label[p->label_len++] = (char)c;
    }
}

VMC_FN void vmc_pem_on_label_end(vmc_pem *p, uint8_t c)
{
    if (c != '-') {
        vmc_pem_enter(p, VMC_PEM_JUNK);
        vmc_pem_on_junk(p, c);
    } else if (++p->at == VMC_PEM_DASHES) {
        vmc_pem_enter(p, VMC_PEM_BODY);
        vmc_base64_begin(&p->body);
        p->der.len = 0;
        p->der.full = false;
    }
}

VMC_FN void vmc_pem_on_body(vmc_pem *p, uint8_t c)
{
    if (c == '-') {
        vmc_pem_enter(p, VMC_PEM_END);
        p->at = 1;
    } else if (c != '\n' && c != '\r' && c != ' ' && c != '\t') {
        vmc_base64_char(&p->body, c, &p->der);
    }
}

/* An object is over, well or badly. */
VMC_FN unsigned vmc_pem_finish(vmc_pem *p, bool good)
{
    good = vmc_base64_end(&p->body, &p->der) && good;
    vmc_pem_enter(p, VMC_PEM_JUNK);
    if (good && !p->der.full && p->der.len != 0)
        return VMC_PEM_OBJECT;
    p->der.len = 0;
    return good && p->der.full ? VMC_PEM_TOO_LARGE : VMC_PEM_BAD;
}

VMC_FN unsigned vmc_pem_on_end(vmc_pem *p, uint8_t c)
{
    static const char end[] = "-----END ";
    if (c == (uint8_t)end[p->at]) {
        if (++p->at == sizeof end - 1u)
            vmc_pem_enter(p, VMC_PEM_END_LABEL);
    } else if (p->at == VMC_PEM_DASHES && c == 'B') { /* the next object begins before this one has ended */
        (void)vmc_pem_finish(p, false);
        p->state = VMC_PEM_LINE;
        p->at = VMC_PEM_DASHES + 1u;
        return VMC_PEM_BAD;
    } else {
        p->body.bad = true;
        p->state = VMC_PEM_BODY;
    }
    return VMC_PEM_MORE;
}

VMC_FN unsigned vmc_pem_on_end_label(vmc_pem *p, uint8_t c)
{
    bool whole = p->at == p->label_len;
    if (whole && c == '-') {
        vmc_pem_enter(p, VMC_PEM_END_DASHES);
        p->at = 1;
    } else if (whole || c != (uint8_t)p->label[p->at]) {
        unsigned found = vmc_pem_finish(p, false);
        vmc_pem_on_junk(p, c);
        return found;
    } else {
        p->at++;
    }
    return VMC_PEM_MORE;
}

VMC_FN unsigned vmc_pem_on_end_dashes(vmc_pem *p, uint8_t c)
{
    unsigned found = VMC_PEM_MORE;
    if (c != '-') {
        found = vmc_pem_finish(p, false);
        vmc_pem_on_junk(p, c);
    } else if (++p->at == VMC_PEM_DASHES) {
        found = vmc_pem_finish(p, true);
    }
    return found;
}

VMC_FN unsigned vmc_pem_char(vmc_pem *p, uint8_t c)
{
    switch ((vmc_pem_state)p->state) {
    case VMC_PEM_LINE: vmc_pem_on_line(p, c); break;
    case VMC_PEM_JUNK: vmc_pem_on_junk(p, c); break;
    case VMC_PEM_LABEL: vmc_pem_on_label(p, c); break;
    case VMC_PEM_LABEL_END: vmc_pem_on_label_end(p, c); break;
    case VMC_PEM_BODY: vmc_pem_on_body(p, c); break;
    case VMC_PEM_END: return vmc_pem_on_end(p, c);
    case VMC_PEM_END_LABEL: return vmc_pem_on_end_label(p, c);
    case VMC_PEM_END_DASHES: return vmc_pem_on_end_dashes(p, c);
    }
    return VMC_PEM_MORE;
}

/* Reads on in a piece until something is found or the piece is used up. Label and DER octets hold until the next call. */
VMC_FN unsigned vmc_pem_next(vmc_pem *p, viamc_bytes *piece)
{
    unsigned found = VMC_PEM_MORE;
    while (found == VMC_PEM_MORE && piece->len != 0) {
        uint8_t c = *piece->ptr++;
        piece->len--;
        found = vmc_pem_char(p, c);
    }
    return found;
}

#endif
/* ---- end of src/codec/pem_impl.h ---- */
/* ---- src/codec/dns_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/dns: what a resolver that never blocks needs: queries, a walk over the records of any packet (DNS and mDNS), answers with
 * addresses, texts of addresses, /etc/hosts and /etc/resolv.conf.
 * Knows RFC 1035 and 3596; knows nothing of sockets, files, servers and time. */
#ifndef VIAMC_CODEC_DNS_IMPL_H
#define VIAMC_CODEC_DNS_IMPL_H


#define VMC_DNS_HEADER 12u      /* RFC 1035 4.1.1, octets */
#define VMC_DNS_MAX_LABEL 63u   /* RFC 1035 2.3.4, octets */
#define VMC_DNS_MAX_WIRE 255u   /* RFC 1035 2.3.4: a name with its lengths and the root, octets */
#define VMC_DNS_MAX_NAME 253u   /* the same as text: less the first length and the root */
#define VMC_DNS_MAX_QUERY (VMC_DNS_HEADER + VMC_DNS_MAX_WIRE + 4u) /* with one question, octets */
#define VMC_DNS_MAX_PACKET 512u /* RFC 1035 2.3.4: longest answer over UDP to a query without EDNS, octets */
#define VMC_DNS_MAX_JUMPS 32u   /* viamc: compression pointers in one name; each leads backward too */
#define VMC_DNS_MAX_ALIASES 8u  /* viamc: CNAMEs followed in one answer */
#define VMC_DNS_MAX_ADDRS 8u    /* viamc: addresses kept of one name */
#define VMC_DNS_MAX_SERVERS 3u  /* resolv.conf(5) */

enum { /* record types, RFC 1035 3.2.2, 3596 2.1, 2782 */
    VMC_DNS_A = 1,
    VMC_DNS_CNAME = 5,
    VMC_DNS_PTR = 12,
    VMC_DNS_TXT = 16,
    VMC_DNS_AAAA = 28,
    VMC_DNS_SRV = 33
};

#define VMC_DNS_IN 1u          /* class */
#define VMC_DNS_TOP 0x8000u    /* of a class in mDNS, RFC 6762 5.4, 10.2: answer to me alone; flush the cache */
#define VMC_DNS_RESPONSE 0x8000u /* flags, RFC 1035 4.1.1 */
#define VMC_DNS_OPCODE 0x7800u
#define VMC_DNS_RCODE 0x000fu
#define VMC_DNS_TC 0x0200u     /* cut to what a packet holds */
#define VMC_DNS_RD 0x0100u     /* recursion desired: what a stub resolver asks for */

/* ---- addresses ---- */

typedef struct vmc_dns_addr {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* as on the wire, 4 or 16 of them */
} vmc_dns_addr;

typedef struct vmc_dns_addrs {
    uint8_t count;
    vmc_dns_addr list[VMC_DNS_MAX_ADDRS];
} vmc_dns_addrs;

/* Adds an address of 4 or 16 octets; one too many is left out. */
VMC_FN void vmc_dns_add(vmc_dns_addrs *to, viamc_bytes octets)
{
    vmc_dns_addr *a = &to->list[to->count];
    if (to->count >= VMC_DNS_MAX_ADDRS || (octets.len != 4u && octets.len != 16u))
        return;
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->family = octets.len == 4u ? 4 : 6;
    vmc_copy(a->bytes, octets.ptr, octets.len);
    to->count++;
}

/* Reads a decimal number that takes up a whole text, has no leading zero and is at most max. */
VMC_FN bool vmc_dns_number(viamc_str s, uint32_t max, uint32_t *v)
{
    size_t i;
    *v = 0;
    for (i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *v = *v * 10u + (uint32_t)(s.ptr[i] - '0'); /* max * 10 + 9 does not overflow: max is below 2^16 */
        if (*v > max)
            return false;
    }
    return s.len == 1u || (s.len > 1u && s.ptr[0] != '0');
}

/* Octets before the next c, or all. */
VMC_FN size_t vmc_dns_until(viamc_str s, char c)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] != c)
        n++;
    return n;
}

VMC_FN viamc_str vmc_dns_part(viamc_str s, size_t at, size_t n)
{
    s.ptr += at;
    s.len = n;
    return s;
}

/* Reads "HOST:PORT". The host is left as it stands, terminated; false if there is no port, or no room. */
VMC_FN bool vmc_dns_host_port(const char *address, char *host, size_t cap, uint16_t *port)
{
    viamc_str s = viamc_text(address);
    uint32_t number = 0;
    size_t n = s.len;
    while (n != 0 && s.ptr[n - 1u] != ':')
        n--;
    if (n == 0 || n > cap || !vmc_dns_number(vmc_dns_part(s, n, s.len - n), 65535u, &number))
        return false;
    vmc_copy(host, address, n - 1u);
    host[n - 1u] = '\0';
    *port = (uint16_t)number;
    if (host[0] == '[')
        return host[n - 2u] == ']';
    return vmc_dns_until(viamc_text(host), ':') == n - 1u; /* "::1" alone has no port */
}

/* "10.0.0.7" */
VMC_FN bool vmc_dns_parse_v4(viamc_str s, uint8_t *out)
{
    size_t i, n;
    uint32_t v;
    for (i = 0; i < 4u; i++) {
        n = i < 3u ? vmc_dns_until(s, '.') : s.len;
        if ((i < 3u && n == s.len) || !vmc_dns_number(vmc_dns_part(s, 0, n), 255, &v))
            return false;
        out[i] = (uint8_t)v;
        if (i < 3u)
            s = vmc_dns_part(s, n + 1u, s.len - n - 1u);
    }
    return true;
}

VMC_FN uint32_t vmc_dns_hex(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a') + 10u;
    return c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10u : 16u;
}

/* Reads a group of one to four hex digits as two octets; returns the digits, 0 if there is none. */
VMC_FN size_t vmc_dns_group(viamc_str s, uint8_t *out)
{
    uint32_t v = 0;
    size_t n = 0;
    while (n < s.len && n < 4u && vmc_dns_hex(s.ptr[n]) < 16u)
        v = v << 4 | vmc_dns_hex(s.ptr[n++]);
    vmc_put_be16(out, v);
    return n;
}

/* Reads one group, or a dotted quad at the end, at *at; have is what was read before. Returns the octets it gave, 0 if it is neither. */
VMC_FN size_t vmc_dns_v6_piece(viamc_str s, size_t *at, uint8_t *out, size_t have)
{
    viamc_str rest = vmc_dns_part(s, *at, s.len - *at);
    size_t n = vmc_dns_until(rest, ':');
    if (n == rest.len && vmc_dns_until(rest, '.') < n) {
        *at = s.len;
        return have <= 12u && vmc_dns_parse_v4(rest, out + have) ? 4u : 0;
    }
    n = vmc_dns_group(rest, out + have);
    *at += n;
    return n != 0 ? 2u : 0;
}

/* "fe80::1", "::ffff:10.0.0.7"; no zone (%eth0). */
VMC_FN bool vmc_dns_parse_v6(viamc_str s, uint8_t *out)
{
    size_t at = 0, n = 0, got, gap = 16; /* n octets are there, the zeros of "::" go in at gap; 16: no "::" */
    while (at < s.len && n <= 14u) {
        if (s.len - at >= 2u && s.ptr[at] == ':' && s.ptr[at + 1u] == ':') {
            if (gap != 16u)
                return false;
            gap = n;
            at += 2u;
            if (at == s.len)
                break;
        } else if (n != 0 && s.ptr[at++] != ':') {
            return false;
        }
        got = vmc_dns_v6_piece(s, &at, out, n);
        if (got == 0)
            return false;
        n += got;
    }
    if (at != s.len || (gap == 16u) != (n == 16u))
        return false;
    if (gap != 16u) {
        vmc_move(out + (16u - (n - gap)), out + gap, n - gap);
        VIAMC_MEMSET(out + gap, 0, 16u - n);
    }
    return true;
}

/* Reads the text of an address of either family, without brackets, port and zone. */
VMC_FN bool vmc_dns_parse_addr(viamc_str s, vmc_dns_addr *a)
{
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->family = vmc_dns_until(s, ':') < s.len ? 6 : 4;
    return a->family == 6 ? vmc_dns_parse_v6(s, a->bytes) : vmc_dns_parse_v4(s, a->bytes);
}

/* ---- queries ---- */

/* A name without the dot that may end it. */
VMC_FN viamc_str vmc_dns_trim(viamc_str name)
{
    if (name.len != 0 && name.ptr[name.len - 1u] == '.')
        name.len--;
    return name;
}

/* Checks RFC 1035 2.3.4: labels of 1 to 63 octets, 253 in all, a dot at the end allowed. Which characters is the server's matter. */
VMC_FN bool vmc_dns_name_good(viamc_str name)
{
    viamc_str rest = vmc_dns_trim(name);
    size_t n = 0;
    if (rest.len == 0 || rest.len > VMC_DNS_MAX_NAME)
        return false;
    for (;;) {
        n = vmc_dns_until(rest, '.');
        if (n == 0 || n > VMC_DNS_MAX_LABEL)
            return false;
        if (n == rest.len)
            return true;
        rest = vmc_dns_part(rest, n + 1u, rest.len - n - 1u);
    }
}

/* Writes a good name as labels. */
VMC_FN void vmc_dns_put_name(vmc_wr *w, viamc_str name)
{
    viamc_str rest = vmc_dns_trim(name);
    for (;;) {
        size_t n = vmc_dns_until(rest, '.');
        vmc_wr_u8(w, (uint32_t)n);
        vmc_wr_bytes(w, rest.ptr, n);
        if (n == rest.len)
            break;
        rest = vmc_dns_part(rest, n + 1u, rest.len - n - 1u);
    }
    vmc_wr_u8(w, 0);
}

/* Writes the header of a query. mDNS asks with id 0 and flags 0. */
VMC_FN void vmc_dns_put_header(vmc_wr *w, uint16_t id, uint16_t flags, uint16_t questions)
{
    vmc_wr_be16(w, id);
    vmc_wr_be16(w, flags);
    vmc_wr_be16(w, questions);
    vmc_wr_be16(w, 0);
    vmc_wr_be16(w, 0);
    vmc_wr_be16(w, 0);
}

/* Writes a question of class cls: VMC_DNS_IN, with VMC_DNS_TOP in mDNS if one wants the answer alone. ARG if the name is not good. */
VMC_FN viamc_err vmc_dns_put_question(vmc_wr *w, viamc_str name, uint16_t type, uint16_t cls)
{
    if (!vmc_dns_name_good(name))
        return VIAMC_ERR_ARG;
    vmc_dns_put_name(w, name);
    vmc_wr_be16(w, type);
    vmc_wr_be16(w, cls);
    return w->full ? VIAMC_ERR_NOMEM : VIAMC_OK;
}

/* Writes the query of a stub resolver for A or AAAA; VMC_DNS_MAX_QUERY octets are enough. id: unpredictable. OK, ARG, NOMEM. */
VMC_FN viamc_err vmc_dns_put_query(vmc_wr *w, uint16_t id, viamc_str name, uint16_t type)
{
    vmc_dns_put_header(w, id, VMC_DNS_RD, 1);
    return vmc_dns_put_question(w, name, type, VMC_DNS_IN);
}

/* ---- names in packets: an offset into the packet is all that is kept of one ---- */

typedef struct vmc_dns_name {
    viamc_bytes all; /* the packet */
    size_t at;       /* next length octet or pointer */
    size_t floor;    /* pointers lead below it: no name can run in a circle */
    size_t end;      /* behind the name where it stood, 0 while unknown */
    uint16_t wire;   /* octets so far, as RFC 1035 counts them */
    uint8_t jumps;
    bool bad;
} vmc_dns_name;

VMC_FN vmc_dns_name vmc_dns_name_at(viamc_bytes packet, size_t at)
{
    vmc_dns_name n;
    n.all = packet;
    n.at = at;
    n.floor = at;
    n.end = 0;
    n.wire = 1; /* the root */
    n.jumps = 0;
    n.bad = false;
    return n;
}

/* Follows a pointer. False if it leads forward, or if there were too many. */
VMC_FN bool vmc_dns_jump(vmc_dns_name *n)
{
    size_t target;
    if (n->all.len - n->at < 2u || n->jumps == VMC_DNS_MAX_JUMPS)
        return false;
    target = vmc_be16(n->all.ptr + n->at) & 0x3fffu;
    if (target >= n->floor)
        return false;
    if (n->end == 0)
        n->end = n->at + 2u;
    n->at = target;
    n->floor = target;
    n->jumps++;
    return true;
}

/* Takes a label of n octets. False if it reaches over the packet or makes the name too long. */
VMC_FN bool vmc_dns_take_label(vmc_dns_name *n, size_t len, viamc_bytes *label)
{
    if (len > n->all.len - n->at - 1u || len + 1u > VMC_DNS_MAX_WIRE - n->wire)
        return false;
    *label = viamc_view(n->all.ptr + n->at + 1u, len);
    n->wire = (uint16_t)(n->wire + len + 1u);
    n->at += len + 1u;
    return true;
}

/* Reads the next label. False at the root, or with n->bad if the name is malformed. */
VMC_FN bool vmc_dns_label(vmc_dns_name *n, viamc_bytes *label)
{
    while (!n->bad && n->at < n->all.len) { /* a turn ends in a label, the root, damage, or one of 32 jumps */
        uint8_t octet = n->all.ptr[n->at];
        if (octet == 0) {
            if (n->end == 0)
                n->end = n->at + 1u;
            return false;
        }
        if (octet <= VMC_DNS_MAX_LABEL) {
            n->bad = !vmc_dns_take_label(n, octet, label);
            return !n->bad;
        }
        n->bad = octet < 0xc0u || !vmc_dns_jump(n); /* 0x40 and 0x80 are reserved */
    }
    n->bad = true;
    return false;
}

/* Offset behind the name at `at`; 0 if it is malformed anywhere. */
VMC_FN size_t vmc_dns_name_end(viamc_bytes packet, size_t at)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label;
    while (vmc_dns_label(&n, &label))
        continue;
    return n.bad ? 0 : n.end;
}

VMC_FN uint8_t vmc_dns_lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Compares ASCII letters without their case, RFC 1035 2.3.3. */
VMC_FN bool vmc_dns_same_text(viamc_bytes a, viamc_bytes b)
{
    size_t i;
    for (i = 0; i < a.len && i < b.len; i++)
        if (vmc_dns_lower(a.ptr[i]) != vmc_dns_lower(b.ptr[i]))
            return false;
    return a.len == b.len;
}

/* Compares two names of a packet. */
VMC_FN bool vmc_dns_same_name(viamc_bytes packet, size_t a, size_t b)
{
    vmc_dns_name na = vmc_dns_name_at(packet, a), nb = vmc_dns_name_at(packet, b);
    viamc_bytes la, lb;
    for (;;) { /* a name has at most 127 labels */
        bool more_a = vmc_dns_label(&na, &la), more_b = vmc_dns_label(&nb, &lb);
        if (!more_a || !more_b)
            return more_a == more_b && !na.bad && !nb.bad;
        if (!vmc_dns_same_text(la, lb))
            return false;
    }
}

/* Writes a name as text without a dot at the end; dots inside a label stay as they are (mDNS has such), control characters become '?'.
 * False if it is malformed or does not fit; VMC_DNS_MAX_NAME octets are enough. */
VMC_FN bool vmc_dns_name_text(viamc_bytes packet, size_t at, vmc_wr *w)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label;
    size_t i;
    bool first = true;
    while (vmc_dns_label(&n, &label)) {
        if (!first)
            vmc_wr_u8(w, '.');
        for (i = 0; i < label.len; i++)
            vmc_wr_u8(w, label.ptr[i] < 0x20u || label.ptr[i] == 0x7fu ? (uint32_t)'?' : label.ptr[i]);
        first = false;
    }
    return !n.bad && !w->full;
}

/* Compares a name of a packet with a text. */
VMC_FN bool vmc_dns_name_is(viamc_bytes packet, size_t at, viamc_str name)
{
    vmc_dns_name n = vmc_dns_name_at(packet, at);
    viamc_bytes label, rest = vmc_bytes_of(vmc_dns_trim(name));
    bool first = true;
    while (vmc_dns_label(&n, &label)) {
        if (!first && (rest.len == 0 || *rest.ptr != '.'))
            return false;
        if (!first)
            rest = viamc_view(rest.ptr + 1, rest.len - 1u);
        if (label.len > rest.len || !vmc_dns_same_text(label, viamc_view(rest.ptr, label.len)))
            return false;
        rest = viamc_view(rest.ptr + label.len, rest.len - label.len);
        first = false;
    }
    return !n.bad && rest.len == 0;
}

/* ---- packets ---- */

enum { /* sections, in their order */
    VMC_DNS_QUESTION = 0,
    VMC_DNS_ANSWER = 1,
    VMC_DNS_AUTHORITY = 2,
    VMC_DNS_ADDITIONAL = 3
};

typedef struct vmc_dns_packet {
    viamc_bytes all;
    size_t at;        /* next question or record */
    uint16_t id;
    uint16_t flags;
    uint16_t left[4]; /* entries of each section that are still to come */
    bool bad;         /* the walk ended early: malformed */
} vmc_dns_packet;

typedef struct vmc_dns_record {
    uint8_t section;
    bool top;         /* the highest bit of the class, see VMC_DNS_TOP */
    uint16_t type;
    uint16_t cls;     /* without that bit */
    uint32_t ttl;     /* seconds; 0 of a question, as all that follows */
    size_t name;      /* offset of the owner's name */
    size_t data_at;   /* offset of data, for the names in it */
    viamc_bytes data;
} vmc_dns_record;

/* Begins a walk. False if there is not even a header. */
VMC_FN bool vmc_dns_open(viamc_bytes packet, vmc_dns_packet *p)
{
    size_t i;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->all = packet;
    p->at = VMC_DNS_HEADER;
    if (packet.len < VMC_DNS_HEADER) {
        p->bad = true;
        return false;
    }
    p->id = (uint16_t)vmc_be16(packet.ptr);
    p->flags = (uint16_t)vmc_be16(packet.ptr + 2);
    for (i = 0; i < 4u; i++)
        p->left[i] = (uint16_t)vmc_be16(packet.ptr + 4u + 2u * i);
    return true;
}

VMC_FN uint32_t vmc_dns_u16(vmc_rd *r)
{
    uint32_t high = vmc_rd_u8(r);
    return high << 8 | vmc_rd_u8(r);
}

/* Reads what follows the name of a record. */
VMC_FN bool vmc_dns_read_record(vmc_dns_packet *p, vmc_dns_record *rec)
{
    vmc_rd r = vmc_rd_of(viamc_view(p->all.ptr + p->at, p->all.len - p->at));
    uint32_t cls;
    rec->type = (uint16_t)vmc_dns_u16(&r);
    cls = vmc_dns_u16(&r);
    rec->cls = (uint16_t)(cls & (VMC_DNS_TOP - 1u));
    rec->top = (cls & VMC_DNS_TOP) != 0;
    if (rec->section != VMC_DNS_QUESTION) {
        rec->ttl = vmc_dns_u16(&r) << 16;
        rec->ttl |= vmc_dns_u16(&r);
        rec->data = vmc_rd_take(&r, vmc_dns_u16(&r));
        rec->data_at = p->all.len - r.left - rec->data.len;
    }
    p->at = p->all.len - r.left;
    return vmc_rd_ok(&r);
}

/* Reads the next question or record, through all sections. False at the end, or with p->bad if the packet is malformed. */
VMC_FN bool vmc_dns_next_record(vmc_dns_packet *p, vmc_dns_record *rec)
{
    uint8_t section = VMC_DNS_QUESTION;
    size_t end;
    VIAMC_MEMSET(rec, 0, sizeof *rec);
    while (section < VMC_DNS_ADDITIONAL && p->left[section] == 0)
        section++;
    if (p->bad || p->left[section] == 0)
        return false;
    p->left[section]--;
    rec->section = section;
    rec->name = p->at;
    end = vmc_dns_name_end(p->all, p->at);
    p->at = end;
    p->bad = end == 0 || !vmc_dns_read_record(p, rec);
    return !p->bad;
}

/* True if the data of a record is one name and nothing else, as in CNAME and PTR. */
VMC_FN bool vmc_dns_data_is_name(viamc_bytes packet, const vmc_dns_record *rec)
{
    return rec->data.len != 0 && vmc_dns_name_end(packet, rec->data_at) == rec->data_at + rec->data.len;
}

typedef struct vmc_dns_srv {
    uint16_t priority, weight, port;
    size_t target; /* offset of a name */
} vmc_dns_srv;

/* Reads the data of an SRV record, RFC 2782. */
VMC_FN bool vmc_dns_read_srv(viamc_bytes packet, const vmc_dns_record *rec, vmc_dns_srv *srv)
{
    if (rec->data.len < 7u)
        return false;
    srv->priority = (uint16_t)vmc_be16(rec->data.ptr);
    srv->weight = (uint16_t)vmc_be16(rec->data.ptr + 2);
    srv->port = (uint16_t)vmc_be16(rec->data.ptr + 4);
    srv->target = rec->data_at + 6u;
    return vmc_dns_name_end(packet, srv->target) == rec->data_at + rec->data.len;
}

/* Takes the next string off the data of a TXT record. False at the end, and at a string that reaches over it. */
VMC_FN bool vmc_dns_next_string(viamc_bytes *data, viamc_bytes *string)
{
    vmc_rd r = vmc_rd_of(*data);
    if (data->len == 0)
        return false;
    *string = vmc_rd_take(&r, vmc_rd_u8(&r));
    *data = viamc_view(r.ptr, r.left);
    return vmc_rd_ok(&r);
}

/* ---- answers of a resolver's server ---- */

typedef struct vmc_dns_result {
    vmc_dns_addrs addrs; /* what several answers gave; the caller clears it */
    uint8_t rcode;       /* of the last answer, RFC 1035 4.1.1: 0, 3 no such name, others: ask another server */
    bool truncated;      /* that answer was cut; what it gave was taken */
} vmc_dns_result;

/* True if a packet answers the one question that was asked; p stands behind it then. owner: offset of the name.
 * A refusal may come without the question: then owner is 0. */
VMC_FN bool vmc_dns_answers(vmc_dns_packet *p, uint16_t id, viamc_str name, uint16_t type, size_t *owner)
{
    vmc_dns_record q;
    *owner = 0;
    if (p->id != id || (p->flags & (VMC_DNS_RESPONSE | VMC_DNS_OPCODE)) != VMC_DNS_RESPONSE)
        return false;
    if (p->left[VMC_DNS_QUESTION] != 1u)
        return p->left[VMC_DNS_QUESTION] == 0 && (p->flags & VMC_DNS_RCODE) != 0;
    if (!vmc_dns_next_record(p, &q) || q.type != type || q.cls != VMC_DNS_IN || q.top)
        return false;
    *owner = q.name;
    return vmc_dns_name_is(p->all, q.name, name);
}

/* Goes once over the answers: takes the addresses of owner. Returns the offset of the name that owner is an alias of, or 0. */
VMC_FN size_t vmc_dns_collect(vmc_dns_packet *p, size_t owner, uint16_t type, vmc_dns_addrs *to)
{
    size_t alias = 0, len = type == VMC_DNS_A ? 4u : 16u;
    vmc_dns_record rec;
    while (p->left[VMC_DNS_ANSWER] != 0 && vmc_dns_next_record(p, &rec)) {
        if (rec.cls != VMC_DNS_IN || (rec.type != type && rec.type != VMC_DNS_CNAME) || !vmc_dns_same_name(p->all, rec.name, owner))
            continue;
        if (rec.type == type && rec.data.len == len)
            vmc_dns_add(to, rec.data);
        else if (rec.type == VMC_DNS_CNAME && alias == 0 && vmc_dns_data_is_name(p->all, &rec))
            alias = rec.data_at;
    }
    return alias;
}

/* Reads a packet that came as an answer to vmc_dns_put_query.
 * OK: it gave an address. WAIT: it answers something else, go on waiting. DNS: it says that there is none (see rcode).
 * MESSAGE: it is malformed; res->addrs is as before. */
VMC_FN viamc_err vmc_dns_answer(viamc_bytes packet, uint16_t id, viamc_str name, uint16_t type, vmc_dns_result *res)
{
    vmc_dns_packet p, walk;
    uint8_t before = res->addrs.count;
    size_t owner, hop;
    if (!vmc_dns_open(packet, &p) || !vmc_dns_answers(&p, id, name, type, &owner))
        return VIAMC_WAIT;
    res->rcode = (uint8_t)(p.flags & VMC_DNS_RCODE);
    res->truncated = (p.flags & VMC_DNS_TC) != 0;
    for (hop = 0; hop <= VMC_DNS_MAX_ALIASES && owner != 0 && res->addrs.count == before; hop++) {
        walk = p;
        owner = vmc_dns_collect(&walk, owner, type, &res->addrs);
        if (walk.bad && !res->truncated) {
            res->addrs.count = before;
            return VIAMC_ERR_MESSAGE;
        }
    }
    return res->addrs.count != before ? VIAMC_OK : VIAMC_ERR_DNS;
}

/* ---- the words of a text file that comes in pieces ---- */

typedef struct vmc_dns_words {
    char text[VMC_DNS_MAX_NAME + 1u]; /* with room for the dot at the end of a name */
    uint16_t len;  /* of the word; 0 when it was too long */
    uint8_t index; /* words before it in its line, 255 at most */
    bool over;     /* it is too long */
    bool taken;    /* it was handed out */
    bool comment;  /* up to the end of the line */
} vmc_dns_words;

VMC_FN void vmc_dns_words_begin(vmc_dns_words *s)
{
    VIAMC_MEMSET(s, 0, sizeof *s);
}

VMC_FN viamc_str vmc_dns_word(const vmc_dns_words *s)
{
    viamc_str word;
    word.ptr = s->text;
    word.len = s->len;
    return word;
}

/* Takes a character of a word, or one between words. */
VMC_FN void vmc_dns_word_char(vmc_dns_words *s, char c, bool blank)
{
    if (c == '\n') {
        s->comment = false;
        s->index = 0;
    } else if (c == '#' || c == ';') {
        s->comment = true;
    } else if (!blank && !s->comment) {
        s->over = s->over || s->len == sizeof s->text;
        if (!s->over)
            s->text[s->len++] = c;
    }
}

/* Reads on in a piece until a word is whole (what ends it is left in the piece) or the piece is used up: then false. Comments, from '#'
 * or ';' on, are left out. End a file with a piece of "\n". */
VMC_FN bool vmc_dns_next_word(vmc_dns_words *s, viamc_bytes *piece)
{
    if (s->taken) {
        s->taken = false;
        s->over = false;
        s->len = 0;
        s->index = (uint8_t)(s->index < 255u ? s->index + 1u : 255u);
    }
    while (piece->len != 0) {
        char c = (char)*piece->ptr;
        bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
        if (blank && (s->len != 0 || s->over)) {
            s->len = (uint16_t)(s->over ? 0 : s->len);
            s->taken = true;
            return true;
        }
        vmc_dns_word_char(s, c, blank);
        piece->ptr++;
        piece->len--;
    }
    return false;
}

/* ---- /etc/hosts: hosts(5) ---- */

typedef struct vmc_dns_hosts {
    vmc_dns_words words;
    viamc_str name;      /* view: the name that is looked for */
    vmc_dns_addr addr;   /* of the line */
    bool usable;         /* it is one */
    vmc_dns_addrs found; /* addresses of the name, in the file's order */
} vmc_dns_hosts;

VMC_FN void vmc_dns_hosts_begin(vmc_dns_hosts *h, viamc_str name)
{
    VIAMC_MEMSET(h, 0, sizeof *h);
    vmc_dns_words_begin(&h->words);
    h->name = vmc_dns_trim(name);
}

/* Takes a piece of the file; the last one is "\n". */
VMC_FN void vmc_dns_hosts_feed(vmc_dns_hosts *h, viamc_bytes piece)
{
    while (vmc_dns_next_word(&h->words, &piece)) {
        viamc_str word = vmc_dns_word(&h->words);
        if (h->words.index == 0)
            h->usable = vmc_dns_parse_addr(word, &h->addr);
        else if (h->usable && word.len != 0 && vmc_dns_same_text(vmc_bytes_of(vmc_dns_trim(word)), vmc_bytes_of(h->name)))
            vmc_dns_add(&h->found, viamc_view(h->addr.bytes, h->addr.family == 4 ? 4u : 16u));
    }
}

/* ---- /etc/resolv.conf: resolv.conf(5) ---- */

enum { VMC_DNS_CONF_OTHER = 0, VMC_DNS_CONF_SERVER = 1, VMC_DNS_CONF_SEARCH = 2, VMC_DNS_CONF_OPTIONS = 3 };

typedef struct vmc_dns_conf {
    vmc_dns_words words;
    uint8_t key;        /* of the line */
    uint8_t count;      /* servers; 0 means that the local machine is asked */
    uint8_t timeout_s;  /* 1 to 30, default 5 */
    uint8_t attempts;   /* 1 to 5, default 2 */
    uint8_t ndots;      /* dots from which on a name is tried as it is first; 0 to 15, default 1 */
    uint8_t search_len; /* first domain of the last search or domain line, for names with fewer dots */
    char search[VMC_DNS_MAX_NAME];
    vmc_dns_addr server[VMC_DNS_MAX_SERVERS];
} vmc_dns_conf;

VMC_FN void vmc_dns_conf_begin(vmc_dns_conf *c)
{
    VIAMC_MEMSET(c, 0, sizeof *c);
    vmc_dns_words_begin(&c->words);
    c->timeout_s = 5;
    c->attempts = 2;
    c->ndots = 1;
}

VMC_FN uint8_t vmc_dns_conf_key(viamc_bytes word)
{
    if (vmc_bytes_are(word, "nameserver"))
        return VMC_DNS_CONF_SERVER;
    if (vmc_bytes_are(word, "options"))
        return VMC_DNS_CONF_OPTIONS;
    return vmc_bytes_are(word, "search") || vmc_bytes_are(word, "domain") ? VMC_DNS_CONF_SEARCH : VMC_DNS_CONF_OTHER;
}

/* A server past the third, and one that is no address (a zone is not understood), is left out. */
VMC_FN void vmc_dns_conf_server(vmc_dns_conf *c, viamc_str word)
{
    if (c->count < VMC_DNS_MAX_SERVERS && vmc_dns_parse_addr(word, &c->server[c->count]))
        c->count++;
}

VMC_FN void vmc_dns_conf_search(vmc_dns_conf *c, viamc_str word)
{
    word = vmc_dns_trim(word);
    c->search_len = 0;
    if (!vmc_dns_name_good(word))
        return;
    c->search_len = (uint8_t)word.len;
    vmc_copy(c->search, word.ptr, word.len);
}

/* Takes the number behind "name:", cut to its range. */
VMC_FN void vmc_dns_conf_option(viamc_str word, const char *name, uint32_t min, uint32_t max, uint8_t *to)
{
    size_t n = vmc_dns_until(word, ':');
    uint32_t v;
    if (!vmc_bytes_are(viamc_view(word.ptr, n), name) || n == word.len)
        return;
    if (vmc_dns_number(vmc_dns_part(word, n + 1u, word.len - n - 1u), 9999, &v))
        *to = (uint8_t)(v < min ? min : vmc_min32(v, max));
}

VMC_FN void vmc_dns_conf_word(vmc_dns_conf *c, viamc_str word)
{
    if (c->words.index == 0) {
        c->key = vmc_dns_conf_key(vmc_bytes_of(word));
    } else if (c->key == VMC_DNS_CONF_OPTIONS) {
        vmc_dns_conf_option(word, "timeout", 1, 30, &c->timeout_s);
        vmc_dns_conf_option(word, "attempts", 1, 5, &c->attempts);
        vmc_dns_conf_option(word, "ndots", 0, 15, &c->ndots);
    } else if (c->words.index == 1u && c->key == VMC_DNS_CONF_SERVER) {
        vmc_dns_conf_server(c, word);
    } else if (c->words.index == 1u && c->key == VMC_DNS_CONF_SEARCH) {
        vmc_dns_conf_search(c, word);
    }
}

/* Takes a piece of the file; the last one is "\n". */
VMC_FN void vmc_dns_conf_feed(vmc_dns_conf *c, viamc_bytes piece)
{
    while (vmc_dns_next_word(&c->words, &piece))
        vmc_dns_conf_word(c, vmc_dns_word(&c->words));
}

#endif
/* ---- end of src/codec/dns_impl.h ---- */
/* ---- src/codec/mdns_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* codec/mdns: one datagram tells all about a robot, as RFC 6763 12 asks for: SRV (where), TXT (what), A (addresses).
 * Knows codec/dns; knows nothing of sockets and time. Everything in a datagram may be a lie: TLS decides. */
#ifndef VIAMC_CODEC_MDNS_IMPL_H
#define VIAMC_CODEC_MDNS_IMPL_H


#define VMC_MDNS_SERVICE "_rpc._tcp.local" /* viam-wire.md 7.1 */
#define VMC_MDNS_CLOUD ".viam.cloud"
#define VMC_MDNS_MAX_PACKET 1500u /* viamc: a robot's announcement has some 300 octets */
#define VMC_MDNS_MAX_RECORDS 48u  /* viamc: looked at in one datagram: each SRV is compared with each TXT and A */

/* The records of a datagram that count, and which pair of SRV and A has its turn. */
typedef struct vmc_mdns {
    viamc_bytes packet;
    vmc_dns_record rec[VMC_MDNS_MAX_RECORDS];
    uint8_t count, srv, a;
} vmc_mdns;

/* An address at which somebody says that he is a robot. */
typedef struct vmc_mdns_hit {
    char text[VMC_DNS_MAX_NAME]; /* of the instance: the name that it has */
    size_t len;
    const uint8_t *ip; /* 4 octets */
    uint16_t port;
} vmc_mdns_hit;

/* ---- names ---- */

/* The announced form of a name has '-' for each '.', and letters of any case are the same. */
VMC_FN uint8_t vmc_mdns_fold(char c)
{
    return c == '.' ? (uint8_t)'-' : vmc_dns_lower((uint8_t)c);
}

VMC_FN bool vmc_mdns_ends(viamc_str name, const char *end)
{
    size_t n = vmc_strlen(end), i;
    for (i = 0; i < n; i++)
        if (name.len < n || vmc_mdns_fold(name.ptr[name.len - n + i]) != vmc_mdns_fold(end[i]))
            return false;
    return true;
}

/* A name that is looked for on the local network: a robot's in viam's cloud. */
VMC_FN bool vmc_mdns_is_cloud(viamc_str name)
{
    return name.len > sizeof VMC_MDNS_CLOUD - 1u && vmc_mdns_ends(name, VMC_MDNS_CLOUD);
}

/* What is the same in all announcements of a robot: "rover-main.abc" of "rover-main.abc.viam.cloud" and of "rover-main-abc-local-viam-cloud". */
VMC_FN viamc_str vmc_mdns_stem(viamc_str name)
{
    if (vmc_mdns_is_cloud(name))
        name.len -= sizeof VMC_MDNS_CLOUD - 1u;
    else
        return name;
    if (vmc_mdns_ends(name, ".local"))
        name.len -= sizeof ".local" - 1u;
    return name;
}

/* Both are the name of one robot. */
VMC_FN bool vmc_mdns_same(viamc_str a, viamc_str b)
{
    bool cloud = vmc_mdns_is_cloud(a);
    size_t i;
    if (cloud != vmc_mdns_is_cloud(b))
        return false;
    a = vmc_mdns_stem(a);
    b = vmc_mdns_stem(b);
    for (i = 0; i < a.len && i < b.len; i++)
        if (vmc_mdns_fold(a.ptr[i]) != vmc_mdns_fold(b.ptr[i]))
            return false;
    return a.len == b.len;
}

/* ---- a datagram ---- */

VMC_FN bool vmc_mdns_counts(const vmc_dns_record *rec)
{
    bool told = rec->section == VMC_DNS_ANSWER || rec->section == VMC_DNS_ADDITIONAL; /* the others are questions, and plans (RFC 6762 8.2) */
    bool wanted = rec->type == VMC_DNS_SRV || rec->type == VMC_DNS_TXT || (rec->type == VMC_DNS_A && rec->data.len == 4u);
    return told && wanted && rec->cls == VMC_DNS_IN && rec->ttl != 0; /* 0: it says goodbye (10.1) */
}

/* Reads a datagram. False: it is no answer, or damaged anywhere. */
VMC_FN bool vmc_mdns_open(vmc_mdns *m, viamc_bytes packet)
{
    vmc_dns_packet p;
    vmc_dns_record rec;
    m->packet = packet;
    m->count = m->srv = m->a = 0;
    if (packet.len > VMC_MDNS_MAX_PACKET || !vmc_dns_open(packet, &p))
        return false;
    if ((p.flags & (VMC_DNS_RESPONSE | VMC_DNS_OPCODE | VMC_DNS_RCODE)) != VMC_DNS_RESPONSE) /* RFC 6762 18.3, 18.11 */
        return false;
    while (vmc_dns_next_record(&p, &rec)) /* a record has at least 11 octets of the packet */
        if (vmc_mdns_counts(&rec) && m->count < VMC_MDNS_MAX_RECORDS)
            m->rec[m->count++] = rec;
    return !p.bad;
}

/* TXT of the same name says that it speaks gRPC: "grpc" or "grpc=". */
VMC_FN bool vmc_mdns_speaks_grpc(const vmc_mdns *m, const vmc_dns_record *srv)
{
    viamc_bytes data, string;
    uint8_t i;
    for (i = 0; i < m->count; i++) {
        if (m->rec[i].type != VMC_DNS_TXT || !vmc_dns_same_name(m->packet, m->rec[i].name, srv->name))
            continue;
        data = m->rec[i].data;
        while (vmc_dns_next_string(&data, &string))
            if (string.len >= 4u && vmc_same(string.ptr, "grpc", 4) && (string.len == 4u || string.ptr[4] == '='))
                return true;
    }
    return false;
}

/* The instance that an SRV record is of: what stands before "._rpc._tcp.local". The joined text counts, not the labels: viam-server
 * cuts the dots of a name into labels (viam-wire.md 7.1). */
VMC_FN bool vmc_mdns_instance(const vmc_mdns *m, const vmc_dns_record *srv, vmc_mdns_hit *hit)
{
    vmc_wr w = vmc_wr_of(hit->text, sizeof hit->text);
    viamc_str name;
    if (!vmc_dns_name_text(m->packet, srv->name, &w))
        return false;
    name.ptr = hit->text;
    name.len = w.len;
    hit->len = w.len - vmc_min(w.len, sizeof VMC_MDNS_SERVICE); /* its end and a dot */
    return hit->len != 0 && vmc_dns_same_text(vmc_bytes_of(vmc_dns_part(name, hit->len, w.len - hit->len)), viamc_view("." VMC_MDNS_SERVICE, sizeof VMC_MDNS_SERVICE));
}

/* An SRV record of a robot, with a port. */
VMC_FN bool vmc_mdns_robot(const vmc_mdns *m, const vmc_dns_record *rec, vmc_mdns_hit *hit, vmc_dns_srv *srv)
{
    return rec->type == VMC_DNS_SRV && vmc_dns_read_srv(m->packet, rec, srv) && srv->port != 0 && vmc_mdns_instance(m, rec, hit) && vmc_mdns_speaks_grpc(m, rec);
}

/* An address that one can connect to: not 0.x, not multicast and above. */
VMC_FN bool vmc_mdns_is_address(const vmc_dns_record *rec)
{
    return rec->type == VMC_DNS_A && rec->data.ptr[0] != 0 && rec->data.ptr[0] < 224u;
}

/* The next robot, once for each of its addresses. False: no more. */
VMC_FN bool vmc_mdns_next(vmc_mdns *m, vmc_mdns_hit *hit)
{
    vmc_dns_srv srv;
    for (; m->srv < m->count; m->srv++, m->a = 0) {
        if (!vmc_mdns_robot(m, &m->rec[m->srv], hit, &srv))
            continue;
        while (m->a < m->count) {
            const vmc_dns_record *rec = &m->rec[m->a++];
            if (!vmc_mdns_is_address(rec) || !vmc_dns_same_name(m->packet, rec->name, srv.target))
                continue;
            hit->ip = rec->data.ptr;
            hit->port = srv.port;
            return true;
        }
    }
    return false;
}

/* ---- the list ---- */

VIAMC_API size_t viamc_find_query(uint8_t *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL ? 0 : cap);
    vmc_dns_put_header(&w, 0, 0, 1);
    return vmc_dns_put_question(&w, viamc_text(VMC_MDNS_SERVICE), VMC_DNS_PTR, VMC_DNS_IN) == VIAMC_OK ? w.len : 0;
}

/* "192.168.1.50:8080" */
VMC_FN void vmc_mdns_put_address(const vmc_mdns_hit *hit, char *text, size_t cap)
{
    vmc_wr w = vmc_wr_of(text, cap - 1u);
    unsigned i;
    for (i = 0; i < 4u; i++) {
        vmc_wr_dec(&w, hit->ip[i]);
        vmc_wr_u8(&w, i < 3u ? '.' : ':');
    }
    vmc_wr_dec(&w, hit->port);
    text[w.len] = '\0';
}

/* How good a form of a name is: with dots before one without, a short one before a long one. Less is better. */
VMC_FN size_t vmc_mdns_rank(viamc_str name)
{
    return name.len + (vmc_dns_until(name, '.') == name.len ? sizeof ((viamc_found *)0)->name : 0);
}

VMC_FN void vmc_mdns_put_name(viamc_found *f, viamc_str name)
{
    vmc_copy(f->name, name.ptr, name.len);
    f->name[name.len] = '\0';
}

/* Adds one robot at one address, or gives the one that is there a better form of its name. */
VMC_FN size_t vmc_mdns_add(const vmc_mdns_hit *hit, viamc_found *robots, size_t max, size_t count)
{
    char address[sizeof robots->address];
    viamc_str name;
    size_t i;
    name.ptr = hit->text;
    name.len = hit->len;
    vmc_mdns_put_address(hit, address, sizeof address);
    for (i = 0; i < count; i++) {
        viamc_str old = viamc_text(robots[i].name);
        if (!viamc_str_eq(viamc_text(robots[i].address), viamc_text(address)) || !vmc_mdns_same(old, name))
            continue;
        if (vmc_mdns_rank(name) < vmc_mdns_rank(old))
            vmc_mdns_put_name(&robots[i], name);
        return count;
    }
    if (count >= max)
        return count;
    vmc_mdns_put_name(&robots[count], name);
    vmc_copy(robots[count].address, address, sizeof address);
    return count + 1u;
}

VIAMC_API size_t viamc_find_add(viamc_bytes packet, viamc_found *robots, size_t max, size_t count)
{
    vmc_mdns m;
    vmc_mdns_hit hit;
    if (robots == NULL || !vmc_is_view(packet) || !vmc_mdns_open(&m, packet))
        return count;
    while (vmc_mdns_next(&m, &hit)) /* at most VMC_MDNS_MAX_RECORDS squared */
        count = vmc_mdns_add(&hit, robots, max, count);
    return count;
}

#endif
/* ---- end of src/codec/mdns_impl.h ---- */
/* ---- src/ports/posix_os_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix, lowest part: clock, random octets, addresses, sockets that do not block. */
#ifndef VIAMC_PORTS_POSIX_OS_IMPL_H
#define VIAMC_PORTS_POSIX_OS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_RANDOM_BYTES 256u /* getrandom(2), getentropy(3): up to here a request is filled whole */
#define VMC_POSIX_UNSENT 16384      /* octets that the kernel holds unsent: what goes first waits behind no more */
#define VMC_POSIX_UNDERWAY 16384    /* likewise of a client, with those that are not acknowledged; Linux doubles it: 0.26 s at 1 Mbit/s, whatever queue
                                     * a router has, and 5 Mbit/s at 50 ms */

/* ---- clock ---- */

VIAMC_API viamc_ms viamc_posix_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (viamc_ms)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
}

VIAMC_API uint64_t viamc_posix_unix_time(void)
{
    time_t t = time(NULL);
    return t < 0 ? 0 : (uint64_t)t;
}

/* ---- errors ---- */

VMC_FN viamc_err vmc_posix_err(int error)
{
    switch (error) {
    case ECONNREFUSED: return VIAMC_ERR_REFUSED;
    case ENOENT: return VIAMC_ERR_REFUSED; /* no such unix socket */
    case ETIMEDOUT: return VIAMC_ERR_TIMEOUT;
    case ECONNRESET: return VIAMC_ERR_CLOSED;
    case EPIPE: return VIAMC_ERR_CLOSED;
    default: return VIAMC_ERR_IO;
    }
}

/* An error that means: nothing was done, later. */
VMC_FN bool vmc_posix_later(int error)
{
    bool later = error == EAGAIN || error == EINTR;
#if EWOULDBLOCK != EAGAIN
    later = later || error == EWOULDBLOCK;
#endif
    return later;
}

VMC_FN void vmc_posix_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* A socket is open: connection number conn. */
VMC_FN void vmc_posix_set_conn(viamc_posix *p, unsigned conn, int fd)
{
    p->conn[conn].fd = fd;
    p->conn[conn].blocked = p->conn[conn].drained = p->conn[conn].skip = false;
    if (p->used <= conn)
        p->used = (uint8_t)(conn + 1u);
}

/* ---- random octets ---- */

/* Where there is no system call for it. A short read is an error: what is missing would be predictable. */
VMC_FN viamc_err vmc_posix_urandom(uint8_t *out, size_t len)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, len);
    vmc_posix_close_fd(&fd);
    return n < 0 || (size_t)n != len ? VIAMC_ERR_ENTROPY : VIAMC_OK;
}

/* At most VMC_POSIX_RANDOM_BYTES. A kernel that has gathered no entropy yet is an error: waiting for it would block. */
VMC_FN viamc_err vmc_posix_random_some(uint8_t *out, size_t len)
{
#if defined(GRND_NONBLOCK)
    ssize_t n = getrandom(out, len, GRND_NONBLOCK);
    if (n < 0 && errno == ENOSYS)
        return vmc_posix_urandom(out, len);
    return n < 0 || (size_t)n != len ? VIAMC_ERR_ENTROPY : VIAMC_OK;
#elif defined(__APPLE__) || defined(__OpenBSD__)
    return getentropy(out, len) != 0 ? VIAMC_ERR_ENTROPY : VIAMC_OK;
#else
    return vmc_posix_urandom(out, len);
#endif
}

VMC_FN viamc_err vmc_posix_random(void *user, uint8_t *out, size_t len)
{
    viamc_err err = VIAMC_OK;
    size_t at = 0;
    (void)user;
    while (err == VIAMC_OK && at < len) {
        size_t n = vmc_min(len - at, VMC_POSIX_RANDOM_BYTES);
        err = vmc_posix_random_some(out + at, n);
        at += n;
    }
    return err;
}

/* ---- addresses ---- */

typedef union vmc_posix_sa {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage max;
} vmc_posix_sa;

/* Number of an interface from its name or digits, 0: none. */
VMC_FN uint32_t vmc_posix_scope(viamc_str zone)
{
    char name[IF_NAMESIZE];
    uint32_t number = 0;
    if (zone.len == 0 || zone.len >= sizeof name)
        return 0;
    if (vmc_dns_number(zone, 65535u, &number))
        return number;
    vmc_copy(name, zone.ptr, zone.len);
    name[zone.len] = '\0';
    return if_nametoindex(name);
}

/* Reads "10.0.0.7", "fe80::1", "fe80::1%eth0" or one of them in brackets. */
VMC_FN bool vmc_posix_ip_of(viamc_str text, vmc_posix_ip *ip)
{
    vmc_dns_addr addr;
    size_t n;
    if (text.len >= 2u && text.ptr[0] == '[' && text.ptr[text.len - 1u] == ']')
        text = vmc_dns_part(text, 1, text.len - 2u);
    n = vmc_dns_until(text, '%');
    if (!vmc_dns_parse_addr(vmc_dns_part(text, 0, n), &addr))
        return false;
    ip->len = addr.family == 4 ? 4 : 16;
    ip->scope = n < text.len ? vmc_posix_scope(vmc_dns_part(text, n + 1u, text.len - n - 1u)) : 0;
    vmc_copy(ip->octets, addr.bytes, sizeof ip->octets);
    return n == text.len || (ip->scope != 0 && ip->len == 16u);
}

VMC_FN socklen_t vmc_posix_sa_ip(vmc_posix_sa *sa, const vmc_posix_ip *ip, uint16_t port)
{
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    if (ip->len == 4u) {
        sa->v4.sin_family = AF_INET;
        sa->v4.sin_port = htons(port);
        vmc_copy(&sa->v4.sin_addr, ip->octets, 4);
        return (socklen_t)sizeof sa->v4;
    }
    sa->v6.sin6_family = AF_INET6;
    sa->v6.sin6_port = htons(port);
    sa->v6.sin6_scope_id = ip->scope;
    vmc_copy(&sa->v6.sin6_addr, ip->octets, 16);
    return (socklen_t)sizeof sa->v6;
}

VMC_FN bool vmc_posix_is_unix(const char *address)
{
    return vmc_strlen(address) >= 5u && vmc_same(address, "unix:", 5);
}

/* From "unix:/path" or "unix:///path"; 0 if the path is missing or longer than the system permits. */
VMC_FN socklen_t vmc_posix_sa_unix(vmc_posix_sa *sa, const char *address)
{
    const char *path = address + 5;
    size_t n;
    if (path[0] == '/' && path[1] == '/')
        path += 2;
    n = vmc_strlen(path);
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    if (n == 0 || n >= sizeof sa->local.sun_path)
        return 0;
    sa->local.sun_family = AF_UNIX;
    vmc_copy(sa->local.sun_path, path, n);
    return (socklen_t)sizeof sa->local;
}

/* "10.0.0.9:51544", "[::1]:80", "unix:/path"; a terminal 0 is the caller's. */
VMC_FN void vmc_posix_sa_text(vmc_wr *w, const vmc_posix_sa *sa)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */
    char t[INET6_ADDRSTRLEN];
    const uint8_t *v6 = sa->v6.sin6_addr.s6_addr;
    if (sa->any.sa_family == AF_UNIX) {
        vmc_wr_text(w, "unix:");
        vmc_wr_text(w, sa->local.sun_path);
    } else if (sa->any.sa_family == AF_INET6 && !vmc_same(v6, mapped, sizeof mapped)) {
        vmc_wr_u8(w, '[');
        vmc_wr_text(w, inet_ntop(AF_INET6, v6, t, sizeof t));
        vmc_wr_text(w, "]:");
        vmc_wr_dec(w, ntohs(sa->v6.sin6_port));
    } else {
        bool v4 = sa->any.sa_family == AF_INET;
        vmc_wr_text(w, v4 ? inet_ntop(AF_INET, &sa->v4.sin_addr, t, sizeof t) : inet_ntop(AF_INET, v6 + 12, t, sizeof t));
        vmc_wr_u8(w, ':');
        vmc_wr_dec(w, ntohs(v4 ? sa->v4.sin_port : sa->v6.sin6_port));
    }
}

/* ---- sockets ---- */

/* Makes a socket what all of ours are: not blocking, not inherited, without SIGPIPE. */
VMC_FN bool vmc_posix_prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
#ifdef SO_NOSIGPIPE
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, (socklen_t)sizeof on);
#endif
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A new socket, -1 with errno. */
VMC_FN int vmc_posix_socket(int family, int type)
{
    int fd = socket(family, type | VMC_POSIX_SOCK_FLAGS, 0);
    if (fd >= 0 && !vmc_posix_prepare(fd))
        vmc_posix_close_fd(&fd);
    return fd;
}

/* Small frames at once, and a short queue in the kernel. Fails on unix sockets, which need neither. */
VMC_FN void vmc_posix_tune(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, (socklen_t)sizeof on);
#ifdef VMC_POSIX_NOTSENT
    {
        int unsent = VMC_POSIX_UNSENT;
        (void)setsockopt(fd, IPPROTO_TCP, VMC_POSIX_NOTSENT, &unsent, (socklen_t)sizeof unsent);
    }
#endif
}

/* What a client sends is small, but for an upload, and then its heartbeats are to arrive in time: TCP may not fill the queues on the way. */
VMC_FN void vmc_posix_tune_client(int fd)
{
    int underway = VMC_POSIX_UNDERWAY;
    vmc_posix_tune(fd);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &underway, (socklen_t)sizeof underway);
}

/* True if a socket is connected to itself: a port of this machine that nobody listens on can be the one just chosen for us. */
VMC_FN bool vmc_posix_is_self(int fd)
{
    vmc_posix_sa here, there;
    socklen_t n = (socklen_t)sizeof here, m = (socklen_t)sizeof there;
    if (getsockname(fd, &here.any, &n) != 0 || getpeername(fd, &there.any, &m) != 0 || here.any.sa_family == AF_UNIX)
        return false;
    return n == m && vmc_same(&here, &there, n);
}

/* What became of a connect: 0 done, EINPROGRESS, or why it failed. */
VMC_FN int vmc_posix_connected(int fd)
{
    struct pollfd f;
    int error = 0;
    socklen_t n = (socklen_t)sizeof error;
    f.fd = fd;
    f.events = POLLOUT;
    f.revents = 0;
    if (poll(&f, 1, 0) <= 0 || f.revents == 0)
        return EINPROGRESS;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error == 0 && vmc_posix_is_self(fd) ? ECONNREFUSED : error;
}

#endif
#endif
/* ---- end of src/ports/posix_os_impl.h ---- */
/* ---- src/ports/posix_names_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: names to addresses without ever waiting: numeric, hosts file, localhost, then the system's nameservers over UDP.
 * Knows files and datagrams; knows nothing of connections. Uses neither search domains nor TCP: what a cut answer holds is taken. */
#ifndef VIAMC_PORTS_POSIX_NAMES_IMPL_H
#define VIAMC_PORTS_POSIX_NAMES_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_FILE_BYTES 16777216u /* viamc: of a hosts or resolver file, a safety net; long block lists have 5 MB */
#define VMC_POSIX_ROUNDS 2u            /* resolv.conf(5), attempts: how often each server is asked */
#define VMC_POSIX_DATAGRAMS 16u        /* read in one poll; the rest waits for the next */
#define VMC_POSIX_GRACE_MS 50u         /* RFC 8305 3: wait for the other family once one has answered */

enum { VMC_POSIX_ASK_A = 1, VMC_POSIX_ASK_AAAA = 2, VMC_POSIX_ASK_BOTH = 3 };

/* ---- files in pieces ---- */

typedef struct vmc_posix_file {
    int fd;
    bool ended;
    size_t left;
    uint8_t buf[1024];
} vmc_posix_file;

VMC_FN void vmc_posix_file_open(vmc_posix_file *f, const char *path)
{
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    f->ended = false;
    f->left = VMC_POSIX_FILE_BYTES;
}

/* The next piece; the last one is a line end, also of a file that is not there. False after that. */
VMC_FN bool vmc_posix_file_next(vmc_posix_file *f, viamc_bytes *piece)
{
    ssize_t n = f->fd < 0 ? 0 : read(f->fd, f->buf, vmc_min(sizeof f->buf, f->left));
    if (n > 0) {
        f->left -= (size_t)n;
        *piece = viamc_view(f->buf, (size_t)n);
        return true;
    }
    vmc_posix_close_fd(&f->fd);
    *piece = viamc_view("\n", 1);
    f->ended = !f->ended;
    return f->ended;
}

/* ---- lists of addresses ---- */

VMC_FN void vmc_posix_add(vmc_posix_lookup *l, const vmc_posix_ip *ip)
{
    uint8_t i;
    for (i = 0; i < l->count; i++)
        if (l->ip[i].len == ip->len && l->ip[i].scope == ip->scope && vmc_same(l->ip[i].octets, ip->octets, ip->len))
            return;
    if (l->count < VMC_POSIX_IPS)
        l->ip[l->count++] = *ip;
}

VMC_FN vmc_posix_ip vmc_posix_ip_from(const vmc_dns_addr *addr)
{
    vmc_posix_ip ip;
    ip.len = addr->family == 4 ? 4 : 16;
    ip.scope = 0;
    vmc_copy(ip.octets, addr->bytes, sizeof ip.octets);
    return ip;
}

VMC_FN void vmc_posix_add_all(vmc_posix_lookup *l, const vmc_dns_addrs *from, size_t max)
{
    size_t i;
    for (i = 0; i < from->count && i < max; i++) {
        vmc_posix_ip ip = vmc_posix_ip_from(&from->list[i]);
        vmc_posix_add(l, &ip);
    }
}

/* IPv6 and IPv4 in turn, IPv6 first, each in the order in which it came (RFC 8305 4). */
VMC_FN void vmc_posix_alternate(vmc_posix_lookup *l)
{
    vmc_posix_ip ip[VMC_POSIX_IPS];
    uint8_t i, from, family = 16, n = 0;
    uint8_t taken[VMC_POSIX_IPS] = {0};
    for (i = 0; i < 2u * l->count && n < l->count; i++) {
        for (from = 0; from < l->count && (taken[from] != 0 || l->ip[from].len != family); from++)
            continue;
        if (from < l->count) {
            taken[from] = 1;
            ip[n++] = l->ip[from];
        }
        family = family == 4u ? 16 : 4;
    }
    vmc_copy(l->ip, ip, n * sizeof ip[0]);
}

/* ---- what needs no server ---- */

VMC_FN void vmc_posix_hosts(vmc_posix_lookup *l, const char *path, const char *name)
{
    vmc_posix_file f;
    vmc_dns_hosts hosts;
    viamc_bytes piece;
    vmc_dns_hosts_begin(&hosts, viamc_text(name));
    vmc_posix_file_open(&f, path);
    while (vmc_posix_file_next(&f, &piece))
        vmc_dns_hosts_feed(&hosts, piece);
    vmc_posix_add_all(l, &hosts.found, VMC_POSIX_IPS);
}

/* "localhost" and names below it never leave the machine: RFC 6761 6.3. */
VMC_FN void vmc_posix_localhost(vmc_posix_lookup *l, const char *name)
{
    viamc_str s = vmc_dns_trim(viamc_text(name)), last = s;
    vmc_posix_ip ip;
    if (s.len > 9u && s.ptr[s.len - 10u] == '.')
        last = vmc_dns_part(s, s.len - 9u, 9);
    if (!vmc_dns_same_text(vmc_bytes_of(last), viamc_view("localhost", 9)))
        return;
    if (vmc_posix_ip_of(viamc_text("127.0.0.1"), &ip))
        vmc_posix_add(l, &ip);
    if (vmc_posix_ip_of(viamc_text("::1"), &ip))
        vmc_posix_add(l, &ip);
}

VMC_FN void vmc_posix_lookup_reset(vmc_posix_lookup *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    VIAMC_MEMSET(l, 0, sizeof *l);
    l->fd = -1;
}

/* Finds the addresses of a name without asking anybody; count says how many. */
VMC_FN void vmc_posix_lookup_here(viamc_posix *p, const char *name)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_ip ip;
    vmc_posix_lookup_reset(l);
    if (vmc_posix_ip_of(viamc_text(name), &ip)) {
        vmc_posix_add(l, &ip);
        return;
    }
    vmc_posix_hosts(l, p->hosts_file, name);
    if (l->count == 0)
        vmc_posix_localhost(l, name);
}

/* ---- addresses that worked ---- */

VMC_FN const vmc_posix_ip *vmc_posix_recall(const viamc_posix *p, const char *name)
{
    uint8_t i;
    for (i = 0; i < VMC_POSIX_KNOWN; i++)
        if (p->known[i].ip.len != 0 && viamc_str_eq(viamc_text(p->known[i].name), viamc_text(name)))
            return &p->known[i].ip;
    return NULL;
}

VMC_FN void vmc_posix_remember(viamc_posix *p, const char *name, const vmc_posix_ip *ip)
{
    uint8_t i = 0;
    while (i < VMC_POSIX_KNOWN && !viamc_str_eq(viamc_text(p->known[i].name), viamc_text(name)))
        i++;
    if (i == VMC_POSIX_KNOWN) {
        i = p->known_next;
        p->known_next = (uint8_t)((i + 1u) % VMC_POSIX_KNOWN);
        vmc_copy(p->known[i].name, name, vmc_strlen(name) + 1u);
    }
    p->known[i].ip = *ip;
}

/* ---- asking servers ---- */

/* Whom to ask: the one that was set, else those of the system, else this machine, as resolv.conf(5) says. */
VMC_FN void vmc_posix_servers(viamc_posix *p)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_file f;
    vmc_dns_conf conf;
    viamc_bytes piece;
    l->servers = 1;
    if (p->nameserver != NULL && vmc_posix_ip_of(viamc_text(p->nameserver), &l->server[0]))
        return;
    (void)vmc_posix_ip_of(viamc_text("127.0.0.1"), &l->server[0]);
    vmc_dns_conf_begin(&conf);
    vmc_posix_file_open(&f, p->resolv_file);
    while (vmc_posix_file_next(&f, &piece))
        vmc_dns_conf_feed(&conf, piece);
    for (l->servers = 0; l->servers < conf.count && l->servers < VMC_POSIX_SERVERS; l->servers++)
        l->server[l->servers] = vmc_posix_ip_from(&conf.server[l->servers]);
    if (l->servers == 0)
        l->servers = 1;
}

VMC_FN bool vmc_posix_send_query(vmc_posix_lookup *l, unsigned which, const char *name)
{
    uint8_t query[VMC_DNS_MAX_QUERY];
    vmc_wr w = vmc_wr_of(query, sizeof query);
    uint16_t type = which == 0 ? VMC_DNS_A : VMC_DNS_AAAA;
    return vmc_dns_put_query(&w, l->id[which], viamc_text(name), type) == VIAMC_OK
           && send(l->fd, query, w.len, VMC_POSIX_SEND_FLAGS) == (ssize_t)w.len;
}

/* Sends what is not answered yet to one server, from a new port that the system chooses. The socket is connected, so nobody else's
 * datagrams arrive, and the absence of a server does. OK, IO (l->error says why) or ENTROPY. */
VMC_FN viamc_err vmc_posix_ask(viamc_posix *p, const char *name, const vmc_posix_ip *server)
{
    vmc_posix_lookup *l = &p->lookup;
    vmc_posix_sa sa;
    socklen_t n = vmc_posix_sa_ip(&sa, server, p->nameserver_port);
    uint8_t id[4];
    unsigned which;
    bool sent = true;
    vmc_posix_close_fd(&l->fd);
    if (vmc_posix_random(NULL, id, sizeof id) != VIAMC_OK)
        return VIAMC_ERR_ENTROPY;
    l->refused = 0;
    l->fd = vmc_posix_socket(sa.any.sa_family, SOCK_DGRAM);
    sent = l->fd >= 0 && connect(l->fd, &sa.any, n) == 0;
    for (which = 0; sent && which < 2u; which++) {
        l->id[which] = (uint16_t)vmc_be16(id + 2u * which);
        if ((l->heard & (1u << which)) == 0)
            sent = vmc_posix_send_query(l, which, name);
    }
    if (sent)
        return VIAMC_OK;
    l->error = errno;
    return VIAMC_ERR_IO;
}

/* All servers were asked in vain: an address that worked before is better than none. */
VMC_FN viamc_err vmc_posix_lookup_give_up(viamc_posix *p, const char *name)
{
    const vmc_posix_ip *known = vmc_posix_recall(p, name);
    vmc_posix_close_fd(&p->lookup.fd);
    if (known == NULL)
        return VIAMC_ERR_DNS;
    vmc_posix_add(&p->lookup, known);
    return VIAMC_OK;
}

/* Turns to the next server. WAIT: it was asked; OK: not needed, an old address will do; else an error. */
VMC_FN viamc_err vmc_posix_ask_next(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    unsigned rounds = vmc_posix_recall(p, name) != NULL ? 1u : VMC_POSIX_ROUNDS; /* with an address at hand patience is waste */
    while (l->tries < l->servers * rounds) {
        viamc_err err = vmc_posix_ask(p, name, &l->server[l->tries % l->servers]);
        l->tries++;
        l->again = now + p->dns_timeout_ms;
        if (err == VIAMC_OK)
            return VIAMC_WAIT;
        if (err != VIAMC_ERR_IO)
            return err;
    }
    return vmc_posix_lookup_give_up(p, name);
}

/* Takes a datagram: an answer to one of the two questions, or nothing of ours. */
VMC_FN void vmc_posix_hear(vmc_posix_lookup *l, const char *name, viamc_bytes packet, viamc_ms now)
{
    unsigned which;
    for (which = 0; which < 2u; which++) {
        uint8_t bit = (uint8_t)(1u << which);
        vmc_dns_result res;
        viamc_err err;
        if ((l->heard & bit) != 0)
            continue;
        VIAMC_MEMSET(&res, 0, sizeof res);
        err = vmc_dns_answer(packet, l->id[which], viamc_text(name), which == 0 ? VMC_DNS_A : VMC_DNS_AAAA, &res);
        if (err == VIAMC_OK || (err == VIAMC_ERR_DNS && (res.rcode == 0 || res.rcode == 3u)))
            l->heard |= bit;
        else if (err != VIAMC_WAIT)
            l->refused |= bit;
        vmc_posix_add_all(l, &res.addrs, VMC_POSIX_IPS / 2u); /* so that both families find room */
    }
    if (l->count != 0 && vmc_time_reached(l->again, now + VMC_POSIX_GRACE_MS)) /* only ever shortens the wait */
        l->again = now + VMC_POSIX_GRACE_MS;
}

/* Reads what came. False if the server is not there at all. */
VMC_FN bool vmc_posix_listen_to_server(vmc_posix_lookup *l, const char *name, viamc_ms now)
{
    uint8_t buf[VMC_DNS_MAX_PACKET];
    unsigned i;
    for (i = 0; i < VMC_POSIX_DATAGRAMS && (l->heard | l->refused) != VMC_POSIX_ASK_BOTH; i++) {
        ssize_t n = recv(l->fd, buf, sizeof buf, 0);
        if (n < 0 && vmc_posix_later(errno))
            return true;
        l->error = n < 0 ? errno : 0;
        if (n < 0)
            return false;
        vmc_posix_hear(l, name, viamc_view(buf, (size_t)n), now);
    }
    return true;
}

/* Goes on with a question. OK: l->ip holds addresses; WAIT; DNS: none to be had; ENTROPY. */
VMC_FN viamc_err vmc_posix_lookup_step(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    bool there = vmc_posix_listen_to_server(l, name, now);
    bool late = vmc_time_reached(now, l->again);
    bool done = (l->heard | l->refused) == VMC_POSIX_ASK_BOTH;
    if (there && !late && !done)
        return VIAMC_WAIT;
    if (l->count != 0 || l->heard == VMC_POSIX_ASK_BOTH) {
        vmc_posix_close_fd(&l->fd);
        l->asked = true;
        vmc_posix_alternate(l);
        return l->count != 0 ? VIAMC_OK : VIAMC_ERR_DNS;
    }
    if (there)
        l->error = done ? EPROTO : ETIMEDOUT;
    return vmc_posix_ask_next(p, name, now);
}

/* Begins to look a name up. Results as those of vmc_posix_lookup_step. */
VMC_FN viamc_err vmc_posix_lookup_start(viamc_posix *p, const char *name, viamc_ms now)
{
    vmc_posix_lookup_here(p, name);
    if (p->lookup.count != 0)
        return VIAMC_OK;
    if (!vmc_dns_name_good(viamc_text(name)))
        return VIAMC_ERR_DNS;
    vmc_posix_servers(p);
    return vmc_posix_ask_next(p, name, now);
}

#endif
#endif
/* ---- end of src/ports/posix_names_impl.h ---- */
/* ---- src/ports/posix_mdns_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: robots of the local network: a socket in the group of mDNS, on every interface with an IPv4 address.
 * Knows codec/mdns and datagrams; knows nothing of connections. */
#ifndef VIAMC_PORTS_POSIX_MDNS_IMPL_H
#define VIAMC_PORTS_POSIX_MDNS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_LAN_PORT 5353u
#define VMC_LAN_MS 1500u       /* viam-wire.md 7.2: for a name */
#define VMC_LAN_AGAIN 250u     /* likewise: from one question to the next */
#define VMC_LAN_DATAGRAMS 16u  /* read in one poll; the rest waits for the next */
#define VMC_LAN_INTERFACES 16u /* addresses of this machine from which is asked */

/* struct ip_mreq, which strict modes hide. */
typedef struct vmc_lan_membership {
    struct in_addr group, from;
} vmc_lan_membership;

VMC_FN struct in_addr vmc_lan_group(void)
{
    struct in_addr a;
    a.s_addr = htonl(0xe00000fbu); /* 224.0.0.251, RFC 6762 3 */
    return a;
}

/* A socket on mDNS' port, beside those of other programs: answers come to the group (6.7: to another port not all would answer). -1: none. */
VMC_FN vmc_lan vmc_lan_open(void)
{
    vmc_posix_sa sa;
    int on = 1, ttl = 255; /* 11: it does not leave the link */
    int fd = vmc_posix_socket(AF_INET, SOCK_DGRAM);
    if (fd < 0)
        return -1;
    VIAMC_MEMSET(&sa, 0, sizeof sa);
    sa.v4.sin_family = AF_INET;
    sa.v4.sin_port = htons(VMC_LAN_PORT);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, (socklen_t)sizeof on);
#ifdef SO_REUSEPORT
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, (socklen_t)sizeof on);
#endif
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, (socklen_t)sizeof ttl);
    if (bind(fd, &sa.any, (socklen_t)sizeof sa.v4) != 0)
        vmc_posix_close_fd(&fd);
    return fd;
}

/* Joins the group on the interface that has this address, if it has not, and asks there. What fails there may go elsewhere. */
VMC_FN void vmc_lan_ask_from(vmc_lan fd, struct in_addr from, const uint8_t *query, size_t n)
{
    vmc_lan_membership g;
    vmc_posix_sa to;
    g.group = vmc_lan_group();
    g.from = from;
    VIAMC_MEMSET(&to, 0, sizeof to);
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(VMC_LAN_PORT);
    to.v4.sin_addr = g.group;
    (void)setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &g, (socklen_t)sizeof g);
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, (socklen_t)sizeof from) == 0)
        (void)sendto(fd, query, n, VMC_POSIX_SEND_FLAGS, &to.any, (socklen_t)sizeof to.v4);
}

/* Asks who is there, on every interface. */
VMC_FN void vmc_lan_ask(vmc_lan fd)
{
    uint8_t query[40];
    size_t n = viamc_find_query(query, sizeof query);
    struct ifaddrs *all = NULL, *i;
    unsigned asked = 0;
    vmc_posix_sa sa;
    if (getifaddrs(&all) != 0)
        return;
    for (i = all; i != NULL && asked < VMC_LAN_INTERFACES; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
            continue;
        vmc_copy(&sa.v4, i->ifa_addr, sizeof sa.v4);
        vmc_lan_ask_from(fd, sa.v4.sin_addr, query, n);
        asked++;
    }
    freeifaddrs(all);
}

/* The next datagram of a responder. False: none is there. What comes from another port is none (6), and empty. */
VMC_FN bool vmc_lan_hear(vmc_lan fd, uint8_t buf[VMC_MDNS_MAX_PACKET + 1u], viamc_bytes *packet)
{
    vmc_posix_sa from;
    socklen_t len = (socklen_t)sizeof from;
    ssize_t n = recvfrom(fd, buf, VMC_MDNS_MAX_PACKET + 1u, 0, &from.any, &len); /* one octet more: what is too long shows */
    *packet = viamc_view(buf, n <= 0 || from.any.sa_family != AF_INET || ntohs(from.v4.sin_port) != VMC_LAN_PORT ? 0 : (size_t)n);
    return n >= 0;
}

VMC_FN bool vmc_lan_is_open(vmc_lan fd)
{
    return fd >= 0;
}

VMC_FN void vmc_lan_close(vmc_lan *fd)
{
    vmc_posix_close_fd(fd);
}

/* Sleeps until a datagram comes, at most ms. */
VMC_FN void vmc_lan_sleep(vmc_lan fd, viamc_ms ms)
{
    struct pollfd f;
    f.fd = fd;
    f.events = POLLIN;
    f.revents = 0;
    (void)poll(&f, 1, (int)vmc_min32(ms, VMC_TIME_MAX));
}

/* ---- a name that is dialled ---- */

/* A name of viam's cloud at the port that it has where none is written, which no file of ours knows. */
VMC_FN bool vmc_posix_mdns_wants(viamc_posix *p)
{
    if (!p->mdns || p->dial.port != 443u || !vmc_mdns_is_cloud(viamc_text(p->dial.name)))
        return false;
    vmc_posix_lookup_here(p, p->dial.name);
    return p->lookup.count == 0;
}

/* Begins to look for the name that is dialled. False: that cannot be. */
VMC_FN bool vmc_posix_mdns_start(viamc_posix *p, viamc_ms now)
{
    if (!vmc_posix_mdns_wants(p))
        return false;
    p->lookup.fd = vmc_lan_open();
    p->lookup.again = now;
    p->dial.next = now + VMC_LAN_MS;
    return p->lookup.fd >= 0;
}

/* Takes the addresses of the name out of a datagram; the first one tells the port. */
VMC_FN void vmc_posix_mdns_take(viamc_posix *p, viamc_bytes packet)
{
    vmc_mdns m;
    vmc_mdns_hit hit;
    vmc_posix_ip ip;
    viamc_str name;
    if (!vmc_mdns_open(&m, packet))
        return;
    while (vmc_mdns_next(&m, &hit)) {
        name.ptr = hit.text;
        name.len = hit.len;
        if (!vmc_mdns_same(name, viamc_text(p->dial.name)) || (p->lookup.count != 0 && hit.port != p->dial.port))
            continue;
        p->dial.port = hit.port;
        VIAMC_MEMSET(&ip, 0, sizeof ip);
        ip.len = 4;
        vmc_copy(ip.octets, hit.ip, 4);
        vmc_posix_add(&p->lookup, &ip);
    }
}

/* Goes on looking. OK: addresses are there; WAIT; NOT_FOUND: nobody says that he has this name. */
VMC_FN viamc_err vmc_posix_mdns_step(viamc_posix *p, viamc_ms now)
{
    vmc_posix_lookup *l = &p->lookup;
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    viamc_bytes packet;
    unsigned i;
    bool late = vmc_time_reached(now, p->dial.next);
    for (i = 0; i < VMC_LAN_DATAGRAMS && l->count == 0 && vmc_lan_hear(l->fd, buf, &packet); i++)
        vmc_posix_mdns_take(p, packet);
    if (l->count != 0 || late) {
        vmc_posix_close_fd(&l->fd);
        return l->count != 0 ? VIAMC_OK : VIAMC_ERR_NOT_FOUND;
    }
    if (vmc_time_reached(now, l->again)) {
        vmc_lan_ask(l->fd);
        l->again = now + VMC_LAN_AGAIN;
    }
    return VIAMC_WAIT;
}

#endif
#endif
/* ---- end of src/ports/posix_mdns_impl.h ---- */
/* ---- src/ports/posix_listen_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: listening and taking connections. Knows sockets; knows nothing of what the server does with its peers. */
#ifndef VIAMC_PORTS_POSIX_LISTEN_IMPL_H
#define VIAMC_PORTS_POSIX_LISTEN_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_BACKLOG 16

/* The address of the listening socket; 0 if there is none. */
VMC_FN socklen_t vmc_posix_listener(const viamc_posix *p, vmc_posix_sa *sa)
{
    int fd = p->conn[VIAMC_POSIX_LISTENER].fd;
    socklen_t n = (socklen_t)sizeof *sa;
    VIAMC_MEMSET(sa, 0, sizeof *sa);
    return fd >= 0 && getsockname(fd, &sa->any, &n) == 0 ? n : 0;
}

VMC_FN void vmc_posix_peer(viamc_addr *peer, const vmc_posix_sa *sa)
{
    vmc_wr w = vmc_wr_of(peer->text, sizeof peer->text - 1u);
    if (sa->any.sa_family == AF_UNIX)
        vmc_wr_text(&w, "unix");
    else
        vmc_posix_sa_text(&w, sa);
    peer->text[w.len] = '\0';
}

/* Errors of a connection that was lost before it was taken, as accept(2) lists them: no reason to stop listening. */
VMC_FN bool vmc_posix_lost_early(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == ECONNRESET || error == ENETDOWN || error == ENETUNREACH
           || error == EHOSTUNREACH || error == EOPNOTSUPP;
}

VMC_FN viamc_err vmc_posix_accept(void *user, unsigned conn, viamc_addr *peer)
{
    viamc_posix *p = (viamc_posix *)user;
    vmc_posix_conn *listener = &p->conn[VIAMC_POSIX_LISTENER];
    vmc_posix_sa sa;
    socklen_t n = (socklen_t)sizeof sa;
    int fd;
    if (conn >= VIAMC_POSIX_CONNS)
        return VIAMC_ERR_ARG;
    if (listener->fd < 0 || p->conn[conn].fd >= 0)
        return VIAMC_ERR_STATE;
    p->knocked = false;
    VIAMC_MEMSET(&sa, 0, sizeof sa);
    fd = accept(listener->fd, &sa.any, &n);
    if (fd < 0 && (vmc_posix_later(errno) || vmc_posix_lost_early(errno)))
        return VIAMC_WAIT;
    if (fd < 0 || !vmc_posix_prepare(fd)) {
        listener->error = errno;
        p->knocked = true; /* he waits on: without a descriptor for him the listener would end every sleep at once */
        vmc_posix_close_fd(&fd);
        return VIAMC_ERR_IO;
    }
    vmc_posix_tune(fd);
    vmc_posix_peer(peer, &sa);
    vmc_posix_set_conn(p, conn, fd);
    p->conn[conn].error = 0;
    return VIAMC_OK;
}

/* Removes a socket that nobody listens on any more. Anything else at that path stays. */
VMC_FN void vmc_posix_unlink_stale(const vmc_posix_sa *sa, socklen_t n)
{
    struct stat st;
    int fd = -1;
    if (lstat(sa->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = vmc_posix_socket(AF_UNIX, SOCK_STREAM);
    if (fd >= 0 && connect(fd, &sa->any, n) != 0 && errno == ECONNREFUSED)
        (void)unlink(sa->local.sun_path);
    vmc_posix_close_fd(&fd);
}

/* Listens on one address. any: IPv6 and IPv4 by one socket. */
VMC_FN viamc_err vmc_posix_bind(viamc_posix *p, const vmc_posix_sa *sa, socklen_t n, bool any)
{
    vmc_posix_conn *c = &p->conn[VIAMC_POSIX_LISTENER];
    int on = 1, both = any ? 0 : 1;
    c->fd = vmc_posix_socket(sa->any.sa_family, SOCK_STREAM);
    if (c->fd >= 0 && sa->any.sa_family != AF_UNIX)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &on, (socklen_t)sizeof on);
    if (c->fd >= 0 && sa->any.sa_family == AF_INET6)
        (void)setsockopt(c->fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, (socklen_t)sizeof both);
    if (c->fd >= 0 && bind(c->fd, &sa->any, n) == 0 && listen(c->fd, VMC_POSIX_BACKLOG) == 0)
        return VIAMC_OK;
    c->error = errno;
    vmc_posix_close_fd(&c->fd);
    return VIAMC_ERR_IO;
}

/* All interfaces: both families, or IPv4 where there is no IPv6. */
VMC_FN viamc_err vmc_posix_listen_any(viamc_posix *p, uint16_t port)
{
    vmc_posix_sa sa;
    vmc_posix_ip any;
    viamc_err err;
    VIAMC_MEMSET(&any, 0, sizeof any);
    any.len = 16;
    err = vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &any, port), true);
    if (err == VIAMC_OK || p->conn[VIAMC_POSIX_LISTENER].error == EADDRINUSE)
        return err;
    any.len = 4;
    return vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &any, port), false);
}

/* A host of its own: the first of its addresses. */
VMC_FN viamc_err vmc_posix_listen_host(viamc_posix *p, const char *host, uint16_t port)
{
    vmc_posix_sa sa;
    vmc_posix_lookup_here(p, host);
    if (p->lookup.count == 0)
        return VIAMC_ERR_DNS;
    return vmc_posix_bind(p, &sa, vmc_posix_sa_ip(&sa, &p->lookup.ip[0], port), false);
}

VIAMC_API viamc_err viamc_posix_listen(viamc_posix *p, const char *address)
{
    char host[VMC_POSIX_NAME_BYTES];
    vmc_posix_sa sa;
    socklen_t n;
    uint16_t port = 0;
    bool local;
    if (p == NULL || address == NULL)
        return VIAMC_ERR_ARG;
    local = vmc_posix_is_unix(address);
    n = local ? vmc_posix_sa_unix(&sa, address) : 0;
    if (local ? n == 0 : !vmc_dns_host_port(address, host, sizeof host, &port))
        return VIAMC_ERR_ARG;
    if (p->conn[VIAMC_POSIX_LISTENER].fd >= 0)
        return VIAMC_ERR_STATE;
    if (local) {
        vmc_posix_unlink_stale(&sa, n);
        return vmc_posix_bind(p, &sa, n, false);
    }
    return host[0] == '\0' ? vmc_posix_listen_any(p, port) : vmc_posix_listen_host(p, host, port);
}

VIAMC_API viamc_err viamc_posix_listen_address(const viamc_posix *p, char *buf, size_t cap)
{
    vmc_posix_sa sa;
    vmc_wr w = vmc_wr_of(buf, cap);
    if (p == NULL || buf == NULL)
        return VIAMC_ERR_ARG;
    if (vmc_posix_listener(p, &sa) == 0)
        return VIAMC_ERR_STATE;
    vmc_posix_sa_text(&w, &sa);
    vmc_wr_u8(&w, 0);
    return w.full ? VIAMC_ERR_NOMEM : VIAMC_OK;
}

#endif
#endif
/* ---- end of src/ports/posix_listen_impl.h ---- */
/* ---- src/ports/posix_roots_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: the system's trust store, one certificate after another.
 * Knows where systems keep it and PEM files; knows nothing of what is in a certificate. */
#ifndef VIAMC_PORTS_POSIX_ROOTS_IMPL_H
#define VIAMC_PORTS_POSIX_ROOTS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_ROOTS_BYTES 67108864u /* viamc: of one walk through the store; Debian's has 220 KB */
#define VMC_POSIX_PATH_BYTES 1024u      /* of one folder of SSL_CERT_DIR */

/* Number i of the files that systems keep their roots in; NULL behind the last. The last one is a folder. */
VMC_FN const char *vmc_posix_roots_usual(unsigned i)
{
    switch (i) {
    case 0: return "/etc/ssl/certs/ca-certificates.crt"; /* Debian, Arch, Gentoo */
    case 1: return "/etc/pki/tls/certs/ca-bundle.crt";   /* Fedora, RHEL */
    case 2: return "/etc/ssl/ca-bundle.pem";             /* openSUSE */
    case 3: return "/etc/ssl/cert.pem";                  /* Alpine, BSD, macOS */
    case 4: return "/etc/ssl/certs";
    default: return NULL;
    }
}

/* The value of a variable, NULL if it is not set or empty. */
VMC_FN const char *vmc_posix_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

VIAMC_API const char *viamc_posix_roots_path(void)
{
    const char *path = vmc_posix_env("SSL_CERT_FILE");
    unsigned i;
    if (path == NULL)
        path = vmc_posix_env("SSL_CERT_DIR");
    for (i = 0; path == NULL; i++)
        if (vmc_posix_roots_usual(i + 1u) == NULL || access(vmc_posix_roots_usual(i), R_OK) == 0)
            path = vmc_posix_roots_usual(i);
    return path;
}

VMC_FN void vmc_posix_roots_close(viamc_posix *p)
{
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_ROOTS].fd);
    if (p->roots.folder != NULL)
        (void)closedir((DIR *)p->roots.folder);
    p->roots.folder = NULL;
    p->roots.next = 0;
    p->roots.folder_next = 0;
    p->roots.total = 0;
    p->roots.at = p->roots.len = 0;
}

VMC_FN viamc_err vmc_posix_roots_fail(viamc_posix *p, int error)
{
    vmc_posix_roots_close(p);
    p->conn[VIAMC_POSIX_ROOTS].error = error;
    return VIAMC_ERR_IO;
}

/* ---- folders ---- */

/* Opens number folder_next of a list with colons. False behind the last; a folder that is not there is passed over. */
VMC_FN bool vmc_posix_roots_next_folder(viamc_posix *p)
{
    viamc_str list = viamc_text(viamc_posix_roots_path());
    char path[VMC_POSIX_PATH_BYTES];
    size_t n = vmc_dns_until(list, ':');
    uint32_t i;
    if (p->roots.folder != NULL)
        (void)closedir((DIR *)p->roots.folder);
    p->roots.folder = NULL;
    for (i = 0; i < p->roots.folder_next && n < list.len; i++) {
        list = vmc_dns_part(list, n + 1u, list.len - n - 1u);
        n = vmc_dns_until(list, ':');
    }
    if (i < p->roots.folder_next)
        return false;
    p->roots.folder_next++;
    if (n < sizeof path) {
        vmc_copy(path, list.ptr, n);
        path[n] = '\0';
        p->roots.folder = opendir(path);
    }
    if (p->roots.folder == NULL && p->conn[VIAMC_POSIX_ROOTS].error == 0)
        p->conn[VIAMC_POSIX_ROOTS].error = n < sizeof path ? errno : ENAMETOOLONG;
    return true;
}

/* A link to another name in the same folder: the hash links beside the files that they stand for. */
VMC_FN bool vmc_posix_roots_is_twin(int folder, const char *name)
{
    char target[VMC_POSIX_NAME_BYTES];
    ssize_t i, n = readlinkat(folder, name, target, sizeof target);
    for (i = 0; i < n; i++)
        if (target[i] == '/')
            return false;
    return n > 0;
}

/* Opens the next file of the folder. False behind the last. */
VMC_FN bool vmc_posix_roots_next_file(viamc_posix *p)
{
    DIR *folder = (DIR *)p->roots.folder;
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || vmc_posix_roots_is_twin(dirfd(folder), entry->d_name))
            continue;
        p->conn[VIAMC_POSIX_ROOTS].fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (p->conn[VIAMC_POSIX_ROOTS].fd >= 0)
            return true;
    }
    return false;
}

/* The file that comes after the present one. False: that was the last, or the only one. */
VMC_FN bool vmc_posix_roots_advance(viamc_posix *p)
{
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_ROOTS].fd);
    if (p->roots.folder_next == 0)
        return false;
    while (!vmc_posix_roots_next_file(p))
        if (!vmc_posix_roots_next_folder(p))
            return false;
    return true;
}

/* ---- the walk ---- */

/* Opens the store at its start. */
VMC_FN viamc_err vmc_posix_roots_open(viamc_posix *p)
{
    vmc_posix_conn *file = &p->conn[VIAMC_POSIX_ROOTS];
    const char *path = viamc_posix_roots_path();
    struct stat st;
    bool one = vmc_posix_env("SSL_CERT_FILE") != NULL;
    if (!one && vmc_posix_env("SSL_CERT_DIR") == NULL)
        one = stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
    vmc_posix_roots_close(p);
    file->error = 0;
    if (one) {
        file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        file->error = file->fd < 0 ? errno : 0;
    } else {
        (void)vmc_posix_roots_next_folder(p);
        if (vmc_posix_roots_next_file(p) || vmc_posix_roots_advance(p))
            file->error = 0; /* one folder of several is enough */
        else if (file->error == 0)
            return VIAMC_ERR_NOT_FOUND;
    }
    if (file->error != 0)
        return vmc_posix_roots_fail(p, file->error);
    return VIAMC_OK;
}

/* Fills the buffer from the present file or the next one. NOT_FOUND: the store is at its end. */
VMC_FN viamc_err vmc_posix_roots_fill(viamc_posix *p, bool *other_file)
{
    vmc_posix_roots *r = &p->roots;
    for (;;) { /* ends with the last file, at the latest */
        int fd = p->conn[VIAMC_POSIX_ROOTS].fd;
        ssize_t n = fd < 0 ? 0 : read(fd, r->buf, sizeof r->buf);
        if (n < 0 && r->folder == NULL)
            return vmc_posix_roots_fail(p, errno);
        if (n > 0 && r->total > VMC_POSIX_ROOTS_BYTES)
            return vmc_posix_roots_fail(p, EFBIG);
        if (n > 0) {
            r->total += (uint32_t)n;
            r->at = 0;
            r->len = (uint16_t)n;
            return VIAMC_OK;
        }
        if (!vmc_posix_roots_advance(p)) /* what cannot be read in a folder (subfolders, others' files) is passed over */
            return VIAMC_ERR_NOT_FOUND;
        *other_file = true;
    }
}

VMC_FN bool vmc_posix_roots_is_cert(const vmc_pem *pem)
{
    return vmc_bytes_are(vmc_bytes_of(vmc_pem_label(pem)), "CERTIFICATE");
}

/* Reads up to and with the next certificate. */
VMC_FN viamc_err vmc_posix_roots_read(viamc_posix *p, uint8_t *der, size_t cap, size_t *len)
{
    vmc_posix_roots *r = &p->roots;
    viamc_err err = VIAMC_OK;
    vmc_pem pem;
    vmc_pem_begin(&pem, der, cap);
    for (;;) { /* each turn but the last takes octets, of which there are at most VMC_POSIX_ROOTS_BYTES */
        viamc_bytes piece = viamc_view(r->buf + r->at, (size_t)(r->len - r->at));
        unsigned found = vmc_pem_next(&pem, &piece);
        bool other_file = false;
        r->at = (uint16_t)(r->len - piece.len);
        if (found == VMC_PEM_OBJECT && vmc_posix_roots_is_cert(&pem))
            break;
        if (found == VMC_PEM_MORE)
            err = vmc_posix_roots_fill(p, &other_file);
        if (err != VIAMC_OK)
            return err;
        if (other_file)
            vmc_pem_begin(&pem, der, cap);
    }
    *len = pem.der.len;
    r->next++;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_posix_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    viamc_posix *p = (viamc_posix *)user;
    viamc_err err = VIAMC_OK;
    if (p == NULL || der == NULL || len == NULL)
        return VIAMC_ERR_ARG;
    *len = 0;
    if (index == 0 || index < p->roots.next || (p->conn[VIAMC_POSIX_ROOTS].fd < 0 && p->roots.folder_next == 0))
        err = vmc_posix_roots_open(p);
    while (err == VIAMC_OK && p->roots.next <= index)
        err = vmc_posix_roots_read(p, der, cap, len);
    if (err != VIAMC_OK) {
        vmc_posix_roots_close(p);
        *len = 0;
    }
    return err;
}

#endif
#endif
/* ---- end of src/ports/posix_roots_impl.h ---- */
/* ---- src/ports/posix_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/posix: connections: opening by several addresses, reading, writing, sleeping. */
#ifndef VIAMC_PORTS_POSIX_IMPL_H
#define VIAMC_PORTS_POSIX_IMPL_H



#if !defined(VIAMC_NO_POSIX) && !defined(_WIN32)

#define VMC_POSIX_STAGGER_MS 250u /* RFC 8305 5: from one attempt to connect to the next */
#define VMC_POSIX_KNOCK_MS 1000u  /* viamc: somebody who could not be taken, for want of descriptors, is tried again */
#define VMC_POSIX_RETRY_MS 20u    /* viamc: a unix socket whose queue is full does not say when it has room */

enum {
    VMC_POSIX_IDLE = 0, /* nobody dials */
    VMC_POSIX_LOCAL,    /* waits for robots of the local network; lookup.again, next */
    VMC_POSIX_NAME,     /* waits for nameservers; lookup.again */
    VMC_POSIX_CONNECT   /* waits for one of fd[0..started); next */
};

/* ---- life ---- */

VIAMC_API void viamc_posix_init(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->hosts_file = "/etc/hosts";
    p->resolv_file = "/etc/resolv.conf";
    p->nameserver_port = 53;
    p->dns_timeout_ms = 1000;
    p->lookup.fd = -1;
    for (i = 0; i < VIAMC_POSIX_CONNS + 2u; i++)
        p->conn[i].fd = -1;
    for (i = 0; i < VMC_POSIX_IPS; i++)
        p->dial.fd[i] = -1;
}

/* Ends the opening under way; the attempts that lost are closed. */
VMC_FN void vmc_posix_dial_end(viamc_posix *p)
{
    unsigned i;
    for (i = 0; i < VMC_POSIX_IPS; i++)
        vmc_posix_close_fd(&p->dial.fd[i]);
    vmc_posix_close_fd(&p->lookup.fd);
    p->dial.state = VMC_POSIX_IDLE;
}

VMC_FN void vmc_posix_close(void *user, unsigned conn)
{
    viamc_posix *p = (viamc_posix *)user;
    if (conn >= VIAMC_POSIX_CONNS)
        return;
    if (p->dial.state != VMC_POSIX_IDLE && p->dial.conn == conn)
        vmc_posix_dial_end(p);
    vmc_posix_close_fd(&p->conn[conn].fd);
    vmc_posix_roots_close(p);
    p->knocked = false; /* there is room again */
}

VIAMC_API void viamc_posix_close(viamc_posix *p)
{
    vmc_posix_sa sa;
    unsigned i;
    if (p == NULL)
        return;
    for (i = 0; i < VIAMC_POSIX_CONNS; i++)
        vmc_posix_close(p, i);
    if (vmc_posix_listener(p, &sa) != 0 && sa.any.sa_family == AF_UNIX)
        (void)unlink(sa.local.sun_path); /* before the close: while we listen, nobody takes the path over */
    vmc_posix_close_fd(&p->conn[VIAMC_POSIX_LISTENER].fd);
}

VIAMC_API int viamc_posix_errno(const viamc_posix *p, unsigned conn)
{
    return p != NULL && conn < VIAMC_POSIX_CONNS + 2u ? p->conn[conn].error : EBADF;
}

/* ---- opening ---- */

/* Starts to connect to one address. 0: connected or under way (*fd), EAGAIN: the queue of a unix socket is full, else why not. */
VMC_FN int vmc_posix_connect(const vmc_posix_dial *d, const vmc_posix_ip *ip, int *fd)
{
    vmc_posix_sa sa;
    socklen_t n = ip->len == 0 ? vmc_posix_sa_unix(&sa, d->name) : vmc_posix_sa_ip(&sa, ip, d->port);
    int error = 0;
    if (n == 0)
        return ENAMETOOLONG;
    *fd = vmc_posix_socket(sa.any.sa_family, SOCK_STREAM);
    if (*fd < 0)
        return errno;
    vmc_posix_tune_client(*fd);
    if (connect(*fd, &sa.any, n) != 0 && errno != EINPROGRESS && errno != EINTR)
        error = errno;
    if (error != 0)
        vmc_posix_close_fd(fd);
    return error;
}

/* Keeps the reason that tells most: somebody refused, else the first. */
VMC_FN void vmc_posix_dial_failed(vmc_posix_dial *d, int error)
{
    if (d->error == 0 || error == ECONNREFUSED)
        d->error = error;
}

/* Looks after the attempts under way. Number of the one that is connected, VMC_POSIX_IPS: none; *live: how many go on. */
VMC_FN unsigned vmc_posix_dial_check(vmc_posix_dial *d, unsigned *live)
{
    unsigned i;
    *live = 0;
    for (i = 0; i < d->started; i++) {
        int error = d->fd[i] < 0 ? EBADF : vmc_posix_connected(d->fd[i]);
        if (error == 0)
            return i;
        if (error == EINPROGRESS)
            *live += 1u;
        else if (d->fd[i] >= 0)
            vmc_posix_dial_failed(d, error);
        if (error != EINPROGRESS)
            vmc_posix_close_fd(&d->fd[i]);
    }
    return VMC_POSIX_IPS;
}

VMC_FN viamc_err vmc_posix_dial_won(viamc_posix *p, unsigned i)
{
    vmc_posix_dial *d = &p->dial;
    vmc_posix_set_conn(p, d->conn, d->fd[i]);
    d->fd[i] = -1;
    if (p->lookup.asked)
        vmc_posix_remember(p, d->name, &p->lookup.ip[i]);
    vmc_posix_dial_end(p);
    return VIAMC_OK;
}

/* One address after the other: at once if none is under way, else when the last one has had its time. Those before go on. */
VMC_FN viamc_err vmc_posix_on_connect(viamc_posix *p, viamc_ms now)
{
    vmc_posix_dial *d = &p->dial;
    unsigned live, winner = vmc_posix_dial_check(d, &live);
    while (winner == VMC_POSIX_IPS && d->started < p->lookup.count && (live == 0 || vmc_time_reached(now, d->next))) {
        int error = vmc_posix_connect(d, &p->lookup.ip[d->started], &d->fd[d->started]);
        d->next = now + (error == EAGAIN ? VMC_POSIX_RETRY_MS : VMC_POSIX_STAGGER_MS);
        if (error == EAGAIN)
            return VIAMC_WAIT;
        if (error != 0)
            vmc_posix_dial_failed(d, error);
        d->started++;
        winner = vmc_posix_dial_check(d, &live);
    }
    if (winner != VMC_POSIX_IPS)
        return vmc_posix_dial_won(p, winner);
    if (live != 0)
        return VIAMC_WAIT;
    return vmc_posix_err(d->error);
}

/* What asking for the name gave: go on with its addresses, wait, or give up. */
VMC_FN viamc_err vmc_posix_named(viamc_posix *p, viamc_err err)
{
    p->dial.error = err == VIAMC_ERR_DNS ? p->lookup.error : 0;
    p->dial.state = err == VIAMC_OK ? VMC_POSIX_CONNECT : err == VIAMC_WAIT ? VMC_POSIX_NAME : VMC_POSIX_IDLE;
    return err;
}

/* Goes on with the local network; after it come the servers. */
VMC_FN viamc_err vmc_posix_on_local(viamc_posix *p, viamc_ms now)
{
    viamc_err err = vmc_posix_mdns_step(p, now);
    p->dial.state = VMC_POSIX_LOCAL;
    if (err == VIAMC_WAIT)
        return err;
    return vmc_posix_named(p, err == VIAMC_OK ? err : vmc_posix_lookup_start(p, p->dial.name, now));
}

/* Begins to open a connection: from here on the addresses are known, or servers are asked. */
VMC_FN viamc_err vmc_posix_dial_start(viamc_posix *p, unsigned conn, const char *host, uint16_t port, viamc_ms now)
{
    vmc_posix_dial *d = &p->dial;
    size_t n = vmc_strlen(host);
    d->error = 0;
    if (n == 0 || n >= sizeof d->name)
        return VIAMC_ERR_ARG;
    vmc_copy(d->name, host, n + 1u);
    d->port = port;
    d->conn = conn;
    d->started = 0;
    d->next = now;
    if (vmc_posix_is_unix(host)) {
        vmc_posix_lookup_reset(&p->lookup);
        p->lookup.count = 1; /* an address without octets */
        return vmc_posix_named(p, VIAMC_OK);
    }
    if (vmc_posix_mdns_start(p, now))
        return vmc_posix_on_local(p, now);
    return vmc_posix_named(p, vmc_posix_lookup_start(p, d->name, now));
}

VMC_FN viamc_err vmc_posix_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    viamc_posix *p = (viamc_posix *)user;
    viamc_ms now = viamc_posix_now();
    viamc_err err = VIAMC_OK;
    if (conn >= VIAMC_POSIX_CONNS)
        return VIAMC_ERR_ARG;
    if (p->conn[conn].fd >= 0)
        return VIAMC_OK;
    if (p->dial.state == VMC_POSIX_IDLE)
        err = vmc_posix_dial_start(p, conn, host, port, now);
    else if (p->dial.conn != conn)
        return VIAMC_WAIT;
    else if (p->dial.state == VMC_POSIX_LOCAL)
        err = vmc_posix_on_local(p, now);
    else if (p->dial.state == VMC_POSIX_NAME)
        err = vmc_posix_named(p, vmc_posix_lookup_step(p, p->dial.name, now));
    if (err == VIAMC_OK)
        err = vmc_posix_on_connect(p, now);
    p->conn[conn].error = p->dial.error;
    if (err != VIAMC_OK && err != VIAMC_WAIT)
        vmc_posix_dial_end(p);
    return err;
}

/* ---- octets ---- */

/* The connection, NULL if it is not open. */
VMC_FN vmc_posix_conn *vmc_posix_at(void *user, unsigned conn)
{
    viamc_posix *p = (viamc_posix *)user;
    return conn < VIAMC_POSIX_CONNS && p->conn[conn].fd >= 0 ? &p->conn[conn] : NULL;
}

/* A call on a socket failed: OK if that only means later. */
VMC_FN viamc_err vmc_posix_failed(vmc_posix_conn *c)
{
    if (vmc_posix_later(errno))
        return VIAMC_OK;
    c->error = errno;
    return vmc_posix_err(c->error);
}

VMC_FN viamc_err vmc_posix_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    vmc_posix_conn *c = vmc_posix_at(user, conn);
    ssize_t n;
    *len = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    if (cap == 0 || c->skip) { /* of 0 octets recv would answer 0, which means the end */
        c->skip = false;
        return VIAMC_OK;
    }
    n = recv(c->fd, buf, cap, 0);
    c->drained = n < 0 || (size_t)n < cap;
    if (n < 0)
        return vmc_posix_failed(c);
    *len = (size_t)n;
    if (n == 0)
        c->error = 0;
    return n == 0 ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

VMC_FN viamc_err vmc_posix_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    vmc_posix_conn *c = vmc_posix_at(user, conn);
    ssize_t n;
    *done = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    n = len == 0 ? 0 : send(c->fd, buf, len, VMC_POSIX_SEND_FLAGS);
    c->blocked = n < 0 || (size_t)n < len;
    if (n < 0)
        return vmc_posix_failed(c);
    *done = (size_t)n;
    return VIAMC_OK;
}

/* ---- sleeping ---- */

#define VMC_POSIX_FDS (VIAMC_POSIX_CONNS + 1u + VMC_POSIX_IPS + 1u) /* connections, listener, attempts, nameserver or local network */

VMC_FN unsigned vmc_posix_watch(struct pollfd *out, unsigned count, int fd, int events)
{
    if (fd < 0 || events == 0)
        return count;
    out[count].fd = fd;
    out[count].events = (short)events;
    out[count].revents = 0;
    return count + 1u;
}

/* Every socket that something is awaited from: at most VMC_POSIX_FDS. Only connections whose last write did not fit are watched for
 * room, else a server that waits for one of its peers would be woken by all others. */
VMC_FN unsigned vmc_posix_fds(const viamc_posix *p, uint8_t want, struct pollfd *out)
{
    int reads = (want & VIAMC_WANT_READ) != 0 ? POLLIN : 0;
    bool writes = (want & VIAMC_WANT_WRITE) != 0, blocked = false;
    unsigned i, n = 0;
    for (i = 0; writes && i < p->used; i++)
        blocked = blocked || (p->conn[i].fd >= 0 && p->conn[i].blocked);
    for (i = 0; i < p->used; i++)
        n = vmc_posix_watch(out, n, p->conn[i].fd, reads | (writes && (p->conn[i].blocked || !blocked) ? POLLOUT : 0));
    n = vmc_posix_watch(out, n, p->knocked ? -1 : p->conn[VIAMC_POSIX_LISTENER].fd, POLLIN);
    for (i = 0; p->dial.state == VMC_POSIX_CONNECT && i < p->dial.started; i++)
        n = vmc_posix_watch(out, n, p->dial.fd[i], POLLOUT);
    return vmc_posix_watch(out, n, p->lookup.fd, POLLIN);
}

/* Shortens a wait to what the port itself has to do. */
VMC_FN void vmc_posix_wait(const viamc_posix *p, viamc_ms now, viamc_ms *ms)
{
    vmc_timer t;
    vmc_timer_off(&t);
    if (p->dial.state == VMC_POSIX_NAME || p->dial.state == VMC_POSIX_LOCAL)
        vmc_timer_at(&t, p->lookup.again);
    else if (p->dial.state == VMC_POSIX_CONNECT && p->dial.started < p->lookup.count)
        vmc_timer_at(&t, p->dial.next);
    vmc_wait_timer(ms, &t, now);
}

VIAMC_API viamc_err viamc_posix_sleep(viamc_posix *p, const viamc_wait_hint *wait)
{
    struct pollfd fds[VMC_POSIX_FDS];
    unsigned i, n;
    viamc_ms ms;
    if (p == NULL || wait == NULL)
        return VIAMC_ERR_ARG;
    n = vmc_posix_fds(p, wait->want, fds);
    ms = wait->ms;
    if (p->dial.state != VMC_POSIX_IDLE)
        vmc_posix_wait(p, viamc_posix_now(), &ms);
    if (p->knocked)
        ms = vmc_min32(ms, VMC_POSIX_KNOCK_MS);
    if (poll(fds, (nfds_t)n, ms == VIAMC_FOREVER ? -1 : (int)vmc_min32(ms, VMC_TIME_MAX)) < 0)
        return errno == EINTR ? VIAMC_OK : VIAMC_ERR_IO;
    for (i = 0; p->conn[VIAMC_POSIX_LISTENER].fd >= 0 && i < n; i++)
        if (fds[i].fd == p->conn[VIAMC_POSIX_LISTENER].fd && fds[i].revents != 0)
            p->knocked = true;
    return VIAMC_OK;
}

/* ---- the ports ---- */

VIAMC_API const viamc_port *viamc_posix_port(void)
{
    static const viamc_port port = {vmc_posix_open, vmc_posix_read, vmc_posix_write, vmc_posix_close, vmc_posix_random, NULL};
    return &port;
}

VIAMC_API const viamc_port *viamc_posix_server_port(void)
{
    static const viamc_port port = {NULL, vmc_posix_read, vmc_posix_write, vmc_posix_close, vmc_posix_random, vmc_posix_accept};
    return &port;
}

#endif
#endif
/* ---- end of src/ports/posix_impl.h ---- */
/* ---- src/ports/win_roots_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win: the system's certificate store, read certificate by certificate. */
#ifndef VIAMC_PORTS_WIN_ROOTS_IMPL_H
#define VIAMC_PORTS_WIN_ROOTS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

VMC_FN void vmc_win_roots_close(viamc_win *p)
{
    if (p->root != NULL)
        (void)CertFreeCertificateContext((PCCERT_CONTEXT)p->root);
    if (p->store != NULL)
        (void)CertCloseStore((HCERTSTORE)p->store, 0);
    p->store = NULL;
    p->root = NULL;
    p->next_root = 0;
}

VIAMC_API const char *viamc_posix_roots_path(void)
{
    return "the system's certificate store ROOT";
}

VIAMC_API viamc_err viamc_posix_next_root(void *user, unsigned index, uint8_t *der, size_t cap, size_t *len)
{
    viamc_win *p = (viamc_win *)user;
    PCCERT_CONTEXT cert;
    if (p == NULL || der == NULL || len == NULL)
        return VIAMC_ERR_ARG;
    *len = 0;
    if (index < p->next_root)
        vmc_win_roots_close(p);
    if (p->store == NULL)
        p->store = (void *)CertOpenSystemStoreA(0, "ROOT");
    if (p->store == NULL) {
        p->conn[VIAMC_POSIX_ROOTS].error = (int)GetLastError();
        return VIAMC_ERR_IO;
    }
    for (;;) { /* each turn reads one certificate, and frees the one before */
        cert = CertEnumCertificatesInStore((HCERTSTORE)p->store, (PCCERT_CONTEXT)p->root);
        p->root = cert;
        if (cert == NULL)
            return VIAMC_ERR_NOT_FOUND;
        if (cert->cbCertEncoded <= cap && p->next_root++ == index)
            break;
    }
    *len = cert->cbCertEncoded;
    vmc_copy(der, cert->pbCertEncoded, *len);
    return VIAMC_OK;
}

#endif
#endif
/* ---- end of src/ports/win_roots_impl.h ---- */
/* ---- src/ports/win_os_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win, lowest part: clock, random octets, sockets that do not block. */
#ifndef VIAMC_PORTS_WIN_OS_IMPL_H
#define VIAMC_PORTS_WIN_OS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_NONE ((uintptr_t)INVALID_SOCKET)

/* ---- clock, random octets ---- */

VIAMC_API viamc_ms viamc_posix_now(void)
{
    return (viamc_ms)GetTickCount64();
}

VIAMC_API uint64_t viamc_posix_unix_time(void)
{
    time_t t = time(NULL);
    return t < 0 ? 0 : (uint64_t)t;
}

VMC_FN viamc_err vmc_win_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    if (len > 0xffffu || BCryptGenRandom(NULL, out, (ULONG)len, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0)
        return VIAMC_ERR_ENTROPY;
    return VIAMC_OK;
}

/* ---- sockets ---- */

VMC_FN viamc_err vmc_win_err(int error)
{
    switch (error) {
    case WSAECONNREFUSED: return VIAMC_ERR_REFUSED;
    case WSAETIMEDOUT: return VIAMC_ERR_TIMEOUT;
    case WSAECONNRESET: return VIAMC_ERR_CLOSED;
    case WSAECONNABORTED: return VIAMC_ERR_CLOSED;
    default: return VIAMC_ERR_IO;
    }
}

VMC_FN void vmc_win_close_fd(uintptr_t *fd)
{
    if (*fd != VMC_WIN_NONE)
        (void)closesocket((SOCKET)*fd);
    *fd = VMC_WIN_NONE;
}

/* Makes a socket what all of ours are: it does not block, and sends small frames at once. */
VMC_FN bool vmc_win_prepare(uintptr_t fd)
{
    u_long on = 1;
    BOOL now = TRUE;
    (void)setsockopt((SOCKET)fd, IPPROTO_TCP, TCP_NODELAY, (const char *)&now, (int)sizeof now);
    return ioctlsocket((SOCKET)fd, (long)FIONBIO, &on) == 0;
}

VMC_FN void vmc_win_set_conn(viamc_win *p, unsigned conn, uintptr_t fd)
{
    p->conn[conn].fd = fd;
    p->conn[conn].blocked = p->conn[conn].drained = p->conn[conn].skip = false;
    if (p->used <= conn)
        p->used = (uint8_t)(conn + 1u);
}

VMC_FN vmc_win_conn *vmc_win_at(void *user, unsigned conn)
{
    viamc_win *p = (viamc_win *)user;
    return conn < VMC_WIN_CONNS && p->conn[conn].fd != VMC_WIN_NONE ? &p->conn[conn] : NULL;
}

#endif
#endif
/* ---- end of src/ports/win_os_impl.h ---- */
/* ---- src/ports/win_mdns_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win: what ports/posix_mdns is on Windows: a socket in the group of mDNS, on every interface with an IPv4 address.
 * Knows codec/mdns and datagrams; knows nothing of connections. */
#ifndef VIAMC_PORTS_WIN_MDNS_IMPL_H
#define VIAMC_PORTS_WIN_MDNS_IMPL_H



#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_LAN_PORT 5353u
#define VMC_LAN_MS 1500u       /* viam-wire.md 7.2: for a name */
#define VMC_LAN_AGAIN 250u     /* likewise: from one question to the next */
#define VMC_LAN_DATAGRAMS 16u  /* read in one poll; the rest waits for the next */
#define VMC_LAN_INTERFACES 16u /* addresses of this machine from which is asked */
#define VMC_LAN_GROUP 0xe00000fbu /* 224.0.0.251, RFC 6762 3 */

VMC_FN bool vmc_lan_is_open(vmc_lan s)
{
    return s != (vmc_lan)INVALID_SOCKET;
}

VMC_FN void vmc_lan_close(vmc_lan *s)
{
    if (vmc_lan_is_open(*s)) {
        (void)closesocket((SOCKET)*s);
        (void)WSACleanup();
    }
    *s = (vmc_lan)INVALID_SOCKET;
}

VMC_FN struct sockaddr_in vmc_lan_address(uint32_t ip)
{
    struct sockaddr_in a;
    VIAMC_MEMSET(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(VMC_LAN_PORT);
    a.sin_addr.s_addr = htonl(ip);
    return a;
}

/* A socket on mDNS' port, beside those of other programs, that does not block. It keeps Winsock up until it is closed. */
VMC_FN vmc_lan vmc_lan_open(void)
{
    const struct sockaddr_in any = vmc_lan_address(0);
    BOOL shared = TRUE;
    DWORD ttl = 255; /* 11: it does not leave the link */
    u_long on = 1;
    WSADATA data;
    vmc_lan s = (vmc_lan)INVALID_SOCKET;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return s;
    s = (vmc_lan)socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (!vmc_lan_is_open(s)) {
        (void)WSACleanup();
        return s;
    }
    (void)setsockopt((SOCKET)s, SOL_SOCKET, SO_REUSEADDR, (const char *)&shared, (int)sizeof shared);
    (void)setsockopt((SOCKET)s, IPPROTO_IP, IP_MULTICAST_TTL, (const char *)&ttl, (int)sizeof ttl);
    if (ioctlsocket((SOCKET)s, (long)FIONBIO, &on) != 0 || bind((SOCKET)s, (const struct sockaddr *)&any, (int)sizeof any) != 0)
        vmc_lan_close(&s);
    return s;
}

/* Joins the group on the interface that has this address, if it has not, and asks there. What fails there may go elsewhere. */
VMC_FN void vmc_lan_ask_from(vmc_lan s, uint32_t from, const uint8_t *query, size_t n)
{
    const struct sockaddr_in to = vmc_lan_address(VMC_LAN_GROUP);
    struct ip_mreq join;
    join.imr_multiaddr = to.sin_addr;
    join.imr_interface.s_addr = htonl(from);
    (void)setsockopt((SOCKET)s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (const char *)&join, (int)sizeof join);
    if (setsockopt((SOCKET)s, IPPROTO_IP, IP_MULTICAST_IF, (const char *)&join.imr_interface, (int)sizeof join.imr_interface) == 0)
        (void)sendto((SOCKET)s, (const char *)query, (int)n, 0, (const struct sockaddr *)&to, (int)sizeof to);
}

/* Asks who is there, on every interface: those that Windows lists, and its own. */
VMC_FN void vmc_lan_ask(vmc_lan s)
{
    uint64_t room[(sizeof(SOCKET_ADDRESS_LIST) + VMC_LAN_INTERFACES * (sizeof(SOCKET_ADDRESS) + sizeof(struct sockaddr_in))) / sizeof(uint64_t) + 1u];
    const SOCKET_ADDRESS_LIST *list = (const SOCKET_ADDRESS_LIST *)(const void *)room;
    uint8_t query[40];
    size_t n = viamc_find_query(query, sizeof query);
    DWORD got = 0;
    int i;
    vmc_lan_ask_from(s, 0x7f000001u, query, n);
    if (WSAIoctl((SOCKET)s, SIO_ADDRESS_LIST_QUERY, NULL, 0, room, (DWORD)sizeof room, &got, NULL, NULL) != 0)
        return;
    for (i = 0; i < list->iAddressCount && i < (int)VMC_LAN_INTERFACES; i++) {
        struct sockaddr_in a;
        vmc_copy(&a, list->Address[i].lpSockaddr, sizeof a);
        vmc_lan_ask_from(s, ntohl(a.sin_addr.s_addr), query, n);
    }
}

/* The next datagram of a responder. False: none is there. What comes from another port is none (6), and empty. */
VMC_FN bool vmc_lan_hear(vmc_lan s, uint8_t buf[VMC_MDNS_MAX_PACKET + 1u], viamc_bytes *packet)
{
    struct sockaddr_in from;
    int len = (int)sizeof from;
    int n = recvfrom((SOCKET)s, (char *)buf, (int)VMC_MDNS_MAX_PACKET + 1, 0, (struct sockaddr *)&from, &len);
    bool later = n < 0 && WSAGetLastError() == WSAEWOULDBLOCK;
    *packet = viamc_view(buf, n <= 0 || ntohs(from.sin_port) != VMC_LAN_PORT ? 0 : (size_t)n);
    return !later;
}

/* Sleeps until a datagram comes, at most ms. */
VMC_FN void vmc_lan_sleep(vmc_lan s, viamc_ms ms)
{
    struct timeval t;
    fd_set reads;
    FD_ZERO(&reads);
    FD_SET((SOCKET)s, &reads);
    t.tv_sec = (long)(ms / 1000u);
    t.tv_usec = (long)(ms % 1000u) * 1000;
    (void)select(0, &reads, NULL, NULL, &t);
}

#endif
#endif
/* ---- end of src/ports/win_mdns_impl.h ---- */
/* ---- src/ports/win_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win: connections, names, sleeping. */
#ifndef VIAMC_PORTS_WIN_IMPL_H
#define VIAMC_PORTS_WIN_IMPL_H



#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_CONNECT_MS 3000u /* viamc: of one address; then the next has its turn */
#define VMC_WIN_NAME_MS 10u      /* viamc: the resolver cannot be waited for together with sockets, so it is asked this often */
#define VMC_WIN_KNOCK_MS 1000u   /* viamc: somebody who could not be taken is tried again */

VMC_STATIC_ASSERT(win_conns, VMC_WIN_CONNS == VIAMC_POSIX_CONNS);
VMC_STATIC_ASSERT(win_overlapped, sizeof(OVERLAPPED) <= sizeof ((vmc_win_dial *)0)->overlapped);
VMC_STATIC_ASSERT(win_wide, sizeof(WCHAR) == sizeof(uint16_t));

enum {
    VMC_WIN_IDLE = 0, /* nobody dials */
    VMC_WIN_LOCAL,    /* the local network is asked; until, again */
    VMC_WIN_NAME,     /* the resolver works */
    VMC_WIN_CONNECT   /* dial.fd connects, or dial.next has its turn */
};

/* ---- life ---- */

VIAMC_API void viamc_posix_init(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    VIAMC_MEMSET(p, 0, sizeof *p);
    p->dial.fd = VMC_WIN_NONE;
    for (i = 0; i < VMC_WIN_CONNS + 2u; i++)
        p->conn[i].fd = VMC_WIN_NONE;
}

/* Before the first socket, also the first one after viamc_posix_close. 0, or why Winsock is not to be had. */
VMC_FN int vmc_win_start(viamc_win *p)
{
    WSADATA data;
    int error = p->started ? 0 : WSAStartup(MAKEWORD(2, 2), &data);
    p->started = error == 0;
    return error;
}

/* Ends the opening under way. The resolver writes into *dial until its event comes, which a cancelled one sets at once. */
VMC_FN void vmc_win_dial_end(vmc_win_dial *d)
{
    if (d->state == VMC_WIN_LOCAL)
        vmc_lan_close(&d->fd);
    if (d->state == VMC_WIN_NAME) {
        (void)GetAddrInfoExCancel(&d->cancel);
        (void)WaitForSingleObject((HANDLE)d->event, INFINITE);
    }
    if (d->event != NULL)
        (void)CloseHandle((HANDLE)d->event);
    if (d->found != NULL)
        FreeAddrInfoExW((PADDRINFOEXW)d->found);
    vmc_win_close_fd(&d->fd);
    d->event = d->found = d->next = NULL;
    d->state = VMC_WIN_IDLE;
}

VMC_FN void vmc_win_close(void *user, unsigned conn)
{
    viamc_win *p = (viamc_win *)user;
    if (conn >= VMC_WIN_CONNS)
        return;
    if (p->dial.state != VMC_WIN_IDLE && p->dial.conn == conn)
        vmc_win_dial_end(&p->dial);
    vmc_win_close_fd(&p->conn[conn].fd);
    vmc_win_roots_close(p);
    p->knocked = false; /* there is room again */
}

VIAMC_API void viamc_posix_close(viamc_posix *p)
{
    unsigned i;
    if (p == NULL)
        return;
    for (i = 0; i < VMC_WIN_CONNS; i++)
        vmc_win_close(p, i);
    vmc_win_close_fd(&p->conn[VIAMC_POSIX_LISTENER].fd);
    if (p->started)
        (void)WSACleanup();
    p->started = false;
}

VIAMC_API int viamc_posix_errno(const viamc_posix *p, unsigned conn)
{
    return p != NULL && conn < VMC_WIN_CONNS + 2u ? p->conn[conn].error : WSAENOTSOCK;
}

/* ---- opening: the name, then its addresses one after the other ---- */

VMC_FN viamc_err vmc_win_found(vmc_win_dial *d, int error)
{
    d->cancel = NULL;
    d->state = VMC_WIN_CONNECT;
    d->next = d->found;
    d->error = error;
    return d->found != NULL && error == 0 ? (viamc_err)VIAMC_WAIT : (viamc_err)VIAMC_ERR_DNS;
}

VMC_FN viamc_err vmc_win_on_idle(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    static const char tens[] = "0123456789";
    vmc_win_dial *d = &p->dial;
    ADDRINFOEXW hints;
    WCHAR service[6];
    int error;
    unsigned i;
    for (i = 5; i-- > 0; port = (uint16_t)(port / 10u))
        service[i] = (WCHAR)tens[port % 10u];
    service[5] = 0;
    VIAMC_MEMSET(d, 0, sizeof *d);
    VIAMC_MEMSET(&hints, 0, sizeof hints);
    d->fd = VMC_WIN_NONE;
    d->conn = conn;
    hints.ai_socktype = SOCK_STREAM;
    d->error = vmc_win_start(p);
    if (d->error != 0)
        return VIAMC_ERR_IO;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host, -1, (WCHAR *)d->name, (int)VMC_WIN_NAME_BYTES) == 0)
        return VIAMC_ERR_DNS;
    d->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (d->event == NULL)
        return VIAMC_ERR_IO;
    ((OVERLAPPED *)(void *)d->overlapped)->hEvent = (HANDLE)d->event;
    error = GetAddrInfoExW((PCWSTR)d->name, service, NS_ALL, NULL, &hints, (PADDRINFOEXW *)&d->found, NULL,
                           (OVERLAPPED *)(void *)d->overlapped, NULL, (LPHANDLE)&d->cancel);
    if (error != WSA_IO_PENDING)
        return vmc_win_found(d, error);
    d->state = VMC_WIN_NAME;
    return VIAMC_WAIT;
}

/* Begins to look for a name of viam's cloud on the local network. False: that cannot be, or is not wanted. */
VMC_FN bool vmc_win_mdns_start(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    vmc_win_dial *d = &p->dial;
    if (!p->mdns || port != 443u || !vmc_mdns_is_cloud(viamc_text(host)))
        return false;
    d->fd = vmc_lan_open();
    if (!vmc_lan_is_open(d->fd))
        return false;
    d->state = VMC_WIN_LOCAL;
    d->conn = conn;
    d->again = viamc_posix_now();
    d->until = d->again + VMC_LAN_MS;
    return true;
}

/* The first address of a name in a datagram. False: there is none. */
VMC_FN bool vmc_win_mdns_take(viamc_bytes packet, const char *host, vmc_mdns_hit *hit)
{
    vmc_mdns m;
    viamc_str name;
    if (!vmc_mdns_open(&m, packet))
        return false;
    while (vmc_mdns_next(&m, hit)) {
        name.ptr = hit->text;
        name.len = hit->len;
        if (vmc_mdns_same(name, viamc_text(host)))
            return true;
    }
    return false;
}

/* Goes on looking; an address that was found goes to the resolver like one that was written, else the name does when the time is over. */
VMC_FN viamc_err vmc_win_on_local(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    vmc_win_dial *d = &p->dial;
    viamc_ms now = viamc_posix_now();
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    char address[sizeof ((viamc_found *)0)->address];
    viamc_bytes packet;
    vmc_mdns_hit hit;
    unsigned i;
    for (i = 0; i < VMC_LAN_DATAGRAMS && vmc_lan_hear(d->fd, buf, &packet); i++) {
        if (!vmc_win_mdns_take(packet, host, &hit))
            continue;
        vmc_lan_close(&d->fd);
        vmc_mdns_put_address(&hit, address, sizeof address);
        address[vmc_dns_until(viamc_text(address), ':')] = '\0';
        return vmc_win_on_idle(p, conn, address, hit.port);
    }
    if (vmc_time_reached(now, d->until)) {
        vmc_lan_close(&d->fd);
        return vmc_win_on_idle(p, conn, host, port);
    }
    if (vmc_time_reached(now, d->again)) {
        vmc_lan_ask(d->fd);
        d->again = now + VMC_LAN_AGAIN;
    }
    return VIAMC_WAIT;
}

VMC_FN viamc_err vmc_win_on_name(vmc_win_dial *d)
{
    if (WaitForSingleObject((HANDLE)d->event, 0) != WAIT_OBJECT_0)
        return VIAMC_WAIT;
    return vmc_win_found(d, GetAddrInfoExOverlappedResult((OVERLAPPED *)(void *)d->overlapped));
}

/* What became of a connect: 0 done, WSAEWOULDBLOCK, or why it failed. select(2) says so in all versions of Windows, WSAPoll does not. */
VMC_FN int vmc_win_connected(uintptr_t fd)
{
    struct timeval none = {0, 0};
    fd_set writes, fails;
    int error = 0, n = (int)sizeof error;
    FD_ZERO(&writes);
    FD_ZERO(&fails);
    FD_SET((SOCKET)fd, &writes);
    FD_SET((SOCKET)fd, &fails);
    if (select(0, NULL, &writes, &fails, &none) == 0)
        return WSAEWOULDBLOCK;
    if (getsockopt((SOCKET)fd, SOL_SOCKET, SO_ERROR, (char *)&error, &n) != 0)
        return WSAGetLastError();
    return error == 0 && !FD_ISSET((SOCKET)fd, &writes) ? WSAECONNREFUSED : error;
}

VMC_FN int vmc_win_try(vmc_win_dial *d, viamc_ms now)
{
    const ADDRINFOEXW *a = (const ADDRINFOEXW *)d->next;
    d->next = a->ai_next;
    d->until = now + VMC_WIN_CONNECT_MS;
    d->fd = (uintptr_t)socket(a->ai_family, SOCK_STREAM, IPPROTO_TCP);
    if (d->fd == VMC_WIN_NONE || !vmc_win_prepare(d->fd))
        return WSAGetLastError();
    return connect((SOCKET)d->fd, a->ai_addr, (int)a->ai_addrlen) == 0 ? 0 : WSAGetLastError();
}

VMC_FN viamc_err vmc_win_on_connect(viamc_win *p, viamc_ms now)
{
    vmc_win_dial *d = &p->dial;
    for (;;) { /* each turn ends, or uses up an address */
        int error = d->fd == VMC_WIN_NONE ? vmc_win_try(d, now) : vmc_win_connected(d->fd);
        if (error == WSAEWOULDBLOCK && !vmc_time_reached(now, d->until))
            return VIAMC_WAIT;
        if (error == 0) {
            vmc_win_set_conn(p, d->conn, d->fd);
            d->fd = VMC_WIN_NONE;
            vmc_win_dial_end(d);
            return VIAMC_OK;
        }
        if (d->error == 0 || error == WSAECONNREFUSED)
            d->error = error == WSAEWOULDBLOCK ? WSAETIMEDOUT : error;
        vmc_win_close_fd(&d->fd);
        if (d->next == NULL)
            return vmc_win_err(d->error);
    }
}

VMC_FN viamc_err vmc_win_step(viamc_win *p, unsigned conn, const char *host, uint16_t port)
{
    switch (p->dial.state) {
    case VMC_WIN_IDLE: return vmc_win_mdns_start(p, conn, host, port) ? (viamc_err)VIAMC_WAIT : vmc_win_on_idle(p, conn, host, port);
    case VMC_WIN_LOCAL: return vmc_win_on_local(p, conn, host, port);
    case VMC_WIN_NAME: return vmc_win_on_name(&p->dial);
    default: return vmc_win_on_connect(p, viamc_posix_now());
    }
}

VMC_FN viamc_err vmc_win_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    viamc_win *p = (viamc_win *)user;
    viamc_err err;
    if (conn >= VMC_WIN_CONNS)
        return VIAMC_ERR_ARG;
    if (p->conn[conn].fd != VMC_WIN_NONE)
        return VIAMC_OK;
    if (p->dial.state != VMC_WIN_IDLE && p->dial.conn != conn)
        return VIAMC_WAIT;
    err = vmc_win_step(p, conn, host, port);
    if (err == VIAMC_OK || err == VIAMC_WAIT)
        return err;
    p->conn[conn].error = p->dial.error;
    vmc_win_dial_end(&p->dial);
    return err;
}

/* ---- reading, writing ---- */

/* After a call that failed: OK if it is only too early. */
VMC_FN viamc_err vmc_win_failed(vmc_win_conn *c)
{
    int error = WSAGetLastError();
    if (error == WSAEWOULDBLOCK)
        return VIAMC_OK;
    c->error = error;
    return vmc_win_err(error);
}

VMC_FN viamc_err vmc_win_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    vmc_win_conn *c = vmc_win_at(user, conn);
    int n;
    *len = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    if (cap == 0 || c->skip) { /* of 0 octets recv would answer 0, which means the end */
        c->skip = false;
        return VIAMC_OK;
    }
    n = recv((SOCKET)c->fd, (char *)buf, (int)vmc_min(cap, 1u << 20), 0);
    c->drained = n < 0 || (size_t)n < cap;
    if (n < 0)
        return vmc_win_failed(c);
    *len = (size_t)n;
    return n == 0 ? VIAMC_ERR_CLOSED : VIAMC_OK;
}

VMC_FN viamc_err vmc_win_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    vmc_win_conn *c = vmc_win_at(user, conn);
    int n;
    *done = 0;
    if (c == NULL)
        return VIAMC_ERR_STATE;
    n = len == 0 ? 0 : send((SOCKET)c->fd, (const char *)buf, (int)vmc_min(len, 1u << 20), 0);
    c->blocked = n < 0 || (size_t)n < len;
    if (n < 0)
        return vmc_win_failed(c);
    *done = (size_t)n;
    return VIAMC_OK;
}

VIAMC_API const viamc_port *viamc_posix_port(void)
{
    static const viamc_port port = {vmc_win_open, vmc_win_read, vmc_win_write, vmc_win_close, vmc_win_random, NULL};
    return &port;
}

/* ---- sleeping ---- */

VMC_FN void vmc_win_watch(fd_set *set, uintptr_t fd, bool wanted)
{
    if (fd != VMC_WIN_NONE && wanted)
        FD_SET((SOCKET)fd, set);
}

VIAMC_API viamc_err viamc_posix_sleep(viamc_posix *p, const viamc_wait_hint *wait)
{
    fd_set reads, writes, fails;
    struct timeval t;
    uintptr_t listener;
    viamc_ms ms;
    bool writing, blocked = false;
    unsigned i;
    if (p == NULL || wait == NULL)
        return VIAMC_ERR_ARG;
    listener = p->conn[VIAMC_POSIX_LISTENER].fd;
    ms = p->dial.state == VMC_WIN_NAME ? vmc_min32(wait->ms, VMC_WIN_NAME_MS) : wait->ms;
    writing = (wait->want & VIAMC_WANT_WRITE) != 0;
    if (p->dial.state == VMC_WIN_CONNECT)
        ms = vmc_min32(ms, VMC_WIN_CONNECT_MS);
    if (p->dial.state == VMC_WIN_LOCAL)
        ms = vmc_min32(ms, VMC_LAN_AGAIN);
    if (p->knocked)
        ms = vmc_min32(ms, VMC_WIN_KNOCK_MS);
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&fails);
    for (i = 0; i < p->used; i++)
        blocked = blocked || (p->conn[i].fd != VMC_WIN_NONE && p->conn[i].blocked);
    for (i = 0; i < p->used; i++) {
        vmc_win_watch(&reads, p->conn[i].fd, (wait->want & VIAMC_WANT_READ) != 0);
        vmc_win_watch(&writes, p->conn[i].fd, writing && (p->conn[i].blocked || !blocked));
    }
    vmc_win_watch(&reads, listener, !p->knocked);
    vmc_win_watch(&reads, p->dial.fd, p->dial.state == VMC_WIN_LOCAL);
    vmc_win_watch(&writes, p->dial.fd, p->dial.state != VMC_WIN_LOCAL);
    vmc_win_watch(&fails, p->dial.fd, p->dial.state != VMC_WIN_LOCAL);
    t.tv_sec = (long)(ms / 1000u);
    t.tv_usec = (long)(ms % 1000u) * 1000;
    if (reads.fd_count + writes.fd_count + fails.fd_count == 0)
        Sleep(ms); /* select(2) refuses to wait for nothing but time; FOREVER is INFINITE */
    else if (select(0, &reads, &writes, &fails, ms == VIAMC_FOREVER ? NULL : &t) == SOCKET_ERROR)
        return VIAMC_ERR_IO;
    else if (listener != VMC_WIN_NONE && FD_ISSET((SOCKET)listener, &reads))
        p->knocked = true;
    return VIAMC_OK;
}

#endif
#endif
/* ---- end of src/ports/win_impl.h ---- */
/* ---- src/ports/win_listen_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/win: listening and accepting. */
#ifndef VIAMC_PORTS_WIN_LISTEN_IMPL_H
#define VIAMC_PORTS_WIN_LISTEN_IMPL_H



#if !defined(VIAMC_NO_POSIX) && defined(_WIN32)

#define VMC_WIN_BACKLOG 16

/* "10.0.0.9:51544", "[::1]:80", terminated; false: no room. */
VMC_FN bool vmc_win_sa_text(const SOCKADDR_STORAGE *sa, int n, char *buf, size_t cap)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    vmc_wr w = vmc_wr_of(buf, cap);
    bool v6 = sa->ss_family == AF_INET6;
    if (getnameinfo((const SOCKADDR *)sa, n, host, (DWORD)sizeof host, service, (DWORD)sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    vmc_wr_text(&w, v6 ? "[" : "");
    vmc_wr_text(&w, host);
    vmc_wr_text(&w, v6 ? "]:" : ":");
    vmc_wr_text(&w, service);
    vmc_wr_u8(&w, 0);
    return !w.full;
}

VMC_FN viamc_err vmc_win_bind(viamc_win *p, const struct addrinfo *a)
{
    vmc_win_conn *c = &p->conn[VIAMC_POSIX_LISTENER];
    BOOL on = TRUE;
    DWORD both = 0;
    c->fd = (uintptr_t)socket(a->ai_family, SOCK_STREAM, IPPROTO_TCP);
    if (c->fd != VMC_WIN_NONE) {
        (void)setsockopt((SOCKET)c->fd, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, (int)sizeof on);
        (void)setsockopt((SOCKET)c->fd, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&both, (int)sizeof both);
    }
    if (c->fd != VMC_WIN_NONE && vmc_win_prepare(c->fd) && bind((SOCKET)c->fd, a->ai_addr, (int)a->ai_addrlen) == 0
        && listen((SOCKET)c->fd, VMC_WIN_BACKLOG) == 0)
        return VIAMC_OK;
    c->error = WSAGetLastError();
    vmc_win_close_fd(&c->fd);
    return VIAMC_ERR_IO;
}

/* service: the port as text. host may be changed. */
VMC_FN viamc_err vmc_win_listen(viamc_win *p, char *host, const char *service)
{
    struct addrinfo hints, *found = NULL;
    size_t n = vmc_strlen(host);
    viamc_err err;
    VIAMC_MEMSET(&hints, 0, sizeof hints);
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV; /* numbers: nobody is asked, so it does not block */
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = n == 0 ? AF_INET6 : AF_UNSPEC;
    if (host[0] == '[') {
        host[n - 1u] = '\0';
        host++;
    }
    if (getaddrinfo(n == 0 ? NULL : host, service, &hints, &found) != 0)
        return VIAMC_ERR_DNS;
    err = vmc_win_bind(p, found);
    freeaddrinfo(found);
    return err;
}

VIAMC_API viamc_err viamc_posix_listen(viamc_posix *p, const char *address)
{
    char host[VMC_WIN_NAME_BYTES];
    vmc_win_conn *c;
    uint16_t port;
    if (p == NULL || address == NULL || !vmc_dns_host_port(address, host, sizeof host, &port))
        return VIAMC_ERR_ARG;
    c = &p->conn[VIAMC_POSIX_LISTENER];
    if (c->fd != VMC_WIN_NONE)
        return VIAMC_ERR_STATE;
    c->error = vmc_win_start(p);
    return c->error == 0 ? vmc_win_listen(p, host, address + vmc_strlen(host) + 1u) : (viamc_err)VIAMC_ERR_IO;
}

VIAMC_API viamc_err viamc_posix_listen_address(const viamc_posix *p, char *buf, size_t cap)
{
    SOCKADDR_STORAGE sa;
    int n = (int)sizeof sa;
    uintptr_t fd;
    if (p == NULL || buf == NULL)
        return VIAMC_ERR_ARG;
    fd = p->conn[VIAMC_POSIX_LISTENER].fd;
    if (fd == VMC_WIN_NONE || getsockname((SOCKET)fd, (SOCKADDR *)&sa, &n) != 0)
        return VIAMC_ERR_STATE;
    return vmc_win_sa_text(&sa, n, buf, cap) ? (viamc_err)VIAMC_OK : (viamc_err)VIAMC_ERR_NOMEM;
}

VMC_FN viamc_err vmc_win_accept(void *user, unsigned conn, viamc_addr *peer)
{
    viamc_win *p = (viamc_win *)user;
    SOCKADDR_STORAGE sa;
    int n = (int)sizeof sa;
    uintptr_t fd;
    if (conn >= VMC_WIN_CONNS || p->conn[conn].fd != VMC_WIN_NONE || p->conn[VIAMC_POSIX_LISTENER].fd == VMC_WIN_NONE)
        return VIAMC_ERR_STATE;
    p->knocked = false;
    fd = (uintptr_t)accept((SOCKET)p->conn[VIAMC_POSIX_LISTENER].fd, (SOCKADDR *)&sa, &n);
    if (fd == VMC_WIN_NONE) {
        p->knocked = vmc_win_failed(&p->conn[VIAMC_POSIX_LISTENER]) != VIAMC_OK; /* he may wait on, and would end every sleep at once */
        return p->knocked ? (viamc_err)VIAMC_ERR_IO : (viamc_err)VIAMC_WAIT;
    }
    if (!vmc_win_prepare(fd)) {
        vmc_win_close_fd(&fd);
        return VIAMC_WAIT;
    }
    if (!vmc_win_sa_text(&sa, n, peer->text, sizeof peer->text))
        peer->text[0] = '\0';
    vmc_win_set_conn(p, conn, fd);
    return VIAMC_OK;
}

VIAMC_API const viamc_port *viamc_posix_server_port(void)
{
    static const viamc_port port = {NULL, vmc_win_read, vmc_win_write, vmc_win_close, vmc_win_random, vmc_win_accept};
    return &port;
}

#endif
#endif
/* ---- end of src/ports/win_listen_impl.h ---- */
/* ---- src/ports/loop.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/loop: a network in memory, with a clock that the test moves and faults on request.
 * Knows base/port; knows nothing of what the octets mean. Nothing here points into itself: a copy of a vmc_loop is a snapshot,
 * and the same calls after it bring the same octets. */
#ifndef VIAMC_PORTS_LOOP_H
#define VIAMC_PORTS_LOOP_H


#ifndef VMC_LOOP_CLIENTS
#define VMC_LOOP_CLIENTS 3u /* client ports; one server port comes on top */
#endif
#ifndef VMC_LOOP_LINKS
#define VMC_LOOP_LINKS 4u /* connections at once; more opens wait */
#endif
#ifndef VMC_LOOP_PIPE_BYTES /* octets under way in one direction of one connection; an object has at most SIZE_MAX / 2 octets */
#define VMC_LOOP_PIPE_BYTES (SIZE_MAX > 0xffffu ? 16384u : 512u)
#endif
#define VMC_LOOP_SEGMENTS 32u /* different times of arrival in one direction; more: the last ones arrive together */

enum { VMC_LOOP_TO_SERVER = 0, VMC_LOOP_TO_CLIENT = 1 };

/* Kinds of port calls. ANY: every call that can fail (all but close), counted together. */
enum {
    VMC_LOOP_OPEN = 0,
    VMC_LOOP_READ,
    VMC_LOOP_WRITE,
    VMC_LOOP_CLOSE,
    VMC_LOOP_RANDOM,
    VMC_LOOP_ACCEPT,
    VMC_LOOP_ANY,
    VMC_LOOP_KINDS
};

/* What happens after cut_at octets of one direction. The reader gets exactly these octets in every case. */
enum {
    VMC_LOOP_CUT_NONE = 0,
    VMC_LOOP_CUT_CLOSE,  /* then the connection is closed: CLOSED on both sides, what the other direction held is still read */
    VMC_LOOP_CUT_RESET,  /* then it is broken: IO on both sides, what the other direction held is lost */
    VMC_LOOP_CUT_SWALLOW /* then this direction takes every octet and delivers none */
};

/* One direction of the next connections, or (in vmc_loop_pipe) of one that stands. All zero: a perfect line. */
typedef struct vmc_loop_line {
    uint32_t capacity;  /* octets under way at most; 0: VMC_LOOP_PIPE_BYTES */
    uint32_t delay_ms;  /* from write to read, also of the end */
    uint32_t read_max;  /* octets of one read at most; 0: no limit */
    uint32_t write_max; /* octets of one write at most; 0: no limit */
    bool split;         /* reads and writes of seeded random length, now and then 0 */
    uint8_t cut;        /* VMC_LOOP_CUT_*; of the next connection only, unless */
    bool cut_every;     /* this is set */
    uint64_t cut_at;
} vmc_loop_line;

/* Port calls that fail: those numbered at, at + 1, ... at + count - 1 among the calls of their kind, from 1. */
typedef struct vmc_loop_fault {
    uint8_t kind;   /* VMC_LOOP_* */
    uint32_t at;    /* 0: none */
    uint32_t count; /* 0: for ever */
    viamc_err err;  /* VIAMC_WAIT: not now (no entropy for random); VIAMC_OK: one octet moves; else this error */
} vmc_loop_fault;

/* One port: its user pointer is the address of this. */
typedef struct vmc_loop_end {
    uint32_t index;                 /* of the client; VMC_LOOP_CLIENTS: the server */
    uint32_t calls[VMC_LOOP_KINDS]; /* made so far */
    vmc_loop_fault fault;
    uint32_t open_waits;            /* WAITs before each open is done */
    viamc_err open_err;             /* answer of open, if not OK: VIAMC_ERR_REFUSED ... */
    uint32_t waited;                /* of open_waits, by the open under way */
    uint64_t rand;                  /* state of the random function */
} vmc_loop_end;

/* One direction of one connection. Octet k lies at buf[k % VMC_LOOP_PIPE_BYTES]; taken <= kept <= sent. */
typedef struct vmc_loop_pipe {
    vmc_loop_line line;
    uint64_t sent;  /* octets taken from the writer */
    uint64_t kept;  /* of them, not swallowed */
    uint64_t taken; /* of them, read */
    struct {
        uint64_t until; /* octets below this number ... */
        viamc_ms at;    /* ... are there from this time on */
    } segment[VMC_LOOP_SEGMENTS];
    uint32_t segments;
    viamc_err end;    /* what the reader gets after the last octet; OK: it goes on */
    viamc_ms end_at;  /* from this time on */
    bool told;        /* the reader got it */
    viamc_err broken; /* what the writer gets; OK: it goes on */
    bool swallow;     /* further octets vanish */
    uint8_t buf[VMC_LOOP_PIPE_BYTES];
} vmc_loop_pipe;

/* One connection. */
typedef struct vmc_loop_link {
    bool used, accepted;
    bool closed[2];  /* by the reader of this direction */
    uint32_t client; /* whose */
    unsigned conn[2]; /* its number at the server, at the client */
    vmc_loop_pipe pipe[2];
} vmc_loop_link;

/* Called with each run of octets that a writer got rid of. May call nothing of this loop. */
typedef void (*vmc_loop_tap)(void *user, unsigned link, unsigned direction, const uint8_t *ptr, size_t len);

/* The network. Members that tests set and read at any time: now, line, end[].fault and .open_*, link[].pipe[].line, tap. */
typedef struct vmc_loop {
    viamc_ms now;
    vmc_loop_line line[2];                   /* VMC_LOOP_TO_*, copied by each new connection */
    vmc_loop_end end[VMC_LOOP_CLIENTS + 1u]; /* the last one is the server's */
    vmc_loop_link link[VMC_LOOP_LINKS];
    uint64_t octets[2];                      /* sent so far in each direction, over all connections */
    uint64_t rand;                           /* of split */
    vmc_loop_tap tap;                        /* NULL: none */
    void *tap_user;
} vmc_loop;

#endif
/* ---- end of src/ports/loop.h ---- */
/* ---- src/ports/loop_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* ports/loop: pipes, connections, faults. */
#ifndef VIAMC_PORTS_LOOP_IMPL_H
#define VIAMC_PORTS_LOOP_IMPL_H


/* xorshift64*: the state is never 0. */
VMC_FN uint32_t vmc_loop_rand(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

/* Makes an empty network without faults at time 0. Everything random follows from the seed. */
VMC_FN void vmc_loop_init(vmc_loop *loop, uint64_t seed)
{
    uint32_t i;
    VIAMC_MEMSET(loop, 0, sizeof *loop);
    loop->rand = (seed ^ 0x9e3779b97f4a7c15u) | 1u;
    for (i = 0; i <= VMC_LOOP_CLIENTS; i++) {
        loop->end[i].index = i;
        loop->end[i].rand = ((seed + i + 1u) * 0xd1342543de82ef95u) | 1u;
    }
}

/* The user pointers of the ports. */
VMC_FN void *vmc_loop_client(vmc_loop *loop, uint32_t index)
{
    VIAMC_ASSERT(index < VMC_LOOP_CLIENTS);
    return &loop->end[index];
}

VMC_FN void *vmc_loop_server(vmc_loop *loop)
{
    return &loop->end[VMC_LOOP_CLIENTS];
}

/* The network that an end lies in: by distance, so that a copy of the network works where it lies. */
VMC_FN vmc_loop *vmc_loop_of(vmc_loop_end *end)
{
    void *first = end - end->index;
    void *loop = (uint8_t *)first - offsetof(vmc_loop, end);
    return (vmc_loop *)loop;
}

/* ---- pipes ---- */

/* Octets that have arrived and were not read. */
VMC_FN uint64_t vmc_loop_arrived(const vmc_loop_pipe *p, viamc_ms now)
{
    uint64_t until = p->taken;
    uint32_t i;
    for (i = 0; i < p->segments && vmc_time_reached(now, p->segment[i].at); i++)
        until = p->segment[i].until;
    return until - p->taken;
}

/* Notes that the octets up to kept are there at a time; time never runs backwards within a pipe. */
VMC_FN void vmc_loop_arrive(vmc_loop_pipe *p, viamc_ms at)
{
    uint32_t last = p->segments - 1u; /* only used if there is one */
    if (p->segments != 0 && !vmc_time_reached(at, p->segment[last].at))
        at = p->segment[last].at;
    if (p->segments == 0 || (p->segment[last].at != at && p->segments < VMC_LOOP_SEGMENTS))
        last = p->segments++;
    p->segment[last].at = at;
    p->segment[last].until = p->kept;
}

/* How many of n octets one read or write moves. */
VMC_FN size_t vmc_loop_share(vmc_loop *loop, const vmc_loop_line *line, uint32_t max, size_t n)
{
    uint32_t r;
    if (max != 0)
        n = vmc_min(n, max);
    if (!line->split || n == 0)
        return n;
    r = vmc_loop_rand(&loop->rand);
    if (r % 8u == 0)
        return 0;
    if (r % 2u == 0) /* short pieces find more faults than long ones */
        n = vmc_min(n, 16u);
    return 1u + (r >> 8) % n;
}

VMC_FN size_t vmc_loop_pull(vmc_loop *loop, vmc_loop_pipe *p, uint8_t *buf, size_t cap)
{
    uint64_t there = vmc_loop_arrived(p, loop->now);
    size_t i, n = vmc_loop_share(loop, &p->line, p->line.read_max, there < cap ? (size_t)there : cap);
    uint32_t done = 0;
    for (i = 0; i < n; i++)
        buf[i] = p->buf[(p->taken + i) % VMC_LOOP_PIPE_BYTES];
    p->taken += n;
    while (done < p->segments && p->segment[done].until <= p->taken)
        done++;
    p->segments -= done;
    vmc_move(p->segment, p->segment + done, p->segments * sizeof p->segment[0]);
    return n;
}

/* Octets that a pipe takes now, at most len: its room, and none beyond the cut. */
VMC_FN size_t vmc_loop_room(const vmc_loop_pipe *p, size_t len)
{
    uint64_t used = p->kept - p->taken, left = len;
    uint64_t cap = p->line.capacity == 0 ? VMC_LOOP_PIPE_BYTES : vmc_min(p->line.capacity, VMC_LOOP_PIPE_BYTES);
    if (p->swallow)
        return len;
    left = used >= cap ? 0 : cap - used < left ? cap - used : left;
    if (p->line.cut != VMC_LOOP_CUT_NONE && p->line.cut_at < p->sent + left)
        left = p->line.cut_at <= p->sent ? 0 : p->line.cut_at - p->sent;
    return (size_t)left;
}

VMC_FN size_t vmc_loop_push(vmc_loop *loop, vmc_loop_pipe *p, const uint8_t *buf, size_t len)
{
    size_t i, n = vmc_loop_share(loop, &p->line, p->line.write_max, vmc_loop_room(p, len));
    p->sent += n;
    if (p->swallow || n == 0)
        return n;
    for (i = 0; i < n; i++)
        p->buf[(p->kept + i) % VMC_LOOP_PIPE_BYTES] = buf[i];
    p->kept += n;
    vmc_loop_arrive(p, loop->now + p->line.delay_ms);
    return n;
}

/* ---- ends of connections ---- */

/* No octet comes after those that are under way. */
VMC_FN void vmc_loop_finish(const vmc_loop *loop, vmc_loop_pipe *p, viamc_err err)
{
    if (p->end != VIAMC_OK)
        return;
    p->end = err;
    p->end_at = loop->now + p->line.delay_ms;
}

/* Does what the line wants after its last octet. */
VMC_FN void vmc_loop_cut(vmc_loop *loop, vmc_loop_link *l, unsigned dir)
{
    vmc_loop_pipe *out = &l->pipe[dir], *in = &l->pipe[1u - dir];
    uint8_t cut = out->line.cut;
    viamc_err err = cut == VMC_LOOP_CUT_RESET ? VIAMC_ERR_IO : VIAMC_ERR_CLOSED;
    if (cut == VMC_LOOP_CUT_NONE || out->sent < out->line.cut_at)
        return;
    out->line.cut = VMC_LOOP_CUT_NONE;
    out->swallow = true;
    if (cut == VMC_LOOP_CUT_SWALLOW)
        return;
    if (cut == VMC_LOOP_CUT_RESET) {
        in->taken = in->kept;
        in->segments = 0;
    }
    out->broken = err;
    in->swallow = true; /* the other side writes into the void until it has read the end, as with TCP */
    vmc_loop_finish(loop, out, err);
    vmc_loop_finish(loop, in, err);
    in->end_at = loop->now; /* the writer learns at once */
}

VMC_FN unsigned vmc_loop_out(const vmc_loop_end *end)
{
    return end->index == VMC_LOOP_CLIENTS ? VMC_LOOP_TO_CLIENT : VMC_LOOP_TO_SERVER;
}

/* The connection that an end knows by this number, or NULL. */
VMC_FN vmc_loop_link *vmc_loop_find(vmc_loop_end *end, unsigned conn)
{
    vmc_loop *loop = vmc_loop_of(end);
    unsigned i, in = 1u - vmc_loop_out(end);
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        vmc_loop_link *l = &loop->link[i];
        bool mine = in == VMC_LOOP_TO_SERVER ? l->accepted : l->client == end->index;
        if (l->used && mine && !l->closed[in] && l->conn[in] == conn)
            return l;
    }
    return NULL;
}

/* ---- faults ---- */

/* Counts a call. True if it fails, then with *err. */
VMC_FN bool vmc_loop_fails(vmc_loop_end *end, unsigned kind, viamc_err *err)
{
    const vmc_loop_fault *f = &end->fault;
    uint32_t n = ++end->calls[kind];
    uint32_t all = ++end->calls[VMC_LOOP_ANY];
    if (f->kind == VMC_LOOP_ANY)
        n = all;
    else if (f->kind != kind)
        return false;
    if (f->at == 0 || n < f->at || (f->count != 0 && n - f->at >= f->count))
        return false;
    *err = f->err;
    return true;
}

/* How a read or write of *n octets begins: the connection, or NULL if the call ends with *err. A fault can shorten *n. */
VMC_FN vmc_loop_link *vmc_loop_begin(vmc_loop_end *end, unsigned conn, unsigned kind, size_t *n, viamc_err *err)
{
    vmc_loop_link *l = vmc_loop_find(end, conn);
    bool fails = vmc_loop_fails(end, kind, err);
    if (fails && *err == VIAMC_OK) {
        *n = vmc_min(*n, 1);
    } else if (fails) {
        *err = *err == VIAMC_WAIT ? (viamc_err)VIAMC_OK : *err;
        return NULL;
    }
    if (l == NULL)
        *err = VIAMC_ERR_STATE;
    return l;
}

/* ---- the port ---- */

VMC_FN viamc_err vmc_loop_connect(vmc_loop_end *end, unsigned conn)
{
    vmc_loop *loop = vmc_loop_of(end);
    vmc_loop_link *l;
    unsigned i = 0;
    while (i < VMC_LOOP_LINKS && loop->link[i].used)
        i++;
    if (i == VMC_LOOP_LINKS)
        return VIAMC_WAIT;
    l = &loop->link[i];
    l->used = true;
    l->accepted = l->closed[0] = l->closed[1] = false;
    l->client = end->index;
    l->conn[VMC_LOOP_TO_CLIENT] = conn;
    for (i = 0; i < 2u; i++) {
        VIAMC_MEMSET(&l->pipe[i], 0, offsetof(vmc_loop_pipe, buf));
        l->pipe[i].line = loop->line[i];
        if (!loop->line[i].cut_every)
            loop->line[i].cut = VMC_LOOP_CUT_NONE;
    }
    for (i = 0; i < 2u; i++)
        vmc_loop_cut(loop, l, i); /* after no octet at all */
    return VIAMC_OK;
}

VMC_FN viamc_err vmc_loop_open(void *user, unsigned conn, const char *host, uint16_t port)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    viamc_err err = VIAMC_OK;
    (void)host;
    (void)port;
    (void)vmc_loop_fails(end, VMC_LOOP_OPEN, &err);
    if (err != VIAMC_OK)
        return err;
    if (vmc_loop_find(end, conn) != NULL)
        return VIAMC_OK;
    if (end->waited < end->open_waits) {
        end->waited++;
        return VIAMC_WAIT;
    }
    end->waited = 0;
    return end->open_err != VIAMC_OK ? end->open_err : vmc_loop_connect(end, conn);
}

VMC_FN viamc_err vmc_loop_read(void *user, unsigned conn, uint8_t *buf, size_t cap, size_t *len)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    vmc_loop *loop = vmc_loop_of(end);
    viamc_err err = VIAMC_OK;
    vmc_loop_link *l = vmc_loop_begin(end, conn, VMC_LOOP_READ, &cap, &err);
    vmc_loop_pipe *in;
    *len = 0;
    if (l == NULL)
        return err;
    in = &l->pipe[1u - vmc_loop_out(end)];
    *len = vmc_loop_pull(loop, in, buf, cap);
    if (in->end == VIAMC_OK || in->taken != in->kept || *len != 0 || !vmc_time_reached(loop->now, in->end_at))
        return VIAMC_OK;
    in->told = true;
    return in->end;
}

VMC_FN viamc_err vmc_loop_write(void *user, unsigned conn, const uint8_t *buf, size_t len, size_t *done)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    vmc_loop *loop = vmc_loop_of(end);
    unsigned dir = vmc_loop_out(end);
    viamc_err err = VIAMC_OK;
    vmc_loop_link *l = vmc_loop_begin(end, conn, VMC_LOOP_WRITE, &len, &err);
    *done = 0;
    if (l == NULL)
        return err;
    if (l->pipe[dir].broken != VIAMC_OK)
        return l->pipe[dir].broken;
    if (l->pipe[1u - dir].told)
        return l->pipe[1u - dir].end;
    *done = vmc_loop_push(loop, &l->pipe[dir], buf, len);
    loop->octets[dir] += *done;
    if (loop->tap != NULL && *done != 0)
        loop->tap(loop->tap_user, (unsigned)(l - loop->link), dir, buf, *done);
    vmc_loop_cut(loop, l, dir);
    return VIAMC_OK;
}

VMC_FN void vmc_loop_close(void *user, unsigned conn)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    vmc_loop_link *l = vmc_loop_find(end, conn);
    unsigned dir = vmc_loop_out(end);
    end->calls[VMC_LOOP_CLOSE]++;
    end->waited = 0;
    if (l == NULL)
        return;
    l->closed[1u - dir] = true;
    l->pipe[1u - dir].swallow = true;
    vmc_loop_finish(vmc_loop_of(end), &l->pipe[dir], VIAMC_ERR_CLOSED);
    l->used = l->accepted && !l->closed[dir]; /* one that nobody accepted is forgotten */
}

VMC_FN viamc_err vmc_loop_random(void *user, uint8_t *out, size_t len)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    viamc_err err = VIAMC_OK;
    size_t i;
    if (vmc_loop_fails(end, VMC_LOOP_RANDOM, &err) && err == VIAMC_WAIT)
        err = VIAMC_ERR_ENTROPY;
    if (err != VIAMC_OK)
        return err;
    for (i = 0; i < len; i++)
        out[i] = (uint8_t)vmc_loop_rand(&end->rand);
    return VIAMC_OK;
}

VMC_FN viamc_err vmc_loop_accept(void *user, unsigned conn, viamc_addr *peer)
{
    vmc_loop_end *end = (vmc_loop_end *)user;
    vmc_loop *loop = vmc_loop_of(end);
    vmc_wr name = vmc_wr_of(peer->text, sizeof peer->text);
    viamc_err err = VIAMC_OK;
    unsigned i;
    (void)vmc_loop_fails(end, VMC_LOOP_ACCEPT, &err);
    if (err != VIAMC_OK)
        return err;
    if (vmc_loop_find(end, conn) != NULL)
        return VIAMC_ERR_STATE;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        vmc_loop_link *l = &loop->link[i];
        if (!l->used || l->accepted)
            continue;
        l->accepted = true;
        l->conn[VMC_LOOP_TO_SERVER] = conn;
        vmc_wr_text(&name, "client "); /* there are no addresses here */
        vmc_wr_dec(&name, l->client);
        vmc_wr_u8(&name, 0);
        return VIAMC_OK;
    }
    return VIAMC_WAIT;
}

/* The port of a client; its user pointer comes from vmc_loop_client. */
VMC_FN const viamc_port *vmc_loop_port(void)
{
    static const viamc_port port = {vmc_loop_open, vmc_loop_read, vmc_loop_write, vmc_loop_close, vmc_loop_random, NULL};
    return &port;
}

/* The port of the server; its user pointer comes from vmc_loop_server. */
VMC_FN const viamc_port *vmc_loop_server_port(void)
{
    static const viamc_port port = {NULL, vmc_loop_read, vmc_loop_write, vmc_loop_close, vmc_loop_random, vmc_loop_accept};
    return &port;
}

/* Milliseconds that the clock may jump before the network has something for somebody: 0 if it has, VIAMC_FOREVER if nothing is
 * under way. */
VMC_FN viamc_ms vmc_loop_next(const vmc_loop *loop)
{
    viamc_ms least = VIAMC_FOREVER;
    unsigned i, dir;
    for (i = 0; i < VMC_LOOP_LINKS; i++) {
        const vmc_loop_link *l = &loop->link[i];
        if (l->used && !l->accepted)
            return 0;
        for (dir = 0; l->used && dir < 2u; dir++) {
            const vmc_loop_pipe *p = &l->pipe[dir];
            vmc_timer t;
            vmc_timer_off(&t);
            if (!l->closed[dir] && (p->segments != 0 || (p->end != VIAMC_OK && !p->told)))
                vmc_timer_at(&t, p->segments != 0 ? p->segment[0].at : p->end_at);
            vmc_wait_timer(&least, &t, loop->now);
        }
    }
    return least;
}

#endif
/* ---- end of src/ports/loop_impl.h ---- */
/* ---- src/tls/tls.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/tls: TLS 1.2 as a thing between two byte ports, client and server: private declarations.
 * Knows BearSSL and octets; knows nothing of HTTP/2, sockets and who uses it. */
#ifndef VIAMC_TLS_TLS_H
#define VIAMC_TLS_TLS_H


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
/* ---- end of src/tls/tls.h ---- */
/* ---- src/tls/crypto_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/crypto: which of BearSSL's implementations are linked: the ones that are used, and no more.
 * Knows BearSSL's primitives; knows nothing of certificates and records. */
#ifndef VIAMC_TLS_CRYPTO_IMPL_H
#define VIAMC_TLS_CRYPTO_IMPL_H


#ifndef VIAMC_NO_TLS

/* Multiplies of 16 bits are the better choice where one of 32 x 32 to 64 bits is a library call. */
#ifndef VIAMC_TLS_M15
#if defined(__ARM_ARCH_6M__) || defined(__AVR__)
#define VIAMC_TLS_M15 1
#else
#define VIAMC_TLS_M15 0
#endif
#endif

#if VIAMC_TLS_M15
#define VMC_CRYPTO_P256 (&br_ec_p256_m15)
#define VMC_CRYPTO_X25519 (&br_ec_c25519_m15)
#define VMC_CRYPTO_P384 (&br_ec_prime_i15)
#define VMC_CRYPTO_ECDSA_VRFY br_ecdsa_i15_vrfy_asn1
#define VMC_CRYPTO_ECDSA_SIGN br_ecdsa_i15_sign_asn1
#else
#define VMC_CRYPTO_P256 (&br_ec_p256_m31)
#define VMC_CRYPTO_X25519 (&br_ec_c25519_m31)
#define VMC_CRYPTO_P384 (&br_ec_prime_i31)
#define VMC_CRYPTO_ECDSA_VRFY br_ecdsa_i31_vrfy_asn1
#define VMC_CRYPTO_ECDSA_SIGN br_ecdsa_i31_sign_asn1
#endif

/* The 64-bit curves came after release 0.6, and their last error was mended before the feature that is asked for here. */
#if defined(BR_FEATURE_X509_TIME_CALLBACK) && !VIAMC_TLS_M15 && UINTPTR_MAX > 0xffffffffu
#define VMC_CRYPTO_M64 1
#else
#define VMC_CRYPTO_M64 0
#endif

#define VMC_CRYPTO_CURVE(id) ((uint32_t)1 << (id))

VMC_FN const br_ec_impl *vmc_crypto_curve(int curve)
{
    const br_ec_impl *fast = NULL;
#if VMC_CRYPTO_M64
    if (curve == BR_EC_secp256r1)
        fast = br_ec_p256_m64_get();
    else if (curve == BR_EC_curve25519)
        fast = br_ec_c25519_m64_get();
#endif
#ifndef VIAMC_NO_P384
    if (curve == BR_EC_secp384r1)
        return VMC_CRYPTO_P384;
#endif
    if (fast != NULL)
        return fast;
    return curve == BR_EC_curve25519 ? VMC_CRYPTO_X25519 : VMC_CRYPTO_P256;
}

VMC_FN const unsigned char *vmc_crypto_generator(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->generator(curve, len);
}

VMC_FN const unsigned char *vmc_crypto_order(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->order(curve, len);
}

VMC_FN size_t vmc_crypto_xoff(int curve, size_t *len)
{
    return vmc_crypto_curve(curve)->xoff(curve, len);
}

VMC_FN uint32_t vmc_crypto_mul(unsigned char *g, size_t glen, const unsigned char *x, size_t xlen, int curve)
{
    return vmc_crypto_curve(curve)->mul(g, glen, x, xlen, curve);
}

VMC_FN size_t vmc_crypto_mulgen(unsigned char *r, const unsigned char *x, size_t xlen, int curve)
{
    return vmc_crypto_curve(curve)->mulgen(r, x, xlen, curve);
}

VMC_FN uint32_t vmc_crypto_muladd(unsigned char *a, const unsigned char *b, size_t len, const unsigned char *x, size_t xlen,
                                  const unsigned char *y, size_t ylen, int curve)
{
    return vmc_crypto_curve(curve)->muladd(a, b, len, x, xlen, y, ylen, curve);
}

/* Key exchange: what the hello offers and nothing else. */
static const br_ec_impl vmc_crypto_ecdhe = {
    VMC_CRYPTO_CURVE(BR_EC_secp256r1) | VMC_CRYPTO_CURVE(BR_EC_curve25519),
    vmc_crypto_generator, vmc_crypto_order, vmc_crypto_xoff, vmc_crypto_mul, vmc_crypto_mulgen, vmc_crypto_muladd
};

/* Signatures: certificates and what their keys sign. */
static const br_ec_impl vmc_crypto_ecdsa = {
#ifndef VIAMC_NO_P384
    VMC_CRYPTO_CURVE(BR_EC_secp384r1) |
#endif
    VMC_CRYPTO_CURVE(BR_EC_secp256r1),
    vmc_crypto_generator, vmc_crypto_order, vmc_crypto_xoff, vmc_crypto_mul, vmc_crypto_mulgen, vmc_crypto_muladd
};

/* The engine has one set of curves for both, so the one for signatures is put in here. */
VMC_FN uint32_t vmc_crypto_vrfy(const br_ec_impl *impl, const void *hash, size_t hash_len, const br_ec_public_key *pk,
                                const void *sig, size_t sig_len)
{
    (void)impl;
    return VMC_CRYPTO_ECDSA_VRFY(&vmc_crypto_ecdsa, hash, hash_len, pk, sig, sig_len);
}

VMC_FN size_t vmc_crypto_sign(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk,
                              void *sig)
{
    (void)impl;
    return VMC_CRYPTO_ECDSA_SIGN(&vmc_crypto_ecdsa, hf, hash, sk, sig);
}

VMC_FN bool vmc_crypto_has_curve(int curve)
{
    return curve >= 0 && curve < 32 && (vmc_crypto_ecdsa.supported_curves & VMC_CRYPTO_CURVE(curve)) != 0;
}

/* BearSSL's key structs point to octets that it only reads. */
VMC_FN unsigned char *vmc_crypto_octets(viamc_bytes v)
{
    union { const uint8_t *in; unsigned char *out; } p; /* -Wcast-qual */
    p.in = v.ptr;
    return p.out;
}

#endif
#endif
/* ---- end of src/tls/crypto_impl.h ---- */
/* ---- src/tls/x509_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/x509: reads a certificate (RFC 5280, DER) octet by octet and notes what the checks need: none is ever held as a whole.
 * Knows DER and the fields of a certificate; knows nothing of signatures, chains, names of servers, BearSSL. */
#ifndef VIAMC_TLS_X509_IMPL_H
#define VIAMC_TLS_X509_IMPL_H


#ifndef VIAMC_NO_TLS

#define VMC_X509_MAX_BYTES 65535u /* viamc: octets of one certificate; offsets have 16 bits */
#define VMC_X509_DEPTH 9u         /* open elements: whole, certificate, TBS, [3], extensions, extension, value, names, one to spare */
#define VMC_X509_KEEP 20u         /* octets kept of a small element: an algorithm, a time, an address */
#define VMC_X509_HEAD 4u          /* tag, 0x82, two octets of length */
#define VMC_X509_V3 2u            /* the version field of version 3 */

/* ---- what is noted ---- */

#define VMC_X509_SAN 0x0001u          /* there is a subjectAltName */
#define VMC_X509_IP 0x0002u           /* it has the address that was asked for */
#define VMC_X509_EKU 0x0004u          /* there is an extKeyUsage */
#define VMC_X509_EKU_SERVER 0x0008u   /* it has serverAuth */
#define VMC_X509_EKU_ANY 0x0010u      /* it has anyExtendedKeyUsage */
#define VMC_X509_BASIC 0x0020u        /* there is a basicConstraints */
#define VMC_X509_CA 0x0040u           /* it says CA */
#define VMC_X509_NAMES 0x0080u        /* there is a nameConstraints */
#define VMC_X509_USAGE 0x0100u        /* there is a keyUsage */
#define VMC_X509_USAGE_SIGN 0x0200u   /* it has keyCertSign */
#define VMC_X509_CRITICAL 0x0400u     /* there is an extension that is none of these, and is critical or ought to be */
#define VMC_X509_RSA_ODD 0x0800u      /* RSA: the modulus does not fill its octets */

/* Where an element lies in the certificate. */
typedef struct vmc_x509_part {
    uint16_t at, len;
} vmc_x509_part;

/* Elements. Those that hold others stand first. */
typedef enum vmc_x509_what {
    VMC_X509_WHOLE,
    VMC_X509_CERT,
    VMC_X509_TBS,
    VMC_X509_VERSION,
    VMC_X509_VALIDITY,
    VMC_X509_SPKI,
    VMC_X509_ALG,
    VMC_X509_BITS,      /* of an RSA key: holds a sequence */
    VMC_X509_RSA,
    VMC_X509_EXTS_TAG,
    VMC_X509_EXTS,
    VMC_X509_EXT,
    VMC_X509_VALUE_ALT_NAME,
    VMC_X509_VALUE_EKU,
    VMC_X509_VALUE_BASIC,
    VMC_X509_VALUE_USAGE,
    VMC_X509_ALT_NAMES,
    VMC_X509_EKUS,
    VMC_X509_BASICS,
    VMC_X509_LAST_HOLDER = VMC_X509_BASICS,
    VMC_X509_EXT_VALUE, /* of any other extension */
    VMC_X509_VERSION_NUMBER,
    VMC_X509_SIGNED_WITH, /* the algorithm of the signature, which is under the signature */
    VMC_X509_SIGNATURE_ALG, /* the same, which is not */
    VMC_X509_ISSUER,
    VMC_X509_FROM,
    VMC_X509_UNTIL,
    VMC_X509_SUBJECT,
    VMC_X509_ALG_ID,
    VMC_X509_ALG_CURVE,
    VMC_X509_BITS_PAD,  /* the octet of unused bits in front of an RSA key: no element, has no head */
    VMC_X509_POINT,     /* bit string of an EC key */
    VMC_X509_RSA_N,
    VMC_X509_RSA_E,
    VMC_X509_EXT_ID,
    VMC_X509_EXT_CRITICAL,
    VMC_X509_ALT_IP,
    VMC_X509_EKU_ID,
    VMC_X509_BASIC_CA,
    VMC_X509_KEY_USAGE,
    VMC_X509_SKIP,
    VMC_X509_BAD
} vmc_x509_what;

typedef struct vmc_x509_open {
    uint16_t end;   /* offset of the first octet behind it */
    uint8_t what;   /* vmc_x509_what */
    uint8_t nth;    /* elements in it so far; stays at 255 */
} vmc_x509_open;

typedef struct vmc_x509 {
    viamc_bytes ip;        /* address to look for among the alternative names: 4 or 16 octets, empty: none */
    vmc_x509_part issuer, subject, spki; /* whole, with their heads; len 0: not complete yet */
    vmc_x509_part n, e, q; /* contents: RSA modulus (with its leading 0) and exponent, EC point */
    uint32_t from_day, from_sec, until_day, until_sec; /* days since 1970-01-01, seconds of the day */
    uint16_t flags;
    uint8_t version;       /* as encoded: 2 is version 3 */
    uint8_t key_type;      /* VIAMC_KEY_*, 0: another */
    uint8_t curve;         /* VIAMC_CURVE_*, 0: another */
    bool bad;              /* not a certificate that is understood: nothing is read any more */
    /* the reader */
    uint16_t at;           /* octets read */
    uint16_t start;        /* offset of the element's tag */
    uint16_t len;          /* of the element's content */
    uint16_t left;         /* octets of it to come */
    uint8_t what;          /* the element whose head or content is read */
    uint8_t ext;           /* last octet of the extension's OID below 2.5.29, 0: another */
    bool critical;
    uint8_t head_len, keep_len, depth;
    uint8_t head[VMC_X509_HEAD];
    uint8_t keep[VMC_X509_KEEP];
    uint8_t alg[VMC_X509_KEEP]; /* SIGNED_WITH */
    uint16_t alg_len;
    vmc_x509_open open[VMC_X509_DEPTH];
} vmc_x509;

enum {
    VMC_EXT_USAGE = 15, VMC_EXT_ALT_NAME = 17, VMC_EXT_BASIC = 19, VMC_EXT_NAMES = 30, VMC_EXT_POLICIES = 32,
    VMC_EXT_POLICY_LIMITS = 36, VMC_EXT_EKU = 37, VMC_EXT_ANY_POLICY = 54
};

/* Begins a certificate of len octets.
 * ip: view until the last octet. */
VMC_FN void vmc_x509_begin(vmc_x509 *x, uint16_t len, viamc_bytes ip)
{
    VIAMC_MEMSET(x, 0, sizeof *x);
    x->ip = ip;
    x->depth = 1;
    x->open[0].what = VMC_X509_WHOLE;
    x->open[0].end = len;
}

/* True once every octet was read and all was well. */
VMC_FN bool vmc_x509_complete(const vmc_x509 *x)
{
    return !x->bad && x->depth == 0;
}

/* ---- which element follows ---- */

#define VMC_X509_ANY_TAG 0u
#define VMC_X509_NO_END 254u /* nth stays at 255: at most so many elements that are of interest in one list */

/* An element with this tag, as number `from` to `to` of those inside `in`, is a `what`. The first row that fits counts. */
typedef struct vmc_x509_rule {
    uint8_t in, tag, from, to, what;
} vmc_x509_rule;

/* RFC 5280 4.1, 4.2.1; RFC 3279 2.3. */
static const vmc_x509_rule vmc_x509_rules[] = {
    { VMC_X509_WHOLE, 0x30, 0, 0, VMC_X509_CERT },
    { VMC_X509_CERT, 0x30, 0, 0, VMC_X509_TBS },
    { VMC_X509_CERT, 0x30, 1, 1, VMC_X509_SIGNATURE_ALG },
    { VMC_X509_CERT, 0x03, 2, 2, VMC_X509_SKIP }, /* signature */
    { VMC_X509_TBS, 0xa0, 0, 0, VMC_X509_VERSION },
    { VMC_X509_TBS, 0x02, 1, 1, VMC_X509_SKIP }, /* serial number */
    { VMC_X509_TBS, 0x30, 2, 2, VMC_X509_SIGNED_WITH },
    { VMC_X509_TBS, 0x30, 3, 3, VMC_X509_ISSUER },
    { VMC_X509_TBS, 0x30, 4, 4, VMC_X509_VALIDITY },
    { VMC_X509_TBS, 0x30, 5, 5, VMC_X509_SUBJECT },
    { VMC_X509_TBS, 0x30, 6, 6, VMC_X509_SPKI },
    { VMC_X509_TBS, 0x81, 7, 7, VMC_X509_SKIP }, /* unique identifiers */
    { VMC_X509_TBS, 0x82, 7, 8, VMC_X509_SKIP },
    { VMC_X509_TBS, 0xa3, 7, 9, VMC_X509_EXTS_TAG },
    { VMC_X509_VERSION, 0x02, 0, 0, VMC_X509_VERSION_NUMBER },
    { VMC_X509_VALIDITY, 0x17, 0, 0, VMC_X509_FROM },
    { VMC_X509_VALIDITY, 0x18, 0, 0, VMC_X509_FROM },
    { VMC_X509_VALIDITY, 0x17, 1, 1, VMC_X509_UNTIL },
    { VMC_X509_VALIDITY, 0x18, 1, 1, VMC_X509_UNTIL },
    { VMC_X509_SPKI, 0x30, 0, 0, VMC_X509_ALG },
    { VMC_X509_SPKI, 0x03, 1, 1, VMC_X509_POINT }, /* or BITS, by the algorithm */
    { VMC_X509_ALG, 0x06, 0, 0, VMC_X509_ALG_ID },
    { VMC_X509_ALG, 0x06, 1, 1, VMC_X509_ALG_CURVE },
    { VMC_X509_ALG, VMC_X509_ANY_TAG, 1, 1, VMC_X509_SKIP },
    { VMC_X509_BITS, 0x30, 0, 0, VMC_X509_RSA },
    { VMC_X509_RSA, 0x02, 0, 0, VMC_X509_RSA_N },
    { VMC_X509_RSA, 0x02, 1, 1, VMC_X509_RSA_E },
    { VMC_X509_EXTS_TAG, 0x30, 0, 0, VMC_X509_EXTS },
    { VMC_X509_EXTS, 0x30, 0, VMC_X509_NO_END, VMC_X509_EXT },
    { VMC_X509_EXT, 0x06, 0, 0, VMC_X509_EXT_ID },
    { VMC_X509_EXT, 0x01, 1, 1, VMC_X509_EXT_CRITICAL },
    { VMC_X509_EXT, 0x04, 1, 2, VMC_X509_EXT_VALUE }, /* or one of the four below, by the OID */
    { VMC_X509_VALUE_ALT_NAME, 0x30, 0, 0, VMC_X509_ALT_NAMES },
    { VMC_X509_VALUE_EKU, 0x30, 0, 0, VMC_X509_EKUS },
    { VMC_X509_VALUE_BASIC, 0x30, 0, 0, VMC_X509_BASICS },
    { VMC_X509_VALUE_USAGE, 0x03, 0, 0, VMC_X509_KEY_USAGE },
    { VMC_X509_ALT_NAMES, 0x87, 0, 255, VMC_X509_ALT_IP },
    { VMC_X509_ALT_NAMES, VMC_X509_ANY_TAG, 0, 255, VMC_X509_SKIP }, /* DNS names: the engine compares them */
    { VMC_X509_EKUS, 0x06, 0, VMC_X509_NO_END, VMC_X509_EKU_ID },
    { VMC_X509_BASICS, 0x01, 0, 0, VMC_X509_BASIC_CA },
    { VMC_X509_BASICS, 0x02, 0, 1, VMC_X509_SKIP } /* length of the path: the engine counts */
};

/* What an extension's value is, by its OID. */
VMC_FN uint8_t vmc_x509_value_of(uint8_t ext)
{
    switch (ext) {
    case VMC_EXT_USAGE: return VMC_X509_VALUE_USAGE;
    case VMC_EXT_ALT_NAME: return VMC_X509_VALUE_ALT_NAME;
    case VMC_EXT_BASIC: return VMC_X509_VALUE_BASIC;
    case VMC_EXT_EKU: return VMC_X509_VALUE_EKU;
    default: return VMC_X509_EXT_VALUE;
    }
}

/* The element that a tag begins inside the innermost open one. */
VMC_FN uint8_t vmc_x509_child(vmc_x509 *x, uint8_t tag)
{
    vmc_x509_open *o = &x->open[x->depth - 1u];
    size_t i;
    uint8_t what = VMC_X509_BAD;
    if (o->what == VMC_X509_TBS && o->nth == 0 && tag != 0xa0u)
        o->nth = 1; /* version 1 does not say so */
    for (i = 0; i < sizeof vmc_x509_rules / sizeof vmc_x509_rules[0] && what == VMC_X509_BAD; i++) {
        const vmc_x509_rule *r = &vmc_x509_rules[i];
        if (r->in == o->what && (r->tag == tag || r->tag == VMC_X509_ANY_TAG) && o->nth >= r->from && o->nth <= r->to)
            what = r->what;
    }
    if (what == VMC_X509_POINT && x->key_type == VIAMC_KEY_RSA)
        return VMC_X509_BITS;
    if (what != VMC_X509_EXT_VALUE)
        return what;
    o->nth = 2; /* its last, wherever it stands */
    return vmc_x509_value_of(x->ext);
}

/* How many elements must have been in it when it ends. */
VMC_FN uint8_t vmc_x509_least(uint8_t what)
{
    switch (what) {
    case VMC_X509_CERT: return 3;
    case VMC_X509_TBS: return 7;
    case VMC_X509_VALIDITY:
    case VMC_X509_SPKI:
    case VMC_X509_RSA: return 2;
    case VMC_X509_EXT: return 3;
    case VMC_X509_BASICS:       /* an empty one says: no CA */
    case VMC_X509_EKUS: return 0; /* an empty one: for nothing */
    default: return 1;
    }
}

/* ---- what small elements say ---- */

VMC_FN uint32_t vmc_x509_two(const uint8_t *p)
{
    return (uint32_t)(p[0] - '0') * 10u + (uint32_t)(p[1] - '0');
}

/* Reads "YYMMDDHHMMSSZ" or the same with four digits of year (RFC 5280 4.1.2.5). */
VMC_FN void vmc_x509_time(vmc_x509 *x, uint32_t *day, uint32_t *sec)
{
    const uint8_t *p = x->keep;
    bool utc = x->len == 13u;
    uint32_t i, digits = utc ? 12u : 14u, hour, minute, second;
    vmc_date d;
    if ((!utc && x->len != 15u) || x->head[0] != (utc ? 0x17u : 0x18u) || p[digits] != 'Z')
        x->bad = true;
    for (i = 0; !x->bad && i < digits; i++)
        x->bad = p[i] < '0' || p[i] > '9';
    if (x->bad)
        return;
    d.year = utc ? vmc_x509_two(p) + (p[0] < '5' ? 2000u : 1900u) : vmc_x509_two(p) * 100u + vmc_x509_two(p + 2);
    p += utc ? 2 : 4;
    d.month = vmc_x509_two(p);
    d.day = vmc_x509_two(p + 2);
    hour = vmc_x509_two(p + 4);
    minute = vmc_x509_two(p + 6);
    second = vmc_x509_two(p + 8);
    x->bad = d.year == 0 || d.month == 0 || d.month > 12u || d.day == 0 || d.day > 31u || hour > 23u || minute > 59u || second > 59u;
    if (x->bad)
        return;
    *day = vmc_date_days(d);
    *sec = hour * 3600u + minute * 60u + second;
}

/* Kind of a public key by the OID of its algorithm; 0: another. */
VMC_FN uint8_t vmc_x509_key_type_of(viamc_bytes id)
{
    static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 }; /* RFC 8017 A.1 */
    static const uint8_t ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };              /* RFC 5480 2.1.1 */
    if (id.len == sizeof rsa && vmc_same(id.ptr, rsa, sizeof rsa))
        return VIAMC_KEY_RSA;
    return id.len == sizeof ec && vmc_same(id.ptr, ec, sizeof ec) ? VIAMC_KEY_EC : 0;
}

/* Curve by its OID; 0: another. */
VMC_FN uint8_t vmc_x509_curve_of(viamc_bytes id)
{
    static const uint8_t p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }; /* RFC 5480 2.1.1.1 */
    static const uint8_t p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
    if (id.len == sizeof p256 && vmc_same(id.ptr, p256, sizeof p256))
        return VIAMC_CURVE_P256;
    return id.len == sizeof p384 && vmc_same(id.ptr, p384, sizeof p384) ? VIAMC_CURVE_P384 : 0;
}

/* The small element that was read; a longer one is cut, and then still longer than anything that is asked for. */
VMC_FN viamc_bytes vmc_x509_kept(const vmc_x509 *x)
{
    return viamc_view(x->keep, x->keep_len);
}

VMC_FN bool vmc_x509_is(const vmc_x509 *x, const uint8_t *id, size_t len)
{
    viamc_bytes kept = vmc_x509_kept(x);
    return kept.len == len && vmc_same(kept.ptr, id, len);
}

VMC_FN uint16_t vmc_x509_ext_flag(uint8_t ext)
{
    switch (ext) {
    case VMC_EXT_USAGE: return VMC_X509_USAGE;
    case VMC_EXT_ALT_NAME: return VMC_X509_SAN;
    case VMC_EXT_BASIC: return VMC_X509_BASIC;
    case VMC_EXT_NAMES: return VMC_X509_NAMES;
    case VMC_EXT_EKU: return VMC_X509_EKU;
    default: return 0;
    }
}

/* An extension's OID: those that are looked at lie below 2.5.29 and may stand there once. */
VMC_FN void vmc_x509_ext_id(vmc_x509 *x)
{
    uint16_t flag;
    x->ext = x->len == 3u && x->keep[0] == 0x55u && x->keep[1] == 0x1du ? x->keep[2] : (uint8_t)0;
    x->critical = false;
    flag = vmc_x509_ext_flag(x->ext);
    x->bad = (x->flags & flag) != 0;
    x->flags = (uint16_t)(x->flags | flag);
}

VMC_FN void vmc_x509_purpose(vmc_x509 *x)
{
    static const uint8_t server[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01 }; /* RFC 5280 4.2.1.12 */
    static const uint8_t any[] = { 0x55, 0x1d, 0x25, 0x00 };
    if (vmc_x509_is(x, server, sizeof server))
        x->flags |= VMC_X509_EKU_SERVER;
    if (vmc_x509_is(x, any, sizeof any))
        x->flags |= VMC_X509_EKU_ANY;
}

VMC_FN void vmc_x509_usage(vmc_x509 *x)
{
    if (x->len < 1u || x->keep[0] > 7u)
        x->bad = true;
    else if (x->len > 1u && (x->keep[1] & 0x04u) != 0) /* RFC 5280 4.2.1.3: keyCertSign is bit 5 */
        x->flags |= VMC_X509_USAGE_SIGN;
}

VMC_FN bool vmc_x509_true(vmc_x509 *x)
{
    x->bad = x->len != 1u || (x->keep[0] != 0 && x->keep[0] != 0xffu); /* DER: a BOOLEAN is one of these */
    return x->keep[0] != 0;
}

/* A small element is complete: keep has its first octets. */
VMC_FN void vmc_x509_value(vmc_x509 *x)
{
    switch (x->what) {
    case VMC_X509_VERSION_NUMBER:
        x->version = x->keep[0];
        x->bad = x->len != 1u;
        break;
    case VMC_X509_SIGNED_WITH:
        vmc_copy(x->alg, x->keep, sizeof x->alg);
        x->alg_len = x->len;
        break;
    case VMC_X509_SIGNATURE_ALG: x->bad = x->len != x->alg_len || !vmc_same(x->keep, x->alg, sizeof x->alg); break;
    case VMC_X509_FROM: vmc_x509_time(x, &x->from_day, &x->from_sec); break;
    case VMC_X509_UNTIL: vmc_x509_time(x, &x->until_day, &x->until_sec); break;
    case VMC_X509_ALG_ID: x->key_type = vmc_x509_key_type_of(vmc_x509_kept(x)); break;
    case VMC_X509_ALG_CURVE: x->curve = vmc_x509_curve_of(vmc_x509_kept(x)); break;
    case VMC_X509_BITS_PAD:
    case VMC_X509_POINT: x->bad = x->keep[0] != 0; break; /* unused bits */
    case VMC_X509_RSA_N:
        if (x->keep[0] != 0 || x->keep[1] < 0x80u) /* DER: a number that fills its octets has one more, 0, before it */
            x->flags |= VMC_X509_RSA_ODD;
        break;
    case VMC_X509_EXT_ID: vmc_x509_ext_id(x); break;
    case VMC_X509_EXT_CRITICAL: x->critical = vmc_x509_true(x); break;
    case VMC_X509_ALT_IP:
        if (x->ip.len != 0 && vmc_x509_is(x, x->ip.ptr, x->ip.len))
            x->flags |= VMC_X509_IP;
        break;
    case VMC_X509_EKU_ID: vmc_x509_purpose(x); break;
    case VMC_X509_BASIC_CA:
        if (vmc_x509_true(x))
            x->flags |= VMC_X509_CA;
        break;
    case VMC_X509_KEY_USAGE: vmc_x509_usage(x); break;
    default: break;
    }
}

/* ---- reading ---- */

VMC_FN vmc_x509_part vmc_x509_place(uint16_t at, uint16_t len)
{
    vmc_x509_part p;
    p.at = at;
    p.len = len;
    return p;
}

/* An element with others inside. */
VMC_FN void vmc_x509_enter(vmc_x509 *x)
{
    vmc_x509_open *o;
    if (x->depth == VMC_X509_DEPTH) {
        x->bad = true; /* not reached: the grammar ends before */
        return;
    }
    o = &x->open[x->depth++];
    o->what = x->what;
    o->nth = 0;
    o->end = (uint16_t)(x->at + x->len);
    x->left = 0;
    if (x->what == VMC_X509_BITS) {
        x->what = VMC_X509_BITS_PAD;
        x->left = 1;
        x->bad = x->len == 0;
        x->len = 1;
    }
}

/* Whether a certificate may not be used by those who do not know this extension, of which nothing is evaluated: marked so, or one
 * that its authority has to mark (RFC 5280 4.2.1.11, 4.2.1.14). */
VMC_FN bool vmc_x509_must_be_known(const vmc_x509 *x)
{
    if (x->ext == VMC_EXT_POLICY_LIMITS || x->ext == VMC_EXT_ANY_POLICY)
        return true;
    return x->critical && x->ext != VMC_EXT_NAMES && x->ext != VMC_EXT_POLICIES;
}

/* A head is complete: notes places, enters elements that hold others. */
VMC_FN void vmc_x509_begin_content(vmc_x509 *x)
{
    uint16_t head = (uint16_t)(x->at - x->start);
    x->left = x->len;
    x->keep_len = 0;
    VIAMC_MEMSET(x->keep, 0, sizeof x->keep);
    switch (x->what) {
    case VMC_X509_ISSUER: x->issuer = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_SUBJECT: x->subject = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_SPKI: x->spki = vmc_x509_place(x->start, (uint16_t)(head + x->len)); break;
    case VMC_X509_EXT_VALUE:
        if (vmc_x509_must_be_known(x))
            x->flags |= VMC_X509_CRITICAL;
        break;
    case VMC_X509_RSA_N: x->n = vmc_x509_place(x->at, x->len); break;
    case VMC_X509_RSA_E: x->e = vmc_x509_place(x->at, x->len); break;
    case VMC_X509_POINT:
        x->bad = x->len == 0;
        x->q = vmc_x509_place((uint16_t)(x->at + 1u), (uint16_t)(x->len - (x->len != 0 ? 1u : 0u)));
        break;
    default: break;
    }
    if (x->what <= VMC_X509_LAST_HOLDER)
        vmc_x509_enter(x);
    if (x->left == 0 && x->what > VMC_X509_LAST_HOLDER)
        vmc_x509_value(x); /* empty */
}

/* Octets that the head has, known after its second; 0: this form of length is not taken (indefinite, or 64 KiB and more). */
VMC_FN unsigned vmc_x509_head_need(const vmc_x509 *x)
{
    if (x->head_len < 2u || x->head[1] < 0x80u)
        return 2;
    return x->head[1] == 0x81u ? 3u : x->head[1] == 0x82u ? 4u : 0u;
}

VMC_FN void vmc_x509_head_done(vmc_x509 *x)
{
    uint32_t len = x->head[1], least = 0;
    if (x->head_len == 3u) {
        len = x->head[2];
        least = 0x80u;
    } else if (x->head_len == 4u) {
        len = vmc_be16(x->head + 2);
        least = 0x100u;
    }
    x->head_len = 0;
    if (len < least || len > (uint32_t)x->open[x->depth - 1u].end - x->at) { /* DER: the shortest form */
        x->bad = true;
        return;
    }
    if (x->open[x->depth - 1u].nth != 255u)
        x->open[x->depth - 1u].nth++;
    x->len = (uint16_t)len;
    vmc_x509_begin_content(x);
}

VMC_FN void vmc_x509_head_octet(vmc_x509 *x, uint8_t c)
{
    if (x->head_len == 0) {
        x->what = vmc_x509_child(x, c);
        x->bad = x->what == VMC_X509_BAD || (c & 0x1fu) == 0x1fu; /* no tag of several octets is in a certificate */
        x->start = x->at;
    }
    x->head[x->head_len++] = c;
    x->at++;
    if (vmc_x509_head_need(x) == 0)
        x->bad = true;
    else if (!x->bad && x->head_len == vmc_x509_head_need(x))
        vmc_x509_head_done(x);
}

VMC_FN size_t vmc_x509_content(vmc_x509 *x, const uint8_t *p, size_t n)
{
    size_t take = vmc_min(n, x->left);
    size_t keep = vmc_min(take, VMC_X509_KEEP - (size_t)x->keep_len);
    vmc_copy(x->keep + x->keep_len, p, keep);
    x->keep_len = (uint8_t)(x->keep_len + keep);
    x->at = (uint16_t)(x->at + take);
    x->left = (uint16_t)(x->left - take);
    if (x->left == 0)
        vmc_x509_value(x);
    return take;
}

/* Leaves the elements that end here. */
VMC_FN void vmc_x509_leave(vmc_x509 *x)
{
    while (!x->bad && x->left == 0 && x->head_len == 0 && x->depth != 0 && x->at == x->open[x->depth - 1u].end) {
        const vmc_x509_open *o = &x->open[--x->depth];
        x->bad = o->nth < vmc_x509_least(o->what);
    }
}

/* Reads on. False: bad, now or earlier; more octets than were announced are bad too. */
VMC_FN bool vmc_x509_push(vmc_x509 *x, const uint8_t *p, size_t n)
{
    while (n != 0 && !x->bad) {
        size_t used = 1;
        if (x->depth == 0)
            x->bad = true;
        else if (x->left != 0)
            used = vmc_x509_content(x, p, n);
        else if (x->at == x->open[x->depth - 1u].end)
            x->bad = true; /* a certificate of no octets */
        else
            vmc_x509_head_octet(x, *p);
        p += used;
        n -= used;
        vmc_x509_leave(x);
    }
    return !x->bad;
}

/* ---- the key, once the certificate's octets are in memory ---- */

/* A number without its leading zeros. */
VMC_FN viamc_bytes vmc_x509_number(viamc_bytes v)
{
    while (v.len != 0 && *v.ptr == 0) {
        v.ptr++;
        v.len--;
    }
    return v;
}

VMC_FN uint32_t vmc_x509_bits(viamc_bytes v)
{
    uint32_t bits;
    uint8_t top;
    v = vmc_x509_number(v);
    if (v.len == 0)
        return 0;
    bits = (uint32_t)(v.len - 1u) * 8u;
    for (top = *v.ptr; top != 0; top >>= 1)
        bits++;
    return bits;
}

/* Makes an anchor of a certificate that was read; `octets` begin at offset `from` of it and reach to the end of its key at least. */
VMC_FN void vmc_x509_anchor(const vmc_x509 *x, const uint8_t *octets, uint16_t from, viamc_anchor *a)
{
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->key_type = x->key_type;
    a->curve = x->curve;
    if (x->key_type == VIAMC_KEY_RSA) {
        a->n = vmc_x509_number(viamc_view(octets + (x->n.at - from), x->n.len));
        a->e = vmc_x509_number(viamc_view(octets + (x->e.at - from), x->e.len));
    } else if (x->key_type == VIAMC_KEY_EC) {
        a->q = viamc_view(octets + (x->q.at - from), x->q.len);
    }
    a->from_day = x->from_day;
    a->until_day = x->until_day;
}

#endif /* VIAMC_NO_TLS */
#endif
/* ---- end of src/tls/x509_impl.h ---- */
/* ---- src/tls/key_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/key: a server's private key out of its DER (PKCS#8, PKCS#1, SEC 1), by a reader of our own, because that of BearSSL 0.6 has a
 * wrong length check.
 * Knows DER and the sizes that BearSSL's private operations take; knows nothing of certificates and TLS. */
#ifndef VIAMC_TLS_KEY_IMPL_H
#define VIAMC_TLS_KEY_IMPL_H


#if !defined(VIAMC_NO_TLS) && !defined(VIAMC_NO_SERVER)

#define VMC_KEY_RSA_MIN_BITS 2048u
#define VMC_KEY_RSA_MAX_BITS 4096u  /* BearSSL's bound, BR_MAX_RSA_SIZE */
#define VMC_KEY_FACTOR_MAX 260u     /* octets of a factor: half of the bound and 32 bits */

/* Takes an element with this tag; its content is a view. False: another, or none. */
VMC_FN bool vmc_der_take(vmc_rd *r, uint8_t tag, viamc_bytes *content)
{
    uint8_t got = vmc_rd_u8(r);
    size_t len = vmc_rd_u8(r);
    if (len > 0x82u || len == 0x80u)
        return false;
    if (len == 0x81u) {
        len = vmc_rd_u8(r);
    } else if (len == 0x82u) {
        len = (size_t)vmc_rd_u8(r) << 8;
        len |= vmc_rd_u8(r);
    }
    *content = vmc_rd_take(r, len);
    return vmc_rd_ok(r) && got == tag;
}

/* Takes a positive INTEGER without leading zeros. */
VMC_FN bool vmc_der_number(vmc_rd *r, viamc_bytes *v)
{
    if (!vmc_der_take(r, 0x02, v) || v->len == 0 || (v->ptr[0] & 0x80u) != 0)
        return false;
    *v = vmc_x509_number(*v);
    return true;
}


/* RFC 8017 A.1.2, behind the version: n, e, d, p, q, dp, dq, iq. The lengths are what BearSSL relies on without a look. */
VMC_FN bool vmc_key_rsa(vmc_rd *r, vmc_key *k)
{
    viamc_bytes v[8];
    br_rsa_private_key *sk = &k->of.rsa;
    unsigned i;
    for (i = 0; i < 8u; i++)
        if (!vmc_der_number(r, &v[i]) || v[i].len == 0)
            return false;
    sk->n_bitlen = vmc_x509_bits(v[0]);
    if (sk->n_bitlen < VMC_KEY_RSA_MIN_BITS || sk->n_bitlen > VMC_KEY_RSA_MAX_BITS || v[3].len > VMC_KEY_FACTOR_MAX
        || v[4].len > VMC_KEY_FACTOR_MAX)
        return false;
    i = (unsigned)vmc_x509_bits(v[3]) + (unsigned)vmc_x509_bits(v[4]); /* n has this many bits or one less */
    if ((sk->n_bitlen != i && sk->n_bitlen + 1u != i) || v[5].len > v[3].len || v[6].len > v[4].len || v[7].len > v[3].len
        || (v[3].ptr[v[3].len - 1u] & 1u) == 0 || (v[4].ptr[v[4].len - 1u] & 1u) == 0)
        return false;
    sk->p = vmc_crypto_octets(v[3]);
    sk->plen = v[3].len;
    sk->q = vmc_crypto_octets(v[4]);
    sk->qlen = v[4].len;
    sk->dp = vmc_crypto_octets(v[5]);
    sk->dplen = v[5].len;
    sk->dq = vmc_crypto_octets(v[6]);
    sk->dqlen = v[6].len;
    sk->iq = vmc_crypto_octets(v[7]);
    sk->iqlen = v[7].len;
    k->n = v[0];
    k->type = VIAMC_KEY_RSA;
    return true;
}

/* RFC 5915 3, behind the version: the number, then [0] the curve, which PKCS#8 may have told already. */
VMC_FN bool vmc_key_ec(vmc_rd *r, uint8_t curve, vmc_key *k)
{
    viamc_bytes x, wrap, id;
    vmc_rd in;
    if (!vmc_der_take(r, 0x04, &x))
        return false;
    if (r->left != 0 && *r->ptr == 0xa0u) {
        if (!vmc_der_take(r, 0xa0, &wrap))
            return false;
        in = vmc_rd_of(wrap);
        if (!vmc_der_take(&in, 0x06, &id) || (curve != 0 && curve != vmc_x509_curve_of(id)))
            return false;
        curve = vmc_x509_curve_of(id);
    }
    x = vmc_x509_number(x);
    if (curve == 0 || x.len == 0 || x.len > (curve == VIAMC_CURVE_P256 ? 32u : 48u))
        return false;
    k->of.ec.curve = curve; /* the same numbers in BearSSL and here */
    k->of.ec.x = vmc_crypto_octets(x);
    k->of.ec.xlen = x.len;
    k->type = VIAMC_KEY_EC;
    return true;
}

/* RFC 5958 2: algorithm, then the key of one of the two kinds in an OCTET STRING. */
VMC_FN bool vmc_key_pkcs8(viamc_bytes alg, vmc_rd *r, vmc_key *k)
{
    viamc_bytes id, curve, inner, version;
    vmc_rd a = vmc_rd_of(alg), in;
    if (!vmc_der_take(&a, 0x06, &id) || !vmc_der_take(r, 0x04, &inner))
        return false;
    in = vmc_rd_of(inner);
    if (!vmc_der_take(&in, 0x30, &inner))
        return false;
    in = vmc_rd_of(inner);
    if (!vmc_der_take(&in, 0x02, &version))
        return false;
    switch (vmc_x509_key_type_of(id)) {
    case VIAMC_KEY_RSA: return vmc_key_rsa(&in, k);
    case VIAMC_KEY_EC: return vmc_der_take(&a, 0x06, &curve) && vmc_key_ec(&in, vmc_x509_curve_of(curve), k);
    default: return false;
    }
}

/* Reads a private key; k then points into der. False: not one of ours. */
VMC_FN bool vmc_key_read(viamc_bytes der, vmc_key *k)
{
    vmc_rd r = vmc_rd_of(der);
    viamc_bytes all, version, alg;
    k->type = 0;
    if (!vmc_der_take(&r, 0x30, &all))
        return false;
    r = vmc_rd_of(all);
    if (!vmc_der_take(&r, 0x02, &version) || r.left == 0)
        return false;
    switch (*r.ptr) {
    case 0x02: return vmc_key_rsa(&r, k);
    case 0x04: return vmc_key_ec(&r, 0, k);
    case 0x30: return vmc_der_take(&r, 0x30, &alg) && vmc_key_pkcs8(alg, &r, k);
    default: return false;
    }
}

#endif
#endif
/* ---- end of src/tls/key_impl.h ---- */
/* ---- src/tls/trust_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/trust: decides whether a server's certificates are to be believed. Stands between the TLS engine and BearSSL's certificate
 * engine, which checks encodings, signatures, names and dates within the chain; this adds what that one lacks, and the step from the
 * chain to a trust anchor. Knows certificates; knows nothing of records, sockets, files. */
#ifndef VIAMC_TLS_TRUST_IMPL_H
#define VIAMC_TLS_TRUST_IMPL_H


#ifndef VIAMC_NO_TLS

#define VMC_TRUST_MAX_CERTS 10u   /* viamc: certificates looked at of one chain; each costs a signature */
#define VMC_TRUST_MAX_ROOTS 4096u /* viamc: certificates asked of next_root for each of those */
#define VMC_TRUST_RSA_BITS 2048u  /* least size of an RSA key, everywhere */
#define VMC_TRUST_SPKI_MAX 600u   /* a pinned key with its head: RSA-4096 has 550 octets */
#define VMC_TRUST_DAY_0 719528u   /* 1970-01-01 in BearSSL's days, which begin with year 0 */
#define VMC_TRUST_NAME_MAX 253u   /* RFC 1035 2.3.4, without the root's dot */

struct vmc_trust {
    const br_x509_class *vtable; /* first: BearSSL's view of this struct */
    const viamc_anchor *anchors;
    size_t anchor_count;
    viamc_next_root_fn next_root;
    void *next_root_user;
    uint8_t *root;               /* room for one certificate of the store, NULL without next_root */
    viamc_bytes pin;             /* 32 octets, or none */
    uint32_t day, sec;           /* the clock, since 1970-01-01 */
    vmc_x509 cert;               /* the certificate under way */
    uint32_t certs;              /* those that are complete */
    uint16_t fail;               /* BR_ERR_*, 0: nothing found so far */
    bool trusted;                /* the chain has reached an anchor, or the key is the pinned one: the rest is not looked at */
    uint8_t ip[16];              /* the server's address, if that is its name */
    const char *what;            /* text of the failure */
    const char *why;             /* why an anchor of the right name did not do */
    vmc_tls_dates dates;
    br_x509_pkey pinned;
    union {
        uint8_t spki[VMC_TRUST_SPKI_MAX]; /* with a pin */
#ifndef VIAMC_NO_X509
        br_x509_minimal_context chain;    /* else */
#endif
    } of;
};

VMC_FN void vmc_trust_fail(vmc_trust *tr, unsigned code, const char *what)
{
    if (tr->fail == 0) {
        tr->fail = (uint16_t)code;
        tr->what = what;
    }
}

VMC_FN vmc_trust *vmc_trust_of(const br_x509_class **ctx)
{
    return (vmc_trust *)(void *)ctx;
}

/* ---- names ---- */

VMC_FN unsigned vmc_ip_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10u;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10u : 16u;
}

/* Four decimal numbers without leading zeros. */
VMC_FN bool vmc_ip4(const char *p, size_t len, uint8_t *ip)
{
    unsigned i;
    for (i = 0; i < 4u; i++) {
        unsigned v = 0, digits = 0;
        while (len != 0 && vmc_ip_digit(*p) < 10u && digits < 3u && (digits == 0 || v != 0)) {
            v = v * 10u + vmc_ip_digit(*p++);
            len--;
            digits++;
        }
        if (digits == 0 || v > 255u)
            return false;
        ip[i] = (uint8_t)v;
        if (i < 3u && (len == 0 || *p != '.'))
            return false;
        if (i < 3u) {
            p++;
            len--;
        }
    }
    return len == 0;
}

/* RFC 4291 2.2: groups of hex digits, one "::", perhaps an IPv4 address at the end. */
VMC_FN bool vmc_ip6(const char *p, size_t len, uint8_t *ip)
{
    size_t at = 0, gap = 17; /* 17: no "::" so far */
    VIAMC_MEMSET(ip, 0, 16);
    if (len >= 2u && p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
        len -= 2u;
    }
    while (len != 0 && at < 16u) {
        unsigned v = 0, digits = 0;
        if (at <= 12u && vmc_ip4(p, len, ip + at)) {
            at += 4u;
            len = 0;
            break;
        }
        while (digits < len && digits < 4u && vmc_ip_digit(p[digits]) < 16u)
            v = v << 4 | vmc_ip_digit(p[digits++]);
        if (digits == 0)
            return false;
        vmc_put_be16(ip + at, v);
        at += 2u;
        p += digits;
        len -= digits;
        if (len == 0)
            break;
        if (len < 2u || *p != ':')
            return false;
        p++;
        len--;
        if (*p == ':') {
            if (gap != 17u)
                return false;
            gap = at;
            p++;
            len--;
        }
    }
    if (len != 0 || (gap == 17u) != (at == 16u))
        return false;
    if (gap != 17u && at != 16u) {
        vmc_move(ip + 16u - (at - gap), ip + gap, at - gap);
        VIAMC_MEMSET(ip + gap, 0, 16u - at);
    }
    return true;
}

/* Reads an address; a zone ("%eth0") is not part of it. Answers its octets: 4, 16, or 0: it is a name. */
VMC_FN size_t vmc_ip_of(viamc_str s, uint8_t ip[16])
{
    size_t len = 0;
    while (len < s.len && s.ptr[len] != '%')
        len++;
    if (vmc_ip4(s.ptr, s.len, ip))
        return 4;
    return vmc_ip6(s.ptr, len, ip) ? 16u : 0u;
}

/* Copies a DNS name without the root's dot, terminated. False: not a name. */
VMC_FN bool vmc_trust_dns_name(viamc_str s, char out[VMC_TRUST_NAME_MAX + 1u])
{
    size_t i;
    if (s.len != 0 && s.ptr[s.len - 1u] == '.')
        s.len--;
    if (s.len == 0 || s.len > VMC_TRUST_NAME_MAX)
        return false;
    for (i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '*')
            return false;
    vmc_copy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

/* ---- pinned key ---- */

/* Keeps the octets of the piece that belong to the key's SubjectPublicKeyInfo. The piece ends at cert.at. */
VMC_FN void vmc_trust_keep_spki(vmc_trust *tr, const uint8_t *p, size_t n)
{
    const vmc_x509_part *spki = &tr->cert.spki;
    size_t first = tr->cert.at - n, from, to;
    size_t at = tr->cert.what == VMC_X509_SPKI && spki->len == 0 ? tr->cert.start : spki->at; /* its head may not be complete yet */
    if (spki->len == 0 && tr->cert.what != VMC_X509_SPKI)
        return;
    from = first > at ? first : at;
    to = spki->len == 0 ? tr->cert.at : vmc_min(tr->cert.at, (size_t)spki->at + spki->len);
    if (from >= to)
        return;
    if (to - at > VMC_TRUST_SPKI_MAX)
        vmc_trust_fail(tr, BR_ERR_X509_LIMIT_EXCEEDED, VMC_TEXT("server's key is too long"));
    else
        vmc_copy(tr->of.spki + (from - at), p + (from - first), to - from);
}

/* Makes BearSSL's public key of an anchor's. False: of a kind or size that is not taken. */
VMC_FN bool vmc_trust_key(const viamc_anchor *a, br_x509_pkey *pk)
{
    VIAMC_MEMSET(pk, 0, sizeof *pk);
    if (a->key_type == VIAMC_KEY_RSA) {
        pk->key_type = BR_KEYTYPE_RSA;
        pk->key.rsa.n = vmc_crypto_octets(a->n);
        pk->key.rsa.nlen = a->n.len;
        pk->key.rsa.e = vmc_crypto_octets(a->e);
        pk->key.rsa.elen = a->e.len;
        return vmc_x509_bits(a->n) >= VMC_TRUST_RSA_BITS && vmc_x509_bits(a->n) % 8u == 0 && a->e.len != 0;
    }
    pk->key_type = BR_KEYTYPE_EC;
    pk->key.ec.curve = a->curve;
    pk->key.ec.q = vmc_crypto_octets(a->q);
    pk->key.ec.qlen = a->q.len;
    return a->key_type == VIAMC_KEY_EC && vmc_crypto_has_curve(a->curve) && a->q.len != 0;
}

VMC_FN void vmc_trust_sha256(viamc_bytes v, uint8_t out[32])
{
    br_sha256_context sha;
    br_sha256_init(&sha);
    br_sha256_update(&sha, v.ptr, v.len);
    br_sha256_out(&sha, out);
}

/* The first certificate is complete: its key is the pinned one or not. */
VMC_FN void vmc_trust_compare_pin(vmc_trust *tr)
{
    uint8_t sum[32];
    viamc_anchor a;
    vmc_trust_sha256(viamc_view(tr->of.spki, tr->cert.spki.len), sum);
    if (!vmc_same_secret(viamc_view(sum, sizeof sum), tr->pin)) {
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, VMC_TEXT("server's key is not the pinned one"));
        return;
    }
    vmc_x509_anchor(&tr->cert, tr->of.spki, tr->cert.spki.at, &a);
    if (!vmc_trust_key(&a, &tr->pinned)) {
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("pinned key is of a kind or size that is not supported"));
        return;
    }
    tr->trusted = true;
}

/* ---- chain ---- */

#ifndef VIAMC_NO_X509

VMC_FN const uint8_t *vmc_trust_hash_oid(size_t hash_len)
{
    static const uint8_t sha256[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 }; /* RFC 8017 B.1, length first */
    static const uint8_t sha384[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };
    static const uint8_t sha512[] = { 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 };
    return hash_len == 32u ? sha256 : hash_len == 48u ? sha384 : hash_len == 64u ? sha512 : NULL;
}

/* Whether the key made the signature of the certificate that the engine has just read. */
VMC_FN bool vmc_trust_signed_by(const br_x509_minimal_context *c, const br_x509_pkey *pk)
{
    const uint8_t *oid = vmc_trust_hash_oid(c->cert_sig_hash_len);
    uint8_t hash[64];
    if (oid == NULL || pk->key_type != c->cert_signer_key_type)
        return false;
    if (pk->key_type == BR_KEYTYPE_EC)
        return c->iecdsa(c->iec, c->tbs_hash, c->cert_sig_hash_len, &pk->key.ec, c->cert_sig, c->cert_sig_len) == 1u;
    return c->irsa != 0 && c->irsa(c->cert_sig, c->cert_sig_len, oid, c->cert_sig_hash_len, &pk->key.rsa, hash) == 1u
        && vmc_same(hash, c->tbs_hash, c->cert_sig_hash_len);
}

VMC_FN bool vmc_trust_same_key(const br_x509_pkey *a, const br_x509_pkey *b)
{
    if (a->key_type != b->key_type)
        return false;
    if (a->key_type == BR_KEYTYPE_EC)
        return a->key.ec.curve == b->key.ec.curve && a->key.ec.qlen == b->key.ec.qlen
            && vmc_same(a->key.ec.q, b->key.ec.q, a->key.ec.qlen);
    return a->key.rsa.nlen == b->key.rsa.nlen && vmc_same(a->key.rsa.n, b->key.rsa.n, a->key.rsa.nlen)
        && a->key.rsa.elen == b->key.rsa.elen && vmc_same(a->key.rsa.e, b->key.rsa.e, a->key.rsa.elen);
}

/* Whether an anchor has the name that is looked for: an authority the issuer's, another one the server's own. */
VMC_FN bool vmc_trust_named(const vmc_trust *tr, viamc_bytes dn, bool ca)
{
    const br_x509_minimal_context *c = &tr->of.chain;
    uint8_t sum[32];
    if (dn.len <= 2u || dn.len != (ca ? tr->cert.issuer.len : tr->cert.subject.len) || (!ca && tr->certs != 0))
        return false; /* no name is no authority's name */
    vmc_trust_sha256(dn, sum);
    return vmc_same(sum, ca ? c->saved_dn_hash : c->current_dn_hash, sizeof sum);
}

/* Whether an anchor of the right name vouches for the certificate that was just read. */
VMC_FN bool vmc_trust_vouches(vmc_trust *tr, const viamc_anchor *a)
{
    br_x509_pkey pk;
    if ((a->until_day != 0 && tr->day > a->until_day) || tr->day < a->from_day) {
        tr->why = VMC_TEXT("the trust anchor of its issuer is not valid at this time");
        return false;
    }
    if (!vmc_trust_key(a, &pk)) {
        tr->why = VMC_TEXT("the trust anchor of its issuer has a key of a kind or size that is not supported");
        return false;
    }
    tr->why = VMC_TEXT("a trust anchor has its issuer's name, but another key");
    return a->ca ? vmc_trust_signed_by(&tr->of.chain, &pk) : vmc_trust_same_key(&tr->of.chain.pkey, &pk);
}

VMC_FN void vmc_trust_walk_anchors(vmc_trust *tr)
{
    size_t i;
    for (i = 0; i < tr->anchor_count && !tr->trusted; i++) {
        const viamc_anchor *a = &tr->anchors[i];
        tr->trusted = vmc_trust_named(tr, a->dn, a->ca != 0) && vmc_trust_vouches(tr, a);
    }
}

/* True for a certificate of the store that may sign others. */
VMC_FN bool vmc_trust_is_authority(const vmc_x509 *x)
{
    return (x->flags & VMC_X509_CA) != 0 && (x->flags & (VMC_X509_USAGE | VMC_X509_USAGE_SIGN)) != VMC_X509_USAGE;
}

VMC_FN bool vmc_trust_for_servers(uint16_t flags, uint16_t enough)
{
    return (flags & VMC_X509_EKU) == 0 || (flags & enough) != 0;
}

/* Looks at one certificate of the store, which lies in root. */
VMC_FN void vmc_trust_root(vmc_trust *tr, uint16_t len)
{
    vmc_x509 x;
    viamc_anchor a;
    viamc_bytes dn;
    vmc_x509_begin(&x, len, viamc_view(NULL, 0));
    (void)vmc_x509_push(&x, tr->root, len);
    if (!vmc_x509_complete(&x))
        return; /* a store may hold things that are not understood */
    vmc_x509_anchor(&x, tr->root, 0, &a);
    a.ca = vmc_trust_is_authority(&x) ? 1u : 0u;
    dn = viamc_view(tr->root + x.subject.at, x.subject.len);
    if (!vmc_trust_named(tr, dn, a.ca != 0))
        return;
    if ((x.flags & VMC_X509_NAMES) != 0)
        tr->why = VMC_TEXT("the trust anchor of its issuer has name constraints, which are not supported");
    else if ((x.flags & VMC_X509_CRITICAL) != 0)
        tr->why = VMC_TEXT("the trust anchor of its issuer has a critical extension that is not supported");
    else if (!vmc_trust_for_servers(x.flags, VMC_X509_EKU_SERVER | VMC_X509_EKU_ANY))
        tr->why = VMC_TEXT("the trust anchor of its issuer is not for servers (extended key usage)");
    else
        tr->trusted = vmc_trust_vouches(tr, &a);
}

VMC_FN void vmc_trust_walk_store(vmc_trust *tr)
{
    unsigned i;
    for (i = 0; i < VMC_TRUST_MAX_ROOTS && !tr->trusted; i++) {
        size_t len = 0;
        viamc_err err = tr->next_root(tr->next_root_user, i, tr->root, VMC_TRUST_ROOT_BYTES, &len);
        if (err == VIAMC_ERR_NOT_FOUND)
            return;
        if (err == VIAMC_OK && len <= VMC_TRUST_ROOT_BYTES) {
            vmc_trust_root(tr, (uint16_t)len);
        } else if (err != VIAMC_ERR_NOMEM) {
            tr->why = VMC_TEXT("the trust store cannot be read");
            return;
        }
    }
}

/* What BearSSL found, in words. */
VMC_FN const char *vmc_trust_text(int code)
{
    switch (code) {
    case BR_ERR_X509_EXPIRED: return VMC_TEXT("certificate is not valid at this time");
    case BR_ERR_X509_BAD_SERVER_NAME: return VMC_TEXT("certificate is for another server name");
    case BR_ERR_X509_DN_MISMATCH: return VMC_TEXT("certificates of the chain are not in order");
    case BR_ERR_X509_BAD_SIGNATURE: return VMC_TEXT("a certificate's signature is wrong");
    case BR_ERR_X509_CRITICAL_EXTENSION: return VMC_TEXT("certificate has a critical extension that is not supported");
    case BR_ERR_X509_NOT_CA: return VMC_TEXT("certificate was issued by one that may not issue any");
    case BR_ERR_X509_FORBIDDEN_KEY_USAGE: return VMC_TEXT("certificate's key may not be used for this");
    case BR_ERR_X509_WEAK_PUBLIC_KEY: return VMC_TEXT("RSA key has less than 2,048 bits");
    case BR_ERR_X509_UNSUPPORTED:
    case BR_ERR_X509_WRONG_KEY_TYPE: return VMC_TEXT("certificate has a key or signature of a kind that is not supported");
    case BR_ERR_X509_LIMIT_EXCEEDED: return VMC_TEXT("certificate has a key or signature that is too long");
    default: return VMC_TEXT("malformed certificate");
    }
}

/* The engine has refused the certificate that was just read. */
VMC_FN void vmc_trust_engine_failed(vmc_trust *tr)
{
    int code = tr->of.chain.err;
    const char *what = vmc_trust_text(code);
    if (code == BR_ERR_X509_EXPIRED) {
        tr->dates.clock = tr->day;
        tr->dates.from = tr->cert.from_day;
        tr->dates.until = tr->cert.until_day;
        tr->dates.early = tr->day < tr->cert.from_day || (tr->day == tr->cert.from_day && tr->sec < tr->cert.from_sec);
    } else if (code == BR_ERR_X509_BAD_SERVER_NAME && (tr->cert.flags & VMC_X509_SAN) == 0) {
        what = VMC_TEXT("certificate has no subjectAltName; common names are not compared");
    } else if (code == BR_ERR_X509_CRITICAL_EXTENSION && (tr->cert.flags & VMC_X509_NAMES) != 0) {
        what = VMC_TEXT("certificate has name constraints, which are not supported");
    }
    vmc_trust_fail(tr, (unsigned)code, what);
}

/* What the engine does not look at, for the server's own certificate. */
VMC_FN void vmc_trust_check_server(vmc_trust *tr)
{
    uint16_t flags = tr->cert.flags;
    if ((flags & (VMC_X509_CA | VMC_X509_USAGE_SIGN)) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_FORBIDDEN_KEY_USAGE,
                       VMC_TEXT("server's certificate is that of an authority (CA:TRUE or keyCertSign)"));
    else if ((flags & VMC_X509_SAN) == 0)
        vmc_trust_fail(tr, BR_ERR_X509_BAD_SERVER_NAME,
                       VMC_TEXT("certificate has no subjectAltName; common names are not compared"));
    else if (tr->cert.ip.len != 0 && (flags & VMC_X509_IP) == 0)
        vmc_trust_fail(tr, BR_ERR_X509_BAD_SERVER_NAME, VMC_TEXT("certificate does not name this address"));
}

/* The same for every certificate of the chain. */
VMC_FN void vmc_trust_check(vmc_trust *tr)
{
    uint16_t enough = tr->certs == 0 ? VMC_X509_EKU_SERVER : VMC_X509_EKU_SERVER | VMC_X509_EKU_ANY;
    if (!vmc_x509_complete(&tr->cert))
        vmc_trust_fail(tr, BR_ERR_X509_TRUNCATED, VMC_TEXT("malformed certificate"));
    else if (tr->cert.version != VMC_X509_V3)
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("certificate is not of version 3"));
    else if ((tr->cert.flags & VMC_X509_NAMES) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_CRITICAL_EXTENSION, VMC_TEXT("certificate has name constraints, which are not supported"));
    else if ((tr->cert.flags & VMC_X509_CRITICAL) != 0) /* the engine lets pass some that nobody acts upon */
        vmc_trust_fail(tr, BR_ERR_X509_CRITICAL_EXTENSION, VMC_TEXT("certificate has a critical extension that is not supported"));
    else if ((tr->cert.flags & VMC_X509_RSA_ODD) != 0)
        vmc_trust_fail(tr, BR_ERR_X509_UNSUPPORTED, VMC_TEXT("RSA key's size is not a multiple of 8 bits"));
    else if (!vmc_trust_for_servers(tr->cert.flags, enough))
        vmc_trust_fail(tr, BR_ERR_X509_FORBIDDEN_KEY_USAGE, VMC_TEXT("certificate is not for servers (extended key usage)"));
    else if (tr->certs == 0)
        vmc_trust_check_server(tr);
}

/* A certificate of a chain is complete. */
VMC_FN void vmc_trust_end_link(vmc_trust *tr)
{
    br_x509_minimal_vtable.end_cert(&tr->of.chain.vtable);
    if (tr->of.chain.err != 0)
        vmc_trust_engine_failed(tr);
    else
        vmc_trust_check(tr);
    if (tr->fail != 0)
        return;
    vmc_trust_walk_anchors(tr);
    if (tr->next_root != NULL)
        vmc_trust_walk_store(tr);
}

VMC_FN void vmc_trust_begin_engine(vmc_trust *tr)
{
    br_x509_minimal_context *c = &tr->of.chain;
    br_x509_minimal_init(c, &br_sha256_vtable, NULL, 0); /* anchors are our matter */
    br_x509_minimal_set_hash(c, br_sha256_ID, &br_sha256_vtable);
#ifndef VIAMC_NO_P384
    br_x509_minimal_set_hash(c, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(c, br_sha512_ID, &br_sha512_vtable);
#endif
    br_x509_minimal_set_ecdsa(c, &vmc_crypto_ecdsa, vmc_crypto_vrfy);
#ifndef VIAMC_NO_RSA
    br_x509_minimal_set_rsa(c, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_minrsa(c, (int)(VMC_TRUST_RSA_BITS / 8u));
#endif
    br_x509_minimal_set_time(c, tr->day + VMC_TRUST_DAY_0, tr->sec);
}

#endif /* VIAMC_NO_X509 */

/* ---- what BearSSL's TLS engine calls ---- */

VMC_FN void vmc_trust_start_chain(const br_x509_class **ctx, const char *server_name)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    tr->certs = 0;
    tr->fail = 0;
    tr->trusted = false;
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        br_x509_minimal_vtable.start_chain(&tr->of.chain.vtable, server_name);
#endif
    (void)server_name;
}

VMC_FN void vmc_trust_start_cert(const br_x509_class **ctx, uint32_t length)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (length > VMC_X509_MAX_BYTES || tr->certs == VMC_TRUST_MAX_CERTS) {
        vmc_trust_fail(tr, BR_ERR_X509_LIMIT_EXCEEDED,
                       VMC_TEXT("chain of more than 10 certificates, or one of more than 65,535 octets"));
        return;
    }
    vmc_x509_begin(&tr->cert, (uint16_t)length, tr->cert.ip);
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        br_x509_minimal_vtable.start_cert(&tr->of.chain.vtable, length);
#endif
}

VMC_FN void vmc_trust_append(const br_x509_class **ctx, const unsigned char *buf, size_t len)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (!vmc_x509_push(&tr->cert, buf, len))
        vmc_trust_fail(tr, BR_ERR_X509_UNEXPECTED, VMC_TEXT("malformed certificate"));
    else if (tr->pin.len != 0)
        vmc_trust_keep_spki(tr, buf, len);
#ifndef VIAMC_NO_X509
    else
        br_x509_minimal_vtable.append(&tr->of.chain.vtable, buf, len);
#endif
}

VMC_FN void vmc_trust_end_cert(const br_x509_class **ctx)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->fail != 0 || tr->trusted)
        return;
    if (tr->pin.len != 0 && vmc_x509_complete(&tr->cert))
        vmc_trust_compare_pin(tr);
    else if (tr->pin.len != 0)
        vmc_trust_fail(tr, BR_ERR_X509_TRUNCATED, VMC_TEXT("malformed certificate"));
#ifndef VIAMC_NO_X509
    else
        vmc_trust_end_link(tr);
#endif
    tr->certs++;
}

VMC_FN unsigned vmc_trust_end_chain(const br_x509_class **ctx)
{
    vmc_trust *tr = vmc_trust_of(ctx);
    if (tr->trusted)
        return tr->fail;
    if (tr->certs == 0)
        vmc_trust_fail(tr, BR_ERR_X509_EMPTY_CHAIN, VMC_TEXT("server sent no certificate"));
    else if (tr->anchor_count == 0 && tr->next_root == NULL)
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, VMC_TEXT("there are no trust anchors: set dial.anchors or dial.next_root"));
    else
        vmc_trust_fail(tr, BR_ERR_X509_NOT_TRUSTED, tr->why != NULL ? tr->why : VMC_TEXT("certificate's issuer is unknown"));
    return tr->fail;
}

VMC_FN const br_x509_pkey *vmc_trust_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
    const vmc_trust *tr = (const vmc_trust *)(const void *)ctx;
    if (!tr->trusted || tr->fail != 0)
        return NULL;
    if (usages != NULL)
        *usages = BR_KEYTYPE_SIGN;
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0) {
        if (usages != NULL)
            *usages = tr->of.chain.key_usages;
        return &tr->of.chain.pkey;
    }
#endif
    return &tr->pinned;
}

static const br_x509_class vmc_trust_class = {
    sizeof(vmc_trust), vmc_trust_start_chain, vmc_trust_start_cert, vmc_trust_append, vmc_trust_end_cert, vmc_trust_end_chain,
    vmc_trust_get_pkey
};

/* Splits unix seconds into days and seconds, without a division of 64 bits: 86,400 is 128 x 675. */
VMC_FN void vmc_trust_set_clock(vmc_trust *tr, uint64_t unix_time)
{
    uint64_t most = ((uint64_t)1 << 39) - 1u; /* the year 19,391 */
    uint64_t now = unix_time < most ? unix_time : most;
    tr->day = (uint32_t)(now >> 7) / 675u;
    tr->sec = (uint32_t)(now - (uint64_t)tr->day * 86400u);
}

/* Sets up the checks of one connection in the memory that the desc lends. `address`: the server is named by one. */
VMC_FN vmc_trust *vmc_trust_open(const vmc_tls_client_desc *d, const uint8_t *ip, size_t ip_len)
{
    vmc_trust *tr = (vmc_trust *)d->trust;
    VIAMC_MEMSET(tr, 0, sizeof *tr);
    tr->vtable = &vmc_trust_class;
    tr->anchors = d->anchors;
    tr->anchor_count = d->anchor_count;
    tr->next_root = d->next_root;
    tr->next_root_user = d->next_root_user;
    tr->root = d->next_root == NULL ? NULL : (uint8_t *)d->trust + sizeof *tr;
    tr->pin = d->pin_sha256;
    tr->what = "";
    vmc_copy(tr->ip, ip, ip_len);
    tr->cert.ip = viamc_view(tr->ip, ip_len);
    vmc_trust_set_clock(tr, d->unix_time);
#ifndef VIAMC_NO_X509
    if (tr->pin.len == 0)
        vmc_trust_begin_engine(tr);
#endif
    return tr;
}

#endif /* VIAMC_NO_TLS */
#endif
/* ---- end of src/tls/trust_impl.h ---- */
/* ---- src/tls/tls_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* tls/tls: BearSSL's engine between byte ports, both roles: TLS 1.2, ECDHE, AEAD suites, ALPN h2, no renegotiation.
 * Knows BearSSL and trust; knows nothing of HTTP/2, sockets and who uses it. */
#ifndef VIAMC_TLS_TLS_IMPL_H
#define VIAMC_TLS_TLS_IMPL_H


#ifndef VIAMC_NO_TLS

#define VMC_TLS_RECORD_HEAD 5u     /* RFC 5246 6.2.1: type, version, length */
#define VMC_TLS_HELLO_FIXED 38u    /* RFC 5246 7.4.1.2: head, version and random of a ClientHello */
#define VMC_TLS_EXT_GROUPS 10u     /* RFC 8422 5.1.1: supported groups */
#define VMC_TLS_ALERT_HANDSHAKE 40 /* RFC 5246 7.2.2 */
#define VMC_TLS_ALERT_VERSION 70
#define VMC_TLS_ALERT_NAME 112     /* RFC 6066 3: unrecognized_name */
#define VMC_TLS_ALERT_ALPN 120     /* RFC 7301 3.2: no_application_protocol */
#define VMC_TLS_CLOCK_SANE 18262u  /* viamc: 2020-01-01; a clock before it was never set */

typedef struct vmc_tls_client {
    vmc_tls tls;
    br_ssl_client_context ctx;
} vmc_tls_client;

#ifndef VIAMC_NO_SERVER
typedef struct vmc_tls_server {
    vmc_tls tls;
    br_ssl_server_context ctx;
} vmc_tls_server;
#endif

VMC_STATIC_ASSERT(tls_client_bytes, sizeof(vmc_tls_client) <= VMC_TLS_CLIENT_BYTES);
VMC_STATIC_ASSERT(tls_trust_bytes, sizeof(vmc_trust) <= VMC_TRUST_BYTES);
#ifndef VIAMC_NO_SERVER
VMC_STATIC_ASSERT(tls_server_bytes, sizeof(vmc_tls_server) <= VMC_TLS_SERVER_BYTES);
#endif

/* Octets that vmc_tls of a role needs, aligned as uint64_t. */
VMC_FN size_t vmc_tls_bytes(vmc_tls_role role)
{
#ifndef VIAMC_NO_SERVER
    if (role == VMC_TLS_SERVER)
        return sizeof(vmc_tls_server);
#endif
    (void)role;
    return sizeof(vmc_tls_client);
}

/* Octets that desc.trust needs: with room for one root if the desc has next_root. */
VMC_FN size_t vmc_tls_trust_bytes(bool with_store)
{
    return sizeof(vmc_trust) + (with_store ? VMC_TRUST_ROOT_BYTES : 0u);
}

/* ---- setting up ---- */

VMC_FN viamc_err vmc_tls_fail(vmc_tls *t, viamc_err code, uint32_t detail, const char *what)
{
    t->state = VMC_TLS_FAILED;
    return vmc_fail(&t->error, code, detail, "TLS", what);
}

/* The suites in the order of preference; those that are not compiled in are left out. */
VMC_FN void vmc_tls_set_suites(br_ssl_engine_context *eng, uint8_t order)
{
    static const uint16_t chacha[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
#endif
    };
#ifndef VIAMC_NO_AES
    static const uint16_t aes[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
#endif
#ifndef VIAMC_NO_P384
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
#ifndef VIAMC_NO_RSA
        BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
#endif
#endif
    };
    uint16_t all[sizeof chacha / sizeof chacha[0] + sizeof aes / sizeof aes[0]];
    bool board = order == VMC_TLS_CHACHA_FIRST;
    vmc_copy(all, board ? chacha : aes, board ? sizeof chacha : sizeof aes);
    vmc_copy((uint8_t *)all + (board ? sizeof chacha : sizeof aes), board ? aes : chacha, board ? sizeof aes : sizeof chacha);
    br_ssl_engine_set_suites(eng, all, sizeof all / sizeof all[0]);
#else
    (void)order;
    br_ssl_engine_set_suites(eng, chacha, sizeof chacha / sizeof chacha[0]);
#endif
}

VMC_FN void vmc_tls_set_ciphers(br_ssl_engine_context *eng)
{
    br_poly1305_run poly = br_poly1305_ctmulq_get(); /* 128-bit products, where there are any */
#if VIAMC_TLS_M15
    br_ssl_engine_set_poly1305(eng, poly != 0 ? poly : br_poly1305_ctmul32_run);
#else
    br_ssl_engine_set_poly1305(eng, poly != 0 ? poly : br_poly1305_ctmul_run);
#endif
    br_ssl_engine_set_chacha20(eng, br_chacha20_ct_run); /* twice as fast as the SSE2 code when gcc has compiled both */
    br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
#ifndef VIAMC_NO_AES
    br_ssl_engine_set_default_aes_gcm(eng); /* AES instructions, where there are any */
#endif
}

/* What both roles have in common. */
VMC_FN void vmc_tls_set_engine(vmc_tls *t, uint8_t order)
{
    br_ssl_engine_context *eng = t->eng;
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    vmc_tls_set_suites(eng, order);
    vmc_tls_set_ciphers(eng);
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
#ifndef VIAMC_NO_P384
    br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);
#endif
    br_ssl_engine_set_ec(eng, &vmc_crypto_ecdhe);
    t->alpn[0] = "h2";
    br_ssl_engine_set_protocol_names(eng, t->alpn, 1);
}

/* What the peer is asked to keep its records to (RFC 6066 4) follows the input buffer alone: a small output buffer is no reason for
 * small records from the peer. */
VMC_FN void vmc_tls_set_buffers(vmc_tls *t)
{
    uint8_t log = 14;
    br_ssl_engine_set_buffers_bidi(t->eng, t->in, t->in_cap, t->out, t->out_cap);
    while (log > 9u && t->in_cap < ((size_t)1 << log) + (VMC_TLS_IN_MAX - 16384u))
        log--;
    t->eng->log_max_frag_len = log == 13u ? 12u : log; /* there is no name for 8,192 */
}

/* The engine draws from the seed alone: 0.6 may believe an RDRAND that always answers the same. */
VMC_FN void vmc_tls_set_seed(br_ssl_engine_context *eng, const uint8_t *seed, size_t len)
{
    eng->rng_os_rand_done = 1;
    br_ssl_engine_inject_entropy(eng, seed, len);
}

/* Checks what the descs of both roles share and notes it. */
VMC_FN viamc_err vmc_tls_begin(vmc_tls *t, br_ssl_engine_context *eng, vmc_tls_role role, uint8_t *in, size_t in_cap, uint8_t *out,
                               size_t out_cap, const uint8_t *seed, size_t seed_len)
{
    t->eng = eng;
    t->role = (uint8_t)role;
    t->state = VMC_TLS_HANDSHAKE;
    t->in = in;
    t->out = out;
    t->in_cap = vmc_min(in_cap, VMC_TLS_IN_MAX);
    t->out_cap = vmc_min(out_cap, VMC_TLS_OUT_MAX);
    vmc_error_clear(&t->error);
    if (in == NULL || in_cap < VMC_TLS_IN_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, VMC_TLS_IN_MIN, VMC_TEXT("TLS input buffer is too small"));
    if (out == NULL || out_cap < VMC_TLS_OUT_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, VMC_TLS_OUT_MIN, VMC_TEXT("TLS output buffer is too small"));
    if (seed == NULL || seed_len < VMC_TLS_SEED_MIN)
        return vmc_tls_fail(t, VIAMC_ERR_ENTROPY, VMC_TLS_SEED_MIN, VMC_TEXT("no seed for TLS"));
    return VIAMC_OK;
}

VMC_FN uint32_t vmc_tls_be16(vmc_rd *r)
{
    viamc_bytes v = vmc_rd_take(r, 2);
    return v.len == 2u ? vmc_be16(v.ptr) : 0u;
}

/* Finds the two groups in a ClientHello that is one whole record; NULL: they are not there. */
VMC_FN uint8_t *vmc_tls_find_groups(uint8_t *rec, size_t len)
{
    vmc_rd r = vmc_rd_of(viamc_view(rec, len));
    viamc_bytes head = vmc_rd_take(&r, VMC_TLS_RECORD_HEAD), hello = vmc_rd_take(&r, VMC_TLS_HELLO_FIXED), ext;
    if (!vmc_rd_ok(&r) || head.ptr[0] != 22u || hello.ptr[0] != 1u || vmc_be24(hello.ptr + 1) != len - VMC_TLS_RECORD_HEAD - 4u)
        return NULL;
    (void)vmc_rd_take(&r, vmc_rd_u8(&r));     /* session id */
    (void)vmc_rd_take(&r, vmc_tls_be16(&r));  /* suites */
    (void)vmc_rd_take(&r, vmc_rd_u8(&r));     /* compression */
    (void)vmc_rd_take(&r, 2);                 /* length of all extensions */
    while (vmc_rd_ok(&r) && r.left != 0) {
        uint32_t type = vmc_tls_be16(&r);
        ext = vmc_rd_take(&r, vmc_tls_be16(&r));
        if (vmc_rd_ok(&r) && type == VMC_TLS_EXT_GROUPS && ext.len == 6u)
            return rec + (ext.ptr - rec) + 2; /* behind the length of the list */
    }
    return NULL;
}

/* Puts X25519 before P-256 in the hello that waits to be sent, because servers take the first that they know, and a P-256 exchange
 * costs a Cortex-M three times as much. BearSSL means to do so itself, but tests the wrong stack cell. The transcript begins anew. */
VMC_FN void vmc_tls_prefer_x25519(br_ssl_engine_context *eng)
{
    size_t len;
    uint8_t *rec = br_ssl_engine_sendrec_buf(eng, &len);
    uint8_t *groups = rec == NULL ? NULL : vmc_tls_find_groups(rec, len);
    if (groups == NULL || vmc_be16(groups) != BR_EC_secp256r1 || vmc_be16(groups + 2) != BR_EC_curve25519)
        return;
    vmc_put_be16(groups, BR_EC_curve25519);
    vmc_put_be16(groups + 2, BR_EC_secp256r1);
    br_multihash_init(&eng->mhash);
    br_multihash_update(&eng->mhash, rec + VMC_TLS_RECORD_HEAD, len - VMC_TLS_RECORD_HEAD);
}

/* Checks whom the desc would have us trust, and how. */
VMC_FN viamc_err vmc_tls_check_trust(vmc_tls *t, const vmc_tls_client_desc *d)
{
    size_t need = vmc_tls_trust_bytes(d->next_root != NULL);
    if (d->pin_sha256.len != 0 && d->pin_sha256.len != 32u)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 32, VMC_TEXT("pinned key is not a SHA-256 of 32 octets"));
#ifdef VIAMC_NO_X509
    if (d->pin_sha256.len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("built with VIAMC_NO_X509: only a pinned key can be trusted"));
#endif
    if (d->trust == NULL || d->trust_cap < need)
        return vmc_tls_fail(t, VIAMC_ERR_NOMEM, (uint32_t)need, VMC_TEXT("memory for certificates is too small"));
    return VIAMC_OK;
}

/* Starts a connection; the ClientHello is in wire_out afterwards.
 * Returns:  OK; ARG; NOMEM (detail: octets needed); ENTROPY. The error record has a text. */
VMC_FN viamc_err vmc_tls_client_open(vmc_tls *t, const vmc_tls_client_desc *d)
{
    vmc_tls_client *c = (vmc_tls_client *)(void *)t;
    char name[VMC_TRUST_NAME_MAX + 1u];
    uint8_t ip[16];
    size_t ip_len = vmc_ip_of(d->server_name, ip);
    bool named = ip_len == 0 && vmc_trust_dns_name(d->server_name, name);
    VIAMC_MEMSET(c, 0, sizeof *c);
    if (vmc_tls_begin(t, &c->ctx.eng, VMC_TLS_CLIENT, d->in, d->in_cap, d->out, d->out_cap, d->seed, d->seed_len) != VIAMC_OK
        || vmc_tls_check_trust(t, d) != VIAMC_OK)
        return t->error.code;
    if (ip_len == 0 && !named && d->pin_sha256.len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("server name is neither a DNS name nor an address"));
    t->trust = vmc_trust_open(d, ip, ip_len);
    vmc_tls_set_engine(t, d->order);
    br_ssl_engine_set_ecdsa(t->eng, vmc_crypto_vrfy);
#ifndef VIAMC_NO_RSA
    br_ssl_engine_set_rsavrfy(t->eng, br_rsa_pkcs1_vrfy_get_default());
#endif
    br_ssl_engine_set_all_flags(t->eng, BR_OPT_NO_RENEGOTIATION);
    br_ssl_engine_set_x509(t->eng, &t->trust->vtable);
    vmc_tls_set_buffers(t);
    vmc_tls_set_seed(t->eng, d->seed, d->seed_len);
    if (br_ssl_client_reset(&c->ctx, named ? name : NULL, 0) != 1)
        return vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)br_ssl_engine_last_error(t->eng), VMC_TEXT("TLS cannot start"));
    vmc_tls_prefer_x25519(t->eng);
    return VIAMC_OK;
}

/* ---- server ---- */

#ifndef VIAMC_NO_SERVER

/* The same for a peer that was accepted. */
VMC_FN viamc_err vmc_tls_server_open(vmc_tls *t, const vmc_tls_server_desc *d)
{
    vmc_tls_server *s = (vmc_tls_server *)(void *)t;
    const vmc_tls_identity *id = d->identity;
    VIAMC_MEMSET(s, 0, sizeof *s);
    if (vmc_tls_begin(t, &s->ctx.eng, VMC_TLS_SERVER, d->in, d->in_cap, d->out, d->out_cap, d->seed, d->seed_len) != VIAMC_OK)
        return t->error.code;
    if (id == NULL || id->chain_len == 0)
        return vmc_tls_fail(t, VIAMC_ERR_ARG, 0, VMC_TEXT("server has no certificate"));
    vmc_tls_set_engine(t, d->order);
    br_ssl_engine_set_all_flags(t->eng, BR_OPT_NO_RENEGOTIATION | BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_FAIL_ON_ALPN_MISMATCH);
    if (id->key.type == VIAMC_KEY_EC)
        br_ssl_server_set_single_ec(&s->ctx, id->chain, id->chain_len, &id->key.of.ec, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC,
                                    &vmc_crypto_ecdsa, vmc_crypto_sign);
#ifndef VIAMC_NO_RSA
    else
        br_ssl_server_set_single_rsa(&s->ctx, id->chain, id->chain_len, &id->key.of.rsa, BR_KEYTYPE_SIGN,
                                     br_rsa_private_get_default(), br_rsa_pkcs1_sign_get_default());
#endif
    vmc_tls_set_buffers(t);
    vmc_tls_set_seed(t->eng, d->seed, d->seed_len);
    if (br_ssl_server_reset(&s->ctx) != 1)
        return vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)br_ssl_engine_last_error(t->eng), VMC_TEXT("TLS cannot start"));
    t->eng->version_out = BR_TLS12; /* of an alert before ClientHello; the engine's 0.0 would look like plaintext */
    return VIAMC_OK;
}

/* VIAMC_NO_RSA, VIAMC_NO_P384 */
VMC_FN bool vmc_tls_key_supported(const vmc_key *k)
{
#ifdef VIAMC_NO_RSA
    if (k->type == VIAMC_KEY_RSA)
        return false;
#endif
    return k->type != VIAMC_KEY_EC || vmc_crypto_has_curve(k->of.ec.curve);
}

/* Whether a key is the other half of a certificate's. */
VMC_FN bool vmc_tls_key_fits(const vmc_key *k, const viamc_anchor *cert)
{
    uint8_t q[97]; /* a point of P-384 */
    viamc_bytes own = k->n;
    if (k->type != cert->key_type)
        return false;
    if (k->type == VIAMC_KEY_RSA)
        return own.len == cert->n.len && vmc_same(own.ptr, cert->n.ptr, own.len);
    if (k->of.ec.curve != cert->curve)
        return false;
    own = viamc_view(q, vmc_crypto_mulgen(q, k->of.ec.x, k->of.ec.xlen, k->of.ec.curve));
    return own.len == cert->q.len && vmc_same(own.ptr, cert->q.ptr, own.len);
}

/* Reads a server's certificates and private key.
 *   chain  kept: DER, the server's own first, each issued by the next
 *   key    kept: DER of PKCS#8, PKCS#1 or SEC 1: RSA of 2,048 to 4,096 bits, P-256, P-384
 * Returns:  OK; ARG with a text in e. Costs one multiplication on the curve, to see that key and certificate belong together. */
VMC_FN viamc_err vmc_tls_identity_load(vmc_tls_identity *id, const viamc_bytes *chain, size_t count, viamc_bytes key, viamc_error *e)
{
    vmc_x509 x;
    viamc_anchor a;
    size_t i;
    VIAMC_MEMSET(id, 0, sizeof *id);
    if (count == 0 || count > VMC_TLS_CHAIN_MAX)
        return vmc_fail(e, VIAMC_ERR_ARG, VMC_TLS_CHAIN_MAX, "TLS", VMC_TEXT("a server has 1 to 4 certificates"));
    for (i = count; i-- != 0;) {
        vmc_x509_begin(&x, (uint16_t)vmc_min(chain[i].len, VMC_X509_MAX_BYTES), viamc_view(NULL, 0));
        if (chain[i].len == 0 || !vmc_x509_push(&x, chain[i].ptr, chain[i].len) || !vmc_x509_complete(&x))
            return vmc_fail(e, VIAMC_ERR_ARG, (uint32_t)i, "TLS", VMC_TEXT("malformed certificate of the server"));
        id->chain[i].data = vmc_crypto_octets(chain[i]);
        id->chain[i].data_len = chain[i].len;
    }
    vmc_x509_anchor(&x, chain[0].ptr, 0, &a); /* the first was read last */
    if (!vmc_key_read(key, &id->key))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS",
                        VMC_TEXT("server's key is not an unencrypted RSA key of 2,048 to 4,096 bits or P-256 or P-384 key"));
    if (!vmc_tls_key_supported(&id->key))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS", VMC_TEXT("server's key is of a kind that this build leaves out"));
    if (!vmc_tls_key_fits(&id->key, &a))
        return vmc_fail(e, VIAMC_ERR_ARG, 0, "TLS", VMC_TEXT("server's key is not the one of its first certificate"));
    id->chain_len = count;
    return VIAMC_OK;
}

#endif /* VIAMC_NO_SERVER */

/* ---- errors ---- */

VMC_FN const char *vmc_tls_alert_text(const vmc_tls *t, int alert)
{
    if (t->state == VMC_TLS_UP && alert == VMC_TLS_ALERT_VERSION)
        return VMC_TEXT("a record was damaged");
    switch (alert) {
    case VMC_TLS_ALERT_HANDSHAKE: return VMC_TEXT("no cipher suite or curve in common");
    case VMC_TLS_ALERT_VERSION: return VMC_TEXT("no version in common: only TLS 1.2 is spoken here");
    case VMC_TLS_ALERT_NAME: return VMC_TEXT("the peer does not know this server name");
    case VMC_TLS_ALERT_ALPN: return VMC_TEXT("the peer does not speak HTTP/2 (ALPN h2)");
    default: return VMC_TEXT("fatal alert");
    }
}

/* Once the versions are agreed upon, another one in the head of a record comes of octets that were lost or changed on the line. */
VMC_FN const char *vmc_tls_text(const vmc_tls *t, int code)
{
    if (t->state == VMC_TLS_UP && (code == BR_ERR_UNSUPPORTED_VERSION || code == BR_ERR_BAD_VERSION))
        code = BR_ERR_BAD_MAC;
    switch (code) {
    case BR_ERR_BAD_MAC: return VMC_TEXT("a record was damaged");
    case BR_ERR_BAD_FINISHED: return VMC_TEXT("the handshake was damaged");
    case BR_ERR_BAD_SIGNATURE: return VMC_TEXT("the peer's signature is wrong");
    case BR_ERR_UNSUPPORTED_VERSION:
    case BR_ERR_BAD_VERSION: return VMC_TEXT("no version in common: only TLS 1.2 is spoken here");
    case BR_ERR_BAD_CIPHER_SUITE:
    case BR_ERR_INVALID_ALGORITHM: return VMC_TEXT("the peer chose what was not offered");
    case BR_ERR_WRONG_KEY_USAGE: return VMC_TEXT("certificate's key may not be used for this");
    default: return VMC_TEXT("the peer broke the protocol");
    }
}

/* The peer's first five octets are no record of TLS, of whatever version (RFC 5246 6.2.1: types 20 to 23): only then may somebody go on in
 * plaintext. Where the head of the first record is judged, it still lies in the buffer. */
VMC_FN bool vmc_tls_is_plaintext(const vmc_tls *t)
{
    return t->head == VMC_TLS_RECORD_HEAD && (t->in[0] < 20u || t->in[0] > 23u);
}

/* Makes an error of what the engine says. */
VMC_FN void vmc_tls_engine_failed(vmc_tls *t, int code)
{
    int alert = code >= BR_ERR_SEND_FATAL_ALERT ? code - BR_ERR_SEND_FATAL_ALERT : code - BR_ERR_RECV_FATAL_ALERT;
    if (alert >= 0)
        (void)vmc_tls_fail(t, alert == VMC_TLS_ALERT_ALPN ? VIAMC_ERR_TLS_ALPN : VIAMC_ERR_TLS, (uint32_t)code,
                           vmc_tls_alert_text(t, alert));
    else if (t->trust != NULL && t->trust->fail != 0) {
        t->dates = t->trust->dates;
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_CERT, (uint32_t)code, t->trust->what);
    } else if (code == BR_ERR_TOO_LARGE)
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_RECORD, (uint32_t)t->in_cap, VMC_TEXT("a record is larger than the input buffer"));
    else if (code == BR_ERR_UNSUPPORTED_VERSION && vmc_tls_is_plaintext(t))
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_PLAINTEXT, (uint32_t)code, VMC_TEXT("the peer does not speak TLS"));
    else
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS, (uint32_t)code, vmc_tls_text(t, code));
    t->trust = NULL;
}

/* ---- state ---- */

/* True if h2 was negotiated. */
VMC_FN bool vmc_tls_alpn_h2(const vmc_tls *t)
{
    return t->eng != NULL && br_ssl_engine_get_selected_protocol(t->eng) == t->alpn[0];
}

/* The handshake is done: the memory of trust goes back. */
VMC_FN void vmc_tls_handshake_done(vmc_tls *t)
{
    t->trust = NULL;
    br_ssl_engine_set_x509(t->eng, NULL);
    t->state = VMC_TLS_UP;
    if (!vmc_tls_alpn_h2(t)) {
        br_ssl_engine_close(t->eng); /* the peer hears of it */
        (void)vmc_tls_fail(t, VIAMC_ERR_TLS_ALPN, 0, vmc_tls_alert_text(t, VMC_TLS_ALERT_ALPN));
    }
}

/* Follows the engine's state after each step. */
VMC_FN void vmc_tls_follow(vmc_tls *t)
{
    unsigned now;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return;
    now = br_ssl_engine_current_state(t->eng);
    if (now == BR_SSL_CLOSED && br_ssl_engine_last_error(t->eng) != BR_ERR_OK)
        vmc_tls_engine_failed(t, br_ssl_engine_last_error(t->eng));
    else if (now == BR_SSL_CLOSED || t->eng->shutdown_recv)
        t->state = VMC_TLS_CLOSED;
    else if (t->state == VMC_TLS_HANDSHAKE && (now & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0)
        vmc_tls_handshake_done(t);
}

VMC_FN vmc_tls_state vmc_tls_state_of(const vmc_tls *t)
{
    return (vmc_tls_state)t->state;
}

/* ---- bytes ---- */

/* Room for octets from the wire, at most to the end of the record under way: one call never does more work than one record gives.
 * NULL and 0: none now, because plaintext waits in app_in, or never again. */
VMC_FN uint8_t *vmc_tls_wire_in(vmc_tls *t, size_t *cap)
{
    *cap = 0;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return NULL;
    return br_ssl_engine_recvrec_buf(t->eng, cap);
}

/* Says how many came. Answers OK, or the error that the connection has failed with, now or earlier. */
VMC_FN viamc_err vmc_tls_wire_in_done(vmc_tls *t, size_t n)
{
    if (n != 0) {
        /* the engine asks for no more than the five octets until it has them, and judges them at once */
        t->head = t->head < VMC_TLS_RECORD_HEAD ? (uint8_t)(t->head + n) : (uint8_t)(VMC_TLS_RECORD_HEAD + 1u);
        br_ssl_engine_recvrec_ack(t->eng, n);
        vmc_tls_follow(t);
    }
    return t->error.code;
}

/* Octets for the wire, also after an error: an alert. */
VMC_FN const uint8_t *vmc_tls_wire_out(vmc_tls *t, size_t *len)
{
    *len = 0;
    return t->state == VMC_TLS_IDLE || t->eng == NULL ? NULL : br_ssl_engine_sendrec_buf(t->eng, len);
}

VMC_FN void vmc_tls_wire_out_done(vmc_tls *t, size_t n)
{
    if (n == 0)
        return;
    br_ssl_engine_sendrec_ack(t->eng, n);
    vmc_tls_follow(t);
}

/* Plaintext that came: a view until done has taken all of it. Nothing more is read from the wire before. */
VMC_FN const uint8_t *vmc_tls_app_in(vmc_tls *t, size_t *len)
{
    *len = 0;
    return t->state == VMC_TLS_UP ? br_ssl_engine_recvapp_buf(t->eng, len) : NULL;
}

VMC_FN void vmc_tls_app_in_done(vmc_tls *t, size_t n)
{
    if (n != 0)
        br_ssl_engine_recvapp_ack(t->eng, n);
}

/* Room for plaintext; done closes the record. NULL and 0: a record is still on its way out. Nothing may be called between the two. */
VMC_FN uint8_t *vmc_tls_app_out(vmc_tls *t, size_t *cap)
{
    *cap = 0;
    return t->state == VMC_TLS_UP ? br_ssl_engine_sendapp_buf(t->eng, cap) : NULL;
}

VMC_FN void vmc_tls_app_out_done(vmc_tls *t, size_t n)
{
    if (n == 0)
        return;
    br_ssl_engine_sendapp_ack(t->eng, n);
    br_ssl_engine_flush(t->eng, 0);
}

/* ---- the end ---- */

/* Drops plaintext that was not taken and puts close_notify into wire_out, behind a record that is on its way. */
VMC_FN void vmc_tls_close(vmc_tls *t)
{
    size_t len = 0;
    if (t->state != VMC_TLS_HANDSHAKE && t->state != VMC_TLS_UP)
        return;
    if (br_ssl_engine_recvapp_buf(t->eng, &len) != NULL)
        br_ssl_engine_recvapp_ack(t->eng, len); /* 0.6 would wait for it to be read, for ever */
    br_ssl_engine_close(t->eng);
    vmc_tls_follow(t);
}

/* Overwrites keys and both buffers; the error stays readable. Safe at any time, also twice and on memory that is all zero. */
VMC_FN void vmc_tls_wipe(vmc_tls *t)
{
    viamc_error error = t->error;
    vmc_tls_dates dates = t->dates;
    if (t->state == VMC_TLS_IDLE)
        return;
    if (t->in != NULL)
        vmc_wipe(t->in, t->in_cap);
    if (t->out != NULL)
        vmc_wipe(t->out, t->out_cap);
    vmc_wipe(t, vmc_tls_bytes((vmc_tls_role)t->role));
    t->error = error;
    t->dates = dates;
}

/* ---- what was agreed ---- */

/* "ECDHE-ECDSA-CHACHA20-POLY1305"; "" before the handshake has chosen. Constant. */
VMC_FN const char *vmc_tls_suite_name(const vmc_tls *t)
{
    if (t->eng == NULL)
        return "";
    switch (t->eng->session.cipher_suite) {
    case BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: return VMC_TEXT("ECDHE-ECDSA-CHACHA20-POLY1305");
    case BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: return VMC_TEXT("ECDHE-RSA-CHACHA20-POLY1305");
    case BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: return VMC_TEXT("ECDHE-ECDSA-AES128-GCM-SHA256");
    case BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: return VMC_TEXT("ECDHE-RSA-AES128-GCM-SHA256");
    case BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: return VMC_TEXT("ECDHE-ECDSA-AES256-GCM-SHA384");
    case BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: return VMC_TEXT("ECDHE-RSA-AES256-GCM-SHA384");
    default: return "";
    }
}

VMC_FN void vmc_tls_explain_dates(const vmc_tls_dates *d, vmc_wr *w)
{
    if (!d->early) {
        vmc_wr_text(w, VMC_TEXT("certificate expired "));
        vmc_wr_date(w, d->until);
        return;
    }
    vmc_wr_text(w, VMC_TEXT("certificate not valid before "));
    vmc_wr_date(w, d->from);
    vmc_wr_text(w, VMC_TEXT("; this device's clock says "));
    vmc_wr_date(w, d->clock);
    if (d->clock < VMC_TLS_CLOCK_SANE)
        vmc_wr_text(w, VMC_TEXT(": set dial.unix_time"));
}

/* Writes what went wrong with its numbers, without "TLS: ": "certificate expired 2026-03-01". Error and dates may be copies: they
 * outlive the connection. */
VMC_FN void vmc_tls_explain_error(const viamc_error *e, const vmc_tls_dates *dates, vmc_wr *w)
{
    if (e->code == VIAMC_ERR_TLS_CERT && e->detail == BR_ERR_X509_EXPIRED) {
        vmc_tls_explain_dates(dates, w);
        return;
    }
    vmc_wr_text(w, e->what);
    if (e->code == VIAMC_ERR_TLS_RECORD) {
        vmc_wr_text(w, VMC_TEXT(" of "));
        vmc_wr_grouped(w, e->detail);
        vmc_wr_text(w, VMC_TEXT(" bytes: raise in_bytes"));
    } else if (e->code == VIAMC_ERR_TLS && e->detail >= BR_ERR_RECV_FATAL_ALERT) {
        vmc_wr_text(w, VMC_TEXT(" (alert "));
        vmc_wr_dec(w, e->detail & 255u);
        vmc_wr_text(w, e->detail >= BR_ERR_SEND_FATAL_ALERT ? VMC_TEXT(" sent)") : VMC_TEXT(" received)"));
    }
}

#endif /* VIAMC_NO_TLS */
#endif
/* ---- end of src/tls/tls_impl.h ---- */
/* ---- src/http2/hpack.h ---- */
/* SPDX-License-Identifier: MIT */
/* http2/hpack: header compression, RFC 7541, both directions.
 * Knows octets, the static table and which names the library treats; knows nothing of frames, streams and calls.
 * The caller counts blocks, fields and list octets (RFC 9113 10.5.1) and judges what the fields mean. */
#ifndef VIAMC_HTTP2_HPACK_H
#define VIAMC_HTTP2_HPACK_H


#define VMC_HPACK_DEFAULT_TABLE 4096u       /* RFC 9113 6.5.2: size of both tables until SETTINGS say otherwise, octets */
#define VMC_HPACK_MAX_TABLE 65535u          /* viamc: largest table of the decoder: lengths and places in it have 16 bits */
#define VMC_HPACK_OVERHEAD 32u              /* RFC 7541 4.1: what an entry counts beyond its name and value, octets */
#define VMC_HPACK_STATIC 61u                /* RFC 7541 appendix A: entries of the static table */
#define VMC_HPACK_NAME_OCTETS 48u           /* viamc: longest name that is kept whole: registered ones have 40, those treated 19 */
#define VMC_HPACK_PIECE_OCTETS 16u          /* viamc: Huffman-coded strings are decoded in pieces of this size */
#define VMC_HPACK_MAX_INT 0xfffffffu        /* viamc: largest integer taken, 2^28 - 1: sums of two fit 32 bits */
#define VMC_HPACK_ARENA(table_bytes) (table_bytes) /* octets of an arena: the 32 that an entry counts hold our part */

/* Names that the library treats. The order is that of the name list in hpack_table_impl.h. */
typedef enum vmc_name {
    VMC_NAME_OTHER,
    VMC_NAME_STATUS,
    VMC_NAME_METHOD,
    VMC_NAME_SCHEME,
    VMC_NAME_PATH,
    VMC_NAME_AUTHORITY,
    VMC_NAME_PSEUDO, /* any other that starts with ':' */
    VMC_NAME_CONTENT_TYPE,
    VMC_NAME_TE,
    VMC_NAME_USER_AGENT,
    VMC_NAME_AUTHORIZATION,
    VMC_NAME_GRPC_STATUS,
    VMC_NAME_GRPC_MESSAGE,
    VMC_NAME_GRPC_TIMEOUT,
    VMC_NAME_GRPC_ENCODING,
    VMC_NAME_VIAM_SID,
    VMC_NAME_OPID,
    VMC_NAME_VIAM_CLIENT,
    VMC_NAME_CONTENT_LENGTH,
    VMC_NAME_CONNECTION /* connection, keep-alive, proxy-connection, transfer-encoding, upgrade: illegal in HTTP/2 */
} vmc_name;

/* ---- decoder ---- */

/* vmc_hpack_piece.flags */
enum {
    VMC_HPACK_FIRST = 1,     /* first piece of a field */
    VMC_HPACK_LAST = 2,      /* last piece of a field; it may have no octets */
    VMC_HPACK_NAME_CUT = 4,  /* the name is longer than VMC_HPACK_NAME_OCTETS, these are the first of them */
    VMC_HPACK_BAD_NAME = 8,  /* RFC 9113 8.2.1: empty, upper case, control, blank, above '~', ':' not first */
    VMC_HPACK_BAD_VALUE = 16 /* RFC 9113 8.2.1: NUL, CR, LF, blank at either end; valid with LAST */
};

/* A part of a field. Views last until the next call with this decoder, or until the input goes. */
typedef struct vmc_hpack_piece {
    viamc_bytes name;  /* whole unless NAME_CUT, the same in every piece of a field */
    viamc_bytes value; /* next octets of the value */
    uint8_t known;     /* vmc_name */
    uint8_t flags;     /* VMC_HPACK_FIRST ... */
    uint32_t size;     /* with LAST: name + value + 32 octets, as RFC 9113 10.5.1 counts */
} vmc_hpack_piece;

typedef enum vmc_hpack_result {
    VMC_HPACK_MORE,  /* the input is used up */
    VMC_HPACK_PIECE, /* *p is filled */
    VMC_HPACK_ERROR  /* COMPRESSION_ERROR; stays until vmc_hpack_dec_init */
} vmc_hpack_result;

/* The table is in the arena from start to end, oldest entry first: a vmc_hpack_entry, octets of the name, octets of the value.
 * Behind the newest one an entry is built up while its octets come. When they reach the arena's end, all moves to its start. */
typedef struct vmc_hpack_dec {
    uint8_t state;   /* vmc_hpack_state */
    uint8_t shift;   /* of the next octet of the integer at hand, plus 7; 0: it is the first */
    uint8_t form;    /* prefix mask of the representation at hand; tells its kind too */
    uint8_t updates; /* size updates that are still legal in this block */
    bool huffman;    /* the string at hand is Huffman-coded */
    bool changed;    /* indices mean something else since the owner cleared this */
    uint8_t octet;   /* of a Huffman-coded string, the last taken */
    uint8_t left;    /* bits of it that were not looked at */
    uint8_t bits;    /* of the code at hand */
    uint8_t name_len, known, flags; /* of the literal at hand, as in vmc_hpack_piece */
    uint16_t before; /* codes that are shorter */
    uint16_t code;   /* its number among those as long */
    uint16_t limit;  /* octets of the arena: most that a size update may say */
    uint16_t max;    /* size in force, at most limit */
    uint16_t used;   /* RFC 7541 4.1: sum of the entries' sizes; <= max */
    uint16_t count;  /* entries */
    uint16_t start;  /* offset of the oldest entry */
    uint16_t end;    /* offset behind the newest entry; even, like all */
    uint16_t built;  /* octets of name and value of the entry that is built up, behind the place of its vmc_hpack_entry */
    uint32_t number; /* integer being read; octets that the string at hand still has */
    uint8_t *arena;
    uint32_t size;   /* of the literal at hand, so far */
    uint8_t name[VMC_HPACK_NAME_OCTETS];
    uint8_t piece[VMC_HPACK_PIECE_OCTETS];
} vmc_hpack_dec;

VMC_STATIC_ASSERT(hpack_dec_is_small, sizeof(void *) > 4 || sizeof(vmc_hpack_dec) <= 112);

/* Starts a decoder for a connection.
 *   arena        kept, VMC_HPACK_ARENA(table_bytes) octets, even address; NULL if table_bytes is 0
 *   table_bytes  what our SETTINGS_HEADER_TABLE_SIZE announces, 0 to VMC_HPACK_MAX_TABLE */
VMC_FN void vmc_hpack_dec_init(vmc_hpack_dec *d, uint8_t *arena, uint32_t table_bytes);

/* A header block starts: size updates are legal again. */
VMC_FN void vmc_hpack_dec_begin(vmc_hpack_dec *d);

/* Takes octets from in until there is a piece of a field. MORE: in is empty. Any split of a block gives the same fields. */
VMC_FN vmc_hpack_result vmc_hpack_next(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p);

/* The block has ended; false (COMPRESSION_ERROR) in the middle of a field. */
VMC_FN bool vmc_hpack_dec_end(const vmc_hpack_dec *d);

/* ---- encoder ---- */

#define VMC_HPACK_ENC_MAX_TABLE 4096u /* viamc: most that we use of a peer's table, octets */
#define VMC_HPACK_FIXED 12u           /* keys below it are the caller's fixed fields */
#define VMC_HPACK_FIXED_OCTETS 8u     /* most of them in one block */
#define VMC_HPACK_BEGIN_OCTETS 4u     /* size updates before a block: to 0 (one octet), to 4,096 at most (three) */

/* What the encoder knows of the peer's table: which keys are in it. Entries are only added, so an index is known by counting. */
typedef struct vmc_hpack_enc {
    uint16_t max;  /* size that the peer was told */
    uint16_t next; /* size that it is to be told */
    uint16_t used; /* sum of the entries' sizes; <= max */
    uint8_t count;  /* entries */
    uint8_t others; /* of them, those in keys */
    bool changed;   /* the next block starts with size updates and an empty table */
#if VIAMC_SHORTCUTS
    uint8_t ready_len;
    uint16_t ready_for;                         /* fixed fields whose octets are in ready[], while nothing is inserted; 0: none */
    uint8_t ready[VMC_HPACK_FIXED_OCTETS];
#endif
    uint8_t fixed[VMC_HPACK_FIXED];             /* serial of the caller's fixed field n: 1 for the oldest entry; 0: not there */
    uint8_t serials[VMC_HPACK_ENCODER_ENTRIES]; /* of the key beside */
    uint64_t keys[VMC_HPACK_ENCODER_ENTRIES];   /* in the order in which they came */
} vmc_hpack_enc;

/* One field to be encoded. */
typedef struct vmc_hpack_field {
    uint64_t key;         /* identity of name and value on this connection: 1 to 11 for the caller's fixed fields, vmc_hpack_key()
                           * for the rest; 0: never inserted (values that vary) */
    uint8_t full_index;   /* static index of name and value together (2..7, 8..14), or 0 */
    uint8_t name_index;   /* static index of the name, or 0 */
    bool base64;          /* value[0] is the whole value, in octets, and goes as base64 without padding; key 0 */
    viamc_bytes name;     /* always given: an entry's size counts it */
    viamc_bytes value[2]; /* the value is both, one after the other */
} vmc_hpack_field;

/* Starts an encoder for a connection: the peer's table has 4,096 octets until its SETTINGS say otherwise. */
VMC_FN void vmc_hpack_enc_init(vmc_hpack_enc *e);

/* The peer's SETTINGS_HEADER_TABLE_SIZE came. If that changes the size in use, the table starts anew with the next block. */
VMC_FN void vmc_hpack_enc_resize(vmc_hpack_enc *e, uint32_t peer_table_bytes);

/* The next block empties the peer's table. */
VMC_FN void vmc_hpack_enc_reset(vmc_hpack_enc *e);

/* Starts a block: writes the size updates that are due (nearly always none). False if their VMC_HPACK_BEGIN_OCTETS do not fit:
 * nothing is written, w is not marked full, to be called again. */
VMC_FN bool vmc_hpack_enc_begin(vmc_hpack_enc *e, vmc_wr *w);

/* The octet of a field that the peer's table has, or 0: then vmc_hpack_put. Saves filling a vmc_hpack_field. */
VMC_FN uint8_t vmc_hpack_find(const vmc_hpack_enc *e, uint64_t key);

#if VIAMC_SHORTCUTS
/* The same for fixed fields alone: those of which `which` has bit 1 << key, one octet each, at most VMC_HPACK_FIXED_OCTETS: so many are
 * written, the answer tells how many of them count. 0: one of the fields is missing. */
VMC_FN uint32_t vmc_hpack_find_fixed(vmc_hpack_enc *e, uint32_t which, uint8_t *to);
#endif

/* Writes a field from offset *at of its representation on, as many octets as fit. True when it is complete; then *at is 0 again.
 * An insertion counts when the field is complete. Until then f and its octets must stay the same. */
VMC_FN bool vmc_hpack_put(vmc_hpack_enc *e, const vmc_hpack_field *f, uint32_t *at, vmc_wr *w);

/* A key for octets that differ from call to call (paths): 64 bits, no fixed field's. */
VMC_FN uint64_t vmc_hpack_key(viamc_bytes v);

#endif
/* ---- end of src/http2/hpack.h ---- */
/* ---- src/http2/hpack_table_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* http2/hpack_table: static table and Huffman code of RFC 7541. GENERATED by tools/gen_hpack.py: do not edit. */
#ifndef VIAMC_HTTP2_HPACK_TABLE_IMPL_H
#define VIAMC_HTTP2_HPACK_TABLE_IMPL_H


/* All values and names, laid over each other. */
static const char vmc_hpack_text[] =
    "GETPOST/index.htmlhttps2002040020630404500gzip, deflatetagrpc-statuserverefererefreshostrict-transport-security:author"
    "ity:methodatexpectransfer-encodingrpc-messagexpires:path:scheme:statuser-agentaccept-charset-cookieaccept-encodingrpc-"
    "timeoutaccept-languageaccept-rangesaccess-control-allow-origincache-controlast-modifiedcontent-dispositioncontent-enco"
    "dingrpc-encodingcontent-languagecontent-lengthcontent-locationcontent-rangecontent-typefromax-forwardsif-matchif-modif"
    "ied-sinceif-none-matchif-rangeif-unmodified-sincelinkeep-aliveproxy-authenticateproxy-authorizationretry-aftervarywww-"
    "authenticateviam-sidopidviam_clientproxy-connectionupgrade";

/* Names and values are length and place in the text. RFC 7541 appendix A: the names of entries from 1 on, the values of those
 * up to the last that has one. */
#define VMC_HPACK_NAME_LEN(entry) ((uint32_t)(entry) & 0x1fu)
#define VMC_HPACK_NAME_AT(entry) ((uint32_t)(entry) >> 5)
#define VMC_HPACK_VALUE_LEN(entry) ((uint32_t)(entry) & 0xfu)
#define VMC_HPACK_VALUE_AT(entry) ((uint32_t)(entry) >> 4)
#define VMC_HPACK_VALUES 16u
static const uint16_t vmc_hpack_static[61] = {
    0x0deau, 0x0f27u, 0x0f27u, 0x1525u, 0x1525u, 0x15c7u, 0x15c7u, 0x16a7u, 0x16a7u, 0x16a7u, 0x16a7u, 0x16a7u, 0x16a7u, 0x16a7u,
    0x188eu, 0x1b2fu, 0x1e6fu, 0x204du, 0x1886u, 0x21fbu, 0x1403u, 0x23c5u, 0x45cdu, 0x254du, 0x2873u, 0x2ad0u, 0x2e50u, 0x304eu,
    0x3210u, 0x340du, 0x35acu, 0x1a66u, 0x0fe4u, 0x06c4u, 0x1046u, 0x1447u, 0x3724u, 0x0a84u, 0x3908u, 0x3a11u, 0x3c2du, 0x3dc8u,
    0x3ed3u, 0x26cdu, 0x4124u, 0x3308u, 0x378cu, 0x42d2u, 0x4513u, 0x2125u, 0x0907u, 0x09c7u, 0x476bu, 0x0866u, 0x19eau, 0x0ad9u,
    0x10f1u, 0x174au, 0x48c4u, 0x4b43u, 0x4950u,
};

static const uint16_t vmc_hpack_values[VMC_HPACK_VALUES] = {
    0x0000u, 0x0003u, 0x0034u, 0x0071u, 0x007bu, 0x0124u, 0x0125u, 0x0173u, 0x01a3u, 0x01f3u, 0x0223u, 0x01c3u, 0x0243u, 0x0273u,
    0x0000u, 0x02adu,
};

/* Names that are treated, in the order of vmc_name from 1 on (the last kind has several). */
static const uint16_t vmc_hpack_listed[23] = {
    0x16a7u, 0x0f27u, 0x15c7u, 0x1525u, 0x0deau, 0x16a7u, 0x35acu, 0x06a2u, 0x174au, 0x45cdu, 0x072bu, 0x12ecu, 0x1cecu, 0x2cadu,
    0x4b48u, 0x4c44u, 0x4ccbu, 0x304eu, 0x4eeau, 0x418au, 0x4e30u, 0x10f1u, 0x5027u,
};

/* RFC 7541 appendix B: octets in the order of their codes (EOS would be the last), and how many codes have 1, 2... 30 bits. */
static const uint8_t vmc_huffman_symbols[256] = {
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103,
    104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87,
    89, 106, 107, 113, 118, 119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91,
    93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161, 167, 172, 176, 177, 179, 209,
    216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189,
    190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168,
    174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234,
    235, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241,
    244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22,
};

static const uint8_t vmc_huffman_counts[30] = {
    0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4,
};

#endif
/* ---- end of src/http2/hpack_table_impl.h ---- */
/* ---- src/http2/hpack_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* http2/hpack: decoder (integers, Huffman code, dynamic table, fields piece by piece), encoder (each field once per connection). */
#ifndef VIAMC_HTTP2_HPACK_IMPL_H
#define VIAMC_HTTP2_HPACK_IMPL_H


/* Prefix masks of RFC 7541 section 6; each tells its representation. */
#define VMC_HPACK_INDEXED 0x7fu
#define VMC_HPACK_INSERT 0x3fu
#define VMC_HPACK_UPDATE 0x1fu
#define VMC_HPACK_LITERAL 0x0fu /* without indexing and never indexed: the same for an endpoint */
#define VMC_HPACK_STRING 0x7fu

#define VMC_HPACK_INT_SHIFT 28u /* shift of the last octet that an integer may have */
#define VMC_HPACK_UPDATES 2u    /* RFC 7541 4.2: size updates of one block */

typedef enum vmc_hpack_state {
    VMC_HPACK_AT_INDEX,     /* integer that a representation begins with */
    VMC_HPACK_AT_NAME_LEN,  /* length of the name */
    VMC_HPACK_AT_VALUE_LEN, /* length of the value */
    VMC_HPACK_AT_NAME,      /* octets of the name */
    VMC_HPACK_AT_VALUE,     /* octets of the value */
    VMC_HPACK_AT_ERROR      /* the connection's compression is lost */
} vmc_hpack_state;

/* ---- dynamic table ---- */

/* Stands before the octets of an entry. */
typedef struct vmc_hpack_entry {
    uint16_t len;         /* octets to the entry behind; even */
    uint16_t size;        /* name and value */
    uint16_t value_len;   /* octets of the value */
    uint8_t name_len;     /* octets of the name that are kept */
    uint8_t known, flags; /* vmc_name, NAME_CUT | BAD_NAME | BAD_VALUE */
    uint8_t pad;
} vmc_hpack_entry;

#define VMC_HPACK_ENTRY ((uint32_t)sizeof(vmc_hpack_entry))

/* An entry takes less than it counts: a table within its size fits the arena, and so does the next entry once the older ones that
 * it displaces are evicted. */
VMC_STATIC_ASSERT(hpack_entry_fits_the_overhead, sizeof(vmc_hpack_entry) + 1u <= VMC_HPACK_OVERHEAD);

VMC_FN vmc_hpack_entry *vmc_hpack_at(const vmc_hpack_dec *d, uint32_t offset)
{
    return (vmc_hpack_entry *)(void *)(d->arena + offset);
}

/* Evicts the oldest entries until at most limit octets are used. */
VMC_FN void vmc_hpack_evict(vmc_hpack_dec *d, uint32_t limit)
{
    while (d->used > limit) {
        const vmc_hpack_entry *e = vmc_hpack_at(d, d->start);
        d->used = (uint16_t)(d->used - e->size - VMC_HPACK_OVERHEAD);
        d->start = (uint16_t)(d->start + e->len);
        d->count--;
    }
}

/* Appends octets, which size counts already, to the entry that is built up. One that is too large leaves an empty table. */
VMC_FN void vmc_hpack_build(vmc_hpack_dec *d, viamc_bytes v)
{
    uint32_t at;
    if (d->form != VMC_HPACK_INSERT)
        return;
    if (d->size > d->max) {
        d->form = VMC_HPACK_LITERAL;
        vmc_hpack_evict(d, 0);
        return;
    }
    vmc_hpack_evict(d, d->max - d->size);
    at = d->end + VMC_HPACK_ENTRY + d->built;
    if (at + v.len >= d->limit) { /* one octet may follow to make it even */
        vmc_move(d->arena, d->arena + d->start, (d->built == 0 ? d->end : at) - d->start);
        at -= d->start;
        d->end = (uint16_t)(d->end - d->start);
        d->start = 0;
    }
    vmc_copy(d->arena + at, v.ptr, v.len);
    d->built = (uint16_t)(d->built + v.len);
}

/* The entry that is built up has all its octets. */
VMC_FN void vmc_hpack_insert(vmc_hpack_dec *d)
{
    vmc_hpack_entry *e = vmc_hpack_at(d, d->end);
    e->len = (uint16_t)((d->built + VMC_HPACK_ENTRY + 1u) & ~1u);
    e->size = (uint16_t)(d->size - VMC_HPACK_OVERHEAD);
    e->value_len = (uint16_t)(d->built - d->name_len);
    e->name_len = d->name_len;
    e->known = d->known;
    e->flags = d->flags;
    d->used = (uint16_t)(d->used + d->size);
    d->end = (uint16_t)(d->end + e->len);
    d->count++;
}

/* vmc_name of a name. */
VMC_FN uint8_t vmc_hpack_classify(viamc_bytes name)
{
    uint32_t i;
    for (i = 0; i < sizeof vmc_hpack_listed / sizeof vmc_hpack_listed[0]; i++) {
        uint32_t k = vmc_hpack_listed[i];
        if (VMC_HPACK_NAME_LEN(k) == name.len && VIAMC_MEMCMP(vmc_hpack_text + VMC_HPACK_NAME_AT(k), name.ptr, name.len) == 0)
            return (uint8_t)vmc_min32(i + 1u, VMC_NAME_CONNECTION);
    }
    return name.len != 0 && name.ptr[0] == ':' ? VMC_NAME_PSEUDO : VMC_NAME_OTHER;
}

/* Fills p with entry i of the static table, from 0. */
VMC_FN void vmc_hpack_get_static(uint32_t i, vmc_hpack_piece *p)
{
    const uint32_t name = vmc_hpack_static[i], value = i < VMC_HPACK_VALUES ? vmc_hpack_values[i] : 0;
    p->name = viamc_view(vmc_hpack_text + VMC_HPACK_NAME_AT(name), VMC_HPACK_NAME_LEN(name));
    p->value = viamc_view(vmc_hpack_text + VMC_HPACK_VALUE_AT(value), VMC_HPACK_VALUE_LEN(value));
    p->known = vmc_hpack_classify(p->name);
    p->flags = VMC_HPACK_FIRST | VMC_HPACK_LAST;
    p->size = (uint32_t)(p->name.len + p->value.len) + VMC_HPACK_OVERHEAD;
}

VMC_FN vmc_hpack_result vmc_hpack_fail(vmc_hpack_dec *d)
{
    d->state = VMC_HPACK_AT_ERROR;
    d->number = 0; /* in hand: the answer stays without input too */
    return VMC_HPACK_ERROR;
}

/* Fills p with an entry of the static or the dynamic table; ERROR if there is none of this index. */
VMC_FN vmc_hpack_result vmc_hpack_get(vmc_hpack_dec *d, uint32_t index, vmc_hpack_piece *p)
{
    const vmc_hpack_entry *e;
    uint32_t at = d->start;
    if (index - 1u < VMC_HPACK_STATIC) {
        vmc_hpack_get_static(index - 1u, p);
        return VMC_HPACK_PIECE;
    }
    index -= VMC_HPACK_STATIC + 1u; /* 0 becomes the highest number */
    if (index >= d->count)
        return vmc_hpack_fail(d);
    for (index = d->count - 1u - index; index != 0; index--) /* those older than it */
        at += vmc_hpack_at(d, at)->len;
    e = vmc_hpack_at(d, at);
    p->name.ptr = (const uint8_t *)(e + 1);
    p->name.len = e->name_len;
    p->value.ptr = p->name.ptr + e->name_len;
    p->value.len = e->value_len;
    p->known = e->known;
    p->flags = (uint8_t)(e->flags | VMC_HPACK_FIRST | VMC_HPACK_LAST);
    p->size = e->size + VMC_HPACK_OVERHEAD;
    return VMC_HPACK_PIECE;
}

/* ---- primitives: RFC 7541 section 5 ---- */

/* The parts of a step answer MORE (go on), PIECE (there is one, or what was read is whole) or ERROR. */

/* Takes an octet of an integer. PIECE: it was the last, d->number is the integer. */
VMC_FN vmc_hpack_result vmc_hpack_int(vmc_hpack_dec *d, uint32_t b, uint32_t mask)
{
    if (d->shift == 0) {
        d->number = b & mask;
        if (d->number != mask)
            return VMC_HPACK_PIECE;
    } else {
        uint32_t shift = d->shift - 7u;
        if (shift > VMC_HPACK_INT_SHIFT || (b & 0x7fu) > (VMC_HPACK_MAX_INT - d->number) >> shift)
            return VMC_HPACK_ERROR;
        d->number += (b & 0x7fu) << shift;
        if (b < 0x80u) {
            d->shift = 0;
            return VMC_HPACK_PIECE;
        }
    }
    d->shift = (uint8_t)(d->shift + 7u);
    return VMC_HPACK_MORE;
}

/* Takes a bit of a code. The codes of a length are consecutive numbers, and the first of the next length follows the last of this one
 * with a zero behind it. True: the code is whole, d->before is its place in the order of codes. */
VMC_FN bool vmc_huffman_bit(vmc_hpack_dec *d, uint32_t bit)
{
    uint32_t code = 2u * d->code + bit, count = vmc_huffman_counts[d->bits++];
    bool whole = code < count;
    d->code = (uint16_t)(whole ? 0 : code - count);
    d->before = (uint16_t)(d->before + (whole ? code : count));
    return whole;
}

/* Decodes octets of the input into d->piece, bit by bit. False: EOS. */
VMC_FN bool vmc_huffman_decode(vmc_hpack_dec *d, vmc_rd *in, viamc_bytes *v)
{
    uint32_t n = 0;
    while (n < sizeof d->piece) {
        if (d->left == 0) {
            if (d->number == 0 || in->left == 0)
                break;
            d->number--;
            d->octet = vmc_rd_u8(in);
            d->left = 8;
        }
        d->left--;
        if (vmc_huffman_bit(d, d->octet >> d->left & 1u)) {
            if (d->before >= sizeof vmc_huffman_symbols)
                return false;
            d->piece[n++] = vmc_huffman_symbols[d->before];
            d->before = d->bits = 0;
        }
    }
    *v = viamc_view(d->piece, n);
    return true;
}

/* Takes the next octets of a string. PIECE: they are the last. */
VMC_FN vmc_hpack_result vmc_hpack_string(vmc_hpack_dec *d, vmc_rd *in, viamc_bytes *v)
{
    uint32_t rest;
    if (!d->huffman) {
        v->ptr = in->ptr;
        v->len = vmc_rd_skip(in, d->number);
        d->number -= (uint32_t)v->len;
    } else if (!vmc_huffman_decode(d, in, v)) {
        return VMC_HPACK_ERROR;
    }
    if (d->number != 0)
        return VMC_HPACK_MORE;
    rest = d->bits + d->left;
    if (rest < 8u && (uint8_t)(d->octet | 0xffu << rest) == 0xffu) /* padding: the start of EOS */
        return VMC_HPACK_PIECE;
    return d->left != 0 ? VMC_HPACK_MORE : VMC_HPACK_ERROR;
}

/* ---- names and values: RFC 9113 8.2.1 ---- */

VMC_FN bool vmc_hpack_is_name(uint32_t c, bool first)
{
    return c - '!' <= '~' - '!' && c - 'A' > 'Z' - 'A' && (c != ':' || first);
}

VMC_FN void vmc_hpack_add_name(vmc_hpack_dec *d, viamc_bytes v)
{
    size_t i, n = vmc_min(v.len, sizeof d->name - d->name_len);
    vmc_copy(d->name + d->name_len, v.ptr, n);
    d->name_len = (uint8_t)(d->name_len + n);
    if (n != v.len)
        d->flags |= VMC_HPACK_NAME_CUT;
    for (i = 0; i < v.len; i++, d->size++)
        if (!vmc_hpack_is_name(v.ptr[i], d->size == VMC_HPACK_OVERHEAD))
            d->flags |= VMC_HPACK_BAD_NAME;
}

VMC_FN bool vmc_hpack_is_blank(uint32_t c)
{
    return c == ' ' || c == '\t';
}

VMC_FN void vmc_hpack_add_value(vmc_hpack_dec *d, viamc_bytes v, bool last)
{
    size_t i;
    bool first = (d->flags & VMC_HPACK_FIRST) != 0;
    for (i = 0; i < v.len; i++) {
        uint32_t c = v.ptr[i];
        if (c <= ' ' && (c == '\0' || c == '\n' || c == '\r'
                         || (vmc_hpack_is_blank(c) && ((first && i == 0) || (last && i == v.len - 1u)))))
            d->flags |= VMC_HPACK_BAD_VALUE;
    }
    d->size += (uint32_t)v.len;
    vmc_hpack_build(d, v);
}

/* ---- fields: RFC 7541 section 6 ---- */

VMC_FN uint8_t vmc_hpack_form(uint32_t b)
{
    return b >= 0x80u ? VMC_HPACK_INDEXED : b >= 0x40u ? VMC_HPACK_INSERT : b >= 0x20u ? VMC_HPACK_UPDATE : VMC_HPACK_LITERAL;
}

/* The name is whole: an entry begins with it. */
VMC_FN vmc_hpack_result vmc_hpack_start_value(vmc_hpack_dec *d)
{
    d->state = VMC_HPACK_AT_VALUE_LEN;
    d->built = 0;
    vmc_hpack_build(d, viamc_view(d->name, d->name_len));
    return VMC_HPACK_MORE;
}

VMC_FN vmc_hpack_result vmc_hpack_update(vmc_hpack_dec *d)
{
    if (d->updates == 0 || d->number > d->limit)
        return VMC_HPACK_ERROR;
    d->updates--;
    d->changed = true;
    d->max = (uint16_t)d->number;
    vmc_hpack_evict(d, d->max);
    return VMC_HPACK_MORE;
}

/* A literal: its name is spelled out, or copied from an entry, which its own insertion may evict. */
VMC_FN vmc_hpack_result vmc_hpack_literal(vmc_hpack_dec *d)
{
    vmc_hpack_piece e;
    d->changed = d->changed || d->form == VMC_HPACK_INSERT;
    if (d->number == 0) {
        d->state = VMC_HPACK_AT_NAME_LEN;
        d->name_len = 0;
        d->flags = VMC_HPACK_FIRST;
        d->size = VMC_HPACK_OVERHEAD;
        return VMC_HPACK_MORE;
    }
    if (vmc_hpack_get(d, d->number, &e) == VMC_HPACK_ERROR)
        return VMC_HPACK_ERROR;
    vmc_copy(d->name, e.name.ptr, e.name.len);
    d->name_len = (uint8_t)e.name.len;
    d->known = e.known;
    d->flags = e.flags & (VMC_HPACK_FIRST | VMC_HPACK_NAME_CUT | VMC_HPACK_BAD_NAME);
    d->size = e.size - (uint32_t)e.value.len;
    return vmc_hpack_start_value(d);
}

/* The integer that a representation begins with is whole. */
VMC_FN vmc_hpack_result vmc_hpack_on_index(vmc_hpack_dec *d, vmc_hpack_piece *p)
{
    if (d->form == VMC_HPACK_UPDATE)
        return vmc_hpack_update(d);
    d->updates = 0;
    if (d->form != VMC_HPACK_INDEXED)
        return vmc_hpack_literal(d);
    return vmc_hpack_get(d, d->number, p);
}

/* An octet of that integer, or of the length of a string. */
VMC_FN vmc_hpack_result vmc_hpack_on_int(vmc_hpack_dec *d, uint32_t b, vmc_hpack_piece *p)
{
    const bool index = d->state == VMC_HPACK_AT_INDEX;
    vmc_hpack_result r;
    if (d->shift == 0) {
        if (index)
            d->form = vmc_hpack_form(b);
        d->huffman = b >= 0x80u; /* of a length */
    }
    r = vmc_hpack_int(d, b, index ? d->form : VMC_HPACK_STRING);
    if (r != VMC_HPACK_PIECE)
        return r;
    if (index)
        return vmc_hpack_on_index(d, p);
    d->state = (uint8_t)(d->state + (VMC_HPACK_AT_NAME - VMC_HPACK_AT_NAME_LEN));
    d->code = d->before = d->bits = d->left = 0;
    return VMC_HPACK_MORE;
}

/* Octets of a name; r as from vmc_hpack_string. */
VMC_FN vmc_hpack_result vmc_hpack_on_name(vmc_hpack_dec *d, vmc_hpack_result r, viamc_bytes v)
{
    vmc_hpack_add_name(d, v);
    if (r == VMC_HPACK_MORE)
        return r;
    if (d->name_len == 0)
        d->flags |= VMC_HPACK_BAD_NAME;
    d->known = vmc_hpack_classify(viamc_view(d->name, d->name_len));
    return vmc_hpack_start_value(d);
}

/* Octets of a value, likewise. */
VMC_FN vmc_hpack_result vmc_hpack_on_value(vmc_hpack_dec *d, vmc_hpack_result r, viamc_bytes v, vmc_hpack_piece *p)
{
    if (r == VMC_HPACK_MORE && v.len == 0)
        return r;
    vmc_hpack_add_value(d, v, r == VMC_HPACK_PIECE);
    p->name = viamc_view(d->name, d->name_len);
    p->value = v;
    p->known = d->known;
    p->flags = d->flags;
    p->size = d->size;
    d->flags = (uint8_t)(d->flags & ~VMC_HPACK_FIRST);
    if (r == VMC_HPACK_PIECE) {
        p->flags |= VMC_HPACK_LAST;
        d->state = VMC_HPACK_AT_INDEX;
        if (d->form == VMC_HPACK_INSERT)
            vmc_hpack_insert(d);
    }
    return VMC_HPACK_PIECE;
}

/* A string whose octets are all taken goes on without input: an empty one, or one with symbols left to decode. */
VMC_FN bool vmc_hpack_in_hand(const vmc_hpack_dec *d)
{
    return d->number == 0 && d->state >= VMC_HPACK_AT_NAME;
}

/* One octet, or part of a string. */
VMC_FN vmc_hpack_result vmc_hpack_step(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    viamc_bytes v;
    vmc_hpack_result r;
    if (d->state == VMC_HPACK_AT_ERROR)
        return VMC_HPACK_ERROR;
    if (d->state < VMC_HPACK_AT_NAME)
        return vmc_hpack_on_int(d, vmc_rd_u8(in), p);
    r = vmc_hpack_string(d, in, &v);
    if (r == VMC_HPACK_ERROR)
        return r;
    return d->state == VMC_HPACK_AT_NAME ? vmc_hpack_on_name(d, r, v) : vmc_hpack_on_value(d, r, v, p);
}

/* Everything but fields of one octet. */
VMC_APART vmc_hpack_result vmc_hpack_run(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    vmc_hpack_result r = VMC_HPACK_MORE;
    while (r == VMC_HPACK_MORE && (in->left != 0 || vmc_hpack_in_hand(d))) /* a step takes an octet at least, or ends a string */
        r = vmc_hpack_step(d, in, p);
    return r == VMC_HPACK_ERROR ? vmc_hpack_fail(d) : r;
}

VMC_FN vmc_hpack_result vmc_hpack_next(vmc_hpack_dec *d, vmc_rd *in, vmc_hpack_piece *p)
{
    if (VIAMC_SHORTCUTS && (d->state | d->shift) == 0 && in->left != 0 && *in->ptr >= 0x80u && *in->ptr != 0xffu) { /* most fields */
        d->updates = 0;
        return vmc_hpack_get(d, vmc_rd_u8(in) & VMC_HPACK_INDEXED, p);
    }
    return vmc_hpack_run(d, in, p);
}

VMC_FN void vmc_hpack_dec_begin(vmc_hpack_dec *d)
{
    d->updates = VMC_HPACK_UPDATES;
}

VMC_FN bool vmc_hpack_dec_end(const vmc_hpack_dec *d)
{
    return (d->state | d->shift) == 0;
}

VMC_FN void vmc_hpack_dec_init(vmc_hpack_dec *d, uint8_t *arena, uint32_t table_bytes)
{
    VIAMC_ASSERT(table_bytes <= VMC_HPACK_MAX_TABLE && (uintptr_t)arena % 2u == 0);
    VIAMC_MEMSET(d, 0, sizeof *d);
    d->arena = arena;
    d->limit = (uint16_t)vmc_min32(table_bytes, VMC_HPACK_MAX_TABLE);
    d->max = (uint16_t)vmc_min32(d->limit, VMC_HPACK_DEFAULT_TABLE); /* more only after a size update */
}

/* ---- encoder ---- */

#if VMC_HPACK_ENCODER_ENTRIES > 50
#error "VMC_HPACK_ENCODER_ENTRIES must be at most 50: indices have one octet"
#endif

VMC_FN void vmc_hpack_enc_init(vmc_hpack_enc *e)
{
    VIAMC_MEMSET(e, 0, sizeof *e);
    e->max = e->next = VMC_HPACK_ENC_MAX_TABLE;
}

VMC_FN void vmc_hpack_enc_resize(vmc_hpack_enc *e, uint32_t peer_table_bytes)
{
    e->next = (uint16_t)vmc_min32(peer_table_bytes, VMC_HPACK_ENC_MAX_TABLE);
    e->changed = e->changed || e->next != e->max; /* stays: the peer must hear of a size that it had for a moment */
}

VMC_FN void vmc_hpack_enc_reset(vmc_hpack_enc *e)
{
    e->changed = e->changed || e->count != 0;
}

/* Makes an integer behind the high bits of its first octet: up to 6 octets. Answers how many. */
VMC_FN uint32_t vmc_hpack_put_int(uint8_t *to, uint32_t first, uint32_t mask, uint32_t v)
{
    uint32_t n = 1;
    to[0] = (uint8_t)(first | vmc_min32(v, mask));
    if (v < mask)
        return n;
    for (v -= mask; v >= 0x80u; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80u);
    to[n++] = (uint8_t)v;
    return n;
}

VMC_FN bool vmc_hpack_enc_begin(vmc_hpack_enc *e, vmc_wr *w)
{
    uint16_t size = e->next;
    uint8_t *to;
    if (!e->changed)
        return true;
    if (vmc_wr_room(w) < VMC_HPACK_BEGIN_OCTETS)
        return false;
    VIAMC_MEMSET(e, 0, sizeof *e);
    e->max = e->next = size;
    to = w->ptr + w->len;
    to[0] = VMC_HPACK_UPDATE + 1u; /* to 0 */
    w->len += size == 0 ? 1u : 1u + vmc_hpack_put_int(to + 1, VMC_HPACK_UPDATE + 1u, VMC_HPACK_UPDATE, size);
    return true;
}

/* The serial of a key, 0 if the table does not have it. */
VMC_FN uint32_t vmc_hpack_serial(const vmc_hpack_enc *e, uint64_t key)
{
    uint32_t i;
    if (key < VMC_HPACK_FIXED)
        return e->fixed[key];
    for (i = 0; i < e->others; i++)
        if (e->keys[i] == key)
            return e->serials[i];
    return 0;
}

VMC_FN uint8_t vmc_hpack_find(const vmc_hpack_enc *e, uint64_t key)
{
    uint32_t serial = vmc_hpack_serial(e, key);
    return (uint8_t)(serial == 0 ? 0 : 0x80u + VMC_HPACK_STATIC + 1u + e->count - serial);
}

#if VIAMC_SHORTCUTS

VMC_FN uint32_t vmc_hpack_find_fixed(vmc_hpack_enc *e, uint32_t which, uint8_t *to)
{
    const uint32_t newest = 0x80u + VMC_HPACK_STATIC + 1u + e->count;
    uint32_t key, n = 0, left = which;
    if (which != e->ready_for) {
        e->ready_for = 0;
        for (key = 0; left != 0; key++, left >>= 1) {
            if ((left & 1u) == 0)
                continue;
            if (e->fixed[key] == 0 || n == sizeof e->ready)
                return 0;
            e->ready[n++] = (uint8_t)(newest - e->fixed[key]);
        }
        e->ready_len = (uint8_t)n;
        e->ready_for = (uint16_t)which;
    }
    VIAMC_MEMCPY(to, e->ready, sizeof e->ready);
    return e->ready_len;
}

#endif

/* What the field counts in a table. */
VMC_FN size_t vmc_hpack_field_size(const vmc_hpack_field *f)
{
    return f->name.len + f->value[0].len + f->value[1].len + VMC_HPACK_OVERHEAD;
}

/* How the field goes, if the table does not have it. The same from its first octet to its last. */
VMC_FN uint32_t vmc_hpack_choose(const vmc_hpack_enc *e, const vmc_hpack_field *f)
{
    bool place = f->key < VMC_HPACK_FIXED ? f->key != 0 : e->others < VMC_HPACK_ENCODER_ENTRIES;
    bool insert = place && vmc_hpack_field_size(f) <= (size_t)e->max - e->used;
    return insert ? VMC_HPACK_INSERT : VMC_HPACK_LITERAL;
}

/* Where a representation goes. */
typedef struct vmc_hpack_out {
    vmc_wr *w;
    uint32_t done;  /* octets of it that are written, also by earlier calls */
    uint32_t total; /* octets of it up to here */
} vmc_hpack_out;

VMC_FN void vmc_hpack_emit(vmc_hpack_out *o, viamc_bytes v)
{
    size_t from = vmc_min(o->done - o->total, v.len), part = vmc_min(v.len - from, vmc_wr_room(o->w));
    o->total += (uint32_t)v.len;
    o->done += (uint32_t)part;
    if (part != 0)
        vmc_wr_bytes(o->w, v.ptr + from, part);
}

VMC_FN void vmc_hpack_emit_int(vmc_hpack_out *o, uint32_t first, uint32_t mask, size_t v)
{
    uint8_t octets[6];
    vmc_hpack_emit(o, viamc_view(octets, vmc_hpack_put_int(octets, first, mask, (uint32_t)v)));
}

/* Octets as base64, made while it goes. */
VMC_APART void vmc_hpack_emit_base64(vmc_hpack_out *o, viamc_bytes v)
{
    size_t i, n = vmc_base64_size(v.len);
    for (i = 0; i < n; i++, o->total++)
        if (o->done == o->total && vmc_wr_room(o->w) != 0) {
            vmc_wr_u8(o->w, vmc_base64_at(v, i));
            o->done++;
        }
}

VMC_FN void vmc_hpack_emit_literal(vmc_hpack_out *o, const vmc_hpack_field *f, uint32_t form)
{
    vmc_hpack_emit_int(o, form == VMC_HPACK_INSERT ? 0x40u : 0u, form, f->name_index);
    if (f->name_index == 0) {
        vmc_hpack_emit_int(o, 0, VMC_HPACK_STRING, f->name.len);
        vmc_hpack_emit(o, f->name);
    }
    vmc_hpack_emit_int(o, 0, VMC_HPACK_STRING, f->base64 ? vmc_base64_size(f->value[0].len) : f->value[0].len + f->value[1].len);
    if (f->base64) {
        vmc_hpack_emit_base64(o, f->value[0]);
    } else {
        vmc_hpack_emit(o, f->value[0]);
        vmc_hpack_emit(o, f->value[1]);
    }
}

VMC_FN void vmc_hpack_remember(vmc_hpack_enc *e, const vmc_hpack_field *f)
{
    e->count++;
#if VIAMC_SHORTCUTS
    e->ready_for = 0;
#endif
    if (f->key < VMC_HPACK_FIXED) {
        e->fixed[f->key] = e->count;
    } else {
        e->keys[e->others] = f->key;
        e->serials[e->others++] = e->count;
    }
    e->used = (uint16_t)(e->used + vmc_hpack_field_size(f));
}

VMC_FN bool vmc_hpack_put(vmc_hpack_enc *e, const vmc_hpack_field *f, uint32_t *at, vmc_wr *w)
{
    uint32_t indexed = f->full_index != 0 ? 0x80u | f->full_index : vmc_hpack_find(e, f->key), form;
    vmc_hpack_out o;
    if (indexed != 0) {
        if (vmc_wr_room(w) == 0)
            return false;
        vmc_wr_u8(w, indexed);
        return true;
    }
    form = vmc_hpack_choose(e, f);
    o.w = w;
    o.done = *at;
    o.total = 0;
    vmc_hpack_emit_literal(&o, f, form);
    *at = 0;
    if (o.done != o.total)
        *at = o.done;
    else if (form == VMC_HPACK_INSERT)
        vmc_hpack_remember(e, f);
    return o.done == o.total;
}

/* ---- keys ---- */

#define VMC_HPACK_KEY_FACTOR 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio, odd */

/* Another key, or another word, gives another result. Twice: the highest octet of a word reaches only the highest of a product. */
VMC_FN uint64_t vmc_hpack_mix(uint64_t key, uint64_t word)
{
    key = (key ^ word) * VMC_HPACK_KEY_FACTOR;
    return (key << 32 | key >> 32) * VMC_HPACK_KEY_FACTOR;
}

VMC_FN uint64_t vmc_hpack_key(viamc_bytes v)
{
    uint64_t key = (v.len + 1u) * VMC_HPACK_KEY_FACTOR, word = 0; /* spread, else a length could make up for an octet */
    size_t i;
    if (v.len < sizeof word) {
        vmc_copy(&word, v.ptr, v.len);
    } else {
        for (i = 0; v.len - i > sizeof word; i += sizeof word) {
            VIAMC_MEMCPY(&word, v.ptr + i, sizeof word);
            key = vmc_hpack_mix(key, word);
        }
        VIAMC_MEMCPY(&word, v.ptr + v.len - sizeof word, sizeof word); /* the last eight, some of them again */
    }
    key = vmc_hpack_mix(key, word);
    return (key ^ key >> 32) | (uint64_t)1 << 63;
}

#endif
/* ---- end of src/http2/hpack_impl.h ---- */
/* ---- src/http2/h2.h ---- */
/* SPDX-License-Identifier: MIT */
/* http2/h2: HTTP/2 frames to streams and back, both roles (RFC 9113).
 * Octets are handed in and events are pulled; octets to send are written into a window that is handed in.
 * Nothing is queued: what is owed to the peer (acknowledgements, resets, credit) is state, and becomes frames when there is room.
 * Knows hpack. Knows nothing of gRPC, sockets, TLS and time. */
#ifndef VIAMC_HTTP2_H2_H
#define VIAMC_HTTP2_H2_H


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
/* ---- end of src/http2/h2.h ---- */
/* ---- src/http2/h2_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* http2/h2: the parser is one state function per vmc_h2_state, the frame types are one function each;
 * writing comes last. Section numbers are RFC 9113's. */
#ifndef VIAMC_HTTP2_H2_IMPL_H
#define VIAMC_HTTP2_H2_IMPL_H


/* 6: frame types */
enum {
    VMC_H2_F_DATA = 0,
    VMC_H2_F_HEADERS = 1,
    VMC_H2_F_PRIORITY = 2,
    VMC_H2_F_RST_STREAM = 3,
    VMC_H2_F_SETTINGS = 4,
    VMC_H2_F_PUSH_PROMISE = 5,
    VMC_H2_F_PING = 6,
    VMC_H2_F_GOAWAY = 7,
    VMC_H2_F_WINDOW_UPDATE = 8,
    VMC_H2_F_CONTINUATION = 9
};

/* 6: frame flags */
#define VMC_H2_END_STREAM 0x01u
#define VMC_H2_ACK 0x01u
#define VMC_H2_END_HEADERS 0x04u
#define VMC_H2_PADDED 0x08u
#define VMC_H2_PRIORITY 0x20u
#define VMC_H2_KIND(type, flags) ((uint32_t)(type) << 8 | (flags)) /* the two octets together */

/* 6.5.2: settings */
#define VMC_H2_HEADER_TABLE_SIZE 1u
#define VMC_H2_ENABLE_PUSH 2u
#define VMC_H2_MAX_CONCURRENT_STREAMS 3u
#define VMC_H2_INITIAL_WINDOW_SIZE 4u
#define VMC_H2_MAX_FRAME_SIZE 5u
#define VMC_H2_MAX_HEADER_LIST_SIZE 6u

/* Bits of vmc_h2_block.seen: the pseudo fields (8.3) in the order of vmc_name, */
#define VMC_H2_P_STATUS 0x01u
#define VMC_H2_P_METHOD 0x02u
#define VMC_H2_P_SCHEME 0x04u
#define VMC_H2_P_PATH 0x08u
#define VMC_H2_P_AUTHORITY 0x10u
/* and what else is known of the block. */
#define VMC_H2_B_REGULAR 0x20u  /* a regular field was seen: no pseudo field may follow */
#define VMC_H2_B_TRAILERS 0x40u /* the final header block came before */
#define VMC_H2_B_END 0x80u      /* END_STREAM, a flag of its HEADERS frame */

static const char vmc_h2_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* 3.4 */
#define VMC_H2_PREFACE_LEN 24u

VMC_FN void vmc_h2_init(vmc_h2 *h, const vmc_h2_config *cfg)
{
    VIAMC_MEMSET(h, 0, sizeof *h);
    VIAMC_MEMSET(cfg->streams, 0, cfg->count * sizeof cfg->streams[0]);
    h->streams = cfg->streams;
    h->count = cfg->count;
#ifndef VIAMC_NO_SERVER
    h->server = cfg->server;
    h->max_streams = cfg->max_streams;
#endif
    h->window = cfg->window;
    h->header_list = (uint16_t)vmc_min32(cfg->header_list, 0xffffu);
#ifndef VIAMC_NO_TLS
    h->credit_limit = cfg->credit_limit;
#endif
    h->credit = (int32_t)VMC_H2_WINDOW_INIT;
    h->send_window = (int32_t)VMC_H2_WINDOW_INIT;
    h->peer_window = (int32_t)VMC_H2_WINDOW_INIT;
    h->peer_streams = 0xff; /* 6.5.2: no limit until the peer names one */
    h->next_id = 1;
    h->goaway_last = VMC_H2_ID_MAX;
    h->out_slot = VMC_H2_NO_SLOT;
    h->state = VMC_H2_IS_SERVER(cfg) ? VMC_H2_AT_PREFACE : VMC_H2_AT_HEAD;
    h->owed = VMC_H2_OWES_START | VMC_H2_OWES_CREDIT;
    vmc_hpack_dec_init(&h->decoder, cfg->table, cfg->table_bytes);
    vmc_hpack_enc_init(&h->encoder);
}

/* ---- errors ---- */

/* A state function answers with an event, or one of these; vmc_h2_judge carries out those from NOISE on. */
#define VMC_H2_GO 0x20u                             /* go on parsing */
#define VMC_H2_NOISE 0x21u                          /* so too, but the frame moved nothing */
#define VMC_H2_RESET_WITH 0x40u                     /* + a code: the frame's stream cannot go on (5.4.2) */
#define VMC_H2_FAIL(name) (0x80u + VMC_H2_E_##name) /* the connection cannot go on (5.4.1) */

/* What ends a connection: name, code of section 7, text. */
#define VMC_H2_ERRORS(X) \
    X(NONE, NO_ERROR, "") \
    X(NOISE, ENHANCE_YOUR_CALM, "flood of frames that do nothing") \
    X(PREFACE, PROTOCOL_ERROR, "peer does not speak HTTP/2") \
    X(WINDOW, FLOW_CONTROL_ERROR, "more DATA than the connection's window") \
    X(STREAM_WINDOW, FLOW_CONTROL_ERROR, "more DATA than the stream's window") \
    X(STREAMS, ENHANCE_YOUR_CALM, "flood of streams") \
    X(ENDLESS_BLOCK, ENHANCE_YOUR_CALM, "header block without end") \
    X(SETTINGS_LEN, FRAME_SIZE_ERROR, "SETTINGS of a wrong length") \
    X(SETTINGS, ENHANCE_YOUR_CALM, "flood of SETTINGS") \
    X(LEN, FRAME_SIZE_ERROR, "frame of a wrong length") \
    X(WRONG_STREAM, PROTOCOL_ERROR, "frame on a wrong stream") \
    X(IDLE, PROTOCOL_ERROR, "frame on an idle stream") \
    X(NO_SETTINGS, PROTOCOL_ERROR, "peer does not speak HTTP/2: its first frame is not SETTINGS") \
    X(LARGE, FRAME_SIZE_ERROR, "frame larger than announced") \
    X(CONTINUATION, PROTOCOL_ERROR, "CONTINUATION out of place") \
    X(PADDING, PROTOCOL_ERROR, "padding longer than the frame") \
    X(EMPTY, ENHANCE_YOUR_CALM, "flood of empty DATA") \
    X(CUT_FIELD, COMPRESSION_ERROR, "header block ends inside a field") \
    X(HPACK, COMPRESSION_ERROR, "header block cannot be decoded") \
    X(ENDLESS_LIST, ENHANCE_YOUR_CALM, "header list without end") \
    X(PEER_WINDOW, FLOW_CONTROL_ERROR, "SETTINGS with a window above 2^31-1") \
    X(LIFTED_WINDOW, FLOW_CONTROL_ERROR, "SETTINGS lift a window above 2^31-1") \
    X(PUSH, PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH out of range") \
    X(FRAME_MAX, PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of range") \
    X(PINGS, ENHANCE_YOUR_CALM, "flood of PING") \
    X(GOAWAY, PROTOCOL_ERROR, "GOAWAY takes streams back") \
    X(CREDIT_0, PROTOCOL_ERROR, "WINDOW_UPDATE of 0") \
    X(CREDIT, FLOW_CONTROL_ERROR, "WINDOW_UPDATE out of range")

#define VMC_H2_X(name, code, text) VMC_H2_E_##name,
enum { VMC_H2_ERRORS(VMC_H2_X) VMC_H2_E_COUNT };
#undef VMC_H2_X

#define VMC_H2_X(name, code, text) VMC_H2_##code,
static const uint8_t vmc_h2_codes[] = {VMC_H2_ERRORS(VMC_H2_X)};
#undef VMC_H2_X

/* Why the connection is broken. */
VMC_FN const char *vmc_h2_what(const vmc_h2 *h)
{
#ifdef VIAMC_NO_STRINGS
    (void)h;
    return "";
#else
#define VMC_H2_X(name, code, text) text,
    static const char *const texts[] = {VMC_H2_ERRORS(VMC_H2_X)};
#undef VMC_H2_X
    return texts[h->broken];
#endif
}

/* Marks a stream for RST_STREAM; the slot is free when that is sent. */
VMC_FN void vmc_h2_reset(vmc_h2 *h, uint8_t slot, uint32_t code)
{
    vmc_h2_stream *s = &h->streams[slot];
    if (s->id == 0 || (s->flags & VMC_H2_RESET_DUE) != 0)
        return;
    s->flags |= VMC_H2_RESET_DUE;
    s->due = code & VMC_H2_DUE_MAX;
    h->owed |= VMC_H2_OWES_CHORES;
    if (s == h->stream)
        h->stream = NULL;
}

/* Carries out what a state function found to be wrong. */
VMC_APART uint32_t vmc_h2_judge(vmc_h2 *h, uint32_t found, vmc_h2_event *ev)
{
    if (found == VMC_H2_NOISE && ++h->noise <= VMC_H2_MAX_NOISE) /* bounded, so that a flood ends (10.5) */
        return VMC_H2_GO;
    if (found >= VMC_H2_RESET_WITH && found < VMC_H2_FAIL(NONE)) {
        ev->code = found - VMC_H2_RESET_WITH;
        vmc_h2_reset(h, h->slot, ev->code);
        return VMC_H2_STREAM_ERROR;
    }
    h->broken = (uint8_t)((found == VMC_H2_NOISE ? VMC_H2_FAIL(NOISE) : found) - VMC_H2_FAIL(NONE));
    h->goaway_code = vmc_h2_codes[h->broken]; /* tells the peer why */
    h->owed |= VMC_H2_OWES_GOAWAY;
    h->state = VMC_H2_AT_END;
    return VMC_H2_FAILED;
}

/* ---- streams ---- */

/* The connection's window is credited when half of it is used up. */
VMC_FN void vmc_h2_watch_credit(vmc_h2 *h)
{
    if (h->credit <= (int32_t)(VMC_H2_WINDOW_MAX / 2u))
        h->owed |= VMC_H2_OWES_CREDIT;
}

VMC_FN bool vmc_h2_is_free(const vmc_h2 *h, uint8_t slot)
{
    return h->streams[slot].id == 0;
}

/* A stream that still takes part: not free and not about to be reset. */
VMC_FN bool vmc_h2_is_live(const vmc_h2 *h, uint8_t slot)
{
    return slot != VMC_H2_NO_SLOT && h->streams[slot].id != 0 && (h->streams[slot].flags & VMC_H2_RESET_DUE) == 0;
}

/* Preface and SETTINGS were sent, and nothing has broken the connection. */
VMC_FN bool vmc_h2_is_up(const vmc_h2 *h)
{
    return (h->owed & VMC_H2_OWES_START) == 0 && h->state != VMC_H2_AT_END;
}

VMC_FN uint8_t vmc_h2_find(const vmc_h2 *h, uint32_t id)
{
    uint8_t i;
    for (i = 0; i < h->count; i++)
        if (h->streams[i].id == id)
            return i;
    return VMC_H2_NO_SLOT;
}

VMC_FN uint8_t vmc_h2_free_slot(const vmc_h2 *h)
{
    return vmc_h2_find(h, 0);
}

/* Octets that may still come on a stream: its credit, and what is left of a DATA frame whose header was taken off the credit. */
VMC_FN int32_t vmc_h2_expected(const vmc_h2 *h, uint8_t slot)
{
    bool in_frame = h->slot == slot && h->type == VMC_H2_F_DATA && (h->state == VMC_H2_AT_DATA || h->state == VMC_H2_AT_FIXED);
    return h->streams[slot].credit + (in_frame ? (int32_t)(h->left - h->padding) : 0);
}

/* Octets that the peer may have on its way to us, resets not yet confirmed included. */
VMC_FN uint32_t vmc_h2_outstanding(const vmc_h2 *h)
{
    uint32_t n = VMC_H2_ZOMBIES(h);
    uint8_t i;
    for (i = 0; i < h->count; i++) {
        int32_t expected = vmc_h2_expected(h, i);
        if (h->streams[i].id != 0 && expected > 0)
            n += (uint32_t)expected;
    }
    return n;
}

/* True if one more stream may be opened while `spare` of those that the peer permits stay unused;
 * a peer that permits so few still leaves one. */
VMC_FN bool vmc_h2_may_open(const vmc_h2 *h, uint32_t spare)
{
    uint32_t limit = h->peer_streams > spare ? h->peer_streams - spare : vmc_min32(h->peer_streams, 1);
    if (h->goaway_got || h->state == VMC_H2_AT_END || h->next_id > VMC_H2_ID_MAX || h->open >= limit)
        return false;
    return VMC_H2_LIMIT(h) == 0 || vmc_h2_outstanding(h) + (spare + 1u) * h->window <= VMC_H2_LIMIT(h);
}

/* Client: gives slot the next id. Only when vmc_h2_may_open, just before its header block. */
VMC_FN void vmc_h2_open(vmc_h2 *h, uint8_t slot)
{
    vmc_h2_stream *s = &h->streams[slot];
    VIAMC_MEMSET(s, 0, sizeof *s);
    s->id = h->next_id;
    s->send_window = h->peer_window;
    s->credit = (int32_t)h->window;
    h->next_id += 2;
    h->open++;
}

/* Server: the request that is just being received gets another slot, which is free. */
VMC_FN void vmc_h2_move(vmc_h2 *h, uint8_t slot, uint8_t to)
{
    vmc_h2_stream s = h->streams[slot];
    h->streams[slot].id = 0;
    h->streams[slot].flags = 0;
    h->streams[to] = s;
    h->slot = to;
    h->stream = &h->streams[to];
}

#ifndef VIAMC_NO_TLS

/* Credit of a stream that was reset may still be used: it counts until a PING sent after the reset is answered. */
VMC_FN void vmc_h2_bury(vmc_h2 *h, uint32_t credit)
{
    h->zombies += credit;
    if (h->credit_limit != 0 && h->zombies != 0 && h->zombies_ping == 0)
        h->owed |= VMC_H2_OWES_PING;
}

/* That PING was answered: whatever was on its way before it has come. */
VMC_FN void vmc_h2_forget_resets(vmc_h2 *h)
{
    h->zombies_ping = 0;
    vmc_h2_bury(h, 0);
}

/* Is the PING that goes out to be that one? One of them at a time. */
VMC_FN bool vmc_h2_ask_of_resets(vmc_h2 *h)
{
    if (h->credit_limit == 0 || h->zombies == 0 || h->zombies_ping != 0)
        return false;
    h->zombies_ping = h->zombies;
    h->zombies = 0;
    return true;
}

#endif

VMC_FN void vmc_h2_free(vmc_h2 *h, uint8_t slot)
{
    vmc_h2_stream *s = &h->streams[slot];
#ifndef VIAMC_NO_TLS
    const int32_t expected = vmc_h2_expected(h, slot);
    if (h->credit_limit != 0 && (s->flags & VMC_H2_REMOTE_END) == 0 && expected > 0)
        vmc_h2_bury(h, (uint32_t)expected);
#endif
    s->id = 0;
    s->due = 0;
    s->flags = 0;
    h->open--;
    if (slot == h->slot) { /* the rest of the frame that is being received is nobody's, whoever gets the slot next */
        h->stream = NULL;
        h->slot = VMC_H2_NO_SLOT;
    }
}

/* The owner of the slot is done with it: a stream that both sides ended is free at once, another one is reset. */
VMC_FN void vmc_h2_release(vmc_h2 *h, uint8_t slot, uint32_t code)
{
    const uint8_t ends = VMC_H2_LOCAL_END | VMC_H2_REMOTE_END;
    if (h->streams[slot].id == 0)
        return;
    if ((h->streams[slot].flags & ends) == ends)
        vmc_h2_free(h, slot);
    else
        vmc_h2_reset(h, slot, code);
}

/* Most octets that one stream may have on its way. Where a TLS record must fit (credit_limit), every stream keeps its window and one
 * of them may have what is left over (design.md 2, invariants 2 and 3). */
VMC_FN uint32_t vmc_h2_most(const vmc_h2 *h)
{
    if (VMC_H2_LIMIT(h) == 0)
        return VMC_H2_WINDOW_MAX / 2u;
    return h->window + VMC_H2_LIMIT(h) - vmc_min32(VMC_H2_LIMIT(h), h->count * h->window);
}

/* Says how many octets of `slot` have room here and how many the message under way needs. What the peer may send less than the room is
 * owed to it; WINDOW_UPDATE goes out when half a window is owed, or when the message cannot go on without. */
VMC_FN void vmc_h2_room(vmc_h2 *h, uint8_t slot, uint32_t room, uint32_t needs)
{
    vmc_h2_stream *s = &h->streams[slot];
    uint32_t most = vmc_h2_most(h);
    int32_t expected = vmc_h2_expected(h, slot), owed = (int32_t)vmc_min32(room, most) - expected;
    if (!vmc_h2_is_live(h, slot) || (s->flags & VMC_H2_REMOTE_END) != 0)
        return;
    if (VMC_H2_LIMIT(h) != 0) /* credit of reset streams may still be used */
        owed = (int32_t)vmc_min32((uint32_t)(owed > 0 ? owed : 0), VMC_H2_LIMIT(h) - vmc_min32(VMC_H2_LIMIT(h), vmc_h2_outstanding(h)));
    if (owed <= 0) {
        s->due = 0;
    } else if (s->due != 0 || (uint32_t)owed >= h->window / 2u || expected < (int32_t)vmc_min32(needs, most / 2u)) {
        s->due = vmc_min32((uint32_t)owed, VMC_H2_DUE_MAX) & VMC_H2_DUE_MAX;
        h->owed |= VMC_H2_OWES_CHORES;
    }
}

/* ---- receiving: frame headers ---- */

/* The same, if they come in pieces: they are put together in small[]. */
VMC_APART const uint8_t *vmc_h2_collect_pieces(vmc_h2 *h, vmc_rd *in, uint32_t n)
{
    const uint8_t *p = in->ptr;
    size_t k = vmc_rd_skip(in, n - h->small_len);
    vmc_copy(h->small + h->small_len, p, k);
    h->small_len = (uint8_t)(h->small_len + k);
    if (h->small_len != n)
        return NULL;
    h->small_len = 0;
    return h->small;
}

/* The next n octets of the frame. NULL: they have not all come. */
VMC_FN const uint8_t *vmc_h2_collect(vmc_h2 *h, vmc_rd *in, uint32_t n)
{
    const uint8_t *p = in->ptr;
    if (h->small_len != 0 || in->left < n)
        return vmc_h2_collect_pieces(h, in, n);
    (void)vmc_rd_skip(in, n);
    return p;
}

/* Octets of the frame that are left have no meaning; without any the next frame's header comes. */
VMC_FN void vmc_h2_skip(vmc_h2 *h)
{
    h->state = h->left == 0 ? VMC_H2_AT_HEAD : VMC_H2_AT_SKIP;
}

VMC_FN uint32_t vmc_h2_on_preface(vmc_h2 *h, vmc_rd *in)
{
    while (in->left != 0 && h->small_len < VMC_H2_PREFACE_LEN)
        if (vmc_rd_u8(in) != (uint8_t)vmc_h2_preface[h->small_len++])
            return VMC_H2_FAIL(PREFACE);
    if (h->small_len < VMC_H2_PREFACE_LEN)
        return VMC_H2_MORE;
    h->small_len = 0;
    h->state = VMC_H2_AT_HEAD;
    return VMC_H2_GO;
}

/* What follows the fixed octets of DATA and HEADERS. */
VMC_FN uint8_t vmc_h2_body(const vmc_h2 *h)
{
    return h->type == VMC_H2_F_DATA ? VMC_H2_AT_DATA : VMC_H2_AT_BLOCK;
}

/* The frame has n fixed octets. */
VMC_FN uint32_t vmc_h2_fix(vmc_h2 *h, uint32_t n, uint32_t found)
{
    h->fixed = (uint8_t)n;
    h->state = n != 0 ? (uint8_t)VMC_H2_AT_FIXED : vmc_h2_body(h);
    return h->left < n ? VMC_H2_FAIL(LEN) : found;
}

/* True if the frame's stream was never opened: an id of the other side, or of the future, which a server's client opens by HEADERS. */
VMC_FN bool vmc_h2_is_idle(const vmc_h2 *h)
{
    return h->id % 2u == 0 || (h->id >= h->next_id && !(VMC_H2_IS_SERVER(h) && h->type == VMC_H2_F_HEADERS));
}

/* 6.1, 6.9: every octet of the frame counts in both windows, padding included. */
VMC_FN uint32_t vmc_h2_begin_data(vmc_h2 *h)
{
    vmc_h2_stream *s = h->stream;
    const int32_t n = (int32_t)h->left;
    if (n > h->credit)
        return VMC_H2_FAIL(WINDOW);
    h->credit -= n;
    vmc_h2_watch_credit(h);
    if (s == NULL)
        return VMC_H2_NOISE;
    if (n > s->credit)
        return VMC_H2_FAIL(STREAM_WINDOW);
    s->credit -= n;
    if ((s->flags & VMC_H2_REMOTE_END) != 0)
        return VMC_H2_RESET_WITH + VMC_H2_STREAM_CLOSED;
    return (s->flags & VMC_H2_GOT_FINAL) != 0 ? VMC_H2_GO : VMC_H2_RESET_WITH + VMC_H2_PROTOCOL_ERROR;
}

VMC_FN void vmc_h2_block_begin(vmc_h2 *h)
{
    VIAMC_MEMSET(&h->block, 0, sizeof h->block);
    h->block.open = true;
    h->block.seen = (h->flags & VMC_H2_END_STREAM) != 0 ? VMC_H2_B_END : 0;
    h->block.octets = h->left;
    vmc_hpack_dec_begin(&h->decoder);
}

#ifndef VIAMC_NO_SERVER

/* Server: one stream more than we permit. Ids in a row, so that any number of refusals is two numbers. */
VMC_FN uint32_t vmc_h2_refuse(vmc_h2 *h)
{
    if (h->refused != 0 && h->id != h->refused_last + 2u)
        return VMC_H2_FAIL(STREAMS);
    if (h->refused == 0)
        h->refused = h->id;
    h->refused_last = h->id;
    h->owed |= VMC_H2_OWES_REFUSALS;
    h->slot = VMC_H2_NO_SLOT; /* its block is decoded and dropped */
    return VMC_H2_NOISE;
}

/* Server: a new id opens a stream (5.1.1), or is refused (5.1.2). */
VMC_FN uint32_t vmc_h2_accept(vmc_h2 *h)
{
    vmc_h2_stream *s;
    h->next_id = h->id + 2u;
    h->slot = vmc_h2_free_slot(h);
    if (h->slot == VMC_H2_NO_SLOT || h->refused != 0 || h->goaway_sent)
        return vmc_h2_refuse(h);
    s = h->stream = &h->streams[h->slot];
    VIAMC_MEMSET(s, 0, sizeof *s);
    s->id = h->id;
    s->send_window = h->peer_window;
    s->credit = (int32_t)(h->acked ? h->window : VMC_H2_WINDOW_INIT);
    s->flags = h->acked ? 0 : VMC_H2_EARLY;
    h->open++;
    return VMC_H2_OPENED;
}

#endif

VMC_FN uint32_t vmc_h2_begin_headers(vmc_h2 *h)
{
    vmc_h2_block_begin(h);
#ifndef VIAMC_NO_SERVER
    if (h->server && h->id >= h->next_id)
        return vmc_h2_accept(h);
#endif
    if (h->stream == NULL)
        return VMC_H2_NOISE;
    if ((h->stream->flags & VMC_H2_REMOTE_END) != 0)
        return VMC_H2_RESET_WITH + VMC_H2_STREAM_CLOSED;
    if ((h->stream->flags & VMC_H2_GOT_FINAL) != 0)
        h->block.seen |= VMC_H2_B_TRAILERS;
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_begin_continuation(vmc_h2 *h)
{
    vmc_h2_block *b = &h->block;
    b->octets += h->left;
    if (++b->continuations > VMC_H2_MAX_CONTINUATIONS || b->octets > VMC_H2_MAX_BLOCK_BYTES)
        return VMC_H2_FAIL(ENDLESS_BLOCK);
    h->flags &= VMC_H2_END_HEADERS; /* 6.10 defines no other flag */
    h->state = VMC_H2_AT_BLOCK;
    return VMC_H2_GO;
}

/* The peer acknowledged our SETTINGS: from now on it keeps to our window (server: early streams lose what they had too much). */
VMC_FN uint32_t vmc_h2_on_settings_ack(vmc_h2 *h)
{
    uint8_t i;
    if (VMC_H2_IS_SERVER(h) && !h->acked)
        for (i = 0; i < h->count; i++)
            if ((h->streams[i].flags & VMC_H2_EARLY) != 0) {
                h->streams[i].credit += (int32_t)h->window - (int32_t)VMC_H2_WINDOW_INIT;
                h->streams[i].flags &= (uint8_t)~VMC_H2_EARLY;
            }
    h->acked = true;
    return h->left != 0 ? VMC_H2_FAIL(SETTINGS_LEN) : VMC_H2_NOISE;
}

/* 6.5.3: a SETTINGS frame has been applied as a whole. */
VMC_FN uint32_t vmc_h2_end_settings(vmc_h2 *h)
{
    h->got_settings = true;
    h->settings_due++;
    h->owed |= VMC_H2_OWES_ACKS;
    return VMC_H2_NOISE;
}

VMC_FN uint32_t vmc_h2_begin_settings(vmc_h2 *h)
{
    if ((h->flags & VMC_H2_ACK) != 0) /* it is owed nothing */
        return vmc_h2_on_settings_ack(h);
    if (h->left % 6u != 0)
        return VMC_H2_FAIL(SETTINGS_LEN);
    if (h->left > 6u * VMC_H2_MAX_SETTINGS_ENTRIES || h->settings_due >= VMC_H2_MAX_SETTINGS)
        return VMC_H2_FAIL(SETTINGS);
    return h->left != 0 ? vmc_h2_fix(h, 6, VMC_H2_GO) : vmc_h2_end_settings(h);
}

/* What holds for a type of frame: on stream 0, on others, on those that were opened only, and how many fixed octets it has. */
#define VMC_H2_RULE_LEN 0x0fu
#define VMC_H2_RULE_CONNECTION 0x20u
#define VMC_H2_RULE_STREAM 0x40u
#define VMC_H2_RULE_OPENED 0x80u
#define VMC_H2_RULE_ANY (VMC_H2_RULE_CONNECTION | VMC_H2_RULE_STREAM)
static const uint8_t vmc_h2_rules[] = {
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED,      /* DATA */
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED,      /* HEADERS */
    VMC_H2_RULE_STREAM,                           /* PRIORITY */
    VMC_H2_RULE_STREAM | VMC_H2_RULE_OPENED | 4u, /* RST_STREAM */
    VMC_H2_RULE_CONNECTION,                       /* SETTINGS */
    0,                                            /* PUSH_PROMISE: push is off */
    VMC_H2_RULE_CONNECTION | 8u,                  /* PING */
    VMC_H2_RULE_CONNECTION | 8u,                  /* GOAWAY: a text may follow */
    VMC_H2_RULE_ANY | VMC_H2_RULE_OPENED | 4u,    /* WINDOW_UPDATE */
    VMC_H2_RULE_STREAM                            /* CONTINUATION */
};

/* 5.5: unknown types are ignored. 5.3.2: so is priority; only its length can be wrong, and that is the stream's error. */
VMC_FN uint32_t vmc_h2_begin_other(vmc_h2 *h, uint32_t len)
{
    if (h->type == VMC_H2_F_SETTINGS)
        return vmc_h2_begin_settings(h);
    if (h->type == VMC_H2_F_CONTINUATION)
        return vmc_h2_begin_continuation(h);
    if (len != 0)
        return vmc_h2_fix(h, len, h->left > len && h->type != VMC_H2_F_GOAWAY ? VMC_H2_FAIL(LEN) : VMC_H2_GO);
    vmc_h2_skip(h);
    return h->type == VMC_H2_F_PRIORITY && h->left != 5u && h->stream != NULL ? VMC_H2_RESET_WITH + VMC_H2_FRAME_SIZE_ERROR : VMC_H2_NOISE;
}

VMC_FN void vmc_h2_find_stream(vmc_h2 *h)
{
    h->slot = vmc_h2_find(h, h->id);
    h->stream = vmc_h2_is_live(h, h->slot) ? &h->streams[h->slot] : NULL; /* id 0 finds a free slot, or none */
    if (h->stream == NULL)
        h->slot = VMC_H2_NO_SLOT;
}

VMC_FN uint32_t vmc_h2_begin_frame(vmc_h2 *h)
{
    const uint32_t rule = h->type < sizeof vmc_h2_rules ? vmc_h2_rules[h->type] : VMC_H2_RULE_ANY, padded = (h->flags & VMC_H2_PADDED) != 0;
    if ((rule & (h->id == 0 ? VMC_H2_RULE_CONNECTION : VMC_H2_RULE_STREAM)) == 0)
        return VMC_H2_FAIL(WRONG_STREAM);
    if ((rule & VMC_H2_RULE_OPENED) != 0 && h->id != 0 && vmc_h2_is_idle(h))
        return VMC_H2_FAIL(IDLE);
    if (h->stream == NULL || h->stream->id != h->id) /* else as the frame before: most of them */
        vmc_h2_find_stream(h);
    if (h->type == VMC_H2_F_DATA)
        return vmc_h2_fix(h, padded, vmc_h2_begin_data(h));
    if (h->type == VMC_H2_F_HEADERS) /* 6.2: they may have a priority */
        return vmc_h2_fix(h, padded + ((h->flags & VMC_H2_PRIORITY) != 0 ? 5u : 0), vmc_h2_begin_headers(h));
    return vmc_h2_begin_other(h, rule & VMC_H2_RULE_LEN);
}

/* 4.1: the nine octets of a frame header; what is wrong whatever the type. */
VMC_APART uint32_t vmc_h2_on_head(vmc_h2 *h, const uint8_t *p)
{
    const uint32_t id = vmc_be32(p + 5) & VMC_H2_ID_MAX; /* the reserved bit is ignored */
    h->left = vmc_be24(p);
    h->padding = 0;
    h->type = p[3];
    h->flags = p[4];
    if (!h->got_settings && (h->type != VMC_H2_F_SETTINGS || (h->flags & VMC_H2_ACK) != 0))
        return VMC_H2_FAIL(NO_SETTINGS);
    if (h->left > VMC_H2_FRAME_MAX)
        return VMC_H2_FAIL(LARGE);
    if (h->block.open != (h->type == VMC_H2_F_CONTINUATION) || (h->block.open && id != h->id))
        return VMC_H2_FAIL(CONTINUATION);
    h->id = id;
    return vmc_h2_begin_frame(h);
}

/* ---- receiving: DATA ---- */

VMC_FN uint32_t vmc_h2_on_data(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    uint32_t body = h->left - h->padding;
    bool last;
    if (body != 0 && in->left == 0)
        return VMC_H2_MORE;
    ev->data.ptr = in->ptr;
    ev->data.len = vmc_rd_skip(in, body);
    h->left -= (uint32_t)ev->data.len;
    last = h->left == h->padding;
    if (last)
        vmc_h2_skip(h);
    ev->end = last && (h->flags & VMC_H2_END_STREAM) != 0;
    if (ev->data.len != 0 || ev->end)
        h->empty = 0;
    else if (++h->empty > VMC_H2_MAX_EMPTY) /* without octets and without end it moves nothing (10.5) */
        return VMC_H2_FAIL(EMPTY);
    if (h->stream == NULL) /* ended meanwhile: dropped */
        return VMC_H2_GO;
    if (ev->data.len != 0)
        h->noise = 0;
    if (ev->end)
        h->stream->flags |= VMC_H2_REMOTE_END;
    if (ev->data.len != 0 || ev->end || (last && (h->flags & VMC_H2_PADDED) != 0)) /* padding is credited too */
        return VMC_H2_DATA;
    return VMC_H2_GO;
}

/* ---- receiving: header blocks ---- */

/* 8.2, 8.3: rules that hold for a field's name and its place in the block. */
VMC_FN void vmc_h2_check_name(vmc_h2 *h, uint32_t known)
{
    const uint32_t legal = VMC_H2_IS_SERVER(h) ? VMC_H2_P_METHOD | VMC_H2_P_SCHEME | VMC_H2_P_PATH | VMC_H2_P_AUTHORITY : VMC_H2_P_STATUS;
    vmc_h2_block *b = &h->block;
    uint32_t bit = VMC_H2_B_REGULAR;
    bool bad = known == VMC_NAME_CONNECTION;
    if (known - VMC_NAME_STATUS <= VMC_NAME_PSEUDO - VMC_NAME_STATUS) {
        bit = 1u << (known - VMC_NAME_STATUS);
        bad = (bit & legal) == 0 || (b->seen & (bit | VMC_H2_B_TRAILERS | VMC_H2_B_REGULAR)) != 0; /* once, and in front */
    }
    if (bad)
        b->wrong = VMC_H2_PROTOCOL_ERROR;
    b->seen = (uint8_t)(b->seen | bit);
    b->fields++;
}

/* :status is three digits, the first is not 0 (8.3.2), wherever its pieces are cut. */
VMC_FN void vmc_h2_take_status(vmc_h2_block *b, viamc_bytes v)
{
    size_t i;
    for (i = 0; i < v.len; i++) {
        uint32_t digit = v.ptr[i] - (uint32_t)'0';
        if (digit > 9u || b->status >= 100u || (digit | b->status) == 0)
            b->wrong = VMC_H2_PROTOCOL_ERROR;
        else
            b->status = (uint16_t)(b->status * 10u + digit);
    }
}

/* Books one piece of a field; true if it is to be handed up. */
VMC_FN bool vmc_h2_take_piece(vmc_h2 *h, const vmc_hpack_piece *p)
{
    vmc_h2_block *b = &h->block;
    if ((p->flags & VMC_HPACK_FIRST) != 0)
        vmc_h2_check_name(h, p->known);
    if (p->known == VMC_NAME_STATUS)
        vmc_h2_take_status(b, p->value);
    if ((p->flags & VMC_HPACK_LAST) != 0) {
        b->list += p->size;
        if (b->list > h->header_list)
            b->wrong = VMC_H2_ENHANCE_YOUR_CALM;
        if ((p->flags & (VMC_HPACK_BAD_NAME | VMC_HPACK_BAD_VALUE)) != 0)
            b->wrong = VMC_H2_PROTOCOL_ERROR;
    }
    return h->stream != NULL && b->wrong == 0 && p->known != VMC_NAME_STATUS && (b->status == 0 || b->status >= 200u);
}

/* Final header block of a response: 1xx are skipped, 101 has no meaning in HTTP/2 (8.6). */
VMC_FN bool vmc_h2_response_ok(vmc_h2 *h, vmc_h2_stream *s)
{
    vmc_h2_block *b = &h->block;
    if (b->status < 100u || b->status == 101u)
        return false;
    if (b->status >= 200u) {
        h->informational = 0;
        s->flags |= VMC_H2_GOT_FINAL;
        return true;
    }
    return (b->seen & VMC_H2_B_END) == 0 && ++h->informational <= VMC_H2_MAX_INFORMATIONAL;
}

/* First header block of a request. */
VMC_FN bool vmc_h2_request_ok(vmc_h2 *h, vmc_h2_stream *s)
{
    const uint8_t needed = VMC_H2_P_METHOD | VMC_H2_P_SCHEME | VMC_H2_P_PATH;
    s->flags |= VMC_H2_GOT_FINAL;
    return (h->block.seen & needed) == needed;
}

#if VIAMC_SHORTCUTS

/* The block that begins: is it one that was seen before? Then it is taken as a whole. One that may come again is noted. */
VMC_FN bool vmc_h2_memo_take(vmc_h2 *h, vmc_rd *in)
{
    const uint32_t k = (h->block.seen & VMC_H2_B_TRAILERS) != 0;
    uint64_t octets = 0;
    uint32_t i;
    if (VMC_H2_IS_SERVER(h) || h->stream == NULL || (h->stream->flags & VMC_H2_ALL_FIELDS) != 0)
        return false;
    if ((h->flags & ~VMC_H2_END_STREAM) != VMC_H2_END_HEADERS || h->left > sizeof octets || h->left > in->left)
        return false; /* not in one piece */
    for (i = 0; i < h->left && in->ptr[i] >= 0x80u && in->ptr[i] != 0xffu; i++)
        octets = octets << 8 | in->ptr[i];
    if (i != h->left)
        return false;
    h->block.memo = (uint8_t)i;
    if (h->memo_len[k] == i && h->memo[k] == octets) {
        (void)vmc_rd_skip(in, i);
        h->left = 0;
        h->block.status = k != 0 ? 0 : 200u;
        return true;
    }
    h->memo_len[k] = 0;
    h->memo[k] = octets;
    return false;
}

/* The block was right: the same octets will mean the same, until the decoder's table changes. */
VMC_FN void vmc_h2_memo_keep(vmc_h2 *h, vmc_h2_event *ev)
{
    const uint32_t k = (h->block.seen & VMC_H2_B_TRAILERS) != 0;
    ev->repeats = false;
    ev->memo = 0;
    if (h->block.memo == 0 || (k == 0 && h->block.status != 200u))
        return;
    ev->repeats = h->memo_len[k] != 0;
    ev->memo = (uint8_t)(k + 1u);
    h->memo_len[k] = h->block.memo;
}

/* The owner cannot keep what the fields of this block said. */
VMC_FN void vmc_h2_memo_drop(vmc_h2 *h, uint8_t memo)
{
    h->memo_len[memo - 1u] = 0;
}

#endif

/* The whole block is there: is it what may come now on this stream? */
VMC_FN uint32_t vmc_h2_end_block(vmc_h2 *h, vmc_h2_event *ev)
{
    vmc_h2_block *b = &h->block;
    vmc_h2_stream *s = h->stream;
    bool ok;
    b->open = false;
#if VIAMC_SHORTCUTS
    if (h->decoder.changed)
        h->memo_len[0] = h->memo_len[1] = 0;
    h->decoder.changed = false;
#endif
    vmc_h2_skip(h); /* padding */
    if (!vmc_hpack_dec_end(&h->decoder))
        return VMC_H2_FAIL(CUT_FIELD);
    if (s == NULL)
        return VMC_H2_GO;
    if (b->wrong != 0)
        return VMC_H2_RESET_WITH + b->wrong;
    if ((b->seen & VMC_H2_B_TRAILERS) != 0)
        ok = (b->seen & VMC_H2_B_END) != 0; /* trailers end the stream (8.1) */
    else
        ok = VMC_H2_IS_SERVER(h) ? vmc_h2_request_ok(h, s) : vmc_h2_response_ok(h, s);
    if (!ok)
        return VMC_H2_RESET_WITH + VMC_H2_PROTOCOL_ERROR;
    if (b->status != 0 && b->status < 200u)
        return VMC_H2_NOISE;
    h->noise = 0;
    ev->end = (b->seen & VMC_H2_B_END) != 0;
    if (ev->end)
        s->flags |= VMC_H2_REMOTE_END;
    ev->status = b->status;
#if VIAMC_SHORTCUTS
    vmc_h2_memo_keep(h, ev);
#endif
    return VMC_H2_BLOCK_END;
}

VMC_FN uint32_t vmc_h2_on_block(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    const size_t most = vmc_min(in->left, h->left - h->padding), rest = in->left - most;
    vmc_hpack_result r;
#if VIAMC_SHORTCUTS
    if (h->block.octets == h->left && h->left != 0 && vmc_h2_memo_take(h, in)) /* no octet of it was looked at */
        return vmc_h2_end_block(h, ev);
#endif
    in->left = most;
    r = vmc_hpack_next(&h->decoder, in, &ev->piece);
    h->left -= (uint32_t)(most - in->left);
    in->left += rest;
    if (r == VMC_HPACK_ERROR)
        return VMC_H2_FAIL(HPACK);
    if (r == VMC_HPACK_PIECE) {
        bool up = vmc_h2_take_piece(h, &ev->piece);
        if (h->block.list > VMC_H2_MAX_LIST_BYTES || h->block.fields > VMC_H2_MAX_FIELDS)
            return VMC_H2_FAIL(ENDLESS_LIST);
        if (up)
            return VMC_H2_FIELD;
        return VMC_H2_GO;
    }
    if (h->left != h->padding)
        return VMC_H2_MORE;
    if ((h->flags & VMC_H2_END_HEADERS) != 0)
        return vmc_h2_end_block(h, ev);
    vmc_h2_skip(h); /* padding, then CONTINUATION */
    return VMC_H2_GO;
}

/* ---- receiving: the small frames ---- */

/* 6.9.2: a new initial window moves the window of every open stream. */
VMC_FN uint32_t vmc_h2_set_peer_window(vmc_h2 *h, uint32_t value)
{
    int32_t delta;
    uint8_t i;
    if (value > VMC_H2_WINDOW_MAX)
        return VMC_H2_FAIL(PEER_WINDOW);
    delta = (int32_t)value - h->peer_window;
    h->peer_window = (int32_t)value;
    for (i = 0; i < h->count; i++) {
        vmc_h2_stream *s = &h->streams[i];
        if (s->id != 0 && delta > 0 && s->send_window > (int32_t)VMC_H2_WINDOW_MAX - delta)
            return VMC_H2_FAIL(LIFTED_WINDOW);
        if (s->id != 0)
            s->send_window += delta; /* at least 0 - 2^31+1: it started at 0 or above and gave no more than it had */
    }
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_on_setting(vmc_h2 *h, const uint8_t *p)
{
    uint32_t value = vmc_be32(p + 2), found;
    switch (vmc_be16(p)) {
    case VMC_H2_HEADER_TABLE_SIZE: vmc_hpack_enc_resize(&h->encoder, value); break;
    case VMC_H2_ENABLE_PUSH:
        if (value > (VMC_H2_IS_SERVER(h) ? 1u : 0u))
            return VMC_H2_FAIL(PUSH);
        break;
    case VMC_H2_MAX_CONCURRENT_STREAMS: h->peer_streams = (uint8_t)vmc_min32(value, 0xff); break; /* more than there are slots */
    case VMC_H2_INITIAL_WINDOW_SIZE:
        found = vmc_h2_set_peer_window(h, value);
        if (found != VMC_H2_GO)
            return found;
        break;
    case VMC_H2_MAX_FRAME_SIZE:
        if (value < VMC_H2_FRAME_MAX || value > 0xffffffu)
            return VMC_H2_FAIL(FRAME_MAX);
        break;
    default: break; /* 6.5.2: unknown settings are ignored */
    }
    if (h->left != 0)
        return VMC_H2_GO;
    h->state = VMC_H2_AT_HEAD;
    return vmc_h2_end_settings(h);
}

VMC_FN uint32_t vmc_h2_on_ping(vmc_h2 *h, const uint8_t *p)
{
    if ((h->flags & VMC_H2_ACK) != 0) {
#ifndef VIAMC_NO_TLS
        if (p[0] == VMC_H2_PING_RESETS)
            vmc_h2_forget_resets(h);
#endif
        return VMC_H2_NOISE;
    }
    if (h->pings_due == VMC_H2_MAX_PINGS)
        return VMC_H2_FAIL(PINGS);
    vmc_copy(h->ping[h->pings_due++], p, 8);
    h->owed |= VMC_H2_OWES_ACKS;
    return VMC_H2_NOISE;
}

VMC_FN uint32_t vmc_h2_on_rst(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    bool answered;
    if (h->stream == NULL)
        return VMC_H2_NOISE; /* late: the stream is over (5.1) */
    answered = !VMC_H2_IS_SERVER(h) && (h->stream->flags & VMC_H2_REMOTE_END) != 0;
    h->stream->flags |= VMC_H2_REMOTE_END | VMC_H2_LOCAL_END;
    if (answered)
        return VMC_H2_NOISE; /* after a whole response it only says that our request is not wanted (8.1) */
    ev->code = vmc_be32(p);
    return VMC_H2_RESET;
}

/* 6.8: the last id may only sink. */
VMC_FN uint32_t vmc_h2_on_goaway(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    uint32_t last = vmc_be32(p) & VMC_H2_ID_MAX;
    if (last > h->goaway_last)
        return VMC_H2_FAIL(GOAWAY);
    h->goaway_last = last;
    h->goaway_got = true;
    ev->code = vmc_be32(p + 4);
    ev->last = last;
    return VMC_H2_GOAWAY;
}

VMC_FN uint32_t vmc_h2_on_window_update(vmc_h2 *h, const uint8_t *p)
{
    int32_t n = (int32_t)(vmc_be32(p) & VMC_H2_WINDOW_MAX), *window;
    if (h->id == 0)
        window = &h->send_window;
    else if (h->stream != NULL)
        window = &h->stream->send_window;
    else
        return VMC_H2_NOISE;
    if (n != 0 && *window <= (int32_t)VMC_H2_WINDOW_MAX - n) {
        *window += n;
        return VMC_H2_NOISE;
    }
    if (h->id == 0)
        return n == 0 ? VMC_H2_FAIL(CREDIT_0) : VMC_H2_FAIL(CREDIT);
    return VMC_H2_RESET_WITH + (n == 0 ? VMC_H2_PROTOCOL_ERROR : VMC_H2_FLOW_CONTROL_ERROR);
}

/* The padding's length, and a priority, which is ignored (5.3.2): DATA and HEADERS may begin with them. */
VMC_FN uint32_t vmc_h2_on_prefix(vmc_h2 *h, const uint8_t *p)
{
    h->padding = (h->flags & VMC_H2_PADDED) != 0 ? p[0] : (uint8_t)0;
    h->state = vmc_h2_body(h);
    return h->padding <= h->left ? VMC_H2_GO : VMC_H2_FAIL(PADDING);
}

/* The fixed octets of a frame have come. */
VMC_FN uint32_t vmc_h2_on_fixed(vmc_h2 *h, const uint8_t *p, vmc_h2_event *ev)
{
    h->left -= h->fixed;
    if (h->type == VMC_H2_F_DATA || h->type == VMC_H2_F_HEADERS)
        return vmc_h2_on_prefix(h, p);
    if (h->type == VMC_H2_F_SETTINGS)
        return vmc_h2_on_setting(h, p);
    vmc_h2_skip(h);
    switch (h->type) {
    case VMC_H2_F_PING: return vmc_h2_on_ping(h, p);
    case VMC_H2_F_GOAWAY: return vmc_h2_on_goaway(h, p, ev);
    case VMC_H2_F_RST_STREAM: return vmc_h2_on_rst(h, p, ev);
    default: return vmc_h2_on_window_update(h, p);
    }
}

VMC_FN uint32_t vmc_h2_on_skip(vmc_h2 *h, vmc_rd *in)
{
    h->left -= (uint32_t)vmc_rd_skip(in, h->left);
    if (h->left != 0)
        return VMC_H2_MORE;
    h->state = VMC_H2_AT_HEAD;
    return VMC_H2_GO;
}

VMC_FN uint32_t vmc_h2_step(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    const uint8_t *p;
    switch ((vmc_h2_state)h->state) {
    case VMC_H2_AT_BLOCK: return vmc_h2_on_block(h, in, ev);
    case VMC_H2_AT_DATA: return vmc_h2_on_data(h, in, ev);
    case VMC_H2_AT_SKIP: return vmc_h2_on_skip(h, in);
    case VMC_H2_AT_PREFACE:
        if (VMC_H2_IS_SERVER(h))
            return vmc_h2_on_preface(h, in);
        break;
    case VMC_H2_AT_END: (void)vmc_rd_skip(in, in->left); return VMC_H2_MORE;
    case VMC_H2_AT_HEAD:
    case VMC_H2_AT_FIXED: break;
    }
    p = in->left == 0 ? NULL : vmc_h2_collect(h, in, h->state == VMC_H2_AT_HEAD ? VMC_H2_FRAME_HEAD : h->fixed);
    if (p == NULL)
        return VMC_H2_MORE;
    return h->state == VMC_H2_AT_HEAD ? vmc_h2_on_head(h, p) : vmc_h2_on_fixed(h, p, ev);
}

/* Consumes input up to the next event. Each turn consumes octets or leaves a state for the next one of the same frame,
 * so the turns are bounded by twice the octets plus the states. */
VMC_APART vmc_h2_event_kind vmc_h2_run(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    uint32_t found;
    do {
        found = vmc_h2_step(h, in, ev);
        if (found >= VMC_H2_NOISE)
            found = vmc_h2_judge(h, found, ev);
    } while (found == VMC_H2_GO);
    ev->slot = h->slot;
    return (vmc_h2_event_kind)found;
}

VMC_FN vmc_h2_event_kind vmc_h2_next(vmc_h2 *h, vmc_rd *in, vmc_h2_event *ev)
{
    if (VIAMC_SHORTCUTS && in->left == 0 && h->state == VMC_H2_AT_HEAD)
        return VMC_H2_MORE;
    return vmc_h2_run(h, in, ev);
}

#if VIAMC_SHORTCUTS

/* ---- receiving: a whole reply at once ---- */

/* Is this frame a header block that repeats memo k? Eight octets that end with the block's are read: its head has nine. */
VMC_FN bool vmc_h2_is_repeat(const vmc_h2 *h, const uint8_t *p, uint8_t k, uint8_t flags, uint32_t id)
{
    const uint32_t len = h->memo_len[k];
    if (vmc_be32(p) != (len << 8 | VMC_H2_F_HEADERS) || p[4] != flags || vmc_be32(p + 5) != id)
        return false;
    p += VMC_H2_FRAME_HEAD + len;
    return (((uint64_t)vmc_be32(p - 8) << 32 | vmc_be32(p - 4)) ^ h->memo[k]) << (64u - 8u * len) == 0;
}

/* Client: is the next thing in the input a whole reply whose parts are all as usual? Nothing is consumed. Whatever is unusual takes the
 * way through the states, with the same result. */
VMC_FN bool vmc_h2_peek_reply(const vmc_h2 *h, const vmc_rd *in, vmc_h2_reply *r)
{
    const size_t least = h->memo_len[0] + h->memo_len[1] + 3u * VMC_H2_FRAME_HEAD;
    const uint8_t *p = in->ptr, *data;
    const vmc_h2_stream *s;
    uint32_t id, len;
    if ((h->state | h->small_len) != VMC_H2_AT_HEAD || h->block.open || h->memo_len[0] == 0 || h->memo_len[1] == 0 || in->left < least)
        return false;
    data = p + VMC_H2_FRAME_HEAD + h->memo_len[0];
    id = vmc_be32(p + 5);
    len = vmc_be24(data);
    r->slot = vmc_h2_find(h, id);
    if (id == 0 || r->slot == VMC_H2_NO_SLOT || len == 0 || len > VMC_H2_FRAME_MAX || len > in->left - least)
        return false;
    s = &h->streams[r->slot];
    r->data = viamc_view(data + VMC_H2_FRAME_HEAD, len);
    r->octets = (uint32_t)least + len;
    return (s->flags & (uint8_t)~VMC_H2_LOCAL_END) == 0 && vmc_h2_is_repeat(h, p, 0, VMC_H2_END_HEADERS, id)
        && vmc_be16(data + 3) == VMC_H2_KIND(VMC_H2_F_DATA, 0) && vmc_be32(data + 5) == id && (int32_t)len <= s->credit && (int32_t)len <= h->credit
        && vmc_h2_is_repeat(h, data + VMC_H2_FRAME_HEAD + len, 1, VMC_H2_END_HEADERS | VMC_H2_END_STREAM, id);
}

/* Consumes it: the stream is at its end. */
VMC_FN void vmc_h2_take_reply(vmc_h2 *h, vmc_rd *in, const vmc_h2_reply *r)
{
    vmc_h2_stream *s = &h->streams[r->slot];
    (void)vmc_rd_skip(in, r->octets);
    h->credit -= (int32_t)r->data.len;
    vmc_h2_watch_credit(h);
    s->credit -= (int32_t)r->data.len;
    s->flags |= VMC_H2_GOT_FINAL | VMC_H2_REMOTE_END;
    h->informational = 0;
    h->noise = 0;
    h->empty = 0;
}

#endif

/* ---- sending ---- */

/* Writes a frame header and claims its payload of at most VMC_H2_FRAME_MAX octets; NULL if both together do not fit. */
VMC_FN uint8_t *vmc_h2_frame(vmc_wr *w, uint32_t len, uint32_t kind, uint32_t id)
{
    uint8_t *p = vmc_wr_claim(w, VMC_H2_FRAME_HEAD + (size_t)len);
    if (p == NULL)
        return NULL;
    vmc_put_be32(p, len << 8 | kind >> 8);
    p[4] = (uint8_t)kind;
    vmc_put_be32(p + 5, id);
    return p + VMC_H2_FRAME_HEAD;
}

/* Writes a frame of one number; false if it does not fit. */
VMC_FN bool vmc_h2_write_number(vmc_wr *w, uint8_t type, uint32_t id, uint32_t number)
{
    uint8_t *p = vmc_h2_frame(w, 4, VMC_H2_KIND(type, 0), id);
    if (p != NULL)
        vmc_put_be32(p, number);
    return p != NULL;
}

VMC_FN uint8_t *vmc_h2_put_setting(uint8_t *p, uint32_t id, uint32_t value)
{
    vmc_put_be16(p, id);
    vmc_put_be32(p + 2, value);
    return p + 6;
}

/* Preface (client) and SETTINGS. */
VMC_FN bool vmc_h2_write_start(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p;
    if (vmc_wr_room(w) < VMC_H2_PREFACE_LEN + VMC_H2_FRAME_HEAD + 30u)
        return false;
    if (!VMC_H2_IS_SERVER(h))
        vmc_wr_bytes(w, vmc_h2_preface, VMC_H2_PREFACE_LEN);
    p = vmc_h2_frame(w, 30, VMC_H2_KIND(VMC_H2_F_SETTINGS, 0), 0);
    p = vmc_h2_put_setting(p, VMC_H2_HEADER_TABLE_SIZE, h->decoder.limit);
    p = VMC_H2_IS_SERVER(h) ? vmc_h2_put_setting(p, VMC_H2_MAX_CONCURRENT_STREAMS, VMC_H2_MAX_STREAMS(h)) : vmc_h2_put_setting(p, VMC_H2_ENABLE_PUSH, 0);
    p = vmc_h2_put_setting(p, VMC_H2_INITIAL_WINDOW_SIZE, h->window);
    p = vmc_h2_put_setting(p, VMC_H2_MAX_FRAME_SIZE, VMC_H2_FRAME_MAX);
    (void)vmc_h2_put_setting(p, VMC_H2_MAX_HEADER_LIST_SIZE, h->header_list);
    return true;
}

/* The credit that makes the connection's window no limit: streams alone push back. */
VMC_FN bool vmc_h2_write_connection_credit(vmc_h2 *h, vmc_wr *w)
{
    const bool fits = vmc_h2_write_number(w, VMC_H2_F_WINDOW_UPDATE, 0, VMC_H2_WINDOW_MAX - (uint32_t)h->credit);
    if (fits)
        h->credit = (int32_t)VMC_H2_WINDOW_MAX;
    return fits;
}

VMC_FN bool vmc_h2_write_acks(vmc_h2 *h, vmc_wr *w)
{
    for (; h->settings_due != 0; h->settings_due--)
        if (vmc_h2_frame(w, 0, VMC_H2_KIND(VMC_H2_F_SETTINGS, VMC_H2_ACK), 0) == NULL)
            return false;
    for (; h->pings_due != 0; h->pings_due--) {
        uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_PING, VMC_H2_ACK), 0);
        if (p == NULL)
            return false;
        vmc_copy(p, h->ping[h->pings_due - 1u], 8);
    }
    return true;
}

VMC_FN bool vmc_h2_write_goaway(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_GOAWAY, 0), 0);
    if (p == NULL)
        return false;
    vmc_put_be32(p, VMC_H2_IS_SERVER(h) && h->next_id > 1u ? h->next_id - 2u : 0);
    vmc_put_be32(p + 4, h->goaway_code);
    h->goaway_sent = true;
    return true;
}

/* RST_STREAM and WINDOW_UPDATE of the streams. */
VMC_FN bool vmc_h2_write_chores(vmc_h2 *h, vmc_wr *w)
{
    uint8_t i;
    for (i = 0; i < h->count; i++) {
        vmc_h2_stream *s = &h->streams[i];
        const bool reset = (s->flags & VMC_H2_RESET_DUE) != 0;
        if (!reset && s->due == 0)
            continue;
        if (!vmc_h2_write_number(w, reset ? VMC_H2_F_RST_STREAM : VMC_H2_F_WINDOW_UPDATE, s->id, s->due))
            return false;
        s->credit += reset ? 0 : (int32_t)s->due;
        s->due = 0;
        if (reset)
            vmc_h2_free(h, i);
    }
    return true;
}

#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_h2_write_refusals(vmc_h2 *h, vmc_wr *w)
{
    for (; h->refused <= h->refused_last; h->refused += 2u)
        if (!vmc_h2_write_number(w, VMC_H2_F_RST_STREAM, h->refused, VMC_H2_REFUSED_STREAM))
            return false;
    h->refused = 0;
    return true;
}

#endif

VMC_FN bool vmc_h2_write_ping(vmc_h2 *h, vmc_wr *w)
{
    uint8_t *p = vmc_h2_frame(w, 8, VMC_H2_KIND(VMC_H2_F_PING, 0), 0);
    if (p == NULL)
        return false;
    (void)h;
    VIAMC_MEMSET(p, VMC_H2_PING_LIFE, 8);
#ifndef VIAMC_NO_TLS
    if (vmc_h2_ask_of_resets(h))
        VIAMC_MEMSET(p, VMC_H2_PING_RESETS, 8);
#endif
    return true;
}

/* One of the things that are owed; false if it does not fit. */
VMC_FN bool vmc_h2_write_one(vmc_h2 *h, uint32_t bit, vmc_wr *w)
{
    switch (bit) {
    case VMC_H2_OWES_START: return vmc_h2_write_start(h, w);
    case VMC_H2_OWES_CREDIT: return vmc_h2_write_connection_credit(h, w);
    case VMC_H2_OWES_ACKS: return vmc_h2_write_acks(h, w);
    case VMC_H2_OWES_GOAWAY: return vmc_h2_write_goaway(h, w);
#ifndef VIAMC_NO_SERVER
    case VMC_H2_OWES_REFUSALS: return vmc_h2_write_refusals(h, w);
#endif
    case VMC_H2_OWES_CHORES: return vmc_h2_write_chores(h, w);
    default: return vmc_h2_write_ping(h, w);
    }
}

/* In the order of the bits, as far as it fits. */
VMC_APART void vmc_h2_write_owed(vmc_h2 *h, vmc_wr *w)
{
    uint32_t bit;
    for (bit = 1; bit <= h->owed; bit <<= 1) {
        if ((h->owed & bit) == 0)
            continue;
        if (!vmc_h2_write_one(h, bit, w))
            return;
        h->owed = (uint8_t)(h->owed & ~bit);
    }
}

/* Everything that is owed, as far as it fits; nothing while a header block is open (6.10). */
VMC_FN void vmc_h2_write_control(vmc_h2 *h, vmc_wr *w)
{
    if (h->out_slot != VMC_H2_NO_SLOT || (h->owed | h->noise) == 0)
        return;
    if (h->owed != 0)
        vmc_h2_write_owed(h, w);
    if ((h->owed & (VMC_H2_OWES_START | VMC_H2_OWES_ACKS)) == 0) /* the peer reads what it asks for */
        h->noise = (uint16_t)(h->noise - vmc_min32(h->noise, VMC_H2_FORGIVEN));
}

/* Opens the next frame of a header block: HEADERS, later CONTINUATION. False: no room, try with the next window.
 * The caller puts fields into *part until they are all in, or it is full, and calls vmc_h2_block_close. */
VMC_FN bool vmc_h2_block_open(vmc_h2 *h, uint8_t slot, bool end_stream, vmc_wr *w, vmc_wr *part)
{
    const size_t least = VMC_H2_FRAME_HEAD + 32u; /* viamc: a frame with fewer octets is not worth its header */
    size_t room = vmc_wr_room(w);
    if (room < least)
        return false;
    if (h->out_slot == VMC_H2_NO_SLOT) {
        h->out_slot = slot;
        h->out_id = h->streams[slot].id;
        h->out_first = true;
        h->out_end = end_stream;
    }
    *part = vmc_wr_of(w->ptr + w->len + VMC_H2_FRAME_HEAD, vmc_min(room - VMC_H2_FRAME_HEAD, VMC_H2_FRAME_MAX));
    return true;
}

VMC_FN void vmc_h2_block_close(vmc_h2 *h, vmc_wr *w, const vmc_wr *part, bool last)
{
    vmc_h2_stream *s = &h->streams[h->out_slot];
    uint32_t kind = h->out_first ? VMC_H2_KIND(VMC_H2_F_HEADERS, h->out_end ? VMC_H2_END_STREAM : 0) : VMC_H2_KIND(VMC_H2_F_CONTINUATION, 0);
    (void)vmc_h2_frame(w, (uint32_t)part->len, last ? kind | VMC_H2_END_HEADERS : kind, h->out_id);
    h->out_first = false;
    if (!last)
        return;
    if (h->out_end && s->id == h->out_id)
        s->flags |= VMC_H2_LOCAL_END;
    h->out_slot = VMC_H2_NO_SLOT;
}

/* Octets of DATA that the peer permits now on this stream, `spare` of the connection's window left alone. */
VMC_FN uint32_t vmc_h2_data_room(const vmc_h2 *h, uint8_t slot, uint32_t spare)
{
    int32_t stream = h->streams[slot].send_window, conn = h->send_window;
    if (stream <= 0 || conn <= 0 || (uint32_t)conn <= spare)
        return 0;
    return vmc_min32(vmc_min32((uint32_t)stream, (uint32_t)conn - spare), VMC_H2_FRAME_MAX);
}

/* Writes one DATA frame and claims its n octets, at most vmc_h2_data_room; NULL if it does not fit into the window. */
VMC_FN uint8_t *vmc_h2_write_data(vmc_h2 *h, uint8_t slot, uint32_t n, bool end, vmc_wr *w)
{
    vmc_h2_stream *s = &h->streams[slot];
    uint8_t *p = vmc_h2_frame(w, n, VMC_H2_KIND(VMC_H2_F_DATA, end ? VMC_H2_END_STREAM : 0), s->id);
    if (p == NULL)
        return NULL;
    s->send_window -= (int32_t)n;
    h->send_window -= (int32_t)n;
    h->noise = 0;
    if (end)
        s->flags |= VMC_H2_LOCAL_END;
    return p;
}

/* The peer is asked for a sign of life. */
VMC_FN bool vmc_h2_ask(vmc_h2 *h)
{
    h->owed |= VMC_H2_OWES_PING;
    return true;
}

/* Says goodbye: no new streams; the peer may finish what it started. */
VMC_FN void vmc_h2_goaway(vmc_h2 *h, uint32_t code)
{
    if (h->goaway_sent || (h->owed & VMC_H2_OWES_GOAWAY) != 0)
        return;
    h->goaway_code = (uint8_t)code;
    h->owed |= VMC_H2_OWES_GOAWAY;
}

#endif
/* ---- end of src/http2/h2_impl.h ---- */
/* ---- src/call/call_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* call/call: the passive table of calls. Carriers push what came from the peer, owners pull what it means.
 *
 * The memory rule (design.md 2): a call's slot holds the octets of its stream as they came, prefixes included.
 *     [taken by the owner | whole messages | the message under way | room = what the peer may send]
 * A message larger than a slot leaves only its 5-octet prefix there; its body goes to one of: lent buffer, sink, big. If the sink gets fields
 * (vmc_parts), what is no such field is kept behind the prefix.
 * Both roles use it: a server's requests are calls too. */
#ifndef VIAMC_CALL_CALL_IMPL_H
#define VIAMC_CALL_CALL_IMPL_H


#define VMC_CALL_PREFIX 5u   /* gRPC over HTTP/2: flag and big-endian length before each message */
#define VMC_CALL_EXTRA 8u    /* octets of a slot beside the message: its prefix, rounded up */
#define VMC_CALL_TEXT 88u    /* octets of status text that have a place of their own in a server's slots, whose message stays as it is */
#define VMC_CALL_TEXT_MAX 255u
#define VMC_CALL_NONE 0xffu  /* no record */
#define VMC_CALL_MAX_MESSAGE 0x7fffff00u /* octets; larger lengths are refused whatever the memory */

typedef enum vmc_call_state {
    VMC_CALL_FREE,
    VMC_CALL_HELD,  /* not to be sent yet: waits for the session, or behind a Stop */
    VMC_CALL_OPEN,  /* to be sent, or on its way, or running */
    VMC_CALL_ENDED, /* over; its owner has not been told */
    VMC_CALL_TOLD   /* DONE can be pulled */
} vmc_call_state;

/* Where the body of a message larger than a slot goes. */
typedef enum vmc_call_large {
    VMC_CALL_SMALL, /* no such message under way */
    VMC_CALL_WAITS, /* for the buffer it needs; its octets stay in the slot */
    VMC_CALL_INTO,
    VMC_CALL_SINK,
    VMC_CALL_BIG,
    VMC_CALL_TAKEN  /* whole, and its owner has it: its buffer is free again with the next poll */
} vmc_call_large;

/* vmc_call.flags */
#define VMC_CALL_F_CLIENT_STREAM 0x0001u /* as VIAMC_M_CLIENT_STREAM */
#define VMC_CALL_F_SERVER_STREAM 0x0002u
#define VMC_CALL_F_HEAD 0x0004u     /* header block is to be sent */
#define VMC_CALL_F_FINISH 0x0008u   /* nothing follows what is pending: half-close (client), trailers (server) */
#define VMC_CALL_F_FINISHED 0x0010u /* half-close or trailers were sent */
#define VMC_CALL_F_SENT 0x0020u     /* an octet of it was given to the connection */
#define VMC_CALL_F_TOKEN 0x0040u    /* carries the bearer token */
#define VMC_CALL_F_SESSION 0x0080u  /* carries viam-sid */
#define VMC_CALL_F_INTERNAL 0x0100u /* ours: replies need no slot, sending goes first */
#define VMC_CALL_F_FIRST 0x0200u    /* goes before other calls: Stop */
#define VMC_CALL_F_DROP 0x0400u     /* reply octets are counted, not kept */
#define VMC_CALL_F_REPEATS 0x0800u  /* its message stays in tx until the end: Stop is sent again */
#define VMC_CALL_F_PEER_END 0x1000u /* the peer ended its side of the stream, or said by a reset that nothing of it runs */
#define VMC_CALL_F_TEXT_CUT 0x2000u
#define VMC_CALL_F_WRITABLE 0x4000u /* event: the next message may be sent */
#define VMC_CALL_F_LISTED 0x8000u   /* in the list of events */

/* What every call has, ours too: all that carriers need but for large messages. 60 octets on 32-bit machines. */
typedef struct vmc_call {
    uint8_t state;
    uint8_t large;          /* vmc_call_large */
    uint16_t flags;
    uint8_t next;           /* in the list of events */
    uint8_t motion;         /* what the motion rules know of it */
    uint8_t metadata_count;
    uint8_t messages;       /* whole messages that came, at most 2: unary needs exactly one */
    uint8_t status;
    uint8_t ran;
    uint8_t text_len;
    bool wants_metadata : 1; /* of the reply */
    bool has_sink : 1;      /* of a user's call: what its taker is */
    uint16_t path_len;      /* of a client's call */
    uint16_t kept;          /* of a user's call: octets of the large message under way that are kept in the slot: its prefix; if the sink gets
                             * fields the rest of the message too */
    struct vmc_call *live;  /* in the list of records in use */
    const char *path;
    uint32_t tx_at, tx_len; /* this call's part of tx */
    const uint8_t *body;    /* message octets outside tx (kept, or ours), sent after those in tx; of an ended call: a text of our own */
    uint32_t body_len;
    uint32_t sent;          /* octets of tx part and body that were sent */
    uint32_t stored;        /* slot: octets in it */
    uint32_t parsed;        /* slot: where the message under way starts */
    vmc_timer deadline;
    viamc_call handle;      /* of a free record: the last one's */
} vmc_call;

/* Who takes messages larger than a slot: a sink, or a buffer. */
typedef union vmc_call_taker {
    struct {
        viamc_sink_fn fn;
        void *user;
    } sink;
    struct {
        uint8_t *ptr;       /* lent; of a record without a slot: its slot */
        uint32_t cap;
    } into;
} vmc_call_taker;

/* A call of the user's, or a request of a server's peer: what was given to it, and large messages. */
typedef struct vmc_user_call {
    vmc_call call;
    const viamc_method *method; /* NULL: raw */
    void *user;
    const viamc_metadata *metadata;
    vmc_call_taker taker;
    uint32_t taken;         /* slot: octets the owner has taken; gone with the next poll */
    uint32_t left;          /* octets of the message under way larger than a slot that did not come yet */
    uint32_t resource;      /* hash of the resource that it moves or stops; 0: none */
    viamc_ms asked;         /* motion: when it was asked for */
    uint8_t *meta;          /* lent for the metadata of the reply */
    uint16_t meta_cap, meta_len;
} vmc_user_call;

typedef struct vmc_calls {
    vmc_user_call *users; /* records 0 to user_count - 1 ... */
    vmc_call *ours;      /* ... and those that follow */
    vmc_call *live;      /* list of records in use, oldest first */
    vmc_call *turn;      /* the one that found the window full: first with the next write; NULL: the oldest */
    uint8_t count;       /* records */
    uint8_t user_count;
    uint8_t slot_count;  /* the first of them have slots */
    uint8_t big_owner;
    uint8_t first, last; /* list of calls with events */
    uint8_t ended;       /* records in state ENDED */
    bool in_sink;        /* a sink is being called: nothing else may be */
    bool stirred;        /* something may have become sendable since the last write */
    bool unsettled;      /* there may be calls for which the start of a poll has something to do */
    bool one_large;      /* one message larger than a slot may be under way at once, the others wait */
#ifndef VIAMC_NO_SERVER
    bool big_elsewhere;  /* servers: another table has the large buffer, which they share */
    uint8_t text_bytes;  /* of a slot: VMC_CALL_TEXT on servers; 0 on clients, where the text lies behind what is stored */
#endif
    uint8_t *slots;
    uint8_t *big;
    uint8_t *tx;
    uint8_t *reply;      /* slot of those of ours that keep their reply: one at a time */
    uint32_t reply_cap;
    uint32_t slot_bytes; /* largest message that a slot takes */
    uint32_t big_cap;
    uint32_t tx_cap, tx_used;
} vmc_calls;

/* How the sink of a method gets fields: viamc_proto.h makes it, so what no program calls is not linked. */
struct vmc_parts {
    /* Goes on with a message: octets go to the sink or are kept, and are taken off `left`: none are left in the piece. WAIT: not all. Else the sink
     * refused, or the call has ended. With the last octet the prefix says what was kept. */
    viamc_err (*split)(vmc_calls *t, vmc_user_call *u, viamc_piece *piece);
    const struct vmc_part *fields;
    const char *names;
    uint32_t count;
};

#ifdef VIAMC_NO_SERVER
#define VMC_CALLS_TEXT_BYTES(t) 0u
#else
#define VMC_CALLS_TEXT_BYTES(t) ((uint32_t)(t)->text_bytes)
#endif

/* ---- records and handles ---- */

VMC_FN uint8_t vmc_call_index(const vmc_call *c)
{
    return (uint8_t)c->handle;
}

VMC_FN vmc_user_call *vmc_call_user(vmc_call *c)
{
    return (vmc_user_call *)c;
}

VMC_FN const vmc_user_call *vmc_call_user_const(const vmc_call *c)
{
    return (const vmc_user_call *)c;
}

/* What a user's call moves or stops. */
VMC_FN uint32_t vmc_call_resource(const vmc_call *c)
{
    return vmc_call_user_const(c)->resource;
}

/* The user's call of a handle, NULL if it is over. */
VMC_FN vmc_call *vmc_calls_find(const vmc_calls *t, viamc_call call)
{
    const uint32_t i = call & 0xffu;
    vmc_call *c = i < t->user_count ? &t->users[i].call : NULL;
    return c != NULL && c->state != VMC_CALL_FREE && c->handle == call ? c : NULL;
}

/* Record i, NULL for VMC_CALL_NONE. */
VMC_FN vmc_call *vmc_calls_at(const vmc_calls *t, uint8_t i)
{
    if (i < t->user_count)
        return &t->users[i].call;
    return i == VMC_CALL_NONE ? NULL : &t->ours[i - t->user_count];
}

/* Completes a table whose owner has set memory, sizes and counts, and all else to zero: no call runs. */
VMC_FN void vmc_calls_init(vmc_calls *t)
{
    uint8_t i;
    VIAMC_MEMSET(t->users, 0, t->user_count * sizeof t->users[0]);
    for (i = 0; i < t->count; i++) {
        vmc_call *c = vmc_calls_at(t, i);
        c->state = VMC_CALL_FREE;
        c->handle = i;
    }
    t->big_owner = VMC_CALL_NONE;
    t->first = VMC_CALL_NONE;
    t->last = VMC_CALL_NONE;
}

/* Records in use, oldest first. The body may free c, and claim none. */
#define VMC_CALLS_EACH(t, c) for (c = (t)->live; c != NULL; c = c->live)

/* The link that leads to record c (or to the end of the list, for NULL). */
VMC_FN vmc_call **vmc_calls_link(vmc_calls *t, const vmc_call *c)
{
    vmc_call **link = &t->live;
    while (*link != c && *link != NULL)
        link = &(*link)->live;
    return link;
}

/* Makes a free record a new call, all members zero but the handle, and nothing taken of it. What else lies beside it is its owner's to set. */
VMC_FN void vmc_calls_claim(vmc_calls *t, vmc_call *c)
{
    uint32_t handle = c->handle + 0x100u;
    VIAMC_MEMSET(c, 0, sizeof *c);
    c->handle = handle < 0x100u ? handle + 0x100u : handle;
    if (vmc_call_index(c) < t->user_count)
        vmc_call_user(c)->taken = 0;
    c->state = VMC_CALL_OPEN;
    c->flags = VMC_CALL_F_HEAD;
    c->next = VMC_CALL_NONE;
    *vmc_calls_link(t, NULL) = c;
    t->stirred = true;
}

VMC_FN bool vmc_call_is_running(const vmc_call *c)
{
    return c->state == VMC_CALL_OPEN || c->state == VMC_CALL_HELD;
}

VMC_FN viamc_str vmc_call_path(const vmc_call *c)
{
    viamc_str path;
    path.ptr = c->path;
    path.len = c->path_len;
    return path;
}

VMC_FN bool vmc_call_is_client_stream(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_CLIENT_STREAM) != 0;
}

VMC_FN bool vmc_call_is_server_stream(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_SERVER_STREAM) != 0;
}

/* Where a call keeps what it receives. */
VMC_FN uint8_t *vmc_calls_slot(const vmc_calls *t, const vmc_call *c, uint32_t *cap)
{
    const uint32_t i = vmc_call_index(c);
    if (i < t->slot_count) {
        *cap = t->slot_bytes + VMC_CALL_PREFIX;
        return t->slots + i * (size_t)(t->slot_bytes + VMC_CALL_EXTRA + VMC_CALLS_TEXT_BYTES(t));
    }
    if (i < t->user_count) {
        *cap = t->users[i].taker.into.cap;
        return t->users[i].taker.into.ptr;
    }
    *cap = (c->flags & VMC_CALL_F_DROP) != 0 ? 0 : t->reply_cap;
    return *cap == 0 ? NULL : t->reply;
}

/* Where its status text is, and the octets that it may have: in a place of its own, or behind what is stored. */
VMC_FN uint8_t *vmc_calls_text_place(const vmc_calls *t, const vmc_call *c, uint32_t *room)
{
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    if (VMC_CALLS_TEXT_BYTES(t) != 0) {
        *room = VMC_CALLS_TEXT_BYTES(t);
        return slot + t->slot_bytes + VMC_CALL_EXTRA;
    }
    *room = slot == NULL ? 0 : vmc_min32(cap - c->stored, VMC_CALL_TEXT_MAX);
    return slot == NULL ? NULL : slot + c->stored;
}

/* What is to be read of an ended call: the peer's words, or ours, which are constant. */
VMC_FN viamc_bytes vmc_calls_text(const vmc_calls *t, const vmc_call *c)
{
    uint32_t room;
    if (!vmc_call_is_running(c) && c->body != NULL)
        return vmc_bytes_of(viamc_text((const char *)c->body));
    return viamc_view(vmc_calls_text_place(t, c, &room), c->text_len);
}

/* Largest message that call c takes in its slot. */
VMC_FN uint32_t vmc_calls_small(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    return cap < VMC_CALL_PREFIX ? 0 : cap - VMC_CALL_PREFIX;
}

/* ---- tx: requests lie one after another; one that is done is cut out ---- */

/* Octets free in tx for a message of call c, its prefix not counted; `reserve` of them belong to Stop. */
VMC_FN uint32_t vmc_calls_tx_room(const vmc_calls *t, uint32_t reserve)
{
    uint32_t left = t->tx_cap - t->tx_used;
    return left < reserve + VMC_CALL_PREFIX ? 0 : left - reserve - VMC_CALL_PREFIX;
}

VMC_FN bool vmc_calls_fits_into(uint32_t left, size_t len, uint32_t reserve)
{
    return left >= reserve + VMC_CALL_PREFIX && len <= left - reserve - VMC_CALL_PREFIX;
}

/* OK: a message of len octets fits, its prefix and the reserve beside it. BUSY: it will when others have left. NOMEM: it never will. */
VMC_FN viamc_err vmc_calls_tx_fits(const vmc_calls *t, size_t len, uint32_t reserve)
{
    if (vmc_calls_fits_into(t->tx_cap - t->tx_used, len, reserve))
        return VIAMC_OK;
    return vmc_calls_fits_into(t->tx_cap, len, reserve) ? VIAMC_ERR_BUSY : VIAMC_ERR_NOMEM;
}

/* Where the next message's octets will lie: whoever encodes there spares the copy. */
VMC_FN uint8_t *vmc_calls_tx_next(const vmc_calls *t)
{
    return t->tx + t->tx_used + VMC_CALL_PREFIX;
}

/* Cuts out what call c has there. */
VMC_APART void vmc_calls_tx_close(vmc_calls *t, vmc_call *c)
{
    uint32_t n = c->tx_len, end = c->tx_at + n;
    vmc_call *other;
    if (end != t->tx_used) {
        vmc_move(t->tx + c->tx_at, t->tx + end, t->tx_used - end);
        VMC_CALLS_EACH(t, other)
            if (other->tx_len != 0 && other->tx_at >= end)
                other->tx_at -= n;
    }
    t->tx_used -= n;
    c->tx_len = 0;
    c->tx_at = 0;
}

VMC_FN void vmc_calls_tx_cut(vmc_calls *t, vmc_call *c)
{
    if (c->tx_len != 0)
        vmc_calls_tx_close(t, c);
}

/* Octets of call c that wait to be sent. */
VMC_FN uint32_t vmc_call_pending(const vmc_call *c)
{
    return c->tx_len + c->body_len - c->sent;
}

/* Copies a message behind what call c still has to send: prefix, octets, and two views more that belong to it (a field that is added).
 * With `keep` the octets stay the caller's and go last, which protobuf allows. The caller has checked the room; a call's octets lie
 * together, so only the last call in tx can get more (vmc_calls_can_append). */
VMC_FN void vmc_calls_put_message(vmc_calls *t, vmc_call *c, viamc_bytes msg, const viamc_bytes added[2], bool keep)
{
    uint8_t *p = t->tx + t->tx_used, *to = p + VMC_CALL_PREFIX;
    const size_t extra = added[0].len + added[1].len;
    if (c->tx_len == 0)
        c->tx_at = t->tx_used;
    p[0] = 0;
    vmc_put_be32(p + 1, (uint32_t)(msg.len + extra));
    if (keep) {
        c->body = msg.ptr;
        c->body_len = (uint32_t)msg.len;
    } else {
        vmc_move(to, msg.ptr, msg.len); /* may be there already: vmc_calls_tx_next */
        to += msg.len;
    }
    if (extra != 0) {
        vmc_copy(to, added[0].ptr, added[0].len);
        vmc_copy(to + added[0].len, added[1].ptr, added[1].len);
        to += extra;
    }
    c->tx_len += (uint32_t)(to - p);
    t->tx_used += (uint32_t)(to - p);
    t->stirred = true;
}

static const viamc_bytes vmc_calls_nothing[2] = {{NULL, 0}, {NULL, 0}};

/* True if call c can take another message behind the ones it has pending. */
VMC_FN bool vmc_calls_can_append(const vmc_calls *t, const vmc_call *c)
{
    return c->body_len == 0 && (c->tx_len == 0 || c->tx_at + c->tx_len == t->tx_used);
}

/* Next octets to send, as one view. */
VMC_FN viamc_bytes vmc_calls_next_octets(const vmc_calls *t, const vmc_call *c)
{
    if (c->sent < c->tx_len)
        return viamc_view(t->tx + c->tx_at + c->sent, c->tx_len - c->sent);
    return viamc_view(c->body == NULL ? NULL : c->body + (c->sent - c->tx_len), vmc_call_pending(c));
}

/* ---- events: a list of records, in order of arrival ---- */

VMC_FN void vmc_calls_list(vmc_calls *t, vmc_call *c)
{
    if ((c->flags & (VMC_CALL_F_LISTED | VMC_CALL_F_INTERNAL)) != 0)
        return;
    c->flags |= VMC_CALL_F_LISTED;
    c->next = VMC_CALL_NONE;
    if (t->first == VMC_CALL_NONE)
        t->first = vmc_call_index(c);
    else
        t->users[t->last].call.next = vmc_call_index(c);
    t->last = vmc_call_index(c);
}

VMC_FN void vmc_calls_unlist_first(vmc_calls *t)
{
    vmc_call *c = &t->users[t->first].call;
    t->first = c->next;
    c->flags &= (uint16_t)~VMC_CALL_F_LISTED;
    if (t->first == VMC_CALL_NONE)
        t->last = VMC_CALL_NONE;
}

/* Octets were handed to the connection; events and room in tx follow from that. */
VMC_FN void vmc_calls_sent(vmc_calls *t, vmc_call *c, uint32_t n)
{
    c->sent += n;
    if (vmc_call_pending(c) != 0 || (c->flags & VMC_CALL_F_REPEATS) != 0)
        return;
    vmc_calls_tx_cut(t, c);
    c->body = NULL;
    c->body_len = 0;
    c->sent = 0;
    if (vmc_call_is_client_stream(c) && (c->flags & VMC_CALL_F_FINISH) == 0 && c->state == VMC_CALL_OPEN) {
        c->flags |= VMC_CALL_F_WRITABLE;
        vmc_calls_list(t, c);
    }
}

/* ---- the end of a call ---- */

/* The call is over; the first end counts. The owner is told after it has looked at it (vmc_calls_tell). A text of our own is constant: what
 * was pulled of the slot stays as it is. NULL: what the peer said is there already. */
VMC_FN void vmc_calls_end(vmc_calls *t, vmc_call *c, uint32_t status, uint8_t ran, const char *text)
{
    if (!vmc_call_is_running(c))
        return;
    c->status = (uint8_t)status;
    c->ran = c->ran == VIAMC_ANSWERED && ran == VIAMC_NOT_RUN ? (uint8_t)VIAMC_MAYBE : ran; /* another copy of it did run */
    c->state = VMC_CALL_ENDED; /* its deadline stays: grpc-timeout may be half sent */
    t->ended++;
    c->body = (const uint8_t *)text;
    c->body_len = 0;
    if ((c->flags & VMC_CALL_F_REPEATS) == 0) {
        vmc_calls_tx_cut(t, c);
        c->sent = 0;
    }
}

/* Where a text with numbers goes: a message that is not whole, or the reply of a unary call that fails, makes room for it. */
VMC_APART vmc_wr vmc_calls_begin_text(vmc_calls *t, vmc_call *c)
{
    uint32_t room;
    uint8_t *text;
    if (VMC_CALLS_TEXT_BYTES(t) == 0 && !vmc_call_is_server_stream(c))
        c->parsed = 0; /* nothing of it was taken: that comes with its end */
    if (VMC_CALLS_TEXT_BYTES(t) == 0)
        c->stored = c->parsed;
    text = vmc_calls_text_place(t, c, &room);
    return vmc_wr_of(text, room);
}

/* Keeps as much of a text as fits. In a poll, or on a server. */
VMC_FN void vmc_calls_set_text(vmc_calls *t, vmc_call *c, viamc_bytes text)
{
    vmc_wr w = vmc_calls_begin_text(t, c);
    vmc_wr_cut(&w, text.ptr, text.len);
    c->text_len = (uint8_t)w.len;
}

/* What is known of a call that we end: one of which no whole message has left never ran. */
VMC_FN uint8_t vmc_call_ran_locally(const vmc_call *c)
{
    bool half = (c->flags & (VMC_CALL_F_CLIENT_STREAM | VMC_CALL_F_FINISHED | VMC_CALL_F_REPEATS)) == 0;
    return half || (c->flags & VMC_CALL_F_SENT) == 0 ? VIAMC_NOT_RUN : VIAMC_MAYBE;
}

VMC_FN void vmc_calls_free(vmc_calls *t, vmc_call *c)
{
    vmc_call **link = vmc_calls_link(t, c);
    vmc_calls_tx_cut(t, c);
    if (*link == c)
        *link = c->live;
    if (t->turn == c)
        t->turn = c->live;
    c->state = VMC_CALL_FREE;
    c->large = VMC_CALL_SMALL;
}

/* Its owner has looked at the end: from now on DONE can be pulled. */
VMC_FN void vmc_calls_tell(vmc_calls *t, vmc_call *c)
{
    t->ended--;
    if ((c->flags & VMC_CALL_F_INTERNAL) != 0) {
        vmc_calls_free(t, c);
        return;
    }
    c->state = VMC_CALL_TOLD;
    vmc_calls_tx_cut(t, c);
    vmc_calls_list(t, c);
}

/* The same call once more, as if new: Stop is sent again. */
VMC_FN void vmc_calls_again(vmc_calls *t, vmc_call *c)
{
    t->ended--;
    t->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags &= (uint16_t)~(VMC_CALL_F_FINISHED | VMC_CALL_F_PEER_END | VMC_CALL_F_TEXT_CUT);
    c->flags |= VMC_CALL_F_HEAD;
    c->sent = c->stored = c->parsed = 0;
    c->large = VMC_CALL_SMALL;
    c->messages = 0;
    c->text_len = 0;
    vmc_call_user(c)->meta_len = 0;
}

/* ---- receiving ---- */

/* Octets of the large message under way that did not come yet. */
VMC_FN uint32_t vmc_call_left(const vmc_call *c)
{
    return vmc_call_user_const(c)->left;
}

/* Octets of it in all: its prefix lies where the message under way starts. */
VMC_FN uint32_t vmc_calls_large_len(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    return vmc_be32(vmc_calls_slot(t, c, &cap) + c->parsed + 1);
}

/* Octets that the message under way of call c still needs; 1 where any number helps. */
VMC_APART uint32_t vmc_calls_needs(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap, have = c->stored - c->parsed;
    const uint8_t *p = vmc_calls_slot(t, c, &cap) + c->parsed;
    if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG)
        return vmc_call_left(c);
    if (c->large == VMC_CALL_SINK)
        return 1;
    if (have < VMC_CALL_PREFIX)
        return VMC_CALL_PREFIX - have;
    return c->large == VMC_CALL_WAITS ? 0 : VMC_CALL_PREFIX + vmc_be32(p + 1) - have;
}

/* Octets of its stream that call c has room for: what its peer may send. */
VMC_FN uint32_t vmc_calls_room(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    if (c->state != VMC_CALL_OPEN)
        return 0;
    if ((c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) && vmc_call_left(c) != 0)
        return vmc_call_left(c);
    return cap - c->stored;
}

/* Fails a call because of what its peer sent; the carrier cancels the stream. */
VMC_FN viamc_err vmc_calls_refuse(vmc_calls *t, vmc_call *c, uint32_t status, const char *text)
{
    vmc_calls_end(t, c, status, VIAMC_MAYBE, text);
    return VIAMC_ERR_MESSAGE;
}

/* Ends a call whose message has no place, and says which size would do. */
VMC_APART void vmc_calls_too_large(vmc_calls *t, vmc_call *c, uint32_t len)
{
    vmc_wr w = vmc_calls_begin_text(t, c);
    vmc_wr_text(&w, VMC_TEXT("message of "));
    vmc_wr_grouped(&w, len);
    vmc_wr_text(&w, VMC_TEXT(" bytes: lend opts.into, a sink, or give more rx_bytes"));
    c->text_len = (uint8_t)w.len;
    vmc_calls_end(t, c, VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE, NULL);
}

/* A whole message of call c is there. */
VMC_FN void vmc_calls_complete(vmc_calls *t, vmc_call *c, uint32_t slot_octets)
{
    c->parsed += slot_octets;
    if (c->large == VMC_CALL_SINK)
        c->large = VMC_CALL_SMALL;
    c->messages = (uint8_t)(c->messages < 2u ? c->messages + 1u : 2u);
    if (vmc_call_is_server_stream(c))
        vmc_calls_list(t, c);
}

/* The large buffer's last message was taken. */
VMC_FN bool vmc_calls_big_is_free(const vmc_calls *t)
{
#ifndef VIAMC_NO_SERVER
    if (t->big_elsewhere)
        return false;
#endif
    return t->big_owner == VMC_CALL_NONE || t->users[t->big_owner].call.large != VMC_CALL_BIG;
}

/* The memory for a message larger than a slot, of which nothing was taken yet: where it goes, WAITS, or SMALL for nowhere. */
VMC_FN vmc_call_large vmc_calls_place(const vmc_calls *t, const vmc_call *c)
{
    const vmc_user_call *u = vmc_call_user_const(c);
    const uint32_t lent = vmc_call_index(c) < t->slot_count ? u->taker.into.cap : 0; /* without a slot: that is its slot, where the prefix stays */
    const vmc_call *other;
    if (c->has_sink)
        return VMC_CALL_SINK;
    if (u->left > lent && u->left > t->big_cap)
        return VMC_CALL_SMALL;
    if (t->one_large)
        VMC_CALLS_EACH(t, other)
            if (other->state == VMC_CALL_OPEN && (other->flags & VMC_CALL_F_DROP) == 0 && (other->large == VMC_CALL_INTO || other->large == VMC_CALL_BIG))
                return VMC_CALL_WAITS;
    if (u->left <= lent)
        return VMC_CALL_INTO;
    return vmc_calls_big_is_free(t) ? VMC_CALL_BIG : VMC_CALL_WAITS;
}

/* Hands octets to the sink, as they are or field by field. */
VMC_FN viamc_err vmc_calls_to_sink(vmc_calls *t, vmc_user_call *u, viamc_piece *piece)
{
    viamc_err err;
    t->in_sink = true;
    err = u->method != NULL && u->method->parts != NULL ? u->method->parts->split(t, u, piece) : u->taker.sink.fn(u->taker.sink.user, piece);
    t->in_sink = false;
    if (err != VIAMC_OK && err != VIAMC_WAIT)
        vmc_calls_end(t, &u->call, VIAMC_CANCELLED, VIAMC_MAYBE, VMC_TEXT("the sink refused a piece"));
    return err;
}

/* Takes body octets to where the large message goes; how many were taken. */
VMC_FN uint32_t vmc_calls_take_large(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    vmc_user_call *u = vmc_call_user(c);
    const uint32_t left = u->left;
    viamc_piece piece;
    piece.path = NULL;
    piece.bytes = viamc_view(octets.ptr, vmc_min(octets.len, left));
    piece.total = vmc_calls_large_len(t, c);
    piece.offset = piece.total - left;
    if (c->large != VMC_CALL_SINK)
        vmc_copy((c->large == VMC_CALL_BIG ? t->big : u->taker.into.ptr) + piece.offset, piece.bytes.ptr, piece.bytes.len);
    if (c->large != VMC_CALL_SINK || (piece.bytes.len != 0 && vmc_calls_to_sink(t, u, &piece) == VIAMC_OK))
        u->left -= (uint32_t)piece.bytes.len;
    return left - u->left;
}

/* Moves body octets that lie in the slot (they came before there was a place, or while the sink waited) to the large message. */
VMC_FN void vmc_calls_drain(vmc_calls *t, vmc_call *c, uint8_t *slot)
{
    uint8_t *from = slot + c->parsed + c->kept, *end = slot + c->stored;
    uint32_t n = vmc_calls_take_large(t, c, viamc_view(from, (size_t)(end - from)));
    if (c->state != VMC_CALL_OPEN)
        return; /* its sink refused: the status text lies there now */
    from += n;
    vmc_move(slot + c->parsed + c->kept, from, (size_t)(end - from)); /* behind what was kept of them, which `stored` counts twice */
    c->stored -= n;
    if (vmc_call_left(c) == 0)
        vmc_calls_complete(t, c, c->kept);
}

/* A message larger than a slot: finds its place. Ours take none. */
VMC_FN viamc_err vmc_calls_begin_large(vmc_calls *t, vmc_call *c, uint8_t *slot, uint32_t len)
{
    if (c->large != VMC_CALL_SMALL)
        return VIAMC_OK; /* the one before has not gone: this one stays in the slot */
    if (vmc_call_index(c) >= t->user_count)
        return VIAMC_ERR_NOMEM; /* nobody could lend it more */
    vmc_call_user(c)->left = len;
    c->kept = VMC_CALL_PREFIX;
    c->large = (uint8_t)vmc_calls_place(t, c);
    t->unsettled = true;
    if (c->large == VMC_CALL_SMALL) {
        vmc_calls_too_large(t, c, len);
        return VIAMC_ERR_MESSAGE;
    }
    if (c->large == VMC_CALL_BIG)
        t->big_owner = vmc_call_index(c);
    if (c->large != VMC_CALL_WAITS)
        vmc_calls_drain(t, c, slot);
    return c->state == VMC_CALL_OPEN ? VIAMC_OK : VIAMC_ERR_SINK;
}

/* Looks at what lies in the slot from `parsed` on: whole messages, then at most one that is under way. */
VMC_FN viamc_err vmc_calls_parse(vmc_calls *t, vmc_call *c, uint8_t *slot)
{
    const uint32_t small = vmc_calls_small(t, c);
    while (c->stored - c->parsed >= VMC_CALL_PREFIX && (c->large == VMC_CALL_SMALL || vmc_call_left(c) == 0)) {
        const uint8_t *p = slot + c->parsed;
        uint32_t len = vmc_be32(p + 1);
        if (p[0] != 0)
            return vmc_calls_refuse(t, c, VIAMC_INTERNAL, p[0] == 1u ? VMC_TEXT("compressed message, and no encoding was agreed") : VMC_TEXT("reserved bits in a message prefix"));
        if (len > VMC_CALL_MAX_MESSAGE)
            return vmc_calls_refuse(t, c, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("message larger than 2 GB"));
        if (len > small) {
            uint32_t before = c->parsed;
            viamc_err err = vmc_calls_begin_large(t, c, slot, len);
            if (err != VIAMC_OK || c->parsed == before)
                return err;
        } else if (c->stored - c->parsed - VMC_CALL_PREFIX < len) {
            return VIAMC_OK;
        } else {
            vmc_calls_complete(t, c, VMC_CALL_PREFIX + len);
        }
    }
    return VIAMC_OK;
}

/* Octets of call c's stream have come. OK; MESSAGE: the call has ended, its stream is to be cancelled;
 * NOMEM: more than there is room for (a server's peer that has not seen our SETTINGS, the reply to a call of the library's own).
 * What fits into the slot goes there and is looked at before the rest, which may have another place: so it is the same however it was cut. */
VMC_FN viamc_err vmc_calls_data(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    uint32_t cap, n;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    viamc_err err;
    if ((c->flags & VMC_CALL_F_DROP) != 0 || c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    do {
        if (c->large != VMC_CALL_SMALL && c->large != VMC_CALL_WAITS && vmc_call_left(c) != 0 && c->stored == c->parsed + c->kept) {
            n = vmc_calls_take_large(t, c, octets);
            octets.ptr += n;
            octets.len -= n;
            if (c->state != VMC_CALL_OPEN)
                return VIAMC_ERR_SINK;
            if (vmc_call_left(c) == 0)
                vmc_calls_complete(t, c, c->kept);
        }
        n = (uint32_t)vmc_min(octets.len, cap - c->stored);
        if (n == 0 && octets.len != 0)
            return VIAMC_ERR_NOMEM;
        vmc_copy(slot + c->stored, octets.ptr, n);
        c->stored += n;
        octets.ptr += n;
        octets.len -= n;
        err = vmc_calls_parse(t, c, slot);
    } while (err == VIAMC_OK && octets.len != 0);
    return err;
}

/* The one message of a unary reply came whole, with its prefix, and nothing before it: false if it has to go another way. */
VMC_FN bool vmc_calls_take_reply(vmc_calls *t, vmc_call *c, viamc_bytes octets)
{
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    if (c->state != VMC_CALL_OPEN || c->stored != 0 || c->messages != 0 || vmc_call_is_server_stream(c))
        return false;
    if (octets.len < VMC_CALL_PREFIX || octets.ptr[0] != 0 || vmc_be32(octets.ptr + 1) != octets.len - VMC_CALL_PREFIX)
        return false;
    if ((c->flags & VMC_CALL_F_DROP) != 0)
        return true;
    if (octets.len > cap)
        return false;
    vmc_copy(slot, octets.ptr, octets.len);
    c->stored = c->parsed = (uint32_t)octets.len;
    c->messages = 1;
    return true;
}

/* The peer ended its stream: is what came whole? */
VMC_FN bool vmc_call_is_whole(const vmc_call *c)
{
    return c->stored == c->parsed || (c->flags & VMC_CALL_F_DROP) != 0;
}

/* The rest of the large message is there, in the slot: its sink said WAIT. */
VMC_FN bool vmc_call_is_parked(const vmc_call *c)
{
    return c->large == VMC_CALL_SINK && c->stored - c->parsed - c->kept >= vmc_call_left(c);
}

/* Adds a piece of a field to the lent metadata buffer: name length, value length (16 bits each), octets.
 * A field that does not fit is left out, and so are all later ones.
 *   at  where the field begins: kept by the carrier from its first piece on */
VMC_FN void vmc_call_metadata(vmc_call *c, uint16_t *at, viamc_bytes name, viamc_bytes value, bool first)
{
    vmc_user_call *u = vmc_call_user(c);
    vmc_wr w = vmc_wr_of(u->meta, u->meta_cap);
    uint32_t len = 0;
    w.len = u->meta_len;
    if (first) {
        *at = u->meta_len;
        vmc_wr_be16(&w, (uint32_t)name.len);
        vmc_wr_be16(&w, 0);
        vmc_wr_bytes(&w, name.ptr, name.len);
    }
    vmc_wr_bytes(&w, value.ptr, value.len);
    if (!w.full)
        len = (uint32_t)(w.len - *at - 4u - name.len);
    if (w.full || len > 0xffffu) {
        u->meta_len = *at;
        u->meta_cap = *at;
        return;
    }
    vmc_put_be16(u->meta + *at + 2, len);
    u->meta_len = (uint16_t)w.len;
}

/* ---- taking ---- */

/* The next whole message of a user's call, as a view that lasts until vmc_calls_settle; false if there is none. */
VMC_FN bool vmc_calls_take(vmc_calls *t, vmc_call *c, viamc_bytes *msg)
{
    vmc_user_call *u = vmc_call_user(c);
    uint32_t cap, len;
    uint8_t *p = vmc_calls_slot(t, c, &cap);
    *msg = viamc_view(NULL, 0);
    if (u->taken == c->parsed)
        return false;
    p += u->taken;
    len = vmc_be32(p + 1);
    u->taken += VMC_CALL_PREFIX;
    t->unsettled = t->unsettled || c->state == VMC_CALL_OPEN || vmc_call_is_server_stream(c); /* else its record is freed now */
    if (len + VMC_CALL_PREFIX <= cap) {
        *msg = viamc_view(p + VMC_CALL_PREFIX, len);
        u->taken += len;
    } else if (c->large == VMC_CALL_INTO || c->large == VMC_CALL_BIG) {
        *msg = viamc_view(c->large == VMC_CALL_BIG ? t->big : u->taker.into.ptr, len);
        c->large = VMC_CALL_TAKEN;
        t->unsettled = true;
    }
    return true;
}

/* Start of a poll, for the whole table: the large buffer is free again once its message was taken. */
VMC_FN void vmc_calls_settle_big(vmc_calls *t)
{
    if (t->big_owner != VMC_CALL_NONE && t->users[t->big_owner].call.large != VMC_CALL_BIG)
        t->big_owner = VMC_CALL_NONE;
}

/* True if something of the call was taken: a user's, of ours nothing is. */
VMC_FN bool vmc_call_has_taken(const vmc_call *c)
{
    return (c->flags & VMC_CALL_F_INTERNAL) == 0 && vmc_call_user_const(c)->taken != 0;
}

/* True if that is so, or a message larger than a slot is under way. */
VMC_FN bool vmc_call_is_unsettled(const vmc_call *c)
{
    return vmc_call_has_taken(c) || c->large != VMC_CALL_SMALL;
}

/* True if the start of a poll would give the peer of call c room: something was taken, or its turn for the large buffer has come. */
VMC_FN bool vmc_calls_can_settle(const vmc_calls *t, const vmc_call *c)
{
    return c->state == VMC_CALL_OPEN && (vmc_call_has_taken(c) || (c->large == VMC_CALL_WAITS && vmc_calls_place(t, c) != VMC_CALL_WAITS));
}

/* Start of a poll, for such a call: what was taken is gone, waiting octets find their place. Not OK: the call has ended. */
VMC_FN viamc_err vmc_calls_settle(vmc_calls *t, vmc_call *c)
{
    vmc_user_call *u = vmc_call_user(c);
    uint32_t cap;
    uint8_t *slot = vmc_calls_slot(t, c, &cap);
    vmc_move(slot, slot + u->taken, c->stored - u->taken + (c->state == VMC_CALL_TOLD ? c->text_len : 0u)); /* the text lies behind */
    c->stored -= u->taken;
    c->parsed -= u->taken;
    u->taken = 0;
    if (c->large == VMC_CALL_TAKEN || c->large == VMC_CALL_WAITS)
        c->large = VMC_CALL_SMALL; /* one that waits asks again */
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_OK;
    if (c->large == VMC_CALL_SINK)
        vmc_calls_drain(t, c, slot);
    if (c->state != VMC_CALL_OPEN)
        return VIAMC_ERR_SINK;
    return vmc_calls_parse(t, c, slot);
}

/* ---- public ---- */

VIAMC_API bool viamc_event_metadata(const viamc_event *ev, size_t *at, viamc_str *name, viamc_bytes *value)
{
    vmc_rd r;
    viamc_bytes head, n;
    if (ev == NULL || at == NULL || name == NULL || value == NULL)
        return false;
    r = vmc_rd_of(ev->metadata);
    (void)vmc_rd_take(&r, *at);
    head = vmc_rd_take(&r, 4);
    if (!vmc_rd_ok(&r) || head.len != 4u)
        return false;
    n = vmc_rd_take(&r, vmc_be16(head.ptr));
    *value = vmc_rd_take(&r, vmc_be16(head.ptr + 2));
    name->ptr = (const char *)n.ptr;
    name->len = n.len;
    *at = ev->metadata.len - r.left;
    return vmc_rd_ok(&r);
}

#endif
/* ---- end of src/call/call_impl.h ---- */
/* ---- src/call/grpc.h ---- */
/* SPDX-License-Identifier: MIT */
/* call/grpc: gRPC over HTTP/2, both roles: header fields, message prefixes, status, deadlines.
 * A carrier: it pushes what comes into the call table and sends what the table has. Stream slots and call records have the same index.
 * Knows h2 and call. Knows nothing of sockets, TLS and robots. */
#ifndef VIAMC_CALL_GRPC_H
#define VIAMC_CALL_GRPC_H


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
/* ---- end of src/call/grpc.h ---- */
/* ---- src/call/grpc_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* call/grpc: receiving, then sending, then time. Statuses follow gRPC over HTTP/2 and the table of viam-wire.md 2.9. */
#ifndef VIAMC_CALL_GRPC_IMPL_H
#define VIAMC_CALL_GRPC_IMPL_H


#define VMC_GRPC_NO_STATUS 0xffu
/* Ends a call of ours whose reply has no room; vmc_auth_on_end knows it again. */
static const char vmc_grpc_no_room[] = VMC_TEXT("reply larger than any of its kind");

#define VMC_GRPC_TIMEOUT_LEN 10u /* "99999999m" and one more */

/* The owner sets https, scratch and what every request carries. */
VMC_FN void vmc_grpc_init(vmc_grpc *g, const vmc_h2_config *h2, vmc_calls *calls)
{
    VIAMC_MEMSET(g, 0, sizeof *g);
    vmc_h2_init(&g->h2, h2);
    g->calls = calls;
    g->calls->stirred = true;
}

/* Token or session changed: the peer's table holds the old ones. */
VMC_FN void vmc_grpc_changed(vmc_grpc *g)
{
    vmc_hpack_enc_reset(&g->h2.encoder);
}

/* ---- ending calls ---- */

/* The call is over on our side; its stream ends or is cancelled. A block half sent is finished first (RFC 9113 6.10): so a server's
 * status and text, which may be half sent, stay as they are. */
VMC_FN void vmc_grpc_end(vmc_grpc *g, vmc_call *c, uint32_t status, uint8_t ran, const char *text)
{
    const bool server = VMC_H2_IS_SERVER(&g->h2);
    vmc_calls_end(g->calls, c, server ? c->status : status, ran, server ? NULL : text);
    vmc_h2_release(&g->h2, vmc_call_index(c), server ? VMC_H2_NO_ERROR : VMC_H2_CANCEL);
    g->calls->stirred = true; /* its stream may be another's now */
}

/* Client: gives a running call up. */
VMC_FN void vmc_grpc_cancel(vmc_grpc *g, vmc_call *c, uint32_t status, const char *text)
{
    vmc_grpc_end(g, c, status, vmc_call_ran_locally(c), text);
}

/* The connection is gone: every call of it ends, nothing is sent any more. */
VMC_APART void vmc_grpc_abort(vmc_grpc *g, uint32_t status, const char *text)
{
    vmc_call *c;
    VMC_CALLS_EACH(g->calls, c)
        vmc_calls_end(g->calls, c, status, vmc_call_ran_locally(c), text);
}

/* RFC 9113 7 to gRPC (gRPC over HTTP/2, Errors). */
VMC_FN uint32_t vmc_grpc_status_of_reset(uint32_t code)
{
    switch (code) {
    case VMC_H2_REFUSED_STREAM: return VIAMC_UNAVAILABLE;
    case VMC_H2_CANCEL: return VIAMC_CANCELLED;
    case VMC_H2_ENHANCE_YOUR_CALM: return VIAMC_RESOURCE_EXHAUSTED;
    case VMC_H2_INADEQUATE_SECURITY: return VIAMC_PERMISSION_DENIED;
    default: return VIAMC_INTERNAL;
    }
}

/* HTTP status, from 400 on, to gRPC (gRPC, http-grpc-status-mapping). */
static const uint8_t vmc_grpc_http[][2] = {
    {400 - 400, VIAMC_INTERNAL},
    {401 - 400, VIAMC_UNAUTHENTICATED},
    {403 - 400, VIAMC_PERMISSION_DENIED},
    {404 - 400, VIAMC_UNIMPLEMENTED},
    {429 - 400, VIAMC_UNAVAILABLE},
    {502 - 400, VIAMC_UNAVAILABLE},
    {503 - 400, VIAMC_UNAVAILABLE},
    {504 - 400, VIAMC_UNAVAILABLE}
};

VMC_FN uint32_t vmc_grpc_status_of_http(uint32_t http)
{
    size_t i;
    for (i = 0; i < sizeof vmc_grpc_http / sizeof vmc_grpc_http[0]; i++)
        if (http == 400u + vmc_grpc_http[i][0])
            return vmc_grpc_http[i][1];
    return VIAMC_UNKNOWN;
}

/* ---- receiving: fields ---- */

VMC_FN void vmc_grpc_begin_block(vmc_grpc *g)
{
    g->said.type = VMC_GRPC_TYPE_NONE;
    g->text_given = false;
    g->said.status = VMC_GRPC_NO_STATUS;
#ifndef VIAMC_NO_SERVER
    g->kept = 0;
    g->is_post = false;
    g->reject = 0;
    g->timeout = VIAMC_FOREVER;
#endif
}

/* Puts the pieces of a value together; true when *value is whole (cut at the scratch's size: *cut). */
VMC_APART bool vmc_grpc_gather_pieces(vmc_grpc *g, const vmc_hpack_piece *p, viamc_bytes *value)
{
    vmc_wr w = vmc_wr_of(g->scratch + VMC_GRPC_KEPT(g), g->scratch_cap - (size_t)VMC_GRPC_KEPT(g));
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        g->held = 0;
        g->held_cut = false;
    }
    w.len = g->held;
    if (p->value.len > vmc_wr_room(&w))
        g->held_cut = true;
    vmc_wr_cut(&w, p->value.ptr, p->value.len);
    g->held = (uint16_t)w.len;
    *value = viamc_view(w.ptr, w.len);
    return (p->flags & VMC_HPACK_LAST) != 0;
}

/* True when *value is whole: nearly always at once. */
VMC_FN bool vmc_grpc_gather(vmc_grpc *g, const vmc_hpack_piece *p, viamc_bytes *value)
{
    const uint8_t whole = VMC_HPACK_FIRST | VMC_HPACK_LAST;
    if ((p->flags & whole) != whole)
        return vmc_grpc_gather_pieces(g, p, value);
    g->held_cut = false;
    *value = p->value;
    return true;
}

/* "application/grpc" or "application/grpc+proto", alone or followed by ';'. Messages of another form ("+json") would be misread. */
VMC_FN uint8_t vmc_grpc_type_of(viamc_bytes v)
{
    static const char type[] = "application/grpc+proto";
    const size_t whole = sizeof type - 1u, plain = sizeof "application/grpc" - 1u;
    const size_t n = v.len > plain && v.ptr[plain] == '+' ? whole : plain;
    const bool ok = v.len >= n && vmc_same(v.ptr, type, n) && (v.len == n || v.ptr[n] == ';');
    return ok ? VMC_GRPC_TYPE_OK : VMC_GRPC_TYPE_WRONG;
}

/* 0 to 16 without zeros in front; anything else is UNKNOWN, and so is a second one. */
VMC_FN uint8_t vmc_grpc_parse_status(const vmc_grpc *g, viamc_bytes v)
{
    uint32_t n = 0;
    size_t i;
    for (i = 0; i < v.len && i < 3u; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return VIAMC_UNKNOWN;
        n = n * 10u + (uint32_t)(v.ptr[i] - '0');
    }
    if (v.len != (n < 10u ? 1u : 2u) || n > VIAMC_UNAUTHENTICATED || g->said.status != VMC_GRPC_NO_STATUS)
        return VIAMC_UNKNOWN;
    return (uint8_t)n;
}

/* Up to eight digits and a unit, rounded up to milliseconds; false if it is not that. */
VMC_FN bool vmc_grpc_parse_timeout(viamc_bytes v, viamc_ms *ms)
{
    uint32_t n = 0;
    size_t i;
    if (v.len < 2u || v.len > 9u)
        return false;
    for (i = 0; i + 1u < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return false;
        n = n * 10u + (uint32_t)(v.ptr[i] - '0');
    }
    switch (v.ptr[i]) {
    case 'H': *ms = n > VMC_TIME_MAX / 3600000u ? VMC_TIME_MAX : n * 3600000u; break;
    case 'M': *ms = n > VMC_TIME_MAX / 60000u ? VMC_TIME_MAX : n * 60000u; break;
    case 'S': *ms = n > VMC_TIME_MAX / 1000u ? VMC_TIME_MAX : n * 1000u; break;
    case 'm': *ms = n; break;
    case 'u': *ms = n / 1000u + (n % 1000u != 0); break;
    case 'n': *ms = n / 1000000u + (n % 1000000u != 0); break;
    default: return false;
    }
    return true;
}

/* grpc-message goes straight into the call's text, decoded. */
VMC_APART void vmc_grpc_take_message(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
    uint32_t room;
    uint8_t *text = vmc_calls_text_place(g->calls, c, &room);
    vmc_wr w = vmc_wr_of(text, room);
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        vmc_percent_begin(&g->message);
        c->text_len = 0;
        g->text_given = true;
    }
    w.len = c->text_len;
    vmc_percent_feed(&g->message, &w, p->value);
    if ((p->flags & VMC_HPACK_LAST) != 0)
        (void)vmc_percent_end(&g->message, &w);
    c->text_len = (uint8_t)w.len;
    if ((p->flags & VMC_HPACK_LAST) != 0 && g->message.truncated)
        c->flags |= VMC_CALL_F_TEXT_CUT;
}

#ifndef VIAMC_NO_SERVER

/* Server: keeps a field for whoever looks at the request, as much of it as can matter. What does not fit refuses the request. */
VMC_FN void vmc_grpc_keep(vmc_grpc *g, uint8_t known, viamc_bytes value)
{
    vmc_wr w = vmc_wr_of(g->scratch, g->scratch_cap);
    uint8_t *to;
    w.len = g->kept;
    if (value.len > VMC_GRPC_KEEP)
        value.len = VMC_GRPC_KEEP;
    if ((g->held_cut && value.len < VMC_GRPC_KEEP) || value.len + 3u > vmc_wr_room(&w)) {
        g->reject = VIAMC_RESOURCE_EXHAUSTED;
        return;
    }
    to = w.ptr + w.len;
    vmc_move(to + 3, value.ptr, value.len); /* the value may lie right behind what is kept */
    to[0] = known;
    vmc_put_be16(to + 1, (uint32_t)value.len);
    g->kept = (uint16_t)(g->kept + 3u + value.len);
}

/* The kept field `known`, number nth from 0; false if there is none. */
VMC_FN bool vmc_grpc_kept(const vmc_grpc *g, uint8_t known, unsigned nth, viamc_bytes *value)
{
    vmc_rd r = vmc_rd_of(viamc_view(g->scratch, g->kept));
    while (r.left != 0) {
        uint8_t name = vmc_rd_u8(&r);
        viamc_bytes n = vmc_rd_take(&r, 2);
        *value = vmc_rd_take(&r, vmc_rd_ok(&r) ? vmc_be16(n.ptr) : 0);
        if (vmc_rd_ok(&r) && name == known && nth-- == 0)
            return true;
    }
    return false;
}

#endif

VMC_FN void vmc_grpc_on_reply_field(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
    viamc_bytes value;
    if (p->known == VMC_NAME_GRPC_MESSAGE) {
        vmc_grpc_take_message(g, c, p);
    } else if (p->known == VMC_NAME_CONTENT_TYPE || p->known == VMC_NAME_GRPC_STATUS) {
        if (!vmc_grpc_gather(g, p, &value))
            return;
        if (p->known == VMC_NAME_GRPC_STATUS)
            g->said.status = vmc_grpc_parse_status(g, value);
        else
            g->said.type = vmc_grpc_type_of(value);
    } else if (c->wants_metadata && (p->flags & VMC_HPACK_NAME_CUT) == 0) {
        vmc_call_metadata(c, &g->meta_at, p->name, p->value, (p->flags & VMC_HPACK_FIRST) != 0);
    }
}

#ifndef VIAMC_NO_SERVER

VMC_FN void vmc_grpc_on_request_field(vmc_grpc *g, const vmc_hpack_piece *p)
{
    viamc_bytes value;
    switch (p->known) {
    case VMC_NAME_METHOD:
    case VMC_NAME_PATH:
    case VMC_NAME_CONTENT_TYPE:
    case VMC_NAME_GRPC_TIMEOUT:
    case VMC_NAME_GRPC_ENCODING:
    case VMC_NAME_AUTHORIZATION:
    case VMC_NAME_VIAM_SID:
    case VMC_NAME_OPID:
    case VMC_NAME_USER_AGENT:
    case VMC_NAME_VIAM_CLIENT: break;
    default: return;
    }
    if (!vmc_grpc_gather(g, p, &value))
        return;
    switch (p->known) {
    case VMC_NAME_METHOD: g->is_post = vmc_bytes_are(value, "POST"); break;
    case VMC_NAME_CONTENT_TYPE: g->said.type = vmc_grpc_type_of(value); break;
    case VMC_NAME_GRPC_TIMEOUT:
        if (!vmc_grpc_parse_timeout(value, &g->timeout))
            g->reject = VIAMC_INTERNAL;
        break;
    case VMC_NAME_GRPC_ENCODING:
        if (!vmc_bytes_are(value, "identity"))
            g->reject = VIAMC_UNIMPLEMENTED;
        break;
    case VMC_NAME_USER_AGENT: break;
    default: vmc_grpc_keep(g, p->known, value); break;
    }
}

#endif

VMC_FN void vmc_grpc_on_field(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2)) {
        vmc_grpc_on_request_field(g, p);
        return;
    }
#endif
    vmc_grpc_on_reply_field(g, c, p);
}

/* ---- receiving: blocks and messages ---- */

/* The peer's last word is OK: the call needs what its kind promises, one message or any number of whole ones. */
VMC_FN void vmc_grpc_finish_ok(vmc_grpc *g, vmc_call *c)
{
    uint32_t status = VIAMC_OK;
    const char *wrong = NULL;
    if (vmc_call_is_parked(c))
        return; /* its sink has yet to take the end: vmc_grpc_settle comes back */
    if (!vmc_call_is_whole(c)) {
        status = VIAMC_INTERNAL;
        wrong = VMC_TEXT("the stream ended inside a message");
    } else if (!vmc_call_is_server_stream(c) && c->messages != 1u && (c->flags & VMC_CALL_F_DROP) == 0) {
        status = VIAMC_UNIMPLEMENTED;
        wrong = VMC_TEXT("a unary call was answered with no message, or with several");
    }
    vmc_grpc_end(g, c, status, status == VIAMC_OK ? VIAMC_ANSWERED : VIAMC_MAYBE, wrong);
}

VMC_FN vmc_h2_stream *vmc_grpc_stream(const vmc_grpc *g, const vmc_call *c)
{
    return &g->h2.streams[vmc_call_index(c)];
}

/* What was sent before the stream of call c was has come. */
VMC_FN void vmc_grpc_note_answer(vmc_grpc *g, vmc_call *c)
{
    const uint32_t id = vmc_grpc_stream(g, c)->id;
    if (id > g->answered)
        g->answered = id;
}

/* The peer gave the last word on a call. */
VMC_FN void vmc_grpc_finish(vmc_grpc *g, vmc_call *c)
{
    c->flags |= VMC_CALL_F_PEER_END;
    if (g->said.status != VMC_GRPC_NO_STATUS) /* else it may be a proxy's word */
        vmc_grpc_note_answer(g, c);
    if (!g->text_given)
        c->text_len = 0;
    if (g->said.status == VMC_GRPC_NO_STATUS)
        vmc_grpc_end(g, c, VIAMC_UNKNOWN, VIAMC_MAYBE, VMC_TEXT("the stream ended without a grpc-status"));
    else if (g->said.status != VIAMC_OK)
        vmc_grpc_end(g, c, g->said.status, VIAMC_ANSWERED, NULL);
    else
        vmc_grpc_finish_ok(g, c);
}

/* "HTTP 502 without gRPC" */
VMC_FN void vmc_grpc_end_http(vmc_grpc *g, vmc_call *c, uint32_t http)
{
    vmc_wr w = vmc_calls_begin_text(g->calls, c);
    vmc_wr_text(&w, VMC_TEXT("HTTP "));
    vmc_wr_dec(&w, http);
    vmc_wr_text(&w, VMC_TEXT(" instead of a gRPC answer"));
    c->text_len = (uint8_t)w.len;
    vmc_grpc_end(g, c, vmc_grpc_status_of_http(http), VIAMC_MAYBE, NULL);
}

#if VIAMC_SHORTCUTS

/* A block that repeats one says what that said; of one that may come again it is noted, unless it has a text. */
VMC_FN void vmc_grpc_recall(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    if (ev->repeats)
        g->said = g->memo[ev->memo - 1u];
    else if (g->text_given && c->text_len != 0)
        vmc_h2_memo_drop(&g->h2, ev->memo);
    else
        g->memo[ev->memo - 1u] = g->said;
}

#endif

/* Client: a header block of a reply is complete: headers, trailers or both in one. A grpc-status wins over everything else. */
VMC_FN void vmc_grpc_on_reply_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
#if VIAMC_SHORTCUTS
    if (ev->memo != 0)
        vmc_grpc_recall(g, c, ev);
#endif
    if (ev->end && (ev->status == 0 || ev->status == 200u || g->said.status != VMC_GRPC_NO_STATUS))
        vmc_grpc_finish(g, c);
    else if (ev->status != 200u)
        vmc_grpc_end_http(g, c, ev->status);
    else if (g->said.type != VMC_GRPC_TYPE_OK)
        vmc_grpc_end(g, c, VIAMC_UNKNOWN, VIAMC_MAYBE, g->said.type == VMC_GRPC_TYPE_WRONG ? VMC_TEXT("HTTP 200 with a content-type that is not gRPC's") : VMC_TEXT("HTTP 200 without a content-type"));
}

#ifndef VIAMC_NO_SERVER

/* Server: the path goes where the status text will be; requests that cannot be gRPC are refused by the owner (g->reject). */
VMC_FN vmc_grpc_event vmc_grpc_on_request_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    uint32_t room;
    uint8_t *text = vmc_calls_text_place(g->calls, c, &room);
    viamc_bytes path;
    if (c->path != NULL) { /* trailers of a request: nothing in them matters but that they end it */
        c->flags |= VMC_CALL_F_PEER_END;
        return VMC_GRPC_MORE;
    }
    if (!vmc_grpc_kept(g, VMC_NAME_PATH, 0, &path) || path.len >= VMC_CALL_TEXT)
        g->reject = VIAMC_UNIMPLEMENTED;
    else
        vmc_copy(text, path.ptr, path.len);
    text[g->reject == VIAMC_UNIMPLEMENTED ? 0 : path.len] = '\0';
    c->path = (const char *)text;
    if (!g->is_post || g->said.type != VMC_GRPC_TYPE_OK)
        g->reject = VIAMC_INVALID_ARGUMENT;
    if (ev->end && g->reject == 0)
        c->flags |= VMC_CALL_F_PEER_END; /* half-closed without a message */
    g->at = vmc_call_index(c);
    return VMC_GRPC_REQUEST;
}

#endif

VMC_FN vmc_grpc_event vmc_grpc_on_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2))
        return vmc_grpc_on_request_block(g, c, ev);
#endif
    vmc_grpc_on_reply_block(g, c, ev);
    return VMC_GRPC_MORE;
}

/* Tells the peer of call c how much room there is. */
VMC_FN void vmc_grpc_give_credit(vmc_grpc *g, vmc_call *c)
{
    uint32_t room = vmc_calls_room(g->calls, c);
    if (room > 0 && (int32_t)room > vmc_h2_expected(&g->h2, vmc_call_index(c)))
        vmc_h2_room(&g->h2, vmc_call_index(c), room, vmc_calls_needs(g->calls, c));
}

/* What the peer sent has ended call c. A server's peer is told why, a client's is told to stop. */
VMC_FN void vmc_grpc_refuse(vmc_grpc *g, vmc_call *c)
{
    viamc_bytes said;
    if (!VMC_H2_IS_SERVER(&g->h2) || c->state != VMC_CALL_ENDED) {
        vmc_h2_release(&g->h2, vmc_call_index(c), VMC_H2_CANCEL);
        return;
    }
    said = vmc_calls_text(g->calls, c);
    if (c->status == VIAMC_RESOURCE_EXHAUSTED)
        said = vmc_bytes_of(viamc_text(VMC_TEXT("message larger than this robot takes")));
    vmc_calls_set_text(g->calls, c, said);
    g->calls->ended--;
    g->calls->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags |= VMC_CALL_F_FINISH | VMC_CALL_F_DROP;
}

VMC_FN void vmc_grpc_on_data(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    viamc_err err = vmc_calls_data(g->calls, c, ev->data);
    if (err == VIAMC_ERR_NOMEM) { /* early DATA beyond our window, or a reply where none has room */
        vmc_calls_end(g->calls, c, VIAMC_RESOURCE_EXHAUSTED, VMC_H2_IS_SERVER(&g->h2) ? VIAMC_NOT_RUN : VIAMC_MAYBE,
                      vmc_grpc_no_room);
        vmc_h2_reset(&g->h2, vmc_call_index(c), VMC_H2_REFUSED_STREAM);
    } else if (err != VIAMC_OK) {
        vmc_grpc_refuse(g, c);
    } else if (!ev->end) {
        vmc_grpc_give_credit(g, c);
    } else if (VMC_H2_IS_SERVER(&g->h2)) {
        c->flags |= VMC_CALL_F_PEER_END; /* half-closed */
    } else {
        vmc_grpc_begin_block(g);
        vmc_grpc_finish(g, c); /* no trailers will come */
    }
}

VMC_FN void vmc_grpc_on_reset(vmc_grpc *g, vmc_call *c, uint32_t code)
{
    uint8_t ran = code == VMC_H2_REFUSED_STREAM ? VIAMC_NOT_RUN : VIAMC_MAYBE;
    c->flags |= VMC_CALL_F_PEER_END;
    vmc_grpc_end(g, c, vmc_grpc_status_of_reset(code), ran, VMC_TEXT("the peer reset the stream"));
}

/* Calls that the peer has not begun will not be; those that have not left cannot. */
VMC_FN void vmc_grpc_on_goaway(vmc_grpc *g, const vmc_h2_event *ev)
{
    vmc_call *c;
    g->code = ev->code;
    if (VMC_H2_IS_SERVER(&g->h2))
        return;
    VMC_CALLS_EACH(g->calls, c)
        if (vmc_grpc_stream(g, c)->id == 0 || vmc_grpc_stream(g, c)->id > ev->last)
            vmc_grpc_end(g, c, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, VMC_TEXT("the peer takes no new calls (GOAWAY)"));
}

#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_grpc_is_vacant(const vmc_grpc *g, const vmc_call *c)
{
    return c->state == VMC_CALL_FREE && g->h2.out_slot != vmc_call_index(c);
}

/* Server: a request begins. Its record may still be kept by a handler whose stream the peer has reset: then it moves to one that is free,
 * or is refused. */
VMC_FN void vmc_grpc_on_opened(vmc_grpc *g, vmc_call *c)
{
    vmc_user_call *users = g->calls->users, *end = users + g->calls->user_count;
    vmc_call *to = c;
    if (!vmc_grpc_is_vacant(g, c))
        while (users != end && !(vmc_grpc_is_vacant(g, to = &users->call) && vmc_h2_is_free(&g->h2, vmc_call_index(to))))
            users++;
    if (users == end) {
        vmc_h2_reset(&g->h2, vmc_call_index(c), VMC_H2_REFUSED_STREAM);
        return;
    }
    vmc_h2_move(&g->h2, vmc_call_index(c), vmc_call_index(to));
    vmc_calls_claim(g->calls, to);
}

#endif

VMC_FN vmc_grpc_event vmc_grpc_on_event(vmc_grpc *g, vmc_h2_event_kind kind, const vmc_h2_event *ev)
{
    vmc_call *c = vmc_calls_at(g->calls, ev->slot);
    switch (kind) {
    case VMC_H2_OPENED:
#ifndef VIAMC_NO_SERVER
        vmc_grpc_on_opened(g, c);
#endif
        break;
    case VMC_H2_FIELD: vmc_grpc_on_field(g, c, &ev->piece); break;
    case VMC_H2_BLOCK_END: return vmc_grpc_on_block(g, c, ev);
    case VMC_H2_DATA: vmc_grpc_on_data(g, c, ev); break;
    case VMC_H2_RESET: vmc_grpc_on_reset(g, c, ev->code); break;
    case VMC_H2_STREAM_ERROR:
        vmc_grpc_end(g, c, ev->code == VMC_H2_ENHANCE_YOUR_CALM ? VIAMC_RESOURCE_EXHAUSTED : VIAMC_INTERNAL, VIAMC_MAYBE,
                     VMC_TEXT("the peer broke a rule of HTTP/2 on this stream"));
        break;
    case VMC_H2_GOAWAY: vmc_grpc_on_goaway(g, ev); return VMC_GRPC_GOAWAY;
    case VMC_H2_FAILED: return VMC_GRPC_FAILED;
    case VMC_H2_MORE: break;
    }
    return VMC_GRPC_MORE;
}

#if VIAMC_SHORTCUTS

/* Client: takes a whole unary reply that says OK, as most do, in one step. False: there is none, nothing was consumed. */
VMC_APART bool vmc_grpc_take_reply(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_reply r;
    vmc_call *c;
    if (VMC_H2_IS_SERVER(&g->h2) || g->memo[0].type != VMC_GRPC_TYPE_OK || g->memo[1].status != VIAMC_OK || !vmc_h2_peek_reply(&g->h2, in, &r))
        return false;
    c = vmc_calls_at(g->calls, r.slot);
    if (!vmc_calls_take_reply(g->calls, c, r.data))
        return false;
    vmc_h2_take_reply(&g->h2, in, &r);
    c->flags |= VMC_CALL_F_PEER_END;
    c->text_len = 0;
    vmc_grpc_note_answer(g, c);
    vmc_grpc_end(g, c, VIAMC_OK, VIAMC_ANSWERED, NULL);
    return true;
}

#endif

/* Consumes input until its owner has to look at something, or until it is used up. */
VMC_FN vmc_grpc_event vmc_grpc_recv(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_event ev;
    g->calls->stirred = true;
    for (;;) {
        vmc_h2_event_kind kind;
        vmc_grpc_event up;
#if VIAMC_SHORTCUTS
        while (vmc_grpc_take_reply(g, in))
            ;
#endif
        if (!g->h2.block.open)
            g->block_of = 0;
        kind = vmc_h2_next(&g->h2, in, &ev);
        if (kind == VMC_H2_MORE)
            return VMC_GRPC_MORE; /* also after frames that are no events: windows may have opened */
        if (g->block_of != g->h2.id && (kind == VMC_H2_FIELD || kind == VMC_H2_OPENED || kind == VMC_H2_BLOCK_END)) {
            vmc_grpc_begin_block(g);
            g->block_of = g->h2.id;
        }
        up = vmc_grpc_on_event(g, kind, &ev);
        if (up != VMC_GRPC_MORE)
            return up;
    }
}

/* Client: the peer said OK, and the call waits for its sink alone. */
VMC_FN bool vmc_grpc_is_finishing(const vmc_grpc *g, const vmc_call *c)
{
    return !VMC_H2_IS_SERVER(&g->h2) && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_PEER_END) != 0;
}

/* Start of a poll: what the owner has taken is gone, and its room is the peer's. */
VMC_FN void vmc_grpc_settle(vmc_grpc *g)
{
    vmc_call *c;
    vmc_calls_settle_big(g->calls);
    if (!g->calls->unsettled)
        return;
    g->calls->unsettled = false;
    VMC_CALLS_EACH(g->calls, c) {
        if (!vmc_call_is_unsettled(c))
            continue;
        g->calls->unsettled = true;
        if ((c->state != VMC_CALL_OPEN && c->state != VMC_CALL_TOLD) || (g->block_of != 0 && g->block_of == vmc_grpc_stream(g, c)->id))
            continue; /* or its text may be half there: it must not move */
        if (vmc_calls_settle(g->calls, c) != VIAMC_OK)
            vmc_grpc_refuse(g, c);
        else if (vmc_grpc_is_finishing(g, c))
            vmc_grpc_finish_ok(g, c);
        else if (vmc_grpc_stream(g, c)->id != 0)
            vmc_grpc_give_credit(g, c);
    }
}

/* ---- metadata of the caller ---- */

VMC_FN bool vmc_grpc_is_binary(viamc_bytes name)
{
    return name.len > 4u && vmc_same(name.ptr + name.len - 4u, "-bin", 4);
}

/* gRPC over HTTP/2, Custom-Metadata: a-z, 0-9, '_', '-', '.'; no name that means something to HTTP, gRPC or viamc. */
VMC_FN bool vmc_grpc_is_free_name(viamc_bytes name)
{
    uint8_t known = vmc_hpack_classify(name);
    size_t i;
    for (i = 0; i < name.len; i++) {
        uint32_t c = name.ptr[i];
        if (c - 'a' > 'z' - 'a' && c - '0' > '9' - '0' && c != '_' && c != '-' && c != '.')
            return false;
    }
    return name.len != 0 && (known == VMC_NAME_OTHER || known == VMC_NAME_OPID) && (name.len < 5u || !vmc_same(name.ptr, "grpc-", 5));
}

/* RFC 9113 8.2.1 */
VMC_FN bool vmc_grpc_is_value(viamc_bytes v)
{
    size_t i;
    for (i = 0; i < v.len; i++)
        if (v.ptr[i] == '\0' || v.ptr[i] == '\r' || v.ptr[i] == '\n')
            return false;
    return v.len == 0 || !(vmc_hpack_is_blank(v.ptr[0]) || vmc_hpack_is_blank(v.ptr[v.len - 1u]));
}

/* True if all of it may be sent: a peer would refuse the request, or take a field for ours. */
VMC_FN bool vmc_grpc_metadata_ok(const viamc_metadata *m, size_t count)
{
    if (m == NULL)
        return count == 0;
    for (; count != 0; m++, count--) {
        viamc_bytes name = vmc_bytes_of(m->name);
        if (!vmc_is_view(name) || !vmc_is_view(m->value))
            return false;
        if (!vmc_grpc_is_free_name(name) || !(vmc_grpc_is_binary(name) || vmc_grpc_is_value(m->value)))
            return false;
    }
    return true;
}

/* ---- sending: header blocks ---- */

/* The fields of a request behind :method and :scheme, in the order that grpc-python's grpclib uses (viam-wire.md 2.4); metadata follows. A field that is the same in
 * every call has its number + 1 as its key (hpack.h). */
enum {
    VMC_GRPC_AT_PATH,
    VMC_GRPC_AT_AUTHORITY,
    VMC_GRPC_AT_TIMEOUT,
    VMC_GRPC_AT_TE,
    VMC_GRPC_AT_TYPE,
    VMC_GRPC_AT_AGENT,
    VMC_GRPC_AT_TOKEN,
    VMC_GRPC_AT_CLIENT,
    VMC_GRPC_AT_SESSION,
    VMC_GRPC_AT_METADATA
};

/* What of a field is constant: how its value begins, its name, and the static index of that. */
typedef struct vmc_grpc_form {
    const char *name, *value;
    uint8_t index;
} vmc_grpc_form;

static const vmc_grpc_form vmc_grpc_forms[VMC_GRPC_AT_METADATA + 1] = {
    {":path", "", 4},
    {":authority", "", 1},
    {"grpc-timeout", "", 0},
    {"te", "trailers", 0},
    {"content-type", "application/grpc", 31},
    {"user-agent", "grpc-c-viamc/" VIAMC_VERSION, 58},
    {"authorization", "Bearer ", 23},
    {"viam_client", "c;v" VIAMC_VERSION ";" VIAMC_API_VERSION, 0},
    {"viam-sid", "", 0},
    {"", "", 0}
};

/* What is left of a call's time, ms: two digits and zeros, rounded up. So there are few different values, and a peer's table can have them. */
VMC_FN uint32_t vmc_grpc_timeout(const vmc_grpc *g, const vmc_call *c)
{
    uint32_t left = vmc_timer_left(&c->deadline, g->block_now), unit = 1;
    if (left == 0)
        return 1;
    while (left / unit >= 100u)
        unit *= 10u;
    return (left + unit - 1u) / unit * unit; /* at most 2,200,000,000 */
}

/* "3000m", above 99,999,999 ms in seconds. */
VMC_FN viamc_bytes vmc_grpc_timeout_text(uint32_t ms, uint8_t *buf)
{
    vmc_wr w = vmc_wr_of(buf, VMC_GRPC_TIMEOUT_LEN);
    bool long_ = ms > 99999999u;
    vmc_wr_dec(&w, long_ ? ms / 1000u : ms);
    vmc_wr_u8(&w, long_ ? 'S' : 'm');
    return viamc_view(buf, w.len);
}

#define VMC_GRPC_NO_KEY 0xffu /* of a field whose value is never kept: no key that is in use */

VMC_FN uint64_t vmc_grpc_path_key(const vmc_call *c)
{
    return vmc_hpack_key(viamc_view(c->path, c->path_len));
}

/* 0: no time limit. */
VMC_FN uint64_t vmc_grpc_timeout_key(const vmc_grpc *g, const vmc_call *c)
{
    return vmc_timer_is_on(&c->deadline) ? (uint64_t)vmc_grpc_timeout(g, c) << 8 | (VMC_GRPC_AT_TIMEOUT + 1u) : 0;
}

/* The identity of field n of call c; 0: the call does not carry it. */
VMC_FN uint64_t vmc_grpc_request_key(const vmc_grpc *g, const vmc_call *c, uint8_t n)
{
    switch (n) {
    case VMC_GRPC_AT_PATH: return vmc_grpc_path_key(c);
    case VMC_GRPC_AT_TIMEOUT: return vmc_grpc_timeout_key(g, c);
    case VMC_GRPC_AT_TOKEN:
        if ((c->flags & VMC_CALL_F_TOKEN) == 0 || g->token.len == 0)
            return 0;
        break;
    case VMC_GRPC_AT_SESSION:
        if ((c->flags & VMC_CALL_F_SESSION) == 0 || g->session.len == 0)
            return 0;
        break;
    default: break;
    }
    return n < VMC_GRPC_AT_METADATA ? n + 1u : VMC_GRPC_NO_KEY;
}

/* Puts the name and the parts of the value of field n together. */
VMC_FN void vmc_grpc_request_field(const vmc_grpc *g, const vmc_call *c, uint8_t n, uint8_t *buf, vmc_hpack_field *f)
{
    const vmc_grpc_form *form = &vmc_grpc_forms[vmc_min32(n, VMC_GRPC_AT_METADATA)];
    f->full_index = 0;
    f->name_index = form->index;
    f->base64 = false;
    f->name = vmc_bytes_of(viamc_text(form->name));
    f->value[0] = vmc_bytes_of(viamc_text(form->value));
    f->value[1] = viamc_view("", 0);
    switch (n) {
    case VMC_GRPC_AT_PATH: f->value[1] = vmc_bytes_of(vmc_call_path(c)); break;
    case VMC_GRPC_AT_AUTHORITY:
        f->value[0] = g->authority[0];
        f->value[1] = g->authority[1];
        break;
    case VMC_GRPC_AT_TIMEOUT:
        f->value[1] = vmc_grpc_timeout_text((uint32_t)(f->key >> 8), buf);
        if (g->h2.encoder.others >= VMC_HPACK_ENCODER_ENTRIES / 2u)
            f->key = 0;
        break;
    case VMC_GRPC_AT_TOKEN: f->value[1] = g->token; break;
    case VMC_GRPC_AT_SESSION: f->value[1] = g->session; break;
    default:
        if (n >= VMC_GRPC_AT_METADATA) {
            const viamc_metadata *m = &vmc_call_user_const(c)->metadata[n - VMC_GRPC_AT_METADATA];
            f->name = vmc_bytes_of(m->name);
            f->value[0] = m->value;
            f->base64 = vmc_grpc_is_binary(f->name);
        }
        break;
    }
}

/* Field n of a request, spelled out. False: the frame is full. */
VMC_APART bool vmc_grpc_put_literal(vmc_grpc *g, const vmc_call *c, uint8_t n, uint64_t key, vmc_wr *part)
{
    uint8_t buf[VMC_GRPC_TIMEOUT_LEN];
    vmc_hpack_field f;
    f.key = key == VMC_GRPC_NO_KEY ? 0 : key;
    vmc_grpc_request_field(g, c, n, buf, &f);
    return vmc_hpack_put(&g->h2.encoder, &f, &g->field_at, part);
}

#if VIAMC_SHORTCUTS

#define VMC_GRPC_FIXED_OCTETS 16u /* more than there are fields */

/* The fixed fields that call c carries, a bit 1 << key each. */
VMC_FN uint32_t vmc_grpc_fixed(const vmc_grpc *g, const vmc_call *c)
{
    uint32_t which = 1u << (VMC_GRPC_AT_AUTHORITY + 1) | 1u << (VMC_GRPC_AT_TE + 1) | 1u << (VMC_GRPC_AT_TYPE + 1) | 1u << (VMC_GRPC_AT_AGENT + 1) | 1u << (VMC_GRPC_AT_CLIENT + 1);
    if ((c->flags & VMC_CALL_F_TOKEN) != 0 && g->token.len != 0)
        which |= 1u << (VMC_GRPC_AT_TOKEN + 1);
    if ((c->flags & VMC_CALL_F_SESSION) != 0 && g->session.len != 0)
        which |= 1u << (VMC_GRPC_AT_SESSION + 1);
    return which;
}

/* The block of a call whose fields the peer's table has, as nearly all have: an octet each, VMC_GRPC_FIXED_OCTETS at most. False: nothing
 * was written. */
VMC_FN bool vmc_grpc_put_known(vmc_grpc *g, const vmc_call *c, vmc_wr *part)
{
    vmc_hpack_enc *e = &g->h2.encoder;
    uint8_t *to = part->ptr + part->len;
    uint32_t n;
    if (c->metadata_count != 0)
        return false;
    to[0] = vmc_hpack_find(e, vmc_grpc_path_key(c));
    n = to[0] == 0 ? 0 : vmc_hpack_find_fixed(e, vmc_grpc_fixed(g, c), to + 1);
    if (n == 0)
        return false;
    if (vmc_timer_is_on(&c->deadline) && (to[++n] = vmc_hpack_find(e, vmc_grpc_timeout_key(g, c))) == 0)
        return false;
    part->len += n + 1u;
    return true;
}

#endif

/* The fields of call c's request from g->field on. True when all are in. */
VMC_FN bool vmc_grpc_put_request(vmc_grpc *g, vmc_call *c, vmc_wr *part)
{
    const uint32_t count = (uint32_t)VMC_GRPC_AT_METADATA + c->metadata_count;
    uint8_t n = g->field;
    for (; n < count; n++) {
        uint64_t key = vmc_grpc_request_key(g, c, n);
        uint8_t octet = key == 0 ? (uint8_t)0 : vmc_hpack_find(&g->h2.encoder, key);
        if (octet != 0 && vmc_wr_room(part) != 0)
            vmc_wr_u8(part, octet);
        else if (key != 0 && !vmc_grpc_put_literal(g, c, n, key, part))
            break;
    }
    g->field = n;
    return n == count;
}

/* The fields of a reply: two of its headers, two of its trailers; trailers alone have all four. */
enum { VMC_GRPC_AT_STATUS, VMC_GRPC_AT_REPLY_TYPE, VMC_GRPC_AT_GRPC_STATUS, VMC_GRPC_AT_MESSAGE, VMC_GRPC_REPLY_FIELDS };

#ifndef VIAMC_NO_SERVER

VMC_FN void vmc_grpc_reply_text(vmc_hpack_field *f, uint64_t key, uint8_t name_index, const char *name, viamc_bytes value)
{
    f->key = key;
    f->name_index = name_index;
    f->name = viamc_view(name, vmc_strlen(name));
    f->value[0] = value;
}

/* Field n of a reply; false: not sent. */
VMC_FN bool vmc_grpc_reply_field(const vmc_grpc *g, const vmc_call *c, uint8_t n, uint8_t *buf, vmc_hpack_field *f)
{
    vmc_wr w = vmc_wr_of(buf, 3u * VMC_CALL_TEXT);
    viamc_bytes message;
    viamc_str text;
    VIAMC_MEMSET(f, 0, sizeof *f);
    switch (n) {
    case VMC_GRPC_AT_STATUS: f->full_index = 8; return true; /* 200 */
    case VMC_GRPC_AT_REPLY_TYPE: vmc_grpc_reply_text(f, n + 1u, 31, "content-type", vmc_bytes_of(viamc_text("application/grpc"))); return true;
    case VMC_GRPC_AT_GRPC_STATUS:
        vmc_wr_dec(&w, c->status);
        vmc_grpc_reply_text(f, c->status == 0 ? n + 1u : 0, 0, "grpc-status", viamc_view(buf, w.len));
        return true;
    default: break;
    }
    message = vmc_calls_text(g->calls, c);
    text.ptr = (const char *)message.ptr;
    text.len = message.len;
    vmc_percent_encode(&w, text);
    vmc_grpc_reply_text(f, 0, 0, "grpc-message", viamc_view(buf, w.len));
    return w.len != 0;
}

VMC_FN bool vmc_grpc_put_reply(vmc_grpc *g, vmc_call *c, uint8_t count, vmc_wr *part)
{
    uint8_t buf[3u * VMC_CALL_TEXT];
    vmc_hpack_field f;
    for (; g->field < count; g->field++)
        if (vmc_grpc_reply_field(g, c, g->field, buf, &f) && !vmc_hpack_put(&g->h2.encoder, &f, &g->field_at, part))
            return false;
    return true;
}

#endif

/* :method POST, :scheme */
VMC_FN void vmc_grpc_put_pseudo(const vmc_grpc *g, vmc_wr *part)
{
    vmc_wr_u8(part, 0x83);
    vmc_wr_u8(part, g->https ? 0x87 : 0x86);
}

/* Puts fields from g->field on into the open frame; true when all are in. `count`: of a reply. */
VMC_FN bool vmc_grpc_put_fields(vmc_grpc *g, vmc_call *c, uint8_t count, vmc_wr *part)
{
    if (g->in_updates) {
        if (!vmc_hpack_enc_begin(&g->h2.encoder, part))
            return false;
        g->in_updates = false;
        if (!VMC_H2_IS_SERVER(&g->h2))
            vmc_grpc_put_pseudo(g, part); /* there is room: vmc_h2_block_open */
    }
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2))
        return vmc_grpc_put_reply(g, c, count, part);
#endif
    (void)count;
    return vmc_grpc_put_request(g, c, part);
}

/* Writes the header block of call c, or what fits of it; true when it is complete. `first`, `count`: which fields of a reply. */
VMC_FN bool vmc_grpc_write_block(vmc_grpc *g, vmc_call *c, uint8_t first, uint8_t count, bool end, viamc_ms now, vmc_wr *w)
{
    vmc_wr part;
    bool done;
    bool begins = g->h2.out_slot == VMC_H2_NO_SLOT;
    if (!vmc_h2_block_open(&g->h2, vmc_call_index(c), end, w, &part))
        return false;
    if (begins) {
        g->field = first;
        g->field_at = 0;
        g->in_updates = true;
        g->block_now = now;
    }
    done = vmc_grpc_put_fields(g, c, count, &part);
    c->flags |= VMC_CALL_F_SENT;
    vmc_h2_block_close(&g->h2, w, &part, done);
    return done;
}

/* ---- sending: one call ---- */

VMC_FN bool vmc_grpc_is_ours(const vmc_call *c)
{
    return (c->flags & (VMC_CALL_F_INTERNAL | VMC_CALL_F_FIRST)) != 0;
}

#define VMC_GRPC_BLOCK_MAX 240u /* octets of a block beside path, authority and token; metadata apart */

/* While the token is being replaced, the user's calls wait. Ours go with the old one: where the peer's table has it, it is not read any
 * more; else the block must fit at once, before the new one comes to its place. */
VMC_FN bool vmc_grpc_has_token(const vmc_grpc *g, const vmc_call *c, const vmc_wr *w)
{
    if (!g->hold_token || (c->flags & VMC_CALL_F_TOKEN) == 0)
        return true;
    if (!vmc_grpc_is_ours(c))
        return false;
    if (!g->h2.encoder.changed && vmc_hpack_find(&g->h2.encoder, VMC_GRPC_AT_TOKEN + 1u) != 0)
        return true;
    return !g->token_comes && c->metadata_count == 0
           && vmc_wr_room(w) >= VMC_GRPC_BLOCK_MAX + c->path_len + g->authority[0].len + g->authority[1].len + g->token.len;
}

/* Client: may the header block of call c begin now? */
VMC_FN bool vmc_grpc_may_begin(const vmc_grpc *g, const vmc_call *c, const vmc_wr *w)
{
    if (!vmc_grpc_has_token(g, c, w))
        return false;
    if (!vmc_h2_is_free(&g->h2, vmc_call_index(c)) || !vmc_h2_may_open(&g->h2, vmc_grpc_is_ours(c) ? 0 : VMC_GRPC_SPARE_STREAMS))
        return false; /* the stream before it is not reset yet, or the peer permits no more */
    return vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u;
}

/* Client: the request's header block. True when DATA may follow. */
VMC_FN bool vmc_grpc_write_request(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (g->h2.out_slot != vmc_call_index(c)) {
        if (!vmc_grpc_may_begin(g, c, w))
            return false;
        vmc_h2_open(&g->h2, vmc_call_index(c));
        if (c->wants_metadata)
            vmc_grpc_stream(g, c)->flags |= VMC_H2_ALL_FIELDS;
    }
    if (!vmc_grpc_write_block(g, c, 0, 0, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

/* Copies n of the octets that call c has to send. */
VMC_FN void vmc_grpc_copy_octets(vmc_grpc *g, vmc_call *c, uint8_t *to, uint32_t n)
{
    while (n != 0) {
        viamc_bytes v = vmc_calls_next_octets(g->calls, c);
        uint32_t k = vmc_min32((uint32_t)v.len, n);
        vmc_copy(to, v.ptr, k);
        to += k;
        n -= k;
        if (n != 0)
            c->sent += k; /* the rest comes from the other place */
        else
            vmc_calls_sent(g->calls, c, k);
    }
}

/* DATA of call c as far as window, peer and fairness allow; false when the window is full. */
VMC_APART bool vmc_grpc_write_messages(vmc_grpc *g, vmc_call *c, vmc_wr *w)
{
    bool ours = vmc_grpc_is_ours(c);
    uint32_t pending = vmc_call_pending(c);
    while (pending != 0 && (ours || !g->hold_data || pending <= VMC_GRPC_SMALL)) {
        size_t room = vmc_wr_room(w);
        uint32_t n = vmc_min32(pending, vmc_h2_data_room(&g->h2, vmc_call_index(c), ours || VMC_H2_IS_SERVER(&g->h2) ? 0 : VMC_GRPC_SPARE_WINDOW));
        bool last;
        uint8_t *to;
        if (n == 0)
            return true; /* the peer's turn */
        if (room <= VMC_H2_FRAME_HEAD)
            return false;
        n = (uint32_t)vmc_min(n, room - VMC_H2_FRAME_HEAD);
        last = n == pending && (c->flags & VMC_CALL_F_FINISH) != 0 && !VMC_H2_IS_SERVER(&g->h2);
        to = vmc_h2_write_data(&g->h2, vmc_call_index(c), n, last, w);
        if (last)
            c->flags |= VMC_CALL_F_FINISHED;
        vmc_grpc_copy_octets(g, c, to, n);
        pending -= n;
    }
    return true;
}

/* Half-close of a client's call that has nothing pending, or the trailers of a server's. False when there is no room. */
VMC_FN bool vmc_grpc_write_finish(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (!VMC_H2_IS_SERVER(&g->h2)) {
        if (vmc_h2_write_data(&g->h2, vmc_call_index(c), 0, true, w) == NULL)
            return false;
    } else {
        if (!vmc_grpc_write_block(g, c, (c->flags & VMC_CALL_F_HEAD) != 0 ? VMC_GRPC_AT_STATUS : VMC_GRPC_AT_GRPC_STATUS, VMC_GRPC_REPLY_FIELDS, true, now, w))
            return false;
        c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    }
    c->flags |= VMC_CALL_F_FINISHED;
    return true;
}

/* Server: headers of a reply go before its first message; without one they are one block with the trailers. */
VMC_FN bool vmc_grpc_write_reply(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (vmc_call_pending(c) == 0)
        return true;
    if (!vmc_grpc_write_block(g, c, 0, VMC_GRPC_AT_GRPC_STATUS, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

#if VIAMC_SHORTCUTS

/* Octets of message that call c may send at once on a stream that is to be opened. */
VMC_FN bool vmc_grpc_may_send(const vmc_grpc *g, const vmc_call *c, uint32_t n)
{
    bool ours = vmc_grpc_is_ours(c);
    int32_t spare = ours ? 0 : (int32_t)VMC_GRPC_SPARE_WINDOW;
    return (ours || !g->hold_data || n <= VMC_GRPC_SMALL) && n <= VMC_H2_FRAME_MAX && (int32_t)n <= g->h2.peer_window && (int32_t)n <= g->h2.send_window - spare;
}

/* A whole unary request whose parts are all as usual: two frames in one step. False: it goes the way of parts, nothing was written. */
VMC_APART bool vmc_grpc_write_whole(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    const size_t head = VMC_H2_FRAME_HEAD + 2u + VMC_GRPC_FIXED_OCTETS, room = vmc_wr_room(w);
    const uint16_t flags = c->flags & (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH | VMC_CALL_F_CLIENT_STREAM);
    vmc_wr block;
    if (flags != (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH) || (c->body_len | c->sent) != 0 || c->wants_metadata || g->h2.encoder.changed
        || room < head + VMC_H2_FRAME_HEAD + c->tx_len || !vmc_grpc_may_send(g, c, c->tx_len) || !vmc_grpc_may_begin(g, c, w))
        return false;
    g->block_now = now;
    block = vmc_wr_of(w->ptr + w->len + VMC_H2_FRAME_HEAD, 2u + VMC_GRPC_FIXED_OCTETS);
    vmc_grpc_put_pseudo(g, &block);
    if (!vmc_grpc_put_known(g, c, &block))
        return false;
    vmc_h2_open(&g->h2, vmc_call_index(c));
    (void)vmc_h2_frame(w, (uint32_t)block.len, VMC_H2_KIND(VMC_H2_F_HEADERS, VMC_H2_END_HEADERS), vmc_grpc_stream(g, c)->id);
    vmc_copy(vmc_h2_write_data(&g->h2, vmc_call_index(c), c->tx_len, true, w), g->calls->tx + c->tx_at, c->tx_len);
    c->flags = (uint16_t)((c->flags & ~VMC_CALL_F_HEAD) | VMC_CALL_F_SENT | VMC_CALL_F_FINISHED);
    vmc_calls_sent(g->calls, c, c->tx_len);
    return true;
}

#endif

/* Everything that call c can send now; false when the window is full. */
VMC_FN bool vmc_grpc_write_call(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    size_t before = w->len;
#if VIAMC_SHORTCUTS
    if (!VMC_H2_IS_SERVER(&g->h2) && vmc_grpc_write_whole(g, c, now, w))
        return true;
#endif
    if ((c->flags & VMC_CALL_F_HEAD) != 0) {
        bool written = VMC_H2_IS_SERVER(&g->h2) ? vmc_grpc_write_reply(g, c, now, w) : vmc_grpc_write_request(g, c, now, w);
        if (!written)
            return g->h2.out_slot == VMC_H2_NO_SLOT && w->len == before && vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u; /* room is not what it lacks */
    }
    if (!vmc_grpc_write_messages(g, c, w))
        return false;
    if ((c->flags & (VMC_CALL_F_FINISH | VMC_CALL_F_FINISHED)) == VMC_CALL_F_FINISH && vmc_call_pending(c) == 0)
        return vmc_grpc_write_finish(g, c, now, w);
    return true;
}

/* ---- sending: all calls ---- */

/* Goes on with the header block that is open, whatever became of its call. */
VMC_FN bool vmc_grpc_write_open_block(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = vmc_calls_at(g->calls, g->h2.out_slot);
    bool trailers = VMC_H2_IS_SERVER(&g->h2) && g->h2.out_end;
    if (!vmc_grpc_write_block(g, c, 0, trailers ? VMC_GRPC_REPLY_FIELDS : VMC_GRPC_AT_GRPC_STATUS, g->h2.out_end, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    if (trailers)
        c->flags |= VMC_CALL_F_FINISHED;
    return true;
}

/* The classes of calls, ours first; as bits. */
enum { VMC_GRPC_OURS = 1, VMC_GRPC_USERS = 2 };

/* The class of a call that has something to send; 0: it has nothing. */
VMC_FN uint32_t vmc_grpc_can_write(const vmc_call *c)
{
    if (c->state != VMC_CALL_OPEN || ((c->flags & (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH)) == 0 && vmc_call_pending(c) == 0))
        return 0;
    return vmc_grpc_is_ours(c) ? VMC_GRPC_OURS : VMC_GRPC_USERS;
}

/* The calls of one class from c on up to `until`, NULL: all. False: the window is full, the call that found it so is first in turn. */
VMC_FN bool vmc_grpc_write_calls(vmc_grpc *g, uint32_t which, vmc_call *c, const vmc_call *until, viamc_ms now, vmc_wr *w)
{
    for (; c != until; c = c->live)
        if (vmc_grpc_can_write(c) == which && !vmc_grpc_write_call(g, c, now, w)) {
            if (which == VMC_GRPC_USERS)
                g->calls->turn = c;
            return false;
        }
    return true;
}

/* The calls that have something to send: heartbeats and Stop, then the user's in turn. False: the window is full. */
VMC_FN bool vmc_grpc_write_all(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    vmc_call *oldest = g->calls->live, *turn = g->calls->turn;
    uint32_t found = 0;
    const vmc_call *c;
    VMC_CALLS_EACH(g->calls, c)
        found |= vmc_grpc_can_write(c);
    if ((found & VMC_GRPC_OURS) != 0 && !vmc_grpc_write_calls(g, VMC_GRPC_OURS, oldest, NULL, now, w))
        return false;
    if ((found & VMC_GRPC_USERS) == 0)
        return true;
    if (turn != NULL && !vmc_grpc_write_calls(g, VMC_GRPC_USERS, turn, NULL, now, w))
        return false;
    return vmc_grpc_write_calls(g, VMC_GRPC_USERS, oldest, turn, now, w);
}

/* Fills the window w: what is owed to the peer, then the calls. */
VMC_FN void vmc_grpc_write(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    if (g->h2.out_slot != VMC_H2_NO_SLOT && !vmc_grpc_write_open_block(g, now, w))
        return;
    g->calls->stirred = g->calls->stirred || (g->h2.owed & VMC_H2_OWES_CHORES) != 0; /* a reset that is written makes room for a stream */
    vmc_h2_write_control(&g->h2, w);
    if (!vmc_h2_is_up(&g->h2) || !g->calls->stirred || !vmc_grpc_write_all(g, now, w))
        return;
    g->calls->turn = NULL;
    g->calls->stirred = false; /* whatever is left waits for the peer, or for its owner */
}

/* ---- time ---- */

/* A server's clock for the call runs beside ours: its reset may be the first word of what both have seen. */
VMC_FN bool vmc_grpc_was_reset_late(const vmc_call *c)
{
    return c->state == VMC_CALL_ENDED && c->status == VIAMC_CANCELLED && c->ran != VIAMC_ANSWERED && (c->flags & VMC_CALL_F_PEER_END) != 0;
}

/* Ends the calls whose deadline has passed. */
VMC_FN void vmc_grpc_expire(vmc_grpc *g, viamc_ms now)
{
    vmc_call *c;
    if (VMC_H2_IS_SERVER(&g->h2))
        return; /* whoever serves the request answers it */
    VMC_CALLS_EACH(g->calls, c) {
        if (!vmc_timer_due(&c->deadline, now))
            continue;
        if (vmc_call_is_running(c))
            vmc_grpc_cancel(g, c, VIAMC_DEADLINE_EXCEEDED, VMC_TEXT("no answer within the call's time limit"));
        else if (vmc_grpc_was_reset_late(c))
            c->status = VIAMC_DEADLINE_EXCEEDED;
    }
}

/* Shortens a wait to the next deadline. */
VMC_FN void vmc_grpc_wait(const vmc_grpc *g, viamc_ms now, viamc_ms *wait)
{
    const vmc_call *c;
    VMC_CALLS_EACH(g->calls, c) {
        if (vmc_call_is_running(c))
            vmc_wait_timer(wait, &c->deadline, now);
        if (!g->calls->unsettled)
            continue;
        if (c->large == VMC_CALL_SINK && c->stored - c->parsed > c->kept)
            *wait = vmc_min32(*wait, VMC_GRPC_AGAIN_MS);
        if (vmc_calls_can_settle(g->calls, c))
            *wait = 0; /* room that the peer does not know of yet */
    }
}

#endif
/* ---- end of src/call/grpc_impl.h ---- */
/* ---- src/conn/conn.h ---- */
/* SPDX-License-Identifier: MIT */
/* conn/conn: port, TLS, HTTP/2 and gRPC as one state machine, both roles. No policy: whoever owns it dials, retries and judges. */
#ifndef VIAMC_CONN_CONN_H
#define VIAMC_CONN_CONN_H


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
/* ---- end of src/conn/conn.h ---- */
/* ---- src/conn/conn_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* conn/conn: opening, reading, writing, ending. */
#ifndef VIAMC_CONN_CONN_IMPL_H
#define VIAMC_CONN_CONN_IMPL_H


VMC_FN void vmc_conn_init(vmc_conn *c, const vmc_conn_config *cfg)
{
    VIAMC_MEMSET(c, 0, sizeof *c);
    c->port = cfg->port;
    c->port_user = cfg->port_user;
    c->number = (uint16_t)cfg->number;
    c->in = cfg->in;
    c->in_cap = (uint16_t)cfg->in_cap;
    c->out = cfg->out;
    c->out_cap = (uint16_t)cfg->out_cap;
#ifndef VIAMC_NO_TLS
    c->tls = (vmc_tls *)cfg->tls;
#endif
    vmc_error_clear(&c->error);
}

/* Says why the connection is over, whatever was said before. */
VMC_FN void vmc_conn_reason(vmc_conn *c, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    c->error.code = code;
    c->error.detail = detail;
    c->error.where = where;
    c->error.what = what;
}

/* True from the first error on until it is closed. */
VMC_FN bool vmc_conn_is_lost(const vmc_conn *c)
{
    return c->state >= VMC_CONN_BROKEN;
}

/* The connection is over; the first reason counts, and stays until the owner clears it or the next connection ends. */
VMC_APART vmc_conn_event vmc_conn_break(vmc_conn *c, viamc_err code, uint32_t detail, const char *where, const char *what)
{
    if (c->state == VMC_CONN_CLOSED || vmc_conn_is_lost(c))
        return VMC_CONN_LOST;
    vmc_conn_reason(c, code, detail, where, what);
    c->state = (uint8_t)(c->state == VMC_CONN_OPENING ? VMC_CONN_GONE : VMC_CONN_BROKEN);
    return VMC_CONN_LOST;
}

VMC_FN vmc_conn_event vmc_conn_break_with(vmc_conn *c, const viamc_error *e)
{
    return vmc_conn_break(c, e->code, e->detail, e->where, e->what);
}

/* The port said that it is over. */
VMC_APART void vmc_conn_port_failed(vmc_conn *c, viamc_err err, const char *what)
{
    bool closed = err == VIAMC_ERR_CLOSED;
    (void)vmc_conn_break(c, err, 0, closed ? "" : "port", closed ? VMC_TEXT("the peer closed the connection") : what);
    c->state = VMC_CONN_GONE;
}

/* ---- opening ---- */

/* Starts over with empty buffers; grpc is set up by the owner. */
VMC_FN void vmc_conn_start(vmc_conn *c, bool secure, vmc_conn_state state)
{
    c->in_at = c->in_len = 0;
    c->out_at = c->out_len = 0;
    c->secure = secure;
    c->blocked = false;
    c->state = (uint8_t)state;
}

#ifndef VIAMC_NO_TLS

/* Random octets for one handshake, from the port alone. Wiped by the caller. */
VMC_FN viamc_err vmc_conn_seed(vmc_conn *c, uint8_t seed[VMC_TLS_SEED_MIN])
{
    if (c->port->random != NULL && c->port->random(c->port_user, seed, VMC_TLS_SEED_MIN) == VIAMC_OK)
        return VIAMC_OK;
    (void)vmc_conn_break(c, VIAMC_ERR_ENTROPY, 0, "TLS", VMC_TEXT("the port has no random bytes"));
    return VIAMC_ERR_ENTROPY;
}

/* The engine has its secrets from the seed, or did not start. */
VMC_FN viamc_err vmc_conn_secured(vmc_conn *c, uint8_t seed[VMC_TLS_SEED_MIN], viamc_err err)
{
    vmc_wipe(seed, VMC_TLS_SEED_MIN);
    if (err != VIAMC_OK)
        (void)vmc_conn_break_with(c, &c->tls->error);
    else
        c->state = VMC_CONN_SECURING;
    return err;
}

/* The port is open: starts TLS as a client. d is completed with buffers and seed. */
VMC_FN viamc_err vmc_conn_secure_client(vmc_conn *c, vmc_tls_client_desc *d)
{
    uint8_t seed[VMC_TLS_SEED_MIN];
    viamc_err err = vmc_conn_seed(c, seed);
    if (err != VIAMC_OK)
        return err;
    d->seed = seed;
    d->seed_len = sizeof seed;
    d->in = c->in;
    d->in_cap = c->in_cap;
    d->out = c->out;
    d->out_cap = c->out_cap;
    return vmc_conn_secured(c, seed, vmc_tls_client_open(c->tls, d));
}

#ifndef VIAMC_NO_SERVER

/* A peer was accepted: starts TLS as a server. */
VMC_FN viamc_err vmc_conn_secure_server(vmc_conn *c, vmc_tls_server_desc *d)
{
    uint8_t seed[VMC_TLS_SEED_MIN];
    viamc_err err = vmc_conn_seed(c, seed);
    if (err != VIAMC_OK)
        return err;
    d->seed = seed;
    d->seed_len = sizeof seed;
    d->in = c->in;
    d->in_cap = c->in_cap;
    d->out = c->out;
    d->out_cap = c->out_cap;
    return vmc_conn_secured(c, seed, vmc_tls_server_open(c->tls, d));
}

#endif
#endif

/* ---- reading ---- */

/* Asks the port for octets; *len 0: none now. Counts as a step. */
VMC_FN viamc_err vmc_conn_port_read(vmc_conn *c, uint8_t *buf, size_t cap, size_t *len)
{
    viamc_err err;
    *len = 0;
    c->steps++;
    err = c->port->read(c->port_user, c->number, buf, cap, len);
    if (err == VIAMC_WAIT)
        err = VIAMC_OK;
    if (*len > cap) /* a port that lies about its buffer has already written past it */
        *len = cap;
    if (*len != 0)
        c->heard = true;
    if (err != VIAMC_OK)
        vmc_conn_port_failed(c, err, VMC_TEXT("reading failed"));
    return err;
}

/* Hands received octets up; VMC_CONN_IDLE when all of them are parsed. */
VMC_FN vmc_conn_event vmc_conn_parse(vmc_conn *c, const uint8_t *p, size_t n, size_t *used)
{
    vmc_rd in = vmc_rd_of(viamc_view(p, n));
    vmc_conn_event ev = (vmc_conn_event)vmc_grpc_recv(&c->grpc, &in);
    *used = n - in.left;
    if (ev == VMC_CONN_LOST)
        (void)vmc_conn_break(c, VIAMC_ERR_H2, c->grpc.h2.goaway_code, "HTTP/2", vmc_h2_what(&c->grpc.h2));
    return ev;
}

/* One turn of plaintext: what is left of the last read, else a new one. *more: there may be more. */
VMC_FN vmc_conn_event vmc_conn_read_plain(vmc_conn *c, bool *more)
{
    vmc_conn_event ev;
    size_t n;
    if (c->in_at == c->in_len) {
        c->in_at = c->in_len = 0;
        if (vmc_conn_port_read(c, c->in, c->in_cap, &n) != VIAMC_OK && n == 0)
            return VMC_CONN_LOST;
        c->in_len = (uint16_t)n;
        *more = n == c->in_cap; /* a port that gave less has no more now */
        if (n == 0)
            return VMC_CONN_IDLE;
    }
    ev = vmc_conn_parse(c, c->in + c->in_at, (size_t)(c->in_len - c->in_at), &n);
    c->in_at = (uint16_t)(c->in_at + n);
    return ev;
}

#ifndef VIAMC_NO_TLS

/* Moves octets from the port into the record under way, at most so many. */
VMC_FN viamc_err vmc_conn_read_record(vmc_conn *c, size_t most, bool *more)
{
    size_t cap, n;
    uint8_t *to = vmc_tls_wire_in(c->tls, &cap);
    viamc_err err;
    *more = false;
    if (to == NULL)
        return VIAMC_OK;
    err = vmc_conn_port_read(c, to, vmc_min(cap, most), &n);
    if (n != 0) {
        *more = true;
        if (vmc_tls_wire_in_done(c->tls, n) != VIAMC_OK) {
            (void)vmc_conn_break_with(c, &c->tls->error);
            return c->error.code;
        }
    }
    return err;
}

/* One turn of TLS: plaintext that is there, else octets for the next record. */
VMC_FN vmc_conn_event vmc_conn_read_secure(vmc_conn *c, bool *more)
{
    size_t n;
    const uint8_t *p = vmc_tls_app_in(c->tls, &n);
    if (p != NULL && n != 0) {
        vmc_conn_event ev = vmc_conn_parse(c, p, n, &n);
        vmc_tls_app_in_done(c->tls, n);
        return ev;
    }
    if (vmc_tls_state_of(c->tls) == VMC_TLS_CLOSED)
        return vmc_conn_break(c, VIAMC_ERR_CLOSED, 0, "TLS", VMC_TEXT("the peer closed the connection"));
    return vmc_conn_read_record(c, VMC_TLS_IN_MAX, more) == VIAMC_OK ? VMC_CONN_IDLE : VMC_CONN_LOST;
}

#endif

/* ---- writing ---- */

/* Gives octets to the port; how many it took. */
VMC_FN size_t vmc_conn_port_write(vmc_conn *c, const uint8_t *p, size_t n)
{
    size_t done = 0;
    viamc_err err;
    c->steps++;
    err = c->port->write(c->port_user, c->number, p, n, &done);
    if (done > n)
        done = n;
    c->blocked = done < n;
    if (err != VIAMC_OK && err != VIAMC_WAIT) {
        vmc_conn_port_failed(c, err, VMC_TEXT("writing failed"));
        c->blocked = true; /* whatever it says that it took */
        return 0;
    }
    return done;
}

#define VMC_CONN_ROOM 32u /* octets left of a window in which all that is owed had room: no control frame has more than 17 */

/* One turn of plaintext; false when nothing is left or nothing goes. */
VMC_FN bool vmc_conn_write_plain(vmc_conn *c, viamc_ms now)
{
    bool all = false; /* of what there is now is in the window; one that was left over is older */
    if (c->out_at == c->out_len) {
        vmc_wr w = vmc_wr_of(c->out, c->out_cap);
        vmc_grpc_write(&c->grpc, now, &w);
        all = !c->grpc.calls->stirred && vmc_wr_room(&w) >= VMC_CONN_ROOM;
        c->out_at = 0;
        c->out_len = (uint16_t)w.len;
        c->blocked = false;
        if (w.len == 0)
            return false;
    }
    c->out_at = (uint16_t)(c->out_at + vmc_conn_port_write(c, c->out + c->out_at, (size_t)(c->out_len - c->out_at)));
    return !c->blocked && !all;
}

#ifndef VIAMC_NO_TLS

/* Octets of finished records to the port; false when the port is full or there are none. */
VMC_FN bool vmc_conn_write_records(vmc_conn *c)
{
    size_t n;
    const uint8_t *p = vmc_tls_wire_out(c->tls, &n);
    c->blocked = false;
    if (p == NULL || n == 0)
        return false;
    vmc_tls_wire_out_done(c->tls, vmc_conn_port_write(c, p, n));
    return !c->blocked;
}

/* One turn of TLS: frames become a record, the record goes out. */
VMC_FN bool vmc_conn_write_secure(vmc_conn *c, viamc_ms now)
{
    size_t cap;
    uint8_t *to = vmc_tls_app_out(c->tls, &cap);
    if (to != NULL && cap != 0 && c->state != VMC_CONN_SECURING) {
        vmc_wr w = vmc_wr_of(to, cap);
        vmc_grpc_write(&c->grpc, now, &w);
        if (w.len != 0)
            vmc_tls_app_out_done(c->tls, w.len);
    }
    return vmc_conn_write_records(c);
}

#endif

VMC_FN bool vmc_conn_write_turn(vmc_conn *c, viamc_ms now)
{
#ifndef VIAMC_NO_TLS
    if (c->secure)
        return vmc_conn_write_secure(c, now);
#endif
    return vmc_conn_write_plain(c, now);
}

/* Writes what there is until the port takes no more, at most VMC_POLL_STEPS turns. */
VMC_FN void vmc_conn_write(vmc_conn *c, viamc_ms now)
{
    uint32_t turn;
    for (turn = 0; turn < VMC_POLL_STEPS && vmc_conn_write_turn(c, now); turn++)
        ;
}

/* The same for a connection that goes on. One that is broken says goodbye when it is closed: its owner ends its calls before. */
VMC_FN void vmc_conn_flush(vmc_conn *c, viamc_ms now)
{
    if (c->state == VMC_CONN_UP || c->state == VMC_CONN_SECURING)
        vmc_conn_write(c, now);
}

/* ---- the states ---- */

VMC_FN vmc_conn_event vmc_conn_up(vmc_conn *c)
{
    c->state = VMC_CONN_UP;
    return VMC_CONN_IS_UP;
}

#ifndef VIAMC_NO_TLS

/* Octets of the peer's flight taken at a time, twice a poll: signatures that it holds together are checked in polls of their own, for the
 * shortest message between two of them has 112 octets: ServerKeyExchange with X25519 (4 + 4 + 32) and its own signature (4 + 68, ECDSA). */
#define VMC_CONN_HANDSHAKE_STEP 54u

/* A step of the handshake cannot be divided, and others wait for it: two pieces a poll, of which one may be the head of a record. */
VMC_FN vmc_conn_event vmc_conn_on_securing(vmc_conn *c)
{
    uint32_t part;
    c->more = true;
    while (vmc_conn_write_records(c))
        ;
    for (part = 0; part < 2u && c->more && !vmc_conn_is_lost(c) && vmc_tls_state_of(c->tls) == VMC_TLS_HANDSHAKE; part++)
        if (vmc_conn_read_record(c, VMC_CONN_HANDSHAKE_STEP, &c->more) != VIAMC_OK)
            return VMC_CONN_LOST;
    while (!vmc_conn_is_lost(c) && vmc_conn_write_records(c))
        ;
    if (vmc_conn_is_lost(c))
        return VMC_CONN_LOST;
    switch (vmc_tls_state_of(c->tls)) {
    case VMC_TLS_HANDSHAKE: return VMC_CONN_IDLE;
    case VMC_TLS_UP: return vmc_conn_up(c);
    case VMC_TLS_CLOSED: return vmc_conn_break(c, VIAMC_ERR_CLOSED, 0, "TLS", VMC_TEXT("the peer closed the connection"));
    case VMC_TLS_IDLE:
    case VMC_TLS_FAILED: break;
    }
    return vmc_conn_break_with(c, &c->tls->error);
}

#endif

VMC_FN vmc_conn_event vmc_conn_on_up(vmc_conn *c)
{
    bool more = true;
    vmc_conn_event ev = VMC_CONN_IDLE;
    while (more && ev == VMC_CONN_IDLE && c->steps < VMC_POLL_STEPS) {
        if (vmc_conn_is_lost(c))
            return VMC_CONN_LOST;
#ifndef VIAMC_NO_TLS
        if (c->secure) {
            ev = vmc_conn_read_secure(c, &more);
            continue;
        }
#endif
        ev = vmc_conn_read_plain(c, &more);
    }
    return ev;
}

/* A poll begins: bounds are counted from here. */
VMC_FN void vmc_conn_begin(vmc_conn *c)
{
    c->steps = 0;
    if (c->state == VMC_CONN_UP)
        vmc_grpc_settle(&c->grpc);
}

/* Goes on until something is to be looked at, or nothing is left to do now. OPENING is the owner's: it knows the address. */
VMC_FN vmc_conn_event vmc_conn_next(vmc_conn *c)
{
    switch ((vmc_conn_state)c->state) {
    case VMC_CONN_CLOSED:
    case VMC_CONN_OPENING: return VMC_CONN_IDLE;
    case VMC_CONN_SECURING:
#ifndef VIAMC_NO_TLS
        return vmc_conn_on_securing(c);
#else
        return VMC_CONN_IDLE;
#endif
    case VMC_CONN_UP: return vmc_conn_on_up(c);
    case VMC_CONN_BROKEN:
    case VMC_CONN_GONE: return VMC_CONN_LOST;
    }
    return VMC_CONN_IDLE;
}

/* Ends the connection at once: what is staged is tried once, then keys and plaintext are wiped. */
VMC_APART void vmc_conn_close(vmc_conn *c, viamc_ms now)
{
    if (c->state == VMC_CONN_CLOSED)
        return;
#ifndef VIAMC_NO_TLS
    if (c->secure && (c->state == VMC_CONN_UP || c->state == VMC_CONN_BROKEN)) {
        vmc_conn_write(c, now);
        vmc_tls_close(c->tls);
    }
#endif
    if (c->state != VMC_CONN_OPENING && c->state != VMC_CONN_GONE)
        vmc_conn_write(c, now);
    c->port->close(c->port_user, c->number);
#ifndef VIAMC_NO_TLS
    if (c->secure && c->tls != NULL)
        vmc_tls_wipe(c->tls);
#endif
    vmc_wipe(c->in, c->in_cap);
    vmc_wipe(c->out, c->out_cap);
    c->state = VMC_CONN_CLOSED;
}

/* What the owner of the loop should wait for. */
VMC_FN void vmc_conn_wait(const vmc_conn *c, viamc_wait_hint *hint)
{
    if (c->state == VMC_CONN_CLOSED)
        return;
    hint->want |= VIAMC_WANT_READ;
    if (c->blocked || c->state == VMC_CONN_OPENING)
        hint->want |= VIAMC_WANT_WRITE;
    if (c->steps >= VMC_POLL_STEPS || c->in_at != c->in_len)
        hint->ms = 0; /* the bound was reached: there is more */
#ifndef VIAMC_NO_TLS
    if (c->state == VMC_CONN_SECURING && c->more)
        hint->ms = 0; /* likewise: no interrupt tells of what lies in the port already */
#endif
}

#endif
/* ---- end of src/conn/conn_impl.h ---- */
/* ---- src/client/state.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/state: what a client consists of. Each part of this room owns one of the structs; viamc_client is their sum. */
#ifndef VIAMC_CLIENT_STATE_H
#define VIAMC_CLIENT_STATE_H


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
/* ---- end of src/client/state.h ---- */
/* ---- src/client/internal_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/internal: calls of our own: heartbeats, Authenticate, StartSession, signs of life. */
#ifndef VIAMC_CLIENT_INTERNAL_IMPL_H
#define VIAMC_CLIENT_INTERNAL_IMPL_H


static const uint8_t vmc_empty_message[VMC_CALL_PREFIX] = {0, 0, 0, 0, 0};

/* The record of ours number `which` (VMC_REC_*). */
VMC_FN vmc_call *vmc_client_rec(const viamc_client *c, uint8_t which)
{
    return &c->calls.ours[which];
}

VMC_FN bool vmc_client_rec_free(const viamc_client *c, uint8_t which)
{
    return vmc_client_rec(c, which)->state == VMC_CALL_FREE;
}

/* Starts a unary call of ours, of whose reply only the status matters. Its message is put into tx by the caller, or:
 *   body   octets with prefix, ours until the call ends */
VMC_FN vmc_call *vmc_client_internal(viamc_client *c, uint8_t which, const char *path, const uint8_t *body, uint32_t body_len, viamc_ms timeout)
{
    vmc_call *call = vmc_client_rec(c, which);
    vmc_calls_claim(&c->calls, call);
    call->path = path;
    call->path_len = (uint16_t)vmc_strlen(path);
    call->flags |= VMC_CALL_F_INTERNAL | VMC_CALL_F_FINISH | VMC_CALL_F_TOKEN | VMC_CALL_F_DROP;
    call->body = body;
    call->body_len = body_len;
    vmc_timer_set(&call->deadline, c->now, timeout);
    return call;
}

/* The reply of a call of ours is kept, with its prefix. */
VMC_FN void vmc_client_internal_into(viamc_client *c, vmc_call *call, uint8_t *reply, uint32_t cap)
{
    call->flags &= (uint16_t)~VMC_CALL_F_DROP;
    c->calls.reply = reply;
    c->calls.reply_cap = cap;
}

/* The one message of the reply of an internal call that was answered OK, without its prefix. */
VMC_FN viamc_bytes vmc_client_internal_reply(const viamc_client *c, uint8_t which)
{
    const uint32_t whole = vmc_client_rec(c, which)->parsed;
    return viamc_view(c->calls.reply + VMC_CALL_PREFIX, whole < VMC_CALL_PREFIX ? 0 : whole - VMC_CALL_PREFIX);
}

/* The client is over: it will not try again. */
VMC_FN void vmc_client_fail(viamc_client *c)
{
    const viamc_error *e = &c->conn.error;
    c->dial.state = VIAMC_FAILED;
    c->dial.step = VMC_DIAL_REST;
    vmc_log(&c->log, VIAMC_LOG_ERROR, e->where, e->what, (uint32_t)e->code, e->detail);
}

#endif
/* ---- end of src/client/internal_impl.h ---- */
/* ---- src/client/address_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/address: what people write as a robot's address (viam-wire.md 1.1). */
#ifndef VIAMC_CLIENT_ADDRESS_IMPL_H
#define VIAMC_CLIENT_ADDRESS_IMPL_H


#define VMC_ADDRESS_HOST_MAX 253u /* RFC 1035 2.3.4: octets of a name without the trailing dot */

/* Drops "scheme://" in front, and a path behind. */
VMC_FN viamc_bytes vmc_address_core(viamc_bytes text)
{
    size_t i;
    for (i = 0; i + 2u < text.len; i++)
        if (text.ptr[i] == ':' && text.ptr[i + 1u] == '/' && text.ptr[i + 2u] == '/') {
            text.ptr += i + 3u;
            text.len -= i + 3u;
            break;
        }
    for (i = 0; i < text.len; i++)
        if (text.ptr[i] == '/')
            text.len = i;
    return text;
}

/* No blank, control character or octet beyond ASCII: the host goes into :authority (RFC 3986 3.2.2; other scripts are written in punycode). */
VMC_FN bool vmc_address_is_graphic(viamc_bytes text)
{
    size_t i;
    for (i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

/* Decimal port at the end of the text, digits only, 1 to 65535. */
VMC_FN bool vmc_address_port(viamc_bytes text, uint16_t *port)
{
    uint32_t n = 0;
    size_t i;
    for (i = 0; i < text.len && n <= 65535u; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10u + (uint32_t)(text.ptr[i] - '0');
    }
    *port = (uint16_t)n;
    return text.len != 0 && n != 0 && n <= 65535u;
}

/* Length of the host, brackets included; 0 if brackets or colons make no sense. */
VMC_FN size_t vmc_address_host_len(viamc_bytes text)
{
    size_t i;
    if (text.len != 0 && text.ptr[0] == '[') {
        for (i = 1; i < text.len && text.ptr[i] != ']'; i++)
            ;
        return i < text.len && i > 2u ? i + 1u : 0;
    }
    for (i = 0; i < text.len && text.ptr[i] != ':'; i++)
        ;
    return i;
}

VMC_FN bool vmc_address_is_unix(const char *text)
{
    return vmc_strlen(text) > 5u && vmc_same(text, "unix:", 5);
}

/* Reads an address; the views point into text. NULL: fine, else what is wrong with it. */
VMC_FN const char *vmc_address_parse(const char *text, uint16_t default_port, vmc_address *a)
{
    viamc_bytes core = vmc_address_core(vmc_bytes_of(viamc_text(text)));
    size_t host = vmc_address_host_len(core);
    VIAMC_MEMSET(a, 0, sizeof *a);
    a->port = default_port;
    a->is_unix = vmc_address_is_unix(text);
    if (a->is_unix) {
        a->host = vmc_bytes_of(viamc_text(text));
        a->authority[0] = viamc_view("localhost", 9); /* a path is no authority */
        return NULL;
    }
    if (host == 0 || host > VMC_ADDRESS_HOST_MAX || !vmc_address_is_graphic(viamc_view(core.ptr, host)))
        return VMC_TEXT("address without a host: write host, host:port, [v6]:port or unix:/path");
    a->authority[0] = a->host = viamc_view(core.ptr, host);
    if (core.ptr[0] == '[')
        a->host = viamc_view(core.ptr + 1, host - 2u);
    a->authority[1] = viamc_view(core.ptr + host, core.len - host);
    if (host == core.len)
        a->authority[1] = vmc_bytes_of(viamc_text(default_port == 80u ? ":80" : ":443"));
    else if (core.ptr[host] != ':' || !vmc_address_port(viamc_view(core.ptr + host + 1u, core.len - host - 1u), &a->port))
        return VMC_TEXT("address with a wrong port: a number from 1 to 65535; IPv6 addresses are written [v6]:port");
    return NULL;
}

/* viam-wire.md 3.2: 8-4-4-4-12 or 32 hexadecimal digits. */
VMC_APART bool vmc_address_is_uuid(const char *s)
{
    size_t i, n = vmc_strlen(s), digits = 0;
    for (i = 0; i < n; i++) {
        char ch = s[i];
        bool dash = n == 36u && (i == 8u || i == 13u || i == 18u || i == 23u);
        bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
        if (dash ? ch != '-' : !hex)
            return false;
        digits += !dash;
    }
    return digits == 32u;
}

#endif
/* ---- end of src/client/address_impl.h ---- */
/* ---- src/client/auth_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/auth: Authenticate, and the token that every other call carries (viam-wire.md 3). */
#ifndef VIAMC_CLIENT_AUTH_IMPL_H
#define VIAMC_CLIENT_AUTH_IMPL_H


static const char vmc_auth_path[] = "/proto.rpc.v1.AuthService/Authenticate";

/* Credentials that already are a token need no Authenticate. */
VMC_FN bool vmc_auth_is_token(const char *type)
{
    return viamc_str_eq(viamc_text(type), viamc_text("access-token"));
}

/* It goes into a header field as it is. */
VMC_FN bool vmc_auth_token_ok(const viamc_client *c, viamc_str token)
{
    return token.len != 0 && token.len <= c->token_cap && vmc_address_is_graphic(vmc_bytes_of(token));
}

VMC_FN void vmc_auth_set_token(viamc_client *c, viamc_bytes token)
{
    vmc_move(c->token, token.ptr, token.len);
    c->conn.grpc.token = viamc_view(c->token, token.len);
    vmc_grpc_changed(&c->conn.grpc);
}

/* AuthenticateRequest {1: entity, 2: {1: type, 2: payload}} */
VMC_FN void vmc_auth_encode(const viamc_client *c, vmc_wr *w)
{
    size_t credentials;
    vmc_wire_put_text(w, 1, viamc_text(c->desc.entity));
    credentials = vmc_wire_open(w, 2);
    vmc_wire_put_text(w, 1, viamc_text(c->desc.type));
    vmc_wire_put_text(w, 2, viamc_text(c->desc.payload));
    vmc_wire_close(w, credentials);
}

/* Sends Authenticate when tx has room for it; its record is free. OK, WAIT, or NOMEM: tx is too small for these credentials. */
VMC_FN viamc_err vmc_auth_start(viamc_client *c)
{
    uint32_t room = vmc_calls_tx_room(&c->calls, VMC_STOP_RESERVE);
    vmc_wr w = vmc_wr_of(vmc_calls_tx_next(&c->calls), room);
    vmc_call *call;
    vmc_auth_encode(c, &w);
    if (w.full)
        return c->calls.tx_used == 0 ? VIAMC_ERR_NOMEM : VIAMC_WAIT;
    call = vmc_client_internal(c, VMC_REC_AUX, vmc_auth_path, NULL, 0, c->desc.timeout_ms);
    vmc_client_internal_into(c, call, c->token, c->token_cap);
    call->flags &= (uint16_t)~VMC_CALL_F_TOKEN;
    vmc_calls_put_message(&c->calls, call, viamc_view(w.ptr, w.len), vmc_calls_nothing, false);
    c->aux = VMC_AUX_AUTH;
    c->conn.grpc.hold_token = true;
    return VIAMC_OK;
}

/* Authenticate ended: true with the token stored, else the connection is over. */
VMC_FN bool vmc_auth_on_end(viamc_client *c)
{
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    viamc_err err = VIAMC_ERR_AUTH;
    uint32_t detail = call->status;
    const char *what = VMC_TEXT("the robot refused the credentials");
    viamc_bytes token;
    c->conn.grpc.hold_token = false;
    c->calls.stirred = true;
    if (call->status == VIAMC_OK) {
        if (vmc_wire_find(vmc_client_internal_reply(c, VMC_REC_AUX), 1, &token) == VIAMC_OK && token.len != 0) {
            vmc_auth_set_token(c, token);
            return true;
        }
        detail = VIAMC_INTERNAL;
        what = VMC_TEXT("the robot answered without a token");
    } else if (call->body == (const uint8_t *)vmc_grpc_no_room) {
        err = VIAMC_ERR_NOMEM;
        detail = c->token_cap;
        what = VMC_TEXT("the robot's token is longer than token_bytes");
    } else if (call->ran != VIAMC_ANSWERED || call->status == VIAMC_UNAVAILABLE || call->status == VIAMC_RESOURCE_EXHAUSTED
               || call->status == VIAMC_DEADLINE_EXCEEDED) {
        err = VIAMC_ERR_RPC; /* nobody looked at them: a robot that starts, or a proxy before it */
        what = VMC_TEXT("the robot did not answer Authenticate");
    }
    (void)vmc_conn_break(&c->conn, err, detail, "auth", what);
    return false;
}

#endif
/* ---- end of src/client/auth_impl.h ---- */
/* ---- src/client/dial_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/dial: from an address to READY and, after a loss, back again. Attempts, one deadline over all steps, downgrade, backoff. */
#ifndef VIAMC_CLIENT_DIAL_IMPL_H
#define VIAMC_CLIENT_DIAL_IMPL_H


#define VMC_DIAL_TIMEOUT 20000u      /* design.md 5: of an attempt, ms */
#define VMC_DIAL_ATTEMPTS 3u
#define VMC_DIAL_BACKOFF 1000u       /* doubles up to ... */
#define VMC_DIAL_BACKOFF_MAX 60000u
#define VMC_DIAL_CHECK 10000u        /* of silence */
#define VMC_DIAL_CHECK_TIMEOUT 5000u
#define VMC_DIAL_CHECKS 2u           /* unanswered ones that end a connection */
#define VMC_DIAL_KEEPALIVE 20000u    /* viam-wire.md 2.12: no PING after less silence */
#define VMC_DIAL_DRAIN 5000u         /* for running calls after GOAWAY, ms; less under a session */

static const char vmc_dial_check_path[] = "/viam.robot.v1.RobotService/GetVersion";

/* ---- the desc ---- */

VMC_FN uint32_t vmc_dial_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* Takes over a desc that was checked. */
VMC_APART void vmc_dial_keep(vmc_dial_plan *p, const viamc_dial_desc *d)
{
    p->address = d->address;
    p->type = d->api_key != NULL ? "api-key" : d->credential_type;
    p->payload = d->api_key != NULL ? d->api_key : d->credential_payload;
    p->entity = d->auth_entity != NULL ? d->auth_entity : d->api_key != NULL ? d->api_key_id : d->address;
    p->api_key_id = d->api_key_id;
    p->insecure = d->insecure;
    p->require_session = d->require_session;
    p->disable_sessions = d->disable_sessions;
#if VIAMC_OLD_SESSIONS
    p->old_sessions = d->old_sessions;
#endif
    p->timeout_ms = vmc_dial_or(d->timeout_ms, VMC_DIAL_TIMEOUT);
    p->attempts = vmc_dial_or(d->attempts, VMC_DIAL_ATTEMPTS);
    p->max_reconnect_attempts = d->max_reconnect_attempts == VIAMC_OFF ? 0 : vmc_dial_or(d->max_reconnect_attempts, VIAMC_FOREVER);
    p->backoff_ms = vmc_dial_or(d->backoff_ms, VMC_DIAL_BACKOFF);
    p->max_backoff_ms = vmc_min32(vmc_dial_or(d->max_backoff_ms, VMC_DIAL_BACKOFF_MAX), VMC_TIME_MAX); /* twice as much can be reckoned with */
    p->check_interval_ms = vmc_dial_or(d->check_interval_ms, VMC_DIAL_CHECK);
    p->pings = d->keepalive_ms != 0 && d->keepalive_ms != VIAMC_OFF;
    if (p->pings)
        p->check_interval_ms = d->keepalive_ms < VMC_DIAL_KEEPALIVE ? VMC_DIAL_KEEPALIVE : d->keepalive_ms;
}

#ifndef VIAMC_NO_TLS

/* The name that the certificate must have (viam-wire.md 1.3); NULL: the host's. The entity of an API key is the key's id, no name. */
VMC_FN const char *vmc_dial_name(const viamc_dial_desc *d)
{
    bool entity = d->credential_type != NULL && d->auth_entity != NULL && d->auth_entity[0] != '\0';
    if (d->server_name != NULL || !entity || viamc_str_eq(viamc_text(d->credential_type), viamc_text("api-key")))
        return d->server_name;
    return d->auth_entity;
}

/* The same for what concerns TLS. */
VMC_FN void vmc_dial_keep_tls(vmc_dial_plan *p, const viamc_dial_desc *d)
{
    p->allow_downgrade = p->type != NULL ? d->allow_insecure_with_creds_downgrade : d->allow_insecure_downgrade;
    p->server_name = vmc_dial_name(d);
    p->anchors = d->anchors;
    p->anchor_count = d->anchor_count;
    p->next_root = d->next_root;
    p->next_root_user = d->next_root_user;
    p->pin_sha256 = d->pin_sha256;
    p->unix_time = d->unix_time;
}

#endif

/* What is wrong with credentials, or NULL. */
VMC_FN const char *vmc_dial_check_credentials(const viamc_client *c, const viamc_dial_desc *d)
{
    if ((d->api_key == NULL) != (d->api_key_id == NULL))
        return VMC_TEXT("api_key and api_key_id belong together");
    if ((d->credential_type == NULL) != (d->credential_payload == NULL))
        return VMC_TEXT("credential_type and credential_payload belong together");
    if (d->api_key != NULL && d->credential_type != NULL)
        return VMC_TEXT("either api_key or credential_type");
    if (d->api_key_id != NULL && !vmc_address_is_uuid(d->api_key_id))
        return VMC_TEXT("api_key_id is not a UUID");
    if ((d->api_key != NULL || d->credential_type != NULL) && c->token_cap == 0)
        return VMC_TEXT("credentials need token_bytes in the client's desc");
    if (vmc_auth_is_token(d->credential_type) && !vmc_auth_token_ok(c, viamc_text(d->credential_payload)))
        return VMC_TEXT("an access-token of no octets, of more than token_bytes, or with a blank or control character");
    return NULL;
}

/* What is wrong with how the robot is to be trusted, or NULL. */
VMC_FN const char *vmc_dial_check_trust(const viamc_client *c, const viamc_dial_desc *d, bool is_unix)
{
    if (d->insecure || is_unix)
        return NULL;
#ifndef VIAMC_NO_TLS
    if (c->conn.tls == NULL)
        return VMC_TEXT("TLS needs memory: leave no_tls out of the client's desc, or set dial.insecure");
    if (d->next_root == NULL && (d->anchors == NULL || d->anchor_count == 0) && d->pin_sha256.len == 0)
        return VMC_TEXT("whom to trust? set dial.anchors, dial.next_root, dial.pin_sha256 or dial.insecure");
    if (d->anchors == NULL && d->anchor_count != 0)
        return VMC_TEXT("anchor_count without anchors");
    if (!vmc_is_view(d->pin_sha256) || (d->pin_sha256.len != 0 && d->pin_sha256.len != 32u))
        return VMC_TEXT("pin_sha256 must have 32 octets");
    return NULL;
#else
    (void)c;
    return VMC_TEXT("built without TLS: set dial.insecure");
#endif
}

VMC_FN const char *vmc_dial_parse(const char *address, bool insecure, vmc_address *a)
{
    return vmc_address_parse(address, insecure ? 80u : 443u, a);
}

/* What is wrong with a desc, or NULL. */
VMC_FN const char *vmc_dial_check_desc(const viamc_client *c, const viamc_dial_desc *d)
{
    const char *what;
    vmc_address a;
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_dial_desc d = VIAMC_ZERO");
    if (d->address == NULL)
        return VMC_TEXT("no address");
    if (d->require_session && d->disable_sessions)
        return VMC_TEXT("either require_session or disable_sessions");
#if !VIAMC_OLD_SESSIONS
    if (d->old_sessions)
        return VMC_TEXT("old_sessions needs #define VIAMC_OLD_SESSIONS 1 before viamc.h");
#endif
    what = vmc_dial_parse(d->address, d->insecure, &a);
    if (what != NULL)
        return what;
    what = vmc_dial_check_credentials(c, d);
    return what != NULL ? what : vmc_dial_check_trust(c, d, a.is_unix);
}

/* Takes a desc over that was checked. */
VMC_FN void vmc_dial_set(viamc_client *c, const viamc_dial_desc *d)
{
    c->dial.is_unix = vmc_address_is_unix(d->address);
    vmc_dial_keep(&c->desc, d);
#ifndef VIAMC_NO_TLS
    vmc_dial_keep_tls(&c->desc, d);
#endif
}

/* There is a connection, or there will be one. */
VMC_FN bool vmc_dial_lives(const viamc_client *c)
{
    return c->dial.state != VIAMC_IDLE && c->dial.state != VIAMC_FAILED;
}

/* ---- an attempt ---- */

/* The address that was dialled, read again: its text is kept. */
VMC_FN void vmc_dial_address(const viamc_client *c, vmc_address *a)
{
    (void)vmc_dial_parse(c->desc.address, c->desc.insecure, a);
}

/* HTTP/2 and gRPC start anew with each connection, in the memory that they had. */
VMC_FN void vmc_dial_reset_carrier(viamc_client *c, bool secure)
{
    vmc_grpc *g = &c->conn.grpc;
    vmc_h2_config h2;
    vmc_address a;
    const bool small = c->profile == VIAMC_BOARD && secure;
    VIAMC_MEMSET(&h2, 0, sizeof h2);
    h2.streams = g->h2.streams;
    h2.count = c->calls.count;
    h2.table = g->h2.decoder.arena;
    h2.table_bytes = g->h2.decoder.limit;
    h2.window = c->calls.slot_bytes + VMC_CALL_PREFIX;
    h2.header_list = c->profile == VIAMC_BOARD ? 2048u : 8192u;
    h2.credit_limit = small && c->conn.in_cap < VMC_TLS_IN_MAX ? c->conn.in_cap - 325u - 512u : 0; /* design.md 2, invariant 2 */
    vmc_grpc_init(g, &h2, &c->calls);
    g->https = secure;
    g->scratch = c->scratch;
    g->scratch_cap = sizeof c->scratch;
    vmc_dial_address(c, &a);
    g->authority[0] = a.authority[0];
    g->authority[1] = a.authority[1];
}

VMC_FN bool vmc_dial_is_secure(const viamc_client *c)
{
    return !c->desc.insecure && !c->dial.is_unix && !c->dial.plain;
}

VMC_FN void vmc_dial_begin(viamc_client *c)
{
    bool secure = vmc_dial_is_secure(c);
    vmc_conn_start(&c->conn, secure, VMC_CONN_OPENING);
    vmc_dial_reset_carrier(c, secure);
    c->dial.state = VIAMC_DIALING;
    c->dial.step = VMC_DIAL_OPENING;
    vmc_log(&c->log, VIAMC_LOG_INFO, "dial", VMC_TEXT("attempt"), c->dial.attempts + 1u, 0);
}

/* A new attempt with a deadline of its own; a downgrade goes on with the old one. */
VMC_FN void vmc_dial_start(viamc_client *c)
{
    c->dial.plain = false;
    vmc_timer_set(&c->dial.due, c->now, c->desc.timeout_ms);
    vmc_dial_begin(c);
}

#ifndef VIAMC_NO_TLS

/* The time that certificates are judged by: what the caller said, and what has passed since. */
VMC_FN uint64_t vmc_dial_unix_time(viamc_client *c)
{
    viamc_ms passed = c->now - c->desc.clock_at;
    if (c->desc.unix_time != 0 && passed >= 1000u && passed <= VMC_TIME_MAX) {
        c->desc.unix_time += passed / 1000u;
        c->desc.clock_at += passed / 1000u * 1000u;
    }
    return c->desc.unix_time;
}

VMC_FN viamc_str vmc_dial_server_name(const viamc_client *c)
{
    vmc_address a;
    viamc_str host;
    if (c->desc.server_name != NULL)
        return viamc_text(c->desc.server_name);
    vmc_dial_address(c, &a);
    host.ptr = (const char *)a.host.ptr;
    host.len = a.host.len;
    return host;
}

VMC_FN viamc_err vmc_dial_secure(viamc_client *c)
{
    vmc_tls_client_desc d;
    VIAMC_MEMSET(&d, 0, sizeof d);
    d.server_name = vmc_dial_server_name(c);
    d.anchors = c->desc.anchors;
    d.anchor_count = c->desc.anchor_count;
    d.next_root = c->desc.next_root;
    d.next_root_user = c->desc.next_root_user;
    d.pin_sha256 = c->desc.pin_sha256;
    d.unix_time = vmc_dial_unix_time(c);
    d.order = c->profile == VIAMC_BOARD ? VMC_TLS_CHACHA_FIRST : VMC_TLS_AES_FIRST;
    d.trust = c->calls.big;
    d.trust_cap = c->trust_cap;
    c->dial.step = VMC_DIAL_SECURING;
    return vmc_conn_secure_client(&c->conn, &d);
}

#endif

/* The output is empty while the port connects: the terminated host name has its place there. */
VMC_FN const char *vmc_dial_host(viamc_client *c, const vmc_address *a)
{
    if (a->is_unix)
        return c->desc.address;
    vmc_copy(c->conn.out, a->host.ptr, a->host.len);
    c->conn.out[a->host.len] = '\0';
    return (const char *)c->conn.out;
}

/* Asks the port to connect, or to go on. The connection is up, secured, or lost afterwards; or it waits. */
VMC_APART vmc_conn_event vmc_dial_open(viamc_client *c)
{
    const char *what = VMC_TEXT("the port failed");
    vmc_address a;
    viamc_err err;
    vmc_dial_address(c, &a);
    err = c->conn.port->open(c->conn.port_user, c->conn.number, vmc_dial_host(c, &a), a.is_unix ? 0 : a.port);
    if (err == VIAMC_WAIT)
        return VMC_CONN_IDLE;
    if (err == VIAMC_OK) {
#ifndef VIAMC_NO_TLS
        if (c->conn.secure)
            return vmc_dial_secure(c) == VIAMC_OK ? VMC_CONN_IDLE : VMC_CONN_LOST;
#endif
        return vmc_conn_up(&c->conn);
    }
    if (err == VIAMC_ERR_REFUSED)
        what = VMC_TEXT("nobody listens at this address");
    else if (err == VIAMC_ERR_DNS)
        what = VMC_TEXT("this name has no address");
    else if (err == VIAMC_ERR_TIMEOUT)
        what = VMC_TEXT("no answer from this address");
    return vmc_conn_break(&c->conn, err, 0, "dial", what);
}

/* ---- the end of an attempt ---- */

/* Trying again cannot help: the configuration, the robot's identity or its answer would have to change. */
VMC_FN bool vmc_dial_is_final(viamc_err code)
{
    return code < VIAMC_WAIT || (code >= VIAMC_ERR_TLS_CERT && code <= VIAMC_ERR_TLS_RECORD) || code == VIAMC_ERR_AUTH || code == VIAMC_ERR_INSECURE;
}

/* The robot said goodbye in peace: it is restarted, or is somewhere else now. At once, but not again and again. */
VMC_FN bool vmc_dial_may_hurry(viamc_client *c)
{
    vmc_timer *hurried = &c->dial.hurried;
    if (c->conn.error.code != VIAMC_ERR_H2_GOAWAY || c->conn.error.detail != VMC_H2_NO_ERROR || (vmc_timer_is_on(hurried) && !vmc_timer_due(hurried, c->now)))
        return false;
    vmc_timer_set(hurried, c->now, c->desc.max_backoff_ms);
    return true;
}

/* The time to the next attempt: doubles, at most the longest; a fifth of it up or down, so that many clients do not come at once. */
VMC_FN viamc_ms vmc_dial_next_backoff(viamc_client *c)
{
    viamc_ms ms = c->dial.backoff_ms == 0 ? c->desc.backoff_ms : c->dial.backoff_ms * 2u;
    uint8_t dice = 128;
    if (vmc_dial_may_hurry(c))
        return 0;
    if (ms > c->desc.max_backoff_ms || c->conn.error.code == VIAMC_ERR_AUTH)
        ms = c->desc.max_backoff_ms;
    c->dial.backoff_ms = ms;
    (void)c->conn.port->random(c->conn.port_user, &dice, 1);
    return ms - ms / 5u + ms / 5u * 2u / 16u * (dice / 16u);
}

/* That the robot said goodbye, and why, tells more than that it then hung up. Whatever it is tired of, it gets fewer PINGs (gRPC, A8: on
 * later connections the time is doubled). */
VMC_FN void vmc_dial_note_goaway(viamc_client *c)
{
    const bool tired = c->conn.grpc.code == VMC_H2_ENHANCE_YOUR_CALM;
    if (!c->conn.grpc.h2.goaway_got || c->conn.error.code >= VIAMC_ERR_TLS)
        return;
    vmc_conn_reason(&c->conn, VIAMC_ERR_H2_GOAWAY, c->conn.grpc.code, "",
                    tired ? VMC_TEXT("the robot wants fewer calls or pings (GOAWAY: ENHANCE_YOUR_CALM)") : VMC_TEXT("the robot closed the connection (GOAWAY)"));
    if (tired && c->desc.pings && c->desc.check_interval_ms <= VMC_TIME_MAX / 2u)
        c->desc.check_interval_ms *= 2u;
}

/* The attempt, or the connection, failed with c->conn.error: what now? */
VMC_FN void vmc_dial_after_loss(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    uint32_t more = d->was_ready ? c->desc.max_reconnect_attempts : c->desc.attempts - 1u; /* VIAMC_FOREVER is out of reach */
    bool patient;
    vmc_dial_note_goaway(c);
    d->attempts++;
    d->step = VMC_DIAL_REST;
    vmc_timer_off(&d->due);
    if (d->attempts > more || (!d->was_ready && vmc_dial_is_final(c->conn.error.code))) {
        vmc_client_fail(c);
        return;
    }
    patient = d->was_ready || d->attempts >= VMC_DIAL_ATTEMPTS;
    d->state = patient ? VIAMC_BACKOFF : VIAMC_DIALING;
    vmc_timer_set(&d->due, c->now, patient ? vmc_dial_next_backoff(c) : 0);
}

#ifndef VIAMC_NO_TLS

/* The robot does not speak TLS (viam-wire.md 1.4). True: goes on in plaintext. */
VMC_FN bool vmc_dial_downgrade(viamc_client *c)
{
    if (c->desc.allow_downgrade) {
        c->dial.plain = true;
        vmc_dial_begin(c);
        c->dirty = true; /* the port is opened by the next poll: nothing of it can wake anybody before */
        return true;
    }
    vmc_conn_reason(&c->conn, VIAMC_ERR_INSECURE, c->dial.was_ready ? 2u : c->desc.type != NULL, "dial", VMC_TEXT("the robot is insecure, and that was not allowed"));
    return false;
}

#endif

/* ---- READY and after ---- */

/* An octet came. */
VMC_FN void vmc_dial_heard(viamc_client *c)
{
    c->conn.heard = false;
    c->dial.silent = 0;
    vmc_timer_set(&c->dial.due, c->now, c->desc.check_interval_ms);
}

VMC_FN void vmc_dial_ready(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    d->state = VIAMC_READY;
    d->step = VMC_DIAL_REST;
    d->attempts = 0;
    d->backoff_ms = 0;
    d->was_ready = true;
    d->reauth = false;
#ifndef VIAMC_NO_TLS
    c->desc.allow_downgrade = c->desc.allow_downgrade && !c->conn.secure; /* who had TLS has it: nobody on the way takes it off */
#endif
    vmc_dial_heard(c);
    vmc_error_clear(&c->conn.error);
    c->connects++;
    c->events |= VMC_EV_READY;
    vmc_log(&c->log, VIAMC_LOG_INFO, "dial", VMC_TEXT("ready"), c->connects, 0);
}

/* The connection is up. Authenticate goes out with our first octets; without it the robot's SETTINGS are what makes us ready: before
 * them it may be anything that takes connections. */
VMC_APART void vmc_dial_on_up(viamc_client *c)
{
    bool credentials = c->desc.type != NULL && !c->dial.is_unix;
    c->dial.step = VMC_DIAL_GREETING;
    if (credentials && vmc_auth_is_token(c->desc.type))
        c->conn.grpc.token = viamc_view(c->desc.payload, vmc_strlen(c->desc.payload)); /* kept by the caller */
    else if (credentials)
        c->dial.step = VMC_DIAL_AUTH;
}

/* AUTH, or a token that was refused while READY: sends Authenticate when it can. */
VMC_FN void vmc_dial_authenticate(viamc_client *c)
{
    if (c->aux != VMC_AUX_NOTHING || c->conn.grpc.h2.out_slot != VMC_H2_NO_SLOT)
        return; /* a block that is half written may need the old token */
    if (vmc_auth_start(c) != VIAMC_ERR_NOMEM)
        return;
    (void)vmc_conn_break(&c->conn, VIAMC_ERR_NOMEM, 0, "auth", VMC_TEXT("tx_bytes is too small for the credentials"));
}

/* Authenticate ended. */
VMC_FN void vmc_dial_on_auth_end(viamc_client *c)
{
    c->dial.reauth = false;
    if (vmc_auth_on_end(c) && c->dial.step == VMC_DIAL_AUTH)
        vmc_dial_ready(c);
}

/* A call was refused for its token: get a new one; the call is reported as it ended. */
VMC_FN void vmc_dial_check_token(viamc_client *c, const vmc_call *call)
{
    bool refused = call->status == VIAMC_UNAUTHENTICATED && call->ran == VIAMC_ANSWERED && (call->flags & VMC_CALL_F_TOKEN) != 0;
    if (refused && c->dial.state == VIAMC_READY && c->conn.grpc.token.ptr == c->token) /* one that Authenticate gave us */
        c->dial.reauth = true;
}

/* ---- signs of life ---- */

VMC_FN void vmc_dial_dead(viamc_client *c)
{
    (void)vmc_conn_break(&c->conn, VIAMC_ERR_TIMEOUT, VMC_DIAL_CHECKS * VMC_DIAL_CHECK_TIMEOUT, "", VMC_TEXT("the robot gives no sign of life"));
}

/* Asks for one by a PING; whatever comes is the answer (vmc_dial_heard). It has the time of the calls that were not sent. */
VMC_FN void vmc_dial_ping(viamc_client *c)
{
    (void)vmc_h2_ask(&c->conn.grpc.h2);
    vmc_timer_set(&c->dial.due, c->now, (VMC_DIAL_CHECKS - c->dial.silent) * VMC_DIAL_CHECK_TIMEOUT);
    c->dial.silent = VMC_DIAL_CHECKS;
}

/* The robot permits no stream beside those that are open. */
VMC_FN bool vmc_dial_is_crowded(const viamc_client *c)
{
    const vmc_h2 *h2 = &c->conn.grpc.h2;
    return h2->open != 0 && h2->open >= h2->peer_streams;
}

VMC_FN void vmc_dial_check(viamc_client *c)
{
    if (c->dial.silent >= VMC_DIAL_CHECKS) {
        vmc_dial_dead(c);
        return;
    }
    if (c->desc.pings || vmc_dial_is_crowded(c)) {
        vmc_dial_ping(c);
        return;
    }
    (void)vmc_client_internal(c, VMC_REC_AUX, vmc_dial_check_path, vmc_empty_message, sizeof vmc_empty_message, VMC_DIAL_CHECK_TIMEOUT);
    c->aux = VMC_AUX_CHECK;
}

/* Any answer is a sign of life, a reset too; silence twice in a row ends the connection. */
VMC_FN void vmc_dial_on_check_end(viamc_client *c)
{
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    if (call->ran == VIAMC_ANSWERED || c->conn.heard)
        c->dial.silent = 0;
    else if (++c->dial.silent >= VMC_DIAL_CHECKS)
        vmc_dial_dead(c);
}

/* ---- time ---- */

/* GOAWAY: running calls may end, but not for long: without new streams there are no heartbeats. */
VMC_FN void vmc_dial_drain(viamc_client *c, viamc_ms limit)
{
    if (c->dial.step == VMC_DIAL_DRAINING)
        return;
    c->dial.state = VIAMC_DIALING;
    c->dial.step = VMC_DIAL_DRAINING;
    vmc_timer_set(&c->dial.due, c->now, limit);
}

VMC_FN bool vmc_dial_has_calls(const viamc_client *c)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (call->state == VMC_CALL_OPEN)
            return true;
    return false;
}

/* What is under way has a deadline; DRAINING ends before it where nothing is left to wait for. */
VMC_APART void vmc_dial_step_deadline(viamc_client *c)
{
    static const char *const where[] = {"", "dial", "TLS", "HTTP/2", "auth"}; /* by step */
    vmc_dial *d = &c->dial;
    bool late = d->step != VMC_DIAL_REST && vmc_timer_due(&d->due, c->now);
    if (d->step == VMC_DIAL_DRAINING && (late || !vmc_dial_has_calls(c)))
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_CLOSED, 0, "", "");
    else if (late)
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_TIMEOUT, c->desc.timeout_ms, where[d->step], VMC_TEXT("no answer within the time limit"));
}

/* Deadlines, and whatever waited for the robot's first word or for room. */
VMC_APART void vmc_dial_go_on(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    vmc_dial_step_deadline(c);
    if (c->conn.state != VMC_CONN_UP)
        return;
    if (d->step == VMC_DIAL_GREETING && c->conn.grpc.h2.got_settings)
        vmc_dial_ready(c);
    if (d->step == VMC_DIAL_AUTH || d->reauth)
        vmc_dial_authenticate(c);
}

/* Every poll. */
VMC_FN void vmc_dial_step_time(viamc_client *c)
{
    vmc_dial *d = &c->dial;
    if (d->step != VMC_DIAL_REST || d->reauth)
        vmc_dial_go_on(c);
    if (d->state != VIAMC_READY)
        return;
    if (c->conn.heard)
        vmc_dial_heard(c);
    else if (vmc_timer_due(&d->due, c->now) && c->aux == VMC_AUX_NOTHING && c->conn.state == VMC_CONN_UP)
        vmc_dial_check(c);
}

VMC_FN void vmc_dial_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    if (c->dial.state != VIAMC_READY || c->aux == VMC_AUX_NOTHING)
        vmc_wait_timer(wait, &c->dial.due, now);
}

#endif
/* ---- end of src/client/dial_impl.h ---- */
/* ---- src/client/session_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/session: the safety session: started by the first moving call, kept alive by the polls (viam-wire.md 4, design.md 6). */
#ifndef VIAMC_CLIENT_SESSION_IMPL_H
#define VIAMC_CLIENT_SESSION_IMPL_H


static const char vmc_session_start_path[] = "/viam.robot.v1.RobotService/StartSession";
static const char vmc_session_beat_path[] = "/viam.robot.v1.RobotService/SendSessionHeartbeat";

#define VMC_SESSION_WINDOW_MIN 20u      /* viamc: viam-server has 30 ms to a minute */
#define VMC_SESSION_WINDOW_MAX 3600000u
#define VMC_SESSION_TIMEOUT 5000u /* viamc: StartSession is a unary call that moves nothing, ms */
#define VMC_SESSION_AGAIN 1000u   /* viamc: from one StartSession to the next, after a session of which no heartbeat was answered, ms */

/* The window that the motion rules reckon with. */
VMC_FN viamc_ms vmc_session_window(const viamc_client *c)
{
    return c->session.window != 0 ? c->session.window : VMC_MOTION_WINDOW;
}

/* Octets of {1: id} with its prefix: a heartbeat, or a StartSession that resumes. */
VMC_FN uint32_t vmc_session_request_len(const vmc_session *s)
{
    return VMC_CALL_PREFIX + 2u + s->id_len;
}

/* What tells this session's id from another. */
VMC_FN uint64_t vmc_session_key(const vmc_session *s)
{
    return vmc_hpack_key(viamc_view(s->wire + VMC_CALL_PREFIX + 2u, s->id_len));
}

/* The Stops of before do not count any more, nor do those of them that are confirmed later. */
VMC_FN void vmc_session_forget_stops(viamc_client *c)
{
    vmc_call *call;
    c->motion.unconfirmed = 0;
    VMC_CALLS_EACH(&c->calls, call)
        call->motion &= (uint8_t)~VMC_MOTION_COUNTED;
}

/* What was asked for under the session that is over: what has not left will not, what has left says nothing of the next session. */
VMC_FN void vmc_session_end_calls(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        if (vmc_motion_is_pending(call) || (call->flags & (VMC_CALL_F_SESSION | VMC_CALL_F_SENT)) == VMC_CALL_F_SESSION)
            vmc_calls_end(&c->calls, call, VIAMC_CANCELLED, VIAMC_NOT_RUN, VMC_TEXT("the session ended before this call left"));
        call->motion |= VMC_MOTION_PAST;
    }
    vmc_grpc_cancel(&c->conn.grpc, vmc_client_rec(c, VMC_REC_BEAT), VIAMC_CANCELLED, NULL);
    vmc_grpc_cancel(&c->conn.grpc, vmc_client_rec(c, VMC_REC_BEAT2), VIAMC_CANCELLED, NULL);
}

/* Why the last session was lost, if one was. */
VMC_FN void vmc_session_error(const viamc_client *c, viamc_error *e)
{
    if (c->session_what != NULL)
        (void)vmc_fail(e, VIAMC_ERR_SESSION, c->session_gap, "session", c->session_what);
}

/* The session is over on the robot, or will be for want of heartbeats; it stops what the session moved. */
VMC_FN void vmc_session_lost(viamc_client *c, const char *what)
{
    vmc_session *s = &c->session;
    c->session_what = what;
    c->session_gap = s->gap;
    c->events |= VMC_EV_SESSION_LOST;
    vmc_session_end_calls(c);
    vmc_session_forget_stops(c);
    s->state = VMC_SESSION_NONE;
    s->id_len = 0;
    s->resumed = 0;
    s->wanted = true; /* the next one starts; nothing is replayed */
    vmc_log(&c->log, VIAMC_LOG_WARN, "session", what, s->gap, s->window);
}

/* ---- the calls that wait for it ---- */

VMC_FN bool vmc_session_is_waiting(const vmc_call *call)
{
    return call->state == VMC_CALL_HELD && (call->motion & VMC_MOTION_PENDING) == 0;
}

/* Lets a held call go, with the session if there is one. */
VMC_APART void vmc_session_release(viamc_client *c, vmc_call *call)
{
    call->state = VMC_CALL_OPEN;
    c->calls.stirred = true;
    if (c->session.state == VMC_SESSION_ON)
        call->flags |= VMC_CALL_F_SESSION;
}

VMC_FN void vmc_session_release_all(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_session_is_waiting(call))
            vmc_session_release(c, call);
}

/* StartSession failed before them: they never ran. With our words, or, for NULL, with the robot's, which the auxiliary record has. */
VMC_FN void vmc_session_fail_all(viamc_client *c, uint32_t status, const char *text)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_session_is_waiting(call)) {
            if (text == NULL)
                vmc_calls_set_text(&c->calls, call, vmc_calls_text(&c->calls, vmc_client_rec(c, VMC_REC_AUX)));
            vmc_calls_end(&c->calls, call, status, VIAMC_NOT_RUN, text);
        }
}

VMC_FN void vmc_session_forbid(viamc_client *c)
{
    vmc_session_fail_all(c, VIAMC_FAILED_PRECONDITION, VMC_TEXT("this robot has no sessions, and dial.require_session is set"));
}

/* ---- StartSession ---- */

/* True if the next StartSession may leave now. */
VMC_FN bool vmc_session_may_start(const viamc_client *c)
{
    return c->aux == VMC_AUX_NOTHING && !vmc_timer_is_on(&c->session.again) && c->conn.grpc.h2.out_slot == VMC_H2_NO_SLOT;
}

VMC_APART void vmc_session_start(viamc_client *c)
{
    vmc_session *s = &c->session;
    vmc_call *call;
    if (!vmc_session_may_start(c))
        return;
    if (s->resumed != 0 && c->motion.unconfirmed != 0)
        vmc_session_lost(c, VMC_TEXT("not resumed, since a Stop was not confirmed: it expires, which stops what it moved"));
    call = vmc_client_internal(c, VMC_REC_AUX, vmc_session_start_path, vmc_empty_message, sizeof vmc_empty_message, VMC_SESSION_TIMEOUT);
    vmc_client_internal_into(c, call, s->wire, VMC_SESSION_REPLY);
    if (s->resumed != 0) {
        call->body = s->wire;
        call->body_len = vmc_session_request_len(s);
    } else {
        vmc_session_forget_stops(c);
    }
    vmc_timer_set(&s->again, c->now, VMC_SESSION_AGAIN);
    c->aux = VMC_AUX_SESSION;
    s->state = VMC_SESSION_STARTING;
    s->wanted = false;
}

/* Reads StartSessionResponse {1: id, 2: heartbeat_window}; the id moves to where requests have it. */
VMC_FN bool vmc_session_take_reply(viamc_client *c)
{
    vmc_session *s = &c->session;
    viamc_bytes msg = vmc_client_internal_reply(c, VMC_REC_AUX), id, window;
    viamc_ms ms;
    if (vmc_wire_find(msg, 1, &id) != VIAMC_OK || id.len == 0 || id.len > VMC_SESSION_ID)
        return false;
    if (vmc_wire_find(msg, 2, &window) != VIAMC_OK || !vmc_wire_duration(window, &ms) || ms < VMC_SESSION_WINDOW_MIN || ms > VMC_SESSION_WINDOW_MAX)
        return false;
    s->window = ms;
    s->id_len = (uint8_t)id.len;
    vmc_move(s->wire + VMC_CALL_PREFIX + 2u, id.ptr, id.len);
    s->wire[0] = 0;
    vmc_put_be32(s->wire + 1, (uint32_t)id.len + 2u);
    s->wire[5] = 0x0a; /* field 1, length-delimited */
    s->wire[6] = s->id_len;
    return true;
}

VMC_FN void vmc_session_on(viamc_client *c)
{
    vmc_session *s = &c->session;
    s->wanted = false;
    s->state = VMC_SESSION_ON;
    s->acked = false;
    s->acked_at = c->now - 1u; /* StartSession was as good as a heartbeat; before the first one */
    s->gap = 0;
    vmc_timer_set(&s->beat, c->now, 0);
    c->conn.grpc.session = viamc_view(s->wire + VMC_CALL_PREFIX + 2u, s->id_len);
    vmc_grpc_changed(&c->conn.grpc);
    vmc_session_release_all(c);
    vmc_log(&c->log, VIAMC_LOG_INFO, "session", VMC_TEXT("started, window in ms"), s->window, 0);
}

/* The robot has no sessions. */
VMC_FN void vmc_session_absent(viamc_client *c)
{
    c->session.state = VMC_SESSION_ABSENT;
    if (c->desc.require_session) {
        vmc_session_forbid(c);
        return;
    }
    c->events |= VMC_EV_UNPROTECTED;
    vmc_session_release_all(c);
}

/* StartSession was refused, or its answer cannot be used. */
VMC_FN void vmc_session_not_started(viamc_client *c, const vmc_call *call)
{
    c->session.state = VMC_SESSION_NONE;
    c->session.id_len = 0;
    vmc_timer_off(&c->session.again);
    if (call->status == VIAMC_UNIMPLEMENTED && call->ran == VIAMC_ANSWERED)
        vmc_session_absent(c);
    else if (call->status == VIAMC_OK)
        vmc_session_fail_all(c, VIAMC_INTERNAL, VMC_TEXT("StartSession was answered without id or window"));
    else
        vmc_session_fail_all(c, call->status, NULL);
}

/* The answer tells too whether the session of before goes on. */
VMC_FN void vmc_session_on_start_end(viamc_client *c)
{
    vmc_session *s = &c->session;
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    bool started = call->status == VIAMC_OK && vmc_session_take_reply(c);
    uint8_t id_len = s->id_len;
    if (s->resumed != 0 && !(started && s->resumed == vmc_session_key(s)))
        vmc_session_lost(c, VMC_TEXT("the session ended while the connection was lost"));
    s->id_len = id_len;
    s->resumed = 0;
    if (started)
        vmc_session_on(c);
    else
        vmc_session_not_started(c, call);
}

/* ---- heartbeats ---- */

VMC_FN void vmc_session_send_beat(viamc_client *c, uint8_t which)
{
    vmc_session *s = &c->session;
    viamc_ms late = vmc_min32(c->now - s->beat.at, s->since_poll); /* what the polls are to blame for: an answer may be slow as well */
    (void)vmc_client_internal(c, (uint8_t)(VMC_REC_BEAT + which), vmc_session_beat_path, s->wire, vmc_session_request_len(s), 2u * s->window);
    s->sent_at[which] = c->now;
    vmc_timer_set(&s->beat, c->now, s->window / 5u);
    if (late > s->window * 3u / 10u) { /* half a window without a heartbeat */
        c->late_ms = late;
        c->events |= VMC_EV_STARVED;
    }
}

/* At most two are in flight: no gap up to a round trip of 2/5 of the window, alive up to 6/5. */
VMC_APART void vmc_session_beat(viamc_client *c)
{
    uint8_t which;
    bool slow = false;
    for (which = 0; which < 2u; which++)
        if (!vmc_client_rec_free(c, (uint8_t)(VMC_REC_BEAT + which)))
            slow = slow || c->now - c->session.sent_at[which] > c->session.window / 5u;
        else if (vmc_timer_due(&c->session.beat, c->now))
            vmc_session_send_beat(c, which);
    if (c->conn.grpc.hold_data && !slow)
        c->calls.stirred = true;
    c->conn.grpc.hold_data = slow;
}

/* True if these words say that the session is gone (viam-wire.md 4.4). */
VMC_FN bool vmc_session_is_expired(const viamc_client *c, const vmc_call *call)
{
    return call->ran == VIAMC_ANSWERED && call->status == VIAMC_INVALID_ARGUMENT && vmc_bytes_are(vmc_calls_text(&c->calls, call), "SESSION_EXPIRED");
}

VMC_FN void vmc_session_on_beat_end(viamc_client *c, const vmc_call *call, bool which)
{
    vmc_session *s = &c->session;
    if (s->state != VMC_SESSION_ON)
        return;
    if (!vmc_client_rec_free(c, which ? VMC_REC_BEAT : VMC_REC_BEAT2))
        s->since_poll = 0; /* two were in flight: the next one is late for want of an answer, not of polls */
    if (call->status == VIAMC_OK) {
        s->acked_at = s->sent_at[which];
        s->acked = true;
        vmc_timer_off(&s->again);
        s->gap = 0;
        s->beats++;
    } else if (call->ran == VIAMC_ANSWERED && (call->status == VIAMC_INVALID_ARGUMENT || call->status == VIAMC_UNIMPLEMENTED)) {
        vmc_session_lost(c, VMC_TEXT("the session expired"));
    } else if (!vmc_time_reached(s->acked_at, s->sent_at[which]) && c->now - s->acked_at >= 2u * s->window) { /* late, refused, failed */
        vmc_session_lost(c, VMC_TEXT("no heartbeat was answered for two windows"));
    }
}

/* A call that carried the session was told that there is none. */
VMC_FN void vmc_session_check_call(viamc_client *c, const vmc_call *call)
{
    bool current = (call->flags & VMC_CALL_F_SESSION) != 0 && (call->motion & VMC_MOTION_PAST) == 0;
    if (c->session.state == VMC_SESSION_ON && current && vmc_session_is_expired(c, call))
        vmc_session_lost(c, VMC_TEXT("the session expired"));
}

/* ---- time and connection ---- */

/* Every poll: the time since the last one counts towards an explanation, should the session expire. */
VMC_FN void vmc_session_note_poll(viamc_client *c, viamc_ms now)
{
    viamc_ms since = c->polls != 0 && vmc_time_reached(now, c->now) ? now - c->now : 0;
    c->session.since_poll = since;
    if (since > c->session.gap)
        c->session.gap = since;
}

VMC_FN void vmc_session_step(viamc_client *c)
{
    if (vmc_timer_due(&c->session.again, c->now))
        vmc_timer_off(&c->session.again);
    if (c->session.state == VMC_SESSION_NONE && (c->session.wanted || c->session.resumed != 0))
        vmc_session_start(c);
    if (c->session.state == VMC_SESSION_ON)
        vmc_session_beat(c);
    else
        c->conn.grpc.hold_data = false;
}

/* The connection is lost: the session may be resumed on the next one, if nothing that it moved is in doubt. */
VMC_FN void vmc_session_on_lost(viamc_client *c)
{
    vmc_session *s = &c->session;
    if (s->state == VMC_SESSION_ON)
        s->resumed = vmc_session_key(s);
    s->state = VMC_SESSION_NONE;
    vmc_timer_off(&s->again);
}

VMC_FN void vmc_session_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    if (c->dial.state != VIAMC_READY)
        return;
    vmc_wait_timer(wait, &c->session.again, now);
    if (c->session.state == VMC_SESSION_ON && (vmc_client_rec_free(c, VMC_REC_BEAT) || vmc_client_rec_free(c, VMC_REC_BEAT2)))
        vmc_wait_timer(wait, &c->session.beat, now);
}

#endif
/* ---- end of src/client/session_impl.h ---- */
/* ---- src/client/motion_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/motion: the promise of the product. Nothing of the user's is sent twice; Stop cannot be overtaken (design.md 6).
 *
 * A server runs streams side by side, so a SetPower sent just before Stop may run after it. Therefore Stop goes out at once, and once
 * more when every move of its resource that left before it is settled: its stream was ended by the robot. One that we ended ourselves
 * (deadline, cancel, loss) may run for one window more. Stop's DONE comes when the last copy is answered. */
#ifndef VIAMC_CLIENT_MOTION_IMPL_H
#define VIAMC_CLIENT_MOTION_IMPL_H


VMC_FN uint8_t vmc_motion_kind(const vmc_call *call)
{
    return call->motion & VMC_MOTION_KIND;
}

VMC_FN bool vmc_motion_is_move(const vmc_call *call)
{
    return vmc_motion_kind(call) == VMC_MOTION_MOVE || vmc_motion_kind(call) == VMC_MOTION_SETPOINT;
}

/* A move whose resource is not known may be of any; a stream without a message has none yet. */
VMC_FN bool vmc_motion_covers(uint32_t stop, uint32_t resource)
{
    return stop == resource || stop == VMC_MOTION_ANY || resource == VMC_MOTION_ANY;
}

/* A move that a Stop of that resource covers and that is not over, and what is known of it: NOT_RUN, it has not left; MAYBE, it has. */
VMC_FN bool vmc_motion_runs(const vmc_call *call, uint32_t stop, uint8_t ran)
{
    return vmc_motion_is_move(call) && vmc_call_is_running(call) && vmc_call_ran_locally(call) == ran && vmc_motion_covers(stop, vmc_call_resource(call));
}

/* A call that has left and that the robot did not answer: it may still run, whoever ended it. */
VMC_FN bool vmc_motion_is_doubtful(const vmc_call *call)
{
    return vmc_motion_is_move(call) && call->ran == VIAMC_MAYBE;
}

/* One window after a call was asked for: until then a Stop waits for moves, and a setpoint for its turn. A poll and the wait before it ask the
 * same timer, so nobody is woken in vain. */
VMC_FN vmc_timer vmc_motion_patience(const viamc_client *c, const vmc_call *call)
{
    vmc_timer t;
    vmc_timer_set(&t, vmc_call_user_const(call)->asked, vmc_session_window(c));
    return t;
}

/* ---- resources ---- */

/* 32-bit FNV-1a; a collision only costs a wait. */
VMC_FN uint32_t vmc_motion_hash(uint32_t h, const uint8_t *p, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

/* Hash of service and field 1, the resource's name. */
VMC_FN uint32_t vmc_motion_resource(viamc_str path, viamc_bytes msg)
{
    viamc_bytes name;
    uint32_t h;
    while (path.len > 1u && path.ptr[path.len - 1u] != '/')
        path.len--;
    h = vmc_motion_hash(2166136261u, (const uint8_t *)path.ptr, path.len);
    if (vmc_wire_find(msg, 1, &name) == VIAMC_OK)
        h = vmc_motion_hash(h, name.ptr, name.len);
    return h == 0 || h == VMC_MOTION_ANY ? 1u : h;
}

/* A message of a stream that moves: the first one names the resource, as far as the method is known; another name makes it any. */
VMC_FN uint32_t vmc_motion_resource_of(const vmc_call *call, viamc_bytes msg)
{
    viamc_bytes name;
    uint32_t resource = vmc_call_user_const(call)->method == NULL ? VMC_MOTION_ANY : vmc_motion_resource(vmc_call_path(call), msg);
    if (vmc_call_resource(call) == 0 || vmc_call_resource(call) == resource)
        return resource;
    return vmc_wire_find(msg, 1, &name) == VIAMC_ERR_NOT_FOUND ? vmc_call_resource(call) : VMC_MOTION_ANY;
}

/* ---- moves that may still run although we ended them ---- */

/* The robot may be long in hearing of the end: its window begins with its answer to something later, or with the end of the connection. */
VMC_FN void vmc_motion_unsettle(viamc_client *c, uint32_t resource)
{
    vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    while (u != last && u->resource != 0 && u->resource != resource)
        u++;
    u->resource = u == last ? VMC_MOTION_ANY : resource;
    u->after = c->conn.grpc.h2.next_id;
    c->motion.unsure = true;
}

/* Begins the windows whose time has come, and forgets those that are over. */
VMC_FN void vmc_motion_expire(viamc_client *c)
{
    vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    c->motion.unsure = false;
    for (; u <= last; u++) {
        if (u->after != 0 && (c->conn.state != VMC_CONN_UP || c->conn.grpc.answered >= u->after)) {
            u->after = 0;
            vmc_timer_set(&u->until, c->now, vmc_session_window(c));
        } else if (u->after == 0 && vmc_timer_due(&u->until, c->now)) {
            u->resource = 0;
        }
        c->motion.unsure = c->motion.unsure || u->resource != 0;
    }
}

VMC_FN bool vmc_motion_has_unsettled(const viamc_client *c, uint32_t resource)
{
    const vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    const vmc_call *call;
    for (; u <= last; u++)
        if (u->resource != 0 && vmc_motion_covers(resource, u->resource))
            return true;
    VMC_CALLS_EACH(&c->calls, call) /* a call that ended since the last poll is not among the unsettled yet */
        if (call->state == VMC_CALL_ENDED && vmc_motion_is_doubtful(call) && vmc_motion_covers(resource, vmc_call_resource(call)))
            return true;
    return false;
}

/* Moves of the resource that have left and have not ended. */
VMC_FN bool vmc_motion_has_running(const viamc_client *c, uint32_t resource)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_runs(call, resource, VIAMC_MAYBE))
            return true;
    return false;
}

/* ---- Stop ---- */

/* A Stop of the resource is under way: its DONE has not been made. */
VMC_FN bool vmc_motion_is_stopping(const viamc_client *c, uint32_t resource)
{
    const vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        bool under_way = vmc_call_is_running(call) || call->state == VMC_CALL_ENDED;
        if (vmc_motion_kind(call) == VMC_MOTION_STOP && under_way && vmc_motion_covers(vmc_call_resource(call), resource))
            return true;
    }
    return false;
}

/* Ends the moves of the resource of which `ran` is known. */
VMC_FN void vmc_motion_cancel(viamc_client *c, uint32_t resource, uint8_t ran, const char *text)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_runs(call, resource, ran))
            vmc_grpc_end(&c->conn.grpc, call, VIAMC_CANCELLED, ran, text);
}

/* A Stop goes out now. */
VMC_FN void vmc_motion_begin_stop(viamc_client *c, vmc_call *stop)
{
    stop->motion |= VMC_MOTION_COUNTED;
    c->motion.unconfirmed++;
    c->motion.watched = true;
    stop->flags |= VMC_CALL_F_FIRST | VMC_CALL_F_REPEATS;
    vmc_call_user(stop)->asked = c->now;
    /* what has not left, pending setpoints too, will not leave any more; of what has half left, the other half */
    vmc_motion_cancel(c, vmc_call_resource(stop), VIAMC_NOT_RUN, VMC_TEXT("a Stop of this resource came before it left"));
    if (vmc_motion_has_running(c, vmc_call_resource(stop)))
        stop->motion |= VMC_MOTION_AGAIN;
    if (vmc_motion_has_unsettled(c, vmc_call_resource(stop)))
        stop->motion |= VMC_MOTION_AGAIN | VMC_MOTION_UNCONFIRMED;
}

VMC_FN void vmc_motion_send_again(viamc_client *c, vmc_call *stop)
{
    stop->motion &= (uint8_t)~VMC_MOTION_AGAIN;
    vmc_calls_again(&c->calls, stop);
    vmc_timer_set(&stop->deadline, c->now, VMC_SESSION_TIMEOUT);
}

/* A copy of a Stop was answered OK: is that the end? True if DONE can be told. */
VMC_FN bool vmc_motion_stop_answered(viamc_client *c, vmc_call *stop)
{
    vmc_timer patience = vmc_motion_patience(c, stop);
    if ((stop->motion & VMC_MOTION_AGAIN) == 0)
        return true;
    if (vmc_timer_due(&patience, c->now) || vmc_timer_due(&stop->deadline, c->now)) {
        vmc_motion_cancel(c, vmc_call_resource(stop), VIAMC_MAYBE, VMC_TEXT("still running one window after a Stop of this resource"));
        if (vmc_motion_has_unsettled(c, vmc_call_resource(stop))) /* this Stop's doing, or another's just now */
            stop->motion |= VMC_MOTION_UNCONFIRMED;
    } else if (vmc_motion_has_running(c, vmc_call_resource(stop)) || vmc_motion_has_unsettled(c, vmc_call_resource(stop))) {
        return false; /* looked at again with the next poll */
    }
    vmc_motion_send_again(c, stop);
    return false;
}

/* The last word on a Stop. */
VMC_FN void vmc_motion_stop_done(viamc_client *c, vmc_call *stop)
{
    if (stop->status == VIAMC_OK && (stop->motion & (VMC_MOTION_COUNTED | VMC_MOTION_UNCONFIRMED)) == VMC_MOTION_COUNTED && c->motion.unconfirmed != 0)
        c->motion.unconfirmed--;
}

/* ---- moves ---- */

/* A move ended: settled if the robot ended it, or if it never ran. */
VMC_FN void vmc_motion_move_ended(viamc_client *c, vmc_call *call)
{
    vmc_call *stop;
    vmc_session_check_call(c, call);
    if (!vmc_motion_is_doubtful(call))
        return;
    vmc_motion_unsettle(c, vmc_call_resource(call));
    VMC_CALLS_EACH(&c->calls, stop) /* one that is waiting for it learns nothing certain any more */
        if (vmc_motion_kind(stop) == VMC_MOTION_STOP && (stop->motion & VMC_MOTION_AGAIN) != 0 && vmc_motion_covers(vmc_call_resource(stop), vmc_call_resource(call)))
            stop->motion |= VMC_MOTION_UNCONFIRMED;
}

/* A user's call has ended. True if its owner can be told. */
VMC_FN bool vmc_motion_on_end(viamc_client *c, vmc_call *call)
{
    if (vmc_motion_is_move(call))
        vmc_motion_move_ended(c, call);
#if VIAMC_OLD_SESSIONS
    else
        vmc_session_check_call(c, call);
#endif
    if (vmc_motion_kind(call) != VMC_MOTION_STOP)
        return true;
    if (call->status == VIAMC_OK && !vmc_motion_stop_answered(c, call))
        return false;
    vmc_motion_stop_done(c, call);
    return true;
}

/* ---- setpoints ---- */

/* Field 1 of what a call has to send is that of msg: the same resource, not only the same hash. */
VMC_FN bool vmc_motion_is_same_name(const viamc_client *c, const vmc_call *call, viamc_bytes msg)
{
    viamc_bytes own = viamc_view(c->calls.tx + call->tx_at + VMC_CALL_PREFIX, call->tx_len - VMC_CALL_PREFIX), a, b;
    (void)vmc_wire_find(call->body_len != 0 ? viamc_view(call->body, call->body_len) : own, 1, &a);
    (void)vmc_wire_find(msg, 1, &b);
    return a.len == b.len && vmc_same(a.ptr, b.ptr, a.len);
}

/* The setpoint of this method and resource that is in flight (pending false) or pending; NULL. */
VMC_FN vmc_call *vmc_motion_setpoint(const viamc_client *c, viamc_str path, uint32_t resource, bool pending)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        if (vmc_motion_kind(call) == VMC_MOTION_SETPOINT && vmc_call_is_running(call) && vmc_call_resource(call) == resource
            && ((call->motion & VMC_MOTION_PENDING) != 0) == pending && viamc_str_eq(vmc_call_path(call), path))
            return call;
    return NULL;
}

/* Lets a call go if nothing is in its way: a Stop, a setpoint in flight, a session that has to be started. */
VMC_FN void vmc_motion_launch(viamc_client *c, vmc_call *call)
{
    call->state = VMC_CALL_HELD;
    call->motion &= (uint8_t)~VMC_MOTION_PENDING;
    if (vmc_motion_kind(call) == VMC_MOTION_SETPOINT) {
        bool blocked = vmc_motion_is_stopping(c, vmc_call_resource(call));
        call->motion |= VMC_MOTION_PENDING; /* not in flight itself while we look */
        c->motion.watched = true;
        if (blocked || vmc_motion_setpoint(c, vmc_call_path(call), vmc_call_resource(call), false) != NULL)
            return;
        call->motion &= (uint8_t)~VMC_MOTION_PENDING;
        if (vmc_timer_left(&call->deadline, c->now) > vmc_session_window(c))
            vmc_timer_set(&call->deadline, c->now, vmc_session_window(c));
    }
    if (c->session.state == VMC_SESSION_ON || c->desc.disable_sessions || (c->session.state == VMC_SESSION_ABSENT && !c->desc.require_session))
        vmc_session_release(c, call);
    else if (c->session.state == VMC_SESSION_ABSENT)
        vmc_session_forbid(c);
    else
        c->session.wanted = true;
}

/* A pending setpoint goes when its turn comes, and is dropped when it is older than one window. */
VMC_FN void vmc_motion_step_pending(viamc_client *c, vmc_call *call)
{
    vmc_timer patience = vmc_motion_patience(c, call);
    if (vmc_timer_due(&patience, c->now))
        vmc_calls_end(&c->calls, call, VIAMC_DEADLINE_EXCEEDED, VIAMC_NOT_RUN, VMC_TEXT("a setpoint older than one window"));
    else
        vmc_motion_launch(c, call);
}

/* A Stop whose first copies were answered and whose last cannot be sent, or is not wanted: what it was to make sure is not. */
VMC_FN void vmc_motion_give_up(vmc_call *stop, uint32_t status)
{
    if (vmc_motion_kind(stop) != VMC_MOTION_STOP || stop->state != VMC_CALL_ENDED || (stop->motion & VMC_MOTION_AGAIN) == 0)
        return;
    stop->motion = (uint8_t)((stop->motion & ~VMC_MOTION_AGAIN) | VMC_MOTION_UNCONFIRMED);
    stop->status = (uint8_t)status;
    stop->ran = VIAMC_MAYBE;
}

VMC_FN void vmc_motion_on_lost(viamc_client *c)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call)
        vmc_motion_give_up(call, VIAMC_UNAVAILABLE);
}

/* A Stop that has not left for want of a stream, as the peer permits so few: the user's call that gives way, moves of the resource first;
 * NULL. */
VMC_FN vmc_call *vmc_motion_in_the_way(const viamc_client *c, const vmc_call *stop)
{
    vmc_user_call *user = c->calls.users, *end = user + c->max_calls;
    vmc_call *victim = NULL;
    const vmc_h2 *h2 = &c->conn.grpc.h2;
    bool waits = vmc_motion_kind(stop) == VMC_MOTION_STOP && stop->state == VMC_CALL_OPEN && (stop->flags & VMC_CALL_F_HEAD) != 0;
    if (!waits || h2->open < h2->peer_streams || (h2->owed & VMC_H2_OWES_CHORES) != 0)
        return NULL; /* with chores: one is giving way already */
    for (; user != end; user++) {
        vmc_call *call = &user->call;
        bool streams = call->state == VMC_CALL_OPEN && (call->flags & VMC_CALL_F_SENT) != 0 && vmc_motion_kind(call) != VMC_MOTION_STOP;
        if (streams && (victim == NULL || (vmc_motion_is_move(call) && vmc_motion_covers(vmc_call_resource(stop), vmc_call_resource(call)))))
            victim = call;
    }
    return victim;
}

VMC_FN void vmc_motion_make_way(viamc_client *c, const vmc_call *stop)
{
    vmc_call *victim = vmc_motion_in_the_way(c, stop);
    if (victim != NULL)
        vmc_grpc_cancel(&c->conn.grpc, victim, VIAMC_CANCELLED, VMC_TEXT("gave its stream to a Stop: the robot permits too few"));
}

/* Looks at the Stops that are under way and at the setpoints that wait. */
VMC_APART void vmc_motion_watch(viamc_client *c)
{
    vmc_call *call;
    c->motion.watched = false;
    VMC_CALLS_EACH(&c->calls, call) {
        bool pending = vmc_motion_is_pending(call);
        if (!pending && (vmc_motion_kind(call) != VMC_MOTION_STOP || call->state == VMC_CALL_TOLD))
            continue;
        c->motion.watched = true;
        if (pending)
            vmc_motion_step_pending(c, call);
        else
            vmc_motion_make_way(c, call);
    }
}

VMC_FN void vmc_motion_step(viamc_client *c)
{
    if (c->motion.unsure)
        vmc_motion_expire(c);
    if (c->motion.watched)
        vmc_motion_watch(c);
}

/* A Stop that waits looks again when a move settles by time, and one window after it was asked for; one that lacks a stream, at once while
 * there are calls that can give way: each poll takes one. */
VMC_FN void vmc_motion_wait(const viamc_client *c, viamc_ms now, viamc_ms *wait)
{
    const vmc_unsettled *u = c->motion.unsettled, *last = u + c->max_calls;
    const vmc_call *call;
    if (c->motion.watched)
        VMC_CALLS_EACH(&c->calls, call) {
            bool stop = vmc_motion_kind(call) == VMC_MOTION_STOP && call->state == VMC_CALL_ENDED && call->status == VIAMC_OK;
            if (vmc_motion_in_the_way(c, call) != NULL)
                *wait = 0;
            if (stop || vmc_motion_is_pending(call)) {
                vmc_timer patience = vmc_motion_patience(c, call);
                vmc_wait_timer(wait, &patience, now);
                vmc_wait_timer(wait, &call->deadline, now);
            }
        }
    for (; c->motion.unsure && u <= last; u++)
        if (u->resource != 0 && u->after == 0)
            vmc_wait_timer(wait, &u->until, now);
}

#endif
/* ---- end of src/client/motion_impl.h ---- */
/* ---- src/client/check_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/check: the invariants of a client's memory (design.md 2), looked at after every poll where VIAMC_CHECK is 1.
 * Knows the call table, streams and the client's state; changes nothing. */
#ifndef VIAMC_CLIENT_CHECK_IMPL_H
#define VIAMC_CLIENT_CHECK_IMPL_H


#if VIAMC_CHECK

/* VIAMC_CHECK_FAILED(text): called from viamc_poll when something does not hold. */
#ifndef VIAMC_CHECK_FAILED
#if defined(__GNUC__)
#define VIAMC_CHECK_FAILED(text) ((void)(text), __builtin_trap())
#else
#define VIAMC_CHECK_FAILED(text) VIAMC_ASSERT((text) == NULL)
#endif
#endif

/* ---- the call table, of both roles ---- */

/* Live list: every record in use, once. */
VMC_FN const char *vmc_check_live(const vmc_calls *t)
{
    uint32_t used = 0, listed = 0;
    const vmc_call *c;
    uint8_t i;
    for (i = 0; i < t->count; i++)
        used += vmc_calls_at(t, i)->state != VMC_CALL_FREE;
    VMC_CALLS_EACH(t, c) {
        if (++listed > t->count)
            return "the live list has no end";
        if (c->state == VMC_CALL_FREE)
            return "a free record is in the live list";
    }
    return used == listed ? NULL : "a record in use is not in the live list";
}

/* List of events: the records with the flag, once, and `last` is the last. */
VMC_FN const char *vmc_check_events(const vmc_calls *t)
{
    uint32_t flagged = 0, listed = 0;
    uint8_t i, last = VMC_CALL_NONE;
    for (i = 0; i < t->count; i++)
        flagged += (vmc_calls_at(t, i)->flags & VMC_CALL_F_LISTED) != 0;
    for (i = t->first; i != VMC_CALL_NONE; i = t->users[i].call.next) {
        if (i >= t->user_count || ++listed > t->count)
            return "the list of events has no end";
        if ((t->users[i].call.flags & (VMC_CALL_F_LISTED | VMC_CALL_F_INTERNAL)) != VMC_CALL_F_LISTED || t->users[i].call.state == VMC_CALL_FREE)
            return "a record is in the list of events that must not be";
        last = i;
    }
    if (flagged != listed)
        return "a record has the flag and is not in the list of events";
    return last == t->last ? NULL : "the list of events ends elsewhere";
}

/* Parts of tx: inside it, apart, without gaps. */
VMC_FN const char *vmc_check_tx(const vmc_calls *t)
{
    uint32_t sum = 0;
    const vmc_call *c, *other;
    if (t->tx_used > t->tx_cap)
        return "more of tx is used than there is";
    VMC_CALLS_EACH(t, c) {
        if (c->state == VMC_CALL_OPEN && c->sent > c->tx_len + c->body_len)
            return "more was sent than there was";
        if (c->tx_at > t->tx_used || c->tx_len > t->tx_used - c->tx_at)
            return "a part of tx lies outside";
        VMC_CALLS_EACH(t, other)
            if (other != c && c->tx_len != 0 && other->tx_len != 0 && c->tx_at < other->tx_at + other->tx_len && other->tx_at < c->tx_at + c->tx_len)
                return "two parts of tx overlap";
        sum += c->tx_len;
    }
    return sum == t->tx_used ? NULL : "tx has a gap";
}

/* What came: taken, whole, under way, room. */
VMC_FN const char *vmc_check_slot(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    if (c->stored > cap || c->parsed > c->stored || (vmc_call_index(c) < t->user_count && vmc_call_user_const(c)->taken > c->parsed))
        return "positions in a slot are out of order";
    return NULL;
}

/* A large message of which octets are to come. */
VMC_FN const char *vmc_check_under_way(const vmc_calls *t, const vmc_user_call *u)
{
    const vmc_call *c = &u->call;
    if (c->stored - c->parsed < VMC_CALL_PREFIX)
        return "a large message has lost its prefix";
    if (u->left > vmc_calls_large_len(t, c))
        return "a large message is longer than it said";
    if (c->large == VMC_CALL_INTO && vmc_calls_large_len(t, c) > u->taker.into.cap)
        return "a large message is longer than the lent buffer";
    if (c->large == VMC_CALL_BIG && vmc_calls_large_len(t, c) > t->big_cap)
        return "a large message is longer than the large buffer";
    return NULL;
}

VMC_FN const char *vmc_check_large(const vmc_calls *t, const vmc_call *c)
{
    const vmc_user_call *u = vmc_call_user_const(c);
    if (c->large == VMC_CALL_SMALL)
        return NULL;
    if (vmc_call_index(c) >= t->user_count)
        return "a call of ours has a large message";
    if (c->large == VMC_CALL_INTO && vmc_call_index(c) >= t->slot_count)
        return "a large message is where its prefix is";
    if ((c->large == VMC_CALL_SINK) != c->has_sink && c->large != VMC_CALL_WAITS)
        return "a large message is not with who takes it";
    if (vmc_call_left(c) != 0 && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_DROP) == 0)
        return vmc_check_under_way(t, u);
    if (c->large == VMC_CALL_BIG && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_DROP) == 0 && t->big_owner != vmc_call_index(c))
        return "two calls have the large buffer";
    return NULL;
}

VMC_FN const char *vmc_check_calls(const vmc_calls *t)
{
    uint32_t ended = 0;
    const char *wrong = vmc_check_live(t);
    uint8_t i;
    if (wrong == NULL)
        wrong = vmc_check_events(t);
    if (wrong == NULL)
        wrong = vmc_check_tx(t);
    for (i = 0; i < t->count; i++) {
        const vmc_call *c = vmc_calls_at(t, i);
        if (wrong == NULL && c->state != VMC_CALL_FREE)
            wrong = vmc_check_slot(t, c);
        if (wrong == NULL && c->state != VMC_CALL_FREE)
            wrong = vmc_check_large(t, c);
        ended += c->state == VMC_CALL_ENDED;
    }
    if (wrong == NULL && ended != t->ended)
        wrong = "the number of ended calls is wrong";
    return wrong;
}

/* ---- credit ---- */

/* Invariant 1: a stream has room for every octet that its peer may send. Ours are told apart: what they cannot take is dropped. */
VMC_FN const char *vmc_check_credit(const vmc_h2 *h, const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = vmc_calls_at(t, i);
    if (!vmc_h2_is_live(h, i) || (h->streams[i].flags & (VMC_H2_REMOTE_END | VMC_H2_EARLY)) != 0)
        return NULL;
    if (c->state != VMC_CALL_OPEN)
        return c->state == VMC_CALL_ENDED ? NULL : "a stream has no call";
    if ((c->flags & VMC_CALL_F_DROP) != 0 || i >= t->slot_count)
        return NULL;
    return vmc_h2_expected(h, i) <= (int32_t)vmc_calls_room(t, c) ? NULL : "a stream has more credit than room";
}

VMC_FN const char *vmc_check_streams(const vmc_h2 *h, const vmc_calls *t)
{
    uint32_t above = 0;
    const char *wrong = NULL;
    uint8_t i;
    for (i = 0; i < h->count && wrong == NULL; i++) {
        wrong = vmc_check_credit(h, t, i);
        above += h->streams[i].id != 0 && vmc_h2_expected(h, i) > (int32_t)h->window;
    }
    if (wrong != NULL || VMC_H2_LIMIT(h) == 0)
        return wrong;
    if (vmc_h2_outstanding(h) > VMC_H2_LIMIT(h))
        return "more credit is given than the TLS input takes"; /* invariant 2 */
    return above > 1u ? "two streams have more than a slot of credit" : NULL; /* invariant 3 */
}

/* Invariant 4: the connection's credit never waits for an owner. */
VMC_FN const char *vmc_check_connection(const viamc_client *c)
{
    const vmc_h2 *h = &c->conn.grpc.h2;
    if (!vmc_h2_is_up(h) || c->conn.blocked)
        return NULL;
    return h->credit > (int32_t)(VMC_H2_WINDOW_MAX / 4u) ? NULL : "the connection's window is used up";
}

/* ---- all of it ---- */

/* What does not hold between two polls, or NULL. */
VMC_FN const char *vmc_client_check(const viamc_client *c)
{
    const char *wrong = vmc_check_calls(&c->calls);
    if (wrong == NULL && c->conn.state == VMC_CONN_UP)
        wrong = vmc_check_streams(&c->conn.grpc.h2, &c->calls);
    if (wrong == NULL && c->conn.state == VMC_CONN_UP)
        wrong = vmc_check_connection(c);
    if (wrong == NULL && (c->in_poll || c->calls.in_sink))
        wrong = "the client's own state is wrong";
    return wrong;
}

VMC_FN void vmc_client_check_poll(const viamc_client *c)
{
    const char *wrong = vmc_client_check(c);
    if (wrong != NULL)
        VIAMC_CHECK_FAILED(wrong);
}

#endif
#endif
/* ---- end of src/client/check_impl.h ---- */
/* ---- src/client/client_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/client: the layout of the block, then calls, events, and the poll that drives all parts. */
#ifndef VIAMC_CLIENT_CLIENT_IMPL_H
#define VIAMC_CLIENT_CLIENT_IMPL_H


#define VMC_CLIENT_TIMEOUT 5000u /* design.md 5: unary calls that move nothing, ms */
#define VMC_CLIENT_TX_MIN 256u    /* Stop's 128 octets and a request */
#define VMC_CLIENT_OUT_MIN 512u   /* a host name while the port connects */
#define VMC_CLIENT_OUT_PLAIN 256u /* likewise, without TLS, where a window of the output costs no record */
#define VMC_CLIENT_SLOT_MIN 64u
#define VMC_CLIENT_STREAMS (VIAMC_M_CLIENT_STREAM | VIAMC_M_SERVER_STREAM)

/* ---- layout ---- */

VMC_FN void vmc_client_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

/* design.md 2, invariant 2: where the TLS input does not take every record, what the peer may send over all streams must fit into one:
 * each stream's window, 325 octets that a record adds, 512 for header blocks. 0: no such bound. */
VMC_FN uint32_t vmc_client_credit_need(const viamc_client_desc *d)
{
    uint32_t streams = (uint32_t)d->max_calls + VMC_REC_EXTRA;
    if (d->no_tls || d->profile != VIAMC_BOARD || d->in_bytes >= VMC_TLS_IN_MAX)
        return 0;
    return streams * (d->slot_bytes + VMC_CALL_PREFIX) + 325u + 512u;
}

/* TLS input of a board: 4,608 octets, or what its calls need. */
VMC_FN uint32_t vmc_client_default_in(const viamc_client_desc *d)
{
    uint32_t need = vmc_client_credit_need(d);
    if (d->no_tls)
        return d->profile == VIAMC_BOARD ? 256u : 4096u;
    if (d->profile != VIAMC_BOARD || need > VMC_TLS_IN_MAX)
        return VMC_TLS_IN_MAX;
    return need < 4608u ? 4608u : need;
}

VMC_FN uint32_t vmc_client_least_out(const viamc_client_desc *d)
{
    return d->no_tls ? VMC_CLIENT_OUT_PLAIN : VMC_CLIENT_OUT_MIN;
}

/* Defaults of a host and of a board. */
static const struct vmc_client_sizes {
    uint16_t slot, tx, table, out; /* out: of a board, the least */
} vmc_client_sizes[2] = {{4096, 16384, 4096, 16384}, {512, 1024, 256, 0}};

VMC_FN void vmc_client_defaults(viamc_client_desc *d)
{
    const struct vmc_client_sizes *sizes = &vmc_client_sizes[d->profile == VIAMC_BOARD];
#ifdef VIAMC_NO_TLS
    d->no_tls = true;
#endif
    if (d->max_calls == 0)
        d->max_calls = 4;
    vmc_client_default(&d->slot_bytes, sizes->slot);
    vmc_client_default(&d->tx_bytes, sizes->tx);
    vmc_client_default(&d->token_bytes, 1024);
    vmc_client_default(&d->out_bytes, sizes->out);
    vmc_client_default(&d->out_bytes, vmc_client_least_out(d));
    vmc_client_default(&d->table_bytes, sizes->table);
    if (d->token_bytes == VIAMC_OFF)
        d->token_bytes = 0;
    if (d->in_bytes == 0)
        d->in_bytes = vmc_client_default_in(d);
}

/* What is wrong with a desc that has its defaults, or NULL. */
VMC_FN const char *vmc_client_check_desc(const viamc_client_desc *d)
{
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_client_desc d = VIAMC_ZERO");
    if (d->profile > VIAMC_BOARD)
        return VMC_TEXT("profile is neither VIAMC_HOST nor VIAMC_BOARD");
    if (d->max_calls > VIAMC_MAX_CALLS)
        return VMC_TEXT("max_calls above VIAMC_MAX_CALLS");
    if (d->tx_bytes < VMC_CLIENT_TX_MIN || d->out_bytes < vmc_client_least_out(d) || d->slot_bytes < VMC_CLIENT_SLOT_MIN)
        return VMC_TEXT("tx_bytes below 256, out_bytes below 512 (256 without TLS) or slot_bytes below 64");
    if (d->out_bytes > VMC_CONN_BUFFER_MAX)
        return VMC_TEXT("out_bytes above 65,535");
    if (d->slot_bytes > VMC_H2_WINDOW_MAX / 512u || d->rx_bytes > VMC_CALL_MAX_MESSAGE || d->tx_bytes > VMC_CALL_MAX_MESSAGE || d->table_bytes > VMC_HPACK_MAX_TABLE)
        return VMC_TEXT("slot_bytes, rx_bytes, tx_bytes or table_bytes too large");
    if (d->no_tls ? d->in_bytes < 64u || d->in_bytes > VMC_CONN_BUFFER_MAX : d->in_bytes < VMC_TLS_IN_MIN || d->in_bytes > VMC_TLS_IN_MAX)
        return VMC_TEXT("in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    if (vmc_client_credit_need(d) > d->in_bytes)
        return VMC_TEXT("in_bytes too small for these calls: (max_calls + 4) * (slot_bytes + 5) + 837, or smaller slots");
    return NULL;
}

/* A copy of a desc with its defaults; what is wrong with it, or NULL. */
VMC_FN const char *vmc_client_take_desc(const viamc_client_desc *desc, viamc_client_desc *d)
{
    if (desc == NULL)
        return VMC_TEXT("no desc");
    *d = *desc;
    vmc_client_defaults(d);
    return vmc_client_check_desc(d);
}

/* What is wrong with a port, or NULL. */
VMC_FN const char *vmc_client_check_port(const viamc_port *p)
{
    if (p == NULL || p->open == NULL || p->read == NULL || p->write == NULL || p->close == NULL || p->random == NULL)
        return VMC_TEXT("no port, or one without open, read, write, close or random");
    return NULL;
}

VIAMC_API const char *viamc_client_desc_error(const viamc_client_desc *desc)
{
    viamc_client_desc d;
    const char *what = vmc_client_take_desc(desc, &d);
    return what != NULL ? what : vmc_client_check_port(d.port);
}

/* The pieces of the block. */
typedef struct vmc_client_layout {
    viamc_client *client;
    vmc_calls calls;
    vmc_conn_config conn;
    vmc_h2_stream *streams;
    vmc_unsettled *unsettled;
    uint8_t *token, *table;
    size_t room_cap, size;
} vmc_client_layout;

/* Octets that the certificate check needs while dialling. Hosts walk a store, boards have arrays. */
VMC_FN size_t vmc_client_trust_bytes(const viamc_client_desc *d)
{
#ifndef VIAMC_NO_TLS
    if (!d->no_tls)
        return vmc_tls_trust_bytes(d->profile == VIAMC_HOST);
#endif
    (void)d;
    return 0;
}

/* What is known without the block. */
VMC_FN void vmc_client_plan(const viamc_client_desc *d, vmc_client_layout *l)
{
    VIAMC_MEMSET(l, 0, sizeof *l);
    l->calls.count = (uint8_t)(d->max_calls + VMC_REC_EXTRA);
    l->calls.user_count = (uint8_t)(d->max_calls + 1u); /* Stop's own too */
    l->calls.slot_count = d->max_calls;
    l->calls.slot_bytes = d->slot_bytes;
    l->calls.big_cap = d->rx_bytes;
    l->calls.tx_cap = d->tx_bytes;
    l->calls.one_large = vmc_client_credit_need(d) != 0;
    l->conn.port = d->port;
    l->conn.port_user = d->port_user;
    l->conn.in_cap = d->in_bytes;
    l->conn.out_cap = d->no_tls ? d->out_bytes : vmc_min32(d->out_bytes + 85u, VMC_TLS_OUT_MAX); /* 85: what a TLS record adds */
}

/* The one layout function: measures with base NULL, divides with the block. d has its defaults. */
VMC_FN void vmc_client_carve(const viamc_client_desc *d, uint8_t *base, vmc_client_layout *l)
{
    vmc_carve cv;
    vmc_client_plan(d, l);
    cv.base = base;
    cv.at = 0;
    l->client = (viamc_client *)vmc_carve_take(&cv, sizeof(viamc_client));
#ifndef VIAMC_NO_TLS
    if (!d->no_tls)
        l->conn.tls = vmc_carve_take(&cv, vmc_tls_bytes(VMC_TLS_CLIENT));
#endif
    l->calls.users = (vmc_user_call *)vmc_carve_take(&cv, l->calls.user_count * sizeof(vmc_user_call));
    l->calls.ours = (vmc_call *)vmc_carve_take(&cv, VMC_REC_OURS * sizeof(vmc_call) + (d->max_calls + 1u) * sizeof(vmc_unsettled));
    l->unsettled = base == NULL ? NULL : (vmc_unsettled *)(void *)(l->calls.ours + VMC_REC_OURS);
    l->streams = (vmc_h2_stream *)vmc_carve_take(&cv, l->calls.count * sizeof(vmc_h2_stream));
    l->conn.in = (uint8_t *)vmc_carve_take(&cv, d->in_bytes);
    l->conn.out = (uint8_t *)vmc_carve_take(&cv, l->conn.out_cap);
    l->token = (uint8_t *)vmc_carve_take(&cv, d->token_bytes); /* from here to the end: vmc_client_forget */
    l->calls.tx = (uint8_t *)vmc_carve_take(&cv, d->tx_bytes);
    l->table = (uint8_t *)vmc_carve_take(&cv, d->table_bytes);
    l->room_cap = (size_t)d->rx_bytes + l->calls.slot_count * (d->slot_bytes + VMC_CALL_EXTRA);
    if (l->room_cap < vmc_client_trust_bytes(d))
        l->room_cap = vmc_client_trust_bytes(d);
    l->calls.big = (uint8_t *)vmc_carve_take(&cv, l->room_cap); /* big, then slots; while dialling the certificate check */
    l->calls.slots = base == NULL ? NULL : l->calls.big + d->rx_bytes;
    l->size = cv.at;
}

VIAMC_API size_t viamc_client_mem_size(const viamc_client_desc *desc)
{
    viamc_client_desc d;
    vmc_client_layout l;
    if (vmc_client_take_desc(desc, &d) != NULL)
        return 0;
    vmc_client_carve(&d, NULL, &l);
    return l.size + VMC_ALIGN - 1u;
}

/* Divides the block and fills it. */
VMC_FN void vmc_client_build(const viamc_client_desc *d, uint8_t *base, viamc_client **client)
{
    vmc_client_layout l;
    viamc_client *c;
    vmc_client_carve(d, base, &l);
    VIAMC_MEMSET(base, 0, l.size); /* also TLS: a connection that never got to it is closed like any other */
    c = l.client;
    c->size = l.size;
    c->log = d->log;
    c->profile = d->profile;
    c->max_calls = d->max_calls;
    c->token = l.token;
    c->token_cap = d->token_bytes;
#ifndef VIAMC_NO_TLS
    c->trust_cap = l.room_cap;
#endif
    c->motion.unsettled = l.unsettled;
    c->calls = l.calls;
    vmc_calls_init(&c->calls);
    vmc_conn_init(&c->conn, &l.conn);
    c->conn.grpc.h2.streams = l.streams; /* there they stay: vmc_dial_reset_carrier */
    c->conn.grpc.h2.decoder.arena = l.table;
    c->conn.grpc.h2.decoder.limit = (uint16_t)d->table_bytes; /* at most VMC_HPACK_MAX_TABLE */
    vmc_dial_reset_carrier(c, false);
    *client = c;
}

VIAMC_API viamc_err viamc_client_init(void *memory, size_t size, const viamc_client_desc *desc, viamc_client **client)
{
    viamc_client_desc d;
    size_t skip = vmc_misaligned(memory);
    vmc_client_layout l;
    if (client == NULL)
        return VIAMC_ERR_ARG;
    *client = NULL;
    if (memory == NULL || vmc_client_take_desc(desc, &d) != NULL || vmc_client_check_port(d.port) != NULL)
        return VIAMC_ERR_ARG;
    vmc_client_carve(&d, NULL, &l);
    if (size < skip || size - skip < l.size)
        return VIAMC_ERR_NOMEM;
    vmc_client_build(&d, (uint8_t *)memory + skip, client);
    return VIAMC_OK;
}

/* ---- starting calls ---- */

/* What a call without a method object does, by its path. */
VMC_APART uint8_t vmc_client_flags(viamc_str path, const viamc_opts *o)
{
    static const char component[] = "/viam.component.", stop_all[] = "/viam.robot.v1.RobotService/StopAll", stop[] = "/Stop";
    uint8_t flags = o->stream & VMC_CLIENT_STREAMS;
    if (path.len == sizeof stop_all - 1u && vmc_same(path.ptr, stop_all, sizeof stop_all - 1u))
        return (uint8_t)(flags | VIAMC_M_STOP_ALL);
    if (path.len < sizeof component - 1u || !vmc_same(path.ptr, component, sizeof component - 1u))
        return flags;
    if (vmc_same(path.ptr + path.len - (sizeof stop - 1u), stop, sizeof stop - 1u))
        return (uint8_t)(flags | VIAMC_M_STOP);
    return (uint8_t)(o->reads_only ? flags : flags | VIAMC_M_MOVES);
}

VMC_FN uint8_t vmc_client_motion(uint8_t flags, const viamc_opts *o)
{
    if ((flags & (VIAMC_M_STOP | VIAMC_M_STOP_ALL)) != 0)
        return VMC_MOTION_STOP;
    if (o->replace)
        return VMC_MOTION_SETPOINT;
    return (flags & (VIAMC_M_MONITORED | VIAMC_M_MOVES)) != 0 ? VMC_MOTION_MOVE : VMC_MOTION_NONE;
}

/* A request that is about to become a call. */
typedef struct vmc_start {
    uint8_t flags;        /* VIAMC_M_* */
    uint8_t motion;
    uint8_t head[2u + 5u]; /* tag of two octets, length of at most five */
    const viamc_method *method;
    viamc_str path;
    const viamc_opts *opts;
    viamc_bytes msg;
    viamc_bytes added[2]; /* field 99: its head, and opts.extra */
    uint32_t resource;
} vmc_start;

/* opts.extra becomes field 99, length-delimited. */
VMC_FN void vmc_client_add_extra(vmc_start *s)
{
    vmc_wr w = vmc_wr_of(s->head, sizeof s->head);
    vmc_wire_put_tag(&w, 99, VMC_WIRE_BYTES);
    vmc_wire_put_varint(&w, s->opts->extra.len);
    s->added[0] = viamc_view(s->head, w.len);
}

/* A Stop is always copied: it may be sent twice. */
VMC_FN bool vmc_client_keeps(const vmc_start *s)
{
    return s->opts->keep && s->motion != VMC_MOTION_STOP;
}

/* Octets of tx that the request takes, without its prefix. */
VMC_FN size_t vmc_client_tx_need(const vmc_start *s)
{
    return (vmc_client_keeps(s) ? 0 : s->msg.len) + s->added[0].len + s->added[1].len;
}

VMC_FN viamc_err vmc_client_check_start(viamc_client *c, vmc_start *s)
{
    const viamc_opts *o = s->opts;
    if (c == NULL || s->path.len == 0 || s->path.len > 0xffffu || s->path.ptr[0] != '/' || o->guard != 0 || o->guard_end != 0)
        return VIAMC_ERR_ARG;
    s->flags = s->method != NULL ? s->method->flags : vmc_client_flags(s->path, o);
    s->motion = vmc_client_motion(s->flags, o);
    if (o->extra.len != 0 && (s->method == NULL || (s->flags & VIAMC_M_EXTRA) == 0))
        return VIAMC_ERR_ARG;
    if (o->replace && (s->flags & VIAMC_M_SETPOINT) == 0)
        return VIAMC_ERR_ARG;
    if (o->metadata_count > 200u || !vmc_grpc_metadata_ok(o->metadata, o->metadata_count) || s->msg.len > VMC_CALL_MAX_MESSAGE || o->extra.len > VMC_CALL_MAX_MESSAGE)
        return VIAMC_ERR_ARG;
    if (!vmc_is_view(s->msg) || !vmc_is_view(o->extra))
        return VIAMC_ERR_ARG;
    s->added[0] = viamc_view(NULL, 0);
    s->added[1] = o->extra;
    if (o->extra.len != 0)
        vmc_client_add_extra(s);
    if (s->motion == VMC_MOTION_STOP && ((s->flags & VMC_CLIENT_STREAMS) != 0 || vmc_client_tx_need(s) + VMC_CALL_PREFIX > VMC_STOP_BYTES))
        return VIAMC_ERR_ARG;
    if (c->calls.in_sink || c->in_poll)
        return VIAMC_ERR_STATE;
    s->resource = 0;
    if (s->motion != VMC_MOTION_NONE)
        s->resource = (s->flags & VIAMC_M_STOP_ALL) != 0 ? VMC_MOTION_ANY : (s->flags & VIAMC_M_CLIENT_STREAM) != 0 ? 0 : vmc_motion_resource(s->path, s->msg);
    return VIAMC_OK;
}

/* Stop's own record: free, or taken over by a StopAll, which covers the Stop that is in it: that one's DONE says CANCELLED. Not by one for
 * which there would be no room in tx: it would end the Stop and not be sent. */
VMC_FN vmc_call *vmc_client_stop_record(viamc_client *c, const vmc_start *s)
{
    vmc_user_call *user = &c->calls.users[c->max_calls];
    vmc_call *call = &user->call;
    if (call->state == VMC_CALL_FREE)
        return call;
    if (s->resource != VMC_MOTION_ANY || user->resource == VMC_MOTION_ANY || call->state == VMC_CALL_TOLD || c->motion.covered != 0 || c->conn.grpc.h2.out_slot == vmc_call_index(call))
        return NULL;
    if (VMC_CALL_PREFIX + vmc_client_tx_need(s) > c->calls.tx_cap - c->calls.tx_used + call->tx_len)
        return NULL;
    if ((call->motion & VMC_MOTION_COUNTED) != 0 && c->motion.unconfirmed != 0)
        c->motion.unconfirmed--; /* the StopAll counts for it */
    c->motion.covered = call->handle;
    c->motion.covered_user = user->user;
    c->motion.covered_method = user->method;
    vmc_grpc_cancel(&c->conn.grpc, call, VIAMC_CANCELLED, NULL);
    if (call->state == VMC_CALL_ENDED)
        c->calls.ended--;
    vmc_calls_free(&c->calls, call);
    return call;
}

VMC_FN vmc_call *vmc_client_free_record(viamc_client *c, const vmc_start *s)
{
    vmc_user_call *user = c->calls.users, *end = user + c->max_calls;
    for (; user != end; user++)
        if (user->call.state == VMC_CALL_FREE)
            return &user->call;
    return s->motion == VMC_MOTION_STOP ? vmc_client_stop_record(c, s) : NULL;
}

/* The time limit of a call (design.md 5, 6). */
VMC_FN viamc_ms vmc_client_timeout(const vmc_start *s)
{
    bool moves = s->motion == VMC_MOTION_MOVE || s->motion == VMC_MOTION_SETPOINT;
    if (s->opts->timeout_ms != 0)
        return s->opts->timeout_ms;
    return moves || (s->flags & VMC_CLIENT_STREAMS) != 0 ? VIAMC_FOREVER : VMC_CLIENT_TIMEOUT;
}

/* Who takes a large reply: a sink given is it alone. Stop's own record has no slot: its reply is empty, or a text. */
VMC_FN void vmc_client_lend_taker(viamc_client *c, vmc_user_call *u, const viamc_opts *o)
{
    const bool stop = u == &c->calls.users[c->max_calls];
    u->call.has_sink = o->sink != NULL && !stop;
    if (u->call.has_sink) {
        u->taker.sink.fn = o->sink;
        u->taker.sink.user = o->sink_user;
    } else {
        u->taker.into.ptr = stop ? c->stop_reply : o->into;
        u->taker.into.cap = stop ? VMC_STOP_REPLY : o->into == NULL ? 0 : o->into_cap > VMC_CALL_MAX_MESSAGE ? VMC_CALL_MAX_MESSAGE : (uint32_t)o->into_cap;
    }
}

/* What the user gave to the call. */
VMC_FN void vmc_client_lend(viamc_client *c, vmc_user_call *u, const vmc_start *s)
{
    const viamc_opts *o = s->opts;
    u->method = s->method;
    u->user = o->user;
    u->metadata = o->metadata;
    u->resource = s->resource;
    u->meta = o->metadata_into;
    u->meta_cap = o->metadata_into == NULL ? 0 : (uint16_t)vmc_min(o->metadata_cap, 0xffffu);
    u->meta_len = 0;
    u->asked = c->now;
    vmc_client_lend_taker(c, u, o);
}

VMC_FN void vmc_client_fill(viamc_client *c, vmc_call *call, const vmc_start *s)
{
    vmc_client_lend(c, vmc_call_user(call), s);
    call->path = s->path.ptr;
    call->path_len = (uint16_t)s->path.len;
    call->metadata_count = (uint8_t)s->opts->metadata_count;
    call->wants_metadata = s->opts->metadata_into != NULL;
    call->motion = (uint8_t)(s->motion | VMC_MOTION_FRESH);
    call->flags |= (uint16_t)(VMC_CALL_F_TOKEN | (s->flags & VMC_CLIENT_STREAMS)); /* VMC_CALL_F_*_STREAM are VIAMC_M_*_STREAM */
    if (!vmc_call_is_client_stream(call))
        call->flags |= VMC_CALL_F_FINISH;
    vmc_timer_set(&call->deadline, c->now, vmc_client_timeout(s));
}

/* A pending setpoint of the same kind gets the new value, its time and its limit, and keeps its handle. */
VMC_FN viamc_err vmc_client_replace(viamc_client *c, vmc_call *call, const vmc_start *s, viamc_call *handle)
{
    size_t need = VMC_CALL_PREFIX + s->msg.len + s->added[0].len + s->added[1].len;
    viamc_err err = need <= call->tx_len ? (viamc_err)VIAMC_OK : vmc_calls_tx_fits(&c->calls, need - call->tx_len, VMC_STOP_RESERVE - VMC_CALL_PREFIX);
    if (err != VIAMC_OK)
        return err;
    call->body = NULL; /* of a value that was kept */
    call->body_len = 0;
    vmc_calls_tx_cut(&c->calls, call); /* a value that was encoded in place lies behind what moves now */
    vmc_calls_put_message(&c->calls, call, s->msg, s->added, false);
    vmc_call_user(call)->asked = c->now;
    call->motion |= VMC_MOTION_FRESH;
    vmc_timer_set(&call->deadline, c->now, vmc_client_timeout(s));
    c->dirty = true;
    *handle = call->handle;
    return VIAMC_OK;
}

#if VIAMC_OLD_SESSIONS

/* viam-wire.md 4.2: what carried no session when everything else did. */
VMC_FN bool vmc_client_is_exempt(viamc_str path)
{
    static const char *const begins[] = {"/grpc.reflection.", "/proto.rpc.", "/viam.robot.v1.RobotService/ResourceNames", "/viam.robot.v1.RobotService/ResourceRPCSubtypes",
                                         vmc_session_start_path, vmc_session_beat_path};
    size_t i;
    for (i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t n = vmc_strlen(begins[i]);
        if (path.len >= n && vmc_same(path.ptr, begins[i], n))
            return true;
    }
    return false;
}

#endif

/* It carries the session, and waits for it. */
VMC_FN bool vmc_client_needs_session(const viamc_client *c, const vmc_call *call)
{
#if VIAMC_OLD_SESSIONS
    if (c->desc.old_sessions && !vmc_client_is_exempt(vmc_call_path(call)))
        return true;
#endif
    (void)c;
    return vmc_motion_is_move(call);
}

/* Puts the call on its way: by the motion rules, or at once. */
VMC_FN void vmc_client_launch(viamc_client *c, vmc_call *call)
{
    c->dirty = true;
    if (vmc_motion_kind(call) == VMC_MOTION_STOP)
        vmc_motion_begin_stop(c, call);
    else if (vmc_client_needs_session(c, call))
        vmc_motion_launch(c, call);
}

/* A record and room in tx for the call: STATE or BUSY if there is none now, NOMEM if there never is. */
VMC_FN viamc_err vmc_client_place(viamc_client *c, const vmc_start *s, vmc_call **call)
{
    uint32_t reserve = s->resource == VMC_MOTION_ANY ? 0 : s->motion == VMC_MOTION_STOP ? VMC_CALL_PREFIX : VMC_STOP_RESERVE;
    if (c->dial.state != VIAMC_READY)
        return VIAMC_ERR_STATE;
    if (s->motion == VMC_MOTION_MOVE && vmc_motion_is_stopping(c, s->resource))
        return VIAMC_ERR_BUSY;
    *call = vmc_client_free_record(c, s);
    if (*call == NULL)
        return VIAMC_ERR_BUSY;
    return (s->flags & VIAMC_M_CLIENT_STREAM) != 0 ? (viamc_err)VIAMC_OK : vmc_calls_tx_fits(&c->calls, vmc_client_tx_need(s), reserve);
}

/* A Stop was asked for and cannot be sent now: its session is not resumed, and a connection that is being given up is given up at once. */
VMC_FN void vmc_client_refuse_stop(viamc_client *c)
{
    c->motion.unconfirmed++;
    if (c->dial.step == VMC_DIAL_DRAINING) {
        vmc_timer_set(&c->dial.due, c->now, 0);
        c->dirty = true;
    }
}

VMC_FN viamc_err vmc_client_start(viamc_client *c, vmc_start *s, viamc_call *handle)
{
    viamc_err err = vmc_client_check_start(c, s);
    vmc_call *call;
    *handle = 0;
    if (err != VIAMC_OK)
        return err;
    call = s->motion == VMC_MOTION_SETPOINT ? vmc_motion_setpoint(c, s->path, s->resource, true) : NULL;
    if (call != NULL && vmc_motion_is_same_name(c, call, s->msg))
        return vmc_client_replace(c, call, s, handle);
    err = vmc_client_place(c, s, &call);
    if (err != VIAMC_OK && s->motion == VMC_MOTION_STOP)
        vmc_client_refuse_stop(c);
    if (err != VIAMC_OK)
        return err;
    vmc_calls_claim(&c->calls, call);
    vmc_client_fill(c, call, s);
    if ((s->flags & VIAMC_M_CLIENT_STREAM) == 0)
        vmc_calls_put_message(&c->calls, call, s->msg, s->added, vmc_client_keeps(s));
    *handle = call->handle;
    vmc_client_launch(c, call);
    return VIAMC_OK;
}

static const viamc_opts vmc_client_no_opts = VIAMC_ZERO;

VMC_FN viamc_err vmc_client_call(viamc_client *c, const viamc_method *method, const char *path, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    vmc_start s;
    viamc_call unused;
    s.method = method;
    s.path = viamc_text(path);
    s.opts = opts == NULL ? &vmc_client_no_opts : opts;
    s.msg = msg;
    return vmc_client_start(c, &s, call == NULL ? &unused : call);
}

VIAMC_API viamc_err viamc_call_method(viamc_client *c, const viamc_method *method, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    if (method == NULL)
        return VIAMC_ERR_ARG;
    return vmc_client_call(c, method, method->path, msg, opts, call);
}

VIAMC_API viamc_err viamc_call_bytes(viamc_client *c, const char *path, viamc_bytes msg, const viamc_opts *opts, viamc_call *call)
{
    return vmc_client_call(c, NULL, path, msg, opts, call);
}

VIAMC_API uint8_t *viamc_call_room(viamc_client *c, size_t *cap)
{
    if (cap == NULL)
        return NULL;
    *cap = 0;
    if (c == NULL)
        return NULL;
    *cap = vmc_calls_tx_room(&c->calls, VMC_STOP_RESERVE);
    return vmc_calls_tx_next(&c->calls);
}

/* ---- calls that run ---- */

/* The call of a handle, for a function that may not come from inside a poll: ARG, NOT_FOUND, STATE. */
VMC_APART viamc_err vmc_client_handle(viamc_client *c, viamc_call handle, vmc_call **call)
{
    if (c == NULL)
        return VIAMC_ERR_ARG;
    *call = vmc_calls_find(&c->calls, handle);
    if (*call == NULL)
        return VIAMC_ERR_NOT_FOUND;
    return c->in_poll ? VIAMC_ERR_STATE : VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_send_bytes(viamc_client *c, viamc_call handle, viamc_bytes msg)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    uint32_t resource;
    if (err != VIAMC_OK)
        return err;
    if (!vmc_is_view(msg))
        return VIAMC_ERR_ARG;
    if ((call->flags & VMC_CALL_F_FINISH) != 0)
        return VIAMC_ERR_STATE;
    if (!vmc_call_is_running(call))
        return VIAMC_ERR_NOT_FOUND;
    if (!vmc_calls_can_append(&c->calls, call))
        return VIAMC_ERR_BUSY;
    err = vmc_calls_tx_fits(&c->calls, msg.len, c->calls.tx_cap / 2u); /* half of tx stays for other calls */
    if (err != VIAMC_OK)
        return err; /* unread: viamc_call_send_message has no octets for what does not fit */
    resource = vmc_motion_is_move(call) ? vmc_motion_resource_of(call, msg) : 0;
    if (resource != 0 && vmc_motion_is_stopping(c, resource))
        return VIAMC_ERR_BUSY;
    vmc_call_user(call)->resource = resource;
    vmc_calls_put_message(&c->calls, call, msg, vmc_calls_nothing, false);
    c->dirty = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_send_end(viamc_client *c, viamc_call handle)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    if (err != VIAMC_OK)
        return err;
    if (!vmc_call_is_running(call))
        return VIAMC_ERR_NOT_FOUND;
    if ((call->flags & VMC_CALL_F_FINISH) != 0) /* as every call has that is no client stream */
        return VIAMC_ERR_STATE;
    call->flags |= VMC_CALL_F_FINISH;
    c->calls.stirred = true;
    c->dirty = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_call_cancel(viamc_client *c, viamc_call handle)
{
    vmc_call *call;
    viamc_err err = vmc_client_handle(c, handle, &call);
    if (err != VIAMC_OK)
        return err;
    vmc_grpc_cancel(&c->conn.grpc, call, VIAMC_CANCELLED, VMC_TEXT("cancelled by the caller"));
    vmc_motion_give_up(call, VIAMC_CANCELLED);
    c->dirty = true;
    return VIAMC_OK;
}

/* ---- ends of calls ---- */

VMC_FN void vmc_client_on_internal_end(viamc_client *c, vmc_call *call)
{
    vmc_aux aux = (vmc_aux)c->aux;
    if (call != vmc_client_rec(c, VMC_REC_AUX)) {
        vmc_session_on_beat_end(c, call, call == vmc_client_rec(c, VMC_REC_BEAT2));
        return;
    }
    c->aux = VMC_AUX_NOTHING;
    switch (aux) {
    case VMC_AUX_AUTH: vmc_dial_on_auth_end(c); break;
    case VMC_AUX_SESSION: vmc_session_on_start_end(c); break;
    case VMC_AUX_CHECK: vmc_dial_on_check_end(c); break;
    case VMC_AUX_NOTHING: break;
    }
}

/* Looks at the calls that have ended. One whose header block is half sent waits: the rest of it is read from the record. */
VMC_FN void vmc_client_ends(viamc_client *c)
{
    vmc_call *call;
    if (c->calls.ended == 0)
        return;
    VMC_CALLS_EACH(&c->calls, call) {
        if (call->state != VMC_CALL_ENDED || (c->conn.state == VMC_CONN_UP && c->conn.grpc.h2.out_slot == vmc_call_index(call)))
            continue;
        vmc_dial_check_token(c, call);
        if ((call->flags & VMC_CALL_F_INTERNAL) != 0)
            vmc_client_on_internal_end(c, call);
        else if (!vmc_motion_on_end(c, call))
            continue;
        vmc_calls_tell(&c->calls, call);
    }
}

/* ---- the poll ---- */

VMC_FN void vmc_client_end_calls(viamc_client *c, uint32_t status, const char *text)
{
    vmc_grpc_abort(&c->conn.grpc, status, text);
    vmc_session_on_lost(c);
    vmc_motion_on_lost(c);
}

/* What a closed connection left from the token to the end of the block (vmc_client_carve), once nobody looks at them any more: its events were taken, and their views end with this poll. */
VMC_FN void vmc_client_forget(viamc_client *c)
{
    uint8_t *from = c->token;
    if (!c->heard || c->conn.state != VMC_CONN_CLOSED || c->calls.first != VMC_CALL_NONE)
        return;
    if (c->conn.error.code == VIAMC_ERR_AUTH || c->conn.error.code == VIAMC_ERR_RPC)
        from = c->calls.tx; /* in place of a token: what the robot said, for viamc_explain */
    vmc_wipe(from, (size_t)((uint8_t *)c + c->size - from));
    c->heard = false;
}

/* Every call ends, then the connection: nothing of a call that has not left is sent by the close. */
VMC_FN void vmc_client_end_all(viamc_client *c, uint32_t status, const char *text)
{
    vmc_client_end_calls(c, status, text);
    vmc_conn_close(&c->conn, c->now);
    vmc_client_ends(c);
    c->heard = true;
    vmc_client_forget(c); /* now, if no event waits: later the room is the caller's */
}

/* The connection is gone: the dialling decides what is next. */
VMC_FN void vmc_client_on_lost(viamc_client *c)
{
    bool was_ready = c->dial.state == VIAMC_READY || c->dial.step == VMC_DIAL_DRAINING;
#ifndef VIAMC_NO_TLS
    if (c->conn.secure)
        c->dial.dates = c->conn.tls->dates;
#endif
    vmc_client_end_all(c, VIAMC_UNAVAILABLE, VMC_TEXT("the connection was lost"));
    vmc_motion_expire(c);
#ifndef VIAMC_NO_TLS
    if (c->conn.error.code == VIAMC_ERR_TLS_PLAINTEXT && vmc_dial_downgrade(c))
        return;
#endif
    vmc_dial_after_loss(c);
    if (c->dial.state == VIAMC_FAILED && c->session.resumed != 0)
        vmc_session_lost(c, VMC_TEXT("the connection is not tried again: the session expires, which stops what it moved"));
    if (was_ready) {
        c->events |= VMC_EV_LOST;
        vmc_log(&c->log, VIAMC_LOG_WARN, c->conn.error.where, c->conn.error.what, (uint32_t)c->conn.error.code, c->conn.error.detail);
    }
}

VMC_FN void vmc_client_on_goaway(viamc_client *c)
{
    viamc_ms window = c->session.state == VMC_SESSION_ON ? c->session.window / 5u : VMC_DIAL_DRAIN;
    if (c->dial.state == VIAMC_READY)
        vmc_dial_drain(c, vmc_min32(window, VMC_DIAL_DRAIN));
    else if (c->dial.step != VMC_DIAL_DRAINING)
        (void)vmc_conn_break(&c->conn, VIAMC_ERR_CLOSED, 0, "", "");
}

/* Everything that the connection has for us now. */
VMC_FN void vmc_client_receive(viamc_client *c)
{
    vmc_conn_event ev = c->conn.state == VMC_CONN_OPENING ? vmc_dial_open(c) : vmc_conn_next(&c->conn);
    while (ev != VMC_CONN_IDLE && ev != VMC_CONN_LOST) {
        if (ev == VMC_CONN_IS_UP)
            vmc_dial_on_up(c);
        else if (ev == VMC_CONN_GOAWAY)
            vmc_client_on_goaway(c);
        ev = vmc_conn_next(&c->conn);
    }
}

/* A lost connection's events are taken before the next attempt, whose certificate check uses the slots. */
VMC_FN bool vmc_client_may_redial(const viamc_client *c)
{
    return c->conn.state == VMC_CONN_CLOSED && vmc_timer_due(&c->dial.due, c->now) && (c->events & VMC_EV_LOST) == 0 && c->calls.first == VMC_CALL_NONE;
}

/* Writes. What waited for the end of a header block that was half sent goes on with the next poll: the end of a call, StartSession,
 * Authenticate. */
VMC_FN void vmc_client_write(viamc_client *c)
{
    const uint8_t half = c->conn.grpc.h2.out_slot;
    vmc_conn_flush(&c->conn, c->now);
    c->dirty = c->dirty || (half != VMC_H2_NO_SLOT && c->conn.grpc.h2.out_slot != half);
}

/* A poll's work on the connection: read, think, write. */
VMC_FN void vmc_client_turn(viamc_client *c)
{
    vmc_conn_begin(&c->conn);
    vmc_client_receive(c);
    vmc_grpc_expire(&c->conn.grpc, c->now);
    vmc_client_ends(c);
    vmc_dial_step_time(c);
    if (c->dial.state == VIAMC_READY)
        vmc_session_step(c);
    vmc_motion_step(c);
    vmc_client_ends(c);
    c->conn.grpc.token_comes = c->aux == VMC_AUX_AUTH && vmc_client_rec(c, VMC_REC_AUX)->stored != 0;
    vmc_client_write(c);
    if (vmc_conn_is_lost(&c->conn))
        vmc_client_on_lost(c);
    if (c->conn.steps > c->steps_max)
        c->steps_max = (uint16_t)c->conn.steps;
}

/* What was asked for since the last poll is as old as this one, not as the last. */
VMC_FN void vmc_client_freshen(viamc_client *c, viamc_ms now)
{
    vmc_call *call;
    VMC_CALLS_EACH(&c->calls, call) {
        if ((call->motion & VMC_MOTION_FRESH) == 0)
            continue;
        call->motion &= (uint8_t)~VMC_MOTION_FRESH;
        vmc_call_user(call)->asked = now;
        if (vmc_timer_is_on(&call->deadline))
            vmc_timer_at(&call->deadline, call->deadline.at + (now - c->now));
    }
}

VIAMC_API viamc_err viamc_poll(viamc_client *c, viamc_ms now)
{
    if (c == NULL)
        return VIAMC_ERR_ARG;
    if (c->in_poll || c->calls.in_sink)
        return VIAMC_ERR_STATE;
    if (c->dirty)
        vmc_client_freshen(c, now);
    vmc_session_note_poll(c, now);
    c->now = now;
    c->polls++;
    if (c->dial.fresh) { /* the first poll after viamc_dial brings the time, also to the moves that it ended */
        c->dial.fresh = false;
#ifndef VIAMC_NO_TLS
        c->desc.clock_at = now;
#endif
        vmc_timer_set(&c->dial.due, now, 0);
        vmc_motion_expire(c);
    }
#ifndef VIAMC_NO_TLS
    (void)vmc_dial_unix_time(c);
#endif
    c->in_poll = true;
    c->dirty = false;
    vmc_client_forget(c);
    if (c->dial.state != VIAMC_FAILED && vmc_client_may_redial(c))
        vmc_dial_start(c);
    vmc_client_turn(c);
    c->in_poll = false;
#if VIAMC_CHECK
    vmc_client_check_poll(c);
#endif
    return c->dial.state == VIAMC_FAILED ? c->conn.error.code : (viamc_err)VIAMC_OK;
}

VMC_FN bool vmc_client_has_events(const viamc_client *c)
{
    return c->events != 0 || c->motion.covered != 0 || c->calls.first != VMC_CALL_NONE;
}

VIAMC_API void viamc_wait(const viamc_client *c, viamc_ms now, viamc_wait_hint *hint)
{
    if (hint == NULL)
        return;
    hint->ms = VIAMC_FOREVER;
    hint->want = 0;
    if (c == NULL)
        return;
    vmc_grpc_wait(&c->conn.grpc, now, &hint->ms);
    vmc_dial_wait(c, now, &hint->ms);
    vmc_session_wait(c, now, &hint->ms);
    vmc_motion_wait(c, now, &hint->ms);
    vmc_conn_wait(&c->conn, hint);
    if (c->dirty || c->dial.fresh || vmc_client_has_events(c))
        hint->ms = 0;
}

/* ---- events ---- */

VMC_FN void vmc_client_event_call(const vmc_call *call, uint8_t kind, viamc_event *ev)
{
    const vmc_user_call *u = vmc_call_user_const(call);
    ev->kind = kind;
    ev->call = call->handle;
    ev->user = u->user;
    ev->method = u->method;
    ev->path = call->path;
    ev->metadata = viamc_view(u->meta, u->meta_len);
}

VMC_FN void vmc_client_event_done(viamc_client *c, vmc_call *call, viamc_event *ev)
{
    vmc_client_event_call(call, VIAMC_EV_DONE, ev);
    ev->status = call->status;
    ev->ran = call->ran;
    ev->unconfirmed = (call->motion & VMC_MOTION_UNCONFIRMED) != 0 && vmc_motion_kind(call) == VMC_MOTION_STOP;
    if (call->text_len != 0 || call->body != NULL) {
        viamc_bytes text = vmc_calls_text(&c->calls, call);
        ev->text.ptr = (const char *)text.ptr;
        ev->text.len = text.len;
    }
    ev->text_cut = (call->flags & VMC_CALL_F_TEXT_CUT) != 0;
    if (call->status == VIAMC_OK && !vmc_call_is_server_stream(call)) {
        (void)vmc_calls_take(&c->calls, call, &ev->msg);
    } else if (call->status != VIAMC_OK) {
        ev->error.code = VIAMC_ERR_RPC;
        ev->error.detail = call->status;
    }
    vmc_calls_free(&c->calls, call);
}

/* The next event of the call that is first in the list; false when it has none left. */
VMC_FN bool vmc_client_next_of(viamc_client *c, vmc_call *call, viamc_event *ev)
{
    if (vmc_call_is_server_stream(call) && call->state != VMC_CALL_FREE && vmc_calls_take(&c->calls, call, &ev->msg)) {
        vmc_client_event_call(call, VIAMC_EV_MESSAGE, ev);
        return true;
    }
    if ((call->flags & VMC_CALL_F_WRITABLE) != 0 && call->state == VMC_CALL_OPEN) {
        call->flags &= (uint16_t)~VMC_CALL_F_WRITABLE;
        vmc_client_event_call(call, VIAMC_EV_WRITABLE, ev);
        return true;
    }
    if (call->state != VMC_CALL_TOLD)
        return false;
    vmc_client_event_done(c, call, ev);
    return true;
}

VMC_FN bool vmc_client_next_call_event(viamc_client *c, viamc_event *ev)
{
    while (c->calls.first != VMC_CALL_NONE) {
        vmc_call *call = &c->calls.users[c->calls.first].call;
        bool found = vmc_client_next_of(c, call, ev);
        if (!found || ev->kind == VIAMC_EV_DONE)
            vmc_calls_unlist_first(&c->calls);
        if (found)
            return true;
    }
    return false;
}

/* DONE of a Stop whose record a StopAll took over. */
VMC_FN bool vmc_client_take_covered(viamc_client *c, viamc_event *ev)
{
    if (c->motion.covered == 0)
        return false;
    ev->kind = VIAMC_EV_DONE;
    ev->call = c->motion.covered;
    ev->user = c->motion.covered_user;
    ev->method = c->motion.covered_method;
    ev->status = VIAMC_CANCELLED;
    ev->ran = VIAMC_MAYBE;
    ev->text = viamc_text(VMC_TEXT("a StopAll took its place"));
    ev->error.code = VIAMC_ERR_RPC;
    ev->error.detail = VIAMC_CANCELLED;
    c->motion.covered = 0;
    return true;
}

/* Order: READY, what concerns the session, calls, LOST: that of the kinds, but for the calls. */
VMC_APART bool vmc_client_next_event(viamc_client *c, viamc_event *ev)
{
    uint8_t kind = c->events == 0 ? VIAMC_EV_LOST : VIAMC_EV_READY;
    VIAMC_MEMSET(ev, 0, sizeof *ev);
    vmc_error_clear(&ev->error);
    while (kind != VIAMC_EV_LOST && (c->events & VMC_EV_BIT(kind)) == 0)
        kind++;
    if (kind == VIAMC_EV_LOST && (vmc_client_take_covered(c, ev) || vmc_client_next_call_event(c, ev)))
        return true;
    if ((c->events & VMC_EV_BIT(kind)) == 0)
        return false;
    c->events &= (uint8_t)~VMC_EV_BIT(kind);
    ev->kind = kind;
    if (kind == VIAMC_EV_STARVED) {
        ev->late_ms = c->late_ms;
    } else if (kind == VIAMC_EV_SESSION_LOST) {
        vmc_session_error(c, &ev->error);
    } else if (kind == VIAMC_EV_LOST) {
        ev->error = c->conn.error;
        ev->retry_ms = vmc_timer_left(&c->dial.due, c->now);
    }
    return true;
}

VIAMC_API bool viamc_next_event(viamc_client *c, viamc_event *ev)
{
    if (ev == NULL)
        return false;
    ev->kind = 0;
    return c != NULL && !c->in_poll && vmc_client_has_events(c) && vmc_client_next_event(c, ev);
}

/* ---- dial, state, close ---- */

/* Ends what there is: of the old connection only the ends of its calls can still be taken. */
VMC_FN void vmc_client_reset(viamc_client *c)
{
    vmc_client_end_all(c, VIAMC_CANCELLED, VMC_TEXT("viamc_dial ended the connection"));
    c->events = 0;
    vmc_wipe(&c->session, sizeof c->session);
    vmc_wipe(&c->desc, sizeof c->desc);
    c->motion.unconfirmed = 0;
}

VIAMC_API viamc_err viamc_dial(viamc_client *c, const viamc_dial_desc *desc)
{
    const char *what;
    if (c == NULL || desc == NULL)
        return VIAMC_ERR_ARG;
    if (c->in_poll || c->calls.in_sink)
        return VIAMC_ERR_STATE;
    what = vmc_dial_check_desc(c, desc);
    if (what != NULL && vmc_dial_lives(c)) {
        vmc_log(&c->log, VIAMC_LOG_ERROR, "dial", what, VIAMC_ERR_ARG, 0);
        return VIAMC_ERR_ARG;
    }
    vmc_client_reset(c);
    vmc_error_clear(&c->conn.error);
    VIAMC_MEMSET(&c->dial, 0, sizeof c->dial);
    c->dial.state = VIAMC_FAILED;
    if (what != NULL)
        return vmc_fail(&c->conn.error, VIAMC_ERR_ARG, 0, "dial", what);
    vmc_dial_set(c, desc);
    c->dial.state = VIAMC_DIALING;
    c->dial.fresh = true;
    return VIAMC_OK;
}

VIAMC_API uint8_t viamc_state(const viamc_client *c)
{
    return c == NULL ? (uint8_t)VIAMC_IDLE : c->dial.state;
}

VIAMC_API viamc_error viamc_client_error(const viamc_client *c)
{
    viamc_error none;
    if (c != NULL)
        return c->conn.error;
    vmc_error_clear(&none);
    (void)vmc_fail(&none, VIAMC_ERR_ARG, 0, "client", VMC_TEXT("there is none"));
    return none;
}

VIAMC_API void viamc_client_stats(const viamc_client *c, viamc_ms now, viamc_stats *stats)
{
    if (stats == NULL)
        return;
    VIAMC_MEMSET(stats, 0, sizeof *stats);
    if (c == NULL)
        return;
    stats->polls = c->polls;
    stats->steps_max = c->steps_max;
    stats->connects = c->connects;
    stats->heartbeats = c->session.beats;
    stats->heartbeat_age_ms = c->session.acked ? now - c->session.acked_at : VIAMC_FOREVER;
    stats->window_ms = c->session.state == VMC_SESSION_ON ? c->session.window : 0;
}

VIAMC_API const char *viamc_client_suite(const viamc_client *c)
{
    if (c == NULL || c->conn.state != VMC_CONN_UP)
        return "";
#ifndef VIAMC_NO_TLS
    if (c->conn.secure)
        return vmc_tls_suite_name(c->conn.tls);
#endif
    return VMC_TEXT("plaintext");
}

VIAMC_API void viamc_client_close(viamc_client *c)
{
    if (c == NULL || c->in_poll)
        return;
    vmc_client_reset(c);
    vmc_wipe(c, c->size);
}

#endif
/* ---- end of src/client/client_impl.h ---- */
/* ---- src/client/explain_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/explain: errors as a person reads them (programs.md 9). Made on demand; nothing is formatted before. */
#ifndef VIAMC_CLIENT_EXPLAIN_IMPL_H
#define VIAMC_CLIENT_EXPLAIN_IMPL_H


VMC_FN void vmc_explain_cut(vmc_wr *w, const char *s)
{
    vmc_wr_cut(w, s, vmc_strlen(s));
}

VMC_FN void vmc_explain_number(vmc_wr *w, uint32_t n)
{
    if (vmc_wr_room(w) >= 13u)
        vmc_wr_grouped(w, n);
}

/* "10.0.0.7:8080" */
VMC_FN void vmc_explain_address(const viamc_client *c, vmc_wr *w)
{
    vmc_address a;
    vmc_dial_address(c, &a);
    if (a.is_unix) {
        vmc_wr_cut(w, a.host.ptr, a.host.len);
        return;
    }
    vmc_wr_cut(w, a.authority[0].ptr, a.authority[0].len);
    vmc_wr_cut(w, a.authority[1].ptr, a.authority[1].len);
}

VMC_FN void vmc_explain_in_brackets(const viamc_client *c, vmc_wr *w)
{
    vmc_explain_cut(w, " (");
    vmc_explain_address(c, w);
    vmc_explain_cut(w, ")");
}

/* dial: 10.0.0.7:8080 is insecure; set allow_insecure_downgrade to accept that */
VMC_FN void vmc_explain_insecure(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    vmc_explain_cut(w, "dial: ");
    vmc_explain_address(c, w);
    if (e->detail == 2u)
        vmc_explain_cut(w, VMC_TEXT(" spoke TLS before and is insecure now; only a new dial can accept that"));
    else if (e->detail != 0)
        vmc_explain_cut(w, VMC_TEXT(" is insecure; set allow_insecure_with_creds_downgrade to accept that"));
    else
        vmc_explain_cut(w, VMC_TEXT(" is insecure; set allow_insecure_downgrade to accept that"));
}

/* auth: UNAUTHENTICATED: invalid credentials (key id 5f0c...) */
VMC_FN void vmc_explain_auth(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    viamc_bytes said = vmc_calls_text(&c->calls, vmc_client_rec(c, VMC_REC_AUX));
    vmc_explain_cut(w, "auth: ");
    vmc_explain_cut(w, viamc_status_name(e->detail));
    vmc_explain_cut(w, ": ");
    if (said.len != 0)
        vmc_wr_cut(w, said.ptr, said.len);
    else
        vmc_explain_cut(w, e->what);
    if (c->desc.api_key_id != NULL) {
        vmc_explain_cut(w, VMC_TEXT(" (key id "));
        vmc_explain_cut(w, c->desc.api_key_id);
        vmc_explain_cut(w, ")");
    }
}

/* session lost: 2,300 ms between polls, window 2,000 ms */
VMC_FN void vmc_explain_session(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    vmc_explain_cut(w, VMC_TEXT("session lost: "));
    if (e->detail <= c->session.window / 2u) {
        vmc_explain_cut(w, e->what);
        return;
    }
    vmc_explain_number(w, e->detail);
    vmc_explain_cut(w, VMC_TEXT(" ms between polls, window "));
    vmc_explain_number(w, c->session.window);
    vmc_explain_cut(w, " ms");
}

/* A name of viam's cloud that was dialled as an address, without a port: nobody is there, unless a port knows to look nearby. */
VMC_FN bool vmc_explain_is_elsewhere(const viamc_client *c, const viamc_error *e)
{
    static const char cloud[] = ".viam.cloud";
    vmc_address a;
    bool nobody = e->code == VIAMC_ERR_DNS || e->code == VIAMC_ERR_REFUSED || e->code == VIAMC_ERR_TIMEOUT;
    if (!nobody || vmc_address_parse(c->desc.address, 0, &a) != NULL || a.port != 0 || a.host.len < sizeof cloud)
        return false;
    return vmc_same(a.host.ptr + a.host.len - (sizeof cloud - 1u), cloud, sizeof cloud - 1u);
}

/* where: what (address) */
VMC_FN void vmc_explain_plain(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    if (e->where[0] != '\0') {
        vmc_explain_cut(w, e->where);
        vmc_explain_cut(w, ": ");
    }
#ifndef VIAMC_NO_TLS
    if (e->code >= VIAMC_ERR_TLS && e->code < VIAMC_ERR_H2 && c->conn.tls != NULL)
        vmc_tls_explain_error(e, &c->dial.dates, w);
    else
#endif
        vmc_explain_cut(w, e->what[0] != '\0' ? e->what : viamc_err_name(e->code));
    if (e->code == VIAMC_ERR_TIMEOUT && e->detail != 0) {
        vmc_explain_cut(w, " of ");
        vmc_explain_number(w, e->detail);
        vmc_explain_cut(w, " ms");
    }
    if (e->code != VIAMC_ERR_ARG)
        vmc_explain_in_brackets(c, w);
    if (vmc_explain_is_elsewhere(c, e))
        vmc_explain_cut(w, VMC_TEXT(": not found on the local network, or this port does not look there; write the robot's own address, as 10.0.0.7:8080"));
}

VMC_FN void vmc_explain_error(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    if (e->code == VIAMC_OK)
        vmc_explain_cut(w, VMC_TEXT("no error"));
    else if (e->code == VIAMC_ERR_INSECURE)
        vmc_explain_insecure(c, e, w);
    else if (e->code == VIAMC_ERR_AUTH || e->code == VIAMC_ERR_RPC) /* of Authenticate */
        vmc_explain_auth(c, e, w);
    else if (e->code == VIAMC_ERR_SESSION)
        vmc_explain_session(c, e, w);
    else
        vmc_explain_plain(c, e, w);
}

VIAMC_API size_t viamc_explain(const viamc_client *c, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL || cap == 0 ? 0 : cap - 1u);
    viamc_error e = viamc_client_error(c);
    if (e.code == VIAMC_OK)
        vmc_session_error(c, &e);
    vmc_explain_error(c, &e, &w);
    if (buf != NULL && cap != 0)
        buf[w.len] = '\0';
    return w.len;
}

#endif
/* ---- end of src/client/explain_impl.h ---- */
/* ---- src/client/robot_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* client/robot: viam.robot.v1.RobotService by hand (viam-wire.md 5.3, 8.4). */
#ifndef VIAMC_CLIENT_ROBOT_IMPL_H
#define VIAMC_CLIENT_ROBOT_IMPL_H


#define VMC_ROBOT(name) "/viam.robot.v1.RobotService/" name
#define VMC_ROBOT_ID_MAX 64u /* octets of an operation's id: a UUID has 36 */

static const viamc_method vmc_robot_names = {VMC_ROBOT("ResourceNames"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_version = {VMC_ROBOT("GetVersion"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_status = {VMC_ROBOT("GetMachineStatus"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_operations = {VMC_ROBOT("GetOperations"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_cancel = {VMC_ROBOT("CancelOperation"), NULL, NULL, 0, NULL};
static const viamc_method vmc_robot_stop_all = {VMC_ROBOT("StopAll"), NULL, NULL, VIAMC_M_STOP_ALL, NULL};
#undef VMC_ROBOT

/* ---- calls ---- */

VIAMC_API viamc_err viamc_robot_resource_names(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_names, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_version(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_version, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_machine_status(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_status, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_get_operations(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_operations, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_stop_all(viamc_client *c, const viamc_opts *opts, viamc_call *call)
{
    return viamc_call_method(c, &vmc_robot_stop_all, viamc_view(NULL, 0), opts, call);
}

VIAMC_API viamc_err viamc_robot_cancel_operation(viamc_client *c, viamc_str id, const viamc_opts *opts, viamc_call *call)
{
    uint8_t buf[VMC_ROBOT_ID_MAX + 2u];
    vmc_wr w = vmc_wr_of(buf, sizeof buf);
    if (id.ptr == NULL || id.len == 0)
        return VIAMC_ERR_ARG;
    vmc_wire_put_text(&w, 1, id);
    if (w.full)
        return VIAMC_ERR_ARG;
    return viamc_call_method(c, &vmc_robot_cancel, viamc_view(buf, w.len), opts, call);
}

/* ---- replies ---- */

VMC_FN bool vmc_robot_is(const viamc_event *ev, const viamc_method *method)
{
    return ev != NULL && ev->kind == VIAMC_EV_DONE && ev->method == method && ev->status == VIAMC_OK;
}

/* The next submessage `number` of a reply, from octet *at on. */
VMC_FN bool vmc_robot_next(viamc_bytes msg, uint32_t number, size_t *at, viamc_bytes *sub)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    (void)vmc_rd_take(&r, *at);
    while (vmc_wire_next(&r, &f)) {
        *at = msg.len - r.left;
        if (f.number == number && f.type == VMC_WIRE_BYTES) {
            *sub = f.bytes;
            return true;
        }
    }
    return false;
}

/* common.v1.ResourceName {1: namespace, 2: type, 3: subtype, 4: name} */
VMC_FN bool vmc_robot_read_name(viamc_bytes msg, viamc_robot_resource *name)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    VIAMC_MEMSET(name, 0, sizeof *name);
    while (vmc_wire_next(&r, &f)) {
        if (f.type != VMC_WIRE_BYTES)
            continue;
        switch (f.number) {
        case 1: name->space = vmc_wire_text(&f); break;
        case 2: name->type = vmc_wire_text(&f); break;
        case 3: name->subtype = vmc_wire_text(&f); break;
        case 4: name->name = vmc_wire_text(&f); break;
        default: break;
        }
    }
    return vmc_rd_ok(&r);
}

/* The last varint field `number`; 0 if there is none. */
VMC_FN bool vmc_robot_read_uint(viamc_bytes msg, uint32_t number, uint32_t *value)
{
    vmc_rd r = vmc_rd_of(msg);
    vmc_wire_field f;
    *value = 0;
    while (vmc_wire_next(&r, &f))
        if (f.number == number && f.type == VMC_WIRE_VARINT)
            *value = (uint32_t)f.value;
    return vmc_rd_ok(&r);
}

VMC_FN viamc_err vmc_robot_read_text(viamc_bytes msg, uint32_t number, viamc_str *text)
{
    viamc_bytes v;
    viamc_err err = vmc_wire_find(msg, number, &v);
    text->ptr = (const char *)v.ptr;
    text->len = v.len;
    return err == VIAMC_ERR_NOT_FOUND ? (viamc_err)VIAMC_OK : err;
}

VIAMC_API bool viamc_robot_next_resource(const viamc_event *ev, size_t *at, viamc_robot_resource *name)
{
    viamc_bytes sub;
    return vmc_robot_is(ev, &vmc_robot_names) && at != NULL && name != NULL && vmc_robot_next(ev->msg, 1, at, &sub) && vmc_robot_read_name(sub, name);
}

VIAMC_API viamc_err viamc_robot_find_resource(const viamc_event *ev, const char *type, const char *subtype, const char *name, viamc_robot_resource *found)
{
    size_t at = 0;
    if (!vmc_robot_is(ev, &vmc_robot_names) || name == NULL || found == NULL)
        return VIAMC_ERR_ARG;
    while (viamc_robot_next_resource(ev, &at, found))
        if ((type == NULL || viamc_str_eq(found->type, viamc_text(type))) && (subtype == NULL || viamc_str_eq(found->subtype, viamc_text(subtype)))
            && viamc_str_eq(found->name, viamc_text(name)))
            return VIAMC_OK;
    return VIAMC_ERR_NOT_FOUND;
}

VIAMC_API viamc_err viamc_robot_version(const viamc_event *ev, viamc_str *platform, viamc_str *version, viamc_str *api_version)
{
    viamc_err err;
    if (!vmc_robot_is(ev, &vmc_robot_version) || platform == NULL || version == NULL || api_version == NULL)
        return VIAMC_ERR_ARG;
    if ((err = vmc_robot_read_text(ev->msg, 1, platform)) != VIAMC_OK || (err = vmc_robot_read_text(ev->msg, 2, version)) != VIAMC_OK)
        return err;
    return vmc_robot_read_text(ev->msg, 3, api_version);
}

VIAMC_API viamc_err viamc_robot_machine_state(const viamc_event *ev, uint32_t *state)
{
    if (!vmc_robot_is(ev, &vmc_robot_status) || state == NULL)
        return VIAMC_ERR_ARG;
    return vmc_robot_read_uint(ev->msg, 3, state) ? VIAMC_OK : VIAMC_ERR_MESSAGE;
}

VIAMC_API bool viamc_robot_next_status(const viamc_event *ev, size_t *at, viamc_robot_resource *name, uint32_t *state)
{
    viamc_bytes sub, n;
    if (!vmc_robot_is(ev, &vmc_robot_status) || at == NULL || name == NULL || state == NULL)
        return false;
    if (!vmc_robot_next(ev->msg, 1, at, &sub) || vmc_wire_find(sub, 1, &n) != VIAMC_OK)
        return false;
    return vmc_robot_read_name(n, name) && vmc_robot_read_uint(sub, 2, state);
}

VIAMC_API bool viamc_robot_next_operation(const viamc_event *ev, size_t *at, viamc_str *id, viamc_str *method)
{
    viamc_bytes sub;
    return vmc_robot_is(ev, &vmc_robot_operations) && at != NULL && id != NULL && method != NULL && vmc_robot_next(ev->msg, 1, at, &sub) && vmc_robot_read_text(sub, 1, id) == VIAMC_OK
           && vmc_robot_read_text(sub, 2, method) == VIAMC_OK;
}

#endif
/* ---- end of src/client/robot_impl.h ---- */
/* ---- src/server/state.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/state: what a server consists of. Each part of this room owns one of the structs; viamc_server is their sum. */
#ifndef VIAMC_SERVER_STATE_H
#define VIAMC_SERVER_STATE_H


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
/* ---- end of src/server/state.h ---- */
/* ---- src/server/registry_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/registry: which services are offered under which names. Knows nothing of calls. */
#ifndef VIAMC_SERVER_REGISTRY_IMPL_H
#define VIAMC_SERVER_REGISTRY_IMPL_H


#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_registry_is_named(const viamc_service *service)
{
    return service->subtype != NULL && service->subtype[0] != '\0';
}

/* Two objects may describe the same service. */
VMC_FN bool vmc_registry_same(const viamc_service *a, const viamc_service *b)
{
    return a == b || viamc_str_eq(viamc_text(a->name), viamc_text(b->name));
}

/* The resource of a service with this name; of a service without names its only one. NULL: none. */
VMC_FN viamc_resource *vmc_registry_find(const viamc_server *s, const viamc_service *service, viamc_str name)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        if (vmc_registry_same(r->service, service) && (!vmc_registry_is_named(service) || viamc_str_eq(r->name, name)))
            return r;
    }
    return NULL;
}

/* Takes the service's name and both slashes off a path; false if it is another's. */
VMC_FN bool vmc_registry_in_service(const viamc_service *service, viamc_str path)
{
    size_t n = vmc_strlen(service->name);
    return path.len >= n + 2u && path.ptr[0] == '/' && path.ptr[n + 1u] == '/' && vmc_same(path.ptr + 1, service->name, n);
}

/* Who serves a path of this service; NULL: nobody. */
VMC_FN const viamc_serve *vmc_registry_method(const viamc_service *service, viamc_str path)
{
    uint8_t i;
    if (!vmc_registry_in_service(service, path))
        return NULL;
    for (i = 0; i < service->count; i++)
        if (viamc_str_eq(viamc_text(service->methods[i].method->path), path))
            return service->methods[i].serve == NULL ? NULL : &service->methods[i];
    return NULL;
}

/* "no motor with name "lef" found", cut to cap, terminated. */
VMC_FN void vmc_registry_missing(const viamc_service *service, viamc_str name, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, cap - 1u);
    vmc_wr_text(&w, VMC_TEXT("no "));
    vmc_wr_text(&w, service->subtype);
    vmc_wr_text(&w, VMC_TEXT(" with name \""));
    vmc_wr_cut(&w, name.ptr, vmc_min(name.len, VMC_CALL_TEXT / 2u));
    vmc_wr_text(&w, VMC_TEXT("\" found"));
    buf[w.len] = '\0';
}

/* Writes a viam.common.v1.ResourceName as field `number`. */
VMC_FN void vmc_registry_put_name(vmc_wr *w, uint32_t number, const viamc_resource *r)
{
    size_t sub = vmc_wire_open(w, number);
    vmc_wire_put_text(w, 1, viamc_text("rdk"));
    vmc_wire_put_text(w, 2, viamc_text(r->service->type));
    vmc_wire_put_text(w, 3, viamc_text(r->service->subtype));
    vmc_wire_put_text(w, 4, r->name);
    vmc_wire_close(w, sub);
}

/* What a service is made of is there. */
VMC_FN bool vmc_registry_is_whole(const viamc_service *service)
{
    uint8_t i;
    if (service->name == NULL || (service->methods == NULL && service->count != 0))
        return false;
    for (i = 0; i < service->count; i++)
        if (service->methods[i].method == NULL || service->methods[i].method->path == NULL)
            return false;
    return true;
}

/* A name goes into texts of protobuf, which everybody refuses that are not UTF-8 (RFC 3629 4), and to people: no control characters. */
VMC_FN bool vmc_registry_name_ok(viamc_str name)
{
    static const uint32_t least[4] = {' ', 0x80u, 0x800u, 0x10000u}; /* that needs so many octets */
    size_t i = 0;
    while (i < name.len) {
        const uint8_t *p = (const uint8_t *)name.ptr + i;
        size_t k, n = vmc_percent_utf8_size(*p);
        uint32_t code = n == 1u ? *p : *p & (0x7fu >> n); /* U+... */
        if (n > name.len - i || (n == 1u && *p > '~'))
            return false;
        for (k = 1; k < n; k++) {
            if ((p[k] & 0xc0u) != 0x80u)
                return false;
            code = code << 6 | (p[k] & 0x3fu);
        }
        if (code < least[n - 1u] || code > 0x10ffffu || code >> 11 == 0xd800u >> 11) /* too long, too high, half a pair of UTF-16 */
            return false;
        i += n;
    }
    return name.len <= VMC_SERVER_NAME;
}

/* ---- public ---- */

VIAMC_API viamc_err viamc_server_add(viamc_server *s, const viamc_service *service, const char *name, const void *ops, void *user,
                                     viamc_resource **resource)
{
    viamc_resource *r;
    viamc_str text = viamc_text(name);
    if (s == NULL || service == NULL)
        return VIAMC_ERR_ARG;
    if (s->error.code != VIAMC_OK)
        return VIAMC_ERR_STATE;
    if (!vmc_registry_is_whole(service) || !vmc_registry_name_ok(text))
        return VIAMC_ERR_ARG;
    if ((text.len != 0) != vmc_registry_is_named(service) || vmc_registry_find(s, service, text) != NULL)
        return VIAMC_ERR_ARG;
    if (s->resource_count == s->desc.max_resources)
        return VIAMC_ERR_NOMEM;
    r = &s->resources[s->resource_count++];
    VIAMC_MEMSET(r, 0, sizeof *r);
    r->service = service;
    r->name = text;
    r->ops = ops;
    r->user = user;
    r->session = VMC_SERVER_NONE;
    if (resource != NULL)
        *resource = r;
    return VIAMC_OK;
}

VIAMC_API viamc_str viamc_resource_name(const viamc_resource *resource)
{
    return resource == NULL ? viamc_text("") : resource->name;
}

#endif
#endif
/* ---- end of src/server/registry_impl.h ---- */
/* ---- src/server/request_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/request: requests as their handlers see them: questions, answers, keeping. Knows calls; knows nothing of peers' connections. */
#ifndef VIAMC_SERVER_REQUEST_IMPL_H
#define VIAMC_SERVER_REQUEST_IMPL_H


#ifndef VIAMC_NO_SERVER

VMC_FN vmc_call *vmc_request_call(const viamc_request *rq)
{
    return &rq->peer->calls.users[rq->index].call;
}

VMC_FN uint8_t vmc_request_flags(const viamc_request *rq)
{
    return rq->serve == NULL ? 0 : rq->serve->method->flags;
}

VMC_FN bool vmc_request_streams_in(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & VIAMC_M_CLIENT_STREAM) != 0;
}

VMC_FN bool vmc_request_streams_out(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & VIAMC_M_SERVER_STREAM) != 0;
}

/* Stops go before everything else, whatever is waiting. */
VMC_FN bool vmc_request_is_urgent(const viamc_request *rq)
{
    return (vmc_request_flags(rq) & (VIAMC_M_STOP | VIAMC_M_STOP_ALL)) != 0;
}

/* A Stop, ours or a client's: what came before it does not move its resource any more. */
VMC_FN void vmc_request_stop(viamc_request *rq)
{
    if (rq->resource != NULL && (rq->serve == NULL || (vmc_request_flags(rq) & VIAMC_M_STOP) != 0))
        rq->resource->stopped = ++rq->server->stops;
}

/* The client is there and has not been answered. */
VMC_FN bool vmc_request_is_wanted(const viamc_request *rq)
{
    return rq->peer == NULL || (vmc_request_call(rq)->state == VMC_CALL_OPEN && !rq->late);
}

/* ---- room for answers: tx has a half for unary calls, with a reserve in it, and a half for streams ---- */

/* The largest message that is ever taken. */
VMC_FN uint32_t vmc_request_largest(const viamc_request *rq)
{
    uint32_t half = rq->peer->calls.tx_cap / 2u;
    return half - VMC_CALL_PREFIX - (vmc_request_streams_out(rq) ? 0 : VMC_SERVER_RESERVE);
}

/* Octets of tx that are not for this request. */
VMC_FN uint32_t vmc_request_spare(const viamc_request *rq)
{
    uint32_t cap = rq->peer->calls.tx_cap;
    if (vmc_request_is_urgent(rq))
        return 0;
    return vmc_request_streams_out(rq) ? cap - cap / 2u : VMC_SERVER_RESERVE;
}

/* True if a message of len octets, at most the largest, can be put into tx now. */
VMC_FN bool vmc_request_fits(const viamc_request *rq, uint32_t len)
{
    const vmc_calls *t = &rq->peer->calls;
    return t->tx_cap - t->tx_used >= vmc_request_spare(rq) + VMC_CALL_PREFIX + len && vmc_calls_can_append(t, vmc_request_call(rq));
}

/* True if the handler may be called: what it answers at once will fit. A Stop is carried out whatever becomes of its answer. */
VMC_FN bool vmc_request_has_room(const viamc_request *rq)
{
    uint32_t stream = rq->need == 0 ? 1u : rq->need - 1u; /* the least, or what it waits for */
    return vmc_request_is_urgent(rq) || vmc_request_fits(rq, vmc_request_streams_out(rq) ? stream : vmc_request_largest(rq));
}

/* ---- the end of a request ---- */

/* Sets the answer's status and text; what was put into tx goes before it. */
VMC_FN void vmc_request_finish(viamc_request *rq, uint32_t status, const char *text)
{
    vmc_call *c;
    rq->state = VMC_REQUEST_ANSWERED;
    rq->kept = false;
    rq->status = (uint8_t)status;
    if (status == VIAMC_OK)
        vmc_request_stop(rq);
    if (rq->peer == NULL)
        return;
    c = vmc_request_call(rq);
    vmc_timer_off(&c->deadline);
    if (c->state != VMC_CALL_OPEN || (c->flags & VMC_CALL_F_FINISH) != 0)
        return; /* the client has given up, or the deadline or the carrier has answered */
    c->status = (uint8_t)status;
    c->flags |= VMC_CALL_F_FINISH | VMC_CALL_F_DROP;
    rq->peer->calls.stirred = true;
    vmc_calls_set_text(&rq->peer->calls, c, vmc_bytes_of(viamc_text(text)));
}

/* Its deadline has passed: what was answered and has not left is withdrawn. A handler that keeps it has still to let it go. */
VMC_FN void vmc_request_expire(viamc_request *rq)
{
    bool kept = rq->kept;
    vmc_calls_tx_cut(&rq->peer->calls, vmc_request_call(rq));
    vmc_request_call(rq)->sent = 0;
    vmc_request_finish(rq, VIAMC_DEADLINE_EXCEEDED, "");
    rq->late = true;
    rq->kept = kept;
    if (kept)
        rq->state = VMC_REQUEST_KEPT;
}

/* Whether the handler may answer now. CLOSED: nobody is there any more, and `last` lets the request go. */
VMC_FN viamc_err vmc_request_check(viamc_request *rq, bool last)
{
    if (rq == NULL)
        return VIAMC_ERR_ARG;
    if (rq->state != VMC_REQUEST_OPEN && rq->state != VMC_REQUEST_KEPT)
        return VIAMC_ERR_STATE;
    if (vmc_request_is_wanted(rq))
        return VIAMC_OK;
    if (last)
        vmc_request_finish(rq, VIAMC_CANCELLED, "");
    return VIAMC_ERR_CLOSED;
}

VMC_FN viamc_err vmc_request_put(viamc_request *rq, viamc_bytes msg)
{
    if (msg.len > vmc_request_largest(rq))
        return VIAMC_ERR_NOMEM;
    if (!vmc_request_fits(rq, (uint32_t)msg.len)) {
        rq->need = (uint32_t)msg.len + 1u; /* a message may be empty */
        return VIAMC_ERR_BUSY;
    }
    vmc_calls_put_message(&rq->peer->calls, vmc_request_call(rq), msg, vmc_calls_nothing, false);
    return VIAMC_OK;
}

/* ---- public ---- */

VIAMC_API const void *viamc_request_ops(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? NULL : rq->resource->ops;
}

VIAMC_API void *viamc_request_user(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? NULL : rq->resource->user;
}

VIAMC_API const viamc_method *viamc_request_method(const viamc_request *rq)
{
    return rq == NULL || rq->serve == NULL ? NULL : rq->serve->method;
}

VIAMC_API viamc_str viamc_request_name(const viamc_request *rq)
{
    return rq == NULL || rq->resource == NULL ? viamc_text("") : rq->resource->name;
}

VIAMC_API viamc_bytes viamc_request_message(const viamc_request *rq)
{
    return rq == NULL ? viamc_view(NULL, 0) : rq->msg;
}

VIAMC_API bool viamc_request_at_end(const viamc_request *rq)
{
    return rq != NULL && rq->at_end;
}

VIAMC_API bool viamc_request_cancelled(const viamc_request *rq)
{
    return rq != NULL && !vmc_request_is_wanted(rq);
}

VIAMC_API uint32_t *viamc_request_mark(viamc_request *rq)
{
    return rq == NULL ? NULL : &rq->mark;
}

VIAMC_API void *viamc_request_scratch(viamc_request *rq, size_t size)
{
    return rq == NULL || size > rq->server->desc.message_bytes ? NULL : rq->server->message;
}

VIAMC_API uint8_t *viamc_answer_room(viamc_request *rq, size_t *cap)
{
    viamc_server *s;
    const vmc_calls *t;
    if (cap == NULL)
        return NULL;
    *cap = 0;
    if (rq == NULL)
        return NULL;
    s = rq->server;
    if (rq->peer == NULL) {
        *cap = VMC_SERVER_STOP_BYTES - s->stop_len;
        return s->stop + s->stop_len;
    }
    t = &rq->peer->calls;
    *cap = vmc_min32(vmc_calls_tx_room(t, vmc_request_spare(rq)), vmc_request_largest(rq));
    return *cap == 0 ? t->tx : vmc_calls_tx_next(t);
}

VIAMC_API viamc_err viamc_answer_bytes(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err = vmc_is_view(msg) ? vmc_request_check(rq, true) : (viamc_err)VIAMC_ERR_ARG;
    if (err == VIAMC_OK && rq->peer != NULL)
        err = vmc_request_put(rq, msg);
    if (err == VIAMC_OK)
        vmc_request_finish(rq, VIAMC_OK, "");
    return err;
}

VIAMC_API viamc_err viamc_fail(viamc_request *rq, uint32_t status, const char *text)
{
    viamc_err err;
    if (rq == NULL || status < VIAMC_CANCELLED || status > VIAMC_UNAUTHENTICATED)
        return VIAMC_ERR_ARG;
    err = vmc_request_check(rq, true);
    if (err == VIAMC_OK)
        vmc_request_finish(rq, status, text);
    return err;
}

VIAMC_API viamc_err viamc_request_keep(viamc_request *rq)
{
    if (rq == NULL)
        return VIAMC_ERR_ARG;
    if (rq->state != VMC_REQUEST_OPEN)
        return VIAMC_ERR_STATE;
    rq->kept = true;
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_request_send(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err = vmc_is_view(msg) ? vmc_request_check(rq, false) : (viamc_err)VIAMC_ERR_ARG;
    if (err == VIAMC_OK && !vmc_request_streams_out(rq))
        err = VIAMC_ERR_STATE;
    return err == VIAMC_OK ? vmc_request_put(rq, msg) : err;
}

VIAMC_API viamc_err viamc_request_end(viamc_request *rq)
{
    viamc_err err = vmc_request_check(rq, rq != NULL && vmc_request_streams_out(rq));
    if (err == VIAMC_OK && !vmc_request_streams_out(rq))
        err = VIAMC_ERR_STATE;
    if (err == VIAMC_OK)
        vmc_request_finish(rq, VIAMC_OK, "");
    return err;
}

#endif
#endif
/* ---- end of src/server/request_impl.h ---- */
/* ---- src/server/sessions_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/sessions: safety sessions and the Stops that follow their end (viam-wire.md 4.4). A session belongs to an API key, not to a
 * connection. Knows requests and resources; knows nothing of peers. */
#ifndef VIAMC_SERVER_SESSIONS_IMPL_H
#define VIAMC_SERVER_SESSIONS_IMPL_H


#ifndef VIAMC_NO_SERVER

#define VMC_SESSIONS_ID 36u /* octets of an id as text, RFC 9562 4 */

/* ---- ids ---- */

VMC_FN int vmc_sessions_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)(c | 0x20u);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

VMC_FN bool vmc_sessions_is_dash(size_t at)
{
    return at == 8u || at == 13u || at == 18u || at == 23u;
}

/* Reads a UUID of 32 hex digits and four dashes; false if it is not one. */
VMC_FN bool vmc_sessions_parse(viamc_bytes text, uint8_t id[16])
{
    size_t i, n = 0;
    if (text.len != VMC_SESSIONS_ID)
        return false;
    for (i = 0; i < VMC_SESSIONS_ID; i++) {
        int d = vmc_sessions_digit(text.ptr[i]);
        if (vmc_sessions_is_dash(i)) {
            if (text.ptr[i] != '-')
                return false;
            continue;
        }
        if (d < 0)
            return false;
        id[n / 2u] = (uint8_t)((n % 2u != 0 ? id[n / 2u] << 4 : 0) | d);
        n++;
    }
    return true;
}

VMC_FN void vmc_sessions_format(const uint8_t id[16], char text[VMC_SESSIONS_ID])
{
    size_t i, n = 0;
    for (i = 0; i < VMC_SESSIONS_ID; i++) {
        if (vmc_sessions_is_dash(i)) {
            text[i] = '-';
            continue;
        }
        text[i] = "0123456789abcdef"[n % 2u != 0 ? id[n / 2u] & 15u : id[n / 2u] >> 4];
        n++;
    }
}

/* ---- sessions ---- */

/* The living session with this id that belongs to a key, or VMC_SERVER_NONE: others' sessions do not exist. */
VMC_FN uint8_t vmc_sessions_find(const viamc_server *s, const uint8_t id[16], uint8_t key)
{
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.max_sessions; i++) {
        const vmc_safety *f = &s->sessions[i];
        if (f->used && f->key == key && vmc_same_secret(viamc_view(f->id, sizeof f->id), viamc_view(id, sizeof f->id)))
            found = i;
    }
    return found;
}

/* A sign of life. */
VMC_FN void vmc_sessions_beat(viamc_server *s, uint8_t i, uint8_t peer)
{
    vmc_safety *f = &s->sessions[i];
    vmc_server_tell(s, VIAMC_SEV_HEARTBEAT, peer, viamc_text(""), viamc_text(""), s->now - f->beat_at, 0);
    f->beat_at = s->now;
    vmc_timer_set(&f->end, s->now, s->desc.window_ms);
}

/* Starts a session for a key. OK; BUSY: there are as many as there may be; ENTROPY. */
VMC_FN viamc_err vmc_sessions_start(viamc_server *s, uint8_t key, uint8_t *index)
{
    vmc_safety *f;
    uint8_t i = 0;
    while (i < s->desc.max_sessions && s->sessions[i].used)
        i++;
    if (i == s->desc.max_sessions)
        return VIAMC_ERR_BUSY;
    f = &s->sessions[i];
    if (s->desc.port->random(s->desc.port_user, f->id, sizeof f->id) != VIAMC_OK)
        return VIAMC_ERR_ENTROPY;
    f->id[6] = (uint8_t)((f->id[6] & 0x0fu) | 0x40u); /* RFC 9562 5.4: version 4 */
    f->id[8] = (uint8_t)((f->id[8] & 0x3fu) | 0x80u);
    f->used = true;
    f->key = key;
    f->turn++;
    f->beat_at = s->now;
    vmc_timer_set(&f->end, s->now, s->desc.window_ms);
    *index = i;
    return VIAMC_OK;
}

/* A moving call begins: its session, if it carries one, answers for its resource from now on; without one nobody does.
 * False: the session has ended since the call came. */
VMC_FN bool vmc_sessions_bind(viamc_request *rq)
{
    viamc_server *s = rq->server;
    viamc_resource *r = rq->resource;
    if (rq->session != VMC_SERVER_NONE) {
        const vmc_safety *f = &s->sessions[rq->session];
        if (!f->used || f->turn != rq->session_turn)
            return false;
        vmc_sessions_beat(s, rq->session, vmc_request_peer(rq));
    }
    if (r == NULL)
        return true;
    r->session = rq->session;
    if (r->session != VMC_SERVER_NONE)
        vmc_server_tell(s, VIAMC_SEV_BOUND, vmc_request_peer(rq), viamc_text(rq->serve->method->path), r->name, 0, 0);
    return true;
}

/* A handler has been called for a moving call. Unless it refused, somebody drives the resource again: the Stop for a session that has ended
 * gives way to that; a StopAll that is being answered stops that too. */
VMC_FN void vmc_sessions_drive(const viamc_request *rq)
{
    viamc_resource *r = rq->resource;
    if (r == NULL || (vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0 || (rq->state == VMC_REQUEST_ANSWERED && rq->status != VIAMC_OK))
        return;
    r->due &= VMC_DUE_ALL;
    if (r->running != 0 && (r->running & VMC_DUE_ALL) == 0)
        r->running |= VMC_DUE_DRIVEN;
}

/* ---- Stops of our own ---- */

/* The message of a Stop: the name in field 1, and `extra` in field 99 where it fits. */
VMC_FN viamc_bytes vmc_sessions_stop_message(viamc_server *s, viamc_str name, viamc_bytes extra)
{
    vmc_wr w = vmc_wr_of(s->stop, VMC_SERVER_STOP_BYTES);
    vmc_wire_put_text(&w, 1, name);
    if (extra.len != 0 && extra.len + 8u <= vmc_wr_room(&w))
        vmc_wire_put_bytes(&w, 99, extra);
    s->stop_len = w.len;
    return viamc_view(s->stop, w.len);
}

/* Looks at what a Stop of ours has answered. One that failed is due again. */
VMC_FN void vmc_sessions_stopped(viamc_server *s, viamc_resource *r)
{
    if (r->running == 0 || r->stop.state != VMC_REQUEST_ANSWERED)
        return;
    r->failed = r->stop.status != VIAMC_OK;
    if (r->failed && (r->running & VMC_DUE_DRIVEN) == 0)
        r->due |= VMC_DUE_EXPIRED;
    r->running = 0;
    r->stop.state = VMC_REQUEST_NONE;
    vmc_server_tell(s, VIAMC_SEV_STOPPED, VMC_SERVER_NONE, viamc_text(""), r->name, s->now - r->due_at, r->stop.status);
}

/* Asks a resource to stop, now. `extra`: of StopAll. */
VMC_FN void vmc_sessions_stop(viamc_server *s, viamc_resource *r, viamc_bytes extra)
{
    viamc_request *rq = &r->stop;
    viamc_err err;
    VIAMC_MEMSET(rq, 0, sizeof *rq);
    rq->server = s;
    rq->service = r->service;
    rq->resource = r;
    rq->key = VMC_SERVER_NONE;
    rq->session = VMC_SERVER_NONE;
    rq->state = VMC_REQUEST_OPEN;
    rq->msg = vmc_sessions_stop_message(s, r->name, extra);
    r->running = r->due;
    r->due = 0;
    err = r->service->stop(rq, rq->msg);
    rq->msg = viamc_view(NULL, 0);
    if (rq->state == VMC_REQUEST_OPEN && err == VIAMC_OK && rq->kept) {
        rq->state = VMC_REQUEST_KEPT;
    } else if (rq->state == VMC_REQUEST_OPEN && err == VIAMC_WAIT) {
        rq->state = VMC_REQUEST_NONE;
        r->due |= r->running; /* asked again with the next poll */
        r->running = 0;
    } else if (rq->state == VMC_REQUEST_OPEN) {
        vmc_request_finish(rq, VIAMC_INTERNAL, "");
    }
    vmc_sessions_stopped(s, r);
}

/* Marks a resource: what came before does not move it any more, whatever becomes of its Stop. One that cannot stop is asked for none. */
VMC_FN void vmc_sessions_due(viamc_server *s, viamc_resource *r, uint8_t why)
{
    r->stopped = ++s->stops;
    if (r->service->stop == NULL)
        return;
    if (r->due == 0)
        r->due_at = s->now;
    r->due |= why;
}

/* Asks for the Stops that are due, each once. */
VMC_FN void vmc_sessions_run(viamc_server *s)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        vmc_sessions_stopped(s, r);
        if (r->due != 0 && r->running == 0)
            vmc_sessions_stop(s, r, viamc_view(NULL, 0));
    }
}

/* Ends a session: what it moved last is to be stopped. Calls that run go on (viam-wire.md 4.4). */
VMC_FN void vmc_sessions_end(viamc_server *s, uint8_t index)
{
    vmc_safety *f = &s->sessions[index];
    uint32_t n = 0;
    uint8_t i;
    f->used = false;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        if (r->session != index)
            continue;
        r->session = VMC_SERVER_NONE;
        vmc_sessions_due(s, r, VMC_DUE_EXPIRED);
        n++;
    }
    vmc_server_tell(s, VIAMC_SEV_EXPIRED, VMC_SERVER_NONE, viamc_text(""), viamc_text(""), s->now - f->beat_at, n);
}

/* First thing in a poll: sessions whose window has passed, and their Stops. */
VMC_FN void vmc_sessions_poll(viamc_server *s)
{
    uint8_t i;
    for (i = 0; i < s->desc.max_sessions; i++)
        if (s->sessions[i].used && vmc_timer_due(&s->sessions[i].end, s->now))
            vmc_sessions_end(s, i);
    vmc_sessions_run(s);
}

VMC_FN void vmc_sessions_wait(const viamc_server *s, viamc_ms now, viamc_ms *wait)
{
    uint8_t i;
    for (i = 0; i < s->desc.max_sessions; i++)
        if (s->sessions[i].used)
            vmc_wait_timer(wait, &s->sessions[i].end, now);
    for (i = 0; i < s->resource_count; i++) {
        const viamc_resource *r = &s->resources[i];
        if (r->due != 0 && r->running == 0)
            *wait = vmc_min32(*wait, VMC_SERVER_AGAIN_MS);
        if (r->running != 0 && r->stop.state == VMC_REQUEST_ANSWERED)
            *wait = 0;
    }
}

#endif
#endif
/* ---- end of src/server/sessions_impl.h ---- */
/* ---- src/server/robot_service_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/robot_service: the services that every server has: authentication and viam.robot.v1.RobotService, as handlers like any other
 * (viam-wire.md 3 and 5.3). Their messages are small and coded by hand. */
#ifndef VIAMC_SERVER_ROBOT_SERVICE_IMPL_H
#define VIAMC_SERVER_ROBOT_SERVICE_IMPL_H


#ifndef VIAMC_NO_SERVER

/* The start of an answer, encoded where it will be sent from. */
VMC_FN vmc_wr vmc_rs_begin(viamc_request *rq)
{
    size_t cap;
    uint8_t *p = viamc_answer_room(rq, &cap);
    return vmc_wr_of(p, cap);
}

VMC_FN viamc_err vmc_rs_answer(viamc_request *rq, const vmc_wr *w)
{
    if (w->full)
        return VIAMC_ERR_NOMEM;
    return viamc_answer_bytes(rq, viamc_view(w->ptr, w->len));
}

VMC_FN viamc_err vmc_rs_nothing(viamc_request *rq, viamc_bytes msg)
{
    (void)msg;
    return viamc_answer_bytes(rq, viamc_view(NULL, 0));
}

/* ---- authentication ---- */

/* The bearer token of a key as text. */
VMC_FN void vmc_rs_token(const viamc_server *s, uint8_t key, char text[2u * VMC_SERVER_TOKEN])
{
    size_t i;
    for (i = 0; i < 2u * VMC_SERVER_TOKEN; i++) {
        uint8_t octet = s->tokens[key * VMC_SERVER_TOKEN + i / 2u];
        text[i] = "0123456789abcdef"[i % 2u != 0 ? octet & 15u : octet >> 4];
    }
}

/* Whose token this is, VMC_SERVER_NONE: nobody's. Every key is compared, whichever it is. */
VMC_FN uint8_t vmc_rs_key_of_token(const viamc_server *s, viamc_bytes token)
{
    char text[2u * VMC_SERVER_TOKEN];
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.api_key_count; i++) {
        vmc_rs_token(s, i, text);
        if (vmc_same_secret(token, viamc_view(text, sizeof text)))
            found = i;
    }
    vmc_wipe(text, sizeof text);
    return found;
}

/* Which key id and secret these are, VMC_SERVER_NONE: no such pair. Every key is compared, and both of its halves. */
VMC_FN uint8_t vmc_rs_key_of(const viamc_server *s, viamc_bytes id, viamc_bytes secret)
{
    uint8_t i, found = VMC_SERVER_NONE;
    for (i = 0; i < s->desc.api_key_count; i++) {
        const viamc_api_key *k = &s->desc.api_keys[i];
        unsigned same = vmc_same_secret(id, vmc_bytes_of(viamc_text(k->id)));
        same &= (unsigned)vmc_same_secret(secret, vmc_bytes_of(viamc_text(k->key)));
        if (same != 0)
            found = i;
    }
    return found;
}

VMC_FN viamc_err vmc_rs_unknown_type(viamc_request *rq, viamc_bytes type)
{
    char text[VMC_CALL_TEXT + 1u];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    vmc_wr_text(&w, VMC_TEXT("do not know how to handle credential type \""));
    vmc_wr_cut(&w, type.ptr, vmc_min(type.len, 40u));
    vmc_wr_text(&w, VMC_TEXT("\""));
    text[w.len] = '\0';
    return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, text);
}

/* Credentials were wrong: the tenth time the peer has to come again (vmc_peer_judge), and none are looked at any more. */
VMC_FN viamc_err vmc_rs_refuse(viamc_request *rq, viamc_bytes id)
{
    char who[64];
    viamc_str text;
    size_t i;
    text.ptr = who;
    text.len = vmc_min(id.len, sizeof who);
    for (i = 0; i < text.len; i++)
        who[i] = (char)(id.ptr[i] >= ' ' && id.ptr[i] <= '~' ? id.ptr[i] : '?'); /* a stranger's octets, on their way to a terminal */
    if (rq->peer->wrong < VMC_SERVER_WRONG)
        rq->peer->wrong++;
    vmc_server_tell(rq->server, VIAMC_SEV_REFUSED, rq->peer->number, text, viamc_text(""), 0, rq->peer->wrong);
    return viamc_fail(rq, VIAMC_UNAUTHENTICATED, VMC_TEXT("invalid credentials"));
}

/* AuthenticateRequest {1 entity, 2 credentials {1 type, 2 payload}} to {1 access_token}. */
VMC_FN viamc_err vmc_rs_authenticate(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    char token[2u * VMC_SERVER_TOKEN];
    viamc_bytes id, credentials, type, secret, text = viamc_view("viamc", 5);
    vmc_wr w = vmc_rs_begin(rq);
    viamc_err err;
    if (s->desc.api_key_count != 0) {
        (void)vmc_wire_find(msg, 1, &id);
        if (vmc_wire_find(msg, 2, &credentials) != VIAMC_OK)
            return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("credentials required"));
        (void)vmc_wire_find(credentials, 1, &type);
        (void)vmc_wire_find(credentials, 2, &secret);
        if (!vmc_bytes_are(type, "api-key"))
            return vmc_rs_unknown_type(rq, type);
        rq->key = rq->peer->wrong < VMC_SERVER_WRONG ? vmc_rs_key_of(s, id, secret) : (uint8_t)VMC_SERVER_NONE;
        if (rq->key == VMC_SERVER_NONE)
            return vmc_rs_refuse(rq, id);
        vmc_rs_token(s, rq->key, token);
        text = viamc_view(token, sizeof token);
        vmc_server_tell(s, VIAMC_SEV_KNOWN, rq->peer->number, viamc_text(s->desc.api_keys[rq->key].id), viamc_text(""), s->now - rq->peer->came_at, 0);
    }
    rq->peer->known = true;
    vmc_wire_put_bytes(&w, 1, text);
    err = vmc_rs_answer(rq, &w);
    vmc_wipe(token, sizeof token);
    return err;
}

/* ---- the robot ---- */

VMC_FN viamc_err vmc_rs_resource_names(viamc_request *rq, viamc_bytes msg)
{
    const viamc_server *s = rq->server;
    vmc_wr w = vmc_rs_begin(rq);
    uint8_t i;
    (void)msg;
    for (i = 0; i < s->resource_count; i++)
        if (vmc_registry_is_named(s->resources[i].service))
            vmc_registry_put_name(&w, 1, &s->resources[i]);
    return vmc_rs_answer(rq, &w);
}

/* GetVersionResponse {1 platform, 2 version, 3 api_version} */
VMC_FN viamc_err vmc_rs_version(viamc_request *rq, viamc_bytes msg)
{
    vmc_wr w = vmc_rs_begin(rq);
    (void)msg;
    vmc_wire_put_text(&w, 1, viamc_text(rq->server->desc.platform));
    vmc_wire_put_text(&w, 2, viamc_text(rq->server->desc.version));
    vmc_wire_put_text(&w, 3, viamc_text(VIAMC_API_VERSION));
    return vmc_rs_answer(rq, &w);
}

#define VMC_RS_READY 3u   /* viam.robot.v1.ResourceStatus.STATE_READY */
#define VMC_RS_RUNNING 2u /* viam.robot.v1.GetMachineStatusResponse.STATE_RUNNING */

/* GetMachineStatusResponse {1 resources: {1 name, 2 state}, 3 state} */
VMC_FN viamc_err vmc_rs_machine_status(viamc_request *rq, viamc_bytes msg)
{
    const viamc_server *s = rq->server;
    vmc_wr w = vmc_rs_begin(rq);
    uint8_t i;
    (void)msg;
    for (i = 0; i < s->resource_count; i++) {
        size_t sub;
        if (!vmc_registry_is_named(s->resources[i].service))
            continue;
        sub = vmc_wire_open(&w, 1);
        vmc_registry_put_name(&w, 1, &s->resources[i]);
        vmc_wire_put_uint(&w, 2, VMC_RS_READY);
        vmc_wire_close(&w, sub);
    }
    vmc_wire_put_uint(&w, 3, VMC_RS_RUNNING);
    return vmc_rs_answer(rq, &w);
}

/* ---- StopAll ---- */

/* Whether a ResourceName {2 type, 3 subtype, 4 name} means this resource; what it leaves out it leaves open. */
VMC_FN bool vmc_rs_is_meant(viamc_bytes name, const viamc_resource *r)
{
    const char *want[3];
    viamc_bytes part;
    uint32_t i;
    want[0] = r->service->type;
    want[1] = r->service->subtype;
    want[2] = r->name.ptr;
    for (i = 0; i < 3u; i++)
        if ((vmc_wire_find(name, 2u + i, &part) == VIAMC_OK || i == 2u) && !vmc_bytes_are(part, want[i]))
            return false;
    return true;
}

/* The extra parameters that a StopAllRequest {99: {1 name, 2 params}} has for a resource; empty: none. */
VMC_FN viamc_bytes vmc_rs_stop_extra(viamc_bytes msg, const viamc_resource *r)
{
    vmc_rd in = vmc_rd_of(msg);
    vmc_wire_field f;
    viamc_bytes name, params, found = viamc_view(NULL, 0);
    while (vmc_wire_next(&in, &f))
        if (f.number == 99u && f.type == VMC_WIRE_BYTES && vmc_wire_find(f.bytes, 1, &name) == VIAMC_OK && vmc_rs_is_meant(name, r)
            && vmc_wire_find(f.bytes, 2, &params) == VIAMC_OK)
            found = params;
    return found;
}

VMC_FN void vmc_rs_begin_stop_all(viamc_server *s, viamc_bytes msg)
{
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        viamc_resource *r = &s->resources[i];
        vmc_sessions_due(s, r, VMC_DUE_ALL);
        if (r->due != 0 && r->running == 0)
            vmc_sessions_stop(s, r, vmc_rs_stop_extra(msg, r));
    }
}

/* "Failed to stop components named a, b" */
VMC_FN viamc_err vmc_rs_end_stop_all(viamc_request *rq)
{
    const viamc_server *s = rq->server;
    char text[VMC_CALL_TEXT + 1u];
    vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
    bool failed = false;
    uint8_t i;
    for (i = 0; i < s->resource_count; i++) {
        if (!s->resources[i].failed)
            continue;
        vmc_wr_text(&w, failed ? ", " : "Failed to stop components named ");
        vmc_wr_cut(&w, s->resources[i].name.ptr, s->resources[i].name.len);
        failed = true;
    }
    text[w.len] = '\0';
    return failed ? viamc_fail(rq, VIAMC_INTERNAL, text) : vmc_rs_nothing(rq, viamc_view(NULL, 0));
}

/* Stops everything that can stop, and answers when the last one has answered. */
VMC_FN viamc_err vmc_rs_stop_all(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    uint8_t i;
    if (rq->mark == 0)
        vmc_rs_begin_stop_all(s, msg);
    rq->mark = 1;
    for (i = 0; i < s->resource_count; i++)
        if (((s->resources[i].due | s->resources[i].running) & VMC_DUE_ALL) != 0)
            return VIAMC_WAIT;
    return vmc_rs_end_stop_all(rq);
}

/* ---- sessions ---- */

VMC_FN viamc_err vmc_rs_not_an_id(viamc_request *rq)
{
    return viamc_fail(rq, VIAMC_UNKNOWN, VMC_TEXT("session id is not a UUID"));
}

/* StartSessionRequest {1 resume} to {1 id, 2 heartbeat_window} */
VMC_FN viamc_err vmc_rs_start_session(viamc_request *rq, viamc_bytes msg)
{
    viamc_server *s = rq->server;
    char text[VMC_SESSIONS_ID];
    uint8_t id[16], found = VMC_SERVER_NONE;
    viamc_bytes resume;
    bool resumed;
    vmc_wr w = vmc_rs_begin(rq);
    viamc_err err = VIAMC_OK;
    (void)vmc_wire_find(msg, 1, &resume);
    if (resume.len != 0 && !vmc_sessions_parse(resume, id))
        return vmc_rs_not_an_id(rq);
    if (resume.len != 0)
        found = vmc_sessions_find(s, id, rq->key);
    resumed = found != VMC_SERVER_NONE;
    if (resumed)
        vmc_sessions_beat(s, found, rq->peer->number);
    else
        err = vmc_sessions_start(s, rq->key, &found);
    if (err != VIAMC_OK)
        return err == VIAMC_ERR_BUSY ? viamc_fail(rq, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("too many concurrent sessions: wait one window"))
                                     : viamc_fail(rq, VIAMC_UNAVAILABLE, VMC_TEXT("no random bytes for a session id"));
    vmc_sessions_format(s->sessions[found].id, text);
    vmc_wire_put_bytes(&w, 1, viamc_view(text, sizeof text));
    vmc_wire_put_duration(&w, 2, s->desc.window_ms);
    vmc_server_tell(s, VIAMC_SEV_SESSION, rq->peer->number, viamc_text(""), viamc_text(""), s->desc.window_ms, resumed);
    return vmc_rs_answer(rq, &w);
}

/* SendSessionHeartbeatRequest {1 id} */
VMC_FN viamc_err vmc_rs_heartbeat(viamc_request *rq, viamc_bytes msg)
{
    uint8_t id[16], found;
    viamc_bytes text;
    (void)vmc_wire_find(msg, 1, &text);
    if (!vmc_sessions_parse(text, id))
        return vmc_rs_not_an_id(rq);
    found = vmc_sessions_find(rq->server, id, rq->key);
    if (found == VMC_SERVER_NONE)
        return viamc_fail(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    vmc_sessions_beat(rq->server, found, rq->peer->number);
    return vmc_rs_nothing(rq, msg);
}

/* ---- the services; a heartbeat is as urgent as a Stop ---- */

#define VMC_RS_METHOD(name, path, flags) static const viamc_method vmc_rs_m_##name = {path, NULL, NULL, flags, NULL}

VMC_RS_METHOD(authenticate, "/proto.rpc.v1.AuthService/Authenticate", 0);
VMC_RS_METHOD(resource_names, "/viam.robot.v1.RobotService/ResourceNames", 0);
VMC_RS_METHOD(start_session, "/viam.robot.v1.RobotService/StartSession", 0);
VMC_RS_METHOD(heartbeat, "/viam.robot.v1.RobotService/SendSessionHeartbeat", VIAMC_M_STOP);
VMC_RS_METHOD(stop_all, "/viam.robot.v1.RobotService/StopAll", VIAMC_M_STOP_ALL);
VMC_RS_METHOD(get_operations, "/viam.robot.v1.RobotService/GetOperations", 0);
VMC_RS_METHOD(cancel_operation, "/viam.robot.v1.RobotService/CancelOperation", 0);
VMC_RS_METHOD(block_for_operation, "/viam.robot.v1.RobotService/BlockForOperation", 0);
VMC_RS_METHOD(version, "/viam.robot.v1.RobotService/GetVersion", 0);
VMC_RS_METHOD(machine_status, "/viam.robot.v1.RobotService/GetMachineStatus", 0);

static const viamc_serve vmc_rs_auth_methods[] = {{&vmc_rs_m_authenticate, vmc_rs_authenticate}};

static const viamc_serve vmc_rs_methods[] = {
    {&vmc_rs_m_heartbeat, vmc_rs_heartbeat},
    {&vmc_rs_m_stop_all, vmc_rs_stop_all},
    {&vmc_rs_m_start_session, vmc_rs_start_session},
    {&vmc_rs_m_resource_names, vmc_rs_resource_names},
    {&vmc_rs_m_get_operations, vmc_rs_nothing},
    {&vmc_rs_m_cancel_operation, vmc_rs_nothing},
    {&vmc_rs_m_block_for_operation, vmc_rs_nothing},
    {&vmc_rs_m_version, vmc_rs_version},
    {&vmc_rs_m_machine_status, vmc_rs_machine_status}
};

static const viamc_service vmc_rs_auth = {"proto.rpc.v1.AuthService", "", "", vmc_rs_auth_methods, 1, NULL};
static const viamc_service vmc_rs_service = {
    "viam.robot.v1.RobotService", "", "", vmc_rs_methods, (uint8_t)(sizeof vmc_rs_methods / sizeof vmc_rs_methods[0]), NULL
};

#endif
#endif
/* ---- end of src/server/robot_service_impl.h ---- */
/* ---- src/server/route_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/route: from a request's fields to its handler and back: path, token, session, resource. Knows requests; knows nothing of
 * connections beyond the one call. */
#ifndef VIAMC_SERVER_ROUTE_IMPL_H
#define VIAMC_SERVER_ROUTE_IMPL_H


#ifndef VIAMC_NO_SERVER

/* ---- who serves a path ---- */

/* Our own services first, then those that were added. */
VMC_FN bool vmc_route_find(viamc_request *rq, viamc_str path)
{
    const viamc_server *s = rq->server;
    uint8_t i;
    rq->service = &vmc_rs_auth;
    rq->serve = vmc_registry_method(rq->service, path);
    if (rq->serve == NULL) {
        rq->service = &vmc_rs_service;
        rq->serve = vmc_registry_method(rq->service, path);
    }
    for (i = 0; i < s->resource_count && rq->serve == NULL; i++) {
        rq->service = s->resources[i].service;
        rq->serve = vmc_registry_method(rq->service, path);
    }
    return rq->serve != NULL;
}

/* ---- who asks ---- */

/* The bearer token of the request (viam-wire.md 3.3). NULL: fine, rq->key is set. */
VMC_FN const char *vmc_route_check_token(viamc_request *rq, const vmc_grpc *g)
{
    static const char prefix[] = "Bearer ";
    const size_t n = sizeof prefix - 1u;
    viamc_bytes value, second;
    if (rq->server->desc.api_key_count == 0)
        return NULL;
    if (!vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 0, &value) || vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 1, &second))
        return VMC_TEXT("authentication required");
    if (value.len < n || !vmc_same(value.ptr, prefix, n))
        return VMC_TEXT("expected authorization header with prefix: Bearer ");
    rq->key = vmc_rs_key_of_token(rq->server, viamc_view(value.ptr + n, value.len - n));
    if (rq->key == VMC_SERVER_NONE)
        return VMC_TEXT("unauthenticated: unknown token");
    rq->peer->known = true;
    return NULL;
}

/* The session that a moving call carries. True: fine, or none; else the request is answered. */
VMC_FN bool vmc_route_check_session(viamc_request *rq, const vmc_grpc *g)
{
    viamc_bytes text, second;
    uint8_t id[16];
    if ((vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0 || !vmc_grpc_kept(g, VMC_NAME_VIAM_SID, 0, &text))
        return true;
    if (vmc_grpc_kept(g, VMC_NAME_VIAM_SID, 1, &second)) {
        vmc_request_finish(rq, VIAMC_UNKNOWN, VMC_TEXT("found more than one session id in metadata"));
    } else if (!vmc_sessions_parse(text, id)) {
        vmc_request_finish(rq, VIAMC_UNKNOWN, VMC_TEXT("session id is not a UUID"));
    } else {
        rq->session = vmc_sessions_find(rq->server, id, rq->key);
        if (rq->session != VMC_SERVER_NONE) {
            rq->session_turn = rq->server->sessions[rq->session].turn;
            return true;
        }
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    }
    return false;
}

/* What was wrong with the fields of a request. */
VMC_FN const char *vmc_route_reason(uint8_t status)
{
    switch (status) {
    case VIAMC_UNIMPLEMENTED: return VMC_TEXT("Unimplemented");
    case VIAMC_RESOURCE_EXHAUSTED: return VMC_TEXT("header fields too long");
    case VIAMC_INTERNAL: return VMC_TEXT("malformed grpc-timeout");
    default: return VMC_TEXT("not a gRPC request");
    }
}

/* The fields of call i are complete: a request begins, or is refused at once. */
VMC_FN void vmc_route_begin(vmc_peer *p, uint8_t i)
{
    viamc_request *rq = &p->requests[i];
    const vmc_grpc *g = &p->conn.grpc;
    vmc_call *c = vmc_calls_at(&p->calls, i);
    viamc_bytes unused;
    viamc_str path = viamc_text(c->path);
    const char *wrong;
    bool found;
    VIAMC_MEMSET(rq, 0, sizeof *rq);
    rq->server = p->server;
    rq->came = p->server->stops;
    rq->peer = p;
    rq->index = i;
    rq->key = VMC_SERVER_NONE;
    rq->session = VMC_SERVER_NONE;
    rq->state = VMC_REQUEST_OPEN;
    found = g->reject == 0 && vmc_route_find(rq, path);
    wrong = found && rq->service == &vmc_rs_auth ? NULL : vmc_route_check_token(rq, g);
    if (found && vmc_request_is_urgent(rq))
        c->flags |= VMC_CALL_F_FIRST; /* its answer goes before others */
    if (g->reject != 0)
        vmc_request_finish(rq, g->reject, vmc_route_reason(g->reject));
    else if (wrong != NULL)
        vmc_request_finish(rq, VIAMC_UNAUTHENTICATED, wrong);
    else if (!found)
        vmc_request_finish(rq, VIAMC_UNIMPLEMENTED, VMC_TEXT("Unimplemented"));
    else if (rq->service == &vmc_rs_auth && vmc_grpc_kept(g, VMC_NAME_AUTHORIZATION, 0, &unused))
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("already authenticated; cannot re-authenticate"));
    else if (vmc_route_check_session(rq, g))
        vmc_timer_set(&c->deadline, p->server->now, g->timeout);
}

/* ---- calling handlers ---- */

VMC_FN bool vmc_route_is_ours(const viamc_request *rq)
{
    return rq->service == &vmc_rs_auth || rq->service == &vmc_rs_service;
}

/* The resource of a name. The first message of a stream may have the name in a message that is its field 1 (PlayStream's init). */
VMC_FN viamc_resource *vmc_route_resource(const viamc_request *rq, viamc_bytes field, viamc_str *name)
{
    viamc_resource *r;
    viamc_bytes inner;
    name->ptr = (const char *)field.ptr;
    name->len = field.len;
    r = vmc_registry_find(rq->server, rq->service, *name);
    if (r != NULL || !vmc_request_streams_in(rq) || vmc_wire_find(field, 1, &inner) != VIAMC_OK)
        return r;
    name->ptr = (const char *)inner.ptr;
    name->len = inner.len;
    return vmc_registry_find(rq->server, rq->service, *name);
}

/* The first message names the resource. False: the request is answered. */
VMC_FN bool vmc_route_first(viamc_request *rq, viamc_bytes msg)
{
    char text[VMC_CALL_TEXT + 1u];
    viamc_bytes field = viamc_view(NULL, 0);
    viamc_str name;
    if ((vmc_route_is_ours(rq) || vmc_registry_is_named(rq->service)) && vmc_wire_find(msg, 1, &field) == VIAMC_ERR_MESSAGE) {
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("request cannot be decoded"));
        return false;
    }
    if (!vmc_route_is_ours(rq)) {
        rq->resource = vmc_route_resource(rq, field, &name);
        if (rq->resource == NULL) {
            vmc_registry_missing(rq->service, name, text, sizeof text);
            vmc_request_finish(rq, VIAMC_NOT_FOUND, text);
            return false;
        }
        vmc_server_tell(rq->server, VIAMC_SEV_CALL, vmc_request_peer(rq), viamc_text(rq->serve->method->path), rq->resource->name, 0, 0);
    }
    return true;
}

/* A moving call binds its resource; one that has waited while its resource was stopped, for its handler or for room, does not move it
 * afterwards. False: the request is answered. */
VMC_FN bool vmc_route_may_move(viamc_request *rq)
{
    if ((vmc_request_flags(rq) & VIAMC_M_MONITORED) == 0)
        return true;
    if (rq->resource != NULL && rq->resource->stopped > rq->came) {
        vmc_request_finish(rq, VIAMC_ABORTED, VMC_TEXT("stopped meanwhile"));
        return false;
    }
    if (rq->begun || vmc_sessions_bind(rq))
        return true;
    vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, "SESSION_EXPIRED");
    return false;
}

/* A handler that neither answered nor kept: what its result says. */
VMC_FN void vmc_route_after(viamc_request *rq, viamc_err err)
{
    if (err == VIAMC_ERR_NOMEM)
        vmc_request_finish(rq, VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("answer larger than the memory for it"));
    else if (err == VIAMC_ERR_MESSAGE)
        vmc_request_finish(rq, VIAMC_INVALID_ARGUMENT, VMC_TEXT("request cannot be decoded"));
    else if (err != VIAMC_OK)
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the handler failed"));
    else if (vmc_request_streams_in(rq) && !rq->at_end)
        return; /* taken; more may come */
    else if (vmc_request_streams_out(rq))
        vmc_request_finish(rq, VIAMC_OK, "");
    else
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the handler did not answer"));
}

/* Calls the handler with a message, or with the end of a client stream. True: the message is used up. */
VMC_FN bool vmc_route_serve(viamc_request *rq, viamc_bytes msg)
{
    viamc_err err;
    rq->waits = false;
    rq->need = 0;
    if ((!rq->begun && !vmc_route_first(rq, msg)) || !vmc_route_may_move(rq))
        return true;
    rq->begun = true;
    rq->msg = msg;
    vmc_request_stop(rq);
    err = rq->serve->serve(rq, msg);
    if (rq->state != VMC_REQUEST_ANSWERED && err == VIAMC_WAIT) {
        rq->waits = true;
        return false;
    }
    if (rq->state != VMC_REQUEST_ANSWERED && err == VIAMC_OK && rq->kept)
        rq->state = VMC_REQUEST_KEPT; /* its views last until it is answered */
    else if (rq->state != VMC_REQUEST_ANSWERED)
        vmc_route_after(rq, err);
    vmc_sessions_drive(rq);
    return rq->state != VMC_REQUEST_KEPT;
}

/* Takes the next message of call c to the handler. False: nothing to do now. */
VMC_FN bool vmc_route_message(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    const uint32_t taken = vmc_call_user(c)->taken;
    uint8_t large = c->large;
    viamc_bytes msg;
    if (!vmc_calls_take(&p->calls, c, &msg))
        return false;
    if (msg.ptr == NULL)
        msg.ptr = (const uint8_t *)""; /* an empty message is not the end of a stream */
    if (!vmc_route_serve(rq, msg)) {
        vmc_call_user(c)->taken = rq->state == VMC_REQUEST_KEPT ? 0 : taken; /* it stays where it is; a kept one's slot is not moved any more */
        c->large = large;
        return false;
    }
    return true;
}

/* Unary calls and server streams: the handler is called when the client has ended its side. */
VMC_FN void vmc_route_whole(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    if (c->messages != 1u || !vmc_call_is_whole(c))
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("a request must be one message"));
    else
        (void)vmc_route_message(p, c);
}

/* Client streams: message by message, then the end. */
VMC_FN void vmc_route_stream(vmc_peer *p, vmc_call *c)
{
    viamc_request *rq = &p->requests[vmc_call_index(c)];
    rq->waits = false;
    while (rq->state == VMC_REQUEST_OPEN && vmc_request_has_room(rq) && vmc_route_message(p, c))
        ; /* bounded by the messages in a slot */
    if (rq->state != VMC_REQUEST_OPEN || rq->waits || vmc_call_user(c)->taken != c->parsed || (c->flags & VMC_CALL_F_PEER_END) == 0)
        return;
    if (!vmc_call_is_whole(c)) {
        vmc_request_finish(rq, VIAMC_INTERNAL, VMC_TEXT("the stream ended inside a message"));
        return;
    }
    rq->at_end = true;
    (void)vmc_route_serve(rq, viamc_view(NULL, 0));
}

/* True if call c has something for its handler, and there is room for what that answers. */
VMC_FN bool vmc_route_is_ready(const vmc_peer *p, const vmc_call *c)
{
    const viamc_request *rq = &p->requests[vmc_call_index(c)];
    if (c->state != VMC_CALL_OPEN || (c->flags & VMC_CALL_F_FINISH) != 0 || rq->state != VMC_REQUEST_OPEN)
        return false; /* FINISH: the carrier has refused what came; an end that follows is not that of the whole */
    if ((c->flags & VMC_CALL_F_PEER_END) == 0 && (!vmc_request_streams_in(rq) || vmc_call_user_const(c)->taken == c->parsed))
        return false;
    return vmc_request_has_room(rq);
}

/* Calls the handlers of a peer whose requests are complete, the oldest first. */
VMC_FN void vmc_route_dispatch(vmc_peer *p)
{
    vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        if (!vmc_route_is_ready(p, c))
            continue;
        if (vmc_request_streams_in(&p->requests[vmc_call_index(c)]))
            vmc_route_stream(p, c);
        else
            vmc_route_whole(p, c);
    }
}

/* ---- ends ---- */

VMC_FN void vmc_route_expire(vmc_peer *p, viamc_ms now)
{
    const vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c)
        if (c->state == VMC_CALL_OPEN && vmc_timer_due(&c->deadline, now))
            vmc_request_expire(&p->requests[vmc_call_index(c)]);
}

/* A call whose trailers are written is over for us; what the client still sends is not wanted. */
VMC_FN void vmc_route_close(vmc_peer *p, vmc_call *c)
{
    vmc_calls_end(&p->calls, c, c->status, VIAMC_ANSWERED, NULL);
    vmc_h2_release(&p->conn.grpc.h2, vmc_call_index(c), VMC_H2_NO_ERROR);
}

/* The large buffer is the others' as soon as its message was taken or its request is answered, even if the answer does not leave. What
 * a handler keeps stays, also when the deadline has answered. */
VMC_FN void vmc_route_release_big(vmc_peer *p)
{
    uint8_t owner = p->calls.big_owner;
    const vmc_call *c = vmc_calls_at(&p->calls, owner);
    if (c != NULL && !p->requests[owner].kept && (c->large != VMC_CALL_BIG || (c->flags & VMC_CALL_F_DROP) != 0))
        p->calls.big_owner = VMC_CALL_NONE;
}

/* The large buffer is one for all peers: this one may have it if no other has. Before anything is read, before it is wiped, and
 * at the end of a poll. */
VMC_FN void vmc_route_share_big(vmc_peer *p)
{
    const viamc_server *s = p->server;
    uint8_t i;
    p->calls.big_elsewhere = false;
    for (i = 0; i < s->desc.max_peers && s->desc.rx_bytes != 0; i++)
        if (&s->peers[i] != p && s->peers[i].calls.big_owner != VMC_CALL_NONE)
            p->calls.big_elsewhere = true;
}

/* What a peer said and was told, once its connection is closed and no kept request shows it any more. */
VMC_FN void vmc_route_forget(vmc_peer *p)
{
    p->heard = false;
    vmc_route_share_big(p);
    vmc_wipe(p->calls.slots, (size_t)(p->calls.tx - p->calls.slots));
    if (!p->calls.big_elsewhere)
        vmc_wipe(p->calls.big, p->calls.big_cap);
}

/* True if nobody needs record c any more: the call is over, its handler has let it go, its header block is written. */
VMC_FN bool vmc_route_is_over(const vmc_peer *p, const vmc_call *c)
{
    bool writing = p->conn.state == VMC_CONN_UP && p->conn.grpc.h2.out_slot == vmc_call_index(c);
    return c->state == VMC_CALL_ENDED && !p->requests[vmc_call_index(c)].kept && !writing;
}

/* Frees the records that nobody needs any more. */
VMC_FN void vmc_route_clean(vmc_peer *p)
{
    vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        if (c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_FINISHED) != 0)
            vmc_route_close(p, c);
        if (!vmc_route_is_over(p, c))
            continue;
        p->calls.ended--;
        p->requests[vmc_call_index(c)].state = VMC_REQUEST_NONE;
        vmc_calls_free(&p->calls, c);
    }
    vmc_route_release_big(p);
    if (p->heard && p->conn.state == VMC_CONN_CLOSED && p->calls.live == NULL)
        vmc_route_forget(p);
}

#endif
#endif
/* ---- end of src/server/route_impl.h ---- */
/* ---- src/server/peer_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/peer: one client's connection: accepted, secured, read in turn with the others, dropped when it does not keep to the rules. */
#ifndef VIAMC_SERVER_PEER_IMPL_H
#define VIAMC_SERVER_PEER_IMPL_H


#ifndef VIAMC_NO_SERVER

#define VMC_SERVER_HEADER_LIST 8192u /* SETTINGS_MAX_HEADER_LIST_SIZE: as C-core's servers */
#define VMC_SERVER_TABLE 4096u       /* RFC 9113 6.5.2: first requests come before our SETTINGS */

VMC_FN bool vmc_peer_is_here(const vmc_peer *p)
{
    return p->conn.state != VMC_CONN_CLOSED;
}

VMC_FN void vmc_peer_tell(const vmc_peer *p, uint8_t kind, const char *text)
{
    vmc_server_tell(p->server, kind, p->number, viamc_text(text), viamc_text(""), p->server->now - p->came_at, 0);
}

VMC_FN const char *vmc_peer_suite(const vmc_peer *p)
{
#ifndef VIAMC_NO_TLS
    if (p->conn.secure)
        return vmc_tls_suite_name(p->conn.tls);
#endif
    (void)p;
    return VMC_TEXT("plaintext");
}

/* ---- coming ---- */

VMC_FN void vmc_peer_reset_carrier(vmc_peer *p, bool secure)
{
    const viamc_server *s = p->server;
    vmc_h2_config h2;
    VIAMC_MEMSET(&h2, 0, sizeof h2);
    h2.server = true;
    h2.streams = p->streams;
    h2.count = s->desc.max_requests;
    h2.max_streams = s->desc.max_requests;
    h2.table = p->table;
    h2.table_bytes = VMC_SERVER_TABLE;
    h2.window = s->desc.slot_bytes + VMC_CALL_PREFIX;
    h2.header_list = VMC_SERVER_HEADER_LIST;
    vmc_grpc_init(&p->conn.grpc, &h2, &p->calls);
    p->conn.grpc.https = secure;
    p->conn.grpc.scratch = p->scratch;
    p->conn.grpc.scratch_cap = VMC_SERVER_SCRATCH;
}

VMC_FN void vmc_peer_begin(vmc_peer *p)
{
    viamc_server *s = p->server;
    bool secure = s->desc.cert_count != 0;
    p->came_at = s->now;
    p->heard_at = s->now;
    p->wrong = 0;
    p->asked = false;
    p->greeted = false;
    p->known = s->desc.api_key_count == 0;
    p->addr.text[sizeof p->addr.text - 1u] = '\0';
    vmc_timer_set(&p->deadline, s->now, VMC_SERVER_GREET_MS);
    vmc_timer_off(&p->large);
    vmc_conn_start(&p->conn, secure, secure ? VMC_CONN_SECURING : VMC_CONN_UP);
    vmc_peer_reset_carrier(p, secure);
    vmc_peer_tell(p, VIAMC_SEV_CAME, p->addr.text);
#ifndef VIAMC_NO_TLS
    if (secure) {
        vmc_tls_server_desc d;
        VIAMC_MEMSET(&d, 0, sizeof d);
        d.identity = s->identity;
        d.order = s->desc.profile == VIAMC_BOARD ? VMC_TLS_CHACHA_FIRST : VMC_TLS_AES_FIRST;
        (void)vmc_conn_secure_server(&p->conn, &d);
    }
#endif
}

/* Takes a waiting connection, if this place is free. */
VMC_FN void vmc_peer_accept(vmc_peer *p)
{
    const viamc_server *s = p->server;
    if (vmc_peer_is_here(p))
        return;
    if (s->desc.port->accept(s->desc.port_user, p->number, &p->addr) == VIAMC_OK)
        vmc_peer_begin(p);
}

/* ---- going ---- */

/* The connection is over: its calls end, kept requests turn cancelled. */
VMC_FN void vmc_peer_leave(vmc_peer *p)
{
    viamc_server *s = p->server;
    viamc_server_event ev;
    VIAMC_MEMSET(&ev, 0, sizeof ev);
    ev.kind = VIAMC_SEV_LEFT;
    ev.peer = p->number;
    ev.text = viamc_text("");
    ev.name = viamc_text("");
    ev.ms = s->now - p->came_at;
    ev.error = p->conn.error;
    vmc_grpc_abort(&p->conn.grpc, VIAMC_UNAVAILABLE, "");
    vmc_conn_close(&p->conn, s->now);
    vmc_wipe(p->calls.tx, p->calls.tx_cap);
    vmc_wipe(p->table, VMC_SERVER_TABLE); /* it and scratch have the token as it was shown */
    vmc_wipe(p->scratch, VMC_SERVER_SCRATCH);
    p->heard = true;
    vmc_route_clean(p);
    s->vacant = true;
    if (s->desc.on_event != NULL)
        s->desc.on_event(s->desc.event_user, &ev);
}

/* ---- the rules that a peer has to keep ---- */

/* Says goodbye, behind the answers that are there; the connection is closed when that has been written, or tried. */
VMC_FN void vmc_peer_drop(vmc_peer *p, viamc_err code, const char *what)
{
    vmc_conn_flush(&p->conn, p->server->now);
    vmc_h2_goaway(&p->conn.grpc.h2, code == VIAMC_ERR_AUTH ? VMC_H2_ENHANCE_YOUR_CALM : VMC_H2_NO_ERROR);
    (void)vmc_conn_break(&p->conn, code, 0, "", what);
}

VMC_FN bool vmc_peer_is_quiet(const vmc_peer *p, viamc_ms ms)
{
    return vmc_time_reached(p->server->now, p->heard_at + ms);
}

/* A stranger that only occupies a place, or tries keys; one that is gone without a word. */
VMC_FN void vmc_peer_judge(vmc_peer *p)
{
    viamc_server *s = p->server;
    if (p->conn.heard) {
        p->conn.heard = false;
        p->asked = false;
        p->heard_at = s->now;
    }
    if (!p->greeted && p->conn.grpc.h2.got_settings) {
        p->greeted = true;
        vmc_timer_set(&p->deadline, p->came_at, VMC_SERVER_KNOWN_MS);
    }
    if (p->known && p->greeted)
        vmc_timer_off(&p->deadline);
    if (vmc_timer_due(&p->deadline, s->now))
        vmc_peer_drop(p, VIAMC_ERR_TIMEOUT, p->greeted ? VMC_TEXT("did not show a key in time") : VMC_TEXT("did not begin in time"));
    else if (p->wrong >= VMC_SERVER_WRONG)
        vmc_peer_drop(p, VIAMC_ERR_AUTH, VMC_TEXT("too many wrong keys"));
    else if (vmc_peer_is_quiet(p, VMC_SERVER_DEAD_MS))
        vmc_peer_drop(p, VIAMC_ERR_TIMEOUT, VMC_TEXT("said nothing for too long"));
    else if (vmc_peer_is_quiet(p, VMC_SERVER_QUIET_MS) && !p->asked)
        p->asked = vmc_h2_ask(&p->conn.grpc.h2);
}

/* The others wait for the large buffer, so it is not for strangers, and a message has to arrive in time. */
VMC_FN void vmc_peer_judge_large(vmc_peer *p)
{
    viamc_server *s = p->server;
    uint8_t owner = p->calls.big_owner;
    const vmc_call *c = vmc_calls_at(&p->calls, owner);
    if (c == NULL || c->large != VMC_CALL_BIG || vmc_call_left(c) == 0)
        vmc_timer_off(&p->large);
    else if (!p->known)
        vmc_request_finish(&p->requests[owner], VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("request too large"));
    else if (!vmc_timer_is_on(&p->large))
        vmc_timer_set(&p->large, s->now, VMC_SERVER_LARGE_MS);
    else if (vmc_timer_due(&p->large, s->now))
        vmc_request_finish(&p->requests[owner], VIAMC_RESOURCE_EXHAUSTED, VMC_TEXT("large request did not arrive in time"));
}

/* ---- a poll's work ---- */

/* Reads at most one record. Handshakes go on one step a poll over all peers: `may_secure`. */
VMC_FN void vmc_peer_read(vmc_peer *p, bool may_secure)
{
    vmc_conn *c = &p->conn;
    vmc_conn_event ev = VMC_CONN_IDLE;
    vmc_route_share_big(p);
    vmc_conn_begin(c);
    vmc_conn_flush(c, p->server->now);
    vmc_route_clean(p); /* places that were let go since the last poll are free for what comes */
    if (c->state == VMC_CONN_SECURING && !may_secure)
        return;
    c->steps = VMC_POLL_STEPS - VMC_SERVER_READS;
    do {
        ev = vmc_conn_next(c);
        if (ev == VMC_CONN_IS_UP)
            vmc_peer_tell(p, VIAMC_SEV_SECURED, vmc_peer_suite(p));
        else if (ev == VMC_CONN_REQUEST)
            vmc_route_begin(p, c->grpc.at);
    } while (ev == VMC_CONN_REQUEST || ev == VMC_CONN_GOAWAY);
    if (c->steps < VMC_POLL_STEPS)
        c->steps = 0; /* what vmc_conn_wait asks: was a bound reached? Writing has its own */
}

/* Time, handlers, answers. */
VMC_FN void vmc_peer_work(vmc_peer *p)
{
    viamc_server *s = p->server;
    vmc_peer_judge_large(p);
    vmc_route_expire(p, s->now);
    vmc_route_dispatch(p);
    vmc_conn_flush(&p->conn, s->now); /* answers go before a goodbye */
    vmc_route_clean(p);
    vmc_peer_judge(p);
    if (p->conn.grpc.h2.owed != 0)
        vmc_conn_flush(&p->conn, s->now); /* resets of calls that were answered early, a goodbye */
    if (vmc_conn_is_lost(&p->conn))
        vmc_peer_leave(p);
}

/* The calls' part: deadlines, handlers that said WAIT, requests for whose answers room has come since they were looked at, and places that
 * were let go since: others may wait for their buffer. */
VMC_FN void vmc_peer_wait_calls(const vmc_peer *p, viamc_ms now, viamc_ms *wait)
{
    const vmc_call *c;
    VMC_CALLS_EACH(&p->calls, c) {
        const viamc_request *rq = &p->requests[vmc_call_index(c)];
        if (c->state == VMC_CALL_OPEN) /* what is kept for a client that is gone has ended */
            vmc_wait_timer(wait, &c->deadline, now);
        if (vmc_calls_can_settle(&p->calls, c) || vmc_route_is_over(p, c))
            *wait = 0; /* room that the peer does not know of yet */
        if (vmc_route_is_ready(p, c))
            *wait = rq->waits && rq->need == 0 ? vmc_min32(*wait, VMC_SERVER_AGAIN_MS) : 0;
    }
}

VMC_FN void vmc_peer_wait(const vmc_peer *p, viamc_ms now, viamc_wait_hint *hint)
{
    vmc_timer quiet;
    vmc_peer_wait_calls(p, now, &hint->ms); /* also what is kept for one that is gone */
    if (!vmc_peer_is_here(p))
        return;
    vmc_wait_timer(&hint->ms, &p->deadline, now);
    vmc_wait_timer(&hint->ms, &p->large, now);
    vmc_timer_set(&quiet, p->heard_at, p->asked ? VMC_SERVER_DEAD_MS : VMC_SERVER_QUIET_MS);
    vmc_wait_timer(&hint->ms, &quiet, now);
    vmc_conn_wait(&p->conn, hint);
    if (p->calls.stirred && !p->conn.blocked && p->conn.state == VMC_CONN_UP)
        hint->ms = 0; /* answered since the last poll */
}

#endif
#endif
/* ---- end of src/server/peer_impl.h ---- */
/* ---- src/server/server_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* server/server: the layout of the block, and the poll that gives every peer its turn. */
#ifndef VIAMC_SERVER_SERVER_IMPL_H
#define VIAMC_SERVER_SERVER_IMPL_H


#ifndef VIAMC_NO_SERVER

/* ---- desc ---- */

VMC_FN void vmc_server_default(uint32_t *value, bool board, uint32_t on_host, uint32_t on_board)
{
    if (*value == 0)
        *value = board ? on_board : on_host;
}

VMC_FN void vmc_server_default8(uint8_t *value, uint8_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

VMC_FN void vmc_server_defaults(viamc_server_desc *d)
{
    bool board = d->profile == VIAMC_BOARD, tls = d->cert_count != 0;
    vmc_server_default8(&d->max_peers, 2);
    vmc_server_default8(&d->max_requests, 4);
    vmc_server_default8(&d->max_resources, 8);
    vmc_server_default8(&d->max_sessions, 4);
    vmc_server_default(&d->window_ms, board, 2000, 2000);
    vmc_server_default(&d->slot_bytes, board, 4096, 512);
    vmc_server_default(&d->tx_bytes, board, 16384, 1024);
    vmc_server_default(&d->in_bytes, board, tls ? VMC_TLS_IN_MAX : 4096, tls ? VMC_TLS_IN_MAX : 256);
    vmc_server_default(&d->out_bytes, board, 16384, 512);
    vmc_server_default(&d->message_bytes, board, 640, 256);
    if (d->platform == NULL)
        d->platform = "viamc";
    if (d->version == NULL)
        d->version = VIAMC_VERSION;
}

/* A key that is empty would let everybody in. */
VMC_FN bool vmc_server_keys_ok(const viamc_server_desc *d)
{
    size_t i;
    if (d->api_keys == NULL && d->api_key_count != 0)
        return false;
    for (i = 0; i < d->api_key_count; i++)
        if (vmc_strlen(d->api_keys[i].id) == 0 || vmc_strlen(d->api_keys[i].key) == 0)
            return false;
    return true;
}

/* Certificates and their key are somewhere. */
VMC_FN bool vmc_server_certs_ok(const viamc_server_desc *d)
{
    size_t i;
    if (d->cert_chain == NULL || d->key.ptr == NULL || d->key.len == 0)
        return false;
    for (i = 0; i < d->cert_count; i++)
        if (!vmc_is_view(d->cert_chain[i]))
            return false;
    return true;
}

/* What is wrong with a port, or NULL. */
VMC_FN const char *vmc_server_check_port(const viamc_port *p)
{
    if (p == NULL || p->accept == NULL || p->read == NULL || p->write == NULL || p->close == NULL || p->random == NULL)
        return VMC_TEXT("no port, or one without accept, read, write, close or random");
    return NULL;
}

/* What is wrong with a desc that has its defaults, or NULL. */
VMC_FN const char *vmc_server_check_desc(const viamc_server_desc *d)
{
    bool tls = d->cert_count != 0;
    if (d->guard != 0 || d->guard_end != 0)
        return VMC_TEXT("desc not initialised: begin with viamc_server_desc d = VIAMC_ZERO");
    if (d->profile > VIAMC_BOARD)
        return VMC_TEXT("profile is neither VIAMC_HOST nor VIAMC_BOARD");
    if (vmc_server_check_port(d->port) != NULL)
        return vmc_server_check_port(d->port);
    if (d->max_peers > 250u || d->max_requests > 250u || d->api_key_count > VMC_SERVER_KEYS)
        return VMC_TEXT("more than 250 peers, requests or keys");
    if (!vmc_server_keys_ok(d))
        return VMC_TEXT("an API key without id or secret");
    if (d->window_ms < 30u || d->window_ms > 60000u)
        return VMC_TEXT("window_ms out of range: 30 to 60,000");
    if (d->tx_bytes < 256u || d->out_bytes < 512u || d->slot_bytes < 64u)
        return VMC_TEXT("tx_bytes below 256, out_bytes below 512 or slot_bytes below 64");
    if (d->slot_bytes > VMC_H2_WINDOW_MAX / 4u || d->rx_bytes > VMC_CALL_MAX_MESSAGE || d->tx_bytes > VMC_CALL_MAX_MESSAGE)
        return VMC_TEXT("slot_bytes, rx_bytes or tx_bytes too large");
    if (d->out_bytes > VMC_CONN_BUFFER_MAX || d->message_bytes > VMC_CALL_MAX_MESSAGE)
        return VMC_TEXT("out_bytes or message_bytes too large");
    if (tls ? d->in_bytes < VMC_TLS_IN_MIN || d->in_bytes > VMC_TLS_IN_MAX : d->in_bytes < 64u || d->in_bytes > VMC_CONN_BUFFER_MAX)
        return VMC_TEXT("in_bytes out of range: 837 to 16,709 with TLS, 64 to 65,535 without");
    if (tls && !vmc_server_certs_ok(d))
        return VMC_TEXT("a certificate without its key");
#ifdef VIAMC_NO_TLS
    if (tls)
        return VMC_TEXT("built without TLS");
#endif
    return NULL;
}

/* ---- layout ---- */

VMC_FN uint32_t vmc_server_out_cap(const viamc_server_desc *d)
{
    return d->cert_count == 0 ? d->out_bytes : vmc_min32(d->out_bytes + 85u, VMC_TLS_OUT_MAX); /* 85: what a TLS record adds */
}

/* One peer's pieces; with base NULL only measured, and p is not touched. */
VMC_FN void vmc_server_carve_peer(const viamc_server_desc *d, vmc_carve *cv, vmc_peer *p, uint8_t *big)
{
    vmc_calls calls;
    vmc_conn_config conn;
    uint32_t n = d->max_requests;
    viamc_request *requests = (viamc_request *)vmc_carve_take(cv, n * sizeof *requests);
    vmc_h2_stream *streams = (vmc_h2_stream *)vmc_carve_take(cv, n * sizeof *streams);
    uint8_t *table = (uint8_t *)vmc_carve_take(cv, VMC_SERVER_TABLE), *scratch = (uint8_t *)vmc_carve_take(cv, VMC_SERVER_SCRATCH);
    conn.tls = NULL;
#ifndef VIAMC_NO_TLS
    if (d->cert_count != 0)
        conn.tls = vmc_carve_take(cv, vmc_tls_bytes(VMC_TLS_SERVER));
#endif
    VIAMC_MEMSET(&calls, 0, sizeof calls);
    calls.users = (vmc_user_call *)vmc_carve_take(cv, n * sizeof(vmc_user_call));
    calls.slots = (uint8_t *)vmc_carve_take(cv, (size_t)n * (d->slot_bytes + VMC_CALL_EXTRA + VMC_CALL_TEXT));
    calls.tx = (uint8_t *)vmc_carve_take(cv, d->tx_bytes);
    conn.in = (uint8_t *)vmc_carve_take(cv, d->in_bytes);
    conn.out = (uint8_t *)vmc_carve_take(cv, vmc_server_out_cap(d));
    if (p == NULL)
        return;
    calls.big = big;
    calls.slot_bytes = d->slot_bytes;
    calls.text_bytes = VMC_CALL_TEXT;
    calls.big_cap = d->rx_bytes;
    calls.tx_cap = d->tx_bytes;
    calls.one_large = true;
    calls.count = calls.user_count = calls.slot_count = (uint8_t)n;
    conn.port = d->port;
    conn.port_user = d->port_user;
    conn.number = p->number;
    conn.in_cap = d->in_bytes;
    conn.out_cap = vmc_server_out_cap(d);
    p->requests = requests;
    p->streams = streams;
    p->table = table;
    p->scratch = scratch;
    VIAMC_MEMSET(requests, 0, n * sizeof *requests);
    VIAMC_MEMSET(streams, 0, n * sizeof *streams);
    p->calls = calls;
    vmc_calls_init(&p->calls);
#ifndef VIAMC_NO_TLS
    if (conn.tls != NULL)
        VIAMC_MEMSET(conn.tls, 0, vmc_tls_bytes(VMC_TLS_SERVER));
#endif
    vmc_conn_init(&p->conn, &conn);
    vmc_peer_reset_carrier(p, false);
}

/* The one layout function: measures with base NULL, divides with the block. d has its defaults. Returns the octets. */
VMC_FN size_t vmc_server_carve(const viamc_server_desc *d, uint8_t *base)
{
    vmc_carve cv;
    viamc_server *s;
    uint8_t i, *big;
    cv.base = base;
    cv.at = 0;
    s = (viamc_server *)vmc_carve_take(&cv, sizeof *s);
    if (s != NULL) {
        VIAMC_MEMSET(s, 0, sizeof *s);
        s->desc = *d;
        vmc_error_clear(&s->error);
    }
#ifndef VIAMC_NO_TLS
    {
        vmc_tls_identity *identity = (vmc_tls_identity *)vmc_carve_take(&cv, d->cert_count == 0 ? 0 : sizeof *identity);
        if (s != NULL)
            s->identity = identity;
    }
#endif
    {
        vmc_peer *peers = (vmc_peer *)vmc_carve_take(&cv, d->max_peers * sizeof *peers);
        viamc_resource *resources = (viamc_resource *)vmc_carve_take(&cv, d->max_resources * sizeof *resources);
        vmc_safety *sessions = (vmc_safety *)vmc_carve_take(&cv, d->max_sessions * sizeof *sessions);
        uint8_t *tokens = (uint8_t *)vmc_carve_take(&cv, d->api_key_count * VMC_SERVER_TOKEN);
        uint8_t *message = (uint8_t *)vmc_carve_take(&cv, d->message_bytes), *stop = (uint8_t *)vmc_carve_take(&cv, VMC_SERVER_STOP_BYTES);
        big = (uint8_t *)vmc_carve_take(&cv, d->rx_bytes);
        for (i = 0; i < d->max_peers; i++) {
            if (s != NULL) {
                VIAMC_MEMSET(&peers[i], 0, sizeof peers[i]);
                peers[i].server = s;
                peers[i].number = i;
            }
            vmc_server_carve_peer(d, &cv, s == NULL ? NULL : &peers[i], big);
        }
        if (s == NULL)
            return cv.at;
        s->peers = peers;
        s->resources = resources;
        s->sessions = sessions;
        s->tokens = tokens;
        s->message = message;
        s->stop = stop;
    }
    VIAMC_MEMSET(s->sessions, 0, d->max_sessions * sizeof s->sessions[0]);
    s->size = cv.at;
    return cv.at;
}

VIAMC_API size_t viamc_server_mem_size(const viamc_server_desc *desc)
{
    viamc_server_desc d;
    if (desc == NULL)
        return 0;
    d = *desc;
    vmc_server_defaults(&d);
    return vmc_server_check_desc(&d) != NULL ? 0 : vmc_server_carve(&d, NULL) + VMC_ALIGN - 1u;
}

/* A server that can do nothing but say why. */
VMC_FN viamc_err vmc_server_refuse(void *memory, size_t size, viamc_err code, uint32_t detail, const char *what, viamc_server **server)
{
    size_t skip = vmc_misaligned(memory);
    if (size >= skip && size - skip >= sizeof(viamc_server)) {
        viamc_server *s = (viamc_server *)(void *)((uint8_t *)memory + skip);
        VIAMC_MEMSET(s, 0, sizeof *s);
        s->size = sizeof *s;
        (void)vmc_fail(&s->error, code, detail, "server", what);
        s->stop_len = size;
        *server = s;
    }
    return code;
}

VMC_FN viamc_err vmc_server_start(viamc_server *s)
{
    size_t n = s->desc.api_key_count * VMC_SERVER_TOKEN;
    if (n != 0 && s->desc.port->random(s->desc.port_user, s->tokens, n) != VIAMC_OK)
        return vmc_fail(&s->error, VIAMC_ERR_ENTROPY, 0, "server", VMC_TEXT("the port has no random bytes"));
#ifndef VIAMC_NO_TLS
    if (s->desc.cert_count != 0)
        return vmc_tls_identity_load(s->identity, s->desc.cert_chain, s->desc.cert_count, s->desc.key, &s->error);
#endif
    return VIAMC_OK;
}

VIAMC_API viamc_err viamc_server_init(void *memory, size_t size, const viamc_server_desc *desc, viamc_server **server)
{
    viamc_server_desc d;
    const char *wrong;
    size_t need, skip = vmc_misaligned(memory);
    if (server == NULL)
        return VIAMC_ERR_ARG;
    *server = NULL;
    if (memory == NULL || desc == NULL)
        return VIAMC_ERR_ARG;
    d = *desc;
    vmc_server_defaults(&d);
    wrong = vmc_server_check_desc(&d);
    if (wrong != NULL)
        return vmc_server_refuse(memory, size, VIAMC_ERR_ARG, 0, wrong, server);
    need = vmc_server_carve(&d, NULL);
    if (size < skip || size - skip < need)
        return vmc_server_refuse(memory, size, VIAMC_ERR_NOMEM, (uint32_t)(need + VMC_ALIGN - 1u), VMC_TEXT("memory too small"), server);
    (void)vmc_server_carve(&d, (uint8_t *)memory + skip);
    *server = (viamc_server *)(void *)((uint8_t *)memory + skip);
    return vmc_server_start(*server);
}

/* ---- errors ---- */

VIAMC_API viamc_error viamc_server_error(const viamc_server *s)
{
    viamc_error none;
    if (s != NULL)
        return s->error;
    vmc_error_clear(&none);
    (void)vmc_fail(&none, VIAMC_ERR_NOMEM, 0, "server", VMC_TEXT("memory too small"));
    return none;
}

VIAMC_API size_t viamc_server_explain(const viamc_server *s, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL || cap == 0 ? 0 : cap - 1u);
    viamc_error e = viamc_server_error(s);
    if (e.code == VIAMC_ERR_NOMEM && e.detail != 0) {
        vmc_wr_text(&w, VMC_TEXT("NOMEM: server needs "));
        vmc_wr_grouped(&w, e.detail);
        vmc_wr_text(&w, VMC_TEXT(" bytes, "));
        vmc_wr_grouped(&w, (uint32_t)s->stop_len);
        vmc_wr_text(&w, VMC_TEXT(" given"));
    } else {
        vmc_wr_text(&w, viamc_err_name(e.code));
        if (e.code != VIAMC_OK && e.what[0] != '\0') {
            vmc_wr_text(&w, ": ");
            vmc_wr_text(&w, e.what);
        }
    }
    if (buf != NULL && cap != 0)
        buf[w.len] = '\0';
    return w.len;
}

/* ---- the poll ---- */

/* The peer whose handshake goes on in this poll: one after another. */
VMC_FN uint8_t vmc_server_next_handshake(viamc_server *s)
{
    uint8_t k, n = s->desc.max_peers;
    for (k = 1; k <= n; k++) {
        uint8_t i = (uint8_t)((s->handshake + k) % n);
        if (s->peers[i].conn.state == VMC_CONN_SECURING) {
            s->handshake = i;
            return i;
        }
    }
    return VMC_SERVER_NONE;
}

VIAMC_API viamc_err viamc_server_poll(viamc_server *s, viamc_ms now)
{
    uint8_t k, n, handshake;
    if (s == NULL)
        return VIAMC_ERR_ARG;
    if (s->in_poll || s->error.code != VIAMC_OK)
        return VIAMC_ERR_STATE;
    n = s->desc.max_peers;
    s->in_poll = true;
    s->now = now;
    vmc_sessions_poll(s); /* first: a Stop waits for nobody */
    s->vacant = false;
    for (k = 0; k < n; k++)
        vmc_peer_accept(&s->peers[k]);
    handshake = vmc_server_next_handshake(s);
    for (k = 0; k < n; k++) {
        uint8_t i = (uint8_t)((s->turn + k) % n);
        if (vmc_peer_is_here(&s->peers[i]))
            vmc_peer_read(&s->peers[i], i == handshake);
    }
    for (k = 0; k < n; k++) {
        uint8_t i = (uint8_t)((s->turn + k) % n);
        if (vmc_peer_is_here(&s->peers[i]))
            vmc_peer_work(&s->peers[i]);
        else
            vmc_route_clean(&s->peers[i]);
    }
    for (k = 0; k < n; k++)
        vmc_route_share_big(&s->peers[k]); /* for viamc_server_wait: one that has waited for it goes on at once */
    s->turn = (uint8_t)((s->turn + 1u) % n);
    s->in_poll = false;
    return VIAMC_OK;
}

VIAMC_API void viamc_server_wait(const viamc_server *s, viamc_ms now, viamc_wait_hint *hint)
{
    uint8_t i;
    if (hint == NULL)
        return;
    hint->ms = VIAMC_FOREVER;
    hint->want = VIAMC_WANT_READ;
    if (s == NULL || s->error.code != VIAMC_OK)
        return;
    vmc_sessions_wait(s, now, &hint->ms);
    for (i = 0; i < s->desc.max_peers; i++)
        vmc_peer_wait(&s->peers[i], now, hint);
    if (s->vacant)
        hint->ms = 0; /* somebody may have been waiting for it */
}

VIAMC_API void viamc_server_close(viamc_server *s)
{
    uint8_t i;
    if (s == NULL || s->in_poll)
        return;
    s->in_poll = true;
    for (i = 0; i < s->desc.max_sessions && s->sessions != NULL; i++)
        if (s->sessions[i].used)
            vmc_sessions_end(s, i);
    vmc_sessions_run(s);
    for (i = 0; i < s->desc.max_peers && s->peers != NULL; i++) {
        if (!vmc_peer_is_here(&s->peers[i]))
            continue;
        vmc_h2_goaway(&s->peers[i].conn.grpc.h2, VMC_H2_NO_ERROR);
        vmc_conn_flush(&s->peers[i].conn, s->now);
        vmc_conn_close(&s->peers[i].conn, s->now);
    }
    vmc_wipe(s, s->size);
}

#endif
#endif
/* ---- end of src/server/server_impl.h ---- */
/* ---- src/loops/posix_loop_impl.h ---- */
/* SPDX-License-Identifier: MIT */
/* loops/posix_loop: poll, look, sleep, repeat. */
#ifndef VIAMC_LOOPS_POSIX_LOOP_IMPL_H
#define VIAMC_LOOPS_POSIX_LOOP_IMPL_H


#ifndef VIAMC_NO_POSIX

#define VMC_LOOP_TEXT 256u /* longest explanation */

/* How the last wait ended, for viamc_posix_explain. Lies in viamc_posix.text. */
VMC_FN void vmc_loop_say(viamc_posix *p, const char *a, const char *b, viamc_str c)
{
    vmc_wr w = vmc_wr_of(p->text, sizeof p->text - 1u);
    vmc_explain_cut(&w, a);
    vmc_explain_cut(&w, b);
    if (c.len != 0)
        vmc_explain_cut(&w, ": ");
    vmc_wr_cut(&w, c.ptr, c.len);
    p->text[w.len] = '\0';
}

/* All memory that a client with defaults leaves, for large replies. The slots of 4 calls and Stop are larger than the certificate check. */
VMC_FN void vmc_loop_fit(viamc_client_desc *d, size_t size)
{
    size_t need = viamc_client_mem_size(d);
    if (need <= size) /* else viamc_client_init says what is wrong */
        d->rx_bytes = (uint32_t)vmc_min((size - need) & ~(size_t)7u, VMC_CALL_MAX_MESSAGE);
}

/* "NOMEM: client needs 9,416 bytes, 8,192 given" */
VMC_FN void vmc_loop_say_nomem(viamc_posix *p, const viamc_client_desc *d, size_t size)
{
    vmc_wr w = vmc_wr_of(p->text, sizeof p->text - 1u);
    vmc_explain_cut(&w, "NOMEM: client needs ");
    vmc_explain_number(&w, (uint32_t)viamc_client_mem_size(d));
    vmc_explain_cut(&w, " bytes, ");
    vmc_explain_number(&w, (uint32_t)size);
    vmc_explain_cut(&w, " given");
    p->text[w.len] = '\0';
}

VMC_FN void vmc_loop_fill_dial(viamc_posix *p, viamc_dial_desc *d)
{
    if (d->next_root == NULL && d->anchor_count == 0 && d->pin_sha256.len == 0) {
        d->next_root = viamc_posix_next_root;
        d->next_root_user = p;
    }
    if (d->unix_time == 0)
        d->unix_time = viamc_posix_unix_time();
}

/* A name may be looked for on the local network, where anybody can answer: the certificate is verified, and no port was written. */
VMC_FN bool vmc_loop_may_look(const viamc_client *c)
{
#ifndef VIAMC_NO_TLS
    vmc_address a;
    return vmc_address_parse(c->desc.address, 0, &a) == NULL && a.port == 0 && !c->desc.insecure && !c->desc.allow_downgrade;
#else
    (void)c;
    return false;
#endif
}

VIAMC_API viamc_err viamc_posix_open(viamc_posix *posix, void *memory, size_t size, const viamc_client_desc *desc, const viamc_dial_desc *dial, viamc_client **client)
{
    viamc_client_desc d = VIAMC_ZERO;
    viamc_dial_desc dd;
    viamc_err err;
    if (posix == NULL || dial == NULL || client == NULL)
        return VIAMC_ERR_ARG;
    dd = *dial;
    viamc_posix_init(posix);
    if (desc != NULL)
        d = *desc;
    d.port = viamc_posix_port();
    d.port_user = posix;
    if (desc == NULL)
        vmc_loop_fit(&d, size);
    err = viamc_client_init(memory, size, &d, client);
    if (err == VIAMC_ERR_NOMEM)
        vmc_loop_say_nomem(posix, &d, size);
    else if (err == VIAMC_ERR_ARG)
        vmc_loop_say(posix, "ARG: ", viamc_client_desc_error(&d), viamc_text(""));
    if (err != VIAMC_OK)
        return err;
    posix->loop = *client;
    vmc_loop_fill_dial(posix, &dd);
    err = viamc_dial(*client, &dd);
    posix->mdns = err == VIAMC_OK && vmc_loop_may_look(*client);
    return err;
}

/* Sleeps as long as there is nothing to do, until `until` at the latest. Returns the time after it. */
VMC_FN viamc_ms vmc_loop_sleep(viamc_posix *p, viamc_ms now, viamc_ms until)
{
    viamc_wait_hint hint;
    viamc_wait((const viamc_client *)p->loop, now, &hint);
    if (vmc_time_reached(now, until))
        hint.ms = 0;
    else if (hint.ms > until - now)
        hint.ms = until - now;
    if (hint.ms != 0)
        (void)viamc_posix_sleep(p, &hint);
    return viamc_posix_now(); /* it goes on whatever viamc_wait says */
}

/* Whether there is a client to wait for. */
VMC_FN viamc_err vmc_loop_check(const viamc_posix *p)
{
    if (p == NULL)
        return VIAMC_ERR_ARG;
    return p->loop == NULL ? VIAMC_ERR_STATE : VIAMC_OK;
}

VIAMC_API viamc_err viamc_posix_turn(viamc_posix *posix, uint32_t ms)
{
    viamc_ms now = viamc_posix_now();
    viamc_err err = vmc_loop_check(posix);
    if (err != VIAMC_OK)
        return err;
    return viamc_poll((viamc_client *)posix->loop, vmc_loop_sleep(posix, now, now + vmc_min32(ms, VMC_TIME_MAX)));
}

/* Polls until `kind` comes (of `call`, if that is not 0), or until the time is over. */
VMC_FN viamc_err vmc_loop_until(viamc_posix *p, uint8_t kind, viamc_call call, uint32_t ms, viamc_event *ev)
{
    viamc_client *c = (viamc_client *)p->loop;
    viamc_ms now = viamc_posix_now(), until = now + vmc_min32(ms, VMC_TIME_MAX);
    p->text[0] = '\0'; /* of the helper before */
    p->conn[0].skip = p->conn[0].drained && ms != 0; /* the first poll is there to send */
    for (;; now = vmc_loop_sleep(p, now, until)) { /* ends with the time, at the latest */
        viamc_err err = viamc_poll(c, now);
        while (viamc_next_event(c, ev)) {
            p->session_lost = p->session_lost || ev->kind == VIAMC_EV_SESSION_LOST;
            if (ev->kind == kind && (call == 0 || ev->call == call))
                return VIAMC_OK;
        }
        if (err != VIAMC_OK)
            return err;
        if (vmc_time_reached(now, until))
            return VIAMC_ERR_TIMEOUT;
    }
}

/* What a client that is not ready and has no error waits for. */
VMC_FN const char *vmc_loop_step(const viamc_client *c)
{
    switch (c->dial.step) {
    case VMC_DIAL_OPENING: return "still connecting";
    case VMC_DIAL_SECURING: return "connected, waiting for the robot's part of the TLS handshake";
    case VMC_DIAL_GREETING: return "connected, waiting for the robot's first octets of HTTP/2";
    case VMC_DIAL_AUTH: return "waiting for the answer to Authenticate";
    default: return "waiting to dial again";
    }
}

/* "SetPower: not done in time (10.0.0.7:8080)" */
VMC_FN void vmc_loop_say_late(viamc_posix *p, const char *what, const char *how)
{
    vmc_wr w = vmc_wr_of(p->text, sizeof p->text - 1u);
    vmc_explain_cut(&w, what);
    vmc_explain_cut(&w, ": ");
    vmc_explain_cut(&w, how);
    vmc_explain_in_brackets((const viamc_client *)p->loop, &w);
    p->text[w.len] = '\0';
}

VIAMC_API viamc_err viamc_posix_ready(viamc_posix *posix, uint32_t ms)
{
    const viamc_client *c;
    char why[sizeof posix->text];
    viamc_str text;
    viamc_event ev;
    viamc_err err = vmc_loop_check(posix);
    if (err != VIAMC_OK)
        return err;
    c = (const viamc_client *)posix->loop;
    if (viamc_state(c) == VIAMC_READY)
        return VIAMC_OK;
    err = vmc_loop_until(posix, VIAMC_EV_READY, 0, ms, &ev);
    text.ptr = why;
    text.len = viamc_client_error(c).code == VIAMC_OK ? 0 : viamc_explain(c, why, sizeof why);
    if (err == VIAMC_ERR_TIMEOUT && text.len != 0)
        vmc_loop_say(posix, "not ready in time", "", text);
    else if (err == VIAMC_ERR_TIMEOUT && viamc_state(c) != VIAMC_IDLE)
        vmc_loop_say_late(posix, "not ready in time", vmc_loop_step(c));
    return err;
}

/* "SetPower" of "/viam.component.motor.v1.MotorService/SetPower" */
VMC_FN const char *vmc_loop_method(const char *path)
{
    const char *name = path;
    size_t i;
    for (i = 0; path != NULL && path[i] != '\0'; i++)
        if (path[i] == '/')
            name = path + i + 1u;
    return name == NULL ? "call" : name;
}

/* The path of a call that goes on; NULL: it is none. */
VMC_FN const char *vmc_loop_path(const viamc_client *c, viamc_call call)
{
    const vmc_call *found = vmc_calls_find(&c->calls, call);
    return found == NULL ? NULL : vmc_call_path(found).ptr;
}

VIAMC_API viamc_err viamc_posix_finish(viamc_posix *posix, viamc_call call, uint32_t ms, viamc_event *ev)
{
    const viamc_client *c;
    viamc_event own;
    viamc_event *e = ev == NULL ? &own : ev;
    char head[64];
    vmc_wr w = vmc_wr_of(head, sizeof head - 1u);
    viamc_err err = vmc_loop_check(posix);
    if (err != VIAMC_OK)
        return err;
    c = (const viamc_client *)posix->loop;
    posix->text[0] = '\0';
    if (call == 0)
        return VIAMC_ERR_ARG;
    if (vmc_calls_find(&c->calls, call) == NULL && call != c->motion.covered)
        return VIAMC_ERR_NOT_FOUND;
    err = vmc_loop_until(posix, VIAMC_EV_DONE, call, ms, e);
    if (err == VIAMC_ERR_TIMEOUT)
        vmc_loop_say_late(posix, vmc_loop_method(vmc_loop_path(c, call)), "not done in time");
    if (err != VIAMC_OK || e->status == VIAMC_OK)
        return err;
    vmc_explain_cut(&w, vmc_loop_method(e->path));
    vmc_explain_cut(&w, ": ");
    head[w.len] = '\0';
    vmc_loop_say(posix, head, viamc_status_name(e->status), e->text);
    return VIAMC_ERR_RPC;
}

VIAMC_API viamc_err viamc_posix_run(viamc_posix *posix, uint32_t ms)
{
    const viamc_client *c;
    viamc_event ev;
    viamc_err err = vmc_loop_check(posix);
    if (err != VIAMC_OK)
        return err;
    c = (const viamc_client *)posix->loop;
    err = vmc_loop_until(posix, VIAMC_EV_SESSION_LOST, 0, posix->session_lost ? 0 : ms, &ev);
    if (posix->session_lost) {
        posix->session_lost = false;
        return VIAMC_ERR_SESSION;
    }
    if (err == VIAMC_ERR_TIMEOUT)
        return viamc_state(c) == VIAMC_READY ? (viamc_err)VIAMC_OK : viamc_client_error(c).code;
    return err;
}

/* ---- robots of the local network ---- */

VIAMC_API viamc_err viamc_posix_find(viamc_found *robots, size_t max, uint32_t ms, size_t *count)
{
    viamc_ms now = viamc_posix_now(), until = now + vmc_min32(ms, VMC_TIME_MAX), again = now;
    uint8_t buf[VMC_MDNS_MAX_PACKET + 1u];
    viamc_bytes packet;
    unsigned i;
    vmc_lan lan;
    if (robots == NULL || count == NULL)
        return VIAMC_ERR_ARG;
    *count = 0;
    lan = vmc_lan_open();
    if (!vmc_lan_is_open(lan))
        return VIAMC_ERR_IO;
    for (; !vmc_time_reached(now, until); now = viamc_posix_now()) {
        if (vmc_time_reached(now, again)) {
            vmc_lan_ask(lan);
            again = now + VMC_LAN_AGAIN;
        }
        vmc_lan_sleep(lan, (vmc_time_reached(until, again) ? again : until) - now);
        for (i = 0; i < VMC_LAN_DATAGRAMS && vmc_lan_hear(lan, buf, &packet); i++)
            *count = viamc_find_add(packet, robots, max, *count);
    }
    vmc_lan_close(&lan);
    return VIAMC_OK;
}

/* ---- files ---- */

VMC_FN bool vmc_loop_label_ends(viamc_str label, const char *end)
{
    size_t n = vmc_strlen(end);
    return label.len >= n && vmc_same(label.ptr + label.len - n, end, n);
}

/* Takes the objects that one piece of the file completes. */
VMC_FN viamc_err vmc_loop_take_pem(vmc_pem *pem, viamc_bytes piece, const char *label, vmc_wr *out, viamc_bytes *der, size_t max, size_t *count)
{
    for (;;) { /* each turn consumes octets of the piece, until MORE */
        unsigned found = vmc_pem_next(pem, &piece);
        if (found == VMC_PEM_MORE)
            return VIAMC_OK;
        if (!vmc_loop_label_ends(vmc_pem_label(pem), label))
            continue;
        if (found != VMC_PEM_OBJECT || *count == max)
            return found == VMC_PEM_BAD ? VIAMC_ERR_MESSAGE : VIAMC_ERR_NOMEM;
        der[(*count)++] = viamc_view(pem->der.ptr, pem->der.len);
        (void)vmc_wr_claim(out, pem->der.len); /* it lies at the end of out already: the next one goes behind it */
        pem->der = vmc_wr_of(out->ptr + out->len, vmc_wr_room(out));
    }
}

VIAMC_API viamc_err viamc_posix_read_pem(const char *path, const char *label, uint8_t *buf, size_t cap, viamc_bytes *der, size_t max, size_t *count)
{
    uint8_t piece[512];
    vmc_wr out = vmc_wr_of(buf, cap);
    vmc_pem pem;
    viamc_err err = VIAMC_OK;
    ssize_t n = 1;
    int fd;
    if (path == NULL || label == NULL || buf == NULL || der == NULL || count == NULL)
        return VIAMC_ERR_ARG;
    *count = 0;
    fd = open(path, VMC_POSIX_OPEN);
    if (fd < 0)
        return VIAMC_ERR_IO;
    vmc_pem_begin(&pem, buf, cap);
    while (err == VIAMC_OK && (n = read(fd, piece, sizeof piece)) > 0)
        err = vmc_loop_take_pem(&pem, viamc_view(piece, (size_t)n), label, &out, der, max, count);
    (void)close(fd);
    vmc_wipe(piece, sizeof piece);
    if (n < 0)
        return VIAMC_ERR_IO;
    return err == VIAMC_OK && *count == 0 ? (viamc_err)VIAMC_ERR_NOT_FOUND : err;
}

VMC_FN void vmc_loop_print(const char *s)
{
    size_t n = vmc_strlen(s);
    while (n != 0) {
        ssize_t done = write(STDERR_FILENO, s, (unsigned)n);
        if (done <= 0)
            return;
        s += done;
        n -= (size_t)done;
    }
}

/* What to do about the mistakes of a caller that leave no error behind. */
VMC_FN const char *vmc_loop_advice(const viamc_client *c, viamc_err err)
{
    switch (err) {
    case VIAMC_ERR_ARG: return ": a parameter or a member of a desc is wrong; the declaration of the function says what it may be";
    case VIAMC_ERR_STATE:
        if (c == NULL)
            return ": there is no client; viamc_posix_open makes one";
        return viamc_state(c) == VIAMC_READY ? ": not now" : ": not connected; wait with viamc_posix_ready";
    case VIAMC_ERR_BUSY: return ": all calls are in use, tx_bytes are full, or a Stop of this resource is under way; finish one, then try again";
    case VIAMC_ERR_NOT_FOUND: return ": no such name, or the call is over and its DONE was taken";
    default: return "";
    }
}

/* The path of the system's trust store, if that could not be read. */
VMC_FN void vmc_loop_print_roots(const viamc_posix *p, const viamc_client *c)
{
#ifndef VIAMC_NO_TLS
    if (viamc_client_error(c).code != VIAMC_ERR_TLS_CERT || c->desc.next_root != viamc_posix_next_root || viamc_posix_errno(p, VIAMC_POSIX_ROOTS) == 0)
        return;
    vmc_loop_print(": ");
    vmc_loop_print(viamc_posix_roots_path());
#else
    (void)p;
    (void)c;
#endif
}

/* Why the port failed, in the system's words, on Windows by its number. */
VMC_FN void vmc_loop_print_reason(const viamc_posix *p, const viamc_client *c)
{
    int error = viamc_posix_errno(p, 0);
    if (c == NULL || viamc_client_error(c).code != VIAMC_ERR_IO || error == 0)
        return;
    vmc_loop_print(": ");
#ifdef _WIN32
    {
        char text[12];
        vmc_wr w = vmc_wr_of(text, sizeof text - 1u);
        vmc_wr_dec(&w, (uint32_t)error);
        text[w.len] = '\0';
        vmc_loop_print("error ");
        vmc_loop_print(text);
    }
#else
    vmc_loop_print(strerror(error));
#endif
}

VIAMC_API int viamc_posix_explain(viamc_posix *posix, const char *program, viamc_err err)
{
    char buf[VMC_LOOP_TEXT];
    const viamc_client *c = posix == NULL ? NULL : (const viamc_client *)posix->loop;
    vmc_loop_print(program);
    vmc_loop_print(": ");
    if (posix != NULL && posix->text[0] != '\0' && (c == NULL || viamc_state(c) != VIAMC_FAILED)) {
        vmc_loop_print(posix->text);
    } else if (c != NULL && (viamc_client_error(c).code != VIAMC_OK || err == VIAMC_ERR_SESSION)) {
        (void)viamc_explain(c, buf, sizeof buf);
        vmc_loop_print(buf);
        vmc_loop_print_roots(posix, c);
    } else {
        vmc_loop_print(viamc_err_name(err));
        vmc_loop_print(vmc_loop_advice(c, err));
    }
    vmc_loop_print_reason(posix, c);
    vmc_loop_print("\n");
    return 1;
}

#endif
#endif
/* ---- end of src/loops/posix_loop_impl.h ---- */

#ifdef __cplusplus
}
#endif

#endif

/*
 * MIT License
 *
 * Copyright (c) 2026 The viamc authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
