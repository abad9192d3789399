#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills training at random moments: the checkpoint must always load, and the run must end as if nothing had happened.

usage: kill_test.py --samc build/release/cli/samc [--kills 200] [--seed 1]

One run of the tiny model is left alone. Another one, with the same seed, is killed (SIGKILL) after a
random time, again and again; after every kill `samc export` must read its checkpoint (or the one
before), and the next process resumes it. In the end both checkpoints must hold the same bits.
"""
import argparse
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = "--batch 2 --masks 2 --rounds 2 --drop-path 0.2 --save-steps 1 --save-minutes 0 --log-steps 1".split()


def tensors(path: Path) -> bytes:
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return data[8 + size:]


def step_of(path: Path) -> int:
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return int(json.loads(file.read(size))["__metadata__"]["step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samc", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    tiny = ROOT / "tests/golden/tiny.pth"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = folder / "recipe.json"
        recipe.write_text('{"sources": [{"type": "shapes"}]}')
        checkpoint = folder / "killed/checkpoint.safetensors"

        def train(run: str, resume: bool, steps: int) -> list[str]:
            begin = ["--resume"] if resume else ["--from", str(tiny), "--seed", "5"]
            return [arguments.samc, "train", str(recipe), "-o", str(folder / run), *begin, *SETTINGS, "--steps", str(steps)]

        kills = unreadable = 0
        spans: list[int] = []
        while kills < arguments.kills:
            resume = checkpoint.exists() or Path(f"{checkpoint}.previous").exists()
            process = subprocess.Popen(train("killed", resume, 10**9), stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(moments.uniform(0.02, 0.6))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            if not (checkpoint.exists() or Path(f"{checkpoint}.previous").exists()):
                continue  # killed before the first one
            done = subprocess.run([arguments.samc, "export", str(checkpoint), str(folder / "model.safetensors")], stderr=subprocess.PIPE)
            unreadable += done.returncode != 0
            if checkpoint.exists():
                spans.append(step_of(checkpoint))
        last = spans[-1] + 3
        subprocess.run(train("killed", True, last), check=True, stderr=subprocess.DEVNULL)
        subprocess.run(train("whole", False, last), check=True, stderr=subprocess.DEVNULL)
        same = tensors(checkpoint) == tensors(folder / "whole/checkpoint.safetensors")
        left = [p.name for p in (folder / "killed").iterdir() if p.name.endswith(".tmp")]
        good = unreadable == 0 and same and not left and spans[-1] >= arguments.kills // 4
        print(f"{kills} kills over {spans[-1]} steps: {unreadable} checkpoints could not be read; "
              f"the resumed run {'equals' if same else 'DIFFERS FROM'} an unbroken one of {last} steps bit by bit; "
              f"{len(left)} temporary files left")
        print("kill-test:", "PASS" if good else "FAIL")
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
