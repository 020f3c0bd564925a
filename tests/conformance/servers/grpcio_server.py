# SPDX-License-Identifier: MIT
"""grpc.testing.TestService on grpcio: grpcio_server.py [--cert CHAIN --key KEY] [--ping-ms N]. Prints "listening on HOST:PORT".
With --ping-ms it complains of PINGs that come sooner after another than that; without, as grpcio comes (5 minutes)."""
import concurrent.futures
import pathlib
import time

import grpc
from testing_messages import INITIAL, METHODS, TRAILING, arguments, payload

CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    sent = dict(context.invocation_metadata())
    if INITIAL in sent:
        context.send_initial_metadata([(INITIAL, sent[INITIAL])])
    if TRAILING in sent:
        context.set_trailing_metadata([(TRAILING, sent[TRAILING])])


def fail_if_asked(request, context):
    if request.response_status.code:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def unary(request, context):
    echo_metadata(context)
    fail_if_asked(request, context)
    return payload(METHODS["UnaryCall"][1], request.response_size)


def streaming_input(requests, _):
    return METHODS["StreamingInputCall"][1](aggregated_payload_size=sum(len(request.payload.body) for request in requests))


def streaming_output(request, _):
    for parameters in request.response_parameters:
        time.sleep(parameters.interval_us / 1e6)
        yield payload(METHODS["StreamingOutputCall"][1], parameters.size)


def full_duplex(requests, context):
    echo_metadata(context)
    for request in requests:
        fail_if_asked(request, context)
        yield from streaming_output(request, context)


def handlers():
    made = {
        "EmptyCall": (grpc.unary_unary_rpc_method_handler, lambda request, context: request),
        "UnaryCall": (grpc.unary_unary_rpc_method_handler, unary),
        "StreamingInputCall": (grpc.stream_unary_rpc_method_handler, streaming_input),
        "StreamingOutputCall": (grpc.unary_stream_rpc_method_handler, streaming_output),
        "FullDuplexCall": (grpc.stream_stream_rpc_method_handler, full_duplex),
    }
    return {name: make(function, METHODS[name][0].FromString, METHODS[name][1].SerializeToString) for name, (make, function) in made.items()}


def main():
    args = arguments(ping_ms=None)
    options = [("grpc.http2.min_ping_interval_without_data_ms", args.ping_ms), ("grpc.keepalive_permit_without_calls", 1)] if args.ping_ms else []
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=options)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers())])
    if args.cert:
        pair = pathlib.Path(args.key).read_bytes(), pathlib.Path(args.cert).read_bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
