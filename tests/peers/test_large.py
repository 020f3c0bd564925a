# SPDX-License-Identifier: MIT
"""Large replies and requests through small clients (tests/programs/large_client): octet for octet what others get and send."""
import contextlib
import hashlib
import re
import sys

import peers
import pytest
import rpc

UPLOAD = 20_000_000


def large_client(address, *words, auth=True):
    key = ["--key", peers.KEY, "--key-id", peers.KEY_ID] if auth else []
    return peers.Process(peers.need(peers.BUILD / "tests/large_client"), address, *key, *words)


def check(row, client, case, timeout=60):
    code = client.wait(timeout)
    line = re.search(rf"^{case} ok (.*)$", client.out, re.M)
    assert line and code == 0, client.printed()
    row.figure = line.group(1)


def compare(client, name, wanted):
    got = (client.folder / name).read_bytes()
    assert got == wanted, f"{name}: {len(got)} octets, {len(wanted)} wanted"


@contextlib.contextmanager
def done_and_reference(row, case):
    """large_client that has done this case with viam-server's camera, and a client that can be asked for the same."""
    row("viam-server", f"large_client {case}, 8 KiB")
    with peers.viam_server(None, picture=(1280, 720)) as server, large_client(server.address, case, "camera") as client:
        check(row, client, case)
        with rpc.Client(server.address, key_id=peers.WATCH_ID, key=peers.WATCH_KEY) as reference:
            yield client, reference


def test_point_cloud(row):
    with done_and_reference(row, "cloud") as (client, reference):
        wanted = reference.point_cloud("camera")
        compare(client, "point_cloud", wanted)
        row.figure = f"{len(wanted):,} octets: {row.figure}"


def test_images(row):
    with done_and_reference(row, "images") as (client, reference):
        wanted = reference.images("camera")
        assert len(wanted) >= 1
        for number, image in enumerate(wanted):
            assert f" {image.source_name} {image.mime_type};" in client.out
            compare(client, f"images[{number}].image", image.image)
        row.figure = f"{sum(len(image.image) for image in wanted):,} octets: {row.figure}"


def test_example(row, certs):
    row("viam-server", "examples/camera_image, TLS")
    leaf = certs["ec"]
    program = peers.need(peers.BUILD / "examples/camera_image")
    with peers.viam_server(leaf, picture=(1280, 720)) as server, \
            peers.Process(program, server.address, "camera", peers.KEY, peers.KEY_ID, env={"SSL_CERT_FILE": str(certs.ca)}) as client:
        assert client.wait(60) == 0, client.printed()
        with rpc.Client(server.address, certs.ca, peers.WATCH_ID, peers.WATCH_KEY) as reference:
            compare(client, "camera-0.jpg", reference.images("camera")[0].image)
            compare(client, "camera-1.pcd", reference.point_cloud("camera"))
        row.figure = client.err.replace("\r", "\n").strip().split("\n")[-1]


@pytest.mark.parametrize("case", ["upload", "keep"])
def test_upload(row, case):
    """As a stream of small messages, and as one message that stays where it is: heartbeats go on, and a Stop in the middle is answered at once."""
    row("grpcio", f"large_client {case}, 4 KiB")
    want = hashlib.sha256(bytes((i * 2654435761 & 0xffffffff) >> 24 for i in range(UPLOAD))).hexdigest()
    with peers.Process(sys.executable, peers.HERE / "audio_server.py") as server:
        address = server.expect(r"^listening on (\S+)$").group(1)
        with large_client(address, case, "speaker", auth=False) as client:
            check(row, client, case, 120)
        played = server.expect(r"^play (\d+) (\w+) (\S+) (\d+)$")
        assert (int(played.group(1)), played.group(2)) == (UPLOAD, want)
        assert float(played.group(3)) < 1, f"heartbeats {played.group(3)} s apart"
        stop_took = int(re.search(r"Stop answered after (\d+) ms", client.out).group(1))
        assert re.search(r"^stop$", server.out, re.M) and stop_took < 200, f"Stop took {stop_took} ms"
        row.figure += f", {played.group(4)} heartbeats at most {played.group(3)} s apart"
