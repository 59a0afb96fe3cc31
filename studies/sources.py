"""Source tracking on real genomes and reads: left-out genomes and genera, transfer to real reads, mixtures, unknown shares.

Usage: python studies/sources.py [--seeds 3] [--mixtures 200] [--out runs/studies/sources]
       [--only genomes,reads,mixtures,left_out,ecoli,networks]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.sources.collection import Collection, read_collection
from strandloom.workflows.sources.composition import estimate
from strandloom.workflows.sources.draws import ReadProfile
from strandloom.workflows.sources.estimate import estimate_sample
from strandloom.workflows.sources.evidence import gather
from strandloom.workflows.sources.held_out import judge_held_out, judge_network
from strandloom.workflows.sources.model import LeanModel
from strandloom.workflows.sources.network import COMPOSITION
from strandloom.workflows.sources.pool import read_pool
from strandloom.workflows.sources.reads import ReadFacts, SampleFiles, prepared
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings, SourceTraining
from strandloom.workflows.sources.simulate import Mixer, MixtureSettings
from strandloom.workflows.sources.train import calibrated, lean_model, rehearse

FOREIGN = (
    "yeast_epigenome/S_cerevisiae.R64-1-1.fa.gz",
    "genomes_1pct/athaliana.fa.gz",
    "genomes_1pct/celegans.fa.gz",
    "genomes_1pct/dmelanogaster.fa.gz",
)
READS = 5000
DATA = Path(os.environ["STRANDLOOM_DATA"])


def subset(collection: Collection, kept: np.ndarray) -> Collection:
    return Collection(collection.kind, collection.environments, tuple(collection.members[i] for i in kept))


def mixtures(model: LeanModel, calibration: Any, mixer: Mixer, count: int, seed: int, threads: int) -> dict[str, Any]:
    """Total variation errors, coverage of intervals and the slope of the unknown share."""
    truth, found, low, high = [], {m: [] for m in ("em", "confusion", "argmax")}, [], []
    settings = MixtureSettings(samples=count, reads=READS, foreign=0.6, seed=seed)
    for number in range(count):
        mixture = mixer.mix(settings, number)
        answers = model.answer(mixture.reads, threads=threads)
        made = estimate(
            calibration.bins.count(answers.points()),
            np.bincount(answers.log_posterior.argmax(1), minlength=len(model.environments)),
            calibration,
            settings=EstimateSettings(),
        )
        truth.append(mixture.shares)
        for method, values in found.items():
            values.append(made.shares[method].value)
        low.append(made.shares["em"].low)
        high.append(made.shares["em"].high)
    t = np.array(truth)
    error = {m: float((np.abs(np.array(v) - t).sum(1) / 2).mean()) for m, v in found.items()}
    inside = (t >= np.array(low) - 1e-9) & (t <= np.array(high) + 1e-9)
    slope, at_zero = np.polyfit(t[:, -1], np.array(found["em"])[:, -1], 1)
    return {
        "total_variation": error, "ratio": error["em"] / error["argmax"], "coverage": float(inside.mean()),
        "coverage_by_source": inside.mean(0).tolist(), "width": float((np.array(high) - np.array(low)).mean()),
        "unknown_slope": float(slope), "unknown_at_zero": float(at_zero),
    }  # fmt: skip


def real_reads(model: LeanModel, collection: Collection, threads: int) -> dict[str, Any]:
    """Reads of samples answered by a model of genomes, beside 10-mer naive Bayes; and the top environment of each sample."""
    right, bayes = np.full(len(collection), np.nan), np.full(len(collection), np.nan)
    for i, sample in enumerate(collection.members):
        a, b, n = 0, 0, 0
        home = model.environments.index(collection.environments[sample.environment])
        for block in prepared(SampleFiles(sample.name, sample.file), ReadSettings(), ReadFacts()):
            evidence = gather(model.tables, block.reads, threads=threads)
            a += int((model.weigh(evidence).log_posterior.argmax(1) == home).sum())
            b += int((evidence.environments[:, :, COMPOSITION].argmax(1) == home).sum())
            n += len(evidence.read)
        right[i], bayes[i] = a / n, b / n
    environment = np.array([m.environment for m in collection.members])
    macro = lambda v: float(np.mean([v[environment == e].mean() for e in np.unique(environment)]))  # noqa: E731
    return {"model": macro(right), "naive_bayes_10mers": macro(bayes), "by_sample": right.tolist()}


def top(model: LeanModel, calibration: Any, collection: Collection, threads: int) -> dict[str, Any]:
    rows = {}
    for sample in collection.members:
        found = estimate_sample(
            SampleFiles(sample.name, sample.file),
            model,
            calibration,
            settings=EstimateSettings(),
            reads=ReadSettings(),
            threads=threads,
        )
        value = found.composition.shares["em"].value
        rows[sample.name] = {
            "truth": collection.environments[sample.environment],
            "top": model.environments[int(value[:-1].argmax())],
            "shares": dict(zip((*model.environments, "unknown"), value.round(3).tolist(), strict=True)),
            "odd": found.composition.odd,
        }
    return {"right": sum(r["truth"] == r["top"] for r in rows.values()), "samples": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mixtures", type=int, default=200)
    parser.add_argument("--only", default="genomes,reads,mixtures,left_out,ecoli,networks")
    parser.add_argument("--out", type=Path, default=Path("runs/studies/sources"))
    asked = parser.parse_args()
    only = set(asked.only.split(","))
    asked.out.mkdir(parents=True, exist_ok=True)
    threads = apply(choose_runtime("cpu", precision="fp32", parameters=0)).threads
    results: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        results[name] = value
        (asked.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        print(name, json.dumps(value), flush=True)

    genomes = read_collection(DATA / "source_genomes/genomes.tsv")
    samples = read_collection(DATA / "hmp_reads/samples.tsv")
    started = time.perf_counter()
    rehearsal, _ = rehearse(genomes, settings=SourceTraining(), say=print)
    environment = rehearsal.lineages.environment
    foreign = read_pool([DATA / x for x in FOREIGN], least=100)
    coli = read_pool([DATA / "ecoli_k12/ecoli_k12.fa.gz"], least=100)
    for seed in range(1, asked.seeds + 1):
        settings = SourceTraining(seed=seed)
        if "genomes" in only:
            held = judge_held_out(rehearsal, genomes.environments, settings, threads=threads)
            keep(
                f"left-out reads, seed {seed}",
                {**held.to_json(), "by_genome": held.genome.tolist(), "bayes": held.bayes_genome.tolist()},
            )
        model = lean_model(rehearsal, genomes.environments, settings, threads=threads)
        calibration = calibrated(rehearsal, model, settings, threads=threads)
        if "genomes" in only:
            keep(
                f"genomes to real reads, seed {seed}",
                {**real_reads(model, samples, threads), **top(model, calibration, samples, threads)},
            )
        if "mixtures" in only:
            mixer = Mixer(genomes, rehearsal.pool, foreign, ReadProfile())
            keep(
                f"mixtures of training genomes, seed {seed}",
                mixtures(model, calibration, mixer, asked.mixtures, seed, threads),
            )
        if "ecoli" in only:
            mixer = Mixer(genomes, rehearsal.pool, coli, ReadProfile())
            keep(
                f"mixtures with E. coli, seed {seed}",
                mixtures(model, calibration, mixer, asked.mixtures // 4, seed, threads),
            )
        if "left_out" in only:
            keep(
                f"mixtures of left-out genomes, seed {seed}",
                left_out(genomes, environment, foreign, settings, asked.mixtures, threads),
            )
        if "networks" in only:
            for name in ("tokens", "published"):
                other = settings.model_copy(update={"model": name})
                judged = judge_network(rehearsal, genomes.environments, other, threads=threads)
                keep(f"network of left-out genomes, {name}, seed {seed}", judged.to_json()["left_out_genome"])
        if "reads" in only:
            own, _ = rehearse(samples, settings=settings)
            held = judge_held_out(own, samples.environments, settings, threads=threads)
            trained = lean_model(own, samples.environments, settings, threads=threads)
            kept = calibrated(own, trained, settings, threads=threads)
            keep(f"trained on reads, seed {seed}", {**held.to_json(), **top(trained, kept, samples, threads)})
        print(f"seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)


def left_out(
    genomes: Collection, environment: np.ndarray, foreign: Any, settings: SourceTraining, count: int, threads: int
) -> dict[str, Any]:
    """Samples of genomes that a model never saw: five parts, each without one genome of every environment."""
    generator = np.random.default_rng(settings.seed)
    order = [generator.permutation(np.flatnonzero(environment == e)) for e in range(len(genomes.environments))]
    whole = read_pool([m.file for m in genomes.members], least=100)
    found = []
    for part in range(5):
        out = np.array([own[part % len(own)] for own in order])
        kept = np.setdiff1d(np.arange(len(genomes)), out)
        rehearsal, _ = rehearse(subset(genomes, kept), settings=settings)
        model = lean_model(rehearsal, genomes.environments, settings.model_copy(update={"members": 1}), threads=threads)
        calibration = calibrated(rehearsal, model, settings, threads=threads)
        mixer = Mixer(genomes, whole, foreign, ReadProfile(), used=tuple(int(x) for x in out))
        found.append(mixtures(model, calibration, mixer, count // 5, settings.seed * 10 + part, threads))
    mean = lambda f: float(np.mean([f(x) for x in found]))  # noqa: E731
    error = {m: mean(lambda x, m=m: x["total_variation"][m]) for m in ("em", "confusion", "argmax")}
    return {
        "total_variation": error, "ratio": error["em"] / error["argmax"], "coverage": mean(lambda x: x["coverage"]),
        "unknown_slope": mean(lambda x: x["unknown_slope"]), "unknown_at_zero": mean(lambda x: x["unknown_at_zero"]), "parts": found,
    }  # fmt: skip


if __name__ == "__main__":
    main()
