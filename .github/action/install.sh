#!/usr/bin/env bash
# Installs a release into a folder, where it is not there already:
#
#     install.sh v1.2.3 FOLDER
#
# The archive must have the checksum that the release gives. MIRROR is the URL below which the releases are, VERSION/FILE.
# Needs bash, curl and tar, unzip on Windows.
set -euo pipefail

version=$1 folder=$2
mirror=${MIRROR:-https://github.com/rollcall-dev/rollcall/releases/download}
case $(uname -s) in
Linux) os=linux ;;
Darwin) os=darwin ;;
MINGW* | MSYS* | CYGWIN*) os=windows ;;
*) echo "rollcall: there is no release for $(uname -s)" >&2; exit 2 ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
arm64 | aarch64) arch=arm64 ;;
*) echo "rollcall: there is no release for $(uname -m)" >&2; exit 2 ;;
esac
program=rollcall kind=tar.gz
[[ $os != windows ]] || program=rollcall.exe kind=zip
[[ ! -x $folder/$program ]] || exit 0

archive=rollcall_${version#v}_${os}_${arch}.$kind
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for file in "$archive" checksums.txt; do
	curl --fail --silent --show-error --location --retry 3 --output "$scratch/$file" "$mirror/$version/$file"
done
cd "$scratch"
awk -v file="$archive" '$2 == file' checksums.txt >wanted
[[ -s wanted ]] || { echo "rollcall: checksums.txt has no $archive" >&2; exit 2; }
if command -v sha256sum >/dev/null; then sha256sum --check --quiet wanted; else shasum -a 256 --check --quiet wanted; fi
case $kind in
zip) unzip -q "$archive" "$program" ;;
*) tar -xzf "$archive" "$program" ;;
esac
mkdir -p "$folder"
mv "$program" "$folder/"
