"""Models that are asked about samples (species at places, environments of reads), and what they answered: folders of the workspace."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from strandloom.bundle import MANIFEST, BundleKind, Manifest, kind_of, read_bundle, read_manifest
from strandloom.errors import BundleError, StrandloomError, UsageError
from strandloom.io.plain import read_json, write_json
from strandloom.studio.store import now
from strandloom.studio.unzip import extract
from strandloom.studio.workspace import Workspace, file_name, slug
from strandloom.words import plural

KINDS: dict[BundleKind, str] = {"taxonomy": "species of marker sequences", "sources": "environments of reads"}
FACTS, OUT, GIVEN = "answer.json", "out", "given"
FORMAT = 1
_TOLD = {"model", "kind", "name", "author", "created", "files", "sentence", "command"}
_MOST_FILES, _MOST_BYTES = 200, 8 << 30


@dataclass(frozen=True)
class SampleModel:
    """A taxonomy or source model of the workspace.

    Parameters
    ----------
    folder, manifest
        Its bundle.
    """

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    @property
    def kind(self) -> BundleKind:
        """Of the bundle."""
        return kind_of(self.manifest)


@dataclass(frozen=True)
class Given:
    """The files that a model is asked about.

    Parameters
    ----------
    files
        Each with what it was called: of a taxonomy model sequences, then perhaps counts and samples; of a source model reads.
    at
        Latitude and longitude of what has no place.
    counts, samples
        Which of the files, by number, hold the reads of each sequence in each sample, and where samples are from.
    """

    files: tuple[tuple[Path, str], ...]
    at: tuple[float, float] | None = None
    counts: int | None = None
    samples: int | None = None


@dataclass(frozen=True)
class SampleAnswer:
    """What a model answered.

    Parameters
    ----------
    folder
        ``answer.json``, ``given/`` and ``out/``, which is the folder that the command line makes.
    facts
        Of ``answer.json``.
    """

    folder: Path
    facts: dict[str, Any]

    @property
    def out(self) -> Path:
        """What the command writes."""
        return self.folder / OUT

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.name


def sample_models(space: Workspace) -> list[SampleModel]:
    """All of the workspace, by name; what cannot be read is none."""
    found = []
    for folder in sorted(space.models.iterdir()):
        if (folder / MANIFEST).is_file() and not folder.name.startswith("."):
            try:
                model = SampleModel(folder, read_manifest(folder))
            except StrandloomError:
                continue
            if model.kind in KINDS:
                found.append(model)
    return found


def find_model(space: Workspace, name: str) -> SampleModel:
    """One of them.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    found = next((x for x in sample_models(space) if x.name == name), None)
    if found is None:
        raise UsageError("there is no such model")
    return found


def take_in(space: Workspace, source: Path, name: str) -> SampleModel:
    """Copy a bundle into the workspace: a run folder, a bundle, or a zip file of one.

    Raises
    ------
    BundleError
        It is none, is damaged, or answers single sequences and not samples.
    InputError
        The zip file is damaged, or holds what no bundle does.
    """
    staged = space.models / f".{secrets.token_hex(8)}"
    try:
        if source.is_dir():
            shutil.copytree(_bundle_in(source), staged)
        else:
            extract(
                source, staged, expected=lambda _: True, what="zip file of a bundle", hint="zip -r model.zip RUN/bundle",
                most_files=_MOST_FILES, most_bytes=_MOST_BYTES,
            )  # fmt: skip
            inner = _bundle_in(staged)
            if inner != staged:
                inner = inner.rename(space.models / f"{staged.name}-inner")
                shutil.rmtree(staged)
                staged = inner
        kind = kind_of(read_bundle(staged).manifest)
        if kind not in KINDS:
            raise BundleError(
                "this model answers single sequences, not samples", hint="bring its run in on the page of runs"
            )
        target = space.models / slug(name, taken=space.models)
        staged.rename(target)
    except BundleError as error:  # the place in the workspace means nothing to whoever sent it
        raise BundleError(error.message, hint=error.hint) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return SampleModel(target, read_manifest(target))


def _bundle_in(folder: Path) -> Path:
    """The bundle of a folder: itself, its ``bundle``, or that of the one folder in it."""
    inner = [x for x in folder.iterdir() if x.is_dir()]
    places = [folder, folder / "bundle", *(x for one in inner[:1] if len(inner) == 1 for x in (one, one / "bundle"))]
    found = next((x for x in places if (x / MANIFEST).is_file()), None)
    if found is None:
        raise BundleError(
            "there is no bundle in it: bundle.json is missing", hint="give RUN/bundle, or a zip file of it"
        )
    return found


def ask_model(
    space: Workspace, model: SampleModel, given: Given, *, name: str, author: str, threads: int | None = None
) -> SampleAnswer:
    """Ask a model about samples; the files are copied beside the answer.

    Raises
    ------
    StrandloomError
        As the command does; nothing is left behind.
    """
    if not given.files:
        raise UsageError("there is no file to ask about")
    home = space.answers / slug(name or given.files[0][1].split(".")[0], taken=space.answers)
    held = home / GIVEN
    held.mkdir(parents=True)
    try:
        paths = []
        for path, called in given.files:
            target = held / file_name(called)
            if target.exists():
                raise UsageError(f"two files are called {file_name(called)}", hint="rename one")
            shutil.copyfile(path, target)
            paths.append(target)
        try:
            sentence = _answer(model, paths, given, home / OUT, threads)
        except StrandloomError as error:  # places of the machine mean nothing to whoever asks
            said = [
                None if x is None else str(x).replace(f"{held}/", "") for x in (error.message, error.where, error.hint)
            ]
            raise type(error)(said[0] or "", where=said[1], hint=said[2]) from None
        facts = {
            "format": FORMAT, "model": model.name, "kind": model.kind, "name": name or home.name, "author": author, "created": now(),
            "files": [x.name for x in paths], "place": given.at, "sentence": sentence,
            "command": _command(space, model, paths, given, home / OUT),
        }  # fmt: skip
        write_json(home / FACTS, facts)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    return SampleAnswer(home, facts)


