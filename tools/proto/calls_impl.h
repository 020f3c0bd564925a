/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: the implementation of calls.h. */

/* ---- calls ---- */

/* True if a request has an `extra` of its own. */
VMC_FN bool vmc_proto_has_extra(const viamc_method *method, const void *req)
{
    pb_field_iter_t it;
    if ((method->flags & VIAMC_M_EXTRA) == 0 || req == NULL)
        return false;
    if (!pb_field_iter_begin_const(&it, (const pb_msgdesc_t *)method->request, req) || !pb_field_iter_find(&it, VMC_PROTO_EXTRA))
        return false;
    return ((const viamc_fields *)it.pData)->rest.ptr != NULL;
}

/* A request and its descriptor. */
typedef struct vmc_proto_req {
    const pb_msgdesc_t *fields;
    const void *message; /* NULL: none */
} vmc_proto_req;

/* A Stop has room of its own, which cannot be lent out: it is encoded here first, apart, or every call had these octets on its stack. */
VMC_APART viamc_err vmc_proto_start_stop(viamc_client *c, const viamc_method *method, vmc_proto_req req, const viamc_opts *opts, viamc_call *call)
{
    uint8_t buf[VMC_STOP_BYTES];
    viamc_bytes msg;
    viamc_err err = viamc_message_write(req.fields, req.message, buf, sizeof buf, &msg);
    if (err == VIAMC_ERR_NOMEM)
        return VIAMC_ERR_ARG;
    return err == VIAMC_OK ? viamc_call_method(c, method, msg, opts, call) : err;
}

/* Takes a call back that nobody has heard of: no event tells of it. */
VMC_FN void vmc_proto_take_back(viamc_client *c, viamc_call *call)
{
    vmc_call *made = vmc_calls_find(&c->calls, *call);
    vmc_grpc_cancel(&c->conn.grpc, made, VIAMC_CANCELLED, NULL);
    c->calls.ended--;
    vmc_calls_free(&c->calls, made);
    *call = 0;
}

/* A client stream begins without a message; the first one follows. */
VMC_FN viamc_err vmc_proto_start_stream(viamc_client *c, const viamc_method *method, vmc_proto_req req, const viamc_opts *opts, viamc_call *call)
{
    viamc_err err = viamc_call_method(c, method, viamc_view(NULL, 0), opts, call);
    if (err != VIAMC_OK || req.message == NULL)
        return err;
    err = viamc_call_send_message(c, *call, method, req.message);
    if (err == VIAMC_ERR_NOT_FOUND)
        return VIAMC_OK; /* it has ended at once, and DONE says why */
    if (err != VIAMC_OK)
        vmc_proto_take_back(c, call);
    return err;
}

VMC_FN viamc_err vmc_proto_start(viamc_client *c, const viamc_method *method, vmc_proto_req req, const viamc_opts *opts, viamc_call *call)
{
    size_t cap = 0;
    uint8_t *room;
    viamc_bytes msg = viamc_view(NULL, 0);
    viamc_err err;
    if ((method->flags & VIAMC_M_CLIENT_STREAM) != 0)
        return vmc_proto_start_stream(c, method, req, opts, call);
    if (req.message == NULL)
        return VIAMC_ERR_ARG;
    if ((method->flags & (VIAMC_M_STOP | VIAMC_M_STOP_ALL)) != 0)
        return vmc_proto_start_stop(c, method, req, opts, call);
    if (viamc_state(c) == VIAMC_READY) {
        room = viamc_call_room(c, &cap);
        err = viamc_message_write(req.fields, req.message, room, cap, &msg);
        if (err == VIAMC_ERR_NOMEM)
            return vmc_calls_tx_fits(&c->calls, msg.len, VMC_STOP_RESERVE); /* that is the room: BUSY or NOMEM */
        if (err != VIAMC_OK)
            return err;
    }
    return viamc_call_method(c, method, msg, opts, call); /* not READY: STATE, or what is wrong with opts */
}

VIAMC_API viamc_err viamc_call_start(viamc_client *c, const viamc_method *method, const void *req, const viamc_opts *opts, viamc_call *call)
{
    vmc_proto_req r;
    viamc_call unused;
    if (call == NULL)
        call = &unused;
    *call = 0;
    if (c == NULL || method == NULL || method->request == NULL)
        return VIAMC_ERR_ARG;
    if (opts != NULL && (opts->keep || (opts->extra.len != 0 && vmc_proto_has_extra(method, req))))
        return VIAMC_ERR_ARG;
    r.fields = (const pb_msgdesc_t *)method->request;
    r.message = req;
    return vmc_proto_start(c, method, r, opts, call);
}

/* What every request begins with that names a resource. */
typedef struct vmc_proto_named {
    viamc_str name;
} vmc_proto_named;
#define VMC_FIELDS(X, m) X##VIEW(m, name, 1, STRING, PLAIN)
VMC_PROTO_MESSAGE(vmc_proto_named, vmc_proto_field, 1, 1)
#undef VMC_FIELDS

VIAMC_API viamc_err viamc_call_named(viamc_client *c, const viamc_method *method, const char *name, const viamc_opts *opts, viamc_call *call)
{
    vmc_proto_named named;
    vmc_proto_req r;
    viamc_call unused;
    if (call == NULL)
        call = &unused;
    *call = 0;
    if (c == NULL || method == NULL || name == NULL || (opts != NULL && opts->keep) || (method->flags & VIAMC_M_CLIENT_STREAM) != 0)
        return VIAMC_ERR_ARG;
    named.name = viamc_text(name);
    r.fields = &vmc_proto_named_msg;
    r.message = &named;
    return vmc_proto_start(c, method, r, opts, call);
}

