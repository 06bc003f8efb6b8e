"""`python -m neuronxa_tasks` is the command `neuronxa`."""

from __future__ import annotations

import sys

from neuronxa_tasks.cli import main

sys.exit(main())
