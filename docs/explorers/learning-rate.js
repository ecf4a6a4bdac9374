// Recorded trainings with eleven learning rates: their curves, and what each rate came to.
"use strict";

const shared = typeof module === "undefined" ? explorer : require("./explorer.js");
if (typeof module !== "undefined") require("./data/learning_rates.js");

const RECORD = globalThis.LEARNING_RATES;
const NEAR = 0.05; // as good as the best: an accuracy less than five points below it
const FIRST_RATE = 1e-3;

// The row whose rate is nearest on a logarithmic scale.
function nearest(rows, rate) {
  const far = rows.map(({ lr }) => Math.abs(Math.log(lr / rate)));
  return far.indexOf(Math.min(...far));
}

// The last val accuracy over the seeds; a run that diverged has none.
function final({ runs }) {
  const ends = runs.filter((run) => !run.diverged).map((run) => run.val_accuracy.at(-1));
  const mean = ends.reduce((sum, value) => sum + value, 0) / ends.length;
  return {
    mean,
    low: Math.min(...ends),
    high: Math.max(...ends),
    n: ends.length,
    diverged: runs.length - ends.length,
  };
}

function best(rows) {
  const means = rows.map((row) => final(row).mean || 0);
  return means.indexOf(Math.max(...means));
}

// Whether a rate is "good", "too small" or "too large", against the best of the rows.
function region(rows, index) {
  const top = best(rows);
  if (final(rows[top]).mean - final(rows[index]).mean < NEAR) return "good";
  return index < top ? "too small" : "too large";
}

// From here on: what is shown.

const [WIDTH, HEIGHT] = [340, 240];
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 330, 10, 200];
const LOSSES = [0, 3];

function scale(low, high, start, end) {
  return (value) => start + ((value - low) / (high - low)) * (end - start);
}

function points(xs, ys) {
  return xs.map((x, i) => `${x.toFixed(1)},${ys[i].toFixed(1)}`).join(" ");
}

// Axes with ticks [position, text], and what is drawn between them.
function chart({ x, y, across, up }, content, attributes = {}) {
  const { tag } = shared;
  return tag(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, ...attributes },
    y.map(([at, text]) => [
      tag("path", { d: `M${LEFT} ${at.toFixed(1)}H${RIGHT}`, class: "line" }),
      tag("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end", class: "muted" }, text),
    ]),
    x.map(([at, text]) =>
      tag("text", { x: at, y: BOTTOM + 17, "text-anchor": "middle", class: "muted" }, text),
    ),
    tag("text", { x: (LEFT + RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, across),
    tag(
      "text",
      {
        x: 11,
        y: (TOP + BOTTOM) / 2,
        "text-anchor": "middle",
        transform: `rotate(-90 11 ${(TOP + BOTTOM) / 2})`,
      },
      up,
    ),
    content,
  );
}

// A line for each seed: the training loss as it was recorded, and the val loss of each epoch.
function lossChart({ runs }, attributes) {
  const { tag } = shared;
  const epochSteps = RECORD.steps / RECORD.epochs;
  const across = scale(0, RECORD.epochs, LEFT, RIGHT);
  const down = scale(...LOSSES, BOTTOM, TOP);
  const cut = (loss) => down(Math.min(loss, LOSSES[1]));
  const lines = runs.map(({ train_loss: losses, val_loss: vals = [] }) => {
    const middles = losses.map((_, i) => across(((i + 0.5) * RECORD.batches_a_point) / epochSteps));
    const ends = vals.map((_, i) => across(i + 1));
    return [
      tag("polyline", { points: points(middles, losses.map(cut)), class: "train" }),
      tag("polyline", { points: points(ends, vals.map(cut)), class: "val" }),
      ends.map((cx, i) => tag("circle", { cx, cy: cut(vals[i]), r: 3.5, class: "val-end" })),
    ];
  });
  const ticks = Array.from({ length: RECORD.epochs + 1 }, (_, i) => [across(i), i]);
  const y = [0, 1, 2, 3].map((loss) => [down(loss), loss]);
  return chart({ x: ticks, y, across: "epoch", up: "loss" }, lines, attributes);
}

