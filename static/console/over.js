/* What stands over the visible part of a page: the sign that a screen is under way, and toasts (docs/frame.md 7). */
(() => {
  "use strict";

  const over = document.getElementById("over");
  const loading = document.getElementById("loading");
  const toasts = document.getElementById("toasts");
  const messages = document.getElementById("words").dataset;
  const isInUse = () => over.querySelector(":scope > #toasts:not(:empty), :scope > :not(#toasts):not([hidden])");

  /* A frame as tall as its content does not scroll. What of it is seen in the portal's page only an observer is told,
     and only when that is more or less than before: so it is asked again while there is something to place. */

  const eye = new IntersectionObserver((entries) => {
    const { top, height } = entries.at(-1).intersectionRect;
    if (!height || !document.documentElement.classList.contains("is-page")) return;
    // Where the frame begins above, a bar of the portal's page may stand over it; that is told to nobody.
    const bar = top > 0 ? 64 : 0;
    over.style.insetBlockStart = `${top + bar + window.scrollY}px`;
    over.style.blockSize = `${height - bar}px`;
  });
  let watch = 0;

  function place() {
    eye.disconnect();
    eye.observe(document.body);
    clearTimeout(watch);
    if (isInUse()) watch = setTimeout(place, 200);
  }
  new MutationObserver(place).observe(over, { subtree: true, childList: true, attributeFilter: ["hidden"] });

  /* Navigation: the tab is marked at once, a line is drawn after a blink, a skeleton stands in for a whole section. */

  const content = () => document.getElementById("content");
  let underWay = null;
  let undo = null;

  function begin({ target, xhr, elt, requestConfig: { path, triggeringEvent } }) {
    undo?.();
    underWay = xhr;
    target.setAttribute("aria-busy", "true");
    const line = setTimeout(() => { loading.hidden = false; }, 150);
    const tab = [...document.querySelectorAll("#nav a")].find((one) => one.getAttribute("href") === path);
    const unmark = tab && markTab(tab);
    const section = tab && triggeringEvent ? setTimeout(() => showSkeleton(target), 500) : 0;
    place();
    undo = () => {
      clearTimeout(line);
      clearTimeout(section);
      loading.hidden = true;
      target.removeAttribute("aria-busy");
      target.querySelector(":scope > .standin")?.remove();
      unmark?.();
      underWay = undo = null;
    };
    if (!triggeringEvent) return;
    // What was said belongs to the screen that goes; the toast that was pressed is still needed by its request.
    for (const toast of toasts.children) {
      if (toast.contains(elt)) toast.hidden = true; else toast.remove();
    }
  }

  // A bar that came with the new screen knows better, and this one is then no longer in the page.
  function markTab(chosen) {
    const tab = chosen.checkVisibility() ? chosen : document.querySelector("#nav summary");
    const before = document.querySelector("#nav a[aria-current]");
    before?.removeAttribute("aria-current");
    tab.setAttribute("aria-current", "page");
    tab.closest("details")?.removeAttribute("open");
    return () => {
      tab.removeAttribute("aria-current");
      before?.setAttribute("aria-current", "page");
    };
  }

  function showSkeleton(target) {
    const stand = document.createElement("div");
    stand.className = "standin";
    stand.append(document.getElementById("skeleton").content.cloneNode(true));
    target.prepend(stand);
  }

  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.target === content()) begin(detail);
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr === underWay) undo();
  });
  document.addEventListener("htmx:historyCacheMiss", () => toasts.replaceChildren());

  /* A menu is a <details data-menu>: it closes when something else is clicked, reached or wanted. */

  const menus = () => document.querySelectorAll("details[data-menu][open]");

  for (const name of ["click", "focusin"]) {
    document.addEventListener(name, ({ target }) => {
      for (const menu of menus()) if (!menu.contains(target)) menu.open = false;
    });
  }
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  /* Toasts: one at a time, long enough to be read, and as long as somebody points at it or has its button in focus. */

  function showToast({ words, label, path, fields }) {
    const box = element("div", "toast");
    box.append(element("span", "", words));
    if (label) box.append(fields ? formOf(label, path, fields) : linkOf(label, path));
    const close = element("button", "toast__x");
    close.type = "button";
    close.setAttribute("aria-label", messages.close);
    close.append(document.getElementById("cross").content.cloneNode(true));
    close.addEventListener("click", () => box.remove());
    box.append(close);
    box.addEventListener("keydown", ({ key }) => { if (key === "Escape") box.remove(); });
    passLater(box, label ? 12000 : 6000);
    toasts.replaceChildren(box);
    window.htmx.process(box);
  }

  function passLater(box, time) {
    const holds = new Set();
    let timer = 0;
    const wait = () => {
      clearTimeout(timer);
      if (!holds.size) timer = setTimeout(() => box.remove(), time);
    };
    for (const [held, released] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
      box.addEventListener(held, () => { holds.add(held); wait(); });
      box.addEventListener(released, () => { holds.delete(held); wait(); });
    }
    wait();
  }

  function formOf(label, path, fields) {
    const form = element("form");
    form.method = "post";
    form.setAttribute("hx-post", path);
    form.setAttribute("hx-target", "#content");
    for (const [name, value] of Object.entries(fields)) {
      const field = element("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
    form.append(Object.assign(element("button", "linkbtn", label), { type: "submit" }));
    return form;
  }

  function linkOf(label, path) {
    const link = element("a", "linkbtn", label);
    link.href = path;
    link.setAttribute("hx-get", path);
    link.setAttribute("hx-target", "#content");
    link.setAttribute("hx-push-url", "true");
    return link;
  }

  function element(name, className = "", words = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = words;
    return made;
  }

  document.addEventListener("toast", ({ detail }) => showToast(detail));
})();
