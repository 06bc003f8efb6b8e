  // --- theme ------------------------------------------------------------------------------

  const themes = ["auto", "light", "dark"];
  function setTheme(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    $("theme").replaceChildren(make("span", { class: "more" }, "Theme: "), theme);
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
  const CANVAS = { ...LOOK, ink: "#7b8695", muted: "#7b8695", grid: "#7b869555", page: "transparent",
    accent: "#4a90d0" };
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
  function specOf(prepared, look) {
    const { template, values, label } = prepared;
    const spec = fill({ ...D.charts[template], config: D.config }, { ...look, ...values });
    if (values.angle) spec.padding = { left: 5, top: 5, right: 50, bottom: 5 }; // slanted names
    spec.config.aria = false; // the element itself says what it shows
    spec.description = label;
    return spec;
  }
  // `ast`: expressions are interpreted, so that the page needs no leave to evaluate code.
  const HOW = { mode: "vega-lite", actions: false, ast: true, defaultStyle: false,
    tooltip: { disableDefaultStyle: true } };

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
    const shapes = prepared.values.pairs || prepared.values.cells || [];
    const many = shapes.length > (prepared.values.cells ? MOST_SHAPES / 2 : MOST_SHAPES);
    const spec = specOf(prepared, many ? CANVAS : LOOK);
    if (prepared.template === "profile") spec.config.legend.disable = true; // one for all panels
    if (element.vega) element.vega.finalize();
    element.vega = await vegaEmbed(element, spec, { ...HOW, renderer: many ? "canvas" : "svg" });
    for (const inner of element.children) inner.setAttribute("aria-hidden", "true");
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", prepared.label); // the drawing code has put its own
    element.dataset.drawn = "yes";
  }
