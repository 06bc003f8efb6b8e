"""Text: languages and codes, corpora, fetching, and what the package ships."""
