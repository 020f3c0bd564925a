/* SPDX-License-Identifier: MIT */
/* viamc: talk to a Viam robot, or be one, from C99: gRPC over HTTP/2, TLS by BearSSL, safety sessions, in memory that you give it.
 *
 *     #define VIAMC_IMPLEMENTATION          in exactly one file
 *     #include "viamc.h"
 *
 * A client is a block of memory, a port moves its bytes, viamc_poll does all the work there is and viamc_wait says when it wants to be
 * called next, events say what happened. No threads, no heap, nothing blocks. Typed calls: viamc_proto.h. */
#ifdef VIAMC_IMPLEMENTATION
#include "ports/posix_sys.h"
#include "ports/win_sys.h"
#endif

#ifndef VIAMC_H
#define VIAMC_H

#include "base/config.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "base/core.h"
#include "base/time.h"
#include "base/log.h"
#include "base/port.h"
#include "codec/struct.h"
#include "codec/reading.h"
#include "codec/image.h"
#include "codec/pcd.h"
#include "codec/mdns.h"
#include "ports/win.h"
#include "ports/posix.h"
#include "tls/trust.h"
#include "call/call.h"
#include "client/client.h"
#include "client/robot.h"
#include "server/server.h"
#include "loops/posix_loop.h"

#ifdef __cplusplus
}
#endif

#endif

#if defined(VIAMC_IMPLEMENTATION) && !defined(VIAMC_IMPLEMENTED)
#define VIAMC_IMPLEMENTED

#include "tls/tls_sys.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "base/core_impl.h"
#include "base/time_impl.h"
#include "base/date_impl.h"
#include "base/log_impl.h"
#include "codec/wire_impl.h"
#include "codec/struct_impl.h"
#include "codec/reading_impl.h"
#include "codec/image_impl.h"
#include "codec/pcd_impl.h"
#include "codec/base64_impl.h"
#include "codec/percent_impl.h"
#include "codec/pem_impl.h"
#include "codec/dns_impl.h"
#include "codec/mdns_impl.h"
#include "ports/posix_os_impl.h"
#include "ports/posix_names_impl.h"
#include "ports/posix_mdns_impl.h"
#include "ports/posix_listen_impl.h"
#include "ports/posix_roots_impl.h"
#include "ports/posix_impl.h"
#include "ports/win_roots_impl.h"
#include "ports/win_os_impl.h"
#include "ports/win_mdns_impl.h"
#include "ports/win_impl.h"
#include "ports/win_listen_impl.h"
#include "ports/loop.h"
#include "ports/loop_impl.h"
#include "tls/tls.h"
#include "tls/crypto_impl.h"
#include "tls/x509_impl.h"
#include "tls/key_impl.h"
#include "tls/trust_impl.h"
#include "tls/tls_impl.h"
#include "http2/hpack.h"
#include "http2/hpack_table_impl.h"
#include "http2/hpack_impl.h"
#include "http2/h2.h"
#include "http2/h2_impl.h"
#include "call/call_impl.h"
#include "call/grpc.h"
#include "call/grpc_impl.h"
#include "conn/conn.h"
#include "conn/conn_impl.h"
#include "client/state.h"
#include "client/internal_impl.h"
#include "client/address_impl.h"
#include "client/auth_impl.h"
#include "client/dial_impl.h"
#include "client/session_impl.h"
#include "client/motion_impl.h"
#include "client/check_impl.h"
#include "client/client_impl.h"
#include "client/explain_impl.h"
#include "client/robot_impl.h"
#include "server/state.h"
#include "server/registry_impl.h"
#include "server/request_impl.h"
#include "server/sessions_impl.h"
#include "server/robot_service_impl.h"
#include "server/route_impl.h"
#include "server/peer_impl.h"
#include "server/server_impl.h"
#include "loops/posix_loop_impl.h"

#ifdef __cplusplus
}
#endif

#endif
