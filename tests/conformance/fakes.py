# SPDX-License-Identifier: MIT
"""The 25 fake resources of a viam-server, and what each of their methods is asked."""
from google.protobuf import json_format
from peers import fake

RESOURCES = [
    fake("component:arm", "arm1", **{"arm-model": "ur5e"}), fake("component:audio_in", "audioin1"), fake("component:audio_out", "audioout1"),
    fake("component:base", "base1"), fake("component:button", "button1"), fake("component:camera", "camera1"),
    fake("component:board", "board1", analogs=[{"name": "analog1", "pin": "0"}], digital_interrupts=[{"name": "di1", "pin": "14"}]),
    fake("component:encoder", "encoder1", update_rate_msec=100), fake("component:gantry", "gantry1"), fake("component:generic", "generic1"),
    fake("component:gripper", "gripper1"), fake("component:input_controller", "inputcontroller1", controls=["AbsoluteX", "ButtonStart"]),
    fake("component:motor", "motor1", board="board1", pins={"dir": "1", "pwm": "2"}, max_rpm=100, encoder="encoder1", ticks_per_rotation=100),
    fake("component:motor", "motor2"), fake("component:movement_sensor", "movementsensor1"), fake("component:power_sensor", "powersensor1"),
    fake("component:sensor", "sensor1"), fake("component:servo", "servo1"), fake("component:switch", "switch1", position_count=4),
    fake("service:data_manager", "datamanager1"), fake("service:discovery", "discovery1"), fake("service:generic", "generic_service1"),
    fake("service:slam", "slam1"), fake("service:vision", "vision1"), fake("service:world_state_store", "worldstatestore1")]
SERVED = [one["name"][:-1] for one in RESOURCES if one["name"] != "motor2"]         # names of their services in viamc_proto.h
ROBOT = ["robot", "signaling", "reflection", "reflection_v1alpha", "auth"]          # what is not of a resource

