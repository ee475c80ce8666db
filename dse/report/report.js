"use strict";
// Unpacks plotly.js, draws what `drawings` holds, and opens a design's card when its point is clicked.

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function openCard(number) {
  const card = document.getElementById(`design-${number}`);
  if (!card) return;
  card.open = true;
  card.scrollIntoView({ behavior: "smooth" });
  card.querySelector("summary").focus({ preventScroll: true });
}

function draw(place, figure) {
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  for (const axis of [figure.layout.xaxis, figure.layout.yaxis]) Object.assign(axis, { gridcolor: line, automargin: true });
  Object.assign(figure.layout, {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: style.fontFamily },
    margin: { l: 10, r: 20, t: 20, b: 10 },
    legend: { orientation: "h", y: 1.08 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink },
  });
  place.hidden = false;
  Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displaylogo: false });
  place.on("plotly_click", (event) => openCard(event.points[0].customdata));
}

async function start() {
  const data = document.getElementById("drawings");
  if (!data || !("DecompressionStream" in window)) return; // the drawing beside it stays
  await unpack(document.getElementById("plotly").textContent);
  document.getElementById("picture")?.classList.add("print-only");
  for (const [id, figure] of Object.entries(JSON.parse(data.textContent))) draw(document.getElementById(id), figure);
}

for (const link of document.querySelectorAll("a[data-design]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    openCard(link.dataset.design);
  });
}
start();
