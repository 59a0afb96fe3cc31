"""The commented experiment that ``strandloom init`` writes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from strandloom.data.genomic import place_frames
from strandloom.data.recognise import Recognised, odd_cell, recognise, recognise_task
from strandloom.data.targets import missing
from strandloom.errors import InputError, nearest
from strandloom.io.frames import typed
from strandloom.io.read import read_blocks
from strandloom.io.settings import LetterPolicy

if TYPE_CHECKING:
    from strandloom.experiment import Experiment

ROWS_LOOKED_AT = 200_000
GENOME_WINDOW = 1000
"""Bases around a place on a genome, as DeepSEA and DanQ read."""
MOST_CLASSES_LISTED = 20
"""With more classes than this no `filter` of them is written."""

TEMPLATE = """\
# A starting experiment, written by `strandloom init`. Every setting has a sensible default: delete what you do not need.
# Train it:            strandloom train {file} --out RUN
# Change a setting:    strandloom train {file} --out RUN --set training.epochs=20
# Three seeds pooled:  strandloom train {file} --out RUN --seeds 3
name: {name}

data:
  table: {table}             # relative to this file, or to STRANDLOOM_DATA
{columns}
  strand: auto               # both: the reverse complement means the same; one: it does not; auto: decided on validation
  # weight: COLUMN           # a column of row weights
  # exclude: {{column: value}} # leave rows out
  # window: {{length: 200, anchor: centre}}   # default: the longest sequence, left-anchored

task: {task}                # one of {classes} classes per sequence

{split}

model:
  kind: residual             # residual (default) | multiscale | layers (your own list of blocks); as published: utr | deepsea | danq …

training:
  # epochs: 10               # at most; the best epoch on validation is kept
  # batch_size: 128
  # class_weights: balanced  # when rare classes matter as much as common ones
  seed: 1

evaluation:
  # baselines: all           # or a list: [majority, composition, kmer_logistic, kmer_bayes, nearest, position_logistic]
  # blend: none              # the network alone, without a linear baseline in its answer
  abstain_error: 0.05        # rows less sure than this error allows are marked `abstain`
"""

VALUE_TEMPLATE = """\
# A starting experiment for measured values, written by `strandloom init`. Every setting has a sensible default.
# Train it:            strandloom train {file} --out RUN
# Three seeds pooled:  strandloom train {file} --out RUN --seeds 3
name: {name}

data:
  table: {table}             # relative to this file, or to STRANDLOOM_DATA
{columns}
  strand: auto               # both: the reverse complement means the same; one: it does not; auto: decided on validation
  # counts: [t0, t1]         # values that are log ratios of read counts: rows count by how well they are measured
  # window: {{anchor: right}} # sequences that end at the same place, for example before a start codon

task: value                  # one or more measured numbers

{split}

training:
  # loss: huber              # mse, huber, gaussian (needs counts or variance), pinball
  seed: 1

evaluation:
  # strata: {{column: t0, edges: [10, 30, 101]}}   # score ranges of a column apart
  # baselines: all           # or a list: [mean, kmer_ridge, position_ridge, leader_ridge, kmer_boosting, nearest]
"""

LABEL_TEMPLATE = """\
# A starting experiment for labels (any number of them a row), written by `strandloom init`. Every setting has a sensible default.
# Train it:            strandloom train {file} --out RUN
# Three seeds pooled:  strandloom train {file} --out RUN --seeds 3
name: {name}

data:
  table: {table}             # relative to this file, or to STRANDLOOM_DATA
{columns}
  strand: auto               # both: the reverse complement means the same; one: it does not; auto: decided on validation

task: labels                 # any of {classes} labels, each a question of its own

{split}

model:
  kind: residual             # residual (default) | multiscale | layers; as published: danq | deepsea

training:
  # class_weights: balanced  # count the rows that have a rare label more
  seed: 1

evaluation:
  # label_groups: {{TF: ["*_TF"], histone: ["H3*", "H4*"]}}   # medians by group, too
  # baselines: all           # or a list: [prevalence, composition, kmer_logistic]
