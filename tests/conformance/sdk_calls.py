# SPDX-License-Identifier: MIT
"""Every method of every client of the Python SDK's, called with arguments made by their types; results in a form that can be compared."""
import asyncio
import base64
import collections.abc
import datetime
import enum
import importlib
import inspect
import pkgutil
import typing

import fakes
import instances
import numpy
import viam.components
import viam.services
from google.protobuf.message import Message
from grpclib.client import Channel
from viam.components.arm import Arm
from viam.components.board.client import BoardClient, DigitalInterruptClient
from viam.components.input import Control, Event, EventType
from viam.media.video import CameraMimeType, ViamImage
from viam.proto.robot import RobotServiceStub
from viam.robot.client import RobotClient

NOT_ARGUMENTS = ("self", "extra", "timeout", "metadata", "kwargs")
NOT_CALLS = ("reset_channel", "analog_by_name", "digital_interrupt_by_name", "gpio_pin_by_name")
PARTS = ("AnalogClient", "DigitalInterruptClient", "GPIOPinClient")         # of a board
ROBOT = "get_operations cancel_operation block_for_operation get_frame_system_config transform_pose get_cloud_metadata get_version get_machine_status " \
        "get_models_from_modules restart_module shutdown log"
ZONE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
PATIENCE = 10                                           # seconds


def clients():
    """(class, names of its methods)."""
    for package in (viam.components, viam.services):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not module.ispkg:
                continue
            inside = importlib.import_module(module.name + ".client")
            for kind in vars(inside).values():
                if inspect.isclass(kind) and kind.__module__ == inside.__name__:
                    yield kind, [name for name, function in vars(kind).items()
                                 if inspect.isfunction(function) and not name.startswith("_") and name not in NOT_CALLS]
    yield RobotClient, [name for name in ROBOT.split() if hasattr(RobotClient, name)]


def make(kind, channel):
    """A client of resource x."""
    if kind is RobotClient:
        robot = object.__new__(RobotClient)
        robot._client, robot._channel = RobotServiceStub(channel), channel          # pylint: disable=protected-access
        return robot
    if kind.__name__ in PARTS:
        return kind("part", BoardClient("x", channel))
    return kind("x", channel)


# ---- arguments ----

async def each(*values):
    for value in values:
        yield value


def trajectory():
    point = Arm.TrajectoryPoint
    return [point(time=datetime.timedelta(seconds=n), positions=[float(n), 2.5], constraints=None) for n in range(2)]


PLAIN = {bool: True, int: 3, float: 1.5, str: "text", bytes: b"octets", datetime.timedelta: datetime.timedelta(seconds=2, microseconds=5),
         datetime.datetime: datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc)}


def argument(name, kind, maker):
    """A value for a parameter."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if name in ("geometry", "function"):
        return ZONE if name == "geometry" else None
    if name == "input_tensors":
        return {"picture": numpy.array([[0, 127, 255], [1, 2, 3]], numpy.uint8)}
    if kind in PLAIN:
        return PLAIN[kind]
    if origin is typing.Union:
        return argument(name, inner[0], maker)
    if origin in (list, collections.abc.Sequence):
        return [argument(name, inner[0], maker)]
    if origin in (collections.abc.AsyncIterator, collections.abc.AsyncIterable):
        return each(b"one", b"two") if inner[0] is bytes else each(trajectory()[:1], trajectory()[1:])
    if origin in (dict, collections.abc.Mapping):
        return {"a": 1.5, "b": ["text", True, None, {"c": "d"}]}
    return thing(kind, maker)


def thing(kind, maker):
    if issubclass(kind, Message):
        return maker.fill(kind(), 2)
    if issubclass(kind, enum.Enum):
        return list(kind)[0]
    if kind is ViamImage:
        return ViamImage(base64.b64decode(fakes.PNG), CameraMimeType.PNG)
    if kind is Event:
        return Event(1.5, EventType.POSITION_CHANGE_ABSOLUTE, Control.ABSOLUTE_X, 0.5)
    assert issubclass(kind, DigitalInterruptClient.__mro__[1]), kind
    return DigitalInterruptClient("part", BoardClient("x", None))


def arguments(function, seed):
    maker = instances.Maker(seed)
    maker.every = False
    return {one.name: argument(one.name, one.annotation, maker) for one in inspect.signature(function).parameters.values()
            if one.name not in NOT_ARGUMENTS and one.kind is not one.VAR_KEYWORD}


# ---- calls ----

def comparable(value):
    """What a value holds, NaN like NaN."""
    if isinstance(value, Message):
        return type(value).__name__, value.SerializeToString(deterministic=True)
    if isinstance(value, dict):
        return sorted((repr(key), comparable(one)) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return [comparable(one) for one in value]
    if hasattr(value, "__dict__") and not isinstance(value, enum.Enum):
        return type(value).__name__, comparable({key: one for key, one in vars(value).items() if not callable(one)})
    return repr(value)


async def call(client, name, seed):
    """("gave", what) or ("raised", what)."""
    function, events = getattr(client, name), []
    words = arguments(getattr(type(client), name), seed)
    if "function" in words:
        words["function"] = events.append
    try:
        result = function(**words)
        if inspect.isawaitable(result):
            result = await asyncio.wait_for(result, PATIENCE)
        if hasattr(result, "__aiter__"):
            result = [one async for one in result]
        if name == "register_control_callback":
            await asyncio.sleep(0.3)
            result = [one for one in events if one.event not in (EventType.CONNECT, EventType.DISCONNECT)]     # the client makes those itself
        return "gave", comparable(result)
    except Exception as err:                            # pylint: disable=broad-except
        return "raised", f"{type(err).__name__}: {err}"


async def call_all(addresses, note):
    """Calls every method at each of the addresses, one after the other; tells `note` of it: (kind, name, [result ...])."""
    channels = [Channel("127.0.0.1", int(one.rpartition(":")[2])) for one in addresses]
    for kind, names in clients():
        for name in names:
            note(kind, name, [await call(make(kind, channel), name, f"{kind.__name__} {name}") for channel in channels])
    for channel in channels:
        channel.close()
