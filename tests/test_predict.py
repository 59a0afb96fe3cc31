"""Prediction: in order, the same for every block and batch, averaged as trained, calibrated, with flat memory."""

from __future__ import annotations

import gzip
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import softmax

from strandloom.alphabet import DNA
from strandloom.bundle import Bundle, Manifest, Part, StoredBlend
from strandloom.errors import BundleError, InputError, OutputError
from strandloom.evaluation.baselines.base import Rows
from strandloom.evaluation.baselines.fit import fit_baselines
from strandloom.evaluation.settings import EvaluationSettings
from strandloom.io.read import read_blocks, read_records
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings
from strandloom.predict import Predictor, load, predict_file
from strandloom.predict.file import rows_of_block
from strandloom.training.infer import logits

LENGTH = 40
MODEL = LayersSettings.model_validate(
    {
        "blocks": [
            {"block": "conv", "filters": 6, "width": 5},
            {"block": "norm"},
            {"block": "activation"},
            {"block": "pool", "size": 4},
            {"block": "flatten"},
        ]
    }
)
LABELS = ("oral", "gut", "skin")


def weights(seed: int, outputs: int = 3) -> dict[str, np.ndarray]:
    """Untrained weights, the last layer made to tell sequences apart."""
    module = build(MODEL, channels=4, length=LENGTH, outputs=outputs, seed=seed)
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    weight = state["output.weight"]
    weight[...] = 4 * (weight - weight.mean(axis=1, keepdims=True))  # no class is preferred throughout
    return state


def predictor(*, seeds: tuple[int, ...] = (1,), **changes: Any) -> Predictor:
    """A loaded bundle in memory."""
    known = {"strandloom": "0.1.0", "name": "t", "task": "classes", "length": LENGTH, "labels": LABELS, "model": MODEL}
    about = Manifest.model_validate(known | {"members": len(seeds)} | changes)
    return load(Bundle(about, tuple(weights(seed, len(about.labels)) for seed in seeds)), device="cpu")


def texts(rows: int, length: int = LENGTH, seed: int = 0) -> list[str]:
    """Random sequences."""
    codes = np.random.default_rng(seed).integers(0, 4, (rows, length), dtype=np.uint8)
    return [DNA.decode(row) for row in codes]


def reverse_complement(text: str) -> str:
    return text[::-1].translate(str.maketrans("ACGTN", "TGCAN"))


def fasta(path: Path, sequences: list[str]) -> Path:
    path.write_text("".join(f">read{i} lane 3\n{text}\n" for i, text in enumerate(sequences)))
    return path


