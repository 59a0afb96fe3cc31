"""The folder of an explanation: pages, motifs, sites, attributions, and the same as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.io.motif_write import write_jaspar, write_meme
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.predict import Predictor
from strandloom.pwm import Matrix, consensus
from strandloom.report.motif_inputs import FoundMotif, MotifPage, NamedSite, PageLink, SequencePage
from strandloom.report.motif_page import render_motifs
from strandloom.report.motif_words import story
from strandloom.report.sequence_page import render_sequence
from strandloom.run.explain_output import OutputExplained
from strandloom.version import VERSION

FORMAT = 1
MOTIFS, MATRICES, COUNTS, FILTERS, SITES, BED, MAPS, SUMMARY = (
    "motifs.html", "motifs.meme", "motifs.jaspar", "filters.meme", "sites.tsv", "sites.bed", "attributions.npz", "explanation.json",
)  # fmt: skip
SEQUENCES = "sequences"


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was written.

    Parameters
    ----------
    folder
        Where.
    outputs
        What was found, output by output.
    sentence
        The story in a sentence.
    pages
        What the pages of motifs show, links included; the first is ``motifs.html``.
    """

    folder: Path
    outputs: tuple[OutputExplained, ...]
    sentence: str
    pages: tuple[MotifPage, ...]


