# SPDX-License-Identifier: MIT
"""Real peers and programs under test as context managers.

Each has a folder of its own below build/peers/run (HOME, TMPDIR, what it printed), listens on a port that the system chose, is
waited for by a handshake or a line with its address, and is ended by its process id, also when the test fails.
"""
import atexit
import contextlib
import fcntl
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ROOT / "build/peers"
BIN = PEERS / "bin"
BUILD = pathlib.Path(os.environ.get("VIAMC_BUILD", ROOT / "build"))      # where examples/ and tests/ were built

IN_CI = os.environ.get("CI", "").lower() in ("true", "1")
KEY_ID, KEY = "11111111-2222-3333-4444-555555555555", "0123456789abcdefghijklmnopqrstuv"
WATCH_ID, WATCH_KEY = "99999999-8888-7777-6666-555555555555", "vutsrqponmlkjihgfedcba9876543210"    # the harness's own

_numbers = itertools.count(1)
_locks = []


def _new_run():
    """The first folder of build/peers/run that no other run holds, emptied. Its lock ends with this process."""
    for number in itertools.count(1):
        folder = PEERS / "run" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        _locks.append(lock)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder


RUN = _new_run()


def need(path):
    """The path, if it is there; without it the test is skipped, in CI failed."""
    if not path.exists():
        reason = f"missing peer: {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}"
        pytest.fail(reason, pytrace=False) if IN_CI else pytest.skip(reason)
    return str(path)


def new_folder():
    """A folder of this run's; a short path, since sockets in it have 107 octets at most."""
    folder = RUN / str(next(_numbers))
    (folder / "t").mkdir(parents=True)
    return folder


class Process:
    """A running program and what it prints."""

    def __init__(self, *command, env=None):
        self.folder = new_folder()
        name = pathlib.Path(command[0]).name
        self.name = pathlib.Path(command[1]).name if name.startswith("python") else name
        self._out, self._err = self.folder / f"{self.name}.out", self.folder / f"{self.name}.err"
        self._command = [str(word) for word in command]
        self._env = {**os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder / "t"), "PYTHONUNBUFFERED": "1"}
        self._env.update(env or {})

    def __enter__(self):
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self._popen = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self._env,
                                           cwd=self.folder)
        return self

    def __exit__(self, *_):
        if self._popen.poll() is None:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            try:
                self._popen.wait(3)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()

    @property
    def out(self):
        return self._out.read_text("utf-8", "replace")

    @property
    def err(self):
        return self._err.read_text("utf-8", "replace")

    @property
    def pid(self):
        return self._popen.pid

    @property
    def code(self):
        """Exit code, None while it runs."""
        return self._popen.poll()

    def signal(self, number):
        self._popen.send_signal(number)
        return time.monotonic()

    def wait(self, timeout):
        """Exit code, once it has ended by itself."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s; it printed:\n{self.printed()}") from None

    def expect(self, pattern, timeout=10):
        """The match of a pattern in what it has printed, or will in time."""
        end = time.monotonic() + timeout
        while True:
            ended = self.code is not None               # asked first: what it printed before its end is in the text below
            found = re.search(pattern, self.out + self.err, re.M)
            if found:
                return found
            if ended or time.monotonic() > end:
                state = "ended" if ended else "runs"
                raise AssertionError(f"{self.name} {state} without printing /{pattern}/; it printed:\n{self.printed()}")
            time.sleep(0.005)

    def printed(self):
        return (self.out + self.err)[-3000:] or "(nothing)"


def until(condition, timeout, what):
    """Waits for a condition; an error of the network's counts as not yet."""
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return
        if time.monotonic() > end:
            raise AssertionError(f"no {what} after {timeout} s")
        time.sleep(0.01)


def greets(address, tls):
    """Whether a server of Go's answers GET / there, over TLS if so asked; who it is does not matter here."""
    host, port = address.rsplit(":", 1)
    if tls:
        context = ssl._create_unverified_context()      # pylint: disable=protected-access
        connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=2)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().status == 200


