"""An ensemble of networks of several kinds: each learns on its own error, their mean answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from strandloom.errors import SettingsError
from strandloom.experiment import check_experiment
from strandloom.models.build import build, describe, parameter_count
from strandloom.models.settings import EnsembleSettings
from strandloom.predict import load
from strandloom.run import run_experiment
from strandloom.training.prevalence import begin_at_prevalence

SMALL: dict[str, Any] = {"kind": "multiscale", "filters": 4, "widths": [3], "heads": 1, "dense": [4]}
TOWER: dict[str, Any] = {
    "kind": "layers",
    "blocks": [{"block": "conv", "filters": 3, "width": 5}, {"block": "activation"}, {"block": "flatten"}],
}
SETTINGS = EnsembleSettings.model_validate({"networks": [SMALL, TOWER]})


def one_hot(rows: int) -> torch.Tensor:
    """Random sequences of 30 bases."""
    codes = np.random.default_rng(1).integers(0, 4, (rows, 30))
    return torch.from_numpy(np.eye(4, dtype=np.float32)[codes]).transpose(1, 2)


def test_the_mean_answers_and_each_is_there_in_training() -> None:
    model = build(SETTINGS, channels=4, length=30, outputs=2, seed=3)
    x = one_hot(5)
    model.eval()
    each = torch.stack([network(x) for network in model.networks], 1)  # type: ignore[union-attr]
    assert torch.allclose(model(x), each.mean(1))
    assert model.train()(x).shape == (5, 2, 2)
    reports = describe(SETTINGS, channels=4, length=30, outputs=2)
    assert sum(x.parameters for x in reports) == parameter_count(model).trainable
    assert [x.output_shape for x in reports] == ["(2,)", "(2,)"]


def test_labels_begin_at_their_shares_in_every_network() -> None:
    model = build(SETTINGS, channels=4, length=30, outputs=2)
    targets = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 0.0]] * 5)
    assert begin_at_prevalence(model, targets)
    for network in model.networks:  # type: ignore[union-attr]
        last = [x for x in network.modules() if isinstance(x, torch.nn.Linear)][-1]
        assert last.bias.tolist() == pytest.approx(torch.logit(torch.tensor([3.5 / 9, 0.5 / 9])).tolist())


@pytest.mark.parametrize(
    "networks", [[], [SMALL], [{"kind": "custom"}, SMALL], [{"kind": "ensemble", "networks": []}, SMALL]]
)
def test_what_is_no_ensemble(networks: list[Any]) -> None:
    with pytest.raises(SettingsError):
        check_experiment({"data": {"table": "t.csv"}, "model": {"kind": "ensemble", "networks": networks}})


def test_a_network_learns_as_it_does_alone(tmp_path: Path) -> None:
    """The networks of an ensemble share no gradient: the first one ends with the weights that it has alone (plain steps, no clipping)."""
    rng = np.random.default_rng(2)
    rows = ["sequence,value,split"]
    for i in range(80):
        letters = "".join(rng.choice(list("ACGT"), 30))
        rows.append(
            f"{letters},{letters.count('G') + rng.normal() / 10:.3f},{('train', 'train', 'validation', 'test')[i % 4]}"
        )
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    ends = {}
    for name, model, rate in (("alone", TOWER, 0.01), ("both", {"kind": "ensemble", "networks": [TOWER, TOWER]}, 0.02)):
        experiment = check_experiment(
            {
                "data": {"table": str(tmp_path / "t.csv"), "target": "value", "strand": "one"}, "task": "value", "model": model,
                "split": {"kind": "column"}, "evaluation": {"baselines": "none", "blend": "none", "resamples": 0},
                "training": {
                    "epochs": 3, "batch_size": 8, "augmentation": {"shift": 0}, "average": None, "gradient_clip": None, "precision": "fp32",
                    "patience": None, "schedule": {"kind": "constant"}, "monitor": "loss",
                    "optimizer": {"kind": "sgd", "learning_rate": rate, "momentum": 0.0, "weight_decay": 0.0},
                },
            }
        )  # fmt: skip
        run_experiment(experiment, out=tmp_path / name, threads=1)
        ends[name] = load(tmp_path / name / "bundle", threads=1).modules[0].state_dict()
    for key, value in ends["alone"].items():
        assert torch.allclose(value, ends["both"][f"networks.0.{key}"], atol=1e-5), key
    frame = load(tmp_path / "both" / "bundle", threads=1).predict(["ACGT" * 7])
    assert frame.height == 1
