"""A source model behind the service: reads one by one, and the composition of a sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from strandloom.serve.app import Service, create_app
from strandloom.serve.metrics import Metrics
from strandloom.serve.models import Models, sources_of
from strandloom.serve.settings import ServeSettings
from strandloom.workflows.sources.estimate import estimate_files
from strandloom.workflows.sources.train import Trained


@pytest.fixture(scope="module")
def client(trained: tuple[Path, Trained]) -> Iterator[TestClient]:
    """A service over the small model, called ``waters``."""
    settings, metrics = ServeSettings(threads=1), Metrics()
    models = Models(sources_of([f"waters={trained[0]}"]), settings, metrics)
    with TestClient(create_app(Service(models, settings, metrics)), base_url="http://127.0.0.1:8000") as found:
        yield found


@pytest.fixture
def sample(genomes: Path, tmp_path: Path) -> Path:
    """Reads of 80 bases of a genome of the mouth, FASTA."""
    import gzip

    letters = gzip.decompress((genomes.parent / "mouth00.fa.gz").read_bytes()).decode().splitlines()[1]
    starts = np.random.default_rng(1).integers(0, len(letters) - 80, 300).tolist()
    path = tmp_path / "sample.fa"
    path.write_text("".join(f">r{i}\n{letters[x : x + 80]}\n" for i, x in enumerate(starts)))
    return path


def test_reads_have_an_answer_or_an_error_each(client: TestClient, sample: Path) -> None:
    reads = sample.read_text().splitlines()[1::2][:20]
    found = client.post("/v1/models/waters/predict", json=[*reads, "ACGT", "N" * 80]).json()
    rows = found["results"]
    assert sum(row["prediction"] == "mouth" for row in rows[:20]) > 15
    assert [row["error"]["code"] for row in rows[20:]] == ["too_short", "unreadable_sequence"]
    described = client.get("/v1/models/waters").json()
    assert (described["kind"], described["columns"]) == ("sources", list(rows[0]))
    total = sum(value for key, value in rows[0].items() if key.startswith("p_"))
    assert total == pytest.approx(1, abs=1e-4)


def test_the_composition_is_that_of_estimate(
    client: TestClient, trained: tuple[Path, Trained], sample: Path, tmp_path: Path
) -> None:
    found = client.post("/v1/models/waters/composition", content=sample.read_bytes()).json()
    expected = estimate_files(trained[0], [sample], out=tmp_path / "out", threads=1).samples[0].composition.shares["em"]
    assert [x["proportion"] for x in found["shares"]] == pytest.approx(expected.value.tolist(), abs=1e-5)
    assert [x["source"] for x in found["shares"]][-1] == "unknown"
    assert (found["reads"], found["used"]) == (300, 300)


@pytest.mark.parametrize(
    ("content", "status", "code"), [(b"", 422, "no_rows"), (b">a\nACGT\n", 422, "no_rows"), (b"\x00\x01", 422, None)]
)
def test_files_without_reads(client: TestClient, content: bytes, status: int, code: str | None) -> None:
    answer = client.post("/v1/models/waters/composition", content=content)
    assert answer.status_code == status
    assert code in (None, answer.json()["error"]["code"])
