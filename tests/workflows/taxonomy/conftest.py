"""Tiny references, ranges and models; tests take them by the fixture ``tiny``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from strandloom.workflows.taxonomy.build_job import build_folder
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.ranges.ranges import AREAS, BASIN, BOUNDS, CELLS, ECOREGION, MEMBERS, POINTS, Ranges
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.settings import TaxonomyTraining
from strandloom.workflows.taxonomy.store import load_model
from strandloom.workflows.taxonomy.train import train_taxonomy

MIFISH = MARKERS["mifish"]
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
GENERA = {
    "Alpha": ("Alphidae", "Alphiformes"),
    "Beta": ("Alphidae", "Alphiformes"),
    "Gamma": ("Gammidae", "Gammiformes"),
    "Delta": ("Gammidae", "Gammiformes"),
}
EPITHETS = ("australis", "borealis", "communis", "dubius", "elegans", "fulvus")
CENTRES = {
    "20001": (60.25, 5.25),
    "20002": (40.25, -70.25),
    "20003": (-30.25, 30.25),
    "20004": (-10.25, 179.75),
    "20005": (5.25, 100.25),
    "20006": (50.25, 160.25),
}
"""Ecoregions of three by three half-degree cells; the fourth crosses the antimeridian."""
PAIRS = {"Alpha": (3, 3), "Beta": (2, 4), "Gamma": (1, 5), "Delta": (4, 2)}
"""Records of the first two species of each genus."""
Row = tuple[str, str, str, str, str, str]


def bases(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def changed(text: str, rng: np.random.Generator, number: int) -> str:
    """A copy with substitutions at ``number`` different bases."""
    letters = list(text)
    for at in rng.choice(len(text), number, replace=False):
        letters[at] = rng.choice([x for x in "ACGT" if x != letters[at]])
    return "".join(letters)


def other_strand(text: str) -> str:
    return text.translate(COMPLEMENT)[::-1]


def flanked(insert: str) -> str:
    return MIFISH.forward + insert + other_strand(MIFISH.reverse)


def reference(rows: Sequence[Row], *, name: str = "tiny") -> Reference:
    """Of rows ``species, genus, family, order, class, sequence``; records are called r0, r1, ..."""
    frame = pl.DataFrame(rows, schema=[*RANKS, "sequence"], orient="row").with_columns(
        pl.Series("record_id", [f"r{i}" for i in range(len(rows))])
    )
    return Reference.from_frame(frame, name=name, marker=MIFISH)


def random_rows(seed: int, *, species: int = 12, length: int = 90, unknown: float = 0.0) -> list[Row]:
    """Records of species in small genera, families and orders; some sequences are shared by congeners and by others."""
    rng = np.random.default_rng(seed)
    root = bases(rng, length)
    roots = {order: changed(root, rng, 20) for order in ("Oneiformes", "Twoiformes")}
    rows: list[Row] = []
    sequences: list[str] = []
    for number in range(species):
        order = ("Oneiformes", "Twoiformes")[number % 2]
        genus = f"Genus{number // 3 % 4}{number % 2}"
        family = "" if rng.random() < unknown else f"Family{number // 6}{number % 2}"
        own = changed(roots[order], np.random.default_rng(hash_of(genus)), 6)
        own = changed(own, rng, int(rng.integers(0, 4)))
        for _ in range(int(rng.integers(1, 5))):
            text = changed(own, rng, int(rng.integers(0, 3)))
            if sequences and rng.random() < 0.25:
                text = sequences[int(rng.integers(len(sequences)))]
            sequences.append(text)
            known = "" if rng.random() < unknown and not rows else order
            rows.append((f"{genus} sp{number:02d}", genus, family, known, "Actinopteri", text))
    return rows


def hash_of(text: str) -> int:
    return int(np.frombuffer(text.encode(), np.uint8).sum())


def block(lat: float, lon: float, *, side: int = 3) -> list[tuple[float, float]]:
    """Half-degree cells in a square round a place."""
    steps = (np.arange(side) - side // 2) * 0.5
    return [(lat + a, (lon + b + 180) % 360 - 180) for a in steps for b in steps]


def ranges(
    *,
    areas: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    listed: Sequence[tuple[int, str]] = (),
    points: Sequence[tuple[int, float, float, float]] = (),
    basins: Mapping[str, tuple[float, float]] | None = None,
    rivers: Sequence[tuple[int, str]] = (),
    bounds: Sequence[tuple[object, ...]] = (),
) -> Ranges:
    """Ranges out of ecoregions with their cells, who is listed there, records, basins, who lives there, and limits."""
    areas, basins = areas or {}, basins or {}
    number = {name: i for i, name in enumerate((*areas, *basins))}
    return Ranges(
        points=pl.DataFrame(points, schema=POINTS, orient="row"),
        areas=pl.DataFrame(
            [(number[x], x, ECOREGION if x in areas else BASIN, x, None) for x in number], schema=AREAS, orient="row"
        ),
        cells=pl.DataFrame(
            [(number[x], *cell) for x, cells in areas.items() for cell in cells]
            + [(number[x], *place) for x, place in basins.items()],
            schema=CELLS,
            orient="row",
        ),
        members=pl.DataFrame([(s, number[x]) for s, x in (*listed, *rivers)], schema=MEMBERS, orient="row"),
        bounds=pl.DataFrame(
            [(*own, *[None] * (len(BOUNDS) - len(own))) for own in bounds], schema=BOUNDS, orient="row"
        ),
    )


def world() -> tuple[list[Row], dict[str, list[str]]]:
    """24 species of 4 genera with three records each, a few more or less, and the ecoregions of each.

    The first two species of each genus have one sequence, and live in different ecoregions.
    """
    rng = np.random.default_rng(12)
    roots = {order: bases(rng, 150) for order in ("Alphiformes", "Gammiformes")}
    codes = sorted(CENTRES)
    rows: list[Row] = []
    lives: dict[str, list[str]] = {}
    for genus, (family, order) in GENERA.items():
        root = changed(roots[order], rng, 14)
        common = ""
        for number, epithet in enumerate(EPITHETS):
            name = f"{genus} {epithet}"
            own = common if number == 1 else changed(root, rng, 6)
            common = own
            texts = [own] * PAIRS[genus][number] if number < 2 else [own, own, changed(own, rng, 1)]
            rows += [(name, genus, family, order, "Actinopteri", text) for text in texts]
            if number == 0:
                lives[name] = sorted(rng.choice(codes, 2, replace=False).tolist())
            elif number == 1:
                others = [x for x in codes if x not in lives[f"{genus} {EPITHETS[0]}"]]
                lives[name] = sorted(rng.choice(others, 2, replace=False).tolist())
            else:
                lives[name] = sorted(rng.choice(codes, 2, replace=False).tolist())
    return rows, lives


def write_world(folder: Path) -> tuple[Path, list[Path]]:
    """A table of records with primers on them, every third one turned round, and three range files."""
    rows, lives = world()
    table = folder / "records.csv"
    texts = [flanked(row[5]) if i % 3 else other_strand(flanked(row[5])) for i, row in enumerate(rows)]
    pl.DataFrame(rows, schema=[*RANKS, "insert"], orient="row").drop("insert").with_columns(
        pl.Series("record_id", [f"r{i}" for i in range(len(rows))]), pl.Series("sequence", texts)
    ).write_csv(table)
    listing, mapping, records = (folder / name for name in ("list.csv", "map.csv", "cells.tsv"))
    listing.write_text("species,eco_code\n" + "".join(f"{s},{x}\n" for s, own in lives.items() for x in own))
    cells = [(*cell, code) for code, place in CENTRES.items() for cell in block(*place)]
    mapping.write_text("lat,lon,eco_code\n" + "".join(f"{a},{b},{c}\n" for a, b, c in cells))
    seen = [(s, *CENTRES[own[0]]) for s, own in lives.items()]
    records.write_text("species\tlat\tlon\tn\n" + "".join(f"{s}\t{a}\t{b}\t3\n" for s, a, b in seen))
    return table, [listing, mapping, records]


QUICK = TaxonomyTraining(members=1, held_out=0.3, answer_epochs=60, place_epochs=80, places_per_query=8)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The whole way on the tiny world: ``folder``, ``built``, ``trained``, and the ``model`` as it was read back."""
    folder = tmp_path_factory.mktemp("world")
    table, files = write_world(folder)
    built = build_folder(table, out=folder / "reference", marker="mifish")
    result = train_taxonomy(
        folder / "reference", files, out=folder / "run", settings=QUICK, threads=1, command="strandloom taxonomy train"
    )
    return SimpleNamespace(
        folder=folder, files=files, built=built, trained=result, model=load_model(folder / "run" / "bundle")
    )


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """The helpers of this file."""
    return SimpleNamespace(
        bases=bases, changed=changed, other_strand=other_strand, flanked=flanked, reference=reference, random_rows=random_rows,
        block=block, ranges=ranges, world=world, write_world=write_world, centres=CENTRES, quick=QUICK, marker=MIFISH,
    )  # fmt: skip
