"""Untrained bundles of each task, a small genome, and a service over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from strandloom.bundle import Bundle, Manifest, write_bundle
from strandloom.io.genome import open_genome
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings
from strandloom.serve.app import Service, create_app
from strandloom.serve.metrics import Metrics
from strandloom.serve.models import Models, sources_of
from strandloom.serve.settings import ServeSettings
from strandloom.serve.tokens import TokenFile

LENGTH = 40
MODEL = LayersSettings.model_validate(
    {
        "blocks": [
            {"block": "conv", "filters": 6, "width": 5},
            {"block": "activation"},
            {"block": "pool", "size": 4},
            {"block": "flatten"},
        ]
    }
)
Make = Callable[..., Any]


def write(folder: Path, *, seed: int = 1, **changes: Any) -> Path:
    """An untrained bundle of classes ``oral, gut, skin``."""
    known = {
        "strandloom": "0.1.0", "name": "t", "task": "classes", "length": LENGTH, "labels": ("oral", "gut", "skin"), "model": MODEL,
    }  # fmt: skip
    about = Manifest.model_validate(known | changes)
    members = []
    for member in range(about.members):
        module = build(about.model, channels=4, length=LENGTH, outputs=len(about.labels), seed=seed + member)
        members.append({name: value.detach().numpy() for name, value in module.state_dict().items()})
    write_bundle(folder, Bundle(about, tuple(members), {}, "# A card\n"))
    return folder


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``oral/bundle`` (classes), ``marks/bundle`` (labels), ``leader/bundle`` (values, no longer sequences), ``genome.fa``."""
    folder = tmp_path_factory.mktemp("bundles")
    write(folder / "oral" / "bundle", abstain_threshold=0.4)
    write(folder / "marks" / "bundle", task="labels", labels=("CTCF", "POL2"))
    scales = ({"centre": (1.0,), "scale": (2.0,)},) * 2
    write(
        folder / "leader" / "bundle", task="value", labels=("rate",), members=2, value_scales=scales, too_long="error",
        value_range=((-1.0, 1.0),), value_interval={"level": 0.9, "width": (0.5,), "rows": 100}, anchor="right",
    )  # fmt: skip
    letters = np.random.default_rng(1).choice(list("ACGT"), 500)
    (folder / "genome.fa").write_text(">chr1\n" + "".join(letters) + "\n")
    return folder


@pytest.fixture(scope="session")
def untrained() -> Make:
    """Writes an untrained bundle into a folder."""
    return write


@pytest.fixture
def service(bundles: Path, tmp_path: Path) -> Make:
    """A client of a service: ``with service("oral", limits=…) as client``."""

    @contextmanager
    def make(
        *names: str, tokens: TokenFile | None = None, genome: bool = False, folder: Path = bundles, **settings: Any
    ) -> Iterator[TestClient]:
        chosen = ServeSettings.model_validate({"threads": 1, "engine": "torch", **settings})
        metrics = Metrics()
        models = Models(sources_of([folder / name / "bundle" for name in names or ("oral",)]), chosen, metrics)
        opened = open_genome(bundles / "genome.fa", cache=tmp_path / "cache") if genome else None
        app = create_app(Service(models, chosen, metrics, tokens, opened))
        with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
            yield client

    return make
