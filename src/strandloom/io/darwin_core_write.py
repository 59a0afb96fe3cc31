"""Occurrences of eDNA as a Darwin Core archive: the occurrence core, the DNA-derived-data extension, and ``meta.xml``.

Terms and spellings are those of Darwin Core and of GBIF's extension of 2024-07-11 (``rs.gbif.org``), used as in Abarenkov et al.,
"Publishing DNA-derived data through biodiversity data platforms" (doi 10.35035/doc-vf1a-nr22). What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple, Protocol
from xml.sax.saxutils import quoteattr

import polars as pl

from strandloom.errors import UsageError, nearest
from strandloom.io.frames import listed
from strandloom.io.write import TableWriter, replacing

DWC = "http://rs.tdwg.org/dwc/terms/"
GBIF = "http://rs.gbif.org/terms/"
MIXS = "https://w3id.org/mixs/"
CORE_ROW = f"{DWC}Occurrence"
EXTENSION_ROW = f"{GBIF}1.0/DNADerivedData"
OCCURRENCE_TERMS = (
    "occurrenceID", "eventID", "parentEventID", "datasetName", "institutionCode", "basisOfRecord", "occurrenceStatus", "scientificName",
    "scientificNameID", "taxonRank", "kingdom", "phylum", "class", "order", "family", "genus", "taxonID", "taxonConceptID",
    "verbatimIdentification", "identifiedBy", "identificationRemarks", "identificationReferences", "decimalLatitude", "decimalLongitude",
    "geodeticDatum", "coordinateUncertaintyInMeters", "locationID", "locality", "waterBody", "country", "eventDate",
    "minimumDepthInMeters", "maximumDepthInMeters", "organismQuantity", "organismQuantityType", "sampleSizeValue", "sampleSizeUnit",
    "materialSampleID", "samplingProtocol", "associatedSequences", "recordedBy", "occurrenceRemarks",
)  # fmt: skip
"""Darwin Core terms of the occurrence table, in the order of its columns."""
DNA_TERMS = {
    "DNA_sequence": f"{GBIF}dna_sequence",
    "samp_name": f"{MIXS}0001107",
    "project_name": f"{MIXS}0000092",
    "env_broad_scale": f"{MIXS}0000012",
    "env_local_scale": f"{MIXS}0000013",
    "env_medium": f"{MIXS}0000014",
    "samp_collec_device": f"{MIXS}0000002",
    "samp_mat_process": f"{MIXS}0000016",
    "size_frac": f"{MIXS}0000017",
    "samp_size": f"{MIXS}0000001",
    "samp_vol_we_dna_ext": f"{MIXS}0000111",
    "nucl_acid_ext": f"{MIXS}0000037",
    "nucl_acid_amp": f"{MIXS}0000038",
    "lib_layout": f"{MIXS}0000041",
    "target_gene": f"{MIXS}0000044",
    "target_subfragment": f"{MIXS}0000045",
    "pcr_primer_forward": f"{GBIF}pcr_primer_forward",
    "pcr_primer_reverse": f"{GBIF}pcr_primer_reverse",
    "pcr_primer_name_forward": f"{GBIF}pcr_primer_name_forward",
    "pcr_primer_name_reverse": f"{GBIF}pcr_primer_name_reverse",
    "pcr_primer_reference": f"{GBIF}pcr_primer_reference",
    "pcr_cond": f"{MIXS}0000049",
    "ampliconSize": f"{GBIF}miqe/ampliconSize",
    "seq_meth": f"{MIXS}0000050",
    "chimera_check": f"{MIXS}0000052",
    "otu_class_appr": f"{MIXS}0000085",
    "otu_seq_comp_appr": f"{MIXS}0000086",
    "otu_db": f"{MIXS}0000087",
    "sop": f"{MIXS}0000090",
}
"""Terms of the extension, with their addresses, in the order of its columns."""
READS = "DNA sequence reads"
DATUM = "EPSG:4326"
"""WGS84, as decimal degrees of a satellite receiver are."""
UNNAMED, UNNAMED_ID = "incertae sedis", "urn:lsid:marinespecies.org:taxname:12"
"""What OBIS asks for where a sequence has no name."""
_REQUIRED = ("eventDate",)
_RECOMMENDED = (
    "decimalLatitude", "decimalLongitude", "eventID", "organismQuantity", "sampleSizeValue", "materialSampleID", "kingdom",
)  # fmt: skip
_RECOMMENDED_DNA = (
    "DNA_sequence", "target_gene", "target_subfragment", "pcr_primer_forward", "pcr_primer_reverse", "pcr_primer_name_forward",
    "pcr_primer_name_reverse", "pcr_primer_reference", "seq_meth", "otu_class_appr", "otu_seq_comp_appr", "otu_db",
)  # fmt: skip


@dataclass(frozen=True)
class DnaTerms:
    """What all sequences of a study share, by the terms of the extension; None is not known and left out."""

    target_gene: str | None = None
    """``12S rRNA``."""
    target_subfragment: str | None = None
    """Part of the gene, such as ``MiFish``."""
    pcr_primer_forward: str | None = None
    """Forward primer 5′→3′, upper case."""
    pcr_primer_reverse: str | None = None
    """Reverse primer 5′→3′, upper case."""
    pcr_primer_name_forward: str | None = None
    """``MiFish-U-F``."""
    pcr_primer_name_reverse: str | None = None
    """``MiFish-U-R``."""
    pcr_primer_reference: str | None = None
    """Address of the primers' paper."""
    pcr_cond: str | None = None
    """Conditions of the PCR."""
    seq_meth: str | None = None
    """Sequencing machine, such as ``Illumina MiSeq``."""
    lib_layout: str | None = None
    """``paired`` or ``single``."""
    chimera_check: str | None = None
    """Tool, version and parameters."""
    otu_class_appr: str | None = None
    """How reads became ASVs: ``dada2;1.14.0;ASV``."""
    otu_seq_comp_appr: str | None = None
    """What compared the sequences with the reference: tool, version, thresholds."""
    otu_db: str | None = None
    """Reference database and version."""
    sop: str | None = None
    """Address of the protocol."""
    project_name: str | None = None
    """Name of the project."""
    env_broad_scale: str | None = None
    """Biome, an ENVO term: ``marine biome [ENVO:00000447]``."""
    env_local_scale: str | None = None
    """Near surroundings, an ENVO term."""
    env_medium: str | None = None
    """What was sampled, an ENVO term: ``sea water [ENVO:00002149]``."""
    samp_collec_device: str | None = None
    """What the sample was taken with."""
    samp_mat_process: str | None = None
    """What was done with the sample, such as filtering."""
    size_frac: str | None = None
    """Pore size of the filter."""
    samp_vol_we_dna_ext: str | None = None
    """Volume that the DNA was extracted from."""
    nucl_acid_ext: str | None = None
    """Address of the extraction protocol."""
    nucl_acid_amp: str | None = None
    """Address of the amplification protocol."""


