/* Shortcuts: one key each, never while something is typed, and only for whoever has not turned them off
   (docs/frame.md 10). A long list can be skipped too. */
(() => {
  "use strict";

  const list = document.getElementById("keys");
  const isOn = document.getElementById("keys-on");
  const LONG = 20; // rows that nobody wants to pass one by one
  let from = null; // what had the focus before the list of shortcuts

  const isSeen = (one) => one.checkVisibility();
  const rows = () => [...document.querySelectorAll("#content .rowlink")].filter(isSeen);
  const search = () => [...document.querySelectorAll("#content input[type=search]")].find(isSeen);

  function moveBy(step) {
    const all = rows();
    const row = document.activeElement.closest?.("tr");
    const at = all.findIndex((one) => one === document.activeElement || (row && row.contains(one)));
    all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
    return all.length > 0;
  }

  function findWords() {
    const field = search();
    const fold = field ? null : document.querySelector("#content details:has(input[type=search])");
    if (fold) fold.open = true;
    (field ?? search())?.focus();
    return Boolean(field ?? fold);
  }

  function showList(isShown) {
    if (isShown) from = document.activeElement;
    list.hidden = !isShown;
    (isShown ? list.querySelector("h2") : from)?.focus({ preventScroll: true });
    return true;
  }

  const KEYS = { "/": findWords, "?": () => showList(list.hidden), j: () => moveBy(1), k: () => moveBy(-1) };
  const TEXT = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
  const isTyping = (target) => target.closest(TEXT);

  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, isComposing } = event;
    if (key === "Escape" && !list.hidden) return void showList(false);
    if (ctrlKey || metaKey || altKey || isComposing || !isOn.checked || isTyping(target)) return;
    if (Object.hasOwn(KEYS, key) && KEYS[key]()) event.preventDefault();
  });
  list.addEventListener("click", ({ target }) => { if (target.closest("[data-keys-close]")) showList(false); });
  document.addEventListener("click", ({ target }) => { if (target.closest("[data-keys-open]")) showList(true); });

  /* A way past a long list, before it; it is seen as soon as it has the focus. */

  function addWayPast() {
    for (const table of document.querySelectorAll("#content .table--rows")) {
      if (table.rows.length < LONG || table.previousElementSibling?.matches(".skip")) continue;
      const end = Object.assign(document.createElement("span"), { tabIndex: -1, id: `past-${table.rows.length}` });
      const way = Object.assign(document.createElement("a"), { className: "skip", textContent: list.dataset.skip });
      way.href = `#${end.id}`;
      way.addEventListener("click", (event) => {
        event.preventDefault();
        event.stopPropagation();
        end.focus();
        end.scrollIntoView({ block: "center" });
      });
      table.before(way);
      table.after(end);
    }
  }
  document.addEventListener("htmx:afterSettle", addWayPast);
  addWayPast();
})();
