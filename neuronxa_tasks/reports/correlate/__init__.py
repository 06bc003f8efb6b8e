"""The command `neuronxa correlate`: alignment against accuracy, with what makes it believable.

results -> `study` (which values stand against each other, as `cells`) -> `analysis` (every estimate
with n, interval and p; one module per table) -> `report`, `figures`, `output` (what is written).
Nothing is imported here, so that the command line can ask for the options without loading the
statistics.
"""
