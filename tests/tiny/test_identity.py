"""Results are kept under a name that changes with everything they depend on."""

from __future__ import annotations

import ast
import importlib.util
import math
import re
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.models.hf_steered import SteeredModel
from lm_eval.models.huggingface import HFLM
from models import KINDS, byte_tokenizer, tiny_model

import neuronxa_tasks
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.scoring import encoder
from neuronxa_tasks.resume import identity
from neuronxa_tasks.resume.code import hash_of, score_modules
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.resume.identity import (
    Unnameable,
    model_parts,
    run_identity,
    run_parts,
    task_identity,
)
from neuronxa_tasks.text.sentence_pairs import Texts

pytestmark = pytest.mark.tiny

SETTINGS = {"tap": "gate", "weights": "position", "pairs": "", "variants": []}
PACKAGE = Path(neuronxa_tasks.__file__).parent


def loaded(kind: type[HFLM] = NeuronXALM, **arguments: Any) -> Any:
    given = {"pretrained": tiny_model("llama"), "tokenizer": byte_tokenizer(bos=True)}
    return kind(**{**given, "batch_size": 8, **arguments})


def name(lm: Any) -> str | Unnameable:
    return run_identity(lm, fingerprint(lm.model), encoder(lm, lm.model))


def parts(lm: Any) -> dict[str, Any]:
    """What the name is made of; the weights' checksum is left to its own tests."""
    return {**model_parts(lm, "weights"), **run_parts(lm, encoder(lm, lm.model))}


@pytest.fixture(scope="module")
def plain() -> str:
    found = name(loaded())
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def plain_parts() -> dict[str, Any]:
    return parts(loaded())


def test_equal_models_have_one_name(plain: str, tmp_path: Path) -> None:
    assert name(loaded()) == plain
    assert name(loaded(HFLM)) == plain
    lm = loaded()
    lm.model.config._name_or_path = str(tmp_path)  # where it came from
    lm.tokenizer(["a", "bcd"], padding=True, truncation=True, max_length=2)
    assert name(lm) == plain


def test_a_hash_of_the_process_is_no_change(plain_parts: dict[str, Any]) -> None:
    """The configs of checkpoints from disk hold one, salted as Python salts hashes of text."""
    lm = loaded()
    for salted in (1, 2):
        lm.model.generation_config._original_object_hash = salted
        assert parts(lm) == plain_parts


def test_where_a_model_came_from_and_that_it_was_used_is_no_change(tmp_path: Path) -> None:
    names = set()
    for place in ("one", "other"):
        tiny_model("llama").save_pretrained(tmp_path / place)
        byte_tokenizer(bos=True).save_pretrained(tmp_path / place)
        lm = NeuronXALM(pretrained=str(tmp_path / place), device="cpu", batch_size=8)
        names.add(name(lm))
        encoder(lm, lm.model)(["A sentence.", "Another one."])
        names.add(name(lm))
    assert len(names) == 1
    assert isinstance(names.pop(), str)


@pytest.mark.parametrize("model_type", KINDS)
def test_every_kind_of_family_has_a_name(model_type: str) -> None:
    one, other = (name(loaded(pretrained=tiny_model(model_type))) for _ in range(2))
    assert isinstance(one, str)
    assert one == other


# --- each part of the name, by a change of it alone ---------------------------------------------


def dtype(lm: Any) -> None:
    for parameter in lm.model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)


def device(lm: Any) -> None:
    lm._device = torch.device("mps")


def config(lm: Any) -> None:
    lm.model.config.rms_norm_eps *= 2


def attention_name(lm: Any) -> None:
    lm.model.config._attn_implementation_internal = "eager"


def mixed(lm: Any) -> None:
    lm.mixed_precision_dtype = torch.bfloat16


def batch(lm: Any) -> None:
    lm.batch_size_per_gpu = 9


def context(lm: Any) -> None:
    lm._max_length = 77


def bos(lm: Any) -> None:
    lm.add_bos_token = False


def tokenizer(lm: Any) -> None:
    lm.tokenizer = byte_tokenizer(bos=False)


def further_token(lm: Any) -> None:
    lm.tokenizer.add_tokens(["und"])


def no_unknown(lm: Any) -> None:
    lm.tokenizer.unk_token = "!"


def training(lm: Any) -> None:
    lm.model.model.layers[1].self_attn.training = True


def activation(layer: int, lm: Any) -> None:
    lm.model.model.layers[layer].mlp.act_fn = torch.nn.ReLU()


def scaling(lm: Any) -> None:
    lm.model.model.layers[2].self_attn.scaling *= 2


