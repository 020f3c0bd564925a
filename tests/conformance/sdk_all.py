# SPDX-License-Identifier: MIT
"""The Python SDK's Server with a component of every kind and all its services: sdk_all.py BACKEND

Each resource is called NAME1, as in "motor1", and is the SDK's own client of a resource at BACKEND: what comes in goes through the SDK's
server, its client and back. Sensors that are called as an error of the SDK's raise it. Prints "listening on ADDRESS"; ends on SIGTERM.
"""
import asyncio
import importlib
import pkgutil
import sys

import viam.components
import viam.services
from grpclib import GRPCError, Status
from grpclib.client import Channel
from grpclib.events import RecvRequest, listen
from grpclib.utils import graceful_exit
from viam import logging
from viam.components.sensor import Sensor
from viam.errors import MethodNotImplementedError, NotSupportedError, ValidationError, ViamGRPCError
from viam.resource.registry import Registry
from viam.rpc.server import Server

for package in (viam.components, viam.services):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name != "viam.services.mlmodel":      # wants numpy
            importlib.import_module(module.name)

ERRORS = {
    "grpc": GRPCError(Status.DATA_LOSS, "lost: 100 % \u00e4"), "no-text": GRPCError(Status.ABORTED), "viam": ViamGRPCError("of Viam's"),
    "not-implemented": MethodNotImplementedError("get_readings"), "not-supported": NotSupportedError("not here"),
    "validation": ValidationError("not so"), "any": ValueError("boom"),
}


class Raising(Sensor):
    async def get_readings(self, **_):
        if self.name == "nulls":
            return {"a": None, "b": [None, {"c": None}]}
        raise ERRORS[self.name]


def resources(channel):
    """One of each kind; named as its service in viamc_proto.h."""
    for api, registration in Registry.REGISTERED_APIS().items():
        name = api.resource_subtype.replace("_", "")
        name = {"genericservice": "generic"}.get(name, name)
        yield registration.create_rpc_client(("generic_service" if name == "generic" and api.resource_type == "service" else name) + "1", channel)


async def main():
    logging.setLevel(logging.FATAL)
    host, port = sys.argv[1].rsplit(":", 1)
    server = Server([*resources(Channel(host, int(port))), *(Raising(name) for name in [*ERRORS, "nulls"])])
    grpc = server._server                               # pylint: disable=protected-access
    listen(grpc, RecvRequest, server._grpc_recvrequest_handler)     # pylint: disable=protected-access
    with graceful_exit([grpc]):
        await grpc.start("127.0.0.1", 0)
        print("listening on 127.0.0.1:%d" % grpc._server.sockets[0].getsockname()[1], flush=True)       # pylint: disable=protected-access
        await grpc.wait_closed()


asyncio.run(main())
