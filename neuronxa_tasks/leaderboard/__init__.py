"""`neuronxa leaderboard`: models against each other, with ranks that say how sure they are."""

from __future__ import annotations

from neuronxa_tasks.leaderboard.table import Board, Entry, build_boards

__all__ = ["Board", "Entry", "build_boards"]
