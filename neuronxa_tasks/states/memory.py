"""Memory that runs out: how errors say it, and vectors that go where there is room."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from neuronxa_tasks.errors import NeuronXAError, one_line
from neuronxa_tasks.states.taps import Pooled

logger = logging.getLogger(__name__)

_SAID = (
    "out of memory",  # CUDA, HIP, XPU, MPS; some sentences have no full stop behind it
    "OUT_OF_MEMORY",
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSOLVER, hipBLAS: no room for their workspace
    "DefaultCPUAllocator",  # "can't allocate memory", on Windows "not enough memory"
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whichever device.

    What accelerate knows counts, and what it lacks: libraries of CUDA that find no room for their
    workspace, sentences that it spells otherwise, and Python's own error.
    """
    from accelerate.utils.memory import should_reduce_batch_size

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    return should_reduce_batch_size(error) or any(words in str(error) for words in _SAID)


def free_cached() -> None:
    """Give memory back that torch holds for later, on whichever accelerator."""
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache()


class Room:
    """The vectors of n sentences, filled batch by batch.

    They are on the device of their layer while there is room beside the model, else in main memory.

    Args:
        n: Sentences.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._on_cpu = False
        self.filled: Pooled = {}

    def put(self, pooled: Pooled, places: Sequence[Sequence[int]]) -> None:
        """Copy the vectors of a batch to the sentences that have its tokens.

        Args:
            pooled: Per name and layer [B, F].
            places: Per row of the batch the sentences, at least one.

        Raises:
            NeuronXAError: The vectors do not fit into main memory either.
        """
        if not self.filled:
            self._make(pooled)
        rows = torch.tensor([row for row, of in enumerate(places) for _ in of])
        into = torch.tensor([i for of in places for i in of])
        on = {into.device: (rows, into)}
        for name, layers in pooled.items():
            for vectors, whole in zip(layers, self.filled[name], strict=True):
                for device in (vectors.device, whole.device):  # of one model maybe several
                    if device not in on:
                        on[device] = rows.to(device), into.to(device)
                taken = vectors if len(rows) == len(places) else vectors[on[vectors.device][0]]
                whole.index_copy_(0, on[whole.device][1], taken.to(whole.device))

    def to_cpu(self) -> bool:
        """Move the vectors to main memory; whether any were elsewhere.

        Raises:
            NeuronXAError: They do not fit there.
        """
        moved = any(each.device.type != "cpu" for layers in self.filled.values() for each in layers)
        if moved:
            self._keep_on_cpu()
            with self._told():
                for layers in self.filled.values():
                    layers[:] = [each.cpu() for each in layers]
        return moved

    def _make(self, pooled: Pooled) -> None:
        try:
            self.filled = self._empty(pooled)
            return
        except Exception as error:
            if not out_of_memory(error):
                raise
        # Not in the except clause, which would keep what was made of the vectors.
        free_cached()
        self._keep_on_cpu()
        with self._told():
            self.filled = self._empty(pooled)

    def _empty(self, pooled: Pooled) -> Pooled:
        device = torch.device("cpu") if self._on_cpu else None
        return {
            name: [each.new_empty(self._n, each.shape[1], device=device) for each in layers]
            for name, layers in pooled.items()
        }

    def _keep_on_cpu(self) -> None:
        self._on_cpu = True
        logger.warning(
            "The vectors of %d sentences do not fit beside the model, so they are kept in main "
            "memory.",
            self._n,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise NeuronXAError(
                f"The vectors of {self._n} sentences do not fit into main memory either "
                f"({one_line(error).rstrip('.')}). Use fewer sentence pairs (n), or a machine with "
                "more memory; `neuronxa doctor` says how much they take."
            ) from error


def side_by_side(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Bring two tensors to one device: that of the one which is not in main memory, if any."""
    if one.device == other.device:
        return one, other
    device = other.device if one.device.type == "cpu" else one.device
    return one.to(device), other.to(device)
