/* SPDX-License-Identifier: MIT */
/* The robot of board.c: answers every request with 100 octets and OK, by frames made by hand; with TLS behind BearSSL's server. */
#ifndef PEER_H
#define PEER_H

#include "viamc.h"

enum { PEER_ROOM = 40000 };

/* Octets on their way: taken from the front, put at the end. */
typedef struct peer_pipe {
    size_t len;
    uint8_t octets[PEER_ROOM];
} peer_pipe;

static peer_pipe peer_up, peer_down;         /* on the wire */
static peer_pipe peer_asked, peer_answers;   /* HTTP/2 */
static bool peer_greeted, peer_answered;

static size_t peer_put(peer_pipe *p, const void *octets, size_t len)
{
    len = len < PEER_ROOM - p->len ? len : PEER_ROOM - p->len;
    memcpy(p->octets + p->len, octets, len);
    p->len += len;
    return len;
}

static void peer_drop(peer_pipe *p, size_t len)
{
    p->len -= len;
    memmove(p->octets, p->octets + len, p->len);
}

static size_t peer_to_client(uint8_t *buf, size_t cap)
{
    size_t n = cap < peer_down.len ? cap : peer_down.len;
    memcpy(buf, peer_down.octets, n);
    peer_drop(&peer_down, n);
    return n;
}

static size_t peer_from_client(const uint8_t *buf, size_t len)
{
    return peer_put(&peer_up, buf, len);
}

/* ---- HTTP/2 (RFC 9113 4.1): the least that a gRPC server says ---- */

static void peer_frame(uint8_t type, uint8_t flags, const uint8_t *stream, const void *payload, size_t len)
{
    const uint8_t head[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, stream[0], stream[1], stream[2], stream[3]};
    (void)peer_put(&peer_answers, head, sizeof head);
    (void)peer_put(&peer_answers, payload, len);
}

/* The first time the fields go into the client's table, then they are an octet each, as real servers have it (RFC 7541 6.1, 6.2.1). */
static void peer_answer(const uint8_t *stream)
{
    static const uint8_t begin[] = "\x88\x5f\x10" "application/grpc", again[] = {0x88, 0xbf};
    static const uint8_t end[] = "\x40\x0b" "grpc-status" "\x01" "0", ended[] = {0xbe};
    static const uint8_t data[107] = {0, 0, 0, 0, 102, 0x0a, 100};
    peer_frame(1, 4, stream, peer_answered ? again : begin, peer_answered ? sizeof again : sizeof begin - 1u);
    peer_frame(0, 0, stream, data, sizeof data);
    peer_frame(1, 5, stream, peer_answered ? ended : end, peer_answered ? sizeof ended : sizeof end - 1u);
    peer_answered = true;
}

static void peer_read_frames(void)
{
    static const uint8_t none[4] = {0, 0, 0, 0};
    size_t len;
    if (!peer_greeted) {
        if (peer_asked.len < 24u)
            return;
        peer_drop(&peer_asked, 24); /* RFC 9113 3.4 */
        peer_greeted = true;
        peer_frame(4, 0, none, "", 0);
    }
    while (peer_asked.len >= 9u && peer_asked.len >= 9u + (len = (size_t)peer_asked.octets[1] << 8 | peer_asked.octets[2])) {
        const uint8_t *head = peer_asked.octets;
        if (head[3] == 4u && (head[4] & 1u) == 0)
            peer_frame(4, 1, none, "", 0);
        else if (head[3] <= 1u && (head[4] & 1u) != 0)
            peer_answer(head + 5);
        peer_drop(&peer_asked, 9u + len);
    }
}

/* ---- with TLS between ---- */

#ifdef VIAMC_NO_TLS

static void peer_start(void)
{
}

static void peer_step(void)
{
    (void)peer_put(&peer_asked, peer_up.octets, peer_up.len);
    peer_up.len = 0;
    peer_read_frames();
    (void)peer_put(&peer_down, peer_answers.octets, peer_answers.len);
    peer_answers.len = 0;
}

#else

#include CHAIN

static br_ssl_server_context peer_tls;
static br_skey_decoder_context peer_key;
static unsigned char peer_buffer[BR_SSL_BUFSIZE_BIDI];

static void peer_start(void)
{
    static const char *protocols[] = {"h2"};
    br_skey_decoder_init(&peer_key);
    br_skey_decoder_push(&peer_key, app_key, sizeof app_key);
    if (br_skey_decoder_key_type(&peer_key) == BR_KEYTYPE_RSA)
        br_ssl_server_init_full_rsa(&peer_tls, app_chain, app_chain_len, br_skey_decoder_get_rsa(&peer_key));
    else
        br_ssl_server_init_full_ec(&peer_tls, app_chain, app_chain_len, APP_ISSUER, br_skey_decoder_get_ec(&peer_key));
    br_ssl_engine_set_protocol_names(&peer_tls.eng, protocols, 1);
    br_ssl_engine_set_buffer(&peer_tls.eng, peer_buffer, sizeof peer_buffer, 1);
    br_ssl_engine_inject_entropy(&peer_tls.eng, "not random, a measurement only..", 32);
    br_ssl_server_reset(&peer_tls);
}

/* One thing that the engine has to do; false: nothing. */
static bool peer_turn(br_ssl_engine_context *e)
{
    unsigned state = br_ssl_engine_current_state(e);
    size_t n;
    unsigned char *p;
    if ((state & BR_SSL_SENDREC) != 0) {
        p = br_ssl_engine_sendrec_buf(e, &n);
        br_ssl_engine_sendrec_ack(e, peer_put(&peer_down, p, n));
    } else if ((state & BR_SSL_RECVAPP) != 0) {
        p = br_ssl_engine_recvapp_buf(e, &n);
        br_ssl_engine_recvapp_ack(e, peer_put(&peer_asked, p, n));
        peer_read_frames();
    } else if ((state & BR_SSL_SENDAPP) != 0 && peer_answers.len != 0) {
        p = br_ssl_engine_sendapp_buf(e, &n);
        n = n < peer_answers.len ? n : peer_answers.len;
        memcpy(p, peer_answers.octets, n);
        peer_drop(&peer_answers, n);
        br_ssl_engine_sendapp_ack(e, n);
        br_ssl_engine_flush(e, 0);
    } else if ((state & BR_SSL_RECVREC) != 0 && peer_up.len != 0) {
        p = br_ssl_engine_recvrec_buf(e, &n);
        n = n < peer_up.len ? n : peer_up.len;
        memcpy(p, peer_up.octets, n);
        peer_drop(&peer_up, n);
        br_ssl_engine_recvrec_ack(e, n);
    } else
        return false;
    return true;
}

static void peer_step(void)
{
    unsigned i;
    for (i = 0; i < 1000u && peer_turn(&peer_tls.eng); i++) {
    }
}

#endif
#endif
