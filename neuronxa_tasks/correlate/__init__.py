"""The command `neuronxa correlate`: alignment against accuracy, with what makes it believable.

results -> `cells` (which values stand against each other) -> `analysis` (every estimate with n,
interval and p) -> `report`, `figures`, `output` (what is written). Nothing is imported here, so
that the command line can ask for the options without loading the statistics.
"""
