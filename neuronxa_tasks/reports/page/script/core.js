  // --- what all parts share ---------------------------------------------------------------

  const D = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const at = Object.fromEntries(D.metrics.map((name, i) => [name, i]));
  const ENGLISH = "eng_Latn";
  const state = { metric: D.scores[0], corpus: 0, scale: "" };

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
  const name = (code) => (D.names[code] || code);
  const metricLabel = (metric) => D.labels[metric] || metric;
  const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
  function fillSelect(select, pairs) {
    for (const [key, label] of pairs) select.append(make("option", { value: key }, label));
  }

  // --- scores of a row --------------------------------------------------------------------

  const value = (row, metric) => (metric in at ? row.v[at[metric]] : null);
  // Chance and surface are shares of hits: they belong to our scores, and not to other measures.
  const ours = () => (state.metric || "").split("_")[0] in D.scored;
  const chanceOf = (row) => (ours() && row.n ? 1 / (2 * row.n - 1) : null);
  const surfaceOf = (row) => (ours() ? value(row, "surface") : null);
  // English accuracy of the row's model, by which a score is multiplied where that was chosen.
  function factor(row) {
    if (state.scale === "") return 1;
    return (D.benchmarks[Number(state.scale)].v[row.m] || {})[ENGLISH] ?? null;
  }
  function shown(row) {
    const times = factor(row), score = value(row, state.metric);
    return times === null || score === null ? null : times * score;
  }
  function shownEnds(row) {
    const pair = row.i[at[state.metric]], times = factor(row);
    return pair && times !== null ? pair.map((end) => times * end) : null;
  }
  // Whether the interval lies above everything that the score is compared with.
  function clear(row) {
    const pair = row.i[at[state.metric]];
    if (!pair || state.scale !== "") return false;
    const beside = [chanceOf(row), surfaceOf(row), value(row, `${state.metric}_floor`)]
      .filter((each) => each !== null && each !== undefined);
    return beside.length > 0 && beside.every((each) => pair[0] > each);
  }
  const scaleTold = () => (state.scale === "" ? ""
    : `, times the model’s English accuracy in ${D.benchmarks[Number(state.scale)].label}`);
  const rowsNow = () =>
    D.rows.filter((row) => row.c === state.corpus && shown(row) !== null);
  // The end of a scale from 0 on which a bar of the largest score is not tiny.
  const roomFor = (most) => [0.05, 0.1, 0.2, 0.5, 1].find((top) => most <= top + 1e-9) || most;

  // What of the page is in its address: key to how it is read, set, and what it is by default.
  const shared = new Map();
  function share(key, get, set, normal = "") {
    shared.set(key, { get, set, normal });
  }
  function shareSelect(key, id) {
    const select = $(id);
    if (!select) return;
    share(key, () => select.value, (wanted) => {
      if ([...select.options].some((option) => option.value === wanted)) select.value = wanted;
    }, select.value);
  }
