"use strict";
// Unpacks plotly.js, draws what `drawings` holds, and opens a design's card or a table when it is clicked.

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
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
  Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displaylogo: false });
  place.on("plotly_click", (event) => reveal(`design-${event.points[0].customdata}`));
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
