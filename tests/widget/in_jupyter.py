# SPDX-License-Identifier: Apache-2.0
"""The widget in a real browser: JupyterLab on this machine's loopback address, a notebook with the widget
in it, Debian's Chromium that clicks and drags; then the kernel is asked what it has.

usage: in_jupyter.py [--picture FILE]      (make test-widget; the environment is setup_reference.sh's)
"""
from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import samc
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "docs/photos/astronaut.jpg"
CELLS = [
    f"from samc.widget import Segmenter\nwidget = Segmenter({str(PHOTO)!r})\nwidget",
    "import json\n"
    "json.dump({'boxes': widget.bboxes, 'objects': widget.objects, 'scores': widget.scores,\n"
    "           'areas': [int(m.sum()) for m in widget.masks]}, open('state.json', 'w'))\n"
    "print('written')",
    "widget.bboxes = [{'x': 10, 'y': 20, 'width': 100, 'height': 50}]\nprint('set')",
]


def notebook() -> dict:
    cells = [{"cell_type": "code", "execution_count": None, "id": f"cell-{i}", "metadata": {},
              "outputs": [], "source": text} for i, text in enumerate(CELLS)]
    return {"cells": cells, "metadata": {"kernelspec": {
        "display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4, "nbformat_minor": 5}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Jupyter:
    """A JupyterLab of its own in an empty folder."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="samc-widget-"))
        (self.folder / "test.ipynb").write_text(json.dumps(notebook()))
        port, token = free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{port}/lab/tree/test.ipynb?token={token}&reset"
        self.log = open(self.folder / "jupyter.log", "w")
        private = {name: str(self.folder / "home") for name in
                   ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
        self.server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
             f"--ServerApp.root_dir={self.folder}", f"--IdentityProvider.token={token}",
             "--LabApp.news_url=", "--LabApp.check_for_updates_class="
             "jupyterlab.NeverCheckForUpdate"],
            stdout=self.log, stderr=self.log, env={**os.environ, **private})
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}").read()
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "jupyter.log").read_text())

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Session:
    """The notebook in a page."""

    def __init__(self, page, jupyter: Jupyter) -> None:
        self.page, self.folder = page, jupyter.folder
        page.goto(jupyter.url)
        expect(page.get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle"))).to_be_visible(
            timeout=120_000)
        self.run(0)
        self.stage = page.locator(".samc-stage")
        expect(self.stage).to_be_visible(timeout=60_000)
        expect(page.locator(".samc-photo")).to_have_js_property("complete", True)

    def run(self, cell: int) -> None:
        self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def state(self) -> dict:
        """What the kernel has, asked by a cell."""
        path = self.folder / "state.json"
        path.unlink(missing_ok=True)
        self.run(1)
        for _ in range(300):
            try:
                return json.loads(path.read_text())
            except (OSError, ValueError):
                self.page.wait_for_timeout(100)
        raise RuntimeError("the kernel did not answer")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place of the photo on the screen."""
        frame = self.page.locator(".samc-photo").bounding_box()
        height, width = self.size
        return frame["x"] + x / width * frame["width"], frame["y"] + y / height * frame["height"]

    def drag(self, x0, y0, x1, y1) -> None:
        self.page.mouse.move(*self.at(x0, y0))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((x0 + x1) / 2, (y0 + y1) / 2))
        self.page.mouse.move(*self.at(x1, y1))
        self.page.mouse.up()

    def says(self, words: str) -> None:
        expect(self.page.locator(".samc-status")).to_have_text(re.compile(words), timeout=20_000)


def near(got, want, pixels: int = 2) -> None:
    assert np.abs(np.array(got, float) - np.array(want, float)).max() <= pixels, (got, want)


def check(session: Session, embedding: samc.Embedding) -> None:
    page = session.page
    session.size = embedding.size
    session.stage.scroll_into_view_if_needed()
    session.says("^0 objects; click what belongs")

    session.drag(300, 200, 165, 20)  # from the lower right corner
    session.says(r"^1 object; object 1: score 0\.\d{3}$")
    expect(page.locator(".samc-mask")).to_have_count(1)
    page.mouse.click(*session.at(230, 100))  # refines the box's object
    expect(page.locator(".samc-inside")).to_have_count(1)
    page.mouse.click(*session.at(170, 190), button="right")
    expect(page.locator(".samc-outside")).to_have_count(1)
    page.get_by_role("button", name="New object").click()
    page.mouse.click(*session.at(250, 400))
    session.says("^2 objects; object 2: score")
    expect(page.locator(".samc-mask")).to_have_count(2)

    session.page.wait_for_timeout(500)
    state = session.state()
    box = state["boxes"][0]
    assert list(box) == ["x", "y", "width", "height", "label"], box
    near([box["x"], box["y"], box["width"], box["height"]], [165, 20, 135, 180])
    first, second = state["objects"]
    near(first["points"], [[230, 100, 1], [170, 190, 0]])
    near(second["points"], [[250, 400, 1]])
    for asked, area, score in zip(state["objects"], state["areas"], state["scores"]):
        answer = embedding.predict([p[:2] for p in asked["points"]], [p[2] for p in asked["points"]],
                                   asked["box"], multimask=asked["box"] is None)
        assert area == answer.best.sum(), (area, answer.best.sum())
        assert abs(score - answer.scores.max()) < 1e-6
    print(f"box {box}, masks of {state['areas']} pixels: what the library says to the same prompts")

    picture = page.locator(".samc-mask").nth(1)
    drawn = picture.evaluate("""image => {
        const canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 3; i < data.length; i += 4) count += data[i] === 255;
        return [canvas.width, canvas.height, count];
    }""")
    assert drawn == [*embedding.size[::-1], state["areas"][1]], drawn
    print("the mask that the browser shows has as many pixels")

    session.stage.focus()
    page.keyboard.press("Control+z")
    session.says("^1 object")
    page.keyboard.press("Delete")  # the object of the box, which is the current one again or none
    page.get_by_role("button", name="Clear").click()
    session.says("^0 objects")
    expect(page.locator(".samc-mask")).to_have_count(0)
    session.run(2)
    session.says("^1 object$")
    frame = page.locator(".samc-box")
    near([int(frame.get_attribute(name)) for name in ("x", "y", "width", "height")],
         [10, 20, 100, 50], 0)
    page.keyboard.down("Shift")
    page.mouse.click(*session.at(255, 60))
    page.keyboard.up("Shift")
    session.says("^2 objects")
    expect(page.locator(".samc-outside")).to_have_count(1)
    page.get_by_role("button", name="Delete object").click()
    session.says("^1 object$")
    print("undo, delete, clear, Shift and boxes set from Python do what they say")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="leave a screenshot of the widget")
    options = parser.parse_args()
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                        "google-chrome"))), None)
    if browser_path is None:
        sys.exit("no browser was found (Debian: apt-get install chromium)")
    embedding = samc.Model().encode(PHOTO)
    with Jupyter() as jupyter, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        session = Session(page, jupyter)
        try:
            check(session, embedding)
        except Exception:
            page.screenshot(path="build/widget-failed.png")
            print("a picture of the page is in build/widget-failed.png")
            raise
        if options.picture:
            session.stage.screenshot(path=str(options.picture))
        browser.close()
    assert not wrong, wrong
    print("test-widget: passed")


if __name__ == "__main__":
    main()
