// The page: choices above, the plane, and the point that was chosen. Numbers come from the embedded content.
"use strict";

// Objects hold what the file names and nothing else: a sample may be called constructor or toString.
const bare = (_, value) => (value instanceof Object && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value);
const content = JSON.parse(document.getElementById("content").textContent, bare);
const { models, planes, interactions, look } = content;
const state = { analysis: "", interaction: "", law: "", cl: 0, dof: 1, also: "nothing", mass: 0, coupling: 0 };
const ALSO = { nothing: "nothing", analysis: "other analyses", interaction: "other interactions", law: "the other law", cl: "other levels" };
const HIGHEST = 16;  // Delta chi^2 at the end of the colours
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const narrow = window.matchMedia("(max-width: 60rem)");
const coarse = window.matchMedia("(pointer: coarse)");
const element = (id) => document.getElementById(id);

// ---------------------------------------------------------------- texts

// A power of ten.
const power = (exponent) => `×10${[...String(Number(exponent))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("")}`;

// Numbers for people, as 1.23×10⁻⁵ where they are small or large.
function shown(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(value.toPrecision(digits))).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${mantissa.replace("-", "−")}${power(exponent)}`;
}

const percent = (cl) => `${Number((100 * cl).toPrecision(6))} %`;
const words = (name) => look.samples[name] || name.replaceAll("_", " ");

// Decimals as far as they tell something.
function fixed(value, digits = 2) {
  if (value === null) return "–";
  if (Math.abs(value) >= 1e5) return shown(value, digits + 2);
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

// The middle of a long name is left out, as in figures; tables have all of it.
function short(text, most = 32) {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 3);
  return `${text.slice(0, most - 1 - end).trimEnd()}…${text.slice(-end).trimStart()}`;
}

// plotly reads some HTML in texts
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// The program's own sentences, with the signs that a page can show.
const set = (text) => text.replaceAll("Delta chi2", "Δχ²").replaceAll(">=", "≥")
  .replace(/(?<=\d)e([+-]\d+)\b/g, (_, exponent) => power(exponent));

function intervalText([low, high], symbol, digits = 4) {
  if (low === null && high === null) return "everything";
  if (low === null) return `${symbol} < ${shown(high, digits)}`;
  if (high === null) return `${symbol} > ${shown(low, digits)}`;
  return `${symbol} from ${shown(low, digits)} to ${shown(high, digits)}`;
}

const excludedText = (intervals, symbol) =>
  intervals.map((interval) => intervalText(interval, symbol)).join("; ") || "nothing";

// ---------------------------------------------------------------- what is chosen

const modelOf = (plane) => models[plane.model];
const interactionOf = (plane) => interactions[plane.interaction];

function describes(plane, wanted) {
  const own = { analysis: modelOf(plane).analysis, law: modelOf(plane).law, interaction: interactionOf(plane).name };
  return Object.keys(own).every((key) => wanted[key] === undefined || wanted[key] === own[key]);
}

function currentPlane() {
  const { analysis, interaction, law } = state;
  const tries = [{ analysis, interaction, law }, { analysis, interaction }, { analysis, law }, { analysis }, {}];
  for (const wanted of tries) {
    const found = planes.find((plane) => describes(plane, wanted));
    if (found) return found;
  }
  return planes[0];
}

function limitOf(plane, cl = state.cl, dof = state.dof) {
  const levels = plane.limits.filter((limit) => limit.cl === cl);
  return levels.find((limit) => limit.dof === dof) || levels[0];
}

const massCount = (plane) => (plane.masses_MeV ? plane.masses_MeV.length : 1);
const place = (plane, mass, coupling) => mass * plane.couplings.length + coupling;

// Delta chi^2 of a grid point against the minimum that the limit refers to; null without a valid fit.
function deltaChi2(plane, limit, mass, coupling) {
  const i = place(plane, mass, coupling);
  return plane.scan.valid[i] && plane.scan.twice_nll[i] !== null ? plane.scan.twice_nll[i] - limit.reference[mass] : null;
}

function xOf(plane, coupling) {
  const value = plane.couplings[coupling];
  return interactionOf(plane).signed ? value : value * value;
}

function nearest(values, wanted, distance) {
  let best = 0;
  values.forEach((value, i) => { if (distance(value, wanted) < distance(values[best], wanted)) best = i; });
  return best;
}

const ratio = (a, b) => (a > 0 && b > 0 ? Math.abs(Math.log(a / b)) : Math.abs(a - b));
const difference = (a, b) => Math.abs(a - b);

function placePoint(plane, mass, value) {
  if (plane.masses_MeV) state.mass = nearest(plane.masses_MeV, mass, ratio);
  else state.mass = 0;
  state.coupling = nearest(plane.couplings, value, interactionOf(plane).signed ? difference : ratio);
}

// The first point that is shown: near 10 MeV, a little inside what is excluded.
function firstPoint(plane) {
  placePoint(plane, 10, plane.couplings[0]);
  const limit = limitOf(plane);
  const inside = plane.couplings.findIndex((value, j) => value > 0 && deltaChi2(plane, limit, state.mass, j) > limit.threshold);
  state.coupling = inside < 0 ? Math.floor(plane.couplings.length / 2) : inside;
}

// Parameters of a point's fit: those that do not change from point to point stand in the Standard Model's.
function pointTheta(plane, mass, coupling) {
  const theta = { ...modelOf(plane).standard_model.theta };
  for (const [name, values] of Object.entries(plane.scan.theta)) theta[name] = values[place(plane, mass, coupling)];
  return theta;
}

function pointWorkspace(plane, mass, coupling) {
  const model = modelOf(plane);
  return patched(model.workspace, pointPatch(model, plane, mass, xOf(plane, coupling)), model.measurement);
}

// ---------------------------------------------------------------- drawing

function colours() {
  return dark.matches
    ? { back: "#14181d", text: "#e8ecf0", soft: "#aeb8c2", grid: "#36404a", mark: "#ffffff",
        scale: [[0, "#14181d"], [0.25, "#2a323a"], [1, "#596673"]] }
    : { back: "#ffffff", text: "#1b1f24", soft: "#525b66", grid: "#dde3e9", mark: "#000000",
        scale: [[0, "#ffffff"], [0.25, "#e9edf1"], [1, "#b4bec8"]] };
}

const visible = (line) => (dark.matches && line.color === "#000000" ? { ...line, color: "#ffffff" } : line);

// The line of an analysis, as in all figures; the one that is chosen is whole.
const lineOf = (plane) => look.lines[modelOf(plane).analysis];
const ownLine = (plane) => ({ color: lineOf(plane).color, dash: "solid" });

// The light colour of what it excludes.
function lightOf(plane) {
  const { color } = visible(ownLine(plane));
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, 0.2)`;
}

