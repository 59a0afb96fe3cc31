"""The lean network treats environments alike."""

from __future__ import annotations

import torch

from strandloom.workflows.sources.evidence import FEATURES
from strandloom.workflows.sources.network import SourceNetwork


def made() -> tuple[SourceNetwork, torch.Tensor]:
    torch.manual_seed(0)
    network = SourceNetwork(len(FEATURES)).eval()
    evidence = torch.randn(7, 4, len(FEATURES))
    network.standardise(torch.randn(50, 4, len(FEATURES)))
    return network, evidence


def test_the_order_of_environments_means_nothing() -> None:
    network, evidence = made()
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        one, other = network(evidence), network(evidence[:, order])
    assert torch.allclose(one.log_posterior()[:, order], other.log_posterior(), atol=1e-5)
    assert torch.allclose(one.regime, other.regime, atol=1e-5)


def test_rows_do_not_touch_each_other() -> None:
    network, evidence = made()
    with torch.no_grad():
        assert torch.allclose(network(evidence).log_posterior()[2:3], network(evidence[2:3]).log_posterior(), atol=1e-6)


def test_probabilities() -> None:
    network, evidence = made()
    with torch.no_grad():
        found = network(evidence)
    assert torch.allclose(found.log_posterior().exp().sum(1), torch.ones(7), atol=1e-5)


def test_more_evidence_for_an_environment_never_speaks_against_it() -> None:
    network, evidence = made()
    more = evidence.clone()
    more[:, 1] += 0.5
    with torch.no_grad():
        assert (network(more).composition[:, 1] > network(evidence).composition[:, 1]).all()
        assert (torch.nn.functional.softplus(network.weights) >= 0).all()
