"""Variants of a request: placed on the genome of the service and scored, each with its own result or error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strandloom.errors import StrandloomError
from strandloom.io.genome import Genome
from strandloom.io.vcf import Record, VariantBlock
from strandloom.predict import Predictor
from strandloom.serve.problems import Problem, problem_of, row_line
from strandloom.serve.settings import LimitSettings
from strandloom.workflows.variants.effects import score_variants
from strandloom.workflows.variants.windows import place
from strandloom.workflows.variants.write import effect_frame

_FORM = '{"variants": [{"chrom": "chr1", "pos": 1000, "ref": "A", "alt": "G"}]}'
_LONGEST = 10_000


def variant_lines(predictor: Predictor, body: Any, *, genome: Genome | None, limits: LimitSettings) -> list[str | None]:
    """A line of JSON for each variant, in order.

    Parameters
    ----------
    predictor
        The model.
    genome
        What positions count on; None: the service has none.
    body
        ``{"variants": [{"chrom", "pos", "ref", "alt", "id"}], "outputs": […]}``; one alternative allele each, positions count from 1.

    Raises
    ------
    Problem
        The service has no genome, or the request has another form.
    """
    if genome is None:
        raise Problem(409, "no_genome", "the service has no genome", hint="start it with --genome FASTA")
    if not isinstance(body, dict) or not isinstance(body.get("variants"), list):
        raise Problem(422, "wrong_request", "the body holds no list of variants", hint=f"send {_FORM}")
    if other := sorted(set(body) - {"variants", "outputs"}):
        raise Problem(422, "wrong_request", f"unknown key '{other[0][:80]}'", hint=f"send {_FORM}")
    items = body["variants"]
    if not items:
        raise Problem(422, "no_rows", "there is no variant to score")
    if len(items) > limits.variants:
        raise Problem(
            413,
            "too_many_rows",
            f"{len(items):,} variants; at most {limits.variants:,}",
            hint="send fewer at once, or use `strandloom variants`",
        )
    columns = _columns(body.get("outputs"), predictor.manifest.labels)
    lines: list[str | None] = [None] * len(items)
    block = VariantBlock()
    for i, item in enumerate(items):
        record, fault = _record(item, i)
        if record is None:
            lines[i] = row_line(_id(item, i), "wrong_row", fault)
        else:
            block.add(record)
    try:
        placed = place(block, genome, length=predictor.manifest.length)
        for left in placed.left_out:
            lines[left.line] = row_line(left.id, "not_scored", left.reason)
        if len(placed.rows):
            effects = score_variants(predictor, block, placed, genome)
            frame = effect_frame(
                block,
                placed,
                effects,
                predictor.manifest.labels,
                columns,
                values=predictor.manifest.task == "value",
            )
            for row, line in zip(placed.rows.tolist(), frame.write_ndjson().splitlines(), strict=True):
                lines[block.line[row]] = line
    except StrandloomError as error:
        raise problem_of(error) from None
    return lines


def _record(item: Any, number: int) -> tuple[Record | None, str]:
    if not isinstance(item, dict):
        return None, f"a variant is an object; {_FORM}"
    pos = item.get("pos")
    if isinstance(pos, bool) or not isinstance(pos, int):
        return None, "pos is no whole number"
    texts = [item.get(name) for name in ("chrom", "ref", "alt")]
    if not all(isinstance(text, str) and 0 < len(text) <= _LONGEST for text in texts):
        return None, "chrom, ref and alt are short texts"
    if "," in item["alt"]:
        return None, "one alternative allele a variant"
    if other := sorted(set(item) - {"chrom", "pos", "ref", "alt", "id"}):
        return None, f"unknown key '{other[0][:80]}'"
    clean = [str(text).encode("utf-8", "replace").decode() for text in texts]
    return Record(number, clean[0], pos, _id(item, number), clean[1], clean[2]), ""


def _id(item: Any, number: int) -> str:
    given = item.get("id") if isinstance(item, dict) else None
    if isinstance(given, (str, int)) and not isinstance(given, bool) and len(str(given)) <= 1_000:
        return str(given).encode("utf-8", "replace").decode()
    return str(number + 1)


def _columns(asked: Any, labels: Sequence[str]) -> list[int]:
    if asked is None:
        return list(range(len(labels)))
    if not isinstance(asked, list) or not asked or not all(isinstance(name, str) for name in asked):
        raise Problem(422, "wrong_request", "outputs is a list of names", hint=f"send {_FORM}")
    for name in asked:
        if name not in labels:
            hint = "outputs: " + ", ".join(labels[:30])
            raise Problem(404, "no_such_output", "the model has no such output", hint=hint)
    return [labels.index(name) for name in dict.fromkeys(asked)]
