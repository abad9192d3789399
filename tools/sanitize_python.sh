#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sanitize_python.sh [JOBS] - the Python package's tests on a library built with the address and
# undefined-behaviour sanitizers. The interpreter is not, so the sanitizer's runtime is loaded before it.
# Leaks are left to `make asan`: Python itself keeps too much until its end.
set -eu
cd "$(dirname "$0")/.."
jobs=${1:-2}

cmake --preset asan >/dev/null
cmake --build build/asan -j "$jobs" --target samc_shared
python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || {
    echo "no Python with numpy was found (Debian: apt-get install python3-numpy)" >&2
    exit 1
}

export ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export SAMC_LIBRARY="$PWD/build/asan/libsamc.so" SAMC_SOURCE_DIR="$PWD" PYTHONPATH="$PWD/python"
export SAMC_TINY_MODEL="$PWD/tests/golden/tiny.pth" PYTHONDONTWRITEBYTECODE=1
for test in tests/python/test_*.py; do
    echo "$test"
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
        "$python" "$test"
done
