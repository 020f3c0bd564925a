# SPDX-License-Identifier: MIT
"""A robot made of grpcio, as a peer: sessions with a window of two seconds, motor left, and an audio output that counts what is played.

Prints "listening on ADDRESS", then a line for each command: "drive POWER", "stop", "play OCTETS SHA256 GAP", where GAP is the longest time
between two heartbeats, in seconds. Ends on SIGTERM.
"""
import concurrent.futures
import hashlib
import time

import grpc
from viam.gen.component.audioout.v1 import audioout_pb2 as audio
from viam.gen.component.motor.v1 import motor_pb2 as motor
from viam.gen.robot.v1 import robot_pb2 as robot

AUDIO = "viam.component.audioout.v1.AudioOutService"
beats = []


def start_session(*_):
    beats.append(time.monotonic())
    reply = robot.StartSessionResponse(id="0123456789abcdef0123456789abcdef")
    reply.heartbeat_window.FromSeconds(2)
    return reply


def heartbeat(*_):
    beats.append(time.monotonic())
    return robot.SendSessionHeartbeatResponse()


def set_power(request, _):
    print("drive", request.power_pct, flush=True)
    return motor.SetPowerResponse()


def stop(*_):
    print("stop", flush=True)
    return motor.StopResponse()


def report(digest, octets):
    times = [*beats, time.monotonic()]
    gap = max(b - a for a, b in zip(times, times[1:])) if len(times) > 1 else 0
    print(f"play {octets} {digest.hexdigest()} {gap:.3f} {len(beats)}", flush=True)


def play(request, _):
    report(hashlib.sha256(request.audio_data), len(request.audio_data))
    return audio.PlayResponse()


def play_stream(requests, _):
    digest, octets = hashlib.sha256(), 0
    for request in requests:
        octets += len(request.audio_chunk.audio_data)
        digest.update(request.audio_chunk.audio_data)
    report(digest, octets)
    return audio.PlayStreamResponse()


def methods(service, table, kind=grpc.unary_unary_rpc_method_handler):
    return grpc.method_handlers_generic_handler(service, {
        name: kind(function, request_deserializer=request.FromString, response_serializer=lambda reply: reply.SerializeToString())
        for name, (function, request) in table.items()})


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((
        methods("viam.robot.v1.RobotService", {"StartSession": (start_session, robot.StartSessionRequest),
                                               "SendSessionHeartbeat": (heartbeat, robot.SendSessionHeartbeatRequest)}),
        methods("viam.component.motor.v1.MotorService", {"SetPower": (set_power, motor.SetPowerRequest), "Stop": (stop, motor.StopRequest)}),
        methods(AUDIO, {"Play": (play, audio.PlayRequest)}),
        methods(AUDIO, {"PlayStream": (play_stream, audio.PlayStreamRequest)}, grpc.stream_unary_rpc_method_handler)))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
