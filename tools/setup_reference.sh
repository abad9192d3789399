#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment that `make parity` compares with: PyTorch and Meta's
# segment_anything, and what the benchmarks run beside samc. It stays out of the repository:
# $SAMC_REFERENCE_VENV, else ${XDG_CACHE_HOME:-~/.cache}/samc/reference.
#
# Prints the path of its python on stdout, everything else on stderr. Does nothing where the
# packages are there.
set -eu

venv=${SAMC_REFERENCE_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/samc/reference}
packages="torch torchvision segment-anything-py onnx onnxruntime openvino opencv-python-headless
pycocotools safetensors scikit-image transformers"
modules="torch torchvision segment_anything onnx onnxruntime openvino cv2 pycocotools safetensors
skimage transformers numpy PIL"

complete() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" - $modules <<'PYTHON'
import importlib.util
import sys

sys.exit(any(importlib.util.find_spec(name) is None for name in sys.argv[1:]))
PYTHON
}

if ! complete; then
    echo "The reference (PyTorch and Meta's segment_anything) is not set up yet." >&2
    echo "About to make the virtual environment $venv and pip install into it:" >&2
    echo "   " $packages >&2
    echo "This downloads several gigabytes and touches nothing outside that folder." >&2
    python3 -m venv "$venv" >&2 || {
        echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
    "$venv/bin/python" -m pip install --quiet --upgrade pip >&2
    # shellcheck disable=SC2086  # a list on purpose
    "$venv/bin/python" -m pip install --quiet $packages >&2
    complete || {
        echo "The packages were installed, but some cannot be found in $venv." >&2
        exit 1
    }
fi
echo "$venv/bin/python"
