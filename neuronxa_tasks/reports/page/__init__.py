"""`neuronxa report`: one page that shows results to people.

Data flows one way: `provenance` reads the files once more for what the tidy frame lacks,
`language_scores` and `correlation_data` compute, `content` gathers what the page says, `templates`
has the charts without data, and `page` puts all into one file that needs no network; `drawings`
makes the same charts files for papers.
"""
