/* SPDX-License-Identifier: MIT */
/* loops/posix_loop: helpers that wait, for programs with one robot and nothing else to do. Made of viamc_poll and poll(2). */
#ifndef VIAMC_LOOPS_POSIX_LOOP_H
#define VIAMC_LOOPS_POSIX_LOOP_H

#include "base/core.h"
#include "codec/mdns.h"
#include "ports/posix.h"
#include "call/call.h"
#include "client/client.h"

#ifndef VIAMC_NO_POSIX

/* Makes a client on a port to the system and starts to dial.
 *   posix   kept until viamc_posix_close
 *   memory  kept until viamc_client_close, size octets: VIAMC_CLIENT_MEM
 *   desc    copied; NULL: 4 calls, and all memory that is left for large replies; port and port_user are filled in
 *   dial    copied, what it points to is kept; the system's trust store and clock are filled in where it names none. A name of viam's cloud
 *           without a port is looked for on the local network first, unless the robot may be insecure (posix.mdns)
 *   client  out
 * Returns:  as viamc_client_init and viamc_dial; viamc_posix_explain says more. */
VIAMC_API viamc_err viamc_posix_open(viamc_posix *posix, void *memory, size_t size, const viamc_client_desc *desc, const viamc_dial_desc *dial, viamc_client **client);

/* ---- the helpers that wait. They drop events that are not asked for, UNPROTECTED, SESSION_LOST and LOST too: dial.require_session refuses to move
 * a robot without sessions, viamc_posix_run tells the two others. Of a port without a client of viamc_posix_open, each answers STATE ---- */

/* Polls until the robot is ready, at most ms milliseconds. OK; TIMEOUT (viamc_posix_explain says what was in the way); else the client's
 * error. */
VIAMC_API viamc_err viamc_posix_ready(viamc_posix *posix, uint32_t ms);

/* Polls until a call is done, at most ms milliseconds.
 *   ev  out, may be NULL: its DONE, views until the next poll
 * Returns:  OK; RPC (it ended with another status); TIMEOUT (it goes on); NOT_FOUND (its DONE was taken or dropped before); ARG (call is 0);
 *           else the client's error. */
VIAMC_API viamc_err viamc_posix_finish(viamc_posix *posix, viamc_call call, uint32_t ms, viamc_event *ev);

/* Polls for ms milliseconds: heartbeats flow.
 * Returns:  OK, also if the connection was lost meanwhile and stands again with its session; SESSION (at once: the session was lost since the
 *           last run, and the robot has stopped what it moved); else the error of the connection that is not back at the end, or the client's.
 *           After each of them it may be called again. */
VIAMC_API viamc_err viamc_posix_run(viamc_posix *posix, uint32_t ms);

/* Polls once and sleeps until there is an event, or something to do, at most ms milliseconds. OK, or the client's error. */
VIAMC_API viamc_err viamc_posix_turn(viamc_posix *posix, uint32_t ms);

/* Asks the local network who is there, for ms milliseconds; 1,500 are enough.
 *   robots  out: at most max of them; what they say is not verified
 *   count   out: how many there are
 * Returns:  OK, also without robots; ARG; IO (no socket for mDNS) */
VIAMC_API viamc_err viamc_posix_find(viamc_found *robots, size_t max, uint32_t ms, size_t *count);

/* Reads the objects of a PEM file whose label ends in `label` ("CERTIFICATE", "PRIVATE KEY"), as a server's desc wants them.
 *   buf, cap  lent: the DER octets go there, one object behind the other; the views point into it
 *   der       out: at most max objects
 *   count     out: how many there were
 * Returns:  OK; NOT_FOUND (none in the file); NOMEM (buf or der too small); MESSAGE (not PEM inside); IO (cannot be read). */
VIAMC_API viamc_err viamc_posix_read_pem(const char *path, const char *label, uint8_t *buf, size_t cap, viamc_bytes *der, size_t max, size_t *count);

/* Prints "program: what went wrong" to standard error and returns 1, the exit code of main. posix NULL, or without a client: only the
 * error's name, and what to do about it. */
VIAMC_API int viamc_posix_explain(viamc_posix *posix, const char *program, viamc_err err);

#endif
#endif
