// The application's own page; ?install=1 shows the installer again, ?slider=1 opens it in a side panel.

import { el, framed, openPage } from "/static/sandbox/shell.js";
import { openFrame, openSlider } from "/static/sandbox/frame.js";

const { state, user, main } = await openPage();
const query = new URLSearchParams(location.search);
const own = ["user", "install", "slider", "install_finished", "IFRAME"];
const options = Object.fromEntries([...query].filter(([name]) => !own.includes(name)));
const install = query.get("install") === "1" ? true : undefined;

if (query.get("slider") === "1") {
  main.replaceChildren(el("h1", {}, state.app.title), el("p", { class: "muted" }, "The application is open in the side panel."));
  const slider = openSlider(state.app.title, () => { location.href = "/"; });
  await openFrame(slider.place, {
    user, state, install, slider: true, options: { ...options, IFRAME: "Y", IFRAME_TYPE: "SIDE_SLIDER" },
    onTitle: slider.title, onClose: slider.close,
  });
} else {
  const heading = el("h1", { class: framed ? "hidden" : null }, state.app.title);
  const place = el("div", {});
  main.replaceChildren(heading, place);
  await openFrame(place, { user, state, install, options, onTitle: (title) => { heading.textContent = title; } });
}
