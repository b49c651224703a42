// System notifications to the person at the keyboard.

import { callSandbox, formatTime, el, redrawEverySecond, openPage } from "/static/sandbox/shell.js";

const { user, main } = await openPage();
const list = el("section", { class: "card", id: "notifications" });
main.replaceChildren(el("h1", {}, "Notifications"), list);

/** Bitrix24's BB codes without their brackets; a link stays one. */
const stripMarkup = (text) => text.replace(/\[br\]/gi, "\n").replace(/\[\/?[a-z]+(=[^\]]*)?\]/gi, "");
const LINK = /(\[url=[^\]]+\].*?\[\/url\])/i;

function renderMessage(text) {
  return text.split(LINK).map((part) => {
    const link = /^\[url=([^\]]+)\](.*)\[\/url\]$/i.exec(part);
    return link ? el("a", { href: link[1] }, stripMarkup(link[2])) : stripMarkup(part);
  });
}

await redrawEverySecond(async () => {
  const state = await callSandbox("state");
  const own = state.notifications.filter((item) => item.user_id === user.id).reverse();
  const rows = own.map((item) => el(
    "div", { class: "message" }, el("p", {}, ...renderMessage(item.message)), el("span", { class: "muted" }, formatTime(item.at), " ", item.tag),
  ));
  list.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty" }, "Nothing yet.")]));
});
