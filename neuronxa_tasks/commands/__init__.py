"""The verbs of the command `neuronxa`, one file each."""
