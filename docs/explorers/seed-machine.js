// Two variants whose true accuracy is known, drawn seed by seed, and what cifarkit says of them.
"use strict";

const shared = typeof module === "undefined" ? explorer : require("./explorer.js");

const LEVEL = 0.99; // of Student's interval, as in cifarkit/comparison/differences.py
const ROUNDING = 1e-9; // sums closer than this share of the largest differ only by rounding
const TEST_IMAGES = 10000;
const MIDDLE = 0.75; // between the true accuracies of A and B

// One study: the accuracies of A and B for each of n seeds. More seeds begin with the same ones.
function study({ n, difference, sd, seed }) {
  const random = shared.uniform(seed);
  const accuracy = (mean) => {
    const drawn = mean + (sd / Math.SQRT2) * shared.normal(random); // so that A - B scatters by sd
    return Math.round(TEST_IMAGES * drawn) / TEST_IMAGES;
  };
  return Array.from({ length: n }, () => ({
    a: accuracy(MIDDLE + difference / 2),
    b: accuracy(MIDDLE - difference / 2),
  }));
}

function differencesOf(pairs) {
  return pairs.map(({ a, b }) => a - b);
}

// The sums of the differences in all 2^n patterns of signs; the first is the observed one.
function signFlips(differences) {
  const sums = new Float64Array(2 ** differences.length);
  sums[0] = differences.reduce((total, value) => total + value, 0);
  differences.forEach((value, index) => {
    const half = 2 ** index;
    for (let pattern = 0; pattern < half; pattern += 1) {
      sums[half + pattern] = sums[pattern] - 2 * value;
    }
  });
  return sums;
}

// From this sum on, a pattern is as far from 0 as the observed one.
function farthest(differences) {
  const size = differences.reduce((total, value) => total + Math.abs(value), 0);
  return Math.abs(differences.reduce((total, value) => total + value, 0)) - ROUNDING * size;
}

function signFlipTest(differences) {
  const [sums, least] = [signFlips(differences), farthest(differences)];
  let asFar = 0;
  for (let index = 0; index < sums.length; index += 1) {
    if (Math.abs(sums[index]) >= least) asFar += 1;
  }
  return { asFar, patterns: sums.length, p: asFar / sums.length };
}

// Lanczos's approximation (g = 7, nine terms) of the logarithm of the gamma function.
function logGamma(x) {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const series = terms.reduce(
    (total, term, index) => total + term / (x + index),
    0.99999999999980993,
  );
  const base = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(series);
}

