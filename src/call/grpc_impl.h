/* SPDX-License-Identifier: MIT */
/* call/grpc: receiving, then sending, then time. Statuses follow gRPC over HTTP/2 and the table of viam-wire.md 2.9. */
#ifndef VIAMC_CALL_GRPC_IMPL_H
#define VIAMC_CALL_GRPC_IMPL_H

#include "base/core_impl.h"
#include "http2/hpack_impl.h"
#include "call/grpc.h"

#define VMC_GRPC_NO_STATUS 0xffu
#define VMC_GRPC_TIMEOUT_LEN 10u /* "99999999m" and one more */

VMC_FN void vmc_grpc_init(vmc_grpc *g, const vmc_h2_config *h2, vmc_calls *calls, const vmc_grpc_config *cfg)
{
    VIAMC_MEMSET(g, 0, sizeof *g);
    vmc_h2_init(&g->h2, h2);
    g->calls = calls;
    g->https = cfg->https;
    g->scratch = cfg->scratch;
    g->scratch_cap = cfg->scratch_cap;
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
VMC_FN void vmc_grpc_end(vmc_grpc *g, uint8_t i, uint32_t status, uint8_t ran, const char *text)
{
    if (text == NULL || VMC_H2_IS_SERVER(&g->h2))
        vmc_calls_end(g->calls, i, VMC_H2_IS_SERVER(&g->h2) ? g->calls->rec[i].status : status, ran);
    else
        vmc_calls_end_text(g->calls, i, status, ran, text);
    vmc_h2_release(&g->h2, i, VMC_H2_IS_SERVER(&g->h2) ? VMC_H2_NO_ERROR : VMC_H2_CANCEL);
    g->calls->stirred = true; /* its stream may be another's now */
}

/* Client: gives a running call up. */
VMC_FN void vmc_grpc_cancel(vmc_grpc *g, uint8_t i, uint32_t status, const char *text)
{
    vmc_grpc_end(g, i, status, vmc_call_ran_locally(&g->calls->rec[i]), text);
}

/* The connection is gone: every call of it ends, nothing is sent any more. */
VMC_APART void vmc_grpc_abort(vmc_grpc *g, uint32_t status, const char *text)
{
    uint8_t i;
    for (i = 0; i < g->calls->count; i++)
        vmc_calls_end_text(g->calls, i, status, vmc_call_ran_locally(&g->calls->rec[i]), text);
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

/* HTTP status to gRPC (gRPC, http-grpc-status-mapping). */
VMC_FN uint32_t vmc_grpc_status_of_http(uint32_t http)
{
    switch (http) {
    case 400: return VIAMC_INTERNAL;
    case 401: return VIAMC_UNAUTHENTICATED;
    case 403: return VIAMC_PERMISSION_DENIED;
    case 404: return VIAMC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return VIAMC_UNAVAILABLE;
    default: return VIAMC_UNKNOWN;
    }
}

/* ---- receiving: fields ---- */

VMC_FN void vmc_grpc_begin_block(vmc_grpc *g)
{
    g->kept = 0;
    g->said.type_ok = false;
    g->said.has_type = false;
    g->is_post = false;
    g->text_given = false;
    g->said.status = VMC_GRPC_NO_STATUS;
    g->reject = 0;
    g->timeout = VIAMC_FOREVER;
}

/* Puts the pieces of a value together; true when *value is whole (cut at the scratch's size: *cut). */
VMC_APART bool vmc_grpc_gather_pieces(vmc_grpc *g, const vmc_hpack_piece *p, viamc_bytes *value)
{
    vmc_wr w = vmc_wr_of(g->scratch + g->kept, (size_t)(g->scratch_cap - g->kept));
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
VMC_FN bool vmc_grpc_is_type(viamc_bytes v)
{
    static const char type[] = "application/grpc+proto";
    const size_t whole = sizeof type - 1u, plain = sizeof "application/grpc" - 1u;
    const size_t n = v.len > plain && v.ptr[plain] == '+' ? whole : plain;
    return v.len >= n && vmc_same(v.ptr, type, n) && (v.len == n || v.ptr[n] == ';');
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
VMC_APART void vmc_grpc_take_message(vmc_grpc *g, uint8_t i, const vmc_hpack_piece *p)
{
    vmc_call *c = &g->calls->rec[i];
    if ((p->flags & VMC_HPACK_FIRST) != 0) {
        uint32_t room;
        uint8_t *text = vmc_calls_text_place(g->calls, i, &room);
        vmc_percent_begin(&g->message, text, room);
        g->text_given = true;
    }
    vmc_percent_feed(&g->message, p->value);
    if ((p->flags & VMC_HPACK_LAST) == 0)
        return;
    c->text_len = (uint8_t)vmc_percent_end(&g->message).len;
    if (g->message.truncated)
        c->flags |= VMC_CALL_F_TEXT_CUT;
}

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

VMC_FN void vmc_grpc_on_reply_field(vmc_grpc *g, uint8_t i, const vmc_hpack_piece *p)
{
    viamc_bytes value;
    if (p->known == VMC_NAME_GRPC_MESSAGE) {
        vmc_grpc_take_message(g, i, p);
    } else if (p->known == VMC_NAME_CONTENT_TYPE || p->known == VMC_NAME_GRPC_STATUS) {
        if (!vmc_grpc_gather(g, p, &value))
            return;
        if (p->known == VMC_NAME_GRPC_STATUS) {
            g->said.status = vmc_grpc_parse_status(g, value);
        } else {
            g->said.has_type = true;
            g->said.type_ok = vmc_grpc_is_type(value);
        }
    } else if (g->calls->rec[i].meta != NULL && (p->flags & VMC_HPACK_NAME_CUT) == 0) {
        vmc_calls_metadata(g->calls, i, p->name, p->value, (p->flags & VMC_HPACK_FIRST) != 0);
    }
}

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
    case VMC_NAME_CONTENT_TYPE: g->said.type_ok = vmc_grpc_is_type(value); break;
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

/* ---- receiving: blocks and messages ---- */

/* The peer's last word is OK: the call needs what its kind promises, one message or any number of whole ones. */
VMC_FN void vmc_grpc_finish_ok(vmc_grpc *g, uint8_t i)
{
    const vmc_call *c = &g->calls->rec[i];
    if (vmc_calls_is_parked(c))
        return; /* its sink has yet to take the end: vmc_grpc_settle comes back */
    if (!vmc_calls_is_whole(g->calls, i))
        vmc_grpc_end(g, i, VIAMC_INTERNAL, VIAMC_MAYBE, VMC_TEXT("the stream ended inside a message"));
    else if (!vmc_call_is_server_stream(c) && c->messages != 1u && (c->flags & VMC_CALL_F_DROP) == 0)
        vmc_grpc_end(g, i, VIAMC_UNIMPLEMENTED, VIAMC_MAYBE, VMC_TEXT("a unary call was answered with no message, or with several"));
    else
        vmc_grpc_end(g, i, VIAMC_OK, VIAMC_ANSWERED, NULL);
}

/* What was sent before the stream of call i was has come. */
VMC_FN void vmc_grpc_note_answer(vmc_grpc *g, uint8_t i)
{
    if (g->h2.streams[i].id > g->answered)
        g->answered = g->h2.streams[i].id;
}

/* The peer gave the last word on a call. */
VMC_FN void vmc_grpc_finish(vmc_grpc *g, uint8_t i)
{
    vmc_call *c = &g->calls->rec[i];
    c->flags |= VMC_CALL_F_PEER_END;
    if (g->said.status != VMC_GRPC_NO_STATUS) /* else it may be a proxy's word */
        vmc_grpc_note_answer(g, i);
    if (!g->text_given)
        c->text_len = 0;
    if (g->said.status == VMC_GRPC_NO_STATUS)
        vmc_grpc_end(g, i, VIAMC_UNKNOWN, VIAMC_MAYBE, VMC_TEXT("the stream ended without a grpc-status"));
    else if (g->said.status != VIAMC_OK)
        vmc_grpc_end(g, i, g->said.status, VIAMC_ANSWERED, NULL);
    else
        vmc_grpc_finish_ok(g, i);
}

/* "HTTP 502 without gRPC" */
VMC_FN void vmc_grpc_end_http(vmc_grpc *g, uint8_t i, uint32_t http)
{
    vmc_call *c = &g->calls->rec[i];
    vmc_wr w = vmc_calls_begin_text(g->calls, i);
    vmc_wr_text(&w, VMC_TEXT("HTTP "));
    vmc_wr_dec(&w, http);
    vmc_wr_text(&w, VMC_TEXT(" instead of a gRPC answer"));
    c->text_len = (uint8_t)w.len;
    vmc_grpc_end(g, i, vmc_grpc_status_of_http(http), VIAMC_MAYBE, NULL);
}

/* A block that repeats one says what that said; of one that may come again it is noted, unless it has a text. */
VMC_FN void vmc_grpc_recall(vmc_grpc *g, uint8_t i, const vmc_h2_event *ev)
{
    if (ev->repeats)
        g->said = g->memo[ev->memo - 1u];
    else if (g->text_given && g->calls->rec[i].text_len != 0)
        vmc_h2_memo_drop(&g->h2, ev->memo);
    else
        g->memo[ev->memo - 1u] = g->said;
}

/* Client: a header block of a reply is complete: headers, trailers or both in one. A grpc-status wins over everything else. */
VMC_FN void vmc_grpc_on_reply_block(vmc_grpc *g, uint8_t i, const vmc_h2_event *ev)
{
    if (ev->memo != 0)
        vmc_grpc_recall(g, i, ev);
    if (ev->end && (ev->status == 0 || ev->status == 200u || g->said.status != VMC_GRPC_NO_STATUS))
        vmc_grpc_finish(g, i);
    else if (ev->status != 200u)
        vmc_grpc_end_http(g, i, ev->status);
    else if (!g->said.type_ok)
        vmc_grpc_end(g, i, VIAMC_UNKNOWN, VIAMC_MAYBE, g->said.has_type ? VMC_TEXT("HTTP 200 with a content-type that is not gRPC's") : VMC_TEXT("HTTP 200 without a content-type"));
}

/* Server: the path goes where the status text will be; requests that cannot be gRPC are refused by the owner (g->reject). */
VMC_FN vmc_grpc_event vmc_grpc_on_request_block(vmc_grpc *g, uint8_t i, const vmc_h2_event *ev)
{
    vmc_call *c = &g->calls->rec[i];
    uint32_t room;
    uint8_t *text = vmc_calls_text_place(g->calls, i, &room);
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
    if (!g->is_post || !g->said.type_ok)
        g->reject = VIAMC_INVALID_ARGUMENT;
    if (ev->end && g->reject == 0)
        c->flags |= VMC_CALL_F_PEER_END; /* half-closed without a message */
    g->at = i;
    return VMC_GRPC_REQUEST;
}

VMC_FN vmc_grpc_event vmc_grpc_on_block(vmc_grpc *g, const vmc_h2_event *ev)
{
    vmc_grpc_event up = VMC_GRPC_MORE;
    if (VMC_H2_IS_SERVER(&g->h2))
        up = vmc_grpc_on_request_block(g, ev->slot, ev);
    else
        vmc_grpc_on_reply_block(g, ev->slot, ev);
    return up;
}

/* Tells the peer of call i how much room there is. */
VMC_FN void vmc_grpc_give_credit(vmc_grpc *g, uint8_t i)
{
    uint32_t room = vmc_calls_room(g->calls, i);
    if (room > 0 && (int32_t)room > vmc_h2_expected(&g->h2, i))
        vmc_h2_room(&g->h2, i, room, vmc_calls_needs(g->calls, i));
}

/* What the peer sent has ended call i. A server's peer is told why, a client's is told to stop. */
VMC_FN void vmc_grpc_refuse(vmc_grpc *g, uint8_t i)
{
    vmc_call *c = &g->calls->rec[i];
    viamc_bytes said;
    if (!VMC_H2_IS_SERVER(&g->h2) || c->state != VMC_CALL_ENDED) {
        vmc_h2_release(&g->h2, i, VMC_H2_CANCEL);
        return;
    }
    said = vmc_calls_text(g->calls, i);
    if (c->status == VIAMC_RESOURCE_EXHAUSTED)
        said = vmc_bytes_of(viamc_text(VMC_TEXT("message larger than this robot takes")));
    vmc_calls_set_text(g->calls, i, said);
    g->calls->ended--;
    g->calls->stirred = true;
    c->state = VMC_CALL_OPEN;
    c->flags |= VMC_CALL_F_FINISH | VMC_CALL_F_DROP;
}

VMC_FN void vmc_grpc_on_data(vmc_grpc *g, const vmc_h2_event *ev)
{
    uint8_t i = ev->slot;
    viamc_err err = vmc_calls_data(g->calls, i, ev->data);
    if (err == VIAMC_ERR_NOMEM) { /* early DATA beyond our window, or a reply where none has room */
        vmc_calls_end(g->calls, i, VIAMC_RESOURCE_EXHAUSTED, VMC_H2_IS_SERVER(&g->h2) ? VIAMC_NOT_RUN : VIAMC_MAYBE);
        vmc_h2_reset(&g->h2, i, VMC_H2_REFUSED_STREAM);
    } else if (err != VIAMC_OK) {
        vmc_grpc_refuse(g, i);
    } else if (!ev->end) {
        vmc_grpc_give_credit(g, i);
    } else if (VMC_H2_IS_SERVER(&g->h2)) {
        g->calls->rec[i].flags |= VMC_CALL_F_PEER_END; /* half-closed */
    } else {
        vmc_grpc_begin_block(g);
        vmc_grpc_finish(g, i); /* no trailers will come */
    }
}

VMC_FN void vmc_grpc_on_reset(vmc_grpc *g, uint8_t i, uint32_t code)
{
    uint8_t ran = code == VMC_H2_REFUSED_STREAM ? VIAMC_NOT_RUN : VIAMC_MAYBE;
    g->calls->rec[i].flags |= VMC_CALL_F_PEER_END;
    vmc_grpc_end(g, i, vmc_grpc_status_of_reset(code), ran, VMC_TEXT("the peer reset the stream"));
}

/* Calls that the peer has not begun will not be; those that have not left cannot. */
VMC_FN void vmc_grpc_on_goaway(vmc_grpc *g, const vmc_h2_event *ev)
{
    uint8_t i;
    g->code = ev->code;
    if (VMC_H2_IS_SERVER(&g->h2))
        return;
    for (i = 0; i < g->calls->count; i++)
        if (g->h2.streams[i].id == 0 || g->h2.streams[i].id > ev->last)
            vmc_grpc_end(g, i, VIAMC_UNAVAILABLE, VIAMC_NOT_RUN, VMC_TEXT("the peer takes no new calls (GOAWAY)"));
}

VMC_FN bool vmc_grpc_is_vacant(const vmc_grpc *g, uint8_t i)
{
    return g->calls->rec[i].state == VMC_CALL_FREE && g->h2.out_slot != i;
}

/* Server: a request begins. Its record may still be kept by a handler whose stream the peer has reset: then it moves to one that is free,
 * or is refused. */
VMC_FN void vmc_grpc_on_opened(vmc_grpc *g, uint8_t i)
{
    uint8_t to = i;
    if (!vmc_grpc_is_vacant(g, i))
        for (to = 0; to < g->calls->count && !(vmc_grpc_is_vacant(g, to) && vmc_h2_is_free(&g->h2, to)); to++)
            ;
    if (to == g->calls->count) {
        vmc_h2_reset(&g->h2, i, VMC_H2_REFUSED_STREAM);
        return;
    }
    vmc_h2_move(&g->h2, i, to);
    vmc_calls_claim(g->calls, to)->flags = VMC_CALL_F_HEAD;
}

VMC_FN vmc_grpc_event vmc_grpc_on_event(vmc_grpc *g, vmc_h2_event_kind kind, const vmc_h2_event *ev)
{
    switch (kind) {
    case VMC_H2_OPENED:
        if (VMC_H2_IS_SERVER(&g->h2))
            vmc_grpc_on_opened(g, ev->slot);
        break;
    case VMC_H2_FIELD:
        if (VMC_H2_IS_SERVER(&g->h2))
            vmc_grpc_on_request_field(g, &ev->piece);
        else
            vmc_grpc_on_reply_field(g, ev->slot, &ev->piece);
        break;
    case VMC_H2_BLOCK_END: return vmc_grpc_on_block(g, ev);
    case VMC_H2_DATA: vmc_grpc_on_data(g, ev); break;
    case VMC_H2_RESET: vmc_grpc_on_reset(g, ev->slot, ev->code); break;
    case VMC_H2_STREAM_ERROR:
        vmc_grpc_end(g, ev->slot, ev->code == VMC_H2_ENHANCE_YOUR_CALM ? VIAMC_RESOURCE_EXHAUSTED : VIAMC_INTERNAL, VIAMC_MAYBE,
                     VMC_TEXT("the peer broke a rule of HTTP/2 on this stream"));
        break;
    case VMC_H2_GOAWAY: vmc_grpc_on_goaway(g, ev); return VMC_GRPC_GOAWAY;
    case VMC_H2_FAILED: return VMC_GRPC_FAILED;
    case VMC_H2_MORE:
    case VMC_H2_GO: break;
    }
    return VMC_GRPC_MORE;
}

/* Client: takes a whole unary reply that says OK, as most do, in one step. False: there is none, nothing was consumed. */
VMC_APART bool vmc_grpc_take_reply(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_reply r;
    vmc_call *c;
    if (VMC_H2_IS_SERVER(&g->h2) || !g->memo[0].type_ok || g->memo[1].status != VIAMC_OK || !vmc_h2_peek_reply(&g->h2, *in, &r)
        || !vmc_calls_take_reply(g->calls, r.slot, r.data))
        return false;
    vmc_h2_take_reply(&g->h2, in, &r);
    c = &g->calls->rec[r.slot];
    c->flags |= VMC_CALL_F_PEER_END;
    c->text_len = 0;
    vmc_grpc_note_answer(g, r.slot);
    vmc_grpc_end(g, r.slot, VIAMC_OK, VIAMC_ANSWERED, NULL);
    return true;
}

/* Consumes input until its owner has to look at something, or until it is used up. */
VMC_FN vmc_grpc_event vmc_grpc_recv(vmc_grpc *g, vmc_rd *in)
{
    vmc_h2_event ev;
    g->calls->stirred = true;
    for (;;) {
        vmc_h2_event_kind kind;
        vmc_grpc_event up;
        while (vmc_grpc_take_reply(g, in))
            ;
        if (!g->h2.block.open)
            g->block_of = 0;
        kind = vmc_h2_next(&g->h2, in, &ev);
        if (kind == VMC_H2_MORE)
            return VMC_GRPC_MORE; /* also after frames that are no events: windows may have opened */
        if (g->block_of != g->h2.block_id && (kind == VMC_H2_FIELD || kind == VMC_H2_OPENED || kind == VMC_H2_BLOCK_END)) {
            vmc_grpc_begin_block(g);
            g->block_of = g->h2.block_id;
        }
        up = vmc_grpc_on_event(g, kind, &ev);
        if (up != VMC_GRPC_MORE)
            return up;
    }
}

/* Client: the peer said OK, and the call waits for its sink alone. */
VMC_FN bool vmc_grpc_is_finishing(const vmc_grpc *g, uint8_t i)
{
    const vmc_call *c = &g->calls->rec[i];
    return !VMC_H2_IS_SERVER(&g->h2) && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_PEER_END) != 0;
}

/* Start of a poll: what the owner has taken is gone, and its room is the peer's. */
VMC_FN void vmc_grpc_settle(vmc_grpc *g)
{
    uint8_t i;
    vmc_calls_settle_big(g->calls);
    VMC_CALLS_EACH(g->calls, i) {
        if (!vmc_calls_is_unsettled(&g->calls->rec[i]) || (g->block_of != 0 && g->block_of == g->h2.streams[i].id))
            continue; /* or its text may be half there: it must not move */
        if (vmc_calls_settle(g->calls, i) != VIAMC_OK)
            vmc_grpc_refuse(g, i);
        else if (vmc_grpc_is_finishing(g, i))
            vmc_grpc_finish_ok(g, i);
        else if (g->h2.streams[i].id != 0)
            vmc_grpc_give_credit(g, i);
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
    for (; count != 0; m++, count--)
        if (!vmc_grpc_is_free_name(vmc_bytes_of(m->name)) || !(vmc_grpc_is_binary(vmc_bytes_of(m->name)) || vmc_grpc_is_value(m->value)))
            return false;
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
    {"viam_client", "", 0},
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

/* The identity of field n of call c; 0: the call does not carry it. */
VMC_FN uint64_t vmc_grpc_request_key(const vmc_grpc *g, const vmc_call *c, uint8_t n)
{
    switch (n) {
    case VMC_GRPC_AT_PATH: return vmc_hpack_key(vmc_bytes_of(vmc_call_path(c)));
    case VMC_GRPC_AT_TIMEOUT: return vmc_timer_is_on(&c->deadline) ? (uint64_t)vmc_grpc_timeout(g, c) << 8 | (VMC_GRPC_AT_TIMEOUT + 1u) : 0;
    case VMC_GRPC_AT_TOKEN:
        if ((c->flags & VMC_CALL_F_TOKEN) == 0 || g->token.len == 0)
            return 0;
        break;
    case VMC_GRPC_AT_CLIENT:
        if (g->client_name.len == 0)
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
    case VMC_GRPC_AT_CLIENT: f->value[1] = vmc_bytes_of(g->client_name); break;
    case VMC_GRPC_AT_SESSION: f->value[1] = g->session; break;
    default:
        if (n >= VMC_GRPC_AT_METADATA) {
            f->name = vmc_bytes_of(c->metadata[n - VMC_GRPC_AT_METADATA].name);
            f->value[0] = c->metadata[n - VMC_GRPC_AT_METADATA].value;
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

#define VMC_GRPC_FIXED_OCTETS 16u /* more than there are fields */

/* The fixed fields that call c carries, a bit 1 << key each. */
VMC_FN uint32_t vmc_grpc_fixed(const vmc_grpc *g, const vmc_call *c)
{
    uint32_t which = 1u << (VMC_GRPC_AT_AUTHORITY + 1) | 1u << (VMC_GRPC_AT_TE + 1) | 1u << (VMC_GRPC_AT_TYPE + 1) | 1u << (VMC_GRPC_AT_AGENT + 1);
    if ((c->flags & VMC_CALL_F_TOKEN) != 0 && g->token.len != 0)
        which |= 1u << (VMC_GRPC_AT_TOKEN + 1);
    if (g->client_name.len != 0)
        which |= 1u << (VMC_GRPC_AT_CLIENT + 1);
    if ((c->flags & VMC_CALL_F_SESSION) != 0 && g->session.len != 0)
        which |= 1u << (VMC_GRPC_AT_SESSION + 1);
    return which;
}

/* The block of a call whose fields the peer's table has, as nearly all have: an octet each, VMC_GRPC_FIXED_OCTETS at most. False: nothing
 * was written. */
VMC_FN bool vmc_grpc_put_known(vmc_grpc *g, const vmc_call *c, vmc_wr *part)
{
    const vmc_hpack_enc *e = &g->h2.encoder;
    uint8_t *to = part->ptr + part->len;
    uint32_t n;
    if (c->metadata_count != 0)
        return false;
    to[0] = vmc_hpack_find(e, vmc_grpc_request_key(g, c, VMC_GRPC_AT_PATH));
    n = to[0] == 0 ? 0 : vmc_hpack_find_fixed(e, vmc_grpc_fixed(g, c), to + 1);
    if (n == 0)
        return false;
    if (vmc_timer_is_on(&c->deadline) && (to[++n] = vmc_hpack_find(e, vmc_grpc_request_key(g, c, VMC_GRPC_AT_TIMEOUT))) == 0)
        return false;
    part->len += n + 1u;
    return true;
}

/* The fields of call i's request from g->field on. True when all are in. */
VMC_FN bool vmc_grpc_put_request(vmc_grpc *g, uint8_t i, vmc_wr *part)
{
    const vmc_call *c = &g->calls->rec[i];
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
VMC_FN bool vmc_grpc_reply_field(const vmc_grpc *g, uint8_t i, uint8_t n, uint8_t *buf, vmc_hpack_field *f)
{
    const vmc_call *c = &g->calls->rec[i];
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
    message = vmc_calls_text(g->calls, i);
    text.ptr = (const char *)message.ptr;
    text.len = message.len;
    vmc_percent_encode(&w, text);
    vmc_grpc_reply_text(f, 0, 0, "grpc-message", viamc_view(buf, w.len));
    return w.len != 0;
}

VMC_FN bool vmc_grpc_put_reply(vmc_grpc *g, uint8_t i, uint8_t count, vmc_wr *part)
{
    uint8_t buf[3u * VMC_CALL_TEXT];
    vmc_hpack_field f;
    for (; g->field < count; g->field++)
        if (vmc_grpc_reply_field(g, i, g->field, buf, &f) && !vmc_hpack_put(&g->h2.encoder, &f, &g->field_at, part))
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
VMC_FN bool vmc_grpc_put_fields(vmc_grpc *g, uint8_t i, uint8_t count, vmc_wr *part)
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
        return vmc_grpc_put_reply(g, i, count, part);
#endif
    (void)count;
    return vmc_grpc_put_request(g, i, part);
}

/* Writes the header block of call i, or what fits of it; true when it is complete. `first`, `count`: which fields of a reply. */
VMC_FN bool vmc_grpc_write_block(vmc_grpc *g, uint8_t i, uint8_t first, uint8_t count, bool end, viamc_ms now, vmc_wr *w)
{
    vmc_wr part;
    bool done;
    bool begins = g->h2.out_slot == VMC_H2_NO_SLOT;
    if (!vmc_h2_block_open(&g->h2, i, end, w, &part))
        return false;
    if (begins) {
        g->field = first;
        g->field_at = 0;
        g->in_updates = true;
        g->block_now = now;
    }
    done = vmc_grpc_put_fields(g, i, count, &part);
    g->calls->rec[i].flags |= VMC_CALL_F_SENT;
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
    size_t most = VMC_GRPC_BLOCK_MAX + c->path_len + g->authority[0].len + g->authority[1].len + g->token.len;
    if (!g->hold_token || (c->flags & VMC_CALL_F_TOKEN) == 0)
        return true;
    if (!vmc_grpc_is_ours(c))
        return false;
    if (!g->h2.encoder.changed && vmc_hpack_find(&g->h2.encoder, VMC_GRPC_AT_TOKEN + 1u) != 0)
        return true;
    return !g->token_comes && c->metadata_count == 0 && vmc_wr_room(w) >= most;
}

/* Client: may the header block of call i begin now? */
VMC_FN bool vmc_grpc_may_begin(const vmc_grpc *g, uint8_t i, const vmc_wr *w)
{
    const vmc_call *c = &g->calls->rec[i];
    if (!vmc_grpc_has_token(g, c, w))
        return false;
    if (!vmc_h2_is_free(&g->h2, i) || !vmc_h2_may_open(&g->h2, vmc_grpc_is_ours(c) ? 0 : VMC_GRPC_SPARE_STREAMS))
        return false; /* the stream before it is not reset yet, or the peer permits no more */
    return vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u;
}

/* Client: the request's header block. True when DATA may follow. */
VMC_FN bool vmc_grpc_write_request(vmc_grpc *g, uint8_t i, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    if (g->h2.out_slot != i) {
        if (!vmc_grpc_may_begin(g, i, w))
            return false;
        vmc_h2_open(&g->h2, i);
        if (c->meta != NULL)
            g->h2.streams[i].flags |= VMC_H2_ALL_FIELDS;
    }
    if (!vmc_grpc_write_block(g, i, 0, 0, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

/* Copies n of the octets that call i has to send. */
VMC_FN void vmc_grpc_copy_octets(vmc_grpc *g, uint8_t i, uint8_t *to, uint32_t n)
{
    while (n != 0) {
        viamc_bytes v = vmc_calls_next_octets(g->calls, i);
        uint32_t k = vmc_min32((uint32_t)v.len, n);
        vmc_copy(to, v.ptr, k);
        to += k;
        n -= k;
        if (n != 0)
            g->calls->rec[i].sent += k; /* the rest comes from the other place */
        else
            vmc_calls_sent(g->calls, i, k);
    }
}

/* DATA of call i as far as window, peer and fairness allow; false when the window is full. */
VMC_APART bool vmc_grpc_write_messages(vmc_grpc *g, uint8_t i, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    bool ours = vmc_grpc_is_ours(c);
    uint32_t pending = vmc_call_pending(c);
    while (pending != 0 && (ours || !g->hold_data || pending <= VMC_GRPC_SMALL)) {
        size_t room = vmc_wr_room(w);
        uint32_t n = vmc_min32(pending, vmc_h2_data_room(&g->h2, i, ours || VMC_H2_IS_SERVER(&g->h2) ? 0 : VMC_GRPC_SPARE_WINDOW));
        bool last;
        uint8_t *to;
        if (n == 0)
            return true; /* the peer's turn */
        if (room <= VMC_H2_FRAME_HEAD)
            return false;
        n = (uint32_t)vmc_min(n, room - VMC_H2_FRAME_HEAD);
        last = n == pending && (c->flags & VMC_CALL_F_FINISH) != 0 && !VMC_H2_IS_SERVER(&g->h2);
        to = vmc_h2_write_data(&g->h2, i, n, last, w);
        if (last)
            c->flags |= VMC_CALL_F_FINISHED;
        vmc_grpc_copy_octets(g, i, to, n);
        pending -= n;
    }
    return true;
}

/* Half-close of a client's call that has nothing pending, or the trailers of a server's. False when there is no room. */
VMC_FN bool vmc_grpc_write_finish(vmc_grpc *g, uint8_t i, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    if (!VMC_H2_IS_SERVER(&g->h2)) {
        if (vmc_h2_write_data(&g->h2, i, 0, true, w) == NULL)
            return false;
    } else {
        if (!vmc_grpc_write_block(g, i, (c->flags & VMC_CALL_F_HEAD) != 0 ? VMC_GRPC_AT_STATUS : VMC_GRPC_AT_GRPC_STATUS, VMC_GRPC_REPLY_FIELDS, true, now, w))
            return false;
        c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    }
    c->flags |= VMC_CALL_F_FINISHED;
    return true;
}

/* Server: headers of a reply go before its first message; without one they are one block with the trailers. */
VMC_FN bool vmc_grpc_write_reply(vmc_grpc *g, uint8_t i, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    if (vmc_call_pending(c) == 0)
        return true;
    if (!vmc_grpc_write_block(g, i, 0, VMC_GRPC_AT_GRPC_STATUS, false, now, w))
        return false;
    c->flags &= (uint16_t)~VMC_CALL_F_HEAD;
    return true;
}

/* Octets of message that call i may send at once on a stream that is to be opened. */
VMC_FN bool vmc_grpc_may_send(const vmc_grpc *g, const vmc_call *c, uint32_t n)
{
    bool ours = vmc_grpc_is_ours(c);
    int32_t spare = ours ? 0 : (int32_t)VMC_GRPC_SPARE_WINDOW;
    return (ours || !g->hold_data || n <= VMC_GRPC_SMALL) && n <= VMC_H2_FRAME_MAX && (int32_t)n <= g->h2.peer_window && (int32_t)n <= g->h2.send_window - spare;
}

/* A whole unary request whose parts are all as usual: two frames in one step. False: it goes the way of parts, nothing was written. */
VMC_APART bool vmc_grpc_write_whole(vmc_grpc *g, uint8_t i, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    const size_t head = VMC_H2_FRAME_HEAD + 2u + VMC_GRPC_FIXED_OCTETS, room = vmc_wr_room(w);
    const uint16_t flags = c->flags & (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH | VMC_CALL_F_CLIENT_STREAM);
    vmc_wr block;
    if (flags != (VMC_CALL_F_HEAD | VMC_CALL_F_FINISH) || (c->body_len | c->sent) != 0 || c->meta != NULL || g->h2.encoder.changed
        || room < head + VMC_H2_FRAME_HEAD + c->tx_len || !vmc_grpc_may_send(g, c, c->tx_len) || !vmc_grpc_may_begin(g, i, w))
        return false;
    g->block_now = now;
    block = vmc_wr_of(w->ptr + w->len + VMC_H2_FRAME_HEAD, 2u + VMC_GRPC_FIXED_OCTETS);
    vmc_grpc_put_pseudo(g, &block);
    if (!vmc_grpc_put_known(g, c, &block))
        return false;
    vmc_h2_open(&g->h2, i);
    (void)vmc_h2_frame(w, (uint32_t)block.len, VMC_H2_KIND(VMC_H2_F_HEADERS, VMC_H2_END_HEADERS), g->h2.streams[i].id);
    vmc_copy(vmc_h2_write_data(&g->h2, i, c->tx_len, true, w), g->calls->tx + c->tx_at, c->tx_len);
    c->flags = (uint16_t)((c->flags & ~VMC_CALL_F_HEAD) | VMC_CALL_F_SENT | VMC_CALL_F_FINISHED);
    vmc_calls_sent(g->calls, i, c->tx_len);
    return true;
}

/* Everything that call i can send now; false when the window is full. */
VMC_FN bool vmc_grpc_write_call(vmc_grpc *g, uint8_t i, viamc_ms now, vmc_wr *w)
{
    vmc_call *c = &g->calls->rec[i];
    size_t before = w->len;
    if (!VMC_H2_IS_SERVER(&g->h2) && vmc_grpc_write_whole(g, i, now, w))
        return true;
    if ((c->flags & VMC_CALL_F_HEAD) != 0) {
        bool written = VMC_H2_IS_SERVER(&g->h2) ? vmc_grpc_write_reply(g, i, now, w) : vmc_grpc_write_request(g, i, now, w);
        if (!written)
            return g->h2.out_slot == VMC_H2_NO_SLOT && w->len == before && vmc_wr_room(w) >= VMC_H2_FRAME_HEAD + 32u; /* room is not what it lacks */
    }
    if (!vmc_grpc_write_messages(g, i, w))
        return false;
    if ((c->flags & (VMC_CALL_F_FINISH | VMC_CALL_F_FINISHED)) == VMC_CALL_F_FINISH && vmc_call_pending(c) == 0)
        return vmc_grpc_write_finish(g, i, now, w);
    return true;
}

/* ---- sending: all calls ---- */

/* Goes on with the header block that is open, whatever became of its call. */
VMC_FN bool vmc_grpc_write_open_block(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    uint8_t i = g->h2.out_slot;
    bool trailers = VMC_H2_IS_SERVER(&g->h2) && g->h2.out_end;
    if (!vmc_grpc_write_block(g, i, 0, trailers ? VMC_GRPC_REPLY_FIELDS : VMC_GRPC_AT_GRPC_STATUS, g->h2.out_end, now, w))
        return false;
    g->calls->rec[i].flags &= (uint16_t)~VMC_CALL_F_HEAD;
    if (trailers)
        g->calls->rec[i].flags |= VMC_CALL_F_FINISHED;
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

/* The calls of one class from record i of the list up to `until`. False: the window is full, i is first in turn. */
VMC_FN bool vmc_grpc_write_calls(vmc_grpc *g, uint32_t which, uint8_t i, uint8_t until, viamc_ms now, vmc_wr *w)
{
    for (; i != until; i = g->calls->rec[i].live)
        if (vmc_grpc_can_write(&g->calls->rec[i]) == which && !vmc_grpc_write_call(g, i, now, w)) {
            if (which == VMC_GRPC_USERS)
                g->calls->turn = i;
            return false;
        }
    return true;
}

/* The calls that have something to send: heartbeats and Stop, then the user's in turn. False: the window is full. */
VMC_FN bool vmc_grpc_write_all(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    const uint8_t turn = g->calls->turn;
    uint32_t found = 0;
    uint8_t i;
    VMC_CALLS_EACH(g->calls, i)
        found |= vmc_grpc_can_write(&g->calls->rec[i]);
    if ((found & VMC_GRPC_OURS) != 0 && !vmc_grpc_write_calls(g, VMC_GRPC_OURS, g->calls->live, VMC_CALL_NONE, now, w))
        return false;
    if ((found & VMC_GRPC_USERS) == 0)
        return true;
    if (turn != VMC_CALL_NONE && !vmc_grpc_write_calls(g, VMC_GRPC_USERS, turn, VMC_CALL_NONE, now, w))
        return false;
    return vmc_grpc_write_calls(g, VMC_GRPC_USERS, g->calls->live, turn, now, w);
}

/* Fills the window w: what is owed to the peer, then the calls. */
VMC_FN void vmc_grpc_write(vmc_grpc *g, viamc_ms now, vmc_wr *w)
{
    if (g->h2.out_slot != VMC_H2_NO_SLOT && !vmc_grpc_write_open_block(g, now, w))
        return;
    g->calls->stirred = g->calls->stirred || g->h2.chores; /* a reset that is written makes room for a stream */
    vmc_h2_write_control(&g->h2, w);
    if (!g->h2.started || g->h2.error.code != VIAMC_OK || !g->calls->stirred || !vmc_grpc_write_all(g, now, w))
        return;
    g->calls->turn = VMC_CALL_NONE;
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
    uint8_t i;
    if (VMC_H2_IS_SERVER(&g->h2))
        return; /* whoever serves the request answers it */
    VMC_CALLS_EACH(g->calls, i) {
        vmc_call *c = &g->calls->rec[i];
        if (!vmc_timer_due(&c->deadline, now))
            continue;
        if (vmc_call_is_running(c))
            vmc_grpc_cancel(g, i, VIAMC_DEADLINE_EXCEEDED, VMC_TEXT("no answer within the call's time limit"));
        else if (vmc_grpc_was_reset_late(c))
            c->status = VIAMC_DEADLINE_EXCEEDED;
    }
}

/* Shortens a wait to the next deadline. */
VMC_FN void vmc_grpc_wait(const vmc_grpc *g, viamc_ms now, viamc_ms *wait)
{
    uint8_t i;
    VMC_CALLS_EACH(g->calls, i) {
        const vmc_call *c = &g->calls->rec[i];
        if (vmc_call_is_running(c))
            vmc_wait_timer(wait, &c->deadline, now);
        if (c->taken != 0 && c->state == VMC_CALL_OPEN)
            *wait = 0; /* room that the peer does not know of yet */
        if (c->large == VMC_CALL_SINK && c->stored - c->parsed > VMC_CALL_PREFIX)
            *wait = vmc_min32(*wait, VMC_GRPC_AGAIN_MS);
        if (vmc_calls_can_settle(g->calls, i))
            *wait = 0;
    }
}

#endif
