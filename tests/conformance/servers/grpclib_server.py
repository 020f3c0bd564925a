# SPDX-License-Identifier: MIT
"""grpc.testing.TestService on grpclib: grpclib_server.py [--cert CHAIN --key KEY]. Prints "listening on HOST:PORT"."""
import asyncio
import ssl

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server
from testing_messages import INITIAL, METHODS, TRAILING, arguments, payload


async def echo_metadata(stream):
    if INITIAL in stream.metadata:
        await stream.send_initial_metadata(metadata={INITIAL: stream.metadata[INITIAL]})
    return {TRAILING: stream.metadata[TRAILING]} if TRAILING in stream.metadata else None


def fail_if_asked(request):
    if request.response_status.code:
        raise GRPCError(Status(request.response_status.code), request.response_status.message)


async def empty(stream):
    await stream.send_message(await stream.recv_message())


async def unary(stream):
    request = await stream.recv_message()
    trailing = await echo_metadata(stream)
    fail_if_asked(request)
    await stream.send_message(payload(METHODS["UnaryCall"][1], request.response_size))
    await stream.send_trailing_metadata(metadata=trailing)


async def streaming_input(stream):
    size = 0
    async for request in stream:
        size += len(request.payload.body)
    await stream.send_message(METHODS["StreamingInputCall"][1](aggregated_payload_size=size))


async def answer(stream, request):
    for parameters in request.response_parameters:
        await asyncio.sleep(parameters.interval_us / 1e6)
        await stream.send_message(payload(METHODS["StreamingOutputCall"][1], parameters.size))


async def streaming_output(stream):
    await answer(stream, await stream.recv_message())


async def full_duplex(stream):
    trailing = await echo_metadata(stream)
    async for request in stream:
        fail_if_asked(request)
        await answer(stream, request)
    await stream.send_trailing_metadata(metadata=trailing)


class TestService:
    def __mapping__(self):
        made = {
            "EmptyCall": (empty, Cardinality.UNARY_UNARY),
            "UnaryCall": (unary, Cardinality.UNARY_UNARY),
            "StreamingInputCall": (streaming_input, Cardinality.STREAM_UNARY),
            "StreamingOutputCall": (streaming_output, Cardinality.UNARY_STREAM),
            "FullDuplexCall": (full_duplex, Cardinality.STREAM_STREAM),
        }
        return {f"/grpc.testing.TestService/{name}": Handler(function, kind, *METHODS[name]) for name, (function, kind) in made.items()}


async def main():
    args = arguments()
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
        context.set_alpn_protocols(["h2"])
    server = Server([TestService()])
    await server.start("127.0.0.1", 0, ssl=context)
    port = server._server.sockets[0].getsockname()[1]       # pylint: disable=protected-access
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_closed()


asyncio.run(main())
