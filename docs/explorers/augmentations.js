// cifarkit's augmentations, each as what it draws and what it does with that, and eight views of a
// picture. The arithmetic is cifarkit's; the random numbers are not torch's.
"use strict";

const shared = typeof module === "undefined" ? explorer : require("./explorer.js");

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const VIEWS = 8;

// A picture is 3,072 numbers in the order of a tensor `3 32 32`.
function picture(valueAt) {
  return Array.from({ length: 3 * PIXELS }, (_, index) =>
    valueAt(Math.floor(index / PIXELS), Math.floor(index / SIDE) % SIDE, index % SIDE),
  );
}

function at(image, channel, row, column) {
  return image[channel * PIXELS + row * SIDE + column];
}

// The nearest whole number from 0 to 255; a half goes to the even one, as in torch.
function toByte(value) {
  const below = Math.floor(value);
  const rest = value - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return Math.max(0, Math.min(255, below + (up ? 1 : 0)));
}

function clipped(value) {
  return Math.max(0, Math.min(255, value));
}

// What lies outside of the picture is mirrored at its border.
function mirrored(position) {
  return SIDE - 1 - Math.abs(SIDE - 1 - Math.abs(position));
}

function flip(image, { mirror }) {
  return mirror ? picture((c, row, column) => at(image, c, row, SIDE - 1 - column)) : image;
}

function crop(image, { down, right }) {
  return picture((c, row, column) => at(image, c, mirrored(row + down), mirrored(column + right)));
}

// Each pixel is fetched from its turned position, between four pixels.
function rotate(image, { degrees }) {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const middle = (SIDE - 1) / 2;
  return picture((c, row, column) => {
    const [x, y] = [column - middle, row - middle];
    return between(
      image,
      c,
      mirrored(sin * x + cos * y + middle),
      mirrored(cos * x - sin * y + middle),
    );
  });
}

function between(image, c, row, column) {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [bottom, right] = [Math.min(top + 1, SIDE - 1), Math.min(left + 1, SIDE - 1)];
  const [down, across] = [row - top, column - left];
  const upper = (1 - across) * at(image, c, top, left) + across * at(image, c, top, right);
  const lower = (1 - across) * at(image, c, bottom, left) + across * at(image, c, bottom, right);
  return (1 - down) * upper + down * lower;
}

// How bright red, green and blue look: ITU-R BT.601.
function grey(image, row, column) {
  return (
    0.2989 * at(image, 0, row, column) +
    0.587 * at(image, 1, row, column) +
    0.114 * at(image, 2, row, column)
  );
}

function meanGrey(image) {
  const greys = picture((_, row, column) => grey(image, row, column));
  return greys.reduce((sum, value) => sum + value, 0) / greys.length;
}

// Factor 0 is `start`, 1 the picture as it is.
function away(image, start, factor) {
  return picture((c, row, column) => {
    const from = start(row, column);
    return clipped(from + (at(image, c, row, column) - from) * factor);
  });
}

function turnHue(image, turn) {
  return picture((c, row, column) => {
    const [red, green, blue] = [0, 1, 2].map((channel) => at(image, channel, row, column));
    const largest = Math.max(red, green, blue);
    const chroma = largest - Math.min(red, green, blue);
    const divisor = chroma || 1; // grey has no hue
    let hue = (red - green) / divisor + 4; // in sixths of the circle
    if (largest === red) hue = (green - blue) / divisor;
    else if (largest === green) hue = (blue - red) / divisor + 2;
    const angle = (((hue + 6 * turn + [5, 3, 1][c]) % 6) + 6) % 6;
    return largest - chroma * Math.max(0, Math.min(1, angle, 4 - angle));
  });
}

const COLOUR_CHANGES = {
  brightness: (image, factor) => away(image, () => 0, factor),
  contrast: (image, factor) => {
    const mean = meanGrey(image);
    return away(image, () => mean, factor);
  },
  saturation: (image, factor) => away(image, (row, column) => grey(image, row, column), factor),
  hue: turnHue,
};

// `changes` are [name, amount], in their order.
function jitter(image, { changes }) {
  return changes.reduce((changed, [name, amount]) => COLOUR_CHANGES[name](changed, amount), image);
}

function addNoise(image, { noise }) {
  return image.map((value, index) => value + noise[index]);
}

function cutOut(image, { row, column, size }) {
  const [top, left] = [row - Math.floor(size / 2), column - Math.floor(size / 2)];
  const hidden = (index, start) => index >= start && index < start + size;
  return picture((c, y, x) => (hidden(y, top) && hidden(x, left) ? 128 : at(image, c, y, x)));
}