def _answer(model: SampleModel, paths: Sequence[Path], given: Given, out: Path, threads: int | None) -> str:
    if model.kind == "taxonomy":
        from strandloom.workflows.taxonomy.assign import AssignInputs, assign_file

        counts, samples = (None if x is None else paths[x] for x in (given.counts, given.samples))
        return assign_file(
            model.folder, AssignInputs(paths[0], counts, samples, given.at), out=out, threads=threads
        ).sentence
    from strandloom.workflows.sources.estimate import estimate_files
    from strandloom.workflows.sources.reads import sample_files

    inside = {x.resolve() for x in paths}
    for sample in sample_files(paths):
        for file in (sample.first, sample.second):
            if file is not None and file.resolve() not in inside:  # a table of samples names any file of the machine
                raise UsageError(
                    f"the table names '{file.name}', which was not given",
                    hint="give the read files themselves beside the table",
                )
    found = estimate_files(model.folder, paths, out=out, threads=threads)
    lines = found.lines()
    return lines[0] if len(lines) == 1 else f"{len(lines)} samples, {plural(found.reads, 'read')}"


def _command(space: Workspace, model: SampleModel, paths: Sequence[Path], given: Given, out: Path) -> str:
    bundle, target = model.folder.relative_to(space.root), out.relative_to(space.root)
    words = [str(x.relative_to(space.root)) for x in paths]
    if model.kind == "sources":
        return f"strandloom sources estimate {bundle} {' '.join(words)} --out {target}"
    options = [
        f"--{option} {words[number]}"
        for option, number in (("counts", given.counts), ("samples", given.samples))
        if number is not None
    ]
    options += [] if given.at is None else [f"--at {given.at[0]:g} {given.at[1]:g}"]
    return " ".join(["strandloom taxonomy assign", str(bundle), words[0], *options, f"--out {target}"])


def answers(space: Workspace, *, deleted: bool = False) -> list[SampleAnswer]:
    """All answers, newest first: those that are there, or those in the trash; what cannot be read is none."""
    place = space.trash if deleted else space.answers
    found = [x for x in map(_read, place.iterdir()) if x is not None]
    return sorted(found, key=lambda x: str(x.facts["created"]), reverse=True)


def _read(folder: Path) -> SampleAnswer | None:
    try:
        facts = read_json(folder / FACTS)
    except (StrandloomError, OSError, ValueError):
        return None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or not set(facts) >= _TOLD:
        return None
    return SampleAnswer(folder, facts)


def find_answer(space: Workspace, name: str) -> SampleAnswer:
    """One of them.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    found = _read(space.answers / name) if name == Path(name).name else None
    if found is None:
        raise UsageError("there is no such answer")
    return found


def forget(space: Workspace, answer: SampleAnswer) -> None:
    """Move an answer to the trash."""
    answer.folder.rename(space.trash / slug(f"answer-{answer.name}", taken=space.trash))


def bring_back(space: Workspace, name: str) -> SampleAnswer:
    """Bring an answer back out of the trash.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    found = _read(space.trash / name) if name == Path(name).name else None
    if found is None:
        raise UsageError("there is no such answer in the trash")
    target = space.answers / slug(name.removeprefix("answer-"), taken=space.answers)
    found.folder.rename(target)
    return SampleAnswer(target, found.facts)


def compositions(answer: SampleAnswer) -> pl.DataFrame:
    """Of a source model: ``sample, source, proportion, low, high`` by the default method."""
    frame = pl.read_csv(answer.out / "composition.tsv", separator="\t", schema_overrides={"sample": pl.String})
    return frame.filter(pl.col("method") == frame["method"][0]).drop("method") if frame.height else frame


def calls(answer: SampleAnswer) -> pl.DataFrame:
    """Of a taxonomy model: what each sequence is."""
    return pl.read_parquet(answer.out / "assignments.parquet")


def sightings(answer: SampleAnswer) -> pl.DataFrame:
    """Of a taxonomy model: ``sample, lat, lon, taxon, reads``, taxon null where nothing is known; without counts each sequence is a
    sample of its own."""
    path = answer.out / "assignments_by_sample.parquet"
    if path.is_file():
        found = pl.read_parquet(path).select("sample", "lat", "lon", "rank", "taxon", "reads")
    else:
        own = calls(answer)
        found = own.select(
            sample=pl.col("id"), lat="lat", lon="lon", rank="rank", taxon="taxon", reads=pl.lit(None, pl.Int64)
        )
    named = found.with_columns(taxon=pl.when(pl.col("rank") != "unknown").then(pl.col("taxon"))).drop("rank")
    return named.filter(pl.col("lat").is_not_null())
