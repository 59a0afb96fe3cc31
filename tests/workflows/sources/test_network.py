"""The lean network treats environments alike."""

from __future__ import annotations

import torch

from strandloom.workflows.sources.evidence import FEATURES, READ_FEATURES
from strandloom.workflows.sources.network import SourceNetwork


def made() -> tuple[SourceNetwork, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    network = SourceNetwork(len(FEATURES), len(READ_FEATURES)).eval()
    evidence = torch.randn(7, 4, len(FEATURES))
    network.standardise(torch.randn(50, 4, len(FEATURES)), torch.randn(50, len(READ_FEATURES)))
    return network, evidence, torch.randn(7, len(READ_FEATURES))


def test_the_order_of_environments_means_nothing() -> None:
    network, evidence, alone = made()
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        one, other = network(evidence, alone), network(evidence[:, order], alone)
    assert torch.allclose(one.log_posterior()[:, order], other.log_posterior(), atol=1e-5)
    assert torch.allclose(one.regime, other.regime, atol=1e-5)


def test_rows_do_not_touch_each_other() -> None:
    network, evidence, alone = made()
    with torch.no_grad():
        own = network(evidence[2:3], alone[2:3])
        assert torch.allclose(network(evidence, alone).log_posterior()[2:3], own.log_posterior(), atol=1e-6)


def test_probabilities() -> None:
    network, evidence, alone = made()
    with torch.no_grad():
        found = network(evidence, alone)
    assert torch.allclose(found.log_posterior().exp().sum(1), torch.ones(7), atol=1e-5)


def test_more_evidence_for_an_environment_never_speaks_against_it() -> None:
    network, evidence, alone = made()
    more = evidence.clone()
    more[:, 1] += 0.5
    with torch.no_grad():
        assert (network(more, alone).composition[:, 1] > network(evidence, alone).composition[:, 1]).all()
        assert (torch.nn.functional.softplus(network.weights) >= 0).all()


def test_the_read_itself_tells_only_what_it_meets() -> None:
    network, evidence, alone = made()
    with torch.no_grad():
        one, other = network(evidence, alone), network(evidence, alone + 1)
    assert torch.equal(one.composition, other.composition)
    assert not torch.allclose(one.regime, other.regime)
