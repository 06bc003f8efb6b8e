"""Going on where a run was stopped: the identity of a computation, and its cache."""
