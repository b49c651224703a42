// Where a newcomer lands: how far things are, and what to try.

import { el, openPage } from "/static/sandbox/shell.js";

const { state, main } = await openPage();

const buildStep = (done, ...text) => el("li", {}, ...text, " ", done ? el("span", { class: "tag on" }, "done") : "");
const buildLink = (href, text) => el("a", { href }, text);

main.replaceChildren(
  el("h1", {}, "Welcome"),
  el(
    "section", { class: "card" },
    el("h2", {}, "What to try"),
    el(
      "ol", {},
      buildStep(state.app.installed, buildLink("/market/", "Install Sendline"), " as Alice, an administrator, and finish its wizard."),
      buildStep(state.senders.length > 0, "In ", buildLink("/app/", "Sendline"), ` connect Twilio with the address ${state.sms_url} and save a sender.`),
      buildStep(state.messages.length > 0, "Open the ", buildLink("/crm/contact/details/1/", "contact Emma Evans"), " and send her an SMS."),
      buildStep(state.messages.some((item) => item.status === "delivered"), "Watch its status become Delivered, and see what ", buildLink(`${state.sms_url}/`, "arrived at the SMS service"), "."),
      buildStep(false, "Try numbers ending in 95 to 99, a robot without an author, and the ", buildLink("/switches/", "switches"), " for what goes wrong."),
    ),
  ),
  el(
    "section", { class: "card" },
    el("h2", {}, "This portal"),
    el(
      "dl", {},
      el("dt", {}, "Address"), el("dd", {}, state.url),
      el("dt", {}, "REST"), el("dd", { class: "mono" }, state.client_endpoint),
      el("dt", {}, "member_id"), el("dd", { class: "mono" }, state.member_id),
      el("dt", {}, "Application"), el("dd", {}, state.app.installed ? "installed" : "not installed"),
      el("dt", {}, "Senders"), el("dd", {}, state.senders.map((item) => item.code).join(", ") || "none yet"),
    ),
  ),
);
