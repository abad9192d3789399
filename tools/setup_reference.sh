#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup_reference.sh [masks|notebook] - makes the virtual environment that `make parity` compares with:
# PyTorch and Meta's segment_anything, and what the benchmarks run beside samc; with `masks` a small
# one for `make parity-rle`: pycocotools and, where it can be had, supervision; with `notebook` what the
# Python package is tried out with: JupyterLab, anywidget, playwright, supervision, mypy. It stays out of
# the repository: $SAMC_REFERENCE_VENV, else ${XDG_CACHE_HOME:-~/.cache}/samc/reference;
# $SAMC_MASKS_VENV, else .../samc/masks; $SAMC_NOTEBOOK_VENV, else .../samc/notebook.
#
# Prints the path of its python on stdout, everything else on stderr. Does nothing where the
# packages are there.
set -eu

cache=${XDG_CACHE_HOME:-$HOME/.cache}/samc
venv=${SAMC_REFERENCE_VENV:-$cache/reference}
what="The reference (PyTorch and Meta's segment_anything)"
size="several gigabytes"
wishes=
packages="torch torchvision segment-anything-py onnx onnxruntime openvino opencv-python-headless
pycocotools safetensors scikit-image transformers"
modules="torch torchvision segment_anything onnx onnxruntime openvino cv2 pycocotools safetensors
skimage transformers numpy PIL"
if [ "${1:-}" = masks ]; then
    venv=${SAMC_MASKS_VENV:-$cache/masks}
    what="What masks are compared with (pycocotools)"
    size="about 200 MB"
    packages="numpy pycocotools pillow"
    modules="numpy pycocotools PIL"
    wishes=supervision
fi

if [ "${1:-}" = notebook ]; then
    venv=${SAMC_NOTEBOOK_VENV:-$cache/notebook}
    what="What notebooks are run with (JupyterLab)"
    size="about 500 MB"
    packages="numpy pillow matplotlib anywidget jupyterlab nbclient ipykernel playwright supervision
mypy"
    modules="numpy PIL matplotlib anywidget jupyterlab nbclient ipykernel playwright supervision mypy"
fi

complete() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" - $modules <<'PYTHON'
import importlib.util
import sys

sys.exit(any(importlib.util.find_spec(name) is None for name in sys.argv[1:]))
PYTHON
}

if ! complete; then
    echo "$what is not set up yet." >&2
    echo "About to make the virtual environment $venv and pip install into it:" >&2
    echo "   " $packages $wishes >&2
    echo "This downloads $size and touches nothing outside that folder." >&2
    python3 -m venv "$venv" >&2 || {
        echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
    "$venv/bin/python" -m pip install --quiet --upgrade pip >&2
    # shellcheck disable=SC2086  # a list on purpose
    "$venv/bin/python" -m pip install --quiet $packages >&2
    for wish in $wishes; do
        "$venv/bin/python" -m pip install --quiet "$wish" >&2 ||
            echo "$wish could not be installed: what needs it will be skipped." >&2
    done
    complete || {
        echo "The packages were installed, but some cannot be found in $venv." >&2
        exit 1
    }
fi
echo "$venv/bin/python"
