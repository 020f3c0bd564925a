/* SPDX-License-Identifier: MIT */
/* call/grpc: receiving, then sending, then time. Statuses follow gRPC over HTTP/2 and the table of viam-wire.md 2.9. */
#ifndef VIAMC_CALL_GRPC_IMPL_H
#define VIAMC_CALL_GRPC_IMPL_H

#include "base/core_impl.h"
#include "http2/hpack_impl.h"
#include "call/grpc.h"

#define VMC_GRPC_NO_STATUS 0xffu
/* Ends a call of ours whose reply has no room; vmc_auth_on_end knows it again. */
static const char vmc_grpc_no_room[] = VMC_TEXT("reply larger than any of its kind");

#define VMC_GRPC_TIMEOUT_LEN 10u /* "99999999m" and one more */

/* The owner sets https, scratch and what every request carries. */
VMC_FN void vmc_grpc_init(vmc_grpc *g, const vmc_h2_config *h2, vmc_calls *calls)
{
    VIAMC_MEMSET(g, 0, sizeof *g);
    vmc_h2_init(&g->h2, h2);
    g->calls = calls;
    g->calls->stirred = true;
}

/* Token or session changed: the peer's table holds the old ones. */
VMC_FN void vmc_grpc_changed(vmc_grpc *g)
{
    vmc_hpack_enc_reset(&g->h2.encoder);
}

/* ---- ending calls ---- */

/* The call is over on our side; its stream ends or is cancelled. A block half sent is finished first (RFC 9113 6.10): so a server's
 * status and text, which may be half sent, stay as they are. */
VMC_FN void vmc_grpc_end(vmc_grpc *g, vmc_call *c, uint32_t status, uint8_t ran, const char *text)
{
    const bool server = VMC_H2_IS_SERVER(&g->h2);
    vmc_calls_end(g->calls, c, server ? c->status : status, ran, server ? NULL : text);
    vmc_h2_release(&g->h2, vmc_call_index(c), server ? VMC_H2_NO_ERROR : VMC_H2_CANCEL);
    g->calls->stirred = true; /* its stream may be another's now */
}

/* Client: gives a running call up. */
VMC_FN void vmc_grpc_cancel(vmc_grpc *g, vmc_call *c, uint32_t status, const char *text)
{
    vmc_grpc_end(g, c, status, vmc_call_ran_locally(c), text);
}

/* The connection is gone: every call of it ends, nothing is sent any more. */
VMC_APART void vmc_grpc_abort(vmc_grpc *g, uint32_t status, const char *text)
{
    vmc_call *c;
    VMC_CALLS_EACH(g->calls, c)
        vmc_calls_end(g->calls, c, status, vmc_call_ran_locally(c), text);
}

/* RFC 9113 7 to gRPC (gRPC over HTTP/2, Errors). */
VMC_FN uint32_t vmc_grpc_status_of_reset(uint32_t code)
{
    switch (code) {
    case VMC_H2_REFUSED_STREAM: return VIAMC_UNAVAILABLE;
    case VMC_H2_CANCEL: return VIAMC_CANCELLED;
    case VMC_H2_ENHANCE_YOUR_CALM: return VIAMC_RESOURCE_EXHAUSTED;
    case VMC_H2_INADEQUATE_SECURITY: return VIAMC_PERMISSION_DENIED;
    default: return VIAMC_INTERNAL;
    }
}

/* HTTP status, from 400 on, to gRPC (gRPC, http-grpc-status-mapping). */
static const uint8_t vmc_grpc_http[][2] = {
    {400 - 400, VIAMC_INTERNAL},
    {401 - 400, VIAMC_UNAUTHENTICATED},
    {403 - 400, VIAMC_PERMISSION_DENIED},
    {404 - 400, VIAMC_UNIMPLEMENTED},
    {429 - 400, VIAMC_UNAVAILABLE},
    {502 - 400, VIAMC_UNAVAILABLE},
    {503 - 400, VIAMC_UNAVAILABLE},
    {504 - 400, VIAMC_UNAVAILABLE}
};

VMC_FN uint32_t vmc_grpc_status_of_http(uint32_t http)
{
    size_t i;
    for (i = 0; i < sizeof vmc_grpc_http / sizeof vmc_grpc_http[0]; i++)
        if (http == 400u + vmc_grpc_http[i][0])
            return vmc_grpc_http[i][1];
    return VIAMC_UNKNOWN;
}

/* ---- receiving: fields ---- */

VMC_FN void vmc_grpc_begin_block(vmc_grpc *g)
{
    g->said.type = VMC_GRPC_TYPE_NONE;
    g->text_given = false;
    g->said.status = VMC_GRPC_NO_STATUS;
#ifndef VIAMC_NO_SERVER
    g->kept = 0;
    g->is_post = false;
    g->reject = 0;
    g->timeout = VIAMC_FOREVER;
#endif
}

/* Puts the pieces of a value together; true when *value is whole (cut at the scratch's size: *cut). */
VMC_APART bool vmc_grpc_gather_pieces(vmc_grpc *g, const vmc_hpack_piece *p, viamc_bytes *value)
{
    vmc_wr w = vmc_wr_of(g->scratch + VMC_GRPC_KEPT(g), g->scratch_cap - (size_t)VMC_GRPC_KEPT(g));
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        g->held = 0;
        g->held_cut = false;
    }
    w.len = g->held;
    if (p->value.len > vmc_wr_room(&w))
        g->held_cut = true;
    vmc_wr_cut(&w, p->value.ptr, p->value.len);
    g->held = (uint16_t)w.len;
    *value = viamc_view(w.ptr, w.len);
    return (p->flags & VMC_HPACK_LAST) != 0;
}

/* True when *value is whole: nearly always at once. */
VMC_FN bool vmc_grpc_gather(vmc_grpc *g, const vmc_hpack_piece *p, viamc_bytes *value)
{
    const uint8_t whole = VMC_HPACK_FIRST | VMC_HPACK_LAST;
    if ((p->flags & whole) != whole)
        return vmc_grpc_gather_pieces(g, p, value);
    g->held_cut = false;
    *value = p->value;
    return true;
}

/* "application/grpc" or "application/grpc+proto", alone or followed by ';'. Messages of another form ("+json") would be misread. */
VMC_FN uint8_t vmc_grpc_type_of(viamc_bytes v)
{
    static const char type[] = "application/grpc+proto";
    const size_t whole = sizeof type - 1u, plain = sizeof "application/grpc" - 1u;
    const size_t n = v.len > plain && v.ptr[plain] == '+' ? whole : plain;
    const bool ok = v.len >= n && vmc_same(v.ptr, type, n) && (v.len == n || v.ptr[n] == ';');
    return ok ? VMC_GRPC_TYPE_OK : VMC_GRPC_TYPE_WRONG;
}

/* 0 to 16 without zeros in front; anything else is UNKNOWN, and so is a second one. */
VMC_FN uint8_t vmc_grpc_parse_status(const vmc_grpc *g, viamc_bytes v)
{
    uint32_t n = 0;
    size_t i;
    for (i = 0; i < v.len && i < 3u; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return VIAMC_UNKNOWN;
        n = n * 10u + (uint32_t)(v.ptr[i] - '0');
    }
    if (v.len != (n < 10u ? 1u : 2u) || n > VIAMC_UNAUTHENTICATED || g->said.status != VMC_GRPC_NO_STATUS)
        return VIAMC_UNKNOWN;
    return (uint8_t)n;
}

