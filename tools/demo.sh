#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD - segments photos of the repository with the built command and the shipped model, and
# leaves the pictures in demo/: three masks of one point, a mask from a box, and a second round that
# feeds the first one's logits back. demo/demo.png shows all three.
set -eu
build=${1:?say which build folder}
cd "$(dirname "$0")/.."
samc=$build/cli/samc
photos=docs/photos
rm -rf demo
mkdir demo

# Says a command, then runs it.
run() {
    echo "\$ $*"
    "$@"
}

echo "A point, three masks"
run "$samc" segment $photos/rocket.jpg --point 322,200 --multimask --save overlay,grid -o demo/point

echo "A box"
run "$samc" segment $photos/astronaut.jpg --box 165,20,300,200 --save mask,overlay,cutout -o demo/box

echo "Two rounds: the first takes part of the suit; the second gets its logits, a background point there and one on the hair"
run "$samc" segment $photos/astronaut.jpg --point 225,120 --multimask \
    --save overlay,low_res -o demo/round1
run "$samc" segment $photos/astronaut.jpg --point 225,120 --point 260,80 --point 225,225,- \
    --mask demo/round1/astronaut_object0_mask1_low_res.npy --save mask,overlay,cutout -o demo/round2

python3 tools/montage.py demo/demo.png \
    demo/point/rocket_object0_mask0_overlay.png \
    demo/point/rocket_object0_mask1_overlay.png \
    demo/point/rocket_object0_mask2_overlay.png -- \
    demo/box/astronaut_object0_mask0_overlay.png \
    demo/round1/astronaut_object0_mask1_overlay.png \
    demo/round2/astronaut_object0_mask0_overlay.png
echo "demo/demo.png shows all of it; the single pictures are in demo/*/"
