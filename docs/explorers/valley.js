// Gradient descent in a narrow valley: loss (x² + L y²) / 2, which is flat along x and steep along y.
"use strict";

const walk = typeof module === "undefined" ? explorer : require("./explorer.js");

const CURVATURES = [1, 20]; // along x, and L along y
const FIRST = [-8, 1.6];
const VALLEY = { rate: 0.09, momentum: 0, steps: 40 };
const DONE = 0.01; // of the first loss

function lossAt(point) {
  return point.reduce((sum, value, i) => sum + (CURVATURES[i] * value ** 2) / 2, 0);
}

// The points of SGD as torch counts it: velocity = momentum * velocity + gradient.
function descend({ rate, momentum, steps }) {
  const points = [FIRST];
  let velocity = FIRST.map(() => 0);
  for (let step = 0; step < steps; step += 1) {
    const point = points[step];
    velocity = velocity.map((speed, i) => momentum * speed + CURVATURES[i] * point[i]);
    points.push(point.map((value, i) => value - rate * velocity[i]));
  }
  return points;
}

// The rate from which on the steps grow: 2 / L without momentum.
function largestRate(momentum) {
  return (2 * (1 + momentum)) / Math.max(...CURVATURES);
}

// How many steps until the loss is below a hundredth of the first, and stays there.
function stepsNeeded({ rate, momentum }, most = 2000) {
  const losses = descend({ rate, momentum, steps: most }).map(lossAt);
  const last = losses.findLastIndex((loss) => !(loss < DONE * losses[0]));
  return last < most ? last + 1 : null;
}

// From here on: what is shown.

const [MAP_WIDTH, MAP_HEIGHT, SCALE] = [340, 190, 17];
const CONTOURS = [0.5, 2, 5, 10, 18, 28, 40];

function onMap([x, y]) {
  const held = (value) => Math.max(-9999, Math.min(9999, value)); // far outside it is cut off
  return [held(MAP_WIDTH / 2 + SCALE * x), held(MAP_HEIGHT / 2 - 2 * SCALE * y)];
}

function map(state, attributes = {}) {
  const points = descend(state).map(onMap);
  const [x, y] = onMap([0, 0]);
  const rings = CONTOURS.map((loss) =>
    walk.tag("ellipse", {
      cx: x,
      cy: y,
      class: "line",
      rx: (SCALE * Math.sqrt((2 * loss) / CURVATURES[0])).toFixed(1),
      ry: (2 * SCALE * Math.sqrt((2 * loss) / CURVATURES[1])).toFixed(1),
    }),
  );
  const path = points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
  const dots = points.map(([cx, cy], step) =>
    walk.tag("circle", {
      cx: cx.toFixed(1),
      cy: cy.toFixed(1),
      r: step ? 2.5 : 5,
      class: step ? "step" : "first",
    }),
  );
  return walk.tag(
    "svg",
    {
      viewBox: `0 0 ${MAP_WIDTH} ${MAP_HEIGHT}`,
      width: 2 * MAP_WIDTH,
      height: 2 * MAP_HEIGHT,
      ...attributes,
    },
    walk.tag("rect", { width: MAP_WIDTH, height: MAP_HEIGHT, class: "sheet" }),
    rings,
    walk.tag("polyline", { points: path, class: "path" }),
    dots,
    walk.tag("path", { d: `M${x - 6} ${y}h12M${x} ${y - 6}v12`, class: "minimum" }),
  );
}

function still() {
  const part = (momentum, y) => [
    walk.tag(
      "text",
      { x: 0, y: y + 18, "font-weight": 700 },
      `${VALLEY.steps} steps, rate ${VALLEY.rate}, momentum ${momentum}`,
    ),
    map({ ...VALLEY, momentum }, { y: y + 28, width: MAP_WIDTH, height: MAP_HEIGHT }),
  ];
  const height = 2 * (MAP_HEIGHT + 40);
  return walk.tag(
    "svg",
    { viewBox: `0 0 ${MAP_WIDTH} ${height}`, width: MAP_WIDTH, height },
    part(0, 0),
    part(0.7, height / 2),
  );
}

function judgement({ rate, momentum }) {
  const limit = largestRate(momentum);
  const name = momentum ? "2 (1 + momentum) / L" : "2 / L";
  const bound = `${name} = ${rounded(limit)}`;
  if (Math.abs(rate - limit) < 1e-9) {
    return `The rate is exactly ${bound}. The steps jump from wall to wall for ever.`;
  }
  if (rate > limit) return `The rate is above ${bound}. Each jump is longer: the loss diverges.`;
  const needed = stepsNeeded({ rate, momentum });
  const speed = needed === null ? "more than 2,000 steps" : `${needed} steps`;
  return `The rate is below ${bound}. It takes ${speed} to a hundredth of the first loss.`;
}

function rounded(value) {
  const short = Number(value.toPrecision(3));
  return short !== 0 && (short >= 1e6 || short < 1e-4) ? value.toExponential(1) : String(short);
}

function buildValley() {
  const { element } = walk;
  const state = { ...VALLEY };
  const room = element("div", { role: "img" });
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });

  function draw() {
    const losses = descend(state).map(lossAt);
    const last = losses[state.steps];
    room.innerHTML = map(state);
    room.setAttribute(
      "aria-label",
      `A long valley, its minimum in the middle, and the path of ${state.steps} steps`,
    );
    result.replaceChildren(
      element(
        "p",
        {},
        `Loss at first ${rounded(losses[0])}, after ${state.steps} steps ` + `${rounded(last)}.`,
      ),
      element("p", {}, judgement(state)),
    );
  }

  draw();
  return [
    element(
      "div",
      { class: "explorer-controls" },
      walk.slider(
        state,
        "rate",
        { label: "Learning rate", min: 0.002, max: 0.25, step: 0.002 },
        draw,
      ),
      walk.slider(state, "momentum", { label: "Momentum", min: 0, max: 0.95, step: 0.05 }, draw),
      walk.slider(state, "steps", { label: "Steps", min: 1, max: 100 }, draw),
    ),
    element(
      "figure",
      {},
      element(
        "figcaption",
        {},
        `Loss (x² + ${CURVATURES[1]} y²) / 2: rings of equal loss, y drawn twice as large`,
      ),
      room,
    ),
    result,
  ];
}

walk.start("valley", buildValley);

if (typeof module !== "undefined") {
  module.exports = {
    CURVATURES,
    FIRST,
    descend,
    judgement,
    largestRate,
    lossAt,
    stepsNeeded,
    still,
  };
}
