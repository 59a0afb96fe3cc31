"""A bundle designs sequences: starts from a file or drawn, a folder of steps, finals and a page out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import DNA, Codes
from strandloom.data.window import Window
from strandloom.design.designs import Designs, Tell, design
from strandloom.design.gradient import Differentiable
from strandloom.design.objective import Answers, Floats, Objective, Oracle, Region, Similarity
from strandloom.design.problem import Points
from strandloom.design.settings import DesignSettings, TrustSettings
from strandloom.errors import BundleError, InputError, SettingsError, UsageError
from strandloom.evaluation.baselines.base import State
from strandloom.evaluation.regressors.fit import regressor_from_state
from strandloom.evaluation.regressors.nearest import NearestValues
from strandloom.io.plain import write_json
from strandloom.io.read import read_records
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import TableWriter, replacing
from strandloom.predict import Predictor, load
from strandloom.report.design_page import DesignPage, DesignRow, JudgedRow, Trace, render_design
from strandloom.run.output_folder import check_free, new_folder
from strandloom.version import VERSION
from strandloom.words import plural

SUMMARY = "design.json"
_NEAREST = "baseline-nearest"
_KIND = "a design"


class Starts(NamedTuple):
    """S starts in a model's window: uint8 ``(S, L)``, int32 ``(S,)``, names, and whether each was drawn, bool ``(S,)``."""

    codes: Codes
    lengths: NDArray[np.int32]
    ids: tuple[str, ...]
    drawn: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Designed:
    """What a design gave.

    Parameters
    ----------
    folder
        Where it lies.
    designs
        Steps and finals.
    sentence
        The result in words.
    notes
        What was changed, left out or is not known.
    """

    folder: Path
    designs: Designs
    sentence: str
    notes: tuple[str, ...]


def design_bundle(
    bundle: str | Path,
    *,
    out: str | Path,
    starts: str | Path | None = None,
    random: int = 0,
    length: int | None = None,
    settings: DesignSettings | None = None,
    judge: str | Path | None = None,
    sequence: str | None = None,
    engine: str = "torch",
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
    tell: Tell = lambda *_: None,
) -> Designed:
    """Design sequences with a trained model and write them down.

    Parameters
    ----------
    bundle
        A model of measured values, or of classes (whose outputs are then log odds of each class).
    out
        Folder for ``designs.tsv``, ``designs.fasta``, ``steps.tsv``, ``design.json`` and ``report.html``.
    starts
        File of sequences to begin from, none longer than the model's window.
    random, length
        Random starts to draw besides, or instead, and their length (default: the window).
    settings
        Goals, method, rules and trust.
    judge
        Another model of the same outputs, best one of other training rows, that only judges starts and finals.
    sequence
        The sequence column of a table of starts.
    engine, device, threads
        As for :func:`strandloom.predict.load`.
    force
        Replace an earlier design.
    command
        What to write down as the way to do it again.
    say, tell
        Hear remarks, and of each round.

    Raises
    ------
    InputError
        A start cannot be read, or breaks a rule.
    SettingsError
        Rules contradict each other, a goal names no output, or asks for a value that cannot be trusted.
    UsageError
        There is no start; the judge has other outputs.
    OutputError
        The folder exists.
    """
    asked = settings or DesignSettings()
    check_free(out, mark=SUMMARY, what=_KIND, force=force)
    predictor = load(bundle, engine=engine, device=device, threads=threads)
    judging = None if judge is None else load(judge, device=device, threads=threads)
    manifest = predictor.manifest
    if judging is not None and judging.manifest.labels != manifest.labels:
        raise UsageError(
            f"the judge predicts {', '.join(judging.manifest.labels)}, the model {', '.join(manifest.labels)}",
            where="--judge",
            hint="train the judge on the same target",
        )
    begun = _starts(predictor.window, starts, random, length, sequence, manifest.letters, asked)
    objective = Objective.of(asked.goals, manifest.labels, _scale(predictor), tolerance=asked.tolerance)
    region, notes = trusted_region(predictor, asked.trust)
    notes += _beyond(objective, predictor, asked)
    for note in notes:
        say(note)
    found = design(
        begun.codes, begun.lengths, ids=begun.ids, oracle=oracle_of(predictor), objective=objective, region=region, settings=asked,
        drawn=begun.drawn, differentiable=differentiable(predictor), tell=tell,
    )  # fmt: skip
    for note in found.notes:
        say(note)
    told = (*notes, *found.notes)
    with new_folder(out, mark=SUMMARY, what=_KIND, force=force) as folder:
        written = _Written(found, begun, predictor, judging, objective, region, asked)
        sentence = written.write(folder, bundle=str(bundle), judge=judge, command=command, notes=told)
    return Designed(Path(out), found, sentence, told)