def norm(lm: Any) -> None:
    lm.model.model.layers[1].input_layernorm.variance_epsilon = 10.0


def groups(lm: Any) -> None:
    lm.model.model.layers[1].self_attn.num_key_value_groups = 1


def further(lm: Any, value: Any) -> None:
    """An attribute of its own, whatever it holds."""
    lm.model.model.layers[0].own = value


def frequencies(lm: Any) -> None:
    lm.model.model.rotary_emb.inv_freq *= 0.1


def lost_buffer(lm: Any) -> None:
    lm.model.model.register_buffer("own", torch.zeros(2), persistent=False)


def subclass(lm: Any) -> None:
    lm.__class__ = Narrow


class Narrow(NeuronXALM):
    """A class of somebody's that leaves the forward pass as it is."""

    @property
    def max_gen_toks(self) -> int:
        return 7


CHANGES: tuple[tuple[str, Callable[[Any], None]], ...] = (
    ("dtype", dtype), ("device", device), ("configs", config), ("mixed encoder", mixed),
    ("encoder", batch), ("encoder", context), ("tokenizer", tokenizer),
    ("tokenizer", further_token), ("tokenizer", no_unknown), ("modules", training),
    ("modules functions", partial(activation, 0)), ("modules functions", partial(activation, 3)),
    ("modules", scaling), ("modules", norm), ("modules", groups), ("buffers", frequencies),
    ("buffers", lost_buffer), ("class", subclass),
    *(
        ("modules", partial(further, value=value))
        for value in (
            0, 0.0, False, None, "0", (0,), [0], {"0": 0}, {0}, math.nan, torch.float16,
            torch.zeros(1), torch.ones(1), torch.zeros(1, dtype=torch.int32), len, math.sqrt,
            partial(math.pow, 2), partial(math.pow, 3), torch.nn.functional.silu,
            torch.nn.ReLU, re.compile("a"), re.compile("b"), Path("a"), range(2),
        )
    ),
)  # fmt: skip


def change_id(change: tuple[str, Any]) -> str:
    part, function = change
    if isinstance(function, partial):
        words = f"{part}-{function.func.__name__}-{function.args or function.keywords}"
        return re.sub(r" at 0x\w+", "", words)  # an address; all workers must find the same names
    return f"{part}-{function.__name__}"


@pytest.mark.parametrize("change", CHANGES, ids=change_id)
def test_a_change_is_seen_in_its_part_alone(
    plain: str, plain_parts: dict[str, Any], change: tuple[str, Callable[[Any], None]]
) -> None:
    part, function = change
    lm = loaded()
    function(lm)
    found = parts(lm)
    assert {each for each in found if found[each] != plain_parts[each]} == set(part.split())
    assert name(lm) != plain


def test_changes_differ_from_each_other() -> None:
    """ReLU in layer 0 is not ReLU in layer 3, nor is one attribute another."""
    names = []
    for _, function in CHANGES:
        lm = loaded()
        function(lm)
        names.append(name(lm))
    assert len(set(map(str, names))) == len(names)


def test_a_bos_token_and_an_attention_are_seen(plain_parts: dict[str, Any]) -> None:
    for expected, function in (
        ({"add_bos_token", "encoder"}, bos),
        ({"configs", "functions"}, attention_name),
    ):
        lm = loaded()
        function(lm)
        found = parts(lm)
        assert {each for each in found if found[each] != plain_parts[each]} == expected


