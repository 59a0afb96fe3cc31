"""A whole search: trials until there are enough, the table and the page kept up, the winner trained anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from strandloom.errors import InputError, OutputError, SettingsError, TrainingError
from strandloom.experiment import Experiment, SearchSettings, read_experiment, to_yaml
from strandloom.io.plain import read_json, write_json
from strandloom.io.write import TableWriter, make_folder, output_error, replacing
from strandloom.run import RunResult, run_experiment
from strandloom.run.folder import HeldError
from strandloom.run.progress import RunProgress
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.search.report import render_search
from strandloom.workflows.search.space import check_space, made, names_of
from strandloom.workflows.search.train import Trainer
from strandloom.workflows.search.trials import Trial, Trials

SUMMARY = "search.json"
_EXPERIMENT = "experiment.yaml"
_WINNER = "winner"


class SearchProgress(Protocol):
    """What hears of a search."""

    def say(self, text: str) -> None:
        """A remark."""

    def trial(self, trial: Trial, best: Trial | None, trials: int) -> None:
        """A trial ended; so many are asked for in all."""


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Parameters
    ----------
    folder
        Where it lies.
    best
        The winner; None where no trial has ended.
    trials
        Every trial that ended, by number.
    importance
        Share of the spread that each choice explains.
    winner
        Its run, with the test part judged once; None where it was not trained anew.
    sentence
        The result in words.
    """

    folder: Path
    best: Trial | None
    trials: list[Trial]
    importance: dict[str, float]
    winner: RunResult | None
    sentence: str


def search_experiment(
    experiment: Experiment,
    *,
    out: str | Path,
    resolve: Callable[[str], Path] = Path,
    seeds: int = 1,
    retrain: bool = True,
    resume: bool = False,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    progress: SearchProgress | None = None,
    run_progress: RunProgress | None = None,
) -> Searched:
    """Search over model and training settings, then train the winner.

    Every trial learns from the training rows and is judged on the validation rows; the test part is read once, by the winner's run.

    Parameters
    ----------
    experiment
        With a ``search`` section.
    out
        Folder for ``journal.log`` (every trial), ``trials.tsv``, ``search.json``, ``report.html``, ``winner.yaml`` and ``winner/``.
    resolve
        Turns a path of the experiment into one that can be opened.
    seeds
        Of the winner's run.
    retrain
        Whether the winner is trained anew and judged.
    resume
        Go on with a search in the folder, or join one that runs.
    device, threads, command
        As for :func:`strandloom.run.run_experiment`.

    Raises
    ------
    SettingsError
        There is nothing to search, a name is no setting, or a value is not allowed.
    OutputError
        The folder exists (without ``resume``), or holds another search.
    TrainingError
        No trial could be trained to its end.
    """
    asked = experiment.search
    if asked is None:
        raise SettingsError(
            "the experiment has no `search` section",
            where="search",
            hint="add search: {space: {training.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}}}",
        )
    check_space(experiment, asked)
    folder = _folder(Path(out), experiment, resume=resume)
    told = progress or _Quiet()
    trainer = Trainer.of(experiment, resolve=resolve, cache=folder / "store", device=device, threads=threads)
    trials = Trials(folder, asked, lower=trainer.lower)
    for note in trainer.notes:
        told.say(note)
    done = len(trials.ended())
    if done:
        told.say(f"{plural(done, 'trial')} there already; {asked.trials} asked for")
    while (one := trials.next(experiment, trainer)) is not None:
        told.trial(one, trials.best(), asked.trials)
        _write_table(folder, trials.ended(), asked, trainer)
    if running := trials.running():
        told.say(
            f"{plural(running, 'trial')} of other processes still to end: the last process writes the report and trains the winner"
        )
    best = trials.best()
    if best is None or best.figure is None:
        if running:
            return Searched(folder, None, trials.ended(), {}, None, "No trial has ended yet.")
        reasons = list(dict.fromkeys(x.reason for x in trials.ended() if x.reason))[:3]
        raise TrainingError(
            "no trial was trained to its end" + (f": {'; '.join(reasons)}" if reasons else ""),
            where=folder,
            hint="narrow the ranges, or lower the learning rates",
        )
    results = Searched(folder, best, trials.ended(), {} if running else trials.importance(), None, "")
    results = replace(results, sentence=_sentence(results, trainer))
    if running:
        return results
    winner = made(experiment, asked, best.values)
    with replacing(folder / "winner.yaml", text=True) as handle:
        handle.write(to_yaml(winner))
    _write(results, experiment, trainer, winner, command)
    if not retrain:
        return results
    own = folder / _WINNER
    same = (own / _EXPERIMENT).is_file() and read_experiment(own / _EXPERIMENT) == winner and _seeds(own) == seeds
    if not (same and (own / "verdict.txt").is_file()):
        told.say(f"trial {best.number} is trained anew and judged on the test part")
    try:
        run = run_experiment(
            winner, out=own, resolve=resolve, seeds=seeds, device=device, threads=threads, resume=same, force=own.exists() and not same,
            command=command, progress=run_progress,
        )  # fmt: skip
    except HeldError:
        told.say("another process trains the winner")
        return results
    results = replace(results, winner=run)
    _write(results, experiment, trainer, winner, command)
    return results