/* Up to eight digits and a unit, rounded up to milliseconds; false if it is not that. */
VMC_FN bool vmc_grpc_parse_timeout(viamc_bytes v, viamc_ms *ms)
{
    uint32_t n = 0;
    size_t i;
    if (v.len < 2u || v.len > 9u)
        return false;
    for (i = 0; i + 1u < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return false;
        n = n * 10u + (uint32_t)(v.ptr[i] - '0');
    }
    switch (v.ptr[i]) {
    case 'H': *ms = n > VMC_TIME_MAX / 3600000u ? VMC_TIME_MAX : n * 3600000u; break;
    case 'M': *ms = n > VMC_TIME_MAX / 60000u ? VMC_TIME_MAX : n * 60000u; break;
    case 'S': *ms = n > VMC_TIME_MAX / 1000u ? VMC_TIME_MAX : n * 1000u; break;
    case 'm': *ms = n; break;
    case 'u': *ms = n / 1000u + (n % 1000u != 0); break;
    case 'n': *ms = n / 1000000u + (n % 1000000u != 0); break;
    default: return false;
    }
    return true;
}

/* grpc-message goes straight into the call's text, decoded. */
VMC_APART void vmc_grpc_take_message(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
    uint32_t room;
    uint8_t *text = vmc_calls_text_place(g->calls, c, &room);
    vmc_wr w = vmc_wr_of(text, room);
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        vmc_percent_begin(&g->message);
        c->text_len = 0;
        g->text_given = true;
    }
    w.len = c->text_len;
    vmc_percent_feed(&g->message, &w, p->value);
    if ((p->flags & VMC_HPACK_LAST) != 0)
        (void)vmc_percent_end(&g->message, &w);
    c->text_len = (uint8_t)w.len;
    if ((p->flags & VMC_HPACK_LAST) != 0 && g->message.truncated)
        c->flags |= VMC_CALL_F_TEXT_CUT;
}

#ifndef VIAMC_NO_SERVER

/* Server: keeps a field for whoever looks at the request, as much of it as can matter. What does not fit refuses the request. */
VMC_FN void vmc_grpc_keep(vmc_grpc *g, uint8_t known, viamc_bytes value)
{
    vmc_wr w = vmc_wr_of(g->scratch, g->scratch_cap);
    uint8_t *to;
    w.len = g->kept;
    if (value.len > VMC_GRPC_KEEP)
        value.len = VMC_GRPC_KEEP;
    if ((g->held_cut && value.len < VMC_GRPC_KEEP) || value.len + 3u > vmc_wr_room(&w)) {
        g->reject = VIAMC_RESOURCE_EXHAUSTED;
        return;
    }
    to = w.ptr + w.len;
    vmc_move(to + 3, value.ptr, value.len); /* the value may lie right behind what is kept */
    to[0] = known;
    vmc_put_be16(to + 1, (uint32_t)value.len);
    g->kept = (uint16_t)(g->kept + 3u + value.len);
}

/* The kept field `known`, number nth from 0; false if there is none. */
VMC_FN bool vmc_grpc_kept(const vmc_grpc *g, uint8_t known, unsigned nth, viamc_bytes *value)
{
    vmc_rd r = vmc_rd_of(viamc_view(g->scratch, g->kept));
    while (r.left != 0) {
        uint8_t name = vmc_rd_u8(&r);
        viamc_bytes n = vmc_rd_take(&r, 2);
        *value = vmc_rd_take(&r, vmc_rd_ok(&r) ? vmc_be16(n.ptr) : 0);
        if (vmc_rd_ok(&r) && name == known && nth-- == 0)
            return true;
    }
    return false;
}

#endif

VMC_FN void vmc_grpc_on_reply_field(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
    viamc_bytes value;
    if (p->known == VMC_NAME_GRPC_MESSAGE) {
        vmc_grpc_take_message(g, c, p);
    } else if (p->known == VMC_NAME_CONTENT_TYPE || p->known == VMC_NAME_GRPC_STATUS) {
        if (!vmc_grpc_gather(g, p, &value))
            return;
        if (p->known == VMC_NAME_GRPC_STATUS)
            g->said.status = vmc_grpc_parse_status(g, value);
        else
            g->said.type = vmc_grpc_type_of(value);
    } else if (c->wants_metadata && (p->flags & VMC_HPACK_NAME_CUT) == 0) {
        vmc_call_metadata(c, &g->meta_at, p->name, p->value, (p->flags & VMC_HPACK_FIRST) != 0);
    }
}

#ifndef VIAMC_NO_SERVER

VMC_FN void vmc_grpc_on_request_field(vmc_grpc *g, const vmc_hpack_piece *p)
{
    viamc_bytes value;
    switch (p->known) {
    case VMC_NAME_METHOD:
    case VMC_NAME_PATH:
    case VMC_NAME_CONTENT_TYPE:
    case VMC_NAME_GRPC_TIMEOUT:
    case VMC_NAME_GRPC_ENCODING:
    case VMC_NAME_AUTHORIZATION:
    case VMC_NAME_VIAM_SID:
    case VMC_NAME_OPID:
    case VMC_NAME_USER_AGENT:
    case VMC_NAME_VIAM_CLIENT: break;
    default: return;
    }
    if (!vmc_grpc_gather(g, p, &value))
        return;
    switch (p->known) {
    case VMC_NAME_METHOD: g->is_post = vmc_bytes_are(value, "POST"); break;
    case VMC_NAME_CONTENT_TYPE: g->said.type = vmc_grpc_type_of(value); break;
    case VMC_NAME_GRPC_TIMEOUT:
        if (!vmc_grpc_parse_timeout(value, &g->timeout))
            g->reject = VIAMC_INTERNAL;
        break;
    case VMC_NAME_GRPC_ENCODING:
        if (!vmc_bytes_are(value, "identity"))
            g->reject = VIAMC_UNIMPLEMENTED;
        break;
    case VMC_NAME_USER_AGENT: break;
    default: vmc_grpc_keep(g, p->known, value); break;
    }
}

#endif

VMC_FN void vmc_grpc_on_field(vmc_grpc *g, vmc_call *c, const vmc_hpack_piece *p)
{
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2)) {
        vmc_grpc_on_request_field(g, p);
        return;
    }
#endif
    vmc_grpc_on_reply_field(g, c, p);
}

/* ---- receiving: blocks and messages ---- */

/* The peer's last word is OK: the call needs what its kind promises, one message or any number of whole ones. */
VMC_FN void vmc_grpc_finish_ok(vmc_grpc *g, vmc_call *c)
{
    uint32_t status = VIAMC_OK;
    const char *wrong = NULL;
    if (vmc_call_is_parked(c))
        return; /* its sink has yet to take the end: vmc_grpc_settle comes back */
    if (!vmc_call_is_whole(c)) {
        status = VIAMC_INTERNAL;
        wrong = VMC_TEXT("the stream ended inside a message");
    } else if (!vmc_call_is_server_stream(c) && c->messages != 1u && (c->flags & VMC_CALL_F_DROP) == 0) {
        status = VIAMC_UNIMPLEMENTED;
        wrong = VMC_TEXT("a unary call was answered with no message, or with several");
    }
    vmc_grpc_end(g, c, status, status == VIAMC_OK ? VIAMC_ANSWERED : VIAMC_MAYBE, wrong);
}

