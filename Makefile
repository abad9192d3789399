# SPDX-License-Identifier: Apache-2.0
# A thin front to CMake's presets (CMakePresets.json) and to the scripts of tools/.

PRESET = release
BUILD = build/$(PRESET)
PREFIX = /usr/local
JOBS = $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS = 60
LOAD_SECONDS = 300
MODELS = vit_b
RUN_WITH =
CLICK_OPTIONS =
PYTHON = python3

.DEFAULT_GOAL = build
.PHONY: help setup build-needs configure build command demo test test-full parity parity-quick \
    parity-rle parity-auto parity-python click-parts parity-train wheel python-package test-widget test-notebook test-web web bench-web model eval bench \
    bench-peers bench-auto bench-python bench-train performance mutation kill-test folder-test asan asan-python tsan fuzz \
    load-test lint format install uninstall clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | \
	    while IFS='	' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: ## install what is missing to build, test, lint and document (Debian packages, through apt)
	@sh tools/setup.sh all

build-needs:
	@sh tools/setup.sh build

configure: build-needs
	@mkdir -p build
	@cmake --preset $(PRESET) -DCMAKE_INSTALL_PREFIX='$(PREFIX)' >$(BUILD).log 2>&1 || \
	    { cat $(BUILD).log; exit 1; }

build: configure ## build libraries, command and tests into build/release
	@cmake --build $(BUILD) -j $(JOBS)

command: configure
	@cmake --build $(BUILD) -j $(JOBS) --target samc

demo: command ## segment photos of the repository; leaves pictures in demo/
	@sh tools/demo.sh $(BUILD)

test: build ## run the tests (no network, no PyTorch)
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure

test-full: test asan asan-python tsan parity test-widget test-notebook test-web ## test, and what takes longer: sanitizers, parity with PyTorch

parity: build ## compare with PyTorch's segment_anything, stage by stage, all sizes
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/parity/parity.py --build $(BUILD) --sensitivity && \
	    "$$python" tools/parity/parity.py --build $(BUILD)

parity-quick: build ## the same with the small models only
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/parity/parity.py --build $(BUILD) --sensitivity && \
	    "$$python" tools/parity/parity.py --build $(BUILD) --quick

parity-rle: build ## a million random masks beside pycocotools: run lengths, area, box, IoU, merge
	@python=$$(sh tools/setup_reference.sh masks) && \
	    "$$python" tools/parity/parity_rle.py --build $(BUILD)

parity-python: build ## scripts with the calls of segment_anything's notebooks, run by both libraries
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/parity/parity_python.py --library $(BUILD)/libsamc.so

parity-auto: build ## the automatic mask generator against the reference's, on four photos
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/parity/parity_auto.py --build $(BUILD) --output build/parity-auto

parity-train: build ## gradients and optimiser steps against PyTorch's on the reference's modules
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/parity/parity_train.py --build $(BUILD) && \
	    "$$python" tools/parity/parity_steps.py --build $(BUILD)

wheel: ## the Python package as build/wheel/samc-*.whl, checked by auditwheel
	@sh tools/python_wheel.sh build/wheel

python-package: wheel ## that wheel in a fresh virtual environment with numpy alone; its tests there
	@sh tools/check_python_package.sh build/wheel

# What follows runs in the environment of `setup_reference.sh notebook`, on the built library.
NOTEBOOK = python=$$(sh tools/setup_reference.sh notebook) && \
    export PYTHONPATH='$(CURDIR)/python' SAMC_LIBRARY='$(CURDIR)/$(BUILD)/libsamc.so' && "$$python"

test-widget: build ## the widget in JupyterLab and Chromium, and its tests; needs the network once
	@$(NOTEBOOK) tests/widget/in_jupyter.py
	@$(NOTEBOOK) -m mypy
	@SAMC_TINY_MODEL='$(CURDIR)/tests/golden/tiny.pth' && export SAMC_TINY_MODEL && \
	    $(NOTEBOOK) tests/python/test_widget.py

test-notebook: build ## examples/python/samc.ipynb in a kernel; supervision's picture of our records
	@$(NOTEBOOK) tests/widget/run_notebook.py
	@$(NOTEBOOK) -W ignore examples/python/supervision_masks.py docs/photos/astronaut.jpg \
	    -o $(BUILD)/astronaut_supervision.jpg

# The modules go to build/test-web; once they are there no network is needed.
WEB_MODULES = build/test-web
WEB_NEEDS = sh tools/setup.sh web && mkdir -p $(WEB_MODULES) && \
    { cmp -s tests/web/package.json $(WEB_MODULES)/package.json || { \
    cp tests/web/package.json $(WEB_MODULES) && \
    npm install --prefix $(WEB_MODULES) --no-audit --no-fund --no-package-lock --silent; }; }

test-web: command ## drive the page of samc serve in Chromium; needs the network once
	@$(WEB_NEEDS)
	@[ ! -f $(BUILD)/web/samc.wasm ] || sh tools/web/static_site.sh $(BUILD) build/web >/dev/null
	@SAMC_BINARY='$(CURDIR)/$(BUILD)/cli/samc' SAMC_WEB_MODULES='$(CURDIR)/$(WEB_MODULES)' \
	    SAMC_SITE='$(CURDIR)/build/web' \
	    SAMC_WASM='$(wildcard $(CURDIR)/$(BUILD)/web/samc.wasm)' SAMC_COMMAND='$(CURDIR)/$(BUILD)/cli/samc' \
	    SAMC_MODEL='$(CURDIR)/models/samc-default.safetensors' \
	    node --test --test-concurrency=1 tests/web/unit/ tests/web/

