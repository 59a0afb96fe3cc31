import math

import torch

from strandloom.models.attention import AttentionPool, spread_weights


def test_closed_form() -> None:
    """With score = channel 0, weights are softmax of that channel and the output their weighted sum."""
    pool = AttentionPool(2, 1)
    with torch.no_grad():
        pool.score.weight.copy_(torch.tensor([[1.0, 0.0]]))
        pool.score.bias.fill_(5.0)
    x = torch.tensor([[[0.0, math.log(2), math.log(5)], [8.0, 16.0, 24.0]]])
    pooled, weights = pool(x, None, return_weights=True)
    torch.testing.assert_close(weights, torch.tensor([[[1 / 8, 2 / 8, 5 / 8]]]))
    torch.testing.assert_close(pooled[0, 1], torch.tensor(20.0))
    pooled, weights = pool(x, torch.tensor([[True, True, False]]), return_weights=True)
    torch.testing.assert_close(weights, torch.tensor([[[1 / 3, 2 / 3, 0.0]]]))
    torch.testing.assert_close(pooled[0, 1], torch.tensor(8 / 3 + 32 / 3))


def test_scores_range_freely_so_one_position_can_take_all() -> None:
    pool = AttentionPool(1, 1)
    torch.nn.init.ones_(pool.score.weight)
    x = torch.zeros(1, 1, 200)
    x[..., 77] = 30
    assert pool.weights(x)[0, 0, 77] > 0.999


def test_slow_twin_with_heads() -> None:
    generator = torch.Generator().manual_seed(1)
    x, mask = torch.randn(3, 5, 7, generator=generator), torch.rand(3, 7, generator=generator) > 0.4
    mask[:, 0] = True
    pool = AttentionPool(5, 2)
    got = pool(x, mask)
    for b in range(3):
        for h in range(2):
            columns = [p for p in range(7) if mask[b, p]]
            scores = torch.stack([pool.score.weight[h] @ x[b, :, p] + pool.score.bias[h] for p in columns])
            want = sum(w * x[b, :, p] for w, p in zip(scores.softmax(0), columns, strict=True))
            torch.testing.assert_close(got[b, 5 * h : 5 * h + 5], want)


def test_all_masked_row_gives_zeros_and_finite_gradients() -> None:
    pool = AttentionPool(4, 2)
    x = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1] = False
    pooled, weights = pool(x, mask, return_weights=True)
    assert pooled[1].abs().max() == 0
    assert weights[1].abs().max() == 0
    pooled.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_spread_weights_keeps_sums() -> None:
    weights = torch.tensor([[[0.5, 0.3, 0.2]]])
    spread = spread_weights(weights, window=4, length=10)
    want = torch.tensor([0.5 / 4] * 4 + [0.3 / 4] * 4 + [0.2 / 2] * 2)
    torch.testing.assert_close(spread[0, 0], want)
