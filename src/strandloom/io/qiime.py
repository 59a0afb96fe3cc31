"""QIIME 2 artefacts: a zip file with ``<uuid>/metadata.yaml``, which names the type, and one data file."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from strandloom.errors import InputError
from strandloom.io.stream import open_error

MEMBERS = {
    "FeatureData[Sequence]": "dna-sequences.fasta",
    "FeatureData[AlignedSequence]": "aligned-dna-sequences.fasta",
    "FeatureData[Taxonomy]": "taxonomy.tsv",
    "FeatureTable[Frequency]": "feature-table.biom",
}
"""The file under ``<uuid>/data/`` of each semantic type that can be read."""
_TYPE = re.compile(r"^type:\s*(.+?)\s*$", re.MULTILINE)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Artifact(NamedTuple):
    """The data file of an artefact, unpacked."""

    type: str
    """Semantic type, such as ``FeatureData[Taxonomy]``."""
    data: Path
    """The file; it lives as long as the ``with`` block."""


def is_artifact(path: str | Path) -> bool:
    """Whether a file is a zip file with the metadata of an artefact in it.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        if not zipfile.is_zipfile(path):
            with Path(path).open("rb") as file:
                return file.read(4) == b"PK\3\4" and str(path).endswith((".qza", ".qzv"))  # cut short
        with zipfile.ZipFile(path) as archive:
            return _metadata(archive) is not None
    except OSError as error:
        raise open_error(error, Path(path)) from error
    except _DAMAGE:
        return str(path).endswith((".qza", ".qzv"))


@contextmanager
def open_artifact(path: str | Path, *, accepted: Sequence[str]) -> Iterator[Artifact]:
    """Unpack the data file of an artefact into a temporary folder; an error inside the block names the artefact instead.

    Parameters
    ----------
    path
        The ``.qza`` file.
    accepted
        Semantic types, keys of :data:`MEMBERS`, that are meant here.

    Raises
    ------
    InputError
        The file is damaged, no artefact, or of another type.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="strandloom-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                found = _metadata(archive)
                if found is None:
                    raise InputError("the zip file is no QIIME 2 artefact: it has no <uuid>/metadata.yaml", where=path)
                text = archive.read(found).decode("utf-8", "replace")
                kind = _TYPE.search(text)
                type_ = kind.group(1).strip("'\"") if kind else "a type that is not named"
                member = _member(type_, accepted, path)
                name = f"{found.split('/')[0]}/data/{member}"
                if name not in archive.namelist():
                    raise InputError(f"the artefact is {type_} but has no {name}", where=path)
                data = Path(folder) / member
                with archive.open(name) as source, data.open("wb") as target:
                    shutil.copyfileobj(source, target)
        except _DAMAGE as error:
            raise InputError(
                f"the artefact is damaged: {error}", where=path, hint="copy or download the file again"
            ) from error
        except OSError as error:
            raise open_error(error, path) from error
        try:
            yield Artifact(type_, data)
        except InputError as error:
            where = (error.where or str(path)).replace(str(data), f"{path}/{name}")
            raise InputError(error.message, where=where, hint=error.hint) from error


def _metadata(archive: zipfile.ZipFile) -> str | None:
    return next((x for x in archive.namelist() if re.fullmatch(r"[^/]+/metadata\.yaml", x)), None)


def _member(type_: str, accepted: Sequence[str], path: Path) -> str:
    plain = re.sub(r"\s*%.*(?=\]$)", "", type_)  # FeatureData[Taxonomy % Properties('…')]
    if plain in accepted:
        return MEMBERS[plain]
    raise InputError(
        f"the QIIME 2 artefact is {type_}; {' or '.join(accepted)} is needed here",
        where=path,
        hint="give it where it belongs" if plain in MEMBERS else "export what is needed: qiime tools export",
    )