VMC_FN vmc_h2_stream *vmc_grpc_stream(const vmc_grpc *g, const vmc_call *c)
{
    return &g->h2.streams[vmc_call_index(c)];
}

/* What was sent before the stream of call c was has come. */
VMC_FN void vmc_grpc_note_answer(vmc_grpc *g, vmc_call *c)
{
    const uint32_t id = vmc_grpc_stream(g, c)->id;
    if (id > g->answered)
        g->answered = id;
}

/* The peer gave the last word on a call. */
VMC_FN void vmc_grpc_finish(vmc_grpc *g, vmc_call *c)
{
    c->flags |= VMC_CALL_F_PEER_END;
    if (g->said.status != VMC_GRPC_NO_STATUS) /* else it may be a proxy's word */
        vmc_grpc_note_answer(g, c);
    if (!g->text_given)
        c->text_len = 0;
    if (g->said.status == VMC_GRPC_NO_STATUS)
        vmc_grpc_end(g, c, VIAMC_UNKNOWN, VIAMC_MAYBE, VMC_TEXT("the stream ended without a grpc-status"));
    else if (g->said.status != VIAMC_OK)
        vmc_grpc_end(g, c, g->said.status, VIAMC_ANSWERED, NULL);
    else
        vmc_grpc_finish_ok(g, c);
}

/* "HTTP 502 without gRPC" */
VMC_FN void vmc_grpc_end_http(vmc_grpc *g, vmc_call *c, uint32_t http)
{
    vmc_wr w = vmc_calls_begin_text(g->calls, c);
    vmc_wr_text(&w, VMC_TEXT("HTTP "));
    vmc_wr_dec(&w, http);
    vmc_wr_text(&w, VMC_TEXT(" instead of a gRPC answer"));
    c->text_len = (uint8_t)w.len;
    vmc_grpc_end(g, c, vmc_grpc_status_of_http(http), VIAMC_MAYBE, NULL);
}

#if VIAMC_SHORTCUTS

/* A block that repeats one says what that said; of one that may come again it is noted, unless it has a text. */
VMC_FN void vmc_grpc_recall(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    if (ev->repeats)
        g->said = g->memo[ev->memo - 1u];
    else if (g->text_given && c->text_len != 0)
        vmc_h2_memo_drop(&g->h2, ev->memo);
    else
        g->memo[ev->memo - 1u] = g->said;
}

#endif

/* Client: a header block of a reply is complete: headers, trailers or both in one. A grpc-status wins over everything else. */
VMC_FN void vmc_grpc_on_reply_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
#if VIAMC_SHORTCUTS
    if (ev->memo != 0)
        vmc_grpc_recall(g, c, ev);
#endif
    if (ev->end && (ev->status == 0 || ev->status == 200u || g->said.status != VMC_GRPC_NO_STATUS))
        vmc_grpc_finish(g, c);
    else if (ev->status != 200u)
        vmc_grpc_end_http(g, c, ev->status);
    else if (g->said.type != VMC_GRPC_TYPE_OK)
        vmc_grpc_end(g, c, VIAMC_UNKNOWN, VIAMC_MAYBE, g->said.type == VMC_GRPC_TYPE_WRONG ? VMC_TEXT("HTTP 200 with a content-type that is not gRPC's") : VMC_TEXT("HTTP 200 without a content-type"));
}

#ifndef VIAMC_NO_SERVER

/* Server: the path goes where the status text will be; requests that cannot be gRPC are refused by the owner (g->reject). */
VMC_FN vmc_grpc_event vmc_grpc_on_request_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    uint32_t room;
    uint8_t *text = vmc_calls_text_place(g->calls, c, &room);
    viamc_bytes path;
    if (c->path != NULL) { /* trailers of a request: nothing in them matters but that they end it */
        c->flags |= VMC_CALL_F_PEER_END;
        return VMC_GRPC_MORE;
    }
    if (!vmc_grpc_kept(g, VMC_NAME_PATH, 0, &path) || path.len >= VMC_CALL_TEXT)
        g->reject = VIAMC_UNIMPLEMENTED;
    else
        vmc_copy(text, path.ptr, path.len);
    text[g->reject == VIAMC_UNIMPLEMENTED ? 0 : path.len] = '\0';
    c->path = (const char *)text;
    if (!g->is_post || g->said.type != VMC_GRPC_TYPE_OK)
        g->reject = VIAMC_INVALID_ARGUMENT;
    if (ev->end && g->reject == 0)
        c->flags |= VMC_CALL_F_PEER_END; /* half-closed without a message */
    g->at = vmc_call_index(c);
    return VMC_GRPC_REQUEST;
}

#endif

VMC_FN vmc_grpc_event vmc_grpc_on_block(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2))
        return vmc_grpc_on_request_block(g, c, ev);
#endif
    vmc_grpc_on_reply_block(g, c, ev);
    return VMC_GRPC_MORE;
}

/* Tells the peer of call c how much room there is. */
VMC_FN void vmc_grpc_give_credit(vmc_grpc *g, vmc_call *c)
{
    uint32_t room = vmc_calls_room(g->calls, c);
    if (room > 0 && (int32_t)room > vmc_h2_expected(&g->h2, vmc_call_index(c)))
        vmc_h2_room(&g->h2, vmc_call_index(c), room, vmc_calls_needs(g->calls, c));
}

/* What the peer sent has ended call c. A server's peer is told why, a client's is told to stop. */
VMC_FN void vmc_grpc_refuse(vmc_grpc *g, vmc_call *c)
{
    viamc_bytes said;
    if (!VMC_H2_IS_SERVER(&g->h2) || c->state != VMC_CALL_ENDED) {
        vmc_h2_release(&g->h2, vmc_call_index(c), VMC_H2_CANCEL);
        return;
    }
    said = vmc_calls_text(g->calls, c);
    if (c->status == VIAMC_RESOURCE_EXHAUSTED)
        said = vmc_bytes_of(viamc_text(VMC_TEXT("message larger than this robot takes")));
    vmc_calls_set_text(g->calls, c, said);
    g->calls->ended--;
    g->calls->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags |= VMC_CALL_F_FINISH | VMC_CALL_F_DROP;
}

VMC_FN void vmc_grpc_on_data(vmc_grpc *g, vmc_call *c, const vmc_h2_event *ev)
{
    viamc_err err = vmc_calls_data(g->calls, c, ev->data);
    if (err == VIAMC_ERR_NOMEM) { /* early DATA beyond our window, or a reply where none has room */
        vmc_calls_end(g->calls, c, VIAMC_RESOURCE_EXHAUSTED, VMC_H2_IS_SERVER(&g->h2) ? VIAMC_NOT_RUN : VIAMC_MAYBE,
                      vmc_grpc_no_room);
        vmc_h2_reset(&g->h2, vmc_call_index(c), VMC_H2_REFUSED_STREAM);
    } else if (err != VIAMC_OK) {
        vmc_grpc_refuse(g, c);
    } else if (!ev->end) {
        vmc_grpc_give_credit(g, c);
    } else if (VMC_H2_IS_SERVER(&g->h2)) {
        c->flags |= VMC_CALL_F_PEER_END; /* half-closed */
    } else {
        vmc_grpc_begin_block(g);
        vmc_grpc_finish(g, c); /* no trailers will come */
    }
}

