# SPDX-License-Identifier: MIT
"""Announces a robot on the local network with the zeroconf package, until it is ended.

    announce.py PORT ADDRESS[,ADDRESS...] INSTANCE...
"""
import ipaddress
import signal
import sys

from zeroconf import ServiceInfo, Zeroconf

SERVICE = "_rpc._tcp.local."


def main():
    port, addresses, *instances = sys.argv[1:]
    packed = [ipaddress.ip_address(text).packed for text in addresses.split(",")]
    responder = Zeroconf(interfaces=["127.0.0.1"])
    for instance in instances:
        responder.register_service(ServiceInfo(SERVICE, f"{instance}.{SERVICE}", addresses=packed, port=int(port),
                                               properties={"grpc": None, "webrtc": None}, server=f"{instance}.local."))
    print("announced", flush=True)
    signal.sigwait([signal.SIGTERM])


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    main()
