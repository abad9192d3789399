# SPDX-License-Identifier: Apache-2.0
"""Runs examples/python/samc.ipynb in a kernel and looks at what its cells give (`make test-notebook`).

usage: run_notebook.py [--write]

--write keeps small outputs in the notebook: text and pictures of less than 60 kB, no widget.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples/python/samc.ipynb"
LARGEST = 60_000  # characters of an output
WANTED = ("vit_b", "custom")  # what model.info may call itself


def outputs(notebook) -> list[dict]:
    """The data of each cell's outputs, by MIME type; what was printed comes first in the text."""
    found = []
    for cell in notebook.cells:
        data: dict = {}
        printed = ""
        for output in cell.get("outputs", []):
            data.update(output.get("data", {}))
            printed += output.get("text", "")
        data["text/plain"] = printed + data.get("text/plain", "")
        found.append(data)
    return found


def check(notebook) -> None:
    data = outputs(notebook)
    text = [d.get("text/plain", "") for d in data]
    assert any(name in text[1] for name in WANTED), text[1]
    assert "image/jpeg" in data[3], "the box's picture"
    assert data[5]["text/html"].count("<img") == 3, "an answer shows its three masks"
    count = int(text[7].split()[0])
    assert count > 0 and "image/jpeg" in data[7], text[7]
    assert text[9].startswith("((3, 512, 512), (3,), (3, "), text[9]
    assert "application/vnd.jupyter.widget-view+json" in data[11], "the widget"
    assert text[12].startswith("((1, 512, 512), [0."), text[12]
    print(f"{NOTEBOOK.name}: {len(data)} cells, {count} masks of everything")


def slim(notebook) -> None:
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            kept = {kind: value for kind, value in output.get("data", {}).items()
                    if len(str(value)) < LARGEST and "widget" not in kind}
            if "data" in output:
                output["data"] = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300,
                   resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    check(notebook)
    if options.write:
        slim(notebook)
        nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