function layoutOf(more) {
  const c = colours();
  return {
    paper_bgcolor: c.back, plot_bgcolor: c.back, font: { color: c.text, size: 12, family: "system-ui, sans-serif" },
    margin: { l: 62, r: 12, t: 8, b: 48 }, hoverlabel: { align: "left", bgcolor: c.back, font: { color: c.text } },
    dragmode: coarse.matches || narrow.matches ? false : "zoom", legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, ...more,
  };
}

function axisOf(text, more) {
  const c = colours();
  return { title: { text, standoff: 6 }, gridcolor: c.grid, linecolor: c.soft, zeroline: false, ticks: "outside", showline: true,
    mirror: true, tickcolor: c.soft, exponentformat: "power", automargin: true, ...more };
}

function draw(id, traces, layout) {
  Plotly.react(element(id), traces, layout, { displayModeBar: false, responsive: true, doubleClick: "reset" });
}

// Ends of bricks around values, half way on the axis.
function ends(values, log) {
  const forth = log ? Math.log : (v) => v;
  const back = log ? Math.exp : (v) => v;
  const at = values.map(forth);
  const inner = at.slice(1).map((value, i) => (value + at[i]) / 2);
  return [2 * at[0] - inner[0], ...inner, 2 * at.at(-1) - inner.at(-1)].map(back);
}

// What is excluded at each mass where the limit is valid; elsewhere there is a gap.
const validRows = (limit) => limit.excluded.map((intervals, i) => (limit.valid[i] ? intervals : []));

// The ends of what is excluded against the mass: one line for each end that exists.
function edgeTraces(plane, limit, line, name, width) {
  const rows = validRows(limit).map((intervals) => intervals.flat());
  const count = Math.max(0, ...rows.map((row) => row.length));
  const traces = [];
  for (let k = 0; k < count; k += 1) {
    const y = rows.map((row) => (k < row.length && row[k] ? row[k] : null));
    if (y.every((value) => value === null)) continue;
    traces.push({ type: "scatter", mode: "lines", x: plane.masses_MeV, y, name: plain(name), legendgroup: name, hoverinfo: "skip",
      showlegend: traces.length === 0, line: { color: visible(line).color, dash: line.dash, width } });
  }
  return traces;
}

// What is excluded, filled: where the number of intervals changes from mass to mass, up to half way.
function filledTraces(plane, limit, x, y) {
  const rows = validRows(limit);
  const traces = [];
  let begin = 0;
  for (let end = 1; end <= rows.length; end += 1) {
    if (end < rows.length && rows[end].length === rows[begin].length) continue;
    const masses = [x[begin], ...plane.masses_MeV.slice(begin, end), x[end]];
    const run = [rows[begin], ...rows.slice(begin, end), rows[end - 1]];
    for (let k = 0; k < rows[begin].length; k += 1) {
      const low = run.map((intervals) => Math.max(intervals[k][0] ?? y[0], y[0]));
      const high = run.map((intervals) => Math.min(intervals[k][1] ?? y.at(-1), y.at(-1)));
      traces.push({ type: "scatter", mode: "lines", x: [...masses, ...masses.toReversed()], y: [...low, ...high.toReversed()],
        fill: "toself", fillcolor: lightOf(plane), line: { width: 0 }, hoverinfo: "skip", showlegend: false });
    }
    begin = end;
  }
  return traces;
}

