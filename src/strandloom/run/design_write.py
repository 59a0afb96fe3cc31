"""What a design leaves behind: tables, FASTA, facts and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.design.designs import Designs
from strandloom.design.objective import Floats, Objective, Region
from strandloom.design.problem import Points
from strandloom.design.settings import DesignSettings
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.predict import Predictor
from strandloom.report.design_page import DesignPage, DesignRow, JudgedRow, Trace, render_design
from strandloom.run.design_oracle import oracle_of
from strandloom.version import VERSION
from strandloom.words import plural

SUMMARY = "design.json"


@dataclass(frozen=True, eq=False)
class WrittenDesign:
    """A design on its way to a folder.

    Parameters
    ----------
    found
        Steps and finals.
    start_ids
        Names of all starts that were given.
    predictor, judge
        The model that designed, and the one that judges.
    objective, region, settings
        What was wanted, trusted and asked for.
    """

    found: Designs
    start_ids: tuple[str, ...]
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
        return [self.start_ids[int(i)] for i in self.found.kept[start]]

    @property
    def unit(self) -> str:
        """Words before the name of an output: models of classes answer with log odds."""
        return "" if self.predictor.manifest.task == "value" else "log odds of "

    def column(self, name: str, output: int) -> str:
        """The column of an output: its name stands behind where there are several."""
        return name if len(self.names) == 1 else f"{name}_{self.names[output]}"

    def columns(self, points: Points) -> dict[str, Any]:
        """What is predicted of points and how far it is trusted, by column."""
        out: dict[str, Any] = {}
        for k in range(len(self.names)):
            out[self.column("predicted", k)] = points.answers.values[:, k].round(6)
            if points.answers.spread is not None:
                out[self.column("sd", k)] = points.answers.spread[:, k].round(6)
        out["edits"] = (points.codes != self.found.rules.starts[points.start]).sum(1)
        if self.region.near is not None:
            out["similarity"] = self.region.near(points.codes).round(4)
        ranges = self.predictor.manifest.value_range
        if ranges:
            low, high = (np.array(x) for x in zip(*ranges, strict=True))
            out["beyond"] = ((points.answers.values < low) | (points.answers.values > high)).any(1)
        out["trusted"] = self.region.inside(points.answers, points.codes)
        return out

    def judged(self, points: Points) -> Floats | None:
        """What the judge says of points, float64 ``(N, K)``."""
        if self.judge is None or not len(points):
            return None
        texts = self.texts(points.codes)
        window = self.judge.window
        placed = np.full((len(texts), window.length), DNA.pad, np.uint8)
        for row, text in enumerate(texts):
            first = int(window.shift([len(text)])[0])
            placed[row, first : first + len(text)] = DNA.encode(text)
        lengths = np.array([len(text) for text in texts], np.int32)
        return oracle_of(self.judge)(placed, lengths).values

    def texts(self, codes: Codes) -> list[str]:
        """Sequences as text."""
        return [DNA.decode(row) for row in codes]

    def write(
        self, folder: Path, *, bundle: str, judge: str | Path | None, command: str, notes: Sequence[str]
    ) -> str:  # fmt: skip
        """Tables, FASTA, facts and page; returns the sentence."""
        found, finals = self.found, self.found.finals
        self._write_steps(folder)
        judged_start, judged_end = self.judged(found.given), self.judged(finals)
        rows = {
            "id": self.ids(finals.start),
            "start": self.texts(found.rules.starts[finals.start]),
            "design": self.texts(finals.codes),
            **self.columns(finals),
        }
        began = found.given.take(finals.start)
        for k in range(len(self.names)):
            rows[self.column("predicted_start", k)] = began.answers.values[:, k].round(6)
            if judged_start is not None and judged_end is not None:
                rows[self.column("judge_start", k)] = judged_start[finals.start, k].round(6)
                rows[self.column("judge", k)] = judged_end[:, k].round(6)
        frame = pl.DataFrame(rows)
        with TableWriter(folder / "designs.tsv") as writer:
            writer.write(frame)
        with replacing(folder / "designs.fasta", text=True) as handle:
            for i, text in enumerate(rows["design"]):
                said = " ".join(f"{name}={finals.answers.values[i, k]:.4f}" for k, name in enumerate(self.names))
                handle.write(f">{rows['id'][i]} {said} edits={int(rows['edits'][i])}\n{text}\n")
        facts = self._facts(frame, judged_start, judged_end)
        sentence = _sentence(facts, self.unit)
        write_json(
            folder / SUMMARY,
            {
                "strandloom": VERSION, "command": command, "model": bundle, "judge": None if judge is None else str(judge),
                "settings": self.settings.model_dump(mode="json"), **facts, "notes": list(notes),
                "without": [[self.start_ids[int(found.kept[s])], why] for s, why in found.without.items()],
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
        finals, began = found.finals, found.given.take(found.finals.start)
        outputs = []
        for goal, k in enumerate(self.objective.output.tolist()):
            sign = self.objective.sign[goal]
            one: dict[str, Any] = {
                "output": self.names[k],
                "aim": "max" if sign > 0 else "min" if sign < 0 else float(self.objective.aim[goal]),
                "start": _mean(began.answers.values[:, k]),
                "design": _mean(finals.answers.values[:, k]),
            }
            if not sign:
                off = np.abs(finals.answers.values[:, k] - self.objective.aim[goal]) / self.objective.scale[goal]
                one["reached"] = int((off <= self.objective.tolerance).sum())
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
                "measures": list(self.region.measures),
                "disagreement": None if self.region.spread is None else self.region.spread.tolist(),
                "similarity": self.region.similarity,
                "measured": None
                if self.region.low is None or self.region.high is None
                else [self.region.low.tolist(), self.region.high.tolist()],
            },
            "rules": self._rules(),
        }

    def _rules(self) -> list[str]:
        """Every rule that was kept, in words."""
        asked = self.settings.rules
        words = [f"positions {', '.join(asked.fixed)} as they are"] if asked.fixed else []
        words += [f"{letters} at {place}" for place, letters in asked.allowed.items()]
        words += self.found.rules.names[1:]
        words += [f"designs at least {asked.apart} positions apart"] if asked.apart else []
        return words

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
            values[0] = float(found.given.answers.values[s, output])  # as it was given, before a repair
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
                    began=float(frame[self.column("predicted_start", output)][i]),
                    predicted=tuple(finals.answers.values[i].tolist()),
                    sd=None if spread is None else tuple(spread[i].tolist()),
                    edits=int(frame["edits"][i]), similarity=similarity,
                    beyond=bool(frame["beyond"][i]) if "beyond" in frame.columns else None,
                    trusted=bool(frame["trusted"][i]), judged=told,
                )
            )  # fmt: skip
        ranges = self.predictor.manifest.value_range
        known = self.predictor.manifest.value_interval
        return DesignPage(
            title=f"Designs by {self.predictor.manifest.name}",
            sentence=sentence,
            facts=facts,
            outputs=self.names,
            shown=output,
            unit=self.unit,
            rounds=self.settings.rounds,
            method=self.settings.method,
            traces=tuple(traces),
            rows=tuple(rows),
            measured=None if not ranges else ranges[output],
            notes=tuple(notes),
            without=tuple((self.start_ids[int(found.kept[s])], why) for s, why in found.without.items()),
            command=command,
            version=VERSION,
            date=date.today().isoformat(),
            within=None if known is None else (known.level, known.width[output]),
        )


def _mean(values: NDArray[np.floating]) -> float | None:
    return float(values.mean()) if len(values) else None


def _least_distance(codes: Codes) -> int | None:
    """Positions in which the two most alike designs differ (the first 1,000)."""
    shown = codes[:1000]
    if len(shown) < 2:
        return None
    least = min(int((shown[i + 1 :] != shown[i]).sum(1).min()) for i in range(len(shown) - 1))
    return least


def _sentence(facts: dict[str, Any], unit: str) -> str:
    """The result in words."""
    made = facts["designs"]
    if not made:
        return f"No design came of {plural(facts['starts'], 'start')}."
    parts = []
    for one in facts["outputs"]:
        words = f"{unit}{one['output']} from {one['start']:.3g} to {one['design']:.3g}"
        if one.get("judge") is not None:
            words += f" (judge: {one['judge_start']:.3g} to {one['judge']:.3g})"
        if "reached" in one:
            words += f" ({one['reached']} of {made} reached {one['aim']:g})"
        parts.append(words)
    trust = f"{facts['trusted']} of {made} inside what the model is trusted with"
    if not facts["region"]["measures"]:
        trust = "how far the model can be trusted is not known"
    return (
        f"{plural(made, 'design')} of {plural(facts['starts'], 'start')}: predicted mean {'; '.join(parts)}, with {facts['edits']:.1f} "
        f"edits on average; {trust}."
    )
