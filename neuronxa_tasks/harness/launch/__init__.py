"""Around a run of the harness: arguments, output, and faults told in a sentence."""