def unix_address():
    """A new one; short, since a socket's path has 107 octets at most."""
    folder = tempfile.mkdtemp(prefix="viamc-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"unix:{folder}/s"


def accepts(address):
    host, port = address.rsplit(":", 1)
    socket.create_connection((host.strip("[]"), int(port)), 2).close()
    return True


def fake(kind, name, **attributes):
    """A resource of viam-server's; kind is "component:motor" or the like."""
    model = "builtin" if kind == "service:data_manager" else "fake"
    return {"name": name, "api": f"rdk:{kind}", "model": f"rdk:builtin:{model}", "attributes": attributes}


FEW = [fake("component:motor", "left"), fake("component:base", "base"), fake("component:sensor", "imu")]


def _rdk_config(leaf, window, bind, resources, fqdn):
    def of(kind):
        return [one for one in resources if one["api"].startswith(f"rdk:{kind}:")]

    tls = {"tls_cert_file": leaf.chain, "tls_key_file": leaf.key} if leaf else {}
    return {
        "network": {"fqdn": fqdn or "viam-server-peer", "bind_address": bind, "sessions": {"heartbeat_window": window}, **tls},
        "auth": {"handlers": [{"type": "api-key", "config": {KEY_ID: KEY, WATCH_ID: WATCH_KEY, "keys": [KEY_ID, WATCH_ID]}}]},
        "components": of("component"), "services": of("service"),
    }


@contextlib.contextmanager
def viam_server(leaf, window="2s", host="127.0.0.1", resources=(), picture=None, fqdn=None, port=0):
    """A viam-server with motor left, base base and sensor imu, or other resources, over TLS with the leaf (None: plaintext). Has .address.
    picture: width and height of what its camera takes; None: no camera. fqdn: the name that it announces by mDNS; None: it does not."""
    camera = [fake("component:camera", "camera", width=picture[0], height=picture[1])] if picture else []
    program = need(BIN / "viam-server")
    words = [] if fqdn else ["--disable-mdns"]
    process = Process(program, "-config", "config.json", "--ftdc=false", *words, env={"VIAM_HOME": "viam"})
    config = _rdk_config(leaf, window, f"{host}:{port}", [*(resources or FEW), *camera], fqdn)
    (process.folder / "config.json").write_text(json.dumps(config, indent=1))
    with process:
        process.address = process.expect(r'serving.*"url":\s*"https?://([^"/]+:\d+)"').group(1)
        until(lambda: greets(process.address, leaf is not None), 10, "handshake of viam-server's")
        process.expect("Robot constructed with full config")
        yield process


@contextlib.contextmanager
def echo_server(leaf=None, auth=False):
    """The echo service of go.viam.com/utils. Has .address."""
    words = ["-cert", leaf.chain, "-key", leaf.key] if leaf else []
    words += ["-api-key-id", KEY_ID, "-api-key", KEY] if auth else []
    with Process(need(BIN / "echo-server"), *words) as process:
        process.address = process.expect(r"^listening on (\S+)$").group(1)
        until(lambda: accepts(process.address), 10, "echo server")
        yield process


@contextlib.contextmanager
def interop_server(leaf=None):
    """grpc-go's interop server. Has .address. It listens on all addresses; the network namespace keeps it in."""
    words = ["--use_tls", f"--tls_cert_file={leaf.chain}", f"--tls_key_file={leaf.key}"] if leaf else []
    with Process(need(BIN / "interop-server"), "--port=0", *words, env={"GRPC_GO_LOG_SEVERITY_LEVEL": "info"}) as process:
        process.address = "127.0.0.1:" + process.expect(r"interop server listening on \S*:(\d+)").group(1)
        until(lambda: accepts(process.address), 10, "interop server")
        yield process


@contextlib.contextmanager
def sdk_server(*words, leaf=None):
    """The Python SDK's Server with motor m1, base b1 and sensor s1. Has .address."""
    words += ("--cert", leaf.chain, "--key", leaf.key) if leaf else ()
    with Process(sys.executable, HERE / "sdk_server.py", *words) as process:
        process.address = process.expect(r"^listening on (\S+)$").group(1)
        yield process


def sdk_client(address, *words, key_id=KEY_ID, key=KEY, ca=None):
    """The Python SDK's client; sdk_client.py says what the words are."""
    auth = ["--key-id", key_id, "--key", key] if key_id else []
    env = {"SSL_CERT_FILE": ca} if ca else {}
    return Process(sys.executable, HERE / "sdk_client.py", address, *auth, *words, env=env)


def drive(address, ca, key=KEY, key_id=KEY_ID):
    """examples/drive: turns left for five seconds."""
    return Process(need(BUILD / "examples/drive"), address, key, key_id, env={"SSL_CERT_FILE": str(ca)})


@contextlib.contextmanager
def robot(program="examples/robot", listen="127.0.0.1:0", leaf=None, auth=True, key_file=None):
    """A robot of ours. Has .address as it printed it."""
    words = ["--listen", listen]
    words += ["--cert", leaf.chain, "--key", key_file or leaf.key] if leaf else []
    words += ["--api-key-id", KEY_ID, "--api-key", KEY] if auth else []
    with Process(need(BUILD / program), *words) as process:
        process.address = process.expect(r"listening on (unix:\S+|\S+:\d+)").group(1)
        yield process


def grpcurl(address, *words, leaf_ca=None, metadata=(), data=None, timeout=15):
    """Exit code, what was printed, and the complaint of a grpcurl that knows all of viam-sdk's descriptors."""
    command = [need(BIN / "grpcurl"), "-protoset", need(PEERS / "viam.binpb"), "-max-time", str(timeout)]
    command += ["-cacert", leaf_ca] if leaf_ca else ["-plaintext"]
    if address.startswith("unix:"):
        command += ["-unix", "-authority", "localhost"]
        address = address[len("unix:"):]
    for name, value in metadata:
        command += ["-H", f"{name}: {value}"]
    if data is not None:
        command += ["-d", data]
    with Process(*command, address, *words) as process:
        code = process.wait(timeout + 5)
        return code, process.out, process.err
