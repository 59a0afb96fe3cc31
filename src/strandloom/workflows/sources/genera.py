"""Which genera are typical of which environment: from a table of abundances, as the lecture on source tracking picked them by hand.

Samples are clustered by the Spearman distance of their genera; a genus belongs to the environment of which it is most an indicator
(Dufrêne and Legendre, Ecological Monographs 67:345, 1997): how much of it is there, times in how many of its samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, key, listed, read_text_frame
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.report.distance_figure import distance_page
from strandloom.run.output_folder import new_folder
from strandloom.version import VERSION

FACTS = "genera.json"
FORMAT = 1
WHAT = "a table of genera by strandloom sources"
PERMUTATIONS = 999
FALSE_DISCOVERIES = 0.05
PRESENT = 1e-4
"""A sample has a genus above this share of its commonest one."""
_ENVIRONMENT = ("environment", "env", "bodysite", "habitat", "site", "biome")


@dataclass(frozen=True, eq=False)
class Abundances:
    """Shares of J genera in N samples.

    Parameters
    ----------
    genera, samples
        Names.
    shares
        float64 ``(N, J)``; rows sum to 1.
    environment
        int64 ``(N,)``.
    environments
        Names, E of them.
    """

    genera: tuple[str, ...]
    samples: tuple[str, ...]
    shares: NDArray[np.float64]
    environment: NDArray[np.int64]
    environments: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Indicators:
    """How much each genus is an indicator.

    Parameters
    ----------
    environment
        int64 ``(J,)``: where its value is the largest.
    value, there, often, p
        float64 ``(J,)``: indicator value 0 to 1; its parts (share of its mean abundance that lies there; share of the samples of that
        environment that have it); probability of so large a value by chance.
    """

    environment: NDArray[np.int64]
    value: NDArray[np.float64]
    there: NDArray[np.float64]
    often: NDArray[np.float64]
    p: NDArray[np.float64]


def read_abundances(path: str | Path, *, environment: str | None = None) -> Abundances:
    """Read a table of clades × samples with rows that describe the samples (as LEfSe has it).

    Parameters
    ----------
    path
        First column: names of clades (``Bacteria|Phylum|…|Genus``, or ``g__Genus``; the narrowest rank is used) and of describing rows.
    environment
        The describing row with the environments; None: the one called environment, body_site, habitat ….

    Raises
    ------
    InputError
        There is no such row, or a value is no number.
    """
    table = read_text_frame(path, headed=lambda fields: False)
    label = table.frame[table.frame.columns[0]].fill_null("").to_list()
    body = table.frame.select(table.frame.columns[1:])
    row = _environment_row(label, environment, table)
    numbers = body.select(pl.all().cast(pl.Float64, strict=False))
    described = numbers.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy() | (
        np.arange(len(label)) == row
    )
    described |= np.array([key(x) in ("subjectid", "sampleid", "sample", "id") for x in label])
    ranks = np.array([x.replace(";", "|").count("|") for x in label])
    deepest = int(ranks[~described].max(initial=0))
    rows = np.flatnonzero(~described & (ranks == deepest))
    if not len(rows):
        raise InputError("no row holds abundances", where=path)
    values = numbers[rows.tolist()].to_numpy()
    bad = np.argwhere(~np.isfinite(values.astype(np.float64)) | (values < 0))
    if len(bad):
        raise InputError(
            f"'{body[int(rows[bad[0][0]]), int(bad[0][1])]}' is no abundance", where=table.where(int(rows[bad[0][0]]))
        )
    names = [str(x) for x in body.row(row)]
    order = tuple(dict.fromkeys(names))
    shares = values.T / np.maximum(values.sum(0), 1e-300)[:, None]
    ids = next((body.row(i) for i, x in enumerate(label) if key(x) in ("sampleid", "sample", "id")), None)
    samples = tuple(str(x) for x in ids) if ids else tuple(f"{name}-{i + 1}" for i, name in enumerate(names))
    genera = tuple(label[i].replace(";", "|").rsplit("|", 1)[-1].removeprefix("g__") for i in rows)
    return Abundances(genera, samples, shares, np.array([order.index(x) for x in names], np.int64), order)


def _environment_row(label: list[str], asked: str | None, table: TextFrame) -> int:
    wanted = (key(asked),) if asked else _ENVIRONMENT
    found = next((i for i, name in enumerate(label) if key(name) in wanted), None)
    if found is None:
        raise InputError(
            f"no row names the environments{f' ({asked})' if asked else ''}; the first rows are {listed(label[:6], most=6)}",
            where=table.path,
            hint="name the row with --environment",
        )
    return found


def indicators(
    shares: NDArray[np.float64], environment: NDArray[np.int64], environments: int, *, seed: int
) -> Indicators:
    """Indicator values of genera, with permutation tests.

    Parameters
    ----------
    shares
        float64 ``(N, J)``.
    environment
        int64 ``(N,)``.
    """
    value, there, often = _values(shares, environment, environments)
    best = value.argmax(0)
    top = value.max(0)
    generator = np.random.default_rng(seed)
    above = np.zeros(shares.shape[1])
    for _ in range(PERMUTATIONS):
        above += _values(shares, generator.permutation(environment), environments)[0].max(0) >= top - 1e-12
    at = np.arange(shares.shape[1])
    return Indicators(best, top, there[best, at], often[best, at], (above + 1) / (PERMUTATIONS + 1))


def _values(
    shares: NDArray[np.float64], environment: NDArray[np.int64], environments: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Indicator values and their two parts, ``(E, J)`` each."""
    mean = np.array([shares[environment == e].mean(0) for e in range(environments)])
    present = []
    for e in range(environments):
        own = shares[environment == e]
        present.append((own > own.max(1, initial=0, keepdims=True) * PRESENT).mean(0))
    there = mean / np.maximum(mean.sum(0), 1e-300)
    return there * np.array(present), there, np.array(present)


