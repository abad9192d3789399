#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times samc beside what one would use instead, on the same photo, model and threads, in turns.

usage: bench_peers.py --build DIR [--models vit_b,vit_l,vit_h] [--rounds N] [--output FILE]
                      [--run-with COMMAND]                             (run by `make bench-peers`)

The peers are PyTorch (Meta's segment_anything), ONNX Runtime and OpenVINO in f32, and OpenVINO in
bf16; they run vit_b. Models have the official shapes and random weights, on which the time does not
depend; they and the ONNX exports stay in ${XDG_CACHE_HOME:-~/.cache}/samc. In every round each
engine gets one turn in a process of its own; of each figure the best of all rounds counts.

  encode    one photo; samc's time includes resize, normalisation and padding, the peers' does not
  decode1   one point to three low-res masks and predicted IoU, the embedding being ready
  decode64  the same for 64 points of one photo, in one call
  load      until the first photo can be encoded, the files being in memory; the peers' sessions are
            made of exported models (OpenVINO: out of its own cache)
  memory    the largest resident size of the process, mapped pages included

--models names those that samc runs; the peers run only if vit_b is among them. --run-with puts a
command before every measurement, such as `nice -n -5` or `taskset -c 0,1`. FILE (JSON) is what
tools/bench/performance.py makes docs/PERFORMANCE.md of.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PHOTO = ROOT / "docs" / "photos" / "astronaut.jpg"
KINDS = ("vit_b", "vit_l", "vit_h")
PEERS = {
    "torch_f32": "PyTorch f32",
    "onnxruntime_f32": "ONNX Runtime f32",
    "openvino_f32": "OpenVINO f32",
    "openvino_bf16": "OpenVINO bf16",
}
WORK = ("encode", "decode1", "decode64")


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "samc"


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def answer_of(command: list[str]):
    """The JSON that a program prints; None where it fails, with its last words on stderr."""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        note(f"{shlex.join(command)} failed:\n{done.stderr[-2000:]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def keep_best(best: dict, new: dict) -> None:
    """Lower is better for times and sizes; a piece of work keeps the stages of its fastest run."""
    for work in WORK:
        if work in new and new[f"{work}_s"] <= best.get(f"{work}_s", new[f"{work}_s"]):
            best[work] = new[work]
    for key, value in new.items():
        if key in WORK:
            continue
        if key == "peak_gflops":
            best[key] = max(value, best.get(key, value))
        elif key.endswith(("_s", "_mib")):
            best[key] = min(value, best.get(key, value))
        else:
            best[key] = value


def finish(samc: dict) -> dict:
    """Shares of the peak from the best times and the best peak of all rounds."""
    for work in WORK:
        for part in (samc[work], *samc[work]["stages"]):
            seconds = part.get("s", samc[f"{work}_s"])
            part["gflops"] = part["gflop"] / seconds if seconds else 0.0
            part["share"] = part["gflops"] / samc["peak_gflops"]
    return samc


def machine(threads: int) -> dict:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo")) / 1024 / 1024
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {"cpu": cpu, "threads": threads, "memory_gib": round(memory, 1),
            "system": f"{platform.system()} {platform.release()}", "commit": commit or "unknown",
            "date": datetime.date.today().isoformat()}


def difference(folder: Path, engine: str, reference) -> float:
    """How far an engine's embedding is from another's: relative, in the Euclidean norm."""
    import numpy as np

    got = np.load(folder / f"{engine}.npy").ravel()
    return float(np.linalg.norm(got - reference) / np.linalg.norm(reference))


def samc_embedding(samc: Path, checkpoint: Path):
    """What samc computes of the photo, as [256 * 64 * 64]."""
    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([samc, "embed", "-m", checkpoint, "-o", folder, PHOTO], check=True,
                       capture_output=True)
        tensors = load_file(str(Path(folder) / f"{PHOTO.stem}.safetensors"))
    return tensors["image_embedding"].ravel()


class Bench:
    def __init__(self, arguments: argparse.Namespace):
        self.samc = arguments.build / "cli" / "samc"
        self.yardsticks = arguments.build / "bench" / "gemm_yardsticks"
        self.before = shlex.split(arguments.run_with)
        self.rounds = arguments.rounds
        self.kinds = arguments.models
        self.threads = len(os.sched_getaffinity(0))
        self.folder = cache() / "bench" / "vit_b"
        self.checkpoints = {}
        self.result = {"machine": machine(self.threads), "photo": PHOTO.name,
                       "rounds": self.rounds, "samc": {}, "avx2": None, "peers": {},
                       "embedding_difference": {}, "yardsticks": None}

    def prepare(self) -> None:
        """Checkpoints and exports, each in a process that gives PyTorch's memory back."""
        folder = cache() / "parity" / "checkpoints"
        for kind in self.kinds:
            self.checkpoints[kind] = folder / f"{kind}_random.pth"
            if not self.checkpoints[kind].exists():
                subprocess.run([sys.executable, HERE.parent / "parity" / "make_checkpoints.py",
                                folder, kind], check=True)
        if "vit_b" in self.kinds:
            subprocess.run([sys.executable, HERE / "peer_models.py", self.folder,
                            self.checkpoints["vit_b"], "vit_b", PHOTO], check=True)

    def run_samc(self, kind: str, *more: str):
        return answer_of([*self.before, str(self.samc), "bench", "-m", str(self.checkpoints[kind]),
                          "--threads", str(self.threads), "--json", *more, str(PHOTO)])

    def run_peer(self, engine: str):
        return answer_of([*self.before, sys.executable, str(HERE / "peer_worker.py"), engine,
                          str(self.folder), str(self.threads), str(self.checkpoints["vit_b"]),
                          "vit_b"])

    def rounds_of_vit_b(self) -> None:
        samc, avx2, peers = {}, {}, {engine: {} for engine in PEERS}
        for number in range(self.rounds):
            for engine, best in peers.items():
                keep_best(best, self.run_peer(engine) or {})
            keep_best(samc, self.run_samc("vit_b", "--scaling", "--runs", "2") or {})
            if samc.get("kernels") == "avx512":
                keep_best(avx2, self.run_samc("vit_b", "--kernels", "avx2", "--runs", "1") or {})
            note(f"vit_b: round {number + 1} of {self.rounds} is done")
        if not samc:
            sys.exit("samc bench failed: nothing can be compared")
        self.result["samc"]["vit_b"] = finish(samc)
        self.result["avx2"] = finish(avx2) if avx2 else None
        self.result["peers"] = {engine: best for engine, best in peers.items() if best}

    def compare(self) -> None:
        """The engines must have computed the same thing."""
        ours = samc_embedding(self.samc, self.checkpoints["vit_b"])
        for engine in self.result["peers"]:
            self.result["embedding_difference"][engine] = difference(self.folder, engine, ours)

    def measure(self) -> dict:
        if "vit_b" in self.kinds:
            self.rounds_of_vit_b()
            self.compare()
        for kind in self.kinds:
            if kind == "vit_b":
                continue
            best = {}
            for _ in range(min(self.rounds, 2)):
                keep_best(best, self.run_samc(kind, "--runs", "1") or {})
            if best:
                self.result["samc"][kind] = finish(best)
            note(f"{kind} is done")
        if self.yardsticks.exists():
            self.result["yardsticks"] = answer_of([*self.before, str(self.yardsticks), "--json"])
        return self.result


def print_table(result: dict) -> None:
    samc = result["samc"].get("vit_b")
    print(f"{result['machine']['cpu']}, {result['machine']['threads']} threads, "
          f"fastest of {result['rounds']} rounds")
    if samc:
        print(f"\n{'vit_b':18s}" + "".join(f"{w:>10s}{'':8s}" for w in WORK)
              + f"{'load':>9s}{'MiB':>8s}")
        rows = {"samc f32": samc}
        rows.update({PEERS[e]: r for e, r in result["peers"].items()})
        for name, row in rows.items():
            cells = "".join(f"{row[f'{w}_s']:8.3f} s{row[f'{w}_s'] / samc[f'{w}_s']:6.2f} x"
                            for w in WORK)
            print(f"{name:18s}{cells}{row['load_s']:7.2f} s{row['peak_rss_mib']:8.0f}")
        print(f"\nsamc, encode: {samc['threads']} threads are faster than one by "
              f"{samc['encode_1thread_s'] / samc['encode_s']:.2f} x")
    for kind, row in result["samc"].items():
        print(f"samc, {kind}: encode {row['encode_s']:.3f} s, {row['encode']['gflops']:.1f} of "
              f"{row['peak_gflops']:.1f} GFLOP/s: {row['encode']['share']:.1%} of the peak; load "
              f"{row['load_s']:.2f} s; {row['peak_rss_mib'] - row['weights_mib']:.0f} MiB beside "
              f"{row['weights_mib']:.0f} MiB of weights")
    for engine, value in result["embedding_difference"].items():
        print(f"embedding of {PEERS[engine]} against samc's: {value:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="the folder that samc was built in")
    parser.add_argument("--models", default="vit_b", type=lambda text: text.split(","),
                        help="which of vit_b,vit_l,vit_h (default: vit_b)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write everything measured to this file (JSON)")
    parser.add_argument("--run-with", default="", help="a command before every measurement")
    arguments = parser.parse_args()
    if not set(arguments.models) <= set(KINDS) or arguments.rounds < 1:
        parser.error("--models takes some of " + ",".join(KINDS) + ", --rounds a number from 1")
    bench = Bench(arguments)
    bench.prepare()
    result = bench.measure()
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print_table(result)


if __name__ == "__main__":
    main()
