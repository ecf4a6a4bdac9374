// A 3 by 3 convolution that can be taken apart: every output with its nine products.
"use strict";

const shared = typeof module === "undefined" ? explorer : require("./explorer.js");

const SIDE = 16;
const KERNEL_SIDE = 3;

// The distance of a point to the edge of a shape, negative inside, as in cifarkit's own pictures.
const PICTURES = {
  ring: { text: "ring", distance: (x, y) => Math.abs(Math.hypot(x, y) - 4.6) - 1.4 },
  square: { text: "square", distance: (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 4.5 },
  bars: { text: "upright bars", distance: (x) => Math.abs(((x + 10) % 4) - 2) - 1 },
  cross: {
    text: "slanted cross",
    distance: (x, y) => Math.min(Math.abs(x + y), Math.abs(x - y)) / Math.SQRT2 - 1.2,
  },
  dot: {
    text: "one bright pixel",
    distance: (x, y) => Math.max(Math.abs(x - 0.5), Math.abs(y - 0.5)) - 0.5,
  },
};

// prettier-ignore
const KERNELS = {
  vertical: { text: "Sobel: vertical edges", weights: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] },
  horizontal: { text: "Sobel: horizontal edges", weights: [[-1, -2, -1], [0, 0, 0], [1, 2, 1]] },
  edge: { text: "edges of all directions", weights: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]] },
  blur: {
    text: "blur",
    weights: [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
  },
  sharpen: { text: "sharpen", weights: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] },
  identity: { text: "identity", weights: [[0, 0, 0], [0, 1, 0], [0, 0, 0]] },
  untrained: { text: "random, as before training", weights: untrained(4) },
};

// Kaiming He's start: normal weights of variance 2 / inputs.
function untrained(seed) {
  const random = shared.uniform(seed);
  const sd = Math.sqrt(2 / KERNEL_SIDE ** 2);
  return table(KERNEL_SIDE, KERNEL_SIDE, () => Math.round(10 * sd * shared.normal(random)) / 10);
}

function table(height, width, value) {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => value(y, x)),
  );
}

// Grey values from 0 to 1 with one decimal, so that the products stay short.
function picture(name) {
  const { distance } = PICTURES[name];
  const middle = (SIDE - 1) / 2;
  return table(SIDE, SIDE, (y, x) => {
    const inside = Math.max(0, Math.min(1, 0.5 - distance(x - middle, y - middle)));
    return Math.round(10 * (0.2 + 0.7 * inside)) / 10;
  });
}

function outputSide(side, { stride, padding }) {
  return Math.floor((side + 2 * padding - KERNEL_SIDE) / stride) + 1;
}

// The nine pixels under the kernel for one output; outside the picture they are 0.
function windowOf(rows, [y, x], { stride, padding }) {
  return table(KERNEL_SIDE, KERNEL_SIDE, (i, j) => {
    const row = rows[y * stride - padding + i];
    return (row && row[x * stride - padding + j]) ?? 0;
  });
}

function products(window, kernel) {
  return table(KERNEL_SIDE, KERNEL_SIDE, (i, j) => window[i][j] * kernel[i][j]);
}

function sum(rows) {
  return rows.flat().reduce((total, value) => total + value, 0);
}

function convolve(rows, kernel, { stride, padding, bias }) {
  const height = outputSide(rows.length, { stride, padding });
  const width = outputSide(rows[0].length, { stride, padding });
  return table(
    height,
    width,
    (y, x) => sum(products(windowOf(rows, [y, x], { stride, padding }), kernel)) + bias,
  );
}

function relu(rows) {
  return rows.map((row) => row.map((value) => Math.max(0, value)));
}

// The largest of each 2 by 2 values; an odd last row or column is left out.
function maxPool(rows) {
  return table(rows.length >> 1, rows[0].length >> 1, (y, x) => Math.max(...fourOf(rows, [y, x])));
}

function fourOf(rows, [y, x]) {
  return [0, 1].flatMap((i) => [0, 1].map((j) => rows[2 * y + i][2 * x + j]));
}

// Of a layer from `inputs` channels `side` by `side` to `outputs` channels, for one image.
function counts({ inputs, outputs, side, stride, padding }) {
  const positions = outputSide(side, { stride, padding }) ** 2;
  const weights = outputs * inputs * KERNEL_SIDE ** 2;
  const linear = (inputs * side ** 2 + 1) * outputs * positions;
  return { parameters: weights + outputs, multiplyAdds: weights * positions, linear };
}

