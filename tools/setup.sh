#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [build|all|fuzz|web] - what this machine lacks to work on samc, and its installation.
#
#   build   what building and testing need
#   all     the same, and what `make lint`, the man pages, the test of AVX-512 kernels on a CPU
#           without it, training on several ranks and the Python package's tests need (the
#           default)
#   fuzz    the same as build, and clang with the libraries of its sanitizers
#   web     what `make test-web` drives the page with, and what samc.wasm is made with
#
# Where nothing is missing it prints nothing, changes nothing and needs no rights. Otherwise it names
# what is missing and, where there is apt, says that it installs it and does. Written for a plain
# POSIX shell: on a fresh machine there is nothing else.
set -eu

group=${1:-all}

# One row a need: how to find it (a command, a module of pkg-config, of Python, a header, a flag that
# clang links with, a function of WebAssembly's libraries) and its Debian package.
build_needs='
command cc           build-essential
command c++          build-essential
command cmake        cmake
command ninja        ninja-build
command pkg-config   pkg-config
command python3      python3
command curl         curl
module  zlib         zlib1g-dev
module  libjpeg      libjpeg-dev
module  libpng       libpng-dev
module  libwebp      libwebp-dev
module  libtiff-4    libtiff-dev
module  libexif      libexif-dev
module  jansson      libjansson-dev
module  expat        libexpat1-dev
module  cmocka       libcmocka-dev
module  libmicrohttpd libmicrohttpd-dev
'
more_needs='
command clang-format clang-format
command help2man     help2man
header  simde/x86/avx512.h libsimde-dev
command mpicc        libopenmpi-dev
python  numpy        python3-numpy
'
fuzz_needs='
command clang        clang
clang   -fsanitize=fuzzer,address libclang-rt-dev
'
web_needs='
command node         nodejs
command npm          npm
command chromium     chromium
command clang        clang
command wasm-ld      lld
wasm    malloc       wasi-libc
wasm    __multi3     libclang-rt-dev-wasm32
'
case $group in
build) needs=$build_needs ;;
all) needs=$build_needs$more_needs ;;
fuzz) needs=$build_needs$fuzz_needs ;;
web) needs=$web_needs ;;
*)
    echo "setup.sh: '$group' is not one of build, all, fuzz, web" >&2
    exit 2
    ;;
esac

has_header() {
    echo "#include <$1>" | cc -M -x c - >/dev/null 2>&1
}

# Debian's package is for Debian's Python, which the tests take where python3 is another one without the
# module.
has_module() {
    python3 -c "import $1" 2>/dev/null || /usr/bin/python3 -c "import $1" 2>/dev/null
}

# Debian's clang comes without the libraries that -fsanitize links.
clang_links() {
    object=$(mktemp)
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d[0] == (char)n; }' |
        clang "$1" -x c -o "$object" - >/dev/null 2>&1 && links=0 || links=1
    rm -f "$object"
    return $links
}

# C's library for WebAssembly has malloc, clang's own part of it has __multi3.
wasm_links() {
    object=$(mktemp)
    echo "void $1(void); __attribute__((export_name(\"f\"))) void f(void) { $1(); }" |
        clang --target=wasm32-wasi --sysroot=/usr -L/usr/lib/wasm32-wasi -mexec-model=reactor \
            -Wno-everything -x c -o "$object" - >/dev/null 2>&1 && links=0 || links=1
    rm -f "$object"
    return $links
}

# Prints "NAME PACKAGE" for every need that is not met. Without pkg-config no module counts as there.
missing_needs() {
    echo "$needs" | while read -r kind name package; do
        case $kind in
        command) command -v "$name" >/dev/null 2>&1 || echo "$name $package" ;;
        module) pkg-config --exists "$name" 2>/dev/null || echo "$name $package" ;;
        python) has_module "$name" || echo "$name $package" ;;
        wasm) wasm_links "$name" || echo "$name $package" ;;
        header) has_header "$name" || echo "$name $package" ;;
        clang) clang_links "$name" || echo "$name $package" ;;
        esac
    done
}

missing=$(missing_needs)
[ -n "$missing" ] || exit 0

packages=$(echo "$missing" | while read -r name package; do echo "$package"; done |
    sort -u | tr '\n' ' ')
packages=${packages% }

if ! command -v apt-get >/dev/null 2>&1; then
    {
        echo "samc needs these, which are missing here (name, and the package that Debian has it in):"
        echo "$missing" | while read -r name package; do printf '  %-14s %s\n' "$name" "$package"; done
        echo "Install them with your system's package manager, then run the same command again."
    } >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        {
            echo "samc needs packages that are missing here, and only root may install them. As root, run:"
            echo "  apt-get install $packages"
        } >&2
        exit 1
    fi
    as_root='sudo env'
fi

echo "samc needs packages that are missing here; installing with apt: $packages"
# shellcheck disable=SC2086 # the lists are meant to split
{
    # A machine that never fetched the lists of packages does not know the names.
    if ! apt-cache show $packages >/dev/null 2>&1; then
        $as_root apt-get update
    fi
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    install="apt-get install -y --no-install-recommends $packages"
    # Lists that are too old name versions which the archive no longer holds: fetch them and try again.
    $as_root $install || { $as_root apt-get update && $as_root $install; }
} || {
    echo "apt could not install them; run 'apt-get update' and see what it says." >&2
    exit 1
}

missing=$(missing_needs)
if [ -n "$missing" ]; then
    echo "still missing after the installation: $missing" >&2
    exit 1
fi