def _seeds(run: Path) -> int:
    try:
        return int(read_json(run / "plan.json")["seeds"])
    except (InputError, KeyError, TypeError, ValueError):
        return 0


def _write(found: Searched, experiment: Experiment, trainer: Trainer, winner: Experiment, command: str) -> None:
    """Table, facts and page."""
    asked = experiment.search
    assert asked is not None
    assert found.best is not None
    verdict = None if found.winner is None else found.winner.verdict
    _write_table(found.folder, found.trials, asked, trainer)
    states = Counter(x.state for x in found.trials)
    write_json(
        found.folder / SUMMARY,
        {
            "strandloom": VERSION, "command": command, "metric": trainer.monitor, "best": _facts(found.best), "trials": len(found.trials),
            "complete": states["complete"], "pruned": states["pruned"], "failed": states["failed"], "importance": found.importance,
            "sentence": found.sentence, "winner": verdict,
        },
    )  # fmt: skip
    with replacing(found.folder / "report.html", text=True) as handle:
        handle.write(
            render_search(
                title=experiment.name, sentence=found.sentence, names=names_of(asked), trials=found.trials, best=found.best,
                lower=trainer.lower, metric=trainer.monitor, importance=found.importance, winner=verdict, yaml=to_yaml(winner),
                command=command, version=VERSION, date=date.today().isoformat(),
            )
        )  # fmt: skip


class _Quiet:
    """Nobody listens."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def trial(self, trial: Trial, best: Trial | None, trials: int) -> None:
        """Say nothing."""


def _folder(path: Path, experiment: Experiment, *, resume: bool) -> Path:
    """The folder of a search: new, or one of the same experiment."""
    stored = path / _EXPERIMENT
    if path.is_dir() and any(path.iterdir()):
        journal = path / "journal.log"
        if not stored.is_file() or not journal.is_file():
            raise OutputError("the folder exists already and holds no search", where=path, hint="choose another --out")
        begun = journal.stat().st_size > 0  # else its data could not be read, and nothing was tried
        if begun and not resume:
            raise OutputError(
                "the folder holds a search already", where=path, hint="--resume goes on with it, or joins one that runs"
            )
        before = read_experiment(stored)
        same = before.model_copy(update={"search": _without_trials(before.search)})
        if begun and same != experiment.model_copy(update={"search": _without_trials(experiment.search)}):
            raise OutputError(
                "the folder holds a search of other settings",
                where=path,
                hint="choose another --out, or use its experiment.yaml",
            )
    else:
        try:
            make_folder(path)
        except OSError as error:
            raise output_error(error, path) from error
    with replacing(stored, text=True) as handle:
        handle.write(to_yaml(experiment))
    (path / "journal.log").touch()
    return path


def _without_trials(search: SearchSettings | None) -> SearchSettings | None:
    """The same search whatever the number of trials: more may be asked for later."""
    return None if search is None else search.model_copy(update={"trials": 1})


def _facts(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number, "state": trial.state, "figure": trial.figure, "seconds": round(trial.seconds, 2),
        "epochs": trial.epochs, "values": trial.values, "reason": trial.reason,
    }  # fmt: skip


def _write_table(folder: Path, trials: list[Trial], search: SearchSettings, trainer: Trainer) -> None:
    """``trials.tsv``: a row a trial."""
    if not trials:
        return
    frame = pl.DataFrame(
        {
            "trial": [x.number for x in trials], "state": [x.state for x in trials],
            f"validation_{trainer.monitor}": pl.Series([x.figure for x in trials], dtype=pl.Float64),
            "epochs": [x.epochs for x in trials], "seconds": [round(x.seconds, 2) for x in trials],
            **{name: [str(x.values.get(name, "")) for x in trials] for name in names_of(search)},
            "reason": [x.reason for x in trials],
        }
    )  # fmt: skip
    with TableWriter(folder / "trials.tsv") as writer:
        writer.write(frame)


def _sentence(found: Searched, trainer: Trainer) -> str:
    assert found.best is not None
    states = Counter(x.state for x in found.trials)
    pruned, failed, importance = states["pruned"], states["failed"], found.importance
    others = "".join([f", {pruned} stopped early" if pruned else "", f", {failed} failed" if failed else ""])
    text = (
        f"Trial {found.best.number} is the best of {len(found.trials)} ({states['complete']} to the end{others}): validation "
        f"{trainer.monitor} {found.best.figure:.4g}"
    )
    if importance and max(importance.values()) > 0:
        first = max(importance, key=lambda x: importance[x])
        text += f"; what mattered most was {first} ({importance[first]:.0%} of the spread)"
    return text + "."
