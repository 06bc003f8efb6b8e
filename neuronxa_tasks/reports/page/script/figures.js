  // --- heat map ---------------------------------------------------------------------------

  const STEP = 34; // pixels that a number needs
  function heat(element) {
    const rows = rowsNow();
    if (!rows.length) return null;
    const order = $("heat-order").value;
    const means = new Map();
    for (const row of rows) {
      const found = means.get(row.l) || [0, 0];
      means.set(row.l, [found[0] + shown(row), found[1] + 1]);
    }
    const meanOf = (code) => means.get(code)[0] / means.get(code)[1];
    const place = { name: -1, script: 1, family: 2 }[order];
    const codes = [...means.keys()].sort((a, b) => {
      if (order === "mean") return meanOf(b) - meanOf(a) || (a < b ? -1 : 1);
      const [one, other] = [a, b].map((code) => place > 0 ? D.languages[code][place] : "");
      return one.localeCompare(other) || name(a).localeCompare(name(b));
    });
    const top = Math.max(...rows.map(shown)) || 1;
    const models = [...new Set(rows.map((row) => row.m))].sort((a, b) => a - b);
    element.toggleAttribute("data-many", models.length > 12);
    const narrow = (element.clientWidth - 160) / models.length < STEP; // then it scrolls sideways
    element.toggleAttribute("data-wide", narrow);
    return {
      template: "heat",
      values: {
        cells: rows.map((row) => ({
          language: name(row.l), code: row.l, model: D.models[row.m], n: row.n,
          value: shown(row), dark: shown(row) < 0.55 * top,
          floor: value(row, `${state.metric}_floor`), surface: surfaceOf(row),
        })),
        models: models.map((i) => D.models[i]), order: codes.map(name), top,
        metric: metricLabel(state.metric) + scaleTold(), height: 17 * codes.length,
        ...(narrow ? { width: { step: STEP } } : {}),
        angle: (element.clientWidth - 160) / models.length < 120 ? -35 : 0,
      },
      label: `Heat map of ${metricLabel(state.metric)}${scaleTold()}: ${codes.length} languages by `
        + `${models.length} models, from ${number(meanOf(codes[codes.length - 1]))} to ${number(top)}. `
        + "The table above has the same numbers.",
    };
  }

  // --- families ---------------------------------------------------------------------------

  function families() {
    const model = $("family-model").value;
    const rows = rowsNow().filter((row) => model === "" || D.models[row.m] === model);
    if (!rows.length) return null;
    const byLanguage = new Map();
    for (const row of rows) byLanguage.set(row.l, [...(byLanguage.get(row.l) || []), shown(row)]);
    const byFamily = new Map();
    for (const [code, scores] of byLanguage) {
      const family = D.languages[code][2] || "not in the table";
      byFamily.set(family, [...(byFamily.get(family) || []), { code, value: mean(scores) }]);
    }
    const told = [...byFamily].map(([family, of]) => ({ family: `${family} (${of.length})`,
      mean: mean(of.map((each) => each.value)), languages: of.length, of }));
    told.sort((a, b) => b.mean - a.mean);
    const points = told.flatMap(({ family, of }) => of.map((each) => (
      { family, language: name(each.code), code: each.code, value: each.value })));
    return {
      template: "families",
      values: { points, means: told.map(({ family, mean: middle, languages }) => ({ family, mean: middle, languages })),
        order: told.map((each) => each.family), low: Math.min(0, ...points.map((point) => point.value)), top: Math.max(...points.map((point) => point.value)) || 1,
        metric: metricLabel(state.metric) + scaleTold(), height: 26 * told.length },
      label: `${metricLabel(state.metric)}${scaleTold()} by family, ${model || "mean over models"}: `
        + told.map((each) => `${each.family} ${number(each.mean)}`).join("; "),
    };
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
      values: { pairs: cells, codes: names, metric: metricLabel(metric), top, labels: !small,
        height: Math.max(260, Math.min(760, 14 * names.length)) },
      label: `Matrix of ${names.length} languages in ${matrix.model}. ${$("pairs-caption").textContent}`,
    };
  }
