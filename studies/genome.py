"""120 chromatin proteins in 200-base bins of the yeast genome: networks beside baselines, SuperQ beside its controls, variants.

Every choice is made on validation chromosomes; test chromosomes are read once. Times are those of one process on the same rows.

Usage: python studies/genome.py [labels superq fractions motifs memory deepsea card] [--seeds 3]

``card`` trains the three networks from several seeds each, on an accelerator where there is one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from common import RUNS, data_folder, record, resolver, run, table
from strandloom.bundle import Bundle, Manifest, write_bundle
from strandloom.data.label import label_genome
from strandloom.data.load import load
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, make_splits
from strandloom.evaluation.baselines.features import scaled_kmers
from strandloom.evaluation.bootstrap import percentile_interval
from strandloom.evaluation.evaluate import evaluate_labels
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.experiment import Experiment, check_experiment
from strandloom.explain.settings import ExplainSettings
from strandloom.models.build import build
from strandloom.report.motif_inputs import FoundMotif
from strandloom.run.explain import explain_bundle
from strandloom.settings_file import check_settings
from strandloom.training.runtime import tune_allocator
from strandloom.workflows.encoding.forest import grow_best
from strandloom.workflows.encoding.learn import encode, learn_encoder, linear_ceiling
from strandloom.workflows.encoding.model import MOVES, move
from strandloom.workflows.encoding.network import Encoder
from strandloom.workflows.encoding.settings import OBJECTIVES, EncoderSettings, ForestSettings

BINS = "yeast_epigenome/multilabel_bins.tsv.gz"
FRACTIONS = (0.01, 0.03, 0.1, 1.0)
MODELS: dict[str, dict[str, Any]] = {
    "ours": {"kind": "residual", "pool": 10, "filters": 128, "channels": 96, "blocks": 4},
    "danq": {"kind": "danq"},
    "deepsea": {"kind": "deepsea"},
}
# chosen on validation, one seed (mean AUPRC): 14 epochs .332, with shifts up to 20 bases .354; 10 epochs with 30 .351; without position .28
OURS = {"epochs": 10, "augmentation": {"shift": 30}}
FOREST = ForestSettings()
VARIANTS: dict[str, dict[str, Any]] = {
    **{objective: {"objective": objective} for objective in reversed(OBJECTIVES)},
    "contrastive, 2-D stem": {"stem": "2d"},
}
RANDOM = ForestSettings(kind="random", trees=100, leaf=(5,))
DANQ_EPOCHS = 14
DEEPSEA_EPOCHS = 6
"""Of DanQ and by default 14: the published network needs over eight minutes for one on one core here."""
ALONE = {"evaluation": {"blend": "none", "baselines": "none"}}
"""Published networks answer alone, one seed each: DanQ took half an hour on one core, DeepSEA over eight minutes an epoch."""


def raw(bins: str = BINS, **more: Any) -> dict[str, Any]:
    """The experiment, without its network."""
    training: dict[str, Any] = {"augmentation": {"shift": 0}}
    if more.get("model") == MODELS["deepsea"]:
        training |= {"epochs": DEEPSEA_EPOCHS}
    if more.get("model") == MODELS["ours"]:  # of few rows more epochs, as by default
        training = OURS if bins == BINS else {"augmentation": OURS["augmentation"]}
    return {
        "data": {
            "table": bins, "genome": "yeast_epigenome/S_cerevisiae.R64-1-1.fa.gz", "target": "labels", "strand": "both",
            "window": {"length": 1000, "anchor": "centre"},
        },
        "task": "labels", "split": {"kind": "column", **({} if bins == BINS else {"unused": ["unused"]})}, "training": training, **more,
    }  # fmt: skip


def by_label(found: dict[str, Any], metric: str) -> NDArray[np.float64]:
    """A metric of the model, label by label."""
    return np.array([np.nan if one[metric] is None else one[metric] for one in found["labels"]["table"]], float)


def over_labels(own: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    """Mean difference over labels, with an interval from resampled labels, and the share won."""
    known = ~np.isnan(own) & ~np.isnan(other)
    difference = (own - other)[known]
    generator = np.random.default_rng(1)
    draws = difference[generator.integers(0, len(difference), (2000, len(difference)))].mean(axis=1)
    interval = percentile_interval(float(difference.mean()), draws)
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f}), won {(difference > 0).mean():.0%}"


def row(
    title: str, aucs: NDArray[np.float64], aps: NDArray[np.float64], minutes: float | None, *more: str
) -> list[str]:
    """Median and mean of both areas."""
    figures = [f"{np.nanmedian(x):.3f} ({np.nanmean(x):.3f})" for x in (aucs, aps)]
    return [title, *figures, "" if minutes is None else f"{minutes:.1f}", *more]


def alone(name: str, bins: str = BINS, *, suffix: str = "alone") -> dict[str, Any]:
    """One network of one seed, nothing blended in."""
    return run(f"genome/{name}_{suffix}", raw(bins, model=MODELS[name], **ALONE))


def danq_cpu_minutes() -> float:
    """CPU minutes of DanQ's training, from one epoch of its own: other work on the machine does not count."""
    about = raw(model=MODELS["danq"], **ALONE)
    about["training"] = {**about["training"], "epochs": 1}
    shutil.rmtree(RUNS / "genome" / "danq_epoch", ignore_errors=True)
    began, cpu = time.perf_counter(), time.process_time()
    found = run("genome/danq_epoch", about)
    share = training_minutes(found) * 60 / (time.perf_counter() - began)
    return (time.process_time() - cpu) * share / 60 * DANQ_EPOCHS


