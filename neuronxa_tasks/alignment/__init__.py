"""What is computed from the vectors of two languages: arrays in, numbers out."""
