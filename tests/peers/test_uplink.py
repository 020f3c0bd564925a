# SPDX-License-Identifier: MIT
"""A saturated uplink: the client sits behind a pair of virtual interfaces, whose way up the kernel's traffic control makes slow. A large message goes
up while a motor turns; the heartbeats get through, and the session that keeps the motor turning does not end."""
import contextlib
import os
import re
import shutil
import subprocess

import peers
import pytest
from certs import TEST_NET
from rpc import Client

OCTETS = int(os.environ.get("UPLOAD_OCTETS", "2000000"))     # 20000000: 160 seconds each
HERE, THERE = "198.51.100.1", "198.51.100.2"                 # reserved for documentation
JOIN = f"""
until ip link set v1 up 2>/dev/null; do sleep 0.01; done
ip link set lo up; ip address add {THERE}/24 dev v1; ip route add default via {HERE}
tc qdisc add dev v1 root tbf rate 1mbit burst 16kb latency "$1" || exit 77
shift
exec "$@"
"""


@contextlib.contextmanager
def behind_link(latency, *command, env):
    """A program in a network namespace of its own; its way out has 1 Mbit/s and a queue of so long."""
    if shutil.which("tc") is None:
        pytest.skip("missing peer: tc")
    process = peers.Process("unshare", "--net", "sh", "-c", JOIN, "sh", latency, *command, env=env)
    with process:
        peers.until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != os.readlink("/proc/self/ns/net"), 5, "network namespace")
        for words in (f"link add v0 type veth peer name v1 netns {process.pid}", f"address add {HERE}/24 dev v0", "link set v0 up"):
            subprocess.run(["ip", *words.split()], check=True)
        yield process
    subprocess.run(["ip", "link", "del", "v0"], stderr=subprocess.DEVNULL, check=False)     # it may have gone with its end


@pytest.mark.parametrize("latency", ["50ms", "400ms", "12s"])
def test_upload(row, certs, latency):
    row("viam-server", f"{OCTETS / 1e6:g} MB at 1 Mbit/s beside a turning motor, queue of {latency}")
    with peers.viam_server(certs["ec"], host=TEST_NET) as server, \
            Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as client, \
            behind_link(latency, peers.need(peers.BUILD / "tests/upload_client"), server.address, peers.KEY, peers.KEY_ID, OCTETS,
                        env={"SSL_CERT_FILE": certs.ca}) as program:
        said = program.expect(r"^upload .*$", 60 + OCTETS / 100000).group(0)
        row.figure = said
        age, lost = re.search(r"oldest heartbeat (\d+) ms, sessions lost (\d+)", said).groups()
        assert int(lost) == 0 and int(age) < 2000 and said.endswith("connects 1"), program.printed()
        assert client.power("left")[0], "the motor does not turn any more"
        assert program.wait(10) == 0, program.printed()
        assert program.out.endswith("stopped\n")
