# SPDX-License-Identifier: MIT
"""The Python SDK's Server with an arm, a gamepad, sensors of all sorts and a motion service, for tests/test_examples.py: plaintext on a free
port of 127.0.0.1.

Prints its address, then a line for each command that the arm or the motion service was given; ends on SIGTERM.
"""
import asyncio

from grpclib.events import RecvRequest, SendInitialMetadata, listen
from grpclib.utils import graceful_exit
from viam import logging
from viam.components.arm import Arm
from viam.components.camera import Camera
from viam.components.input import Controller, Event
from viam.components.movement_sensor import MovementSensor
from viam.components.power_sensor import PowerSensor
from viam.components.sensor import Sensor
from viam.media.video import CameraMimeType, NamedImage
from viam.proto.common import GeoPoint, Orientation, Pose, PoseInFrame, ResponseMetadata, Vector3
from viam.proto.component.arm import JointPositions
from viam.rpc.server import Server
from viam.services.motion import Motion


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

    async def move_through_joint_positions_streamed(self, batches, **_):
        points = []
        async for batch in batches:
            points += batch
            yield Arm.TrajectoryUpdate()
        print("points", [(int(1000 * one.time.total_seconds()), *one.positions[:2]) for one in points], flush=True)

    async def is_moving(self, **_):
        return True


class SevenJoints(SixJoints):
    joints = [0.0] * 7


class Gamepad:
    """A stick that goes on and on, 20 ms apart, for whoever listens."""
    moving = None

    def register_control_callback(self, control, triggers, function, **_):
        if self.moving is not None:
            self.moving.cancel()
        self.moving = asyncio.get_running_loop().create_task(self.move(control, triggers, function)) if function else None

    async def move(self, control, triggers, function):
        for value in range(1, 1000):
            function(Event(value, triggers[0], control, value / 100))
            await asyncio.sleep(0.02)


class Moving:
    """Goes wherever it is told to."""
    place = Pose()

    async def move(self, component_name, destination, world_state=None, constraints=None, *, extra=None, **_):
        self.place = destination.pose
        obstacles = [(one.reference_frame, [(box.label, box.box.dims_mm.z) for box in one.geometries]) for one in world_state.obstacles]
        print("move", component_name, destination.reference_frame, obstacles, extra, flush=True)
        return True

    async def get_pose(self, component_name, destination_frame, *_, **__):
        return PoseInFrame(reference_frame=destination_frame, pose=self.place)


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


async def note(event):
    if "asked-by" in event.metadata:
        print(event.method_name, "asked by", event.metadata["asked-by"], flush=True)


async def sign(event):
    event.metadata["served-by"] = "a robot of Python"


async def main():
    logging.setLevel(logging.WARNING)
    weather = {"celsius": 21.5, "sky": "grey \u2601", "wet": True, "wind": {"from": "west", "gusts": [3.5, 7.0]}, "nothing": None}
    moving = {"linear_velocity": Vector3(x=1, y=2, z=3.5), "position": GeoPoint(latitude=40.7, longitude=-74.01),
              "orientation": Orientation(o_x=0, o_y=0, o_z=1, theta=90)}
    server = Server([component("arm1", Arm, SixJoints), component("arm7", Arm, SevenJoints),
                     component("weather", Sensor, Measuring, readings=weather),
                     component("gps", MovementSensor, Measuring, readings=moving),
                     component("battery", PowerSensor, Measuring, readings={"volts": 11.9}), component("front", Camera, Seeing),
                     component("gamepad", Controller, Gamepad), component("builtin", Motion, Moving)])
    grpc = server._server                               # pylint: disable=protected-access
    listen(grpc, RecvRequest, server._grpc_recvrequest_handler)     # pylint: disable=protected-access
    listen(grpc, RecvRequest, note)
    listen(grpc, SendInitialMetadata, sign)
    with graceful_exit([grpc]):
        await grpc.start("127.0.0.1", 0)
        print("127.0.0.1:%d" % grpc._server.sockets[0].getsockname()[1], flush=True)        # pylint: disable=protected-access
        await grpc.wait_closed()


asyncio.run(main())
