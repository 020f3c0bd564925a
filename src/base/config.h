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
