#!/usr/bin/env bash
# Runs rollcall as the inputs of the action say. The findings become annotations, the run's page gets them as a table, and a
# file has them for code scanning.
set -euo pipefail

kept=$RUNNER_TEMP/rollcall
sarif=${INPUT_SARIF:-$kept/rollcall.sarif}
mkdir -p "$kept/read"

args=(-o github -o "sarif=$sarif" --fail-on "$INPUT_FAIL_ON")
if [[ $INPUT_CACHE == true ]]; then args+=(--cache-dir "$kept/read"); else args+=(--no-cache); fi
[[ $INPUT_BASE != auto ]] || INPUT_BASE=${INPUT_TARGET:+origin/$INPUT_TARGET}
[[ -z $INPUT_BASE ]] || args+=("--base=$INPUT_BASE")
while IFS= read -r line; do [[ -z $line ]] || args+=("$line"); done <<<"$INPUT_ARGS"
args+=(--)
while IFS= read -r line; do [[ -z $line ]] || args+=("$line"); done <<<"$INPUT_PATHS"

code=0
"$kept/program/rollcall" "${args[@]}" || code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
[[ ! -f $sarif ]] || echo "sarif=$sarif" >>"$GITHUB_OUTPUT"
exit "$code"
