// Draw the pictures that stand where scripts are off: node docs/explorers/stills.js
"use strict";

const fs = require("fs");
const path = require("path");

const NAMES = ["confusion", "convolution", "learning-rate", "seed-machine", "valley"];

const sheet = fs.readFileSync(path.join(__dirname, "explorer.css"), "utf8");

// The rules of explorer.css for the classes of a drawing, and the colours of the light theme.
function rulesFor(drawn) {
  const used = new Set(
    [...drawn.matchAll(/class="([^"]+)"/g)].flatMap((found) => found[1].split(" ")),
  );
  const wanted = (selector) =>
    selector === ":root" ||
    selector.includes("svg.explorer") ||
    [...selector.matchAll(/\.([\w-]+)/g)].some(([, name]) => used.has(name));
  return [...sheet.replace(/\/\*.*?\*\//gs, "").matchAll(/([^{}]+)(\{[^{}]*\})/g)]
    .filter(([, selector]) => wanted(selector.trim()))
    .map(([rule]) => rule.replace(/\s+/g, " ").trim())
    .join("\n");
}

for (const name of NAMES) {
  const drawn = require(`./${name}.js`).still();
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" class="explorer"`;
  const styled = drawn
    .replace("<svg", opening)
    .replace(">", `>\n<style>\n${rulesFor(drawn)}\n</style>\n`);
  fs.writeFileSync(path.join(__dirname, `${name}.svg`), `${styled}\n`);
}
