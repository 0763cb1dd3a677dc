// Draws the charts again with uPlot, so that points can be read off; without this file, pictures and tables stay.
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = (at) => new Date(at * 1000).toISOString().slice(11, 16);
  const drawn = new Map();
  const draw = (place, data) => {
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
    if (!document.getElementById("charts")) return;
    const answer = await fetch("/detection/series.json");
    if (!answer.ok) return;
    const found = await answer.json();
    const places = [...document.querySelectorAll("figure[data-chart]")];
    const shown = places.map((one) => one.dataset.chart).join();
    if (shown !== found.map((one) => one.title).join()) { // other series are loudest now: their pictures first
      drawn.clear();
      htmx.ajax("GET", location.href, { target: "#charts", select: "#charts", swap: "outerHTML" });
      return;
    }
    for (const place of places) {
      const { data } = found.find((one) => one.title === place.dataset.chart);
      if (drawn.has(place)) drawn.get(place).setData(data);
      else draw(place, data);
    }
  };
  show();
  document.body.addEventListener("htmx:afterSettle", (event) => { if (["news", "charts"].includes(event.target.id)) show(); });
  addEventListener("resize", () => { for (const [place, one] of drawn) one.setSize({ width: place.querySelector(".plot").clientWidth, height: one.height }); });
})();
