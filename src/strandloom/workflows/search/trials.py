"""Trials in a journal on disk: several processes share it, and what a killed one had begun is tried again."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.errors import StrandloomError, UsageError
from strandloom.experiment import Experiment, SearchSettings
from strandloom.workflows.search.space import draw, made, names_of
from strandloom.workflows.search.train import Stopped, Trainer

JOURNAL = "journal.log"
_NAME = "search"
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
                one.number + 1, words[one.state], dict(one.user_attrs.get("values", one.params)), self._figure(one),
                float(one.user_attrs.get("seconds", 0.0)), len(one.intermediate_values), str(one.user_attrs.get("reason", "")),
            )
            for one in self.study.get_trials(deepcopy=False)
            if one.state in words and "left" not in one.user_attrs
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
        begun = [
            t for t in self.study.get_trials(deepcopy=False) if t.state != states.WAITING and "left" not in t.user_attrs
        ]
        if len(begun) >= self.search.trials:
            return None
        with _quiet():
            self.study.sampler = self._sampler(len(self.study.get_trials(deepcopy=False)))
            trial = self.study.ask()
            trial.set_user_attr("process", [socket.gethostname(), os.getpid()])
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
        except BaseException:
            trial.set_user_attr("left", True)  # Ctrl-C: as if it had never begun
            self.study.tell(trial, state=states.FAIL)
            self.study.enqueue_trial(trial.params)
            raise
        else:
            trial.set_user_attr("seconds", time.perf_counter() - started)
            self.study.tell(trial, figure)
        return next(x for x in self.ended() if x.number == trial.number + 1)

    def running(self) -> int:
        """Trials that another process has begun."""
        states = self.optuna.trial.TrialState
        return sum(t.state == states.RUNNING for t in self.study.get_trials(deepcopy=False))

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
        states = self.optuna.trial.TrialState
        for one in self.study.get_trials(deepcopy=False):
            host, pid = one.user_attrs.get("process", [socket.gethostname(), 0])
            if one.state != states.RUNNING or host != socket.gethostname() or _alive(int(pid)):
                continue
            self.study._storage.set_trial_user_attr(one._trial_id, "left", True)
            self.study.tell(one.number, state=states.FAIL)
            if one.params:
                self.study.enqueue_trial(one.params)


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's warnings that parts of it are new."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
