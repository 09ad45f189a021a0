(() => {
  const filters = document.getElementById("filters");
  const words = document.getElementById("words");
  const none = document.getElementById("none");
  const cards = [...document.querySelectorAll("#questions article")];
  const buttons = [...filters.querySelectorAll("button")];
  const selects = [...filters.querySelectorAll("select")];
  const keys = cards.map((card) => new Set((card.dataset.keys || "").split(" ")));
  let change = "";
  const apply = () => {
    const wanted = words.value.toLowerCase();
    const chosen = selects.map((select) => select.value).filter(Boolean);
    let shown = 0;
    cards.forEach((card, i) => {
      const hit = (!change || card.dataset.change === change)
        && chosen.every((key) => keys[i].has(key))
        && (!wanted || card.textContent.toLowerCase().includes(wanted));
      card.hidden = !hit;
      shown += hit;
    });
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.change === change));
    for (const s of selects) s.classList.toggle("on", s.value !== "");
    document.getElementById("shown").textContent = `${shown} of ${cards.length} questions`;
    none.hidden = shown > 0;
  };
  const reset = () => {
    change = "";
    words.value = "";
    for (const select of selects) select.value = "";
    apply();
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      change = button.dataset.change;
      apply();
    });
  }
  for (const select of selects) select.addEventListener("change", apply);
  words.addEventListener("input", apply);
  for (const link of document.querySelectorAll("a[data-key], a[data-change]")) {
    link.addEventListener("click", () => {
      const { key } = link.dataset;
      reset();
      change = link.dataset.change || "";
      const select = key && selects.find((s) => [...s.options].some((o) => o.value === key));
      if (select) select.value = key;
      apply();
    });
  }
  // A link to one question must reach it, whatever is filtered.
  const reveal = () => {
    const card = cards.find((c) => "#" + c.id === location.hash);
    if (card && card.hidden) {
      reset();
      card.scrollIntoView();
    }
  };
  window.addEventListener("hashchange", reveal);
  filters.hidden = false;
  apply();
  reveal();
})();
