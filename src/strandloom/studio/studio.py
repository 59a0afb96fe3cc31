"""The studio as one object: workspace, database, queue, deployments and who may do what."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from strandloom.bundle import read_bundle
from strandloom.errors import BundleError, InputError, StrandloomError, UsageError
from strandloom.experiment import read_experiment
from strandloom.run.folder import RunFolder
from strandloom.serve.gate import LOCAL
from strandloom.serve.metrics import Metrics
from strandloom.serve.models import Models, ServedModel, Source, digest_of
from strandloom.serve.tokens import Caller, TokenFile
from strandloom.studio.jobs import EXPERIMENT, LOG, RUN, Queue
from strandloom.studio.settings import StudioSettings
from strandloom.studio.store import Deployment, Login, Project, Run, Share, Store, sqlite_url
from strandloom.studio.unzip import extract
from strandloom.studio.workspace import Workspace, slug, sweep

_PACKED = (
    "metrics.jsonl",
    "plan.json",
    "predictions.parquet",
    "split.parquet",
    "experiment.yaml",
    "evaluation.json",
    "data.json",
    "environment.json",
    "decision.json",
    "report.html",
    "verdict.txt",
)
_FOLDERS = ("bundle", "members", "explanation")
"""What is packed beside them, of members the curves alone."""
_MOST_UNPACKED = 4 << 30
_MOST_FILES = 10_000


@dataclass(eq=False)
class Studio:
    """All that pages stand on.

    Parameters
    ----------
    space, settings
        Where it works and how.
    tokens
        Who may come in; None: everyone on this machine, as an editor.
    """

    space: Workspace
    settings: StudioSettings
    tokens: TokenFile | None = None
    store: Store = field(init=False)
    queue: Queue = field(init=False)
    metrics: Metrics = field(init=False)
    models: Models = field(init=False)
    asking: threading.Lock = field(init=False)
    """One question about samples at a time: each takes all threads that there are."""

    def __post_init__(self) -> None:
        self.store = Store(self.settings.database or sqlite_url(self.space.database))
        self.queue = Queue(self.space, self.store, at_once=self.settings.at_once)
        self.metrics = Metrics()
        self.models = Models((), self.settings.serving(), self.metrics)
        self._switching = threading.Lock()
        self.asking = threading.Lock()

    def begin(self) -> None:
        """Look after the queue and switch on what is deployed; a bundle that was changed meanwhile stays off, and says so."""
        sweep(self.space)
        self.queue.begin()
        for deployment in self.deployments():
            if deployment.enabled:
                try:
                    self._switch_on(deployment)
                except Exception as error:  # one that is broken must not keep the studio from starting
                    said = error.message if isinstance(error, StrandloomError) else type(error).__name__
                    self._mark(deployment.id, enabled=False, message=f"switched off at the start: {said}")

    def close(self) -> None:
        """Stop; trainings go on."""
        self.queue.close()
        self.models.close()
        self.store.close()

    # --- who ---

    def still(self, caller: Caller) -> Caller | None:
        """The caller as the tokens are now; None: the token was taken back."""
        if self.tokens is None:
            return LOCAL
        return next((Caller(x.name, x.role, x.sha256) for x in self.tokens.tokens() if x.sha256 == caller.token), None)

    def login(self, token: str) -> str | None:
        """A cookie for a token; None: the token is not known."""
        if self.tokens is None or self.tokens.caller(token) is None:
            return None
        cookie = secrets.token_urlsafe(32)
        with self.store.begin() as session:
            session.add(Login(sha256=_hash(cookie), token=_hash(token)))
        return cookie

    def logout(self, cookie: str) -> None:
        """Forget a cookie."""
        with self.store.begin() as session:
            found = session.get(Login, _hash(cookie))
            if found is not None:
                session.delete(found)

    def caller_of(self, cookie: str) -> Caller | None:
        """Who has this cookie; None: nobody, or the token behind it was taken back."""
        if self.tokens is None:
            return None
        with self.store.begin() as session:
            found = session.get(Login, _hash(cookie))
            token = None if found is None else found.token
        return next((Caller(x.name, x.role, x.sha256) for x in self.tokens.tokens() if x.sha256 == token), None)

    # --- projects ---

    def projects(self) -> list[Project]:
        """All, oldest first."""
        with self.store.begin() as session:
            return list(session.scalars(select(Project).order_by(Project.id)))

    def add_project(self, name: str) -> Project:
        """A new project.

        Raises
        ------
        UsageError
            The name is empty or taken.
        """
        name = name.strip()[:80]
        if not name:
            raise UsageError("a project needs a name")
        with self.store.begin() as session:
            if session.scalars(select(Project).where(Project.name == name)).first() is not None:
                raise UsageError(f"there is a project '{name}' already")
            project = Project(name=name)
            session.add(project)
            session.flush()
            return project

    # --- deployments ---

    def deployments(self) -> list[Deployment]:
        """All, oldest first."""
        with self.store.begin() as session:
            query = select(Deployment).order_by(Deployment.id).options(joinedload(Deployment.run))
            return list(session.scalars(query))

    def deploy(self, run: int, name: str, *, author: str) -> Deployment:
        """Put the bundle of a run behind an address, switched off at first.

        Raises
        ------
        UsageError
            The run has no bundle, or the name is none or taken.
        """
        look = self.queue.look(run)
        if not look.folder.finished:
            raise UsageError("the run is not finished, so it has no model", hint="let it end first")
        address = slug(name, taken=self.space.root / "none")
        with self.store.begin() as session:
            if session.scalars(select(Deployment).where(Deployment.name == address)).first() is not None:
                raise UsageError(f"there is a deployment '{address}' already", hint="another name")
            found = Deployment(run_id=run, name=address, digest=digest_of(look.folder.bundle), author=author)
            session.add(found)
            session.flush()
            return found

    def switch(self, number: int, *, on: bool) -> None:
        """Switch a deployment on or off.

        Raises
        ------
        UsageError
            There is none.
        BundleError
            Its bundle was changed after it was deployed, or is broken.
        """
        with self._switching:
            deployment = next((x for x in self.deployments() if x.id == number), None)
            if deployment is None:
                raise UsageError("there is no such deployment")
            if on:
                self._switch_on(deployment)
            else:
                self.models.remove(deployment.name)
            self._mark(number, enabled=on)

    def accept(self, number: int) -> None:
        """Take the bundle of a deployment as it is now for the deployed one."""
        with self.store.begin() as session:
            deployment = session.get_one(Deployment, number, options=[joinedload(Deployment.run)])
            deployment.digest = digest_of(self._bundle(deployment))
            on = deployment.enabled
        if on:
            self.switch(number, on=True)

    def undeploy(self, number: int) -> None:
        """Forget a deployment that is off.

        Raises
        ------
        UsageError
            It is on.
        """
        with self.store.begin() as session:
            deployment = session.get(Deployment, number)
            if deployment is None:
                raise UsageError("there is no such deployment")
            if deployment.enabled:
                raise UsageError("the deployment is on", hint="switch it off first")
            session.delete(deployment)

    def _bundle(self, deployment: Deployment) -> Path:
        return RunFolder(self.space.inside(deployment.run.folder) / RUN).bundle

    def _switch_on(self, deployment: Deployment) -> None:
        folder = self._bundle(deployment)
        if digest_of(folder) != deployment.digest:
            raise BundleError(
                "the bundle was changed after it was deployed", hint="look at the run, then accept the new bundle"
            )
        self.models.add(ServedModel(Source(deployment.name, folder), self.settings.serving(), self.metrics))

    def _mark(self, number: int, *, enabled: bool, message: str = "") -> None:
        with self.store.begin() as session:
            deployment = session.get_one(Deployment, number)
            deployment.enabled, deployment.message = enabled, message

    # --- sharing ---

    def share(self, run: int, *, author: str) -> str:
        """The secret of a link that shows one run to whoever has it."""
        self.queue.look(run)
        secret = secrets.token_urlsafe(24)
        with self.store.begin() as session:
            session.add(Share(run_id=run, sha256=_hash(secret), author=author))
        return secret

    def shares(self, run: int) -> list[Share]:
        """Links of a run."""
        with self.store.begin() as session:
            return list(session.scalars(select(Share).where(Share.run_id == run)))

    def unshare(self, number: int) -> None:
        """Take a link back."""
        with self.store.begin() as session:
            found = session.get(Share, number)
            if found is not None:
                session.delete(found)

    def shared(self, secret: str) -> int | None:
        """The run of a link; None: it is none, or was taken back."""
        with self.store.begin() as session:
            found = session.scalars(select(Share).where(Share.sha256 == _hash(secret))).first()
            return None if found is None else found.run_id

    def pack(self, run: int, out: Path) -> Path:
        """A run as one file: experiment, results, report and bundle.

        Raises
        ------
        UsageError
            It is not finished.
        """
        look = self.queue.look(run)
        if not look.folder.finished:
            raise UsageError("the run is not finished", hint="let it end first")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in _PACKED:
                if (look.folder.path / name).is_file():
                    archive.write(look.folder.path / name, name)
            for name in _FOLDERS:
                for path in sorted((look.folder.path / name).rglob("*")):
                    if path.is_file() and (name != "members" or path.name == "metrics.jsonl"):
                        archive.write(path, str(path.relative_to(look.folder.path)))
        return out

    def unpack(self, source: Path, *, project: int, author: str) -> int:
        """A run out of the file that :meth:`pack` made, elsewhere or here; its number.

        Raises
        ------
        InputError
            It is no such file, or its bundle is broken.
        """
        staged = self.space.uploads / f".unpack-{secrets.token_hex(8)}"
        try:
            _extract(source, staged / RUN)
            experiment = read_experiment(staged / RUN / "experiment.yaml")
            try:
                read_bundle(staged / RUN / "bundle")
            except BundleError as error:
                raise InputError(f"the bundle in the file is broken: {error.message}") from None
            shutil.copyfile(staged / RUN / "experiment.yaml", staged / EXPERIMENT)
            (staged / LOG).write_text("imported\n")
            folder = slug(experiment.name, taken=self.space.runs, known=self.queue.folders())
            staged.rename(self.space.runs / folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        with self.store.begin() as session:
            run = Run(
                project_id=project, version_id=None, name=experiment.name, folder=f"{self.space.runs.name}/{folder}", author=author,
                state="completed",
            )  # fmt: skip
            session.add(run)
            session.flush()
            return run.id


def _extract(source: Path, target: Path) -> None:
    """Unpack an exported run: only known names, bounded."""

    def known(name: str) -> bool:
        parts = Path(name).parts
        return name in _PACKED or (len(parts) > 1 and parts[0] in _FOLDERS and ".." not in parts)

    extract(
        source, target, expected=known, what="exported run", hint="export one in a studio",
        most_files=_MOST_FILES, most_bytes=_MOST_UNPACKED,
    )  # fmt: skip
    if not (target / "experiment.yaml").is_file() or not (target / "verdict.txt").is_file():
        raise InputError("this is no exported run", hint="export one in a studio")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def check_role(studio: Studio, caller: Caller, *, role: str = "editor") -> None:
    """Whether a caller may still do what only some may do.

    Raises
    ------
    UsageError
        The caller may not, or not any more.
    """
    now = studio.still(caller)
    if now is None:
        raise UsageError("your token was taken back")
    if role == "editor" and now.role != "editor":
        raise UsageError("viewers may look, not change", hint="ask for an editor's token")
