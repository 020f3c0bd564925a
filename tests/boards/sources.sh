#!/bin/bash
# SPDX-License-Identifier: MIT
# Sources that boards' programs are built of, into build/boards/src: Debian 12's source packages, with a state of apt's of their own,
# so the system's is not touched; Debian 13's nanopb; and the kernel of FreeRTOS V11.2.0, which a crate brings along.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages="bearssl=0.6+dfsg.1-3 nanopb=0.4.7-2 lwip=2.1.3+dfsg1-2"
newer=nanopb=0.4.9.1-1
crate=freertos-next=0.12.0
out=$PWD/build/boards/src

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
[ "$(cat "$out/stamp" 2>/dev/null)" = "$packages $newer $crate" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial cache/archives/partial etc
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v -i security | sort -u | head -n 1)
for release in bookworm trixie; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main"
done >list
cat >apt.conf <<EOT
Dir::Etc::SourceList "$work/list"; Dir::Etc::SourceParts "$work/etc"; Dir::State::Lists "$work/lists"; Dir::Cache "$work/cache";
APT::Sandbox::User "root";
EOT
export APT_CONFIG=$work/apt.conf
echo "boards: fetching $packages"
# shellcheck disable=SC2086
{ apt-get -q update && apt-get -q source --download-only $packages; } >log 2>&1 || { cat log; exit 1; }
for package in $packages; do
    name=${package%%=*}
    rm -rf "${out:?}/$name"
    mkdir "$out/$name"
    tar -xf "$name"_*.orig.tar.* -C "$out/$name" --strip-components 1
done
echo "boards: fetching $newer"
mkdir newer
(cd newer && apt-get -q source --download-only --tar-only "$newer") >log 2>&1 || { cat log; exit 1; }
rm -rf "$out/nanopb-newer"
mkdir "$out/nanopb-newer"
tar -xf newer/*.orig.tar.* -C "$out/nanopb-newer" --strip-components 1

echo "boards: fetching $crate"
mkdir -p crate/src
touch crate/src/lib.rs
printf '[package]\nname = "kernel"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' "${crate%%=*}" "${crate##*=}" >crate/Cargo.toml
(cd crate && cargo vendor -q vendor) >log 2>&1 || { cat log; exit 1; }
rm -rf "${out:?}/freertos"
mv "crate/vendor/${crate%%=*}/FreeRTOS-Kernel" "$out/freertos"
echo "$packages $newer $crate" >"$out/stamp"