// The regularised incomplete beta function by Lentz's continued fraction.
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const logFront =
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  const coefficient = (index) => {
    const m = index >> 1;
    return index % 2
      ? (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
      : (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
  };
  let [fraction, c, d] = [1, 1, 0];
  for (let index = 0, step = 0; Math.abs(step - 1) > 1e-15 && index < 500; index += 1) {
    const numerator = index === 0 ? 1 : coefficient(index);
    d = 1 / (1 + numerator * d);
    c = 1 + numerator / c;
    step = c * d;
    fraction *= step;
  }
  return (Math.exp(logFront) / a) * (fraction - 1);
}

// The chance that Student's t is at least this far from 0.
function tails(t, freedom) {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

// The t with this chance in both tails together, by bisection.
function quantile(chance, freedom) {
  let [low, high] = [0, 1];
  while (tails(high, freedom) > chance) high *= 2;
  for (let step = 0; step < 100; step += 1) {
    const middle = (low + high) / 2;
    if (tails(middle, freedom) > chance) low = middle;
    else high = middle;
  }
  return high;
}

const quantiles = new Map(); // by n: a thousand studies need the same one

function limit(n) {
  if (!quantiles.has(n)) quantiles.set(n, quantile(1 - LEVEL, n - 1));
  return quantiles.get(n);
}

// Student's interval of the mean, and the p of the t-test at the level of this interval.
function studentTest(differences) {
  const n = differences.length;
  const mean = differences.reduce((total, value) => total + value, 0) / n;
  const squares = differences.reduce((total, value) => total + (value - mean) ** 2, 0);
  const sd = Math.sqrt(squares / (n - 1));
  const reach = (limit(n) * sd) / Math.sqrt(n);
  const chance = sd > 0 ? tails((Math.sqrt(n) * mean) / sd, n - 1) : 0;
  const p = Math.min(1, (0.05 / (1 - LEVEL)) * chance);
  return { mean, low: mean - reach, high: mean + reach, p };
}

// What cifarkit says of paired differences, one per seed.
function judged(differences) {
  const [student, flips] = [studentTest(differences), signFlipTest(differences)];
  const p = Math.max(student.p, flips.p);
  return { ...student, student: student.p, flips, p, kind: kindOf(p, differences.length) };
}

function smallestP(n) {
  return Math.min(1, 2 ** (1 - n));
}

function kindOf(p, n) {
  if (p < 0.05) return "better";
  return smallestP(n) < 0.05 ? "not distinguishable" : "too few seeds";
}

// How often each reading calls A or B the better one, in studies of consecutive seeds.
function tally(settings, studies) {
  const counts = { naive: { A: 0, B: 0, none: 0 }, verdict: { A: 0, B: 0, none: 0 } };
  for (let index = 0; index < studies; index += 1) {
    const seed = (settings.seed + index) % 2 ** 32;
    const differences = differencesOf(study({ ...settings, seed }));
    const { mean, p } = studentTest(differences);
    const ahead = mean > 0 ? "A" : "B";
    const better = p < 0.05 && signFlipTest(differences).p < 0.05; // the flips take longest
    counts.naive[mean === 0 ? "none" : ahead] += 1;
    counts.verdict[better ? ahead : "none"] += 1;
  }
  return counts;
}

// From here on: the words, as cifarkit/comparison/verdicts.py writes them.

// As toFixed; but an exact tie goes to the even digit, as in Python.
function fixed(value, decimals) {
  const exact = Math.abs(value).toFixed(80);
  const end = exact.indexOf(".") + 1 + decimals;
  if (!/[02468]$/.test(exact.slice(0, end)) || !/^50*$/.test(exact.slice(end))) {
    return value.toFixed(decimals);
  }
  return `${value < 0 ? "-" : ""}${exact.slice(0, end)}`;
}

function points(fraction) {
  const text = fixed(100 * fraction, 1).replace(/^-0\.0$/, "0.0");
  return text.startsWith("-") ? text : `+${text}`;
}

function pNumber(p) {
  return String(Number(fixed(p, 2 - Math.floor(Math.log10(p))))).replace(/^0/, "");
}

function pText(p) {
  return p < 0.001 ? "p < .001" : `p = ${pNumber(p)}`;
}

function verdictText(differences) {
  const n = differences.length;
  const found = judged(differences);
  const { p, kind } = found;
  const turned = found.mean < 0;
  const [ahead, behind] = turned ? ["B", "A"] : ["A", "B"];
  const mean = points(Math.abs(found.mean));
  const [low, high] = turned ? [-found.high, -found.low] : [found.low, found.high];
  const interval = `95 % interval ${points(low)} to ${points(high)}`;
  if (kind === "better") {
    const numbers = `${interval}, ${pText(p)}, ${n} seeds`;
    return `${ahead} is better than ${behind}: ${mean} points (${numbers}).`;
  }
  if (kind === "not distinguishable") {
    return (
      `${ahead} and ${behind} are not distinguishable with ${n} seeds: ` +
      `${mean} points for ${ahead} (${interval}, ${pText(p)}).`
    );
  }
  const wins = differences.filter((value) => (turned ? -value : value) > 0).length;
  const seen = differences.every((value) => value === 0)
    ? "the same accuracy in every run"
    : `${ahead} is ahead with ${wins} of ${n} seeds`;
  return (
    `Too few seeds to tell ${ahead} from ${behind}: with ${n} seeds the smallest possible` +
    ` p is ${pNumber(smallestP(n))}. At least 6 seeds are needed. What was seen: ${seen},` +
    ` ${mean} points (${interval}).`
  );
}

// The figures.

const [WIDTH, HEIGHT, LEFT] = [340, 250, 44]; // pixels of the page

function line(x1, y1, x2, y2, attributes) {
  return shared.tag("line", { x1, y1, x2, y2, ...attributes });
}

function text(x, y, content, attributes = {}) {
  return shared.tag("text", { x, y, ...attributes }, content);
}

function mark(name, x, y) {
  return name === "A"
    ? shared.tag("circle", { cx: x, cy: y, r: 5, fill: "var(--explorer-blue)" })
    : shared.tag("rect", {
        x: x - 4.5,
        y: y - 4.5,
        width: 9,
        height: 9,
        fill: "var(--explorer-orange)",
      });
}

// Whole multiples of 1, 2 or 5 tenths, ... within the range: at most seven.
function ticks(low, high) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((size) => (high - low) / size <= 7);
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function accuracyFigure(pairs, { difference, sd }, place = {}) {
  const reach = 100 * (difference / 2 + 2.7 * sd);
  const [low, high, top, bottom] = [100 * MIDDLE - reach, 100 * MIDDLE + reach, 34, HEIGHT - 36];
  const up = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const across = (index) => LEFT + ((index + 0.5) / pairs.length) * (WIDTH - LEFT);
  const grid = ticks(low, high).map((value) => [
    line(LEFT, up(value), WIDTH, up(value), { class: "line" }),
    text(LEFT - 6, up(value) + 4, `${Number(value.toFixed(1))} %`, {
      class: "muted",
      "text-anchor": "end",
      "font-size": 12,
    }),
  ]);
  const truths = [
    ["blue", difference / 2],
    ["orange", -difference / 2],
  ].map(([name, shift]) => {
    const y = up(100 * (MIDDLE + shift));
    return line(LEFT, y, WIDTH, y, { class: "truth", stroke: `var(--explorer-${name})` });
  });
  const dots = pairs.map(({ a, b }, index) => [
    line(across(index), up(100 * a), across(index), up(100 * b), { class: "pair" }),
    mark("A", across(index), up(100 * a)),
    mark("B", across(index), up(100 * b)),
    text(across(index), bottom + 18, index + 1, {
      class: "muted",
      "text-anchor": "middle",
      "font-size": 12,
    }),
  ]);
  return shared.tag(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, ...place },
    grid,
    difference ? truths : truths[0].replace("blue", "grey"),
    dots,
    mark("A", LEFT + 8, 14),
    text(LEFT + 18, 18, "A"),
    mark("B", LEFT + 48, 14),
    text(LEFT + 58, 18, "B"),
    text(WIDTH, 18, "dashed: the truth", { class: "muted", "text-anchor": "end" }),
    text((LEFT + WIDTH) / 2, HEIGHT - 5, "seed", { class: "muted", "text-anchor": "middle" }),
  );
}

// How many of the means of all sign patterns fall into each bar, and which are far from 0.
function histogram(differences, reach, bars) {
  const [sums, least] = [signFlips(differences), farthest(differences)];
  const counts = Array.from({ length: bars }, () => ({ near: 0, far: 0 }));
  for (const sum of sums) {
    const share = (sum / differences.length + reach) / (2 * reach);
    const bar = Math.max(0, Math.min(bars - 1, Math.floor(share * bars)));
    counts[bar][Math.abs(sum) >= least ? "far" : "near"] += 1;
  }
  return counts;
}

function flipsFigure(differences, { difference, sd }, place = {}) {
  const found = judged(differences);
  const reach = difference + 3.4 * sd;
  const across = (value) => (Math.max(-1, Math.min(1, value / reach)) + 1) * (WIDTH / 2 - 4) + 4;
  const bars = 45;
  const counts = histogram(differences, reach, bars);
  const tallest = Math.max(...counts.map(({ near, far }) => near + far));
  const [top, bottom, width] = [132, HEIGHT - 36, (WIDTH - 8) / bars];
  const columns = counts.map(({ near, far }, index) => {
    const tall = (count) => ((bottom - top) * count) / tallest;
    const column = (count, y, name) =>
      count &&
      shared.tag("rect", {
        x: 4 + index * width,
        y,
        width: width - 1,
        height: tall(count),
        fill: `var(--explorer-${name})`,
      });
    return [
      column(near, bottom - tall(near), "grey"),
      column(far, bottom - tall(near) - tall(far), "red"),
    ].filter(Boolean);
  });
  const axis = ticks(-100 * reach, 100 * reach).map((value) =>
    text(across(value / 100), bottom + 17, value ? points(value / 100).replace(/\.0$/, "") : "0", {
      class: "muted",
      "text-anchor": "middle",
      "font-size": 12,
    }),
  );
  return shared.tag(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, ...place },
    line(across(0), 20, across(0), bottom, { class: "line" }),
    text(0, 12, "A − B for each seed", { class: "muted" }),
    differences.map((value) =>
      shared.tag("circle", { cx: across(value), cy: 28, r: 5, class: "dot" }),
    ),
    text(0, 58, "Mean and its 95 % interval", { class: "muted" }),
    line(across(found.low), 74, across(found.high), 74, { class: "interval" }),
    shared.tag("circle", { cx: across(found.mean), cy: 74, r: 6, class: "mean" }),
    text(0, 104, `Means of all ${found.flips.patterns.toLocaleString("en")} sign flips;`, {
      class: "muted",
    }),
    text(0, 120, "red: as far from 0 as the one seen", { class: "muted" }),
    columns,
    line(across(found.mean), top - 6, across(found.mean), bottom, { class: "seen" }),
    line(4, bottom, WIDTH - 4, bottom, { class: "line" }),
    axis,
    text(WIDTH / 2, HEIGHT - 5, "A − B, percentage points", {
      class: "muted",
      "text-anchor": "middle",
    }),
  );
}

