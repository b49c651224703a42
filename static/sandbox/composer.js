// The row above the timeline where applications have a place (CRM_XXX_DETAIL_ACTIVITY): the application loads in a hidden
// frame and says by `setLayout` which native blocks the portal draws, or opens in a slider (docs/bitrix24.md I).

import { el } from "/static/sandbox/shell.js";
import { openFrame, openSlider } from "/static/sandbox/frame.js";

/** Draws a button for each application that has a place here. */
export function drawComposerRow(place, { user, state, entity, typeId, id }) {
  const bound = state.placements.filter((item) => item.placement === `CRM_${entity}_DETAIL_ACTIVITY`);
  if (!bound.length) return;
  const box = el("div", { class: "composer" });
  const row = el("div", { class: "tabs composer-row" });
  for (const item of bound) {
    const titles = item.lang_all[user.language] || item.lang_all.en || {};
    const button = el("button", { type: "button" }, titles.TITLE || item.title || state.app.title);
    button.addEventListener("click", () => {
      const context = { user, state, placement: item.placement };
      if (item.options.useBuiltInInterface === "Y") return new Composer(box, context, { entityTypeId: typeId, entityId: Number(id) });
      const slider = openSlider(state.app.title, () => {});
      return openFrame(slider.place, { ...context, options: { ID: id }, slider: true, onClose: slider.close });
    });
    row.append(button);
  }
  place.replaceChildren(el("section", { class: "card" }, row, box));
}

class Composer {
  constructor(box, context, item) {
    this.box = box;
    this.listeners = {};
    this.drawn = el("form", { class: "layout" });
    this.drawn.addEventListener("submit", (event) => event.preventDefault());
    const hidden = el("div", { class: "hidden" });
    box.replaceChildren(el("p", { class: "loader" }, "Loading…"));
    document.body.append(hidden); // a frame that is moved would load anew
    openFrame(hidden, { ...context, options: { ...item, useBuiltInInterface: "Y" }, commands: this.commands() });
  }

  commands() {
    const listen = (name) => (_bridge, _params, reply) => { this.listeners[name] = reply; };
    return {
      setLayout: (_bridge, layout, reply) => { this.draw(layout); reply({ result: "success" }); },
      setLayoutItemState: (_bridge, params, reply) => reply(this.change(params)),
      setPrimaryButtonState: (_bridge, state, reply) => reply(this.changeButton("primary", state)),
      setSecondaryButtonState: (_bridge, state, reply) => reply(this.changeButton("secondary", state)),
      bindLayoutEventCallback: listen("event"),
      bindValueChangeCallback: listen("value"),
      bindPrimaryButtonClickCallback: listen("primary"),
      bindSecondaryButtonClickCallback: listen("secondary"),
      bindEntityUpdateCallback: listen("entity"),
      lock: () => this.box.classList.add("locked"),
      unlock: () => this.box.classList.remove("locked"),
      finish: () => this.box.replaceChildren(),
    };
  }

  draw({ blocks = {}, primaryButton, secondaryButton }) {
    this.blocks = structuredClone(blocks);
    this.buttons = { primary: primaryButton, secondary: secondaryButton };
    this.redraw();
    this.box.replaceChildren(this.drawn);
  }

  redraw() {
    const focused = document.activeElement?.dataset?.block;
    const rows = Object.entries(this.blocks).filter(([, block]) => block.visible !== false).map(([id, block]) => this.drawBlock(id, block));
    const buttons = Object.entries(this.buttons).filter(([, button]) => button).map(([name, button]) => el(
      "button", { type: "button", class: name === "primary" ? "" : "plain", disabled: button.state === "disabled", onclick: () => this.listeners[name]?.({}) }, button.title,
    ));
    this.drawn.replaceChildren(...rows, el("div", { class: "row" }, ...buttons));
    if (focused) this.drawn.querySelector(`[data-block="${focused}"]`)?.focus();
  }

  drawBlock(id, { type, properties }) {
    const changed = (event) => { this.blocks[id].properties[type === "select" || type === "dropdownMenu" ? "selectedValue" : "value"] = event.target.value; this.listeners.value?.({ id, value: event.target.value }); };
    const field = (control) => el("label", { class: "field" }, el("span", {}, properties.title ?? ""), control, properties.errorText ? el("span", { class: "problem" }, properties.errorText) : null);
    const common = { "data-block": id, disabled: properties.disabled };
    switch (type) {
      case "text": return el("p", { "data-block": id, class: properties.color ?? "" }, properties.value);
      case "link": return el("button", { type: "button", class: "plain small", "data-block": id, onclick: () => this.listeners.event?.({ id, value: properties.action.value }) }, properties.text);
      case "lineOfBlocks": return el("div", { class: "row" }, ...Object.entries(properties.blocks).map(([inner, block]) => this.drawBlock(inner, block)));
      case "section": return el("div", { class: `section ${properties.type ?? ""}` }, ...Object.entries(properties.blocks).map(([inner, block]) => this.drawBlock(inner, block)));
      case "input": return field(el("input", { ...common, value: properties.value ?? "", placeholder: properties.placeholder, oninput: changed }));
      case "textarea": return field(el("textarea", { ...common, oninput: changed }, properties.value ?? ""));
      case "select": case "dropdownMenu": return field(el("select", { ...common, onchange: changed }, ...Object.entries(properties.values).map(([value, title]) => el("option", { value, selected: value === properties.selectedValue }, title))));
      default: throw new Error(`no such block: ${type}`);
    }
  }

  change({ id, visible, properties }) {
    const block = this.blocks?.[id];
    if (!block) return { result: "error", errors: ["Wrong id"] };
    if (typeof visible === "boolean") block.visible = visible;
    if (properties) block.properties = { ...block.properties, ...properties };
    this.redraw();
    return { result: "success" };
  }

  changeButton(name, state) {
    if (state) this.buttons[name] = { ...this.buttons[name], ...state };
    this.redraw();
    return { result: "success" };
  }
}