// What follows from the settings: the maps, the products under the kernel, the shapes.
function computed(state) {
  const input = picture(state.picture);
  const map = convolve(input, state.kernel, state);
  const cell = state.cell.map((index) => Math.min(index, map.length - 1));
  const activated = state.relu ? relu(map) : map;
  const last = state.pool ? maxPool(activated) : activated;
  const window = windowOf(input, cell, state);
  return { input, map, cell, activated, last, window, products: products(window, state.kernel) };
}

// From here on: what is shown.

// Five decimals: a blur's products are exact.
function written(value) {
  const rounded = Number(value.toFixed(5));
  return (Object.is(rounded, -0) ? 0 : rounded).toString().replace("-", "−");
}

function thousands(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function grey(value) {
  const level = Math.round(255 * Math.max(0, Math.min(1, value)));
  return { fill: `rgb(${level},${level},${level})` };
}

// Orange above 0, blue below; the ground of the page is 0.
function signed(most) {
  return (value) => ({
    fill: `var(--explorer-${value < 0 ? "blue" : "orange"})`,
    "fill-opacity": (Math.abs(value) / (most || 1)).toFixed(3),
  });
}

const WIDTH = 240; // pixels of the page for the padded picture; all maps have its scale

function cellSize({ padding }) {
  return WIDTH / (SIDE + 2 * padding);
}

// A map of numbers as squares; `frames` are [row, column, height, width, class].
function squares(rows, size, fill, frames, place) {
  const [height, width] = [size * rows.length, size * rows[0].length];
  const cells = rows.flatMap((row, y) =>
    row.map((value, x) =>
      shared.tag("rect", { x: size * x, y: size * y, width: size, height: size, ...fill(value) }),
    ),
  );
  const framed = frames.map(([y, x, high, wide, name]) =>
    shared.tag("rect", {
      x: size * x,
      y: size * y,
      width: size * wide,
      height: size * high,
      class: name,
    }),
  );
  return shared.tag(
    "svg",
    {
      viewBox: `-2 -2 ${width + 4} ${height + 4}`,
      width: width + 4,
      height: height + 4,
      "shape-rendering": "crispEdges",
      ...place,
    },
    shared.tag("rect", { width, height, class: "sheet" }),
    cells,
    shared.tag("rect", { width, height, class: "line" }),
    framed,
  );
}

function inputSquares(state, { input, cell: [y, x] }, place = {}) {
  const { stride, padding } = state;
  const side = SIDE + 2 * padding;
  const rows = table(side, side, (i, j) => (input[i - padding] || [])[j - padding] ?? 0);
  return squares(
    rows,
    cellSize(state),
    grey,
    [
      [padding, padding, SIDE, SIDE, "border"],
      [y * stride, x * stride, KERNEL_SIDE, KERNEL_SIDE, "window"],
    ],
    place,
  );
}

function most(rows) {
  return Math.max(...rows.flat().map(Math.abs));
}

function mapSquares(state, { map, cell: [y, x] }, place = {}) {
  return squares(map, cellSize(state), signed(most(map)), [[y, x, 1, 1, "chosen"]], place);
}

function lastSquares(state, { map, last, cell }, place = {}) {
  const [y, x] = state.pool ? cell.map((index) => index >> 1) : cell;
  const frames = y < last.length && x < last.length ? [[y, x, 1, 1, "chosen"]] : [];
  return squares(last, cellSize(state), signed(most(map)), frames, place);
}

function sumWritten(state, found) {
  const terms = found.products.flat().map((value) => written(value));
  const bias = state.bias ? ` + bias ${written(state.bias)}` : "";
  const joined = `${terms.join(" + ")}${bias}`.replace(/\+ (bias )?−/g, "− $1");
  return `${joined} = ${written(found.map[found.cell[0]][found.cell[1]])}`;
}

function shapesWritten(state, { map, last }) {
  const side = map.length;
  const steps = [`${state.inputs} ${SIDE} ${SIDE}`, `${state.outputs} ${side} ${side}`];
  if (state.pool) steps.push(`${state.outputs} ${last.length} ${last.length}`);
  return steps.join(" -> ");
}

const DEFAULTS = {
  picture: "ring",
  preset: "vertical",
  kernel: KERNELS.vertical.weights,
  stride: 1,
  padding: 0,
  bias: 0,
  relu: true,
  pool: true,
  inputs: 1,
  outputs: 1,
  cell: [6, 1],
};

// The picture for a page without scripts: small enough that a phone shows its letters.
function still() {
  const found = computed(DEFAULTS);
  const scale = 0.85;
  const place = (x, y, side) => {
    const size = scale * (cellSize(DEFAULTS) * side + 4);
    return { x, y, width: size, height: size };
  };
  const label = (x, y, title) => shared.tag("text", { x, y, "font-weight": 700 }, title);
  const nine = found.products.flatMap((row, i) =>
    row.map((product, j) => {
      const [x, y] = [234 + 72 * j, 28 + 68 * i];
      const factors = `${written(found.window[i][j])} × ${written(DEFAULTS.kernel[i][j])}`;
      const middle = { x: x + 34, "text-anchor": "middle" };
      return [
        shared.tag("rect", { x, y, width: 68, height: 64, class: "line" }),
        shared.tag("text", { ...middle, y: y + 28 }, factors),
        shared.tag("text", { ...middle, y: y + 48, "font-weight": 700 }, `= ${written(product)}`),
      ];
    }),
  );
  return shared.tag(
    "svg",
    { viewBox: "0 0 450 490", width: 450, height: 490 },
    label(0, 14, "Picture, 1 16 16"),
    inputSquares(DEFAULTS, found, place(0, 26, SIDE)),
    label(234, 14, "Pixel × weight"),
    nine,
    shared.tag("text", { x: 0, y: 256 }, `Their sum: ${sumWritten(DEFAULTS, found)}`),
    label(0, 292, "Output map, 1 14 14"),
    mapSquares(DEFAULTS, found, place(0, 304, found.map.length)),
    label(234, 292, "After ReLU and pooling, 1 7 7"),
    lastSquares(DEFAULTS, found, place(234, 304, found.last.length)),
  );
}

function texts(choices) {
  return Object.fromEntries(Object.entries(choices).map(([key, { text }]) => [key, text]));
}

function panel(title, ...content) {
  return shared.element("figure", {}, shared.element("figcaption", {}, title), content);
}

function build() {
  const { element } = shared;
  const state = structuredClone(DEFAULTS);
  const input = element("div", { role: "img", "aria-label": "Picture, with the kernel's frame" });
  const map = element("div", {
    class: "convolution-map",
    tabindex: 0,
    role: "application",
    "aria-label": "Output map. The arrow keys choose an output.",
  });
  const last = element("div", { role: "img", "aria-label": "Map after ReLU and pooling" });
  const lastTitle = element("span");
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });
  const layer = element("div", { class: "explorer-result", "aria-live": "polite" });
  const nine = nineCells(state, () => {
    state.preset = "";
    preset.refresh();
    draw();
  });
  const preset = shared.select(
    state,
    "preset",
    { label: "Kernel", options: { ...texts(KERNELS), "": "written by hand" } },
    () => {
      if (state.preset) state.kernel = structuredClone(KERNELS[state.preset].weights);
      draw();
    },
  );

  function draw() {
    const found = computed(state);
    state.cell = found.cell;
    input.innerHTML = inputSquares(state, found);
    map.innerHTML = mapSquares(state, found);
    last.innerHTML = lastSquares(state, found);
    lastTitle.textContent = titleOfLast(state);
    nine.show(found);
    result.replaceChildren(...paragraphs(sumSentence(state, found), afterSentence(state, found)));
    layer.replaceChildren(...paragraphs(...layerSentences(state, found)));
  }

  choosing(map, state, draw);
  draw();
  return [
    element(
      "div",
      { class: "explorer-controls" },
      shared.select(state, "picture", { label: "Picture", options: texts(PICTURES) }, draw),
      preset,
      shared.slider(state, "stride", { label: "Stride", min: 1, max: 3 }, draw),
      shared.slider(state, "padding", { label: "Padding", min: 0, max: 2 }, draw),
      shared.slider(
        state,
        "bias",
        { label: "Bias", min: -3, max: 3, step: 0.1, show: (value) => written(value) },
        draw,
      ),
      shared.checkbox(state, "relu", { label: "ReLU" }, draw),
      shared.checkbox(state, "pool", { label: "2 × 2 max pooling" }, draw),
    ),
    element(
      "div",
      { class: "explorer-panels" },
      panel("Picture, 0 (black) to 1 (white)", input),
      panel("Pixel × weight = product", nine),
      panel("Output: orange above 0, blue below", map),
      panel(lastTitle, last),
    ),
    result,
    element("div", {}, walking(state, result, draw)),
    element(
      "div",
      { class: "explorer-controls" },
      channels(state, "inputs", "Input channels", draw),
      channels(state, "outputs", "Output channels", draw),
    ),
    layer,
  ];
}

