// Times here and by age, the state of the connection, and what htmx leaves to be done: focus and open parts stay.
// Everything on a page is there without this file.
(() => {
  const link = document.getElementById("link");
  const say = (text, kind) => {
    if (link.textContent !== text) link.textContent = text; // else a screen reader says it again and again
    link.className = kind;
  };
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  const age = (at) => {
    const seconds = Math.max(0, Math.floor((Date.now() - at) / 1000));
    for (const [unit, length] of units) if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit} ago`;
    return `${seconds} s ago`;
  };
  const here = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const times = () => {
    for (const one of document.querySelectorAll("main time")) {
      const at = new Date(one.dateTime);
      one.title = at.toLocaleString();
      const beside = one.nextElementSibling;
      if (beside && beside.classList.contains("age")) beside.textContent = `${here(at)} here, ${age(at)}`;
    }
  };
  const clock = () => {
    const now = document.getElementById("now");
    const at = new Date();
    now.dateTime = `${at.toISOString().slice(0, 19)}Z`;
    now.textContent = `${now.dateTime}, ${here(at)} here`;
  };
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }); // a phone's row of pages
  times();
  clock();
  setInterval(() => { times(); clock(); }, 1000);

  const body = document.body;
  body.addEventListener("htmx:sseOpen", () => say("live", ""));
  for (const name of ["htmx:sseError", "htmx:sendError"]) {
    body.addEventListener(name, () => say("no connection: this shows the past", "bad"));
  }
  // A part is replaced whole. What has no id of its own is found again by where it leads or what it is called.
  let focused = null;
  let opened = [];
  body.addEventListener("htmx:beforeSwap", () => {
    const at = document.activeElement;
    focused = at && !at.id && at.closest("main") ? at.getAttribute("href") : null;
    opened = [...document.querySelectorAll("main details[open][id]")].map((one) => one.id);
  });
  body.addEventListener("htmx:afterSettle", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused && !document.activeElement?.closest("main")) {
      [...document.querySelectorAll("main a")].find((one) => one.getAttribute("href") === focused)?.focus();
    }
    times();
  });
  body.addEventListener("htmx:oobAfterSwap", times);
})();
