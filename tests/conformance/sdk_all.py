# SPDX-License-Identifier: MIT
"""The Python SDK's Server with a component of every kind and all its services: sdk_all.py BACKEND

Each resource is called NAME1, as in "motor1", and is the SDK's own client of a resource at BACKEND: what comes in goes through the SDK's
server, its client and back. Sensors that are called as an error of the SDK's raise it. Prints "listening on ADDRESS"; ends on SIGTERM.
"""
import asyncio
import functools
import importlib
import inspect
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



def without_metadata(function):
    """The server hands metadata on in a form that its clients do not take."""
    @functools.wraps(function)
    def wrapper(*args, metadata=None, **kwargs):        # pylint: disable=unused-argument
        return function(*args, **kwargs)
    return wrapper


def load(name):
    """All clients of a package of the SDK's."""
    module = importlib.import_module(name + ".client")
    for kind in vars(module).values():
        if inspect.isclass(kind) and kind.__module__ == module.__name__:
            for member, function in list(vars(kind).items()):
                if inspect.isfunction(function) and not member.startswith("_"):
                    setattr(kind, member, without_metadata(function))


for package in (viam.components, viam.services):
    for one in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if one.ispkg:
            load(one.name)

ERRORS = {
    "grpc": GRPCError(Status.DATA_LOSS, "lost: 100 % \u00e4"), "no-text": GRPCError(Status.ABORTED), "viam": ViamGRPCError("of Viam's"),
    "not-implemented": MethodNotImplementedError("get_readings"), "not-supported": NotSupportedError("not here"),
    "validation": ValidationError("not so"), "any": ValueError("boom"),
}


class Raising(Sensor):
    async def get_readings(self, **_):
        if self.name == "nulls":
            return {"a": None, "b": [None, {"c": None}]}
        if self.name == "late":
            await asyncio.sleep(5)
        raise ERRORS[self.name]


def resources(channel):
    """One of each kind; named as its service in viamc_proto.h."""
    for api, registration in Registry.REGISTERED_APIS().items():
        name = "generic_service" if (api.resource_type, api.resource_subtype) == ("service", "generic") else api.resource_subtype.replace("_", "")
        yield registration.create_rpc_client(f"{name}1", channel)


async def main():
    logging.setLevel(logging.FATAL)
    host, port = sys.argv[1].rsplit(":", 1)
    server = Server([*resources(Channel(host, int(port))), *(Raising(name) for name in [*ERRORS, "nulls", "late"])])
    grpc = server._server                               # pylint: disable=protected-access
    listen(grpc, RecvRequest, server._grpc_recvrequest_handler)     # pylint: disable=protected-access
    with graceful_exit([grpc]):
        await grpc.start("127.0.0.1", 0)
        print("listening on 127.0.0.1:%d" % grpc._server.sockets[0].getsockname()[1], flush=True)       # pylint: disable=protected-access
        await grpc.wait_closed()


asyncio.run(main())
