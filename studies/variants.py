"""Predicted variant effects against measured ones, and whole VCFs in which nothing may be lost.

Usage: python studies/variants.py [utr satmut vcf]
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import spearmanr

from common import RUNS, data_folder, record, run, table
from strandloom.io.read import read_records
from strandloom.predict import Predictor, load
from strandloom.workflows.variants.run import score_vcf

NO_SHIFT = {"augmentation": {"shift": 0}}
FLANK, BLOCK, LEAST_TAGS = 50, 20, 10
REPEATS = {
    "LDLR": ("LDLR", "LDLR.2"), "SORT1": ("SORT1", "SORT1.2", "SORT1-flip"), "PKLR-24h": ("PKLR-24h", "PKLR-48h"),
    "TERT-HEK": ("TERT-HEK", "TERT-GBM", "TERT-GAa", "TERT-GSc"), "ZRSh-13": ("ZRSh-13", "ZRSh-13h2"),
}  # fmt: skip
"""Experiments on the same element; the first stands for it."""
REACH = 6.0
LOUD = 0.5
"""Changes of ribosome load beyond this are not noise alone."""


def utr() -> None:
    """One-base differences between human 5'UTRs of clusters that were not trained on."""
    source = pl.read_csv(data_folder() / "human_utr_mrl/utr_mrl.tsv.gz", separator="\t").filter(
        pl.col("library") == "human50"
    )
    path = RUNS / "values" / "utr_human50.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    source.write_csv(path, separator="\t")
    raw = {
        "data": {"table": str(path), "target": "rl", "strand": "one", "window": {"length": 50, "anchor": "right"}},
        "task": "value", "split": {"kind": "column"}, "training": NO_SHIFT,
    }  # fmt: skip
    run("values/human_human50", raw, seeds=3)
    said = (
        pl.read_parquet(RUNS / "values/human_human50/predictions.parquet").filter(pl.col("part") == "test").sort("row")
    )
    rows = source[said["row"].to_numpy()].with_columns(ours=said["prediction"])
    pairs = one_apart(rows["sequence"].to_list(), rows["cluster"].to_numpy())
    measured = difference(rows["rl"], pairs)
    lines = []
    for title, columns in (
        ("all pairs", ("ours", "pred_optimus")), ("pairs that MTtrans reports", ("ours", "pred_optimus", "pred_mttrans")),
    ):  # fmt: skip
        predicted = {name: difference(rows[name], pairs) for name in columns}
        known = np.isfinite(np.stack([*predicted.values(), measured])).all(axis=0)
        loud = known & (np.abs(measured) > LOUD)
        for name, found in predicted.items():
            signs = [f"{np.mean(np.sign(found[x]) == np.sign(measured[x])):.1%}" for x in (known, loud)]
            lines.append(
                [
                    title,
                    name.removeprefix("pred_"),
                    f"{known.sum():,}",
                    f"{spearmanr(measured[known], found[known])[0]:.3f}",
                    *signs,
                ]
            )
    head = ["pairs", "model", "n", "Spearman", "right sign", f"right sign, change above {LOUD:g}"]
    body = (
        "`human_utr_mrl`, `human50`: sequences of test clusters that differ in one base; measured difference of the mean ribosome "
        f"load against the predicted one. Optimus 5-Prime and MTtrans learned from 260,000 further sequences.\n\n{table(head, lines)}"
    )
    record("variants-utr", "Variants: one base in human 5'UTRs", body)


def one_apart(sequences: list[str], cluster: NDArray[Any]) -> NDArray[np.int64]:
    """Pairs of rows of one cluster whose sequences differ in one base, ``(P, 2)``."""
    found = []
    for name in np.unique(cluster):
        own = np.flatnonzero(cluster == name).tolist()
        found += [
            (a, b)
            for a, b in combinations(own, 2)
            if len(sequences[a]) == len(sequences[b])
            and sum(x != y for x, y in zip(sequences[a], sequences[b], strict=True)) == 1
        ]
    return np.array(found, np.int64)