web: build ## the page as build/web: a folder for any static host, the model inside
	@sh tools/web/static_site.sh $(BUILD) build/web

bench-web: web ## encode, first mask, hover in Chromium; DECODER=FILE EMBEDDING=FILE for another model's decoder
	@$(WEB_NEEDS)
	@SAMC_WEB_MODULES='$(CURDIR)/$(WEB_MODULES)' node tools/bench/bench_web.mjs build/web $(DECODER) $(EMBEDDING)

model: command ## train the default model in build/model, or go on; MODEL_OPTIONS go to samc train
	@sh tools/model/make_model.sh $(BUILD)/cli/samc build/model $(MODEL_OPTIONS)

eval: command ## mean IoU by clicks over DIR of photos ID.jpg with masks ID.png
	@test -n '$(DIR)' || { echo "say which folder: make eval DIR=path"; exit 2; }
	@$(BUILD)/cli/samc eval '$(DIR)'

click-parts: command ## how often one click finds part and person: DIR of photos, label maps, labels.txt
	@test -n '$(DIR)' || { echo "say which folder: make click-parts DIR=path"; exit 2; }
	@python=$$(sh tools/setup_reference.sh masks) && "$$python" tools/click_parts.py \
	    --samc $(BUILD)/cli/samc $(if $(MODEL),--model "$(MODEL)") $(CLICK_OPTIONS) '$(DIR)'

bench: command ## time loading, encoding, decoding and their stages; MODEL=FILE for another model
	@$(BUILD)/cli/samc bench --scaling $(if $(MODEL),-m "$(MODEL)")
	@cmake --build $(BUILD) -j $(JOBS) --target gemm_yardsticks >>$(BUILD).log
	@if [ -x $(BUILD)/bench/gemm_yardsticks ]; then echo; \
	    env -u OPENBLAS_CORETYPE $(BUILD)/bench/gemm_yardsticks; fi

bench-peers: command ## beside PyTorch, ONNX Runtime and OpenVINO; MODELS=vit_b,vit_l,vit_h for all
	@cmake --build $(BUILD) -j $(JOBS) --target gemm_yardsticks >>$(BUILD).log
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/bench/bench_peers.py --build $(BUILD) --models '$(MODELS)' \
	    --run-with '$(RUN_WITH)' --output $(BUILD)/bench_peers.json && \
	    "$$python" tools/bench/bench_auto.py --build $(BUILD) --run-with '$(RUN_WITH)' \
	    --output $(BUILD)/bench_auto.json

bench-auto: command ## everything in a photo beside the reference, which takes minutes; a part of bench-peers
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/bench/bench_auto.py --build $(BUILD) --run-with '$(RUN_WITH)' \
	    --output $(BUILD)/bench_auto.json

bench-python: build ## what Python programs call: set_image, predict, generate beside segment_anything
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/bench/bench_python.py --library $(BUILD)/libsamc.so \
	    --run-with '$(RUN_WITH)'

performance: ## write docs/PERFORMANCE.md from what the last `make bench-peers` measured
	@$(PYTHON) tools/bench/performance.py $(BUILD)/bench_peers.json

mutation: build-needs ## take guards against hostile input out one by one: a test must fail
	@$(PYTHON) tools/mutation.py

bench-train: build ## a training step beside PyTorch's, in turns; two ranks beside one
	@python=$$(sh tools/setup_reference.sh) && \
	    "$$python" tools/bench/bench_train.py --build $(BUILD)

asan: build-needs ## the C tests under the address and undefined-behaviour sanitizers
	@tools/sanitize.sh asan $(JOBS)

asan-python: build-needs ## the Python package's tests on a library under these sanitizers
	@sh tools/sanitize_python.sh $(JOBS)

tsan: build-needs ## the C tests under the thread sanitizer
	@tools/sanitize.sh tsan $(JOBS)

folder-test: command ## samc auto over 300 photos of which 20 are broken, killed and resumed
	@SAMC_FOLDER_PHOTOS=300 SAMC_BINARY=$(CURDIR)/$(BUILD)/cli/samc \
	    SAMC_TINY_MODEL=$(CURDIR)/tests/golden/tiny.pth \
	    $(PYTHON) tests/cli/test_auto.py -v Folder

kill-test: command ## kill training 200 times; every checkpoint loads, the resumed run is the unbroken one
	@$(PYTHON) tools/kill_test.py --samc $(BUILD)/cli/samc

load-test: command ## 64 clients of samc serve for LOAD_SECONDS (300), then 1,000 slow connections
	@$(PYTHON) tools/load_test.py --samc $(BUILD)/cli/samc --seconds $(LOAD_SECONDS)

fuzz: ## run every fuzz target for FUZZ_SECONDS (60)
	@sh tools/setup.sh fuzz
	@tools/fuzz.sh $(FUZZ_SECONDS) $(JOBS)

lint: ## check format, include directions, sizes and habits
	@$(PYTHON) tools/lint.py

format: ## rewrite the C files: clang-format, and comments that are too wide
	@$(PYTHON) tools/lint.py --format

install: build ## install under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install $(BUILD)
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

uninstall: ## remove what `make install` wrote
	@sh tools/uninstall.sh $(BUILD)/install_manifest.txt

clean: ## remove the build folders
	rm -rf build demo
