// System notifications to the person at the keyboard.

import { api, clock, el, live, open } from "/static/sandbox/shell.js";

const { user, main } = await open();
const list = el("section", { class: "card", id: "notifications" });
main.replaceChildren(el("h1", {}, "Notifications"), list);

/** Bitrix24's BB codes without their brackets; a link stays one. */
const plain = (text) => text.replace(/\[br\]/gi, "\n").replace(/\[\/?[a-z]+(=[^\]]*)?\]/gi, "");
const LINK = /(\[url=[^\]]+\].*?\[\/url\])/i;

function shown(text) {
  return text.split(LINK).map((part) => {
    const link = /^\[url=([^\]]+)\](.*)\[\/url\]$/i.exec(part);
    return link ? el("a", { href: link[1] }, plain(link[2])) : plain(part);
  });
}

await live(async () => {
  const state = await api("state");
  const own = state.notifications.filter((item) => item.user_id === user.id).reverse();
  const rows = own.map((item) => el(
    "div", { class: "message" }, el("p", {}, ...shown(item.message)), el("span", { class: "muted" }, clock(item.at), " ", item.tag),
  ));
  list.replaceChildren(...(rows.length ? rows : [el("p", { class: "empty" }, "Nothing yet.")]));
});
