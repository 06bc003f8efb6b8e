"""`python -m neuronxa_tasks.harness.configs`."""

import sys

from neuronxa_tasks.harness.configs.generate import main

sys.exit(main())
