# SPDX-License-Identifier: MIT
"""A bridge from TCP to the UARTs of a board that serves: each client gets a wire of its own, the one that was idle longest.

    with Bridge(3) as bridge:               # boards.board(..., *bridge.wires); clients dial bridge.address
"""
import asyncio
import contextlib
import time

from relay import Loop


class Bridge:
    def __init__(self, count):
        self._count = count
        self._free = []                     # (reader, writer) of wires, the one idle longest first
        self._tasks = set()
        self.last_up = 0.0                  # when the last octets from a client were passed on

    def __enter__(self):
        Loop.run(self._open())
        port = self._front.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.wires = [f"socket,host=127.0.0.1,port={self._back.sockets[0].getsockname()[1]},nodelay=on"] * self._count
        return self

    def __exit__(self, *_):
        Loop.run(self._close())

    async def _open(self):
        self._back = await asyncio.start_server(self._wire, "127.0.0.1", 0)
        self._front = await asyncio.start_server(self._client, "127.0.0.1", 0)

    async def _close(self):
        self._front.close()
        self._back.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _, writer in self._free:
            writer.transport.abort()

    async def _wire(self, reader, writer):
        self._free.append((reader, writer))

    async def _client(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        if not self._free:                  # a line that is busy
            writer.transport.abort()
            return
        wire = self._free.pop(0)
        down = asyncio.ensure_future(self._pump(wire[0], writer))
        with contextlib.suppress(OSError):
            await self._pump(reader, wire[1], self._passed)
        down.cancel()
        await asyncio.gather(down, return_exceptions=True)
        writer.close()
        self._free.append(wire)
        self._tasks.discard(task)

    def _passed(self):
        self.last_up = time.monotonic()

    @staticmethod
    async def _pump(reader, writer, passed=lambda: None):
        while octets := await reader.read(4096):
            passed()
            writer.write(octets)
            await writer.drain()