def probabilities(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(pl.col("^p_.*$")).to_numpy()


@pytest.fixture(scope="module")
def one() -> Predictor:
    """A bundle of one member."""
    return predictor()


def test_columns_order_and_ids(one: Predictor, tmp_path: Path) -> None:
    """One row per input row, in order, under the name it came with."""
    sequences = texts(300)
    summary = predict_file(one, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "out.parquet", block_rows=64)
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.columns == ["id", "prediction", "p_oral", "p_gut", "p_skin", "abstain"]
    assert found.dtypes == [pl.String, pl.String, pl.Float64, pl.Float64, pl.Float64, pl.Boolean]
    assert found["id"].to_list() == [f"read{i}" for i in range(300)]
    assert (summary.rows, summary.out, summary.length) == (300, tmp_path / "out.parquet", LENGTH)
    singly = one.predict([sequences[7], sequences[250]])  # a row does not depend on its neighbours
    np.testing.assert_allclose(probabilities(singly), probabilities(found[[7, 250]]), atol=2e-6)


def test_the_prediction_is_the_most_probable_class(one: Predictor) -> None:
    found = one.predict(texts(200))
    assert found["prediction"].to_list() == [LABELS[k] for k in probabilities(found).argmax(axis=1)]
    assert found["prediction"].n_unique() == 3
    np.testing.assert_allclose(probabilities(found).sum(axis=1), 1, atol=2e-6)  # six decimals each


def test_a_threshold_moves_the_decision_of_two_classes() -> None:
    cut = predictor(labels=("no", "yes"), decision_threshold=0.8)
    found = cut.predict(texts(300))
    expected = ["yes" if p >= 0.8 else "no" for p in found["p_yes"]]
    assert found["prediction"].to_list() == expected
    assert ((found["p_yes"] > 0.5) & (found["prediction"] == "no")).any()


@pytest.mark.parametrize(
    ("length", "batch", "rows"),
    [
        (20, None, 16_384),
        (80, None, 13_056),
        (1_000, None, 1_024),
        (2_000, None, 512),
        (100_000, None, 10),
        (1_000, 4_096, 4_096),
        (10**7, None, 1),
    ],
)
def test_blocks_hold_whole_batches(length: int, batch: int | None, rows: int) -> None:
    assert rows_of_block(length, batch=batch) == rows


@pytest.mark.parametrize("block_rows", [1, 7, 100, 65_536])
def test_block_size_changes_nothing(one: Predictor, tmp_path: Path, block_rows: int) -> None:
    """Bit for bit: every forward pass has the same number of rows, filled up."""
    source = fasta(tmp_path / "in.fa", texts(60))
    predict_file(one, source, out=tmp_path / "whole.tsv", batch_size=16)
    predict_file(one, source, out=tmp_path / "blocks.tsv", batch_size=16, block_rows=block_rows)
    assert (tmp_path / "blocks.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batch_size_changes_nothing(one: Predictor, tmp_path: Path, batch_size: int) -> None:
    sequences = texts(50)
    predict_file(one, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "out.parquet", batch_size=batch_size)
    found = pl.read_parquet(tmp_path / "out.parquet")
    expected = one.predict(sequences)
    assert found["prediction"].equals(expected["prediction"])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=2e-6)


def test_members_are_averaged() -> None:
    """Mean of the members' raw scores, then the temperature."""
    sequences = texts(20)
    three = predictor(seeds=(1, 2, 3), temperature=1.7)
    codes = np.stack([DNA.encode(x) for x in sequences])
    single = []
    for seed in (1, 2, 3):
        module = build(MODEL, channels=4, length=LENGTH, outputs=3)
        module.load_state_dict(load_torch(weights(seed)))
        single.append(logits(module, codes))
    mean = np.mean(single, axis=0)
    np.testing.assert_allclose(three.logits(codes, np.full(20, LENGTH, np.int32)), mean, atol=1e-5)
    np.testing.assert_allclose(probabilities(three.predict(sequences)), softmax(mean / 1.7, axis=1), atol=1e-5)


def load_torch(state: dict[str, np.ndarray]) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(array.copy()) for name, array in state.items()}


def test_the_temperature_is_applied() -> None:
    """Flatter probabilities, the same classes."""
    sequences = texts(100)
    cold, warm = predictor().predict(sequences), predictor(temperature=4.0).predict(sequences)
    assert cold["prediction"].equals(warm["prediction"])
    flattened = probabilities(cold) ** 0.25
    np.testing.assert_allclose(probabilities(warm), flattened / flattened.sum(axis=1, keepdims=True), atol=2e-3)
    assert probabilities(warm).max() < probabilities(cold).max()


def test_a_baseline_is_blended_in() -> None:
    """The stored k-mer model joins the scores with its weights; on both strands where the model reads both."""
    sequences = texts(60)
    codes, lengths = np.stack([DNA.encode(x) for x in sequences]), np.full(60, LENGTH, np.int32)
    rows = Rows(codes, lengths, np.arange(60) % 3)
    asked = EvaluationSettings(baselines=("kmer_logistic",), kmer_sizes=(2,))
    baseline = next(iter(fit_baselines(rows, rows, classes=3, settings=asked)))
    state = baseline.state()
    parts = {"baseline-kmer_logistic": Part(dict(state.arrays), state.facts)}
    for strand in ("one", "both"):
        plain = predictor(strand=strand)
        stored = StoredBlend(
            members=tuple(range(plain.manifest.members)), network=0.7, baseline=0.4,
            partner="kmer_logistic", part="baseline-kmer_logistic",
        )  # fmt: skip
        about = plain.manifest.model_copy(update={"blends": (stored,)})
        blended = load(Bundle(about, plain.bundle.weights, parts), device="cpu")
        logs = np.log(baseline.predict_proba(codes, lengths))
        if strand == "both":
            logs = (logs + np.log(baseline.predict_proba(DNA.reverse_complement(codes), lengths))) / 2
            logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        expected = softmax(0.7 * plain.logits(codes, lengths) + 0.4 * logs, axis=1)
        found = blended.predict(sequences)
        np.testing.assert_allclose(probabilities(found), expected, atol=2e-6)
        assert not np.allclose(probabilities(found), probabilities(plain.predict(sequences)), atol=0.01)
    turned = blended.predict([reverse_complement(x) for x in sequences])
    np.testing.assert_allclose(probabilities(turned), probabilities(found), atol=2e-6)
    with pytest.raises(BundleError, match="does not hold it"):
        load(Bundle(about, plain.bundle.weights), device="cpu").predict(sequences)


