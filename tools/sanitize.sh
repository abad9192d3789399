#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sanitize.sh asan|tsan [JOBS] - builds the preset of that name and runs its tests. The first finding
# ends its test with a report on stderr.
set -eu
cd "$(dirname "$0")/.."
preset=$1
jobs=${2:-2}

ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
UBSAN_OPTIONS=print_stacktrace=1
TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

# The thread sanitizer needs its shadow where address randomisation of newer kernels may put other
# things; without randomisation it always starts.
run=
if [ "$preset" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    run="setarch $(uname -m) -R"
fi

cmake --preset "$preset"
cmake --build "build/$preset" -j "$jobs"
$run ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure
