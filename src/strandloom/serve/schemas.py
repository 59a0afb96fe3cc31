"""What stands in the OpenAPI description: bodies, answers and examples."""

from __future__ import annotations

from typing import Any

from strandloom.explain.attribution import METHODS
from strandloom.serve.settings import LimitSettings

SEQUENCE = {
    "description": "A sequence as text, or with an id and what the model reads beside it (`covariates`, such as lat and lon). A row that "
    "cannot be read has its own error in the answer.",
    "examples": ["ACGTACGTTGCA", {"id": "read-7", "sequence": "ACGTTGCA"}],
}
PROBLEM = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "hint": {"type": "string"}},
        }
    },
}
_PROBLEMS = {
    400: "The body is no JSON",
    401: "No token, or one that is not known",
    403: "Asked from elsewhere",
    404: "No such model or output",
    409: "The service has no genome, a bundle is broken, or a model of this kind is not asked so",
    413: "Too many rows, or too long",
    415: "A kind of file that is not taken",
    422: "The request cannot be understood",
    429: "Too many requests; see Retry-After",
    503: "Too many rows wait; see Retry-After",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals of a route, for its description."""
    return {
        status: {"description": _PROBLEMS[status], "content": {"application/json": {"schema": PROBLEM}}}
        for status in (401, 403, 429, *statuses)
    }


def predict_body(limits: LimitSettings) -> dict[str, Any]:
    """The body of ``predict``: JSON, or a file."""
    many = {
        "type": "array",
        "description": f"At most {limits.rows:,}; more are refused with 413.",
        "minItems": 1,
        "items": SEQUENCE,
    }
    wrapped = {
        "type": "object",
        "required": ["sequences"],
        "additionalProperties": False,
        "properties": {"sequences": many},
    }
    text = {"schema": {"type": "string", "minLength": 1}, "example": ">read-1\nACGTACGTTGCA\n"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [many, wrapped]},
                    "example": ["ACGTACGTTGCA", {"id": "read-7", "sequence": "ACGTTGCA"}],
                },
                "text/plain": text,
                "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}},
            },
        }
    }


FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}
EXPLAIN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sequence"],
                    "additionalProperties": False,
                    "properties": {
                        "sequence": {"type": "string", "pattern": "[ACGTacgt]"},
                        "id": {"type": "string"},
                        "output": {"type": ["string", "null"], "description": "Which output; the answered one."},
                        "method": {"type": ["string", "null"], "enum": [*METHODS, None]},
                    },
                },
                "example": {"sequence": "ACGTACGTTGCATATAAATGC", "method": "deeplift"},
            }
        },
    }
}


def variants_body(limits: LimitSettings) -> dict[str, Any]:
    """The body of ``variants``."""
    variant = {
        "description": "One alternative allele; positions count from 1. One that cannot be scored has its own error.",
        "examples": [{"chrom": "chr1", "pos": 1000, "ref": "A", "alt": "G", "id": "rs1"}],
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["variants"],
                        "additionalProperties": False,
                        "properties": {
                            "variants": {
                                "type": "array",
                                "description": f"At most {limits.variants:,}; more are refused with 413.",
                                "minItems": 1,
                                "items": variant,
                            },
                            "outputs": {"type": ["array", "null"], "minItems": 1, "items": {"type": "string"}},
                        },
                    },
                    "example": {"variants": [{"chrom": "chr1", "pos": 1000, "ref": "A", "alt": "G"}]},
                }
            },
        }
    }