def spearman_distance(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 less the rank correlation of every two samples, float64 ``(N, N)``; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks = rankdata(shares, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    ranks /= np.maximum(np.linalg.norm(ranks, axis=1, keepdims=True), 1e-300)
    return np.clip(1 - ranks @ ranks.T, 0, 2)


def false_discovery_rates(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """q values (Benjamini and Hochberg 1995)."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    out = np.empty(len(p))
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return out


def genera_of(
    table: str | Path,
    *,
    out: str | Path,
    environment: str | None = None,
    seed: int = 1,
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Cluster the samples of a table and list the genera typical of each environment.

    Parameters
    ----------
    out
        Folder for ``genera.tsv`` (``environment, genus, strength, there, often, p, q``; edit it to choose genomes by), ``samples.tsv`` and
        ``report.html`` with the picture of the clusters.

    Raises
    ------
    InputError, OutputError
        As :func:`read_abundances`; the folder exists or cannot be written.
    """
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import adjusted_rand_score

    with new_folder(out, mark=FACTS, what=WHAT, force=force) as folder:
        read = read_abundances(table, environment=environment)
        if len(read.environments) < 2 or len(read.samples) < 3:
            raise InputError(
                f"{len(read.samples)} samples of {len(read.environments)} environments are too few", where=table
            )
        distance = spearman_distance(read.shares)
        tree = linkage(squareform(distance, checks=False), "average")
        cluster = fcluster(tree, len(read.environments), "maxclust")
        agreement = float(adjusted_rand_score(read.environment, cluster))
        found = indicators(read.shares, read.environment, len(read.environments), seed=seed)
        frame = pl.DataFrame(
            {
                "environment": [read.environments[e] for e in found.environment],
                "genus": list(read.genera),
                "strength": found.value.round(4),
                "there": found.there.round(4),
                "often": found.often.round(4),
                "p": found.p,
                "q": false_discovery_rates(found.p).round(5),
            }
        ).sort(["environment", "strength", "genus"], descending=[False, True, False])
        with TableWriter(folder / "genera.tsv") as writer:
            writer.write(frame)
        with TableWriter(folder / "samples.tsv") as writer:
            names = [read.environments[e] for e in read.environment]
            writer.write(pl.DataFrame({"sample": read.samples, "environment": names, "cluster": cluster}))
        typical = frame.filter(pl.col("q") <= FALSE_DISCOVERIES)
        words = (
            f"{typical.height} of {frame.height} genera are typical of an environment (q ≤ {FALSE_DISCOVERIES:g}); "
            f"{len(read.environments)} clusters of samples agree with the environments to {agreement:.2f} (adjusted Rand index)"
        )
        say(words)
        with replacing(folder / "report.html", text=True) as handle:
            order = leaves_list(tree)
            handle.write(
                distance_page(
                    distance[np.ix_(order, order)], [read.samples[i] for i in order], read.environment[order].tolist(), read.environments,
                    typical, words=words, title=Path(table).name, version=VERSION, command=command,
                )
            )  # fmt: skip
        write_json(
            folder / FACTS,
            {
                "format": FORMAT,
                "strandloom": VERSION,
                "command": command,
                "adjusted_rand": agreement,
                "typical": typical.height,
            },
        )
    return frame