VMC_FN void vmc_grpc_on_reset(vmc_grpc *g, vmc_call *c, uint32_t code)
{
    uint8_t ran = code == VMC_H2_REFUSED_STREAM ? VIAMC_NOT_RUN : VIAMC_MAYBE;
    c->flags |= VMC_CALL_F_PEER_END;
    vmc_grpc_end(g, c, vmc_grpc_status_of_reset(code), ran, VMC_TEXT("the peer reset the stream"));
}

/* Calls that the peer has not begun will not be; those that have not left cannot. */
VMC_FN void vmc_grpc_on_goaway(vmc_grpc *g, const vmc_h2_event *ev)
{
    vmc_call *c;
    g->code = ev->code;
    if (VMC_H2_IS_SERVER(&g->h2))
        return;
    VMC_CALLS_EACH(g->calls, c)
        if (vmc_grpc_stream(g, c)->id == 0 || vmc_grpc_stream(g, c)->id > ev->last)
            vmc_grpc_end(g, c, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, VMC_TEXT("the peer takes no new calls (GOAWAY)"));
}

#ifndef VIAMC_NO_SERVER

VMC_FN bool vmc_grpc_is_vacant(const vmc_grpc *g, const vmc_call *c)
{
    return c->state == VMC_CALL_FREE && g->h2.out_slot != vmc_call_index(c);
}

/* Server: a request begins. Its record may still be kept by a handler whose stream the peer has reset: then it moves to one that is free,
 * or is refused. */
VMC_FN void vmc_grpc_on_opened(vmc_grpc *g, vmc_call *c)
{
    vmc_user_call *users = g->calls->users, *end = users + g->calls->user_count;
    vmc_call *to = c;
    if (!vmc_grpc_is_vacant(g, c))
        while (users != end && !(vmc_grpc_is_vacant(g, to = &users->call) && vmc_h2_is_free(&g->h2, vmc_call_index(to))))
            users++;
    if (users == end) {
        vmc_h2_reset(&g->h2, vmc_call_index(c), VMC_H2_REFUSED_STREAM);
        return;
    }
    vmc_h2_move(&g->h2, vmc_call_index(c), vmc_call_index(to));
    vmc_calls_claim(g->calls, to);
}

#endif

VMC_FN vmc_grpc_event vmc_grpc_on_event(vmc_grpc *g, vmc_h2_event_kind kind, const vmc_h2_event *ev)
{
    vmc_call *c = vmc_calls_at(g->calls, ev->slot);
    switch (kind) {
    case VMC_H2_OPENED:
#ifndef VIAMC_NO_SERVER
        vmc_grpc_on_opened(g, c);
#endif
        break;
    case VMC_H2_FIELD: vmc_grpc_on_field(g, c, &ev->piece); break;
    case VMC_H2_BLOCK_END: return vmc_grpc_on_block(g, c, ev);
    case VMC_H2_DATA: vmc_grpc_on_data(g, c, ev); break;
    case VMC_H2_RESET: vmc_grpc_on_reset(g, c, ev->code); break;
    case VMC_H2_STREAM_ERROR:
        vmc_grpc_end(g, c, ev->code == VMC_H2_ENHANCE_YOUR_CALM ? VIAMC_RESOURCE_EXHAUSTED : VIAMC_INTERNAL, VIAMC_MAYBE,
                     VMC_TEXT("the peer broke a rule of HTTP/2 on this stream"));
        break;
    case VMC_H2_GOAWAY: vmc_grpc_on_goaway(g, ev); return VMC_GRPC_GOAWAY;
    case VMC_H2_FAILED: return VMC_GRPC_FAILED;
    case VMC_H2_MORE: break;
    }
    return VMC_GRPC_MORE;
}

#if VIAMC_SHORTCUTS

/* Client: takes a whole unary reply that says OK, as most do, in one step. False: there is none, nothing was consumed. */
VMC_APART bool vmc_grpc_take_reply(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_reply r;
    vmc_call *c;
    if (VMC_H2_IS_SERVER(&g->h2) || g->memo[0].type != VMC_GRPC_TYPE_OK || g->memo[1].status != VIAMC_OK || !vmc_h2_peek_reply(&g->h2, in, &r))
        return false;
    c = vmc_calls_at(g->calls, r.slot);
    if (!vmc_calls_take_reply(g->calls, c, r.data))
        return false;
    vmc_h2_take_reply(&g->h2, in, &r);
    c->flags |= VMC_CALL_F_PEER_END;
    c->text_len = 0;
    vmc_grpc_note_answer(g, c);
    vmc_grpc_end(g, c, VIAMC_OK, VIAMC_ANSWERED, NULL);
    return true;
}

#endif

/* Consumes input until its owner has to look at something, or until it is used up. */
VMC_FN vmc_grpc_event vmc_grpc_recv(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_event ev;
    g->calls->stirred = true;
    for (;;) {
        vmc_h2_event_kind kind;
        vmc_grpc_event up;
#if VIAMC_SHORTCUTS
        while (vmc_grpc_take_reply(g, in))
            ;
#endif
        if (!g->h2.block.open)
            g->block_of = 0;
        kind = vmc_h2_next(&g->h2, in, &ev);
        if (kind == VMC_H2_MORE)
            return VMC_GRPC_MORE; /* also after frames that are no events: windows may have opened */
        if (g->block_of != g->h2.id && (kind == VMC_H2_FIELD || kind == VMC_H2_OPENED || kind == VMC_H2_BLOCK_END)) {
            vmc_grpc_begin_block(g);
            g->block_of = g->h2.id;
        }
        up = vmc_grpc_on_event(g, kind, &ev);
        if (up != VMC_GRPC_MORE)
            return up;
    }
}

/* Client: the peer said OK, and the call waits for its sink alone. */
VMC_FN bool vmc_grpc_is_finishing(const vmc_grpc *g, const vmc_call *c)
{
    return !VMC_H2_IS_SERVER(&g->h2) && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_PEER_END) != 0;
}

/* Start of a poll: what the owner has taken is gone, and its room is the peer's. */
VMC_FN void vmc_grpc_settle(vmc_grpc *g)
{
    vmc_call *c;
    vmc_calls_settle_big(g->calls);
    if (!g->calls->unsettled)
        return;
    g->calls->unsettled = false;
    VMC_CALLS_EACH(g->calls, c) {
        if (!vmc_call_is_unsettled(c))
            continue;
        g->calls->unsettled = true;
        if ((c->state != VMC_CALL_OPEN && c->state != VMC_CALL_TOLD) || (g->block_of != 0 && g->block_of == vmc_grpc_stream(g, c)->id))
            continue; /* or its text may be half there: it must not move */
        if (vmc_calls_settle(g->calls, c) != VIAMC_OK)
            vmc_grpc_refuse(g, c);
        else if (vmc_grpc_is_finishing(g, c))
            vmc_grpc_finish_ok(g, c);
        else if (vmc_grpc_stream(g, c)->id != 0)
            vmc_grpc_give_credit(g, c);
    }
}

/* ---- metadata of the caller ---- */

VMC_FN bool vmc_grpc_is_binary(viamc_bytes name)
{
    return name.len > 4u && vmc_same(name.ptr + name.len - 4u, "-bin", 4);
}

