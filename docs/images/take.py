"""Pictures of the studio's pages: fills a workspace with real data, trains a little, walks through the pages in headless Chromium.

Usage: STRANDLOOM_DATA=… python docs/images/take.py [--taxonomy RUN/bundle] [--sources RUN/bundle] [--samples READS …] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIZE = {"width": 1180, "height": 760}


@contextmanager
def studio(folder: Path) -> Iterator[str]:
    """A studio on a free port: its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "strandloom.cli.main", "studio", str(folder), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = next(x for x in process.stderr if x.startswith("the studio is at "))
    reading = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    try:
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(60)
        reading.wait(60)


def promoters(path: Path) -> Path:
    """A made-up table of two classes: TATA boxes in half of the sequences."""
    rng = np.random.default_rng(1)
    lines = ["sequence,label"]
    for i in range(600):
        letters = rng.choice(list("ACGT"), 60)
        if i % 2:
            letters[20:28] = list("TATAAAAG")
        lines.append(f"{''.join(letters)},{'promoter' if i % 2 else 'other'}")
    path.write_text("\n".join(lines) + "\n")
    return path


class Walk:
    """A page and where its pictures go.

    Parameters
    ----------
    page, address
        Of the browser and of the studio.
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.address + path)

    def take(self, name: str, *, at: str | None = None, wait: int = 1200, full: bool = False) -> None:
        """Keep a picture; ``at``: a heading or text to be scrolled to first."""
        self.page.wait_for_timeout(wait)
        if at is None:
            self.page.evaluate("window.scrollTo(0, 0)")
        else:
            box = self.page.get_by_text(at, exact=True).first.bounding_box()
            self.page.evaluate(f"window.scrollBy(0, {box['y'] - 75})")
        self.page.wait_for_timeout(400)
        self.page.screenshot(path=HERE / f"studio-{name}.jpg", type="jpeg", quality=58, full_page=full)
        print(name, flush=True)

    def choose(self, label: str, option: str) -> None:
        """An option of a field."""
        self.page.get_by_label(label, exact=True).first.click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def queue(self, where: str, *, epochs: int) -> int:
        """Set a run up and put it into the queue."""
        self.go(f"/runs/new?{where}")
        self.page.get_by_label("epochs", exact=True).fill(str(epochs))
        self.page.wait_for_timeout(1500)
        self.page.get_by_role("button", name="Put into the queue").click()
        self.page.wait_for_url(re.compile(r"/runs/\d+$"))
        return int(self.page.url.rsplit("/", 1)[1])

    def done(self, number: int) -> None:
        """Wait for the end of a run."""
        self.go(f"/runs/{number}")
        self.page.get_by_text("completed", exact=True).first.wait_for(timeout=900_000)


def walk(tour: Walk, data: Path, given: argparse.Namespace, place: Path) -> None:
    """Every page."""
    page = tour.page
    tour.go("/data")
    page.set_input_files("input[type=file]", str(data / "yeast_native_utr" / "native_utr.tsv.gz"))
    page.wait_for_url("**/data/1")
    page.get_by_text("7,042", exact=True).wait_for()
    tour.take("data")
    tour.take("bases", at="First rows")
    tour.choose("Divided", "by group: rows with the same value stay together")
    tour.choose("column", "cluster")
    page.get_by_role("button", name="Try it").click()
    page.get_by_label("Name", exact=True).fill("by cluster")
    page.wait_for_timeout(500)
    tour.take("split", at="Train, validation and test")
    page.get_by_role("button", name="Save this split").click()
    page.get_by_role("cell", name="by cluster").wait_for()
    page.get_by_role("button", name="Without duplicates").click()
    page.get_by_text(re.compile("version 2 of 2")).wait_for()
    tour.take("versions")
    tour.go("/data")
    page.set_input_files("input[type=file]", str(promoters(place / "promoters.csv")))
    page.wait_for_url("**/data/2")
    tour.go("/models")
    tour.choose("Begin with", "three convolutions, block by block")
    page.get_by_label("Bases of the input").fill("50")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_url("**/models/1")
    page.get_by_text("908,289 weights").wait_for()
    tour.take("builder", wait=2500)
    tour.go("/runs/new?version=1&split=1&draft=1")
    page.get_by_label("epochs", exact=True).wait_for()
    tour.take("setup", wait=2500)
    first = tour.queue("version=1&split=1&draft=1", epochs=5)
    page.wait_for_timeout(25_000)
    second = tour.queue("version=1&split=1", epochs=4)
    classes = tour.queue("version=3", epochs=4)
    tour.go("/runs")
    tour.take("runs")
    tour.go(f"/runs/{first}")
    tour.take("training", wait=3000)
    for number in (first, second, classes):
        tour.done(number)
    tour.go(f"/runs/{classes}")
    page.get_by_text("Truth and answers").wait_for()
    tour.take("classes", at="Truth and answers", wait=2500)
    tour.go(f"/runs/{second}")
    page.get_by_text("growth_rate: predicted and measured").wait_for()
    tour.take("run", wait=3000)
    page.get_by_role("button", name="share").click()
    tour.take("share")
    tour.go(f"/compare?runs={first},{second}")
    page.get_by_role("heading", name="What was set differently").wait_for()
    tour.take("compare", wait=2500)
    tour.go(f"/playground?run={second}")
    page.locator(".logo svg path").first.wait_for(state="attached")
    tour.take("playground", wait=3000)
    tour.go(f"/deploy?run={second}")
    page.get_by_label("Name in the address").fill("yeast")
    page.get_by_role("button", name="Deploy", exact=True).click()
    page.get_by_text("/v1/models/yeast/predict").first.wait_for()
    tour.take("deploy")
    tour.go("/ask/yeast")
    page.locator("textarea").first.fill("TCTCTACTAATAGATAAACAAACAAAAAAATCATACAAAACAAACAAAAC")
    page.get_by_role("button").filter(has_text=re.compile("Ask|Answer|Predict")).first.click()
    tour.take("ask", wait=3000)
    tour.go("/")
    tour.take("projects")
    for kind, bundle, files in (
        ("taxonomy", given.taxonomy, given.sequences),
        ("sources", given.sources, given.samples),
    ):
        if bundle is None:
            continue
        tour.go("/samples")
        page.get_by_label("Or a folder of this machine").fill(str(bundle.absolute()))
        page.get_by_role("button", name="Bring in").click()
        page.wait_for_url("**/samples/*")
        for slot, path in files:
            page.locator("input[type=file]").nth(slot).set_input_files(str(path))
            page.get_by_text(path.name).first.wait_for()
            page.wait_for_timeout(500)
        tour.take(f"ask-{kind}")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.wait_for_url("**/answers/*", timeout=600_000)
        tour.take(kind, wait=3000)


def main() -> None:
    """Fill, walk, keep."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser()
    parser.add_argument("--taxonomy", type=Path)
    parser.add_argument("--sequences", type=Path, nargs="*", default=[], help="Sequences, counts, samples")
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--samples", type=Path, nargs="*", default=[], help="Read files")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    given.sequences = list(enumerate(given.sequences))
    given.samples = [(0, x) for x in given.samples]
    data = Path(os.environ["STRANDLOOM_DATA"])
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as place,
        sync_playwright() as play,
        studio(given.keep or Path(place) / "studio") as address,
    ):
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport=SIZE).new_page()
        page.set_default_timeout(60_000)
        try:
            walk(Walk(page, address), data, given, Path(place))
        except BaseException:
            page.screenshot(path=Path(tempfile.gettempdir()) / "failed.png")
            raise
        browser.close()


if __name__ == "__main__":
    main()
