// The confusion matrix of a real run; each of its cells shows the pictures that fall in it.
"use strict";

const shared = typeof module === "undefined" ? explorer : require("./explorer.js");
if (typeof module !== "undefined") require("./data/confusion.js");

const RUN = globalThis.EXPLORER_CONFUSION;

// How many pictures of each class (row) were given each label (column).
function matrixOf(labels, predicted, classes) {
  const matrix = Array.from({ length: classes }, () => Array(classes).fill(0));
  labels.forEach((label, index) => (matrix[label][predicted[index]] += 1));
  return matrix;
}

// 0 where a class was never predicted or never occurs.
function perClass(matrix) {
  return matrix.map((row, index) => {
    const right = row[index];
    const n = row.reduce((sum, count) => sum + count, 0);
    const called = matrix.reduce((sum, other) => sum + other[index], 0);
    return { precision: called ? right / called : 0, recall: n ? right / n : 0, n };
  });
}

// The pictures of a cell: "most" or "least" confident first.
function picturesIn({ labels, predicted, confidence }, [row, column], order) {
  const sign = order === "most" ? -1 : 1;
  return [...labels.keys()]
    .filter((index) => labels[index] === row && predicted[index] === column)
    .sort((a, b) => sign * (confidence[a] - confidence[b]) || a - b);
}

// The cell of the most frequent mistake.
function worst(matrix) {
  const cells = matrix.flatMap((row, y) => row.map((count, x) => [y === x ? -1 : count, y, x]));
  return cells.reduce((most, cell) => (cell[0] > most[0] ? cell : most)).slice(1);
}

// How strongly a cell is coloured, 0 to 1: right ones by their share of the class, mistakes beside
// the most frequent mistake.
function strength(matrix, [row, column]) {
  const share = (y, x) => matrix[y][x] / (matrix[y].reduce((sum, count) => sum + count, 0) || 1);
  if (row === column) return share(row, column);
  const mistakes = matrix.flatMap((cells, y) => cells.map((_, x) => (x === y ? 0 : share(y, x))));
  return share(row, column) / (Math.max(...mistakes) || 1);
}

// From here on: what is shown.

const SIDE = 96; // pixels of the page for a picture
const FEW = 12; // pictures that are shown at first

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function colourOf([row, column]) {
  return `var(--explorer-${row === column ? "blue" : "orange"})`;
}

function still() {
  const { tag } = shared;
  const matrix = matrixOf(RUN.labels, RUN.predicted, RUN.classes.length);
  const [left, top, width, height] = [74, 80, 34, 30];
  const cells = matrix.flatMap((row, y) =>
    row.map((count, x) => [
      tag("rect", {
        x: left + width * x,
        y: top + height * y,
        width,
        height,
        fill: colourOf([y, x]),
        "fill-opacity": (0.45 * strength(matrix, [y, x])).toFixed(3),
        stroke: "var(--explorer-line)",
      }),
      tag(
        "text",
        {
          x: left + width * (x + 0.5),
          y: top + height * y + 20,
          "text-anchor": "middle",
        },
        count || "",
      ),
    ]),
  );
  const names = RUN.classes.map((name, index) => [
    tag("text", { x: left - 8, y: top + height * index + 20, "text-anchor": "end" }, name),
    tag(
      "text",
      {
        transform: `translate(${left + width * (index + 0.5) + 4} ${top - 8}) rotate(-90)`,
      },
      name,
    ),
  ]);
  const all = [left + width * matrix.length + 2, top + height * matrix.length + 2];
  return tag(
    "svg",
    { viewBox: `0 0 ${all.join(" ")}`, width: all[0], height: all[1] },
    tag("text", { x: 0, y: 14, class: "muted" }, "true ↓ predicted →"),
    cells,
    names,
  );
}

function build() {
  const { element } = shared;
  const matrix = matrixOf(RUN.labels, RUN.predicted, RUN.classes.length);
  const [row, column] = worst(matrix);
  const state = { row, column, order: "most", all: false };
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });
  const list = element("ul", {
    class: "confusion-pictures",
    style: `--sprite: url(${RUN.sprite})`,
  });
  const options = Object.fromEntries(RUN.classes.map((name, index) => [index, name]));
  const selects = ["row", "column"].map((key) =>
    shared.select(
      state,
      key,
      { label: key === "row" ? "True label" : "Predicted", options },
      () => {
        choose({ [key]: Number(state[key]) });
      },
    ),
  );
  const table = matrixTable(matrix, state, choose);
  const more = shared.button("", () => {
    state.all = true;
    draw();
    list.children[FEW].focus();
  });

  function choose(change) {
    Object.assign(state, change, { all: false });
    draw();
  }

  function draw() {
    const cell = [state.row, state.column];
    selects.forEach((select) => select.refresh());
    table.refresh();
    result.replaceChildren(...cellSentences(matrix, cell).map((words) => element("p", {}, words)));
    const found = picturesIn(RUN, cell, state.order);
    list.replaceChildren(...found.slice(0, state.all ? Infinity : FEW).map(pictureItem));
    more.hidden = state.all || found.length <= FEW;
    more.textContent = `Show all ${found.length}`;
  }

  draw();
  return [
    element(
      "div",
      { class: "explorer-panels" },
      element("div", { class: "confusion-half" }, table),
      element(
        "div",
        { class: "confusion-half" },
        selects,
        shared.select(
          state,
          "order",
          {
            label: "Order",
            options: { most: "most confident first", least: "least confident first" },
          },
          draw,
        ),
        result,
        list,
        more,
      ),
    ),
    scoresTable(perClass(matrix)),
    element("p", {}, origin()),
  ];
}

