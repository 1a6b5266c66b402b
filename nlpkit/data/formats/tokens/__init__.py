"""Formats of rows of tokens: one file a format."""
