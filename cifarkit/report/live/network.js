/* The forward pass of a network in plain JavaScript: a picture in, logits out.

   A program is a list of steps, written by cifarkit/report/live/program.py. Value 0 is the picture,
   and step i makes value i + 1. A value is { data: Float32Array, shape }, without a batch: a picture
   is 3 32 32, channel by channel, each channel row by row. Nothing here knows of a page. */
"use strict";

const LiveNetwork = (() => {
  const PANEL = 4; // output channels that are computed together
  const PIXELS = 2; // pixels that are computed together

  const product = numbers => numbers.reduce((total, number) => total * number, 1);

  // Reading a program ---------------------------------------------------------------------------

  /* A float16 has 1 bit of sign, 5 of exponent and 10 of fraction. */
  function halfToNumber(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  function tensorOf(bytes, { shape, start, bytes: bytesEach }) {
    const view = new DataView(bytes.buffer);
    const data = new Float32Array(product(shape));
    for (let i = 0; i < data.length; i++) {
      const at = start + bytesEach * i;
      data[i] = bytesEach === 2 ? halfToNumber(view.getUint16(at, true)) : view.getFloat32(at, true);
    }
    return { data, shape };
  }

  /* Read a program's weights, once; `forward` then runs it as often as wanted. */
  function load(program) {
    const bytes = bytesOf(program.data);
    const tensors = program.tensors.map(entry => tensorOf(bytes, entry));
    const packed = program.steps.map(step =>
      step.op === "convolution" ? packedFilters(tensors[step.weight], step.groups) : null);
    return { program, tensors, packed };
  }

  // Convolution: a product of two matrices ------------------------------------------------------

  /* Lay the filters of PANEL output channels side by side, so that they are read in order. */
  function packedFilters({ data, shape }, groups) {
    const width = shape[0] / groups;
    const depth = data.length / shape[0];
    const panels = Math.ceil(width / PANEL);
    return Array.from({ length: groups }, (_, group) => {
      const packed = new Float64Array(panels * depth * PANEL); // the last panel may end in zeros
      for (let channel = 0; channel < width; channel++) {
        const panel = Math.floor(channel / PANEL);
        for (let k = 0; k < depth; k++) {
          packed[(panel * depth + k) * PANEL + (channel % PANEL)] =
            data[(group * width + channel) * depth + k];
        }
      }
      return packed;
    });
  }

  /* Lay out, for PIXELS output pixels at a time, the inputs that their filters see. */
  function packedPatches(input, first, channels, kernel, step) {
    const [, rows, columns] = input.shape;
    const [, high, wide] = step.shape;
    const depth = channels * kernel[0] * kernel[1];
    const packed = new Float64Array(Math.ceil((high * wide) / PIXELS) * PIXELS * depth);
    let k = 0;
    for (let channel = first; channel < first + channels; channel++) {
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++, k++) {
          for (let y = 0; y < high; y++) {
            const row = y * step.stride[0] - step.padding[0] + i * step.dilation[0];
            if (row < 0 || row >= rows) continue; // padding is zero
            const start = (channel * rows + row) * columns;
            for (let x = 0; x < wide; x++) {
              const column = x * step.stride[1] - step.padding[1] + j * step.dilation[1];
              if (column < 0 || column >= columns) continue;
              const pixel = y * wide + x;
              const panel = pixel >> 1;
              packed[(panel * depth + k) * PIXELS + (pixel & 1)] = input.data[start + column];
            }
          }
        }
      }
    }
    return packed;
  }

  /* Multiply filters and patches: sums of PANEL channels and PIXELS pixels at a time. */
  function multiply(filters, patches, depth, width, pixels, output, offset, bias, first) {
    for (let channel = 0; channel < width; channel += PANEL) {
      const filter = channel * depth;
      for (let pixel = 0; pixel < pixels; pixel += PIXELS) {
        let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0;
        let p = pixel * depth;
        let f = filter;
        for (let k = 0; k < depth; k++, p += PIXELS, f += PANEL) {
          const left = patches[p], right = patches[p + 1];
          const a = filters[f], b = filters[f + 1], c = filters[f + 2], d = filters[f + 3];
          a0 += a * left; a1 += a * right;
          b0 += b * left; b1 += b * right;
          c0 += c * left; c1 += c * right;
          d0 += d * left; d1 += d * right;
        }
        const sums = [[a0, a1], [b0, b1], [c0, c1], [d0, d1]];
        for (let i = 0; i < PANEL && channel + i < width; i++) {
          const shift = bias ? bias[first + channel + i] : 0;
          const at = offset + (channel + i) * pixels + pixel;
          output[at] = sums[i][0] + shift;
          if (pixel + 1 < pixels) output[at + 1] = sums[i][1] + shift;
        }
      }
    }
  }

  function convolution(step, [input], { tensors, packed }, index) {
    const { shape } = tensors[step.weight];
    const [width, channels, ...kernel] = [shape[0] / step.groups, ...shape.slice(1)];
    const pixels = step.shape[1] * step.shape[2];
    const output = new Float32Array(product(step.shape));
    const bias = step.bias === null ? null : tensors[step.bias].data;
    for (let group = 0; group < step.groups; group++) {
      const patches = packedPatches(input, group * channels, channels, kernel, step);
      const depth = channels * kernel[0] * kernel[1];
      const first = group * width;
      multiply(packed[index][group], patches, depth, width, pixels, output, first * pixels, bias, first);
    }
    return output;
  }

  // The other steps -----------------------------------------------------------------------------

  function linear(step, [input], { tensors }) {
    const weight = tensors[step.weight].data;
    const length = input.data.length;
    const output = new Float32Array(step.shape[0]);
    for (let unit = 0; unit < output.length; unit++) {
      let sum = step.bias === null ? 0 : tensors[step.bias].data[unit];
      for (let k = 0; k < length; k++) sum += weight[unit * length + k] * input.data[k];
      output[unit] = sum;
    }
    return output;
  }

  /* Scale and shift each channel: batch norm, once training is over. */
  function affine(step, [input], { tensors }) {
    const scale = tensors[step.scale].data, shift = tensors[step.shift].data;
    const area = input.data.length / scale.length;
    return input.data.map((number, i) => {
      const channel = Math.floor(i / area);
      return number * scale[channel] + shift[channel];
    });
  }

  function groupNorm(step, [input], { tensors }) {
    const area = input.data.length / step.shape[0];
    const size = input.data.length / step.groups;
    const output = new Float32Array(input.data.length);
    for (let start = 0; start < output.length; start += size) {
      const group = input.data.subarray(start, start + size);
      const mean = group.reduce((sum, number) => sum + number, 0) / size;
      const variance = group.reduce((sum, number) => sum + (number - mean) ** 2, 0) / size;
      for (let i = start; i < start + size; i++) {
        const channel = Math.floor(i / area);
        const scale = step.weight === null ? 1 : tensors[step.weight].data[channel];
        const shift = step.bias === null ? 0 : tensors[step.bias].data[channel];
        output[i] = ((input.data[i] - mean) / Math.sqrt(variance + step.epsilon)) * scale + shift;
      }
    }
    return output;
  }

  /* The error function, by its series: exact to 15 digits for all x. */
  function erf(x) {
    if (Math.abs(x) > 5) return Math.sign(x);
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }

  const clip = (x, low, high) => Math.min(Math.max(x, low), high);
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  const ACTIVATIONS = {
    relu: x => (x > 0 ? x : 0),
    leaky_relu: (x, step) => (x > 0 ? x : step.slope * x),
    elu: (x, step) => (x > 0 ? x : step.alpha * Math.expm1(x)),
    gelu: x => (x / 2) * (1 + erf(x / Math.SQRT2)),
    gelu_tanh: x => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    silu: x => x * sigmoid(x),
    mish: x => x * Math.tanh(x > 20 ? x : Math.log1p(Math.exp(x))),
    sigmoid,
    tanh: Math.tanh,
    hardswish: x => (x * clip(x + 3, 0, 6)) / 6,
    hardsigmoid: x => clip(x + 3, 0, 6) / 6,
    clamp: (x, step) => clip(x, step.low, step.high),
  };

  const activation = (step, [input]) => {
    const compute = ACTIVATIONS[step.op];
    return input.data.map(x => compute(x, step));
  };

  /* Call a function with each window of each channel, and keep what it returns. */
  function pooled(step, input, reduce) {
    const [channels, rows, columns] = input.shape;
    const output = new Float32Array(channels * step.rows.length * step.columns.length);
    let at = 0;
    for (let channel = 0; channel < channels; channel++) {
      for (const [top, bottom] of step.rows) {
        for (const [left, right] of step.columns) {
          output[at++] = reduce(channel * rows * columns, columns, top, bottom, left, right);
        }
      }
    }
    return output;
  }

  const maxPool = (step, [input]) =>
    pooled(step, input, (start, columns, top, bottom, left, right) => {
      let most = -Infinity;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const number = input.data[start + y * columns + x];
          if (number > most) most = number;
        }
      }
      return most;
    });

  const meanPool = (step, [input]) =>
    pooled(step, input, (start, columns, top, bottom, left, right) => {
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) sum += input.data[start + y * columns + x];
      }
      return sum / (step.divisor === null ? (bottom - top) * (right - left) : step.divisor);
    });

  /* Call a function with the place in the output, and the place along each axis. */
  function eachIndex(shape, visit) {
    const index = shape.map(() => 0);
    for (let at = 0; at < product(shape); at++) {
      visit(at, index);
      for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) {
        index[axis] = 0;
      }
    }
  }

  const placeOf = (index, shape) => index.reduce((at, each, axis) => at * shape[axis] + each, 0);

  function slice(step, [input]) {
    const output = new Float32Array(product(step.shape));
    eachIndex(step.shape, (at, index) => {
      const from = [...index];
      from[step.axis] = step.start + step.step * index[step.axis];
      output[at] = input.data[placeOf(from, input.shape)];
    });
    return output;
  }

  function pad(step, [input]) {
    const output = new Float32Array(product(step.shape)).fill(step.value);
    eachIndex(input.shape, (at, index) => {
      const to = index.map((each, axis) => each + step.before[axis]);
      output[placeOf(to, step.shape)] = input.data[at];
    });
    return output;
  }

  function concatenation(step, inputs) {
    const output = new Float32Array(product(step.shape));
    let before = 0;
    for (const input of inputs) {
      eachIndex(input.shape, (at, index) => {
        const to = [...index];
        to[step.axis] += before;
        output[placeOf(to, step.shape)] = input.data[at];
      });
      before += input.shape[step.axis];
    }
    return output;
  }

  /* Where an axis of an input has length 1, it is repeated. */
  const arithmetic = compute => (step, [first, second]) => {
    const sameShape = String(first.shape) === String(second.shape);
    if (sameShape) return first.data.map((number, i) => compute(number, second.data[i]));
    const output = new Float32Array(product(step.shape));
    eachIndex(step.shape, (at, index) => {
      const [a, b] = [first, second].map(({ data, shape }) =>
        data[placeOf(index.map((each, axis) => (shape[axis] === 1 ? 0 : each)), shape)]);
      output[at] = compute(a, b);
    });
    return output;
  };

  const STEPS = {
    convolution,
    linear,
    affine,
    group_norm: groupNorm,
    max_pool: maxPool,
    mean_pool: meanPool,
    reshape: (step, [input]) => input.data,
    constant: (step, inputs, { tensors }) => tensors[step.tensor].data,
    slice,
    pad,
    concatenation,
    add: arithmetic((a, b) => a + b),
    subtract: arithmetic((a, b) => a - b),
    multiply: arithmetic((a, b) => a * b),
    divide: arithmetic((a, b) => a / b),
  };
  for (const name of Object.keys(ACTIVATIONS)) STEPS[name] = activation;

  // The network ---------------------------------------------------------------------------------

  /* Scale bytes, 0 to 255, to what the network was trained on. */
  function scaled(pixels, { scale, shift }) {
    return Float32Array.from(pixels, pixel => pixel * scale + shift);
  }

  /* Return every value of the program for a picture that is scaled already. */
  function forward(network, picture) {
    const values = [{ data: picture, shape: [3, 32, 32] }];
    network.program.steps.forEach((step, index) => {
      const inputs = step.from.map(from => values[from]);
      values.push({ data: STEPS[step.op](step, inputs, network, index), shape: step.shape });
    });
    return values;
  }

  const logits = (network, picture) => forward(network, picture)[network.program.logits].data;

  function softmax(numbers) {
    const largest = Math.max(...numbers);
    const powers = Array.from(numbers, number => Math.exp(number - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map(power => power / sum);
  }

  // Occlusion: Zeiler and Fergus 2014, as ck.occlusion does it ----------------------------------

  /* Return the top left corner of each square; the last one of a row ends at the edge. */
  function squares(size, stride, side = 32) {
    const starts = [];
    for (let start = 0; start < side - size; start += stride) starts.push(start);
    starts.push(side - size);
    return starts.flatMap(top => starts.map(left => ({ top, left })));
  }

  /* Return a scaled picture with a grey square on it; grey is the middle of [-1, 1]. */
  function covered(picture, { top, left }, size, side = 32) {
    const changed = Float32Array.from(picture);
    for (let channel = 0; channel < 3; channel++) {
      for (let row = top; row < top + size; row++) {
        const start = (channel * side + row) * side + left;
        changed.fill(0, start, start + size);
      }
    }
    return changed;
  }

  /* Return, at each pixel, the mean drop over the squares that cover it. */
  function meanDrops(places, drops, size, side = 32) {
    const sums = new Float64Array(side * side), counts = new Float64Array(side * side);
    places.forEach(({ top, left }, index) => {
      for (let row = top; row < top + size; row++) {
        for (let column = left; column < left + size; column++) {
          sums[row * side + column] += drops[index];
          counts[row * side + column] += 1;
        }
      }
    });
    return sums.map((sum, i) => sum / counts[i]);
  }

  // Pictures ------------------------------------------------------------------------------------

  /* Cut the central square out of a picture and average it down to side by side pixels.

     rgba is row by row, 4 bytes a pixel, as a canvas gives it. An output pixel is the mean of the
     area that it covers, so nothing flickers. Returns bytes, channel by channel. */
  function shrunk(rgba, width, height, side = 32) {
    const edge = Math.min(width, height);
    const [left, top] = [(width - edge) / 2, (height - edge) / 2];
    const pixels = new Uint8ClampedArray(3 * side * side);
    eachIndex([3, side, side], (at, [channel, row, column]) => {
      const rows = shares(top, row, edge / side);
      const columns = shares(left, column, edge / side);
      let sum = 0, weights = 0;
      for (const [y, high] of rows) {
        for (const [x, wide] of columns) {
          sum += high * wide * rgba[4 * (y * width + x) + channel];
          weights += high * wide;
        }
      }
      pixels[at] = Math.round(sum / weights);
    });
    return pixels;
  }

  /* Return which old pixels a new one covers along an axis, and how much of each. */
  function shares(start, index, length) {
    const [from, to] = [start + index * length, start + (index + 1) * length];
    const found = [];
    for (let pixel = Math.floor(from); pixel < to - 1e-9; pixel++) {
      found.push([pixel, Math.min(pixel + 1, to) - Math.max(pixel, from)]);
    }
    return found;
  }

  return {
    load, forward, logits, scaled, softmax, squares, covered, meanDrops, shrunk, bytesOf,
    operations: Object.keys(STEPS),
  };
})();

if (typeof module !== "undefined") module.exports = LiveNetwork;
