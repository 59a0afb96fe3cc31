from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from strandloom.errors import SettingsError
from strandloom.models.build import build, describe
from strandloom.models.layers import Layers
from strandloom.models.settings import LayersSettings

CONV: dict[str, Any] = {"block": "conv", "filters": 8, "width": 3}
RELU: dict[str, Any] = {"block": "activation"}


def layers(*blocks: dict[str, Any]) -> LayersSettings:
    return TypeAdapter(LayersSettings).validate_python({"blocks": list(blocks)})


def conv(filters: int, width: int, padding: str = "valid") -> dict[str, Any]:
    return {"block": "conv", "filters": filters, "width": width, "padding": padding}


def drop(rate: float) -> dict[str, Any]:
    return {"block": "dropout", "rate": rate}


def dense(units: int) -> dict[str, Any]:
    return {"block": "dense", "units": units}


FLAT: dict[str, Any] = {"block": "flatten"}
DANQ = (
    conv(320, 26), RELU, {"block": "pool", "size": 13}, drop(0.2), {"block": "bilstm", "units": 320}, drop(0.5),
    FLAT, dense(925), RELU,
)  # fmt: skip
DEEPSEA = (
    conv(320, 8), RELU, {"block": "pool", "size": 4}, drop(0.2),
    conv(480, 8), RELU, {"block": "pool", "size": 4}, drop(0.2),
    conv(960, 8), RELU, drop(0.5), FLAT, dense(925), RELU,
)  # fmt: skip


def utr(padding: str) -> tuple[dict[str, Any], ...]:
    """Cuperus et al. 2017: the first convolution is valid, the others same (authors) or valid (Peltarion)."""
    later = (conv(128, 13, padding), RELU, drop(0.15))
    return (conv(128, 13), RELU, drop(0.15), *later, *later, FLAT, dense(64), RELU)


@pytest.mark.parametrize(
    ("blocks", "length", "outputs", "parameters"),
    [
        (DANQ, 1000, 919, 46_929_039),  # 46.93 M; Keras has one bias vector less per LSTM direction
        (DEEPSEA, 1000, 919, 52_843_119),  # 52.8 M
        (utr("valid"), 70, 1, 711_681),  # 0.712 M
        (utr("same"), 70, 1, 908_289),  # 0.908 M
    ],
)
def test_published_networks(blocks: Any, length: int, outputs: int, parameters: int) -> None:
    reports = describe(layers(*blocks), channels=4, length=length, outputs=outputs)
    assert sum(r.parameters for r in reports) == parameters


def test_published_shapes() -> None:
    shapes = [r.output_shape for r in describe(layers(*utr("valid")), channels=4, length=70, outputs=1)]
    assert [shapes[i] for i in (0, 3, 6, 9)] == ["(58, 128)", "(46, 128)", "(34, 128)", "(4352,)"]
    shapes = [r.output_shape for r in describe(layers(*utr("same")), channels=4, length=70, outputs=1)]
    assert shapes[9] == "(7424,)"
    reports = describe(layers(*DANQ), channels=4, length=1000, outputs=919)
    assert [r.output_shape for r in reports][:5] == ["(975, 320)"] * 2 + ["(75, 320)"] * 2 + ["(75, 640)"]
    assert reports[0].name == "model.blocks[0] conv"
    assert reports[0].settings == "filters 320, width 26, padding valid"
    assert reports[-1] == ("output", "units 919", "(919,)", 926 * 919)


EVERY: tuple[dict[str, Any], ...] = (
    conv(8, 4, "same"),
    {"block": "conv", "filters": 8, "width": 3, "dilation": 2, "stride": 2, "bias": False},
    {"block": "norm"},
    {"block": "activation", "function": "exp"},
    {"block": "residual", "blocks": [{"block": "norm", "method": "layer"}, conv(8, 3, "same")]},
    {"block": "norm", "method": "group", "groups": 4},
    {"block": "pool", "size": 2, "method": "average"},
    {"block": "bilstm", "units": 3},
    drop(0.1),
    {
        "block": "parallel",
        "branches": [
            [{"block": "attention_pool", "heads": 2}],
            [{"block": "global_pool"}],
            [{"block": "global_pool", "method": "average"}, dense(5), {"block": "norm", "method": "layer"}],
            [FLAT],
            [{"block": "bilstm", "units": 2, "sequences": False}],
        ],
    },
    dense(7),
    {"block": "norm"},
    *({"block": "activation", "function": f} for f in ("relu", "gelu", "silu", "sigmoid", "tanh", "softplus")),
)