// Other curves: planes that differ from this one in one thing.
function otherCurves(plane) {
  const key = state.also;
  const [model, interaction] = [modelOf(plane), interactionOf(plane)];
  const free = look.palette.filter((line) => line.color !== lineOf(plane).color);
  const colour = (i) => free[i % free.length];
  if (key === "cl") {
    return content.levels.filter((cl) => cl !== state.cl)
      .map((cl, i) => ({ plane, limit: limitOf(plane, cl), line: colour(i), name: `${percent(cl)} CL` }));
  }
  const same = { analysis: model.analysis, law: model.law, interaction: interaction.name };
  delete same[key];
  const others = planes.filter((other) => other !== plane && key !== "nothing" && describes(other, same)
    && interactionOf(other).parameter === interaction.parameter && Boolean(other.masses_MeV) === Boolean(plane.masses_MeV));
  return others.map((other, i) => ({
    plane: other, limit: limitOf(other), line: key === "analysis" ? lineOf(other) : colour(i),
    name: { analysis: look.names[modelOf(other).analysis], interaction: interactionOf(other).title, law: `law ${modelOf(other).law}` }[key],
  }));
}

const ownName = (plane) => ({
  nothing: "end of what is excluded", analysis: look.names[modelOf(plane).analysis], interaction: interactionOf(plane).title,
  law: `law ${modelOf(plane).law}`, cl: `${percent(state.cl)} CL`,
}[state.also]);

function drawPlane(plane, limit) {
  const { label, parameter, signed } = interactionOf(plane);
  const c = colours();
  const hover = (i, j) => {
    const delta = deltaChi2(plane, limit, i, j);
    const where = plane.masses_MeV ? `${shown(plane.masses_MeV[i])} MeV, ` : "";
    return plain(`${where}${parameter} = ${shown(plane.couplings[j])}`) + "<br>"
      + (delta === null ? "no valid fit" : `Δχ² = ${fixed(delta)}`) + "<br>"
      + plain(`excluded${plane.masses_MeV ? " at this mass" : ""}: ${excludedText(limit.excluded[i], parameter)}`).replaceAll("; ", ";<br>");
  };
  if (plane.masses_MeV) {
    const z = plane.couplings.map((_, j) => plane.masses_MeV.map((__, i) => deltaChi2(plane, limit, i, j)));
    const text = plane.couplings.map((_, j) => plane.masses_MeV.map((__, i) => hover(i, j)));
    const bar = { title: { text: "Δχ²", side: narrow.matches ? "top" : "right" }, thickness: 10, outlinewidth: 0,
      ...(narrow.matches ? { orientation: "h", y: -0.34, yanchor: "top", len: 0.9 } : { len: 1, x: 1.01 }) };
    const traces = [{ type: "heatmap", x: ends(plane.masses_MeV, true), y: ends(plane.couplings, !signed), z, text, zmin: 0, zmax: HIGHEST,
      colorscale: c.scale, colorbar: bar, hovertemplate: "%{text}<extra></extra>", xgap: 0, ygap: 0 }];
    const x = ends(plane.masses_MeV, true);
    const y = ends(plane.couplings, !signed);
    traces.push(...filledTraces(plane, limit, x, y));
    for (const other of otherCurves(plane)) traces.push(...edgeTraces(other.plane, other.limit, other.line, other.name, 1.6));
    traces.push(...edgeTraces(plane, limit, ownLine(plane), ownName(plane), 2.6));
    const best = limit.minimum;
    if (best.mass_MeV !== null && best.g > 0) {
      traces.push({ type: "scatter", mode: "markers", x: [best.mass_MeV], y: [best.g], name: "minimum", hoverinfo: "skip",
        marker: { symbol: "star", size: 11, color: c.mark } });
    }
    traces.push({ type: "scatter", mode: "markers", x: [plane.masses_MeV[state.mass]], y: [plane.couplings[state.coupling]],
      name: "the point", hoverinfo: "skip", marker: { symbol: "circle-open", size: 13, color: c.mark, line: { width: 2.5 } } });
    // on a telephone names stand one below the other: the plane keeps its height
    const names = traces.filter(({ type, showlegend }) => type === "scatter" && showlegend !== false).length;
    element("plane").style.height = narrow.matches ? `${25 + 1.9 * Math.max(0, names - 3)}rem` : "";
    const range = (edges, log) => [edges[0], edges.at(-1)].map((v) => (log ? Math.log10(v) : v));
    draw("plane", traces, layoutOf({
      uirevision: `${plane.model} ${plane.interaction}`, margin: { l: 62, r: 12, t: 8, b: narrow.matches ? 110 : 48 },
      xaxis: axisOf("mediator mass [MeV]", { type: "log", range: range(x, true), dtick: 1 }),
      yaxis: axisOf(plain(`coupling ${label}`), { type: signed ? "linear" : "log", range: range(y, !signed), dtick: signed ? undefined : 1 }),
    }));
  } else {
    element("plane").style.height = "";
    const delta = plane.couplings.map((_, j) => deltaChi2(plane, limit, 0, j));
    const traces = [{ type: "scatter", mode: "lines+markers", x: plane.couplings, y: delta, text: plane.couplings.map((_, j) => hover(0, j)),
      hovertemplate: "%{text}<extra></extra>", name: "Δχ²", line: visible(ownLine(plane)), marker: { size: 6 } }];
    traces.push({ type: "scatter", mode: "lines", x: [plane.couplings[0], plane.couplings.at(-1)], y: [limit.threshold, limit.threshold],
      name: `${percent(limit.cl)} CL`, hoverinfo: "skip", line: { color: c.soft, dash: "dash" } });
    traces.push({ type: "scatter", mode: "markers", x: [plane.couplings[state.coupling]], y: [delta[state.coupling]], name: "the point",
      hoverinfo: "skip", marker: { symbol: "circle-open", size: 13, color: c.mark, line: { width: 2.5 } } });
    const top = Math.min(Math.max(3 * limit.threshold, 4), Math.max(...delta.filter((v) => v !== null), limit.threshold * 1.2));
    const shapes = limit.excluded[0].map(([low, high]) => ({ type: "rect", yref: "paper", y0: 0, y1: 1, line: { width: 0 }, layer: "below",
      x0: low === null || (!signed && low === 0) ? plane.couplings[0] : low, x1: high === null ? plane.couplings.at(-1) : high,
      fillcolor: lightOf(plane) }));
    draw("plane", traces, layoutOf({
      uirevision: `${plane.model} ${plane.interaction}`, shapes,
      xaxis: axisOf(plain(label), { type: signed ? "linear" : "log" }), yaxis: axisOf("Δχ²", { range: [-0.04 * top, top] }),
    }));
  }
  element("plane").setAttribute("aria-label", `${interactionOf(plane).title}, ${look.names[modelOf(plane).analysis]}: `
    + `Δχ² over ${plane.masses_MeV ? "mediator mass and coupling" : label}, and what is excluded at ${set(limit.confidence)}. `
    + "The arrow keys choose a point. The table below holds the curve.");
}

