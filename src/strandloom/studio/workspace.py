"""The folder of a studio: where data, runs and what was thrown away stand."""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from strandloom.errors import OutputError, UsageError
from strandloom.io.write import make_folder, output_error

_MARK = "strandloom-studio.txt"
_WORDS = "A workspace of `strandloom studio`: data/ and runs/ are ordinary files, studio.db is what they do not hold.\n"


@dataclass(frozen=True)
class Workspace:
    """A folder with everything of a studio.

    Parameters
    ----------
    root
        The folder.
    """

    root: Path

    @property
    def data(self) -> Path:
        """Imported data, a folder a version."""
        return self.root / "data"

    @property
    def runs(self) -> Path:
        """Run folders, as ``strandloom train`` makes them."""
        return self.root / "runs"

    @property
    def trash(self) -> Path:
        """Runs and answers that were deleted, to be brought back."""
        return self.root / "trash"

    @property
    def models(self) -> Path:
        """Bundles of taxonomy and source models, a folder each."""
        return self.root / "models"

    @property
    def answers(self) -> Path:
        """What such models were asked, a folder an answer."""
        return self.root / "answers"

    @property
    def uploads(self) -> Path:
        """Files while they arrive."""
        return self.root / "uploads"

    @property
    def database(self) -> Path:
        """SQLite file."""
        return self.root / "studio.db"

    @property
    def secret(self) -> str:
        """What signs the cookies of the pages; made when it is first asked for."""
        path = self.root / "secret.txt"
        if not path.is_file():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32))
        return path.read_text()

    def inside(self, relative: str) -> Path:
        """A path of the workspace.

        Raises
        ------
        UsageError
            It leads out of it.
        """
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise UsageError("this is not in the workspace")
        return path


def open_workspace(root: str | Path) -> Workspace:
    """Open a workspace, or make one in a new or empty folder.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds something else.
    """
    space = Workspace(Path(root).absolute())
    mark = space.root / _MARK
    if space.root.is_dir() and not mark.is_file() and any(space.root.iterdir()):
        raise OutputError(
            "the folder holds other things, so it does not become a workspace",
            where=space.root,
            hint="name a new folder: strandloom studio FOLDER",
        )
    try:
        for folder in (space.root, space.data, space.runs, space.trash, space.models, space.answers, space.uploads):
            make_folder(folder)
        mark.write_text(_WORDS)
    except OSError as error:
        raise output_error(error, space.root) from error
    return space


def sweep(space: Workspace) -> None:
    """Take away what nobody claimed of the uploads: at the start no page is open that could."""
    for path in space.uploads.iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def slug(name: str, *, taken: Path, known: Collection[str] = ()) -> str:
    """A name as that of a new folder inside ``taken``: letters, digits and ``-``; nothing in it leads anywhere else.

    Parameters
    ----------
    known
        Names that are taken although no folder has them now.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    base = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:48] or "unnamed"
    found, number = base, 2
    while (taken / found).exists() or found in known:
        found, number = f"{base}-{number}", number + 1
    return found


def file_name(name: str) -> str:
    """The last part of a file's name as it was sent, without anything that leads elsewhere; its endings are kept."""
    last = re.split(r"[\\/]", name)[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("._-")
    return plain[-120:] or "data"