def training_minutes(found: dict[str, Any]) -> float:
    """Minutes of training the networks of a run."""
    return float(found["environment"]["seconds"]["training"]) / 60


def labels(seeds: int) -> None:
    """Networks beside the baselines of every run."""
    ours = run("genome/ours", raw(model=MODELS["ours"]), seeds=seeds)
    found = {
        f"ours, as answered ({seeds} seeds)": ours,
        "ours, one network alone": alone("ours"),
        "DanQ preset": alone("danq"),
    }
    if (
        RUNS / "genome" / "deepsea_alone" / "verdict.txt"
    ).is_file():  # by `deepsea`: over eight minutes an epoch on one core
        found[f"DeepSEA preset, {DEEPSEA_EPOCHS} epochs"] = alone("deepsea")
    danq = by_label(found["DanQ preset"], "average_precision")
    lines = []
    for title, one in found.items():
        ap = by_label(one, "average_precision")
        against = "" if ap is danq or title == "DanQ preset" else over_labels(ap, danq)
        lines.append(row(title, by_label(one, "roc_auc"), ap, training_minutes(one), against))
    for name in ours["baselines"]:
        each = np.array(
            [np.nan if x["baselines"][name] is None else x["baselines"][name] for x in ours["labels"]["table"]], float
        )
        system = ours["labels"]["groups"]["all labels"]["systems"][name]
        title = ours["baseline_facts"][name]["title"]
        ap = f"{np.nanmedian(each):.3f} ({np.nanmean(each):.3f})"
        lines.append([title, f"{system['roc_auc']:.3f}", ap, "", over_labels(each, danq)])
    head = [
        "model",
        "AUROC median (mean)",
        "AUPRC median (mean)",
        "training minutes",
        "AUPRC minus DanQ's, over labels",
    ]
    body = (
        f"`yeast_epigenome`, {len(danq)} labels, windows of 1,000 bases on both strands; judged on {ours['rows']:,} bins of "
        f"chromosomes VIII, XI and XIV.\n\n{table(head, lines)}"
    )
    record("genome-labels", "Genomes: chromatin proteins of yeast", body)


def deepsea(_: int) -> None:
    """The DeepSEA preset on the same rows, for the table of `labels`."""
    alone("deepsea")


Values = dict[tuple[int, int], NDArray[np.float32]]
"""Values by how far sequences are moved, and part."""


