  // --- models, and the rows of tables that belong to one score -----------------------------

  function showBoards() {
    for (const board of document.querySelectorAll(".board")) {
      board.hidden = !(board.dataset.metric === state.metric
        && board.dataset.corpus === D.corpora[state.corpus]);
    }
    const told = [...document.querySelectorAll(".example")];
    const now = told.find((each) => each.dataset.metric === state.metric);
    for (const each of told) each.hidden = each !== (now || told[told.length - 1]);
    showRowsOfScore();
    later();
  }
  const stem = (metric) => metric.replace(/_max$/, "");
  function showRowsOfScore() {
    let some = false;
    for (const row of document.querySelectorAll("#correlations tr[data-metric], #covariates tr[data-metric]")) {
      row.hidden = row.dataset.metric !== "" && row.dataset.metric !== state.metric
        && !($("r-all") && $("r-all").checked);
      some = some || !row.hidden;
    }
    if ($("r-none")) $("r-none").hidden = some;
    for (const row of document.querySelectorAll("#controls tr[data-metric]")) {
      row.hidden = row.dataset.metric !== stem(state.metric) && stem(state.metric) in D.scored;
    }
    for (const row of document.querySelectorAll("#pivots tr[data-metric]")) {
      row.hidden = row.dataset.metric !== state.metric;
    }
  }
  if ($("r-all")) {
    // Tables without any of our scores (benchmark against benchmark) have nothing to choose.
    $("r-all").addEventListener("change", () => { showRowsOfScore(); remember(); });
    share("all", () => ($("r-all").checked ? "1" : ""), (wanted) => { $("r-all").checked = wanted === "1"; });
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
        values: { ranks: entries, marks, top: most || 1,
          low: Math.min(0, ...entries.map((e) => e.low ?? e.mean), ...marks.map((m) => m.value)), height: 28 * entries.length,
          metric: metricLabel(board.metric) },
        label: `Mean ${metricLabel(board.metric)} of ${entries.length} models: `
          + entries.map((e) => `${e.model} ${number(e.mean)} ${ends([e.low, e.high])}, rank ${e.rank}`).join("; "),
      };
    });
  }
