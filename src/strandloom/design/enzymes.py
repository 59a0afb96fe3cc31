"""Recognition sites of restriction enzymes that cloning steps often use, by name (facts as in REBASE)."""

from __future__ import annotations

SITES = {
    "AarI": "CACCTGC", "AgeI": "ACCGGT", "ApaI": "GGGCCC", "AscI": "GGCGCGCC", "AvrII": "CCTAGG", "BamHI": "GGATCC", "BbsI": "GAAGAC",
    "BglII": "AGATCT", "BsaI": "GGTCTC", "BsmBI": "CGTCTC", "BspQI": "GCTCTTC", "ClaI": "ATCGAT", "EcoRI": "GAATTC", "EcoRV": "GATATC",
    "Esp3I": "CGTCTC", "HindIII": "AAGCTT", "KpnI": "GGTACC", "MluI": "ACGCGT", "NcoI": "CCATGG", "NdeI": "CATATG", "NheI": "GCTAGC",
    "NotI": "GCGGCCGC", "PacI": "TTAATTAA", "PmeI": "GTTTAAAC", "PstI": "CTGCAG", "SacI": "GAGCTC", "SalI": "GTCGAC", "SapI": "GCTCTTC",
    "SbfI": "CCTGCAGG", "SfiI": "GGCCNNNNNGGCC", "SmaI": "CCCGGG", "SpeI": "ACTAGT", "SphI": "GCATGC", "SwaI": "ATTTAAAT", "XbaI": "TCTAGA",
    "XhoI": "CTCGAG", "XmaI": "CCCGGG",
}  # fmt: skip
