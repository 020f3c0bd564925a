/* SPDX-License-Identifier: MIT */
/* What hostile peers do, a row each, and what has to come of it. The numbers are those of the checklist in README.md; the notation is
 * described in notation.h, the scenes in programs.h. H is where a header block may begin: the reply to the victim V, or a new request; B is the
 * bystander, which must not notice. HOST: only a host's buffers take it, a board's client is spared. Include after notation.h. */
#ifndef VIAMC_HOSTILE_ROWS_H
#define VIAMC_HOSTILE_ROWS_H

/* What comes of it. */
typedef enum outcome {
    NOTHING, /* neither V nor B notices */
    ENDED,   /* V, or the request H, ends with a status; the connection goes on */
    RESET,   /* V, or H, is reset with a code; the connection goes on */
    BROKEN,  /* GOAWAY with a code, then the end */
    FLOOD,   /* BROKEN, where it comes faster than answers leave; else NOTHING */
    DRAINED, /* the peer has said GOAWAY: V and B end as they should, then the client dials again */
    REFUSED, /* TLS ends with an error */
    GIVEN_UP /* the peer is silent: every call ends by our clock, then the connection */
} outcome;

typedef struct row {
    uint8_t number;    /* in the checklist */
    uint8_t roles;     /* which side is under test */
    uint8_t scene;
    const char *what;
    const char *script;
    uint8_t outcome;
    uint8_t code;      /* RESET, BROKEN, FLOOD: of RFC 9113 7 */
    uint8_t status, ran; /* client: of V (or of the call that the script starts); robot: grpc-status, where ENDED */
    const char *cve;   /* attacks that were given a name or a number; NULL: none */
    const char *reaction; /* for these, in words */
} row;

#define NOTHING_ NOTHING, 0, VIAMC_OK, VIAMC_ANSWERED, NULL, NULL
#define ENDED_(status, ran) ENDED, 0, VIAMC_##status, VIAMC_##ran, NULL, NULL
#define RESET_(code) RESET, VMC_H2_##code, VIAMC_INTERNAL, VIAMC_MAYBE, NULL, NULL
#define BROKEN_(code) BROKEN, VMC_H2_##code, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL
#define REFUSED_ REFUSED, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL
#define FLOOD_ FLOOD, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL
/* The same with a name. */
#define KNOWN_BROKEN(cve, reaction) BROKEN, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_UNAVAILABLE, VIAMC_MAYBE, cve, reaction
#define KNOWN_FLOOD(cve, reaction) FLOOD, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_UNAVAILABLE, VIAMC_MAYBE, cve, reaction
#define KNOWN_RESET(code, status, cve, reaction) RESET, VMC_H2_##code, VIAMC_##status, VIAMC_MAYBE, cve, reaction
#define KNOWN_NOTHING(cve, reaction) NOTHING, 0, VIAMC_OK, VIAMC_ANSWERED, cve, reaction
#define KNOWN_ENDED(status, ran, cve, reaction) ENDED, 0, VIAMC_##status, VIAMC_##ran, cve, reaction

#define PREFACE "RAW 'PRI * HTTP/2.0' 0d0a0d0a 'SM' 0d0a0d0a;"
#define OK_REPLY "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=0"
#define REQUEST(fields) "HEADERS+EH H " fields " content-type=application/grpc"

