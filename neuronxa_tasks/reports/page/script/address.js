  // --- the address: what a reader has chosen, so that a view can be linked ------------------

  // `#languages&score=mexa&model=a`: the section first, then what differs from a fresh page.
  const parts = () => decodeFragment(location.hash.slice(1).split("&").filter(Boolean));
  function decodeFragment(words) {
    const found = { section: "", chosen: new Map() };
    for (const word of words) {
      const cut = word.indexOf("=");
      try {
        if (cut < 0) found.section = decodeURIComponent(word);
        else found.chosen.set(decodeURIComponent(word.slice(0, cut)), decodeURIComponent(word.slice(cut + 1)));
      } catch { /* not ours */ }
    }
    return found;
  }
  let reading = false; // while choices are read from the address, nothing is written to it
  function remember(section = parts().section) {
    if (reading) return;
    const words = section ? [encodeURIComponent(section)] : [];
    for (const [key, { get, normal }] of shared) {
      const now = get();
      if (now !== normal) words.push(`${key}=${encodeURIComponent(now)}`);
    }
    const address = words.length ? `#${words.join("&")}` : location.pathname;
    try { history.replaceState(null, "", address); } catch { /* a place without addresses */ }
  }
  // Sets every choice to that of the address, or to what it is on a fresh page.
  function recall() {
    const { chosen } = parts();
    reading = true;
    for (const [key, { set, normal }] of shared) set(chosen.has(key) ? chosen.get(key) : normal);
    reading = false;
    return chosen.size > 0;
  }
  function goTo(section) {
    const target = section && $(section);
    if (target) target.scrollIntoView();
  }