const STUDIES = 1000;
// Difference and sd in points. In the study of this seed, luck looks like a result.
const DEFAULTS = { n: 8, difference: 0, sd: 0.7, seed: 70 };

function settingsOf(state) {
  return { ...state, difference: state.difference / 100, sd: state.sd / 100 };
}

// The picture for a page without scripts.
function still() {
  const settings = settingsOf(DEFAULTS);
  const pairs = study(settings);
  return shared.tag(
    "svg",
    { viewBox: "0 0 340 530", width: 340, height: 530 },
    accuracyFigure(pairs, settings),
    flipsFigure(differencesOf(pairs), settings, { y: 275 }),
  );
}

function naiveSentence({ mean }) {
  if (mean === 0) return "The higher mean: neither.";
  return `The higher mean alone would say: ${mean > 0 ? "A" : "B"} is better.`;
}

function truthSentence({ difference }) {
  if (!difference) return "In truth the two are equal.";
  return `In truth A is better by ${difference.toFixed(1)} points.`;
}

function testSentence({ flips, student, p }) {
  return (
    `Sign flips: ${flips.asFar.toLocaleString("en")} of ${flips.patterns.toLocaleString("en")}, ` +
    `${pText(flips.p)}. Student's t-test, times 5: ${pText(student)}. ` +
    `The larger counts: ${pText(p)}.`
  );
}

