"""What a report is made of: plain facts of a finished run, every one of them optional except the name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strandloom.report.numbers import finite
from strandloom.report.scores import Json, Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from strandloom.data.facts import DataFacts
    from strandloom.data.leakage import LeakageReport
    from strandloom.evaluation.results import Evaluation
    from strandloom.report.motif_inputs import MotifPage
    from strandloom.training.history import FitResult


@dataclass(frozen=True)
class InputFile:
    """A file the run read: path, SHA-256 (hex), rows and bytes where known."""

    path: str
    sha256: str = ""
    rows: int | None = None
    bytes: int | None = None


def input_files(environment: Json) -> tuple[InputFile, ...]:
    """The input files that ``environment.json`` lists."""
    return tuple(InputFile(one["path"], one["sha256"], None, one["bytes"]) for one in environment.get("inputs", ()))


@dataclass(frozen=True, eq=False)
class Member:
    """The training history of one network (a seed or a fold).

    Parameters
    ----------
    name
        ``seed 1``, ``fold 3``.
    epochs
        One dict per epoch as in ``metrics.jsonl``: ``epoch``, ``train_loss``, ``validation_loss``, ``validation``
        (metric to value).
    best_epoch
        The epoch whose weights were kept.
    stopped
        Why training ended, in words.
    seconds
        Wall-clock time in s.
    samples_per_second
        Training rows per second.
    monitor
        The validation figure that picked the best epoch; empty where it is not known.
    """

    name: str
    epochs: tuple[Json, ...] = ()
    best_epoch: int | None = None
    stopped: str = ""
    seconds: float | None = None
    samples_per_second: float | None = None
    monitor: str = ""

    @classmethod
    def of(cls, name: str, result: FitResult | Json) -> Member:
        """The history of a finished training (``FitResult`` or its ``to_json``)."""
        stored = as_mapping(result)
        return cls(
            name=name,
            epochs=tuple(stored.get("history") or ()),
            best_epoch=stored.get("best_epoch"),
            stopped=str(stored.get("stopped") or ""),
            seconds=finite(stored.get("seconds")),
            samples_per_second=finite(stored.get("samples_per_second")),
            monitor=str(stored.get("monitor") or ""),
        )

    def series(self, key: str) -> list[float | None]:
        """One value per epoch (``validation_accuracy`` looks into ``validation``), None where absent."""
        inner = key.removeprefix("validation_")
        return [finite(x.get(key, (x.get("validation") or {}).get(inner))) for x in self.epochs]

    @property
    def recorded(self) -> set[str]:
        """Names of the validation metrics that have a value."""
        return {k for x in self.epochs for k, v in (x.get("validation") or {}).items() if finite(v) is not None}

    @property
    def numbers(self) -> list[float]:
        """Epoch numbers (1-based where the records do not say)."""
        return [n if (n := finite(x.get("epoch"))) is not None else i + 1.0 for i, x in enumerate(self.epochs)]

    @property
    def last_epoch(self) -> int:
        """Number of the last epoch trained; 0 for none."""
        return int(self.numbers[-1]) if self.epochs else 0

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping (or anything but the planned end) ended training."""
        return any(word in self.stopped.lower() for word in ("early", "patience", "not improved"))


@dataclass(frozen=True, eq=False)
class SplitFacts:
    """How the rows were divided.

    Parameters
    ----------
    how
        One sentence in plain words.
    notes
        Further remarks.
    counts
        Rows per part (``train``, ``validation``, ``test``, ``unused``).
    class_counts
        Part to class to rows, where known.
    folds
        Number of folds (1: a single split).
    """

    how: str = ""
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    class_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    folds: int = 1


@dataclass(frozen=True)
class Trial:
    """One thing tried while deciding: its name, the metric with its value, and whether it was chosen."""

    name: str
    metric: str
    value: float | None
    chosen: bool = False
    spread: float | None = None


