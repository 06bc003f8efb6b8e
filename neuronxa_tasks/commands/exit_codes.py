"""What a command's end means: errors that a user can cause as a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from neuronxa_tasks.errors import NeuronXAError


def exit_code(action: Callable[[], int]) -> int:
    """Do what a command does.

    Args:
        action: Returns the exit code where nothing is wrong.

    Returns:
        The exit code; what was wrong is told on the error stream.
    """
    try:
        code = action()
        sys.stdout.flush()
        return code
    except NeuronXAError as error:
        print(f"neuronxa: error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        from neuronxa_tasks.harness.launch.output import disk_fault

        return disk_fault(error)
    except KeyboardInterrupt:
        print("neuronxa: interrupted", file=sys.stderr)
        return 130
