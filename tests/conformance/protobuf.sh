#!/bin/bash
# SPDX-License-Identifier: MIT
# Fetches Debian's protobuf source package with a private apt state (the system's sources stay as they are) and unpacks it to FOLDER/source.
set -euo pipefail
folder=$1 version=3.21.12-3+deb12u1
mkdir -p "$folder"/{lists/partial,cache/archives/partial,parts,source}
cd "$folder"
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | grep debian | sort -u | head -n 1)
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >sources.list
cat >apt.conf <<END
Dir::Etc::SourceList "$PWD/sources.list"; Dir::Etc::SourceParts "$PWD/parts"; Dir::State::Lists "$PWD/lists"; Dir::Cache "$PWD/cache";
APT::Sandbox::User "root";
END
export APT_CONFIG=$PWD/apt.conf
apt-get -q update
apt-get -q source --download-only "protobuf=$version"
tar -xf protobuf_*.orig.tar.gz -C source --strip-components=1
