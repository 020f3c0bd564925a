/* SPDX-License-Identifier: MIT */
/* The one server of the client benchmarks: gRPC over plaintext HTTP/2 (prior
 * knowledge), single thread, epoll + libnghttp2, made to cost as little as it
 * can so that the client is what is measured.
 *
 *   h2echo PORT
 *
 * /bench.Echo/Unary   echoes the request message
 * /bench.Echo/Stream  sends `count` messages of `size` bytes
 * HEADERS, DATA and trailers of a unary reply leave in one write().
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTMAX (1 << 20)

typedef struct strm {
    int streaming, open;
    uint8_t *msg;       /* request bytes, 5-byte prefix included */
    size_t len, cap, off;
    uint32_t count, size;   /* streaming: left to send, message size */
    uint8_t head[16];   /* prefix + proto tag + length of a streamed message */
    size_t headlen, pos;
} strm;

typedef struct {
    int fd, want_out;
    nghttp2_session *s;
    uint8_t *out;
    size_t outlen, outpos;
} conn;

static int ep;

static size_t varint(uint8_t *p, uint32_t v)
{
    size_t n = 0;
    while (v >= 128) { p[n++] = (uint8_t)(v | 128); v >>= 7; }
    p[n++] = (uint8_t)v;
    return n;
}

#define NV(n, v) { (uint8_t *)n, (uint8_t *)v, sizeof n - 1, sizeof v - 1, \
    NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

static void trailers(nghttp2_session *s, int32_t id)
{
    nghttp2_nv t[] = { NV("grpc-status", "0"), NV("grpc-message", "") };
    nghttp2_submit_trailer(s, id, t, 2);
}

static ssize_t rd(nghttp2_session *s, int32_t id, uint8_t *b, size_t n, uint32_t *fl,
    nghttp2_data_source *src, void *u)
{
    strm *st = src->ptr;
    size_t k = 0;
    (void)u;
    if (!st->streaming) {
        k = st->len - st->off;
        if (k > n) k = n;
        memcpy(b, st->msg + st->off, k);
        st->off += k;
        if (st->off == st->len) {
            *fl |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
            trailers(s, id);
        }
        return (ssize_t)k;
    }
    while (st->count && k < n) {
        size_t total = st->headlen + st->size, m = n - k;
        if (st->pos < st->headlen) {
            if (m > st->headlen - st->pos) m = st->headlen - st->pos;
            memcpy(b + k, st->head + st->pos, m);
        } else {
            if (m > total - st->pos) m = total - st->pos;
            memset(b + k, 0, m);
        }
        k += m;
        st->pos += m;
        if (st->pos == total) { st->pos = 0; st->count--; }
    }
    if (!st->count) {
        *fl |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        trailers(s, id);
    }
    return (ssize_t)k;
}

static void answer(nghttp2_session *s, int32_t id, strm *st)
{
    nghttp2_nv h[] = { NV(":status", "200"), NV("content-type", "application/grpc") };
    nghttp2_data_provider p;
    if (st->streaming) {
        size_t i = 5, n;
        uint32_t v[3] = { 0 };
        while (i < st->len) {
            int f = st->msg[i++] >> 3, sh = 0;
            uint32_t x = 0;
            while (i < st->len) {
                x |= (uint32_t)(st->msg[i] & 127) << sh;
                sh += 7;
                if (!(st->msg[i++] & 128)) break;
            }
            if (f < 3) v[f] = x;
        }
        st->count = v[1];
        st->size = v[2];
        st->head[5] = 0x0a;
        n = 1 + varint(st->head + 6, st->size);
        st->headlen = 5 + n;
        n += st->size;
        st->head[1] = (uint8_t)(n >> 24);
        st->head[2] = (uint8_t)(n >> 16);
        st->head[3] = (uint8_t)(n >> 8);
        st->head[4] = (uint8_t)n;
    }
    p.source.ptr = st;
    p.read_callback = rd;
    if (st->streaming && st->count == UINT32_MAX) return;   /* stays open, for memory measures */
    nghttp2_submit_response(s, id, h, 2, &p);
}

