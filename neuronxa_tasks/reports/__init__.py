"""What is made of results for people: tables, pages, verdicts."""
