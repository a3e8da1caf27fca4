"use strict";

// Tables: sorted by their heads, filtered by a field, saved as they are shown.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.querySelectorAll("thead th")];
  const number = (cell) => parseFloat(cell.textContent.trim().replace("−", "-").replaceAll(",", ""));
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [number(a.cells[column]), number(b.cells[column])];
        const order = Number.isNaN(x) || Number.isNaN(y)
          ? a.cells[column].textContent.localeCompare(b.cells[column].textContent) : x - y;
        return descending ? -order : order;
      });
      body.append(...rows);
    });
  });
  const tools = document.createElement("div");
  tools.className = "tools";
  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = "filter rows";
  filter.setAttribute("aria-label", "Filter the rows of the table below");
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  const save = document.createElement("button");
  save.type = "button";
  save.textContent = "save as CSV";
  save.addEventListener("click", () => {
    const lines = (cell) => [...cell.querySelectorAll("small")].map((small) => small.textContent);
    const text = (cell) => [cell.textContent.slice(0, cell.textContent.length - lines(cell).join("").length), ...lines(cell)]
      .map((line) => line.trim()).join("; ");
    // A cell that begins like a formula is text in a spreadsheet, too.
    const quoted = (cell) => `"${text(cell).replace(/^[=+@\t\r]/, "'$&").replaceAll('"', '""')}"`;
    const rows = [table.tHead.rows[0], ...[...body.rows].filter((row) => !row.hidden)];
    const content = rows.map((row) => [...row.cells].map(quoted).join(",")).join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
    link.download = `${document.title}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  tools.append(filter, save);
  table.parentElement.before(tools);
}

// Plots: each figure with data is drawn by plotly when it comes into sight; its static picture stays for print.
const island = document.getElementById("plots");
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plots = [];

function draw(plot) {
  const inked = JSON.stringify(plot.views[plot.choice.value || 0]).replaceAll('"#000000"', JSON.stringify(colour("--ink")));
  const { data, layout } = JSON.parse(inked);
  const line = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line") };
  const look = {
    ...layout, xaxis: { ...layout.xaxis, ...line }, yaxis: { ...layout.yaxis, ...line }, autosize: true,
    font: { color: colour("--ink"), size: 13 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 60, r: 15, t: 15, b: 50 }, hoverlabel: { align: "left", namelength: -1, bgcolor: colour("--card"), font: { color: colour("--ink") } },
    legend: { orientation: "h", y: -0.2 },
  };
  Plotly.react(plot.place, data, look, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] });
  plot.drawn = true;
}

for (const [name, views] of Object.entries(island ? JSON.parse(island.textContent) : {})) {
  const figure = document.querySelector(`figure[data-plot="${name}"]`);
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", "What the plot below shows");
  views.forEach((view, i) => choice.add(new Option(view.label, i)));
  choice.hidden = views.length < 2;
  const place = document.createElement("div");
  place.className = "live";
  figure.prepend(choice, place);
  figure.classList.add("drawn");
  const plot = { views, choice, place, drawn: false };
  plots.push(plot);
  choice.addEventListener("change", () => draw(plot));
  new IntersectionObserver((entries) => {
    if (!plot.drawn && entries.some((entry) => entry.isIntersecting)) draw(plot);
  }, { rootMargin: "400px" }).observe(figure);
}
dark.addEventListener("change", () => plots.filter((plot) => plot.drawn).forEach(draw));
