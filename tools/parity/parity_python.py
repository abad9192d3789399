# SPDX-License-Identifier: Apache-2.0
"""Runs the scripts of tools/parity/python twice, by the reference and by samc with only the import
line changed, and compares every variable they leave.

usage: parity_python.py --library FILE [--only TEXT] [--cached]

Masks must have an IoU of at least 0.999, shapes and dtypes be the same, other numbers be within 1e-3
(relative where larger than 1), records of the generator be as many, in the same order. The checkpoint
is the seed ($SAMC_SHARED/seed/seed.pth); the reference, which builds vit_b, vit_l and vit_h only, is
given tools/parity/models.py as its registry's "default" and as build_sam, and for the pipeline call
reference_pipeline.py. What the reference leaves is kept in ~/.cache/samc/parity/python.
"""
from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = Path(os.environ.get("SAMC_SHARED", ROOT.parent / "shared"))
MASK_LIMIT, NUMBER_LIMIT = 0.999, 1e-3


def plain(value):
    """A variable as what can be pickled and compared, or None where it is no result: arrays and
    tensors (marked), text, and lists, tuples, dicts of them."""
    if hasattr(value, "detach") and hasattr(value, "shape") and not isinstance(value, np.ndarray):
        return ("tensor", value.detach().cpu().numpy())
    if isinstance(value, np.ndarray):
        return ("array", np.asarray(value))
    if isinstance(value, (str, bool, int, float)):
        return (type(value).__name__, value)
    if isinstance(value, dict):
        items = {key: plain(item) for key, item in value.items()}
        return None if any(v is None for v in items.values()) else ("dict", items)
    if isinstance(value, (list, tuple)):
        listed = [plain(item) for item in value]
        kind = "list" if isinstance(value, list) else "tuple"  # samc's records are a kind of list
        return None if any(v is None for v in listed) else (kind, listed)
    return None


def run_script(script: Path, side: str, output: Path) -> None:
    """In a process of its own, in a folder with the photos and the checkpoint."""
    text = script.read_text()
    if side == "samc":
        text = re.sub(r"^from (segment_anything|mindformers)", "from samc", text, flags=re.M)
    else:
        sys.path.insert(0, str(HERE))
        import models
        import reference_pipeline
        import segment_anything

        def build(checkpoint=None):
            return models.load(checkpoint)
        segment_anything.sam_model_registry["default"] = build
        segment_anything.build_sam = build
        sys.modules["mindformers"] = sys.modules["mindformers.pipeline"] = reference_pipeline
    os.chdir(output.parent)
    for source in (*(SHARED / "photos").iterdir(), SHARED / "seed/seed.pth"):
        if not Path(source.name).exists():
            os.symlink(source, source.name)
    space = {"__name__": "__main__"}
    exec(compile(text, script.name, "exec"), space)
    assert side == "reference" or "segment_anything" not in sys.modules
    left = {name: plain(value) for name, value in space.items() if not name.startswith("_")}
    output.write_bytes(pickle.dumps({name: value for name, value in left.items() if value}))


def results(script: Path, side: str, library: Path, folder: Path, cached: bool) -> dict | None:
    key = hashlib.sha256(script.read_bytes() + (SHARED / "seed/seed.pth").read_bytes())
    output = folder / f"{script.stem}-{side}-{key.hexdigest()[:16]}.pickle"
    if side == "samc" or not output.exists():
        if side == "reference" and cached:
            return None
        variables = {**os.environ, "SAMC_LIBRARY": str(library.resolve()),
                     "PYTHONPATH": str(ROOT / "python")}
        subprocess.run([sys.executable, __file__, "--run", str(script), side, str(output)],
                       check=True, env=variables)
    return pickle.loads(output.read_bytes())


