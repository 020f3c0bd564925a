#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peer of tests/port_check.c: sends back what it gets, and closes when it gets an octet 0.  echo.py PORT [HOST]"""
import asyncio
import contextlib
import sys


async def serve(reader, writer):
    octets = b""
    with contextlib.suppress(ConnectionError):
        while (octets := await reader.read(4096)) and 0 not in octets:
            writer.write(octets)
            await writer.drain()
        writer.write(octets.split(b"\0")[0])
    writer.close()


async def main(port, host="127.0.0.1"):
    server = await asyncio.start_server(serve, host, int(port))
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
