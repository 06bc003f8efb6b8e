"""The promises of SECURITY.md, looked for in the source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "neuronxa_tasks"
FILES = sorted(PACKAGE.rglob("*.py"))

FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve",
                     "marshal", "pty", "telnetlib", "ftplib"}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {
    "os.system", "os.popen", "os.execv", "os.execvp", "os.execl", "os.spawnl", "torch.load",
    "torch.save", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load",
    "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "tempfile.mktemp", "numpy.fromregex", "pandas.read_pickle", "pd.read_pickle",
    "xml.etree.ElementTree.parse", "importlib.import_module",
}  # fmt: skip
UNPACKING = {"extractall", "extract", "unpack_archive"}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def faults(tree: ast.AST) -> list[str]:
    """What a module must not have, with its line."""
    found = []
    for node in ast.walk(tree):
        where = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [f"{where}: import {n}" for n in names if n.split(".")[0] in FORBIDDEN_MODULES]
            continue
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        keywords = {
            keyword.arg: keyword.value.value
            for keyword in node.keywords
            if isinstance(keyword.value, ast.Constant)
        }
        written_out = bool(node.args) and isinstance(node.args[0], ast.Constant)
        if name == "importlib.import_module" and written_out:
            continue  # like an import statement: nobody else names the module
        if name == "importlib.import_module" and of_this_package(node.args[0]):
            continue
        if name == "os.execv" and ast.unparse(node.args[0]) == "sys.executable":
            continue  # this program again, with a list of words and no shell
        if last == "extractall" and keywords.get("filter") == "data":
            continue  # links, devices and paths out of the folder are refused by tarfile
        if name == "yaml.load" and len(node.args) == 2 and safe_loader(node.args[1]):
            continue
        if name in FORBIDDEN_NAMES | FORBIDDEN_CALLS or last in UNPACKING:
            found.append(f"{where}: {name}")
        for keyword in ("shell", "allow_pickle", "trust_remote_code"):
            if keywords.get(keyword) is True:
                found.append(f"{where}: {name}({keyword}=True)")
        if name.split(".")[0] == "subprocess" and node.args and not is_list(node.args[0]):
            found.append(f"{where}: {name} with something else than a list")
        if last in ("load", "save", "savez") and name.split(".")[0] in ("np", "numpy"):
            found.append(f"{where}: {name}")
        if last == "urlopen":
            found.append(f"{where}: {name}, which follows redirects to anywhere")
    return found


def of_this_package(node: ast.AST) -> bool:
    """Whether a module's name begins with the package's own, written out: f"{__package__}.x"."""
    return isinstance(node, ast.JoinedStr) and ast.unparse(node)[2:].startswith("{__package__}.")


def is_list(node: ast.AST) -> bool:
    return isinstance(node, (ast.List, ast.Name, ast.Attribute, ast.Starred, ast.Call, ast.BinOp))


def safe_loader(node: ast.AST) -> bool:
    """Whether an expression can only be one of the loaders that make plain data."""
    words = re.findall(r"\w*Loader", ast.unparse(node))
    return bool(words) and set(words) <= {"SafeLoader", "CSafeLoader"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_breaks_a_promise(path: Path) -> None:
    assert faults(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import joblib.externals", "eval('1')",
        "torch.load('x')", "yaml.load(x, Loader=L)", "np.load('x.npy')", "os.system('ls')",
        "subprocess.run('ls', check=True)", "subprocess.run(['ls'], shell=True)",
        "f(trust_remote_code=True)", "tar.extractall('x')", "tar.extractall('x', filter='tar')",
        "importlib.import_module(x)", "importlib.import_module(f'{x}.y')",
        "importlib.import_module(f'{__package__}{x}')", "yaml.load(x, yaml.Loader)",
        "yaml.load(x, getattr(yaml, 'CLoader', yaml.SafeLoader))",
        "urlopen('http://x')", "os.execv('/bin/sh', words)",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    assert faults(ast.parse(source))


def test_yaml_with_python_objects_is_refused(tmp_path: Path) -> None:
    from neuronxa_tasks.errors import NeuronXAError
    from neuronxa_tasks.harness.launch.arguments import run_config

    touched = tmp_path / "touched"
    path = tmp_path / "run.yaml"
    for text in (
        f"tasks: !!python/object/apply:os.system ['touch {touched}']",
        f"tasks: !!python/object/new:subprocess.Popen [['touch', '{touched}']]",
        "tasks: [",
        "- a list",
        "a: " + "[" * 5000,
        "\0",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(NeuronXAError, match=r"--config is .* cannot be used"):
            run_config(str(path))
    with pytest.raises(NeuronXAError, match="not found"):
        run_config(str(tmp_path / "nowhere.yaml"))
    assert not touched.exists()


def test_security_policy_is_there() -> None:
    text = (PACKAGE.parent / "SECURITY.md").read_text(encoding="utf-8")
    for word in ("pickle", "trust_remote_code", "https", "safetensors", "pip-audit"):
        assert word in text
