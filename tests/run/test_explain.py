"""From a bundle and sequences to the folder of an explanation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.errors import InputError, OutputError, UsageError
from strandloom.explain.settings import ExplainSettings
from strandloom.io.motifs import read_motifs
from strandloom.predict import load
from strandloom.run import RunResult
from strandloom.run.explain import draw_rows, explain_bundle
from strandloom.run.explain_write import Explanation

QUICK = ExplainSettings(rows=60, references=4, backgrounds=20, pages=2)


@pytest.fixture(scope="module")
def explained(full_run: RunResult, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Explanation:
    """The simulated table explained by mutagenesis."""
    out = tmp_path_factory.mktemp("explained") / "out"
    settings = QUICK.model_copy(update={"method": "mutagenesis"})
    return explain_bundle(
        full_run.bundle, table, out=out, settings=settings, device="cpu", command="strandloom explain …"
    )


def test_files(explained: Explanation) -> None:
    names = {path.name for path in explained.folder.iterdir()}
    assert {"motifs.html", "attributions.npz", "explanation.json", "sequences"} <= names
    assert "sites.bed" not in names  # no coordinates are known
    told = json.loads((explained.folder / "explanation.json").read_text())
    assert told["format"] == 1
    assert told["command"] == "strandloom explain …"
    (only,) = told["outputs"]
    assert only["output"] == "1"
    assert only["method"] == "mutagenesis"
    assert only["sequences"] == 60
    assert len(list((explained.folder / "sequences").iterdir())) == 2
    html = (explained.folder / "motifs.html").read_text()
    for page in (explained.folder / "sequences").iterdir():
        assert f"sequences/{page.name}" in html
        assert "../motifs.html" in page.read_text()


def test_attributions_are_those_of_the_sequences(explained: Explanation, table: Path, full_run: RunResult) -> None:
    arrays = np.load(explained.folder / "attributions.npz")
    frame = pl.read_csv(table, separator="\t")
    by_id = dict(zip(frame["id"], frame["sequence"], strict=True))
    assert arrays["outputs"].tolist() == ["1"]
    for name, codes in zip(arrays["ids_0"], arrays["codes_0"], strict=True):
        assert DNA.decode(codes) == by_id[str(name)]
    scores = load(full_run.bundle, device="cpu").scores(arrays["codes_0"], np.full(60, 40, np.int32)).network
    assert np.allclose(arrays["predicted_0"], scores[:, 1] - scores[:, 0], atol=1e-4)
    assert arrays["scores_0"].shape == (60, 4, 40)


def test_motif_files_agree(explained: Explanation, table: Path) -> None:
    told = json.loads((explained.folder / "explanation.json").read_text())["outputs"][0]
    if not told["motifs"]:
        assert told["reason"]
        assert not (explained.folder / "motifs.meme").exists()
        return
    assert [name.split()[0] for name in read_motifs(explained.folder / "motifs.meme")] == [
        x["name"] for x in told["motifs"]
    ]
    sites = pl.read_csv(explained.folder / "sites.tsv", separator="\t")
    assert sites["motif"].value_counts()["count"].sum() == sum(x["sites"] for x in told["motifs"])
    sequences = dict(pl.read_csv(table, separator="\t").select("id", "sequence").rows())
    for row in sites.iter_rows(named=True):
        text = sequences[row["id"]][row["start"] : row["end"]]
        assert row["sequence"] == (
            text if row["strand"] == "+" else DNA.decode(DNA.reverse_complement(DNA.encode(text)))
        )


def test_the_same_again(full_run: RunResult, table: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        explain_bundle(full_run.bundle, table, out=tmp_path / name, settings=QUICK, device="cpu")
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file() and path.suffix != ".npz":
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path.name


def test_asked_sequences_get_pages_and_coordinates_a_bed(full_run: RunResult, table: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(table, separator="\t").head(60)
    fasta = tmp_path / "some.fa"
    fasta.write_text(
        "".join(f">chr{i % 3}:{100 * i}-{100 * i + 40}(-)\n{text}\n" for i, text in enumerate(frame["sequence"]))
    )
    name = "chr1:100-140(-)"
    done = explain_bundle(
        full_run.bundle,
        fasta,
        out=tmp_path / "out",
        settings=QUICK.model_copy(update={"pages": 0}),
        ids=[name],
        device="cpu",
    )
    (page,) = (done.folder / "sequences").iterdir()
    assert "chr1:100-140" in page.read_text()
    sites = done.folder / "sites.tsv"
    if sites.exists():
        found = pl.read_csv(sites, separator="\t")
        assert ((found["chrom_start"] + found["end"]) % 100 == 40).all()  # read from the end, on the minus strand
        assert (done.folder / "sites.bed").exists()


def test_draws_balance_the_classes() -> None:
    rng = np.random.default_rng(0)
    own = np.arange(1000) % 10 == 0
    assert own[draw_rows(own, 100, rng)].sum() == 50
    assert own[draw_rows(own, 400, rng)].sum() == 100
    assert len(draw_rows(own, 400, rng)) == 400
    assert draw_rows(own, 5000, rng).tolist() == list(range(1000))
    assert draw_rows(~own, 400, rng).size == 400


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"settings": QUICK.model_copy(update={"output": "3"})}, UsageError, "no output '3'"),
        ({"ids": ["nobody"]}, InputError, "no sequence is called 'nobody'"),
        ({"target": "colour"}, InputError, "no column 'colour'"),
        ({"settings": QUICK.model_copy(update={"motifs": "absent.meme"})}, InputError, "cannot be read"),
        ({"settings": QUICK.model_copy(update={"method": "attention"})}, UsageError, "attention"),
    ],
)
def test_wrong_calls_leave_nothing(
    full_run: RunResult, table: Path, tmp_path: Path, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        explain_bundle(full_run.bundle, table, out=tmp_path / "out", device="cpu", **{"settings": QUICK, **changes})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_an_hour_is_not_begun_unasked(
    full_run: RunResult, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strandloom.run.explain.LONG_SECONDS", 0.0)
    with pytest.raises(UsageError, match="would take about"):
        explain_bundle(full_run.bundle, table, out=tmp_path / "out", settings=QUICK, device="cpu")


def test_a_sequence_of_n_is_refused(full_run: RunResult, tmp_path: Path) -> None:
    path = tmp_path / "n.fa"
    path.write_text(">a\n" + "ACGT" * 10 + "\n>b\n" + "N" * 40 + "\n")
    with pytest.raises(InputError, match="nothing to explain") as told:
        explain_bundle(full_run.bundle, path, out=tmp_path / "out", settings=QUICK, device="cpu")
    assert "record 'b'" in str(told.value)


def test_only_an_explanation_is_replaced(full_run: RunResult, table: Path, explained: Explanation) -> None:
    with pytest.raises(OutputError, match="exists already"):
        explain_bundle(full_run.bundle, table, out=explained.folder, settings=QUICK, device="cpu")
    with pytest.raises(OutputError, match="exists already"):
        explain_bundle(full_run.bundle, table, out=full_run.folder, settings=QUICK, device="cpu", force=True)