/* gRPC over HTTP/2, Custom-Metadata: a-z, 0-9, '_', '-', '.'; no name that means something to HTTP, gRPC or viamc. */
VMC_FN bool vmc_grpc_is_free_name(viamc_bytes name)
{
    uint8_t known = vmc_hpack_classify(name);
    size_t i;
    for (i = 0; i < name.len; i++) {
        uint32_t c = name.ptr[i];
        if (c - 'a' > 'z' - 'a' && c - '0' > '9' - '0' && c != '_' && c != '-' && c != '.')
            return false;
    }
    return name.len != 0 && (known == VMC_NAME_OTHER || known == VMC_NAME_OPID) && (name.len < 5u || !vmc_same(name.ptr, "grpc-", 5));
}

/* RFC 9113 8.2.1 */
VMC_FN bool vmc_grpc_is_value(viamc_bytes v)
{
    size_t i;
    for (i = 0; i < v.len; i++)
        if (v.ptr[i] == '\0' || v.ptr[i] == '\r' || v.ptr[i] == '\n')
            return false;
    return v.len == 0 || !(vmc_hpack_is_blank(v.ptr[0]) || vmc_hpack_is_blank(v.ptr[v.len - 1u]));
}

/* True if all of it may be sent: a peer would refuse the request, or take a field for ours. */
VMC_FN bool vmc_grpc_metadata_ok(const viamc_metadata *m, size_t count)
{
    if (m == NULL)
        return count == 0;
    for (; count != 0; m++, count--) {
        viamc_bytes name = vmc_bytes_of(m->name);
        if (!vmc_is_view(name) || !vmc_is_view(m->value))
            return false;
        if (!vmc_grpc_is_free_name(name) || !(vmc_grpc_is_binary(name) || vmc_grpc_is_value(m->value)))
            return false;
    }
    return true;
}

/* ---- sending: header blocks ---- */

/* The fields of a request behind :method and :scheme, in the order that grpc-python's grpclib uses (viam-wire.md 2.4); metadata follows. A field that is the same in
 * every call has its number + 1 as its key (hpack.h). */
enum {
    VMC_GRPC_AT_PATH,
    VMC_GRPC_AT_AUTHORITY,
    VMC_GRPC_AT_TIMEOUT,
    VMC_GRPC_AT_TE,
    VMC_GRPC_AT_TYPE,
    VMC_GRPC_AT_AGENT,
    VMC_GRPC_AT_TOKEN,
    VMC_GRPC_AT_CLIENT,
    VMC_GRPC_AT_SESSION,
    VMC_GRPC_AT_METADATA
};

/* What of a field is constant: how its value begins, its name, and the static index of that. */
typedef struct vmc_grpc_form {
    const char *name, *value;
    uint8_t index;
} vmc_grpc_form;

static const vmc_grpc_form vmc_grpc_forms[VMC_GRPC_AT_METADATA + 1] = {
    {":path", "", 4},
    {":authority", "", 1},
    {"grpc-timeout", "", 0},
    {"te", "trailers", 0},
    {"content-type", "application/grpc", 31},
    {"user-agent", "grpc-c-viamc/" VIAMC_VERSION, 58},
    {"authorization", "Bearer ", 23},
    {"viam_client", "c;v" VIAMC_VERSION ";" VIAMC_API_VERSION, 0},
    {"viam-sid", "", 0},
    {"", "", 0}
};

/* What is left of a call's time, ms: two digits and zeros, rounded up. So there are few different values, and a peer's table can have them. */
VMC_FN uint32_t vmc_grpc_timeout(const vmc_grpc *g, const vmc_call *c)
{
    uint32_t left = vmc_timer_left(&c->deadline, g->block_now), unit = 1;
    if (left == 0)
        return 1;
    while (left / unit >= 100u)
        unit *= 10u;
    return (left + unit - 1u) / unit * unit; /* at most 2,200,000,000 */
}

/* "3000m", above 99,999,999 ms in seconds. */
VMC_FN viamc_bytes vmc_grpc_timeout_text(uint32_t ms, uint8_t *buf)
{
    vmc_wr w = vmc_wr_of(buf, VMC_GRPC_TIMEOUT_LEN);
    bool long_ = ms > 99999999u;
    vmc_wr_dec(&w, long_ ? ms / 1000u : ms);
    vmc_wr_u8(&w, long_ ? 'S' : 'm');
    return viamc_view(buf, w.len);
}

#define VMC_GRPC_NO_KEY 0xffu /* of a field whose value is never kept: no key that is in use */

VMC_FN uint64_t vmc_grpc_path_key(const vmc_call *c)
{
    return vmc_hpack_key(viamc_view(c->path, c->path_len));
}

/* 0: no time limit. */
VMC_FN uint64_t vmc_grpc_timeout_key(const vmc_grpc *g, const vmc_call *c)
{
    return vmc_timer_is_on(&c->deadline) ? (uint64_t)vmc_grpc_timeout(g, c) << 8 | (VMC_GRPC_AT_TIMEOUT + 1u) : 0;
}

/* The identity of field n of call c; 0: the call does not carry it. */
VMC_FN uint64_t vmc_grpc_request_key(const vmc_grpc *g, const vmc_call *c, uint8_t n)
{
    switch (n) {
    case VMC_GRPC_AT_PATH: return vmc_grpc_path_key(c);
    case VMC_GRPC_AT_TIMEOUT: return vmc_grpc_timeout_key(g, c);
    case VMC_GRPC_AT_TOKEN:
        if ((c->flags & VMC_CALL_F_TOKEN) == 0 || g->token.len == 0)
            return 0;
        break;
    case VMC_GRPC_AT_SESSION:
        if ((c->flags & VMC_CALL_F_SESSION) == 0 || g->session.len == 0)
            return 0;
        break;
    default: break;
    }
    return n < VMC_GRPC_AT_METADATA ? n + 1u : VMC_GRPC_NO_KEY;
}

/* Puts the name and the parts of the value of field n together. */
VMC_FN void vmc_grpc_request_field(const vmc_grpc *g, const vmc_call *c, uint8_t n, uint8_t *buf, vmc_hpack_field *f)
{
    const vmc_grpc_form *form = &vmc_grpc_forms[vmc_min32(n, VMC_GRPC_AT_METADATA)];
    f->full_index = 0;
    f->name_index = form->index;
    f->base64 = false;
    f->name = vmc_bytes_of(viamc_text(form->name));
    f->value[0] = vmc_bytes_of(viamc_text(form->value));
    f->value[1] = viamc_view("", 0);
    switch (n) {
    case VMC_GRPC_AT_PATH: f->value[1] = vmc_bytes_of(vmc_call_path(c)); break;
    case VMC_GRPC_AT_AUTHORITY:
        f->value[0] = g->authority[0];
        f->value[1] = g->authority[1];
        break;
    case VMC_GRPC_AT_TIMEOUT:
        f->value[1] = vmc_grpc_timeout_text((uint32_t)(f->key >> 8), buf);
        if (g->h2.encoder.others >= VMC_HPACK_ENCODER_ENTRIES / 2u)
            f->key = 0;
        break;
    case VMC_GRPC_AT_TOKEN: f->value[1] = g->token; break;
    case VMC_GRPC_AT_SESSION: f->value[1] = g->session; break;
    default:
        if (n >= VMC_GRPC_AT_METADATA) {
            const viamc_metadata *m = &vmc_call_user_const(c)->metadata[n - VMC_GRPC_AT_METADATA];
            f->name = vmc_bytes_of(m->name);
            f->value[0] = m->value;
            f->base64 = vmc_grpc_is_binary(f->name);
        }
        break;
    }
}

