"""Rows: read, written, fetched, checked."""