@dataclass(frozen=True)
class SharedTerms:
    """What all occurrences of a study share, by the terms of Darwin Core; None is not known and left out."""

    datasetName: str | None = None  # the terms' own spelling
    """Name of the data set."""
    institutionCode: str | None = None
    """Who holds the samples."""
    identificationReferences: str | None = None
    """Address of the classifier or pipeline."""
    identifiedBy: str | None = None
    """Who or what named the taxa."""
    recordedBy: str | None = None
    """Who took the samples, names separated by `` | ``."""
    samplingProtocol: str | None = None
    """Name or address of the protocol of sampling."""
    associatedSequences: str | None = None
    """Where the raw reads are, such as a BioProject."""


class Archive(NamedTuple):
    """The parts of an archive that were written."""

    occurrence: Path
    dna: Path
    meta: Path
    rows: int
    """Occurrences."""
    notes: tuple[str, ...]
    """What GBIF and OBIS require or recommend and the tables lack, in plain words."""


def write_darwin_core(
    folder: str | Path,
    occurrences: pl.DataFrame,
    *,
    dna: DnaTerms,
    shared: SharedTerms | None = None,
) -> Archive:
    """Write ``occurrence.tsv``, ``dna_derived_data.tsv`` and ``meta.xml``.

    Each row is an ASV in a sample. The writer adds ``basisOfRecord`` (MaterialSample), ``occurrenceStatus`` (present), the datum where
    there are coordinates, and the units of reads; a row without a scientific name becomes ``incertae sedis``. Columns without any value
    are left out.

    Parameters
    ----------
    folder
        Where the files go.
    occurrences
        A row an occurrence; columns named by :data:`OCCURRENCE_TERMS` or :data:`DNA_TERMS`, ``occurrenceID`` and ``scientificName``
        among them.
    dna, shared
        What all rows share; a column of the same name comes first.

    Raises
    ------
    UsageError
        A column is no term, ``occurrenceID`` or ``scientificName`` is missing, an id is empty or stands twice, or there is no row.
    OutputError
        A file cannot be written.
    """
    return write_darwin_core_parts(folder, (occurrences,), dna=dna, shared=shared)