// Names side by side in the legend of events, so that the longest is read whole.
function namesAbreast(traces, width) {
  const longest = Math.max(...traces.map(({ name }) => name.length));
  return Math.max(1, Math.min(width < 520 ? 2 : 3, Math.floor((width - 60) / (5 * longest + 36))));
}

function drawEvents(plane, here, standard) {
  const c = colours();
  const model = modelOf(plane);
  const single = model.workspace.channels.length === 1;
  const labels = here.bins.map(({ channel, bin }) => model.axes[channel].bins[bin]);
  const channelText = (name) => model.axes[name].observables.join(" × ");
  const firsts = here.bins.map(({ channel }) => plain(words(channel.split("_")[0])));
  const times = new Map();  // channels of one first word may have bins of one label, which would be one bar
  const apart = labels.map((label, i) => {
    const key = `${firsts[i]} ${label}`;
    times.set(key, (times.get(key) ?? -1) + 1);
    return label + "\u200b".repeat(times.get(key));
  });
  const x = single ? labels : [firsts, apart];
  const names = [...new Set(here.bins.flatMap(({ samples }) => samples.map(({ name }) => name)))];
  const signals = new Set(here.bins.flatMap(({ samples }) => samples.filter((s) => s.signal).map(({ name }) => name)));
  names.sort((a, b) => signals.has(a) - signals.has(b));  // the signal on top
  const palette = ["#999999", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442"];
  const patterns = ["", ".", "\\", "", "-", "x"];  // for those who see the colours in grey
  const heading = { signal: (name) => `${words(name)} at the point`, other: words };
  let k = 0;
  const traces = names.map((name) => {
    const signal = signals.has(name);
    const y = here.bins.map(({ samples }) => (samples.find((s) => s.name === name) || { events: 0 }).events);
    const i = signal ? -1 : k++ % palette.length;
    const marker = { color: signal ? "#0072B2" : palette[i], pattern: { shape: signal ? "/" : patterns[i], solidity: 0.2, fillmode: "overlay" } };
    return { type: "bar", x, y, name: plain(signal ? heading.signal(name) : heading.other(name)), marker,
      hovertemplate: "%{y:.3g}" };
  });
  const line = (bins, name, color, symbol) => ({ type: "scatter", mode: "markers", x, y: bins.map((b) => b.expected), name,
    marker: { symbol, size: Math.max(4, 15 * room), color, line: { width: 2.5, color } }, hovertemplate: "%{y:.3g}" });
  const bars = here.bins.map(({ channel, bin }) => look.bars[plane.model][channel][bin]);
  const room = Math.min(1, element("events").clientWidth / here.bins.length / 12);  // points and caps stand beside each other
  traces.push(line(standard.bins, "Standard Model fit", c.mark, "line-ew-open"));
  traces.push({ type: "scatter", mode: "markers", x, y: here.bins.map((b) => b.observed), name: "data",
    error_y: { type: "data", symmetric: false, array: bars.map(([, up]) => up), arrayminus: bars.map(([down]) => down), color: c.mark, thickness: 1.3, width: room < 1 ? 0 : 3 },
    marker: { color: c.mark, size: Math.max(3, 7 * room) }, hovertemplate: "%{y}" });
  traces.push({ type: "bar", x, y: here.bins.map((b) => b.chi2), yaxis: "y2", name: "χ², the point", marker: { color: "#D55E00" },
    hovertemplate: "%{y:.3f}" });
  traces.push({ type: "scatter", mode: "markers", x, y: standard.bins.map((b) => b.chi2), yaxis: "y2", name: "χ², Standard Model",
    marker: { symbol: "diamond-open", color: c.mark, size: Math.max(4, 8 * room) }, hovertemplate: "%{y:.3f}" });
  const text = single ? channelText(model.workspace.channels[0].name)
    : model.workspace.channels.map(({ name }) => channelText(name)).join(", ");
  const abreast = namesAbreast(traces, element("events").clientWidth);
  element("events").style.height = `${26 + 1.2 * Math.max(0, Math.ceil(traces.length / abreast) - 4)}rem`;
  draw("events", traces, layoutOf({
    barmode: "stack", bargap: 0.12, hovermode: "x unified", dragmode: false, margin: { l: 52, r: 8, t: 8, b: 40 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: narrow.matches ? 10 : 11 }, traceorder: "normal",
      entrywidth: { 1: 1, 2: 0.5, 3: 0.33 }[abreast], entrywidthmode: "fraction" },
    xaxis: axisOf(plain(short(text, 80)), { anchor: "y2", type: single ? "category" : "multicategory", tickfont: { size: 10 }, showdividers: true, dividercolor: c.grid, fixedrange: true }),
    yaxis: axisOf("events in the bin", { domain: [0.36, 1], rangemode: "tozero", fixedrange: true }),
    yaxis2: axisOf("χ²", { domain: [0, 0.28], rangemode: "tozero", fixedrange: true }),
  }));
}

