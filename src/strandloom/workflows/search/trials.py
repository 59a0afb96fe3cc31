"""Trials in a journal on disk: several processes share it, and what a killed one had begun is tried again."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strandloom.errors import StrandloomError, UsageError
from strandloom.experiment import Experiment, SearchSettings
from strandloom.workflows.search.space import draw, made, names_of
from strandloom.workflows.search.train import Stopped, Trainer

JOURNAL = "journal.log"
_NAME = "search"
_NAMELESS = timedelta(minutes=1)
"""A trial that still has no process after this was left."""
_FIRST_TRIALS, _FIRST_EPOCHS = 5, 1
"""Trials, and epochs of a trial, before one may be stopped."""


@dataclass(frozen=True)
class Trial:
    """A trial that ended.

    Parameters
    ----------
    number
        From 1.
    state
        ``complete``, ``pruned`` or ``failed``.
    values
        What was chosen, by name.
    figure
        The validation figure of its best epoch (of a pruned one so far); None where it failed.
    seconds, epochs
        Of training.
    reason
        Why it failed.
    """

    number: int
    state: str
    values: dict[str, Any]
    figure: float | None
    seconds: float
    epochs: int
    reason: str = ""


class Trials:
    """The journal of a search.

    Parameters
    ----------
    folder
        Where it lies.
    search
        Ranges and rules.
    lower
        Whether a lower figure is better.

    Raises
    ------
    UsageError
        Optuna is not installed.
    """

    def __init__(self, folder: Path, search: SearchSettings, *, lower: bool) -> None:
        try:
            import optuna
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend
        except ImportError:
            raise UsageError(
                "a search needs the package optuna", hint="pip install 'strandloom[search]' (or pip install optuna)"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna = optuna
        self.search = search
        self.lower = lower
        with _quiet():
            self.study = optuna.create_study(
                study_name=_NAME,
                storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
                direction="minimize" if lower else "maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST_TRIALS, n_warmup_steps=_FIRST_EPOCHS)
                if search.prune
                else optuna.pruners.NopPruner(),
            )
        self._take_over()

    def ended(self) -> list[Trial]:
        """Every trial that ended, by number."""
        states = self.optuna.trial.TrialState
        words = {states.COMPLETE: "complete", states.PRUNED: "pruned", states.FAIL: "failed"}
        return [
            Trial(
                number, words[one.state], dict(one.user_attrs.get("values", one.params)), self._figure(one),
                float(one.user_attrs.get("seconds", 0.0)), len(one.intermediate_values), str(one.user_attrs.get("reason", "")),
            )
            for number, one in enumerate(self._begun(), 1)
            if one.state in words
        ]  # fmt: skip

    def best(self) -> Trial | None:
        """The complete trial with the best figure; of equals the first."""
        done = [x for x in self.ended() if x.state == "complete" and x.figure is not None]
        sign = 1 if self.lower else -1
        return min(done, key=lambda x: (sign * (x.figure or 0.0), x.number), default=None)

    def importance(self) -> dict[str, float]:
        """Share of the spread of figures that each choice explains (fANOVA, Hutter et al. 2014); empty where it cannot be told."""
        if len([x for x in self.ended() if x.state == "complete"]) < 4:
            return {}
        evaluator = self.optuna.importance.FanovaImportanceEvaluator(seed=self.search.seed)
        try:
            with _quiet():
                found = self.optuna.importance.get_param_importances(self.study, evaluator=evaluator)
        except (ValueError, RuntimeError):
            return {}
        return {name: float(found.get(name, 0.0)) for name in names_of(self.search)}

    def next(self, experiment: Experiment, trainer: Trainer) -> Trial | None:
        """Run one more trial; None when as many as asked for have begun."""
        states = self.optuna.trial.TrialState
        self._take_over()
        begun = len(self._begun())
        if begun >= self.search.trials:
            return None
        with _quiet():
            self.study.sampler = self._sampler(begun)
            trial = self.study.ask()
            trial.set_user_attr("process", _PROCESS)
            started = time.perf_counter()
            values = draw(self.search, trial)
            trial.set_user_attr("values", values)

        def report(epoch: int, figure: float) -> bool:
            with _quiet():
                trial.report(figure, epoch)
                return bool(trial.should_prune())

        try:
            figure = trainer.train(made(experiment, self.search, values), report=report)
        except Stopped:
            trial.set_user_attr("seconds", time.perf_counter() - started)
            self.study.tell(trial, state=states.PRUNED)
        except StrandloomError as error:
            trial.set_user_attr("reason", error.message)
            trial.set_user_attr("seconds", time.perf_counter() - started)
            self.study.tell(trial, state=states.FAIL)
        except (KeyboardInterrupt, SystemExit):  # as if it had never begun
            self._leave(trial.number, trial.params)
            raise
        except Exception as error:
            trial.set_user_attr("reason", _reason(error))
            trial.set_user_attr("seconds", time.perf_counter() - started)
            self.study.tell(trial, state=states.FAIL)
            if not _out_of_memory(error):
                raise
        else:
            trial.set_user_attr("seconds", time.perf_counter() - started)
            self.study.tell(trial, figure)
        number = [one.number for one in self._begun()].index(trial.number) + 1
        return next(x for x in self.ended() if x.number == number)

    def running(self) -> int:
        """Trials that another process has begun."""
        states = self.optuna.trial.TrialState
        return sum(t.state == states.RUNNING for t in self.study.get_trials(deepcopy=False))

    def _begun(self) -> list[Any]:
        """Every trial that was begun and not left, in their order."""
        waiting = self.optuna.trial.TrialState.WAITING
        return [t for t in self.study.get_trials(deepcopy=False) if t.state != waiting and "left" not in t.user_attrs]

    def _leave(self, number: int, params: dict[str, Any]) -> None:
        """Take back a trial that was begun: its choices are tried again next."""
        one = self.study.get_trials(deepcopy=False)[number]
        self.study._storage.set_trial_user_attr(one._trial_id, "left", True)
        self.study.tell(number, state=self.optuna.trial.TrialState.FAIL)
        if params:
            self.study.enqueue_trial(params)

    def _sampler(self, number: int) -> Any:
        """The sampler of a trial: from the seed and its number alone, so that a resumed search goes on as an uninterrupted one."""
        seed = (self.search.seed * 1_000_003 + number) % 2**32
        samplers = self.optuna.samplers
        return samplers.TPESampler(seed=seed) if self.search.sampler == "tpe" else samplers.RandomSampler(seed=seed)

    def _figure(self, one: Any) -> float | None:
        if one.value is not None:
            return float(one.value)
        seen = list(one.intermediate_values.values())
        return None if not seen else float(min(seen) if self.lower else max(seen))

    def _take_over(self) -> None:
        """Begin again what a process on this machine had begun that is no longer there."""
        running = self.optuna.trial.TrialState.RUNNING
        for one in self.study.get_trials(deepcopy=False):
            if one.state != running or "left" in one.user_attrs:
                continue
            process = one.user_attrs.get("process")
            if process is None:  # it may be writing its name just now
                age = datetime.now() - one.datetime_start if one.datetime_start else timedelta(0)
                gone = age > _NAMELESS
            else:
                gone = process[0] == _PROCESS[0] and _begun_at(int(process[1])) != process[2]
            if gone:
                self._leave(one.number, one.params)


def _begun_at(pid: int) -> str:
    """When a process of this machine began, as text; empty where there is none: a number is used again after a while."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:  # no /proc: whether it is there is all that can be told
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "there"
    return "there"


_PROCESS = [socket.gethostname(), os.getpid(), _begun_at(os.getpid())]
"""This process: its machine, number and beginning."""


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "allocate memory" in str(error)


def _reason(error: Exception) -> str:
    return "out of memory" if _out_of_memory(error) else f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's warnings that parts of it are new."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
