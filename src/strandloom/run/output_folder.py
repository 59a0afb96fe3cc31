"""A folder that a command makes beside a run: never over something else, never half-made."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strandloom.errors import OutputError
from strandloom.io.write import make_folder, output_error, remove_empty


def check_free(folder: str | Path, *, mark: str, what: str, force: bool) -> None:
    """Whether a folder may be made.

    Parameters
    ----------
    folder
        Absent, empty, or with ``force`` one of the same kind.
    mark, what
        The file that only folders of this kind hold, and the kind in words.
    force
        Whether such a folder may be replaced.

    Raises
    ------
    OutputError
        It exists and may not be replaced.
    """
    path = Path(folder)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    ours = path.is_dir() and (path / mark).is_file() and not (path / "experiment.yaml").exists()
    if not (force and ours):
        hint = "choose another --out, or add --force"
        if force:
            hint = f"it holds something else than {what}, so --force does not remove it; choose another --out"
        raise OutputError("the folder exists already", where=path, hint=hint)


@contextmanager
def new_folder(folder: str | Path, *, mark: str, what: str, force: bool) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of what :func:`check_free` lets go when it is finished.

    A fault or Ctrl-C takes it away again and leaves what was there.

    Raises
    ------
    OutputError
        It cannot be made, or may not be replaced: another program may have filled it since that was asked first.
    """
    check_free(folder, mark=mark, what=what, force=force)
    path = Path(folder)
    earlier = path.is_dir() and any(path.iterdir())
    own = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part") if earlier else path
    try:
        made = make_folder(own)
    except OSError as error:
        raise output_error(error, path) from error
    try:
        yield own
        if earlier:
            check_free(folder, mark=mark, what=what, force=force)
            shutil.rmtree(path)
            own.rename(path)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        remove_empty(made)
        raise
