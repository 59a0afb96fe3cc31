from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from strandloom.models.blocks import (
    Conv,
    ConvBlock,
    Dropout,
    FeatureNorm,
    GatedResidualBlock,
    Head,
    MaskedBatchNorm,
    activation,
    masked_max,
    masked_mean,
    padding_mask,
    pool_mask,
    position_max,
)
from strandloom.models.channels_last import convolve, keep_order
from strandloom.models.start import keras_start


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ragged_mask(lengths: list[int], positions: int) -> Tensor:
    return torch.arange(positions)[None] < torch.tensor(lengths)[:, None]


def test_padding_mask_and_pooling() -> None:
    x = torch.zeros(2, 4, 5)
    x[0, 0, :3] = 1
    x[1, :, :] = 0.25  # N is a base
    mask = padding_mask(x)
    assert mask is not None
    assert mask.tolist() == [[True, True, True, False, False], [True] * 5]
    pooled = pool_mask(mask, 2)
    assert pooled is not None
    assert pooled.tolist() == [[True, True, False], [True, True, True]]
    assert padding_mask(x[1:]) is None


def test_masked_pools() -> None:
    x, mask = random(3, 4, 6), ragged_mask([6, 2, 0], 6)
    torch.testing.assert_close(masked_max(x, mask)[1], x[1, :, :2].amax(-1))
    torch.testing.assert_close(masked_mean(x, mask)[1], x[1, :, :2].mean(-1))
    assert masked_max(x, mask)[2].abs().max() == 0
    assert masked_mean(x, mask)[2].abs().max() == 0
    torch.testing.assert_close(masked_max(x, None)[0], masked_max(x, mask)[0])