def one_hot(lengths: list[int], width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.one_hot(torch.randint(4, (len(lengths), width), generator=generator), 4)
    keep = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    return (x * keep[..., None]).transpose(1, 2).float()


def test_inferred_shapes_are_the_real_ones() -> None:
    settings = layers(*EVERY)
    model = build(settings, channels=4, length=41, outputs=3).eval()
    assert isinstance(model, Layers)
    seen: list[str] = []

    def note(_module: Any, _inputs: Any, output: Any) -> None:
        y = output[0]
        seen.append(f"({y.shape[1]},)" if y.ndim == 2 else f"({y.shape[2]}, {y.shape[1]})")

    for placed in model.placed:
        placed.module.register_forward_hook(note)
    scores = model(one_hot([41, 20, 0], 41))
    assert scores.shape == (3, 3)
    assert torch.isfinite(scores).all()
    described = describe(settings, channels=4, length=41, outputs=3)
    assert seen == [r.output_shape for r in described[:-1]]
    assert sum(r.parameters for r in described) == sum(p.numel() for p in model.parameters())
    assert "model.blocks[9].branches[2][1] dense" in [r.name for r in described]
    assert "model.blocks[4].blocks[1] conv" in [r.name for r in described]


@pytest.mark.parametrize(
    "pool",
    [
        {"block": "global_pool", "method": "max"},
        {"block": "global_pool", "method": "average"},
        {"block": "attention_pool", "heads": 2},
    ],
)
def test_pools_leave_padding_out(pool: dict[str, Any]) -> None:
    model = build(layers(CONV, {"block": "pool", "size": 2}, pool), channels=4, length=30, outputs=2).eval()
    x = one_hot([12, 12], 30)
    assert isinstance(model, Layers)
    conv_step, pool_step, last_step = model.body.steps
    h, _ = pool_step(conv_step(x, None)[0], None)
    # the conv's window at position 12 still sees base 11, so positions 0 to 12 count: pooled windows 0 to 6
    want, _ = last_step(h[:, :, :7], None)
    torch.testing.assert_close(model(x), model.output(want))


@pytest.mark.parametrize(
    ("blocks", "where", "words"),
    [
        ((dense(4),), "model.blocks[0]", "flat vector"),
        ((CONV, RELU), "model.blocks", "last block leaves 20 positions of 8 channels"),
        ((FLAT, CONV), "model.blocks[1]", "a flat vector of 80"),
        ((FLAT, FLAT), "model.blocks[1]", "a flat vector"),
        ((conv(8, 21),), "model.blocks[0]", "windows of 21 positions, but only 20"),
        (
            (CONV, {"block": "pool", "size": 10}, {"block": "pool", "size": 3}, FLAT),
            "model.blocks[2]",
            "only 2 reach it",
        ),
        ((CONV, {"block": "norm", "method": "group", "groups": 3}), "model.blocks[1]", "3 groups"),
        (({"block": "residual", "blocks": [CONV]},), "model.blocks[0]", "4 channels went in"),
        (({"block": "parallel", "branches": [[CONV], [conv(8, 3)]]},), "model.blocks[0]", "branch 1 gives 18"),
        (({"block": "parallel", "branches": [[], [RELU, dense(3)]]},), "model.blocks[0].branches[1][1]", "dense"),
        (({"block": "residual", "blocks": [RELU, dense(3)]},), "model.blocks[0].blocks[1]", "dense"),
    ],
)
def test_wiring_errors_say_which_block_and_why(blocks: Any, where: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build(layers(*blocks), channels=4, length=20, outputs=2)
    assert caught.value.where == where
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "blocks",
    [
        (CONV, RELU, {"block": "pool", "size": 2}, FLAT, drop(0.1), dense(5), RELU),
        (conv(6, 4, "same"), {"block": "norm"}, FLAT, {"block": "norm"}, dense(5)),
        (CONV, FLAT, {"block": "norm", "method": "layer"}),
    ],
)
def test_a_traced_network_gives_the_same_scores(blocks: Any) -> None:
    """Traced for another engine, layers go another way: plain convolutions, positions flattened before channels."""
    network = build(layers(*blocks), channels=4, length=11, outputs=3, seed=1).eval()
    x = torch.randn(6, 4, 11, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        traced = torch.jit.trace(network, x)
        torch.testing.assert_close(traced(x), network(x))