function drawPulls(here, standard) {
  const c = colours();
  const y = here.pulls.map(({ name }) => plain(name));
  const ticktext = here.pulls.map(({ name }) => plain(short(words(name))));
  const reach = Math.max(2.2, ...[...here.pulls, ...standard.pulls].map(({ value }) => Math.abs(value) * 1.1));
  const marks = (pulls, name, marker) => ({ type: "scatter", mode: "markers", x: pulls.map((p) => p.value), y, name, marker,
    hovertemplate: "%{x:.3f}" });
  element("pulls").style.height = `${7 + 1.55 * y.length}rem`;
  draw("pulls", [
    marks(standard.pulls, "Standard Model", { symbol: "diamond-open", color: c.mark, size: 9 }),
    marks(here.pulls, "the point", { symbol: "circle", color: "#D55E00", size: 9 }),
  ], layoutOf({
    dragmode: false, margin: { l: 62, r: 8, t: 8, b: 40 },
    shapes: [{ type: "rect", x0: -1, x1: 1, yref: "paper", y0: 0, y1: 1, line: { width: 0 }, fillcolor: c.soft, opacity: 0.14, layer: "below" }],
    xaxis: axisOf("pull [standard deviations]", { range: [-reach, reach], fixedrange: true }),
    yaxis: axisOf("", { type: "category", tickvals: y, ticktext, autorange: "reversed", fixedrange: true, tickfont: { size: 11 } }),
  }));
}

// ---------------------------------------------------------------- tables and texts

function made(tag, text, parent) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function table(id, caption, columns, rows) {
  const whole = document.createElement("table");
  made("caption", caption, whole);
  const head = whole.createTHead().insertRow();
  for (const column of columns) made("th", column, head).scope = "col";
  const body = whole.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((cell, i) => {
      const node = made(i ? "td" : "th", cell, row);
      if (!i) node.scope = "row";
    });
  }
  element(id).replaceChildren(whole);
}

function list(id, texts) {
  element(id).replaceChildren(...texts.map((text) => made("li", text)));
}

