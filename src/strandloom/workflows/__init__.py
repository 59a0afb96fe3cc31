"""Whole jobs made of the floors below."""
