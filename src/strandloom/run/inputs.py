"""The files that a run reads: where they lie, what is noted of them, and that a resumed run finds them as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strandloom.bundle import MANIFEST, Bundle, read_bundle
from strandloom.data.settings import DataSettings
from strandloom.errors import OutputError, SettingsError
from strandloom.io.detect import detect
from strandloom.io.motifs import read_motifs
from strandloom.io.write import sha256
from strandloom.pwm import Matrix
from strandloom.training.settings import FirstFilterSettings

Resolve = Callable[[str], Path]


@dataclass(frozen=True, eq=False)
class StartMotifs:
    """Known motifs for the first filters: the setting, the matrices by name, and what is noted of their file."""

    settings: FirstFilterSettings
    matrices: dict[str, Matrix]
    noted: dict[str, Any]


def note_inputs(
    data: DataSettings, *, resolve: Resolve, before: Mapping[str, Any] | None, folder: Path
) -> list[dict[str, Any]]:
    """Path as written and where it lies, SHA-256 and size of every input file.

    Parameters
    ----------
    before
        ``environment.json`` of the run that is resumed; None where none is.
    folder
        The run folder, for messages.

    Raises
    ------
    InputError
        A file is missing, empty or a folder.
    OutputError
        A resumed run began with another file.
    """
    for source in data.sources:
        detect(resolve(source.path))  # a folder, a missing or an empty file has an error of its own
    found = [_noted(source.path, resolve(source.path)) for source in data.sources]
    if data.genome is not None:
        detect(resolve(data.genome))
        found.append(_noted(data.genome, resolve(data.genome)))
    if before is not None:
        _compare(found, before.get("inputs", []), folder)
    return found


def read_start_motifs(
    asked: FirstFilterSettings | None, *, resolve: Resolve, before: Mapping[str, Any] | None, folder: Path
) -> StartMotifs | None:
    """The motifs that the first filters start from, if any; parameters and errors as of :func:`note_inputs`."""
    if asked is None:
        return None
    path = motif_file(asked.motifs, resolve=resolve, where="training.first_filters.motifs")
    matrices = read_motifs(path)
    noted = _noted(asked.motifs, path)
    if before is not None and before.get("first_filters"):
        _compare([noted], [before["first_filters"]], folder)
    return StartMotifs(asked, matrices, noted)


@dataclass(frozen=True, eq=False)
class StartBundle:
    """A trained model that the networks begin with, and what is noted of it."""

    bundle: Bundle
    noted: dict[str, Any]


def read_start_bundle(
    asked: str | None, *, resolve: Resolve, before: Mapping[str, Any] | None, folder: Path
) -> StartBundle | None:
    """The bundle that the networks begin with, if any; parameters and errors as of :func:`note_inputs`.

    Raises
    ------
    BundleError
        It is damaged, or none.
    """
    if asked is None:
        return None
    try:
        path = resolve(asked)
    except SettingsError:
        raise SettingsError(f"no such bundle: {asked}", where="training.start_from", hint="name RUN/bundle") from None
    bundle = read_bundle(path)
    noted = _noted(asked, path / MANIFEST)
    if before is not None and before.get("start_from"):
        _compare([noted], [before["start_from"]], folder)
    return StartBundle(bundle, noted)


def motif_file(name: str, *, resolve: Resolve, where: str) -> Path:
    """The path of a motif file that a setting names.

    Raises
    ------
    SettingsError
        There is no such file.
    """
    try:
        return resolve(name)
    except SettingsError as error:  # it takes every file for a table
        message = error.message.replace("data file", "motif file")
        raise SettingsError(message, where=where, hint="check the path") from None


def _noted(name: str, path: Path) -> dict[str, Any]:
    return {"path": name, "resolved": str(path.resolve()), "sha256": sha256(path), "bytes": path.stat().st_size}


def _compare(found: Sequence[dict[str, Any]], before: Sequence[Mapping[str, Any]], folder: Path) -> None:
    hashes = {one["path"]: one["sha256"] for one in before}
    for one in found:
        if hashes.get(one["path"], one["sha256"]) != one["sha256"]:
            raise OutputError(
                f"the input {one['path']} was changed since the run began",
                where=folder,
                hint="put the old file back, or train into another folder",
            )
