"""The toy world: a small grammar in 15 languages, its tasks, and tiny models trained on it."""
