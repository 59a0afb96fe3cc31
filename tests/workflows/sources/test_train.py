"""Training on made-up genomes, and the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from strandloom.bundle import read_bundle
from strandloom.errors import BundleError, InputError, OutputError
from strandloom.workflows.sources.draws import ReadProfile, draw_reads
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.pool import read_pool
from strandloom.workflows.sources.self_check import check_unknown
from strandloom.workflows.sources.settings import SourceTraining
from strandloom.workflows.sources.store import load_model
from strandloom.workflows.sources.train import Trained, train_sources

Made = tuple[Path, Trained]
SMALL = SourceTraining(members=1, reads_per_lineage=400, epochs=4, folds=2, table_bits=16)


def reads_of(genomes: Path, name: str, count: int = 300) -> ReadBlock:
    pool = read_pool([genomes.parent / f"{name}.fa.gz"])
    found = draw_reads(pool, np.zeros(count, int), profile=ReadProfile(), seed=77)
    return ReadBlock.rectangle(found.codes, found.lengths)


def test_reads_of_training_genomes_are_known(genomes: Path, trained: Made) -> None:
    model = trained[1].model
    for e, name in enumerate(("mouth00", "gut11", "skin01")):
        found = model.answer(reads_of(genomes, name), threads=1)
        assert (found.log_posterior.argmax(1) == e).mean() > 0.95
        assert np.exp(found.log_regime[:, 0]).mean() > 0.5


def test_left_out_genomes_are_answered_better_than_by_composition(trained: Made) -> None:
    held = trained[1].held_out
    assert held is not None
    assert held.macro(held.genome) > held.macro(held.bayes_genome) + 0.05
    assert "naive Bayes" in held.sentence()


def test_the_bundle_answers_as_the_model(genomes: Path, trained: Made) -> None:
    loaded = load_model(trained[0])
    reads = reads_of(genomes, "gut00")
    one, other = trained[1].model.answer(reads, threads=1), loaded.model.answer(reads, threads=2)
    np.testing.assert_array_equal(one.log_posterior, other.log_posterior)
    np.testing.assert_array_equal(trained[1].calibration.profiles.counts, loaded.calibration.profiles.counts)
    assert loaded.facts["collection"]["environments"] == ["mouth", "gut", "skin"]


def test_training_is_the_same_again(genomes: Path, trained: Made, tmp_path: Path) -> None:
    train_sources(genomes, out=tmp_path / "again", settings=SMALL, judge=False, threads=1)
    one, other = read_bundle(trained[0]), read_bundle(tmp_path / "again" / "bundle")
    assert one.manifest.files["weights.safetensors"] == other.manifest.files["weights.safetensors"]
    assert (
        one.manifest.files["parts/sources-calibration.safetensors"]
        == other.manifest.files["parts/sources-calibration.safetensors"]
    )


def test_the_run_folder(trained: Made) -> None:
    run = trained[0].parent
    facts = json.loads((run / "sources.json").read_text())
    assert facts["held_out"]["left_out_genome"]["model"] > 0
    groups = facts["held_out_by_group"]
    assert [x["group"] for x in groups] == [f"{e}ella{g}" for e in ("Mouth", "Gut", "Skin") for g in range(2)]
    assert all(x["lineages"] == 2 and 0 <= x["genome"] <= 1 for x in groups)
    assert (run / "environment.json").is_file()
    assert "Learned from genomes" in (run / "bundle" / "card.md").read_text()


def test_an_earlier_run_stays(genomes: Path, trained: Made) -> None:
    with pytest.raises(OutputError, match="exists already"):
        train_sources(genomes, out=trained[0].parent, settings=SMALL)


def test_other_bundles_are_refused(trained: Made, tmp_path: Path) -> None:
    from strandloom.bundle import write_bundle
    from strandloom.predict import load

    read = read_bundle(trained[0])
    write_bundle(tmp_path / "b", type(read)(read.manifest, read.weights, {}, ""))
    with pytest.raises(BundleError, match="no source model"):
        load_model(tmp_path / "b")
    with pytest.raises(BundleError, match="sources estimate"):
        load(trained[0])


def test_an_environment_without_sequences_is_named(genomes: Path, tmp_path: Path) -> None:
    (tmp_path / "short.fa").write_text(">a\nACGTACGT\n")
    table = tmp_path / "t.tsv"
    table.write_text(f"environment\tgenome_id\tfile\nA\ta\t{genomes.parent / 'gut00.fa.gz'}\nB\tb\tshort.fa\n")
    with pytest.raises(InputError, match="shorter than 100 bases"):
        train_sources(table, out=tmp_path / "run", settings=SMALL)
    assert not (tmp_path / "run").exists()


def test_samples_of_reads(genomes: Path, tmp_path: Path) -> None:
    rows = ["environment\tsample"]
    for environment in ("mouth", "gut", "skin"):
        block = reads_of(genomes, f"{environment}00", 1500)
        text = "".join(
            f">r{i}\n{''.join('ACGT'[c] for c in row)}\n" for i, row in enumerate(block.codes.reshape(-1, 80))
        )
        (tmp_path / f"{environment}.fa").write_text(text)
        rows.append(f"{environment}\t{environment}")
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n")
    made = train_sources(tmp_path / "samples.tsv", out=tmp_path / "run", settings=SMALL, threads=1)
    assert made.held_out is not None
    assert made.held_out.macro(made.held_out.genome) > 0.8
    assert np.isnan(made.held_out.genus).all()  # the only sample of its environment
    assert made.calibration.profiles.exchangeable is False
    assert "the sequencing run too" in (tmp_path / "run" / "bundle" / "card.md").read_text()


def test_practice_is_called_what_it_is(trained: Made) -> None:
    found = {x["what"]: x for x in check_unknown(trained[1].calibration)}
    assert found["reads that meet its own lineage"]["right"] > 0.8
    assert found["reads that meet its own lineage"]["unknown"] < 0.1
    assert found["reads like nothing: pairs of bases shuffled"]["unknown"] > 0.8