"""

GIVEN = """\
split:
  kind: column               # the table says which row is for what
  column: {column}"""

FOLDS = """\
split:
  kind: folds                # the table gives the folds; every row is tested once
  column: {column}
  k: {k}"""

CHROMOSOMES = """\
split:
  kind: chromosome           # whole chromosomes: windows of one overlap, and neighbours are alike
  test: [{test}]
  validation: [{validation}]"""

HOMOLOGY = """\
split:
  kind: homology             # near-duplicate sequences stay on one side; stratified, random, group, chromosome … are others
  test: 0.2
  validation: 0.1
  seed: 1"""


def starting_experiment(
    table: Path,
    *,
    out: Path,
    sequence: str | None = None,
    target: str | None = None,
    genome: Path | None = None,
    window: int | None = None,
    task: str | None = None,
) -> tuple[str, list[str]]:
    """The YAML for a table, and what was recognised, in words.

    Parameters
    ----------
    table
        The table.
    out
        The experiment file to be; the table is named relative to it.
    sequence, target
        Columns, where they are not to be recognised.
    genome
        FASTA on which the table names places (``chrom``, ``start``, ``end``); it is named relative to ``out`` as well.
    window
        Bases around each place, or of each sequence.
    task
        ``classes``, ``labels`` or ``value``, where it is not to be recognised.

    Raises
    ------
    InputError
        No sequence or target column is recognised, or the target is nothing that can be learned.
    """
    frame = _look(table, sequence) if genome is None else _places(table)
    found = recognise(frame if genome is None else frame.drop("chrom", "start", "end", strict=False))
    target = _target(frame, found, target, table)
    odd = odd_cell(frame[target]) if task is None else None
    if odd is not None:
        raise InputError(
            f"row {odd.row + 1}: the column '{target}' holds '{odd.text[:40]}', where {odd.numbers:,} rows hold numbers",
            where=table,
            hint="write a number, or take the row out; if they are names of classes, say so: task: classes in an experiment file",
        )
    task = task or recognise_task(frame[target])
    columns = [] if sequence is None else [f"  sequence: {_text(sequence)}"]
    if genome is not None:
        columns.append(f"  genome: {_text(_beside(genome, out))}   # each row is the window around its place")
        window = window or GENOME_WINDOW
    columns.append(f"  target: {_text(target)}")
    if window is not None:
        columns.append(f"  window: {{length: {window}, anchor: centre}}")
    split, note = _split(frame, found)
    if task == "labels":
        return _for_labels(frame, target, table, out=out, columns=columns, split=(split, note))
    if task == "value":
        return _for_values(frame, target, table, out=out, columns=columns, split=(split, note))
    unknown = missing(frame[target])
    names = frame[target].filter(~unknown).unique().sort().to_list()
    if len(names) < 2:
        raise InputError(
            f"the column '{target}' holds one class only: '{names[0]}'"
            if names
            else f"the column '{target}' holds no class",
            where=table,
            hint="name another column with --target, or add rows of another class",
        )
    notes = [f"target: {target} ({len(names)} classes)", note]
    if unknown.any() and len(names) <= MOST_CLASSES_LISTED:
        listed = ", ".join(_text(name) if isinstance(name, str) else str(name) for name in names)
        columns.append(f"  filter: {{{_text(target)}: [{listed}]}}   # the others have no class")
        notes.append(
            f"careful: {int(unknown.sum()):,} of {len(frame):,} rows looked at have no class; data.filter leaves them out"
        )
    text = TEMPLATE.format(
        file=out.name,
        name=_name(table),
        table=_text(_beside(table, out)),
        columns="\n".join(columns),
        task=task,
        classes=len(names),
        split=split,
    )
    return text, notes


def is_experiment_file(path: Path) -> bool:
    """Whether a file is an experiment rather than a table, by its name: what is no known kind of table is read as YAML."""
    suffixes = [x.lower() for x in path.suffixes if x.lower() not in (".gz", ".zst")]
    return not suffixes or suffixes[-1] in (".yaml", ".yml", ".json") or not path.is_file()


def experiment_of_table(
    table: Path,
    overrides: Sequence[str] = (),
    *,
    target: str | None = None,
    genome: Path | None = None,
    window: int | None = None,
) -> tuple[Experiment, list[str]]:
    """The experiment that ``init`` would write for a table, with settings replaced, and what was recognised.

    Raises
    ------
    InputError, SettingsError
        As :func:`starting_experiment`; a setting is wrong.
    """
    import yaml

    from strandloom.experiment import Experiment
    from strandloom.settings_file import SettingsFile, override

    task = next(
        (text.partition("=")[2].strip() for text in reversed(overrides) if text.partition("=")[0].strip() == "task"),
        None,
    )
    text, notes = starting_experiment(
        table, out=table.parent / "experiment.yaml", target=target, genome=genome, window=window, task=task
    )
    file = override(SettingsFile(yaml.safe_load(text), f"{table}, as `strandloom init` has it", {}, {}), overrides)
    return file.check(Experiment), notes


def _for_values(
    frame: pl.DataFrame, target: str, table: Path, *, out: Path, columns: list[str], split: tuple[str, str]
) -> tuple[str, list[str]]:
    """The YAML for a column of measured numbers."""
    numbers = frame[target].cast(pl.Float64, strict=False).drop_nulls().drop_nans().to_numpy()
    notes = [f"target: {target} (values from {numbers.min():.4g} to {numbers.max():.4g})", split[1]]
    text = VALUE_TEMPLATE.format(
        file=out.name, name=_name(table), table=_text(_beside(table, out)), columns="\n".join(columns), split=split[0]
    )
    return text, notes


def _for_labels(
    frame: pl.DataFrame, target: str, table: Path, *, out: Path, columns: list[str], split: tuple[str, str]
) -> tuple[str, list[str]]:
    """The YAML for a column of names separated by commas."""
    names = frame[target].cast(pl.String).fill_null("").str.split(",").explode().str.strip_chars()
    count = names.filter(names != "").n_unique()
    text = LABEL_TEMPLATE.format(
        file=out.name, name=_name(table), table=_text(_beside(table, out)), columns="\n".join(columns), split=split[0],
        classes=count,
    )  # fmt: skip
    return text, [f"target: {target} ({count} labels, separated by commas)", split[1]]


def _beside(path: Path, out: Path) -> str:
    """A file as the experiment file names it."""
    return os.path.relpath(path.resolve(), out.resolve().parent)


def _places(table: Path) -> pl.DataFrame:
    """The first rows of a table of places, numbers as numbers."""
    frame = next(place_frames(table, whole=True)).frame.head(ROWS_LOOKED_AT)
    return frame.select(typed(column) for column in frame)


def _look(table: Path, sequence: str | None) -> pl.DataFrame:
    """The first rows' columns beside the sequence."""
    frames, rows = [], 0
    for block in read_blocks(table, sequence=sequence, policy=LetterPolicy(unknown="skip", empty="skip")):
        frames.append(block.columns)
        rows += len(block)
        if rows >= ROWS_LOOKED_AT:
            break
    if not frames or rows == 0:
        raise InputError(
            "no readable sequence in the file", where=table, hint="`strandloom data check` says what is wrong"
        )
    return pl.concat(frames, how="vertical_relaxed")


