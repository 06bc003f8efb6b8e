  // --- the language table -----------------------------------------------------------------

  let table = null;
  let picked = null; // columns as the reader has picked them; before that, what says something
  function visibleNow(rows) {
    const same = constants(rows);
    return COLUMNS.map(({ key }) => {
      if (ALWAYS.includes(key)) return true;
      if (picked) return picked.has(key);
      return !same.has(key) && !AT_FIRST_HIDDEN.includes(key);
    });
  }
  function captionOf(rows) {
    const same = constants(rows), told = [];
    for (const [key, [title, found]] of same) {
      if (found === null || found === undefined || found === "" || key === "file") continue;
      told.push(key === "n" ? `n = ${found}`
        : `${title.toLowerCase()} ${typeof found === "number" ? number(found) : found}`);
    }
    const absent = ["floor", "surface"].filter((key) => same.has(key) && same.get(key)[1] === null);
    return `${metricLabel(state.metric)} on ${D.corpora[state.corpus]}${scaleTold()}.`
      + (told.length ? ` In every row: ${told.join(", ")}.` : "")
      + (absent.length ? ` Not measured: ${absent.join(", ")}.` : "")
      + (state.scale === "" ? "" : " Ranks, controls and correlations are those of the score itself.");
  }
  function showColumns(rows) {
    visibleNow(rows).forEach((wanted, i) => {
      if (table.column(i).visible() !== wanted) table.column(i).visible(wanted, false);
    });
    table.columns.adjust();
    $("table-caption").textContent = captionOf(rows);
    for (const box of $("picker").querySelectorAll("input")) {
      box.checked = table.column(columnAt(box.value)).visible();
    }
    hint();
  }
  // Says that a table goes on to the right, where the eye cannot know.
  const hintFor = () => make("p", { class: "hint", hidden: "" }, "More columns to the right →");
  function hint() {
    for (const told of document.querySelectorAll(".hint")) {
      const wide = told.parentElement.querySelector(".scroll, .dt-layout-table");
      told.hidden = wide.scrollWidth <= wide.clientWidth + 1;
    }
  }
  function showTable() {
    const rows = rowsNow();
    barTop = roomFor(Math.max(0, ...rows.map(shown)));
    if (table) {
      table.clear().rows.add(rows).draw();
      showColumns(rows);
      return;
    }
    const visible = visibleNow(rows);
    table = new DataTable("#table", {
      data: rows, columns: COLUMNS.map(({ key, get, title, ...column }, i) => ({ ...column, visible: visible[i], title: escaped(title).replaceAll("_", "_<wbr>") })),
      order: [[columnAt("score"), "desc"]], autoWidth: false, deferRender: true,
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
    wide.before(hintFor());
    fillFilters();
    fillPicker();
    showColumns(rows);
    table.on("order.dt search.dt", () => remember());
  }

  // --- filters and columns ----------------------------------------------------------------

  const FILTERS = ["model", "script", "family"];
  function filter(key) {
    const wanted = $(`f-${key}`).value;
    return table.column(columnAt(key)).search.fixed("chosen", wanted ? (cell) => cell === wanted : null);
  }
  function fillFilters() {
    const facts = (i) => [...new Set(D.rows.map((row) => D.languages[row.l][i]))]
      .filter(Boolean).sort().map((each) => [each, each]);
    fillSelect($("f-model"), D.models.filter((_, i) => D.rows.some((row) => row.m === i))
      .map((each) => [each, each]));
    fillSelect($("f-script"), facts(1));
    fillSelect($("f-family"), facts(2));
    for (const key of FILTERS) {
      $(`f-${key}`).addEventListener("change", () => { filter(key).draw(); remember(); });
      shareSelect(key, `f-${key}`);
    }
    $("f-clear").addEventListener("click", () => {
      for (const key of FILTERS) { $(`f-${key}`).value = ""; filter(key); }
      table.search("").draw();
      remember();
    });
    share("q", () => table.search(), (wanted) => table.search(wanted));
    share("sort", () => {
      const [order] = table.order();
      return order ? `${COLUMNS[order[0]].key}.${order[1]}` : "";
    }, (wanted) => {
      const cut = wanted.lastIndexOf("."), i = columnAt(wanted.slice(0, cut)), way = wanted.slice(cut + 1);
      if (i >= 0 && ["asc", "desc"].includes(way)) table.order([[i, way]]);
    }, "score.desc");
  }
  function fillPicker() {
    const box = $("picker").querySelector("fieldset");
    for (const { key, title } of COLUMNS) {
      if (ALWAYS.includes(key)) continue;
      const input = make("input", { type: "checkbox", value: key });
      input.addEventListener("change", () => {
        picked = new Set([...box.querySelectorAll("input:checked")].map((each) => each.value));
        showColumns(rowsNow());
        remember();
      });
      box.append(make("label", {}, input, title));
    }
    document.addEventListener("click", (event) => {
      if (!$("picker").contains(event.target)) $("picker").open = false;
    });
    share("columns", () => (picked ? [...picked].join("~") || "-" : ""), (wanted) => {
      picked = wanted ? new Set(wanted.split("~").filter((key) => columnAt(key) >= 0)) : null;
    });
  }
