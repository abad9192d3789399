#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# man_pages.sh SAMC FOLDER - writes samc.1 and a samc-NAME.1 for each command into FOLDER, from what
# `samc --help` and `samc NAME --help` print, by help2man.
set -eu
samc=$1
folder=$2
version=$("$samc" --version)

# page FILE SUMMARY COMMAND...: help2man names a page after the program; ours after the file.
page() {
    name=$(basename "$1" .1)
    title=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    help2man --no-info --version-string="$version" --name="$2" "$3" >"$1.part"
    sed -e "s/^\.TH SAMC /.TH $title /" -e "s/^samc \\\\- /$name \\\\- /" "$1.part" >"$1"
    rm "$1.part"
}

mkdir -p "$folder"
rm -f "$folder"/*.1
page "$folder/samc.1" "segment photos by points, boxes and masks" "$samc"
"$samc" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on' |
    while read -r name summary; do
        [ "$name" = help ] || page "$folder/samc-$name.1" "$summary" "$samc $name"
    done