// Pictures in [-1, 1], as a network sees them. `kept` is the share of the first in the label.
function mixup(image, partner, { share }) {
  return {
    image: image.map((value, i) => value + (1 - share) * (partner[i] - value)),
    kept: share,
  };
}

function cutmix(image, partner, { share, row, column }) {
  const half = Math.trunc((Math.sqrt(1 - share) * SIDE) / 2);
  const [top, left] = [Math.max(row - half, 0), Math.max(column - half, 0)];
  const [bottom, right] = [Math.min(row + half, SIDE), Math.min(column + half, SIDE)];
  const inside = (y, x) => y >= top && y < bottom && x >= left && x < right;
  return {
    image: picture((c, y, x) => at(inside(y, x) ? partner : image, c, y, x)),
    kept: 1 - ((bottom - top) * (right - left)) / PIXELS,
  };
}

function toFloats(image) {
  return image.map((value) => value / 127.5 - 1);
}

function toBytes(image) {
  return image.map((value) => toByte((value + 1) * 127.5));
}

// What is drawn. `random` gives numbers from 0 to 1.

function whole(random, low, high) {
  return low + Math.floor(random() * (high - low + 1));
}

function symmetric(random, reach) {
  return reach * (2 * random() - 1);
}

// Beta(alpha, alpha): two Gamma(alpha) draws make one.
function beta(random, alpha) {
  const [a, b] = [gamma(random, alpha), gamma(random, alpha)];
  return a + b > 0 ? a / (a + b) : 1;
}

