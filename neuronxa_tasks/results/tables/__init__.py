"""Tables of others, CSV and TSV: cells, numbers as people write them, covariates."""