/* Field n of a request, spelled out. False: the frame is full. */
VMC_APART bool vmc_grpc_put_literal(vmc_grpc *g, const vmc_call *c, uint8_t n, uint64_t key, vmc_wr *part)
{
    uint8_t buf[VMC_GRPC_TIMEOUT_LEN];
    vmc_hpack_field f;
    f.key = key == VMC_GRPC_NO_KEY ? 0 : key;
    vmc_grpc_request_field(g, c, n, buf, &f);
    return vmc_hpack_put(&g->h2.encoder, &f, &g->field_at, part);
}

#if VIAMC_SHORTCUTS

#define VMC_GRPC_FIXED_OCTETS 16u /* more than there are fields */

/* The fixed fields that call c carries, a bit 1 << key each. */
VMC_FN uint32_t vmc_grpc_fixed(const vmc_grpc *g, const vmc_call *c)
{
    uint32_t which = 1u << (VMC_GRPC_AT_AUTHORITY + 1) | 1u << (VMC_GRPC_AT_TE + 1) | 1u << (VMC_GRPC_AT_TYPE + 1) | 1u << (VMC_GRPC_AT_AGENT + 1) | 1u << (VMC_GRPC_AT_CLIENT + 1);
    if ((c->flags & VMC_CALL_F_TOKEN) != 0 && g->token.len != 0)
        which |= 1u << (VMC_GRPC_AT_TOKEN + 1);
    if ((c->flags & VMC_CALL_F_SESSION) != 0 && g->session.len != 0)
        which |= 1u << (VMC_GRPC_AT_SESSION + 1);
    return which;
}

/* The block of a call whose fields the peer's table has, as nearly all have: an octet each, VMC_GRPC_FIXED_OCTETS at most. False: nothing
 * was written. */
VMC_FN bool vmc_grpc_put_known(vmc_grpc *g, const vmc_call *c, vmc_wr *part)
{
    vmc_hpack_enc *e = &g->h2.encoder;
    uint8_t *to = part->ptr + part->len;
    uint32_t n;
    if (c->metadata_count != 0)
        return false;
    to[0] = vmc_hpack_find(e, vmc_grpc_path_key(c));
    n = to[0] == 0 ? 0 : vmc_hpack_find_fixed(e, vmc_grpc_fixed(g, c), to + 1);
    if (n == 0)
        return false;
    if (vmc_timer_is_on(&c->deadline) && (to[++n] = vmc_hpack_find(e, vmc_grpc_timeout_key(g, c))) == 0)
        return false;
    part->len += n + 1u;
    return true;
}

#endif

/* The fields of call c's request from g->field on. True when all are in. */
VMC_FN bool vmc_grpc_put_request(vmc_grpc *g, vmc_call *c, vmc_wr *part)
{
    const uint32_t count = (uint32_t)VMC_GRPC_AT_METADATA + c->metadata_count;
    uint8_t n = g->field;
    for (; n < count; n++) {
        uint64_t key = vmc_grpc_request_key(g, c, n);
        uint8_t octet = key == 0 ? (uint8_t)0 : vmc_hpack_find(&g->h2.encoder, key);
        if (octet != 0 && vmc_wr_room(part) != 0)
            vmc_wr_u8(part, octet);
        else if (key != 0 && !vmc_grpc_put_literal(g, c, n, key, part))
            break;
    }
    g->field = n;
    return n == count;
}

/* The fields of a reply: two of its headers, two of its trailers; trailers alone have all four. */
enum { VMC_GRPC_AT_STATUS, VMC_GRPC_AT_REPLY_TYPE, VMC_GRPC_AT_GRPC_STATUS, VMC_GRPC_AT_MESSAGE, VMC_GRPC_REPLY_FIELDS };

#ifndef VIAMC_NO_SERVER

VMC_FN void vmc_grpc_reply_text(vmc_hpack_field *f, uint64_t key, uint8_t name_index, const char *name, viamc_bytes value)
{
    f->key = key;
    f->name_index = name_index;
    f->name = viamc_view(name, vmc_strlen(name));
    f->value[0] = value;
}

/* Field n of a reply; false: not sent. */
VMC_FN bool vmc_grpc_reply_field(const vmc_grpc *g, const vmc_call *c, uint8_t n, uint8_t *buf, vmc_hpack_field *f)
{
    vmc_wr w = vmc_wr_of(buf, 3u * VMC_CALL_TEXT);
    viamc_bytes message;
    viamc_str text;
    VIAMC_MEMSET(f, 0, sizeof *f);
    switch (n) {
    case VMC_GRPC_AT_STATUS: f->full_index = 8; return true; /* 200 */
    case VMC_GRPC_AT_REPLY_TYPE: vmc_grpc_reply_text(f, n + 1u, 31, "content-type", vmc_bytes_of(viamc_text("application/grpc"))); return true;
    case VMC_GRPC_AT_GRPC_STATUS:
        vmc_wr_dec(&w, c->status);
        vmc_grpc_reply_text(f, c->status == 0 ? n + 1u : 0, 0, "grpc-status", viamc_view(buf, w.len));
        return true;
    default: break;
    }
    message = vmc_calls_text(g->calls, c);
    text.ptr = (const char *)message.ptr;
    text.len = message.len;
    vmc_percent_encode(&w, text);
    vmc_grpc_reply_text(f, 0, 0, "grpc-message", viamc_view(buf, w.len));
    return w.len != 0;
}

VMC_FN bool vmc_grpc_put_reply(vmc_grpc *g, vmc_call *c, uint8_t count, vmc_wr *part)
{
    uint8_t buf[3u * VMC_CALL_TEXT];
    vmc_hpack_field f;
    for (; g->field < count; g->field++)
        if (vmc_grpc_reply_field(g, c, g->field, buf, &f) && !vmc_hpack_put(&g->h2.encoder, &f, &g->field_at, part))
            return false;
    return true;
}

#endif

/* :method POST, :scheme */
VMC_FN void vmc_grpc_put_pseudo(const vmc_grpc *g, vmc_wr *part)
{
    vmc_wr_u8(part, 0x83);
    vmc_wr_u8(part, g->https ? 0x87 : 0x86);
}

/* Puts fields from g->field on into the open frame; true when all are in. `count`: of a reply. */
VMC_FN bool vmc_grpc_put_fields(vmc_grpc *g, vmc_call *c, uint8_t count, vmc_wr *part)
{
    if (g->in_updates) {
        if (!vmc_hpack_enc_begin(&g->h2.encoder, part))
            return false;
        g->in_updates = false;
        if (!VMC_H2_IS_SERVER(&g->h2))
            vmc_grpc_put_pseudo(g, part); /* there is room: vmc_h2_block_open */
    }
#ifndef VIAMC_NO_SERVER
    if (VMC_H2_IS_SERVER(&g->h2))
        return vmc_grpc_put_reply(g, c, count, part);
#endif
    (void)count;
    return vmc_grpc_put_request(g, c, part);
}

