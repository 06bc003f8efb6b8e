  // --- every table as CSV, every chart as SVG and PNG ---------------------------------------

  function save(blob, file) {
    const link = make("a", { href: URL.createObjectURL(blob), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  const fileName = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 80);

  // A spreadsheet computes a cell that begins like a formula, so such a text has an apostrophe.
  function cell(found) {
    if (found === null || found === undefined) return "";
    let told = typeof found === "boolean" || typeof found === "number" ? String(found) : found;
    if (typeof found === "string" && /^\s*[=+\-@＝＋－＠]/.test(told) && Number.isNaN(Number(told))) told = `'${told}`;
    return /[",\n\r]/.test(told) ? `"${told.replaceAll('"', '""')}"` : told;
  }
  const csv = (lines) => new Blob(["\ufeff", lines.map((line) => line.map(cell).join(",")).join("\r\n"), "\r\n"],
    { type: "text/csv;charset=utf-8" });

  // The language table: all its rows that the search and the filters leave, with every column.
  function languagesAsCsv() {
    const head = ["code", "name", "text", "score_name", "scaled_by"];
    const parts = COLUMNS.filter((column) => column.get && column.key !== "language");
    for (const { key, title } of parts) {
      if (key === "interval") head.push("low", "high", "above_all");
      else head.push(title);
    }
    const lines = table.rows({ search: "applied", order: "applied" }).data().toArray().map((row) => {
      const line = [row.l, name(row.l), D.corpora[row.c], state.metric,
        state.scale === "" ? "" : `English accuracy in ${D.benchmarks[Number(state.scale)].label}`];
      for (const { key, get } of parts) {
        if (key === "interval") line.push(...(get(row) || ["", ""]), get(row) ? clear(row) : "");
        else line.push(get(row));
      }
      return line;
    });
    return [head, ...lines];
  }
  // Any other table as it is shown: a range becomes two cells, a minus sign an ASCII one.
  function tableAsCsv(element) {
    const head = [...element.querySelectorAll("thead th")].map((each) => each.textContent.trim());
    const rows = [...element.querySelectorAll("tbody tr")].filter((row) => !row.hidden)
      .map((row) => [...row.children].map((each) => {
        const told = (each.dataset.full || each.textContent).replace(/\s+/g, " ").trim();
        const range = told.match(/^\[(\S+), (\S+)\]$/);
        const plain = (part) => (part === "–" ? "" : /^[−.\d]+$/.test(part) ? part.replace("−", "-") : part);
        return range ? range.slice(1).map(plain) : plain(told.replace(/ \*$/, ""));
      }));
    const ranges = head.map((_, i) => rows.some((row) => Array.isArray(row[i])));
    const wide = (line, split) => line.flatMap((each, i) => (ranges[i] ? split(each) : [each]));
    return [wide(head, (each) => [`${each} low`, `${each} high`]),
      ...rows.map((row) => wide(row, (each) => (Array.isArray(each) ? each : ["", ""])))];
  }

  async function chartFile(element, kind) {
    const prepared = charts.get(element)(element);
    const box = make("div", { class: "offstage" });
    document.body.append(box);
    const spec = specOf(prepared, { ...D.paper, width: Math.max(320, element.clientWidth - 120) });
    const { view } = await vegaEmbed(box, spec, { ...HOW, renderer: kind === "svg" ? "svg" : "canvas" });
    const file = `${fileName(`${element.dataset.name || element.dataset.chart} ${metricLabel(state.metric)}`)}.${kind}`;
    if (kind === "svg") save(new Blob([await view.toSVG()], { type: "image/svg+xml" }), file);
    else (await view.toCanvas(2)).toBlob((blob) => save(blob, file), "image/png");
    view.finalize();
    box.remove();
  }
  function saveButton(kind, what, action) {
    const button = make("button", { type: "button", class: "save", "aria-label": `${what} as ${kind}` }, kind);
    button.addEventListener("click", action);
    return button;
  }
  function addSaveButtons(figures) {
    for (const figure of figures) {
      const element = figure.querySelector(".chart");
      const what = figure.querySelector("h3")?.textContent || `Chart of ${element.dataset.chart}`;
      figure.append(make("div", { class: "saves" },
        saveButton("SVG", what, () => chartFile(element, "svg")),
        saveButton("PNG", what, () => chartFile(element, "png"))));
    }
  }
  function addTableButtons() {
    for (const element of document.querySelectorAll("table[data-name]")) {
      const own = element.id === "table";
      const button = saveButton("CSV", `Table ${element.dataset.name}`,
        () => save(csv(own ? languagesAsCsv() : tableAsCsv(element)), `${element.dataset.name}.csv`));
      if (own) $("f-clear").after(button);
      else element.closest(".tablebox").querySelector(".caption").append(" ", button);
    }
  }