def test_each_fold_has_a_blend_of_its_own() -> None:
    """Under folds the blended scores of each fold's networks are averaged; a fold may stand alone."""
    sequences = texts(40)
    codes, lengths = np.stack([DNA.encode(x) for x in sequences]), np.full(40, LENGTH, np.int32)
    rows = Rows(codes, lengths, np.arange(40) % 3)
    asked = EvaluationSettings(baselines=("kmer_logistic",), kmer_sizes=(2,))
    baseline = next(iter(fit_baselines(rows, rows, classes=3, settings=asked)))
    state = baseline.state()
    plain = predictor(strand="one")
    weights = (plain.bundle.weights[0], plain.bundle.weights[-1])
    blends = (
        StoredBlend(members=(0,), network=0.9, baseline=0.0, partner="kmer_logistic", part="baseline-kmer_logistic"),
        StoredBlend(members=(1,), network=0.6, baseline=0.5, partner="kmer_logistic", part="fold-2-kmer_logistic"),
    )
    about = plain.manifest.model_copy(update={"members": 2, "blends": blends})
    parts = {"fold-2-kmer_logistic": Part(dict(state.arrays), state.facts)}
    found = load(Bundle(about, weights, parts), device="cpu").scores(codes, lengths)
    single = [
        load(Bundle(plain.manifest.model_copy(update={"members": 1}), (one,)), device="cpu").logits(codes, lengths)
        for one in weights
    ]
    logs = np.log(baseline.predict_proba(codes, lengths))
    np.testing.assert_allclose(found.network, (single[0] + single[1]) / 2, atol=1e-5)
    np.testing.assert_allclose(found.blended, (0.9 * single[0] + 0.6 * single[1] + 0.5 * logs) / 2, atol=1e-5)


@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
def test_both_strands_say_the_same(anchor: str) -> None:
    """Under ``strand: both`` a full-length sequence and its reverse complement get one answer; under ``one`` not."""
    sequences = texts(30)
    turned = [reverse_complement(x) for x in sequences]
    both = predictor(strand="both", anchor=anchor)
    np.testing.assert_allclose(probabilities(both.predict(sequences)), probabilities(both.predict(turned)), atol=2e-6)
    one = predictor(anchor=anchor)
    assert np.abs(probabilities(one.predict(sequences)) - probabilities(one.predict(turned))).max() > 0.1


@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
def test_both_strands_of_short_sequences(anchor: str) -> None:
    """The other strand of a short sequence stands where the anchor puts it, so this holds for every length."""
    sequences = [x[: 25 + i] for i, x in enumerate(texts(10))]
    both = predictor(strand="both", anchor=anchor)
    turned = both.predict([reverse_complement(x) for x in sequences])
    np.testing.assert_allclose(probabilities(both.predict(sequences)), probabilities(turned), atol=2e-6)


def test_abstention_follows_the_manifest(tmp_path: Path) -> None:
    """Rows whose highest probability is below the threshold, no others; without a threshold nobody."""
    sequences = texts(200)
    shy = predictor(abstain_threshold=0.7, abstain_error=0.05)
    found = shy.predict(sequences)
    np.testing.assert_array_equal(found["abstain"], probabilities(found).max(axis=1) < 0.7)
    assert found["abstain"].any()
    assert not found["abstain"].all()
    assert not predictor().predict(sequences)["abstain"].any()
    summary = predict_file(shy, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "o.tsv", block_rows=33)
    assert summary.abstained == found["abstain"].sum()
    assert any("abstain" in line for line in summary.lines())


