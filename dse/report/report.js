"use strict";
// Unpacks plotly.js, draws what `drawings` holds, and opens a design's card or a table when it is clicked.

async function unpack(packed) {
  const own = await fetch(`data:application/gzip;base64,${packed.trim()}`); // decoded natively, nothing is loaded
  const stream = own.body.pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function reveal(id) {
  const card = document.getElementById(id);
  if (!card) return;
  card.open = true;
  card.scrollIntoView({ behavior: "smooth" });
  card.querySelector("summary").focus({ preventScroll: true });
}

const ON_DARK = { "#0b5394": "#6cb0f5", "#b45309": "#f0a35e", "#7b1fa2": "#d39bf0", "#2e7d32": "#7fcf8b" };

// Colours of the drawings that a dark page would swallow become lighter ones of the same hue.
function inScheme(drawings) {
  if (!matchMedia("(prefers-color-scheme: dark)").matches) return drawings;
  return Object.entries(ON_DARK).reduce((text, [light, dark]) => text.replaceAll(`"${light}"`, `"${dark}"`), drawings);
}

function draw(place, figure) {
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const axes = Object.keys(figure.layout).filter((name) => /^[xy]axis/.test(name));
  for (const name of axes) Object.assign(figure.layout[name], { gridcolor: line, automargin: true });
  Object.assign(figure.layout, {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: style.fontFamily },
    margin: { l: 10, r: 20, t: 20, b: 10 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
  });
  place.hidden = false;
  const choices = figure.choices; // plotly takes `data` and `layout` alone
  Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displaylogo: false });
  if (choices) offerAxes(place, figure, choices);
  place.on("plotly_click", (event) => reveal(`design-${event.points[0].customdata}`));
}

// Puts two lists of metrics above a drawing, which is drawn anew over those that are chosen.
function offerAxes(place, figure, choices) {
  const first = structuredClone({ data: figure.data, layout: figure.layout });
  const lists = {};
  const line = document.createElement("p");
  line.className = "axes";
  for (const [side, text] of [["y", "Up"], ["x", "Across"]]) {
    const label = line.appendChild(document.createElement("label"));
    label.textContent = `${text} `;
    lists[side] = label.appendChild(document.createElement("select"));
    lists[side].append(...choices.metrics.map((metric) => new Option(metric.heading, metric.name)));
    lists[side].value = choices[side];
    lists[side].addEventListener("change", () => {
      const asked = structuredClone(first);
      const other = ["x", "y"].some((axis) => lists[axis].value !== choices[axis]);
      const drawn = other ? over(asked, choices, lists.x.value, lists.y.value) : asked;
      Plotly.react(place, drawn.data, drawn.layout);
    });
  }
  place.before(line);
}

// The same designs over two other metrics: points alone, as no line joins them there.
function over(figure, choices, x, y) {
  const [across, up] = [x, y].map((name) => choices.metrics.find((metric) => metric.name === name));
  const traces = figure.data.slice(0, across.values.length);
  const data = traces.map((trace, i) => ({ ...trace, mode: "markers", x: across.values[i], y: up.values[i] }));
  const { gridcolor, automargin } = figure.layout.xaxis;
  const layout = { ...figure.layout, shapes: [] };
  layout.xaxis = { ...across.axis, gridcolor, automargin };
  layout.yaxis = { ...up.axis, gridcolor, automargin };
  delete layout.yaxis2;
  return { data, layout };
}

async function start() {
  const data = document.getElementById("drawings");
  if (!data || !("DecompressionStream" in window)) return; // the drawing beside it stays
  await unpack(document.getElementById("plotly").textContent);
  document.getElementById("picture")?.classList.add("print-only");
  for (const [id, figure] of Object.entries(JSON.parse(inScheme(data.textContent)))) draw(document.getElementById(id), figure);
}

for (const link of document.querySelectorAll("a[data-opens]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    reveal(link.dataset.opens);
  });
}
start();
