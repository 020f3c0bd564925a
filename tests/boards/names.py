# SPDX-License-Identifier: MIT
"""A name server for an emulated board: QEMU's network hands its questions to the server that /etc/resolv.conf names, which is one of the
emulator's own here.

    with Names({"rover.test": "10.0.2.2"}) as names:
        with boards.board(machine, elf, names=names) as board:      # other names: there is none such (RFC 1035 4.1.1: RCODE 3)
"""
import contextlib
import socket
import struct
import threading

import peers

ADDRESS = "127.0.0.54"


class Names:
    def __init__(self, known):
        self._known = known
        self.asked = []                 # names, as they came

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 53))
        self.resolv = peers.new_folder() / "resolv.conf"
        self.resolv.write_text(f"nameserver {ADDRESS}\n")
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, sender = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(question), sender)

    def _answer(self, question):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name = ".".join(labels)
        self.asked.append(name)
        address = self._known.get(name)
        head = question[:2] + struct.pack(">HHHHH", 0x8180 if address else 0x8183, 1, 1 if address else 0, 0, 0)
        found = struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(address) if address else b""
        return head + question[12:at + 5] + found
