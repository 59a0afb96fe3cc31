"""A sequence and a model: type, edit a base, and see what changes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import ui

from strandloom.errors import StrandloomError, UsageError
from strandloom.experiment import read_experiment
from strandloom.serve.problems import Problem
from strandloom.serve.settings import LimitSettings
from strandloom.serve.varying import variant_lines
from strandloom.studio import charts
from strandloom.studio.genomes import genome_at
from strandloom.studio.jobs import EXPERIMENT, Look
from strandloom.studio.look import (
    Me,
    card,
    command,
    empty,
    facts,
    frame,
    heading,
    in_thread,
    spinner_while,
    table,
    tell,
)
from strandloom.studio.pages.sequence import answer_words, ask, logo, predictor_of
from strandloom.studio.studio import Studio

METHODS = {
    "mutagenesis": "mutagenesis: every base tried", "deeplift": "DeepLIFT", "gradient": "gradient (fast)",
    "integrated_gradients": "integrated gradients",
}  # fmt: skip


def register(studio: Studio) -> None:
    """The page."""

    @ui.page("/playground", response_timeout=60)
    async def playground(request: Request, run: int | None = None, sequence: str = "") -> None:
        with frame(studio, request, "Playground", here="/playground") as me:
            heading(
                "Playground",
                "Type or paste a sequence, click a cell of the map to put its base there, and see what changes.",
            )
            done = {x.id: x.name for x in studio.queue.every() if x.state == "completed"}
            if not done:
                empty("No model yet", "A finished run has one.")
                return
            chosen = run if run in done else next(iter(done))
            ui.select(
                done, value=chosen, label="Model", on_change=lambda e: ui.navigate.to(f"/playground?run={e.value}")
            ).props("dense outlined options-dense").classes("min-w-72")
            try:
                look = studio.queue.look(chosen)
                manifest = (await in_thread(predictor_of, look)).manifest
            except (UsageError, StrandloomError) as error:
                tell(error)
                return
            Play(me, look, manifest, sequence).show()
            _design(me, look, manifest)
            Variants(me, look, await in_thread(genome_of, look)).show()


class Play:
    """A sequence that is played with.

    Parameters
    ----------
    me, look
        Who, and which run.
    manifest
        Of its model.
    sequence
        To begin with.
    """

    def __init__(self, me: Me, look: Look, manifest: Any, sequence: str) -> None:
        self.me, self.look, self.manifest = me, look, manifest
        clean = "".join(x for x in sequence.upper() if x in "ACGTUN")
        self.start = clean or ("ACGT" * manifest.length)[: min(manifest.length, 60)]
        self.before: tuple[str, float] | None = None
        self.busy = self.again = False

    def show(self) -> None:
        """Put it on the page."""
        with card():
            with ui.row().classes("w-full items-end gap-3"):
                self.text = (
                    ui.textarea("Sequence", value=self.start)
                    .props("outlined autogrow debounce=350 spellcheck=false")
                    .classes("w-full mono")
                )
                self.text.on_value_change(self._ask)
                outputs = {None: "the answered one", **{x: x for x in self.manifest.labels}}
                self.output = (
                    ui.select(outputs, value=None, label="Explain", on_change=self._ask)
                    .props("dense outlined options-dense")
                    .classes("min-w-48")
                )
                self.method = (
                    ui.select(METHODS, value="mutagenesis", label="By", on_change=self._ask)
                    .props("dense outlined options-dense")
                    .classes("min-w-48")
                )
            anchor = {"left": "left end", "right": "right end", "centre": "middle"}[self.manifest.anchor]
            ui.label(f"The model reads {self.manifest.length:,} bases, held at the {anchor}.").classes("soft small")
            self.trouble = ui.label().classes("problem small")
            self.result = ui.column().classes("w-full gap-3").style("min-height:20rem")
        ui.timer(0.1, self._ask, once=True)

    async def _ask(self, *_: Any) -> None:
        """Ask about what is typed now; while an answer is computed later ones wait, and only the last of them is asked."""
        self.again = True
        if self.busy:
            return
        self.busy = True
        try:
            while self.again:
                self.again = False
                await self._answer()
        finally:
            self.busy = False

    async def _answer(self) -> None:
        letters = "".join(str(self.text.value or "").split())
        asked = (self.output.value, self.method.value)
        if not letters or self.me.studio.still(self.me.caller) is None:
            self.result.clear()
            self.trouble.set_text("")
            return
        try:
            found = await in_thread(ask, self.look, letters, output=asked[0], method=asked[1])
        except Problem as problem:
            self.trouble.set_text(f"{problem.message}{' – ' + problem.hint if problem.hint else ''}")
            self.result.clear()  # it is of another sequence
            return
        self.trouble.set_text("")
        self.result.clear()
        with self.result:
            change = ""
            if self.before is not None and self.before[0] == found["output"]:
                change = f" ({found['score'] - self.before[1]:+.3f} from before)"
            self.before = (found["output"], found["score"])
            before = "" if self.manifest.task == "value" else ", before calibration"
            ui.label(f"{found['unit']}{before}: {found['score']:.3f}{change}").style("font-weight:600")
            facts(answer_words(found["prediction"]))
            ui.html(logo(found, slug="play"), sanitize=False).classes("w-full")
            wide = max(640, 13 * len(found["sequence"]) + 60)
            with ui.element("div").classes("w-full").style("overflow-x:auto"):
                chart = ui.echart(charts.heat(found["sequence"], found["effects"], first=found["first_base"])).style(
                    f"height:9.5rem;width:{wide}px"
                )
            first = found["first_base"]
            chart.on_point_click(lambda e: self._put(first - 1 + int(e.data[0]), "ACGT"[int(e.data[1])]))
            ui.label("Blue raises, orange lowers the score; click a cell to put its base there.").classes("soft small")

    def _put(self, at: int, base: str) -> None:
        letters = "".join(str(self.text.value).split())
        if at < len(letters):
            self.text.set_value(letters[:at] + base + letters[at + 1 :])


def _design(me: Me, look: Look, manifest: Any) -> None:
    """Better sequences from the present model."""
    if manifest.task == "labels":
        return
    with ui.expansion("Design: sequences with more (or less) of it").classes("w-full"):
        with ui.row().classes("gap-2 items-end"):
            names = list(manifest.labels)
            output = (
                ui.select(names, value=names[-1], label="Of").props("dense outlined options-dense").classes("min-w-40")
            )
            goal = (
                ui.select({"max": "as much as possible", "min": "as little as possible"}, value="max", label="Goal")
                .props("dense outlined")
                .classes("min-w-48")
            )
            count = (
                ui.number("Random starts", value=5, min=1, max=50, format="%d").props("dense outlined").classes("w-32")
            )
            rounds = ui.number("Rounds", value=10, min=1, max=40, format="%d").props("dense outlined").classes("w-28")
        result = ui.column().classes("w-full")

        async def begin() -> None:
            asked = {"output": str(output.value), "aim": str(goal.value)}
            found = await spinner_while(
                in_thread(
                    designed, look.folder.bundle, asked, count=int(count.value or 1), rounds=int(rounds.value or 1)
                )
            )
            result.clear()
            with result:
                if found:
                    table([(x, x) for x in found[0]], [{"key": i, **x} for i, x in enumerate(found)], key="key").props(
                        "wrap-cells"
                    )
                words = f"--goal {shlex.quote(asked['output'] + '=' + asked['aim'])} --random {int(count.value or 1)}"
                command(
                    f"strandloom design {look.run.folder}/run/bundle {words} --set rounds={int(rounds.value or 1)} --set screen=24 "
                    "--out DESIGNS"
                )

        ui.button("Design", on_click=me.act(begin, role="viewer")).props("unelevated dense color=primary")


class Variants:
    """Changes of a genome, scored by the present model.

    Parameters
    ----------
    me, look
        Who, and which run.
    trained_on
        The genome that it was trained on; None: without one.
    """

    def __init__(self, me: Me, look: Look, trained_on: str | None) -> None:
        self.me, self.look, self.trained_on = me, look, trained_on
        studio = me.studio
        self.own = studio.settings.local and studio.tokens is None  # who may name files of the machine

    def show(self) -> None:
        """Put it on the page."""
        trained_on = self.trained_on
        with ui.expansion("Variants: what a change of the genome does").classes("w-full"):
            if not self.own and trained_on is None:
                ui.label("The run was trained without a genome; score variants on the command line.").classes(
                    "soft small"
                )
                command(f"strandloom variants {self.look.run.folder}/run/bundle --genome FASTA --vcf VCF --out FILE")
                return
            self.genome = (
                ui.input("FASTA of the genome", value=trained_on or "", placeholder="/data/genome.fa.gz")
                .props("dense outlined" + ("" if self.own else " readonly"))
                .classes("w-full")
            )
            self.text = (
                ui.textarea(
                    "Variants: chromosome, position (from 1), reference, alternative; one a line",
                    placeholder="chr1 1000 A G",
                )
                .props("outlined autogrow spellcheck=false")
                .classes("w-full mono")
            )
            ui.button("Score", on_click=self.me.act(self._score, role="viewer")).props("unelevated dense color=primary")
            self.result = ui.column().classes("w-full")
            bundle, genome = f"{self.look.run.folder}/run/bundle", trained_on or "FASTA"
            command(f"strandloom variants {bundle} --genome {genome} --vcf VCF --out FILE")

    async def _score(self) -> None:
        asked = variants_of(str(self.text.value or ""))
        studio, path = self.me.studio, str(self.genome.value or "") if self.own else self.trained_on or ""
        if not path:
            raise UsageError("there is no genome", hint="name its FASTA")
        genome = Path(path).expanduser()
        if not self.own:  # a run that was brought in may name any file of the machine
            genome = studio.space.inside(str(genome))
        rows = await spinner_while(in_thread(_scored, studio, self.look, genome, asked))
        self.result.clear()
        with self.result:
            names = ["variant", *(["not scored"] if any("not scored" in row for row in rows) else [])]
            names = list(dict.fromkeys([*names, *(name for row in rows for name in row)]))
            table([(x, x) for x in names], [{"key": i, **x} for i, x in enumerate(rows)], key="key")


def genome_of(look: Look) -> str | None:
    """The genome that a run was trained on."""
    try:
        found = read_experiment(look.home / EXPERIMENT).data.genome
    except (StrandloomError, OSError):
        return None
    return None if found is None else str(found)


def variants_of(text: str) -> list[dict[str, Any]]:
    """Lines ``chrom pos ref alt`` (blanks, tabs or ``chr1:1000 A>G``) as the service takes them.

    Raises
    ------
    UsageError
        There is none, or a line is none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(">", " ").replace(":", " ").split()
        if not words:
            continue
        if len(words) != 4 or not words[1].replace(",", "").isdecimal():
            raise UsageError(f"line {number} is no variant", hint="such as: chr1 1000 A G")
        found.append(
            {
                "chrom": words[0],
                "pos": int(words[1].replace(",", "")),
                "ref": words[2],
                "alt": words[3],
                "id": str(number),
            }
        )
    if not found:
        raise UsageError("there is no variant to score", hint="such as: chr1 1000 A G")
    return found


