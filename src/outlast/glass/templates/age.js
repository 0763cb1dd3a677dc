// Says how old the page is, so that a page whose writer died does not pass for the present; and fetches it anew
// in its place, so that nobody loses where they were reading. Without it the browser loads the page again.
(() => {
  const OLD_AFTER = 3; // times that its writer missed
  const beside = (one) => { one.title = new Date(one.dateTime).toLocaleString(); };
  const look = () => {
    const age = document.getElementById("age");
    const said = age.querySelector("time");
    const seconds = Math.round((Date.now() - Date.parse(age.dataset.at)) / 1000);
    const old = said !== null && seconds > OLD_AFTER * Number(age.dataset.every) + 30;
    document.body.classList.toggle("outdated", old); // what was true then is not said in green
    if (!old) return;
    age.classList.add("old");
    age.querySelector("span").textContent =
      `This page is ${Math.round(seconds / 60)} minutes old: what writes it is down itself. It shows `;
  };
  const put = (page) => {
    for (const part of ["header", "main"]) {
      const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
      if (fresh && old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
    }
    document.title = page.title;
    document.querySelectorAll("time").forEach(beside);
  };
  const renew = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-cache" });
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // its host is away, or it is read from a disk: the age says the rest
    }
    look();
  };
  document.querySelectorAll("time").forEach(beside);
  look();
  const every = Number(document.getElementById("age").dataset.every);
  setInterval(renew, Math.max(every, 10) * 1000);
})();