static int on_begin(nghttp2_session *s, const nghttp2_frame *f, void *u)
{
    (void)u;
    if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(s, f->hd.stream_id, calloc(1, sizeof(strm)));
    return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *n, size_t nl,
    const uint8_t *v, size_t vl, uint8_t fl, void *u)
{
    (void)fl; (void)u;
    if (nl == 5 && n[1] == 'p') {
        strm *st = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
        st->streaming = vl > 12 && !memcmp(v + vl - 6, "Stream", 6);
    }
    return 0;
}

static int on_chunk(nghttp2_session *s, uint8_t fl, int32_t id, const uint8_t *d, size_t n, void *u)
{
    strm *st = nghttp2_session_get_stream_user_data(s, id);
    (void)fl; (void)u;
    if (st->len + n > st->cap) {
        st->cap = (st->len + n) * 2;
        st->msg = realloc(st->msg, st->cap);
    }
    memcpy(st->msg + st->len, d, n);
    st->len += n;
    return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *u)
{
    (void)u;
    if ((f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) &&
        (f->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        strm *st = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
        if (st) answer(s, f->hd.stream_id, st);
    }
    return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t e, void *u)
{
    strm *st = nghttp2_session_get_stream_user_data(s, id);
    (void)e; (void)u;
    if (st) { free(st->msg); free(st); }
    return 0;
}

static int flush(conn *c)
{
    for (;;) {
        int block = 0;
        while (c->outpos < c->outlen) {
            ssize_t m = write(c->fd, c->out + c->outpos, c->outlen - c->outpos);
            if (m < 0 && errno == EAGAIN) { block = 1; break; }
            if (m <= 0) return -1;
            c->outpos += (size_t)m;
        }
        if (block != c->want_out) {
            struct epoll_event e = { .events = EPOLLIN | (block ? EPOLLOUT : 0u), .data.ptr = c };
            epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
            c->want_out = block;
        }
        if (block) return 0;
        c->outpos = c->outlen = 0;
        while (c->outlen < OUTMAX - 32768) {
            const uint8_t *d;
            ssize_t n = nghttp2_session_mem_send(c->s, &d);
            if (n < 0) return -1;
            if (!n) break;
            memcpy(c->out + c->outlen, d, (size_t)n);
            c->outlen += (size_t)n;
        }
        if (!c->outlen) return 0;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = { 0 };
    int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event ev[64], e = { .events = EPOLLIN, .data.ptr = 0 };
    nghttp2_session_callbacks *cb;
    static uint8_t in[1 << 18];
    if (argc != 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)atoi(argv[1]));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 64)) { perror("listen"); return 1; }
    nghttp2_session_callbacks_new(&cb);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    for (;;) {
        int i, n = epoll_wait(ep, ev, 64, -1);
        for (i = 0; i < n; i++) {
            conn *c = ev[i].data.ptr;
            int bad = 0;
            if (!c) {
                nghttp2_settings_entry iv[] = {
                    { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100000 },
                    { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };
                int fd = accept4(l, 0, 0, SOCK_NONBLOCK);
                if (fd < 0) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                if (getenv("BENCH_CC"))
                    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, getenv("BENCH_CC"),
                        (socklen_t)strlen(getenv("BENCH_CC")));
                c = calloc(1, sizeof *c);
                c->fd = fd;
                c->out = malloc(OUTMAX);
                nghttp2_session_server_new(&c->s, cb, c);
                nghttp2_submit_settings(c->s, 0, iv, 2);
                nghttp2_session_set_local_window_size(c->s, 0, 0, 1 << 24);
                e.data.ptr = c;
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                bad = flush(c);
            } else {
                if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                    ssize_t m = read(c->fd, in, sizeof in);
                    if (m == 0 || (m < 0 && errno != EAGAIN)) bad = -1;
                    else if (m > 0 && nghttp2_session_mem_recv(c->s, in, (size_t)m) < 0) bad = -1;
                }
                if (!bad) bad = flush(c);
            }
            if (bad) {
                close(c->fd);
                nghttp2_session_del(c->s);
                free(c->out);
                free(c);
            }
        }
    }
}