function accuracyChart(rows, chosen, attributes) {
  const { tag } = shared;
  const powers = [-5, -4, -3, -2, -1, 0];
  const across = scale(-5.15, 0.15, LEFT, RIGHT);
  const down = scale(0, 0.6, BOTTOM, TOP);
  const xs = rows.map(({ lr }) => across(Math.log10(lr)));
  const ends = rows.map(final);
  const column = (key) => ends.map((end) => down(end[key] || 0));
  const band = `${points(xs, column("high"))} ${points([...xs].reverse(), column("low").reverse())}`;
  const y = [0, 0.2, 0.4, 0.6].map((share) => [down(share), `${Math.round(100 * share)} %`]);
  const x = powers.map((power) => [across(power), shortly(10 ** power)]);
  return chart(
    { x, y, across: "learning rate", up: "val accuracy" },
    [
      tag("path", { d: `M${LEFT} ${down(0.1)}H${RIGHT}`, class: "chance" }),
      tag("text", { x: RIGHT, y: down(0.1) + 15, "text-anchor": "end", class: "muted" }, "chance"),
      tag("path", { d: `M${xs[chosen].toFixed(1)} ${TOP}V${BOTTOM}`, class: "picked" }),
      tag("polygon", { points: band, class: "band" }),
      tag("polyline", { points: points(xs, column("mean")), class: "val" }),
      xs.map((cx, i) =>
        tag("circle", {
          cx,
          cy: down(ends[i].mean || 0),
          r: i === chosen ? 5.5 : 3.5,
          class: "val-end",
        }),
      ),
    ],
    attributes,
  );
}

function shortly(rate) {
  return String(Number(rate.toPrecision(2)));
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function still() {
  const { tag } = shared;
  const index = nearest(RECORD.rates, FIRST_RATE);
  const title = (y, text) => tag("text", { x: 0, y, "font-weight": 700 }, text);
  const height = 2 * (HEIGHT + 36);
  return tag(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height },
    title(18, "Val accuracy after training: mean and range"),
    accuracyChart(RECORD.rates, index, { y: 28 }),
    title(height / 2 + 18, `Train and val loss (dots), rate ${shortly(RECORD.rates[index].lr)}`),
    lossChart(RECORD.rates[index], { y: height / 2 + 28 }),
  );
}

const REGIONS = {
  "too small": "Too small: the loss falls, but so slowly that training ends too early.",
  good: "Good: within five points of the best accuracy.",
  "too large":
    "Too large: the steps jump over what they look for, and the network learns less or " +
    "nothing.",
};

function sentences(rate, index) {
  const row = RECORD.rates[index];
  const end = final(row);
  const highest = Math.max(...row.runs.flatMap((run) => run.train_loss));
  const found = [
    `You chose ${shortly(rate)}; the nearest recorded rate is ${shortly(row.lr)}.`,
    end.n
      ? `Val accuracy at the end: ${percent(end.mean)}, from ${percent(end.low)} to ` +
        `${percent(end.high)} over ${end.n} seeds.`
      : "No run reached the end.",
    REGIONS[region(RECORD.rates, index)],
  ];
  if (end.diverged) found.push(`In ${end.diverged} of the runs the loss became infinite or NaN.`);
  if (highest > LOSSES[1]) {
    const most = Number(highest.toPrecision(2)).toLocaleString("en");
    found.push(`The train loss rose to ${most}, far above this figure.`);
  }
  return found;
}

function build() {
  const { element } = shared;
  const state = { power: Math.log10(FIRST_RATE) };
  const accuracy = element("div", { role: "img" });
  const losses = element("div", { role: "img" });
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });

  function draw() {
    const rate = 10 ** state.power;
    const index = nearest(RECORD.rates, rate);
    const told = sentences(rate, index);
    accuracy.innerHTML = accuracyChart(RECORD.rates, index);
    accuracy.setAttribute("aria-label", `Val accuracy against learning rate. ${told[1]}`);
    losses.innerHTML = lossChart(RECORD.rates[index]);
    losses.setAttribute("aria-label", `Train and val loss by epoch. ${told[2]}`);
    result.replaceChildren(...told.map((sentence) => element("p", {}, sentence)));
  }

  draw();
  const show = (power) => shortly(10 ** power);
  return [
    element(
      "div",
      {},
      shared.slider(
        state,
        "power",
        { label: "Learning rate", min: -5, max: 0, step: 0.05, show },
        draw,
      ),
    ),
    element(
      "div",
      { class: "explorer-panels" },
      element(
        "figure",
        {},
        element("figcaption", {}, "Val accuracy after training: mean, and range over seeds"),
        accuracy,
      ),
      element(
        "figure",
        {},
        element("figcaption", {}, "Loss of each seed: train (thin line), val (dots)"),
        losses,
      ),
    ),
    result,
    element("p", {}, origin()),
  ];
}

function origin() {
  const { data, date, epochs, machine, rates, train, val, variant, optimizer, steps } = RECORD;
  const [{ runs }] = rates;
  const thousands = (count) => count.toLocaleString("en");
  return (
    `${rates.length * runs.length} runs of ${variant} with ${optimizer} on ${data}: ` +
    `${thousands(train)} training images, ${thousands(val)} val images, ${epochs} epochs ` +
    `(${steps} steps), ${runs.length} seeds, ${runs[0].precision}. ${date}, ${machine.cpu}, ` +
    `torch ${machine.versions.torch}, cifarkit ${machine.versions.cifarkit}.`
  );
}

shared.start("learning-rate", build);

if (typeof module !== "undefined") {
  module.exports = { RECORD, best, final, nearest, region, sentences, still };
}