class Comparison:
    """The worst differences of one variable."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.shape = ""
        self.iou, self.difference, self.masks = 1.0, 0.0, 0

    def look(self, ours, theirs, where: str = "") -> None:
        # The reference's own slip: once a batch or a crop has no mask, all corners become floats.
        corner = ".crop_box[" in where or ".bbox[" in where
        if ours and theirs and corner and (ours[0], theirs[0]) == ("int", "float"):
            ours = "float", float(ours[1])
        if ours is None or theirs is None or ours[0] != theirs[0]:
            kinds = [v and v[0] for v in (ours, theirs)]
            self.bad.append(f"{where or 'it'} is {kinds[0]}, the reference's {kinds[1]}")
        elif theirs[0] in ("array", "tensor"):
            self.look_arrays(ours[1], theirs[1], where)
        elif theirs[0] == "str":
            if ours[1] != theirs[1] and not where.endswith(".counts"):
                self.bad.append(f"{where} is {ours[1]!r}, the reference's {theirs[1]!r}")
            self.shape = self.shape or theirs[1][:20]
        elif theirs[0] in ("int", "float", "bool"):
            self.numbers(np.array(ours[1], float), np.array(theirs[1], float))
        else:
            self.look_items(ours[1], theirs[1], where)

    def look_items(self, ours, theirs, where: str) -> None:
        self.shape = self.shape or f"{len(theirs)} items"
        if len(ours) != len(theirs):
            self.bad.append(f"{where} {len(ours)} items, the reference's {len(theirs)}")
        elif isinstance(theirs, list):
            for i, pair in enumerate(zip(ours, theirs)):
                self.look(*pair, f"{where}[{i}]")
        elif list(ours) != list(theirs):
            self.bad.append(f"{where} has {list(ours)}, the reference's {list(theirs)}")
        elif set(theirs) == {"size", "counts"}:
            self.runs(ours, theirs, where)
        else:
            for name in theirs:
                self.look(ours[name], theirs[name], f"{where}.{name}")

    def runs(self, ours, theirs, where: str) -> None:
        from pycocotools import mask as coco

        def decoded(record):
            kind, counts = record["counts"]
            size = [n for _, n in record["size"][1]]
            if kind == "str":
                return coco.decode({"size": size, "counts": counts})
            values = [n for _, n in counts]
            flat = np.repeat(np.arange(len(values)) % 2, values)
            return flat.reshape(size[::-1]).T
        if ours["counts"][0] != theirs["counts"][0]:
            self.bad.append(f"{where}.counts is of another kind")
            return
        self.pixels(decoded(ours) > 0, decoded(theirs) > 0)

    def look_arrays(self, ours: np.ndarray, theirs: np.ndarray, where: str) -> None:
        self.shape = self.shape or f"{theirs.dtype} {list(theirs.shape)}"
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            self.bad.append(f"{where} is {ours.dtype} {list(ours.shape)}, the reference's "
                            f"{theirs.dtype} {list(theirs.shape)}")
        elif theirs.dtype == bool and theirs.ndim >= 2:
            for a, b in zip(ours.reshape(-1, *ours.shape[-2:]),
                            theirs.reshape(-1, *theirs.shape[-2:])):
                self.pixels(a, b)
        else:
            self.numbers(ours.astype(float), theirs.astype(float))

    def pixels(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        union = (ours | theirs).sum()
        self.masks += 1
        self.iou = min(self.iou, float((ours & theirs).sum() / union) if union else 1.0)

    def numbers(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        if theirs.size:
            apart = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1)
            self.difference = max(self.difference, float(apart.max()))

    @property
    def good(self) -> bool:
        return not self.bad and self.iou >= MASK_LIMIT and self.difference <= NUMBER_LIMIT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, help="the built libsamc.so")
    parser.add_argument("--only", default="", help="scripts whose name has this in it")
    parser.add_argument("--cached", action="store_true",
                        help="pass over what the reference has not been asked yet")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_script(Path(options.run[0]), options.run[1], Path(options.run[2]))
        return
    from cache import default_folder
    folder = default_folder() / "python"
    folder.mkdir(parents=True, exist_ok=True)
    bad = count = masks = 0
    print(f"{'':4} {'script':11} {'variable':26} {'type, shape':30} {'masks':>5} {'least IoU':>9} "
          f"{'numbers within':>14}")
    for script in sorted((HERE / "python").glob("*.py")):
        if options.only not in script.stem:
            continue
        theirs = results(script, "reference", options.library, folder, options.cached)
        if theirs is None:
            print(f"     {script.stem}: the reference has not been asked yet")
            continue
        ours = results(script, "samc", options.library, folder, False)
        for name in theirs:
            comparison = Comparison()
            comparison.look(ours.get(name), theirs[name])
            count, masks = count + 1, masks + comparison.masks
            bad += not comparison.good
            print(f"{'ok' if comparison.good else 'BAD':4} {script.stem:11} {name:26} "
                  f"{comparison.shape:30} {comparison.masks or '':5} "
                  f"{f'{comparison.iou:.6f}' if comparison.masks else '':>9} "
                  f"{comparison.difference:14.1e}")
            for line in comparison.bad:
                print("        " + line)
    print(f"{count} variables, {masks} masks; {bad} differ")
    if bad or not count:
        sys.exit(1)


if __name__ == "__main__":
    main()