function paragraphs(...sentences) {
  return sentences.map((sentence) => shared.element("p", {}, sentence));
}

function channels(state, key, label, draw) {
  const options = Object.fromEntries([1, 3, 16, 32, 64, 128].map((count) => [count, count]));
  return shared.select(state, key, { label, options }, () => {
    state[key] = Number(state[key]);
    draw();
  });
}

// Nine cells: the pixel under the kernel, its weight to be edited, and their product.
function nineCells(state, changed) {
  const { element } = shared;
  const cells = table(KERNEL_SIDE, KERNEL_SIDE, (i, j) => ({
    pixel: element("span"),
    weight: element("input", {
      type: "number",
      step: "any",
      "aria-label": `weight, row ${i + 1}, column ${j + 1}`,
      onchange: (event) => {
        const weight = event.target.valueAsNumber;
        if (Number.isFinite(weight)) changed((state.kernel[i][j] = weight));
        else event.target.value = state.kernel[i][j];
      },
    }),
    product: element("strong"),
  }));
  const made = element(
    "div",
    { class: "convolution-nine" },
    cells.flat().map(({ pixel, weight, product }) => element("div", {}, pixel, weight, product)),
  );
  made.show = (found) =>
    cells.forEach((row, i) =>
      row.forEach(({ pixel, weight, product }, j) => {
        pixel.textContent = `${written(found.window[i][j])} ×`;
        weight.value = state.kernel[i][j];
        product.textContent = `= ${written(found.products[i][j])}`;
      }),
    );
  return made;
}

