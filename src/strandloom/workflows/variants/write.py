"""Scored variants as they are written: TSV, CSV and Parquet, one row an allele, or VCF; in parts that a killed run goes on from."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from strandloom.errors import OutputError, UsageError
from strandloom.io.plain import read_json, write_json
from strandloom.io.vcf import LeftOut, VariantBlock
from strandloom.io.write import make_folder, output_error, replacing
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
    """The head of the written VCF: that of the input up to ``#CHROM``, with the new entry; sample columns are dropped."""
    opened = gzip.open if source.read_bytes()[:2] == b"\x1f\x8b" else open
    lines = []
    with opened(source, "rt", encoding="utf-8", errors="replace") as handle:
        for line in handle:
            if not line.startswith("##"):
                break
            lines.append(line.rstrip("\r\n"))
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
        record = (block.chrom[row], str(block.pos[row]), block.id[row], block.ref[row], block.alt[row], ".", ".")
        lines.append("\t".join([*record, f"{INFO}={','.join(entries)}"]))
    return "".join(line + "\n" for line in lines)


def left_out_text(left: Sequence[LeftOut]) -> str:
    """Rows of the side file."""
    return "".join("\t".join(map(str, one)) + "\n" for one in left)


class Parts:
    """A folder of finished blocks beside the output, which a later call goes on from.

    Parameters
    ----------
    out
        The output; the folder is ``<out>.partial``.
    settings
        What the blocks are made of: another call with the same goes on, one with others begins anew.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.out = out
        self.kind, self.packed = output_kind(out)
        self.folder = out.with_name(out.name + ".partial")
        self.settings = settings

    def begin(self) -> int:
        """Blocks that are there already.

        Raises
        ------
        OutputError
            The folder cannot be made.
        """
        stored = self.folder / _SETTINGS
        if stored.is_file() and read_json(stored) == self.settings:
            done = 0
            while self._left(done).is_file():
                done += 1
            return done
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            make_folder(self.folder)
        except OSError as error:
            raise output_error(error, self.folder) from None
        write_json(stored, self.settings)
        return 0

    def add(self, number: int, content: pl.DataFrame | str | None, left: Sequence[LeftOut]) -> None:
        """Write a block (None: nothing in it was scored); its side file comes last and says that it is complete."""
        path = self.folder / f"{number:06d}{self.kind}"
        if isinstance(content, str):
            with replacing(path, text=True) as text:
                text.write(content)
        elif content is not None and self.kind == ".parquet":
            with replacing(path, text=False) as handle:
                content.write_parquet(handle)
        elif content is not None:
            separator = "\t" if self.kind == ".tsv" else ","
            with replacing(self.folder / _HEADER, text=True) as text:
                text.write(separator.join(content.columns) + "\n")
            with replacing(path, text=True) as text:
                text.write(content.write_csv(separator=separator, include_header=False, float_precision=6))
        with replacing(self._left(number), text=True) as text:
            text.write(left_out_text(left))

    def finish(self, count: int, header: str = "") -> Path:
        """Join the blocks into the output and the side file, and take the folder away.

        Returns
        -------
        pathlib.Path
            The side file ``<out>.left_out.tsv``.
        """
        side = self.out.with_name(f"{self.out.name}.{_LEFT_OUT}")
        named = [self.folder / f"{n:06d}{self.kind}" for n in range(count)]
        paths = [path for path in named if path.is_file()]
        if self.kind == ".parquet":
            with replacing(self.out, text=False) as handle:
                pl.scan_parquet(paths).sink_parquet(handle)
        else:
            with replacing(self.out, text=False) as handle:
                first = self.folder / _HEADER
                _join(paths, handle, header or (first.read_text() if first.is_file() else ""), packed=self.packed)
        with replacing(side, text=False) as handle:
            _join([self._left(n) for n in range(count)], handle, "\t".join(LeftOut._fields) + "\n", packed=False)
        shutil.rmtree(self.folder)
        return side

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


def check_output(out: Path, *, force: bool) -> None:
    """Whether the output may be written.

    Raises
    ------
    OutputError
        It exists.
    UsageError
        Its name ends in no format.
    """
    output_kind(out)
    if out.exists() and not force:
        raise OutputError("the file exists already", where=out, hint="choose another name or add --force")