function curveTable(plane, limit) {
  const { parameter } = interactionOf(plane);
  const masses = plane.masses_MeV || [null];
  const rows = masses.map((mass, i) => [mass === null ? "–" : shown(mass, 4), excludedText(limit.excluded[i], parameter),
    shown(limit.best[i], 4), fixed(limit.delta_chi2_sm[i], 3), limit.valid[i] ? "yes" : "NO"]);
  table("curve-table", set(limit.confidence), ["mass [MeV]", "excluded", `best ${parameter}`, "Δχ² of the SM", "valid"], rows);
}

function pointTables(plane, here, standard) {
  const { axes } = modelOf(plane);
  const caption = "Events after the fit of the nuisance parameters; χ² = 2(rate − d + d ln(d/rate))";
  table("bins-table", caption, ["bin", "data", "Standard Model", "point", "χ² SM", "χ² point"], here.bins.map((bin, i) => [
    `${words(bin.channel)}, ${axes[bin.channel].bins[bin.bin]}`, String(bin.observed), shown(standard.bins[i].expected, 4),
    shown(bin.expected, 4), fixed(standard.bins[i].chi2, 3), fixed(bin.chi2, 3)]));
  table("pulls-table", "Pulls: fitted values of parameters with a prior, in standard deviations", ["parameter", "Standard Model", "point"],
    here.pulls.map(({ name, value }, i) => [name, fixed(standard.pulls[i].value, 3), fixed(value, 3)]));
}

function describePoint(plane, limit, here, standard) {
  const { parameter, unit, has_mediator: hasMediator } = interactionOf(plane);
  const units = unit === "1" ? "" : ` ${unit}`;
  const delta = deltaChi2(plane, limit, state.mass, state.coupling);
  const where = hasMediator ? `At ${shown(plane.masses_MeV[state.mass])} MeV and ` : "At ";
  const height = delta === null ? "no fit is valid" : `Δχ² = ${fixed(delta)}: ${delta > limit.threshold ? "excluded" : "allowed"}`;
  const against = here ? ` Against the Standard Model Δχ² = ${fixed(here.chi2 - standard.chi2)}.` : "";
  element("point-text").textContent = `${where}${parameter} = ${shown(plane.couplings[state.coupling])}${units}, ${height} at `
    + `${percent(limit.cl)} CL, dof ${limit.dof}. Excluded${hasMediator ? " at this mass" : ""}: `
    + `${excludedText(limit.excluded[state.mass], parameter)}.${against}`;
}

function describeChoices(plane, limit) {
  const model = modelOf(plane);
  const interaction = interactionOf(plane);
  const rows = {
    analysis: `${model.analysis}: ${model.experiments.map((e) => `${e.title} (${e.references.join("; ")})`).join("; ")}`,
    interaction: `${interaction.name}: ${interaction.title}`,
    parameter: interaction.label,
    confidence: limit.confidence,
    minimum: limit.least,
    grid: plane.scan.against.replace("against", "2NLL at each point; its own minimum is"),
    ...plane.header,
    notes: plane.notes.join("; "),
    licence: model.licence,
  };
  delete rows.by_construction;
  const nodes = Object.entries(rows).filter(([, text]) => text).flatMap(([key, text]) => [made("dt", key.replaceAll("_", " ")), made("dd", set(text))]);
  element("choices").replaceChildren(...nodes);
  list("built", model.by_construction.length ? model.by_construction : ["nothing"]);
  list("sources", plane.sources);
  list("statuses", Object.entries(model.statuses).map(([name, status]) => `${name}: ${status}`));
}

// ---------------------------------------------------------------- downloads

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What `limits --csv` writes: a row for each excluded interval, nan where there is none, below the program's own header.
function curveCsv(plane, limit) {
  const lines = [];
  limit.excluded.forEach((intervals, i) => {
    for (const [low, high] of intervals.length ? intervals : [["nan", "nan"]]) {
      const row = [low ?? "-inf", high ?? "inf", limit.best[i], limit.delta_chi2_sm[i] ?? "inf", limit.valid[i]];
      if (plane.masses_MeV) row.unshift(plane.masses_MeV[i]);
      lines.push(`${row.join(",")}\n`);
    }
  });
  return limit.csv_header + lines.join("");
}

function fileName(plane, ...parts) {
  const names = [modelOf(plane).analysis, modelOf(plane).law, interactionOf(plane).name, ...parts];
  return names.join("_").replace(/[^A-Za-z0-9_.+-]/g, "_");
}

function saveCurve() {
  const plane = currentPlane();
  const limit = limitOf(plane);
  save(fileName(plane, `cl${limit.cl}`, `dof${limit.dof}.csv`), curveCsv(plane, limit), "text/csv");
}

function saveWorkspace() {
  const plane = currentPlane();
  const mass = plane.masses_MeV ? [`m${plane.masses_MeV[state.mass]}`] : [];
  const workspace = pointWorkspace(plane, state.mass, state.coupling);
  save(`${fileName(plane, ...mass, `${interactionOf(plane).parameter}${plane.couplings[state.coupling]}`)}.json`,
    `${JSON.stringify(workspace, null, 1)}\n`, "application/json");
}