def write_explanation(
    folder: Path,
    outputs: Sequence[OutputExplained],
    *,
    predictor: Predictor,
    pages: int,
    ids: Sequence[str] = (),
    command: str = "",
) -> Explanation:
    """Write the files and pages of what was found.

    Parameters
    ----------
    folder
        An empty folder.
    outputs
        One a label that was explained.
    pages
        Sequences of each output that get a page; those of ``ids`` come besides.
    command
        What makes the same again.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    slugs = output_slugs([found.page.output.label for found in outputs])
    names = [MOTIFS, *(f"motifs-{slug}.html" for slug in slugs[1:])]
    prefixes = [f"{slug}-" for slug in slugs] if len(outputs) > 1 else [""]
    files = _write_files(folder, outputs, prefixes)
    shown = []
    for number, (found, name) in enumerate(zip(outputs, names, strict=True)):
        others = tuple(
            PageLink(other, one.page.output.label) for one, other in zip(outputs, names, strict=True) if other != name
        )
        links = _sequence_pages(folder, found, back=name, number=number, pages=pages, ids=ids)
        page = replace(found.page, outputs=others, pages=links, files=files, version=VERSION)
        with replacing(folder / name, text=True) as handle:
            handle.write(render_motifs(page))
        shown.append(page)
    sentence = " ".join(story(page) for page in shown)
    summaries = [_output_summary(*one) for one in zip(outputs, names, prefixes, strict=True)]
    write_json(
        folder / SUMMARY,
        {
            "format": FORMAT,
            "strandloom": VERSION,
            "command": command,
            "model": predictor.manifest.name,
            "sentence": sentence,
            "outputs": summaries,
        },
    )
    return Explanation(folder, tuple(outputs), sentence, tuple(shown))


def output_slugs(labels: Sequence[str]) -> list[str]:
    """Labels as parts of names, each another."""
    slugs: list[str] = []
    for label in labels:
        slug, number = _slug(label), 2
        while slug in slugs:
            slug, number = f"{_slug(label)}-{number}", number + 1
        slugs.append(slug)
    return slugs


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60] or "x"


# ------------------------------------------------------------------------------------------------------------- pages


def _sequence_pages(
    folder: Path, found: OutputExplained, *, back: str, number: int, pages: int, ids: Sequence[str]
) -> tuple[PageLink, ...]:
    """A page for each of the clearest sequences of either sign and of those that were asked for, in the order of their scores."""
    chosen = _clearest(found, pages)
    wanted = [i for i, name in enumerate(found.rows.ids) if name in set(ids)]
    order = sorted({*chosen, *wanted}, key=lambda i: -float(found.map.predicted[i]))
    if not order:
        return ()
    (folder / SEQUENCES).mkdir(exist_ok=True)
    names = [f"{number + 1}-{k}-{_slug(found.rows.ids[row])}.html" for k, row in enumerate(order, start=1)]
    sites = _named_sites(found, back)
    links = []
    for k, (row, name) in enumerate(zip(order, names, strict=True)):
        page = _sequence_page(found, row, sites.get(row, ()))
        page = replace(
            page,
            back=PageLink(f"../{back}", "All motifs"),
            before=PageLink(names[k - 1], found.rows.ids[order[k - 1]]) if k else None,
            after=PageLink(names[k + 1], found.rows.ids[order[k + 1]]) if k + 1 < len(order) else None,
        )
        with replacing(folder / SEQUENCES / name, text=True) as handle:
            handle.write(render_sequence(page))
        said = f"{page.answer} ({page.probability:.2f})" if page.probability is not None else page.answer
        links.append(PageLink(f"{SEQUENCES}/{name}", found.rows.ids[row], said))
    return tuple(links)


def _clearest(found: OutputExplained, pages: int) -> list[int]:
    """Rows of the highest and of the lowest scores, as many of each."""
    order = np.argsort(-found.map.predicted, kind="stable")
    high, low = order[: (pages + 1) // 2], order[::-1][: pages // 2]
    return [int(i) for i in np.unique(np.concatenate([high, low]))]


def _named_sites(found: OutputExplained, back: str) -> dict[int, tuple[NamedSite, ...]]:
    """The sites of every motif by sequence."""
    sites: dict[int, list[NamedSite]] = {}
    for number, motif in enumerate(found.page.motifs, start=1):
        href = f"../{back}#motif-{number}"
        for row, start, end, reverse, _ in zip(*motif.motif.sites, strict=True):
            one = NamedSite(motif.name, int(start), int(end), bool(reverse), href)
            sites.setdefault(int(row), []).append(one)
    return {row: tuple(sorted(listed, key=lambda s: s.start)) for row, listed in sites.items()}


def _sequence_page(found: OutputExplained, row: int, sites: tuple[NamedSite, ...]) -> SequencePage:
    page, question = found.page, found.question
    answer, probability, truth = question.said(row)
    return SequencePage(
        id=found.rows.ids[row],
        codes=found.rows.codes[row],
        contributions=found.map.contributions[row],
        output=page.output,
        method=page.method,
        check=page.check,
        unit=page.unit,
        score=float(found.map.predicted[row]),
        score_note=page.score_note,
        cropped=int(found.rows.cropped[row]),
        effects=found.effects(row),
        answer=answer,
        probability=probability,
        abstained=bool(question.answers.abstained[row]),
        truth=truth,
        measured=question.predicted is not None,
        sites=sites,
        zero=page.zero,
        zero_words=page.zero_words,
        name=page.name,
        version=VERSION,
    )


# ------------------------------------------------------------------------------------------------------------- files


def _write_files(folder: Path, outputs: Sequence[OutputExplained], prefixes: Sequence[str]) -> tuple[PageLink, ...]:
    files = [PageLink(MAPS, MAPS, "the scores of every base of every sequence (NumPy)")]
    named = [
        (f"{prefix}{motif.motif.name}", found, motif)
        for found, prefix in zip(outputs, prefixes, strict=True)
        for motif in found.page.motifs
    ]
    if named:
        full = [f"{name} {_slug(motif.name)}" for name, _, motif in named]
        matrices: dict[str, Matrix] = {name: one[2].motif.matrix for name, one in zip(full, named, strict=True)}
        counts = {name: len(one[2].motif.sites) for name, one in zip(full, named, strict=True)}
        write_meme(folder / MATRICES, matrices, sites=counts)
        write_jaspar(folder / COUNTS, matrices, sites=counts)
        files.append(PageLink(MATRICES, MATRICES, "the matrices, for other programs"))
        files.append(PageLink(COUNTS, COUNTS, "the same as counts"))
        frame = pl.concat([_site_frame(name, found, motif) for name, found, motif in named])
        with TableWriter(folder / SITES) as writer:
            writer.write(
                frame.drop("chrom", "chrom_start", "chrom_end", "chrom_strand") if not _placed(outputs) else frame
            )
        files.append(PageLink(SITES, SITES, "where every motif stands"))
        if _placed(outputs):
            _write_bed(folder / BED, frame)
            files.append(PageLink(BED, BED, "the same in the genome"))
    kernels = {motif.motif.name: motif.motif for motif in outputs[0].page.filters}
    if kernels:
        counts = {name: len(motif.sites) for name, motif in kernels.items()}
        write_meme(folder / FILTERS, {name: motif.matrix for name, motif in kernels.items()}, sites=counts)
        files.append(PageLink(FILTERS, FILTERS, "the first-layer filters as matrices"))
    _write_maps(folder / MAPS, outputs)
    files.append(PageLink(SUMMARY, SUMMARY, "this page as data"))
    return tuple(files)


def _placed(outputs: Sequence[OutputExplained]) -> bool:
    return all(found.rows.where is not None for found in outputs)


def _site_frame(name: str, found: OutputExplained, motif: FoundMotif) -> pl.DataFrame:
    """A row a site; coordinates in the genome are null where they are not known."""
    sites, rows = motif.motif.sites, found.rows
    start, end = sites.start + rows.cropped[sites.row], sites.end + rows.cropped[sites.row]
    frame = pl.DataFrame(
        {
            "output": [found.page.output.label] * len(sites),
            "motif": [name] * len(sites),
            "match": [motif.matches[0].name if motif.matches else None] * len(sites),
            "id": [rows.ids[i] for i in sites.row],
            "start": start,
            "end": end,
            "strand": np.where(sites.reverse, "-", "+"),
            "score": np.round(sites.score, 4),
            "sequence": [
                _letters(found, *place) for place in zip(sites.row, sites.start, sites.end, sites.reverse, strict=True)
            ],
        },
        schema_overrides={"match": pl.String},
    )
    return frame.with_columns(*_genome(found, sites.row, start, end, sites.reverse))


def _letters(found: OutputExplained, row: int, start: int, end: int, reverse: bool) -> str:
    from strandloom.alphabet import DNA

    first = found.rows.columns[row]
    codes = found.rows.codes[row, first + start : first + end]
    return DNA.decode(DNA.reverse_complement(codes) if reverse else codes)


def _genome(
    found: OutputExplained,
    row: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    reverse: NDArray[np.bool_],
) -> list[pl.Series]:
    """Places in the genome; a sequence of the minus strand is read from its end."""
    names = ("chrom", "chrom_start", "chrom_end", "chrom_strand")
    where = found.rows.where
    if where is None:
        kinds = (pl.String, pl.Int64, pl.Int64, pl.String)
        return [pl.Series(name, [None] * len(row), dtype=kind) for name, kind in zip(names, kinds, strict=True)]
    place = where[row]
    minus = (place["strand"] == "-").to_numpy()
    first, last = place["start"].to_numpy(), place["end"].to_numpy()
    low = np.where(minus, last - end, first + start)
    strand = np.where(minus ^ reverse, "-", "+")
    return [
        place["chrom"].alias(names[0]), pl.Series(names[1], low), pl.Series(names[2], low + end - start),
        pl.Series(names[3], strand.tolist()),
    ]  # fmt: skip


def _write_bed(path: Path, frame: pl.DataFrame) -> None:
    """BED6, sorted; its score is the rank of the site's own among all, 0 to 1000."""
    ranks = frame["score"].abs().rank("average") / max(len(frame), 1) * 1000
    name = pl.col("match").fill_null(pl.col("motif"))
    bed = frame.select(
        "chrom", "chrom_start", "chrom_end", name, ranks.round(0).cast(pl.Int64).alias("rank"), "chrom_strand"
    )
    with replacing(path, text=True) as handle:
        handle.write(bed.sort("chrom", "chrom_start", "chrom_end").write_csv(separator="\t", include_header=False))


