"""`neuronxa report`: one page that shows results to people.

`content` gathers what the page says, `tables` the language table and `provenance` where the numbers
come from; `figures` are the charts, which the page draws itself and `--figures` writes as files;
`page` puts all into one file that needs no network.
"""
