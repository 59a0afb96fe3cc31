"""A taxonomy model behind the service: the same calls as ``taxonomy assign``, places beside sequences, an error for each bad row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from strandloom.serve.app import Service, create_app
from strandloom.serve.metrics import Metrics
from strandloom.serve.models import Models, sources_of
from strandloom.serve.settings import ServeSettings
from strandloom.workflows.taxonomy.assign import AssignInputs, assign_file

AT = (60.25, 5.25)
PREDICT = "/v1/models/fish/predict"


@pytest.fixture(scope="module")
def client(trained: SimpleNamespace) -> Iterator[TestClient]:
    """A service over the tiny world's model, called ``fish``."""
    settings, metrics = ServeSettings(threads=1), Metrics()
    models = Models(sources_of([f"fish={trained.folder / 'run' / 'bundle'}"]), settings, metrics)
    with TestClient(create_app(Service(models, settings, metrics)), base_url="http://127.0.0.1:8000") as found:
        yield found


def texts(tiny: Any) -> list[str]:
    """Sequences of four species, one with primers on, one turned round."""
    rows, _ = tiny.world()
    first, second, third, fourth = (rows[i][5] for i in (0, 15, 30, 45))
    return [first, tiny.flanked(second), tiny.other_strand(third), fourth]


def test_calls_are_those_of_assign(client: TestClient, trained: SimpleNamespace, tiny: Any, tmp_path: Path) -> None:
    asked = [{"id": f"q{i}", "sequence": x, "lat": AT[0], "lon": AT[1]} for i, x in enumerate(texts(tiny))]
    found = client.post(PREDICT, json=asked).json()
    fasta = tmp_path / "q.fa"
    fasta.write_text("".join(f">{x['id']}\n{x['sequence']}\n" for x in asked))
    assign_file(trained.folder / "run" / "bundle", AssignInputs(fasta, at=AT), out=tmp_path / "out", threads=1)
    written = pl.read_csv(tmp_path / "out" / "assignments.tsv", separator="\t")
    for own, row in zip(found["results"], written.iter_rows(named=True), strict=True):
        assert (own["id"], own["rank"], own["taxon"]) == (row["id"], row["rank"], row["taxon"] or "")
        assert own["probability"] == pytest.approx(row["probability"], abs=1e-4)
    described = client.get("/v1/models/fish").json()
    assert (described["kind"], described["covariates"]) == ("taxonomy", ["lat", "lon"])
    assert list(found["results"][0]) == described["columns"]


def test_a_place_changes_the_answer_and_a_wrong_one_is_the_error_of_its_row(client: TestClient, tiny: Any) -> None:
    rows, lives = tiny.world()
    shared = rows[0][5]  # the first two species of a genus have one sequence
    places = [tiny.centres[lives[name][0]] for name in (rows[0][0], rows[tiny_second(rows)][0])]
    asked: list[Any] = [{"sequence": shared, "lat": a, "lon": b} for a, b in places]
    asked += [{"sequence": shared, "lat": 95, "lon": 0}, {"sequence": shared, "lat": "north", "lon": 3}, shared]
    asked += [{"sequence": shared, "lat": True, "lon": 1}, {"sequence": shared, "lat": "60°15'N", "lon": "5.25 E"}]
    asked += [{"sequence": shared, "lat": 3}, {"sequence": shared, "lat": "\ud800", "lon": 1}]
    found = client.post(PREDICT, content=json.dumps(asked), headers={"content-type": "application/json"}).json()
    best = [row.get("species") for row in found["results"]]
    assert best[0] != best[1]
    codes = [row.get("error", {}).get("code") for row in found["results"]]
    assert codes == [None, None, "wrong_place", "wrong_place", None, "wrong_row", None, "wrong_place", "wrong_place"]
    assert found["results"][6]["lat"] == pytest.approx(60.25)


def tiny_second(rows: Any) -> int:
    """The first record of the second species."""
    return next(i for i, row in enumerate(rows) if row[0] != rows[0][0])


def test_a_table_with_places_is_answered_line_by_line(client: TestClient, tiny: Any) -> None:
    lines = ["id,sequence,latitude,longitude", *(f"q{i},{x},60.25,5.25" for i, x in enumerate(texts(tiny)))]
    lines.append(f"bad,{texts(tiny)[0]},91,5")
    answer = client.post(PREDICT, content="\n".join(lines) + "\n", headers={"content-type": "text/csv"})
    rows = [pl.read_ndjson(x.encode()).to_dicts()[0] for x in answer.text.splitlines()]
    assert [row.get("lat") for row in rows[:4]] == [60.25] * 4
    assert rows[4]["error"]["code"] == "wrong_place"
    assert (rows[5]["done"], rows[5]["rows"], rows[5]["errors"]) == (True, 5, 1)


@pytest.mark.parametrize("what", ["explain", "composition"])
def test_what_it_is_not_asked(client: TestClient, what: str) -> None:
    body = {"sequence": "ACGT" * 30}
    answer = client.post(f"/v1/models/fish/{what}", json=body)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_of_this_kind"
