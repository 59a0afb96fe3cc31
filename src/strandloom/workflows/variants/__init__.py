"""Variant effects: what a model answers with the reference and with the alternative allele, record by record of a VCF."""
