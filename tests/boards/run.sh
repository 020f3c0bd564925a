#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests on emulated boards and other systems; they need the peers of tests/peers, and run as those do. Words are pytest's.
set -uo pipefail
cd "$(dirname "$0")/../.."
tests/boards/sources.sh || echo "boards: some sources are missing"
exec tests/peers/run.sh boards "$@"
