"""What two processes make of one model that each holds in part; run by `torchrun`.

    torchrun --standalone --nproc-per-node 2 tests/processes_together.py KIND FOLDER [NAME ...]

KIND `vectors`: for each checkpoint FOLDER/NAME the vectors of `TEXT` in every process, saved as
FOLDER/NAME.RANK.pt. KIND `families`: for each of them how far the vectors are from those of the
whole model, or why there are none, as FOLDER/families.RANK.json. KIND `refusals`: what is said in
each case of `CASES`, as FOLDER/told.RANK.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from models import byte_tokenizer
from peft import LoraConfig, get_peft_model
from torch import distributed
from transformers import AutoModelForCausalLM
from transformers.distributed import DistributedConfig

from neuronxa_tasks.alignment.controls import check_untrained
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.answers import KeyedAnswers
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.random_weights import random_weights

TEXT = ["A dog and a cat.", "Nobody came home.", "Why?", "Tea at 5.", "Why?"]
EXPERTS = ("afmoe", "deepseek_v3", "mixtral")
VARIANTS = ("hidden_sign", "up_sign", "top_decile")
TOKENIZER = byte_tokenizer(bos=True)


def load(path: Path, **how: Any) -> Any:
    how = how or {"tp_plan": "auto"}
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **how).eval()


def vectors(path: Path) -> dict[str, Any]:
    model = load(path)
    found: dict[str, Any] = {}
    for tap in ("gate", "inner"):
        variants = VARIANTS[: 1 if path.name in EXPERTS else 3]
        encode = Encoder(model, TOKENIZER, tap=tap, batch_size=2, variants=variants, counts=True)
        found[tap] = asdict(encode(TEXT))
    whole = Encoder(model, TOKENIZER, call=lambda ids: model(ids))  # the hooks are placed late
    return found | {
        "call": asdict(whole(TEXT)),
        "held": [[part.held for part in ffn.neurons] for ffn in whole.layout.ffns],
        "widths": whole.layout.widths,
        "processes": whole.layout.processes,
        "fingerprint": fingerprint(model),
        "random": random_weights(model),
    }


def apart(one: Any, other: Any) -> float:
    """The largest difference of some tensors, as a share of the largest number."""
    return max(
        (float((a - b).abs().max() / b.abs().max()) for a, b in zip(one, other, strict=True)),
        default=0.0,
    )


def compared(path: Path) -> float | str:
    try:
        halves, whole = (
            Encoder(model, TOKENIZER, tap="inner", counts=True)(TEXT)
            for model in (load(path), load(path, device_map="cpu"))
        )
    except (NeuronXAError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    kinds = ("nas", "nav", "hidden", "active")
    return max(apart(getattr(halves, kind), getattr(whole, kind)) for kind in kinds)


def lm_of(path: Path) -> NeuronXALM:
    return NeuronXALM(pretrained=str(path), tp_plan="auto", dtype="float32")


def adapted(folder: Path) -> None:
    model = load(folder / "llama")
    locate(get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"])))


def exhausted(folder: Path) -> None:
    model = load(folder / "llama")
    encode = Encoder(model, TOKENIZER, batch_size=4)

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    model.model.layers[1].register_forward_pre_hook(full)
    encode(TEXT)


def planned(family: str, **plan: str) -> Callable[[Path], object]:
    plans = {f"model.layers.*.{name.replace('__', '.')}": style for name, style in plan.items()}
    return lambda folder: locate(load(folder / family, tp_plan=plans))


def spread(family: str, **sizes: int) -> Callable[[Path], object]:
    return lambda folder: locate(
        load(folder / family, distributed_config=DistributedConfig(**sizes))
    )


CASES: dict[str, Callable[[Path], object]] = {
    "uneven": lambda folder: locate(load(folder / "uneven")),
    "sequence": planned("llama", input_layernorm="sequence_parallel"),
    "style": planned("llama", mlp__down_proj="colwise_gather_output"),
    "experts": planned("mixtral", mlp__experts__gate_up_proj="colwise"),
    "joint": lambda folder: locate(load(folder / "gemma3n_text")),
    "ep_size": spread("mixtral", tp_size=2, ep_size=2),
    "pp_size": spread("llama", pp_size=2),
    "fsdp_size": spread("llama", fsdp_size=2),
    "adapter": adapted,
    "top_decile": lambda folder: Encoder(
        load(folder / "mixtral"), TOKENIZER, variants=["top_decile"]
    ),
    "untrained": lambda folder: check_untrained(lm_of(folder / "llama")),
    "use_cache": lambda folder: KeyedAnswers(lm_of(folder / "llama"), str(folder / "a_rank0.db")),
    "memory": exhausted,
}


def told(case: Callable[[Path], object], folder: Path) -> str:
    try:
        case(folder)
    except NeuronXAError as error:
        return str(error)
    return ""


def main(kind: str, folder: Path, names: list[str]) -> None:
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    if kind == "vectors":
        for name in names:
            torch.save(vectors(folder / name), folder / f"{name}.{rank}.pt")
    elif kind == "families":
        distances = {name: compared(folder / name) for name in names}
        (folder / f"families.{rank}.json").write_text(json.dumps(distances), encoding="utf-8")
    else:
        texts = {name: told(case, folder) for name, case in CASES.items()}
        (folder / f"told.{rank}.json").write_text(json.dumps(texts), encoding="utf-8")
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
