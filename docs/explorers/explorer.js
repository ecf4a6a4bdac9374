// What the explorers share: seeded chance, controls, pictures, and colours of the theme.
"use strict";

const explorer = (() => {
  // Mulberry32 (Tommy Ettinger): 32 bits of state, the same numbers in every browser.
  function uniform(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  // Box and Muller's normal numbers, mean 0 and sd 1.
  function normal(random) {
    return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  }

  function escaped(value) {
    const text = typeof value === "number" ? Number(value.toFixed(2)) : value;
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
  }

  // SVG as text, so that a page shows it and node writes it to a file.
  function tag(name, attributes = {}, ...children) {
    const written = Object.entries(attributes)
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([key, value]) => ` ${key}="${escaped(value === true ? "" : value)}"`);
    return `<${name}${written.join("")}>${children.flat(Infinity).join("")}</${name}>`;
  }

  // An element with attributes; those whose name begins with "on" are listeners.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.flat(Infinity));
    return made;
  }

  let controls = 0;

  function row(label, input, ...beside) {
    input.id = input.id || `explorer-control-${(controls += 1)}`;
    return element(
      "div",
      { class: "explorer-row" },
      element("label", { for: input.id }, label),
      input,
      beside,
    );
  }

  // A slider for state[key]; `show` writes its value. After a change from outside, call refresh().
  function slider(state, key, { label, min, max, step = 1, show = String }, changed) {
    const input = element("input", { type: "range", min, max, step });
    const value = element("output", { "aria-hidden": "true" });
    const made = row(label, input, value);
    made.refresh = () => {
      input.value = state[key];
      value.textContent = show(state[key]);
      input.setAttribute("aria-valuetext", show(state[key]));
    };
    input.addEventListener("input", () => {
      state[key] = Number(input.value);
      made.refresh();
      changed();
    });
    made.refresh();
    return made;
  }

  // A list for state[key]; options are {value: text}.
  function select(state, key, { label, options }, changed) {
    const choices = Object.entries(options);
    const input = element(
      "select",
      {},
      choices.map(([value, text]) => element("option", { value }, text)),
    );
    const made = row(label, input);
    made.refresh = () => (input.value = state[key]);
    input.addEventListener("change", () => {
      state[key] = input.value;
      changed();
    });
    made.refresh();
    return made;
  }

  // A box to tick for state[key].
  function checkbox(state, key, { label }, changed) {
    const input = element("input", { type: "checkbox" });
    const made = row(label, input);
    made.refresh = () => (input.checked = state[key]);
    input.addEventListener("change", () => {
      state[key] = input.checked;
      changed();
    });
    made.refresh();
    return made;
  }

  // A whole number for state[key]; what is not one is left as it was.
  function number(state, key, { label, min, max }, changed) {
    const input = element("input", { type: "number", min, max, step: 1, inputmode: "numeric" });
    const made = row(label, input);
    made.refresh = () => (input.value = state[key]);
    input.addEventListener("change", () => {
      const found = Number(input.value);
      const allowed = input.value !== "" && Number.isInteger(found) && found >= min && found <= max;
      if (allowed) state[key] = found;
      made.refresh();
      if (allowed) changed();
    });
    made.refresh();
    return made;
  }

  function button(label, pressed) {
    return element("button", { type: "button", onclick: pressed }, label);
  }

  // Paint pixels[y][x] = [red, green, blue], 0 to 255, one canvas pixel each; CSS makes it large.
  function paint(canvas, pixels) {
    canvas.width = pixels[0].length;
    canvas.height = pixels.length;
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    image.data.set(pixels.flat().flatMap((colour) => [...colour, 255]));
    context.putImageData(image, 0, 0);
  }

  // A colour of explorer.css as the theme has it now: "blue", "orange", "text", "line", ...
  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(`--explorer-${name}`).trim();
  }

  // Call draw now and whenever the theme changes. Only canvases need this: SVG follows by CSS.
  function withTheme(draw) {
    new MutationObserver(draw).observe(document.body, {
      attributeFilter: ["data-md-color-scheme"],
    });
    draw();
  }

  // A step of arrow keys within a grid of `rows` by `columns`; null for another key.
  function arrow(event, [y, x], [rows, columns]) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step) return null;
    event.preventDefault();
    const within = (index, size) => Math.max(0, Math.min(size - 1, index));
    return [within(y + step[0], rows), within(x + step[1], columns)];
  }

  // Replace the still picture of the page by what build() returns.
  function start(id, build) {
    if (typeof document === "undefined") return;
    const room = document.getElementById(id);
    room.replaceChildren(...[build()].flat());
    room.classList.add("explorer-live");
  }

  return {
    arrow,
    button,
    checkbox,
    colour,
    element,
    normal,
    number,
    paint,
    row,
    select,
    slider,
    start,
    tag,
    uniform,
    withTheme,
  };
})();

if (typeof module !== "undefined") module.exports = explorer;
