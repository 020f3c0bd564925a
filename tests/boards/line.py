# SPDX-License-Identifier: MIT
"""A serial line as a relay: so many bits a second, so far away, and not always true to what it was given.

    with Line("127.0.0.1:8080", baud=9600, delay=1.0) as line:
        line.spoil(DOWN, Line.drop)                     # the next octet from the server is lost
"""
import asyncio

from relay import Relay

BITS = 10                                       # of an octet on the line: start, eight, stop
PIECE = 16                                      # octets that pass at once


class Line(Relay):
    def __init__(self, upstream, baud=0, delay=0.0):
        super().__init__(upstream, delay)
        self.baud = baud                        # 0: no limit
        self._spoilers = {}

    @staticmethod
    def drop(data):
        return data[1:]

    @staticmethod
    def flip(data):
        return bytes([data[0] ^ 0x10]) + data[1:]

    def spoil(self, direction, how):
        """The next octet of this direction gets lost, or other than it was."""
        self._spoilers[direction] = how

    async def _line(self, direction, data):
        how = self._spoilers.pop(direction, None)
        data = how(data) if how else data
        for at in range(0, len(data), PIECE if self.baud else len(data) or 1):
            part = data[at:at + PIECE] if self.baud else data
            if self.baud:
                await asyncio.sleep(len(part) * BITS / self.baud)
            yield part
