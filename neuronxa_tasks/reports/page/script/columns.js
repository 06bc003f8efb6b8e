  // --- columns of the language table: name, what is shown, what is sorted and saved ---------

  let barTop = 1;
  function bar(row) {
    const x = (score) => (100 * Math.max(0, Math.min(1, score / barTop))).toFixed(1);
    const score = shown(row), pair = shownEnds(row);
    const line = (key, mark) => mark === null || state.scale !== "" ? ""
      : `<line class="${key}" x1="${x(mark)}" x2="${x(mark)}" y1="1" y2="15"/>`;
    return '<svg class="cellbar" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">'
      + '<rect class="track" x="0" y="3" width="100" height="10"/>'
      + `<rect class="fill" x="0" y="3" width="${x(score)}" height="10"/>`
      + (pair ? `<line class="ends" x1="${x(pair[0])}" x2="${x(pair[1])}" y1="8" y2="8"/>` : "")
      + line("surface", surfaceOf(row))
      + line("floor", value(row, `${state.metric}_floor`)) + "</svg>";
  }
  // `get` gives the raw value: it is what is sorted by, and what a download holds.
  const text = (key, title, get) => ({
    key, title, get, type: "string",
    render: (_, kind, row) => (kind === "display" ? escaped(get(row)) : get(row)),
  });
  const numeric = (key, title, get, digits = 3) => ({
    key, title, get, type: "num", className: "num",
    render: (_, kind, row) => {
      const found = get(row);
      if (kind === "display") return number(found, digits);
      return found === null || found === undefined ? -1 : found;
    },
  });
  const extras = [
    ...D.benchmarks.filter((each) => each.usual).map((each) => [each.label,
      (row) => (each.v[row.m] || {})[row.l] ?? null]),
    ...D.extra.map((each) => [each.label, (row) => each.v[row.l] ?? null]),
  ].map(([label, get]) => (D.rows.some((row) => typeof get(row) === "string")
    ? text(label, label, (row) => get(row) ?? "") : numeric(label, label, get)));
  const COLUMNS = [
    { key: "language", title: "Language", type: "string", get: (row) => row.l,
      render: (_, kind, row) => (kind === "display"
        ? `${escaped(name(row.l))} <span class="sub">${escaped(row.l)}</span>` : `${name(row.l)} ${row.l}`) },
    text("model", "Model", (row) => D.models[row.m]),
    { ...numeric("score", "Score", shown), className: "num strong" },
    { key: "bar", title: "Bar", type: "num", orderable: false, searchable: false, get: null,
      render: (_, kind, row) => (kind === "display" ? bar(row) : shown(row)) },
    { key: "interval", title: "Interval", type: "num", className: "num", get: shownEnds,
      render: (_, kind, row) => {
        const pair = shownEnds(row);
        if (kind !== "display") return pair ? pair[0] : -1;
        return ends(pair) + (pair && clear(row) ? '<span class="mark" title="above chance, surface and floor">*</span>' : "");
      } },
    numeric("above", "Above floor", (row) => value(row, `${state.metric}_above_floor`)),
    numeric("floor", "Floor", (row) => value(row, `${state.metric}_floor`)),
    numeric("surface", "Surface", surfaceOf),
    numeric("chance", "Chance", chanceOf),
    numeric("n", "n", (row) => row.n, 0),
    ...extras,
    numeric("tokens", "Tokens ratio", (row) => row.t, 2),
    text("script", "Script", (row) => D.languages[row.l][1]),
    text("family", "Family", (row) => D.languages[row.l][2]),
    { key: "file", title: "File", type: "num", className: "num", get: (row) => D.files[row.f],
      render: (_, kind, row) => (kind === "display"
        ? `<a href="#file-${row.f + 1}">${row.f + 1}</a>` : row.f + 1) },
  ];
  const ALWAYS = ["language", "score"];
  const AT_FIRST_HIDDEN = ["script", "family", "file"];
  const columnAt = (key) => COLUMNS.findIndex((column) => column.key === key);

  // A column with the same value in every row says it once, in the caption.
  function constants(rows) {
    const found = new Map();
    for (const { key, title, get } of COLUMNS) {
      if (!["model", "chance", "n", "file", ...extras.map((each) => each.key)].includes(key)
        && !["above", "floor", "surface", "tokens"].includes(key)) continue;
      const first = rows.length ? get(rows[0]) : null;
      if (rows.every((row) => get(row) === first)) found.set(key, [title, first]);
    }
    return found;
  }
