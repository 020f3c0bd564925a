#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes ready what a make target needs; says nothing if nothing is missing.
#
#   tools/setup.sh core|python|peers|conformance|boards|fuzz|analyze|figures|size|plot ...
#
#   core     Debian packages to build the examples and to run the tests
#   python   build/venv with tools/requirements.txt
#   peers    Debian packages for tests/peers
#   conformance  those for tests/conformance
#   fuzz     what libFuzzer needs beside clang
#   analyze  Debian packages for tools/analyze.py
#   boards   Debian packages for tests/boards
#   figures  Debian packages for tools/figures.py
#   size     those for tools/size.py and tools/board.py
#   plot     and for tools/plot_size.py
#
# As root it installs the packages that are missing; else it prints the one line to run.
set -euo pipefail
cd "$(dirname "$0")/.."

core="build-essential ca-certificates libbearssl-dev libnanopb-dev clang cmake python3 python3-venv universal-ctags openssl"
peers="iproute2 util-linux procps"
conformance="maven default-jdk-headless gnutls-bin nginx-light haproxy nghttp2-proxy libnghttp2-14 protobuf-compiler libprotobuf-dev libjsoncpp-dev"
fuzz="libclang-rt-dev"
analyze="clang-tidy cppcheck"
boards="gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc
    gcc-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user gcc-mingw-w64-x86-64 wine wine64 gcc-avr avr-libc simavr libsimavr-dev emscripten"
figures="valgrind gcc-arm-none-eabi libnewlib-arm-none-eabi libnghttp2-dev libstb-dev"
size="gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm openssl"
plot="python3-matplotlib"

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command; shows what it printed only if it fails.
quietly() {
    "$@" >build/setup.log 2>&1 || { cat build/setup.log; echo "setup: failed: $*" >&2; exit 1; }
}

packages() {
    local package missing=""
    if ! command -v dpkg-query >/dev/null; then
        echo "setup: not a Debian system; the packages would be: $*"
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "setup: packages are missing; run:"
        echo "sudo apt-get install -y --no-install-recommends$missing"
        exit 1
    fi
    echo "setup: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get -q update
    # shellcheck disable=SC2086
    quietly apt-get -q -y --no-install-recommends install $missing
}

virtual_environment() {
    cmp -s tools/requirements.txt build/venv/requirements.txt && return 0
    echo "setup: making build/venv from tools/requirements.txt"
    rm -rf build/venv
    quietly python3 -m venv build/venv
    quietly build/venv/bin/python3 -m pip install -q --disable-pip-version-check -r tools/requirements.txt
    quietly build/venv/bin/python3 -m pip check
    cp tools/requirements.txt build/venv/requirements.txt       # the last step: a half-made one is made anew
}

mkdir -p build
exec 9>build/setup.lock
flock 9
for what in "$@"; do
    # shellcheck disable=SC2086
    case "$what" in
    core)    packages $core ;;
    python)  virtual_environment ;;
    peers)   packages $peers ;;
    conformance) packages $conformance ;;
    fuzz)    packages $fuzz ;;
    analyze) packages $analyze ;;
    boards)  packages $boards ;;
    figures) packages $figures ;;
    size)    packages $size ;;
    plot)    packages $plot ;;
    *)       echo "setup: unknown: $what" >&2; exit 2 ;;
    esac
done
