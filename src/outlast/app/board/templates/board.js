// Fetches the page again when the server says that something changed; without it, pages load themselves anew.
// Only parts marked `data-live` are replaced: what somebody types or has chosen in a form stays.
(() => {
  const main = document.getElementById("main");
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
    for (const one of main.querySelectorAll("time")) {
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
  const put = (page) => {
    const focus = document.activeElement;
    const href = focus && focus.closest("[data-live]") ? focus.getAttribute("href") : null;
    for (const old of main.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) old.replaceChildren(...fresh.childNodes);
    }
    if (href) [...main.querySelectorAll("a")].find((one) => one.getAttribute("href") === href)?.focus();
    main.dataset.mark = page.getElementById("main").dataset.mark;
    document.title = page.title;
    times();
  };
  const show = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      say("no connection: this shows the past", "bad");
    }
  };
  times();
  clock();
  setInterval(() => { times(); clock(); }, 1000);
  if (!main.dataset.mark) return; // a page that does not change by itself
  const events = new EventSource("/events");
  events.addEventListener("changed", (event) => { if (event.data !== main.dataset.mark) show(); });
  events.addEventListener("open", () => say("live", ""));
  events.addEventListener("error", () => say("no connection: this shows the past", "bad"));
})();
