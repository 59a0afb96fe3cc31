"""A bundle designs sequences: starts from a file or drawn, a folder of steps, finals and a page out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.bundle import WEIGHTS
from strandloom.data.window import Window
from strandloom.design.designs import Designs, Tell, design
from strandloom.design.objective import Objective
from strandloom.design.settings import DesignSettings
from strandloom.errors import InputError, SettingsError, UsageError
from strandloom.io.read import read_records
from strandloom.io.settings import LetterPolicy
from strandloom.predict import Predictor, load
from strandloom.run.design_oracle import differentiable, oracle_of, scale_of, trusted_region
from strandloom.run.design_write import SUMMARY, WrittenDesign
from strandloom.run.output_folder import check_free, new_folder

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
    without
        Starts by name that have no design, and why.
    """

    folder: Path
    designs: Designs
    sentence: str
    notes: tuple[str, ...]
    without: tuple[tuple[str, str], ...]


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
    if judging is not None and judging.manifest.files.get(WEIGHTS) == manifest.files.get(WEIGHTS):
        raise UsageError(
            "the judge is the model that designs",
            where="--judge",
            hint="train another one, best on other rows of the data",
        )
    if judging is not None and judging.manifest.labels != manifest.labels:
        raise UsageError(
            f"the judge predicts {', '.join(judging.manifest.labels)}, the model {', '.join(manifest.labels)}",
            where="--judge",
            hint="train the judge on the same target",
        )
    begun = _starts(predictor.window, starts, random, length, sequence, manifest.letters, asked)
    longest = int(begun.lengths.max())
    if judging is not None and judging.window.length < longest:
        raise UsageError(
            f"the judge reads {judging.window.length} bases, and a start has {longest}",
            where="--judge",
            hint="train the judge with the same window",
        )
    objective = Objective.of(asked.goals, manifest.labels, scale_of(predictor), tolerance=asked.tolerance)
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
        written = WrittenDesign(found, begun.ids, predictor, judging, objective, region, asked)
        sentence = written.write(folder, bundle=str(bundle), judge=judge, command=command, notes=told)
    without = tuple((begun.ids[int(found.kept[s])], why) for s, why in found.without.items())
    return Designed(Path(out), found, sentence, told, without)


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
                f"starts of {size} bases do not fit the model's window of {window.length}",
                where="--length",
                hint=f"at most {window.length}",
            )
        drawn = np.full((random, window.length), DNA.pad, np.uint8)
        first = int(window.shift([size])[0])
        drawn[:, first : first + size] = np.random.default_rng((settings.seed, 1)).integers(0, 4, (random, size))
        codes.append(drawn)
        lengths.append(np.full(random, size, np.int32))
        ids += [f"random-{i + 1}" for i in range(random)]
    drawn_ones = np.arange(len(ids)) >= len(ids) - random
    return Starts(np.concatenate(codes), np.concatenate(lengths), tuple(ids), drawn_ones)
