"""The verb `neuronxa correlate`: alignment against accuracy, with what makes it believable.

results -> `reports.study` (which values stand against each other) -> `analysis` and `alone` (every
estimate with n, interval and p; one module per question) -> `pages` with the sections, and
`figures` (what is written). Nothing is imported here, so that the command line can ask for the
options without loading the statistics.
"""
