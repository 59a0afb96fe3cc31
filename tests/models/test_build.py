"""What every architecture must do, as one suite."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.errors import SettingsError
from strandloom.models.build import build, describe, parameter_count
from strandloom.models.settings import (
    LayersSettings,
    ModelSettings,
    ModuleSettings,
    MultiscaleSettings,
    ResidualSettings,
    TutorialSettings,
)

LAYERS = TypeAdapter(LayersSettings).validate_python(
    {
        "blocks": [
            {"block": "conv", "filters": 12, "width": 8},
            {"block": "norm"},
            {"block": "activation", "function": "gelu"},
            {"block": "pool", "size": 4},
            {"block": "bilstm", "units": 5},
            {"block": "parallel", "branches": [[{"block": "attention_pool"}], [{"block": "global_pool"}]]},
            {"block": "dense", "units": 6},
        ]
    }
)
ALL: list[ModelSettings] = [
    ResidualSettings(filters=16, channels=12, blocks=3, dense=8),
    MultiscaleSettings(filters=8, dense=(16, 8)),
    TutorialSettings(),
    LAYERS,
]
every = pytest.mark.parametrize("settings", ALL, ids=lambda x: x.kind)
LENGTH = 61


def batch(rows: int = 6, *, padded: bool = True) -> Tensor:
    codes = torch.randint(4, (rows, LENGTH), generator=torch.Generator().manual_seed(rows))
    x = F.one_hot(codes, 4).transpose(1, 2).float()
    if padded:
        x[1, :, 40:] = 0
        x[2, :, :20] = 0
        x[3, :, 10:30] = 0.25  # N
        x[4] = 0  # all padding
    return x


def make(settings: ModelSettings, *, outputs: int = 3, seed: int = 0) -> nn.Module:
    return build(settings, channels=4, length=LENGTH, outputs=outputs, seed=seed)


@every
@pytest.mark.parametrize("outputs", [1, 3])
def test_shape_and_finite_with_an_all_padding_row(settings: Any, outputs: int) -> None:
    for training in (True, False):
        scores = make(settings, outputs=outputs).train(training)(batch())
        assert scores.shape == (6, outputs)
        assert scores.dtype == torch.float32
        assert torch.isfinite(scores).all()


@every
def test_rows_do_not_depend_on_their_batch(settings: Any) -> None:
    model, x = make(settings).eval(), batch()
    alone = torch.cat([model(row[None]) for row in x])
    torch.testing.assert_close(model(x), alone, rtol=1e-5, atol=1e-6)


@every
@pytest.mark.parametrize("padded", [True, False])
def test_gradient_flows_to_every_parameter(settings: Any, padded: bool) -> None:
    model = make(settings).train()
    weights = torch.randn(6, 3, generator=torch.Generator().manual_seed(3))
    (model(batch(padded=padded)) * weights).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if not name.endswith("attention.score.bias"):  # a softmax does not see a constant
            assert parameter.grad.abs().max() > 0, name


@every
@pytest.mark.parametrize("padded", [True, False])
def test_bfloat16_autocast(settings: Any, padded: bool) -> None:
    x = batch(padded=padded)
    model = make(settings).eval()
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(x)
    assert torch.isfinite(scores).all()
    torch.testing.assert_close(scores.float(), model(x), rtol=0.1, atol=0.05)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(x).float().square().mean()
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@every
def test_the_seed_decides_and_the_global_state_stays(settings: Any) -> None:
    before = torch.get_rng_state()
    first, again, other = make(settings, seed=5), make(settings, seed=5), make(settings, seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@every
def test_weights_are_contiguous_and_load_back(settings: Any) -> None:
    """As safetensors wants them."""
    model, x = make(settings).eval(), batch()
    state = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    assert all(value.is_contiguous() for value in model.state_dict().values())
    other = make(settings, seed=9).eval()
    other.load_state_dict(state)
    assert torch.equal(other(x), model(x))


@every
def test_describe_adds_up(settings: Any) -> None:
    reports = describe(settings, channels=4, length=LENGTH, outputs=3)
    assert sum(r.parameters for r in reports) == parameter_count(make(settings)).trainable
    assert reports[-1].output_shape == "(3,)"
    assert all(r.output_shape for r in reports)


@every
@pytest.mark.filterwarnings("ignore:The tensor attributes")  # torch's own LSTM
def test_export_with_any_batch_size(settings: Any) -> None:
    """The graph of ``torch.export`` (and so ONNX) holds the masked path and gives the same scores."""
    model = make(settings).eval()
    program = torch.export.export(model, (batch(5),), dynamic_shapes=({0: torch.export.Dim("rows")},))
    for x in (batch(6), batch(7, padded=False)):
        torch.testing.assert_close(program.module()(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", ALL[:2], ids=lambda x: x.kind)
def test_one_row_can_be_trained_on(settings: Any) -> None:
    assert torch.isfinite(make(settings).train()(batch(1, padded=False))).all()


def test_other_alphabets() -> None:
    for settings in ALL:
        model = build(settings, channels=21, length=30, outputs=2).eval()
        assert model(torch.rand(2, 21, 30, generator=torch.Generator().manual_seed(0))).shape == (2, 2)


def test_custom_is_for_python() -> None:
    with pytest.raises(SettingsError) as caught:
        make(ModuleSettings())
    assert "Python" in str(caught.value)


@pytest.mark.parametrize("wrong", ["channels", "length", "outputs"])
def test_sizes_are_checked(wrong: str) -> None:
    sizes = {"channels": 4, "length": 10, "outputs": 2, wrong: 0}
    with pytest.raises(SettingsError, match=wrong):
        build(ResidualSettings(), **sizes)


def test_parameter_count_leaves_counters_and_unsaved_buffers_out() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    model.register_buffer("scratch", torch.zeros(100), persistent=False)
    model[0].bias.requires_grad_(False)
    assert parameter_count(model) == (6 + 4, 8 + 8)
