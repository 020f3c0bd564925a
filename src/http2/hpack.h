/* SPDX-License-Identifier: MIT */
/* http2/hpack: header compression, RFC 7541, both directions.
 * Knows octets, the static table and which names the library treats; knows nothing of frames, streams and calls.
 * The caller counts blocks, fields and list octets (RFC 9113 10.5.1) and judges what the fields mean. */
#ifndef VIAMC_HTTP2_HPACK_H
#define VIAMC_HTTP2_HPACK_H

#include "base/config.h"
#include "base/core.h"
#include "base/core_impl.h"

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
