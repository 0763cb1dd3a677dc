// Says how old the page is, so that a page whose writer died does not pass for the present.
(() => {
  const age = document.getElementById("age");
  const written = Date.parse(age.dataset.at);
  const every = Number(age.dataset.every);
  const said = age.querySelector("time");
  said.title = new Date(written).toLocaleString();
  const look = () => {
    const seconds = Math.round((Date.now() - written) / 1000);
    if (seconds > 3 * every + 30) {
      age.classList.add("old");
      age.textContent = `This page is ${Math.round(seconds / 60)} minutes old: what writes it is down itself. ` +
        `It shows ${said.dateTime}.`;
    }
  };
  look();
  setInterval(look, 5000);
})();