SWITCHES: tuple[tuple[Callable[[Any], Any], Any, Any], ...] = (
    (torch.set_float32_matmul_precision, "high", "highest"),
    (torch.set_default_dtype, torch.float64, torch.float32),
    (torch.use_deterministic_algorithms, True, False),
    (partial(setattr, torch.backends.cudnn, "allow_tf32"), False, True),
    (torch.backends.cuda.enable_flash_sdp, False, True),
    (torch.backends.cuda.enable_math_sdp, False, True),
    (
        partial(setattr, torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction"),
        False, True,
    ),
)  # fmt: skip


@pytest.mark.parametrize(("switch", "other", "usual"), SWITCHES)
def test_a_switch_of_torch_is_seen(
    plain_parts: dict[str, Any], switch: Callable[[Any], Any], other: Any, usual: Any
) -> None:
    lm = loaded()
    switch(other)
    try:
        found = parts(lm)
    finally:
        switch(usual)
    assert {each for each in found if found[each] != plain_parts[each]} == {"torch"}
    assert parts(lm) == plain_parts


def test_autocast_around_a_run_is_seen(plain_parts: dict[str, Any]) -> None:
    lm = loaded()
    with torch.autocast("cpu", torch.bfloat16):
        assert parts(lm)["torch"] != plain_parts["torch"]


def test_a_version_is_seen(
    plain: str, plain_parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the package that the model's classes come from, and of what is always looked at.
    for place, attribute, value in (
        (sys.modules["transformers"], "__version__", "99"),
        (identity, "version", lambda name: "99" if name == "scipy" else version(name)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, attribute, value)
            lm = loaded()
            found = parts(lm)
            assert {each for each in found if found[each] != plain_parts[each]} == {"libraries"}
            assert name(lm) != plain


def test_the_weights_are_seen(plain: str) -> None:
    lm = loaded()
    with torch.no_grad():
        lm.model.model.layers[3].mlp.up_proj.weight[7, 5] += 1e-6
    assert name(lm) != plain


def test_every_part_has_a_test() -> None:
    of_their_own = {"weights", "code", "libraries", "torch", "functions", "add_bos_token"}
    assert set(" ".join(part for part, _ in CHANGES).split()) | of_their_own == set(parts(loaded()))


def test_a_function_that_somebody_put_in_is_seen(
    plain_parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama import modeling_llama

    lm = loaded()
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", modeling_llama.rotate_half)
    found = parts(lm)
    assert {each for each in found if found[each] != plain_parts[each]} == {"functions"}
    # ... and one whose code is nowhere.
    monkeypatch.setattr(modeling_llama, "rotate_half", typed_in_function())
    assert "modeling_llama.rotate_half" in str(name(lm))


def test_a_class_that_somebody_changed_is_seen(
    plain_parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaMLP

    lm = loaded()
    monkeypatch.setattr(LlamaMLP, "forward", torch.nn.Identity.forward)
    found = parts(lm)
    assert {each for each in found if found[each] != plain_parts[each]} == {"modules"}


# --- the code ---------------------------------------------------------------------------------


def test_code_is_part_of_the_name(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuronxa_tasks.resume.identity.code_hash", lambda: "of tomorrow")
    lm = loaded()
    assert parts(lm)["code"] == "of tomorrow"
    assert name(lm) != plain


def test_every_module_on_the_path_of_a_score_is_in_the_hash(tmp_path: Path) -> None:
    """A changed byte in any of them is another hash; one in a report, or in a table, is not."""
    copy = tmp_path / "package"
    shutil.copytree(
        PACKAGE, copy, ignore=shutil.ignore_patterns("checkpoints", "__pycache__", "data")
    )
    before = hash_of(copy)
    seen = set()
    for path in sorted(copy.rglob("*")):
        if not path.is_file():
            continue
        room = path.relative_to(copy).parts[0]
        raw = path.read_bytes()
        path.write_bytes(raw + b"\n# changed\n")
        after = hash_of(copy)
        path.write_bytes(raw)
        seen.add((room if "." not in room else "ground", path.suffix, after != before))
    assert hash_of(copy) == before
    decide = {"ground", "text", "statistics", "states", "alignment", "resume", "harness"}
    assert {room for room, suffix, changed in seen if suffix == ".py" and changed} == decide
    assert {room for room, suffix, changed in seen if suffix == ".py" and not changed} == {
        "results", "reports", "commands", "world",
    }  # fmt: skip
    assert not any(changed for _, suffix, changed in seen if suffix != ".py")


def test_a_moved_or_swapped_module_is_another_hash(tmp_path: Path) -> None:
    rooms = ("text", "statistics", "states", "alignment", "resume", "harness")
    for number, room in enumerate(rooms):
        (tmp_path / room).mkdir()
        (tmp_path / room / "one.py").write_text(f"a = {number}")
    before = hash_of(tmp_path)
    one, other = tmp_path / "text" / "one.py", tmp_path / "states" / "one.py"
    one.write_text("a = 2")
    other.write_text("a = 0")
    assert hash_of(tmp_path) != before
    shutil.rmtree(tmp_path / "states")
    with pytest.raises(RuntimeError, match="states holds no module, but decides scores"):
        hash_of(tmp_path)


def test_the_path_of_a_score_is_what_a_run_imports() -> None:
    """Whatever the tasks and the model import, at any place in their code, is in the hash."""
    hashed = {path.resolve() for path in score_modules(PACKAGE)}
    waiting = [PACKAGE / "harness" / "model.py", *(PACKAGE / "harness" / "tasks").glob("*.py")]
    reached: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            for each in names:
                if each.startswith("neuronxa_tasks"):
                    place = PACKAGE.joinpath(*each.split(".")[1:])
                    found = (place.with_suffix(".py"), place / "__init__.py")
                    waiting += [one for one in found if one.is_file()]
    assert len(reached) > 40
    assert {path.relative_to(PACKAGE).as_posix() for path in reached - hashed} == set()


# --- what has no name -------------------------------------------------------------------------


def test_adapters(plain: str) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    names = {plain}
    for config in (
        {"r": 4, "lora_alpha": 8},
        {"r": 4, "lora_alpha": 16},  # the same weights: B starts as zeros
        {"r": 4, "lora_alpha": 8, "use_rslora": True},
    ):
        torch.manual_seed(0)
        adapted = peft.get_peft_model(
            tiny_model("llama"), peft.LoraConfig(target_modules=["q_proj"], **config)
        ).eval()
        found = name(loaded(pretrained=adapted))
        assert isinstance(found, str)
        names.add(found)
        with adapted.disable_adapter():
            off = name(loaded(pretrained=adapted))
            assert isinstance(off, str)
            names.add(off)
    assert len(names) == 7


class Own(torch.nn.Module):
    """A module whose code cannot be looked up."""

    __module__ = "__main__"

    def forward(self, x: Any) -> Any:
        return x


class Typed(NeuronXALM):
    """A class of the harness, typed into a notebook."""

    __module__ = "__main__"


def typed_in_function() -> Any:
    spec = importlib.util.spec_from_loader("notebook", None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules["notebook"] = module
    exec("def f(x):\n    return x", vars(module))
    return module.f  # type: ignore[attr-defined]


def hook(lm: Any) -> None:
    lm.model.model.layers[1].register_forward_hook(lambda module, inputs, output: output)


def patched(lm: Any) -> None:
    mlp = lm.model.model.layers[1].mlp
    mlp.forward = lambda x: x


def typed_in(lm: Any) -> None:
    lm.model.model.layers[1].mlp.act_fn = Own()


def typed_in_attribute(lm: Any) -> None:
    lm.model.model.layers[1].own = partial(typed_in_function(), 1)


def generator(lm: Any) -> None:
    lm.model.model.layers[1].own = iter([1])


def typed_in_class(lm: Any) -> None:
    lm.__class__ = Typed


def own_pass(lm: Any) -> None:
    lm.__class__ = SteeredModel


def offloaded(lm: Any) -> None:
    lm.model.model.layers[1].to("meta")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (hook, "module model.layers.1 has a hook"),
        (patched, "module model.layers.1.mlp has a hook"),
        (typed_in, "code of its module model.layers.1.mlp.act_fn (Own)"),
        (typed_in_attribute, "code of its module model.layers.1.own (f)"),
        (generator, "model.layers.1.own is a list_iterator, which cannot be looked into"),
        (typed_in_class, "code of the model class Typed"),
        (own_pass, "SteeredModel has a `_model_call` of its own"),
        (offloaded, "offloaded and were not read, such as model.layers.1."),
    ],
)
def test_no_name_where_something_cannot_be_seen(change: Callable[[Any], None], words: str) -> None:
    lm = loaded()
    change(lm)
    found = name(lm)
    assert isinstance(found, Unnameable)
    assert words in found.reason


def test_no_name_under_a_hook_of_all_modules() -> None:
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        found = name(loaded())
    finally:
        handle.remove()
    assert isinstance(found, Unnameable)


# --- tasks ------------------------------------------------------------------------------------


def test_tasks() -> None:
    texts = Texts(byte_tokenizer())
    english, french, german = ("one", "two"), ("un", "deux"), ("eins", "zwei")
    a, b, c = map(texts.digest, (english, french, german))
    names = [
        task_identity("run", SETTINGS, [a, b]),
        task_identity("other", SETTINGS, [a, b]),
        task_identity("run", SETTINGS | {"weights": "last"}, [a, b]),
        task_identity("run", SETTINGS | {"option of tomorrow": 1}, [a, b]),
        task_identity("run", SETTINGS, [b, a]),
        task_identity("run", SETTINGS, [a, c]),
        task_identity("run", SETTINGS, [a, texts.digest(french[::-1])]),
        task_identity("run", SETTINGS, [a, Texts(byte_tokenizer(bos=True)).digest(french)]),
    ]
    assert len(set(names)) == len(names)
    # A matrix of all pairs leaves the results of each language as they are.
    assert task_identity("run", SETTINGS | {"pairs": "all"}, [a, b]) == names[0]


def test_tokens() -> None:
    texts = Texts(byte_tokenizer(bos=True))
    assert texts.tokens(("ab", "é")) == (1 + 2) + (1 + 2)
