# SPDX-License-Identifier: MIT
"""Other makes' clients against examples/robot and tests/programs/test_robot; viam-server stands beside it as the reference.

Who drives and dies is in test_stop.py.
"""
import contextlib
import json
import re
import signal
import time

import peers
import pytest
from certs import TEST_NET

NAMES = {"motor/left", "base/base", "sensor/imu"}
BOTH = pytest.mark.parametrize("where", ["viam-server", "robot"])


@contextlib.contextmanager
def serving(where, leaf, host="127.0.0.1"):
    with peers.viam_server(leaf, host=host) if where == "viam-server" else peers.robot(leaf=leaf, listen=f"{host}:0") as server:
        yield server


@BOTH
def test_sdk_client(row, certs, where):
    """The Python SDK checks no certificate of 127.*, so this robot has another address and must show the right one."""
    row(where, f"sdk client: list, motor, base, sensor over TLS at {TEST_NET}")
    with serving(where, certs["ec"], TEST_NET) as server, \
            peers.sdk_client(server.address, "names", "motor=left", "base=base", "sensor=imu", ca=certs.ca) as client:
        assert client.wait(20) == 0, client.printed()
        assert NAMES <= set(re.search(r"^names (.*)$", client.out, re.M).group(1).split()), client.out
        assert re.findall(r"^motor left (\w+) (\S+)$", client.out, re.M)[-1] == ("False", "0.0"), client.out
        assert re.search(r"^motor left True 0\.5$", client.out, re.M), client.out
        if where == "robot":                            # viam-server's fake base never says that it moves
            assert re.findall(r"^base base (\w+)$", client.out, re.M) == ["True", "False"], client.out
        assert re.search(r"^sensor imu \{.+\}$", client.out, re.M), client.out
        row.figure = re.search(r"^connected after .*$", client.out, re.M).group(0)


@BOTH
@pytest.mark.parametrize("case, ca", [("unknown root", "other_ca"), ("known root", "ca")])
def test_sdk_client_verifies(row, certs, where, case, ca):
    row(where, f"sdk client, {case}")
    with serving(where, certs["ec"], TEST_NET) as server, \
            peers.sdk_client(server.address, "names", ca=getattr(certs, ca)) as client:
        code = client.wait(20)
        if ca == "ca":
            assert code == 0, client.printed()
        else:
            assert code not in (None, 0) and "CERTIFICATE_VERIFY_FAILED" in client.printed(), client.printed()
        row.figure = "connected" if code == 0 else "the SDK refuses the certificate"


@BOTH
@pytest.mark.parametrize("case, words", [
    ("wrong key", {"key": "wrong"}), ("unknown key id", {"key_id": "22222222-0000-0000-0000-000000000000"})])
def test_sdk_client_refused(row, certs, where, case, words):
    row(where, f"sdk client, {case}")
    with serving(where, certs["ec"]) as server, peers.sdk_client(server.address, "names", **words) as client:
        code = client.wait(20)
        row.figure = client.out.strip()
        assert code == 3 and row.figure == "refused: UNAUTHENTICATED invalid credentials", client.printed()


def test_sdk_client_plaintext(row):
    """Without certificate and key: plaintext and open. (The SDK cannot authenticate in plaintext.)"""
    row("robot", "sdk client: list and motor in plaintext")
    with peers.robot(auth=False) as server, \
            peers.sdk_client(server.address, "--insecure", "names", "motor=left", key_id=None) as client:
        assert client.wait(20) == 0, client.printed()
        row.figure = re.search(r"^names .*$", client.out, re.M).group(0)


