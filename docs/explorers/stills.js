// Draw the pictures that stand where scripts are off: node docs/explorers/stills.js
"use strict";

const fs = require("fs");
const path = require("path");

const style = fs.readFileSync(path.join(__dirname, "explorer.css"), "utf8");

for (const name of ["convolution", "seed-machine"]) {
  const { still } = require(`./${name}.js`);
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" class="explorer"`;
  const drawn = still().replace("<svg", opening).replace(/>/, `><style>${style}</style>`);
  fs.writeFileSync(path.join(__dirname, `${name}.svg`), `${drawn}\n`);
}
