#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# uninstall.sh MANIFEST - removes the files that `cmake --install` wrote (its manifest lists them), and
# the folders that are samc's own and empty then. DESTDIR is honoured, as it was when installing.
set -eu
manifest=$1
root=${DESTDIR:-}

if [ ! -f "$manifest" ]; then
    echo "uninstall: $manifest is not there, so nothing was installed from this build" >&2
    exit 1
fi

# The manifest's last line has no newline.
{ cat "$manifest"; echo; } | while IFS= read -r path; do
    [ -n "$path" ] || continue
    rm -f -- "$root$path"
    folder=$(dirname "$path")
    while case $folder in */samc | */samc/*) true ;; *) false ;; esac; do
        rmdir -- "$root$folder" 2>/dev/null || break
        folder=$(dirname "$folder")
    done
done
rm -f -- "$manifest"
