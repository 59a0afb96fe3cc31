"""Which species is this marker sequence, given where it was sampled?"""