@pytest.mark.parametrize("name", ["in.fa", "in.fa.gz", "in.csv", "in.tsv", "in.parquet", "in.ndjson"])
def test_memory_and_file_agree(one: Predictor, tmp_path: Path, name: str) -> None:
    """Text, list, frame, records and every file format give the same rows."""
    frame = pl.DataFrame({"id": [f"s{i}" for i in range(25)], "sequence": texts(25), "place": range(25)})
    source = tmp_path / name
    records = "".join(f">{i}\n{s}\n" for i, s in zip(frame["id"], frame["sequence"], strict=True))
    match name:
        case "in.fa":
            source.write_text(records)
        case "in.fa.gz":
            source.write_bytes(gzip.compress(records.encode()))
        case "in.csv":
            frame.write_csv(source)
        case "in.tsv":
            frame.write_csv(source, separator="\t")
        case "in.parquet":
            frame.write_parquet(source)
        case _:
            frame.write_ndjson(source)
    predict_file(one, source, out=tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.equals(one.predict(frame))
    assert found.equals(one.predict(frame["sequence"].to_list(), ids=frame["id"].to_list()))
    assert found.equals(one.predict(read_records(source)))
    assert one.predict(frame["sequence"][0])["id"].to_list() == ["1"]


def test_the_training_column_is_preferred(tmp_path: Path) -> None:
    """A table with two columns of sequences: the one that the model was trained on."""
    frame = pl.DataFrame({"sequence": texts(5, seed=1), "promoter": texts(5, seed=2)})
    frame.write_csv(tmp_path / "in.csv")
    trained = predictor(sequence="promoter")
    predict_file(trained, tmp_path / "in.csv", out=tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.equals(trained.predict(frame["promoter"].to_list()))
    assert found.equals(trained.predict(frame))
    predict_file(trained, tmp_path / "in.csv", out=tmp_path / "other.parquet", sequence="sequence")
    assert pl.read_parquet(tmp_path / "other.parquet").equals(trained.predict(frame["sequence"].to_list()))


@pytest.mark.parametrize(
    "letters",
    [{}, {"gap": "remove"}, {"lower_case": "n"}, {"unknown": "n"}],
    ids=["default", "gap removed", "soft mask", "unknown as N"],
)
def test_the_letter_policy_holds_in_memory_too(tmp_path: Path, letters: dict[str, str]) -> None:
    base = texts(4)
    sequences = [base[0][:20] + "--" + base[0][20:38], base[1].lower(), base[2].replace("T", "U"), "RYN" + base[3][3:]]
    if letters.get("unknown"):
        sequences.append("ACGX?" + base[0][5:])
    model = predictor(letters=letters)
    predict_file(model, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "out.parquet")
    found = model.predict(sequences, ids=[f"read{i}" for i in range(len(sequences))])
    assert pl.read_parquet(tmp_path / "out.parquet").equals(found)
    changed = not np.allclose(probabilities(found)[:4], probabilities(predictor().predict(sequences[:4])))
    assert changed == bool(letters.get("gap") or letters.get("lower_case"))


def test_lengths_are_placed_and_counted(one: Predictor, tmp_path: Path) -> None:
    whole = texts(3)
    sequences = [whole[0], whole[1] + "ACGT", whole[2][:30]]
    summary = predict_file(one, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "out.parquet")
    assert (summary.longer, summary.shorter) == (1, 1)
    lines = " ".join(summary.lines())
    assert "longer than 40 bases" in lines
    assert "shorter than 40 bases" in lines
    cropped = probabilities(pl.read_parquet(tmp_path / "out.parquet"))
    np.testing.assert_allclose(cropped[1], probabilities(one.predict(whole[1]))[0], atol=2e-6)


def test_too_long_is_an_error_where_trained_so(tmp_path: Path) -> None:
    strict = predictor(too_long="error")
    sequences = [*texts(3), texts(1, 41)[0]]
    with pytest.raises(InputError, match="41 bases, longer than the window of 40") as caught:
        strict.predict(sequences, ids=list("abcd"))
    assert caught.value.where == "record 'd'"
    with pytest.raises(InputError, match="longer than the window of 40"):
        predict_file(strict, fasta(tmp_path / "in.fa", sequences), out=tmp_path / "out.tsv")
    assert not (tmp_path / "out.tsv").exists()


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "no sequence to predict"),
        (["ACGT", ""], "the sequence is empty"),
        ([""], "the sequence is empty"),
        (["ACGT", "ACJT"], "'J' at position 3 is no DNA letter"),
        (["ACGT", "AÄGT"], "is no DNA letter"),
        ([b"ACGT"], "a sequence is text, not bytes"),
        (pl.DataFrame({"sequence": ["ACGT", None]}), "the sequence is empty"),
        (pl.DataFrame({"seq": ["ACGT"]}), "no column `sequence`"),
    ],
)
def test_bad_sequences_in_memory(one: Predictor, sequences: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        one.predict(sequences)


def test_a_row_that_a_file_would_skip_is_an_error_in_memory() -> None:
    """There is one answer per sequence, so nothing is left out in silence."""
    model = predictor(letters={"unknown": "skip", "n": "skip"})
    with pytest.raises(InputError, match="'N' at position 2 is not allowed") as caught:
        model.predict(["ACGT", "ANGT"], ids=["a", "b"])
    assert "record 'b'" in str(caught.value.where)


def test_ids_must_fit(one: Predictor) -> None:
    with pytest.raises(InputError, match="2 ids for 1 sequences"):
        one.predict(["ACGT"], ids=["a", "b"])


def test_an_empty_file(one: Predictor, tmp_path: Path) -> None:
    (tmp_path / "empty.fa").write_text("")
    with pytest.raises(InputError, match="empty"):
        predict_file(one, tmp_path / "empty.fa", out=tmp_path / "out.tsv")
    (tmp_path / "header.csv").write_text("id,sequence\n")
    with pytest.raises(InputError):
        predict_file(one, tmp_path / "header.csv", out=tmp_path / "out.tsv")
    assert not (tmp_path / "out.tsv").exists()


def test_bad_rows_stop_or_are_counted(one: Predictor, tmp_path: Path) -> None:
    sequences = texts(6)
    sequences[2] = "ACGTJ" + sequences[2][5:]
    source = fasta(tmp_path / "in.fa", sequences)
    (tmp_path / "out.tsv").write_text("what was there\n")
    with pytest.raises(InputError, match="'J' at position 5"):
        predict_file(one, source, out=tmp_path / "out.tsv", block_rows=1)
    assert (tmp_path / "out.tsv").read_text() == "what was there\n", "an output is replaced only when it is complete"
    summary = predict_file(one, source, out=tmp_path / "out.tsv", on_bad_row="skip", block_rows=2)
    kept = pl.read_csv(tmp_path / "out.tsv", separator="\t")
    assert kept["id"].to_list() == ["read0", "read1", "read3", "read4", "read5"]
    assert summary.letters.skipped_rows == 1
    assert "read2" in " ".join(summary.lines())
    source = fasta(tmp_path / "bad.fa", ["JJJJ", "LLLL"])
    with pytest.raises(InputError, match="no sequence to predict; all 2 rows were skipped"):
        predict_file(one, source, out=tmp_path / "none.tsv", on_bad_row="skip")


def test_the_output_needs_a_known_suffix(one: Predictor, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no suffix of a table format"):
        predict_file(one, fasta(tmp_path / "in.fa", texts(2)), out=tmp_path / "out.xyz")


def test_progress_hears_every_block(one: Predictor, tmp_path: Path) -> None:
    class Heard(list[int]):
        def advance(self, rows: int, per_second: float) -> None:
            assert per_second > 0
            self.append(rows)

    heard = Heard()
    predict_file(
        one, fasta(tmp_path / "in.fa", texts(50)), out=tmp_path / "o.tsv", block_rows=20, batch_size=20, progress=heard
    )
    assert heard == [20, 40, 50]


def test_memory_is_flat(one: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the rows, the same peak: only a block is held (numpy and Python memory; polars streams its own)."""
    monkeypatch.setattr("strandloom.predict.file.read_blocks", partial(read_blocks, block_bytes=1 << 16))
    sequences = texts(500)

    def peak(rows: int) -> int:
        source = fasta(tmp_path / f"{rows}.fa", sequences * (rows // 500))
        tracemalloc.start()
        try:
            predict_file(one, source, out=tmp_path / "o.tsv", block_rows=500, batch_size=250)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(500)  # what is imported and cached once
    few, many = peak(3_000), peak(12_000)
    assert many < 1.5 * few, f"{few:,} and {many:,} bytes"


def test_columns_of_outputs_are_all_different() -> None:
    from strandloom.predict.answers import output_columns

    ends = ("low", "high", "sd", "beyond")
    assert output_columns(("growth", "growth_sd"), ends) == ["predicted_growth", "growth_sd"]
    assert output_columns(("id", "labels", "predicted_labels")) == [
        "predicted_id",
        "predicted_labels",
        "predicted_predicted_labels",
    ]
    assert output_columns(("a", "b"), ends) == ["a", "b"]
