"""Rows or labels in, numbers out."""
