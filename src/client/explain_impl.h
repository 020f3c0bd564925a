/* SPDX-License-Identifier: MIT */
/* client/explain: errors as a person reads them (programs.md 9). Made on demand; nothing is formatted before. */
#ifndef VIAMC_CLIENT_EXPLAIN_IMPL_H
#define VIAMC_CLIENT_EXPLAIN_IMPL_H

#include "base/core_impl.h"
#include "tls/tls_impl.h"
#include "call/call_impl.h"
#include "client/state.h"
#include "client/internal_impl.h"
#include "client/address_impl.h"
#include "client/dial_impl.h"
#include "client/session_impl.h"
#include "client/client_impl.h"

VMC_FN void vmc_explain_cut(vmc_wr *w, const char *s)
{
    vmc_wr_cut(w, s, vmc_strlen(s));
}

VMC_FN void vmc_explain_number(vmc_wr *w, uint32_t n)
{
    if (vmc_wr_room(w) >= 13u)
        vmc_wr_grouped(w, n);
}

/* "10.0.0.7:8080" */
VMC_FN void vmc_explain_address(const viamc_client *c, vmc_wr *w)
{
    vmc_address a;
    vmc_dial_address(c, &a);
    if (a.is_unix) {
        vmc_wr_cut(w, a.host.ptr, a.host.len);
        return;
    }
    vmc_wr_cut(w, a.authority[0].ptr, a.authority[0].len);
    vmc_wr_cut(w, a.authority[1].ptr, a.authority[1].len);
}

VMC_FN void vmc_explain_in_brackets(const viamc_client *c, vmc_wr *w)
{
    vmc_explain_cut(w, " (");
    vmc_explain_address(c, w);
    vmc_explain_cut(w, ")");
}

/* dial: 10.0.0.7:8080 is insecure; set allow_insecure_downgrade to accept that */
VMC_FN void vmc_explain_insecure(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    vmc_explain_cut(w, "dial: ");
    vmc_explain_address(c, w);
    if (e->detail == 2u)
        vmc_explain_cut(w, VMC_TEXT(" spoke TLS before and is insecure now; only a new dial can accept that"));
    else if (e->detail != 0)
        vmc_explain_cut(w, VMC_TEXT(" is insecure; set allow_insecure_with_creds_downgrade to accept that"));
    else
        vmc_explain_cut(w, VMC_TEXT(" is insecure; set allow_insecure_downgrade to accept that"));
}

/* auth: UNAUTHENTICATED: invalid credentials (key id 5f0c...) */
VMC_FN void vmc_explain_auth(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    viamc_bytes said = vmc_calls_text(&c->calls, vmc_client_rec(c, VMC_REC_AUX));
    vmc_explain_cut(w, "auth: ");
    vmc_explain_cut(w, viamc_status_name(e->detail));
    vmc_explain_cut(w, ": ");
    if (said.len != 0)
        vmc_wr_cut(w, said.ptr, said.len);
    else
        vmc_explain_cut(w, e->what);
    if (c->desc.api_key_id != NULL) {
        vmc_explain_cut(w, VMC_TEXT(" (key id "));
        vmc_explain_cut(w, c->desc.api_key_id);
        vmc_explain_cut(w, ")");
    }
}

/* session lost: 2,300 ms between polls, window 2,000 ms */
VMC_FN void vmc_explain_session(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    vmc_explain_cut(w, VMC_TEXT("session lost: "));
    if (e->detail <= c->session.window / 2u) {
        vmc_explain_cut(w, e->what);
        return;
    }
    vmc_explain_number(w, e->detail);
    vmc_explain_cut(w, VMC_TEXT(" ms between polls, window "));
    vmc_explain_number(w, c->session.window);
    vmc_explain_cut(w, " ms");
}

/* A name of viam's cloud that was dialled as an address, without a port: nobody is there, unless a port knows to look nearby. */
VMC_FN bool vmc_explain_is_elsewhere(const viamc_client *c, const viamc_error *e)
{
    static const char cloud[] = ".viam.cloud";
    vmc_address a;
    bool nobody = e->code == VIAMC_ERR_DNS || e->code == VIAMC_ERR_REFUSED || e->code == VIAMC_ERR_TIMEOUT;
    if (!nobody || vmc_address_parse(c->desc.address, 0, &a) != NULL || a.port != 0 || a.host.len < sizeof cloud)
        return false;
    return vmc_same(a.host.ptr + a.host.len - (sizeof cloud - 1u), cloud, sizeof cloud - 1u);
}

/* where: what (address) */
VMC_FN void vmc_explain_plain(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    if (e->where[0] != '\0') {
        vmc_explain_cut(w, e->where);
        vmc_explain_cut(w, ": ");
    }
#ifndef VIAMC_NO_TLS
    if (e->code >= VIAMC_ERR_TLS && e->code < VIAMC_ERR_H2 && c->conn.tls != NULL)
        vmc_tls_explain_error(e, &c->dial.dates, w);
    else
#endif
        vmc_explain_cut(w, e->what[0] != '\0' ? e->what : viamc_err_name(e->code));
    if (e->code == VIAMC_ERR_TIMEOUT && e->detail != 0) {
        vmc_explain_cut(w, " of ");
        vmc_explain_number(w, e->detail);
        vmc_explain_cut(w, " ms");
    }
    if (e->code != VIAMC_ERR_ARG)
        vmc_explain_in_brackets(c, w);
    if (vmc_explain_is_elsewhere(c, e))
        vmc_explain_cut(w, VMC_TEXT(": not found on the local network, or this port does not look there; write the robot's own address, as 10.0.0.7:8080"));
}

VMC_FN void vmc_explain_error(const viamc_client *c, const viamc_error *e, vmc_wr *w)
{
    if (e->code == VIAMC_OK)
        vmc_explain_cut(w, VMC_TEXT("no error"));
    else if (e->code == VIAMC_ERR_INSECURE)
        vmc_explain_insecure(c, e, w);
    else if (e->code == VIAMC_ERR_AUTH || e->code == VIAMC_ERR_RPC) /* of Authenticate */
        vmc_explain_auth(c, e, w);
    else if (e->code == VIAMC_ERR_SESSION)
        vmc_explain_session(c, e, w);
    else
        vmc_explain_plain(c, e, w);
}

VIAMC_API size_t viamc_explain(const viamc_client *c, char *buf, size_t cap)
{
    vmc_wr w = vmc_wr_of(buf, buf == NULL || cap == 0 ? 0 : cap - 1u);
    viamc_error e = viamc_client_error(c);
    if (e.code == VIAMC_OK)
        vmc_session_error(c, &e);
    vmc_explain_error(c, &e, &w);
    if (buf != NULL && cap != 0)
        buf[w.len] = '\0';
    return w.len;
}

#endif
