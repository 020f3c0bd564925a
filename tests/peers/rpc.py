# SPDX-License-Identifier: MIT
"""The harness's own client (grpcio over viam-sdk's messages), and a watcher that sees when a motor stops."""
import threading
import time

import grpc
from viam.gen.common.v1 import common_pb2
from viam.gen.component.camera.v1 import camera_pb2
from viam.gen.component.motor.v1 import motor_pb2
from viam.gen.component.sensor.v1 import sensor_pb2  # noqa: F401  (registers the service)
from viam.gen.proto.rpc.v1 import auth_pb2
from viam.gen.robot.v1 import robot_pb2

ROBOT = "/viam.robot.v1.RobotService/"
MOTOR = "/viam.component.motor.v1.MotorService/"
CAMERA = "/viam.component.camera.v1.CameraService/"
SENSOR = "/viam.component.sensor.v1.SensorService/"


class Client:
    """A connection of its own, without session; with a key it authenticates at once. name: the certificate's, if it is not the address."""

    def __init__(self, address, ca=None, key_id=None, key=None, name=None):
        options = [("grpc.max_receive_message_length", -1)]
        options += [("grpc.ssl_target_name_override", name)] if name else []
        if ca:
            with open(ca, "rb") as file:
                self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), options)
        else:
            self.channel = grpc.insecure_channel(address, options)
        self.metadata = []
        if key_id:
            credentials = auth_pb2.Credentials(type="api-key", payload=key)
            reply = self.call("/proto.rpc.v1.AuthService/Authenticate",
                              auth_pb2.AuthenticateRequest(entity=key_id, credentials=credentials), auth_pb2.AuthenticateResponse)
            self.metadata = [("authorization", "Bearer " + reply.access_token)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def call(self, path, request, reply, *, timeout=5, metadata=()):
        method = self.channel.unary_unary(path, request_serializer=lambda m: m.SerializeToString(),
                                          response_deserializer=reply.FromString)
        return method(request, timeout=timeout, metadata=[*self.metadata, *metadata])

    def running(self):
        reply = self.call(ROBOT + "GetMachineStatus", robot_pb2.GetMachineStatusRequest(), robot_pb2.GetMachineStatusResponse)
        return reply.state == robot_pb2.GetMachineStatusResponse.STATE_RUNNING

    def names(self):
        reply = self.call(ROBOT + "ResourceNames", robot_pb2.ResourceNamesRequest(), robot_pb2.ResourceNamesResponse)
        return sorted(f"{r.subtype}/{r.name}" for r in reply.resources)

    def power(self, motor):
        """(is it on, power)"""
        reply = self.call(MOTOR + "IsPowered", motor_pb2.IsPoweredRequest(name=motor), motor_pb2.IsPoweredResponse)
        return reply.is_on, reply.power_pct

    def set_power(self, motor, power):
        self.call(MOTOR + "SetPower", motor_pb2.SetPowerRequest(name=motor, power_pct=power), motor_pb2.SetPowerResponse)

    def readings(self, sensor):
        request = common_pb2.GetReadingsRequest(name=sensor)
        return self.call(SENSOR + "GetReadings", request, common_pb2.GetReadingsResponse).readings

    def point_cloud(self, camera):
        request = camera_pb2.GetPointCloudRequest(name=camera, mime_type="pointcloud/pcd")
        return self.call(CAMERA + "GetPointCloud", request, camera_pb2.GetPointCloudResponse, timeout=60).point_cloud

    def images(self, camera):
        return list(self.call(CAMERA + "GetImages", camera_pb2.GetImagesRequest(name=camera), camera_pb2.GetImagesResponse, timeout=60).images)


class Watch:
    """Asks every 5 ms whether a motor is on, in a thread."""

    def __init__(self, client, motor):
        self.changes = []                       # (time, on, power), when the answer came that was other than the one before
        self._client = client
        self._motor = motor
        self._error = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._end.wait(0.005):
                on, power = self._client.power(self._motor)
                if not self.changes or self.changes[-1][1:] != (on, power):
                    self.changes.append((time.monotonic(), on, power))
        except Exception as err:                # pylint: disable=broad-except
            self._error = err

    @property
    def on(self):
        if self._error:
            raise self._error
        return bool(self.changes) and self.changes[-1][1]

    def wait(self, on, timeout):
        """When the motor was first seen so since its last change; fails if it is not so in time."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self._error:
                raise self._error
            if self.changes and self.changes[-1][1] == on:
                return self.changes[-1][0]
            time.sleep(0.002)
        raise AssertionError(f"motor {self._motor} not {'on' if on else 'off'} after {timeout:.1f} s")
