"""The two networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from strandloom.workflows.taxonomy.network import AnswerNetwork, PlaceNetwork, Standard, log_softmax

COUNTS = (3, 1, 7, 2)
QUERY = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))
N = sum(COUNTS)


def draws(seed: int = 1) -> tuple[Tensor, Tensor]:
    """Features (n, 5) and kinds (n,)."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(N, 5, generator=rng), torch.randint(0, 6, (N,), generator=rng)


def answers() -> AnswerNetwork:
    torch.manual_seed(3)
    return AnswerNetwork(5, units=8).eval()


def test_log_probabilities_sum_to_one_and_are_those_of_each_query() -> None:
    scores = draws()[0][:, 0] * 50
    logs = log_softmax(scores, QUERY, len(COUNTS))
    expected = torch.cat([torch.log_softmax(part, 0) for part in scores.split(list(COUNTS))])
    torch.testing.assert_close(logs, expected)
    torch.testing.assert_close(torch.zeros(len(COUNTS)).index_add(0, QUERY, logs.exp()), torch.ones(len(COUNTS)))
    torch.testing.assert_close(log_softmax(scores + 1e4, QUERY, len(COUNTS)), logs, atol=2e-3, rtol=0)


def test_its_gradient_is_that_of_torch() -> None:
    one, two = (draws()[0][:, 0].double().requires_grad_() for _ in range(2))
    weight = torch.linspace(-1, 1, N, dtype=torch.float64)
    (log_softmax(one, QUERY, len(COUNTS)) * weight).sum().backward()
    (torch.cat([torch.log_softmax(x, 0) for x in two.split(list(COUNTS))]) * weight).sum().backward()
    torch.testing.assert_close(one.grad, two.grad)


def test_standard_features() -> None:
    values = torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 100.0], [5.0, 5.0, 0.0]])
    standard = Standard(3)
    assert torch.equal(standard(values), values.clamp(-8, 8))
    standard.fit(values)
    out = standard(values)
    torch.testing.assert_close(out.mean(0), torch.zeros(3))
    torch.testing.assert_close(out.std(0, correction=0), torch.tensor([1.0, 0.0, 1.0]))
    assert float(standard(torch.tensor([[1e6, 5.0, 0.0]]))[0, 0]) == 8


def test_the_order_of_answers_and_of_queries_does_not_matter() -> None:
    (features, kind), network = draws(), answers()
    with torch.no_grad():
        scores = network(features, kind, QUERY, len(COUNTS))
        rng = np.random.default_rng(1)
        blocks = [rng.permutation(x) for x in np.split(np.arange(N), np.cumsum(COUNTS)[:-1])]
        order = torch.from_numpy(np.concatenate(blocks))
        torch.testing.assert_close(network(features[order], kind[order], QUERY, len(COUNTS)), scores[order])
        turned = torch.from_numpy(np.concatenate(blocks[::-1]))
        query = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS[::-1]))
        torch.testing.assert_close(network(features[turned], kind[turned], query, len(COUNTS)), scores[turned])


def test_queries_do_not_affect_each_other_and_answers_do() -> None:
    (features, kind), network = draws(), answers()
    with torch.no_grad():
        scores = network(features, kind, QUERY, len(COUNTS))
        first = slice(0, COUNTS[0])
        alone = network(features[first], kind[first], QUERY[first], 1)
        torch.testing.assert_close(alone, scores[first])
        changed = features.clone()
        changed[1] += 1
        again = network(changed, kind, QUERY, len(COUNTS))
    assert not torch.allclose(again[0], scores[0])
    torch.testing.assert_close(again[COUNTS[0] :], scores[COUNTS[0] :])


@pytest.mark.parametrize("kind", range(6))
def test_kinds_that_are_missing_do_no_harm(kind: int) -> None:
    network = answers()
    out = network(draws()[0], torch.full((N,), kind), QUERY, len(COUNTS))
    assert out.isfinite().all()
    out.sum().backward()
    assert network.get_parameter(f"look.{kind}.0.weight").grad.any()  # type: ignore[union-attr]


def test_a_place_adds_to_each_species_by_itself() -> None:
    torch.manual_seed(1)
    network = PlaceNetwork(5, units=8).eval()
    features, kind = draws()
    rows = torch.nonzero(kind == 0)[:, 0]
    assert len(rows)
    with torch.no_grad():
        network.unlisted.copy_(torch.arange(6) + 0.5)
        scores = network(features[rows], kind, rows)
        assert torch.equal(scores[kind > 0], kind[kind > 0] + 0.5)
        torch.testing.assert_close(network(features[rows[:1]], kind[rows[:1]], torch.tensor([0])), scores[rows[:1]])
        none = network(torch.zeros(0, 5), torch.tensor([5, 1]), torch.zeros(0, dtype=torch.int64))
    assert none.tolist() == [5.5, 1.5]
