#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_python_package.sh FOLDER - installs the wheel in FOLDER (python_wheel.sh) as a user does, into a
# fresh virtual environment, which gets numpy and nothing else, and runs the package's tests there. Needs
# the package index for numpy.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
wheel=$(ls "$(cd "$1" && pwd)"/samc-*.whl)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "$wheel"
echo "Installed $(basename "$wheel") beside $("$folder/venv/bin/python" --version):"
"$folder/venv/bin/pip" list --format=freeze | grep -v '^\(pip\|setuptools\)=='

unset PYTHONPATH SAMC_LIBRARY SAMC_MODEL
export SAMC_SOURCE_DIR="$source" SAMC_TINY_MODEL="$source/tests/golden/tiny.pth"
export PYTHONDONTWRITEBYTECODE=1
cd "$folder"
for test in "$source"/tests/python/test_*.py; do
    echo "$(basename "$test")"
    venv/bin/python "$test"
done
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import samc

assert samc.__file__.startswith(sys.prefix), samc.__file__
photo = np.zeros((60, 90, 3), np.uint8)
photo[20:40, 30:60] = 200
print(samc.Model(), samc.Model().encode(photo).predict(points=[[45, 30]]))
assert not {"torch", "PIL", "cv2"} & set(sys.modules)
PYTHON