function tallySentence({ difference }, { naive, verdict }) {
  const wrong = ({ A, B }) => (difference ? B : A + B).toLocaleString("en");
  const of = `of ${STUDIES.toLocaleString("en")} studies`;
  const false_ =
    `The higher mean calls the wrong variant better in ${wrong(naive)} ${of}, the verdict ` +
    `in ${wrong(verdict)}.`;
  if (!difference) return false_.replace("the wrong variant", "one of two equal variants");
  return `${false_} The verdict finds that A is better in ${verdict.A.toLocaleString("en")}.`;
}

const HEADINGS = ["Seeds", "True A − B", "Higher mean: A, B", "Verdict: A, B", "None"];
const MOST_ROWS = 6;

function tallyRow({ n, difference }, { naive, verdict }) {
  return [
    n,
    points(difference / 100),
    `${naive.A}, ${naive.B}`,
    `${verdict.A}, ${verdict.B}`,
    verdict.none,
  ];
}

function build() {
  const { element } = shared;
  const state = { ...DEFAULTS };
  const rows = [];
  const accuracies = element("div", {
    role: "img",
    "aria-label": "Accuracy of A and B for each seed",
  });
  const flips = element("div", {
    role: "img",
    "aria-label": "Differences, their mean with interval, histogram of sign flips",
  });
  const result = element("div", { class: "explorer-result", "aria-live": "polite" });
  const told = element("p", { "aria-live": "polite" });
  const body = element("tbody");

  function draw() {
    const settings = settingsOf(state);
    const pairs = study(settings);
    const differences = differencesOf(pairs);
    const found = judged(differences);
    accuracies.innerHTML = accuracyFigure(pairs, settings);
    flips.innerHTML = flipsFigure(differences, settings);
    result.replaceChildren(
      element("p", {}, naiveSentence(found)),
      element("p", {}, element("strong", {}, `cifarkit: ${verdictText(differences)}`)),
      element("p", {}, testSentence(found)),
      element("p", {}, truthSentence(state)),
    );
  }

  function drawMany() {
    const counts = tally(settingsOf(state), STUDIES);
    told.textContent = tallySentence(state, counts);
    rows.unshift(tallyRow(state, counts));
    body.replaceChildren(
      ...rows.slice(0, MOST_ROWS).map((cells) =>
        element(
          "tr",
          {},
          cells.map((cell) => element("td", {}, String(cell))),
        ),
      ),
    );
    table.hidden = false;
  }

  const table = element(
    "table",
    { class: "explorer-table", hidden: true },
    element("caption", {}, `Of ${STUDIES.toLocaleString("en")} studies, newest first`),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        HEADINGS.map((heading) => element("th", { scope: "col" }, heading)),
      ),
    ),
    body,
  );
  const inPoints = (value) => `${value.toFixed(1)} points`;
  const seed = shared.number(
    state,
    "seed",
    { label: "Seed of chance", min: 0, max: 2 ** 32 - 1 },
    draw,
  );
  const redraw = () => {
    state.seed = (state.seed + 1) % 2 ** 32;
    seed.refresh();
    draw();
  };
  draw();
  return [
    element(
      "div",
      { class: "explorer-controls" },
      shared.slider(state, "n", { label: "Seeds, n", min: 2, max: 16 }, draw),
      shared.slider(
        state,
        "difference",
        { label: "True A − B", min: 0, max: 3, step: 0.1, show: inPoints },
        draw,
      ),
      shared.slider(
        state,
        "sd",
        { label: "sd of A − B", min: 0.1, max: 2, step: 0.1, show: inPoints },
        draw,
      ),
      seed,
    ),
    element("div", {}, shared.button("Draw again", redraw)),
    element(
      "div",
      { class: "explorer-panels" },
      element("figure", {}, element("figcaption", {}, "Accuracy of each run"), accuracies),
      element("figure", {}, element("figcaption", {}, "Could chance do this?"), flips),
      result,
    ),
    element("div", {}, shared.button("Draw 1,000 studies", drawMany), told, table),
  ];
}

shared.start("seed-machine", build);

if (typeof module !== "undefined") {
  module.exports = {
    DEFAULTS,
    differencesOf,
    histogram,
    judged,
    quantile,
    signFlipTest,
    still,
    study,
    tails,
    tally,
    verdictText,
  };
}