class Rows:
    """Codes and labels of the three parts of an experiment."""

    def __init__(self, experiment: Experiment) -> None:
        dataset = load(experiment.data, task="labels", resolve=resolver())
        split = make_splits(dataset, experiment.split)[0]
        assert dataset.target is not None
        self.names = dataset.target.names
        self.codes = {part: np.asarray(dataset.codes[split.rows(part)]) for part in (TRAIN, VALIDATION, TEST)}
        self.y = {part: dataset.target.values[split.rows(part)].astype(np.float64) for part in self.codes}

    def judge(
        self,
        values: Values,
        keep: NDArray[np.int64] | None = None,
        *,
        settings: ForestSettings = FOREST,
    ) -> tuple[NDArray[np.float64], ...]:
        """AUROC and AUPRC of each label by a forest on values, and the CPU seconds of growing it.

        Moved sequences are asked too and averaged, where that is better on validation.
        """
        kept = np.arange(len(values[0, TRAIN])) if keep is None else keep
        began = time.process_time()
        grown = grow_best(
            values[0, TRAIN][kept], self.y[TRAIN][kept], values[0, VALIDATION], self.y[VALIDATION], settings=settings
        )
        spent = time.process_time() - began
        moves = sorted({by for by, _ in values}, key=abs)

        def answers(part: int, steps: list[int]) -> NDArray[np.float64]:
            odds = []
            for by in steps:
                p = np.clip(grown.forest.predict(values[by, part]), 1e-4, 1 - 1e-4)
                odds.append(np.log(p) - np.log1p(-p))
            return np.asarray(np.mean(odds, axis=0))

        def loss(steps: list[int]) -> float:
            x = answers(VALIDATION, steps)
            return float((np.logaddexp(0, x) - self.y[VALIDATION] * x).mean())

        steps = min([moves[:1], moves], key=loss)
        found = evaluate_labels(
            1 / (1 + np.exp(-answers(TEST, steps))),
            self.y[TEST],
            names=self.names,
            settings=EvaluationSettings(resamples=0),
        )
        each = [np.array([x[m] for x in found.labels["table"]], float) for m in ("roc_auc", "average_precision")]
        return each[0], each[1], np.array(spent)


def encoder_values(rows: Rows, settings: EncoderSettings, *, trained: bool) -> tuple[Values, float, str]:
    """Values of every part by an encoder, the CPU seconds of training it and of the training values, and what it reached."""
    began = time.process_time()
    said = "untrained"
    if trained:
        encoder, learned = learn_encoder(rows.codes[TRAIN], rows.codes[VALIDATION], settings=settings, say=print)
        said = learned.sentence(settings.objective)
    else:
        import torch

        torch.manual_seed(settings.seed)
        encoder = Encoder(settings, length=rows.codes[TRAIN].shape[1])
    values = {(0, TRAIN): encode(encoder, rows.codes[TRAIN], both=True)}
    seconds = time.process_time() - began
    far = round(FOREST.moved * rows.codes[TRAIN].shape[1])
    for by in (far * step for step in MOVES):
        for part in (VALIDATION, TEST):
            values[by, part] = encode(encoder, move(rows.codes[part], by), both=True)
    return values, seconds, said


def kmer_values(rows: Rows, k: int = 5) -> Values:
    """k-mer counts of both strands together."""
    found: dict[int, csr_array] = {part: scaled_kmers(codes, k=k, canonical=True) for part, codes in rows.codes.items()}
    return {(0, part): np.asarray(x.toarray(), np.float32) for part, x in found.items()}


