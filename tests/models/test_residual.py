import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from strandloom.models.build import build, parameter_count
from strandloom.models.residual import Residual, keeps_position, pool_window
from strandloom.models.settings import ResidualSettings

SMALL = ResidualSettings(filters=16, channels=12, blocks=3, dense=8)


def one_hot(rows: int, length: int) -> Tensor:
    codes = torch.randint(4, (rows, length), generator=torch.Generator().manual_seed(length))
    return F.one_hot(codes, 4).transpose(1, 2).float()


def make(settings: ResidualSettings, length: int, *, outputs: int = 2) -> Residual:
    model = build(settings, channels=4, length=length, outputs=outputs).eval()
    assert isinstance(model, Residual)
    return model


@pytest.mark.parametrize("length", [1, 8, 9, 70, 251, 1000, 10_000])
@pytest.mark.parametrize("position", ["keep", "pool", "auto"])
def test_any_length(length: int, position: str) -> None:
    model = make(SMALL.model_copy(update={"position": position}), length)
    x = one_hot(2, length)
    x[1, :, length // 2 :] = 0
    scores = model(x)
    assert scores.shape == (2, 2)
    assert torch.isfinite(scores).all()
    assert model.attention_weights(x).shape == (2, 4, length)


@pytest.mark.parametrize("length", [8, 101, 300, 1000, 10_000])
def test_default_is_below_two_million_weights(length: int) -> None:
    assert parameter_count(build(ResidualSettings(), channels=4, length=length, outputs=20)).total < 2_000_000


def test_several_stem_widths_share_the_filters() -> None:
    model = build(ResidualSettings(filters=10, stem_widths=(3, 7, 11)), channels=4, length=40, outputs=2)
    assert [tuple(conv.weight.shape) for conv in model.stem.conv.convs] == [(4, 4, 1, 3), (3, 4, 1, 7), (3, 4, 1, 11)]
    assert torch.isfinite(model(torch.rand(2, 4, 40))).all()


def test_pool_window_and_position_follow_the_length() -> None:
    auto = ResidualSettings()
    windows = [pool_window(auto, length=n) for n in (8, 16, 95, 96, 101, 1000, 2048, 2049, 10_000)]
    assert windows == [1, 2, 2, 4, 4, 4, 4, 8, 16]
    assert pool_window(ResidualSettings(pool=1), length=9999) == 1
    assert keeps_position(auto, length=1000)
    assert not keeps_position(auto, length=1001)


@pytest.mark.parametrize("length", [21, 40])
@pytest.mark.parametrize("pool", [1, 2, 5])
def test_right_padding_changes_nothing_where_position_is_pooled(length: int, pool: int) -> None:
    model = make(SMALL.model_copy(update={"position": "pool", "pool": pool}), length)
    x = one_hot(3, length)
    for pads in (1, 2, 7, 50):
        torch.testing.assert_close(model(F.pad(x, (0, pads))), model(x), rtol=1e-5, atol=1e-6)


def test_padded_and_full_rows_may_share_a_batch() -> None:
    """The path without masks, taken when no row is padded, gives what the masked path gives."""
    model = make(SMALL, 40)
    x = one_hot(4, 40)
    padded = x.clone()
    padded[0, :, 30:] = 0
    torch.testing.assert_close(model(padded)[1:], model(x)[1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("position", ["keep", "pool"])
def test_position_is_seen_only_when_kept(position: str) -> None:
    """Moving a motif in a constant background, by whole windows and far from the ends."""
    model = make(SMALL.model_copy(update={"position": position, "pool": 2, "dilations": (1,)}), 200)
    scores = []
    for start in (60, 120):
        x = torch.zeros(1, 4, 200)
        x[:, 0] = 1
        x[:, :, start : start + 6] = one_hot(1, 6)
        scores.append(model(x))
    same = torch.allclose(scores[0], scores[1], rtol=1e-5, atol=1e-6)
    assert same == (position == "pool")


def test_attention_weights_sum_to_one_over_bases() -> None:
    model = make(SMALL, 41)
    x = one_hot(2, 41)
    x[1, :, 20:] = 0
    weights = model.attention_weights(x)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4))
    assert weights[1, :, 20:].abs().max() == 0
    no_heads = make(SMALL.model_copy(update={"heads": 0}), 41)
    assert no_heads.attention_weights(x).shape == (2, 0, 41)
    assert no_heads(x).shape == (2, 2)
