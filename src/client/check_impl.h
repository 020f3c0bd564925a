/* SPDX-License-Identifier: MIT */
/* client/check: the invariants of a client's memory (design.md 2), looked at after every poll where VIAMC_CHECK is 1.
 * Knows the call table, streams and the client's state; changes nothing. */
#ifndef VIAMC_CLIENT_CHECK_IMPL_H
#define VIAMC_CLIENT_CHECK_IMPL_H

#include "http2/h2_impl.h"
#include "call/call_impl.h"
#include "conn/conn.h"
#include "client/state.h"

#if VIAMC_CHECK

/* VIAMC_CHECK_FAILED(text): called from viamc_poll when something does not hold. */
#ifndef VIAMC_CHECK_FAILED
#if defined(__GNUC__)
#define VIAMC_CHECK_FAILED(text) ((void)(text), __builtin_trap())
#else
#define VIAMC_CHECK_FAILED(text) VIAMC_ASSERT((text) == NULL)
#endif
#endif

/* ---- the call table, of both roles ---- */

/* Live list: every record in use, once. */
VMC_FN const char *vmc_check_live(const vmc_calls *t)
{
    uint32_t used = 0, listed = 0;
    const vmc_call *c;
    uint8_t i;
    for (i = 0; i < t->count; i++)
        used += vmc_calls_at(t, i)->state != VMC_CALL_FREE;
    VMC_CALLS_EACH(t, c) {
        if (++listed > t->count)
            return "the live list has no end";
        if (c->state == VMC_CALL_FREE)
            return "a free record is in the live list";
    }
    return used == listed ? NULL : "a record in use is not in the live list";
}

/* List of events: the records with the flag, once, and `last` is the last. */
VMC_FN const char *vmc_check_events(const vmc_calls *t)
{
    uint32_t flagged = 0, listed = 0;
    uint8_t i, last = VMC_CALL_NONE;
    for (i = 0; i < t->count; i++)
        flagged += (vmc_calls_at(t, i)->flags & VMC_CALL_F_LISTED) != 0;
    for (i = t->first; i != VMC_CALL_NONE; i = t->users[i].call.next) {
        if (i >= t->user_count || ++listed > t->count)
            return "the list of events has no end";
        if ((t->users[i].call.flags & (VMC_CALL_F_LISTED | VMC_CALL_F_INTERNAL)) != VMC_CALL_F_LISTED || t->users[i].call.state == VMC_CALL_FREE)
            return "a record is in the list of events that must not be";
        last = i;
    }
    if (flagged != listed)
        return "a record has the flag and is not in the list of events";
    return last == t->last ? NULL : "the list of events ends elsewhere";
}

/* Parts of tx: inside it, apart, without gaps. */
VMC_FN const char *vmc_check_tx(const vmc_calls *t)
{
    uint32_t sum = 0;
    const vmc_call *c, *other;
    if (t->tx_used > t->tx_cap)
        return "more of tx is used than there is";
    VMC_CALLS_EACH(t, c) {
        if (c->state == VMC_CALL_OPEN && c->sent > c->tx_len + c->body_len)
            return "more was sent than there was";
        if (c->tx_at > t->tx_used || c->tx_len > t->tx_used - c->tx_at)
            return "a part of tx lies outside";
        VMC_CALLS_EACH(t, other)
            if (other != c && c->tx_len != 0 && other->tx_len != 0 && c->tx_at < other->tx_at + other->tx_len && other->tx_at < c->tx_at + c->tx_len)
                return "two parts of tx overlap";
        sum += c->tx_len;
    }
    return sum == t->tx_used ? NULL : "tx has a gap";
}

/* What came: taken, whole, under way, room. */
VMC_FN const char *vmc_check_slot(const vmc_calls *t, const vmc_call *c)
{
    uint32_t cap;
    (void)vmc_calls_slot(t, c, &cap);
    if (c->stored > cap || c->parsed > c->stored || (vmc_call_index(c) < t->user_count && vmc_call_user_const(c)->taken > c->parsed))
        return "positions in a slot are out of order";
    return NULL;
}

/* A large message of which octets are to come. */
VMC_FN const char *vmc_check_under_way(const vmc_calls *t, const vmc_user_call *u)
{
    const vmc_call *c = &u->call;
    if (c->stored - c->parsed < VMC_CALL_PREFIX)
        return "a large message has lost its prefix";
    if (u->left > vmc_calls_large_len(t, c))
        return "a large message is longer than it said";
    if (c->large == VMC_CALL_INTO && vmc_calls_large_len(t, c) > u->taker.into.cap)
        return "a large message is longer than the lent buffer";
    if (c->large == VMC_CALL_BIG && vmc_calls_large_len(t, c) > t->big_cap)
        return "a large message is longer than the large buffer";
    return NULL;
}

