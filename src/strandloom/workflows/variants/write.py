"""Scored variants as they are written: TSV, CSV and Parquet, one row an allele, or VCF; in parts that a killed run goes on from."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from strandloom.errors import OutputError, UsageError
from strandloom.io.plain import read_json, write_json
from strandloom.io.vcf import LeftOut, VariantBlock, header_lines
from strandloom.io.write import make_folder, output_error, replacing
from strandloom.run.folder import held
from strandloom.workflows.variants.effects import Effects
from strandloom.workflows.variants.windows import Placed

FORMATS = (".tsv", ".csv", ".parquet", ".vcf")
_SETTINGS = "settings.json"
MOST_IN_VCF = 5
"""Outputs of a record of a VCF: those with the strongest effects."""
INFO = "strandloom"
_LEFT_OUT, _HEADER = "left_out.tsv", "header.txt"


def output_kind(out: Path) -> tuple[str, bool]:
    """Format of an output by its name, and whether it is packed.

    Raises
    ------
    UsageError
        The name ends in none that can be written.
    """
    packed = out.suffix == ".gz"
    kind = Path(out.stem).suffix if packed else out.suffix
    if kind not in FORMATS or (packed and kind == ".parquet"):
        raise UsageError(
            f"'{out.name}' names no format", where="--out", hint=f"end it in {', '.join(FORMATS)} (.gz but for Parquet)"
        )
    return kind, packed


def effect_frame(
    block: VariantBlock,
    placed: Placed,
    effects: Effects,
    outputs: Sequence[str],
    columns: Sequence[int],
    *,
    values: bool,
) -> pl.DataFrame:
    """Scored alleles: record, the output with the strongest effect, then answers of every output that was asked for.

    Parameters
    ----------
    outputs
        Names of the K outputs.
    columns
        Those that are written.
    values
        Whether outputs are values: then the effect is their difference, else the log odds ratio.
    """
    rows = placed.rows.tolist()
    chosen = np.array(columns, np.int64)
    strongest = chosen[np.abs(effects.effect[:, chosen]).argmax(axis=1)]
    each = np.arange(len(rows))
    frame = {
        "chrom": pl.Series([block.chrom[i] for i in rows], dtype=pl.String),
        "pos": pl.Series([block.pos[i] for i in rows], dtype=pl.Int64),
        "id": pl.Series([block.id[i] for i in rows], dtype=pl.String),
        "ref": pl.Series([block.ref[i] for i in rows], dtype=pl.String),
        "alt": pl.Series([block.alt[i] for i in rows], dtype=pl.String),
    }
    if len(columns) > 1:
        frame["strongest"] = pl.Series([outputs[k] for k in strongest.tolist()], dtype=pl.String)
        frame["strongest_effect"] = pl.Series(effects.effect[each, strongest])
    for k in columns:
        end = "" if len(outputs) == 1 else f"_{outputs[k]}"
        reference, alternative = effects.reference[:, k], effects.alternative[:, k]
        frame[f"reference{end}"] = pl.Series(reference)
        frame[f"alternative{end}"] = pl.Series(alternative)
        frame[f"difference{end}"] = pl.Series(effects.effect[:, k] if values else alternative - reference)
        if not values:
            frame[f"log_odds_ratio{end}"] = pl.Series(effects.effect[:, k])
        if effects.spread is not None:
            frame[f"sd{end}"] = pl.Series(effects.spread[:, k])
    return pl.DataFrame(frame).with_columns(pl.col(pl.Float64).round(6))


def vcf_header(source: Path, *, values: bool, command: str) -> str:
    """The head of the written VCF: that of the input, with the new entry; sample columns are dropped."""
    lines = [line for line in header_lines(source) if not line.startswith((f"##INFO=<ID={INFO},", "##strandloom="))]
    what = "difference of the predicted values" if values else "log odds ratio"
    lines.append(
        f'##INFO=<ID={INFO},Number=.,Type=String,Description="output|reference|alternative|{what}[|sd over networks], the '
        f'{MOST_IN_VCF} strongest outputs">'
    )
    if command:
        lines.append(f"##strandloom={command}")
    return "\n".join([*lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]) + "\n"


def vcf_text(
    block: VariantBlock, placed: Placed, effects: Effects, outputs: Sequence[str], columns: Sequence[int]
) -> str:
    """Records of scored alleles, one alternative allele each."""
    chosen = np.array(columns, np.int64)
    order = np.argsort(-np.abs(effects.effect[:, chosen]), axis=1, kind="stable")[:, :MOST_IN_VCF]
    names = ["".join("_" if c in " ;,|=%" else c for c in name) for name in outputs]
    lines = []
    for n, row in enumerate(placed.rows.tolist()):
        entries = []
        for k in chosen[order[n]].tolist():
            parts = [effects.reference[n, k], effects.alternative[n, k], effects.effect[n, k]]
            parts += [] if effects.spread is None else [effects.spread[n, k]]
            entries.append("|".join([names[k], *(f"{x:.6g}" for x in parts)]))
        quality, filters, info = block.rest[row]
        kept = [one for one in info.split(";") if one not in ("", ".") and not one.startswith(f"{INFO}=")]
        record = (
            block.chrom[row],
            str(block.pos[row]),
            block.id[row],
            block.ref[row],
            block.alt[row],
            quality,
            filters,
        )
        lines.append("\t".join([*record, ";".join([*kept, f"{INFO}={','.join(entries)}"])]))
    return "".join(line + "\n" for line in lines)


def left_out_text(left: Sequence[LeftOut]) -> str:
    """Rows of the side file."""
    return "".join("\t".join(map(str, one)) + "\n" for one in left)


class Parts:
    """A folder of finished blocks beside the output, which a later call goes on from; one process at a time.

    Parameters
    ----------
    out
        The output; the folder is ``<out>.partial``, what is left out goes into ``<out>.left_out.tsv``.
    settings
        What the blocks are made of: another call with the same goes on, one with others begins anew.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.out = out
        self.kind, self.packed = output_kind(out)
        self.folder = out.with_name(out.name + ".partial")
        self.side = out.with_name(f"{out.name}.{_LEFT_OUT}")
        self.settings = settings

    @property
    def known(self) -> bool:
        """Whether blocks of the same settings are there."""
        stored = self.folder / _SETTINGS
        return stored.is_file() and read_json(stored) == self.settings

    def check_free(self, *, force: bool) -> None:
        """Whether the output may be written; a call that was stopped while it joined its blocks may.

        Raises
        ------
        OutputError
            The output, or the file of what is left out, exists.
        """
        for path in (self.out, self.side):
            if path.exists() and not force and not self.known:
                raise OutputError("the file exists already", where=path, hint="choose another name or add --force")

    @contextmanager
    def begun(self) -> Iterator[int]:
        """Holds the folder for this process; gives the number of blocks that are there already.

        Raises
        ------
        OutputError
            The folder cannot be made.
        HeldError
            Another process writes into it.
        """
        try:
            make_folder(self.folder)
        except OSError as error:
            raise output_error(error, self.folder) from None
        with held(self.folder, what="another process is writing these variants"):
            done = 0
            if self.known:
                while self._left(done).is_file():
                    done += 1
            else:
                for path in self.folder.iterdir():
                    path.unlink()
                write_json(self.folder / _SETTINGS, self.settings)
            yield done

    def add(self, number: int, content: pl.DataFrame | str | None, left: Sequence[LeftOut]) -> None:
        """Write a block (None: nothing in it was scored); its side file comes last and says that it is complete."""
        path = self._block(number)
        if isinstance(content, str):
            with replacing(path, text=True) as text:
                text.write(content)
        elif content is not None and self.kind == ".parquet":
            with replacing(path, text=False) as handle:
                content.write_parquet(handle)
        elif content is not None:
            separator = "\t" if self.kind == ".tsv" else ","
            with replacing(self.folder / _HEADER, text=True) as text:
                text.write(content.clear().write_csv(separator=separator))
            with replacing(path, text=True) as text:
                text.write(content.write_csv(separator=separator, include_header=False, float_precision=6))
        with replacing(self._left(number), text=True) as text:
            text.write(left_out_text(left))

    def finish(self, count: int, header: str = "") -> None:
        """Join the blocks into the file of what is left out, then the output, and take the folder away.

        Raises
        ------
        OutputError
            A block has vanished, or the output cannot be written.
        """
        lefts = [self._left(n) for n in range(count)]
        for path in lefts:
            if not path.is_file():
                raise OutputError("a finished block has vanished", where=path, hint="give the same command again")
        paths = [path for path in map(self._block, range(count)) if path.is_file()]
        with replacing(self.side, text=False) as handle:
            _join(lefts, handle, "\t".join(LeftOut._fields) + "\n", packed=False)
        with replacing(self.out, text=False) as handle:
            if self.kind == ".parquet":
                pl.scan_parquet(paths, glob=False).sink_parquet(handle)
            else:
                first = self.folder / _HEADER
                _join(paths, handle, header or (first.read_text() if first.is_file() else ""), packed=self.packed)
        shutil.rmtree(self.folder)

    def drop(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _block(self, number: int) -> Path:
        return self.folder / f"{number:06d}{self.kind}"

    def _left(self, number: int) -> Path:
        return self.folder / f"{number:06d}.{_LEFT_OUT}"


def _join(paths: Sequence[Path], handle: Any, header: str, *, packed: bool) -> None:
    target = gzip.GzipFile(fileobj=handle, mode="wb", mtime=0) if packed else handle
    target.write(header.encode())
    for path in paths:
        with path.open("rb") as part:
            shutil.copyfileobj(part, target)
    if packed:
        target.close()
