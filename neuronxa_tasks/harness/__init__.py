"""All that touches lm-evaluation-harness: the model, the tasks, and a run."""
