// A CRM card: the lead, deal, contact or company, the Send SMS box, the live list of messages, and the application's widgets.

import { callSandbox, formatTime, el, redrawEverySecond, openPage, senderTitle } from "/static/sandbox/shell.js";
import { drawComposerRow } from "/static/sandbox/composer.js";
import { openFrame } from "/static/sandbox/frame.js";

const { state, user, main } = await openPage();
// /crm/deal/details/1/, or of quotes, invoices and smart processes /crm/type/1030/details/1/
const [, , ...path] = location.pathname.split("/");
const OWNERS = { lead: 1, deal: 2, contact: 3, company: 4 };
const NAMED = { 7: "QUOTE", 31: "SMART_INVOICE" };
const isItem = path[0] === "type";
const [kind, id] = isItem ? ["item", path[3]] : [path[0], path[2]];
const typeId = isItem ? Number(path[1]) : OWNERS[kind];
const entity = isItem ? NAMED[typeId] ?? `DYNAMIC_${typeId}` : kind.toUpperCase();
const findItem = (type, number) => state.crm.find((item) => item.type_id === type && item.id === Number(number));
const about = findItem(typeId, id);
const name = about?.title ?? `${kind} #${id}`;
const readable = !about || about.is_open || user.admin;
const phone = [about, ...(about?.contacts ?? []).map((one) => findItem(OWNERS.contact, one))]
  .flatMap((item) => item?.fields.PHONE ?? [])[0]?.VALUE ?? "+12025550142";

const sender = el("select", { id: "sender", name: "code" });
const to = el("input", { id: "to", name: "to", value: phone });
const text = el("textarea", { id: "text", name: "text", placeholder: "Your message" });
const problem = el("p", { class: "problem hidden", id: "problem" });
const list = el("div", { id: "messages" });
const notes = el("div", {});

async function sendMessage(author, module) {
  const answer = await callSandbox("send", { to: to.value, text: text.value, code: sender.value, author, module });
  problem.classList.toggle("hidden", !answer.error);
  problem.textContent = answer.error || "";
  text.value = "";
  await drawMessages();
}

async function sendCampaign() {
  const numbers = [0, 1, 2, 3, 4].map((number) => `+1202555015${number}`);
  await callSandbox("campaign", { to: numbers, text: text.value || "Our news", code: sender.value });
  await drawMessages();
}

function buildSendForm() {
  if (state.senders.length === 0) {
    return el("p", { class: "empty", id: "no-senders" }, "No SMS service is connected. Install the application and save a sender in it.");
  }
  for (const item of state.senders) sender.append(el("option", { value: item.code }, senderTitle(state, item, user.language)));
  const form = el(
    "form", { id: "send" },
    el("label", { class: "field" }, el("span", {}, "From"), sender),
    el("label", { class: "field" }, el("span", {}, "To"), to),
    el("label", { class: "field" }, el("span", {}, "Text"), text),
    problem,
    el(
      "div", { class: "row" },
      el("button", { id: "send-button" }, "Send SMS"),
      el("button", { type: "button", class: "plain", id: "robot", onclick: () => sendMessage(0, "bizproc") }, "As a robot, without an author"),
      el("button", { type: "button", class: "plain", id: "campaign", onclick: sendCampaign }, "As a campaign to five"),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendMessage(user.id, "crm");
  });
  return form;
}

function buildMessageRow(message, registered) {
  const outcome = message.calls.length === 0
    ? "not handed over yet"
    : `handler answered ${message.handler_status ?? message.calls.at(-1).error}${message.calls.length > 1 ? `, called ${message.calls.length} times` : ""}`;
  const history = message.words.map((word) => `${formatTime(word.at)} ${word.status}${word.by === "rest" ? "" : " (portal)"}`).join(" → ");
  return el(
    "div", { class: "message", "data-id": message.message_id, "data-status": message.status },
    el("div", { class: "row" }, el("strong", {}, message.to), el("span", { class: `tag ${message.status}` }, message.word)),
    el("p", {}, message.text),
    el("div", { class: "muted" }, message.note || `${outcome}. ${history}`),
    registered && !message.note
      ? el("button", { class: "plain small", onclick: () => callSandbox("repeat", { message_id: message.message_id }) }, "Call the handler again")
      : null,
  );
}

let drawnContent = "";

async function drawMessages() {
  const fresh = await callSandbox("state");
  const content = JSON.stringify([fresh.messages, fresh.timeline]);
  if (content === drawnContent) return;
  drawnContent = content;
  const codes = fresh.senders.map((item) => item.code);
  const rows = fresh.messages.slice(-30).reverse().map((item) => buildMessageRow(item, codes.includes(item.code)));
  list.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty" }, "No messages yet.")]));
  const mine = fresh.timeline.filter((note) => note.entity_type_id === typeId && note.entity_id === Number(id));
  notes.replaceChildren(...mine.map((note) => el("div", { class: "message" }, el("strong", {}, note.title), el("p", {}, note.text))));
}

const general = el(
  "div", { class: "columns" },
  el(
    "section", { class: "card" },
    el("h2", {}, `About the ${kind}`),
    el(
      "dl", {},
      el("dt", {}, "Name"), el("dd", {}, name),
      el("dt", {}, "Phone"), el("dd", {}, phone),
      el("dt", {}, "Responsible"), el("dd", {}, `${state.users[0].name} ${state.users[0].last_name}`),
    ),
    notes,
  ),
  el(
    "div", {},
    el("section", { class: "card" }, el("h2", {}, "Send SMS"), buildSendForm()),
    el("section", { class: "card" }, el("h2", {}, "Messages"), list),
  ),
);
const place = el("div", {});
const composer = el("div", {});
if (state.app.installed && entity) drawComposerRow(composer, { user, state, entity, typeId, id });
general.lastChild.prepend(composer);
const tabs = el("div", { class: "tabs", role: "tablist" });

function addTab(title, show) {
  const button = el("button", { role: "tab", type: "button", "aria-selected": "false" }, title);
  button.addEventListener("click", () => {
    for (const other of tabs.children) other.setAttribute("aria-selected", String(other === button));
    show();
  });
  tabs.append(button);
  return button;
}

const first = addTab("General", () => place.replaceChildren(general));
for (const bound of state.app.installed ? state.placements.filter((item) => item.placement === `CRM_${entity}_DETAIL_TAB`) : []) {
  const titles = bound.lang_all[user.language] || bound.lang_all.en || {};
  addTab(titles.TITLE || bound.title || state.app.title, () => openFrame(place, {
    user, state, placement: bound.placement, options: { ID: id, URI: location.pathname + location.search },
  }));
}
if (readable) {
  main.replaceChildren(el("h1", {}, kind === "deal" ? `Deal #${id}: ${name}` : name), tabs, place);
  first.click();
  await redrawEverySecond(drawMessages);
} else {
  main.replaceChildren(el("p", { class: "empty", id: "denied" }, "You may not see this card."));
}
