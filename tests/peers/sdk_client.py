# SPDX-License-Identifier: MIT
"""The Python SDK's client as a peer: does what its words say, a line for each.

    sdk_client.py ADDRESS [--insecure] [--key-id ID --key KEY] WORD...

    names             names kind/name ...
    motor=NAME        sets power 0.5, reads it back, stops
    base=NAME         sets velocity, reads is_moving, stops
    sensor=NAME       prints the readings
    on=NAME           sets power 0.3 and prints "on"
    sleep=SECONDS     sleeps; heartbeats go on

Exit code 3 and a line "refused: STATUS message" if the robot refused the credentials. The SDK checks no certificate for 127.* and
localhost; for other addresses it honours SSL_CERT_FILE. Reconnecting is off: its task would end the process.
"""
import argparse
import asyncio
import sys
import time

from grpclib import GRPCError
from viam.components.base import Base
from viam.components.motor import Motor
from viam.components.sensor import Sensor
from viam.proto.common import Vector3
from viam.robot.client import RobotClient
from viam.rpc.dial import Credentials, DialOptions


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("--key-id")
    parser.add_argument("--key")
    parser.add_argument("words", nargs="*")
    return parser.parse_intermixed_args()


def options(args):
    dial = DialOptions(disable_webrtc=True, insecure=args.insecure, timeout=5, initial_connection_attempts=1)
    if args.key_id:
        dial.auth_entity, dial.credentials = args.key_id, Credentials("api-key", args.key)
    return RobotClient.Options(refresh_interval=0, check_connection_interval=0, attempt_reconnect_interval=0, log_level=30,
                               dial_options=dial)


async def do_motor(robot, name):
    motor = Motor.from_robot(robot, name)
    await motor.set_power(0.5)
    print("motor", name, *await motor.is_powered())
    await motor.stop()
    print("motor", name, *await motor.is_powered())


async def do_base(robot, name):
    base = Base.from_robot(robot, name)
    await base.set_velocity(Vector3(y=100), Vector3(z=20))
    print("base", name, await base.is_moving())
    await base.stop()
    print("base", name, await base.is_moving())


async def do_sensor(robot, name):
    print("sensor", name, dict(sorted((await Sensor.from_robot(robot, name).get_readings()).items())))


async def do_on(robot, name):
    await Motor.from_robot(robot, name).set_power(0.3)
    print("on")


async def do_names(robot):
    print("names", *sorted(f"{n.subtype}/{n.name}" for n in robot.resource_names))


async def main():
    args = arguments()
    words = {"motor": do_motor, "base": do_base, "sensor": do_sensor, "on": do_on, "names": do_names,
             "sleep": lambda _, seconds: asyncio.sleep(float(seconds))}
    start = time.monotonic()
    try:
        robot = await RobotClient.at_address(args.address, options(args))
    except GRPCError as err:
        print("refused:", err.status.name, err.message)
        sys.exit(3)
    print("connected after %.0f ms" % (1000 * (time.monotonic() - start)))
    for word in args.words:
        verb, _, what = word.partition("=")
        await words[verb](robot, *([what] if what else []))
    await robot.close()


asyncio.run(main())