def superq(seeds: int) -> None:
    """Encoder and forest beside DanQ alone on the same rows, with the controls; other seeds of the default encoder too."""
    danq = alone("danq")
    rows = Rows(check_experiment({"name": "superq", **raw()}))
    danq_minutes = danq_cpu_minutes()
    danq_ap = by_label(danq, "average_precision")
    lines = [row("DanQ", by_label(danq, "roc_auc"), danq_ap, danq_minutes)]
    notes: list[str] = []
    ceiling = linear_ceiling(rows.codes[TRAIN], rows.codes[VALIDATION], values=500)

    def write(lines: list[list[str]], notes: list[str]) -> None:
        """The table as far as it is."""
        head = [
            "model",
            "AUROC median (mean)",
            "AUPRC median (mean)",
            "CPU minutes",
            "AUPRC minus DanQ's, over labels",
            "of DanQ's time",
        ]
        padded = [[*line, *[""] * (len(head) - len(line))] for line in lines]
        body = (
            "The same rows and test chromosomes, nothing blended in, seed 1 where no other is named; CPU minutes, of DanQ 14 times "
            "those of an epoch in this run. The best linear code of "
            f"500 values rebuilds {ceiling:.1%} of the bases of validation.\n\n{table(head, padded)}\n\n"
            "What the encoders learned without labels:\n\n" + "\n".join(notes)
        )
        record("genome-superq", "Genomes: SuperQ", body)

    values, seconds, _ = encoder_values(rows, EncoderSettings(), trained=False)
    for title, found, spent in (
        ("untrained encoder and boosted trees", values, seconds),
        ("5-mers and boosted trees", kmer_values(rows), 0.0),
    ):
        auc, ap, grown = rows.judge(found)
        minutes = (spent + float(grown)) / 60
        lines.append(row(title, auc, ap, minutes, over_labels(ap, danq_ap), f"{minutes / danq_minutes:.2f}"))
        print(lines[-1], flush=True)
    again = {f"contrastive, seed {seed}": {"seed": seed} for seed in range(2, seeds + 1) if "contrastive" in VARIANTS}
    for name, base in {**VARIANTS, **again}.items():
        settings = check_settings(EncoderSettings, base, where="study")
        values, seconds, said = encoder_values(rows, settings, trained=True)
        for forest, words in (
            (FOREST, "boosted trees"),
            *([(RANDOM, "random forest")] if name == "contrastive" else []),
        ):
            auc, ap, grown = rows.judge(values, settings=forest)
            minutes = (seconds + float(grown)) / 60
            more = (over_labels(ap, danq_ap), f"{minutes / danq_minutes:.2f}")
            lines.append(row(f"encoder ({name}) and {words}", auc, ap, minutes, *more))
            print(lines[-1], flush=True)
        notes.append(f"- {name}: {said}")
        write(lines, notes)


def fractions(_: int) -> None:
    """Encoder and forest against DanQ when few of the rows have labels: the encoder still learns from all of them."""
    source = pl.read_csv(data_folder() / BINS, separator="\t")
    rows = Rows(check_experiment({"name": "superq", **raw()}))
    values, _, _ = encoder_values(rows, EncoderSettings(), trained=True)
    kmers = kmer_values(rows)
    train = np.flatnonzero((source["split"] == "train").to_numpy())
    lines = []
    for share in FRACTIONS:
        kept = np.sort(np.random.default_rng(1).permutation(len(train))[: max(int(share * len(train)), 50)])
        parts = source["split"].to_numpy().astype(object)
        parts[train] = "unused"
        parts[train[kept]] = "train"
        path = RUNS / "genome" / f"bins_{share:g}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        source.with_columns(pl.Series("split", parts.tolist())).write_csv(path, separator="\t")
        line = [f"{share:.0%} ({len(kept):,})"]
        for name in ("danq", "ours"):
            found = alone(name) if share == 1 else alone(name, str(path), suffix=f"{share:g}")
            line.append(f"{np.nanmedian(by_label(found, 'average_precision')):.3f}")
        line += [f"{np.nanmedian(rows.judge(x, kept)[1]):.3f}" for x in (values, kmers)]
        lines.append(line)
        print(line, flush=True)
        head = ["rows with labels", "DanQ", "ours", "encoder and boosted trees", "5-mers and boosted trees"]
        record("genome-fractions", "Genomes: few labels", f"Median AUPRC over 120 labels.\n\n{table(head, lines)}")


FACTORS = ("Reb1", "Abf1", "Rap1", "Cbf1", "Gcn4")
KNOWN = "jaspar2022/JASPAR2022_CORE_fungi.meme.gz"
SITES: dict[str, Any] = {
    "model": {"kind": "residual", "stem_widths": [7, 13, 19], "filters": 192, "channels": 64, "blocks": 3},
    "training": {"epochs": 15, "augmentation": {"shift": 10}, "class_weights": "balanced"},
}
"""Chosen on the validation chromosomes and chromosome V, which were kept from training for that."""


