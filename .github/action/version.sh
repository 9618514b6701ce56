#!/usr/bin/env bash
# Says which release INPUT_VERSION is: itself, or what "latest" leads to.
set -euo pipefail

version=$INPUT_VERSION
if [[ $version == latest ]]; then
	at=$(curl --fail --silent --show-error --location --retry 3 --head --output /dev/null --write-out '%{url_effective}' \
		https://github.com/rollcall-dev/rollcall/releases/latest)
	version=${at##*/}
fi
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$ ]] || { echo "::error::rollcall: $version is no release: give v1.2.3 or latest"; exit 2; }
echo "version=$version" >>"$GITHUB_OUTPUT"
