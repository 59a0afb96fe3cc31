"""Motifs by name and place: the planted ones, CTCF and PU.1, the TATA box upstream of the TSS, the splice sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from common import ROOT, RUNS, commit, data_folder, record, run, table
from gue import experiment as gue_experiment
from simulated import experiment as simulated_experiment
from strandloom.alphabet import DNA
from strandloom.data.mixture import MotifSimulation
from strandloom.data.simulate import simulate, write_simulation
from strandloom.explain.attribution import Output
from strandloom.explain.effects import position_curve
from strandloom.explain.score import Explained
from strandloom.explain.settings import ExplainSettings
from strandloom.io.read import read_records
from strandloom.predict import load
from strandloom.report.tracks import position_number
from strandloom.run.explain import explain_bundle
from strandloom.run.explain_output import OutputExplained

VERTEBRATES = "jaspar2022/JASPAR2022_CORE_vertebrates.meme.gz"
HEADER = [
    "output",
    "rank",
    "consensus",
    "best known match",
    "q",
    "sites",
    "sequences with it",
    "share at its commonest place ± 2",
    "effect (95 % interval)",
    "shuffled copy",
]
SHOWN = 8


def explain(name: str, source: Path, settings: ExplainSettings) -> list[OutputExplained]:
    """Explain a run of this study on a file."""
    out = RUNS / "motifs" / name
    found = explain_bundle(RUNS / name / "bundle", source, out=out, settings=settings, force=True, say=print)
    print(found.sentence, flush=True)
    return list(found.outputs)


def rows_of(found: OutputExplained, *, first_base: int) -> list[list[str]]:
    """The motifs of an output, the strongest first."""
    lines = []
    for rank, motif in enumerate(found.page.motifs[:SHOWN], start=1):
        sites, effect = motif.motif.sites, motif.effect
        assert effect is not None
        assert effect.control is not None
        counts = np.bincount(sites.start)
        place = int(np.convolve(counts, np.ones(5, int), mode="same").argmax())
        near = float((np.abs(sites.start - place) <= 2).mean())
        best = motif.matches[0] if motif.matches else motif.nearest
        shown = effect.inserted
        lines.append(
            [
                found.page.output.label,
                str(rank),
                f"`{motif.consensus}`",
                best.name if best else "",
                f"{best.q:.1e}" if best else "",
                f"{len(sites):,}",
                f"{len(np.unique(sites.row)) / len(found.rows):.0%}",
                f"{near:.0%} at {position_number(place, first_base)}",
                f"{shown.value:+.2f} ({shown.low:+.2f} to {shown.high:+.2f})",
                f"{effect.control.value:+.2f}",
            ]
        )
    return lines


def simulated() -> str:
    """The planted motifs in the order of the page, for the networks of the study of simulated data."""
    lines = []
    for seed in (1, 2, 3):
        source = RUNS / "simulated" / f"motifs-{seed}.tsv"
        if not source.is_file():
            write_simulation(simulate(MotifSimulation(), seed=seed), source)
        name = f"simulated/multiscale-{seed}"
        run(name, simulated_experiment(str(source), "multiscale", seed))
        test = RUNS / "motifs" / f"simulated-{seed}-test.tsv"
        test.parent.mkdir(parents=True, exist_ok=True)
        pl.read_csv(source, separator="\t").filter(pl.col("split") == "test").write_csv(test, separator="\t")
        found = explain(name, test, ExplainSettings())[0]
        lines += [[str(seed), *line] for line in rows_of(found, first_base=1)]
    return "### Simulated motifs, `multiscale`\n\n" + table(["data set", *HEADER], lines)


def check_words(found: OutputExplained) -> str:
    """The sanity figures of a map."""
    check = found.page.check
    agreement = "–" if check.agreement is None else f"{check.agreement:.2f}"
    gap = "–" if check.gap is None else f"{check.gap:.3f}"
    return f"{found.page.method}, {len(found.rows):,} sequences; agreement with mutagenesis {agreement}, completeness gap {gap}"


def ctcf() -> str:
    """Two factors, told apart."""
    raw = yaml.safe_load((ROOT / "examples" / "ctcf-pu1.yaml").read_text())
    del raw["name"]
    judged = run("ctcf_pu1", raw)
    parts = []
    for factor, name in (("CTCF", "ctcf"), ("PU.1", "pu1")):
        records = read_records(data_folder() / "ctcf_pu1" / f"{name}.fa.gz")
        frame = pl.DataFrame({"id": records.ids, "sequence": [DNA.decode(x) for x in records.codes.reshape(-1, 100)]})
        parts.append(frame.with_columns(factor=pl.lit(factor)))
    test = pl.concat(parts).filter(pl.col("id").str.contains("^chr[89]:"))
    source = RUNS / "motifs" / "ctcf_pu1-test.tsv"
    source.parent.mkdir(parents=True, exist_ok=True)
    test.write_csv(source, separator="\t")
    found = explain("ctcf_pu1", source, ExplainSettings(motifs=str(data_folder() / VERTEBRATES), output="CTCF"))
    lines = rows_of(found[0], first_base=1)
    mcc = judged["model"]["matthews_corrcoef"]["value"]
    return (
        f"### CTCF against PU.1\n\nTest chromosomes 8 and 9 (MCC {mcc:.3f}); positive contributions speak for CTCF, negative ones for "
        f"PU.1. {check_words(found[0])}.\n\n" + table(HEADER, lines)
    )


def tata(task: str, tss: int) -> str:
    """Promoters with a TATA box; ``tss`` is the 1-based column of the transcription start."""
    run(f"gue/{task}", gue_experiment(task), seeds=3)
    first = 1 - tss  # the TSS is +1, the base before it -1
    settings = ExplainSettings(
        output="1",
        first_base=first,
        position="distance from the TSS",
        rows=1000,
        motifs=str(data_folder() / VERTEBRATES),
    )
    found = explain(f"gue/{task}", data_folder() / "gue" / f"{task}.test.csv.gz", settings)[0]
    predictor = load(RUNS / "gue" / task / "bundle")
    score = Explained(predictor.modules, Output(1, "1"), strand=predictor.manifest.strand)
    negatives = np.flatnonzero(found.map.predicted < 0)[:200]
    codes = found.rows.codes[negatives]
    places = list(range(0, codes.shape[1] - 8, 1 if codes.shape[1] < 100 else 3))
    curve = position_curve(score, "TATAAA", codes, places=places)
    order = np.argsort(-curve.values)[:3]
    best = ", ".join(f"{position_number(int(curve.places[i]), first):+d} ({curve.values[i]:+.2f})" for i in order)
    rest = float(np.median(curve.values))
    return (
        f"### {task}\n\n{check_words(found)}; {first} is the first base, +1 the TSS. TATAAA written into 200 sequences that the "
        f"model holds for no promoters raises its score the most when it begins at {best}; the median over all places is "
        f"{rest:+.2f}.\n\n" + table(HEADER, rows_of(found, first_base=first))
    )


def splice() -> str:
    """Donor, acceptor, neither; the junction lies between columns 30 and 31."""
    raw: dict[str, Any] = {
        "data": {"table": "uci_splice/splice.tsv.gz", "sequence": "sequence", "target": "class", "strand": "one"},
        "split": {"kind": "stratified", "seed": 1},
        "training": {"seed": 1},
    }
    run("uci_splice-one", raw)
    settings = ExplainSettings(output=("EI", "IE"), first_base=-30, position="distance from the junction")
    lines, said = [], []
    for found in explain("uci_splice-one", data_folder() / "uci_splice" / "splice.tsv.gz", settings):
        label = found.page.output.label
        own = found.rows.truth == found.page.output.index
        one_hot = DNA.one_hot(found.rows.codes[own])  # (N, 4, L)
        mean = (one_hot * found.map.contributions[own][:, None, :]).mean(axis=0)  # (4, L)
        order = np.argsort(-np.abs(mean).ravel())[:8]
        tops = [
            f"{'ACGT'[i // mean.shape[1]]} at {position_number(int(i) % mean.shape[1], -30):+d} ({mean.ravel()[i]:+.2f})"
            for i in order
        ]
        said.append(f"{label}: {', '.join(tops)}")
        tract = {base: float(mean["ACGT".index(base), 10:26].sum()) for base in "ACGT"}
        said[-1] += "; sum of -20 to -5: " + ", ".join(f"{base} {value:+.2f}" for base, value in tract.items())
        lines += rows_of(found, first_base=-30)
    return (
        "### UCI splice junctions\n\nMean contribution over the true sequences of a class, the largest first (+1 is the first base after "
        f"the junction, -1 the last before it). {'. '.join(said)}.\n\n" + table(HEADER, lines)
    )


def main() -> None:
    """Train (or read again) each model, explain it, rewrite the section."""
    parts = [simulated(), ctcf(), tata("prom_300_tata", 250), tata("prom_core_tata", 35), splice()]
    told = f"Explained at commit {commit()}; the models were trained at the commits above.\n\n"
    record("motifs", "Motifs that models have learned", told + "\n\n".join(parts))


if __name__ == "__main__":
    main()
