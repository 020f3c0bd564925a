/* SPDX-License-Identifier: MIT */
/* ports/posix: sockets, names, trust store, clock and random octets of a POSIX system, none of which blocks. On Windows the same functions
 * are made by ports/win.
 * Knows base/port and the codecs dns and pem; knows nothing of what is sent. */
#ifndef VIAMC_PORTS_POSIX_H
#define VIAMC_PORTS_POSIX_H

#include "base/core.h"
#include "base/port.h"
#include "base/time.h"
#include "ports/win.h"

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