VMC_FN const char *vmc_check_large(const vmc_calls *t, const vmc_call *c)
{
    const vmc_user_call *u = vmc_call_user_const(c);
    if (c->large == VMC_CALL_SMALL)
        return NULL;
    if (vmc_call_index(c) >= t->user_count)
        return "a call of ours has a large message";
    if (c->large == VMC_CALL_INTO && vmc_call_index(c) >= t->slot_count)
        return "a large message is where its prefix is";
    if ((c->large == VMC_CALL_SINK) != c->has_sink && c->large != VMC_CALL_WAITS)
        return "a large message is not with who takes it";
    if (vmc_call_left(c) != 0 && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_DROP) == 0)
        return vmc_check_under_way(t, u);
    if (c->large == VMC_CALL_BIG && c->state == VMC_CALL_OPEN && (c->flags & VMC_CALL_F_DROP) == 0 && t->big_owner != vmc_call_index(c))
        return "two calls have the large buffer";
    return NULL;
}

VMC_FN const char *vmc_check_calls(const vmc_calls *t)
{
    uint32_t ended = 0;
    const char *wrong = vmc_check_live(t);
    uint8_t i;
    if (wrong == NULL)
        wrong = vmc_check_events(t);
    if (wrong == NULL)
        wrong = vmc_check_tx(t);
    for (i = 0; i < t->count; i++) {
        const vmc_call *c = vmc_calls_at(t, i);
        if (wrong == NULL && c->state != VMC_CALL_FREE)
            wrong = vmc_check_slot(t, c);
        if (wrong == NULL && c->state != VMC_CALL_FREE)
            wrong = vmc_check_large(t, c);
        ended += c->state == VMC_CALL_ENDED;
    }
    if (wrong == NULL && ended != t->ended)
        wrong = "the number of ended calls is wrong";
    return wrong;
}

/* ---- credit ---- */

/* Invariant 1: a stream has room for every octet that its peer may send. Ours are told apart: what they cannot take is dropped. */
VMC_FN const char *vmc_check_credit(const vmc_h2 *h, const vmc_calls *t, uint8_t i)
{
    const vmc_call *c = vmc_calls_at(t, i);
    if (!vmc_h2_is_live(h, i) || (h->streams[i].flags & (VMC_H2_REMOTE_END | VMC_H2_EARLY)) != 0)
        return NULL;
    if (c->state != VMC_CALL_OPEN)
        return c->state == VMC_CALL_ENDED ? NULL : "a stream has no call";
    if ((c->flags & VMC_CALL_F_DROP) != 0 || i >= t->slot_count)
        return NULL;
    return vmc_h2_expected(h, i) <= (int32_t)vmc_calls_room(t, c) ? NULL : "a stream has more credit than room";
}

VMC_FN const char *vmc_check_streams(const vmc_h2 *h, const vmc_calls *t)
{
    uint32_t above = 0;
    const char *wrong = NULL;
    uint8_t i;
    for (i = 0; i < h->count && wrong == NULL; i++) {
        wrong = vmc_check_credit(h, t, i);
        above += h->streams[i].id != 0 && vmc_h2_expected(h, i) > (int32_t)h->window;
    }
    if (wrong != NULL || VMC_H2_LIMIT(h) == 0)
        return wrong;
    if (vmc_h2_outstanding(h) > VMC_H2_LIMIT(h))
        return "more credit is given than the TLS input takes"; /* invariant 2 */
    return above > 1u ? "two streams have more than a slot of credit" : NULL; /* invariant 3 */
}

/* Invariant 4: the connection's credit never waits for an owner. */
VMC_FN const char *vmc_check_connection(const viamc_client *c)
{
    const vmc_h2 *h = &c->conn.grpc.h2;
    if (!vmc_h2_is_up(h) || c->conn.blocked)
        return NULL;
    return h->credit > (int32_t)(VMC_H2_WINDOW_MAX / 4u) ? NULL : "the connection's window is used up";
}

/* ---- all of it ---- */

/* What does not hold between two polls, or NULL. */
VMC_FN const char *vmc_client_check(const viamc_client *c)
{
    const char *wrong = vmc_check_calls(&c->calls);
    if (wrong == NULL && c->conn.state == VMC_CONN_UP)
        wrong = vmc_check_streams(&c->conn.grpc.h2, &c->calls);
    if (wrong == NULL && c->conn.state == VMC_CONN_UP)
        wrong = vmc_check_connection(c);
    if (wrong == NULL && (c->in_poll || c->calls.in_sink))
        wrong = "the client's own state is wrong";
    return wrong;
}

VMC_FN void vmc_client_check_poll(const viamc_client *c)
{
    const char *wrong = vmc_client_check(c);
    if (wrong != NULL)
        VIAMC_CHECK_FAILED(wrong);
}

#endif
#endif
