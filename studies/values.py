"""Measured values: yeast and human 5'UTRs, yeast promoters in two media, and more, beside baselines and published networks.

Every choice (epochs, strengths, blends) is made on validation rows; test rows are read once. Differences between two models are paired
bootstraps over test rows (clusters of them where the data name clusters).

Usage: python studies/values.py [native human yeast others large]
"""

from __future__ import annotations

import gzip
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from common import RUNS, best_baseline, data_folder, record, run, table
from strandloom.evaluation.blend import NETWORK_ALONE

SEEDS = 3
RESAMPLES = 2000
NO_SHIFT = {"augmentation": {"shift": 0}}
LEADER = {"length": 50, "anchor": "right"}
NATIVE: dict[str, Any] = {
    "data": {
        "table": "yeast_native_utr/native_utr.tsv.gz", "target": "growth_rate", "counts": ["t0", "t1"], "strand": "one", "window": LEADER,
    },
    "task": "value",
    "split": {"kind": "column"},
    "training": NO_SHIFT,
    "evaluation": {"strata": {"column": "t0", "edges": [10, 30, 101]}},
}  # fmt: skip
AS_PUBLISHED = {
    "batch_size": 32, "loss": "mse", "patience": 3, "epochs": 30, "average": None, "gradient_clip": None,
    "optimizer": {"kind": "adam", "learning_rate": 0.001, "betas": [0.9, 0.999], "weight_decay": 0.0},
    "schedule": {"kind": "constant"},
}  # fmt: skip
"""How the yeast network was trained (Adam, batches of 32, mean squared error), but with a patience of 3 where the authors had 0."""


TRIED = (
    "The DeepSEA preset is not passed on these rows, nor does it pass ours: 804 test rows tell differences of Pearson² apart from .04"
    " on. Tried to pass it, judged on validation alone (Pearson in complex and defined medium; three seeds averaged: as set .825 / "
    ".840, DeepSEA preset .830 / .843): pools of 2 with 25 epochs .827 / .836, no early stop .826 / .839, a residual network beside a"
    " tower of convolutions, six networks, .827 / .838. One seed each: residual .813 / .828, wider blocks .811 / .828, tower .813 / "
    ".827, multi-scale .795 / .806, denser head .821 / .832, more dropout and weight decay .816 / .834, mutated copies .779. Seeds of"
    " one kind differ by up to .017, more than kinds."
)
"""Of yeast promoters."""


