"""From a genome and files of peaks to a table of labelled bins, as ``strandloom data label`` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from strandloom.alphabet import DNA
from strandloom.data.bins import LabelledBins, Rule, label_bins
from strandloom.data.interval_sets import overlaps
from strandloom.errors import InputError, UsageError, nearest
from strandloom.io.frames import listed, read_text_frame
from strandloom.io.genome import Genome, open_genome
from strandloom.io.intervals import Intervals, make_intervals, read_intervals
from strandloom.io.write import TableWriter
from strandloom.words import plural

_BLOCK = 16_384
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Labelled:
    """What was written.

    Parameters
    ----------
    bins
        Bins with their labels.
    lines
        The result in words, a line each.
    """

    bins: LabelledBins
    lines: tuple[str, ...]


def label_genome(
    genome: str | Path,
    peaks: Sequence[str | Path],
    *,
    out: str | Path,
    size: int = 200,
    rule: Rule = "half",
    least: int = 1,
    labels: Sequence[str] = (),
    empty: bool = False,
    negatives: int | None = None,
    seed: int = 1,
    alias: str | Path | None = None,
    blacklist: str | Path | None = None,
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
    window: int | None = None,
    cache: str | Path | None = None,
) -> Labelled:
    """Cut a genome into bins and write each with the names of the peaks that cover it.

    Parameters
    ----------
    genome
        FASTA, plain or gz.
    peaks
        BED, narrowPeak or GFF files. The fourth column of BED names the label; a file without names is a label of its own, called as the
        file.
    out
        A table ``chrom, start, end[, split], labels[, sequence]`` (labels separated by commas).
    size, rule, empty
        See :func:`~strandloom.data.bins.label_bins`.
    least
        Labels with fewer positive bins, those on the blacklist not counted, are left out.
    labels
        The labels to write; a bin of others only stays, without one, also where ``least`` leaves a label out. None given: all that the
        peaks have.
    negatives, seed
        Bins without a label that are kept, drawn by the seed; None: all of them.
    alias
        A table with two columns of contig names: as the genome has them, and as the peaks do (in any order).
    blacklist
        Bins that overlap an interval of this file are left out.
    validation, test
        Contigs of these parts; the column ``split`` is written where any is named.
    window
        Bases around the middle of each bin that are written as its sequence, so that the table stands alone; None: places only. Beyond an
        end of a contig stands N.
    cache
        Folder for the map of the genome.

    Raises
    ------
    InputError
        A file cannot be read, a contig is not known, a peak lies beyond its contig; the line is named.
    UsageError
        A label that is asked for has no peak, a contig stands in two parts, or negatives are asked for where no bin is without a label.
    """
    opened = open_genome(genome, cache=cache)
    lines = [opened.note] if opened.note else []
    names = {} if alias is None else read_aliases(alias, opened)
    sets = [_named(read_intervals(path), Path(path)).renamed(names) for path in peaks]
    joined = _joined(sets)
    for name in (*validation, *test):
        opened.number(name, where="--test or --validation")
    if twice := sorted(set(validation) & set(test)):
        raise UsageError(f"{', '.join(twice)} cannot be in two parts", where="--validation", hint="name it once")
    sizes = {contig.name: contig.length for contig in opened.contigs}
    bins = label_bins(joined, sizes, size=size, rule=rule, empty=empty)
    if labels:
        bins = bins.only(_known_labels(labels, bins))
    if blacklist is not None:
        places = make_intervals([bins.names[c] for c in bins.contig], bins.start, bins.start + bins.size)
        outside = np.ones(len(bins), bool)
        outside[overlaps(places, read_intervals(blacklist).renamed(names)).left] = False
        lines.append(f"{plural(int((~outside).sum()), 'bin')} on the blacklist left out")
        bins = bins.take(np.flatnonzero(outside))
    few = [name for name, count in zip(bins.labels, bins.positives().tolist(), strict=True) if count < least]
    if few and len(few) == len(bins.labels):
        raise _no_label(bins, rule=rule, least=least, asked=labels, where=", ".join(map(str, peaks)))
    if few:
        bins = bins.only([name for name in bins.labels if name not in few])
        if not (labels or empty):
            bins = bins.take(np.unique(bins.row))
        lines.append(f"{plural(len(few), 'label')} with fewer than {least} bins left out: {listed(few)}")
    if negatives is not None:
        bins, said = _drawn(bins, negatives, seed=seed, empty=empty)
        lines.append(said)
    if empty:
        lines += _bare(bins, joined)
    chrom = pl.Series("chrom", list(bins.names), dtype=pl.String).gather(bins.contig)
    columns = [chrom, pl.Series("start", bins.start), pl.Series("end", bins.start + bins.size)]
    if validation or test:
        part = {**dict.fromkeys(validation, _PARTS[1]), **dict.fromkeys(test, _PARTS[2])}
        columns.append(chrom.replace_strict(part, default=_PARTS[0], return_dtype=pl.String).alias("split"))
    frame = pl.DataFrame([*columns, pl.Series("labels", bins.texts())])
    there = set(frame["chrom"].unique())
    lines += [f"careful: no bin lies on {x}, which was to be held out" for x in (*validation, *test) if x not in there]
    with TableWriter(Path(out)) as writer:
        for rows in frame.iter_slices(_BLOCK):
            writer.write(rows if window is None else rows.with_columns(_sequences(rows, opened, window)))
    if bins.dropped:
        gone = listed([name for name in joined.names if name not in sizes])
        lines.append(
            f"careful: {bins.dropped:,} of {plural(len(joined), 'peak')} left out, on contigs that the genome does not have ({gone}); "
            "--alias TABLE translates names"
        )
    each = bins.positives()
    span = (
        f"{each.min():,} to {each.max():,} bins each" if each.min() < each.max() else f"{plural(each[0], 'bin')} each"
    )
    lines.append(
        f"{plural(len(frame), 'bin')} of {size} bases with {plural(len(bins.labels), 'label')} ({span}) → {out}"
    )
    return Labelled(bins, tuple(lines))


def _bare(bins: LabelledBins, peaks: Intervals) -> list[str]:
    """A line on contigs without a peak, where nobody may have looked for any."""
    counts = np.bincount(bins.contig, minlength=len(bins.names))
    bare = [i for i, name in enumerate(bins.names) if counts[i] and name not in peaks.names]
    if not bare:
        return []
    where, many = listed([bins.names[i] for i in bare]), plural(int(counts[bare].sum()), "bin")
    return [
        f"careful: no peak lies on {where}, whose {many} count as without a label; --blacklist BED leaves places out"
    ]


def _drawn(bins: LabelledBins, negatives: int, *, seed: int, empty: bool) -> tuple[LabelledBins, str]:
    """Bins with fewer of those without a label, and a line about it."""
    without = np.setdiff1d(np.arange(len(bins)), bins.row)
    if not len(without):
        hint = None if empty else "add --empty"
        raise UsageError("no bin is without a label, so that none can be drawn", where="--negatives", hint=hint)
    kept = np.random.default_rng(seed).choice(without, min(negatives, len(without)), replace=False)
    said = f"{len(kept):,} of {plural(len(without), 'bin')} without a label kept, drawn by seed {seed}"
    return bins.take(np.union1d(bins.row, kept)), said


def _known_labels(asked: Sequence[str], bins: LabelledBins) -> list[str]:
    """The labels that are asked for, each once."""
    for name in asked:
        if name not in bins.labels:
            close = nearest(name, bins.labels)
            hint = f"did you mean '{close}'?" if close else f"there are {listed(bins.labels)}"
            raise UsageError(f"no peak is called '{name}'", where="--label", hint=hint)
    return list(dict.fromkeys(asked))


def _no_label(bins: LabelledBins, *, rule: Rule, least: int, asked: Sequence[str], where: str) -> InputError:
    whose = f" of {', '.join(asked[:5])}" if asked else ""
    if not len(bins.row) and rule == "half":
        return InputError(
            f"no peak{whose} covers more than half of a bin of {bins.size} bases",
            where=where,
            hint="of short peaks take --rule any",
        )
    few = (
        f"fewer than {plural(least, 'bin')} have {' or '.join(asked[:5])}"
        if asked
        else f"no label has {plural(least, 'bin')}"
    )
    return InputError(few, where=where, hint="lower --least")


def _sequences(places: pl.DataFrame, genome: Genome, window: int) -> pl.Series:
    """The bases around the middle of each place."""
    contig = genome.numbers(places["chrom"].to_list())
    middle = (places["start"].to_numpy() + places["end"].to_numpy()) // 2
    found = genome.windows(contig, middle - window // 2, length=window)
    codes = np.where(found.codes == DNA.pad, DNA.any, found.codes)  # so that the bin stays in the middle
    return pl.Series("sequence", [DNA.decode(row) for row in codes], dtype=pl.String)


def _named(intervals: Intervals, path: Path) -> Intervals:
    """Peaks with a name each; those of a file without names are called as the file."""
    given = intervals.label.replace(".", "")  # BED's word for no name
    intervals = replace(intervals, label=given)
    if bool((given != "").any()):
        commas = given.str.contains(",", literal=True)
        if bool(commas.any()):
            row = int(commas.arg_max() or 0)
            raise InputError(
                f"the name '{given[row]}' holds a comma, which separates labels in the table",
                where=intervals.where(row),
                hint="replace it, for example by _",
            )
        return intervals
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0].replace(",", "_")
    return replace(
        intervals, label=pl.Series("label", [stem], dtype=pl.String).extend_constant(stem, len(intervals) - 1)
    )


def _joined(sets: Sequence[Intervals]) -> Intervals:
    """Several sets as one; a single one keeps its lines for messages."""
    if len(sets) == 1:
        return sets[0]
    names = tuple(dict.fromkeys(name for one in sets for name in one.names))
    number = {name: i for i, name in enumerate(names)}
    contig = [np.array([number[name] for name in one.names], np.int64)[one.contig] for one in sets]
    return Intervals(
        names, np.concatenate(contig), np.concatenate([x.start for x in sets]), np.concatenate([x.end for x in sets]),
        np.concatenate([x.strand for x in sets]), pl.concat([x.label.alias("label") for x in sets]), pl.DataFrame(),
    )  # fmt: skip


def read_aliases(path: str | Path, genome: Genome) -> dict[str, str]:
    """Other names of contigs to those of the genome, from a table in any order of its columns.

    Raises
    ------
    InputError
        No row names a contig of the genome.
    """
    read = read_text_frame(path, headed=lambda _: False)
    known = {contig.name for contig in genome.contigs}
    found: dict[str, str] = {}
    for row in read.frame.iter_rows():
        own = [name for name in row if name in known]
        if own:
            found |= {name: own[0] for name in row if name is not None and name != own[0]}
    if not found:
        raise InputError("no row names a contig of the genome", where=path)
    return found
