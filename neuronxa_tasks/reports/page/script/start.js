  // --- together ---------------------------------------------------------------------------

  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  const heatChart = document.querySelector('[data-chart="heat"]');
  const familyChart = document.querySelector('[data-chart="families"]');
  const pairsChart = document.querySelector('[data-chart="pairs"]');
  const onChange = (id, action) => $(id).addEventListener("change", () => { action(); remember(); });

  // The score of the other choices follows that at the top of the page, where it can.
  function follow() {
    const wanted = Object.keys(D.label_of).filter((label) => D.label_of[label] === state.metric);
    const choose = (select, values) => {
      const found = select && [...select.options].find((option) => values.includes(option.value));
      if (found) select.value = found.value;
    };
    choose($("scatter-x"), wanted);
    choose($("pairs-metric"), [state.metric]);
  }
  function readChoice() {
    if (!$("choose")) return;
    const base = $("metric").value, best = `${base}_max`;
    $("layers").disabled = !D.scores.includes(best);
    state.metric = $("layers").value === "max" && D.scores.includes(best) ? best : base;
    state.corpus = Number($("corpus").value);
    state.scale = $("scale") ? $("scale").value : "";
  }
  function show() {
    showBoards();
    hint();
    if (table || $("table")) {
      showTable();
      chart(heatChart, heat);
      chart(familyChart, families);
    }
    if ($("profile-panels")) profiles();
    if ($("scatter-x")) scatter();
    if (pairsChart) chart(pairsChart, pairs);
  }
  function choose() {
    readChoice();
    follow();
    show();
  }

  if ($("choose")) {
    $("choose").hidden = false;
    $("corpus").parentElement.hidden = D.corpora.length < 2;
    $("layers").parentElement.hidden = !D.scores.some((each) => each.endsWith("_max"));
    for (const id of ["metric", "layers", "corpus"]) onChange(id, choose);
    shareSelect("score", "metric");
    shareSelect("layers", "layers");
    shareSelect("text", "corpus");
  }
  if ($("scale")) {
    const withEnglish = D.benchmarks.map((each, i) => [i, each]).filter(([, each]) => each.usual
      && Object.values(each.v).some((of) => typeof of[ENGLISH] === "number"));
    fillSelect($("scale"), withEnglish.map(([i, each]) => [i, `× English ${each.label}`]));
    $("scale-label").hidden = !withEnglish.length;
    onChange("scale", choose);
    shareSelect("scale", "scale");
  }
  if ($("heat-order")) {
    onChange("heat-order", () => chart(heatChart, heat));
    shareSelect("order", "heat-order");
    fillSelect($("family-model"), D.models.map((each) => [each, each]));
    onChange("family-model", () => chart(familyChart, families));
    shareSelect("of", "family-model");
  }
  if ($("profile-language")) {
    const codes = [...new Set(D.profiles.flatMap((line) => Object.keys(line.of)))];
    fillSelect($("profile-language"), codes.map((code) => [code, name(code)]).sort((a, b) => a[1].localeCompare(b[1])));
    onChange("profile-language", profiles);
    shareSelect("language", "profile-language");
  }
  if ($("scatter-x")) {
    for (const side of ["x", "y"]) {
      fillSelect($(`scatter-${side}`), [...new Set(D.scatter.map((each) => each[side]))].map((each) => [each, each]));
    }
    $("scatter-y").value = D.open.y;
    for (const side of ["x", "y"]) onChange(`scatter-${side}`, scatter);
  }
  if (pairsChart) {
    fillSelect($("pairs-matrix"), D.pairs.map((each, i) => [i, `${each.model}, ${each.corpus}`]));
    fillSelect($("pairs-metric"), [...new Set(D.pairs.flatMap((each) => Object.keys(each.scores)))]
      .map((each) => [each, metricLabel(each)]));
    for (const id of ["pairs-matrix", "pairs-metric"]) onChange(id, () => chart(pairsChart, pairs));
    shareSelect("matrix", "pairs-matrix");
  }
  readChoice();
  follow();
  shareSelect("x", "scatter-x");
  shareSelect("y", "scatter-y");
  show();
  addSaveButtons([...document.querySelectorAll("figure")].filter((each) => !each.closest(".panels")));
  addTableButtons();
  for (const each of document.querySelectorAll("table.sortable")) {
    new DataTable(each, { paging: false, searching: false, info: false, order: [], autoWidth: false });
  }

  for (const box of document.querySelectorAll(".tablebox")) box.querySelector(".scroll").before(hintFor());
  window.addEventListener("resize", hint);
  document.addEventListener("toggle", hint, true); // what was folded has no width
  hint();

  function arrive() {
    if (recall()) {
      const x = $("scatter-x") && $("scatter-x").value;
      choose();
      if (x && parts().chosen.has("x")) { $("scatter-x").value = x; scatter(); }
      if (table) { for (const key of FILTERS) filter(key); table.draw(); }
    }
    goTo(parts().section);
  }
  window.addEventListener("hashchange", () => {
    if (parts().chosen.size) arrive();
    else remember(parts().section); // a link inside the page keeps what was chosen
  });
  if (location.hash) arrive();

  // Paper has all rows that the search and the filters leave, and as many columns as fit.
  const MOST_ON_PAPER = 16;
  let length = 25, off = [];
  window.addEventListener("beforeprint", () => {
    if (!table) return;
    length = table.page.len();
    const there = COLUMNS.map((_, i) => i).filter((i) => table.column(i).visible());
    off = there.filter((i) => COLUMNS[i].key === "bar")
      .concat(there.filter((i) => COLUMNS[i].key !== "bar").slice(MOST_ON_PAPER));
    for (const i of off) table.column(i).visible(false, false);
    const lost = off.filter((i) => COLUMNS[i].key !== "bar").map((i) => COLUMNS[i].title);
    if (lost.length) $("table-caption").textContent += ` Not on paper: ${lost.join(", ")}.`;
    table.page.len(-1).draw();
  });
  window.addEventListener("afterprint", () => {
    if (!table) return;
    for (const i of off) table.column(i).visible(true, false);
    off = [];
    table.page.len(length).draw();
    $("table-caption").textContent = captionOf(rowsNow());
  });
  document.documentElement.dataset.ready = "yes";