// A table whose cells are chosen by a click or the arrow keys; only the chosen one is a tab stop.
function matrixTable(matrix, state, chosen) {
  const { element } = shared;
  const names = RUN.classes;
  const choose = (row, column) => {
    chosen({ row, column });
    cells[row][column].focus();
  };
  const cells = matrix.map((counts, row) =>
    counts.map((count, column) =>
      element(
        "td",
        {
          role: "gridcell",
          "aria-label": `${names[row]} called ${names[column]}: ${count}`,
          style: `--cell: ${colourOf([row, column])}; --share: ${strength(matrix, [row, column])}`,
          onclick: () => choose(row, column),
          onkeydown: (event) => {
            const next = shared.arrow(event, [row, column], [names.length, names.length]);
            if (next) choose(...next);
          },
        },
        count ? String(count) : "",
      ),
    ),
  );
  const head = element(
    "tr",
    {},
    element("th", {}, "true label"),
    names.map((name) => element("th", { scope: "col" }, element("span", {}, name))),
  );
  const made = element(
    "table",
    { class: "confusion-matrix", role: "grid" },
    element(
      "caption",
      {},
      "Row: true label. Column: predicted label. Blue is right, orange wrong.",
    ),
    element("thead", {}, head),
    element(
      "tbody",
      {},
      cells.map((row, index) =>
        element("tr", {}, element("th", { scope: "row" }, names[index]), row),
      ),
    ),
  );
  made.refresh = () =>
    cells.forEach((row, y) =>
      row.forEach((cell, x) => {
        const isChosen = y === state.row && x === state.column;
        cell.setAttribute("aria-selected", isChosen);
        cell.tabIndex = isChosen ? 0 : -1;
      }),
    );
  return made;
}

function scoresTable(scores) {
  const { element } = shared;
  const head = ["class", "precision", "recall", "n"].map((name) => element("th", {}, name));
  const rows = scores.map(({ precision, recall, n }, index) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, RUN.classes[index]),
      [percent(precision), percent(recall), n].map((text) => element("td", {}, String(text))),
    ),
  );
  return element(
    "table",
    { class: "explorer-table" },
    element("caption", {}, "Precision: right among those called so. Recall: right in the class."),
    element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, rows),
  );
}

function pictureItem(index) {
  const { element } = shared;
  const [x, y] = [index % RUN.columns, Math.floor(index / RUN.columns)];
  const [label, predicted] = [RUN.classes[RUN.labels[index]], RUN.classes[RUN.predicted[index]]];
  const sheet = [RUN.columns, Math.ceil(RUN.labels.length / RUN.columns)];
  return element(
    "li",
    { tabindex: -1 },
    element("div", {
      role: "img",
      "aria-label": `test picture ${index}: a ${label}`,
      style:
        `background-position: ${-SIDE * x}px ${-SIDE * y}px; ` +
        `background-size: ${sheet.map((count) => `${SIDE * count}px`).join(" ")}`,
    }),
    element("span", {}, `true: ${label}, ${percent(RUN.of_label[index])}`),
    element("span", {}, `predicted: ${predicted}, ${percent(RUN.confidence[index])}`),
  );
}

function cellSentences(matrix, [row, column]) {
  const scores = perClass(matrix);
  const [label, predicted] = [RUN.classes[row], RUN.classes[column]];
  const count = matrix[row][column];
  return [
    `${count} of ${scores[row].n} pictures of the class ${label} were called ${predicted}: ` +
      `${percent(count / (scores[row].n || 1))}.`,
    `Recall of ${label}: ${percent(scores[row].recall)}. Precision of ${predicted}: ` +
      `${percent(scores[column].precision)}.`,
  ];
}

function origin() {
  const { accuracy, classes, data, date, epochs, labels, machine, n_train: drawn, seed } = RUN;
  const kept = (drawn - RUN.val_size).toLocaleString("en");
  return (
    `${RUN.variant} trained on ${kept} ${data} pictures of ${classes.length} classes, ` +
    `${epochs} epochs, seed ${seed}: test accuracy ${percent(accuracy)} of ${labels.length}. ` +
    `${date}, ${machine.cpu}, torch ${machine.versions.torch}, ` +
    `cifarkit ${machine.versions.cifarkit}.`
  );
}

shared.start("confusion", build);

if (typeof module !== "undefined") {
  module.exports = { RUN, cellSentences, matrixOf, perClass, picturesIn, still, strength, worst };
}
