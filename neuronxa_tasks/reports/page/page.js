"use strict";
(function () {
  const D = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const at = Object.fromEntries(D.metrics.map((name, i) => [name, i]));
  const state = { metric: D.scores[0], corpus: 0 };

  // --- small things -----------------------------------------------------------------------

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  // DataTables takes what a column shows for markup, so text is escaped once, here.
  const escaped = (text) =>
    String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const number = (value, digits = 3) =>
    value === null || value === undefined || Number.isNaN(value)
      ? "–" : value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const ends = (pair, digits = 3) =>
    pair ? `[${number(pair[0], digits)}, ${number(pair[1], digits)}]` : "–";
  const value = (row, metric) => (metric in at ? row.v[at[metric]] : null);
  const name = (code) => (D.names[code] || code);
  function fillSelect(select, pairs) {
    for (const [key, label] of pairs) select.append(make("option", { value: key }, label));
  }
  const rowsNow = () =>
    D.rows.filter((row) => row.c === state.corpus && value(row, state.metric) !== null);
  // The end of a scale from 0 on which a bar of the largest score is not tiny.
  const roomFor = (most) => [0.05, 0.1, 0.2, 0.5, 1].find((top) => most <= top + 1e-9) || most;
  function metricLabel(metric) {
    const option = $("metric") && [...$("metric").options].find((o) => o.value === metric);
    return option ? option.textContent : metric;
  }

  // --- theme ------------------------------------------------------------------------------

  const themes = ["auto", "light", "dark"];
  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    $("theme").replaceChildren(make("span", { class: "wide" }, "Theme: "), theme);
    $("theme").setAttribute("aria-label", `Theme: ${theme}`);
    try { localStorage.setItem("neuronxa-theme", theme); } catch { /* a file without storage */ }
  }
  let theme = "auto";
  try { theme = localStorage.getItem("neuronxa-theme") || "auto"; } catch { /* as above */ }
  if (!themes.includes(theme)) theme = "auto";
  setTheme(theme);
  $("theme").hidden = false;
  $("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    setTheme(theme);
  });

  // --- charts -----------------------------------------------------------------------------

  const LOOK = Object.fromEntries(
    ["accent", "ink", "muted", "c1", "c2", "c3", "c4"].map((key) => [key, `var(--${key})`]));
  Object.assign(LOOK, { back: "transparent", grid: "var(--line)", page: "var(--card)", width: "container" });

  // A canvas does not know the page's colours: one grey for both themes, and no lines.
  const CANVAS = { ...LOOK, ink: "#7b8695", muted: "#7b8695", grid: "#7b869555", page: "transparent" };
  const MOST_SHAPES = 8000;

  function fill(template, values) {
    if (Array.isArray(template)) return template.map((each) => fill(each, values));
    if (template !== null && typeof template === "object") {
      return Object.fromEntries(
        Object.entries(template).map(([key, each]) => [key, fill(each, values)]));
    }
    if (typeof template === "string" && template[0] === "$" && template.slice(1) in values) {
      return values[template.slice(1)];
    }
    return template;
  }

  // A chart is drawn when it comes near the window, or when nothing else is to do; a new choice
  // marks it as old, and it is drawn again by the same rule.
  const charts = new Map();
  const waiting = new Set();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) drawNow(entry.target);
  }, { rootMargin: "300px" });
  function chart(element, prepare) {
    charts.set(element, prepare);
    waiting.add(element);
    near.unobserve(element);
    near.observe(element);
    later();
  }
  let busy = false;
  function later() {
    if (busy || !waiting.size) return;
    busy = true;
    const next = async () => {
      const element = [...waiting].find((each) => each.isConnected && each.offsetParent !== null);
      try {
        if (element) await drawNow(element);
      } finally {
        busy = false;
        if (element) later();
      }
    };
    if (window.requestIdleCallback) requestIdleCallback(next, { timeout: 1500 });
    else setTimeout(next, 60);
  }
  async function drawNow(element) {
    if (!waiting.delete(element)) return;
    const prepared = charts.get(element)(element);
    if (!prepared) { element.replaceChildren(); return; }
    const { template, values, label } = prepared;
    const many = (values.pairs || []).length > MOST_SHAPES;
    const spec = fill({ ...D.charts[template], config: D.config }, { ...(many ? CANVAS : LOOK), ...values });
    if (values.angle) spec.padding = { left: 5, top: 5, right: 50, bottom: 5 }; // slanted names
    spec.config.aria = false; // the element itself says what it shows
    if (template === "profile") spec.config.legend.disable = true; // one for all panels
    spec.description = label;
    if (element.vega) element.vega.finalize();
    // `ast`: expressions are interpreted, so that the page needs no leave to evaluate code.
    element.vega = await vegaEmbed(element, spec, {
      mode: "vega-lite", renderer: many ? "canvas" : "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
    for (const inner of element.children) inner.setAttribute("aria-hidden", "true");
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label); // the drawing code has put its own
    element.dataset.drawn = "yes";
  }

  // --- models -----------------------------------------------------------------------------

  function showBoards() {
    for (const board of document.querySelectorAll(".board")) {
      board.hidden = !(board.dataset.metric === state.metric
        && board.dataset.corpus === D.corpora[state.corpus]);
    }
    later();
  }
  for (const element of document.querySelectorAll('[data-chart="ranks"]')) {
    const board = D.boards[Number(element.dataset.board)];
    chart(element, () => {
      const entries = board.entries.filter((entry) => entry.mean !== null);
      const marks = entries.flatMap((entry) => D.beside
        .filter((what) => entry[what] !== null)
        .map((what) => ({ model: entry.model, what, value: entry[what] })));
      const most = Math.max(...entries.map((e) => e.high ?? e.mean), ...marks.map((m) => m.value));
      return {
        template: "ranks",
        values: { ranks: entries, marks, top: most || 1, height: 28 * entries.length,
          metric: metricLabel(board.metric) },
        label: `Mean ${metricLabel(board.metric)} of ${entries.length} models: `
          + entries.map((e) => `${e.model} ${number(e.mean)} ${ends([e.low, e.high])}, rank ${e.rank}`).join("; "),
      };
    });
  }

  // --- the language table -----------------------------------------------------------------

  let table = null;
  let barTop = 1;
  function bar(row) {
    const x = (score) => (100 * Math.max(0, Math.min(1, score / barTop))).toFixed(1);
    const score = value(row, state.metric), pair = row.i[at[state.metric]];
    const line = (key, mark) => mark === null ? ""
      : `<line class="${key}" x1="${x(mark)}" x2="${x(mark)}" y1="1" y2="15"/>`;
    return '<svg class="cellbar" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">'
      + '<rect class="track" x="0" y="3" width="100" height="10"/>'
      + `<rect class="fill" x="0" y="3" width="${x(score)}" height="10"/>`
      + (pair ? `<line class="ends" x1="${x(pair[0])}" x2="${x(pair[1])}" y1="8" y2="8"/>` : "")
      + line("surface", value(row, "surface"))
      + line("floor", value(row, `${state.metric}_floor`)) + "</svg>";
  }
  const text = (get) => ({
    type: "string",
    render: (_, kind, row) => (kind === "display" ? escaped(get(row)) : get(row)),
  });
  const numeric = (get, digits = 3) => ({
    type: "num", className: "num",
    render: (_, kind, row) => {
      const found = get(row);
      if (kind === "display") return number(found, digits);
      return found === null || found === undefined ? -1 : found;
    },
  });
  const extras = [...D.benchmarks.filter((each) => each.usual).map((each) => [each.label,
    (row) => (each.v[row.m] || {})[row.l] ?? null]),
  ...D.extra.map((each) => [each.label, (row) => each.v[row.l] ?? null])];
  const columns = [
    { type: "string",
      render: (_, kind, row) => (kind === "display"
        ? `${escaped(name(row.l))} <span class="sub">${escaped(row.l)}</span>` : `${name(row.l)} ${row.l}`) },
    text((row) => D.models[row.m]),
    { ...numeric((row) => value(row, state.metric)), className: "num strong" },
    { type: "num", orderable: false, searchable: false,
      render: (_, kind, row) => (kind === "display" ? bar(row) : value(row, state.metric)) },
    { type: "num", className: "num",
      render: (_, kind, row) => {
        const pair = row.i[at[state.metric]];
        return kind === "display" ? ends(pair) : pair ? pair[0] : -1;
      } },
    numeric((row) => value(row, `${state.metric}_above_floor`)),
    numeric((row) => value(row, `${state.metric}_floor`)),
    numeric((row) => value(row, "surface")),
    numeric((row) => row.n && 1 / (2 * row.n - 1)),
    numeric((row) => row.n, 0),
    ...extras.map(([, get]) => (D.rows.some((row) => typeof get(row) === "string")
      ? text((row) => get(row) ?? "") : numeric(get))),
    numeric((row) => row.t, 2),
    text((row) => D.languages[row.l][1]),
    text((row) => D.languages[row.l][2]),
    { type: "num", className: "num",
      render: (_, kind, row) => (kind === "display"
        ? `<a href="#file-${row.f + 1}">${row.f + 1}</a>` : row.f + 1) },
  ];
  const columnOf = { model: 1, script: columns.length - 3, family: columns.length - 2 };

  function showTable() {
    const rows = rowsNow();
    barTop = roomFor(Math.max(0, ...rows.map((row) => value(row, state.metric))));
    if (table) {
      table.clear().rows.add(rows).draw();
      return;
    }
    table = new DataTable("#table", {
      data: rows, columns, order: [[2, "desc"]], autoWidth: false, deferRender: true,
      pageLength: 25, lengthMenu: [[25, 100, -1], [25, 100, "all"]],
      layout: { topStart: "search", topEnd: "info", bottomStart: "pageLength", bottomEnd: "paging" },
      language: { search: "Search", lengthMenu: "Show _MENU_ rows", info: "_START_ to _END_ of _TOTAL_ rows",
        infoFiltered: "(of _MAX_)", infoEmpty: "no rows", emptyTable: "No score of this kind.",
        zeroRecords: "Nothing fits the search and the filters." },
    });
    const wide = document.querySelector("#table-box .dt-layout-table");
    for (const [key, entry] of Object.entries({ role: "region", tabindex: "0",
      "aria-label": "Table of languages; scroll sideways to see all columns" })) {
      wide.setAttribute(key, entry);
    }
    const facts = (i) => [...new Set(D.rows.map((row) => D.languages[row.l][i]))]
      .filter(Boolean).sort().map((each) => [each, each]);
    fillSelect($("f-model"), D.models.filter((_, i) => D.rows.some((row) => row.m === i))
      .map((each) => [each, each]));
    fillSelect($("f-script"), facts(1));
    fillSelect($("f-family"), facts(2));
    for (const [key, column] of Object.entries(columnOf)) {
      $(`f-${key}`).addEventListener("change", (event) => {
        const wanted = event.target.value;
        table.column(column).search.fixed("chosen", wanted ? (cell) => cell === wanted : null).draw();
      });
    }
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("f-clear").addEventListener("click", () => {
      for (const key of Object.keys(columnOf)) {
        $(`f-${key}`).value = "";
        table.column(columnOf[key]).search.fixed("chosen", null);
      }
      table.search("").draw();
    });
  }

  // --- heat map ---------------------------------------------------------------------------

  function heat(element) {
    const rows = rowsNow();
    if (!rows.length) return null;
    const order = $("heat-order").value;
    const means = new Map();
    for (const row of rows) {
      const found = means.get(row.l) || [0, 0];
      means.set(row.l, [found[0] + value(row, state.metric), found[1] + 1]);
    }
    const mean = (code) => means.get(code)[0] / means.get(code)[1];
    const place = { name: -1, script: 1, family: 2 }[order];
    const codes = [...means.keys()].sort((a, b) => {
      if (order === "mean") return mean(b) - mean(a) || (a < b ? -1 : 1);
      const [one, other] = [a, b].map((code) => place > 0 ? D.languages[code][place] : "");
      return one.localeCompare(other) || name(a).localeCompare(name(b));
    });
    const top = Math.max(...rows.map((row) => value(row, state.metric))) || 1;
    const models = [...new Set(rows.map((row) => row.m))].sort((a, b) => a - b);
    return {
      template: "heat",
      values: {
        cells: rows.map((row) => ({
          language: name(row.l), code: row.l, model: D.models[row.m], n: row.n,
          value: value(row, state.metric), dark: value(row, state.metric) < 0.55 * top,
          floor: value(row, `${state.metric}_floor`), surface: value(row, "surface"),
        })),
        models: models.map((i) => D.models[i]), order: codes.map(name), top,
        metric: metricLabel(state.metric), height: 17 * codes.length,
        angle: (element.clientWidth - 160) / models.length < 120 ? -35 : 0,
      },
      label: `Heat map of ${metricLabel(state.metric)}: ${codes.length} languages by `
        + `${models.length} models, from ${number(mean(codes[codes.length - 1]))} to ${number(top)}. `
        + "The table above has the same numbers.",
    };
  }

  // --- layers -----------------------------------------------------------------------------

  function representation() {
    const stem = state.metric.split("_")[0];
    return D.scored[stem] || "nas";
  }
  function profiles() {
    const box = $("profile-panels"), chosen = $("profile-language").value;
    const lines = D.profiles.filter((line) => line.c === state.corpus);
    const top = Math.max(0.01, ...lines.flatMap((line) => chosen
      ? (line.of[chosen] || []).map((rate) => rate / 1000) : line.high));
    const models = [...new Set(lines.map((line) => line.m))];
    box.replaceChildren(...models.map((model) => {
      const mine = lines.filter((line) => line.m === model);
      const element = make("div", { class: "chart" });
      const points = mine.flatMap((line) => {
        const what = D.representations[line.what] || line.what;
        if (!chosen) {
          return line.mean.map((mean, i) => ({ what, layer: line.first + i, mean,
            low: line.low[i], high: line.high[i] }));
        }
        return (line.of[chosen] || []).map((rate, i) => ({ what, layer: line.first + i,
          mean: rate / 1000, low: rate / 1000, high: rate / 1000 }));
      });
      chart(element, () => (points.length ? {
        template: "profile",
        values: { profile: points, top, height: 170,
          band: points.filter((point) => point.what === D.representations[representation()]) },
        label: `Layer profile of ${D.models[model]}${chosen ? ` in ${name(chosen)}` : ", mean over languages"}: `
          + mine.map((line) => {
            const rates = chosen ? (line.of[chosen] || []).map((rate) => rate / 1000) : line.mean;
            const best = rates.indexOf(Math.max(...rates));
            return `${D.representations[line.what] || line.what} peaks at ${number(rates[best])} in layer ${line.first + best}`;
          }).join(", "),
      } : null));
      return make("figure", {}, make("h3", {}, D.models[model]), element);
    }));
  }

  // --- scatter ----------------------------------------------------------------------------

  const keyOf = (row) => `${row.m} ${row.c} ${row.l}`;
  const byKey = new Map(D.rows.map((row) => [keyOf(row), row]));
  function scoreOf(from, model, code) {
    if (from.length === 1) return (D.benchmarks[from[0]].v[model] || {})[code] ?? null;
    const row = byKey.get(`${model} ${from[0]} ${code}`);
    return row ? row.v[from[1]] : null;
  }
  function scatter() {
    const pair = D.scatter.find((each) => each.x === $("scatter-x").value && each.y === $("scatter-y").value);
    const panels = pair ? pair.panels : [];
    $("scatter-panels").replaceChildren(...panels.map((panel) => {
      const points = Object.keys(D.languages).filter((code) => !D.excluded.includes(code))
        .map((code) => ({ code, x: scoreOf(pair.from[0], panel.m, code), y: scoreOf(pair.from[1], panel.m, code) }))
        .filter((point) => point.x !== null && point.y !== null);
      const few = points.length <= 40; // more names would lie on each other
      const dots = points.map((point) => ({ language: name(point.code), short: few ? D.short[point.code] || point.code : "", x: point.x, y: point.y }));
      const said = panel.r === null ? `no correlation: ${panel.why}`
        : `r = ${number(panel.r, 2)} ${ends([panel.low, panel.high], 2)}, n = ${panel.n}`;
      const element = make("div", { class: "chart" });
      chart(element, () => ({
        template: "scatter",
        values: {
          points: dots, band: panel.band.map(([x, y, low, high]) => ({ x, y, low, high })),
          x: pair.x, y: pair.y, x0: pair.xd[0], x1: pair.xd[1], y0: pair.yd[0], y1: pair.yd[1],
          height: 230,
        },
        label: `Scatter plot of ${pair.y} against ${pair.x} in ${D.models[panel.m]}, ${points.length} languages: ${said}`,
      }));
      return make("figure", {}, make("h3", {}, D.models[panel.m]), element, make("figcaption", {}, said));
    }));
  }

  // --- language pairs ---------------------------------------------------------------------

  function pairs(element) {
    const matrix = D.pairs[Number($("pairs-matrix").value)];
    const metric = $("pairs-metric").value;
    const triangle = matrix.scores[metric];
    if (!triangle) return null;
    const names = matrix.languages.map(name);
    const cells = [];
    triangle.forEach((line, i) => line.forEach((rate, j) => {
      cells.push({ a: names[i], b: names[j], value: rate / 1000 },
        { a: names[j], b: names[i], value: rate / 1000 });
    }));
    const top = Math.max(...cells.map((cell) => cell.value)) || 1;
    const best = cells.find((cell) => cell.value === top);
    const small = names.length > 60 || element.clientWidth < 480; // no room for names
    $("pairs-caption").textContent = `${metricLabel(metric)} on ${matrix.corpus}, n = ${matrix.n}; `
      + `closest: ${best.a} and ${best.b}, ${number(top)}.`
      + (small ? " Point at a cell to see its languages." : "");
    return {
      template: "pairs",
      values: { pairs: cells, codes: names, metric: metricLabel(metric), top, labels: !small, font: 10,
        height: Math.max(260, Math.min(760, 14 * names.length)) },
      label: `Matrix of ${names.length} languages in ${matrix.model}. ${$("pairs-caption").textContent}`,
    };
  }

  // --- together ---------------------------------------------------------------------------

  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  function show() {
    showBoards();
    if ($("table")) {
      showTable();
      chart(document.querySelector('[data-chart="heat"]'), heat);
    }
    if ($("profile-panels")) profiles();
  }
  if ($("choose")) {
    $("choose").hidden = false;
    $("metric").addEventListener("change", (event) => { state.metric = event.target.value; show(); });
    $("corpus").addEventListener("change", (event) => { state.corpus = Number(event.target.value); show(); });
    $("corpus").parentElement.hidden = D.corpora.length < 2;
  }
  if ($("heat-order")) {
    $("heat-order").addEventListener("change", () => chart(document.querySelector('[data-chart="heat"]'), heat));
  }
  if ($("profile-language")) {
    const codes = [...new Set(D.profiles.flatMap((line) => Object.keys(line.of)))];
    fillSelect($("profile-language"), codes.map((code) => [code, name(code)]).sort((a, b) => a[1].localeCompare(b[1])));
    $("profile-language").addEventListener("change", profiles);
  }
  if ($("scatter-x")) {
    fillSelect($("scatter-x"), [...new Set(D.scatter.map((each) => each.x))].map((each) => [each, each]));
    fillSelect($("scatter-y"), [...new Set(D.scatter.map((each) => each.y))].map((each) => [each, each]));
    $("scatter-x").addEventListener("change", scatter);
    $("scatter-y").addEventListener("change", scatter);
    scatter();
  }
  if ($("pairs-matrix")) {
    fillSelect($("pairs-matrix"), D.pairs.map((each, i) => [i, `${each.model}, ${each.corpus}`]));
    fillSelect($("pairs-metric"), [...new Set(D.pairs.flatMap((each) => Object.keys(each.scores)))]
      .map((each) => [each, metricLabel(each)]));
    const element = document.querySelector('[data-chart="pairs"]');
    for (const id of ["pairs-matrix", "pairs-metric"]) {
      $(id).addEventListener("change", () => chart(element, pairs));
    }
    chart(element, pairs);
  }
  show();
  for (const each of document.querySelectorAll("table.sortable")) {
    new DataTable(each, { paging: false, searching: false, info: false, order: [], autoWidth: false });
  }

  // Paper has all rows that the search and the filters leave.
  let length = 25;
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    if (table) { length = table.page.len(); table.page.len(-1).draw(); }
  });
  window.addEventListener("afterprint", () => { if (table) table.page.len(length).draw(); });
  document.documentElement.dataset.ready = "yes";
})();
