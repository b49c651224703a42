// The Market page: install, update, remove.

import { callSandbox, el, openPage } from "/static/sandbox/shell.js";

const { state, user, main } = await openPage();
const { app } = state;
const [word, kind] = app.installed ? ["Installed", "on"] : app.present ? ["Installation not finished", "half"] : ["Not installed", ""];

const callThenOpen = (name, body, next) => async () => {
  await callSandbox(name, body);
  location.href = next;
};
const clean = el("input", { type: "checkbox", id: "clean" });
const remove = async () => {
  await callSandbox("uninstall", { clean: clean.checked });
  location.reload();
};

main.replaceChildren(
  el("h1", {}, "Market"),
  el(
    "section", { class: "card" },
    el("div", { class: "row" }, el("h2", {}, app.title), el("span", { class: `tag ${kind}`, id: "app-state" }, word)),
    el("p", {}, "Send SMS from CRM through your own account with an SMS service."),
    el("p", { class: "muted" }, `Version ${app.version}. Rights: ${app.scope.join(", ")}.`),
    user.admin
      ? el(
        "div", { class: "row" },
        app.present
          ? el("a", { class: "button", href: "/app/" }, app.installed ? "Open" : "Continue the installation")
          : el("button", { id: "install", onclick: callThenOpen("install", {}, "/app/") }, "Install"),
        el("button", { class: "plain", id: "update", disabled: !app.present, onclick: callThenOpen("update", {}, "/app/") }, "Update"),
        el("button", { class: "plain", id: "uninstall", disabled: !app.present, onclick: remove }, "Uninstall"),
        el("label", { class: "check" }, clean, "delete application settings and data"),
      )
      : el("p", { class: "muted" }, "Only administrators can install applications."),
  ),
);
