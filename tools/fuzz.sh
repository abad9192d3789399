#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh SECONDS [JOBS] [NAME...] - builds the targets of fuzz/ with libFuzzer and the address and
# undefined-behaviour sanitizers, and runs each for SECONDS, JOBS at a time (all where none is named).
# What it learns is kept in build/fuzz/corpus/NAME; an input that breaks something lands in
# build/fuzz/found/NAME, and the exit code is 1. An input that takes FUZZ_TIMEOUT seconds (20) counts as
# a hang; where something may stop the machine meanwhile, give more.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
jobs=${2:-2}
if [ $# -gt 2 ]; then shift 2; else shift $#; fi
build=build/fuzz

mkdir -p build
cmake --preset fuzz >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
cmake --build "$build" -j "$jobs" --target fuzzers
targets=$build/fuzz/targets.txt
names=${*:-$(cut -d ' ' -f 1 "$targets")}

# One target: prints its last figures, or the report of what it found.
cat >"$build/one.sh" <<'ONE'
set -u
build=$1 seconds=$2 name=$3
if [ ! -x "$build/fuzz/fuzz_$name" ]; then
    echo "fuzz.sh: there is no target $name; $build/fuzz/targets.txt lists them" >&2
    exit 1
fi
found=$build/found/$name
log=$build/found/$name.log
mkdir -p "$build/corpus/$name" "$found"
seeds=
for folder in $(sed -n "s/^$name //p" "$build/fuzz/targets.txt"); do
    [ -d "$folder" ] && seeds="$seeds $folder"
done
# shellcheck disable=SC2086 # the list is meant to split
if "$build/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout="${FUZZ_TIMEOUT:-20}" -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/" \
    "$build/corpus/$name" $seeds >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
    echo "fuzz $name: $runs inputs in $seconds s, ${covered:-cov: ?}, nothing found"
else
    tail -n 40 "$log"
    echo "fuzz $name: FOUND something; copy $found/* to tests/crashers/$name/ and mend it"
    exit 1
fi
ONE
# Every target runs, also after one that found something; xargs remembers that in its exit code.
# shellcheck disable=SC2086 # the list is meant to split
printf '%s\n' $names | xargs -P "$jobs" -I NAME sh "$build/one.sh" "$build" "$seconds" NAME || exit 1