# ---------------------------------------------------------------------------------------------- what answers


def oracle_of(predictor: Predictor) -> Oracle:
    """A bundle as the oracle of a design: values and their spread, or the log odds of each class."""

    def ask(codes: Codes, lengths: NDArray[np.int32]) -> Answers:
        scores = predictor.scores(codes, lengths)
        if predictor.manifest.task == "value":
            return Answers(scores.blended, scores.spread)
        probabilities = predictor.decision.apply(scores.blended).probabilities.astype(np.float64)
        safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
        return Answers(np.log(safe / (1 - safe)), None)

    return ask


def differentiable(predictor: Predictor) -> Differentiable | None:
    """The networks (without stored baselines) as a function with a gradient; None for other engines than torch."""
    if predictor.engine is not None:
        return None
    manifest, device = predictor.manifest, predictor.runtime.device

    def values(x: Tensor) -> Tensor:
        x = x.to(device)
        strands = (x, x.flip(1, 2)) if manifest.strand == "both" else (x,)
        found = []
        for member, module in enumerate(predictor.modules):
            raw = torch.stack([module(strand).float() for strand in strands]).mean(0)
            if manifest.task == "value":
                scale = manifest.value_scales[member]
                raw = raw * torch.tensor(scale.scale, device=device) + torch.tensor(scale.centre, device=device)
            found.append(raw)
        mean = torch.stack(found).mean(0)
        if manifest.task != "value":
            log = (mean / manifest.temperature).log_softmax(1)
            mean = log - torch.log1p(-log.exp().clamp(max=1 - 1e-6))
        return mean.cpu()

    return values


def _scale(predictor: Predictor) -> Floats:
    manifest = predictor.manifest
    if manifest.task != "value":
        return np.ones(len(manifest.labels))
    return np.asarray(np.mean([scale.scale for scale in manifest.value_scales], axis=0), np.float64)


def trusted_region(predictor: Predictor, settings: TrustSettings) -> tuple[Region, tuple[str, ...]]:
    """Where the model is trusted, and what of it is not known, in words.

    Raises
    ------
    SettingsError
        A limit is asked for that this bundle cannot measure.
    """
    manifest, notes = predictor.manifest, []
    known = manifest.value_trust
    spread: Floats | None = None
    if isinstance(settings.disagreement, float):
        if manifest.task != "value" or manifest.members < 2:
            raise SettingsError(
                "one network cannot disagree with itself",
                where="trust.disagreement",
                hint="train with --seeds 3, or set it to null",
            )
        spread = np.full(len(manifest.labels), settings.disagreement)
    elif settings.disagreement == "auto":
        if known is not None and known.spread is not None:
            spread = np.array(known.spread)
        else:
            notes.append(
                "how far networks disagree is not part of what is trusted: the model has one network (train with --seeds 3)"
            )
    part = predictor.bundle.parts.get(_NEAREST)
    near: Similarity | None = None
    if part is not None and manifest.task == "value":
        nearest = regressor_from_state("nearest", State(part.arrays, part.facts))
        assert isinstance(nearest, NearestValues)
        near = nearest.similarity
    similarity = settings.similarity if isinstance(settings.similarity, float) else None
    if similarity is not None and near is None:
        raise SettingsError(
            "the bundle does not hold its training sequences",
            where="trust.similarity",
            hint="keep `nearest` among evaluation.baselines when training, or set it to null",
        )
    if settings.similarity == "auto":
        similarity = None if known is None else known.similarity
        if similarity is None:
            notes.append("how near training sequences are is not part of what is trusted: the model does not say")
    measured = settings.measured and bool(manifest.value_range)
    low, high = (np.array(x) for x in zip(*manifest.value_range, strict=True)) if measured else (None, None)
    return Region(spread, similarity, low, high, near, settings.limit), tuple(notes)