// ---------------------------------------------------------------- the page

function fill(id, options, chosen) {
  const select = element(id);
  select.replaceChildren(...options.map(([value, text]) => {
    const option = made("option", text);
    option.value = value;
    return option;
  }));
  select.value = chosen;
  select.disabled = options.length < 2;
}

const distinct = (values) => [...new Set(values)];

function fillControls(plane) {
  const [model, interaction] = [modelOf(plane), interactionOf(plane)];
  const here = planes.filter((other) => modelOf(other).analysis === model.analysis);
  fill("analysis", distinct(planes.map((other) => modelOf(other).analysis)).map((name) => [name, look.names[name]]), model.analysis);
  fill("interaction", distinct(here.map((other) => other.interaction)).map((i) => [interactions[i].name, interactions[i].title]), interaction.name);
  const laws = here.filter((other) => other.interaction === plane.interaction).map((other) => modelOf(other).law);
  fill("law", distinct(laws).map((law) => [law, law]), model.law);
  fill("cl", content.levels.map((cl) => [cl, percent(cl)]), state.cl);
  const dofs = distinct(plane.limits.map((limit) => limit.dof));
  fill("dof", dofs.map((dof) => [dof, plane.masses_MeV ? { 1: "1: each mass", 2: "2: the plane" }[dof] : dof]), state.dof);
  const also = Object.keys(ALSO).filter((key) => {
    const kept = state.also;
    state.also = key;
    const some = key === "nothing" || otherCurves(plane).length > 0;
    state.also = kept;
    return some && (key === "nothing" || plane.masses_MeV);
  });
  if (!also.includes(state.also)) state.also = "nothing";
  fill("also", also.map((key) => [key, ALSO[key]]), state.also);
}

function fillSliders(plane) {
  const { parameter, unit } = interactionOf(plane);
  const [mass, coupling] = [element("mass"), element("coupling")];
  element("mass-label").hidden = !plane.masses_MeV;
  mass.max = massCount(plane) - 1;
  mass.value = state.mass;
  coupling.max = plane.couplings.length - 1;
  coupling.value = state.coupling;
  const massText = plane.masses_MeV ? `${shown(plane.masses_MeV[state.mass])} MeV` : "";
  const couplingText = `${parameter} = ${shown(plane.couplings[state.coupling])}${unit === "1" ? "" : ` ${unit}`}`;
  element("mass-text").textContent = massText;
  element("coupling-text").textContent = couplingText;
  mass.setAttribute("aria-valuetext", massText);
  coupling.setAttribute("aria-valuetext", couplingText);
  element("coupling-name").textContent = plane.masses_MeV ? "Coupling" : "Parameter";
}

function remember(plane) {
  const query = new URLSearchParams({ analysis: state.analysis, interaction: state.interaction, law: state.law, cl: state.cl, dof: state.dof });
  if (state.also !== "nothing") query.set("also", state.also);
  if (plane.masses_MeV) query.set("mass", plane.masses_MeV[state.mass]);
  query.set("coupling", plane.couplings[state.coupling]);
  try {
    window.history.replaceState(null, "", `#${query}`);
  } catch {
    // a page inside another one may not be allowed to: nothing is lost but the address
  }
}

// The point alone: the plane keeps all but its mark.
function updatePoint() {
  const plane = currentPlane();
  const model = modelOf(plane);
  const limit = limitOf(plane);
  fillSliders(plane);
  const delta = deltaChi2(plane, limit, state.mass, state.coupling);
  const value = plane.couplings[state.coupling];
  const [x, y] = plane.masses_MeV ? [plane.masses_MeV[state.mass], value] : [value, delta];
  Plotly.restyle(element("plane"), { x: [[x]], y: [[y]] }, [element("plane").data.length - 1]);
  const standard = evaluate(model.workspace, model.standard_model.theta, model.uncertainties);
  const valid = delta !== null;
  const workspace = pointWorkspace(plane, state.mass, state.coupling);
  const here = valid ? evaluate(workspace, pointTheta(plane, state.mass, state.coupling), model.uncertainties) : null;
  describePoint(plane, limit, here, standard);
  for (const id of ["events", "pulls", "events-heading", "pulls-heading", "bins-details"]) element(id).hidden = !valid;
  if (here) {
    element("point-text").dataset.twiceNll = twiceNll(here).toFixed(6);
    drawEvents(plane, here, standard);
    drawPulls(here, standard);
    pointTables(plane, here, standard);
  } else delete element("point-text").dataset.twiceNll;
  remember(plane);
}

