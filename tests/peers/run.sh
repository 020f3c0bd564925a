#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the real peers where they are missing, then runs the tests against them in a private network namespace that has only lo,
# so that nothing leaves the machine. Words are pytest's: tests/peers/run.sh test_stop.py -k killed -x
# With "conformance" or "boards" as the first word the tests are those of tests/conformance or tests/boards.
# A missing peer is a skip, with CI=true a failure. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."

# give_up REASON: no test can run at all
give_up() {
    echo "missing peer: $1"
    case "${CI:-}" in
    true | 1) echo "0 passed, 1 failed, 0 skipped"; exit 1 ;;
    *)        echo "0 passed, 0 failed, 1 skipped"; exit 0 ;;
    esac
}

suite=peers needed="venv viam grpc"
if [ "${1:-}" = conformance ]; then
    suite=conformance needed="venv viam grpc suite node java rust"
    shift
elif [ "${1:-}" = boards ]; then
    suite=boards needed="venv viam"
    shift
fi
# shellcheck disable=SC2086
tests/peers/build.sh $needed || echo "peers: some are missing"
[ "$suite" = peers ] || tests/conformance/protobuf/build.sh || echo "peers: protobuf's runner is missing (build/peers/protobuf/log)"
python=$PWD/build/peers/venv/bin/python
[ -x "$python" ] || give_up "build/peers/venv"

# The process namespace, where it may be had, ends whatever a run that is killed leaves behind.
private=
for try in "--net --pid --fork --kill-child --mount-proc" "--net"; do
    for user in "" "--map-root-user"; do
        # shellcheck disable=SC2086
        [ -n "$private" ] || ! unshare $user $try true 2>/dev/null || private="unshare $user $try"
    done
done
[ -n "$private" ] || give_up "a private network namespace (unshare --map-root-user --net)"

# 192.0.2.1 (reserved for documentation): an address of this machine that clients do not take for localhost.
start='ip link set lo up && ip address add 192.0.2.1/32 dev lo && "$@"; exit $?'
export PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=ERROR
cd tests/$suite || exit 1
# shellcheck disable=SC2086
$private sh -c "$start" sh "$python" -m pytest "$@"
code=$?
[ "$code" -lt 3 ] || echo "0 passed, 1 failed, 0 skipped"       # pytest could not begin
exit "$code"