@pytest.mark.parametrize("width", [1, 4, 7])
@pytest.mark.parametrize("dilation", [1, 3])
def test_conv_keeps_positions(width: int, dilation: int) -> None:
    x = random(2, 4, 1, 20)
    conv = Conv(4, 6, width, dilation=dilation)
    total = dilation * (width - 1)
    padded = nn.functional.pad(x[:, :, 0], (total // 2, total - total // 2))
    want = nn.functional.conv1d(padded, conv.weight[:, :, 0], conv.bias, dilation=dilation)
    torch.testing.assert_close(conv(x)[:, :, 0], want)


def slow_norm(norm: nn.BatchNorm1d, x: Tensor, mask: Tensor) -> Tensor:
    """Batch norm of the gathered unmasked columns, put back between zeros."""
    columns = x[:, :, 0].transpose(1, 2)[mask]  # (n, C)
    out = torch.zeros_like(x[:, :, 0].transpose(1, 2))
    out[mask] = norm(columns)
    return out.transpose(1, 2)[:, :, None]


@pytest.mark.parametrize("training", [True, False])
def test_masked_norm_is_the_norm_of_what_is_unmasked(training: bool) -> None:
    mask = ragged_mask([9, 4, 1, 0], 9)
    fast, slow = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    for norm in (fast, slow):
        with torch.no_grad():
            norm.weight.copy_(random(5, seed=1))
            norm.bias.copy_(random(5, seed=2))
        norm.train(training)
    x = (3 * random(4, 5, 1, 9) + 1).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    got, want = fast(x, mask), slow_norm(slow, twin, mask)
    torch.testing.assert_close(got, want)
    for out in (got, want):
        (out * random(4, 5, 1, 9, seed=3)).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    torch.testing.assert_close(fast.weight.grad, slow.weight.grad)
    torch.testing.assert_close(fast.bias.grad, slow.bias.grad)
    torch.testing.assert_close(fast.state_dict(), slow.state_dict())


def test_norm_without_padding_is_plain_batch_norm() -> None:
    x, every = random(4, 5, 1, 9), torch.ones(4, 9, dtype=torch.bool)
    torch.testing.assert_close(MaskedBatchNorm(5)(x, every), nn.BatchNorm2d(5)(x))
    assert torch.equal(MaskedBatchNorm(5)(x), nn.BatchNorm2d(5)(x))


def test_norms_take_a_single_value_and_an_empty_mask() -> None:
    norm = MaskedBatchNorm(3)
    assert torch.isfinite(norm(random(1, 3, 1, 1))).all()
    assert norm(random(2, 3, 1, 4), torch.zeros(2, 4, dtype=torch.bool)).abs().max() == 0
    assert norm.running_mean is not None
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert torch.isfinite(FeatureNorm(3)(random(1, 3))).all()


@pytest.mark.parametrize("make", [lambda: ConvBlock(4, 4, 5), lambda: GatedResidualBlock(4, dilation=2)])
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_at_padding_does_not_matter(make: Callable[[], nn.Module], training: bool) -> None:
    """More padding columns change no unmasked output; for the residual block neither does their content."""
    block = make().train(training)
    x, mask = random(3, 4, 1, 8), ragged_mask([8, 5, 2], 8)
    x = x * mask[:, None, None]
    wide, wide_mask = nn.functional.pad(x, (0, 6)), nn.functional.pad(mask, (0, 6))
    narrow = block(x, mask) * mask[:, None, None]
    if isinstance(block, GatedResidualBlock):
        wide = wide.masked_fill(~wide_mask[:, None, None], 9.0)
    torch.testing.assert_close(block(wide, wide_mask)[..., :8] * mask[:, None, None], narrow)


def test_fast_dropout_drops_its_share_and_keeps_the_mean() -> None:
    x = torch.ones(64, 16, 1, 33).contiguous(memory_format=torch.channels_last)
    dropout = Dropout(0.25)
    y = dropout(x)
    assert abs((y == 0).float().mean().item() - 0.25) < 0.02
    torch.testing.assert_close(y[y != 0].unique(), torch.tensor([4 / 3]))
    assert y.is_contiguous(memory_format=torch.channels_last)
    per_position = (y == 0).float().mean(dim=(0, 1))
    assert per_position.std() < 0.05
    assert torch.equal(dropout.eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_head_is_float32_under_autocast() -> None:
    head = Head(6, dense=(5, 4), outputs=3, dropout=0.1).eval()
    x = random(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        scores = head(x.bfloat16())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, head(x.bfloat16().float()))


def test_exponential_is_capped() -> None:
    assert torch.isfinite(activation("exp")(torch.tensor([1000.0]))).all()


@pytest.mark.parametrize("width", [25, 26, 31])
@pytest.mark.parametrize("rows", [1, 5])
def test_wide_filters_in_bfloat16_are_the_plain_convolution(width: int, rows: int) -> None:
    """Scores and gradients of the matrix product over the windows, beside ``F.conv1d`` on the same rounded numbers."""
    x = nn.functional.one_hot(torch.randint(0, 4, (rows, 60), generator=torch.Generator().manual_seed(1)), 4).float()
    x = x.transpose(1, 2)  # (B, 4, L)
    weight, bias = (
        random(6, 4, 1, width).bfloat16().float().requires_grad_(),
        random(6).bfloat16().float().requires_grad_(),
    )
    edges = (width // 2, width - 1 - width // 2)
    with torch.autocast("cpu", torch.bfloat16):
        y = convolve(x.unsqueeze(2), weight, bias, edges=edges).squeeze(2)
    slope = random(*y.shape, seed=2).bfloat16()
    found = torch.autograd.grad(y, (weight, bias), slope)
    slow = nn.functional.conv1d(nn.functional.pad(x, edges), weight[:, :, 0], bias)
    expected = torch.autograd.grad(slow, (weight, bias), slope.float())
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), slow, rtol=2e-2, atol=5e-2)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=0.2)


def test_maximum_over_positions_and_its_gradient() -> None:
    x = random(3, 5, 7).requires_grad_()
    slope = random(3, 5, seed=1)
    assert torch.equal(position_max(x), x.amax(dim=-1))
    (found,) = torch.autograd.grad(position_max(x), x, slope)
    (expected,) = torch.autograd.grad(x.amax(dim=-1), x, slope)
    assert torch.equal(found, expected)
    equal = torch.zeros(1, 1, 4, requires_grad=True)  # among equals the first has the whole gradient
    (found,) = torch.autograd.grad(position_max(equal).sum(), equal)
    assert found.tolist() == [[[1, 0, 0, 0]]]


def test_kept_order_changes_no_value_and_orders_the_gradient() -> None:
    x = random(2, 7, 3).transpose(1, 2).requires_grad_()  # (2, 3, 7), channels last
    y = keep_order(x)
    assert torch.equal(y, x)
    seen: list[tuple[int, ...]] = []
    x.register_hook(lambda grad: seen.append(grad.stride()))
    slope = random(2, 21)
    (found,) = torch.autograd.grad(y.flatten(1), x, slope)
    assert torch.equal(found, slope.view(2, 3, 7))
    assert seen == [x.stride()]


def test_first_weights_are_those_of_keras() -> None:
    network = nn.ModuleDict({"conv": nn.Conv1d(4, 6, 5), "dense": nn.Linear(10, 3), "lstm": nn.LSTM(4, 8)})
    keras_start(network)
    conv, dense, lstm = network["conv"], network["dense"], network["lstm"]
    assert isinstance(conv, nn.Conv1d)
    assert isinstance(dense, nn.Linear)
    assert isinstance(lstm, nn.LSTM)
    assert conv.weight.abs().max() <= (6 / (5 * (4 + 6))) ** 0.5
    assert dense.weight.abs().max() <= (6 / 13) ** 0.5
    assert not conv.bias.any()  # type: ignore[union-attr]
    assert lstm.bias_ih_l0.tolist() == [0] * 8 + [1] * 8 + [0] * 16
    assert not lstm.bias_hh_l0.any()
    turned = lstm.weight_hh_l0.T @ lstm.weight_hh_l0
    torch.testing.assert_close(turned, torch.eye(8))


def test_a_rate_below_one_byte_is_exact() -> None:
    y = Dropout(0.001)(torch.ones(400_000))
    assert abs(float((y == 0).float().mean()) - 0.001) < 3e-4
