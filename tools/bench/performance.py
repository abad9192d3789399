#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/PERFORMANCE.md from what bench_peers.py measured.

usage: performance.py MEASURED.json [PAGE]     PAGE: docs/PERFORMANCE.md where it is not given

Nothing on that page is typed by hand: what is to be reached stands here, what was reached in the
file. A figure that was not measured shows as a dash.
"""
from __future__ import annotations

import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = {
    "torch_f32": "PyTorch f32",
    "onnxruntime_f32": "ONNX Runtime f32",
    "openvino_f32": "OpenVINO f32",
    "openvino_bf16": "OpenVINO bf16",
}
WORK = {"encode": "encode one photo", "decode1": "decode one prompt",
        "decode64": "decode 64 prompts"}

HEAD = """# Performance

Written by `make performance` from what `make bench-peers` measured; not edited by hand. Figures are
the best of {rounds} rounds, in which every engine has its turn in a process of its own, on the same
photo, model and threads.

| | |
|---|---|
| CPU | {cpu}, {threads} threads |
| memory | {memory_gib} GiB |
| system | {system} |
| date | {date} |
| samc | {commit}, kernels {kernels} |
| peers | {peers} |

Models have the official shapes and random weights: the time does not depend on their values. The
*peak* is what the CPU's multiply-add units do in registers alone, on the same threads, measured in
the same run: {peak:.0f} GFLOP/s. Operations are those of the matrix products that the answer needs,
two a multiply-add; LayerNorm, softmax, GELU and padding take time but count nothing.

