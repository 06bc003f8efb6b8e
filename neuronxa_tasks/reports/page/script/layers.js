  // --- layers -----------------------------------------------------------------------------

  function representation() {
    const named = Object.keys(D.representations).find((what) => (state.metric || "").endsWith(`_${what}`));
    return named || D.scored[(state.metric || "").split("_")[0]] || "nas";
  }
  // Thousandths in two digits of base 32 each, as shares.
  const unpacked = (digits) => Array.from({ length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 32) / 1000);
  function profiles() {
    const box = $("profile-panels"), chosen = $("profile-language").value;
    const lines = D.profiles.filter((line) => line.c === state.corpus);
    const top = Math.max(0.01, ...lines.flatMap((line) => chosen
      ? unpacked(line.of[chosen] || "") : line.high));
    const models = [...new Set(lines.map((line) => line.m))];
    box.replaceChildren(...models.map((model) => {
      const mine = lines.filter((line) => line.m === model);
      const element = make("div", { class: "chart", "data-name": `layers ${D.models[model]}` });
      const points = mine.flatMap((line) => {
        const what = D.representations[line.what] || line.what;
        if (!chosen) {
          return line.mean.map((mean, i) => ({ what, layer: line.first + i, mean,
            low: line.low[i], high: line.high[i] }));
        }
        return unpacked(line.of[chosen] || "").map((rate, i) => ({ what, layer: line.first + i,
          mean: rate, low: rate, high: rate }));
      });
      chart(element, () => (points.length ? {
        template: "profile",
        values: { profile: points, top, height: 170,
          band: points.filter((point) => point.what === D.representations[representation()]) },
        label: `Layer profile of ${D.models[model]}${chosen ? ` in ${name(chosen)}` : ", mean over languages"}: `
          + mine.map((line) => {
            const rates = chosen ? unpacked(line.of[chosen] || "") : line.mean;
            const best = rates.indexOf(Math.max(...rates));
            return `${D.representations[line.what] || line.what} peaks at ${number(rates[best])} in layer ${line.first + best}`;
          }).join(", "),
      } : null));
      return make("figure", {}, make("h3", {}, D.models[model]), element);
    }));
    addSaveButtons(box.querySelectorAll("figure"));
  }

  // --- scatter ----------------------------------------------------------------------------

  const keyOf = (row) => `${row.m} ${row.c} ${row.l}`;
  const byKey = new Map(D.rows.map((row) => [keyOf(row), row]));
  function scoreOf(from, model, code) {
    if (from.length === 1) return (D.benchmarks[from[0]].v[model] || {})[code] ?? null;
    const row = byKey.get(`${model} ${from[0]} ${code}`);
    return row ? row.v[from[1]] : null;
  }
  // Points with their labels, as far as these lie on no other label and on no other point.
  function labelled(points, pair, width, height) {
    const [x0, x1] = pair.xd, [y0, y1] = pair.yd;
    const placed = points.map((point) => ({
      ...point,
      left: ((point.x - x0) / (x1 - x0)) * width, up: ((point.y - y0) / (y1 - y0)) * height,
    }));
    const boxes = [];
    return placed.sort((a, b) => b.up - a.up).map((point) => {
      const text = D.short[point.code] || point.code;
      const box = [point.left + 3, point.up - 3, point.left + 6 + 7 * text.length, point.up + 11];
      const free = box[2] <= width + 12 && placed.every((other) => other === point
        || other.left < box[0] - 2 || other.left > box[2] || other.up < box[1] || other.up > box[3])
        && boxes.every((other) => other[0] > box[2] || other[2] < box[0] || other[1] > box[3] || other[3] < box[1]);
      if (free) boxes.push(box);
      return { language: name(point.code), short: free ? text : "", x: point.x, y: point.y };
    });
  }
  function scatter() {
    const pair = D.scatter.find((each) => each.x === $("scatter-x").value && each.y === $("scatter-y").value);
    const panels = pair ? pair.panels : [];
    $("scatter-panels").replaceChildren(...panels.map((panel) => {
      const points = Object.keys(D.languages).filter((code) => !D.excluded.includes(code))
        .map((code) => ({ code, x: scoreOf(pair.from[0], panel.m, code), y: scoreOf(pair.from[1], panel.m, code) }))
        .filter((point) => point.x !== null && point.y !== null);
      const said = panel.r === null ? `no correlation: ${panel.why}`
        : `r = ${number(panel.r, 2)} ${ends([panel.low, panel.high], 2)}, n = ${panel.n}`;
      const element = make("div", { class: "chart", "data-name": `${pair.y} against ${pair.x} ${D.models[panel.m]}` });
      chart(element, () => ({
        template: "scatter",
        values: {
          points: labelled(points, pair, element.clientWidth - 60, 170),
          chances: pair.chance === null ? [] : [{ y: pair.chance }], band: panel.band.map(([x, y, low, high]) => ({ x, y, low, high })),
          x: pair.x, y: pair.y, x0: pair.xd[0], x1: pair.xd[1], y0: pair.yd[0], y1: pair.yd[1],
          height: 230,
        },
        label: `Scatter plot of ${pair.y} against ${pair.x} in ${D.models[panel.m]}, ${points.length} languages: ${said}`,
      }));
      return make("figure", {}, make("h3", {}, D.models[panel.m]), element, make("figcaption", {}, said));
    }));
    addSaveButtons($("scatter-panels").querySelectorAll("figure"));
  }
