# SPDX-License-Identifier: MIT
"""The Python SDK's Server with an arm and sensors of all sorts, for tests/test_examples.py: plaintext on a free port of 127.0.0.1.

Prints its address, then a line for each command that the arm was given; ends on SIGTERM.
"""
import asyncio

from grpclib.events import RecvRequest, listen
from grpclib.utils import graceful_exit
from viam import logging
from viam.components.arm import Arm
from viam.components.camera import Camera
from viam.components.movement_sensor import MovementSensor
from viam.components.power_sensor import PowerSensor
from viam.components.sensor import Sensor
from viam.media.video import CameraMimeType, NamedImage
from viam.proto.common import GeoPoint, Orientation, Pose, ResponseMetadata, Vector3
from viam.proto.component.arm import JointPositions
from viam.rpc.server import Server


class SixJoints:
    joints = [0.0, 12.5, -90.0, 0.25, 179.0, -1.0]

    async def get_end_position(self, **_):
        return Pose(x=self.joints[0], y=200.0, z=300.0)

    async def get_joint_positions(self, **_):
        return JointPositions(values=self.joints)

    async def move_to_joint_positions(self, positions, **_):
        self.joints = list(positions.values)
        print("move to", self.joints, flush=True)

    async def move_through_joint_positions(self, positions, *_, **__):
        self.joints = list(positions[-1].values)
        print("move through", [list(one.values) for one in positions], flush=True)


class Seeing:
    """A large picture, one that is smaller than a slot, and a point cloud."""

    async def get_images(self, **_):
        return [NamedImage("left", b"\xff\xd8\xff" + bytes(range(250)) * 200, CameraMimeType.JPEG),
                NamedImage("right", b"\x89PNG\r\n\x1a\n" + bytes(90), CameraMimeType.PNG)], ResponseMetadata()

    async def get_point_cloud(self, **_):
        return b"# .PCD v.7\n" + bytes(range(250)) * 1000, "pointcloud/pcd"


class Measuring:
    readings = {}

    async def get_readings(self, **_):
        return self.readings


def component(name, base, mixin, **members):
    """A component of some class that can do what the mixin can, and nothing else."""
    async def unimplemented(self, *_, **__):
        raise NotImplementedError

    missing = {one: unimplemented for one in base.__abstractmethods__ if not hasattr(mixin, one)}
    return type(mixin.__name__ + base.__name__, (mixin, base), {**missing, **members})(name)


async def main():
    logging.setLevel(logging.WARNING)
    weather = {"celsius": 21.5, "sky": "grey \u2601", "wet": True, "wind": {"from": "west", "gusts": [3.5, 7.0]}, "nothing": None}
    moving = {"linear_velocity": Vector3(x=1, y=2, z=3.5), "position": GeoPoint(latitude=40.7, longitude=-74.01),
              "orientation": Orientation(o_x=0, o_y=0, o_z=1, theta=90)}
    server = Server([component("arm1", Arm, SixJoints), component("weather", Sensor, Measuring, readings=weather),
                     component("gps", MovementSensor, Measuring, readings=moving),
                     component("battery", PowerSensor, Measuring, readings={"volts": 11.9}), component("front", Camera, Seeing)])
    grpc = server._server                               # pylint: disable=protected-access
    listen(grpc, RecvRequest, server._grpc_recvrequest_handler)     # pylint: disable=protected-access
    with graceful_exit([grpc]):
        await grpc.start("127.0.0.1", 0)
        print("127.0.0.1:%d" % grpc._server.sockets[0].getsockname()[1], flush=True)        # pylint: disable=protected-access
        await grpc.wait_closed()


asyncio.run(main())