@BOTH
@pytest.mark.parametrize("case, method, data, authorized, want", [
    ("unary", "viam.component.sensor.v1.SensorService/GetReadings", {"name": "imu"}, True, r'"readings": \{'),
    ("unary, resource names", "viam.robot.v1.RobotService/ResourceNames", {}, True, r'"name": "imu"'),
    ("unary, machine status", "viam.robot.v1.RobotService/GetMachineStatus", {}, True, r"STATE_RUNNING"),
    ("no token", "viam.robot.v1.RobotService/ResourceNames", {}, False,
     r"Code: Unauthenticated\n\s*Message: authentication required"),
    ("not served", "viam.component.arm.v1.ArmService/GetEndPosition", {"name": "none"}, True, r"Code: Un(implemented|known)"),
    ("unknown name", "viam.component.motor.v1.MotorService/IsPowered", {"name": "lef"}, True,
     r"Code: (NotFound|Unknown)\n\s*Message: .*lef"),
], ids=lambda value: value if isinstance(value, str) and "/" not in value and "\\" not in value else "")
def test_grpcurl(row, certs, where, case, method, data, authorized, want):
    row(where, f"grpcurl {case}")
    with serving(where, certs["ec"]) as server:
        metadata = [("authorization", f"Bearer {token(server.address, certs)}")] if authorized else []
        _, out, err = peers.grpcurl(server.address, method, leaf_ca=certs.ca, metadata=metadata, data=json.dumps(data))
        assert re.search(want, out + err), f"printed:\n{out}{err}"
        row.figure = re.sub(r"\s+", " ", out + err).strip()[:60]


@pytest.mark.parametrize("key", ["key", "sec1"])
@pytest.mark.parametrize("leaf", ["ec", "rsa", "middle"])
def test_key_files(row, certs, leaf, key):
    """Private keys as PKCS#8 and in the older form of each algorithm."""
    row("robot", f"grpcurl, {leaf} certificate, {'PKCS#8' if key == 'key' else 'older form'}")
    with peers.robot(leaf=certs[leaf], key_file=getattr(certs[leaf], key)) as server:
        start = time.monotonic()
        assert token(server.address, certs)
        row.figure = f"{1000 * (time.monotonic() - start):.0f} ms"


def test_unix_socket(row):
    row("robot", "grpcurl over a unix socket")
    with peers.robot(listen=peers.unix_address(), auth=False) as server:
        code, out, err = peers.grpcurl(server.address, "viam.robot.v1.RobotService/ResourceNames", data="{}")
        assert code == 0 and '"left"' in out, f"printed:\n{out}{err}"
        row.figure = server.address


def test_term(row, certs):
    row("robot", "SIGTERM")
    with peers.robot(leaf=certs["ec"]) as server:
        start = server.signal(signal.SIGTERM)
        code = server.wait(5)
        row.figure = f"exit code {code} after {1000 * (time.monotonic() - start):.0f} ms"
        assert code == 0


@pytest.mark.parametrize("method, asked, answers", [
    ("Echo", ["hello"], ["hello"]), ("EchoMultiple", ["hello"], list("hello")), ("EchoBiDi", ["xy", "z"], ["x", "y", "z"])])
def test_echo(row, certs, method, asked, answers):
    """A server stream and a stream both ways from our server; the component is called echo."""
    row("test_robot", f"grpcurl TestEchoService/{method}")
    with peers.robot("tests/test_robot", leaf=certs["ec"]) as server:
        metadata = [("authorization", f"Bearer {token(server.address, certs)}")]
        code, out, err = peers.grpcurl(server.address, f"viam.component.testecho.v1.TestEchoService/{method}", leaf_ca=certs.ca,
                                       metadata=metadata,
                                       data="".join(json.dumps({"name": "echo", "message": text}) for text in asked))
        assert code == 0, err
        got = re.findall(r'"message": "(.*)"', out)
        row.figure = f"{len(got)} messages"
        assert got == answers


def token(address, certs):
    code, out, err = peers.grpcurl(address, "proto.rpc.v1.AuthService/Authenticate", leaf_ca=certs.ca, data=json.dumps(
        {"entity": peers.KEY_ID, "credentials": {"type": "api-key", "payload": peers.KEY}}))
    assert code == 0, err
    return json.loads(out)["accessToken"]
