# SPDX-License-Identifier: MIT
"""The interop cases of gRPC: tests/interop_client against servers of five makes, and through three proxies."""
import time

import peers
import pytest
import servers

CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server",
         "cancel_after_begin", "cancel_after_first_response", "status_code_and_message", "special_status_message", "custom_metadata",
         "unimplemented_method", "unimplemented_service", "rpc_soak", "channel_soak"]
LINES = {"plaintext": None, "TLS P-256": "ec", "TLS RSA-2048": "rsa"}


def run(program, server, case, tls):
    """What the client complained of, None if it passed; and its milliseconds."""
    host, port = server.address.split(":")
    words = ["--use_tls", "--use_test_ca", f"--ca_file={server.ca}", f"--server_host_override={server.name or host}"] if tls else []
    begin = time.monotonic()
    with peers.Process(program, f"--server_host={host}", f"--server_port={port}", f"--test_case={case}", *words) as client:
        try:
            code = client.wait(30)
        except AssertionError as late:
            return str(late), 30000
        return None if code == 0 else f"exit code {code}: {client.printed().strip()}", (time.monotonic() - begin) * 1000


def run_again(program, server, case, tls):
    """A time limit of 1 ms: where the server's clock is the first, nginx makes HTTP 502 of the reset that it sends then."""
    result = run(program, server, case, tls)
    for _ in range(3 if case == "timeout_on_sleeping_server" else 0):
        if result[0] is None or "HTTP 502" not in result[0]:
            break
        result = run(program, server, case, tls)
    return result


def run_all(row, server, tls, cases, try_case=run):
    """All cases with our client; the row counts them."""
    ours = peers.need(peers.BUILD / "tests/interop_client")
    results = {case: try_case(ours, server, case, tls) for case in cases}
    bad = [f"{case}: {why}" for case, (why, _) in results.items() if why]
    row.cases = len(cases) - len(bad), len(bad)
    row.figure = f"{row.cases[0]} of {len(cases)} cases, {sum(ms for _, ms in results.values()):.0f} ms"
    assert cases and not bad, "; ".join(bad) or "no case"


# grpc-java's server has an RSA certificate of its own.
@pytest.mark.parametrize("make, line", [(make, line) for make in servers.SERVERS for line in LINES
                                        if (make, line) != ("grpc-java 1.79.0", "TLS P-256")])
def test_servers(row, certs, make, line):
    row(make, f"interop_client, {line}")
    leaf = certs[LINES[line]] if LINES[line] else None
    with servers.SERVERS[make](certs, leaf) as server:
        run_all(row, server, leaf, CASES)


@pytest.mark.parametrize("line", ["plaintext", "TLS P-256"])
@pytest.mark.parametrize("make", servers.SERVERS)
@pytest.mark.parametrize("way", servers.PROXIES)
def test_proxies(row, certs, way, make, line):
    """Every case that grpc-go's own client passes in the same run. TLS ends at the proxy."""
    row(way, f"interop_client to {make}, {line}")
    leaf = certs[LINES[line]] if LINES[line] else None
    reference = peers.need(peers.BIN / "interop-client")
    with servers.SERVERS[make](certs, None) as behind, servers.proxy(servers.PROXIES[way], certs, leaf, behind.address) as server:
        passed = [case for case in CASES if run(reference, server, case, leaf)[0] is None]
        run_all(row, server, leaf, passed, run_again)
    if len(passed) < len(CASES):
        row.figure += f"; grpc-go's client fails too: {', '.join(sorted(set(CASES) - set(passed)))}"
