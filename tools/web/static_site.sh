#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# static_site.sh BUILD OUTPUT - the page as a folder for any static host: what web/ holds, samc.wasm of
# the build, the shipped model, the sample photos and site.json, which tells the page that it is alone.
set -eu

build=$1
output=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
wasm=$build/web/samc.wasm

if [ ! -f "$wasm" ]; then
    echo "static_site.sh: $wasm is not there; 'sh tools/setup.sh web' installs what it is made with, then" \
        "'make build'" >&2
    exit 1
fi
rm -rf "$output"
mkdir -p "$output/samples"
cp "$root"/web/*.html "$root"/web/*.css "$root"/web/*.js "$root"/web/*.svg "$output"
cp "$wasm" "$root/models/samc-default.safetensors" "$output"
cp "$root"/docs/photos/*.jpg "$output/samples"
samples=$(cd "$output" && ls samples/*.jpg | sed 's/.*/"&"/' | paste -sd, -)
printf '{"model": "samc-default.safetensors", "wasm": "samc.wasm", "samples": [%s]}\n' "$samples" \
    >"$output/site.json"
echo "$output: $(du -sk "$output" | cut -f1) KiB; any web server will do, such as"
echo "  python3 -m http.server --directory $output --bind 127.0.0.1 8000"