"""


def cut(value: float, digits: int) -> str:
    """Cut, not rounded: what just fails must not look as if it passed."""
    scale = 10**digits
    return f"{math.floor(value * scale + 1e-9) / scale:.{digits}f}"


def rate(value) -> str:
    return "–" if value is None else f"{cut(value, 2)} ×"


def share(value) -> str:
    return "–" if value is None else f"{cut(100 * value, 1)} %"


def operations(gflop: float) -> str:
    return f"{gflop:.0f}" if gflop >= 100 else f"{gflop:.3g}"


def seconds(value) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.1f} ms"


def mebibytes(value) -> str:
    return "–" if value is None else f"{value:.0f} MiB"


def verdict(value, must, goal, lower: bool) -> str:
    if value is None:
        return "not measured"
    if goal is not None and (value <= goal if lower else value >= goal):
        return "goal"
    if value <= must if lower else value >= must:
        return "yes" if goal is None else "yes, not the goal"
    return "**no**"


class Page:
    def __init__(self, measured: dict):
        self.measured = measured
        self.samc = measured["samc"]
        self.base = self.samc.get("vit_b")
        self.lines: list[str] = []

    def add(self, *lines: str) -> None:
        self.lines.extend(lines)

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        self.add("| " + " | ".join(head) + " |", "|" + "---|" * len(head))
        self.add(*("| " + " | ".join(row) + " |" for row in rows), "")

    def against(self, work: str, engine: str):
        peer = self.measured["peers"].get(engine)
        return peer[f"{work}_s"] / self.base[f"{work}_s"] if peer and self.base else None

    def of(self, kind: str, value):
        return value(self.samc[kind]) if kind in self.samc else None

    def goals(self) -> None:
        def beside(row):
            return row["peak_rss_mib"] - row["weights_mib"]
        rows = [
            ("encode one photo, against OpenVINO f32", rate, self.against("encode", "openvino_f32"),
             1.2, 1.35, False),
            *((f"encode, {kind}, share of the peak", share,
               self.of(kind, lambda r: r["encode"]["share"]), 0.70, 0.80, False)
              for kind in ("vit_b", "vit_l", "vit_h")),
            ("decode one prompt, against ONNX Runtime f32", rate,
             self.against("decode1", "onnxruntime_f32"), 3.0, 5.0, False),
            ("decode 64 prompts, against ONNX Runtime f32", rate,
             self.against("decode64", "onnxruntime_f32"), 3.5, 5.0, False),
            ("two threads against one, encode", rate,
             self.of("vit_b", lambda r: r["encode_1thread_s"] / r["encode_s"]), 1.8, 1.95, False),
            *((f"load {kind}, files in memory", seconds, self.of(kind, lambda r: r["load_s"]),
               must, must / 2, True) for kind, must in (("vit_b", 0.5), ("vit_h", 3.0))),
            *((f"memory of {kind} beside its weights", mebibytes, self.of(kind, beside),
               must, None, True) for kind, must in (("vit_b", 350.0), ("vit_h", 600.0))),
        ]
        self.add("## What is to be reached", "")
        self.table(["vit_b unless said", "reached", "must", "goal", ""],
                   [[name, form(value), form(must), "" if goal is None else form(goal),
                     verdict(value, must, goal, lower)]
                    for name, form, value, must, goal, lower in rows])

    def engines(self) -> None:
        self.add("## Beside others", "",
                 "In brackets: how many times the seconds of samc. samc's time to encode includes "
                 "resizing and", "normalising the photo, the others' does not. Memory is the largest "
                 "resident size of the process,", "mapped pages included: after loading, after the "
                 "first photo, in all.", "")
        rows = []
        engines = {"samc f32": self.base}
        engines.update({NAMES[e]: row for e, row in self.measured["peers"].items()})
        for name, row in engines.items():
            times = [f"{seconds(row[f'{w}_s'])} ({row[f'{w}_s'] / self.base[f'{w}_s']:.2f})"
                     for w in WORK]
            sizes = " / ".join(f"{row[k]:.0f}" for k in ("load_rss_mib", "encode_rss_mib",
                                                         "peak_rss_mib"))
            rows.append([name, *times, seconds(row["load_s"]), sizes])
        self.table(["vit_b", *WORK.values(), "load", "MiB"], rows)
        openvino = self.measured["peers"].get("openvino_f32")
        if openvino:
            least = self.base["encode"]["gflop"] / self.base["peak_gflops"]
            self.add(f"At the peak, encoding would take {seconds(least)}: nothing that computes these "
                     "products in f32 on this CPU can be ahead of OpenVINO f32 by more than "
                     f"{rate(openvino['encode_s'] / least)}.", "")
        found = self.measured["embedding_difference"]
        if found:
            self.add("That they compute the same: the embedding of the photo differs from samc's by "
                     + ", ".join(f"{value:.0e} ({NAMES[e]})" for e, value in found.items())
                     + ", relative, in the Euclidean norm.", "")

    def stages(self, kind: str, row: dict, work: str, peak: float) -> None:
        """Each stage, and what of the time the arithmetic at the peak would not have taken."""
        total = row[f"{work}_s"]
        parts = [(s["stage"], s["s"], s["gflop"]) for s in row[work]["stages"]]
        parts.append(("the rest", total - sum(p[1] for p in parts), 0.0))
        rows = []
        for name, taken, gflop in parts:
            lost = taken - gflop / peak
            rows.append([name, seconds(taken), f"{taken / total:.1%}".replace("%", " %"),
                         operations(gflop) if gflop else "",
                         f"{gflop / taken:.0f}" if gflop and taken else "",
                         share(gflop / taken / peak) if gflop and taken else "",
                         f"{lost / total:.1%}".replace("%", " %")])
        rows.append(["**all**", seconds(total), "", operations(row[work]["gflop"]),
                     f"{row[work]['gflops']:.0f}", share(row[work]["share"]),
                     share(1 - row[work]["share"])])
        self.add(f"### {kind}: {WORK[work]}", "")
        self.table(["stage", "time", "of the time", "GFLOP", "GFLOP/s", "of the peak",
                    "lost to the peak, of the time"], rows)

    def where(self) -> None:
        self.add("## Where the time goes", "",
                 "The last column is where the rest goes: the part of the whole time that a stage "
                 "took beyond what", "its operations take at the peak. It adds up to what the whole "
                 "lacks to 100 %.", "")
        for kind, row in self.samc.items():
            for work in WORK if kind == "vit_b" else ("encode",):
                self.stages(kind, row, work, row["peak_gflops"])

    def paths(self) -> None:
        avx2 = self.measured["avx2"]
        if avx2:
            self.add("## AVX2", "", f"The AVX2 path encodes vit_b in {seconds(avx2['encode_s'])}, "
                     f"{share(avx2['encode']['share'])} of what its own register-only loop reaches "
                     f"({avx2['peak_gflops']:.0f} GFLOP/s), and decodes one prompt in "
                     f"{seconds(avx2['decode1_s'])}, 64 in {seconds(avx2['decode64_s'])}.", "")

    def yardsticks(self) -> None:
        rows = self.measured["yardsticks"]
        if not rows:
            return
        engines = [key for key in rows[0] if key not in ("layer", "m", "n", "k")]
        self.add("## Products alone", "",
                 "GFLOP/s of the linear layers beside libraries that are there to be measured "
                 "against: weights", "packed beforehand where the library can, bias included.", "")
        self.table(["layer", "m × n × k", *engines],
                   [[row["layer"], f"{row['m']} × {row['n']} × {row['k']}",
                     *(f"{row[e]:.0f}" if row.get(e) else "–" for e in engines)] for row in rows])

    def text(self) -> str:
        any_row = self.base or next(iter(self.samc.values()))
        peers = ", ".join(f"{NAMES[e]} {row['version'].split('-')[0]}"
                          for e, row in self.measured["peers"].items())
        self.add(HEAD.format(rounds=self.measured["rounds"], kernels=any_row["kernels"],
                             peak=any_row["peak_gflops"], peers=peers or "none",
                             **self.measured["machine"]).rstrip("\n"), "")
        self.goals()
        if self.base:
            self.engines()
        self.where()
        self.paths()
        self.yardsticks()
        return "\n".join(self.lines).rstrip("\n") + "\n"


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    page = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs" / "PERFORMANCE.md"
    page.write_text(Page(json.loads(Path(sys.argv[1]).read_text())).text())


if __name__ == "__main__":
    main()
