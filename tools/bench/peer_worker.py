#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times one peer once, in a process of its own: its memory is then its own, and given back.

usage: peer_worker.py ENGINE FOLDER THREADS CHECKPOINT KIND    ENGINE: see ENGINES at the end

Every engine gets the options that its own documentation names for the shortest answer to a single
request: all threads within one operation, every graph optimisation, OpenVINO's latency hint and its
cache of compiled models. Prints one JSON object: seconds of encode, decode1, decode64 and loading,
MiB of the largest resident size after loading, after the first photo and at the end, the version.
The embedding is left in FOLDER/ENGINE.npy.
"""
from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

WORK = ("encode", "decode1", "decode64")


def memory() -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


class Torch:
    def __init__(self, precision: str, folder: Path, threads: int, checkpoint: Path, kind: str):
        import torch

        import peer_models

        self.torch, self.version = torch, torch.__version__
        torch.set_num_threads(threads)
        begin = time.perf_counter()
        sam = peer_models.load(kind, checkpoint)
        self.modules = {"encode": sam.image_encoder, "decode1": peer_models.Decoder(sam)}
        self.modules["decode64"] = self.modules["decode1"]
        self.load = time.perf_counter() - begin

    def bind(self, work: str, inputs: dict[str, np.ndarray]):
        tensors = [self.torch.from_numpy(value) for value in inputs.values()]

        def run():
            with self.torch.inference_mode():
                answer = self.modules[work](*tensors)
                return answer.numpy() if work == "encode" else answer
        return run


class OnnxRuntime:
    def __init__(self, precision: str, folder: Path, threads: int, checkpoint: Path, kind: str):
        import onnxruntime

        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        begin = time.perf_counter()
        self.sessions = {
            work: onnxruntime.InferenceSession(str(folder / f"{work}.onnx"), options,
                                               providers=["CPUExecutionProvider"])
            for work in WORK
        }
        self.load = time.perf_counter() - begin

    def bind(self, work: str, inputs: dict[str, np.ndarray]):
        return lambda: self.sessions[work].run(None, inputs)[0]


class OpenVino:
    def __init__(self, precision: str, folder: Path, threads: int, checkpoint: Path, kind: str):
        import openvino

        self.version = openvino.__version__
        core = openvino.Core()
        core.set_property({"CACHE_DIR": str(folder / "openvino")})
        begin = time.perf_counter()
        self.requests = {
            work: core.compile_model(str(folder / f"{work}.onnx"), "CPU", {
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": threads,
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": 1,
            }).create_infer_request()
            for work in WORK
        }
        self.load = time.perf_counter() - begin

    def bind(self, work: str, inputs: dict[str, np.ndarray]):
        return lambda: self.requests[work].infer(inputs)[0]


# How often each piece of work is run; the first time is slower for all that allocate then.
REPEATS = {"encode": 2, "decode1": 10, "decode64": 2}

ENGINES = {
    "torch_f32": (Torch, "f32"),
    "onnxruntime_f32": (OnnxRuntime, "f32"),
    "openvino_f32": (OpenVino, "f32"),
    "openvino_bf16": (OpenVino, "bf16"),
}


def main() -> None:
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    kind, precision = ENGINES[name]
    engine = kind(precision, folder, threads, Path(sys.argv[4]), sys.argv[5])
    answer = {"load_s": engine.load, "load_rss_mib": memory(), "version": engine.version}
    inputs: dict[str, dict[str, np.ndarray]] = {work: {} for work in WORK}
    with np.load(folder / "inputs.npz") as stored:
        for key in stored.files:
            work, name_of_input = key.split(".")
            inputs[work][name_of_input] = stored[key]
    for work in WORK:
        run = engine.bind(work, inputs[work])
        times = []
        for _ in range(REPEATS[work]):
            begin = time.perf_counter()
            output = run()
            times.append(time.perf_counter() - begin)
            answer.setdefault("encode_rss_mib", memory())
        answer[f"{work}_s"] = min(times)
        if work == "encode":
            np.save(folder / f"{name}.npy", np.asarray(output, np.float32))
    answer["peak_rss_mib"] = memory()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
