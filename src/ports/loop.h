/* SPDX-License-Identifier: MIT */
/* ports/loop: a network in memory, with a clock that the test moves and faults on request.
 * Knows base/port; knows nothing of what the octets mean. Nothing here points into itself: a copy of a vmc_loop is a snapshot,
 * and the same calls after it bring the same octets. */
#ifndef VIAMC_PORTS_LOOP_H
#define VIAMC_PORTS_LOOP_H

#include "base/core.h"
#include "base/time.h"

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
