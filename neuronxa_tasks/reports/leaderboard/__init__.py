"""`neuronxa leaderboard`: models against each other, with the ranks that the data allow.

`boards.board.build_boards` makes boards of results. Nothing is imported here, so that the command
line stays light.
"""
