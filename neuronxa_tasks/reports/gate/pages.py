"""A verdict for people and for continuous integration: text, Markdown, JUnit XML, records."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from neuronxa_tasks.reports.escape import markdown, plain
from neuronxa_tasks.reports.gate.signs import Interval
from neuronxa_tasks.reports.gate.verdict import Finding, Verdict
from neuronxa_tasks.reports.markdown import LONG, p_text, r_text, table

HEADER = ("", "benchmark", "metric", "of", "n", "baseline", "candidate", "change", "95% interval")
NUMBERS = ("p", "adjusted p")


def heading(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    failures = verdict.failures
    if not failures:
        skipped = sum(finding.status == "skipped" for finding in verdict.findings)
        more = f", {skipped} skipped" if skipped else ""
        return f"PASS: no regression in {verdict.tests} tests{more}"
    kinds: dict[str, int] = defaultdict(int)
    for finding in failures:
        kinds[finding.status] += 1
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    return f"FAIL: {told} ({verdict.tests} tests)"


def _row(finding: Finding) -> list[str]:
    found = finding.comparison
    name = finding.name + (" (must not regress)" if finding.protected else "")
    head = [finding.status, finding.benchmark, finding.metric, name]
    if found is None:
        return [*head, *["–"] * 7]
    return [
        *head,
        "–" if found.n is None else str(found.n),
        r_text(found.baseline),
        r_text(found.candidate),
        "–" if math.isnan(found.change) else f"{found.change:+.3f}",
        _interval(found.interval),
        p_text(found.p),
        p_text(finding.p_adjusted),
    ]


def _interval(found: Interval) -> str:
    return "–" if math.isnan(found.low) else f"{found.low:+.3f} to {found.high:+.3f}"


def _ordered(verdict: Verdict) -> list[Finding]:
    """Failures first, then groups, then the rest."""

    def place(finding: Finding) -> tuple[bool, bool]:
        group = finding.comparison is not None and finding.comparison.group
        return not finding.failed, not group

    return sorted(verdict.findings, key=place)


def write_text(verdict: Verdict) -> str:
    """The table for the terminal; long ones end with what passed counted."""
    findings = _ordered(verdict)
    shown = findings
    if len(findings) > LONG:
        shown = [
            finding
            for finding in findings
            if finding.failed or finding.comparison is None or finding.comparison.group
        ]
    rows = [[*HEADER, *NUMBERS], *([plain(cell) for cell in _row(each)] for each in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(shown) < len(findings):
        lines.append(f"and {len(findings) - len(shown)} more that pass")
    lines += [f"note: {plain(note)}" for note in verdict.notes]
    return "\n".join([*lines, heading(verdict)])


def write_markdown(verdict: Verdict, told: Sequence[tuple[str, str]]) -> bytes:
    """The summary of a CI job.

    Args:
        verdict: of the gate.
        told: what else it says, name and value: models, rules, files.
    """
    findings = _ordered(verdict)
    failures = [finding for finding in findings if finding.failed]
    parts = [f"# Gate {heading(verdict)}"]
    parts.append("\n".join(f"- {markdown(name)}: {markdown(value)}" for name, value in told))
    if failures:
        parts += ["## Failures", _markdown_table(failures)]
    if verdict.notes:
        parts.append("\n".join(f"- {markdown(note)}" for note in verdict.notes))
    parts.append(
        f"<details><summary>All {len(findings)} comparisons</summary>\n\n"
        f"{_markdown_table(findings)}\n\n</details>"
    )
    return ("\n\n".join(parts) + "\n").encode()


def _markdown_table(findings: Sequence[Finding]) -> str:
    return table(
        [*HEADER, *NUMBERS, "why"],
        (_escaped(each) for each in findings),
    )


def _escaped(finding: Finding) -> list[str]:
    texts = [*_row(finding), "; ".join(finding.reasons)]
    return [markdown(text) for text in texts]


def records(verdict: Verdict) -> Iterator[Mapping[str, Any]]:
    """One record per finding, for JSON."""
    for finding in verdict.findings:
        found = finding.comparison
        yield {
            "benchmark": finding.benchmark,
            "metric": finding.metric,
            "name": finding.name,
            "tasks": list(finding.tasks),
            "status": finding.status,
            "failed": finding.failed,
            "reasons": list(finding.reasons),
            "must_not_regress": finding.protected,
            "group": found is not None and found.group,
            "n": found.n if found else None,
            "baseline": found.baseline if found else None,
            "candidate": found.candidate if found else None,
            "change": found.change if found else None,
            "low": found.interval.low if found else None,
            "high": found.interval.high if found else None,
            "p": found.p if found else None,
            "p_adjusted": finding.p_adjusted,
            "method": found.method if found else None,
        }


def write_junit(verdict: Verdict) -> bytes:
    """JUnit XML: a suite per benchmark and metric, a case per language or group."""
    by_suite: dict[str, list[Finding]] = defaultdict(list)
    for finding in verdict.findings:
        by_suite[f"{finding.benchmark}.{finding.metric}"].append(finding)
    root = ElementTree.Element("testsuites", _counted("neuronxa gate", verdict.findings))
    for name, findings in by_suite.items():
        suite = ElementTree.SubElement(root, "testsuite", _counted(name, findings))
        for finding in findings:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": plain(name), "name": plain(finding.name)}
            )
            told = plain("; ".join(finding.reasons))
            if finding.failed:
                detail = ElementTree.SubElement(
                    case, "failure", {"type": finding.status, "message": told}
                )
                detail.text = _detail(finding)
            elif finding.status == "skipped":
                ElementTree.SubElement(case, "skipped", {"message": told or "no test possible"})
            else:
                ElementTree.SubElement(case, "system-out").text = _detail(finding)
    return _xml(root)


def _counted(name: str, findings: Sequence[Finding]) -> dict[str, str]:
    return {
        "name": plain(name),
        "tests": str(len(findings)),
        "failures": str(sum(finding.failed for finding in findings)),
        "errors": "0",
        "skipped": str(sum(finding.status == "skipped" for finding in findings)),
    }


def _detail(finding: Finding) -> str:
    header = [*HEADER, *NUMBERS]
    cells = [f"{name} = {cell}" for name, cell in zip(header, _row(finding), strict=True) if name]
    method = [finding.comparison.method] if finding.comparison else []
    return plain("; ".join([*cells, *method]))


def not_comparable_files(reasons: Sequence[str]) -> dict[str, bytes]:
    """Markdown and JUnit XML of two results that cannot be compared."""
    root = ElementTree.Element(
        "testsuites",
        {"name": "neuronxa gate", "tests": "1", "failures": "0", "errors": "1", "skipped": "0"},
    )
    suite = ElementTree.SubElement(root, "testsuite", dict(root.attrib))
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": "neuronxa gate", "name": "comparable"}
    )
    error = ElementTree.SubElement(
        case, "error", {"type": "not comparable", "message": plain(reasons[0])}
    )
    error.text = plain(" ".join(reasons))
    lines = "\n".join(f"- {markdown(reason)}" for reason in reasons)
    page = f"# Gate NOT COMPARABLE\n\n{lines}\n"
    return {"gate.md": page.encode(), "gate.xml": _xml(root)}


def _xml(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root, " ")
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