// Marsaglia and Tsang 2000, "A Simple Method for Generating Gamma Variables".
function gamma(random, alpha) {
  if (alpha < 1) return gamma(random, alpha + 1) * (1 - random()) ** (1 / alpha);
  const d = alpha - 1 / 3;
  for (;;) {
    const x = shared.normal(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

function drawChanges(random, { colours, hue }) {
  const changes = [
    ["brightness", 1, colours],
    ["contrast", 1, colours],
    ["saturation", 1, colours],
    ["hue", 0, hue],
  ].map(([name, middle, reach]) => [random(), name, middle + symmetric(random, reach), reach]);
  const used = changes.filter(([, , , reach]) => reach > 0);
  return used.sort(([a], [b]) => a - b).map(([, name, amount]) => [name, amount]);
}

function drawNoise(random, sd) {
  return Array.from({ length: 3 * PIXELS }, () => sd * shared.normal(random));
}

// In the order in which they are applied.
const AUGMENTATIONS = {
  Flip: {
    draw: (random) => ({ mirror: random() < 0.5 }),
    apply: flip,
    told: ({ mirror }) => (mirror ? "mirrored" : "not mirrored"),
    range: () => "mirrored or not, with probability 0.5",
    code: () => "ck.Flip()",
  },
  Crop: {
    settings: { padding: { label: "padding", min: 1, max: 16, step: 1 } },
    draw: (random, { padding }) => ({
      down: whole(random, -padding, padding),
      right: whole(random, -padding, padding),
    }),
    apply: crop,
    told: ({ down, right }) =>
      `window ${Math.abs(down)} ${down < 0 ? "up" : "down"}, ` +
      `${Math.abs(right)} ${right < 0 ? "left" : "right"}`,
    range: ({ padding }) => `two whole numbers from −${padding} to ${padding}: rows, columns`,
    code: ({ padding }) => `ck.Crop(padding=${padding})`,
  },
  Rotation: {
    settings: { degrees: { label: "degrees", min: 0, max: 180, step: 5 } },
    draw: (random, { degrees }) => ({ degrees: symmetric(random, degrees) }),
    apply: rotate,
    told: ({ degrees }) => `turned ${signed(degrees.toFixed(0))}°`,
    range: ({ degrees }) => `an angle from −${degrees}° to ${degrees}°`,
    code: ({ degrees }) => `ck.Rotation(degrees=${degrees})`,
  },
  ColorJitter: {
    settings: {
      colours: { label: "colours", min: 0, max: 1, step: 0.05 },
      hue: { label: "hue", min: 0, max: 0.5, step: 0.05 },
    },
    draw: (random, settings) => ({ changes: drawChanges(random, settings) }),
    apply: jitter,
    told: ({ changes }) =>
      changes.map(([name, amount]) => `${name} ${signed(amount.toFixed(2))}`).join(", "),
    range: ({ colours, hue }) =>
      `three factors from ${(1 - colours).toFixed(2)} to ${(1 + colours).toFixed(2)}` +
      `${hue ? `, a turn of the hue from −${hue} to ${hue} of the circle,` : ""} and their order`,
    code: ({ colours, hue }) =>
      `ck.ColorJitter(brightness=${colours}, contrast=${colours}, saturation=${colours}, hue=${hue})`,
  },
  Noise: {
    settings: { sd: { label: "sd", min: 0, max: 64, step: 2 } },
    draw: (random, { sd }) => ({ sd, noise: drawNoise(random, sd) }),
    apply: addNoise,
    told: ({ sd }) => `noise of sd ${sd}`,
    range: ({ sd }) => `3,072 normal numbers of mean 0 and standard deviation ${sd}`,
    code: ({ sd }) => `ck.Noise(sd=${sd})`,
  },
  Cutout: {
    settings: { size: { label: "size", min: 1, max: 32, step: 1 } },
    draw: (random, { size }) => ({
      row: whole(random, 0, SIDE - 1),
      column: whole(random, 0, SIDE - 1),
      size,
    }),
    apply: cutOut,
    told: ({ row, column }) => `hidden around row ${row}, column ${column}`,
    range: ({ size }) =>
      `the middle of a square of ${size} by ${size}: two whole numbers from 0 to 31`,
    code: ({ size }) => `ck.Cutout(size=${size})`,
  },
};

const MIXES = {
  Mixup: {
    draw: () => ({}),
    apply: mixup,
    range: ({ alpha }) =>
      `one share for the whole batch, from Beta(${alpha}, ${alpha}), and partners`,
  },
  CutMix: {
    draw: (random) => ({ row: whole(random, 0, SIDE - 1), column: whole(random, 0, SIDE - 1) }),
    apply: cutmix,
    range: ({ alpha }) =>
      `one share for the whole batch, from Beta(${alpha}, ${alpha}), one middle of the rectangle, ` +
      "and partners",
  },
};

const DEFAULTS = {
  picture: 0,
  seed: 0,
  mix: "none",
  alpha: 1,
  Flip: true,
  Crop: true,
  Rotation: false,
  ColorJitter: false,
  Noise: false,
  Cutout: false,
  padding: 4,
  degrees: 15,
  colours: 0.2,
  hue: 0,
  sd: 8,
  size: 8,
};

// Numbers by their purpose: what one augmentation draws does not depend on the others.
function randomFor(seed, view, purpose) {
  return shared.uniform((seed * (VIEWS + 1) + view) * 16 + purpose);
}

function augmented(image, state, view, first) {
  const told = [];
  const changed = Object.entries(AUGMENTATIONS).reduce(
    (current, [name, { draw, apply, told: say }], i) => {
      if (!state[name]) return current;
      const drawn = draw(randomFor(state.seed, view, first + i), state);
      told.push(say(drawn));
      return apply(current, drawn).map(toByte);
    },
    image,
  );
  return { image: changed, told };
}

// The eight views that a state stands for: the picture, and in words what was drawn.
function views(state, pictures) {
  const mix = MIXES[state.mix];
  const random = randomFor(state.seed, VIEWS, 0); // of the batch, after those of the views
  const drawn = mix && { share: beta(random, state.alpha), ...mix.draw(random) };
  return Array.from({ length: VIEWS }, (_, view) => {
    const { image, told } = augmented(pictures[state.picture].image, state, view, 0);
    if (!mix) return { image, told };
    const others = pictures.filter((_, index) => index !== state.picture);
    const partner = others[whole(randomFor(state.seed, view, 15), 0, others.length - 1)];
    const changed = augmented(partner.image, state, view, 7).image;
    const mixed = mix.apply(toFloats(image), toFloats(changed), drawn);
    const label =
      `${percent(mixed.kept)} ${pictures[state.picture].name}, ` +
      `${percent(1 - mixed.kept)} ${partner.name}`;
    return { image: toBytes(mixed.image), told: [...told, `label ${label}`] };
  });
}

// The line of Python that trains with these settings.
function code(state) {
  const names = Object.keys(AUGMENTATIONS).filter((name) => state[name]);
  const augment = names.map((name) => AUGMENTATIONS[name].code(state));
  const closing = augment.length === 1 ? ",)" : ")";
  const mix = state.mix === "none" ? "" : `, mix=ck.${state.mix}(alpha=${state.alpha})`;
  return `ck.train("baseline", data, augment=(${augment.join(", ")}${closing}${mix})`;
}

// From here on: what is shown.

function signed(value) {
  return String(value).replace("-", "−");
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

// From the base64 of a data file to pictures.
function decoded(pictures) {
  return pictures.map(({ name, bytes }) => ({
    name,
    image: Array.from(atob(bytes), (letter) => letter.charCodeAt(0)),
  }));
}

function rows(image) {
  return Array.from({ length: SIDE }, (_, row) =>
    Array.from({ length: SIDE }, (_, column) =>
      [0, 1, 2].map((channel) => at(image, channel, row, column)),
    ),
  );
}

function build() {
  const { element } = shared;
  const pictures = decoded(EXPLORER_PICTURES.pictures);
  const state = { ...DEFAULTS };
  const original = element("canvas", { role: "img" });
  const caption = element("figcaption");
  const grid = element("div", { class: "augmentations-grid" });
  const list = element("ol", { class: "augmentations-list", "aria-hidden": "true" });
  const ranges = element("ul");
  const line = element("code");
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });

  function draw() {
    const { name, image } = pictures[state.picture];
    shared.paint(original, rows(image));
    original.setAttribute("aria-label", `the original picture, a ${name}`);
    caption.textContent = `Original: ${name}`;
    const seen = views(state, pictures);
    grid.replaceChildren(...seen.map(shown));
    list.replaceChildren(...seen.map(({ told }) => element("li", {}, inWords(told))));
    ranges.replaceChildren(...drawnRanges(state).map((range) => element("li", {}, range)));
    line.textContent = code(state);
    result.textContent = `Seed ${state.seed}: eight random views of the ${name}.`;
  }

  const seed = shared.number(state, "seed", { label: "Seed", min: 0, max: 9999 }, draw);
  const next = shared.button("Next seed", () => {
    state.seed = (state.seed + 1) % 10000;
    seed.refresh();
    draw();
  });
  draw();
  return [
    element(
      "div",
      { class: "explorer-controls" },
      choice(state, pictures, draw),
      seed,
      element("div", {}, next),
    ),
    element(
      "div",
      { class: "explorer-panels" },
      element("figure", { class: "augmentations-original" }, original, caption),
      grid,
    ),
    element(
      "div",
      { class: "explorer-controls" },
      Object.entries(AUGMENTATIONS).map(([name, { settings = {} }]) =>
        group(state, name, settings, draw),
      ),
      mixGroup(state, draw),
    ),
    result,
    list,
    element(
      "div",
      {},
      element("p", {}, "Drawn again for each view in each epoch:"),
      ranges,
    ),
    element("div", {}, element("p", {}, "The same in Python:"), element("p", {}, line)),
  ];
}

function choice(state, pictures, draw) {
  const options = Object.fromEntries(pictures.map(({ name }, index) => [index, name]));
  return shared.select(state, "picture", { label: "Picture", options }, () => {
    state.picture = Number(state.picture);
    draw();
  });
}

// An augmentation's box to tick, and the sliders of its strength, which tick it.
function group(state, name, settings, draw) {
  const box = shared.checkbox(state, name, { label: name }, draw);
  return shared.element(
    "div",
    { role: "group", "aria-label": name },
    box,
    Object.entries(settings).map(([key, setting]) =>
      shared.slider(state, key, setting, () => {
        state[name] = true;
        box.refresh();
        draw();
      }),
    ),
  );
}

function mixGroup(state, draw) {
  const options = { none: "none", Mixup: "Mixup", CutMix: "CutMix" };
  return shared.element(
    "div",
    { role: "group", "aria-label": "mix" },
    shared.select(state, "mix", { label: "Mix", options }, draw),
    shared.slider(state, "alpha", { label: "alpha", min: 0.1, max: 2, step: 0.1 }, draw),
  );
}

function shown({ image, told }) {
  const words = inWords(told);
  const canvas = shared.element("canvas", { role: "img", "aria-label": words });
  shared.paint(canvas, rows(image));
  return shared.element("figure", {}, canvas, shared.element("figcaption", {}, words));
}

function inWords(told) {
  return told.join("; ") || "unchanged";
}

function drawnRanges(state) {
  const names = Object.keys(AUGMENTATIONS).filter((name) => state[name]);
  const ranges = names.map((name) => `${name}: ${AUGMENTATIONS[name].range(state)}.`);
  if (state.mix !== "none") ranges.push(`${state.mix}: ${MIXES[state.mix].range(state)}.`);
  return ranges.length ? ranges : ["Nothing: every epoch shows the same picture."];
}

shared.start("augmentations", build);

if (typeof module !== "undefined") {
  module.exports = { AUGMENTATIONS, DEFAULTS, MIXES, beta, code, toBytes, toFloats, views };
}