/* Writes the header block of call c, or what fits of it; true when it is complete. `first`, `count`: which fields of a reply. */
VMC_FN bool vmc_grpc_write_block(vmc_grpc *g, vmc_call *c, uint8_t first, uint8_t count, bool end, viamc_ms now, vmc_wr *w)
{
    vmc_wr part;
    bool done;
    bool begins = g->h2.out_slot == VMC_H2_NO_SLOT;
    if (!vmc_h2_block_open(&g->h2, vmc_call_index(c), end, w, &part))
        return false;
    if (begins) {
        g->field = first;
        g->field_at = 0;
        g->in_updates = true;
        g->block_now = now;
    }
    done = vmc_grpc_put_fields(g, c, count, &part);
    c->flags |= VMC_CALL_F_SENT;
    vmc_h2_block_close(&g->h2, w, &part, done);
    return done;
}

/* ---- sending: one call ---- */

VMC_FN bool vmc_grpc_is_ours(const vmc_call *c)
{
    return (c->flags & (VMC_CALL_F_INTERNAL | VMC_CALL_F_FIRST)) != 0;
}

#define VMC_GRPC_BLOCK_MAX 240u /* octets of a block beside path, authority and token; metadata apart */

/* While the token is being replaced, the user's calls wait. Ours go with the old one: where the peer's table has it, it is not read any
 * more; else the block must fit at once, before the new one comes to its place. */
VMC_FN bool vmc_grpc_has_token(const vmc_grpc *g, const vmc_call *c, const vmc_wr *w)
{
    if (!g->hold_token || (c->flags & VMC_CALL_F_TOKEN) == 0)
        return true;
    if (!vmc_grpc_is_ours(c))
        return false;
    if (!g->h2.encoder.changed && vmc_hpack_find(&g->h2.encoder, VMC_GRPC_AT_TOKEN + 1u) != 0)
        return true;
    return !g->token_comes && c->metadata_count == 0
           && vmc_wr_room(w) >= VMC_GRPC_BLOCK_MAX + c->path_len + g->authority[0].len + g->authority[1].len + g->token.len;
}

/* Client: may the header block of call c begin now? */
VMC_FN bool vmc_grpc_may_begin(const vmc_grpc *g, const vmc_call *c, const vmc_wr *w)
{
    if (!vmc_grpc_has_token(g, c, w))
        return false;
    if (!vmc_h2_is_free(&g->h2, vmc_call_index(c)) || !vmc_h2_may_open(&g->h2, vmc_grpc_is_ours(c) ? 0 : VMC_GRPC_SPARE_STREAMS))
        return false; /* the stream before it is not reset yet, or the peer permits no more */
    return vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u;
}

