"""What a reader takes along from the report: files, and addresses of views."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_page import Opened
from correlate_data import write
from report_data import XSS, codes, results_of, write_models
from report_page import MODELS, ROWS, column, draw_all, drawn, report

pytest.importorskip("altair", reason="install the extra `report` to draw figures")
pytest.importorskip("vl_convert", reason="install the extra `report` to draw figures")
pytestmark = pytest.mark.browser


def saved(opened: Opened, button: Any) -> tuple[str, bytes]:
    """Name and content of the file that a button saves."""
    with opened.page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")  # so that Excel reads UTF-8
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def data_of(opened: Opened) -> Any:
    return json.loads(opened.page.locator("#data").text_content())


def test_the_language_table_is_saved_with_all_its_rows_and_columns(small, open_page):
    opened = open_page(small)
    opened.page.select_option("#f-model", MODELS[1])
    name, content = saved(opened, opened.page.locator("#filters .save"))
    rows = rows_of(content)
    assert name == "languages.csv"
    assert len(rows) == 40  # the filter's, not those of the first 25
    data = data_of(opened)
    place = data["metrics"].index("nasca")
    for row in rows:
        (found,) = (
            each
            for each in data["rows"]
            if (data["models"][each["m"]], each["l"]) == (row["Model"], row["code"])
        )
        assert float(row["Score"]) == found["v"][place]
        assert [float(row["low"]), float(row["high"])] == found["i"][place]
        beside = max(float(row["Chance"]), float(row["Surface"]), float(row["Floor"]))
        assert row["above_all"] == str(float(row["low"]) > beside).lower()
        assert row["n"] == "100"
    assert {row["above_all"] for row in rows} == {"true", "false"}
    assert opened.clean(), opened.said


def test_every_other_table_is_saved_as_shown(small, open_page):
    opened = open_page(small)
    page = opened.page
    buttons = page.locator(".tablebox .save").locator("visible=true")
    tables = page.locator("table[data-name]:not(#table)").locator("visible=true")
    assert buttons.count() == tables.count() >= 5
    (button,) = page.locator("#controls .save").all()
    rows = rows_of(saved(opened, button)[1])
    assert [row["Model"] for row in rows] == MODELS
    assert {row["Score"] for row in rows} == {"NASCA"}
    board = page.locator(".board:visible .save").first
    ranks = rows_of(saved(opened, board)[1])
    assert [row["Model"] for row in ranks] == MODELS
    entry = next(b for b in data_of(opened)["boards"] if b["metric"] == "nasca")["entries"][0]
    assert float(ranks[0]["95 % interval low"]) == pytest.approx(entry["low"], abs=5e-4)
    assert ranks[0]["Rank"] == entry["rank"]


def test_a_text_that_a_spreadsheet_would_compute_has_an_apostrophe(tmp_path, open_page):
    write_models(tmp_path / "out", ["=1+1", XSS], 8, layers=2)
    opened = open_page(report(tmp_path, tmp_path / "out"))
    rows = rows_of(saved(opened, opened.page.locator("#filters .save"))[1])
    assert {row["Model"] for row in rows} == {"'=1+1", XSS}
    assert opened.clean(), opened.said


def test_charts_are_saved_on_white(small, open_page):
    opened = open_page(small, color_scheme="dark")
    page = opened.page
    draw_all(opened)
    charts = page.locator(".chart").locator("visible=true").count()
    assert page.locator(".saves").locator("visible=true").count() == charts
    for section in ("#heat", "#scatter", "#families", "#pairs", "#profiles"):
        saves = page.locator(f"{section} .saves").first
        name, content = saved(opened, saves.locator("button").first)
        assert name.endswith(".svg")
        text = content.decode()
        assert text.startswith("<svg")
        assert "#ffffff" in text  # the background
        assert "var(--" not in text  # nothing of the page is needed to see it
    name, content = saved(opened, page.locator("#heat .saves button").nth(1))
    assert name.endswith(".png")
    assert content.startswith(b"\x89PNG")
    assert opened.clean(), opened.said


def fragment(opened: Opened) -> str:
    return opened.page.evaluate("decodeURIComponent(location.hash)")


def test_the_address_holds_the_view(small, open_page):
    opened = open_page(small)
    page = opened.page
    assert fragment(opened) == ""
    page.select_option("#metric", "mexa")
    page.select_option("#layers", "max")
    page.select_option("#f-script", "Cyrl")
    page.locator("#table thead th").first.click()
    page.locator(".dt-search input").fill("a")
    opened.until("location.hash.includes('sort=language.asc')")
    opened.until("location.hash.includes('q=a')")
    page.locator("nav.bar a[href='#languages']").click()
    opened.until("location.hash.startsWith('#languages&')")
    words = set(fragment(opened)[1:].split("&"))
    expected = {"languages", "score=mexa", "layers=max", "script=Cyrl", "sort=language.asc", "q=a"}
    assert expected <= words
    before, names = column(page, 3), column(page, 1)
    again = open_page(small)
    again.page.evaluate(f"location.hash = {json.dumps(fragment(opened))}")
    again.until("document.querySelector('#metric').value === 'mexa'")
    assert column(again.page, 1) == names
    assert column(again.page, 3) == before
    assert again.page.locator(".dt-search input").input_value() == "a"
    assert "MEXA, best layer" in again.page.locator(".board:visible h3").inner_text()
    assert "MEXA, best layer" in again.page.locator("#table-caption").inner_text()


def test_an_address_that_says_nonsense_is_a_fresh_page(small, open_page):
    opened = open_page(small)
    opened.page.evaluate(
        "location.hash = '#nowhere&score=none&sort=x.up&model=%&columns=zz&text=99'"
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.locator(ROWS).count() == 25
    assert opened.page.locator("#metric").input_value() == "nasca"
    assert opened.clean(), opened.said


def test_the_score_reaches_every_section(small, open_page):
    opened = open_page(small)
    page = opened.page
    page.select_option("#metric", "mexa")
    page.select_option("#layers", "max")
    draw_all(opened)
    assert "MEXA, best layer" in page.locator(".example:visible").inner_text()
    assert page.locator("#scatter-x").input_value() == "mexa_max"
    assert page.locator("#pairs-metric").input_value() == "mexa_max"
    shown = page.locator("#correlations tbody tr").locator("visible=true")
    assert shown.count() >= 2  # the averages; each model is folded
    assert set(shown.locator("td:nth-child(2)").all_inner_texts()) == {"mexa_max"}
    controls = page.locator("#controls tbody tr").locator("visible=true")
    assert set(controls.locator("td:nth-child(3)").all_inner_texts()) == {"MEXA"}
    for section in ("#heat", "#families"):
        drawn(opened, section)
        opened.until(
            f"document.querySelector('{section} .chart').getAttribute('aria-label')"
            ".includes('MEXA, best layer')"
        )
    page.locator("#r-all").check()
    assert page.locator("#correlations tbody tr").locator("visible=true").count() > 10
    assert opened.clean(), opened.said


def test_columns_are_picked_and_constants_go_to_the_caption(small, open_page):
    opened = open_page(small)
    page = opened.page
    heads = page.locator("#table thead th")
    titles = [text.split("\n")[0] for text in heads.all_inner_texts()]
    assert not {"n", "Chance", "Script"} & set(titles)
    assert "chance 0.005, n = 100" in page.locator("#table-caption").inner_text()
    page.locator("#picker summary").click()
    page.locator("#picker input[value=n]").check()
    page.locator("#picker input[value=bar]").uncheck()
    titles = [text.split("\n")[0] for text in heads.all_inner_texts()]
    assert "n" in titles
    assert "Bar" not in titles
    assert "columns=" in fragment(opened)


def test_only_the_sorted_column_has_an_arrow(small, open_page):
    page = open_page(small).page
    arrows = page.evaluate(
        """[...document.querySelectorAll('#table thead th .dt-column-order')]
        .map(e => getComputedStyle(e, '::after').content).filter(c => /[↑↓↕]/.test(c))"""
    )
    assert arrows == ['"↓"']


def test_scores_times_english_accuracy(tmp_path, open_page):
    write_models(tmp_path / "out", MODELS, 8, layers=2, benchmarks=("belebele",))
    table = tmp_path / "english.csv"
    cells = [f"{model},eng_Latn,quiz,{0.9 - 0.2 * i}" for i, model in enumerate(MODELS)]
    cells += [f"{model},{code},quiz,0.5" for model in MODELS for code in codes(8)]
    table.write_text("model,language,benchmark,value\n" + "\n".join(cells), encoding="utf-8")
    opened = open_page(report(tmp_path, tmp_path / "out", table))
    page = opened.page
    labels = page.locator("#scale option").all_inner_texts()
    assert labels == ["as measured", "× English quiz value"]
    page.select_option("#scale", index=1)
    data = data_of(opened)
    place = data["metrics"].index("nasca")
    most = max(row["v"][place] * (0.9 - 0.2 * row["m"]) for row in data["rows"])
    assert float(column(page, 3)[0]) == pytest.approx(most, abs=6e-4)
    assert "times the model’s English accuracy" in page.locator("#table-caption").inner_text()
    assert opened.clean(), opened.said


def test_paper_cuts_nothing_and_folds_what_is_long(small, open_page):
    """A4 upright has 700 pixels between these margins, and on its side 1,045."""
    for width, what in ((1040, "#languages"), (700, "section:not(#languages)")):
        opened = open_page(small, viewport={"width": width, "height": 1000})
        page = opened.page
        draw_all(opened)
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        beyond = page.evaluate(
            """([what, width]) => [...document.querySelectorAll(what + ' table, ' + what + ' svg')]
            .filter(e => e.offsetParent || e.closest('.chart'))
            .filter(e => e.getBoundingClientRect().right > width + 1)
            .map(e => e.outerHTML.slice(0, 120))""",
            [what, width],
        )
        assert beyond == []
        assert not page.locator("#correlations details table").is_visible()
        assert page.locator("#correlations tbody tr").locator("visible=true").count() < 10
        assert not page.locator(".save").locator("visible=true").count()


@pytest.mark.parametrize("width", [375, 1180, 1400])
def test_captions_have_the_width_of_their_card(small, open_page, width):
    opened = open_page(small, viewport={"width": width, "height": 900})
    page = opened.page
    draw_all(opened)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    told = page.evaluate(
        """[...document.querySelectorAll('.caption')].filter(e => e.offsetParent)
        .map(e => [e.clientWidth, e.closest('section').clientWidth])"""
    )
    assert told
    for own, card in told:
        assert own > 0.85 * card - 40
    # Where columns do not fit, the page says so; the first one stays.
    cut = page.evaluate(
        """(() => { const wide = document.querySelector('#table-box .dt-layout-table');
        const before = document.querySelector('#table td').getBoundingClientRect().left;
        wide.scrollLeft = 200;
        return [wide.scrollWidth > wide.clientWidth + 1,
          !document.querySelector('#table-box .hint').hidden,
          Math.abs(document.querySelector('#table td').getBoundingClientRect().left - before) < 2];
        })()"""
    )
    assert cut[0] == cut[1]
    assert cut[2]


def test_a_measure_beside_the_scores_borrows_neither_chance_nor_surface(tmp_path, open_page):
    """CKA is no share of hits: it is compared with its floor alone, and with nothing without."""
    for place, floor in enumerate((True, False)):
        content = results_of(f"m{place}", codes(8), np.random.default_rng(0), layers=2)
        for i, code in enumerate(codes(8)):
            row = content["results"][f"neuronxa_flores_{code}"]
            facts = content["config"]["neuronxa"]["tasks"][f"neuronxa_flores_{code}"]
            row |= {"cka_hidden,none": 0.1 * i - 0.2} | (
                {"cka_hidden_floor,none": 0.1} if floor else {}
            )
            facts["intervals"]["cka_hidden"] = [0.1 * i - 0.25, 0.1 * i - 0.15]
        write(tmp_path / "out" / f"{place}" / "results_1.json", content)
    opened = open_page(report(tmp_path, tmp_path / "out"))
    page = opened.page
    page.select_option("#metric", "cka_hidden")
    assert "chance" not in page.locator("#table-caption").inner_text()
    titles = page.locator("#table thead th").all_inner_texts()
    assert not any("Surface" in title or "Chance" in title for title in titles)
    rows = rows_of(saved(opened, page.locator("#filters .save"))[1])
    assert len(rows) == 16
    for row in rows:
        above = row["Model"] == "m0" and float(row["low"]) > 0.1
        assert row["above_all"] == str(above).lower()
    assert "has no sentence of its own" in page.locator(".example:visible").inner_text()
    draw_all(opened)
    label = page.locator("#families .chart").get_attribute("aria-label")
    assert "cka_hidden" in label
    assert opened.clean(), opened.said


def test_labels_of_points_do_not_overlap(small, open_page):
    opened = open_page(small)
    page = opened.page
    draw_all(opened)
    boxes = page.evaluate(
        """[...document.querySelectorAll('#scatter .chart')].map(chart =>
        [...chart.querySelectorAll('.mark-text text')].filter(e => e.textContent)
        .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])
        .filter(b => b[2] - b[0] > 1))"""
    )
    assert any(boxes)
    for chart in boxes:
        for i, one in enumerate(chart):
            for other in chart[:i]:
                apart = (
                    one[0] > other[2] - 2
                    or other[0] > one[2] - 2
                    or one[1] > other[3] - 3
                    or other[1] > one[3] - 3
                )
                assert apart, (one, other)
