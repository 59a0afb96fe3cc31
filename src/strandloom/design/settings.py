"""Settings of ``strandloom design`` (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from strandloom.settings import Settings

Method = Literal["greedy", "beam", "genetic", "annealing", "gradient"]
METHODS: tuple[Method, ...] = ("greedy", "beam", "genetic", "annealing", "gradient")
Fraction = Annotated[float, Field(ge=0, le=1)]
LETTERS = "ACGTRYSWKMBDHVN"


class GoalSettings(Settings):
    """What one output should become."""

    output: str | None = None
    """Name of the output; null: the only one."""
    aim: Literal["max", "min"] | float = "max"
    """As high as possible, as low as possible, or a value in the unit of the target."""
    weight: float = Field(default=1.0, gt=0)
    """How much it counts beside other goals; each counts in standard deviations of its training values."""


class GcSettings(Settings):
    """The share of C and G."""

    low: Fraction = 0.0
    """Least share."""
    high: Fraction = 1.0
    """Largest share."""
    window: Annotated[int, Field(ge=2)] | None = None
    """In every window of so many bases; null: in the whole sequence."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"gc: the least share {self.low:g} is above the largest, {self.high:g}")
        return self


class FlankSettings(Settings):
    """Constant bases around the sequence: not designed, but rules about motifs look across the border."""

    left: str = ""
    """Bases before it."""
    right: str = ""
    """Bases behind it, such as ATG."""

    @field_validator("left", "right")
    @classmethod
    def _bases(cls, text: str) -> str:
        return _checked(text, "ACGT", "flanks")


class RuleSettings(Settings):
    """What every designed sequence must keep to."""

    fixed: tuple[str, ...] = ()
    """Positions that stay as they are: ``"5"``, ``"1-10"``, ``"-3"`` (the last but two), ``"-8--1"``."""
    allowed: dict[str, str] = Field(default_factory=dict)
    """Letters that may stand at positions, as IUPAC codes: ``{"1-4": "W"}``."""
    max_edits: Annotated[int, Field(ge=1)] | None = None
    """Most bases that differ from the start."""
    gc: GcSettings | None = None
    """The share of C and G."""
    longest_run: Annotated[int, Field(ge=1)] | None = None
    """Most equal bases in a row."""
    start_codons: Literal["allow", "forbid", "forbid_out_of_frame"] = "allow"
    """ATG in the sequence; its frame is counted from the end of the sequence, where the main start codon begins."""
    stop_codons: Literal["allow", "forbid", "forbid_in_frame"] = "allow"
    """TAA, TAG and TGA in the sequence; the frame is counted from its end."""
    forbid: tuple[str, ...] = ()
    """Motifs that must not occur: IUPAC codes on the given strand, or names of restriction enzymes (``EcoRI``), on both."""
    require: tuple[str, ...] = ()
    """Motifs that must occur, as IUPAC codes on the given strand."""
    flanks: FlankSettings = FlankSettings()
    """Constant bases around the sequence."""
    apart: Annotated[int, Field(ge=0)] = 0
    """Least number of positions in which any two designs differ."""

    @field_validator("allowed")
    @classmethod
    def _letters(cls, allowed: dict[str, str]) -> dict[str, str]:
        return {place: _checked(text, LETTERS, "allowed") for place, text in allowed.items()}


class TrustSettings(Settings):
    """How far from what the model knows a design may go."""

    limit: bool = False
    """Whether steps that leave the trusted region are refused; else they are only marked."""
    disagreement: Annotated[float, Field(gt=0)] | Literal["auto"] | None = "auto"
    """Largest standard deviation over the networks, in the unit of the target; auto: as 95 % of the validation rows had; null: any."""
    similarity: Fraction | Literal["auto"] | None = "auto"
    """Least similarity to the nearest training sequence (cosine of k-mer counts); auto: as 95 % of the validation rows had; null: any."""
    measured: bool = True
    """Whether predictions beyond the values of training are outside."""


class DesignSettings(Settings):
    """A design: goals, method, rules and trust."""

    goals: Annotated[tuple[GoalSettings, ...], Field(min_length=1)] = (GoalSettings(),)
    """What the outputs should become."""
    method: Method = "greedy"
    """greedy: the best substitution of all, again and again (Cuperus et al. 2017); beam: the same with several kept; genetic: mutation and
    crossing over; annealing: random substitutions, accepted more and more strictly; gradient: straight-through gradients, then checked."""
    rounds: Annotated[int, Field(ge=1, le=100_000)] = 40
    """Steps: substitutions (greedy, beam), generations (genetic), sweeps (annealing) or updates (gradient, ten for each)."""
    beam: Annotated[int, Field(ge=1, le=1000)] = 8
    """Sequences kept for each start (beam)."""
    screen: Annotated[int, Field(ge=1)] | None = None
    """Of every sequence's substitutions, only so many are predicted: those that the networks' gradient holds for the best (greedy, beam);
    null: all of them, as published. 24 is three to four times as fast on 50 bases, with designs as good (docs/design.md)."""
    population: Annotated[int, Field(ge=4, le=10_000)] = 60
    """Sequences for each start (genetic); parallel chains for each start are a tenth of it (annealing, gradient)."""
    tolerance: Annotated[float, Field(gt=0)] = 0.01
    """A goal with a value is reached within this share of the standard deviation of the training values."""
    rules: RuleSettings = RuleSettings()
    """What every design must keep to."""
    broken_starts: Literal["error", "repair", "skip"] = "error"
    """What happens to a start that breaks a rule: stop; change it first until it breaks none; or leave it out and say so."""
    trust: TrustSettings = TrustSettings()
    """How far designs may go."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of all draws."""

    @model_validator(mode="after")
    def _screens_substitutions(self) -> Self:
        if self.screen is not None and self.method not in ("greedy", "beam"):
            raise ValueError(f"screen: method {self.method} does not go through all substitutions; leave screen out")
        return self


def _checked(text: str, letters: str, what: str) -> str:
    upper = text.upper().replace("U", "T")
    for letter in upper:
        if letter not in letters:
            raise ValueError(f"{what}: '{letter}' is none of {letters}")
    return upper
