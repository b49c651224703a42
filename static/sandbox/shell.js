// What every page of the portal shares: small helpers, the top bar and the left menu.

const query = new URLSearchParams(location.search);
export const framed = query.get("IFRAME") === "Y";

/** Calls `/_/name`; throws an Error with the sandbox's own words. */
export async function callSandbox(name, body) {
  const options = body === undefined
    ? {}
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/_/${name}`, options);
  return response.json();
}

/** An element: el("p", {class: "muted"}, "text", child); `on…` properties are listeners. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The person at the keyboard: `?user=`, else the one chosen last, else the first. */
export function userId() {
  return Number(query.get("user") || sessionStorage.getItem("user") || 1);
}

export function formatTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

/** A sender as the portal shows it: "[App] Name" in the person's language. */
export function senderTitle(state, sender, language) {
  const name = sender.names[language] || sender.names[state.language] || sender.names["**"] || sender.code;
  return `[${state.app.title}] ${name}`;
}

const MENU = [
  ["/", "Home"],
  ["/crm/contact/details/1/", "CRM contact"],
  ["/crm/deal/details/1/", "CRM deal"],
  ["/app/", "Sendline"],
  ["/market/", "Market"],
  ["/notifications/", "Notifications"],
  ["/switches/", "Switches"],
];

/** Draws bar and menu around `#main`; returns `{state, user, main}`. */
export async function openPage() {
  const state = await callSandbox("state");
  const wanted = userId();
  const user = state.users.find((item) => item.id === wanted) || state.users[0];
  sessionStorage.setItem("user", user.id);
  const main = document.querySelector("#main");
  if (framed) {
    document.body.classList.add("framed");
    return { state, user, main };
  }
  const body = el("div", { class: "body" }, buildMenu(state, user));
  document.body.prepend(buildTopBar(state, user), body);
  body.append(main);
  return { state, user, main };
}

function buildTopBar(state, user) {
  const choice = el("select", { id: "user", onchange: (event) => switchUser(event.target.value) });
  for (const item of state.users.filter((one) => one.active && !one.system)) {
    const label = `${item.name} ${item.last_name}${item.admin ? " (administrator)" : ""}, ${item.language}`;
    choice.append(el("option", { value: item.id, selected: item.id === user.id }, label));
  }
  return el(
    "header", { class: "top" },
    el("span", { class: "brand" }, state.title),
    el("span", { class: "note" }, "sandbox portal, nothing here is real"),
    el("span", { class: "space" }),
    el("label", {}, "You are", choice),
  );
}

function switchUser(id) {
  sessionStorage.setItem("user", id);
  const next = new URL(location.href);
  next.searchParams.delete("user");
  location.href = next.href;
}

function buildMenu(state, user) {
  const links = MENU.map(([path, title]) => {
    const current = path === "/" ? location.pathname === "/" : location.pathname.startsWith(path);
    const count = path === "/notifications/" ? state.notifications.filter((item) => item.user_id === user.id).length : 0;
    const badge = count ? el("span", { class: "count" }, String(count)) : null;
    return el("a", { href: path, "aria-current": current ? "page" : null }, title, badge);
  });
  links.push(el("a", { href: `${state.sms_url}/` }, "SMS service"));
  return el("nav", { class: "menu", "aria-label": "Portal" }, ...links);
}

/** Runs `draw` now and every second, never twice at once. */
export async function redrawEverySecond(draw) {
  await draw();
  setTimeout(() => redrawEverySecond(draw), 1000);
}
