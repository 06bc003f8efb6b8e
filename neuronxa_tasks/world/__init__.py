"""The toy world: the items of its tasks in 15 languages, and one tiny model that knows it."""