def _beyond(objective: Objective, predictor: Predictor, settings: DesignSettings) -> tuple[str, ...]:
    """A goal outside the values of training: an error where these are a limit, else a remark."""
    ranges = predictor.manifest.value_range
    if not ranges:
        return ()
    low, high = (np.array(x) for x in zip(*ranges, strict=True))
    notes = []
    for goal in objective.out_of_range(low, high):
        k = int(objective.output[goal])
        words = (
            f"the goal {objective.aim[goal]:g} for {predictor.manifest.labels[k]} lies outside the values of training, "
            f"{low[k]:.4g} to {high[k]:.4g}"
        )
        if settings.trust.limit and settings.trust.measured:
            raise SettingsError(
                f"{words}, and designs may not leave them", where="goals", hint="choose a value inside, or drop --trust"
            )
        notes.append(f"careful: {words}: nothing measured tells whether it can be reached")
    return tuple(notes)


# ---------------------------------------------------------------------------------------------- starts


def _starts(
    window: Window,
    source: str | Path | None,
    random: int,
    length: int | None,
    sequence: str | None,
    letters: LetterPolicy,
    settings: DesignSettings,
) -> Starts:
    """Starts of a file and drawn ones, placed in the window."""
    if source is None and not random:
        raise UsageError("there is nothing to begin from", where="--starts", hint="--starts FILE, or --random 20")
    codes: list[Codes] = []
    lengths: list[NDArray[np.int32]] = []
    ids: list[str] = []
    if source is not None:
        records = read_records(source, sequence=sequence, policy=letters.model_copy(update={"ambiguous": "keep"}))
        long = np.flatnonzero(records.lengths > window.length)
        if len(long):
            row = int(long[0])
            raise InputError(
                f"{int(records.lengths[row])} bases, and the model reads {window.length}",
                where=f"{source}, start '{records.ids[row]}'",
                hint="give the part that is to be designed",
            )
        placed = window.place(records)
        codes.append(placed.codes)
        lengths.append(placed.lengths)
        ids += records.ids.to_list()
    if random:
        size = length or window.length
        if not 1 <= size <= window.length:
            raise UsageError(
                f"starts of {size} bases do not fit the model's window of {window.length}", where="--length"
            )
        drawn = np.full((random, window.length), DNA.pad, np.uint8)
        first = int(window.shift([size])[0])
        drawn[:, first : first + size] = np.random.default_rng((settings.seed, 1)).integers(0, 4, (random, size))
        codes.append(drawn)
        lengths.append(np.full(random, size, np.int32))
        ids += [f"random-{i + 1}" for i in range(random)]
    drawn_ones = np.arange(len(ids)) >= len(ids) - random
    return Starts(np.concatenate(codes), np.concatenate(lengths), tuple(ids), drawn_ones)


# ---------------------------------------------------------------------------------------------- what is written


