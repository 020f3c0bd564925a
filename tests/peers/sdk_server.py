# SPDX-License-Identifier: MIT
"""The Python SDK's Server as a peer: motor m1, base b1, sensor s1.

    sdk_server.py [--listen HOST:PORT | --listen unix:PATH] [--cert PEM --key PEM]

Prints "listening on ADDRESS", then a line for each command that a component was given; ends on SIGTERM. The SDK's Server knows
sessions, authentication and TLS of its own in no form; TLS is put under it here.
"""
import argparse
import asyncio
import ssl

from grpclib.events import RecvRequest, listen
from grpclib.utils import graceful_exit
from viam import logging
from viam.components.base import Base
from viam.components.motor import Motor
from viam.components.sensor import Sensor
from viam.rpc.server import Server


class FakeMotor(Motor):
    power = 0.0
    position = 0.0

    def _set(self, power, *what):
        self.power = power
        print(self.name, *what, flush=True)

    async def set_power(self, power, **_):
        self._set(power, "set_power", power)

    async def set_rpm(self, rpm, **_):
        self._set(rpm / 100, "set_rpm", rpm)

    async def go_for(self, rpm, revolutions, **_):
        self.position += revolutions
        print(self.name, "go_for", rpm, revolutions, flush=True)

    async def go_to(self, rpm, position_revolutions, **_):
        self.position = position_revolutions
        print(self.name, "go_to", rpm, position_revolutions, flush=True)

    async def reset_zero_position(self, offset, **_):
        self.position = -offset

    async def get_position(self, **_):
        return self.position

    async def get_properties(self, **_):
        return Motor.Properties(position_reporting=True)

    async def stop(self, **_):
        self._set(0.0, "stop")

    async def is_powered(self, **_):
        return self.power != 0.0, self.power

    async def is_moving(self):
        return self.power != 0.0

    async def do_command(self, command, **_):
        return {"echo": dict(command)}


class FakeBase(Base):
    moving = False

    def _set(self, moving, *what):
        self.moving = moving
        print(self.name, *what, flush=True)

    async def move_straight(self, distance, velocity, **_):
        print(self.name, "move_straight", distance, velocity, flush=True)

    async def spin(self, angle, velocity, **_):
        print(self.name, "spin", angle, velocity, flush=True)

    async def set_power(self, linear, angular, **_):
        self._set(True, "set_power", linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)

    async def set_velocity(self, linear, angular, **_):
        self._set(True, "set_velocity", linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)

    async def stop(self, **_):
        self._set(False, "stop")

    async def is_moving(self):
        return self.moving

    async def get_properties(self, **_):
        return Base.Properties(width_meters=0.3, turning_radius_meters=0.1, wheel_circumference_meters=0.2)


class FakeSensor(Sensor):
    async def get_readings(self, **_):
        return {"a": 1.5, "b": "text", "c": True, "d": [1, 2, {"e": None}], "uml": "\u00e4\u00f6\u00fc"}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    return parser.parse_args()


async def main():
    args = arguments()
    logging.setLevel(logging.WARNING)
    server = Server([FakeMotor("m1"), FakeBase("b1"), FakeSensor("s1")])
    grpc = server._server                               # pylint: disable=protected-access
    listen(grpc, RecvRequest, server._grpc_recvrequest_handler)     # pylint: disable=protected-access
    with graceful_exit([grpc]):
        if args.listen.startswith("unix:"):
            await grpc.start(path=args.listen[len("unix:"):])
            print("listening on", args.listen, flush=True)
        else:
            context = None
            if args.cert:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(args.cert, args.key)
                context.set_alpn_protocols(["h2"])
            host, port = args.listen.rsplit(":", 1)
            await grpc.start(host, int(port), ssl=context)
            bound = grpc._server.sockets[0].getsockname()[:2]           # pylint: disable=protected-access
            print("listening on %s:%d" % bound, flush=True)
        await grpc.wait_closed()


asyncio.run(main())
