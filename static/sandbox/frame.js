// The portal's side of the application frame: the form post into it, and the postMessage protocol.

import { callSandbox, el } from "/static/sandbox/shell.js";

const PATHS = [
  /^\/crm\/(deal|lead|contact|company|type)\//,
  /^\/marketplace\//,
  /^\/company\/personal\/user\/\d+\//,
  /^\/workgroups\/group\/\d+\//,
];
const DENIED_IN_SLIDER = ["resizeWindow"];
const DENIED_IN_PLACEMENT = ["setTitle", "setScroll", "reloadWindow"];

/**
 * Opens the application in `place`.
 * options: {user, placement, options, install, slider, state, commands, onTitle(title), onClose()}
 * `commands` are those that only this placement has.
 */
export async function openFrame(place, { user, placement = "DEFAULT", options = {}, install, slider = false, ...rest }) {
  const data = await callSandbox("frame", { user: user.id, placement, options, install });
  if (data.refused) {
    place.replaceChildren(el("p", { class: "problem" }, data.refused));
    return;
  }
  const frame = el("iframe", {
    name: data.name, title: "Application", allow: "geolocation; microphone; camera; autoplay",
    height: slider ? null : Math.max(400, window.innerHeight - 140),
  });
  const loader = el("div", { class: "loader" }, "Loading…");
  const box = el("div", { class: "frame" }, frame, loader);
  place.replaceChildren(box);
  frame.addEventListener("load", () => loader.remove());
  const bridge = new Bridge(frame, data, { user, placement, slider, ...rest });
  window.addEventListener("message", (event) => bridge.receive(event));
  submitForm(data);
}