/* Client: the request's header block. True when DATA may follow. */
VMC_FN bool vmc_grpc_write_request(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (g->h2.out_slot != vmc_call_index(c)) {
        if (!vmc_grpc_may_begin(g, c, w))
            return false;
        vmc_h2_open(&g->h2, vmc_call_index(c));
        if (c->wants_metadata)
            vmc_grpc_stream(g, c)->flags |= VMC_H2_ALL_FIELDS;
    }
    if (!vmc_grpc_write_block(g, c, 0, 0, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

/* Copies n of the octets that call c has to send. */
VMC_FN void vmc_grpc_copy_octets(vmc_grpc *g, vmc_call *c, uint8_t *to, uint32_t n)
{
    while (n != 0) {
        viamc_bytes v = vmc_calls_next_octets(g->calls, c);
        uint32_t k = vmc_min32((uint32_t)v.len, n);
        vmc_copy(to, v.ptr, k);
        to += k;
        n -= k;
        if (n != 0)
            c->sent += k; /* the rest comes from the other place */
        else
            vmc_calls_sent(g->calls, c, k);
    }
}

/* DATA of call c as far as window, peer and fairness allow; false when the window is full. */
VMC_APART bool vmc_grpc_write_messages(vmc_grpc *g, vmc_call *c, vmc_wr *w)
{
    bool ours = vmc_grpc_is_ours(c);
    uint32_t pending = vmc_call_pending(c);
    while (pending != 0 && (ours || !g->hold_data || pending <= VMC_GRPC_SMALL)) {
        size_t room = vmc_wr_room(w);
        uint32_t n = vmc_min32(pending, vmc_h2_data_room(&g->h2, vmc_call_index(c), ours || VMC_H2_IS_SERVER(&g->h2) ? 0 : VMC_GRPC_SPARE_WINDOW));
        bool last;
        uint8_t *to;
        if (n == 0)
            return true; /* the peer's turn */
        if (room <= VMC_H2_FRAME_HEAD)
            return false;
        n = (uint32_t)vmc_min(n, room - VMC_H2_FRAME_HEAD);
        last = n == pending && (c->flags & VMC_CALL_F_FINISH) != 0 && !VMC_H2_IS_SERVER(&g->h2);
        to = vmc_h2_write_data(&g->h2, vmc_call_index(c), n, last, w);
        if (last)
            c->flags |= VMC_CALL_F_FINISHED;
        vmc_grpc_copy_octets(g, c, to, n);
        pending -= n;
    }
    return true;
}

/* Half-close of a client's call that has nothing pending, or the trailers of a server's. False when there is no room. */
VMC_FN bool vmc_grpc_write_finish(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (!VMC_H2_IS_SERVER(&g->h2)) {
        if (vmc_h2_write_data(&g->h2, vmc_call_index(c), 0, true, w) == NULL)
            return false;
    } else {
        if (!vmc_grpc_write_block(g, c, (c->flags & VMC_CALL_F_HEAD) != 0 ? VMC_GRPC_AT_STATUS : VMC_GRPC_AT_GRPC_STATUS, VMC_GRPC_REPLY_FIELDS, true, now, w))
            return false;
        c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    }
    c->flags |= VMC_CALL_F_FINISHED;
    return true;
}

/* Server: headers of a reply go before its first message; without one they are one block with the trailers. */
VMC_FN bool vmc_grpc_write_reply(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    if (vmc_call_pending(c) == 0)
        return true;
    if (!vmc_grpc_write_block(g, c, 0, VMC_GRPC_AT_GRPC_STATUS, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

#if VIAMC_SHORTCUTS

/* Octets of message that call c may send at once on a stream that is to be opened. */
VMC_FN bool vmc_grpc_may_send(const vmc_grpc *g, const vmc_call *c, uint32_t n)
{
    bool ours = vmc_grpc_is_ours(c);
    int32_t spare = ours ? 0 : (int32_t)VMC_GRPC_SPARE_WINDOW;
    return (ours || !g->hold_data || n <= VMC_GRPC_SMALL) && n <= VMC_H2_FRAME_MAX && (int32_t)n <= g->h2.peer_window && (int32_t)n <= g->h2.send_window - spare;
}

/* A whole unary request whose parts are all as usual: two frames in one step. False: it goes the way of parts, nothing was written. */
VMC_APART bool vmc_grpc_write_whole(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    const size_t head = VMC_H2_FRAME_HEAD + 2u + VMC_GRPC_FIXED_OCTETS, room = vmc_wr_room(w);
    const uint16_t flags = c->flags & (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH | VMC_CALL_F_CLIENT_STREAM);
    vmc_wr block;
    if (flags != (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH) || (c->body_len | c->sent) != 0 || c->wants_metadata || g->h2.encoder.changed
        || room < head + VMC_H2_FRAME_HEAD + c->tx_len || !vmc_grpc_may_send(g, c, c->tx_len) || !vmc_grpc_may_begin(g, c, w))
        return false;
    g->block_now = now;
    block = vmc_wr_of(w->ptr + w->len + VMC_H2_FRAME_HEAD, 2u + VMC_GRPC_FIXED_OCTETS);
    vmc_grpc_put_pseudo(g, &block);
    if (!vmc_grpc_put_known(g, c, &block))
        return false;
    vmc_h2_open(&g->h2, vmc_call_index(c));
    (void)vmc_h2_frame(w, (uint32_t)block.len, VMC_H2_KIND(VMC_H2_F_HEADERS, VMC_H2_END_HEADERS), vmc_grpc_stream(g, c)->id);
    vmc_copy(vmc_h2_write_data(&g->h2, vmc_call_index(c), c->tx_len, true, w), g->calls->tx + c->tx_at, c->tx_len);
    c->flags = (uint16_t)((c->flags & ~VMC_CALL_F_HEAD) | VMC_CALL_F_SENT | VMC_CALL_F_FINISHED);
    vmc_calls_sent(g->calls, c, c->tx_len);
    return true;
}

#endif

/* Everything that call c can send now; false when the window is full. */
VMC_FN bool vmc_grpc_write_call(vmc_grpc *g, vmc_call *c, viamc_ms now, vmc_wr *w)
{
    size_t before = w->len;
#if VIAMC_SHORTCUTS
    if (!VMC_H2_IS_SERVER(&g->h2) && vmc_grpc_write_whole(g, c, now, w))
        return true;
#endif
    if ((c->flags & VMC_CALL_F_HEAD) != 0) {
        bool written = VMC_H2_IS_SERVER(&g->h2) ? vmc_grpc_write_reply(g, c, now, w) : vmc_grpc_write_request(g, c, now, w);
        if (!written)
            return g->h2.out_slot == VMC_H2_NO_SLOT && w->len == before && vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u; /* room is not what it lacks */
    }
    if (!vmc_grpc_write_messages(g, c, w))
        return false;
    if ((c->flags & (VMC_CALL_F_FINISH | VMC_CALL_F_FINISHED)) == VMC_CALL_F_FINISH && vmc_call_pending(c) == 0)
        return vmc_grpc_write_finish(g, c, now, w);
    return true;
}

/* ---- sending: all calls ---- */

/* Goes on with the header block that is open, whatever became of its call. */
VMC_FN bool vmc_grpc_write_open_block(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = vmc_calls_at(g->calls, g->h2.out_slot);
    bool trailers = VMC_H2_IS_SERVER(&g->h2) && g->h2.out_end;
    if (!vmc_grpc_write_block(g, c, 0, trailers ? VMC_GRPC_REPLY_FIELDS : VMC_GRPC_AT_GRPC_STATUS, g->h2.out_end, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    if (trailers)
        c->flags |= VMC_CALL_F_FINISHED;
    return true;
}

/* The classes of calls, ours first; as bits. */
enum { VMC_GRPC_OURS = 1, VMC_GRPC_USERS = 2 };

/* The class of a call that has something to send; 0: it has nothing. */
VMC_FN uint32_t vmc_grpc_can_write(const vmc_call *c)
{
    if (c->state != VMC_CALL_OPEN || ((c->flags & (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH)) == 0 && vmc_call_pending(c) == 0))
        return 0;
    return vmc_grpc_is_ours(c) ? VMC_GRPC_OURS : VMC_GRPC_USERS;
}

/* The calls of one class from c on up to `until`, NULL: all. False: the window is full, the call that found it so is first in turn. */
VMC_FN bool vmc_grpc_write_calls(vmc_grpc *g, uint32_t which, vmc_call *c, const vmc_call *until, viamc_ms now, vmc_wr *w)
{
    for (; c != until; c = c->live)
        if (vmc_grpc_can_write(c) == which && !vmc_grpc_write_call(g, c, now, w)) {
            if (which == VMC_GRPC_USERS)
                g->calls->turn = c;
            return false;
        }
    return true;
}

/* The calls that have something to send: heartbeats and Stop, then the user's in turn. False: the window is full. */
VMC_FN bool vmc_grpc_write_all(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    vmc_call *oldest = g->calls->live, *turn = g->calls->turn;
    uint32_t found = 0;
    const vmc_call *c;
    VMC_CALLS_EACH(g->calls, c)
        found |= vmc_grpc_can_write(c);
    if ((found & VMC_GRPC_OURS) != 0 && !vmc_grpc_write_calls(g, VMC_GRPC_OURS, oldest, NULL, now, w))
        return false;
    if ((found & VMC_GRPC_USERS) == 0)
        return true;
    if (turn != NULL && !vmc_grpc_write_calls(g, VMC_GRPC_USERS, turn, NULL, now, w))
        return false;
    return vmc_grpc_write_calls(g, VMC_GRPC_USERS, oldest, turn, now, w);
}

/* Fills the window w: what is owed to the peer, then the calls. */
VMC_FN void vmc_grpc_write(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    if (g->h2.out_slot != VMC_H2_NO_SLOT && !vmc_grpc_write_open_block(g, now, w))
        return;
    g->calls->stirred = g->calls->stirred || (g->h2.owed & VMC_H2_OWES_CHORES) != 0; /* a reset that is written makes room for a stream */
    vmc_h2_write_control(&g->h2, w);
    if (!vmc_h2_is_up(&g->h2) || !g->calls->stirred || !vmc_grpc_write_all(g, now, w))
        return;
    g->calls->turn = NULL;
    g->calls->stirred = false; /* whatever is left waits for the peer, or for its owner */
}

/* ---- time ---- */

/* A server's clock for the call runs beside ours: its reset may be the first word of what both have seen. */
VMC_FN bool vmc_grpc_was_reset_late(const vmc_call *c)
{
    return c->state == VMC_CALL_ENDED && c->status == VIAMC_CANCELLED && c->ran != VIAMC_ANSWERED && (c->flags & VMC_CALL_F_PEER_END) != 0;
}

/* Ends the calls whose deadline has passed. */
VMC_FN void vmc_grpc_expire(vmc_grpc *g, viamc_ms now)
{
    vmc_call *c;
    if (VMC_H2_IS_SERVER(&g->h2))
        return; /* whoever serves the request answers it */
    VMC_CALLS_EACH(g->calls, c) {
        if (!vmc_timer_due(&c->deadline, now))
            continue;
        if (vmc_call_is_running(c))
            vmc_grpc_cancel(g, c, VIAMC_DEADLINE_EXCEEDED, VMC_TEXT("no answer within the call's time limit"));
        else if (vmc_grpc_was_reset_late(c))
            c->status = VIAMC_DEADLINE_EXCEEDED;
    }
}

/* Shortens a wait to the next deadline. */
VMC_FN void vmc_grpc_wait(const vmc_grpc *g, viamc_ms now, viamc_ms *wait)
{
    const vmc_call *c;
    VMC_CALLS_EACH(g->calls, c) {
        if (vmc_call_is_running(c))
            vmc_wait_timer(wait, &c->deadline, now);
        if (!g->calls->unsettled)
            continue;
        if (c->large == VMC_CALL_SINK && c->stored - c->parsed > c->kept)
            *wait = vmc_min32(*wait, VMC_GRPC_AGAIN_MS);
        if (vmc_calls_can_settle(g->calls, c))
            *wait = 0; /* room that the peer does not know of yet */
    }
}

#endif
