"""Ranked boards: one per benchmark, metric and set of equal settings."""
