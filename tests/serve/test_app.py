"""The service: the same answers as ``predict``, an error for each bad row, refusals in one form."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from strandloom.predict import load

GOOD = ["ACGTACGTTGCAACGTACGTTGCA", "TTTTTTTTTTTTTTTTTTTTTTTT", "ACGT" * 10, "ggggggcccccc"]


def post(client: TestClient, body: Any, name: str = "oral", what: str = "predict") -> Any:
    """The answer to a JSON body."""
    return client.post(f"/v1/models/{name}/{what}", json=body)


def test_answers_are_those_of_predict(service: Any, bundles: Path) -> None:
    for name in ("oral", "marks", "leader"):
        expected = load(bundles / name / "bundle", device="cpu").predict(GOOD).to_dicts()
        with service(name) as client:
            found = post(client, GOOD, name).json()
            wrapped = post(client, {"sequences": GOOD}, name).json()
            described = client.get(f"/v1/models/{name}").json()
        assert found["results"] == wrapped["results"] == [pytest.approx(x, abs=2e-6) for x in expected]
        assert (found["rows"], found["errors"], found["model"]) == (4, 0, name)
        assert list(found["results"][0]) == described["columns"]


def test_a_bad_row_has_its_own_error_and_stands_in_its_place(service: Any, bundles: Path) -> None:
    rows = [
        GOOD[0],
        "ACGTJ",
        "",
        7,
        {"id": "x", "sequence": GOOD[1]},
        {"id": "y"},
        {"sequence": GOOD[2], "odd": 1},
        None,
        "AC é",
    ]
    with service("oral") as client:
        found = post(client, rows).json()
    assert (found["rows"], found["errors"]) == (9, 7)
    assert [("error" in row) for row in found["results"]] == [False, True, True, True, False, True, True, True, True]
    assert [row["id"] for row in found["results"]] == ["1", "2", "3", "4", "x", "y", "7", "8", "9"]
    assert found["results"][1]["error"]["message"] == "'J' is no DNA letter"
    assert found["results"][2]["error"]["message"] == "the sequence is empty"
    alone = load(bundles / "oral" / "bundle", device="cpu").predict([GOOD[0], GOOD[1]], ids=["1", "x"]).to_dicts()
    assert [found["results"][i] for i in (0, 4)] == [pytest.approx(x, abs=2e-6) for x in alone]


def test_sequences_that_the_model_does_not_crop(service: Any) -> None:
    with service("leader") as client:
        found = post(client, ["N" * 3 + "A" * 60, "ACGX", "ACGT"], "leader").json()
    assert [row.get("error", {}).get("code") for row in found["results"]] == ["too_long", "unreadable_sequence", None]


@pytest.mark.parametrize(
    "body", [b"{", b'{"sequences": "ACGT"}', b"[]", b"7", b'{"sequences": [], "x": 1}', b"[" * 100_000]
)
def test_bodies_that_are_no_list(service: Any, body: bytes) -> None:
    with service("oral") as client:
        answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()["error"]) <= {"code", "message", "hint"}


FASTA = "".join(f">r{i}\n{text}\n" for i, text in enumerate(GOOD))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["fasta", "fastq", "csv", "ndjson"])
def test_files_are_answered_line_by_line(service: Any, bundles: Path, name: str, packed: bool) -> None:
    texts = {
        "fasta": FASTA,
        "fastq": "".join(f"@r{i}\n{text}\n+\n{'I' * len(text)}\n" for i, text in enumerate(GOOD)),
        "csv": "id,sequence\n" + "".join(f"r{i},{text}\n" for i, text in enumerate(GOOD)),
        "ndjson": "".join(json.dumps({"id": f"r{i}", "sequence": text}) + "\n" for i, text in enumerate(GOOD)),
    }
    body = texts[name].encode()
    with service("oral") as client:
        answer = client.post(
            "/v1/models/oral/predict",
            content=gzip.compress(body) if packed else body,
            headers={"content-type": "application/octet-stream"},
        )
    assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, last = map(json.loads, answer.text.splitlines())
    assert last["done"] is True
    assert (last["rows"], last["errors"]) == (4, 0)
    expected = load(bundles / "oral" / "bundle", device="cpu").predict(GOOD, ids=[f"r{i}" for i in range(4)])
    assert rows == [pytest.approx(x, abs=2e-6) for x in expected.to_dicts()]


def test_many_rows_of_a_file_with_bad_ones_among_them(service: Any) -> None:
    texts = ["".join(x) for x in np.random.default_rng(1).choice(list("ACGT"), (5000, 20))]
    bad = {0, 17, 1023, 1024, 4999}
    body = "".join(f">r{i}\n{'AC*GT' if i in bad else text}\n" for i, text in enumerate(texts))
    with service("oral") as client:
        answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
    *rows, last = map(json.loads, answer.text.splitlines())
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(5000)]
    assert {i for i, row in enumerate(rows) if "error" in row} == bad
    assert last == {"done": True, "rows": 5000, "errors": 5, "model": "oral", "digest": last["digest"]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"%PDF-1.4", 422, "PDF"),
        (b"\x93NUMPY\x01\x00", 415, "fasta"),
        (gzip.compress(FASTA.encode())[:-12], 422, "too early"),
        (b"\x1f\x8b" + b"x" * 40, 422, "damaged"),
        (b">a\n", 200, "empty"),
    ],
)
def test_files_that_cannot_be_read(service: Any, body: bytes, status: int, words: str) -> None:
    with service("oral") as client:
        answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == status
    assert words in answer.text
    assert "/tmp" not in answer.text


def test_a_fault_in_the_middle_of_a_file_is_its_last_line(service: Any) -> None:
    body = "".join(f"@r{i}\nACGT\n+\nIIII\n" for i in range(3000)) + "@bad\nACGT\n+\nII\n"
    with service("oral") as client:
        answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
    *rows, last = map(json.loads, answer.text.splitlines())
    assert (len(rows), last["done"], last["rows"]) == (3000, False, 3000)
    assert last["error"]["message"].startswith("the file, line 12004")


def test_limits(service: Any) -> None:
    limits = {
        "body_bytes": 2048,
        "rows": 3,
        "bases": 50,
        "upload_bytes": 4096,
        "unpacked_bytes": 8192,
        "line_bytes": 2048,
    }
    with service("oral", limits=limits) as client:
        assert post(client, ["A"] * 4).status_code == 413
        assert post(client, ["A" * 3000]).status_code == 413
        assert post(client, ["A" * 60]).json()["results"][0]["error"]["code"] == "too_long"
        for body, words in (
            (b">a\n" + b"A" * 5000, "larger than 4,096"),
            (gzip.compress(b"ACGT\n" * 4000), "unpacked"),
            (gzip.compress(b"A" * 3000), "a line is longer"),
            (gzip.compress(b">a\n" + b"ACGT\n" * 600), "a sequence is longer"),
            (gzip.compress(b"\xef\xbb\xbf\n\n>a\n" + b"AC>T\n" * 600), "a sequence is longer"),
        ):
            answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
            assert answer.status_code == 413, answer.text
            assert words in answer.json()["error"]["message"]


def test_a_file_leaves_nothing_behind(service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with service("oral") as client:
        for body in (FASTA.encode(), b"%PDF", gzip.compress(b"A")[:-4]):
            client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
        assert not list(tmp_path.glob("strandloom-serve-*/*"))
    assert not list(tmp_path.glob("strandloom-serve-*"))


@pytest.mark.parametrize("name", ["oral", "marks", "leader"])
@pytest.mark.parametrize("method", ["deeplift", "gradient", "mutagenesis"])
def test_explanations(service: Any, bundles: Path, name: str, method: str) -> None:
    with service(name) as client:
        found = post(client, {"sequence": GOOD[0], "method": method}, name, "explain").json()
    assert (found["sequence"], found["first_base"]) == (GOOD[0], 1)
    assert len(found["contributions"]) == len(found["effects"]) == len(GOOD[0])
    predictor = load(bundles / name / "bundle", device="cpu")
    assert found["prediction"] == pytest.approx(predictor.predict([GOOD[0]]).to_dicts()[0], abs=2e-6)
    if method == "mutagenesis":
        assert found["effects"][1][1] == 0
        assert any(abs(x) > 1e-4 for x in found["effects"][1])


def test_an_explanation_of_a_cropped_sequence_says_where_it_begins(
    service: Any, untrained: Any, tmp_path: Path
) -> None:
    untrained(tmp_path / "right" / "bundle", anchor="right")
    text = "A" * 20 + "C" * 20 + "G" * 20
    with service("right", folder=tmp_path) as client:
        found = post(client, {"sequence": text}, "right", "explain").json()
    assert (found["first_base"], found["sequence"]) == (21, text[20:])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ([], 422),
        ({"sequence": "ACGT", "method": "magic"}, 422),
        ({"sequence": "ACGT", "output": "liver"}, 404),
        ({"sequence": "AC!T"}, 422),
        ({"sequence": "", "output": None}, 422),
        ({"sequence": "NNNN"}, 422),
        ({"sequence": "ACGT", "x": 1}, 422),
    ],
)
def test_explanations_that_are_refused(service: Any, body: Any, status: int) -> None:
    with service("oral") as client:
        assert post(client, body, "oral", "explain").status_code == status


def test_dear_explanations_are_refused(service: Any) -> None:
    with service("oral", limits={"explain_seconds": 1e-9}) as client:
        answer = post(client, {"sequence": GOOD[0]}, "oral", "explain")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_dear")


def test_variants(service: Any, bundles: Path) -> None:
    genome = (bundles / "genome.fa").read_text().split("\n")[1]
    there = genome[99]
    other = "ACGT".replace(there, "")[0]
    asked = [
        {"chrom": "chr1", "pos": 100, "ref": there, "alt": other, "id": "snv"},
        {"chrom": "chr1", "pos": 100, "ref": other, "alt": there},
        {"chrom": "chr9", "pos": 100, "ref": there, "alt": other},
        {"chrom": "chr1", "pos": 100, "ref": there, "alt": "<DEL>"},
        {"chrom": "chr1", "pos": "100", "ref": there, "alt": other},
        "rs1",
        {"chrom": "chr1", "pos": 100, "ref": there, "alt": there + "ACG"},
    ]
    with service("oral", genome=True) as client:
        found = post(client, {"variants": asked}, "oral", "variants").json()
        one = post(client, {"variants": asked[:1], "outputs": ["gut"]}, "oral", "variants").json()
        assert post(client, {"variants": asked[:1], "outputs": ["liver"]}, "oral", "variants").status_code == 404
    assert ["error" in x for x in found["results"]] == [False, True, True, True, True, True, False]
    assert (found["rows"], found["errors"]) == (7, 5)
    assert found["results"][0]["id"] == "snv"
    assert set(one["results"][0]) >= {"chrom", "pos", "reference_gut", "alternative_gut", "log_odds_ratio_gut"}
    predictor = load(bundles / "oral" / "bundle", device="cpu")
    windows = [genome[79:119], genome[79:99] + other + genome[100:119]]
    expected = predictor.predict(windows)["p_gut"].to_list()
    assert [one["results"][0][x] for x in ("reference_gut", "alternative_gut")] == pytest.approx(expected, abs=2e-6)


def test_variants_without_a_genome(service: Any) -> None:
    with service("oral") as client:
        assert post(client, {"variants": [{}]}, "oral", "variants").json()["error"]["code"] == "no_genome"


def test_models_cards_and_pages(service: Any) -> None:
    with service("oral", "leader") as client:
        listed = client.get("/v1/models").json()["models"]
        assert [x["name"] for x in listed] == ["oral", "leader"]
        assert client.get("/v1/models/oral/card").text == "# A card\n"
        page = client.get("/").text
        assert "curl http://127.0.0.1:8000/v1/models/oral/predict" in page
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ok", "models": 2, "stale": 0}
        assert client.get("/v1/models/nobody").json()["error"]["code"] == "no_such_model"
        assert client.get("/nothing").json()["error"]["code"] == "no_such_page"
        assert client.get("/v1/models/oral/predict").status_code == 405
        assert client.get("/openapi.json").json()["paths"]["/v1/models/{name}/predict"]["post"]["requestBody"]


def test_figures_for_prometheus(service: Any) -> None:
    with service("oral") as client:
        post(client, [GOOD[0], "J"])
        text = client.get("/metrics").text
    assert 'strandloom_rows_total{model="oral",result="ok"} 1.0' in text
    assert 'strandloom_rows_total{model="oral",result="error"} 1.0' in text
    assert 'strandloom_requests_total{method="POST",route="/v1/models/{name}/predict",status="200"} 1.0' in text


def test_requests_side_by_side_get_their_own_answers(service: Any, bundles: Path) -> None:
    texts = ["".join(x) for x in np.random.default_rng(3).choice(list("ACGT"), (64, 30))]
    expected = load(bundles / "oral" / "bundle", device="cpu").predict(texts)["p_gut"].to_list()
    found: dict[int, float] = {}
    with service("oral") as client:

        def ask(i: int) -> None:
            found[i] = post(client, [texts[i]]).json()["results"][0]["p_gut"]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[i] for i in range(64)] == pytest.approx(expected, abs=2e-6)


def test_a_file_packed_twice_passes_no_limit(service: Any) -> None:
    with service("oral") as client:
        body = gzip.compress(gzip.compress(b">a\nACGT\n"))
        answer = client.post("/v1/models/oral/predict", content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == 422
    assert "packed twice" in answer.json()["error"]["message"]


def test_the_description_names_the_models(service: Any) -> None:
    with service("oral", "marks") as client:
        paths = client.get("/openapi.json").json()["paths"]
    names = [
        x["schema"]["enum"] for x in paths["/v1/models/{name}/predict"]["post"]["parameters"] if x["name"] == "name"
    ]
    assert names == [["oral", "marks"]]


@pytest.mark.parametrize("body", [{"method": {}}, {"method": 3}, {"id": 5}, {"id": ["a"]}])
def test_explain_takes_texts(service: Any, body: dict[str, Any]) -> None:
    with service("oral") as client:
        assert post(client, {"sequence": GOOD[0], **body}, what="explain").status_code == 422
