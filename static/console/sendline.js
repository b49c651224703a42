/* Sendline inside the portal's frame: the bridge to the portal, the page ticket, and manners after every swap
   (docs/frame.md). No cookies and no web storage: third-party frames are denied both. The ticket lives in this closure
   alone. */
(() => {
  "use strict";

  const meta = (name) => document.querySelector(`meta[name="sendline-${name}"]`);
  const portal = meta("portal").content;
  const messages = document.getElementById("words").dataset;
  const frame = document.getElementById("app");

  /* The bridge. A denied or unknown command gets no answer at all, so every call has a timeout. */

  const appSid = window.name.split("|")[2] ?? "";
  const pendingCalls = new Map();
  let callCount = 0;

  function callPortal(command, parameters, timeout = 8000) {
    if (!appSid || window.parent === window) return Promise.reject(new Error("not inside a portal"));
    const id = `sendline${++callCount}`;
    const parts = [command, parameters && JSON.stringify(parameters), id, appSid];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pendingCalls.delete(id);
        reject(new Error(`${command} was not answered`));
      }, timeout);
      pendingCalls.set(id, (answer) => { clearTimeout(timer); pendingCalls.delete(id); resolve(answer); });
      window.parent.postMessage(parts.filter(Boolean).join(":"), portal);
    });
  }

  window.addEventListener("message", ({ origin, source, data }) => {
    if (origin !== portal || source !== window.parent || typeof data !== "string") return;
    const colon = data.indexOf(":");
    const json = data.slice(colon + 1);
    pendingCalls.get(data.slice(0, colon))?.(json ? JSON.parse(json) : null);
  });

  // What the portal tells again and again, as it happens.
  function listenToPortal(command, heard) {
    const id = `sendline${++callCount}`;
    pendingCalls.set(id, heard);
    window.parent.postMessage([command, id, appSid].join(":"), portal);
  }

  /* The ticket. Renewed a minute ahead, so that the server hardly ever has to refuse one. */

  let ticket = "";
  let ticketStaleAt = 0;
  let renewal = null;

  function storeTicket(fresh, seconds) {
    ticket = fresh;
    ticketStaleAt = Date.now() + (seconds - 60) * 1000;
  }

  function renewTicket() {
    renewal ??= requestTicket().finally(() => { renewal = null; });
    return renewal;
  }

  async function requestTicket() {
    const data = await callPortal("getInitData");
    if (await exchangeTicket(data)) return;
    const fresh = await callPortal("refreshAuth", {}, 10000);
    if (!(await exchangeTicket({ ...data, ...fresh }))) throw new Error("not admitted");
  }

  async function exchangeTicket({ AUTH_ID, AUTH_EXPIRES, MEMBER_ID, DOMAIN, PROTOCOL, LANG }) {
    const body = new URLSearchParams({ AUTH_ID, AUTH_EXPIRES, member_id: MEMBER_ID, DOMAIN, PROTOCOL, LANG });
    const answer = await fetchUntilFree(meta("session").content, { method: "POST", body, credentials: "omit" });
    const { ticket: fresh, seconds } = answer.ok ? await answer.json() : {};
    if (fresh) storeTicket(fresh, seconds);
    return Boolean(fresh);
  }

  // Too many came at once: the server says so at once, and a moment later there is room.
  async function fetchUntilFree(url, options, tries = 4) {
    const answer = await fetch(url, options);
    if (answer.status !== 503 || !tries) return answer;
    await new Promise((go) => { setTimeout(go, 1500 + 3000 * Math.random()); });
    return fetchUntilFree(url, options, tries - 1);
  }

  const ticketMeta = meta("ticket");
  if (ticketMeta) {
    storeTicket(ticketMeta.content, Number(ticketMeta.dataset.seconds));
    ticketMeta.remove();
  }

  /* Requests: each carries the ticket; one that is refused all the same is repeated once, with the form as it was. */

  const hiddenPolls = new WeakMap();

  function isIdlePoll({ elt, triggeringEvent }) {
    if (!document.hidden || triggeringEvent || !elt.getAttribute("hx-trigger")?.includes("every")) return false;
    if (Date.now() - (hiddenPolls.get(elt) ?? 0) < 30000) return true;
    hiddenPolls.set(elt, Date.now());
    return false;
  }

  document.addEventListener("htmx:confirm", (event) => {
    const isStale = !ticket || Date.now() > ticketStaleAt;
    const isIdle = isIdlePoll(event.detail);
    if (isStale || isIdle) event.preventDefault();
    if (isStale && !isIdle) renewTicket().then(() => event.detail.issueRequest(true), () => showToast(messages.ended));
  });

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    detail.headers.Authorization = `Bearer ${ticket}`;
    detail.headers["Sendline-Zone"] = Intl.DateTimeFormat().resolvedOptions().timeZone; // suggested while none is set
  });

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, requestConfig, target } = event.detail;
    if (xhr.status !== 401) return;
    event.preventDefault();
    if ("Sendline-Again" in requestConfig.headers) return showToast(messages.ended);
    const { verb, path, elt, triggeringEvent } = requestConfig;
    const again = { source: elt, event: triggeringEvent, target, headers: { "Sendline-Again": "1" } };
    renewTicket().then(() => htmx.ajax(verb, path, again), () => showToast(messages.ended));
  });

  async function postForm(path, fields) {
    if (!ticket || Date.now() > ticketStaleAt) await renewTicket();
    const headers = { Authorization: `Bearer ${ticket}` };
    const body = new URLSearchParams(fields);
    const answer = await fetchUntilFree(path, { method: "POST", body, headers, credentials: "omit" });
    return answer.ok && answer.status !== 204 ? answer.json() : null;
  }

  // The composer above a timeline is drawn by the portal; this frame is hidden there, and has a script of its own.
  let hasComposer = false;

  document.addEventListener("htmx:afterSettle", () => {
    const element = document.querySelector("[data-composer]");
    if (!element || hasComposer) return;
    hasComposer = true;
    const tools = { call: callPortal, listen: listenToPortal, post: postForm, element };
    import(element.dataset.composer).then(({ start }) => start(tools));
  });

  // A file: htmx expects another page and would let the button turn for ever, but this one stays.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const file = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (!file) return;
    event.preventDefault();
    location.href = file;
  });

  for (const name of ["htmx:sendError", "htmx:responseError"]) {
    document.addEventListener(name, () => showToast(messages.lost));
  }

  // A second click while the first is under way must not do things twice.
  for (const [name, busy] of [["htmx:beforeRequest", true], ["htmx:afterRequest", false]]) {
    document.addEventListener(name, ({ detail: { elt } }) => {
      if (!elt.matches("form[method=post], form[hx-post]")) return;
      for (const button of elt.querySelectorAll("[type=submit]")) button.disabled = busy;
      // A browser remembers what is sent from an open box, and nothing of a password's.
      for (const eye of elt.querySelectorAll("[data-reveal]")) revealSecret(eye, false);
    });
  }

  // What htmx would fetch without a ticket when the reader goes back.
  document.addEventListener("htmx:historyCacheMiss", (event) => {
    event.preventDefault();
    htmx.ajax("GET", event.detail.path, "#content");
  });
  // The launch was a POST: going back or reloading must find a screen, not a form to be sent again.
  history.replaceState({ htmx: true }, "", frame.getAttribute("hx-get"));

  /* After a swap: tell the screen's name, move the focus to where reading goes on. */

  let title = document.title;

  document.addEventListener("htmx:afterSettle", ({ detail: { target } }) => {
    // A question asked in place: its way out has the focus. The attribute `autofocus` is an error in a foreign frame.
    target.querySelector("[data-first]")?.focus({ preventScroll: true });
    if (target.id !== "content" && target !== frame) return;
    frame.removeAttribute("aria-busy");
    const heading = document.querySelector("#content h1");
    const invalidField = document.querySelector("#content [aria-invalid=true]");
    const row = document.querySelector("#content [data-return]"); // of the list, which the reader comes back to
    if (target !== frame) {
      window.scrollTo(0, 0);
      (invalidField ?? row ?? heading)?.focus({ preventScroll: !invalidField && !row });
    }
    if (title === document.title) return;
    title = document.title;
    document.getElementById("announce").textContent = title;
    callPortal("setTitle", { title }).catch(() => {});
  });

  /* What the first screen can do without is fetched once it is there: over.js, which shows toasts, and others. */

  let later = null;

  function fetchRest() {
    later ??= new Promise((loaded) => {
      for (const src of meta("later").content.split(" ")) {
        const script = Object.assign(document.createElement("script"), { src, async: false, onload: loaded });
        document.head.append(script);
      }
    });
    return later;
  }

  document.addEventListener("htmx:afterOnLoad", fetchRest, { once: true });

  function showToast(words) {
    fetchRest().then(() => document.dispatchEvent(new CustomEvent("toast", { detail: { words } })));
  }

  // All on the page at once; the list hears one change for it, as for each.
  document.addEventListener("change", ({ target }) => {
    const name = target.dataset.tickAll;
    if (!name) return;
    for (const box of document.querySelectorAll(`input[name="${name}"]`)) box.checked = target.checked;
  }, true);

  /* A secret is shown while it is typed, and only then. */

  function revealSecret(eye, isShown) {
    eye.setAttribute("aria-pressed", isShown);
    eye.parentElement.querySelector("input").type = isShown ? "text" : "password";
  }

  document.addEventListener("htmx:afterSettle", () => {
    for (const eye of document.querySelectorAll("[data-reveal][hidden]")) {
      eye.hidden = false;
      revealSecret(eye, false);  // the box may have stayed from before a swap
    }
  });

  document.addEventListener("click", ({ target }) => {
    const eye = target.closest("[data-reveal]");
    if (eye) revealSecret(eye, eye.getAttribute("aria-pressed") === "false");
  });

  /* Buttons that need a script: inserting, copying, filling in a field, and asking the portal to open or close. */

  document.addEventListener("click", ({ target }) => {
    const insert = target.closest("[data-insert]");
    if (insert) {
      const field = document.getElementById(insert.dataset.into);
      field.setRangeText(insert.dataset.insert, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const copy = target.closest("[data-copy]");
    if (copy) {
      const field = copy.parentElement.querySelector("input, textarea");
      field.select();
      // The clipboard interface is closed to frames; this old way is not.
      if (document.execCommand("copy")) showToast(messages.copied);
    }
    const suggestion = target.closest("[data-fill]");
    if (suggestion) {
      const field = document.getElementById(suggestion.dataset.fill);
      field.value = suggestion.dataset.value;
      field.focus();
    }
    const opener = target.closest("[data-portal]");
    if (opener) {
      const parameters = JSON.parse(opener.dataset.with ?? "null");
      callPortal(opener.dataset.portal, parameters, 2 ** 31 - 1).then((answer) => {
        if (answer?.result === "error") showToast(messages.closed);
      }, () => showToast(messages.closed));
    }
  });

  /* The installer: once, and last, when the server has said that all is saved. The portal then reloads the frame. */

  let isFinishing = false;

  document.addEventListener("htmx:afterSettle", () => {
    const done = document.querySelector("[data-install-finish]");
    if (!done || isFinishing) return;
    isFinishing = true;
    callPortal("getInitData")
      .then(({ INSTALL }) => INSTALL && callPortal("setInstallFinish", {}, 5000))
      .catch(() => {})
      .then(() => htmx.ajax("GET", done.dataset.installFinish, { target: "#app", swap: "innerHTML" }));
  });

  /* Height: as a page the frame grows with what is in it; in a slider the portal denies that and the frame scrolls. */

  let reportedHeight = 0;
  let isResizeDue = false;

  function resizeFrame() {
    isResizeDue = false;
    // The body's box: the document's scroll height never shrinks again.
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    if (height === reportedHeight) return;
    reportedHeight = height;
    callPortal("resizeWindow", { width: "100%", height }, 2000).then(
      () => document.documentElement.classList.add("is-page"),
      () => { if (!document.documentElement.classList.contains("is-page")) watcher.disconnect(); },
    );
  }

  const watcher = new ResizeObserver(() => {
    if (!isResizeDue) setTimeout(resizeFrame, 100);
    isResizeDue = true;
  });
  watcher.observe(document.body);
})();
