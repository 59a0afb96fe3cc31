"""One output of a model explained: map, motifs, names, effects, filters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.data.shuffle import dinucleotide_shuffle
from strandloom.errors import UsageError
from strandloom.evaluation.baselines.fit import KINDS
from strandloom.evaluation.label_baselines.fit import KINDS as LABEL_KINDS
from strandloom.evaluation.regressors.fit import KINDS as REGRESSORS
from strandloom.explain.attribute import attribute, estimate_passes
from strandloom.explain.attribution import AttributionMap, Method
from strandloom.explain.effects import marginal_effect
from strandloom.explain.filters import filters_to_motifs
from strandloom.explain.match import match_motifs
from strandloom.explain.motif import Motif
from strandloom.explain.mutagenesis import computed_locally, mutagenesis
from strandloom.explain.patterns import Patterns, find_patterns
from strandloom.explain.score import Explained
from strandloom.explain.seqlets import Seqlets, find_seqlets
from strandloom.explain.settings import ExplainSettings
from strandloom.predict import Predictor
from strandloom.pwm import Matrix
from strandloom.report.motif_inputs import ExplainedSequences, FoundMotif, KnownMatch, MarginalEffect, MotifPage
from strandloom.report.tracks import position_number
from strandloom.run.explain_question import Question
from strandloom.run.explain_rows import Rows
from strandloom.training.onehot import one_hot, one_hot_table
from strandloom.words import plural

TITLES = {name: kind.title for kinds in (REGRESSORS, LABEL_KINDS, KINDS) for name, kind in kinds.items()}
"""What may be blended in, as it is called."""
LONG_SECONDS = 3600.0
"""Work that is estimated to take longer is begun only when that is said."""
RATE = 0.05
"""False discovery rate of the windows that motifs are made of."""
Q_LIMIT = 0.05
"""Largest q-value of a match that gives a motif its name."""
EXPECTED = 10
"""Motifs whose effects the estimate of the time counts on."""
STRONG, MANY_BASES, NAMED_SHARE = 0.99, 100, 0.5
"""The bases above this quantile of the contributions' size are strong; so many of a side, of which less than this share lies in motifs, are
worth a word."""
LEAST_BACKGROUNDS = 10
"""Sequences with room for a motif that its effect needs."""
MOST = 40
"""Motifs that are shown: of more, those that contribute the most."""
SCORE_NOTE = "the network's own, before calibration"
TIGHT, NEAR = 0.5, 5
"""A motif of whose sites this share begins within so many bases of one place is put there, not into the middle."""


@dataclass(frozen=True, eq=False)
class OutputExplained:
    """What was found for one output.

    Parameters
    ----------
    rows
        The N sequences.
    map
        Their attributions.
    seqlets, patterns
        Significant windows, and the motifs they make.
    page
        What ``motifs.html`` shows, without links.
    question
        The output in the light of the rows: what the model answers, by its own rule, and what is true.
    effects
        Mutagenesis of a row: float32 ``(4, L)``.
    """

    rows: Rows
    map: AttributionMap
    seqlets: Seqlets
    patterns: Patterns
    page: MotifPage
    question: Question
    effects: Callable[[int], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class OutputJob:
    """The explanation of one output.

    Parameters
    ----------
    predictor, score
        The model, and the score of it that is explained.
    rows, question
        N sequences, and the output in the light of them.
    settings
        How.
    known
        Known motifs, name to matrix.
    say
        Hears remarks.
    """

    predictor: Predictor
    score: Explained
    rows: Rows
    question: Question
    settings: ExplainSettings
    known: Mapping[str, Matrix]
    say: Callable[[str], None]

    @cached_property
    def method(self) -> Method:
        """The method that ``auto`` stands for: DeepLIFT, or mutagenesis where the network has no gradients."""
        if self.settings.method != "auto":
            return self.settings.method
        try:
            self._map(self.rows.codes[:1], "deeplift", references=1, check_rows=0)
        except UsageError as error:
            self.say(f"{error.message}: explained by mutagenesis")
            return "mutagenesis"
        return "deeplift"

    @property
    def device(self) -> str:
        """Where networks run."""
        return self.predictor.runtime.device

    def seconds(self) -> float:
        """About how long map, effects and pages will take, from the time of one pass."""
        few = np.ascontiguousarray(self.rows.codes[:64])
        x = one_hot(torch.from_numpy(few).to(self.device), one_hot_table(self.device))
        spent = []
        with torch.inference_mode():
            for _ in range(4):  # the first pass prepares the kernels; a busy machine slows some
                started = time.perf_counter()
                self.score(x).cpu()  # waits for the accelerator
                spent.append(time.perf_counter() - started)
        each = min(spent) / len(few)
        count, length = self.rows.codes.shape
        settings = self.settings
        local = computed_locally(self.predictor.modules, device=self.device)
        passes = estimate_passes(self.method, count, length, settings.references, local=local)
        passes += estimate_passes("mutagenesis", settings.pages, length, local=local)
        passes += EXPECTED * 3 * settings.backgrounds
        return each * passes

    def explain(self) -> OutputExplained:
        """Map, motifs, names, effects.

        Raises
        ------
        UsageError
            The method does not work for this network.
        """
        rows, manifest = self.rows, self.predictor.manifest
        found = self._map(rows.codes, self.method, references=self.settings.references, check_rows=16)
        for caution in found.check.cautions:
            self.say(f"careful: {caution}")
        seqlets, patterns = self._motifs(found)
        named = self._named(patterns.motifs, what="motifs")
        motifs = [FoundMotif(motif, *named[motif.name], effect=self._effect(motif)) for motif in patterns.motifs[:MOST]]
        motifs.sort(key=lambda found: -strength(found))
        settings = self.settings
        page = MotifPage(
            name=manifest.name,
            output=found.output,
            method=found.method,
            check=found.check,
            unit=self.question.unit,
            sequences=ExplainedSequences(rows.codes, rows.ids, self._classes, cropped=rows.cropped),
            drawn=self._drawn,
            score_note=SCORE_NOTE,
            model=self._model,
            data=f"{len(rows):,} of {rows.data}",
            classes=self.question.sides,
            motifs=tuple(motifs),
            ranked_by="the effect of writing it into a sequence",
            source=_source(seqlets, patterns),
            nothing=patterns.reason or "",
            known=settings.motifs.replace("\\", "/").rsplit("/", 1)[-1] if settings.motifs else "",
            q_limit=Q_LIMIT,
            zero=settings.first_base,
            zero_words=settings.position,
            cautions=(*self._cautions(), *self._unnamed(found, patterns)),
            **self._average(found),
            **self._filters(),
        )
        return OutputExplained(rows, found, seqlets, patterns, page, self.question, self._mutants)

    def _map(self, codes: Codes, method: Method, *, references: int, check_rows: int) -> AttributionMap:
        return attribute(
            self.predictor.modules,
            codes,
            output=self.score.output,
            method=method,
            strand=self.score.strand,
            against=self.score.against,
            references=references,
            seed=self.settings.seed,
            device=self.device,
            check_rows=check_rows,
            labels=self.predictor.manifest.labels,
            names=self.rows.ids,
        )

    def _mutants(self, row: int) -> NDArray[np.float32]:
        return mutagenesis(self.score, self.rows.codes[row : row + 1], device=self.device).effects[0]

    def _motifs(self, found: AttributionMap) -> tuple[Seqlets, Patterns]:
        """Windows that stand out, grouped.

        Shuffled sequences are no null for them: short motifs stand there by chance, and the network reads them there too.
        """
        seqlets = find_seqlets(found, rate=RATE, starts=self.rows.columns)
        self.say(f"  {plural(len(seqlets), 'seqlet')} at a false discovery rate of {RATE:g}")
        patterns = find_patterns(found, seqlets, strand=self.score.strand, seed=self.settings.seed)
        self.say(f"  {plural(len(patterns.motifs), 'motif')}" if patterns.motifs else f"  no motif: {patterns.reason}")
        return seqlets, patterns

    @cached_property
    def _shuffled(self) -> Codes:
        """One dinucleotide shuffle of every sequence, ``(N, L)``."""
        return dinucleotide_shuffle(self.rows.codes, copies=1, seed=self.settings.seed)[:, 0]

    def _named(
        self, motifs: Sequence[Motif], *, what: str
    ) -> dict[str, tuple[tuple[KnownMatch, ...], KnownMatch | None]]:
        """For each motif the known ones it resembles, and the nearest where none is like it enough."""
        found: dict[str, tuple[tuple[KnownMatch, ...], KnownMatch | None]] = {x.name: ((), None) for x in motifs}
        if not self.known or not motifs:
            return found
        self.say(f"  naming {what} (the first time on a machine this compiles for about 40 s)")
        matches = match_motifs(motifs, self.known, q=1.0)
        for motif in motifs:
            own = [KnownMatch.of(m, self.known[m.target]) for m in matches if m.query == motif.name]
            good = tuple(m for m in own if m.q <= Q_LIMIT)
            found[motif.name] = (good, None if good or not own else own[0])
        return found

    def _effect(self, motif: Motif) -> MarginalEffect | None:
        """The motif put into shuffled sequences: where it stands, if it keeps to one place, else in the middle; None where few hold it."""
        place = usual_place(motif)
        room = np.flatnonzero(self.rows.lengths >= motif.width + (place or 0))
        if len(room) < LEAST_BACKGROUNDS:
            return None
        drawn = np.random.default_rng((self.settings.seed, 2)).permutation(room)[: self.settings.backgrounds]
        number = "" if place is None else f"{position_number(place, self.settings.first_base):,}"
        where = f"at position {number}" if number else "at their centre"
        effect = marginal_effect(
            self.score,
            motif.matrix,
            self._shuffled[np.sort(drawn)],
            place=place,
            seed=self.settings.seed,
            device=self.device,
        )
        return MarginalEffect.of(effect, words=f"dinucleotide-shuffled sequences, {where}")

    def _unnamed(self, found: AttributionMap, patterns: Patterns) -> list[str]:
        """A sentence for each side whose strongest contributions lie mostly outside the motifs."""
        inside = np.zeros(found.codes.shape, np.bool_)
        for motif in patterns.motifs:
            first = motif.sites.start + self.rows.columns[motif.sites.row]
            for column in range(motif.width):
                inside[motif.sites.row, first + column] = True
        values = found.contributions
        strong = float(np.quantile(np.abs(values), STRONG))
        said = []
        for sign, words in ((1, "for"), (-1, "against")):
            bases = sign * values > max(strong, 0.0)
            share = inside[bases].mean() if bases.any() else 1.0
            if bases.sum() >= MANY_BASES and share < NAMED_SHARE:
                said.append(
                    f"Of the bases that speak most {words} {found.output.label}, {share:.0%} lie in a motif: the network reads more than "
                    "is named here; look at single sequences, or explain more of them (--rows)"
                )
        return said

    def _average(self, found: AttributionMap) -> dict[str, Any]:
        """Mean contributions by column, where every sequence fills the window and its strand is known: then columns may mean something."""
        if self.score.strand == "both" or (self.rows.lengths < found.codes.shape[1]).any():
            return {}
        own = np.flatnonzero(self.question.is_own)
        if not len(own):
            return {}
        one_hot = DNA.one_hot_table[found.codes[own]]  # (N, L, 4)
        mean = np.einsum("nlc,nl->lc", one_hot, found.contributions[own]) / len(own)
        return {
            "average": mean.astype(np.float64),
            "average_words": f"{len(own):,} sequences {self.question.own_words}",
        }

    def _filters(self) -> dict[str, Any]:
        """The filters of the first layer as the page takes them."""
        if not self.settings.filters:
            return {}
        try:
            found = filters_to_motifs(self.predictor.modules, self.rows.codes, starts=self.rows.columns)
        except UsageError as error:
            return {"filters_note": f"No filters are shown: {error.message}."}
        named = self._named(found.motifs, what="motifs of filters")
        dead = sum(x.dead is not None for x in found.filters)
        note = (
            f"{len(found.filters):,} filters, {dead:,} of them without sites enough; those that hold the same motif stand together. "
            f"Sites are {found.rule}."
        )
        return {"filters": tuple(FoundMotif(x, *named[x.name]) for x in found.motifs), "filters_note": note}

    @property
    def _classes(self) -> NDArray[np.int64] | None:
        """The true classes where they are known, else those that the model names; None of values."""
        if not self.question.sides:
            return None
        truth = self.question.truth
        return self.question.answers.predicted if truth is None or (truth < 0).all() else truth

    @property
    def _drawn(self) -> str:
        """How the sequences were chosen, where they were."""
        own = int(self.question.is_own.sum())
        return (
            f"{own:,} {self.question.own_words} and {len(self.rows) - own:,} others, drawn to be as many of each "
            "where there are so many: shares on this page are of these"
        )

    @property
    def _model(self) -> str:
        manifest = self.predictor.manifest
        many = f", {manifest.members} networks averaged" if manifest.members > 1 else ""
        return f"{manifest.model.kind} network, {manifest.length:,} bases{many}"

    def _cautions(self) -> tuple[str, ...]:
        manifest, said = self.predictor.manifest, []
        partners = {TITLES[blend.partner] for blend in manifest.blends if blend.baseline}
        partners |= {TITLES[one.partner] for blend in manifest.value_blends for one in blend.partners}
        if partners:
            said.append(
                f"The model's answers also weigh in simpler models ({', '.join(sorted(partners))}), which these pictures leave out: "
                "they are of the networks alone"
            )
        truth = self.question.truth
        if self.question.sides and (truth is None or (truth < 0).all()):
            said.append("No labels are known: the classes on this page are those that the model names")
        if silent := int(self.question.answers.abstained.sum()):
            said.append(f"The model abstains on {silent:,} of these sequences; they are explained all the same")
        return (*self.rows.notes, *said)


def strength(found: FoundMotif) -> float:
    """How much one copy of a motif moves the score; 0 where that was not measured."""
    return 0.0 if found.effect is None else abs(found.effect.inserted.value)


def usual_place(motif: Motif) -> int | None:
    """Where a motif is put to measure its effect: its commonest 0-based start, if it keeps to one place; else None."""
    starts = motif.sites.start
    if not len(starts):
        return None
    counts = np.bincount(starts)
    place = int(np.convolve(counts, np.ones(2 * NEAR + 1, int), mode="same").argmax())
    near = np.abs(starts - place) <= NEAR
    return int(np.bincount(starts[near]).argmax()) if near.mean() >= TIGHT else None


def _source(seqlets: Seqlets, patterns: Patterns) -> str:
    null = seqlets.null
    said = (
        f"{patterns.found:,} seqlets (windows whose contributions add up to more than noise would, at a false discovery rate of "
        f"{null.rate:g}) were grouped by their likeness"
    )
    return said + (f"; {patterns.used / patterns.found:.0%} of them lie in a motif" if patterns.motifs else "")