def _write_maps(path: Path, outputs: Sequence[OutputExplained]) -> None:
    """Arrays by output: ``ids_0``, ``codes_0``, ``scores_0`` …; nothing in it is pickled."""
    arrays: dict[str, NDArray[Any]] = {"outputs": np.array([x.page.output.label for x in outputs])}
    for number, found in enumerate(outputs):
        arrays |= {
            f"ids_{number}": np.array(found.rows.ids),
            f"codes_{number}": found.map.codes,
            f"scores_{number}": found.map.scores,
            f"predicted_{number}": found.map.predicted,
        }
    with replacing(path, text=False) as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]


def _output_summary(found: OutputExplained, name: str, prefix: str) -> dict[str, Any]:
    page, null = found.page, found.seqlets.null
    return {
        "output": page.output.label,
        "page": name,
        "method": page.method,
        "unit": page.unit,
        "sequences": len(found.rows),
        "check": asdict(page.check),
        "seqlets": len(found.seqlets),
        "null": {"kind": null.kind, "rate": null.rate},
        "reason": found.patterns.reason,
        "motifs": [_motif_summary(motif, prefix) for motif in page.motifs],
    }


def _motif_summary(motif: FoundMotif, prefix: str) -> dict[str, Any]:
    sites = motif.motif.sites
    effect = motif.effect
    return {
        "name": f"{prefix}{motif.motif.name}",
        "consensus": consensus(motif.motif.matrix),
        "sites": len(sites),
        "sequences": len(np.unique(sites.row)),
        "contribution": float(sites.score.sum()),
        "matches": [{"name": x.name, "q": x.q} for x in motif.matches[:3]],
        "nearest": None if motif.nearest is None else {"name": motif.nearest.name, "q": motif.nearest.q},
        "effect": None
        if effect is None
        else {
            "value": effect.inserted.value, "low": effect.inserted.low, "high": effect.inserted.high,
            "control": None if effect.control is None else effect.control.value, "backgrounds": effect.backgrounds,
        },
    }  # fmt: skip