def difference(values: pl.Series, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Second minus first of each pair."""
    numbers = values.cast(pl.Float64).to_numpy()
    return np.asarray(numbers[pairs[:, 1]] - numbers[pairs[:, 0]])


def elements() -> dict[str, str]:
    """Reference sequence of each experiment."""
    records = read_records(data_folder() / "satmut_mpra/elements.fa.gz")
    texts = [t.tobytes() for t in np.split(records.codes, records.offsets[1:-1])]
    return {
        name: "".join("ACGTN"[min(c, 4)] for c in text) for name, text in zip(records.ids.to_list(), texts, strict=True)
    }


def satmut() -> None:
    """Saturation mutagenesis: alternate blocks of positions are learned from and judged."""
    known = elements()
    source = pl.read_csv(data_folder() / "satmut_mpra/variants.tsv.gz", separator="\t").filter(
        pl.col("barcodes") >= LEAST_TAGS
    )
    stand_in = {other for names in REPEATS.values() for other in names[1:]}
    source = source.filter(~pl.col("element").is_in(list(stand_in)))
    source = source.with_columns(block=pl.col("offset") // BLOCK)
    rows = []
    for element, offset, ref, alt, effect, block in source.select(
        "element", "offset", "ref", "alt", "effect", "block"
    ).iter_rows():
        text = known[element]
        part = "test" if block % 2 else "validation" if block % 10 == 4 else "train"
        changed = text[:offset] + alt.replace("-", "") + text[offset + 1 :]
        rows.append((window(changed, offset), effect, part, element, offset, ref, alt))
    for element, offset in source.select("element", "offset").unique().sort("element", "offset").iter_rows():
        if (offset // BLOCK) % 2 == 0:
            part = "validation" if (offset // BLOCK) % 10 == 4 else "train"
            rows.append((window(known[element], offset), 0.0, part, element, offset, "", ""))
    frame = pl.DataFrame(rows, schema=["sequence", "effect", "split", "element", "offset", "ref", "alt"], orient="row")
    path = RUNS / "variants" / "satmut.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path, separator="\t")
    raw = {
        "data": {"table": str(path), "target": "effect", "strand": "one", "window": {"length": 2 * FLANK + 1, "anchor": "centre"}},
        "task": "value", "split": {"kind": "column"}, "training": NO_SHIFT, "evaluation": {"blend": "none"},
    }  # fmt: skip
    run("variants/satmut", raw, seeds=3)
    out = RUNS / "variants" / "satmut_scored.tsv"
    summary = score(
        load(RUNS / "variants/satmut/bundle"), "satmut_mpra/elements.fa.gz", "satmut_mpra/variants.vcf.gz", out
    )
    scored = pl.read_csv(out, separator="\t")
    single = scored.filter((pl.col("ref").str.len_chars() == 1) & (pl.col("alt").str.len_chars() == 1))
    single = single.select(element="chrom", offset=pl.col("pos") - 1, alt="alt", predicted="difference")
    train = source.filter(pl.col("block") % 2 == 0)
    plain = train.group_by("ref", "alt").agg(plain=pl.col("effect").mean())
    test = source.filter((pl.col("block") % 2 == 1) & (pl.col("alt") != "-"))
    test = test.join(single, on=["element", "offset", "alt"], how="inner").join(plain, on=["ref", "alt"], how="left")
    whole = pl.read_csv(data_folder() / "satmut_mpra/variants.tsv.gz", separator="\t").filter(
        pl.col("barcodes") >= LEAST_TAGS
    )
    lines, figures = [], []
    near = {str(element): part for (element,), part in train.filter(pl.col("alt") != "-").group_by("element")}
    for (element,), part in test.group_by("element", maintain_order=True):
        both = [spearmanr(part["effect"], part[name])[0] for name in ("predicted", "plain")]
        both.append(spearmanr(part["effect"], neighbours(near[str(element)], part["offset"].to_numpy()))[0])
        figures.append(both)
        ceiling = agreement(whole, REPEATS[str(element)]) if element in REPEATS else None
        lines.append(
            [str(element), f"{len(part):,}", *(f"{x:.3f}" for x in both), "" if ceiling is None else f"{ceiling:.3f}"]
        )
    mean = np.mean(figures, axis=0)
    lines.append(["**mean**", f"{len(test):,}", *(f"**{x:.3f}**" for x in mean), ""])
    head = [
        "element",
        "substitutions",
        "Spearman",
        "mean effect of ref → alt",
        "neighbouring positions",
        "agreement of repeats",
    ]
    body = (
        f"`satmut_mpra`: one network ensemble (3 seeds) over windows of {2 * FLANK + 1} bases of all elements, the reference 0; "
        f"blocks of {BLOCK} positions in turn for learning and for the test (one experiment an element, at least {LEAST_TAGS} tags). "
        f"Predicted effect: `strandloom variants`, {summary}.\n\n{table(head, lines)}"
    )
    record("variants-satmut", "Variants: saturation mutagenesis", body)


def neighbours(train: pl.DataFrame, offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean effect around positions of an element, with weights that fall by e every ``REACH`` bases."""
    away = np.abs(train["offset"].to_numpy()[None] - offsets[:, None])
    weights = np.exp(-away / REACH)
    return np.asarray((weights * train["effect"].to_numpy()).sum(axis=1) / weights.sum(axis=1))


def window(text: str, offset: int) -> str:
    """The bases around a position; beyond the ends of an element there is N."""
    padded = "N" * FLANK + text + "N" * (FLANK + 1)
    return padded[offset : offset + 2 * FLANK + 1]


def agreement(whole: pl.DataFrame, names: tuple[str, ...]) -> float:
    """Mean Spearman correlation over pairs of repeats, on the substitutions that both measured."""
    keys = ["offset", "ref", "alt"]
    found = []
    for one, other in combinations(names, 2):
        a, b = (whole.filter((pl.col("element") == x) & (pl.col("alt") != "-")) for x in (one, other))
        both = a.join(b, on=keys, how="inner")
        found.append(spearmanr(both["effect"], both["effect_right"])[0])
    return float(np.mean(found))


def score(predictor: Predictor, genome: str, vcf: str, out: Path) -> str:
    """Score a VCF, and say what became of its records."""
    data = data_folder()
    found = score_vcf(predictor, data / genome, data / vcf, out=out, cache=out.with_suffix(".genome"), force=True)
    return f"{found.records:,} records, {found.scored:,} alleles scored, {found.left_out:,} listed with a reason"


def vcf() -> None:
    """Every record of a real VCF is scored or listed."""
    predictor = load(RUNS / "variants/satmut/bundle")
    said = score(predictor, "chr22_1mb/22_20-21M.fa.gz", "chr22_1mb/dbsnp.vcf.gz", RUNS / "variants/dbsnp.tsv")
    record("variants-vcf", "Variants: whole files", f"`chr22_1mb`: {said}.")


STUDIES = {"utr": utr, "satmut": satmut, "vcf": vcf}

if __name__ == "__main__":
    for name in sys.argv[1:] or STUDIES:
        STUDIES[name]()
