/* The view of a network that runs in the page: a picture, the network's answer, what it looks at.

   `LivePage.mount(element, { program, examples, about })` fills an element. All computing is in
   network.js; nothing is sent anywhere, and nothing is loaded. */
"use strict";

const LivePage = (() => {
  const SIDE = 32;
  const SQUARE = 8, STRIDE = 4; // of the occlusion map, as in ck.occlusion
  const MOST_BARS = 10, MOST_MAPS = 64;
  const LARGEST_SIDE = 1024; // a larger picture is scaled down by the browser first
  const COLOURS = ["#111111", "#ffffff", "#c0392b", "#e67e22", "#f1c40f", "#27ae60", "#3498db",
    "#8e5a2b", "#8a8f98"];
  const GROUND = "#9cc9e8"; // the empty picture
  const LOW = [33, 102, 172], HIGH = [178, 24, 43]; // blue below 0, red above, white at 0

  const percent = share => `${(100 * share).toFixed(1)} %`;
  const signed = number => number.toPrecision(2).replace("-", "−");
  const nextTurn = () => new Promise(resolve => setTimeout(resolve));

  // Elements ------------------------------------------------------------------------------------

  function make(tag, settings = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(settings)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  const square = (settings = {}) => make("canvas", { width: SIDE, height: SIDE, ...settings });

  /* Paint bytes, channel by channel, on a canvas; `colour` may change each pixel. */
  function paint(canvas, width, height, colour) {
    canvas.width = width;
    canvas.height = height;
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const colourAt = pixels => i => [pixels[i], pixels[i + SIDE * SIDE], pixels[i + 2 * SIDE * SIDE]];

  /* Mix white with blue or red: share is in [-1, 1]. */
  function diverging(share, ground = [255, 255, 255]) {
    const end = share < 0 ? LOW : HIGH;
    const much = Math.min(Math.abs(share), 1);
    return ground.map((level, i) => level + much * (end[i] - level));
  }

  const channelsOf = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));

  // The picture: drawn, chosen, dropped or pasted -----------------------------------------------

  function pictureEditor({ examples, onchange }) {
    let pixels = new Uint8ClampedArray(3 * SIDE * SIDE);
    let last = null; // where the pen was
    let isWaiting = false; // for the next frame, to answer
    let cursor = { x: 16, y: 16 }; // of the keyboard
    const canvas = square({
      class: "live-canvas", tabindex: 0, role: "application",
      "aria-label": "Picture of 32 by 32 pixels. Arrow keys move the brush, the space bar paints.",
      onpointerdown: event => { canvas.setPointerCapture(event.pointerId); last = null; stroke(event); },
      onpointermove: event => { if (event.buttons) stroke(event); },
      onkeydown: steer,
      onfocus: moveMark,
    });
    const mark = make("div", { class: "live-mark", "aria-hidden": "true" });
    const stage = make("div", { class: "live-stage" }, canvas, mark);
    const said = make("p", { class: "live-note", role: "status" });
    const colour = make("input", { type: "color", value: COLOURS[0], "aria-label": "Any colour" });
    const brush = make("select", {}, ...[1, 2, 3, 5, 8].map(width =>
      make("option", { value: width, selected: width === 3 }, `${width} px`)));
    const file = make("input", {
      type: "file", accept: "image/*", class: "live-file",
      onchange: () => { if (file.files[0]) read(file.files[0]); file.value = ""; },
    });
    const swatches = COLOURS.map(value => make("button", {
      type: "button", class: "live-swatch", style: `background:${value}`,
      "aria-label": `Colour ${value}`, onclick: () => { colour.value = value; },
    }));
    const element = make("div", { class: "live-picture" },
      stage,
      make("div", { class: "live-row" },
        make("label", { class: "live-button" }, "Choose a picture", file),
        make("button", { type: "button", class: "live-button", onclick: clear }, "Clear"),
        make("label", { class: "live-setting" }, "Brush ", brush)),
      make("div", { class: "live-row", role: "group", "aria-label": "Colours" }, ...swatches, colour),
      make("p", { class: "live-note" },
        "Draw with the mouse, a finger, or the keys. Or drop a picture here, or paste one. Its middle " +
        "is cut out and averaged down to 32 by 32 pixels. It stays on this machine."),
      said,
      ...exampleRow());

    function exampleRow() {
      if (!examples.length) return [];
      const buttons = examples.map(({ name, data }) => {
        const shown = LiveNetwork.bytesOf(data);
        const small = square({ "aria-hidden": "true" });
        paint(small, SIDE, SIDE, colourAt(shown));
        const show = () => { pixels = Uint8ClampedArray.from(shown); changed(name); };
        return make("button", { type: "button", class: "live-example", "aria-label": name, title: name,
          onclick: show }, small);
      });
      return [make("div", { class: "live-row", role: "group", "aria-label": "Examples" }, ...buttons)];
    }

    function changed(name) {
      paint(canvas, SIDE, SIDE, colourAt(pixels));
      said.textContent = name ? `The picture: ${name}.` : "";
      onchange(pixels);
    }

    function clear() {
      channelsOf(GROUND).forEach((level, channel) =>
        pixels.fill(level, channel * SIDE * SIDE, (channel + 1) * SIDE * SIDE));
      changed("empty");
    }

    /* Set the pixels under a round brush. */
    function dot(x, y) {
      const radius = brush.value / 2;
      const levels = channelsOf(colour.value);
      for (let row = 0; row < SIDE; row++) {
        for (let column = 0; column < SIDE; column++) {
          if (Math.hypot(column + 0.5 - x, row + 0.5 - y) > Math.max(radius, 0.71)) continue;
          levels.forEach((level, channel) => { pixels[(channel * SIDE + row) * SIDE + column] = level; });
        }
      }
    }

    function stroke(event) {
      const box = canvas.getBoundingClientRect();
      const to = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
        .map(share => share * SIDE);
      const from = last || to;
      const steps = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
      for (let step = 1; step <= steps; step++) {
        dot(...from.map((start, axis) => start + ((to[axis] - start) * step) / steps));
      }
      last = to;
      if (!isWaiting) requestAnimationFrame(() => { isWaiting = false; changed("drawn by you"); });
      isWaiting = true;
    }

    function steer(event) {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (move) {
        const within = place => Math.min(Math.max(place, 0), SIDE - 1);
        cursor = { x: within(cursor.x + move[0]), y: within(cursor.y + move[1]) };
        moveMark();
      } else if (event.key === " ") {
        dot(cursor.x + 0.5, cursor.y + 0.5);
        changed(`painted at row ${cursor.y + 1}, column ${cursor.x + 1}`);
      } else return;
      event.preventDefault();
    }

    function moveMark() {
      mark.style.left = `${(100 * cursor.x) / SIDE}%`;
      mark.style.top = `${(100 * cursor.y) / SIDE}%`;
    }

    async function read(blob) {
      let bitmap;
      try {
        bitmap = await createImageBitmap(blob);
      } catch {
        said.textContent = "The browser cannot read this file as a picture. Choose a PNG or a JPEG.";
        return;
      }
      const scale = Math.min(1, LARGEST_SIDE / Math.min(bitmap.width, bitmap.height));
      const [width, height] = [bitmap.width, bitmap.height].map(each => Math.max(1, Math.round(each * scale)));
      const full = make("canvas", { width, height });
      const context = full.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.fillStyle = "#ffffff"; // under what is transparent
      context.fillRect(0, 0, width, height);
      context.drawImage(bitmap, 0, 0, width, height);
      pixels = LiveNetwork.shrunk(context.getImageData(0, 0, width, height).data, width, height);
      changed("your own");
    }

    document.addEventListener("dragover", event => { event.preventDefault(); });
    document.addEventListener("drop", event => {
      event.preventDefault(); // or the browser would leave the page
      if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", event => {
      const found = [...event.clipboardData.files].find(each => each.type.startsWith("image/"));
      if (found) read(found);
    });
    moveMark();
    return { element, begin: () => (examples.length ? element.querySelector(".live-example").click() : clear()) };
  }

  // The answer: ten bars ------------------------------------------------------------------------

  function answerBars(classes) {
    const verdict = make("p", { class: "live-verdict", role: "status" });
    const list = make("ul", { class: "live-bars" });
    const time = make("p", { class: "live-note" });
    const element = make("div", {}, verdict, list, time);

    function show(shares, milliseconds) {
      const best = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
      const shown = classes.length > MOST_BARS ? best.slice(0, MOST_BARS) : [...shares.keys()];
      list.replaceChildren(...shown.map(label =>
        make("li", { class: label === best[0] ? "live-answer live-best" : "live-answer" },
          make("span", { class: "live-class" }, classes[label]),
          make("span", { class: "live-track", "aria-hidden": "true" },
            make("span", { class: "live-bar", style: `width:${100 * shares[label]}%` })),
          make("span", { class: "live-share" }, percent(shares[label])))));
      const [first, second] = best;
      verdict.textContent = `Most likely: ${classes[first]}, ${percent(shares[first])}` +
        (second === undefined ? "." : `. Then ${classes[second]}, ${percent(shares[second])}.`);
      time.textContent = `Computed in ${Math.round(milliseconds)} ms, in this browser.`;
    }
    return { element, show };
  }

  // The occlusion map ---------------------------------------------------------------------------

  function occlusionView(network) {
    const { classes } = network.program;
    const chosen = make("select", {}, make("option", { value: "" }, "the most likely class"),
      ...classes.map((name, label) => make("option", { value: label }, name)));
    const start = make("button", { type: "button", class: "live-button", onclick: run }, "Cover parts");
    const stop = make("button", { type: "button", class: "live-button", disabled: true,
      onclick: () => { turn += 1; settle("Stopped."); } }, "Stop");
    const progress = make("progress", { max: 1, value: 0, "aria-label": "Squares covered" });
    const canvas = square({ class: "live-map", role: "img", "aria-label": "No occlusion map yet" });
    const said = make("p", { class: "live-note", role: "status" });
    const element = make("div", { class: "live-occlusion" },
      make("div", { class: "live-row" },
        make("label", { class: "live-setting" }, "Explain ", chosen), start, stop, progress),
      make("div", { class: "live-row live-top" }, canvas, said));
    let pixels = null;
    let turn = 0; // a run whose number is not the newest stops

    function settle(text) {
      start.disabled = false;
      stop.disabled = true;
      said.textContent = text;
    }

    function reset(newPixels) {
      turn += 1;
      pixels = Uint8ClampedArray.from(newPixels);
      progress.value = 0;
      canvas.setAttribute("aria-label", "No occlusion map yet");
      paint(canvas, SIDE, SIDE, greyAt);
      settle("A grey square of 8 by 8 pixels covers one part after the other. " +
        "The map shows how far the probability drops.");
    }

    const greyAt = i => Array(3).fill(colourAt(pixels)(i).reduce((sum, level) => sum + level, 0) / 3);

    async function run() {
      const mine = ++turn;
      start.disabled = true;
      stop.disabled = false;
      said.textContent = "Covering…";
      const picture = LiveNetwork.scaled(pixels, network.program.input);
      const whole = LiveNetwork.softmax(LiveNetwork.logits(network, picture));
      const label = chosen.value === "" ? whole.indexOf(Math.max(...whole)) : Number(chosen.value);
      const places = LiveNetwork.squares(SQUARE, STRIDE);
      const drops = [];
      for (const place of places) {
        await nextTurn(); // so that the page stays alive
        if (mine !== turn) return;
        const covered = LiveNetwork.covered(picture, place, SQUARE);
        drops.push(whole[label] - LiveNetwork.softmax(LiveNetwork.logits(network, covered))[label]);
        progress.value = drops.length / places.length;
      }
      show(LiveNetwork.meanDrops(places, drops, SQUARE), classes[label]);
    }

    function show(map, name) {
      const largest = Math.max(...map.map(Math.abs)) || 1;
      paint(canvas, SIDE, SIDE, i => diverging(map[i] / largest, greyAt(i).map(level => 0.5 * level + 90)));
      const [low, high] = [Math.min(...map), Math.max(...map)].map(drop => signed(100 * drop));
      const text = `Red: without this part, ${name} becomes less likely. Blue: more likely. ` +
        `The mean drop goes from ${low} to ${high} percentage points.`;
      canvas.setAttribute("aria-label", `Occlusion map for ${name}`);
      settle(text);
    }
    return { element, reset };
  }

  // The maps of a layer -------------------------------------------------------------------------

  function layerView(network) {
    const { layers, steps } = network.program;
    const shapeOf = layer => (layer.value ? steps[layer.value - 1].shape : [3, SIDE, SIDE]);
    const chosen = make("select", { onchange: show }, ...layers.map((layer, index) =>
      make("option", { value: index }, `${layer.name} ${layer.kind}, ${shapeOf(layer).join(" × ")}`)));
    const grid = make("div", { class: "live-maps", role: "img" });
    const said = make("p", { class: "live-note", role: "status" });
    const element = make("div", {},
      make("div", { class: "live-row" }, make("label", { class: "live-setting" }, "Layer ", chosen)), grid, said);
    let values = null;

    function update(newValues) {
      values = newValues;
      show();
    }

    function show() {
      const { data, shape } = values[layers[chosen.value].value];
      const area = shape.length === 3 ? shape[1] * shape[2] : 1;
      const isMap = area > 1;
      const columns = isMap ? shape[2] : Math.ceil(Math.sqrt(data.length));
      const tiles = isMap ? strongest(data, area) : [{ numbers: data }];
      const largest = tiles.reduce((most, { numbers }) =>
        numbers.reduce((top, number) => Math.max(top, Math.abs(number)), most), 0) || 1;
      grid.replaceChildren(...tiles.map(({ numbers, channel }) => {
        const canvas = square({ title: isMap ? `channel ${channel}` : "" });
        paint(canvas, columns, Math.ceil(numbers.length / columns),
          i => diverging(i < numbers.length ? numbers[i] / largest : 0));
        return canvas;
      }));
      const what = isMap
        ? `${tiles.length} of ${shape[0]} feature maps, each ${shape[1]} by ${shape[2]}`
        : `${data.length} numbers, row by row`;
      grid.setAttribute("aria-label", what);
      said.textContent = `${what}. Blue is negative, white is 0, red is positive. ` +
        `All share one scale, from ${signed(-largest)} to ${signed(largest)}.`;
    }

    /* The channels in their order; of many, those with the largest mean absolute value. */
    function strongest(data, area) {
      const tiles = Array.from({ length: data.length / area }, (_, channel) => {
        const numbers = data.subarray(channel * area, (channel + 1) * area);
        return { channel, numbers, strength: numbers.reduce((sum, each) => sum + Math.abs(each), 0) };
      });
      return tiles.sort((a, b) => b.strength - a.strength).slice(0, MOST_MAPS)
        .sort((a, b) => a.channel - b.channel);
    }
    return { element, update };
  }

  // All together --------------------------------------------------------------------------------

  function mount(element, { program, examples = [], about = "" }) {
    const network = LiveNetwork.load(program);
    LiveNetwork.logits(network, new Float32Array(3 * SIDE * SIDE)); // the browser compiles meanwhile
    const bars = answerBars(program.classes);
    const occlusion = occlusionView(network);
    const layers = layerView(network);
    const editor = pictureEditor({ examples, onchange: answer });

    function answer(pixels) {
      const before = performance.now();
      const values = LiveNetwork.forward(network, LiveNetwork.scaled(pixels, program.input));
      const shares = LiveNetwork.softmax(values[program.logits].data);
      bars.show(shares, performance.now() - before);
      layers.update(values);
      occlusion.reset(pixels);
    }

    element.classList.add("live");
    element.replaceChildren(
      ...(about ? [make("p", { class: "live-note" }, about)] : []),
      make("div", { class: "live-columns" }, editor.element, bars.element),
      make("h3", {}, "What it looks at"), occlusion.element,
      make("h3", {}, "What its layers see"), layers.element);
    editor.begin();
  }

  return { mount };
})();

for (const element of document.querySelectorAll("[data-live-network]")) {
  LivePage.mount(element, window.LIVE_NETWORK);
}
