"""The tasks that the harness loads, and their options."""
