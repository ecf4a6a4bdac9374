// Shows one slide at a time: arrow keys, buttons, or #7 at the end of the address. N shows the
// notes. Without scripts the slides stand below each other, with their notes, as in print.
"use strict";

const slides = [...document.querySelectorAll("section")];
const counter = document.querySelector("nav output");

function shown() {
  const number = Number(location.hash.slice(1)) || 1;
  return Math.min(Math.max(number, 1), slides.length);
}

function show() {
  slides.forEach((slide, index) => slide.classList.toggle("shown", index + 1 === shown()));
  counter.value = `${shown()} of ${slides.length}`;
  scrollTo(0, 0);
}

function turnTo(number) {
  const last = slides.length;
  location.replace(`#${Math.min(Math.max(number, 1), last)}`);
}

const keys = {
  ArrowRight: () => turnTo(shown() + 1),
  PageDown: () => turnTo(shown() + 1),
  " ": () => turnTo(shown() + 1),
  ArrowLeft: () => turnTo(shown() - 1),
  PageUp: () => turnTo(shown() - 1),
  Home: () => turnTo(1),
  End: () => turnTo(slides.length),
  n: () => document.body.classList.toggle("noted"),
};

addEventListener("keydown", (event) => {
  const isButton = event.target instanceof HTMLButtonElement && event.key === " ";
  if (event.ctrlKey || event.metaKey || event.altKey || isButton || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});
addEventListener("hashchange", show);
for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", keys[button.value]);
}
document.body.classList.add("playing");
show();
