/* SPDX-License-Identifier: MIT */
/* loops/posix_loop: poll, look, sleep, repeat. */
#ifndef VIAMC_LOOPS_POSIX_LOOP_IMPL_H
#define VIAMC_LOOPS_POSIX_LOOP_IMPL_H

#include "base/port.h"
#include "loops/posix_loop.h"
#include "base/core_impl.h"
#include "base/time_impl.h"
#include "codec/mdns.h"
#include "codec/mdns_impl.h"
#include "codec/pem_impl.h"
#include "ports/posix_os_impl.h"
#include "ports/posix_mdns_impl.h"
#include "ports/posix_impl.h"
#include "ports/posix_sys.h"
#include "ports/win_sys.h"
#include "call/call_impl.h"
#include "client/state.h"
#include "client/address_impl.h"
#include "client/explain_impl.h"

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
