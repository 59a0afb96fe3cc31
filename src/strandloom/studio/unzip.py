"""Zip files that people send: only members that are expected, no more bytes than they may hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from strandloom.errors import InputError

_STEP = 1 << 20
_BROKEN = (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error)


def extract(
    source: Path,
    target: Path,
    *,
    expected: Callable[[str], bool],
    what: str,
    hint: str,
    most_files: int,
    most_bytes: int,
) -> None:
    """Unpack a zip file into a folder.

    Parameters
    ----------
    expected
        Whether a name may be in it; one that leads out of the folder is refused anyhow.
    what, hint
        What the file should be, with its article, and what to do where it is none.

    Raises
    ------
    InputError
        It is none, is damaged, holds something else or too much.
    """
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError):
        raise InputError(f"this is no {what}", hint=hint) from None
    left = most_bytes
    with archive:
        members = [x for x in archive.infolist() if not x.is_dir()]
        if len(members) > most_files or sum(x.file_size for x in members) > left:
            raise InputError(f"the file unpacks to more than a {what} would hold")
        for member in members:
            path = (target / member.filename).resolve()
            if not path.is_relative_to(target.resolve()) or not expected(member.filename):
                raise InputError(f"the file holds '{member.filename[:80]}', which no {what} does")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, path.open("wb") as out:
                    while data := packed.read(min(_STEP, left + 1)):
                        left -= len(data)
                        if left < 0:
                            raise InputError(f"the file unpacks to more than a {what} would hold")
                        out.write(data)
            except _BROKEN as error:
                said = (error.strerror or "it cannot be written") if isinstance(error, OSError) else str(error)
                raise InputError(f"the file is damaged: {said}", hint="make it again") from None