function update() {
  const plane = currentPlane();
  const model = modelOf(plane);
  Object.assign(state, { analysis: model.analysis, law: model.law, interaction: interactionOf(plane).name });
  const limit = limitOf(plane);
  state.dof = limit.dof;
  state.mass = Math.min(state.mass, massCount(plane) - 1);
  state.coupling = Math.min(state.coupling, plane.couplings.length - 1);
  fillControls(plane);
  element("verdict").textContent = set(`${limit.confidence}. Minimum: ${limit.least}.`);
  drawPlane(plane, limit);
  curveTable(plane, limit);
  describeChoices(plane, limit);
  updatePoint();
}

let waiting = 0;

// A slider tells more often than can be drawn.
function choosePoint(mass, coupling) {
  Object.assign(state, { mass, coupling });
  fillSliders(currentPlane());
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(updatePoint);
}

function clicked(event) {
  const plane = currentPlane();
  const hit = event.points.find(({ data }) => data.type === "heatmap" || data.mode === "lines+markers");
  if (!hit) return;
  if (plane.masses_MeV) choosePoint(hit.pointNumber[1], hit.pointNumber[0]);
  else choosePoint(0, hit.pointNumber);
}

// Arrow keys on the plane: masses from side to side, couplings up and down; pages and ends of the couplings.
function pressed(event) {
  const plane = currentPlane();
  const [masses, couplings] = [massCount(plane), plane.couplings.length];
  const { mass, coupling } = state;
  const line = !plane.masses_MeV;  // its parameter lies along the page
  const page = Math.ceil(couplings / 10);
  const next = {
    ArrowLeft: line ? [0, coupling - 1] : [mass - 1, coupling], ArrowRight: line ? [0, coupling + 1] : [mass + 1, coupling],
    ArrowDown: [mass, coupling - 1], ArrowUp: [mass, coupling + 1],
    PageDown: [mass, coupling - page], PageUp: [mass, coupling + page], Home: [mass, 0], End: [mass, couplings - 1],
  }[event.key];
  if (!next || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
  choosePoint(within(next[0], masses), within(next[1], couplings));
}

// The address holds what was chosen: the link to the point must not replace it.
function skip(event) {
  event.preventDefault();
  element("point").focus();
}

function change(key, value) {
  const before = currentPlane();
  const [mass, coupling] = [before.masses_MeV ? before.masses_MeV[state.mass] : 10, before.couplings[state.coupling]];
  state[key] = value;
  const after = currentPlane();
  if (after.interaction === before.interaction) placePoint(after, mass, coupling);
  else firstPoint(after);
  update();
}

// From nothing: a plot keeps parts of a layout that it had.
function redraw() {
  for (const id of ["plane", "events", "pulls"]) Plotly.purge(element(id));
  update();
  element("plane").on("plotly_click", clicked);
}

function start() {
  const asked = new URLSearchParams(window.location.hash.slice(1));
  const given = (key) => asked.get(key) || undefined;
  const first = planes.find((plane) => describes(plane, { analysis: given("analysis"), interaction: given("interaction"), law: given("law") })) || planes[0];
  Object.assign(state, { analysis: modelOf(first).analysis, law: modelOf(first).law, interaction: interactionOf(first).name });
  const levels = content.levels;
  state.cl = levels.includes(Number(given("cl"))) ? Number(given("cl")) : levels.includes(0.9) ? 0.9 : levels[0];
  state.dof = given("dof") === "2" ? 2 : 1;
  state.also = Object.hasOwn(ALSO, given("also")) ? given("also") : "nothing";
  firstPoint(first);
  const [mass, coupling] = [Number(given("mass") ?? NaN), Number(given("coupling") ?? NaN)];
  if (Number.isFinite(coupling)) placePoint(first, Number.isFinite(mass) ? mass : 10, coupling);
  element("lead").textContent = "Profiled likelihoods of counts, as pyhf workspaces: choose an analysis and an interaction, see what is excluded and which events say so.";
  element("made").textContent = `Made by spec_builder ${content.version}: the numbers of its limits and scans, nothing is fetched. Drawn with plotly.js ${Plotly.version} (MIT licence).`;
  for (const key of ["analysis", "interaction", "law", "also"]) element(key).addEventListener("change", (event) => change(key, event.target.value));
  for (const key of ["cl", "dof"]) element(key).addEventListener("change", (event) => change(key, Number(event.target.value)));
  element("controls").addEventListener("submit", (event) => event.preventDefault());
  element("mass").addEventListener("input", (event) => choosePoint(Number(event.target.value), state.coupling));
  element("coupling").addEventListener("input", (event) => choosePoint(state.mass, Number(event.target.value)));
  element("plane").addEventListener("keydown", pressed);
  document.querySelector(".skip").addEventListener("click", skip);
  element("save-curve").addEventListener("click", saveCurve);
  element("save-workspace").addEventListener("click", saveWorkspace);
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
  redraw();
  document.body.dataset.ready = "yes";
}

start();
