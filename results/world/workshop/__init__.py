"""The workshop of the toy world: its grammar, its tasks' items, and tiny models trained on it.

Run its scripts from `results/world/`, with the package installed: `python -m workshop.generate`,
`python -m workshop.train`.
"""
