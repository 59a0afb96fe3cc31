"""One sequence and a model: the answer, which bases it rests on, what each substitution would do."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import ui

from strandloom.errors import StrandloomError
from strandloom.serve.explaining import explain_with
from strandloom.serve.problems import Problem
from strandloom.serve.settings import LimitSettings
from strandloom.studio import charts
from strandloom.studio.jobs import Look
from strandloom.studio.look import Me, card, facts, in_thread, number, tell

_LIMITS = LimitSettings(explain_seconds=60)


@lru_cache(maxsize=4)
def _loaded(folder: Path, stamp: int) -> Any:
    """A bundle, kept for the next question; ``stamp`` changes with it."""
    from strandloom.predict import load

    return load(folder, device="cpu")


def predictor_of(look: Look) -> Any:
    """The model of a run."""
    folder = look.folder.bundle
    return _loaded(folder, (folder / "bundle.json").stat().st_mtime_ns)


def ask(look: Look, letters: str, *, output: str | None, method: str) -> dict[str, Any]:
    """The explanation of an answer, as the service gives it.

    Raises
    ------
    Problem
        It cannot be given.
    """
    body = {"sequence": letters, "output": output, "method": method}
    return explain_with(predictor_of(look), body, name=look.run.name, limits=_LIMITS)


def answer_words(prediction: dict[str, Any]) -> list[tuple[str, str]]:
    """An answer as names and values, the likeliest first where there are many."""
    pairs = [(k, v) for k, v in prediction.items() if k != "id"]
    figures = [(k, v) for k, v in pairs if isinstance(v, float)]
    if len(figures) > 12:
        kept = {k for k, _ in sorted(figures, key=lambda x: -x[1])[:10]}
        pairs = [(k, v) for k, v in pairs if k in kept or not isinstance(v, float)]
    return [(k.removeprefix("p_"), number(v) if isinstance(v, float) else str(v)) for k, v in pairs]


def logo(found: dict[str, Any], *, slug: str) -> str:
    """The bases of an explanation as letters as high as what they contribute: SVG."""
    from strandloom.alphabet import DNA
    from strandloom.report.logo import Panel, base_heights, stack

    codes = DNA.encode(found["sequence"])
    heights = base_heights(codes, np.array(found["contributions"]))
    width = max(640.0, 13.0 * len(codes) + 60)
    panel = Panel(f"{found['output']}: what each base adds", heights, bits=False)
    drawn = stack(slug, (panel,), title="Contribution of each base", width=width)
    return f'<div class="logo" style="overflow-x:auto"><div style="width:{width:.0f}px">{drawn}</div></div>'


async def show_sequence(
    me: Me, look: Look, letters: str, *, title: str, output: str | None = None, method: str = "mutagenesis"
) -> None:
    """A card with a sequence, its answer, its logo and the heat map of substitutions."""
    try:
        found = await in_thread(ask, look, letters, output=output, method=method)
    except Problem as problem:
        tell(StrandloomError(problem.message, hint=problem.hint))
        return
    with card(title, f"{len(letters):,} bases · {found['unit']}"):
        facts(answer_words(found["prediction"]))
        ui.html(logo(found, slug=f"s{id(found)}"), sanitize=False).classes("w-full")
        wide = max(640, 13 * len(found["sequence"]) + 60)
        with ui.element("div").classes("w-full").style("overflow-x:auto"):
            ui.echart(charts.heat(found["sequence"], found["effects"], first=found["first_base"])).style(
                f"height:9.5rem;width:{wide}px"
            )
        ui.label("Blue raises, orange lowers the score if the base is put there.").classes("soft small")
        ui.link("Edit it in the playground", f"/playground?run={look.run.id}&sequence={letters[:2000]}").classes(
            "small"
        )
