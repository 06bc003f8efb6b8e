"""The task configs and their READMEs, made from the language table."""
