// What can be made to go wrong, who works here, and what the application asked for.

import { api, clock, el, live, open } from "/static/sandbox/shell.js";

const { state, main } = await open();

const set = (name, value) => api("switches", { [name]: value });

function control(name, value) {
  if (typeof value === "boolean") {
    const box = el("input", { type: "checkbox", checked: value, name });
    box.addEventListener("change", () => set(name, box.checked));
    return el("label", { class: "check" }, box, name);
  }
  const input = el("input", { type: "number", step: "any", min: "0", value, name });
  input.addEventListener("change", () => set(name, Number(input.value)));
  return el("label", { class: "field" }, el("span", {}, `${name}, seconds`), input);
}

function methodErrors() {
  const area = el("textarea", { id: "method_errors", spellcheck: "false", class: "mono" });
  area.value = JSON.stringify(state.switches.method_errors, null, 1);
  const said = el("span", { class: "muted" }, 'e.g. [{"method": "messageservice.sender.*", "error": "ACCESS_DENIED", "status": 403, "times": 1}]');
  const save = async () => {
    try {
      const answer = await set("method_errors", JSON.parse(area.value));
      said.textContent = answer.error || "Saved.";
    } catch (error) {
      said.textContent = error.message;
    }
  };
  return el("label", { class: "field" }, el("span", {}, "method_errors"), area, el("div", { class: "row" }, el("button", { class: "plain small", type: "button", onclick: save }, "Save"), said));
}

const deed = (title, name, value) => el("button", { class: "plain small", onclick: async () => { await set(name, value); location.reload(); } }, title);

function person(user) {
  const job = user.system ? "system user" : user.admin ? "administrator" : "employee";
  return el(
    "tr", {},
    el("td", {}, `${user.id} ${user.name} ${user.last_name}`), el("td", {}, user.active ? job : "fired"), el("td", {}, user.language),
    el(
      "td", {}, el("div", { class: "row" },
        user.active ? deed("Fire", "fire", user.id) : deed("Hire", "hire", user.id),
        user.admin ? deed("Demote", "demote", user.id) : deed("Promote", "promote", user.id)),
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
    el("section", { class: "card" }, el("h2", {}, "On or off"), ...flags.map(([name, value]) => control(name, value))),
    el(
      "div", {},
      el(
        "section", { class: "card" }, el("h2", {}, "At once"),
        el(
          "div", { class: "row" },
          deed("Expire all access tokens", "expire_tokens", true), deed("Revoke refresh tokens", "revoke_refresh", true),
          deed("Empty the bucket", "empty_bucket", true), deed("Rename to 127.0.0.19", "rename", "127.0.0.19"),
        ),
      ),
      el("section", { class: "card" }, el("h2", {}, "Numbers and errors"), ...numbers.map(([name, value]) => control(name, value)), methodErrors()),
      el("section", { class: "card" }, el("h2", {}, "People"), el("table", {}, el("tbody", {}, ...state.users.map(person)))),
    ),
  ),
  el(
    "section", { class: "card" }, el("h2", {}, "REST calls"),
    el("table", {}, el("thead", {}, el("tr", {}, ...["Time", "Method", "Parameters", "Outcome"].map((title) => el("th", {}, title)))), log),
  ),
);

await live(async () => {
  const { rest_log: calls } = await api("rest_log?last=50");
  log.replaceChildren(...calls.slice(-50).reverse().map((call) => el(
    "tr", {}, el("td", {}, clock(call.at)), el("td", {}, call.inner ? `· ${call.method}` : call.method),
    el("td", { class: "mono" }, JSON.stringify(call.params)),
    el("td", {}, el("span", { class: `tag ${call.outcome === "ok" ? "on" : "failed"}` }, call.outcome)),
  )));
});
