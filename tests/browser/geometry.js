/* What is wrong with the places of words on a page, as sentences: nothing is drawn, every box is measured.
   Run inside the frame with a selector; words are looked for within it. */
(within) => {
  const SLACK = 1.5; // pixels that rounding may take
  const wrong = new Set();
  const root = document.documentElement;
  const shown = { opacityProperty: true, visibilityProperty: true };
  const brief = (words) => `“${words.trim().replace(/\s+/g, " ").slice(0, 40)}”`;
  const isBlank = (colour) => colour === "transparent" || /, 0\)$|\/ 0\)$/.test(colour);
  const styles = new Map();
  const styleOf = (one) => styles.get(one) ?? styles.set(one, getComputedStyle(one)).get(one);
  const boxes = new Map();
  const boxOf = (one) => boxes.get(one) ?? boxes.set(one, one.getBoundingClientRect()).get(one);
  const named = (one) => `${one.localName}${one.classList.length ? `.${[...one.classList].join(".")}` : ""}`;

  if (root.scrollWidth > innerWidth) wrong.add(`the document is ${root.scrollWidth} wide in ${innerWidth}`);

  /* What stands over the page, such as a menu or a toast, may cover what is below it. */
  const layers = new Map();
  function layerOf(one) {
    if (!one || one === document.body) return root;
    if (!layers.has(one)) {
      const { position, backgroundColor } = styleOf(one);
      const isAbove = (position === "absolute" || position === "fixed") && !isBlank(backgroundColor);
      layers.set(one, isAbove ? one : layerOf(one.parentElement));
    }
    return layers.get(one);
  }

  /* An edge that a reader sees: a surface, a frame or a cell. */
  function isFramed(one) {
    const { display, backgroundColor, borderInlineStartWidth, borderInlineStartColor } = styleOf(one);
    if (display === "inline" || display === "contents") return false;
    if (one.matches("td, th, figure")) return true;
    return !isBlank(backgroundColor) || (parseFloat(borderInlineStartWidth) > 0 && !isBlank(borderInlineStartColor));
  }

  function cut(rect, by) {
    const left = Math.max(rect.left, by.left), right = Math.min(rect.right, by.right);
    const top = Math.max(rect.top, by.top), bottom = Math.min(rect.bottom, by.bottom);
    return right > left && bottom > top ? { left, right, top, bottom } : null;
  }

  const lines = [];
  const whole = document.createRange();

  /* Say what is wrong with one run of words, and keep what is seen of it. */
  function measure(node) {
    const parent = node.parentElement;
    const words = node.data;
    const edges = []; // of what hides the rest, innermost first
    const frames = [];
    for (let one = parent; one && one !== document.body; one = one.parentElement) {
      const style = styleOf(one);
      if (style.clipPath !== "none") return; // for screen readers
      if (style.display !== "inline" && (style.overflowX !== "visible" || style.overflowY !== "visible")) edges.push(one);
      if (!edges.length && isFramed(one)) frames.push(one);
    }
    whole.selectNodeContents(node);
    const rects = [...whole.getClientRects()].filter(({ width, height }) => width > 0.5 && height > 0.5);
    for (const rect of rects) {
      let seen = rect;
      for (const edge of edges) {
        const { overflowX, overflowY, textOverflow } = styleOf(edge);
        const left = cut(seen, boxOf(edge));
        const isShort = !left || left.left > seen.left + SLACK || left.right < seen.right - SLACK;
        const scrolls = [overflowX, overflowY].some((one) => one === "auto" || one === "scroll");
        if (isShort && !scrolls && textOverflow !== "ellipsis") wrong.add(`${brief(words)} is cut off by ${named(edge)}`);
        if (isShort && !scrolls && textOverflow === "ellipsis" && rect === rects[0]) showsItsStart(node, edge);
        if (!left) { seen = null; break; }
        seen = left;
      }
      if (!seen) continue;
      for (const frame of frames) {
        const box = boxOf(frame);
        if (seen.left < box.left - SLACK || seen.right > box.right + SLACK
            || seen.top < box.top - 4 || seen.bottom > box.bottom + 4) wrong.add(`${brief(words)} leaves ${named(frame)}`);
      }
      if (!edges.length && (seen.left < -SLACK || seen.right > innerWidth + SLACK)) wrong.add(`${brief(words)} leaves the page`);
      lines.push({ ...corners(seen), of: parent, words });
    }
  }

  const corners = ({ left, right, top, bottom }) => ({ left, right, top, bottom });

  function showsItsStart(node, edge) {
    const first = document.createRange();
    const at = node.data.search(/\S/);
    first.setStart(node, at);
    first.setEnd(node, at + 1);
    const rect = first.getBoundingClientRect();
    const box = boxOf(edge);
    const isSeen = rect.left >= box.left - SLACK && rect.right <= box.right + SLACK;
    const isFirst = edge.innerText.trim().startsWith(node.data.trim().slice(0, 10));
    if (isFirst && !isSeen) wrong.add(`${brief(node.data)} is shortened at its start`);
  }

  const place = document.querySelector(within);
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("option, script, style, template, textarea, svg, noscript, .skip")) continue;
    if (parent.checkVisibility(shown)) measure(node);
  }
  for (const control of place.querySelectorAll(".btn, .input, .chip, .badge, .tag")) {
    if (!control.checkVisibility(shown) || styleOf(control).clipPath !== "none") continue;
    const box = boxOf(control);
    if (box.width) lines.push({ ...corners(box), of: control, words: control.innerText || control.name || control.className });
    const card = control.parentElement.closest(".card, td, .confirm, .alert");
    const edge = card && boxOf(card);
    if (edge && (box.left < edge.left - SLACK || box.right > edge.right + SLACK) && !control.closest(".scroll")) {
      wrong.add(`${named(control)} ${brief(control.innerText || control.name || "")} leaves ${named(card)}`);
    }
  }

  lines.sort((a, b) => a.top - b.top);
  for (let i = 0; i < lines.length; i += 1) {
    const a = lines[i];
    for (let j = i + 1; j < lines.length && lines[j].top < a.bottom - 4; j += 1) {
      const b = lines[j];
      if (a.of === b.of || a.of.contains(b.of) || b.of.contains(a.of)) continue;
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > SLACK && down > 4 && layerOf(a.of) === layerOf(b.of)) {
        wrong.add(`${brief(a.words)} and ${brief(b.words)} lie over each other`);
      }
    }
  }
  return [...wrong];
}