function submitForm(data) {
  const form = el("form", { method: "POST", action: data.action, target: data.name, class: "hidden" });
  for (const [name, value] of Object.entries(data.fields)) form.append(el("input", { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
  form.remove();
}

/** `command:json:callback:sid`, read from both ends; empty parts may be missing. Objects carry the same by name. */
export function parseMessage(message) {
  if (typeof message === "object" && message !== null) {
    const { method, params, callback, appSid } = message;
    return { method, params: typeof params === "string" ? JSON.parse(params || "{}") : params || {}, callback, sid: appSid };
  }
  const parts = String(message).split(":");
  const method = parts.shift();
  const sid = parts.pop();
  const callback = parts.pop();
  const json = parts.join(":");
  return { method, params: json ? JSON.parse(json) : {}, callback, sid };
}

class Bridge {
  constructor(frame, data, context) {
    this.frame = frame;
    this.data = data;
    this.context = context;
    this.origin = new URL(data.action).origin;
  }

  async receive(event) {
    if (event.origin !== this.origin || event.source !== this.frame.contentWindow) return;
    const { method, params, callback, sid } = parseMessage(event.data);
    const commands = { ...COMMANDS, ...this.context.commands };
    if (sid !== this.data.sid || this.isDenied(method) || !Object.hasOwn(commands, method)) return;
    const reply = (value) => this.reply(callback, value);
    await commands[method](this, params, reply);
  }

  isDenied(method) {
    if (this.context.slider && DENIED_IN_SLIDER.includes(method)) return true;
    return this.data.init.PLACEMENT !== "DEFAULT" && DENIED_IN_PLACEMENT.includes(method);
  }

  reply(callback, value) {
    if (!callback || !this.frame.contentWindow) return;
    const json = value === undefined ? "" : JSON.stringify(value);
    this.frame.contentWindow.postMessage(`${callback}:${json}`, this.origin);
  }
}

// Each gets (bridge, params, reply); what is not answered here is never answered on a real portal either.
const COMMANDS = {
  getInitData: (bridge, _params, reply) => reply(bridge.data.init),
  getInterface: (_bridge, _params, reply) => reply({ command: Object.keys(COMMANDS), event: [] }),
  async refreshAuth(bridge, _params, reply) {
    const fresh = await callSandbox("access_refresh", { user: bridge.context.user.id });
    Object.assign(bridge.data.init, fresh);
    reply(fresh);
  },
  resizeWindow(bridge, params, reply) {
    if (typeof params.width === "number") bridge.frame.style.width = `${params.width}px`;
    if (Number(params.height) > 0) bridge.frame.style.height = `${Number(params.height)}px`;
    reply({ width: bridge.frame.offsetWidth, height: bridge.frame.offsetHeight });
  },
  setTitle(bridge, params, reply) {
    bridge.context.onTitle?.(params.title);
    reply(params);
  },
  setScroll(_bridge, params, reply) {
    window.scrollTo(0, Number(params.scroll) || 0);
    reply(params);
  },
  reloadWindow: () => location.reload(),
  async setInstall(bridge, _params, reply) {
    reply(await callSandbox("first_run", { user: bridge.context.user.id }));
  },
  async setInstallFinish(bridge) {
    if (!bridge.data.init.INSTALL) return;
    await callSandbox("install_finish", { user: bridge.context.user.id });
    const next = new URL(location.href);
    next.searchParams.delete("install");
    next.searchParams.set("install_finished", "Y");
    location.href = next.href;
  },
  async setUserOption(bridge, params, reply) {
    reply(await callSandbox("option", { user: bridge.context.user.id, ...params }));
  },
  async setAppOption(bridge, params, reply) {
    if (bridge.context.user.admin) reply(await callSandbox("option", { scope: "app", user: bridge.context.user.id, ...params }));
  },
  openPath(_bridge, params, reply) {
    if (!PATHS.some((pattern) => pattern.test(params.path || ""))) {
      reply({ result: "error", errorCode: "PATH_NOT_AVAILABLE" });
      return;
    }
    const join = params.path.includes("?") ? "&" : "?";
    const slider = openSlider("", () => reply({ result: "close" }));
    slider.place.append(el("iframe", { src: `${params.path}${join}IFRAME=Y`, title: "Portal page" }));
  },
  openApplication(bridge, params, reply) {
    const options = { IFRAME: "Y", IFRAME_TYPE: "SIDE_SLIDER" };
    for (const [name, value] of Object.entries(params)) if (!name.startsWith("bx24_")) options[name] = value;
    const slider = openSlider(params.bx24_title || "Sendline", () => reply());
    openFrame(slider.place, { user: bridge.context.user, options, slider: true, onClose: slider.close, onTitle: slider.title });
  },
  closeApplication: (bridge) => bridge.context.onClose?.(),
  async selectUser(bridge, params, reply) {
    const items = bridge.context.state.users.filter((user) => user.active && !user.system);
    const list = items.map((user) => ({ id: user.id, name: `${user.name} ${user.last_name}` }));
    const chosen = await chooseItems("Choose an employee", list, Boolean(params.mult));
    reply(params.mult ? chosen : chosen[0] || {});
  },
  async selectAccess(_bridge, _params, reply) {
    reply(await chooseItems("Choose who has access", [{ id: "UA", name: "All authorised users" }], true));
  },
  async selectCRM(_bridge, _params, reply) {
    const chosen = await chooseItems("Choose from CRM", [{ id: "C_1", type: "contact", title: "Emma Evans", name: "Emma Evans" }], true);
    reply({ contact: Object.fromEntries(chosen.map((item, index) => [index, item])) });
  },
  placementBindEvent: () => {},
  imCallTo: () => {},
  imPhoneTo: () => {},
  imOpenMessenger: () => {},
  imOpenHistory: () => {},
};

/** A side panel; returns {place, close(), title(text)}. */
export function openSlider(title, onClose) {
  const heading = el("span", {}, title);
  const place = el("div", { class: "frame" });
  const close = () => {
    panel.remove();
    onClose?.();
  };
  const button = el("button", { class: "plain", onclick: close }, "Close");
  const panel = el("div", { class: "slider" }, el("div", {}, el("header", {}, heading, button), place));
  document.body.append(panel);
  return { place, close, title: (text) => { heading.textContent = text; } };
}

function chooseItems(title, items, multiple) {
  return new Promise((resolve) => {
    const kind = multiple ? "checkbox" : "radio";
    const rows = items.map((item, index) => el(
      "label", { class: "check" }, el("input", { type: kind, name: "item", value: index, checked: index === 0 }), item.name,
    ));
    const form = el("form", { method: "dialog" }, el("h2", {}, title), ...rows, el("button", {}, "Choose"));
    const dialog = el("dialog", {}, form);
    dialog.addEventListener("close", () => {
      const picked = [...form.querySelectorAll("input:checked")].map((input) => items[Number(input.value)]);
      dialog.remove();
      resolve(picked);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