@dataclass(frozen=True)
class Decision:
    """A question the run answered by itself (strand, shift): the answer, why, and the evidence."""

    question: str
    answer: str
    why: str = ""
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True)
class BlockRow:
    """One block of the model: its name, settings in words, output shape and parameter count."""

    name: str
    settings: str = ""
    shape: str = ""
    parameters: int | None = None


@dataclass(frozen=True)
class ModelFacts:
    """The network: kind, parameter counts, window (bases), strands read and blocks."""

    kind: str = ""
    trainable: int | None = None
    total: int | None = None
    length: int | None = None
    anchor: str = ""
    strand: str = ""
    blocks: tuple[BlockRow, ...] = ()

    @classmethod
    def of(
        cls,
        weights: Mapping[str, NDArray[Any]],
        *,
        kind: str,
        length: int,
        anchor: str,
        strand: str,
        blocks: tuple[BlockRow, ...] = (),
    ) -> ModelFacts:
        """The facts of a network with the state ``weights`` (name to array); batch-norm statistics are stored, not trained."""
        sizes = {name: int(a.size) for name, a in weights.items() if not name.endswith("num_batches_tracked")}
        total = sum(sizes.values())
        moving = sum(n for name, n in sizes.items() if name.endswith(("running_mean", "running_var")))
        return cls(kind, total - moving, total, length, anchor, strand, blocks)


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """Everything a report, a card or a comparison shows.

    Parameters
    ----------
    name
        Name of the experiment.
    evaluation
        ``evaluation.json`` as a mapping, or an object with ``to_json()``.
    facts, leakage
        ``data.facts.DataFacts`` and ``data.leakage.LeakageReport``, as objects or as their ``asdict``.
    members
        Training history, one entry per network.
    environment
        ``environment.json``: ``versions``, ``machine``, ``runtime`` (device, threads, precision), ``inputs`` …
    times
        Stage to seconds.
    experiment_yaml
        The resolved experiment file.
    command
        The command that reproduces the run.
    split, decisions, model, files
        How rows were divided, what the run settled by itself, the network, and the files it read.
    warnings
        Further sentences for the careful reader.
    version
        Version of strandloom.
    date
        When the run was made, as text; nothing here reads a clock.
    description
        A line under the heading.
    test_rows
        A hash of the test rows, by id and truth; empty where they are not known. Runs of different hashes are not ranked.
    motifs, motifs_page
        What the network has learned, an entry for each output that was explained, and the relative address of the page that shows all
        of it.
    """

    name: str
    evaluation: Evaluation | Json | None = None
    facts: DataFacts | Json | None = None
    leakage: LeakageReport | Json | None = None
    members: tuple[Member, ...] = ()
    split: SplitFacts = SplitFacts()
    decisions: tuple[Decision, ...] = ()
    model: ModelFacts = ModelFacts()
    environment: Json = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    experiment_yaml: str = ""
    command: str = ""
    files: tuple[InputFile, ...] = ()
    warnings: tuple[str, ...] = ()
    version: str = ""
    date: str = ""
    description: str = ""
    test_rows: str = ""
    motifs: tuple[MotifPage, ...] = ()
    motifs_page: str = ""

    @cached_property
    def scores(self) -> Scores:
        """The evaluation, normalised."""
        from strandloom.report.reading import read_scores

        return read_scores(as_mapping(self.evaluation))

    @cached_property
    def data(self) -> Json:
        """The data facts as a mapping."""
        return as_mapping(self.facts)

    @cached_property
    def leaks(self) -> Json:
        """The leakage report as a mapping."""
        return as_mapping(self.leakage)


def as_mapping(thing: Any) -> Json:
    """A mapping of an object: itself, its ``to_json()``, or its dataclass fields; empty for None."""
    if thing is None:
        return {}
    if isinstance(thing, Mapping):
        return thing
    if hasattr(thing, "to_json"):
        return as_mapping(thing.to_json())
    if is_dataclass(thing) and not isinstance(thing, type):
        return asdict(thing)
    return {}