static const row rows[] = {
    /* 1: no HTTP/2 at all */
    {1, BOTH, EARLY, "an HTTP/1.1 answer", "RAW 'HTTP/1.1 400 Bad Request' 0d0a0d0a '<html>'", BROKEN_(PROTOCOL_ERROR)},
    {1, BOTH, EARLY, "an SSH banner", "RAW 'SSH-2.0-OpenSSH_9.2p1' 0d0a", BROKEN_(PROTOCOL_ERROR)},
    {1, BOTH, EARLY, "a TLS hello", "RAW 16030100c8010000c40303 00*190", BROKEN_(PROTOCOL_ERROR)},
    {1, CLIENT, EARLY, "PING first", "PING 0 00*8", BROKEN_(PROTOCOL_ERROR)},
    {1, CLIENT, EARLY, "an acknowledgement first", "SETTINGS+ACK 0", BROKEN_(PROTOCOL_ERROR)},
    {1, CLIENT, EARLY, "GOAWAY first", "GOAWAY 0 =0 =0", BROKEN_(PROTOCOL_ERROR)},
    {1, SERVER, EARLY, "HTTP/1.1", "RAW 'GET / HTTP/1.1' 0d0a 'Host: robot' 0d0a0d0a", BROKEN_(PROTOCOL_ERROR)},
    {1, SERVER, EARLY, "a preface with a wrong last octet", "RAW 'PRI * HTTP/2.0' 0d0a0d0a 'SM' 0d0a0d0b", BROKEN_(PROTOCOL_ERROR)},
    {1, SERVER, EARLY, "PING behind the preface", PREFACE "PING 0 00*8", BROKEN_(PROTOCOL_ERROR)},

    /* 2: silence; 3 is how every row is sent */
    {2, BOTH, EARLY, "nothing at all", "MUTE; WAIT 40000", GIVEN_UP, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL},
    {2, SERVER, EARLY, "half a preface", "MUTE; RAW 'PRI * HT'; WAIT 40000", GIVEN_UP, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL},
    {2, BOTH, CALLS, "half a frame's header", "MUTE; RAW 0000; WAIT 40000", GIVEN_UP, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL},
    {2, BOTH, CALLS, "half a message", "MUTE; HEADERS+EH H @ok; DATA/20 H 00 =15 'abc'; WAIT 40000", GIVEN_UP, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE, NULL, NULL},

    /* 4, 5: what is unknown */
    {4, BOTH, CALLS, "unknown frames", "Tee+ff 0 0102030405; T0a V 00*100; Tff 0", NOTHING_},
    {4, BOTH, CALLS, "unknown flags", "PING+fe 0 00*8; SETTINGS+fe 0; CREDIT+ff V =1", NOTHING_},
    {4, BOTH, CALLS, "the reserved bit", "PING ^0 00*8; SETTINGS ^0; CREDIT ^V =1; CREDIT V =0x80000001", NOTHING_},
    {4, BOTH, CALLS, "unknown settings", "SETTINGS 0 0007 =1 0008 =1 000a =0xffffffff ffff =7 0000 =9", NOTHING_},
    {5, BOTH, CALLS, "an unknown frame of 16 MB", "Tee/16777215 0", BROKEN_(FRAME_SIZE_ERROR)},
    {5, BOTH, CALLS, "an unknown frame of 16,384 octets", "Tee 0 00*16384", NOTHING_},

    /* 6, 7: sizes of frames */
    {6, BOTH, CALLS, "DATA of 16,385 octets", "HEADERS+EH H @ok; DATA/16385 H", BROKEN_(FRAME_SIZE_ERROR)},
    {6, BOTH, CALLS, "HEADERS of 16,385 octets", "HEADERS/16385+EH H", BROKEN_(FRAME_SIZE_ERROR)},
    {6, BOTH, CALLS, "SETTINGS of 16,386 octets", "SETTINGS/16386 0", BROKEN_(FRAME_SIZE_ERROR)},
    {7, BOTH, CALLS, "DATA of 16,384 octets", "HOST; HEADERS+EH H @ok; DATA H msg*16379; END", ENDED_(OK, ANSWERED)},

    /* 8 to 13: HPACK */
    {8, BOTH, CALLS, "an integer without end in a block", "HEADERS+EH H ff", BROKEN_(COMPRESSION_ERROR)},
    {8, BOTH, CALLS, "a string without end in a block", "HEADERS+EH H 00 03 6162", BROKEN_(COMPRESSION_ERROR)},
    {8, BOTH, CALLS, "index 0", "HEADERS+EH H 80", BROKEN_(COMPRESSION_ERROR)},
    {8, BOTH, CALLS, "an index behind the table", "HEADERS+EH H be", BROKEN_(COMPRESSION_ERROR)},
    {8, BOTH, CALLS, "a name's index behind the table", "HEADERS+EH H 7f00 0161", BROKEN_(COMPRESSION_ERROR)},
    {9, BOTH, CALLS, "an integer padded without end", "HEADERS+EH H ff 80*30", BROKEN, VMC_H2_COMPRESSION_ERROR, VIAMC_UNAVAILABLE, VIAMC_MAYBE,
     "CVE-2023-33953 (HPACK varint)", "an integer has at most six octets; then COMPRESSION_ERROR"},
    {9, BOTH, CALLS, "an integer above 2^31", "HEADERS+EH H ff ffffffff0f", BROKEN_(COMPRESSION_ERROR)},
    {10, BOTH, CALLS, "a string of 4 GB", "HEADERS+EH H 00 7f80ffffff0f", BROKEN, VMC_H2_COMPRESSION_ERROR, VIAMC_UNAVAILABLE, VIAMC_MAYBE,
     "CVE-2023-33953 (unbounded buffering)", "refused by its length; strings are never put together, only looked at in pieces"},
    {11, BOTH, CALLS, "Huffman: EOS in a text", "HEADERS+EH H 00 0161 84ffffffff", BROKEN_(COMPRESSION_ERROR)},
    {11, BOTH, CALLS, "Huffman: padding of eleven bits", "HEADERS+EH H 00 0161 821fff", BROKEN_(COMPRESSION_ERROR)},
    {11, BOTH, CALLS, "Huffman: padding that is not ones", "HEADERS+EH H 00 0161 8118", BROKEN_(COMPRESSION_ERROR)},
    {12, BOTH, CALLS, "a table size of 4,097", "HEADERS+EH H 3fe21f 88", BROKEN_(COMPRESSION_ERROR)},
    {12, BOTH, CALLS, "a table size in the middle of a block", "HEADERS+EH H @ok 20", BROKEN_(COMPRESSION_ERROR)},
    {12, BOTH, CALLS, "three table sizes", "HEADERS+EH H 20 20 20 @ok", BROKEN_(COMPRESSION_ERROR)},
    {12, BOTH, CALLS, "two table sizes", "HOST; HEADERS+EH H 20 3fe11f @ok; REST", ENDED_(OK, ANSWERED)},
    {13, BOTH, CALLS, "an entry larger than the table", "HOST; HEADERS+EH H @ok 400161 7f811f 78*4096; REST", ENDED_(OK, ANSWERED)},
    {13, BOTH, CALLS, "an index behind an entry larger than the table", "HEADERS+EH H @ok 400161 7f811f 78*4096 be", BROKEN_(COMPRESSION_ERROR)},
    {14, BOTH, CALLS, "HPACK bomb: 20 fields of 4,000 octets in 4,100", "HOST; HEADERS+EH H @ok 400161 7fa11e 78*4000 be*20",
     KNOWN_BROKEN("CVE-2016-6581 (HPACK bomb)", "a header list counts decoded octets: ENHANCE_YOUR_CALM above 64 KB; nothing is kept")},

    {14, BOTH, CALLS, "a header list of 10,000 octets, with an entry for the table",
     "HEADERS+EH H @ok 400161 0162 00 0163 7f914d 78*10000; WAIT 0; INDEX",
     KNOWN_RESET(ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED, "CVE-2023-32731 (table out of step behind a long list)",
     "the stream alone ends; the block is decoded to its end")},
    {14, BOTH, CALLS, "a token of 60,000 octets", "HEADERS H @ok 00 0d 'authorization' 7fe1d303 78*10000; 4 x CONT H 78*10000; CONT+EH H 78*10000",
     KNOWN_RESET(ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED, "token of 60 KB", "longer than the header list that was announced (8 KB); 96 octets of it are kept")},

    /* 15, 16: CONTINUATION */
    {15, BOTH, CALLS, "CONTINUATION without end, empty", "HEADERS H 20; 65 x CONT H",
     KNOWN_BROKEN("CVE-2024-27316, CVE-2024-28182, CVE-2023-45288, CVE-2024-27983, CONTINUATION flood", "64 frames a block; then ENHANCE_YOUR_CALM")},
    {15, BOTH, CALLS, "CONTINUATION without end, 2,000 octets each", "HEADERS H 00 0161 7fffff7f; 40 x CONT H 78*2000",
     KNOWN_BROKEN("the same", "64 KB a block; then ENHANCE_YOUR_CALM")},
    {16, BOTH, CALLS, "PING inside a header block", "HEADERS H 20; PING 0 00*8", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "DATA inside a header block", "HEADERS H 20; DATA V", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "an unknown frame inside a header block", "HEADERS H 20; Tee 0", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "HEADERS inside a header block", "HEADERS H 20; HEADERS+EH H 20", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "CONTINUATION alone", "CONT+EH V", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "CONTINUATION on stream 0", "HEADERS H 20; CONT+EH 0", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "CONTINUATION on another stream", "HEADERS H 20; CONT+EH B", BROKEN_(PROTOCOL_ERROR)},
    {16, BOTH, CALLS, "CONTINUATION behind END_HEADERS", "HEADERS+EH H @ok; CONT+EH H", BROKEN_(PROTOCOL_ERROR)},

    /* 17 to 19: fields */
    {17, BOTH, CALLS, "a field without a name", "HEADERS+EH H @ok 00 00 0178", RESET_(PROTOCOL_ERROR)},
    {17, BOTH, CALLS, "a flood of fields without a name", "HEADERS+EH H @ok 00*1800",
     KNOWN_BROKEN("CVE-2019-9516 (0-length headers)", "512 fields a block; nothing is kept of any")},
    {18, BOTH, CALLS, "an upper-case name", "HEADERS+EH H @ok Name=x", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "a name with a blank", "HEADERS+EH H @ok 00 03612062 0178", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "a name with a colon", "HEADERS+EH H @ok a:b=x", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "a name above ASCII", "HEADERS+EH H @ok 00 0261e4 0178", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "NUL in a value", "HEADERS+EH H @ok 00 0161 03780078", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "CR in a value", "HEADERS+EH H @ok 00 0161 03780d78", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "LF in a value", "HEADERS+EH H @ok 00 0161 03780a78", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "a blank before a value", "HEADERS+EH H @ok a=' x'", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "connection", "HEADERS+EH H @ok connection=close", RESET_(PROTOCOL_ERROR)},
    {18, BOTH, CALLS, "transfer-encoding", "HEADERS+EH H @ok transfer-encoding=chunked", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, "no :status", "HEADERS+EH V content-type=application/grpc", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, "two :status", "HEADERS+EH V 88 @ok", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":status behind a field", "HEADERS+EH V a=b @ok", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":status in trailers", "HEADERS+EH V @ok; HEADERS+EH+ES V 88 grpc-status=0", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":status of two digits", "HEADERS+EH V :status=20", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":status with a letter", "HEADERS+EH V :status=2o0", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":status 101", "HEADERS+EH V :status=101", RESET_(PROTOCOL_ERROR)},
    {19, CLIENT, CALLS, ":path in a reply", "HEADERS+EH V @ok 84", RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, "no :path", REQUEST("83 86"), RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, "no :method", REQUEST("86 :path=" ECHO "Read"), RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, "no :scheme", REQUEST("83 :path=" ECHO "Read"), RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, "two :path", REQUEST("83 86 84 84"), RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, ":path behind a field", "HEADERS+EH H 83 86 a=b 84", RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, ":status in a request", "HEADERS+EH H 88 @ok", RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, "an unknown pseudo field", "HEADERS+EH H :protocol=websocket @ok", RESET_(PROTOCOL_ERROR)},
    {19, SERVER, CALLS, ":path in trailers", "HEADERS+EH+ES V 84", RESET_(PROTOCOL_ERROR)},

    /* 20, 21: order of a stream's frames */
    {20, CLIENT, CALLS, "an informational block that ends the stream", "HEADERS+EH+ES V :status=100", RESET_(PROTOCOL_ERROR)},
    {20, SERVER, CALLS, "an informational block of a client", "HEADERS+EH H :status=100", RESET_(PROTOCOL_ERROR)},
    {21, CLIENT, CALLS, "DATA before HEADERS", "DATA V msg:", RESET_(PROTOCOL_ERROR)},
    {21, CLIENT, CALLS, "two header blocks", "HEADERS+EH V @ok; HEADERS+EH V @ok", RESET_(PROTOCOL_ERROR)},
    {21, CLIENT, CALLS, "trailers that do not end the stream", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH V grpc-status=0", RESET_(PROTOCOL_ERROR)},
    {21, SERVER, CALLS, "trailers that do not end the stream", "HEADERS+EH V a=b", RESET_(PROTOCOL_ERROR)},
    {21, CLIENT, CALLS, "DATA behind the end", OK_REPLY "; DATA V msg:abc", ENDED_(OK, ANSWERED)},
    {21, CLIENT, MANY, "DATA behind the end of a stream", OK_REPLY "; DATA V msg:abc", ENDED_(OK, ANSWERED)},
    {21, SERVER, CALLS, "DATA behind the end", "DATA+ES B; DATA B", RESET_(STREAM_CLOSED)},
    {21, SERVER, CALLS, "HEADERS behind the end", "HEADERS+EH+ES B a=b", RESET_(STREAM_CLOSED)},

    /* 22 to 24: streams that are not there */
    {22, BOTH, CALLS, "DATA on an idle stream", "DATA F 00", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "RST_STREAM on an idle stream", "RST F =8", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "WINDOW_UPDATE on an idle stream", "CREDIT F =1", BROKEN_(PROTOCOL_ERROR)},
    {22, CLIENT, CALLS, "HEADERS on an idle stream", "HEADERS+EH F @ok", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "HEADERS on a stream of the other side", "HEADERS+EH E @ok", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "DATA on a stream of the other side", "DATA E 00", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "DATA on stream 0", "DATA 0 00", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "HEADERS on stream 0", "HEADERS+EH 0 @ok", BROKEN_(PROTOCOL_ERROR)},
    {22, BOTH, CALLS, "PRIORITY on an idle stream", "PRIORITY F =0 10", NOTHING_},
    {23, CLIENT, CALLS, "a reply to a call that was cancelled, with entries for the table",
     "CANCEL; HEADERS+EH V @ok 400161 0162; DATA V msg*2000; HEADERS+EH+ES V be grpc-status=0; INDEX", ENDED_(CANCELLED, MAYBE)},
    {23, SERVER, CALLS, "frames on a stream that was reset, with entries for the table",
     "CREDIT V =0; WAIT 0; DATA V msg*2000; HEADERS+EH+ES V 400161 0162; INDEX",
     RESET_(PROTOCOL_ERROR)},
    {24, BOTH, CALLS, "PUSH_PROMISE", "PUSH+EH V =2 88", BROKEN_(PROTOCOL_ERROR)},
    {24, CLIENT, CALLS, "SETTINGS_ENABLE_PUSH of a server", "SETTINGS 0 0002 =1", BROKEN_(PROTOCOL_ERROR)},
    {24, BOTH, CALLS, "SETTINGS_ENABLE_PUSH 2", "SETTINGS 0 0002 =2", BROKEN_(PROTOCOL_ERROR)},

    /* 25: padding */
    {25, BOTH, CALLS, "padding as long as the frame", "HEADERS+EH H @ok; DATA+PAD H 03 0000", BROKEN_(PROTOCOL_ERROR)},
    {25, BOTH, CALLS, "padding longer than the frame", "HEADERS+EH H @ok; DATA+PAD H ff 0000", BROKEN_(PROTOCOL_ERROR)},
    {25, BOTH, CALLS, "padding of HEADERS longer than the frame", "HEADERS+EH+PAD H 03 8888", BROKEN_(PROTOCOL_ERROR)},
    {25, BOTH, CALLS, "a padded frame without octets", "HEADERS+EH+PAD H", BROKEN_(FRAME_SIZE_ERROR)},
    {25, BOTH, CALLS, "255 octets of padding around 5", "HEADERS+EH H @ok; DATA+PAD H ff msg: 00*255; END", ENDED_(OK, ANSWERED)},

    /* 26 to 28, 32: SETTINGS */
    {26, BOTH, CALLS, "SETTINGS on a stream", "SETTINGS V", BROKEN_(PROTOCOL_ERROR)},
    {26, BOTH, CALLS, "SETTINGS of five octets", "SETTINGS 0 0000000000", BROKEN_(FRAME_SIZE_ERROR)},
    {26, BOTH, CALLS, "an acknowledgement with an entry", "SETTINGS+ACK 0 0001 =0", BROKEN_(FRAME_SIZE_ERROR)},
    {26, BOTH, CALLS, "acknowledgements that nobody asked for", "3 x SETTINGS+ACK 0", NOTHING_},
    {27, BOTH, CALLS, "a flood of SETTINGS", "9 x SETTINGS 0",
     KNOWN_FLOOD("CVE-2019-9515 (settings flood)", "8 are acknowledged between two writes; then ENHANCE_YOUR_CALM")},
    {27, BOTH, CALLS, "SETTINGS of 129 entries", "SETTINGS 0 00*774",
     KNOWN_BROKEN("CVE-2020-11080 (large SETTINGS)", "128 entries a frame; then ENHANCE_YOUR_CALM")},
    {28, BOTH, CALLS, "a window of 2^31", "SETTINGS 0 0004 =0x80000000", BROKEN_(FLOW_CONTROL_ERROR)},
    {28, BOTH, CALLS, "a window lifted above 2^31-1", "CREDIT V =0x7fff0000; SETTINGS 0 0004 =0x7fffffff", BROKEN_(FLOW_CONTROL_ERROR)},
    {28, BOTH, CALLS, "frames of 16,383 octets", "SETTINGS 0 0005 =16383", BROKEN_(PROTOCOL_ERROR)},
    {28, BOTH, CALLS, "frames of 2^24 octets", "SETTINGS 0 0005 =16777216", BROKEN_(PROTOCOL_ERROR)},
    {28, BOTH, CALLS, "frames of 2^24-1 octets", "SETTINGS 0 0005 =16777215", NOTHING_},
    {32, CLIENT, CALLS, "a header table of 0, then of 4 GB", "SETTINGS 0 0001 =0; SETTINGS 0 0001 =0xffffffff; CALL; WAIT 0; REPLY L", ENDED_(OK, ANSWERED)},
    {32, CLIENT, CALLS, "a header table of 0", "SETTINGS 0 0001 =0; CALL; WAIT 0; REPLY L", ENDED_(OK, ANSWERED)},
    {32, SERVER, CALLS, "a header table of 0, then of 4 GB", "SETTINGS 0 0001 =0; SETTINGS 0 0001 =0xffffffff; HEADERS+EH H @ok; REST", ENDED_(OK, ANSWERED)},

    /* 29 to 31: windows and streams that are not given */
    {29, CLIENT, FEED, "a window that becomes negative", "SETTINGS 0 0004 =0; WAIT 1000; SETTINGS 0 0004 =20000; WAIT 0; REPLY V", ENDED_(OK, ANSWERED)},
    {29, CLIENT, FEED, "a window that becomes negative, and is given octet by octet",
     "SETTINGS 0 0004 =1; 3500 x CREDIT V =1; WAIT 0; CREDIT V =2000; WAIT 0; REPLY V; SETTINGS 0 0004 =20000",
     ENDED_(OK, ANSWERED)},
    {30, CLIENT, FEED, "a window of 1 for ever", "SETTINGS 0 0004 =1; WAIT 100; CALL; WAIT 6000; SETTINGS 0 0004 =20000",
     KNOWN_ENDED(DEADLINE_EXCEEDED, NOT_RUN, "CVE-2019-9511, CVE-2019-9517 (the same to a client)",
     "calls wait as long as their time limit; heartbeats go an octet at a time")},
    {30, SERVER, MANY, "a window of 0 for ever", "SETTINGS 0 0004 =0; WAIT 30000",
     KNOWN_NOTHING("CVE-2019-9511, CVE-2019-9517, CVE-2016-1546 (slow read)", "answers wait in the peer's own memory (tx_bytes, fixed); others are served")},
    {31, CLIENT, CALLS, "no stream is permitted", "SETTINGS 0 0003 =0; CALL; WAIT 6000; SETTINGS 0 0003 =100", ENDED_(DEADLINE_EXCEEDED, NOT_RUN)},
    {31, CLIENT, CALLS, "fewer streams than are open", "SETTINGS 0 0003 =1; CALL; WAIT 0; REPLY V; REPLY B; WAIT 0; REPLY L; SETTINGS 0 0003 =100",
     ENDED_(OK, ANSWERED)},

    /* 33, 34: PING, RST_STREAM */
    {33, BOTH, CALLS, "a flood of PING", "10700 x PING 0 00*8",
     KNOWN_FLOOD("CVE-2019-9512 (ping flood)", "8 are answered between two writes; then ENHANCE_YOUR_CALM")},
    {33, BOTH, CALLS, "PING of seven octets", "PING 0 00*7", BROKEN_(FRAME_SIZE_ERROR)},
    {33, BOTH, CALLS, "PING of nine octets", "PING 0 00*9", BROKEN_(FRAME_SIZE_ERROR)},
    {33, BOTH, CALLS, "PING on a stream", "PING V 00*8", BROKEN_(PROTOCOL_ERROR)},
    {33, BOTH, CALLS, "an answer to no PING", "PING+ACK 0 00*8", NOTHING_},
    {34, BOTH, CALLS, "RST_STREAM on stream 0", "RST 0 =8", BROKEN_(PROTOCOL_ERROR)},
    {34, BOTH, CALLS, "RST_STREAM of five octets", "RST V 0000000800", BROKEN_(FRAME_SIZE_ERROR)},
    {34, CLIENT, CALLS, "RST_STREAM of an unknown code", "RST V =0xeeee", ENDED_(INTERNAL, MAYBE)},
    {34, CLIENT, CALLS, "REFUSED_STREAM", "RST V =7", ENDED_(UNAVAILABLE, NOT_RUN)},
    {34, CLIENT, CALLS, "CANCEL", "RST V =8", ENDED_(CANCELLED, MAYBE)},
    {34, CLIENT, CALLS, "ENHANCE_YOUR_CALM", "RST V =11", ENDED_(RESOURCE_EXHAUSTED, MAYBE)},
    {34, CLIENT, CALLS, "INADEQUATE_SECURITY", "RST V =12", ENDED_(PERMISSION_DENIED, MAYBE)},
    {34, CLIENT, CALLS, "a flood of RST_STREAM", "RST V =8; 10700 x RST V =8", FLOOD, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_CANCELLED, VIAMC_MAYBE,
     "CVE-2019-9514 (reset flood)", "frames that move nothing are counted: ENHANCE_YOUR_CALM above 10,000, less 16 for each write"},
    {34, SERVER, CALLS, "a flood of RST_STREAM", "10700 x RST 1 =8", KNOWN_FLOOD("CVE-2019-9514 (reset flood)",
     "frames that move nothing are counted: ENHANCE_YOUR_CALM above 10,000, less 16 for each write")},
    {34, SERVER, CALLS, "requests that are reset at once", "300 {; HEADERS+EH N @ok; DATA n msg:; RST n =8; }", KNOWN_NOTHING("CVE-2023-44487 (rapid reset)",
     "a poll reads one record of a peer, a reset request has no handler running, its place is free at once; the other peers have their turns")},
    {34, SERVER, CALLS, "requests that make the robot reset", "300 {; HEADERS+EH N @ok; CREDIT n =0; }", KNOWN_NOTHING("CVE-2025-8671 (MadeYouReset)",
     "a place is free only when its RST_STREAM was written, so requests under way stay max_requests; beyond that they are refused unread")},

    /* 35 to 37: the end of calls and of the connection */
    {35, CLIENT, CALLS, "NO_ERROR behind the trailers", OK_REPLY "; RST V =0", ENDED_(OK, ANSWERED)},
    {35, CLIENT, CALLS, "NO_ERROR before the trailers", "HEADERS+EH V @ok; DATA V msg:; RST V =0", ENDED_(INTERNAL, MAYBE)},
    {35, CLIENT, FEED, "NO_ERROR behind an early answer", OK_REPLY "; RST V =0", ENDED_(OK, ANSWERED)},
    {36, CLIENT, CALLS, "GOAWAY that lets calls end", "GOAWAY 0 =0x7fffffff =0; WAIT 0; GOAWAY 0 =1000 =0; REPLY V; REPLY B",
     DRAINED, 0, VIAMC_OK, VIAMC_ANSWERED, NULL, NULL},
    {36, CLIENT, CALLS, "GOAWAY that takes calls back", "GOAWAY 0 =0 =0", DRAINED, 0, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, NULL, NULL},
    {36, CLIENT, CALLS, "GOAWAY with 16,376 octets of text", "GOAWAY 0 =1000 =0 78*16376; REPLY V; REPLY B",
     DRAINED, 0, VIAMC_OK, VIAMC_ANSWERED, NULL, NULL},
    {36, CLIENT, CALLS, "GOAWAY whose last stream grows", "GOAWAY 0 =1000 =0; GOAWAY 0 =1001 =0", BROKEN_(PROTOCOL_ERROR)},
    {36, SERVER, CALLS, "GOAWAY whose last stream grows", "GOAWAY 0 =0 =0; GOAWAY 0 =2 =0", BROKEN_(PROTOCOL_ERROR)},
    {36, BOTH, CALLS, "GOAWAY on a stream", "GOAWAY V =0 =0", BROKEN_(PROTOCOL_ERROR)},
    {36, BOTH, CALLS, "GOAWAY of seven octets", "GOAWAY 0 00*7", BROKEN_(FRAME_SIZE_ERROR)},
    {36, SERVER, CALLS, "GOAWAY of a client", "GOAWAY 0 =0 =0", NOTHING_},
    {37, CLIENT, CALLS, "GOAWAY too_many_pings", "GOAWAY 0 =0 =11 'too_many_pings'",
     DRAINED, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, NULL, NULL},

    /* 38 to 41: windows, empty frames, priorities */
    {38, BOTH, CALLS, "WINDOW_UPDATE of 0", "CREDIT 0 =0", BROKEN_(PROTOCOL_ERROR)},
    {38, BOTH, CALLS, "WINDOW_UPDATE of 0 on a stream", "CREDIT V =0", RESET_(PROTOCOL_ERROR)},
    {38, BOTH, CALLS, "WINDOW_UPDATE of three octets", "CREDIT V 000001", BROKEN_(FRAME_SIZE_ERROR)},
    {38, BOTH, CALLS, "the connection's window above 2^31-1", "CREDIT 0 =0x7fffffff", BROKEN_(FLOW_CONTROL_ERROR)},
    {38, BOTH, CALLS, "a stream's window above 2^31-1", "CREDIT V =0x7fffffff", RESET_(FLOW_CONTROL_ERROR)},
    {38, BOTH, CALLS, "a flood of WINDOW_UPDATE", "10700 x CREDIT 0 =1", KNOWN_FLOOD("window update flood", "counted with the frames that move nothing")},
    {39, BOTH, CALLS, "more DATA than the stream's window", "HEADERS+EH H @ok; DATA H 00 =17000 6d*16379; DATA H 6d*622", BROKEN_(FLOW_CONTROL_ERROR)},
    {40, BOTH, CALLS, "empty DATA without end", "HEADERS+EH H @ok; 101 x DATA H",
     KNOWN_BROKEN("CVE-2019-9518 (empty frames flood)", "100 in a row; then ENHANCE_YOUR_CALM")},
    {40, BOTH, CALLS, "padding without DATA, without end", "HOST; HEADERS+EH H @ok; 101 x DATA+PAD H 05 00*5",
     KNOWN_BROKEN("the same", "padding is no octet: 100 in a row; then ENHANCE_YOUR_CALM")},
    {41, BOTH, CALLS, "PRIORITY of four octets", "PRIORITY V =0", RESET_(FRAME_SIZE_ERROR)},
    {41, BOTH, CALLS, "PRIORITY on stream 0", "PRIORITY 0 =0 10", BROKEN_(PROTOCOL_ERROR)},
    {41, BOTH, CALLS, "a stream that depends on itself", "PRIORITY V =1 10", NOTHING_},
    {41, BOTH, CALLS, "a flood of PRIORITY", "10700 x PRIORITY V =0 10",
     KNOWN_FLOOD("CVE-2019-9513 (resource loop)", "priorities are not kept; counted with the frames that move nothing")},

    /* 42 to 47: gRPC */
    {42, CLIENT, CALLS, "a content-length that is wrong", "HEADERS+EH V @ok content-length=1; DATA V msg:abc; HEADERS+EH+ES V grpc-status=0",
     ENDED_(OK, ANSWERED)},
    {42, CLIENT, CALLS, "a web page", "HEADERS+EH V :status=200 content-type=text/html; DATA+ES V '<html>'", ENDED_(UNKNOWN, MAYBE)},
    {42, CLIENT, CALLS, "JSON", "HEADERS+EH V :status=200 content-type=application/json; DATA+ES V '{}'", ENDED_(UNKNOWN, MAYBE)},
    {42, CLIENT, CALLS, "gRPC of another form", "HEADERS+EH V :status=200 content-type=application/grpc+json; DATA V msg:", ENDED_(UNKNOWN, MAYBE)},
    {42, CLIENT, CALLS, "gRPC of the web", "HEADERS+EH V :status=200 content-type=application/grpc-web; DATA V msg:", ENDED_(UNKNOWN, MAYBE)},
    {42, CLIENT, CALLS, "502 with a page and no trailers", "HEADERS+EH V :status=502 content-type=text/html; DATA V '<html>'", ENDED_(UNAVAILABLE, MAYBE)},
    {42, CLIENT, CALLS, "401", "HEADERS+EH+ES V :status=401", ENDED_(UNAUTHENTICATED, MAYBE)},
    {42, CLIENT, CALLS, "a captive portal", "HEADERS+EH V :status=302 location='http://login.test/'; DATA+ES V", ENDED_(UNKNOWN, MAYBE)},
    {42, CLIENT, CALLS, "no content-type", "HEADERS+EH V :status=200; DATA V msg:", ENDED_(UNKNOWN, MAYBE)},
    {42, SERVER, CALLS, "GET", "HEADERS+EH+ES H 82 86 84 authorization=x", ENDED_(INVALID_ARGUMENT, MAYBE)},
    {42, SERVER, CALLS, "a form", "HEADERS+EH H 83 86 :path=" ECHO "Read content-type=text/html; DATA+ES H 'a=b'", ENDED_(INVALID_ARGUMENT, MAYBE)},
    {43, CLIENT, CALLS, "no grpc-status", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V a=b", ENDED_(UNKNOWN, MAYBE)},
    {43, CLIENT, CALLS, "no trailers", "HEADERS+EH V @ok; DATA+ES V msg:", ENDED_(UNKNOWN, MAYBE)},
    {43, CLIENT, CALLS, "grpc-status -1", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=-1", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "grpc-status 999", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=999", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "grpc-status 0x1", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=0x1", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "grpc-status 00", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=00", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "an empty grpc-status", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=''", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "two grpc-status", "HEADERS+EH V @ok; DATA V msg:; HEADERS+EH+ES V grpc-status=0 grpc-status=0", ENDED_(UNKNOWN, ANSWERED)},
    {43, CLIENT, CALLS, "grpc-status in the headers alone", "HEADERS+EH V @ok grpc-status=0; DATA+ES V msg:", ENDED_(UNKNOWN, MAYBE)},
    {44, CLIENT, CALLS, "bad percent escapes", "HEADERS+EH+ES V @ok grpc-status=5 grpc-message='%zz%4%'", ENDED_(NOT_FOUND, ANSWERED)},
    {44, CLIENT, CALLS, "invalid UTF-8 in a text", "HEADERS+EH+ES V @ok grpc-status=5 grpc-message='%ff%c0%80'", ENDED_(NOT_FOUND, ANSWERED)},
    {44, CLIENT, CALLS, "a text of 4,000 octets", "HOST; HEADERS+EH+ES V @ok grpc-status=5 grpc-message=x*4000", ENDED_(NOT_FOUND, ANSWERED)},
    {44, CLIENT, CALLS, "a text of 60,000 octets",
     "HEADERS+ES V @ok grpc-status=5 00 0c 'grpc-message' 7fe1d303 78*10000; 4 x CONT V 78*10000; CONT+EH V 78*10000",
     RESET, VMC_H2_ENHANCE_YOUR_CALM, VIAMC_RESOURCE_EXHAUSTED, VIAMC_MAYBE, NULL, NULL},
    {45, BOTH, CALLS, "a message of 4 GB", "HEADERS+EH H @ok; DATA H 00ffffffff 'abc'",
     KNOWN_ENDED(RESOURCE_EXHAUSTED, MAYBE, "huge lengths", "refused by its prefix; nothing is allocated for it")},
    {45, BOTH, CALLS, "a prefix in five frames", "HEADERS+EH H @ok; 4 x DATA H 00; DATA H 02; DATA H 'ok'; END", ENDED_(OK, ANSWERED)},
    {45, BOTH, CALLS, "a message that is cut", "HEADERS+EH H @ok; DATA H 00 =9 'abc'; END", ENDED_(INTERNAL, MAYBE)},
    {45, BOTH, CALLS, "a compressed message", "HEADERS+EH H @ok; DATA H 01 =0; END", ENDED_(INTERNAL, MAYBE)},
    {45, BOTH, CALLS, "a prefix with reserved bits", "HEADERS+EH H @ok; DATA H 80 =0; END", ENDED_(INTERNAL, MAYBE)},
    {46, CLIENT, CALLS, "no message", "HEADERS+EH V @ok; HEADERS+EH+ES V grpc-status=0", ENDED_(UNIMPLEMENTED, MAYBE)},
    {46, CLIENT, CALLS, "two messages", "HEADERS+EH V @ok; DATA V msg: msg:; HEADERS+EH+ES V grpc-status=0", ENDED_(UNIMPLEMENTED, MAYBE)},
    {46, SERVER, CALLS, "no message", "READ; DATA+ES n", ENDED_(INTERNAL, MAYBE)},
    {46, SERVER, CALLS, "two messages", "READ; DATA+ES n msg: msg:", ENDED_(INTERNAL, MAYBE)},
    {47, BOTH, CALLS, "binary metadata: without padding, padded, no base64, two in one",
     "HEADERS+EH H @ok a-bin=AAE b-bin='AAE=' c-bin='!!' d-bin='AA,AQ'; REST",
     KNOWN_ENDED(OK, ANSWERED, "CVE-2023-32732 (base64 of -bin headers)", "metadata is handed on as it came: nothing is decoded that could fail")},

    /* 48 to 50: time, appetite, sessions */
    {48, CLIENT, CALLS, "a reply behind the time limit", "CALL; WAIT 6000; REPLY L", ENDED_(DEADLINE_EXCEEDED, MAYBE)},
    {48, CLIENT, CALLS, "a reply to a call that was cancelled", "CANCEL; REPLY V", ENDED_(CANCELLED, MAYBE)},
    {48, SERVER, CALLS, "a request whose time is over", "HEADERS+EH H @ok grpc-timeout=100m; WAIT 200; DATA+ES H msg:", ENDED_(DEADLINE_EXCEEDED, MAYBE)},
    {49, CLIENT, MANY, "a stream faster than its program",
     "HOST; ASLEEP; HEADERS+EH V @ok; FILL V; WAIT 1500; FILL V; WAKE; WAIT 0; HEADERS+EH+ES V grpc-status=0",
     ENDED_(OK, ANSWERED)},
    {50, CLIENT, CALLS, "a session that is over", "REPLY V; EXPIRE; WAIT 500", ENDED_(OK, ANSWERED)},
    /* and below: octets that are no TLS. A client's first record is a hello, a robot's is one too */
    {51, BOTH, RECORDS, "HTTP/2 in plaintext", PREFACE "SETTINGS 0; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "an alert", "RAW 15030300020228; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "a record of 65,535 octets", "RAW 160303ffff 00*20000; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "a heartbeat of TLS", "RAW 1803030003014000; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "application data before its time", "RAW 1703030010 00*16; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "ChangeCipherSpec before its time", "200 x RAW 140303000101; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "a hello of 16 MB", "RAW 1603030008 02ffffff 00000000; 20 x RAW 1603030100 00*256; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "a hello octet by octet, without end", "RAW 1603030004 02ffffff; 400 x RAW 160303000100; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "empty records without end", "2000 x RAW 1603030000; WAIT 30000", REFUSED_},
    {51, BOTH, RECORDS, "warnings without end", "2000 x RAW 15030300020100; WAIT 30000", REFUSED, 0, VIAMC_UNAVAILABLE, VIAMC_MAYBE,
     "CVE-2016-8610 (SSL death alert)", "the handshake has 10 s (robot) or the attempt's time (client); a record a poll"},
    {50, SERVER, CALLS, "a heartbeat of a session that is none", "BEAT", ENDED_(INVALID_ARGUMENT, ANSWERED)},
};

#endif
