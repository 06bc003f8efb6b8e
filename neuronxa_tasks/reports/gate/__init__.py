"""`neuronxa gate`: may this checkpoint replace that one? See `command`."""
