"use strict";
// Conveniences only: without this script the page shows the worst minute, six moments, and every table.
const data = JSON.parse(document.getElementById("data").textContent);
const world = document.querySelector(".world");
const when = document.getElementById("when");
const moment = document.getElementById("moment");
const play = document.getElementById("play");
let timer = 0;

function show(position) {
  for (const [country, levels] of Object.entries(data.levels)) {
    world.style.setProperty("--" + country, levels[position] === "0" ? "var(--land)" : `var(--l${levels[position]})`);
  }
  moment.textContent = `${data.times[position]} UTC: ${data.people[position]} people hit`;
  when.setAttribute("aria-valuetext", moment.textContent);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  play.textContent = "\u25b6";
  play.setAttribute("aria-label", "Play");
}

function start() {
  if (Number(when.value) >= Number(when.max)) when.value = 0;
  play.textContent = "\u275a\u275a";
  play.setAttribute("aria-label", "Pause");
  timer = setInterval(() => {
    when.value = Number(when.value) + 1;
    show(Number(when.value));
    if (Number(when.value) >= Number(when.max)) stop();
  }, 80);
}

if (world) {
  document.getElementById("control").hidden = false;
  when.addEventListener("input", () => { stop(); show(Number(when.value)); });
  play.addEventListener("click", () => (timer ? stop() : start()));
}

const tip = document.createElement("div");
tip.id = "tip-box";
tip.hidden = true;
document.body.append(tip);
document.addEventListener("pointermove", (event) => {
  const strip = event.target.closest(".strip");
  tip.hidden = !strip;
  if (!strip) return;
  const box = strip.getBoundingClientRect();
  const minute = Math.floor(((event.clientX - box.left) / box.width) * data.minutes);
  const bar = [...strip.children].find((one) => minute < one.x.baseVal.value + one.width.baseVal.value);
  const level = bar ? Number(bar.getAttribute("class").slice(1)) : 8;
  const at = new Date((data.start + minute * 60) * 1000).toISOString().slice(11, 16);
  tip.textContent = `${at} UTC, not served: ${data.texts[level]}`;
  tip.style.left = `${Math.min(event.clientX + 12, innerWidth - 200)}px`;
  tip.style.top = `${event.clientY + 14}px`;
});
