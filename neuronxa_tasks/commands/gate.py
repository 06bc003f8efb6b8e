"""`neuronxa gate`: a baseline and a candidate in, a verdict and an exit code out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronxa_tasks.commands.results_options import add_latest, add_percent, describe, tell

if TYPE_CHECKING:  # the command line asks for the options before anything heavy is loaded
    from neuronxa_tasks.reports.gate.checkpoint import Checkpoint
    from neuronxa_tasks.reports.gate.rules import Rules
    from neuronxa_tasks.reports.gate.verdict import Verdict

DESCRIPTION = """\
Says whether a checkpoint may replace another one: for every language and for their mean the change
on the same sentences, with an exact test, adjusted for the number of tests. Run both with
--log_samples; without samples the tests are unpaired and see less. The same input always gives the
same verdict.

exit codes: 0 pass, 1 regression (or a task missing, or NaN), 2 wrong input or usage,
3 not comparable (other n, texts, tap, shots, task version, ...)
"""
EXAMPLES = """\
examples:
  neuronxa gate --baseline accepted/ --candidate out/ -o gate
  neuronxa gate --baseline accepted/ --candidate out/ --config gate.toml -o gate
gate.toml:
  alpha = 0.05                       # chance of a false alarm, over all tests together
  min_effect = 0.01                  # smaller drops pass
  max_drop = 0.10                    # larger ones fail, whatever the test says
  metrics = ["nasca", "acc"]
  must_not_regress = ["fra_Latn", "swh_Latn"]
  ignore = ["urd_Arab", "xnli_*"]
  [metric.acc]
  min_score = 0.30
"""
MADE_BY = "neuronxa gate"
INDEX = "gate.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    for side in ("baseline", "candidate"):
        add(
            f"--{side}",
            action="append",
            required=True,
            metavar="RESULTS",
            help=f"results file or folder of the {side} (repeatable)",
        )
    add("--config", type=Path, metavar="TOML", help="the rules (default: those of docs/gate.md)")
    add("-o", "--out", type=Path, metavar="OUT", help="folder for gate.md, gate.json and gate.xml")
    add_percent(parser)
    add_latest(parser)
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Reads, compares, judges, writes; returns 0 for pass and 1 for fail.

    Raises:
        NotComparable: exit code 3; OUT says so, too.
        NeuronXAError: anything in the input or the rules that cannot be used; nothing has been
            written then.
    """
    from neuronxa_tasks.reports.gate.checkpoint import read_checkpoint
    from neuronxa_tasks.reports.gate.comparable import NotComparable
    from neuronxa_tasks.reports.gate.join import join
    from neuronxa_tasks.reports.gate.pages import (
        not_comparable_files,
        write_junit,
        write_markdown,
        write_text,
    )
    from neuronxa_tasks.reports.gate.rules import Rules, read_rules
    from neuronxa_tasks.reports.gate.verdict import judge
    from neuronxa_tasks.reports.output import check_out, to_json, write_folder
    from neuronxa_tasks.results.scales import refuse_idle_percent

    if options.out is not None:
        check_out(options.out, MADE_BY, INDEX)
    rules = read_rules(options.config) if options.config is not None else Rules()
    baseline, candidate = (
        read_checkpoint(
            getattr(options, side),
            side,
            duplicates="latest" if options.latest else "refuse",
            used=(*rules.metrics, *rules.per_metric),
            percent=options.percent,
        )
        for side in ("baseline", "candidate")
    )
    refuse_idle_percent(
        options.percent,
        baseline.in_percent + candidate.in_percent,
        (baseline.model, candidate.model),
    )
    tell([*baseline.notes, *candidate.notes])
    try:
        verdict = judge(join(baseline, candidate, rules), rules)
    except NotComparable as error:
        if options.out is not None:
            files = not_comparable_files(error.reasons)
            index = _index(baseline, candidate, rules, "not comparable", sorted(files))
            files[INDEX] = to_json(index | {"reasons": list(error.reasons)})
            write_folder(options.out, files, MADE_BY, INDEX)
        raise
    print(write_text(verdict))
    if options.out is not None:
        files = {
            "gate.md": write_markdown(verdict, _told(baseline, candidate, rules)),
            "gate.xml": write_junit(verdict),
        }
        files[INDEX] = to_json(_content(baseline, candidate, rules, verdict, sorted(files)))
        write_folder(options.out, files, MADE_BY, INDEX)
        print(f"{options.out / 'gate.md'}")
    return 0 if verdict.passed else 1


def _index(
    baseline: Checkpoint, candidate: Checkpoint, rules: Rules, verdict: str, files: list[str]
) -> dict[str, Any]:
    """What every outcome writes."""
    from dataclasses import asdict

    from neuronxa_tasks import __version__

    return {
        "made_by": MADE_BY,
        "schema": 1,
        "version": __version__,
        "verdict": verdict,
        "rules": asdict(rules),
        **{
            name: {
                "model": side.model,
                "fingerprint": side.fingerprint,
                "inputs": [{"path": path, "sha256": digest} for path, digest in side.inputs],
            }
            for name, side in (("baseline", baseline), ("candidate", candidate))
        },
        "files": files,
    }


def _content(
    baseline: Checkpoint,
    candidate: Checkpoint,
    rules: Rules,
    verdict: Verdict,
    files: list[str],
) -> dict[str, Any]:
    from neuronxa_tasks.reports.gate.pages import records

    return _index(baseline, candidate, rules, "pass" if verdict.passed else "fail", files) | {
        "tests": verdict.tests,
        "findings": list(records(verdict)),
        "notes": [*verdict.notes, *baseline.notes, *candidate.notes],
    }


def _told(baseline: Checkpoint, candidate: Checkpoint, rules: Rules) -> list[tuple[str, str]]:
    limits = [
        ("alpha", f"{rules.alpha:g} ({rules.correction})"),
        ("smallest drop that counts", f"{rules.limits.min_effect:g}"),
    ]
    return [("baseline", baseline.model), ("candidate", candidate.model), *limits]
