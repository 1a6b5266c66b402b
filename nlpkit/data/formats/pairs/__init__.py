"""Formats of pairs of texts: a source and its target."""
