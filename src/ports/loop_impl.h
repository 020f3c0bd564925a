/* SPDX-License-Identifier: MIT */
/* ports/loop: pipes, connections, faults. */
#ifndef VIAMC_PORTS_LOOP_IMPL_H
#define VIAMC_PORTS_LOOP_IMPL_H

#include "base/core_impl.h"
#include "base/port.h"
#include "base/time_impl.h"
#include "ports/loop.h"

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
