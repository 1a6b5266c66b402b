"""Recipes and data cards: strict YAML read into checked models."""
