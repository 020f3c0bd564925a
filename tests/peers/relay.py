# SPDX-License-Identifier: MIT
"""A TCP relay that a test puts between a client and a server, to measure what passes and to disturb it.

    with Relay("127.0.0.1:8080") as relay:              # the client dials relay.address
        relay.swallow()                                 # from now on both sides send into the void; the connections stay open
        relay.last_up                                   # when the last octet from the client was passed on

    with Spy("127.0.0.1:8080", leaf, ca) as spy:        # ends TLS on both sides and reads the HTTP/2 in between
        spy.calls                                       # every call: path, metadata, status, when it began and ended

All times are those of time.monotonic().
"""
import asyncio
import ssl
import threading
import time
from dataclasses import dataclass, field

import hpack
import hyperframe.frame as h2frame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UP, DOWN = "up", "down"


class Loop:
    """One event loop in a thread of its own, for all relays of the process."""
    _loop = None

    @classmethod
    def run(cls, coroutine):
        if cls._loop is None:
            cls._loop = asyncio.new_event_loop()
            threading.Thread(target=cls._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, cls._loop).result(10)


class Relay:
    def __init__(self, upstream, delay=0.0):
        self.upstream = upstream
        self.delay = delay                      # seconds, each way
        self.passed = {UP: [], DOWN: []}        # (time, octets) of what was passed on
        self.swallowed = {UP: 0, DOWN: 0}       # octets
        self.began = b""                        # the first octets from the server
        self.connections = 0
        self._swallowing = set()
        self._refusing = False
        self._writers = set()
        self._tasks = set()

    def __enter__(self):
        self._server = Loop.run(self._listen())
        self.address = "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        Loop.run(self._close())

    @property
    def last_up(self):
        return self.passed[UP][-1][0]

    @property
    def last_down(self):
        return self.passed[DOWN][-1][0]

    def swallow(self, *directions):
        """Passes nothing more on in these directions (both without a word), on present and later connections."""
        self._swallowing = set(directions or (UP, DOWN))

    def flow(self):
        """Ends swallow(): what was swallowed stays lost."""
        self._swallowing = set()

    def cut(self):
        """Closes all connections and every later one at once."""
        async def cut():
            self._refusing = True
            self._abort_all()
        Loop.run(cut())

    def hang_up(self):
        """Closes all connections; later ones go through."""
        async def hang_up():
            self._abort_all()
        Loop.run(hang_up())

    async def _listen(self):
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, **self._server_options())

    async def _close(self):
        self._server.close()
        self._abort_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort_all(self):
        for writer in self._writers:
            if not writer.is_closing():         # asyncio's TLS transport cannot be aborted twice
                writer.transport.abort()

    def _server_options(self):
        return {}

    def _client_options(self):
        return {}

    def _tap(self):
        """What looks at the octets of a new connection: a function of direction, octets and time."""
        return lambda direction, data, now: None

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        try:
            if self._refusing:
                return
            host, port = self.upstream.rsplit(":", 1)
            other_reader, other_writer = await asyncio.open_connection(host, int(port), **self._client_options())
            self._writers.add(other_writer)
            tap = self._tap()
            await asyncio.gather(self._pump(UP, reader, other_writer, tap), self._pump(DOWN, other_reader, writer, tap))
        except OSError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _pump(self, direction, reader, writer, tap):
        """Reads until the end; a second task passes on what was read, each piece when its delay is over."""
        pieces = asyncio.Queue()
        passing = asyncio.ensure_future(self._pass_on(direction, pieces, writer, tap))
        try:
            while data := await reader.read(65536):
                pieces.put_nowait((time.monotonic() + self.delay, data))
        except OSError:
            pass
        finally:
            pieces.put_nowait((time.monotonic() + self.delay, b""))
            await passing
            writer.close()

    async def _pass_on(self, direction, pieces, writer, tap):
        while True:
            due, data = await pieces.get()
            if due > time.monotonic():
                await asyncio.sleep(due - time.monotonic())
            if not data:
                return
            if direction in self._swallowing:
                self.swallowed[direction] += len(data)
                continue
            async for part in self._line(direction, data):
                now = time.monotonic()
                try:
                    writer.write(part)
                    await writer.drain()
                except OSError:
                    break
                self.passed[direction].append((now, len(part)))
                if direction == DOWN and len(self.began) < 8192:
                    self.began += part
                tap(direction, part, now)

    async def _line(self, _direction, data):
        """What becomes of a piece on the way, and when: here nothing, at once."""
        yield data