class Parts(Protocol):
    """Frames that can be gone through several times, such as a list of them."""

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The frames in order."""

    def __len__(self) -> int:
        """How many there are."""


def write_darwin_core_parts(
    folder: str | Path,
    parts: Parts,
    *,
    dna: DnaTerms,
    shared: SharedTerms | None = None,
) -> Archive:
    """The same from a table in parts, of which one at a time is held.

    Parameters
    ----------
    folder, dna, shared
        As for :func:`write_darwin_core`.
    parts
        Frames of the same columns.

    Raises
    ------
    UsageError, OutputError
        As for :func:`write_darwin_core`.
    """
    folder = Path(folder)
    shared = shared or SharedTerms()
    core, extension, ids = _Filled(), _Filled(), []
    for part in parts:
        _check(part)
        core.add(_core(part, shared))
        extension.add(_extension(part, dna))
        ids.append(part["occurrenceID"].hash())
    if not core.rows:
        raise UsageError("there is no occurrence to write")
    marks = pl.concat(ids)
    if (twice := marks.is_duplicated()).any():
        mark = marks.filter(twice)[0]
        name = next(
            x["occurrenceID"].filter(x["occurrenceID"].hash() == mark)[0]
            for x in parts
            if mark in x["occurrenceID"].hash()
        )
        raise UsageError(f"the occurrenceID '{name}' stands twice")
    archive = Archive(
        folder / "occurrence.tsv",
        folder / "dna_derived_data.tsv",
        folder / "meta.xml",
        core.rows,
        (
            *_lacking(core, _REQUIRED, "required"),
            *_lacking(core, _RECOMMENDED, "recommended"),
            *_lacking(extension, _RECOMMENDED_DNA, "recommended"),
        ),
    )
    with TableWriter(archive.occurrence) as one, TableWriter(archive.dna) as other:
        for part in parts:
            one.write(_one_line(_core(part, shared), core.columns))
            other.write(_one_line(_extension(part, dna), extension.columns))
    with replacing(archive.meta, text=True) as handle:
        handle.write(_meta(core.columns, extension.columns))
    return archive


@dataclass
class _Filled:
    """Rows of a table met so far, and how many of them each column fills."""

    rows: int = 0
    filled: dict[str, int] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame) -> None:
        self.rows += frame.height
        for name in frame.columns:
            self.filled[name] = self.filled.get(name, 0) + frame.height - frame[name].null_count()

    @property
    def columns(self) -> list[str]:
        """Those that hold anything."""
        return [name for name, number in self.filled.items() if number]


def _check(frame: pl.DataFrame) -> None:
    known = [*OCCURRENCE_TERMS, *DNA_TERMS]
    strange = [name for name in frame.columns if name not in known]
    if strange:
        close = nearest(strange[0], known)
        raise UsageError(
            f"no published terms of Darwin Core or its DNA extension that are written here: {listed(strange)}",
            hint=f"did you mean '{close}'?" if close else None,
        )
    for name in ("occurrenceID", "scientificName"):
        if name not in frame.columns:
            raise UsageError(f"occurrences need the column {name}")
    ids = frame["occurrenceID"].cast(pl.String)
    if ids.null_count() or (ids == "").any():
        raise UsageError("an occurrence has no occurrenceID")


def _shared(frame: pl.DataFrame, facts: DnaTerms | SharedTerms) -> list[pl.Expr]:
    """The facts as columns, where the frame has none of that name."""
    values = {entry.name: getattr(facts, entry.name) for entry in fields(facts)}
    return [pl.lit(value).alias(name) for name, value in values.items() if value and name not in frame.columns]


def _constants(frame: pl.DataFrame, shared: SharedTerms) -> pl.DataFrame:
    """The columns that follow from the data being eDNA, and those that all rows share."""
    frame = frame.with_columns(_shared(frame, shared))
    unnamed = pl.col("scientificName").is_null() | (pl.col("scientificName") == "")
    added = {
        "basisOfRecord": pl.lit("MaterialSample"),
        "occurrenceStatus": pl.lit("present"),
        "scientificName": pl.when(unnamed).then(pl.lit(UNNAMED)).otherwise(pl.col("scientificName")),
    }
    identity = pl.col("scientificNameID") if "scientificNameID" in frame.columns else pl.lit(None, pl.String)
    added["scientificNameID"] = pl.when(unnamed).then(pl.lit(UNNAMED_ID)).otherwise(identity)
    units = (
        ("decimalLatitude", "geodeticDatum", DATUM),
        ("organismQuantity", "organismQuantityType", READS),
        ("sampleSizeValue", "sampleSizeUnit", READS),
    )
    for column, unit, text in units:
        if column in frame.columns and unit not in frame.columns:
            added[unit] = pl.when(pl.col(column).is_not_null()).then(pl.lit(text))
    return frame.with_columns(value.alias(name) for name, value in added.items())


def _core(part: pl.DataFrame, shared: SharedTerms) -> pl.DataFrame:
    """The columns of the occurrence table, in their order."""
    frame = _constants(part, shared)
    return frame.select(name for name in OCCURRENCE_TERMS if name in frame.columns)


def _extension(part: pl.DataFrame, dna: DnaTerms) -> pl.DataFrame:
    """The columns of the extension, in their order."""
    frame = part.with_columns(_shared(part, dna))
    return frame.select(name for name in ("occurrenceID", *DNA_TERMS) if name in frame.columns)


def _one_line(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Some columns; text stays on one line."""
    table = frame.select(names)
    text = [name for name in names if table.schema[name] == pl.String]
    return table.with_columns(pl.col(text).str.replace_all(r"[\t\r\n]+", " ")) if text else table


