"""The report of an assignment: tables and facts turned into what the page shows.

The tables are read from the files that were written, the columns and rows that are needed alone: of many sequences little is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.geography.coast import coast_km, on_land
from strandloom.report.cautions import Caution
from strandloom.report.map import MapCell
from strandloom.report.motif_inputs import PageLink
from strandloom.report.taxonomy_inputs import (
    Call,
    Candidate,
    ControlFlag,
    Moved,
    Reason,
    SamplePlace,
    SpeciesRange,
    TaxonomyPage,
    TaxonTotal,
    Totals,
    Undecided,
)
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.taxonomy.field import FieldResult
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.outputs import Outputs, WrittenCalls
from strandloom.workflows.taxonomy.queries import QueryFacts
from strandloom.workflows.taxonomy.ranges.grid import Grid
from strandloom.workflows.taxonomy.ranges.index import RangeIndex
from strandloom.workflows.taxonomy.ranges.surface import Surfaces
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.sample_kinds import FIELD_KINDS

SHOWN = 2_000
LISTED = 40
SPECIES_MAPS = 12
LEVEL = 0.08
"""Presence below which a cell is not shaded."""
INLAND_KM = 50.0
NEAR = 2
"""Candidates within so many differences are near twins."""
FAR_OFF = 0.05
"""A nearest record that differs in more than this share of its bases is not close, whoever its equals are."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a report is made of: the tables of an assignment, and where they came from."""

    model: TaxonomyModel
    calls: WrittenCalls
    found: FieldResult | None
    facts: QueryFacts
    outputs: Outputs
    threshold: float
    bootstraps: int
    at: tuple[float, float] | None
    name: str
    command: str


def assignment_page(made: Material) -> TaxonomyPage:
    """The page of an assignment."""
    reference = made.model.match.reference
    moved = _most_read(made, pl.col("moved"), SHOWN)
    undecided = _most_read(made, pl.col("rank") != "species", LISTED)
    shown = _candidates_of(made, pl.concat([moved["id"], undecided["id"]]))
    return TaxonomyPage(
        name=made.name,
        totals=_totals(made),
        threshold=made.threshold,
        marker=reference.marker.name,
        reference=f"{reference.name}, {len(reference):,} records of {len(reference.taxonomy):,} species",
        taxa=tuple(_taxa(made)),
        calls=tuple(_call(row) for row in _most_read(made, pl.lit(value=True), SHOWN).iter_rows(named=True)),
        places=tuple(_places(made)),
        ranges=tuple(_ranges(made)),
        moved=tuple(_moved(made, moved, shown)),
        undecided=tuple(_undecided(undecided, shown, _far(reference))),
        cautions=tuple(_cautions(made)),
        flags=tuple(_flags(made)),
        read=tuple(_read(made)),
        decided=tuple(_decided(made)),
        files=tuple(
            PageLink(x.path.name + ("/" if x.path.is_dir() else ""), x.path.name, x.words) for x in made.outputs.files
        ),
        command=made.command,
        version=VERSION,
        date=date.today().isoformat(),
    )


def _field_rows(made: Material) -> pl.LazyFrame:
    """Finds in field samples: ``id, sample, rank, taxon, reads, lat, lon``."""
    rows = made.calls.by_sample.select("id", "sample", "rank", "taxon", "reads", "lat", "lon")
    if made.found is None:
        return rows
    field = made.found.samples.filter(pl.col("kind").is_in(FIELD_KINDS)).select("sample")
    return rows.join(field.lazy(), on="sample", how="semi", maintain_order="left")


def _seen(made: Material) -> pl.LazyFrame:
    """The sequences that field samples hold; without counts all of them."""
    if made.found is None:
        return made.calls.assignments
    return made.calls.assignments.join(_field_rows(made).select("id"), on="id", how="semi", maintain_order="left")


def _most_read(made: Material, which: pl.Expr, most: int) -> pl.DataFrame:
    """Those of some sequences that have most reads, the first ones of equals, with the number of their field samples."""
    numbered = made.calls.assignments.with_row_index("row")
    rows = numbered.filter(which).select("row", "reads").collect()
    first = rows.sort(pl.col("reads").fill_null(0), "row", descending=[True, False]).head(most).select("row")
    frame = first.join(numbered.join(first.lazy(), on="row", how="semi").collect(), on="row", maintain_order="left")
    finds = _field_rows(made).join(frame.lazy().select("id"), on="id", how="semi")
    samples = finds.group_by("id").agg(samples=pl.col("sample").n_unique()).collect()
    return frame.join(samples, on="id", how="left", maintain_order="left")