def motifs(seeds: int, rows: int = 1000) -> None:
    """What networks of five factors read, one a seed: are the motifs of the factors found without being told?"""
    folder = data_folder() / "yeast_epigenome"
    genome = folder / "S_cerevisiae.R64-1-1.fa.gz"
    bins = RUNS / "genome" / "bins_factors.tsv"
    bins.parent.mkdir(parents=True, exist_ok=True)
    labelled = label_genome(
        genome, [folder / "chexmix_locations.bed.gz"], out=bins, size=50, rule="any", labels=FACTORS, negatives=10_000,
        validation=("III", "IX"), test=("VIII", "XI", "XIV"), cache=RUNS / "genome" / "map",
    )  # fmt: skip
    print(labelled.lines, flush=True)
    places = pl.read_csv(bins, separator="\t")
    data = {
        "table": str(bins),
        "genome": str(genome),
        "target": "labels",
        "strand": "both",
        "window": {"length": 200, "anchor": "centre"},
    }
    shown: dict[str, list[list[str]]] = {factor: [] for factor in FACTORS}
    areas: dict[str, list[float]] = {factor: [] for factor in FACTORS}
    for seed in range(1, seeds + 1):
        name = f"genome/factors_{seed}"
        about = {"data": data, "task": "labels", "split": {"kind": "column"}, **SITES, **ALONE}
        found = run(name, {**about, "training": {**SITES["training"], "seed": seed}})
        for factor in FACTORS:
            own_bins = bins.with_name(f"bins_{factor}.tsv")
            places.filter(pl.col("labels").str.split(",").list.contains(factor)).write_csv(own_bins, separator="\t")
            explained = explain_bundle(
                RUNS / name / "bundle", own_bins, out=RUNS / f"{name}_{factor}",
                settings=ExplainSettings(output=factor, motifs=str(data_folder() / KNOWN), rows=rows, pages=2),
                genome=genome, force=True, say=print,
            )  # fmt: skip
            areas[factor].append(next(x["average_precision"] for x in found["labels"]["table"] if x["label"] == factor))
            shown[factor].append(_own_motif(explained.outputs[0].page.motifs, factor))
            print(factor, seed, shown[factor][-1], flush=True)
    lines = []
    labels = places["labels"].fill_null("").str.split(",")
    test = (places["split"] == "test").to_numpy()
    for factor in FACTORS:
        has = labels.list.contains(factor).to_numpy()
        lines.append([
            factor, f"{int((has & (places['split'] == 'train').to_numpy()).sum())}", f"{int((has & test).sum())}",
            f"{min(areas[factor]):.2f} to {max(areas[factor]):.2f}", f"{has[test].mean():.3f}",
            *("; ".join(dict.fromkeys(column)) for column in zip(*shown[factor], strict=True)),
        ])  # fmt: skip
    head = [
        "label", "training bins", "test bins", "AUPRC on test", "by chance", "rank of its motif", "consensus", "in JASPAR fungi", "q",
    ]  # fmt: skip
    body = (
        f"Networks of five labels, one for each of {seeds} seeds: bins of 50 bases with a location of one of them and 10,000 that hold "
        f"only other proteins, windows of 200 bases; explained by DeepLIFT on the bins that have the label (up to {rows:,}). Nothing of "
        f"JASPAR is known to training; names by similarity afterwards. Where seeds differ, all answers stand.\n\n{table(head, lines)}"
    )
    record("genome-motifs", "Genomes: motifs of the yeast model", body)


def _own_motif(motifs: Sequence[FoundMotif], factor: str) -> list[str]:
    """Rank, consensus, name and q-value of the first motif that is called as the factor; "none"."""
    for rank, found in enumerate(motifs, start=1):
        for match in found.matches:
            if factor.lower() in match.name.lower():
                return [f"{rank} of {len(motifs)}", f"`{found.consensus}`", match.name, f"{match.q:.0e}"]
    return ["none", "; ".join(f"`{x.consensus}`" for x in motifs[:2]) or "none", "none", ""]


