// Fetches the page again when the server says that something changed; without it, people reload.
(() => {
  const live = document.getElementById("live");
  const link = document.getElementById("link");
  const local = () => {
    for (const one of live.querySelectorAll("time")) one.title = new Date(one.dateTime).toLocaleString();
  };
  const show = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const typing = live.contains(document.activeElement) && document.activeElement.tagName === "INPUT";
    if (typing) return;
    live.replaceChildren(...page.getElementById("live").childNodes);
    document.title = page.title;
    local();
  };
  const events = new EventSource(live.dataset.events);
  let first = true;
  events.addEventListener("changed", () => { if (!first) show(); first = false; });
  events.addEventListener("open", () => { link.textContent = "live"; link.className = ""; });
  events.addEventListener("error", () => { link.textContent = "no connection: this shows the past"; link.className = "bad"; first = false; });
  local();
})();