def _lacking(table: _Filled, terms: tuple[str, ...], what: str) -> tuple[str, ...]:
    absent = [name for name in terms if not table.filled.get(name)]
    notes = [f"{what} but not known: {', '.join(absent)}"] if absent else []
    empty = {name: table.rows - table.filled[name] for name in terms if table.filled.get(name)}
    notes += [f"{what} but empty in {x:,} of {table.rows:,} rows: {name}" for name, x in empty.items() if x]
    return tuple(notes)


def _meta(core: list[str], extension: list[str]) -> str:
    """The descriptor of the archive, as the Darwin Core text guide has it."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<archive xmlns="http://rs.tdwg.org/dwc/text/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://rs.tdwg.org/dwc/text/ http://rs.tdwg.org/dwc/text/tdwg_dwc_text.xsd">',
        *_table("core", CORE_ROW, "occurrence.tsv", "id", [f"{DWC}{name}" for name in core]),
        *_table(
            "extension",
            EXTENSION_ROW,
            "dna_derived_data.tsv",
            "coreid",
            [DNA_TERMS.get(name, f"{DWC}{name}") for name in extension],
        ),
        "</archive>",
    ]
    return "\n".join(lines) + "\n"


def _table(element: str, row_type: str, file: str, key: str, terms: list[str]) -> list[str]:
    """One table of the descriptor; its first column is the occurrenceID."""
    return [
        f'  <{element} encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="&quot;" '
        f'ignoreHeaderLines="1" rowType={quoteattr(row_type)}>',
        f"    <files><location>{file}</location></files>",
        f'    <{key} index="0"/>',
        *(f'    <field index="{i}" term={quoteattr(term)}/>' for i, term in enumerate(terms)),
        f"  </{element}>",
    ]
