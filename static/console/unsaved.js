/* Unsaved changes: a form with `data-unsaved` has a dock that saves or discards, and is not left by accident
   (docs/frame.md 10). Questions are asked in place: a frame's own windows show our host, or nothing. */
(() => {
  "use strict";

  const dock = document.getElementById("dock");
  const asking = dock.querySelectorAll("[data-asking]");
  let goOn = null; // what was held back
  let shown = location.pathname + location.search;

  const isChoiceChanged = ({ options }) => {
    const first = [...options].some((one) => one.defaultSelected) ? null : options[0];
    return [...options].some((one) => one.selected !== (one.defaultSelected || one === first));
  };

  function isChanged(field) {
    if (field.disabled || !field.name) return false;
    switch (field.type) {
      case "checkbox": case "radio": return field.checked !== field.defaultChecked;
      case "select-one": return isChoiceChanged(field);
      case "select-multiple": return [...field.options].some((one) => one.selected !== one.defaultSelected);
      case "file": return field.files.length > 0;
      case "hidden": case "submit": case "button": case "fieldset": case "output": return false;
      default: return field.value !== field.defaultValue;
    }
  }

  // A form that came back with errors holds what was typed as if it had been stored.
  const isRefused = (form) => form.querySelector("[aria-invalid=true]") !== null;
  const isDirty = (form) => isRefused(form) || [...form.elements].some(isChanged);
  const dirtyForm = () => [...document.querySelectorAll("form[data-unsaved]")].find(isDirty);

  function update() {
    const isNeeded = Boolean(dirtyForm());
    if (dock.hidden === isNeeded) dock.hidden = !isNeeded;
    if (!isNeeded || !goOn) ask(null);
  }

  function ask(next) {
    goOn = next;
    for (const one of asking) one.hidden = !next;
    dock.classList.toggle("dock--asking", Boolean(next));
    if (next) dock.querySelector("[data-dock=keep]").focus({ preventScroll: true });
  }

  // Before anybody else hears of it: what would replace the form waits for an answer, what belongs to it does not.
  window.addEventListener("htmx:confirm", (event) => {
    const { elt, target, triggeringEvent, issueRequest } = event.detail;
    const form = dirtyForm();
    if (!form || !triggeringEvent || !target?.contains?.(form) || elt === form || form.contains(elt)) return;
    if (elt.form === form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    update();
    ask(() => issueRequest(true));
  }, true);

  window.addEventListener("htmx:historyCacheMiss", (event) => {
    if (!dirtyForm()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { path } = event.detail;
    history.pushState({ htmx: true }, "", shown);
    update();
    ask(() => window.htmx.ajax("GET", path, { target: "#content", push: path }));
  }, true);

  dock.addEventListener("click", ({ target }) => {
    const form = dirtyForm();
    const next = goOn;
    switch (target.closest("[data-dock]")?.dataset.dock) {
      case "save":
        ask(null);
        form?.requestSubmit();
        break;
      case "keep":
        ask(null);
        form?.querySelector("input:not([type=hidden]), select, textarea")?.focus();
        break;
      case "discard":
        if (form) discard(form, next);
        break;
      default:
    }
  });
  dock.addEventListener("keydown", ({ key }) => { if (key === "Escape" && goOn) ask(null); });

  function discard(form, next) {
    const isStale = isRefused(form);
    form.reset();
    if (next || isStale) form.removeAttribute("data-unsaved");
    update();
    if (next) next();
    else if (isStale) window.htmx.ajax("GET", shown, "#content");
    else form.dispatchEvent(new Event("change", { bubbles: true }));
  }

  for (const name of ["input", "change"]) document.addEventListener(name, update);
  document.addEventListener("htmx:afterSettle", () => {
    shown = location.pathname + location.search;
    update();
  });
  update();
})();