def _target(frame: pl.DataFrame, found: Recognised, asked: str | None, table: Path) -> str:
    if asked is not None:
        if asked not in frame.columns:
            like = nearest(asked, frame.columns)
            hint = f"did you mean '{like}'?" if like else "columns: " + ", ".join(frame.columns)
            raise InputError(f"there is no column '{asked}'", where=table, hint=hint)
        return asked
    if found.target is None:
        columns = ", ".join(frame.columns) or "none besides the sequence"
        raise InputError(
            "no target column was recognised", where=table, hint=f"name it with --target; columns: {columns}"
        )
    return found.target


def _split(frame: pl.DataFrame, found: Recognised) -> tuple[str, str]:
    if found.split_column is not None:
        counts = frame[found.split_column].value_counts(sort=True)
        words = ", ".join(f"{name} {n:,}" for name, n in counts.iter_rows())
        return GIVEN.format(column=_text(found.split_column)), f"split: the column '{found.split_column}' ({words})"
    if found.fold is not None:
        k = frame[found.fold].n_unique()
        return FOLDS.format(column=_text(found.fold), k=k), f"split: the {k} folds of the column '{found.fold}'"
    if {"chrom", "start", "end"} <= set(frame.columns):
        found_split = _chromosomes(frame)
        if found_split is not None:
            return found_split
    return HOMOLOGY, "split: by homology (no split column): near-duplicates stay on one side"


def _chromosomes(frame: pl.DataFrame) -> tuple[str, str] | None:
    """Chromosomes for test (about a fifth of the rows) and validation (about a tenth), smallest first; None of too few."""
    counts = frame["chrom"].value_counts().sort("count", "chrom")
    names, rows = counts["chrom"].to_list(), counts["count"].to_list()
    if len(names) < 3:
        return None
    parts: dict[str, list[str]] = {"test": [], "validation": []}
    held = {"test": 0, "validation": 0}
    for name, count in zip(names[:-1], rows[:-1], strict=True):
        part = min(parts, key=lambda x: held[x] / (0.2 if x == "test" else 0.1))
        if parts[part] and (held[part] + count) / len(frame) > (0.25 if part == "test" else 0.15):
            break
        parts[part].append(str(name))
        held[part] += count
    if not parts["validation"]:
        return None
    words = {part: ", ".join(some) for part, some in parts.items()}
    text = CHROMOSOMES.format(**{part: ", ".join(_text(x) for x in some) for part, some in parts.items()})
    return text, f"split: by chromosome (test {words['test']}; validation {words['validation']})"


def _name(table: Path) -> str:
    stem = table.name.split(".")[0]
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).strip("._-")
    return kept or "experiment"


def _text(value: str) -> str:
    """A YAML scalar that reads back as this text."""
    plain = value.replace("_", "").replace("-", "").replace(".", "").replace("/", "")
    return (
        value
        if plain.isalpha() and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
        else json.dumps(value)
    )
