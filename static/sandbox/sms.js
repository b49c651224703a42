// The SMS service: what arrived, what was accepted, how it behaves.

import { callSandbox, formatTime, el, redrawEverySecond } from "/static/sandbox/shell.js";

const inbox = el("div", { class: "phone", id: "inbox" });
const rows = el("tbody", { id: "ledger" });
const controls = el("div", {});
const main = document.querySelector("#main");
document.body.prepend(el("header", { class: "top" }, el("span", { class: "brand" }, "SMS service"), el("span", { class: "note" }, "sandbox, nothing is really sent")));
document.body.classList.add("framed");
main.replaceChildren(
  el(
    "div", { class: "columns" },
    el("div", {}, el("section", { class: "card" }, el("h2", {}, "Arrived"), inbox), el("section", { class: "card" }, el("h2", {}, "Behaviour"), controls)),
    el(
      "section", { class: "card" }, el("h2", {}, "Accepted"),
      el("table", {}, el("thead", {}, el("tr", {}, ...["Time", "To", "Text", "Status", "Accepted", "Reports"].map((title) => el("th", {}, title)))), rows),
    ),
  ),
);

function buildControl(name, value) {
  const kind = typeof value === "boolean" ? "checkbox" : typeof value === "number" ? "number" : "text";
  const object = typeof value === "object";
  const input = el("input", { type: kind, name, step: kind === "number" ? "any" : null, checked: value === true });
  if (kind !== "checkbox") input.value = object ? JSON.stringify(value) : value;
  input.addEventListener("change", () => {
    const given = kind === "checkbox" ? input.checked : kind === "number" ? Number(input.value) : object ? JSON.parse(input.value) : input.value;
    return callSandbox("switches", { [name]: given });
  });
  return kind === "checkbox" ? el("label", { class: "check" }, input, name) : el("label", { class: "field" }, el("span", {}, name), input);
}

const behaviour = await callSandbox("switches");
controls.replaceChildren(...Object.entries(behaviour).map(([name, value]) => buildControl(name, value)));

await redrawEverySecond(async () => {
  const { ledger } = await callSandbox("ledger?last=50");
  const latest = ledger.slice(-50).reverse();
  const arrived = latest.filter((item) => item.status === "delivered");
  inbox.replaceChildren(...(arrived.length ? arrived.map((item) => el(
    "div", { class: "bubble" }, el("span", { class: "muted" }, `${item.sender} to ${item.to}, ${formatTime(item.at)}`), item.body,
  )) : [el("p", { class: "empty" }, "Nothing yet.")]));
  rows.replaceChildren(...latest.map((item) => el(
    "tr", {}, el("td", {}, formatTime(item.at)), el("td", {}, item.to), el("td", {}, item.body),
    el("td", {}, el("span", { class: `tag ${item.status}` }, item.status)), el("td", {}, String(item.accepted)),
    el("td", {}, item.reports.map((report) => report.status ?? report.error).join(", ")),
  )));
});