def _candidates_of(made: Material, ids: pl.Series) -> dict[object, pl.DataFrame]:
    """The candidates of some sequences."""
    wanted = ids.unique().to_frame("id").lazy()
    rows = made.calls.candidates.join(wanted, on="id", how="semi", maintain_order="left").collect()
    return {name: own for (name,), own in rows.group_by("id", maintain_order=True)}


def _totals(made: Material) -> Totals:
    columns = ("rank", "fish", "reads", "moved", "lat")
    frame = made.calls.assignments.select(columns).collect()
    ranks = dict(frame.group_by("rank").len().iter_rows())
    named = _seen(made).filter((pl.col("rank") == "species") & pl.col("fish"))
    species = named.select(pl.col("taxon").n_unique()).collect().item()
    counted = made.found is not None
    kinds = made.found.samples.filter(pl.col("kind").is_in(FIELD_KINDS)) if made.found is not None else None
    finds = made.calls.by_sample.select(pl.col("lat").is_not_null().any()).collect().item()
    located = bool(frame["lat"].is_not_null().any()) or bool(finds)
    return Totals(
        sequences=frame.height,
        called={rank: ranks[rank] for rank in RANKS if rank in ranks},
        unknown=ranks.get("unknown", 0),
        not_fish=frame.filter((pl.col("rank") != "unknown") & ~pl.col("fish")).height,
        species=species,
        reads=int(frame["reads"].sum()) if counted else None,
        species_reads=int(frame.filter(pl.col("rank") == "species")["reads"].sum()) if counted else None,
        samples=None if kinds is None else kinds.height,
        located=None if kinds is None else kinds.filter(pl.col("lat").is_not_null()).height,
        moved=int(frame["moved"].sum()) if located and made.model.ranges is not None else None,
    )


def _taxa(made: Material) -> list[TaxonTotal]:
    frame = made.calls.assignments.filter(pl.col("rank") != "unknown")
    keys = ["rank", "taxon"]
    every = frame.group_by(keys, maintain_order=True).agg(
        sequences=pl.len(),
        highest=pl.col("probability").max(),
        mean=pl.col("probability").mean(),
        family=pl.col("family").first(),
        fish=pl.col("fish").first(),
    )
    seen = _field_rows(made).group_by(keys).agg(reads=pl.col("reads").sum(), samples=pl.col("sample").n_unique())
    totals = every.join(seen, on=keys, how="left", maintain_order="left").collect()
    totals = totals.sort(pl.col("reads").fill_null(0), "sequences", "taxon", descending=[True, True, False])
    counted = made.found is not None
    return [
        TaxonTotal(
            row["taxon"], row["rank"], row["sequences"], row["highest"], row["mean"], _family(row),
            (row["reads"] or 0) if counted else None, (row["samples"] or 0) if counted else None, row["fish"],
        )
        for row in totals.iter_rows(named=True)
    ]  # fmt: skip


def _family(row: dict[str, object]) -> str:
    """The family of a species or genus; a wider taxon has none."""
    return str(row["family"] or "") if row["rank"] in ("species", "genus") else ""


def _call(row: dict[str, object]) -> Call:
    wanted = {name: row[name] for name in Call.__dataclass_fields__ if name in row}
    return Call(**{name: value for name, value in wanted.items() if value is not None})  # type: ignore[arg-type]


def _places(made: Material) -> list[SamplePlace]:
    if made.found is None:
        lone = made.calls.assignments.filter(pl.col("lat").is_not_null()).select("id", "lat", "lon").head(SHOWN)
        return [SamplePlace(*row) for row in lone.collect().iter_rows()]
    totals = (
        _field_rows(made)
        .filter(pl.col("rank") != "unknown")
        .group_by("sample")
        .agg(taxa=pl.col("taxon").n_unique(), reads=pl.col("reads").sum())
        .collect()
    )
    own = made.found.samples.filter(pl.col("kind").is_in(FIELD_KINDS) & pl.col("lat").is_not_null())
    own = own.select("sample", "lat", "lon").join(totals, on="sample", how="left", maintain_order="left")
    return [SamplePlace(*row) for row in own.select("sample", "lat", "lon", "taxa", "reads").iter_rows()]


