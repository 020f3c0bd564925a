/* SPDX-License-Identifier: MIT */
/* client/auth: Authenticate, and the token that every other call carries (viam-wire.md 3). */
#ifndef VIAMC_CLIENT_AUTH_IMPL_H
#define VIAMC_CLIENT_AUTH_IMPL_H

#include "base/core_impl.h"
#include "codec/wire_impl.h"
#include "call/call_impl.h"
#include "call/grpc_impl.h"
#include "conn/conn_impl.h"
#include "client/state.h"
#include "client/internal_impl.h"
#include "client/address_impl.h"

static const char vmc_auth_path[] = "/proto.rpc.v1.AuthService/Authenticate";

/* Credentials that already are a token need no Authenticate. */
VMC_FN bool vmc_auth_is_token(const char *type)
{
    return viamc_str_eq(viamc_text(type), viamc_text("access-token"));
}

/* It goes into a header field as it is. */
VMC_FN bool vmc_auth_token_ok(const viamc_client *c, viamc_str token)
{
    return token.len != 0 && token.len <= c->token_cap && vmc_address_is_graphic(vmc_bytes_of(token));
}

VMC_FN void vmc_auth_set_token(viamc_client *c, viamc_bytes token)
{
    vmc_move(c->token, token.ptr, token.len);
    c->conn.grpc.token = viamc_view(c->token, token.len);
    vmc_grpc_changed(&c->conn.grpc);
}

/* AuthenticateRequest {1: entity, 2: {1: type, 2: payload}} */
VMC_FN void vmc_auth_encode(const viamc_client *c, vmc_wr *w)
{
    size_t credentials;
    vmc_wire_put_text(w, 1, viamc_text(c->desc.entity));
    credentials = vmc_wire_open(w, 2);
    vmc_wire_put_text(w, 1, viamc_text(c->desc.type));
    vmc_wire_put_text(w, 2, viamc_text(c->desc.payload));
    vmc_wire_close(w, credentials);
}

/* Sends Authenticate when tx has room for it; its record is free. OK, WAIT, or NOMEM: tx is too small for these credentials. */
VMC_FN viamc_err vmc_auth_start(viamc_client *c)
{
    uint32_t room = vmc_calls_tx_room(&c->calls, VMC_STOP_RESERVE);
    vmc_wr w = vmc_wr_of(vmc_calls_tx_next(&c->calls), room);
    vmc_call *call;
    vmc_auth_encode(c, &w);
    if (w.full)
        return c->calls.tx_used == 0 ? VIAMC_ERR_NOMEM : VIAMC_WAIT;
    call = vmc_client_internal(c, VMC_REC_AUX, vmc_auth_path, NULL, 0, c->desc.timeout_ms);
    vmc_client_internal_into(c, call, c->token, c->token_cap);
    call->flags &= (uint16_t)~VMC_CALL_F_TOKEN;
    vmc_calls_put_message(&c->calls, call, viamc_view(w.ptr, w.len), vmc_calls_nothing, false);
    c->aux = VMC_AUX_AUTH;
    c->conn.grpc.hold_token = true;
    return VIAMC_OK;
}

/* Authenticate ended: true with the token stored, else the connection is over. */
VMC_FN bool vmc_auth_on_end(viamc_client *c)
{
    const vmc_call *call = vmc_client_rec(c, VMC_REC_AUX);
    viamc_err err = VIAMC_ERR_AUTH;
    uint32_t detail = call->status;
    const char *what = VMC_TEXT("the robot refused the credentials");
    viamc_bytes token;
    c->conn.grpc.hold_token = false;
    c->calls.stirred = true;
    if (call->status == VIAMC_OK) {
        if (vmc_wire_find(vmc_client_internal_reply(c, VMC_REC_AUX), 1, &token) == VIAMC_OK && token.len != 0) {
            vmc_auth_set_token(c, token);
            return true;
        }
        detail = VIAMC_INTERNAL;
        what = VMC_TEXT("the robot answered without a token");
    } else if (call->body == (const uint8_t *)vmc_grpc_no_room) {
        err = VIAMC_ERR_NOMEM;
        detail = c->token_cap;
        what = VMC_TEXT("the robot's token is longer than token_bytes");
    } else if (call->ran != VIAMC_ANSWERED || call->status == VIAMC_UNAVAILABLE || call->status == VIAMC_RESOURCE_EXHAUSTED
               || call->status == VIAMC_DEADLINE_EXCEEDED) {
        err = VIAMC_ERR_RPC; /* nobody looked at them: a robot that starts, or a proxy before it */
        what = VMC_TEXT("the robot did not answer Authenticate");
    }
    (void)vmc_conn_break(&c->conn, err, detail, "auth", what);
    return false;
}

#endif