def _scored(studio: Studio, look: Look, path: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Effects as a table: of many outputs those ten that change the most; a variant that cannot be scored with its reason."""
    import json

    genome = genome_at(studio.space, path)
    predictor = predictor_of(look)
    lines = variant_lines(predictor, {"variants": asked}, genome=genome, limits=LimitSettings())
    rows = [json.loads(line) for line in lines if line is not None]
    values = [k for row in rows for k, v in row.items() if isinstance(v, float)]
    most = sorted(dict.fromkeys(values), key=lambda k: -max(abs(row.get(k) or 0.0) for row in rows))[:10]
    found = []
    for variant, row in zip(asked, rows, strict=True):
        told = {"variant": f"{variant['chrom']}:{variant['pos']:,} {variant['ref']}>{variant['alt']}"}
        if "error" in row:
            found.append({**told, "not scored": row["error"]["message"]})
        else:
            found.append({**told, **{k: round(row[k], 4) for k in most if isinstance(row.get(k), float)}})
    return found


def designed(bundle: Path, goal: dict[str, Any], *, count: int, rounds: int) -> list[dict[str, Any]]:
    """Finals of a small design from random starts, as its table has them.

    Parameters
    ----------
    goal
        As of the settings of a design: ``output`` and ``aim``.
    count, rounds
        Starts, and rounds of changes at most.
    """
    import tempfile

    import polars as pl

    from strandloom.design.settings import DesignSettings
    from strandloom.run.design import design_bundle
    from strandloom.settings_file import check_settings

    settings = check_settings(DesignSettings, {"goals": [goal], "rounds": rounds, "screen": 24}, where="design")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "designs"
        design_bundle(bundle, out=out, settings=settings, random=count)
        found = pl.read_csv(out / "designs.tsv", separator="\t")
    letters = [x for x in ("start", "design") if x in found.columns]  # the figures first, then the long texts
    shown = found.head(50).select(pl.exclude(letters), *letters)
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in shown.iter_rows(named=True)
    ]
