"""`neuronxa sweep`: a series of checkpoints through one harness run, and its trends."""

from __future__ import annotations
