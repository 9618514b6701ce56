#!/usr/bin/env bash
# Opens a broken file in each editor that is here, without a screen, and fails unless the diagnostic arrives:
#
#     editors/check.sh PROGRAM
#
# Tried with Neovim 0.7.2, and with Emacs 28.2, eglot 1.9 and yaml-mode 0.0.15, as Debian 12 has them.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A fleet with a policy that Karmada refuses, and no settings but ours.
cp -R ../testdata/fleet "$scratch/fleet"
mkdir "$scratch/fleet/.git" "$scratch/bin" "$scratch/home"
ln -s "$program" "$scratch/bin/rollcall"
export HOME=$scratch/home XDG_CACHE_HOME=$scratch/home PATH=$scratch/bin:$PATH
export FILE=$scratch/fleet/clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml
sed -i.bak 's/propagateDeps: true/propagateDeps: false/' "$FILE"
rm "$FILE.bak"

want='failover-propagates-deps'
tried=0

# arrives EDITOR COMMAND…
arrives() {
	local editor=$1 got
	shift
	if ! command -v "$1" >/dev/null; then
		echo "    $editor is not here"
		return
	fi
	tried=$((tried + 1))
	got=$(timeout 60 "$@" 2>"$scratch/stderr" </dev/null) || true
	if [[ $got != *"rollcall"*"[$want]"* ]]; then
		echo "$editor shows no $want: $got"
		cat "$scratch/stderr"
		return 1
	fi
	echo "    $editor: $got"
}

arrives Neovim nvim --headless -u neovim/rollcall.lua -i NONE -c 'luafile neovim/check.lua'
arrives Emacs emacs --batch -l package -f package-initialize -l emacs/rollcall.el -l emacs/check.el
((tried)) || { echo "none of nvim, emacs is here"; exit 1; }