def squared(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson² of two vectors."""
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def paired(
    truth: np.ndarray, one: np.ndarray, other: np.ndarray, groups: np.ndarray, *, seed: int = 1
) -> tuple[float, float, float, float]:
    """Difference of Pearson² (one minus other), its 95 % interval, and the share of resamples above 0; groups are drawn whole."""
    names, place = np.unique(groups, return_inverse=True)
    rows = np.argsort(place, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(place))])
    generator = np.random.default_rng(seed)
    found = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = generator.integers(0, len(names), len(names))
        chosen = np.concatenate([rows[bounds[g] : bounds[g + 1]] for g in drawn])
        found[i] = squared(truth[chosen], one[chosen]) - squared(truth[chosen], other[chosen])
    low, high = np.quantile(found, [0.025, 0.975])
    return squared(truth, one) - squared(truth, other), float(low), float(high), float((found > 0).mean())


def answers(name: str, part: str = "test") -> pl.DataFrame:
    """Predictions of a run's part, by row of the table."""
    return pl.read_parquet(RUNS / name / "predictions.parquet").filter(pl.col("part") == part).sort("row")


def regressor_answers(name: str, regressor: str, codes_of: pl.DataFrame, *, columns: int = 1) -> np.ndarray:
    """What a stored baseline says of sequences, ``(n, K)``."""
    from strandloom.bundle import read_bundle
    from strandloom.evaluation.baselines.base import State
    from strandloom.evaluation.regressors.fit import regressor_from_state
    from strandloom.predict import load
    from strandloom.predict.predictor import records_of

    folder = RUNS / name / "bundle"
    part = read_bundle(folder).parts[f"baseline-{regressor}"]
    predictor = load(folder)

    records = records_of(codes_of.select("sequence"), None, predictor.manifest)
    codes, lengths = predictor.window.place(records)
    return regressor_from_state(regressor, State(part.arrays, part.facts)).predict(codes, lengths)


def span(found: dict[str, Any], metric: str = "pearson_squared") -> str:
    """Mean of the seeds with its range."""
    over = found["seeds"]["model"][metric]
    return f"{over['mean']:.3f} ({over['min']:.3f} to {over['max']:.3f})"


def value(found: dict[str, Any], name: str | None = None, metric: str = "pearson_squared") -> float:
    """A figure of the model (all seeds averaged), or of a baseline."""
    scores = found["model"] if name is None else found["baselines"][name]
    return float(scores[metric]["value"])


def signed(found: tuple[float, float, float, float]) -> str:
    """A paired difference in words."""
    return f"{found[0]:+.3f} ({found[1]:+.3f} to {found[2]:+.3f})"


def native() -> None:
    """Native yeast 5'UTRs beside the paper's network on the same rows."""
    ours = run("values/native", NATIVE, seeds=SEEDS)
    theirs = run(
        "values/native_utr",
        {
            **NATIVE,
            "model": {"kind": "utr"},
            "training": {**NO_SHIFT, **AS_PUBLISHED},
            "evaluation": {**NATIVE["evaluation"], "blend": "none"},
        },
        seeds=SEEDS,
    )
    same = run(
        "values/native_utr_ours",
        {**NATIVE, "model": {"kind": "utr"}, "evaluation": {**NATIVE["evaluation"], "blend": "none"}},
        seeds=SEEDS,
    )
    source = pl.read_csv(data_folder() / "yeast_native_utr/native_utr.tsv.gz", separator="\t")
    own = answers("values/native")
    rows = own["row"].to_numpy()
    facts = source[rows]
    truth = own["truth"].to_numpy()
    deep = (facts["t0"] > 100).to_numpy()
    groups = facts["cluster"].to_numpy()
    by_model = {
        "strandloom (network, ridge and trees)": own["prediction"].to_numpy(),
        "paper's network, trained as published": answers("values/native_utr")["prediction"].to_numpy(),
        "paper's network, trained as ours (counts weigh rows)": answers("values/native_utr_ours")[
            "prediction"
        ].to_numpy(),
    }
    for name, title in (
        ("leader_ridge", "ridge on positions, k-mers and upstream start codons"),
        ("position_ridge", "ridge on 3-mers at each position"),
        ("kmer_ridge", "k-mer ridge"),
        ("kmer_boosting", "boosting on k-mer counts"),
        ("nearest", "nearest training sequences"),
    ):
        by_model[title] = regressor_answers("values/native", name, facts)[:, 0]
    base = by_model["strandloom (network, ridge and trees)"]
    lines = []
    for title, predicted in by_model.items():
        one = paired(truth[deep], base[deep], predicted[deep], groups[deep]) if predicted is not base else None
        lines.append(
            [
                title,
                f"{squared(truth[deep], predicted[deep]):.3f}",
                f"{squared(truth, predicted):.3f}",
                "" if one is None else signed(one),
            ]
        )
    strata = {x["label"]: x for x in ours["values"]["strata"]}
    deepest = strata["t0 ≥ 101"]
    head = [
        "model (3 seeds averaged)",
        "Pearson², t0 > 100",
        "Pearson², all test rows",
        "strandloom minus it, t0 > 100",
    ]
    interval = ours["values"]["interval"]
    seeds = {
        name: " ".join(f"{squared(truth[deep], x[deep]):.3f}" for x in single(name))
        for name in ("values/native", "values/native_utr", "values/native_utr_ours")
    }
    body = (
        f"`yeast_native_utr`: {len(source) - len(own)} training and validation rows, {len(own)} test rows in clusters that share no "
        f"20-mer with training ({int(deep.sum())} with t0 > 100). Differences with 95 % intervals: {RESAMPLES:,} paired resamples of "
        f"clusters.\n\n{table(head, lines)}\n\n"
        f"Single seeds, t0 > 100: the networks alone of strandloom's three {seeds['values/native']}; the paper's as published "
        f"{seeds['values/native_utr']}; the paper's trained as ours {seeds['values/native_utr_ours']}. What is in the answer: "
        f"{ours['baseline_facts'][NETWORK_ALONE]['about'] if NETWORK_ALONE in ours['baseline_facts'] else 'the network alone'}.\n\n"
        f"At t0 > 100 the counts alone limit R² to {deepest['noise']['r2']:.2f}. The {interval['level']:.0%} interval (± "
        f"{interval['width'][0]:.2f}) held {interval['coverage'][0]:.1%} of the test rows. The paper's own network reached .47 with 9,492 "
        "native training rows (its test rows are not these), .60 when trained on 489,348 random ones.\n\n"
        f"Minutes: strandloom {minutes(ours):.1f}, paper's network {minutes(theirs):.1f} and {minutes(same):.1f} (3 seeds, baselines and "
        "report each)."
    )
    record("values-native", "Values: yeast native 5'UTRs", body)


def single(name: str) -> list[np.ndarray]:
    """Test answers of each network alone."""
    from strandloom.predict import load
    from strandloom.predict.predictor import records_of

    predictor = load(RUNS / name / "bundle")
    source = pl.read_csv(data_folder() / "yeast_native_utr/native_utr.tsv.gz", separator="\t")
    facts = source[answers(name)["row"].to_numpy()]
    codes, lengths = predictor.window.place(records_of(facts.select("sequence"), None, predictor.manifest))
    return list(predictor.member_scores(codes, lengths)[:, :, 0])


def minutes(found: dict[str, Any]) -> float:
    """Minutes of a run."""
    return float(sum(found["environment"]["seconds"].values()) / 60)


def human() -> None:
    """Human and random 5'UTRs: fixed and variable length, beside published predictions on the same rows."""
    source = pl.read_csv(data_folder() / "human_utr_mrl/utr_mrl.tsv.gz", separator="\t")
    lines = []
    for library, length in (("random50", 50), ("human50", 50), ("varlen", 100)):
        names = ("random_varlen", "human_varlen") if library == "varlen" else (library,)
        path = RUNS / "values" / f"utr_{library}.tsv"
        part = source.filter(pl.col("library").is_in(list(names)))
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_csv(path, separator="\t")
        raw = {
            "data": {"table": str(path), "target": "rl", "strand": "one", "window": {"length": length, "anchor": "right"}},
            "task": "value", "split": {"kind": "column"}, "training": NO_SHIFT,
        }  # fmt: skip
        found = run(f"values/human_{library}", raw, seeds=SEEDS)
        own = answers(f"values/human_{library}")
        facts = part[own["row"].to_numpy()]
        best = best_baseline(found, "pearson_squared")
        for name in names:
            here = (facts["library"] == name).to_numpy()
            truth, predicted = own["truth"].to_numpy()[here], own["prediction"].to_numpy()[here]
            baseline = regressor_answers(f"values/human_{library}", best, facts.filter(pl.Series(here)))[:, 0]
            cells = [
                name,
                f"{len(found['leakage']) and int(len(part) - len(own)):,}",
                str(int(here.sum())),
                f"{squared(truth, predicted):.3f}",
                f"{squared(truth, baseline):.3f} ({best})",
            ]
            groups = facts["cluster"].to_numpy()[here]
            for column in ("pred_optimus", "pred_mttrans", "pred_mixed"):
                peer = facts[column].to_numpy()[here].astype(float)
                known = np.isfinite(peer)
                if known.sum() < 100:
                    cells.append("–")
                    continue
                difference = paired(truth[known], predicted[known], peer[known], groups[known])
                cells.append(f"{squared(truth[known], peer[known]):.3f} (n {int(known.sum()):,}): {signed(difference)}")
            lines.append([*cells, f"{minutes(found):.0f}"])
    head = [
        "library",
        "rows to learn from",
        "test rows",
        "strandloom, Pearson²",
        "best baseline",
        "Optimus 5-Prime: difference",
        "MTtrans: difference",
        "mixed: difference",
        "minutes",
    ]
    body = (
        "`human_utr_mrl`, mean ribosome load, cluster split made for these data. The published models saw some 260,000 further training "
        "sequences, and part of these test rows may be among what they were selected on; strandloom saw only the rows counted here. "
        "`random_varlen` and `human_varlen` (25 to 100 bases) are one model, sequences held at the start codon. Differences: strandloom "
        f"minus the published model, Pearson² on the same rows, with 95 % intervals over clusters.\n\n{table(head, lines)}"
    )
    record("values-human", "Values: human 5'UTRs (mean ribosome load)", body)


def yeast() -> None:
    """Yeast promoters in two media as two outputs, beside DanQ and DeepSEA on the same rows and five published predictions."""
    source = pl.read_csv(data_folder() / "yeast_promoter_expr/promoters.tsv.gz", separator="\t")
    columns = ["pred_transformer", "pred_convtr", "pred_DanQ", "pred_DeepAtt", "pred_DeepSEA"]
    wide = (
        source.group_by("sequence", "medium", maintain_order=True)
        .agg(
            pl.mean("expression"),
            pl.first("split"),
            pl.first("cluster"),
            pl.first("subset"),
            *(pl.mean(c) for c in columns),
        )
        .pivot(
            "medium",
            index=["sequence", "split", "cluster", "subset"],
            values=["expression", *columns],
            aggregate_function="first",
        )
    )
    both = wide.filter(pl.col("expression_complex").is_not_null() & pl.col("expression_defined").is_not_null())
    path = RUNS / "values" / "promoters_both.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    both.write_csv(path, separator="\t")
    targets = ["expression_complex", "expression_defined"]
    raw = {
        "data": {"table": str(path), "target": targets, "strand": "one", "window": {"length": 110, "anchor": "right"}},
        "task": "value", "split": {"kind": "column"}, "training": NO_SHIFT,
    }  # fmt: skip
    plain = {**raw, "evaluation": {"blend": "none"}}
    ours = run("values/promoters", raw, seeds=SEEDS)
    found = {
        "strandloom": "values/promoters",
        "DanQ preset, same rows": "values/promoters_danq",
        "DeepSEA preset, same rows": "values/promoters_deepsea",
    }
    run("values/promoters_danq", {**plain, "model": {"kind": "danq"}}, seeds=SEEDS)
    run("values/promoters_deepsea", {**plain, "model": {"kind": "deepsea", "padding": "same"}}, seeds=SEEDS)
    own = answers("values/promoters")
    facts = both[own["row"].to_numpy()]
    groups = facts["cluster"].to_numpy()
    lines = []
    for target in targets:
        medium = target.removeprefix("expression_")
        truth, base = own[f"truth_{target}"].to_numpy(), own[f"prediction_{target}"].to_numpy()
        for title, name in found.items():
            predicted = answers(name)[f"prediction_{target}"].to_numpy()
            difference = (
                "" if predicted is base or title == "strandloom" else signed(paired(truth, base, predicted, groups))
            )
            lines.append(
                [
                    medium,
                    title,
                    str(len(truth)),
                    f"{np.corrcoef(truth, predicted)[0, 1]:.3f}",
                    f"{squared(truth, predicted):.3f}",
                    difference,
                ]
            )
        best = best_baseline(ours, "pearson_squared")
        predicted = regressor_answers("values/promoters", best, facts)[:, targets.index(target)]
        lines.append(
            [
                medium,
                f"best baseline ({best})",
                str(len(truth)),
                f"{np.corrcoef(truth, predicted)[0, 1]:.3f}",
                f"{squared(truth, predicted):.3f}",
                signed(paired(truth, base, predicted, groups)),
            ]
        )
        for column in columns:
            name = f"{column}_{medium}"
            if name not in facts.columns:
                continue
            peer = facts[name].to_numpy().astype(float)
            known = np.isfinite(peer)
            if known.sum() < 50:
                continue
            lines.append(
                [
                    medium,
                    f"published {column.removeprefix('pred_')}",
                    str(int(known.sum())),
                    f"{np.corrcoef(truth[known], peer[known])[0, 1]:.3f}",
                    f"{squared(truth[known], peer[known]):.3f}",
                    signed(paired(truth[known], base[known], peer[known], groups[known])),
                ]
            )
    head = ["medium", "model", "test rows", "Pearson", "Pearson²", "strandloom minus it (Pearson²)"]
    body = (
        f"`yeast_promoter_expr`: {len(both):,} sequences measured in both media, two outputs of one model, {len(both) - len(own):,} rows "
        "to learn from. The published models saw some 30 million other promoters, about 6,000 times as many.\n\n"
        f"{table(head, lines)}\n\nMinutes (3 seeds, baselines and report): strandloom {minutes(ours):.0f}.\n\n{TRIED}"
    )
    record("values-promoters", "Values: yeast promoters in two media", body)


def others() -> None:
    """Six more data sets, one table."""
    data = data_folder()
    folder = RUNS / "values"
    folder.mkdir(parents=True, exist_ok=True)
    coli = folder / "ecoli.tsv"
    parts = [
        pl.read_csv(data / f"ecoli_promoter_mpra/tss_{name}.tsv.gz", separator="\t").with_columns(
            pl.lit(part).alias("split")
        )
        for name, part in (("train", "train"), ("devtest", "test"))
    ]
    pl.concat(parts, how="diagonal").with_columns(
        (pl.col("expression").clip(0) + 0.05).log().alias("log_expression")
    ).write_csv(coli, separator="\t")
    sort = folder / "sortseq.tsv"
    counts = [f"ct_{i}" for i in range(10)]
    frame = pl.read_csv(data / "mpra_mavenn/sortseq.tsv.gz", separator="\t")
    total = pl.sum_horizontal(counts)
    sort_name = next(c for c in ("sequence", "x") if c in frame.columns)
    frame.with_columns(
        (pl.sum_horizontal([i * pl.col(c) for i, c in enumerate(counts)]) / total).alias("bin"), total.alias("reads")
    ).write_csv(sort, separator="\t")
    cases: dict[str, dict[str, Any]] = {
        "ecoli_promoter_mpra": {
            "data": {"table": str(coli), "target": "log_expression", "strand": "one"},
            "split": {"kind": "column"},
        },
        "mpra_mavenn mpsa": {
            "data": {"table": "mpra_mavenn/mpsa.tsv.gz", "target": "y", "strand": "one"},
            "split": {"kind": "column", "column": "set", "train": ["training"]},
        },
        "mpra_mavenn sortseq": {
            "data": {"table": str(sort), "target": "bin", "strand": "one", "sequence": sort_name},
            "split": {"kind": "column", "column": "set", "train": ["training"]},
        },
        "tis_efficiency": {
            "data": {"table": "tis_efficiency/tis_aug.tsv.gz", "target": "efficiency", "strand": "one"},
            "split": {"kind": "column"},
        },
        "crispr_azimuth": {
            "data": {"table": "crispr_azimuth/guides_fc_res.tsv.gz", "target": "score_drug_gene_rank", "strand": "one"},
            "split": {"kind": "leave_one_group_out", "column": "gene"},
        },
        "plant_promoters leaf": {
            "data": {"table": "plant_promoters/leaf.tsv.gz", "target": "enrichment", "strand": "one"},
            "split": {"kind": "column"},
        },
        "plant_promoters proto": {
            "data": {"table": "plant_promoters/proto.tsv.gz", "target": "enrichment", "strand": "one"},
            "split": {"kind": "column"},
        },
    }
    lines = []
    for name, raw in cases.items():
        slug = name.replace(" ", "_")
        seeds = 1 if raw["split"]["kind"] == "leave_one_group_out" else SEEDS
        found = run(f"values/{slug}", {"task": "value", "training": NO_SHIFT, **raw}, seeds=seeds)
        best = best_baseline(found, "pearson_squared")
        peer = ""
        if name.startswith("plant"):
            source = pl.read_csv(data / raw["data"]["table"], separator="\t")
            own = answers(f"values/{slug}")
            facts = source[own["row"].to_numpy()]
            cnn = facts["pred_cnn"].to_numpy().astype(float)
            known = np.isfinite(cnn)
            truth, base = own["truth"].to_numpy()[known], own["prediction"].to_numpy()[known]
            genes = facts["gene"].to_numpy()[known]
            peer = f"published CNN (9 × the rows) {squared(truth, cnn[known]):.3f}: {signed(paired(truth, base, cnn[known], genes))}"
        if name == "crispr_azimuth":
            source = pl.read_csv(data / raw["data"]["table"], separator="\t")
            own = answers(f"values/{slug}")
            genes = source["gene"].to_numpy()[own["row"].to_numpy()]
            from scipy.stats import spearmanr

            each = [
                spearmanr(own["truth"].to_numpy()[genes == g], own["prediction"].to_numpy()[genes == g])[0]
                for g in np.unique(genes)
            ]
            peer = f"mean Spearman over {len(each)} genes {np.mean(each):.3f} (Azimuth's paper about .5, with position features)"
        span_text = span(found) if found.get("seeds") else "one seed a fold"
        lines.append(
            [
                name,
                f"{found['rows']:,}" if "rows" in found else "",
                f"**{value(found):.3f}**",
                span_text,
                f"{value(found, metric='spearman'):.3f}",
                f"{value(found, best):.3f} ({best})",
                f"{value(found, 'mean', 'r2'):.3f}",
                peer,
                f"{minutes(found):.0f}",
            ]
        )
    head = [
        "data",
        "test rows",
        "Pearson² (seeds averaged)",
        "seeds, mean (range)",
        "Spearman",
        "best baseline, Pearson²",
        "R² of the mean",
        "beside",
        "minutes",
    ]
    record(
        "values-others",
        "Values: six more data sets",
        "Everything at its default but no shift.\n\n" + table(head, lines),
    )


def large() -> None:
    """A generated file of the shape of the random yeast library: 489,348 rows."""
    import resource

    path = RUNS / "values" / "random_utrs.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        generator = np.random.default_rng(1)
        rows = 489_348
        codes = generator.integers(0, 4, (rows, 50))
        letters = np.array(list("ACGT"))
        weights = generator.normal(size=(50, 4)) * 0.1
        signal = weights[np.arange(50), codes].sum(1)
        t0 = np.maximum(generator.lognormal(3.9, 0.8, rows).astype(int), 0)
        t1 = generator.poisson(np.maximum(t0, 1) * np.exp(signal))
        growth = np.log((t1 + 1) / (t1 + 1).sum()) - np.log((t0 + 1) / (t0 + 1).sum())
        with gzip.open(path, "wt", compresslevel=1) as handle:
            handle.write(",UTR,growth_rate,t0,t1\n")
            for i in range(rows):
                handle.write(f"{i},{''.join(letters[codes[i]])},{growth[i]:.6f},{t0[i]},{t1[i]}\n")
    raw = {
        "data": {
            "table": str(path), "sequence": "UTR", "target": "growth_rate", "counts": ["t0", "t1"], "strand": "one",
            "window": LEADER,
        },
        "task": "value", "split": {"kind": "quantile", "column": "t0", "test": 0.05, "validation": 0.1},
        "model": {"kind": "utr"}, "training": {**NO_SHIFT, "epochs": 1, "batch_size": 512},
        "evaluation": {"strata": {"column": "t0", "edges": [10, 30, 60, 101]}},
    }  # fmt: skip
    started = time.perf_counter()
    found = run("values/large", raw)
    spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in found["environment"]["seconds"].items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    body = (
        "A generated CSV of 489,348 rows of 50 bases with `UTR, growth_rate, t0, t1` (gz), the top 5 % by t0 as test, the published "
        f"network, one epoch: {time.perf_counter() - started:.0f} s in all when first run ({spent}), "
        f"peak memory {peak:,.0f} MiB (recorded by the run: {found['environment']['peak_memory']})."
    )
    record("values-large", "Values: a file of the size of the random yeast library", body)


STUDIES = {"native": native, "human": human, "yeast": yeast, "others": others, "large": large}


def main() -> None:
    """The studies that are named, or all."""
    for name in sys.argv[1:] or STUDIES:
        STUDIES[name]()


if __name__ == "__main__":
    Path(RUNS).mkdir(parents=True, exist_ok=True)
    main()