def _ranges(made: Material) -> list[SpeciesRange]:
    if made.model.ranges is None:
        return []
    called = _seen(made).filter((pl.col("rank") == "species") & pl.col("fish"))
    order = (
        called.group_by("taxon")
        .agg(n=pl.len(), reads=pl.col("reads").sum())
        .sort("reads", "n", "taxon", descending=[True, True, False])
        .head(SPECIES_MAPS)
        .collect()
    )
    taxonomy = made.model.match.reference.taxonomy
    surfaces = Surfaces(RangeIndex(made.model.ranges.ranges, len(taxonomy)))
    grid = Grid(1.0)
    latitudes, longitudes = grid.centres
    rows = _field_rows(made) if made.found is not None else called.with_columns(sample=pl.col("id"))
    rows = rows.filter((pl.col("rank") == "species") & pl.col("lat").is_not_null())
    finds = rows.join(order.lazy().select("taxon"), on="taxon", how="semi", maintain_order="left").collect()
    shown = []
    for species, number, reads in order.iter_rows():
        surface = surfaces.surface(taxonomy.lookup(species), grid)
        cells: tuple[MapCell, ...] = ()
        if surface is not None:
            level = surface.ravel()
            at = np.flatnonzero(level > LEVEL)
            cells = tuple(MapCell(float(latitudes[i]), float(longitudes[i]), 1.0, float(level[i])) for i in at)
        theirs = finds.filter(pl.col("taxon") == species).group_by("sample", maintain_order=True)
        own = theirs.agg(pl.col("lat").first(), pl.col("lon").first(), pl.col("reads").sum())
        places = tuple(SamplePlace(s, lat, lon, None, n) for s, lat, lon, n in own.iter_rows())
        words = "" if surface is not None else "The range files know nothing of it."
        counted = int(reads) if made.found is not None and reads is not None else None
        shown.append(SpeciesRange(species, number, places, cells, counted, words))
    return shown


def _candidate(row: dict[str, object], *, located: bool) -> Candidate:
    return Candidate(
        species=str(row["species"]),
        probability=float(row["probability"]),  # type: ignore[arg-type]
        sequence_probability=float(row["sequence_probability"]),  # type: ignore[arg-type]
        range_score=float(row["range_score"]) if located else None,  # type: ignore[arg-type]
        differences=row["differences"],  # type: ignore[arg-type]
        records=row["records"],  # type: ignore[arg-type]
        distance_km=row["distance_km"],  # type: ignore[arg-type]
        range=str(row["range"] or "") if located else "",
    )


def _moved(made: Material, calls: pl.DataFrame, shown: dict[object, pl.DataFrame]) -> list[Moved]:
    found = []
    finds = _field_rows(made).join(calls.lazy().select("id"), on="id", how="semi", maintain_order="left").collect()
    where = {name: rows["sample"].to_list() for (name,), rows in finds.group_by("id", maintain_order=True)}
    for row in calls.iter_rows(named=True):
        rows = shown[row["id"]]
        named = {x["species"]: x for x in rows.iter_rows(named=True)}
        after = named.get(row["species"])
        if after is None:
            continue
        before = named.get(row["sequence_species"])
        first = (
            _candidate(before, located=True)
            if before is not None
            else Candidate(row["sequence_species"], 0.0, row["sequence_probability"])
        )
        found.append(
            Moved(row["id"], first, _candidate(after, located=True), tuple(where.get(row["id"], ())[:12]), row["reads"])
        )
    return found


def _far(reference: Reference) -> float:
    """Differences beyond which a nearest record is not close."""
    return FAR_OFF * float(np.median(np.diff(reference.offsets)))


def _undecided(calls: pl.DataFrame, shown: dict[object, pl.DataFrame], far: float) -> list[Undecided]:
    found = []
    for row in calls.iter_rows(named=True):
        rows = shown.get(row["id"])
        located = row["lat"] is not None
        candidates = [] if rows is None else [_candidate(x, located=located) for x in rows.iter_rows(named=True)]
        found.append(
            Undecided(
                row["id"],
                row["rank"],
                row["taxon"],
                row["probability"],
                tuple(_reasons(row, candidates, far)),
                tuple(candidates),
                row["reads"],
            )
        )
    return found


def _reasons(row: dict[str, object], candidates: list[Candidate], far: float) -> list[Reason]:
    differences = row["differences"]
    if not candidates or differences is None or int(str(differences)) > far:
        return ["new"]
    best = min(x.differences or 0 for x in candidates)
    equal = [x for x in candidates if (x.differences or 0) == best]
    reasons: list[Reason] = []
    if len(equal) > 1:
        reasons.append("shared")
    elif any((x.differences or 0) <= best + NEAR for x in candidates if x is not equal[0]):
        reasons.append("near")
    if equal[0].range == "far":
        reasons.append("outside")
    return reasons or ["unsure"]


def _flags(made: Material) -> list[ControlFlag]:
    if made.found is None:
        return []
    shown = made.found.flags.group_by("flag", maintain_order=True).head(LISTED)
    told = made.calls.assignments.select("id", "taxon", "rank").join(shown.lazy().select("id"), on="id", how="semi")
    names = {row[0]: (row[1], row[2]) for row in told.collect().iter_rows()}
    return [
        ControlFlag(
            row["flag"],
            row["reason"],
            row["sample"] or "",
            row["id"] or "",
            *names.get(row["id"], ("", "")),
            row["reads"],
        )
        for row in shown.iter_rows(named=True)
    ]