VIAMC_API viamc_err viamc_call_send_message(viamc_client *c, viamc_call call, const viamc_method *method, const void *msg)
{
    size_t cap = 0;
    uint8_t *room = viamc_call_room(c, &cap);
    viamc_bytes encoded;
    viamc_err err;
    if (c == NULL || method == NULL)
        return VIAMC_ERR_ARG;
    err = viamc_message_write((const pb_msgdesc_t *)method->request, msg, room, cap, &encoded);
    if (err != VIAMC_OK && err != VIAMC_ERR_NOMEM)
        return err;
    encoded.ptr = room; /* what does not fit is refused by its length, unread: BUSY or NOMEM */
    return viamc_call_send_bytes(c, call, encoded);
}

/* True if an event is of this method, or of a raw call of it. */
VMC_FN bool vmc_proto_is_of(const viamc_event *ev, const viamc_method *method)
{
    if (ev->method != NULL && ev->method->reply != NULL)
        return ev->method->reply == method->reply;
    return ev->path != NULL && viamc_str_eq(viamc_text(ev->path), viamc_text(method->path));
}

/* OK if an event brought a message. */
VMC_FN viamc_err vmc_proto_brought(const viamc_event *ev, bool stream)
{
    if (ev->kind == VIAMC_EV_DONE && ev->error.code != VIAMC_OK)
        return ev->error.code;
    return ev->kind == (stream ? VIAMC_EV_MESSAGE : VIAMC_EV_DONE) ? VIAMC_OK : VIAMC_ERR_ARG;
}

VIAMC_API viamc_err viamc_call_reply(const viamc_event *ev, const viamc_method *method, void *out, size_t size)
{
    viamc_err err;
    if (out == NULL)
        return VIAMC_ERR_ARG;
    VIAMC_MEMSET(out, 0, size);
    if (ev == NULL || method == NULL || !vmc_proto_is_of(ev, method))
        return VIAMC_ERR_ARG;
    err = vmc_proto_brought(ev, (method->flags & VIAMC_M_SERVER_STREAM) != 0);
    return err != VIAMC_OK ? err : viamc_message_read((const pb_msgdesc_t *)method->reply, ev->msg, out, size);
}

/* ---- serving ---- */

#ifndef VIAMC_NO_SERVER

VIAMC_API viamc_err viamc_answer(viamc_request *rq, const viamc_method *method, const void *out)
{
    const viamc_method *called = viamc_request_method(rq);
    size_t cap = 0;
    uint8_t *room = viamc_answer_room(rq, &cap);
    viamc_bytes msg = viamc_view(room, 0);
    viamc_err err = VIAMC_OK;
    if (method == NULL || (called != NULL && called->reply != method->reply))
        return VIAMC_ERR_ARG;
    if (out != NULL)
        err = viamc_message_write((const pb_msgdesc_t *)method->reply, out, room, cap, &msg);
    if (err != VIAMC_OK && err != VIAMC_ERR_NOMEM)
        return err;
    msg.ptr = room; /* what does not fit is refused by its length, unread: BUSY or NOMEM */
    return (method->flags & VIAMC_M_SERVER_STREAM) != 0 ? viamc_request_send(rq, msg) : viamc_answer_bytes(rq, msg);
}

/* A method of a service that is served. */
typedef struct vmc_proto_row {
    uint16_t at;   /* of its op in the table of handlers */
    uint16_t size; /* of its request */
} vmc_proto_row;

/* An op that is to be called. */
typedef struct vmc_proto_op {
    size_t row;
    const void *ops;
    const void *q; /* request; NULL at the end of a client stream */
    viamc_err err; /* what to answer if the op is not to be called */
} vmc_proto_op;

/* The row of a request. The server's own Stop has no method: it has the row of the one that stops. */
VMC_FN size_t vmc_proto_row_of(const viamc_request *rq)
{
    const viamc_service *service = rq->service;
    size_t row = 0;
    if (rq->serve != NULL)
        return (size_t)(rq->serve - service->methods);
    while (row + 1u < service->count && (service->methods[row].method->flags & VIAMC_M_STOP) == 0)
        row++;
    return row;
}

/* Reads the request of an op that is there. */
VMC_FN viamc_err vmc_proto_request(viamc_request *rq, viamc_bytes msg, size_t size, vmc_proto_op *op)
{
    const viamc_method *method = rq->service->methods[op->row].method;
    void *q = viamc_request_scratch(rq, size);
    op->q = q;
    if (q == NULL)
        return VIAMC_ERR_NOMEM;
    return viamc_message_read((const pb_msgdesc_t *)method->request, msg, q, size);
}

/* Before an op is called: is it there, and what is the request? False: answer op->err. */
VMC_FN bool vmc_proto_ready(viamc_request *rq, viamc_bytes msg, const vmc_proto_row *rows, vmc_proto_op *op)
{
    void (*handler)(void) = NULL; /* all pointers to functions have one form */
    op->row = vmc_proto_row_of(rq);
    op->ops = viamc_request_ops(rq);
    op->q = NULL;
    if (op->ops != NULL) /* as viamc_server_add permits */
        vmc_copy(&handler, (const uint8_t *)op->ops + rows[op->row].at, sizeof handler);
    if (handler == NULL) {
        op->err = viamc_fail(rq, VIAMC_UNIMPLEMENTED, VMC_TEXT("this resource does not serve this method"));
        return false;
    }
    op->err = VIAMC_OK;
    if (!viamc_request_at_end(rq))
        op->err = vmc_proto_request(rq, msg, rows[op->row].size, op);
    return op->err == VIAMC_OK;
}

#endif
