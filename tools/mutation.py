#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the tests of hostile input can fail: takes one guard out of the code at a time, in a
copy, builds, and runs the test that names the guard. That test must fail.

usage: mutation.py [--build DIR] [--jobs N] [NAME...]          names of MUTATIONS; default: all

Python's standard library, and what building needs. Exit code 1 where a mutated build passes, or
does not build.
"""
import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass(frozen=True)
class Mutation:
    """`old`, once in the file, becomes `new`; then the ctest `test`, of target `target`, fails."""

    name: str
    file: str
    old: str
    new: str
    test: str
    target: str


MUTATIONS = (
    # Checkpoints: nothing is called, nothing is read twice, nothing lies outside.
    Mutation("pickle: the list of names", "src/weights/pickle.c",
             "!text_is(module, module_size, globals[i].module) ||",
             "!text_is(module, 0, globals[i].module) &&", "unit.pickle", "test_pickle"),
    Mutation("zip: a name twice", "src/weights/zip.c",
             "if (compare_names(&m[i - 1], &m[i]) == 0)", "if (0)", "unit.zip", "test_zip"),
    Mutation("zip: members that overlap", "src/weights/zip.c",
             "if (m[i].header < (size_t)(m[i - 1].data - data) + m[i - 1].size)", "if (0)",
             "unit.zip", "test_zip"),
    Mutation("zip: a size that wraps", "src/weights/zip.c",
             "plain > room - skip", "plain + skip > room", "unit.zip", "test_zip"),
    Mutation("tensor: sizes that overflow", "src/weights/table.c",
             "if (__builtin_mul_overflow(stride, shape[i] ? shape[i] : 1, &stride))",
             "if (stride *= shape[i] ? shape[i] : 1, 0)", "unit.tensors", "test_tensors"),
    Mutation("tensor: strides outside the storage", "src/weights/pth.c",
             "last >= t->storage.elements)", "0)", "unit.tensors", "test_tensors"),
    Mutation("safetensors: overlap and holes", "src/weights/safetensors_read.c",
             "if (ranges[i].begin != at)", "if (0)", "unit.safetensors", "test_safetensors"),
    Mutation("weights: numbers that are not finite", "src/model/loader.c",
             "return !bad;", "return bad < 2;", "unit.model_file", "test_model_file"),
    # Photos and arrays.
    Mutation("photo: truncated", "src/image/jpeg.c",
             "return jpeg_finish_decompress(codec) ? SAMC_OK : truncated(reader->error);",
             "return SAMC_OK;", "unit.photo", "test_photo"),
    Mutation("photo: more pixels than allowed", "src/image/photo.c",
             "if ((int64_t)(width * height) > job->max_pixels)", "if (0)", "unit.photo",
             "test_photo"),
    Mutation("npy: more numbers than bytes", "src/image/npy.c",
             "if (want != have)", "if (0)", "unit.npy", "test_npy"),
    # Prompts.
    Mutation("prompt: none", "src/segment/prompt_check.c",
             "if (!p->n_points && !p->box && !p->mask_input)", "if (0)", "unit.predict",
             "test_predict"),
    Mutation("prompt: outside the photo", "src/segment/prompt_check.c",
             "x > (float)width || y > (float)height)", "0)", "unit.predict", "test_predict"),
    Mutation("prompt: NaN", "src/segment/prompt_check.c",
             "if (!isfinite(x) || !isfinite(y))", "if (0)", "unit.predict", "test_predict"),
    Mutation("prompt: the labels 2 and 3", "src/segment/prompt_check.c",
             "if (p->labels[i] == 2 || p->labels[i] == 3)", "if (p->labels[i] == 3)",
             "unit.predict", "test_predict"),
    Mutation("prompt: counts that differ", "src/segment/prompts_json.c",
             "if (labels && json_array_size(labels) != n) {", "if (0) {", "unit.prompts",
             "test_prompts"),
    # Masks and detections.
    Mutation("rle: counts beyond the picture", "src/mask/rle.c",
             "if (counts[i] > left)", "if (0)", "unit.rle", "test_rle"),
    Mutation("rle: a count without its end", "src/mask/rle.c",
             "if (*at == length)", "if (0)", "unit.rle", "test_rle"),
    Mutation("rle: a huge count", "src/mask/rle.c",
             "if (value < 0 || value > (int64_t)height * width) {", "if (value < 0) {", "unit.rle",
             "test_rle"),
    Mutation("voc: entities", "src/dataset/detections_voc.c",
             "XML_SetEntityDeclHandler(r->parser, refuse_entity);", "(void)refuse_entity;",
             "cli.boxes", "samc"),
    Mutation("detections: a box outside of the photo", "src/dataset/detections.c",
             "if (b[2] <= 0 || b[3] <= 0 || b[0] >= sides[0] || b[1] >= sides[1])", "if (0)",
             "cli.boxes", "samc"),
    # Embeddings and output.
    Mutation("embedding: of another model", "src/segment/predictor.c",
             "if (strcmp(embedding->identity, model->identity) != 0)", "if (0)", "unit.embedding",
             "test_embedding"),
    Mutation("output: a write that failed", "src/base/file.c",
             "if (ferror(stream) || fflush(stream) != 0 || fsync(fileno(stream)) != 0)",
             "if (fflush(stream), 0)", "cli.output", "samc"),
    Mutation("output: a file that is half written stays", "src/base/file.c",
             "(void)unlink(writer->temporary);", "(void)writer;", "cli.output", "samc"),
    Mutation("memory: an allocation that failed", "src/base/memory.c",
             "if (!p)", "if (0)", "faults.allocations", "samc samc_fail_alloc"),
    Mutation("memory: a failure that nobody looks at", "cli/saver.c",
             "SAMC_CHECK(samc_alloc(pixels, 4, &rgba, error));",
             "(void)samc_alloc(pixels, 4, &rgba, error);", "faults.allocations",
             "samc samc_fail_alloc"),
    # The server: who may ask, for how much, and what comes back.
    Mutation("server: host", "server/routes.c",
             "if (!samc_guard_host(samc_http_header(request, \"Host\"), server->options.host)) {",
             "if (0) {", "server.guard", "samc"),
    Mutation("server: origin", "server/routes.c",
             "if (strncmp(request->path, \"/api/\", 5) == 0 && !samc_guard_same_site(request)) {",
             "if (0) {", "server.guard", "samc"),
    Mutation("server: token", "server/routes.c",
             "if (token && !route->open && !samc_guard_token(request, token, session)) {",
             "if (0) {", "server.guard", "samc"),
    Mutation("server: owner", "server/routes.c",
             "!(visit->session && samc_id_equal(&visit->session->id, &picture->owner))", "0",
             "server.guard", "samc"),
    Mutation("server: only JSON is JSON", "server/routes.c",
             "if (route->body == BODY_JSON && !is_json(request)) {", "if (0) {", "server.masks",
             "samc"),
    Mutation("server: links in the folder", "server/folder.c", "O_RDONLY | O_NOFOLLOW |",
             "O_RDONLY |", "server.folder", "samc"),
    Mutation("server: a body without a length", "server/exchange.c",
             "if (size > x->body_most - x->body->size) {", "if (0) {", "server.limits", "samc"),
    Mutation("server: control characters", "server/http.c",
             "length == 0 || is_control(bytes + i, length)", "length == 0", "server.hostile",
             "samc"),
    Mutation("server: an encoding ahead keeps its place", "server/jobs.c",
             "if (job->again && !server->jobs.stopping) {", "if (0) {", "unit.server",
             "test_server"),
    Mutation("server: a cut answer looks cut", "server/jobs.c", "job->stream->broken = true;", ";",
             "unit.server", "test_server"),
    Mutation("server: nothing is dropped in vain", "server/cache.c",
             "    if (!has_room(cache, bytes))\n", "    if (bytes > cache->budget)\n", "unit.server",
             "test_server"),
)


def tracked():
    """Files of the repository as they are here, new ones too."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, check=True, capture_output=True).stdout
    return [name for name in os.fsdecode(listed).split("\0") if name]


