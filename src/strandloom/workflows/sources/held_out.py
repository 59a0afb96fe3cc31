"""How good a source model is on reads of genomes (and genera) that it never saw, beside naive Bayes in the same folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strandloom.workflows.sources.drawn_networks import train_network
from strandloom.workflows.sources.evidence import ReadBlock, gather_without
from strandloom.workflows.sources.learn import learn
from strandloom.workflows.sources.lineages import Lineages
from strandloom.workflows.sources.model import Answers, LeanModel
from strandloom.workflows.sources.network import COMPOSITION
from strandloom.workflows.sources.rehearse import Rehearsal
from strandloom.workflows.sources.settings import SourceTraining

READS = 1500
"""Test reads of each lineage."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Shares of reads answered rightly.

    Parameters
    ----------
    genome, genus
        float64 ``(G,)``: reads of each lineage when it, or its whole group, is missing; NaN where nothing of its environment is left then.
    bayes_genome, bayes_genus
        The same by naive Bayes on 10-mers.
    environment, group
        int64 ``(G,)``.
    names
        Of the groups.
    """

    genome: NDArray[np.float64]
    genus: NDArray[np.float64]
    bayes_genome: NDArray[np.float64]
    bayes_genus: NDArray[np.float64]
    environment: NDArray[np.int64]
    group: NDArray[np.int64]
    names: tuple[str, ...]

    def by_group(self, environments: Sequence[str]) -> list[dict[str, Any]]:
        """Means of each group (genus, sample) in each environment, JSON-able; None where nothing could be asked."""
        rows = []
        for e, group in dict.fromkeys(zip(self.environment.tolist(), self.group.tolist(), strict=True)):
            own = (self.environment == e) & (self.group == group)
            row: dict[str, Any] = {
                "group": self.names[group],
                "environment": environments[e],
                "lineages": int(own.sum()),
            }
            for key in ("genome", "genus", "bayes_genome", "bayes_genus"):
                values = getattr(self, key)[own]
                row[key] = None if np.isnan(values).all() else float(np.nanmean(values))
            rows.append(row)
        return rows

    def macro(self, values: NDArray[np.float64]) -> float:
        """Mean over environments of the mean over their lineages; NaN where nothing could be asked."""
        means = [values[(self.environment == e) & ~np.isnan(values)] for e in np.unique(self.environment)]
        known = [float(x.mean()) for x in means if len(x)]
        return float(np.mean(known)) if known else float("nan")

    def to_json(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {
            "left_out_genome": {"model": self.macro(self.genome), "naive_bayes_10mers": self.macro(self.bayes_genome)},
            "left_out_genus": {"model": self.macro(self.genus), "naive_bayes_10mers": self.macro(self.bayes_genus)},
            "reads_per_lineage": READS,
        }

    def sentence(self) -> str:
        """In words."""
        told = []
        for words, own, bayes in (
            ("genomes", self.genome, self.bayes_genome),
            ("genera", self.genus, self.bayes_genus),
        ):
            if not np.isnan(self.macro(own)):
                told.append(
                    f"reads of left-out {words}: {self.macro(own):.1%} answered with the right environment "
                    f"(10-mer naive Bayes {self.macro(bayes):.1%})"
                )
        return "; ".join(told) + ("; means over environments" if told else "no genome could be left out")


def judge_held_out(
    rehearsal: Rehearsal,
    environments: tuple[str, ...],
    settings: SourceTraining,
    *,
    threads: int,
    say: Callable[[str], None] = lambda _: None,
) -> HeldOut:
    """Train a network for every fold of lineages without them, and ask it for their reads.

    Neither the network nor the tables know anything of a lineage whose reads are asked for; the other lineages of its fold are back in the
    tables then.
    """
    lineages = rehearsal.lineages
    fold = _folds(lineages, settings)
    results = _unasked(len(lineages))
    for number in np.unique(fold):
        tested = np.flatnonzero(fold == number)
        for name, sets in (("genome", lineages.own), ("genus", lineages.kin)):
            out = np.bitwise_or.reduce(sets[tested])
            if any((lineages.within[e] & ~out) == 0 for e in range(lineages.environments)):
                out = np.bitwise_or.reduce(lineages.own[tested])
            lesson = rehearsal.lesson(settings, seed=settings.seed * 1000 + int(number), hidden=out, threads=threads)
            network = learn(lesson, seed=settings.seed, epochs=settings.epochs, own=rehearsal.profile is None)
            model = LeanModel(environments, rehearsal.tables, (network,))
            for g in tested:
                visible = lineages.all & ~sets[g]
                if (lineages.within[lineages.environment[g]] & visible) == 0:
                    continue
                right, bayes = _ask(
                    rehearsal, model, int(g), visible, seed=settings.seed * 7919 + int(g), threads=threads
                )
                results[name][g], results[f"bayes_{name}"][g] = right, bayes
        say(f"left-out genomes, part {int(number) + 1} of {int(fold.max()) + 1}")
    return HeldOut(**results, environment=lineages.environment, group=lineages.group, names=lineages.names)


def judge_network(
    rehearsal: Rehearsal,
    environments: tuple[str, ...],
    settings: SourceTraining,
    *,
    threads: int,
    say: Callable[[str], None] = lambda _: None,
) -> HeldOut:
    """Train the network that the settings name for every fold of lineages without them, and ask it for their reads.

    Genera are not left out.
    """
    lineages = rehearsal.lineages
    fold = _folds(lineages, settings)
    results = _unasked(len(lineages))
    for number in np.unique(fold):
        tested = np.flatnonzero(fold == number)
        out = np.bitwise_or.reduce(lineages.own[tested])
        model = train_network(rehearsal, environments, settings, threads=threads, hidden=out).model
        for g in tested:
            visible = lineages.all & ~lineages.own[g]
            if (lineages.within[lineages.environment[g]] & visible) == 0:
                continue
            results["genome"][g], results["bayes_genome"][g] = _ask(
                rehearsal, model.answer, int(g), visible, seed=settings.seed * 7919 + int(g), threads=threads
            )
        say(f"left-out genomes, part {int(number) + 1} of {int(fold.max()) + 1}")
    return HeldOut(**results, environment=lineages.environment, group=lineages.group, names=lineages.names)


def _folds(lineages: Lineages, settings: SourceTraining) -> NDArray[np.int64]:
    """The part in which each lineage is left out, int64 ``(G,)``; those of an environment are spread over the parts."""
    generator = np.random.default_rng([settings.seed, 9])
    fold = np.empty(len(lineages), np.int64)
    for e in range(lineages.environments):
        own = np.flatnonzero(lineages.environment == e)
        fold[own] = (np.arange(len(own)) + e) % settings.folds
        fold[generator.permutation(own)] = fold[own]
    return fold


def _unasked(lineages: int) -> dict[str, NDArray[np.float64]]:
    return {name: np.full(lineages, np.nan) for name in ("genome", "genus", "bayes_genome", "bayes_genus")}


def _ask(
    rehearsal: Rehearsal,
    answer: Callable[..., Answers] | LeanModel,
    lineage: int,
    visible: np.uint64,
    *,
    seed: int,
    threads: int,
) -> tuple[float, float]:
    """Shares of right answers by the model and by naive Bayes; a lean model sees what is visible, others were trained without the rest."""
    reads = ReadBlock.rectangle(*rehearsal.draw(np.full(READS, lineage), seed=seed))
    evidence = gather_without(rehearsal.tables, rehearsal.counts, reads, np.full(READS, visible), threads=threads)
    found = answer.weigh(evidence) if isinstance(answer, LeanModel) else answer(reads, threads=threads)
    home = rehearsal.lineages.environment[lineage]
    bayes = evidence.environments[:, :, COMPOSITION].argmax(1)
    return float((found.log_posterior.argmax(1) == home).mean()), float((bayes == home).mean())