COMMAND = {"command": {"a": 1.5, "b": ["text", True, None, {"c": "d"}]}}
VECTORS = {"linear": {"y": 0.5}, "angular": {"z": 0.1}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
JOINTS = [5.0, -90, 90, 10, 20, 30]
PICTURE = {"image": PNG, "width": 2, "height": 2, "mime_type": "image/png", "n": 1}
FRAME = {"reference_frame": "arm1", "pose": {"x": 1, "o_z": 1}}

# Fields beside the resource's name; a list: messages of a client stream. What is not here has nothing to ask.
ASKED = {
    "arm.MoveToPosition": {"to": {"x": 100, "y": 200, "z": 300, "o_z": 1}},
    "arm.MoveToJointPositions": {"positions": {"values": JOINTS}},
    "arm.MoveThroughJointPositions": {"positions": [{"values": JOINTS}, {"values": [0] * 6}]},
    "arm.MoveThroughJointPositionsStreamed": [{"init": {}}, {"batch": {"points": []}}],
    "arm.SetManualMode": {"manual_mode": True},
    "audioin.GetAudio": {"duration_seconds": 0.3, "codec": "pcm16"},
    "audioout.Play": {"audio_data": "AAECAw==", "audio_info": {"codec": "pcm16", "sample_rate_hz": 44100, "num_channels": 1}},
    "audioout.PlayStream": [{"init": {"name": "audioout1", "audio_info": {"codec": "pcm16", "sample_rate_hz": 44100, "num_channels": 1}}},
                            {"audio_chunk": {"audio_data": "AAECAw=="}}],
    "base.MoveStraight": {"distance_mm": 100, "mm_per_sec": 1000}, "base.Spin": {"angle_deg": 9, "degs_per_sec": 90},
    "base.SetPower": VECTORS, "base.SetVelocity": VECTORS,
    "board.SetGPIO": {"pin": "1", "high": True}, "board.GetGPIO": {"pin": "1"}, "board.PWM": {"pin": "1"}, "board.PWMFrequency": {"pin": "1"},
    "board.SetPWM": {"pin": "1", "duty_cycle_pct": 0.25}, "board.SetPWMFrequency": {"pin": "1", "frequency_hz": 500},
    "board.ReadAnalogReader": {"analog_reader_name": "analog1"}, "board.WriteAnalog": {"pin": "analog1", "value": 5},
    "board.GetDigitalInterruptValue": {"digital_interrupt_name": "di1"}, "board.StreamTicks": {"pin_names": ["di1"]},
    "board.SetPowerMode": {"power_mode": "POWER_MODE_NORMAL"},
    "camera.GetPointCloud": {"mime_type": "pointcloud/pcd"},
    "gantry.MoveToPosition": {"positions_mm": [3], "speeds_mm_per_sec": [9]},
    "gripper.GoToInputs": {"values": [1]},
    "inputcontroller.StreamEvents": {"events": [{"control": "AbsoluteX", "events": ["PositionChangeAbs"]}]},
    "inputcontroller.TriggerEvent": {"event": {"event": "PositionChangeAbs", "control": "AbsoluteX", "value": 0.5}},
    "motor.SetPower": {"power_pct": 0.5}, "motor.SetRPM": {"rpm": 50}, "motor.GoFor": {"rpm": 100, "revolutions": 0.05},
    "motor.GoTo": {"rpm": 100, "position_revolutions": 0.05}, "motor.ResetZeroPosition": {"offset": 0},
    "servo.Move": {"angle_deg": 45}, "switch.SetPosition": {"position": 2},
    "robot.CancelOperation": {"id": "11111111-2222-3333-4444-555555555555"}, "robot.BlockForOperation": {"id": "11111111-2222-3333-4444-555555555555"},
    "robot.SendSessionHeartbeat": {"id": "11111111-2222-3333-4444-555555555555"},
    "robot.Log": {"logs": [{"host": "h", "level": "info", "logger_name": "l", "message": "m", "time": "2026-01-02T03:04:05Z"}]},
    "robot.RestartModule": {"module_name": "nobody"}, "robot.Tunnel": [{"destination_port": 1}],
    "robot.GetPose": {"component_name": "arm1", "destination_frame": "world"},
    "robot.TransformPose": {"source": FRAME, "destination": "world"},
    "robot.TransformPCD": {"point_cloud_pcd": "AAAA", "source": "arm1", "destination": "world"},
    "robot.UploadDataFromPath": {"path": "/dev/null"},
    "datamanager.UploadBinaryDataToDatasets": {"binary_data": "AAAA", "dataset_ids": ["d"], "mime_type": "MIME_TYPE_IMAGE_PNG"},
    "vision.GetDetections": {key: PICTURE[key] for key in PICTURE if key != "n"}, "vision.GetClassifications": PICTURE,
    "vision.GetDetectionsFromCamera": {"camera_name": "camera1"}, "vision.GetClassificationsFromCamera": {"camera_name": "camera1", "n": 1},
    "vision.GetDetections3D": {"camera_name": "camera1"}, "vision.GetObjectPointClouds": {"camera_name": "camera1", "mime_type": "pointcloud/pcd"},
    "vision.CaptureAllFromCamera": {"camera_name": "camera1", "return_image": False, "return_classifications": True, "return_detections": True},
    "mlmodel.Infer": {"input_tensors": {"tensors": {"picture": {"shape": [1, 2], "uint8_tensor": {"data": "AP8="}}}}},
    "worldstatestore.GetTransform": {"uuid": "Ym94LTAwMQ=="},
    "signaling.Call": {"sdp": "junk"}, "signaling.CallUpdate": {"uuid": "nope", "done": True}, "signaling.Answer": [{"uuid": "nope", "done": {}}],
    "auth.Authenticate": {"entity": "nobody", "credentials": {"type": "api-key", "payload": "wrong"}},
    "reflection.ServerReflectionInfo": [{"file_containing_symbol": "viam.component.motor.v1.MotorService"}, {"list_services": ""}, {"file_by_filename": "no"}],
    "reflection_v1alpha.ServerReflectionInfo": [{"file_containing_symbol": "viam.robot.v1.RobotService"}, {"list_services": ""}],
}


def asked(method):
    """The encoded requests of a call."""
    name = method.service.name
    fields = ASKED.get(method.key, COMMAND if method.key.endswith(".DoCommand") else {})
    messages = []
    for one in fields if isinstance(fields, list) else [fields]:
        message = json_format.ParseDict(one, method.request())
        first = message.DESCRIPTOR.fields_by_number.get(1)
        if name not in ROBOT and first is not None and first.type == first.TYPE_STRING:
            setattr(message, first.name, f"{name}1")
            if "name" in message.DESCRIPTOR.fields_by_name:
                message.name = f"{name}1"
        messages.append(message.SerializeToString())
    return messages


# What viam-server 0.132 answers where it does not answer OK: status and the beginning of its text.
NO_COMMAND = "arm audioin audioout base board button camera encoder gantry gripper inputcontroller motor sensor servo switch datamanager slam vision"
NO_GEOMETRIES = "audioin audioout board encoder inputcontroller motor movementsensor sensor servo"
NEWER = """arm.MoveThroughJointPositionsStreamed arm.SetManualMode arm.GetManualMode arm.GetProperties board.SetPowerMode vision.GetDetections3D
    signaling.ReportConnectionMetadata robot.UploadDataFromPath""".split()
FAILS = {
    **{f"{name}.DoCommand": (2, "DoCommand unimplemented") for name in NO_COMMAND.split()},
    **{f"{name}.GetGeometries": (12, "method GetGeometries not implemented") for name in NO_GEOMETRIES.split()},
    **{name: (12, "Unimplemented") for name in NEWER},
    "auth.Authenticate": (3, "already authenticated; cannot re-authenticate"),
    "signaling.Call": (2, "error from answerer: rpc error: code = Unknown desc = invalid character"),
    "signaling.CallUpdate": (2, 'no active offer for "nope"'),
    "signaling.Answer": (4, ""),                        # nobody calls
    "arm.MoveToPosition": (13, "no global MotionPlanner"),
    "inputcontroller.TriggerEvent": (2, "unsupported"),
    "robot.GetStatus": (12, "method GetStatus not implemented"), "robot.StreamStatus": (12, "method StreamStatus not implemented"),
    "robot.SendSessionHeartbeat": (3, "SESSION_EXPIRED"), "robot.GetCloudMetadata": (2, "cloud metadata not available"),
    "robot.RestartModule": (5, "module not found with id=, name=nobody."), "robot.Tunnel": (2, "tunnel not available at port 1"),
    "robot.GetPose": (2, 'frame with name "arm1" not in frame system'), "robot.TransformPose": (2, 'frame with name "arm1" not in frame system'),
    "robot.TransformPCD": (2, "error reading header line 0: EOF"),
    "datamanager.Sync": (2, "not connected to the cloud"),
    "slam.GetPosition": (13, "error ensuring"), "slam.GetPointCloudMap": (13, "error ensuring"), "slam.GetInternalState": (13, "error ensuring"),
    "vision.GetObjectPointClouds": (2, "vision model"),
}

# A call that ends the server: it has no cloud and does not look.
ENDS_IT = ["datamanager.UploadBinaryDataToDatasets", "robot.Shutdown"]
FIRST = {"motor.GoTo": "motor.ResetZeroPosition", "motor.GetPosition": "motor.Stop"}        # what brings a motor where it was
PATIENCE = {"signaling.Answer": 0.5}                    # seconds
ENDLESS = ["board.StreamTicks", "inputcontroller.StreamEvents", "worldstatestore.StreamTransformChanges"]
TAKE = 2                                                # messages of those, then they are cancelled
# Lists whose order is another each time.
UNORDERED = ["robot.ResourceNames", "robot.ResourceRPCSubtypes", "robot.GetMachineStatus", "worldstatestore.ListUUIDs"]
# Fields that are random, though they may be the same twice, with all that is in them.
RANDOM = {"board.StreamTicks": ("/high", "/time"), "inputcontroller.GetEvents": ("/events",), "inputcontroller.StreamEvents": ("/event",),
          "worldstatestore.StreamTransformChanges": ("/transform", "/change_type", "/updated_fields")}

# ---- replies that the Python SDK's client understands, where not every one will do ----

EVENT = {"time": "2026-01-02T03:04:05Z", "event": "PositionChangeAbs", "control": "AbsoluteX", "value": 0.5}
UNDERSTOOD = {"inputcontroller.GetControls": {"controls": ["AbsoluteX", "ButtonStart"]}, "inputcontroller.GetEvents": {"events": [EVENT]},
              "inputcontroller.StreamEvents": {"event": EVENT},
              "mlmodel.Infer": {"output_tensors": {"tensors": {"score": {"shape": [2, 2], "float_tensor": {"data": [0.5, 0.25, -1, 1e30]}}}}}}


def understood(method):
    """A reply of it, or None if any will do."""
    return json_format.ParseDict(UNDERSTOOD[method.key], method.reply()) if method.key in UNDERSTOOD else None