def copy_tree(folder):
    """The repository into `folder`; files that are the same there keep their time, so that ninja
    builds again what changed and no more."""
    for name in tracked():
        here, there = os.path.join(ROOT, name), os.path.join(folder, name)
        if not os.path.isfile(here):
            continue
        os.makedirs(os.path.dirname(there), exist_ok=True)
        with open(here, "rb") as file:
            data = file.read()
        if os.path.exists(there):
            with open(there, "rb") as file:
                if file.read() == data:
                    continue
        shutil.copy2(here, there)
        os.utime(there)


def run(*words):
    """(did it succeed, what it printed)"""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout.decode(errors="replace")


def build(folder, targets, jobs):
    return run("cmake", "--build", folder, "-j", str(jobs), "--target", *targets)


def check(folder, test):
    """ctest says 0 also where no test has the name, unless it is told to look."""
    return run("ctest", "--test-dir", folder, "-R", f"^{test}$".replace(".", "[.]"),
               "--no-tests=error", "--output-on-failure")


def reason(printed):
    """The first line of a failed test's output that says what it found."""
    for mark in ("[  ERROR   ] ---", "AssertionError:", "Error:", "***"):
        for line in printed.splitlines():
            if mark in line:
                return line.strip()[:110]
    return ""


def try_mutation(mutation, source, build_folder, jobs):
    """None where the test caught it, else what went wrong."""
    path = os.path.join(source, mutation.file)
    with open(path, encoding="utf-8") as file:
        right = file.read()
    if right.count(mutation.old) != 1:
        return f"{mutation.file} holds the guard {right.count(mutation.old)} times: {mutation.old}"
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(right.replace(mutation.old, mutation.new))
        built, printed = build(build_folder, mutation.target.split(), jobs)
        if not built:
            return "it does not build:\n" + printed[-2000:]
        passed, printed = check(build_folder, mutation.test)
        if passed:
            return f"{mutation.test} passes without the guard"
        print(f"caught      {mutation.name:44s} by {mutation.test}: {reason(printed)}", flush=True)
        return None
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write(right)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "mutation"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known = [m.name for m in MUTATIONS]
    for name in options.names:
        if name not in known:
            parser.error(f"there is no \"{name}\"; there are:\n  " + "\n  ".join(known))
    chosen = [m for m in MUTATIONS if not options.names or m.name in options.names]

    source, folder = os.path.join(options.build, "source"), os.path.join(options.build, "build")
    copy_tree(source)
    # Warnings are no errors: a guard that is gone leaves names that nothing uses.
    good, printed = run("cmake", "-G", "Ninja", "-S", source, "-B", folder,
                        "-DCMAKE_BUILD_TYPE=Release", "-DSAMC_WERROR=OFF")
    if good:
        targets = sorted({t for m in chosen for t in m.target.split()})
        good, printed = build(folder, targets, options.jobs)
    if not good:
        sys.exit("the code as it is does not build:\n" + printed[-4000:])
    for test in sorted({m.test for m in chosen}):
        good, printed = check(folder, test)
        if not good:
            sys.exit(f"{test} fails before anything is taken out:\n" + printed[-4000:])
    missed = 0
    for mutation in chosen:
        wrong = try_mutation(mutation, source, folder, options.jobs)
        if wrong:
            missed += 1
            print(f"NOT CAUGHT  {mutation.name:44s} {wrong}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards that were taken out were noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
