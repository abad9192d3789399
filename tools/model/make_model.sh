#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make_model.sh SAMC FOLDER [OPTION]... - trains the default model in FOLDER, or goes on doing so.
#
# Installs the Debian packages whose pictures the recipe uses, having named them; where there is no
# apt it says so, and the recipe leaves out what is missing. Has photos labelled by teacher.py into
# FOLDER/teacher where the environment of tools/setup_reference.sh is there; $SAMC_TEACHER names a
# folder of labelled photos to take instead. OPTIONs go to `samc train`. When training stops (Ctrl-C, --steps, --minutes) FOLDER/samc-default.safetensors is made of the average.
set -eu

samc=$1
folder=$2
shift 2
here=$(dirname "$0")
mkdir -p "$folder"
folder=$(cd "$folder" && pwd) # in a recipe a relative path would start at the recipe

# A file that each package brings, and the package.
pictures='
/usr/share/tuxpaint/stamps                tuxpaint-stamps-default
/usr/share/openclipart/png                openclipart-png
/usr/share/backgrounds/gnome              gnome-backgrounds
/usr/share/backgrounds/mate               mate-backgrounds
/usr/share/wallpapers                     plasma-workspace-wallpapers
/usr/share/backgrounds/warty-final-ubuntu.png lomiri-wallpapers-16.04
/usr/share/lxqt/wallpapers                lxqt-themes
/usr/share/gcompris-qt/rcc                gcompris-qt-data
'
missing=$(echo "$pictures" | while read -r path package; do
    [ -z "$path" ] || [ -e "$path" ] || dpkg -s "$package" >/dev/null 2>&1 || echo "$package"
done)
if [ -n "$missing" ]; then
    echo "pictures for training are missing:" $missing
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        echo "installing them with apt-get"
        # shellcheck disable=SC2086
        apt-get install -y --no-install-recommends $missing
    else
        echo "install these packages for a better model; going on without them"
    fi
fi

bf16=0
if grep -qs avx512_bf16 /proc/cpuinfo; then bf16=1; fi
export SAMC_DATA="${SAMC_DATA:-$folder/data}"
if [ -z "${SAMC_TEACHER:-}" ]; then
    export SAMC_TEACHER="$folder/teacher"
    python=${SAMC_REFERENCE_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/samc/reference}/bin/python
    if "$python" -c "import cv2, numpy, onnxruntime, PIL" 2>/dev/null; then
        echo "two networks label photos in $SAMC_TEACHER, one or two seconds each; Ctrl-C and \`make" \
            "model\` go on"
        OMP_NUM_THREADS=1 "$python" "$here/teacher.py" "$SAMC_TEACHER" \
            --photos "$SAMC_DATA/backgrounds=500" || echo "going on with the photos labelled so far"
    else
        echo "no photos are labelled by other networks: tools/setup_reference.sh was not run;" \
            "going on without them"
    fi
fi
status=0
if [ -e "$folder/checkpoint.safetensors" ] || [ -e "$folder/checkpoint.safetensors.previous" ]; then
    "$samc" train "$here/recipe.json" -o "$folder" --resume "$@" || status=$?
else
    "$samc" train "$here/recipe.json" -o "$folder" --from "$here/../../models/samc-default.safetensors" \
        --centre 0.3 --box 0.55 --box-noise 0.06 --bf16 $bf16 "$@" || status=$?
fi
# stopped by Ctrl-C or SIGTERM is as good as done
[ $status -eq 0 ] || [ $status -eq 130 ] || [ $status -eq 143 ] || exit $status
# the thresholds are those that were measured for the shipped weights (models/README.md)
"$samc" export "$folder/checkpoint.safetensors" "$folder/samc-default.safetensors" --dtype f16 \
    --thresholds 0.4,0.45
echo "the model is $folder/samc-default.safetensors"
