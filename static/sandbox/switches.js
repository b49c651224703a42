// What can be made to go wrong, who works here, and what the application asked for.

import { callSandbox, formatTime, el, redrawEverySecond, openPage } from "/static/sandbox/shell.js";

const { state, main } = await openPage();

const setSwitch = (name, value) => callSandbox("switches", { [name]: value });

function buildControl(name, value) {
  if (typeof value === "boolean") {
    const box = el("input", { type: "checkbox", checked: value, name });
    box.addEventListener("change", () => setSwitch(name, box.checked));
    return el("label", { class: "check" }, box, name);
  }
  const input = el("input", { type: "number", step: "any", min: "0", value, name });
  input.addEventListener("change", () => setSwitch(name, Number(input.value)));
  return el("label", { class: "field" }, el("span", {}, name), input);
}

function buildErrorEditor() {
  const area = el("textarea", { id: "method_errors", spellcheck: "false", class: "mono" });
  area.value = JSON.stringify(state.switches.method_errors, null, 1);
  const said = el("span", { class: "muted" }, 'e.g. [{"method": "messageservice.sender.*", "error": "ACCESS_DENIED", "status": 403, "times": 1}]');
  const save = async () => {
    try {
      const answer = await setSwitch("method_errors", JSON.parse(area.value));
      said.textContent = answer.error || "Saved.";
    } catch (error) {
      said.textContent = error.message;
    }
  };
  return el("label", { class: "field" }, el("span", {}, "method_errors"), area, el("div", { class: "row" }, el("button", { class: "plain small", type: "button", onclick: save }, "Save"), said));
}

const buildActionButton = (title, name, value) => el("button", { class: "plain small", onclick: async () => { await setSwitch(name, value); location.reload(); } }, title);

function buildPersonRow(user) {
  const job = user.system ? "system user" : user.admin ? "administrator" : "employee";
  return el(
    "tr", {},
    el("td", {}, `${user.id} ${user.name} ${user.last_name}`), el("td", {}, user.active ? job : "fired"), el("td", {}, user.language),
    el(
      "td", {}, el("div", { class: "row" },
        user.active ? buildActionButton("Fire", "fire", user.id) : buildActionButton("Hire", "hire", user.id),
        user.admin ? buildActionButton("Demote", "demote", user.id) : buildActionButton("Promote", "promote", user.id)),
    ),
  );
}

const log = el("tbody", { id: "rest-log" });
const flags = Object.entries(state.switches).filter(([, value]) => typeof value === "boolean");
const numbers = Object.entries(state.switches).filter(([, value]) => typeof value === "number");
main.replaceChildren(
  el("h1", {}, "Switches"),
  el(
    "div", { class: "columns" },
    el("section", { class: "card" }, el("h2", {}, "On or off"), ...flags.map(([name, value]) => buildControl(name, value))),
    el(
      "div", {},
      el(
        "section", { class: "card" }, el("h2", {}, "At once"),
        el(
          "div", { class: "row" },
          buildActionButton("Expire all access tokens", "expire_tokens", true), buildActionButton("Revoke refresh tokens", "revoke_refresh", true),
          buildActionButton("Empty the bucket", "empty_bucket", true), buildActionButton("Rename to 127.0.0.19", "rename", "127.0.0.19"),
        ),
      ),
      el("section", { class: "card" }, el("h2", {}, "Numbers and errors"), ...numbers.map(([name, value]) => buildControl(name, value)), buildErrorEditor()),
      el("section", { class: "card" }, el("h2", {}, "People"), el("table", {}, el("tbody", {}, ...state.users.map(buildPersonRow)))),
    ),
  ),
  el(
    "section", { class: "card" }, el("h2", {}, "REST calls"),
    el("table", {}, el("thead", {}, el("tr", {}, ...["Time", "Method", "Parameters", "Outcome"].map((title) => el("th", {}, title)))), log),
  ),
);

await redrawEverySecond(async () => {
  const { rest_log: calls } = await callSandbox("rest_log?last=50");
  log.replaceChildren(...calls.slice(-50).reverse().map((call) => el(
    "tr", {}, el("td", {}, formatTime(call.at)), el("td", {}, call.inner ? `· ${call.method}` : call.method),
    el("td", { class: "mono" }, JSON.stringify(call.params)),
    el("td", {}, el("span", { class: `tag ${call.outcome === "ok" ? "on" : "failed"}` }, call.outcome)),
  )));
});