def card(seeds: int) -> None:
    """Every network alone from several seeds, with all the epochs that are its own."""
    lines, each = [], {}
    for title, name in (("ours", "ours"), ("DanQ preset", "danq"), ("DeepSEA preset", "deepsea")):
        found = []
        for seed in range(1, seeds + 1):
            about = raw(model=MODELS[name], **ALONE)
            about["training"] = {"epochs": 14, **OURS} if name == "ours" else {**about["training"], "epochs": 14}
            about["training"]["seed"] = seed
            found.append(run(f"genome/{name}_seed{seed}", about))
        areas = {metric: np.array([by_label(x, metric) for x in found]) for metric in ("roc_auc", "average_precision")}
        each[name] = areas["average_precision"].mean(axis=0)
        spent = [float(x["environment"]["seconds"]["training"]) for x in found]
        figures = [
            np.nanmedian(areas["roc_auc"], axis=1),
            np.nanmedian(areas["average_precision"], axis=1),
            np.nanmean(areas["average_precision"], axis=1),
        ]
        lines.append([
            title, *(f"{x.mean():.3f} ({x.min():.3f} to {x.max():.3f})" for x in figures), f"{min(spent):.0f} to {max(spent):.0f}",
        ])  # fmt: skip
    device = found[0]["environment"]["machine"]["accelerators"] or ["CPU"]
    head = ["model", "AUROC median", "AUPRC median", "AUPRC mean", "training seconds"]
    body = (
        f"{device[0]}; means over {seeds} seeds, the range in brackets.\n\n{table(head, lines)}\n\n"
        "AUPRC of ours minus the other's, label by label, mean of the seeds: "
        + "; ".join(f"{name} {over_labels(each['ours'], each[name])}" for name in ("danq", "deepsea"))
    )
    record("genome-labels-card", "Genomes: the same networks, several seeds each", body)


def memory(_: int) -> None:
    """Peak memory of predicting windows on a genome, a process for each number of windows."""
    folder = RUNS / "genome" / "memory"
    shape = {"kind": "layers", "blocks": [
        {"block": "conv", "filters": 4, "width": 8, "stride": 8, "padding": "valid"}, {"block": "activation"}, {"block": "global_pool"},
    ]}  # fmt: skip
    settings = check_experiment({"data": {"table": "x"}, "model": shape}).model
    about = Manifest.model_validate({
        "strandloom": "0", "name": "memory", "task": "labels", "length": 1000, "labels": [f"l{i}" for i in range(120)],
        "model": settings, "anchor": "centre",
    })  # fmt: skip
    weights = build(settings, channels=4, length=1000, outputs=120, seed=1).state_dict()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_bundle(folder / "bundle", Bundle(about, ({name: x.numpy() for name, x in weights.items()},), {}, "# c\n"))
    rng = np.random.default_rng(1)
    lines = []
    for count in (10_000, 100_000, 1_000_000):
        start = rng.integers(0, 500_000, count)
        places = folder / "places.tsv"
        pl.DataFrame({"chrom": ["IV"] * count, "start": start, "end": start + 200}).write_csv(places, separator="\t")
        work = (
            "import resource; from strandloom.cli.main import main\n"
            "try: main()\nfinally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        said = subprocess.run(
            [sys.executable, "-c", work, "predict", str(folder / "bundle"), str(places), "--out", str(folder / "o.tsv"), "--genome",
             str(data_folder() / "yeast_epigenome/S_cerevisiae.R64-1-1.fa.gz")],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        lines.append([f"{count:,}", f"{int(said.split()[-1]) / 1024:.0f}"])
        (folder / "o.tsv").unlink()
        print(lines[-1], flush=True)
    body = f"Windows of 1,000 bases, 120 labels, a small network, answers as TSV.\n\n{table(['windows', 'peak memory, MB'], lines)}"
    record("genome-memory", "Genomes: memory of prediction", body)
    shutil.rmtree(folder)


def main() -> None:
    """The studies that are named, or all."""
    tune_allocator()  # as every command does
    parser = argparse.ArgumentParser()
    parser.add_argument("studies", nargs="*", default=["labels", "superq", "fractions", "motifs", "memory"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), help="Encoders of `superq`")
    asked = parser.parse_args()
    for name in set(VARIANTS) - set(asked.variants):
        del VARIANTS[name]
    for name in asked.studies:
        {
            "deepsea": deepsea, "labels": labels, "superq": superq, "fractions": fractions, "motifs": motifs, "memory": memory,
            "card": card,
        }[name](asked.seeds)  # fmt: skip


if __name__ == "__main__":
    main()
