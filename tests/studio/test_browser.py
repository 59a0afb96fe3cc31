"""The studio in a real browser (headless Chromium): the yeast tutorial from the file to an answer over HTTP, and a FASTA of classes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strandloom.serve.tokens import TokenFile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None or find_spec("playwright") is None, reason="Chromium or playwright is missing"),
    pytest.mark.filterwarnings("ignore"),  # of the browser's driver
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that must not meet an error of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.set_default_timeout(20_000)
    yield found
    context.close()
    assert errors == []


def choose(page: Any, label: str, option: str) -> None:
    """An option of a field."""
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def shapes(page: Any) -> list[str]:
    """What leaves each block, as the builder shows it."""
    return [x.strip() for x in page.locator(".netblock .mono").all_inner_texts()]


def train(page: Any, address: str, where: str, *, epochs: int) -> int:
    """Set a run up, put it into the queue, watch it to its end; its number."""
    page.goto(f"{address}/runs/new?{where}")
    page.get_by_label("epochs", exact=True).fill(str(epochs))
    page.wait_for_timeout(1500)  # fields wait for the end of typing
    page.get_by_role("button", name="Put into the queue").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    page.get_by_text("completed", exact=True).first.wait_for(timeout=240_000)
    return int(page.url.rsplit("/", 1)[1])


@pytest.mark.realdata
@pytest.mark.slow
def test_the_yeast_tutorial(page: Any, tmp_path: Path, real_data: Path, studio_process: Any) -> None:
    with studio_process(tmp_path / "studio") as (_, address):
        page.goto(f"{address}/data")
        page.set_input_files("input[type=file]", str(real_data / "yeast_native_utr" / "native_utr.tsv.gz"))
        page.wait_for_url("**/data/1")
        page.get_by_text("7,042", exact=True).wait_for()
        for kind, column, said in (
            ("the top (or bottom) of a column is the test", "t0", "t0"),
            ("by group: rows with the same value stay together", "cluster", "cluster"),
        ):
            choose(page, "Divided", kind)
            choose(page, "column", column)
            page.get_by_role("button", name="Try it").click()
            page.get_by_label("Name", exact=True).fill(f"by {said}")
            page.get_by_role("button", name="Save this split").click()
            page.get_by_role("cell", name=f"by {said}").wait_for()
        page.goto(f"{address}/models")
        choose(page, "Begin with", "three convolutions, block by block")
        page.get_by_label("Bases of the input").fill("50")
        page.get_by_role("button", name="Begin", exact=True).click()
        page.wait_for_url("**/models/1")
        page.get_by_text("908,289 weights").wait_for()
        assert shapes(page)[2] == "(58, 128)"
        assert "(7424,)" in shapes(page)
        for number in (1, 2):  # the replication: the second and third convolution are valid too
            page.get_by_role("button", name="conv", exact=True).nth(number).click()
            page.locator(".netblock.chosen").wait_for()
            page.wait_for_timeout(1000)  # the fields are those of the chosen block now
            choose(page, "padding", "valid")
            page.get_by_text(f"({58 - 12 * number}, 128)").first.wait_for()
        page.get_by_text("4352").wait_for()
        number = train(page, address, "version=1&split=2&draft=1", epochs=2)
        page.get_by_text("growth_rate: predicted and measured").wait_for()
        page.get_by_text(re.compile("test rows have a twin|more test rows|One seed")).first.wait_for()
        preset = train(page, address, "version=1&split=2", epochs=1)
        page.goto(f"{address}/compare?runs={number},{preset}")
        page.get_by_role("heading", name="What was set differently").wait_for()
        page.get_by_role("cell", name="training.epochs").wait_for()
        page.goto(f"{address}/runs/{number}")
        page.get_by_role("button", name="duplicate").click()
        page.wait_for_url("**/runs/new?source=*")
        page.get_by_text("native_utr again").first.wait_for()
        page.goto(f"{address}/deploy?run={number}")
        page.get_by_label("Name in the address").fill("yeast")
        page.get_by_role("button", name="Deploy", exact=True).click()
        page.get_by_text(f"{address}/v1/models/yeast/predict").wait_for()
        answer = page.request.post(
            f"{address}/v1/models/yeast/predict",
            data=json.dumps(["ACGT" * 12, "J"]),
            headers={"content-type": "application/json"},
        )
        found = answer.json()
        assert (found["rows"], found["errors"]) == (2, 1)
        assert "growth_rate" in found["results"][0]
        page.goto(f"{address}/playground?run={number}")
        page.locator(".logo svg path").first.wait_for(state="attached")


@pytest.mark.slow
def test_a_fasta_of_classes_and_two_people(browser: Any, page: Any, tmp_path: Path, studio_process: Any) -> None:
    rng = np.random.default_rng(1)
    lines = []
    for i in range(400):
        letters = rng.choice(list("ACGT"), 60)
        if i % 2:
            letters[20:28] = list("TATAAAAG")
        lines += [f">s{i} {'promoter' if i % 2 else '<b>other</b>'}", "".join(letters)]
    table = tmp_path / "promoters.fa"  # what follows the name of a sequence is its class
    table.write_text("\n".join(lines) + "\n")
    tokens = TokenFile(tmp_path / "tokens.json")
    editor, viewer = tokens.add("Ada", role="editor"), tokens.add("Vic")
    with studio_process(tmp_path / "studio", "--token-file", tokens.path) as (_, address):
        page.goto(f"{address}/data")
        page.get_by_label("Token").fill(editor)
        page.get_by_role("button", name="Come in").click()
        page.wait_for_url("**/data")
        page.get_by_label("Name", exact=True).fill("<img src=x>")
        page.set_input_files("input[type=file]", str(table))
        page.wait_for_url("**/data/1")
        page.get_by_text("<img src=x>").first.wait_for()  # a name is a name
        number = train(page, address, "version=1", epochs=2)
        page.get_by_text("Truth and answers").wait_for()
        page.get_by_role("cell", name="<b>other</b>").first.wait_for()
        other = browser.new_context()
        guest = other.new_page()
        guest.goto(f"{address}/runs/{number}")
        guest.get_by_label("Token").fill(viewer)
        guest.get_by_role("button", name="Come in").click()
        guest.get_by_text("Truth and answers").wait_for()
        assert guest.get_by_role("button", name="delete").count() == 0
        assert guest.get_by_role("button", name="deploy").count() == 0
        guest.goto(f"{address}/runs/new")
        guest.get_by_text("Viewers look at runs").wait_for()
        guest.goto(f"{address}/data")
        guest.get_by_text("Every version is kept").wait_for()
        assert guest.locator("input[type=file]").count() == 0
        page.get_by_role("button", name="share").click()
        link = page.locator(".command", has_text="/share/").inner_text()
        stranger = browser.new_context()
        reader = stranger.new_page()
        reader.goto(link)
        reader.get_by_text("Truth and answers").wait_for()
        assert reader.get_by_role("button", name="export").count() == 0
        reader.goto(f"{address}/runs/{number}")
        reader.get_by_label("Token").wait_for()
        other.close()
        stranger.close()