def _cautions(made: Material) -> list[Caution]:
    found = []
    places = _all_places(made)
    if places.height and made.model.ranges is not None:
        lat, lon = places["lat"].to_numpy(), places["lon"].to_numpy()
        inland = np.flatnonzero(on_land(lat, lon) & (coast_km(lat, lon) > INLAND_KM))
        if len(inland):
            found.append(_inland(made, places, inland))
    if made.model.ranges is not None and not places.height:
        found.append(
            Caution(
                "caution",
                "No location was known",
                "Sequences were judged alone. With coordinates (--samples, --at, or lat and lon columns) species that share a "
                "sequence can be told apart.",
            )
        )
    if made.model.ranges is None:
        found.append(
            Caution(
                "caution",
                "The model knows no ranges",
                "It was trained without --ranges: locations do not matter to it.",
            )
        )
    if made.facts.unclear > 0.05 * max(made.facts.sequences, 1):
        found.append(
            Caution(
                "caution",
                f"The strand of {plural(made.facts.unclear, 'sequence')} is not clear",
                "They resemble the reference on neither strand: another marker, or off-target DNA.",
            )
        )
    return found


def _inland(made: Material, places: pl.DataFrame, inland: NDArray[np.int64]) -> Caution:
    """Places far from the coast, some of the rows of ``places``."""
    where = ", ".join(places["sample"].gather(inland[:5]).to_list()) + (" …" if len(inland) > 5 else "")
    if made.found is not None:
        who = plural(len(inland), "sample lies", "samples lie")
    elif made.at is not None and places.n_unique(("lat", "lon")) == 1:
        who, where = "The place given by --at lies", f"latitude {made.at[0]:g}, longitude {made.at[1]:g}"
    else:
        who = f"The places of {plural(len(inland), 'sequence')} lie"
    return Caution(
        "serious" if len(inland) > 0.2 * places.height else "caution",
        f"{who} more than {INLAND_KM:.0f} km inland",
        f"Marine fish are not expected there: {where}. Check the signs and the order of the coordinates, unless these are rivers or lakes.",
    )


def _all_places(made: Material) -> pl.DataFrame:
    """``sample, lat, lon`` of everything with a place."""
    if made.found is not None:
        own = made.found.samples.filter(pl.col("kind").is_in(FIELD_KINDS)).select("sample", "lat", "lon")
    else:
        own = made.calls.assignments.select(pl.col("id").alias("sample"), "lat", "lon").collect()
    return own.drop_nulls()


def _read(made: Material) -> list[tuple[str, str]]:
    facts = made.facts
    pairs = [("Sequences", f"{facts.sequences:,}")]
    if facts.trimmed:
        pairs.append(("Primers", f"cut off {plural(facts.trimmed, 'sequence')}, with what lay beyond them"))
    if facts.turned:
        pairs.append(
            ("Orientation", f"{plural(facts.turned, 'was', 'were')} in the other orientation, and turned round")
        )
    if facts.letters.ambiguous or facts.letters.n:
        pairs.append(
            ("Letters", f"{plural(facts.letters.ambiguous + facts.letters.n, 'letter')} other than A, C, G, T")
        )
    if made.found is not None:
        pairs += [("Samples" if i == 0 else "", line) for i, line in enumerate(made.found.facts.lines())]
    pairs += [("Note", note) for note in made.outputs.notes]
    return pairs


def _decided(made: Material) -> list[tuple[str, str]]:
    model = made.model
    pairs = [
        ("Sequence", "nearest reference sequences by alignment, weighed by a network that learned from records that met the reference "
         "without themselves"),
        ("Location", "log odds that the range of each candidate adds at the place; nothing is added where no place is known"
         if model.ranges is not None else "not used: the model has no ranges"),
        ("Wider ranks", "probabilities of species, and of species that the reference lacks, add up to genus, family, order and class"),
        ("Networks", f"{len(model.members)}, averaged"),
    ]  # fmt: skip
    if made.at is not None:
        pairs.append(("Place of what has none", f"latitude {made.at[0]:g}, longitude {made.at[1]:g}"))
    if made.bootstraps:
        pairs.append(
            (
                "Bootstraps",
                f"{plural(made.bootstraps, 'copy', 'copies')} of each sequence with 2 % of its bases masked, "
                f"each at a place drawn by reads",
            )
        )
    return pairs
