/* SPDX-License-Identifier: MIT */
/* Part of viamc_proto.h: what the typed functions of each method are made of. */

/* ---- calls: what the starters and accessors of each method are made of ---- */

/* Starts a call of a method: viamc_call_method with the request encoded in place.
 *   method  &viamc_method_..., or one's own with descriptors; kept until the call ends
 *   req     copied: the struct of its request. Client streams: their first message, or NULL to send it later
 *   opts    as of viamc_call_method, but opts.keep is ARG: nothing is left to be kept
 * Returns:  as viamc_call_method; ARG also if there is an `extra` both in req and in opts; BUSY and NOMEM by the encoded request's size;
 *           MESSAGE (as viamc_message_write). */
VIAMC_API viamc_err viamc_call_start(viamc_client *c, const viamc_method *method, const void *req, const viamc_opts *opts, viamc_call *call);

/* Starts a call whose request is nothing but a name in field 1, as viamc_motor_stop(c, "left", ...) does.
 *   name  copied, terminated
 * Returns:  as viamc_call_start; ARG also for client streams. */
VIAMC_API viamc_err viamc_call_named(viamc_client *c, const viamc_method *method, const char *name, const viamc_opts *opts, viamc_call *call);

/* Sends the next message of a client stream: viamc_call_send_bytes with the message encoded in place.
 *   method  of that call
 *   msg     copied: the struct of its request
 * Returns:  as viamc_call_send_bytes; MESSAGE. */
VIAMC_API viamc_err viamc_call_send_message(viamc_client *c, viamc_call call, const viamc_method *method, const void *msg);

/* Reads what an event of a call brought: the reply of a unary call with DONE, a message of a stream with MESSAGE.
 *   out   the struct of the method's reply, all of it is set; its views last until the next poll
 *   size  sizeof *out
 * Returns:  OK; ARG (an event of another method, or one that brings no message); the event's own error if the call failed; MESSAGE. */
VIAMC_API viamc_err viamc_call_reply(const viamc_event *ev, const viamc_method *method, void *out, size_t size);

#ifndef VIAMC_NO_SERVER
/* Answers a request, or sends one message of a stream of answers.
 *   method  the one that was called
 *   out     copied: the struct of its reply; NULL: an empty one
 * Returns:  as viamc_answer_bytes or, for streams, viamc_request_send; ARG (another method was called); MESSAGE. */
VIAMC_API viamc_err viamc_answer(viamc_request *rq, const viamc_method *method, const void *out);
#endif
