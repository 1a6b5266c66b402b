"""Formats of texts with one label each: one file a format."""
