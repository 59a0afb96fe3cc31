"""The front page of the service: its models, and how to ask them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667085;--line:#e3e6ec;--back:#fff;--code:#f5f7fa}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#9aa3b5;--line:#2c3240;--back:#14171d;--code:#1d222b}}
body{font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;margin:3rem auto;padding:0 1.25rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1.5rem}
p{color:var(--soft)}pre{background:var(--code);padding:.9rem 1rem;overflow-x:auto;border-radius:6px;font-size:.85rem}
"""
_WORDS = {"classes": "one of", "labels": "any of", "value": "values"}


def front_page(models: Sequence[dict[str, Any]], *, address: str) -> str:
    """HTML of the page.

    Parameters
    ----------
    models
        As they describe themselves.
    address
        Of the service, as the reader called it.
    """
    parts = [_model(one, escape(address)) for one in models]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>strandloom'
        f"</title><style>{_STYLE}</style><h1>strandloom</h1><p>{len(models)} model{'s' if len(models) != 1 else ''} · "
        f'<a href="openapi.json">OpenAPI</a> · <a href="metrics">metrics</a> · <a href="readyz">state</a></p>{"".join(parts)}'
    )


def _model(one: dict[str, Any], address: str) -> str:
    name, outputs = escape(one["name"]), [escape(x) for x in one["outputs"]]
    listed = ", ".join(outputs[:12]) + (f" and {len(outputs) - 12} more" if len(outputs) > 12 else "")
    url = f"{address}/v1/models/{name}"
    row, more = '"ACGTACGTTGCA"', f"curl {url}/predict -H 'Content-Type: text/plain' --data-binary @reads.fa.gz"
    if one["kind"] == "network":
        how = f"{one['length']:,} bases, held at the {'middle' if one['anchor'] == 'centre' else one['anchor']}"
        words = f"{_WORDS[one['task']]} {listed}"
    elif one["kind"] == "taxonomy":
        how, words = "sequences of the marker, with or without primers", f"{len(outputs):,} species"
        if one["covariates"]:
            row = '{"sequence": "ACGTACGTTGCA…", "lat": 55.3, "lon": -132.5}'
    else:
        how, words = "reads", f"one of {listed}"
        more += f"\ncurl {url}/composition --data-binary @sample.fastq.gz"
    return (
        f"<h2>{name}</h2><p>{words} · {how} · {one['networks']} network{'s' if one['networks'] != 1 else ''} by {escape(one['engine'])} · "
        f'<a href="v1/models/{name}/card">card</a></p>'
        f"<pre>curl {url}/predict -H 'Content-Type: application/json' -d '[{escape(row)}]'\n{more}</pre>"
    )
