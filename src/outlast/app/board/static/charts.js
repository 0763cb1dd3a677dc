// Draws the charts again with uPlot, so that points can be read off; without this file, pictures and tables stay.
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = (at) => new Date(at * 1000).toISOString().slice(11, 16);
  const drawn = new Map();
  const draw = (place, title, data) => {
    const plot = place.querySelector(".plot");
    const axis = { stroke: style("--text"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
    const width = plot.clientWidth;
    plot.querySelector("svg")?.remove();
    drawn.set(place, new uPlot({
      width, height: Math.round(Math.max(160, width * 0.32)),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time: true } },
      axes: [{ ...axis, values: (_, all) => all.map(clock) }, { ...axis, size: 44 }],
      series: [
        { label: "UTC", value: (_, at) => at == null ? "–" : clock(at) },
        { label: "reports", stroke: style("--seen"), width: 2, value: (_, v) => v ?? "–" },
        { label: "expected", stroke: style("--due"), width: 2, dash: [6, 4], value: (_, v) => v == null ? "–" : v.toFixed(1) },
        { label: "at most, by chance", stroke: style("--band"), fill: style("--band") + "66", value: (_, v) => v == null ? "–" : v.toFixed(0) },
      ],
    }, data, plot));
  };
  const show = async () => {
    const places = [...document.querySelectorAll("figure[data-chart]")];
    if (!places.length) return;
    const answer = await fetch("/detection/series.json");
    if (!answer.ok) return;
    const found = await answer.json();
    places.forEach((place, at) => {
      const one = found[at];
      if (!one) return;
      if (drawn.has(place)) drawn.get(place).setData(one.data);
      else draw(place, one.title, one.data);
    });
  };
  show();
  document.body.addEventListener("htmx:afterSettle", show);
  addEventListener("resize", () => { for (const [place, one] of drawn) one.setSize({ width: place.querySelector(".plot").clientWidth, height: one.height }); });
})();
