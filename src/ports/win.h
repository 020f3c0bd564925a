/* SPDX-License-Identifier: MIT */
/* ports/win: what ports/posix is on Windows: its functions over Winsock, the system's resolver and its certificate store ROOT. A program is
 * the same on both; it is linked with -lws2_32 -lbcrypt -lcrypt32. No unix sockets. */
#ifndef VIAMC_PORTS_WIN_H
#define VIAMC_PORTS_WIN_H

#include "base/config.h"
#include "base/time.h"

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
