"""Train a taxonomy model: reference and ranges to a run folder with a bundle and the figures of held-out records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strandloom.bundle import write_bundle
from strandloom.errors import InputError
from strandloom.io.plain import write_json
from strandloom.run.output_folder import new_folder
from strandloom.training.pinning import pinned
from strandloom.training.runtime import apply, choose_runtime, environment
from strandloom.workflows.taxonomy.evidence import NOTHING
from strandloom.workflows.taxonomy.held_out import HeldOut, judge_held_out
from strandloom.workflows.taxonomy.learn import Epoch, Questions, answer_questions, learn_answers, learn_places
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import Member, TaxonomyModel
from strandloom.workflows.taxonomy.names import read_synonyms
from strandloom.workflows.taxonomy.network import AnswerNetwork
from strandloom.workflows.taxonomy.place_practice import Located, place_practice
from strandloom.workflows.taxonomy.places import FEATURES as PLACE_FEATURES
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.practice import Match, Practice, practise
from strandloom.workflows.taxonomy.ranges.ranges import Ranges
from strandloom.workflows.taxonomy.ranges.read import read_ranges
from strandloom.workflows.taxonomy.reference import Reference, read_reference
from strandloom.workflows.taxonomy.settings import TaxonomyTraining
from strandloom.workflows.taxonomy.store import to_bundle
from strandloom.workflows.taxonomy.training_card import training_card

RUN = "taxonomy.json"
FORMAT = 1
THRESHOLD = 0.9
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """A model and how its training went."""

    model: TaxonomyModel
    epochs: list[dict[str, Any]]
    held_out: HeldOut
    seconds: dict[str, float]


def train_model(
    reference: Reference,
    ranges: Ranges | None,
    *,
    settings: TaxonomyTraining | None = None,
    threads: int = 1,
    say: Say = lambda _: None,
) -> Trained:
    """Train the networks of a reference, and of ranges where there are some.

    Records are held out before anything is copied or changed; their queries choose the epochs and are judged at the end.

    Raises
    ------
    InputError
        The reference has no species with two records, or fewer than two species.
    DivergedError
        A loss is no longer a number.
    """
    settings = settings or TaxonomyTraining()
    match = Match(reference)
    several = match.records.per_species[reference.species] > 1
    if len(reference.taxonomy) < 2 or several.sum() < 2:
        raise InputError(
            f"the reference has {len(reference.taxonomy)} species and {int(several.sum())} records of species with several records",
            hint="to learn how much records of one species differ, some species need two or more records",
        )
    started = time.perf_counter()
    seconds: dict[str, float] = {}
    say(f"{len(reference):,} records meet a reference without themselves")
    blocks = practise(match, seed=settings.seed, threads=threads)
    held = _held_out(np.flatnonzero(several), len(reference), settings)
    questions = answer_questions(blocks, held)
    seconds["practice"] = time.perf_counter() - started
    evidence = None if ranges is None else RangeEvidence(ranges, len(reference.taxonomy))
    if evidence is not None and not evidence.placed.any():
        raise InputError(
            "the range files hold limits of species only, from which no place can be drawn to learn from",
            hint="add records, ecoregions or river basins; limits count beside them",
        )
    members: list[Member] = []
    epochs: list[dict[str, Any]] = []

    def told(network: str, number: int) -> Callable[[Epoch], None]:
        def tell(epoch: Epoch) -> None:
            epochs.append({"network": network, "member": number, **asdict(epoch)})

        return tell

    with pinned():
        for number in range(settings.members):
            at = time.perf_counter()
            seed = settings.seed * 1000 + number
            say(f"network {number + 1} of {settings.members}: what the sequence says")
            answers = learn_answers(
                questions, seed=seed, epochs=settings.answer_epochs, on_epoch=told("answers", number)
            )
            places = None
            if evidence is not None:
                say(f"network {number + 1} of {settings.members}: what the place says")
                asked = _place_questions(match, answers, blocks, evidence, settings, seed=seed, held=held)
                if len(asked):
                    places = learn_places(
                        asked, seed=seed, epochs=settings.place_epochs, on_epoch=told("places", number)
                    )
            members.append(Member(answers, places))
            seconds[f"network {number + 1}"] = time.perf_counter() - at
    model = TaxonomyModel(match, evidence, tuple(members))
    say("judging on held-out records")
    return Trained(model, epochs, judge_held_out(model, blocks[0], held, seed=settings.seed), seconds)


def _held_out(several: NDArray[np.int64], records: int, settings: TaxonomyTraining) -> NDArray[np.bool_]:
    """Records kept from training, bool ``(R,)``; of those of species with several records at least one, and not all."""
    held = np.random.default_rng((settings.seed, 7)).random(records) < settings.held_out
    if not held[several].any():
        held[several[-1]] = True
    if held[several].all():
        held[several[0]] = False
    return held


def _place_questions(
    match: Match,
    answers: AnswerNetwork,
    blocks: Sequence[Practice],
    evidence: RangeEvidence,
    settings: TaxonomyTraining,
    *,
    seed: int,
    held: NDArray[np.bool_],
) -> Questions:
    """Queries at places where their species occurs, also of species, genera … that the reference lacks."""
    judged = TaxonomyModel(match, None, (Member(answers, None),))
    family = match.lineages.of[RANKS.index("family")]
    parts: list[tuple[Practice, Located, NDArray[np.float32]]] = []
    for number, block in enumerate(blocks):
        if (block.evidence.kind[block.truth] == NOTHING).all():
            continue  # what is nothing occurs nowhere
        scores = judged.sequence_scores(block.evidence)[0]
        located = place_practice(
            block, scores, evidence, match.reference.species, family, seed=seed * 10 + number,
            repeats=settings.places_per_query, in_doubt=settings.places_in_doubt,
        )  # fmt: skip
        if len(located.truth):
            parts.append((block, located, scores))
    starts = np.cumsum([0] + [len(located.answer) for _, located, _ in parts])
    weight = _joined([located.weight for _, located, _ in parts], np.float32)
    moved = list(zip(parts, starts[:-1].tolist(), strict=True))
    return Questions(
        offsets=torch.from_numpy(
            np.concatenate([[0], *(located.offsets[1:] + start for (_, located, _), start in moved)]).astype(np.int64)
        ),
        kind=torch.from_numpy(_joined([b.evidence.kind[x.answer] for b, x, _ in parts], np.int64)),
        truth=torch.from_numpy(_joined([x.truth + start for (_, x, _), start in moved], np.int64)),
        weight=torch.from_numpy(weight / max(float(weight.mean()) if len(weight) else 1.0, 1e-12)),
        held=torch.from_numpy(_joined([held[x.row] for _, x, _ in parts], np.bool_)),
        features=torch.from_numpy(
            np.concatenate([x.features for _, x, _ in parts])
            if parts
            else np.zeros((0, len(PLACE_FEATURES)), np.float32)
        ),
        base=torch.from_numpy(_joined([scores[x.answer] for _, x, scores in parts], np.float32)),
        species=torch.from_numpy(_joined([x.species + start for (_, x, _), start in moved], np.int64)),
    )


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.asarray(x) for x in parts]).astype(dtype) if parts else np.zeros(0, dtype)


def train_taxonomy(
    reference: str | Path,
    range_files: Sequence[str | Path],
    *,
    out: str | Path,
    synonyms: str | Path | None = None,
    settings: TaxonomyTraining | None = None,
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> Trained:
    """From a reference folder and range files to a run folder: ``bundle/``, ``taxonomy.json``, ``environment.json``.

    Parameters
    ----------
    reference
        A folder made by ``strandloom taxonomy build``.
    range_files
        Any mix of range files; none: a model of sequences alone.
    synonyms
        Table of names and accepted names, for range files under other names.
    out
        The run folder; it must not exist, unless ``force``.

    Raises
    ------
    InputError
        A file cannot be used.
    OutputError
        The folder exists, or cannot be written.
    """
    settings = settings or TaxonomyTraining()
    read = read_reference(reference)
    known = None if synonyms is None else read_synonyms(synonyms)
    ranges = read_ranges([Path(x) for x in range_files], read.taxonomy, synonyms=known) if range_files else None
    if ranges is not None:
        for line in (*ranges.report.lines(), *ranges.describe(len(read.taxonomy))):
            say(line)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    with new_folder(out, mark=RUN, what="a run of strandloom taxonomy train", force=force) as folder:
        trained = train_model(read, ranges, settings=settings, threads=runtime.threads, say=say)
        facts = {
            "format": FORMAT,
            "command": command,
            "reference": {
                "name": read.name,
                "records": len(read),
                "species": len(read.taxonomy),
                "marker": read.marker.name,
            },
            "settings": settings.model_dump(),
            "ranges": None if ranges is None else ranges.report.to_json(),
            "held_out": trained.held_out.to_json(),
            "epochs": trained.epochs,
            "seconds": {name: round(value, 2) for name, value in trained.seconds.items()},
        }
        bundle = to_bundle(
            trained.model,
            name=read.name,
            threshold=THRESHOLD,
            card=training_card(trained.model, trained.held_out, ranges),
            facts={"settings": settings.model_dump(), "held_out": trained.held_out.to_json()},
        )
        write_bundle(folder / "bundle", bundle)
        write_json(folder / "environment.json", environment(runtime))
        write_json(folder / RUN, facts)
    return trained