// The pointer or the arrow keys choose the output whose products are shown.
function choosing(map, state, draw) {
  map.addEventListener("keydown", (event) => {
    const side = outputSide(SIDE, state);
    const cell = shared.arrow(event, state.cell, [side, side]);
    if (!cell) return;
    state.cell = cell;
    draw();
  });
  const point = (event) => {
    const box = map.querySelector(".sheet").getBoundingClientRect(); // without the rim around it
    const side = outputSide(SIDE, state);
    const index = (at, start, size) =>
      Math.max(0, Math.min(side - 1, Math.floor((side * (at - start)) / size)));
    state.cell = [
      index(event.clientY, box.top, box.height),
      index(event.clientX, box.left, box.width),
    ];
    draw();
  };
  map.addEventListener("pointerdown", point);
  map.addEventListener("pointermove", point);
}

// A button that moves the kernel over the picture, and stops it.
function walking(state, result, draw) {
  let timer = null;
  const step = () => {
    const side = outputSide(SIDE, state);
    const next = (state.cell[0] * side + state.cell[1] + 1) % side ** 2;
    state.cell = [Math.floor(next / side), next % side];
    draw();
  };
  const made = shared.button("Move the kernel", () => {
    clearInterval(timer);
    timer = timer === null ? setInterval(step, 200) : null;
    made.textContent = timer === null ? "Move the kernel" : "Stop";
    result.setAttribute("aria-live", timer === null ? "polite" : "off");
  });
  return made;
}

function titleOfLast({ relu: activated, pool }) {
  if (activated && pool) return "After ReLU and pooling";
  if (activated) return "After ReLU";
  return pool ? "After pooling" : "No ReLU, no pooling";
}

function sumSentence(state, found) {
  const [y, x] = found.cell;
  return `Output in row ${y + 1}, column ${x + 1}: ${sumWritten(state, found)}.`;
}

function afterSentence(state, { activated, last, cell: [y, x] }) {
  const parts = state.relu ? [`After ReLU: ${written(activated[y][x])}.`] : [];
  const [row, column] = [y >> 1, x >> 1];
  if (state.pool && row < last.length && column < last.length) {
    const four = fourOf(activated, [row, column])
      .map((value) => written(value))
      .join(", ");
    parts.push(`Pooling keeps the largest of ${four}: ${written(last[row][column])}.`);
  } else if (state.pool) {
    parts.push("Pooling leaves out this odd last row or column.");
  }
  return parts.join(" ");
}

function layerSentences(state, found) {
  const { stride, padding, inputs, outputs } = state;
  const { parameters, multiplyAdds, linear } = counts({ ...state, side: SIDE });
  const rounded = (SIDE + 2 * padding - KERNEL_SIDE) % stride ? ", rounded down" : "";
  return [
    ["Shapes (channels, rows, columns): ", shared.element("code", {}, shapesWritten(state, found))],
    `Rows and columns: (${SIDE} + 2 × ${padding} − 3) / ${stride} + 1 = ` +
      `${found.map.length}${rounded}.`,
    `Parameters: ${outputs} × (${inputs} × 9 weights + 1 bias) = ${thousands(parameters)}.`,
    `Multiply-adds for one image: ${outputs} × ${inputs} × 9 × ${found.map.length}² = ` +
      `${thousands(multiplyAdds)}.`,
    `A linear layer between as many numbers has ${thousands(linear)} parameters.`,
  ];
}

shared.start("convolution", build);

if (typeof module !== "undefined") {
  module.exports = {
    convolve,
    counts,
    fourOf,
    maxPool,
    outputSide,
    picture,
    pictures: Object.keys(PICTURES),
    products,
    relu,
    still,
    windowOf,
  };
}