@dataclass
class Call:
    connection: int
    stream: int
    path: str
    metadata: list
    began: float                                # its first HEADERS passed on
    asked: float = 0.0                          # the client's END_STREAM
    ended: float = 0.0                          # the server's, or a reset
    status: str = ""                            # of grpc-status; "reset" if either side reset the stream
    message: str = ""
    reply: bytes = b""                          # the server's DATA so far: messages with their prefixes

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]

    def get(self, key):
        return next((value for name, value in self.metadata if name == key), None)


@dataclass
class Side:
    """One direction of an HTTP/2 connection: frames out of octets, header fields out of frames."""
    skip: int
    data: bytes = b""
    block: bytes = b""
    first: object = None
    decoder: object = field(default_factory=hpack.Decoder)

    def __post_init__(self):
        self.decoder.max_allowed_table_size = 65536
        self.decoder.max_header_list_size = 1 << 20

    def feed(self, data):
        """Yields (frame, fields or None); a block of HEADERS and CONTINUATIONs comes once, with its first frame."""
        self.data += data
        while len(self.data) >= self.skip + 9:
            self.data, self.skip = self.data[self.skip:], 0
            frame, length = h2frame.Frame.parse_frame_header(memoryview(self.data[:9]))
            if len(self.data) < 9 + length:
                return
            frame.parse_body(memoryview(self.data[9:9 + length]))
            self.data = self.data[9 + length:]
            if isinstance(frame, (h2frame.HeadersFrame, h2frame.ContinuationFrame)):
                self.block += bytes(frame.data)
                self.first = self.first or frame
                if "END_HEADERS" in frame.flags:
                    fields = [(_text(name), _text(value)) for name, value, *_ in self.decoder.decode(self.block, raw=True)]
                    yield self.first, fields
                    self.block, self.first = b"", None
            else:
                yield frame, None


def _text(octets):
    return bytes(octets).decode("latin-1")


class Spy(Relay):
    """A relay that ends TLS (or, without a leaf, passes plaintext) and writes down every call."""

    def __init__(self, upstream, leaf=None, ca=None, delay=0.0):
        super().__init__(upstream, delay)
        self.calls = []
        self.failed = None
        self._leaf = leaf
        self._ca = ca

    def named(self, *names):
        """The calls of these methods, in order."""
        return [call for call in self.calls if call.name in names]

    def last_beat(self, *monitored):
        """When the last heartbeat, or call of these methods with a session, was passed on."""
        return max(call.began for call in self.calls
                   if call.name == "SendSessionHeartbeat" or (call.name in monitored and call.get("viam-sid")))

    def _server_options(self):
        if self._leaf is None:
            return {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._leaf.chain, self._leaf.key)
        context.set_alpn_protocols(["h2"])
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE     # the client's order counts, as on servers in Go
        return {"ssl": context}

    def _client_options(self):
        if self._leaf is None:
            return {}
        context = ssl.create_default_context(cafile=self._ca)
        context.set_alpn_protocols(["h2"])
        return {"ssl": context, "server_hostname": "localhost"}

    def _tap(self):
        connection = self.connections
        sides = {UP: Side(len(PREFACE)), DOWN: Side(0)}
        open_calls = {}

        def tap(direction, data, now):
            try:
                for frame, fields in sides[direction].feed(data):
                    self._look(connection, open_calls, direction, frame, fields, now)
            except Exception as err:            # pylint: disable=broad-except
                self.failed = self.failed or err
        return tap

    def _look(self, connection, open_calls, direction, frame, fields, now):
        stream = frame.stream_id
        if direction == UP and fields and stream not in open_calls:
            call = Call(connection, stream, dict(fields).get(":path", ""), fields, now)
            open_calls[stream] = call
            self.calls.append(call)
        call = open_calls.get(stream)
        if call is None or call.ended:
            return
        if direction == DOWN and isinstance(frame, h2frame.DataFrame):
            call.reply += frame.data
        if isinstance(frame, h2frame.RstStreamFrame):
            call.ended, call.status = now, "reset"
        elif direction == UP and "END_STREAM" in frame.flags:
            call.asked = now
        elif direction == DOWN and "END_STREAM" in frame.flags:
            fields = dict(fields or ())
            call.ended, call.status, call.message = now, fields.get("grpc-status", "none"), fields.get("grpc-message", "")
