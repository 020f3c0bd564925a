# SPDX-License-Identifier: MIT
"""Test services of five makes, and proxies before them, as context managers with .address; .ca and .name (None: the address) are what a client
is to trust."""
import contextlib
import pathlib
import socket
import sys
import zipfile

import peers

HERE = pathlib.Path(__file__).resolve().parent
JARS = peers.PEERS / "java"


@contextlib.contextmanager
def listening(certs, process):
    with process:
        process.address = process.expect(r"listening on (\S+:\d+)", 30).group(1)
        process.ca, process.name = certs.ca, None
        yield process


@contextlib.contextmanager
def grpc_go(certs, leaf):
    with peers.interop_server(leaf) as process:
        process.ca, process.name = certs.ca, None
        yield process


def python_server(program, *words):
    def server(certs, leaf):
        peers.need(peers.PEERS / "interop.binpb")
        tls = ["--cert", leaf.chain, "--key", leaf.key] if leaf else []
        return listening(certs, peers.Process(sys.executable, HERE / "servers" / program, *words, *tls))
    return server


def grpc_js(certs, leaf):
    words = [leaf.chain, leaf.key] if leaf else []
    return listening(certs, peers.Process(peers.need(peers.BIN / "node"), HERE / "servers/grpc_js_server.js",
                                          peers.need(peers.PEERS / "interop.binpb"), *words,
                                          env={"NODE_PATH": peers.need(peers.PEERS / "node/node_modules")}))


def free_port():
    """A port that nobody had a moment ago, for programs that cannot choose their own; the network namespace has few others."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def grpc_java(_, leaf):
    """Over TLS it has its own certificate, of foo.test.google.fr."""
    peers.need(JARS)
    port = free_port()
    process = peers.Process("java", "-XX:TieredStopAtLevel=1", "-cp", JARS / "*", "io.grpc.testing.integration.TestServiceServer",
                            f"--port={port}", f"--use_tls={'true' if leaf else 'false'}")
    with process:
        with zipfile.ZipFile(next(JARS.glob("grpc-testing-1*.jar"))) as jar:
            process.ca = jar.extract("certs/ca.pem", process.folder)
        process.address, process.name = f"127.0.0.1:{port}", "foo.test.google.fr" if leaf else None
        peers.until(lambda: peers.accepts(process.address), 30, "server of grpc-java's")
        yield process


SERVERS = {"grpc-go 1.85.0": grpc_go, "grpcio 1.85.1": python_server("grpcio_server.py"), "grpclib 0.4.9": python_server("grpclib_server.py"),
           "grpc-js 1.14.7": grpc_js, "grpc-java 1.79.0": grpc_java}


# ---- proxies: a port of their own, HTTP/2 on both sides ----

def nginx_config(port, to, leaf):
    tls = f"ssl_certificate {leaf.chain}; ssl_certificate_key {leaf.key};" if leaf else ""
    return f"""
        daemon off; worker_processes 1; pid nginx.pid; error_log stderr;
        events {{ worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
            client_max_body_size 0;
            server {{
                listen 127.0.0.1:{port} {'ssl ' if leaf else ''}http2; {tls}
                location / {{ grpc_pass grpc://{to}; }}
            }}
        }}
        """


def haproxy_config(port, to, leaf):
    tls = f"ssl crt {leaf.chain} alpn h2" if leaf else "proto h2"
    return f"""
global
    ssl-load-extra-files key
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend in
    bind 127.0.0.1:{port} {tls}
    default_backend out
backend out
    server s {to} proto h2
"""


def nginx(folder, port, to, leaf):
    (folder / "nginx.conf").write_text(nginx_config(port, to, leaf))
    return "/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"


def haproxy(folder, port, to, leaf):
    """Its certificate's key is beside it as CHAIN.key."""
    if leaf:
        chain = folder / "leaf.pem"
        chain.write_text(pathlib.Path(leaf.chain).read_text())
        pathlib.Path(f"{chain}.key").write_text(pathlib.Path(leaf.key).read_text())
        leaf = type(leaf)(str(chain), "", "")
    (folder / "haproxy.cfg").write_text(haproxy_config(port, to, leaf))
    return "/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"


def nghttpx(_, port, to, leaf):
    host, to_port = to.split(":")
    words = [leaf.key, leaf.chain] if leaf else []
    return ("/usr/sbin/nghttpx", "--conf=/dev/null", "--workers=1", f"--frontend=127.0.0.1,{port}{'' if leaf else ';no-tls'}",
            f"--backend={host},{to_port};;proto=h2", *words)


PROXIES = {"nginx grpc_pass": nginx, "haproxy proto h2": haproxy, "nghttpx": nghttpx}


@contextlib.contextmanager
def proxy(make, certs, leaf, to):
    """A proxy before a plaintext server; TLS, if there is any, ends at the proxy."""
    port = free_port()
    folder = peers.new_folder()
    command = make(folder, port, to, leaf)
    peers.need(pathlib.Path(command[0]))
    with peers.Process(*command) as process:
        process.address, process.ca, process.name = f"127.0.0.1:{port}", certs.ca, None
        peers.until(lambda: peers.accepts(process.address), 10, pathlib.Path(command[0]).name)
        yield process