@dataclass(frozen=True, eq=False)
class _Written:
    """A design on its way to a folder."""

    found: Designs
    starts: Starts
    predictor: Predictor
    judge: Predictor | None
    objective: Objective
    region: Region
    settings: DesignSettings

    @property
    def names(self) -> tuple[str, ...]:
        """Outputs."""
        return self.predictor.manifest.labels

    def ids(self, start: NDArray[np.int64]) -> list[str]:
        """Names of starts."""
        return [self.starts.ids[int(i)] for i in self.found.kept[start]]

    def columns(self, points: Points) -> dict[str, Any]:
        """What is predicted of points and how far it is trusted, by column."""
        out: dict[str, Any] = {}
        for k, name in enumerate(self.names):
            end = "" if len(self.names) == 1 else f"_{name}"
            out[f"predicted{end}"] = points.answers.values[:, k].round(6)
            if points.answers.spread is not None:
                out[f"sd{end}"] = points.answers.spread[:, k].round(6)
        out["edits"] = (points.codes != self.found.rules.starts[points.start]).sum(1)
        if self.region.near is not None:
            out["similarity"] = self.region.near(points.codes).round(4)
        ranges = self.predictor.manifest.value_range
        if ranges:
            low, high = (np.array(x) for x in zip(*ranges, strict=True))
            out["beyond"] = ((points.answers.values < low) | (points.answers.values > high)).any(1)
        out["trusted"] = self.region.trusted(points.answers) & self.region.similar(points.codes)
        return out

    def judged(self, points: Points) -> Floats | None:
        """What the judge says of points, float64 ``(N, K)``."""
        if self.judge is None or not len(points):
            return None
        texts = self.texts(points.codes)
        records = [t or "A" for t in texts]
        other = self.judge
        if max(map(len, records)) > other.window.length:
            raise BundleError(
                f"the judge reads {other.window.length} bases, designs have up to {max(map(len, records))}",
                hint="train the judge with the same window",
            )
        placed = np.full((len(records), other.window.length), DNA.pad, np.uint8)
        for row, text in enumerate(records):
            first = int(other.window.shift([len(text)])[0])
            placed[row, first : first + len(text)] = DNA.encode(text)
        lengths = np.array([len(t) for t in records], np.int32)
        return oracle_of(other)(placed, lengths).values

    def texts(self, codes: Codes) -> list[str]:
        """Sequences as text."""
        return [DNA.decode(row) for row in codes]

    def write(
        self, folder: Path, *, bundle: str, judge: str | Path | None, command: str, notes: Sequence[str]
    ) -> str:  # fmt: skip
        """Tables, FASTA, facts and page; returns the sentence."""
        found, finals = self.found, self.found.finals
        steps = found.steps
        first = steps.take(found.round == 0)
        self._write_steps(folder)
        judged_start, judged_end = self.judged(first), self.judged(finals)
        rows = {
            "id": self.ids(finals.start),
            "start": self.texts(found.rules.starts[finals.start]),
            "design": self.texts(finals.codes),
            **self.columns(finals),
        }
        began = first.take(finals.start)
        for k, name in enumerate(self.names):
            end = "" if len(self.names) == 1 else f"_{name}"
            rows[f"predicted_start{end}"] = began.answers.values[:, k].round(6)
            if judged_start is not None and judged_end is not None:
                rows[f"judge_start{end}"] = judged_start[finals.start, k].round(6)
                rows[f"judge{end}"] = judged_end[:, k].round(6)
        frame = pl.DataFrame(rows)
        with TableWriter(folder / "designs.tsv") as writer:
            writer.write(frame)
        with replacing(folder / "designs.fasta", text=True) as handle:
            for i, text in enumerate(rows["design"]):
                said = " ".join(f"{name}={finals.answers.values[i, k]:.4f}" for k, name in enumerate(self.names))
                handle.write(f">{rows['id'][i]} {said} edits={int(rows['edits'][i])}\n{text}\n")
        facts = self._facts(frame, judged_start, judged_end)
        sentence = _sentence(facts, self.names)
        write_json(
            folder / SUMMARY,
            {
                "strandloom": VERSION, "command": command, "model": bundle, "judge": None if judge is None else str(judge),
                "settings": self.settings.model_dump(mode="json"), **facts, "notes": list(notes),
                "without": {self.starts.ids[int(found.kept[s])]: why for s, why in found.without.items()},
            },
        )  # fmt: skip
        with replacing(folder / "report.html", text=True) as handle:
            handle.write(
                render_design(
                    self._page(frame, facts, sentence, command=command, notes=notes, judged=(judged_start, judged_end))
                )
            )
        return sentence

    def _write_steps(self, folder: Path) -> None:
        found = self.found
        steps = found.steps
        texts = self.texts(steps.codes)
        changes = []
        for i in range(len(steps)):
            if found.round[i] == 0:
                changes.append("")
                continue
            was, now = steps.codes[i - 1], steps.codes[i]
            first = int(found.rules.first[steps.start[i]])
            changes.append(
                ",".join(
                    f"{'ACGT'[was[c]]}{c - first + 1}{'ACGT'[now[c]]}" for c in np.flatnonzero(was != now).tolist()
                )
            )
        frame = pl.DataFrame(
            {
                "id": self.ids(steps.start), "round": found.round, "change": changes, **self.columns(steps),
                "merit": steps.merit.round(6), "sequence": texts,
            }
        )  # fmt: skip
        with TableWriter(folder / "steps.tsv") as writer:
            writer.write(frame)

    def _facts(self, frame: pl.DataFrame, start: Floats | None, end: Floats | None) -> dict[str, Any]:
        found = self.found
        first = found.steps.take(found.round == 0)
        finals, began = found.finals, first.take(found.finals.start)
        outputs = []
        for goal, k in enumerate(self.objective.output.tolist()):
            sign = self.objective.sign[goal]
            one: dict[str, Any] = {
                "output": self.names[k],
                "aim": "max" if sign > 0 else "min" if sign < 0 else float(self.objective.aim[goal]),
                "start": _mean(began.answers.values[:, k]),
                "design": _mean(finals.answers.values[:, k]),
            }
            if start is not None and end is not None:
                one |= {"judge_start": _mean(start[finals.start, k]), "judge": _mean(end[:, k])}
            outputs.append(one)
        uatg = [("ATG" in text) for text in frame["design"].to_list()]
        return {
            "starts": len(found.kept),
            "designs": len(finals),
            "outputs": outputs,
            "trusted": int(frame["trusted"].sum()),
            "beyond": int(frame["beyond"].sum()) if "beyond" in frame.columns else None,
            "without_atg": len(uatg) - sum(uatg),
            "edits": _mean(frame["edits"].to_numpy().astype(float)),
            "least_distance": _least_distance(finals.codes),
            "region": {
                "limit": self.region.limit,
                "disagreement": None if self.region.spread is None else self.region.spread.tolist(),
                "similarity": self.region.similarity,
                "measured": None
                if self.region.low is None or self.region.high is None
                else [self.region.low.tolist(), self.region.high.tolist()],
            },
            "rules": list(found.rules.names[1:]),
        }

    def _page(
        self, frame: pl.DataFrame, facts: dict[str, Any], sentence: str, *, command: str, notes: Sequence[str],
        judged: tuple[Floats | None, Floats | None],
    ) -> DesignPage:  # fmt: skip
        found, finals = self.found, self.found.finals
        output = int(self.objective.output[0])
        traces = []
        for s in range(len(found.kept)):
            own = np.flatnonzero(found.steps.start == s)
            values = found.steps.answers.values[own, output].tolist()
            traces.append(Trace(tuple(found.round[own].tolist()), tuple(values)))
        rows = []
        before, after = judged
        for i in range(len(finals)):
            told = None
            if before is not None and after is not None:
                told = JudgedRow(float(before[finals.start[i], output]), float(after[i, output]))
            spread = finals.answers.spread
            similarity = frame["similarity"][i] if "similarity" in frame.columns else None
            rows.append(
                DesignRow(
                    id=frame["id"][i], start=frame["start"][i], design=frame["design"][i],
                    began=float(frame[self._column("predicted_start", output)][i]),
                    predicted=tuple(finals.answers.values[i].tolist()),
                    sd=None if spread is None else tuple(spread[i].tolist()),
                    edits=int(frame["edits"][i]), similarity=similarity,
                    beyond=bool(frame["beyond"][i]) if "beyond" in frame.columns else None,
                    trusted=bool(frame["trusted"][i]), judged=told,
                )
            )  # fmt: skip
        ranges = self.predictor.manifest.value_range
        return DesignPage(
            title=f"Designs by {self.predictor.manifest.name}",
            sentence=sentence,
            facts=facts,
            outputs=self.names,
            shown=output,
            unit="log odds of " if self.predictor.manifest.task != "value" else "",
            rounds=self.settings.rounds,
            method=self.settings.method,
            traces=tuple(traces),
            rows=tuple(rows),
            measured=None if not ranges else ranges[output],
            notes=tuple(notes),
            without=tuple((self.starts.ids[int(found.kept[s])], why) for s, why in found.without.items()),
            command=command,
            version=VERSION,
            date=date.today().isoformat(),
        )

    def _column(self, name: str, output: int) -> str:
        return name if len(self.names) == 1 else f"{name}_{self.names[output]}"


def _mean(values: NDArray[np.floating]) -> float | None:
    return float(values.mean()) if len(values) else None


def _least_distance(codes: Codes) -> int | None:
    """Positions in which the two most alike designs differ (the first 1,000)."""
    shown = codes[:1000]
    if len(shown) < 2:
        return None
    least = min(int((shown[i + 1 :] != shown[i]).sum(1).min()) for i in range(len(shown) - 1))
    return least


def _sentence(facts: dict[str, Any], names: Sequence[str]) -> str:
    """The result in words."""
    if not facts["designs"]:
        return f"No design came of {plural(facts['starts'], 'start')}."
    parts = [
        f"{one['output']} from {one['start']:.3g} to {one['design']:.3g}"
        + (f" (judge: {one['judge_start']:.3g} to {one['judge']:.3g})" if one.get("judge") is not None else "")
        for one in facts["outputs"]
    ]
    inside = facts["trusted"]
    trust = f"{inside} of {facts['designs']} inside what the model is trusted with"
    return (
        f"{plural(facts['designs'], 'design')} of {plural(facts['starts'], 'start')}: predicted mean "
        f"{'; '.join(parts)}, with {facts['edits']:.1f} edits on average; {trust}."
    )
