#!/bin/bash
# SPDX-License-Identifier: MIT
# Compiles conformance_test_runner of Debian's protobuf source package to build/peers/protobuf, once for each version. The package comes with an
# apt state of its own: the system's sources stay as they are.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=$(dpkg-query -W -f '${source:Version}' protobuf-compiler)
out=$PWD/build/peers/protobuf
[ "$(cat "$out/stamp" 2>/dev/null)" = "$version" ] && exit 0
echo "peers: protobuf $version: building"
rm -rf "$out"
mkdir -p "$out"/{lists/partial,cache/archives/partial,parts,source,made/third_party/jsoncpp}
cd "$out"
exec >log 2>&1

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | grep '/debian/ ' | sort -u | head -n 1)
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror% *} $(. /etc/os-release && echo "$VERSION_CODENAME") main" >sources.list
cat >apt.conf <<END
Dir::Etc::SourceList "$out/sources.list"; Dir::Etc::SourceParts "$out/parts"; Dir::State::Lists "$out/lists"; Dir::Cache "$out/cache";
APT::Sandbox::User "root";
END
export APT_CONFIG=$out/apt.conf
apt-get -q update
apt-get -q source --download-only "protobuf=$version"
tar -xf protobuf_*.orig.tar.gz -C source --strip-components=1

# The runner's own headers are not in libprotobuf-dev: they come last, so that the library's are those of the library that is linked.
cd source
protoc -I conformance -I src --cpp_out=../made conformance/conformance.proto src/google/protobuf/test_messages_proto{2,3}.proto
protoc -I conformance -I src --include_imports -o ../messages.binpb conformance/conformance.proto src/google/protobuf/test_messages_proto3.proto
echo '#include <json/json.h>' >../made/third_party/jsoncpp/json.h
compile() { g++ -O0 -w -std=c++14 -I ../made -I conformance -I /usr/include/jsoncpp -idirafter src -c "$1" -o "../made/$(basename "$1").o"; }
export -f compile
ls conformance/*_suite.cc conformance/conformance_test{,_main,_runner}.cc ../made/*.cc ../made/google/protobuf/*.cc |
    xargs -P "$(nproc)" -I{} bash -c 'compile {}'
g++ -o ../runner ../made/*.o -lprotobuf -ljsoncpp -lpthread
cd ..
rm -rf lists cache made protobuf_* source
echo "$version" >stamp
