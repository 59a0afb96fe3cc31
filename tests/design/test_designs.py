"""Methods against a model whose optimum is known; starts, trust, and designs that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from strandloom.alphabet import DNA, Codes
from strandloom.design.designs import Designs, design
from strandloom.design.gradient import first_order
from strandloom.design.objective import Answers, Objective, Region
from strandloom.design.settings import DesignSettings, GoalSettings, RuleSettings, TrustSettings
from strandloom.errors import InputError, SettingsError, UsageError

LENGTH = 30


@dataclass(frozen=True, eq=False)
class Additive:
    """Values are sums of weights ``(K, L, 4)``; the spread grows with the number of T."""

    weights: NDArray[np.float64]

    def __call__(self, codes: Codes, lengths: NDArray[np.int32]) -> Answers:
        hot = (codes[..., None] == np.arange(4)).astype(float)
        values = np.einsum("nlb,klb->nk", hot, self.weights)
        spread = np.repeat((codes == 3).sum(1)[:, None] / 10, len(self.weights), 1)
        return Answers(values, spread)

    def objective(self, *goals: GoalSettings) -> Objective:
        names = [f"y{k}" for k in range(len(self.weights))]
        return Objective.of(goals or (GoalSettings(),), names, np.ones(len(self.weights)), tolerance=0.01)

    def best(self) -> float:
        return float(self.weights[0].max(1).sum())


@pytest.fixture
def additive() -> Additive:
    return Additive(np.random.default_rng(1).normal(size=(1, LENGTH, 4)))


@pytest.fixture
def starts() -> tuple[Codes, NDArray[np.int32]]:
    """Three starts in a window of 30, of 30, 30 and 25 bases, held at the right."""
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 4, (3, LENGTH)).astype(np.uint8)
    codes[2, :5] = DNA.pad
    return codes, np.array([30, 30, 25], np.int32)


def run(
    additive: Additive,
    starts: Any,
    *,
    region: Region | None = None,
    goals: Any = (),
    drawn: Any = None,
    **settings: Any,
) -> Designs:
    codes, lengths = starts

    def gradient(x: Tensor) -> Tensor:
        return torch.einsum("bcl,klc->bk", x, torch.from_numpy(additive.weights).float())

    asked = DesignSettings(**settings)
    return design(
        codes, lengths, ids=["a", "b", "c"][: len(codes)], oracle=additive, objective=additive.objective(*goals),
        region=region or Region(), settings=asked, drawn=drawn,
        differentiable=gradient,
    )  # fmt: skip


def texts(found: Designs) -> list[str]:
    return [DNA.decode(row) for row in found.finals.codes]


@pytest.mark.parametrize(
    ("method", "share"), [("greedy", 1.0), ("beam", 1.0), ("genetic", 0.8), ("annealing", 0.9), ("gradient", 0.9)]
)
def test_every_method_finds_the_optimum(additive: Additive, starts: Any, method: Any, share: float) -> None:
    found = run(additive, starts, method=method, rounds=60)
    best = additive.best()
    assert (found.finals.merit[:2] >= share * best).all()
    assert (found.finals.merit[:2] <= best + 1e-9).all()
    assert (found.finals.codes[2, :5] == DNA.pad).all()
    assert (found.finals.codes[2, 5:] < 4).all()


@pytest.mark.parametrize("method", ["greedy", "beam", "genetic", "annealing", "gradient"])
def test_rules_hold_at_every_step_and_the_same_again(additive: Additive, starts: Any, method: Any) -> None:
    rules = RuleSettings(
        fixed=("-3--1",), start_codons="forbid", longest_run=4, forbid=("EcoRI", "CCC"), max_edits=20, gc={"low": 0.3, "high": 0.6},
    )  # fmt: skip
    settings = {"method": method, "rounds": 12, "rules": rules, "broken_starts": "repair", "population": 20}
    found = run(additive, starts, **settings)
    assert found.rules.kept(found.steps.codes, found.steps.start).all()
    assert found.rules.kept(found.finals.codes, found.finals.start).all()
    begun = found.steps.merit[found.round == 0]
    assert (found.finals.merit > begun[found.finals.start]).all()
    assert all("ATG" not in x and "CCC" not in x for x in texts(found))
    assert texts(run(additive, starts, **settings)) == texts(found)


def test_greedy_takes_the_best_substitution_each_time(additive: Additive, starts: Any) -> None:
    found = run(additive, starts, rounds=5)
    own = found.steps.codes[found.steps.start == 0]
    assert ((own[1:] != own[:-1]).sum(1) == 1).all()
    weights = additive.weights[0]
    gains = weights - weights[np.arange(LENGTH), own[0]][:, None]
    at, base = np.unravel_index(gains.argmax(), gains.shape)
    assert own[1][at] == base


def test_a_value_is_reached_and_kept(additive: Additive, starts: Any) -> None:
    found = run(additive, starts, goals=(GoalSettings(aim=3.0),), method="beam")
    assert np.abs(found.finals.answers.values[:, 0] - 3).max() <= 0.01


def test_several_outputs(starts: Any) -> None:
    generator = np.random.default_rng(3)
    two = Additive(generator.normal(size=(2, LENGTH, 4)))
    goals = (GoalSettings(output="y0", aim="max"), GoalSettings(output="y1", aim="min", weight=3.0))
    found = run(two, starts, goals=goals)
    first = found.steps.answers.values[found.round == 0]
    assert (found.finals.answers.values[:, 1] < first[:, 1]).all()
    merit = two.weights[0] - 3 * two.weights[1]
    assert found.finals.merit[0] == pytest.approx(merit.max(1).sum())


@pytest.mark.parametrize(
    ("goals", "words"),
    [
        ((GoalSettings(),), "does not say which it means"),
        ((GoalSettings(output="y2"),), "no output `y2`"),
        ((GoalSettings(output="y1"), GoalSettings(output="y1", aim="min")), "two goals"),
    ],
)
def test_goals_that_name_no_output(goals: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Objective.of(goals, ["y0", "y1"], np.ones(2), tolerance=0.01)


@pytest.mark.parametrize("method", ["greedy", "beam", "genetic", "annealing", "gradient"])
def test_the_region_is_a_limit(additive: Additive, starts: Any, method: Any) -> None:
    """The networks disagree where there is much T; values above 8 were never measured; nothing without CA is similar."""
    region = Region(
        spread=np.array([0.9]), similarity=0.5, low=np.array([-20.0]), high=np.array([8.0]), limit=True,
        near=lambda codes: np.array(["CA" in DNA.decode(row) for row in codes], float),
    )  # fmt: skip
    found = run(additive, starts, region=region, method=method, rounds=15, trust=TrustSettings(limit=True))
    finals = found.finals
    assert len(finals)
    assert finals.answers.spread is not None
    assert (finals.answers.spread <= 0.9).all()
    assert (finals.answers.values <= 8).all()
    assert all("CA" in x for x in texts(found))
    free = run(additive, starts, method=method, rounds=15)
    assert free.finals.merit.max() > 8


@pytest.mark.parametrize("method", ["greedy", "beam", "genetic", "annealing"])
def test_a_start_outside_the_region_finds_its_way_in(additive: Additive, method: Any) -> None:
    """Several steps lie between the start and the region; then the climb goes on inside, whatever start stands beside it."""
    codes = np.full((2, LENGTH), 3, np.uint8)
    codes[1] = 0
    lengths = np.full(2, LENGTH, np.int32)
    region = Region(spread=np.array([1.2]), limit=True)  # at most 12 T
    settings = {"method": method, "rounds": 60, "trust": TrustSettings(limit=True), "population": 20}
    found = run(additive, (codes, lengths), region=region, **settings)
    assert found.without == {}
    assert ((found.finals.codes == 3).sum(1) <= 12).all()
    best = np.sort(additive.weights[0].max(1))
    assert (found.finals.merit > 0.5 * best.sum()).all()


def test_starts_for_which_rules_cannot_be_kept(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    rules = RuleSettings(fixed=("28",))
    with pytest.raises(SettingsError, match="start 'c'"):
        run(additive, starts, rules=rules)
    found = run(additive, starts, rules=rules, broken_starts="skip")
    assert found.kept.tolist() == [0, 1]
    assert "1 start left out, for which the rules cannot be kept" in found.notes[0]
    drawn = run(
        additive,
        (codes[:2], lengths[:2]),
        rules=RuleSettings(require=("TATAAA",), max_edits=3),
        drawn=np.array([True, True]),
    )
    assert all("TATAAA" in x for x in texts(drawn))
    assert ((drawn.finals.codes != drawn.rules.starts).sum(1) <= 3).all()


def test_more_apart_than_there_are_bases(additive: Additive, starts: Any) -> None:
    with pytest.raises(SettingsError, match="cannot differ in 31 positions"):
        run(additive, starts, rules=RuleSettings(apart=31))


def test_drawn_starts_fit_what_is_allowed_and_fixed(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    rules = RuleSettings(fixed=("1-6",), allowed={"1": "G", "2": "A", "3": "A"})
    found = run(additive, (codes[:2], lengths[:2]), rules=rules, drawn=np.array([True, True]), rounds=5)
    assert all(x.startswith("GAA") for x in texts(found))


def test_designs_that_differ(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    found = run(additive, (codes[:2], lengths[:2]), rules=RuleSettings(apart=10))
    a, b = found.finals.codes
    assert (a != b).sum() >= 10
    same = run(additive, (codes[:2], lengths[:2]))
    assert (same.finals.codes[0] == same.finals.codes[1]).all()


def test_a_start_that_breaks_a_rule(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    codes = codes.copy()
    codes[1, 10:13] = (0, 3, 2)
    rules = RuleSettings(start_codons="forbid")
    broken = [i for i in range(3) if "ATG" in DNA.decode(codes[i])]
    with pytest.raises(InputError, match=r"start '[ab]'") as caught:
        run(additive, (codes, lengths), rules=rules)
    assert "no upstream ATG (off by" in str(caught.value)
    found = run(additive, (codes, lengths), rules=rules, broken_starts="skip")
    assert found.kept.tolist() == [i for i in range(3) if i not in broken]
    assert "left out" in found.notes[0]
    mended = run(additive, (codes, lengths), rules=rules, broken_starts="repair")
    assert len(mended.finals) == 3
    with pytest.raises(InputError, match="every start breaks a rule"):
        run(additive, (codes[1:2], lengths[1:2]), rules=rules, broken_starts="skip")


def test_a_required_motif_is_brought_in(additive: Additive, starts: Any) -> None:
    found = run(additive, starts, rules=RuleSettings(require=("TATAWAAG",)), broken_starts="repair")
    assert all("TATAAAAG" in x or "TATATAAG" in x for x in texts(found))


def test_starts_must_be_bases(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    codes = codes.copy()
    codes[1, 3] = DNA.any
    with pytest.raises(InputError, match="start 'b': a start must be made of A, C, G and T alone"):
        run(additive, (codes, lengths))


def test_no_gradient(additive: Additive, starts: Any) -> None:
    codes, lengths = starts
    with pytest.raises(UsageError, match="no gradient"):
        design(
            codes, lengths, ids=["a", "b", "c"], oracle=additive, objective=additive.objective(), region=Region(),
            settings=DesignSettings(method="gradient"),
        )  # fmt: skip


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_a_screen_by_a_true_gradient_changes_nothing(additive: Additive, starts: Any, method: Any) -> None:
    rules = RuleSettings(start_codons="forbid", fixed=("3",))
    settings = {"method": method, "beam": 2, "rounds": 12, "rules": rules, "broken_starts": "repair"}
    asked = []

    class Counted(Additive):
        def __call__(self, codes: Codes, lengths: NDArray[np.int32]) -> Answers:
            asked.append(len(codes))
            return super().__call__(codes, lengths)

    whole = run(Counted(additive.weights), starts, **settings)
    every, asked[:] = sum(asked), []
    screened = run(Counted(additive.weights), starts, screen=2, **settings)
    assert texts(screened) == texts(whole)
    assert sum(asked) < every / 10


def test_first_order_of_several_goals_and_a_value(starts: Any) -> None:
    several = Additive(np.random.default_rng(3).normal(size=(2, LENGTH, 4)))
    objective = several.objective(GoalSettings(output="y0", aim=1.5), GoalSettings(output="y1", aim="min", weight=2.0))
    codes = starts[0][:1]
    found = first_order(
        lambda x: torch.einsum("bcl,klc->bk", x.double(), torch.from_numpy(several.weights)), objective, codes
    )
    for position, base in ((0, 1), (29, 3), (12, int(codes[0, 12]))):
        changed = codes.copy()
        changed[0, position] = base
        want = objective.merit(several(changed, starts[1][:1]).values)[0]
        assert found[0, position, base] == pytest.approx(want, abs=1e-6)


def test_a_screen_needs_substitutions_and_a_gradient(additive: Additive, starts: Any) -> None:
    with pytest.raises(ValueError, match="method genetic does not go through all substitutions"):
        DesignSettings(method="genetic", screen=5)
    codes, lengths = starts
    with pytest.raises(UsageError, match="no gradient to screen by"):
        design(
            codes, lengths, ids=["a", "b", "c"], oracle=additive, objective=additive.objective(), region=Region(),
            settings=DesignSettings(screen=5),
        )  # fmt: skip
