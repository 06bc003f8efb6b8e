"""Which benchmark and language a task of the harness is, by its name."""
