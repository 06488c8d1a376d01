// Lines and points over two axes. uPlot gives axes, zoom and the cursor; the lines are drawn here,
// so that each may have its own places on the x axis and a band around it.

import {
  button,
  colour,
  count,
  el,
  figure,
  keep,
  lineStyle,
  number,
  toggle,
  view,
} from "./base.js";
import { extent } from "./figures.js";

const NEAR = 30;
const FIRST = 6;
const HEIGHT = 340;

/**
 * A section with a plot, whose lines can be hidden, zoomed, read and downloaded.
 *
 * `make()` gives `{xLabel, yLabel, series, lines, ticks, all, hint}` anew at every change. A series
 * is `{label, key, x, y, low, high, style, points, joined, step, bars, front, names}`; lines are
 * references, `{label, value}`, or `{label, value, from, to}` over a part of the x axis.
 */
export function plotSection({ id, title, note, controls = [], make, columns, logs = ["y"] }) {
  const box = el("div", { class: "plot" });
  const tip = el("div", { class: "tip", hidden: true });
  const hint = el("p", { class: "note" });
  const legend = el("div", { class: "legend", role: "group", "aria-label": `Lines of ${title}` });
  const log = (axis) => view(`${id}-log${axis}`, "0", ["0", "1"]) === "1";
  let plot = null;
  let spec = null;
  let shown = null;

  const hiddenFromAddress = () => {
    const wanted = view(`${id}-lines`, null);
    return wanted === null ? null : new Set(wanted.split("."));
  };

  function draw() {
    plot?.destroy();
    box.replaceChildren(tip);
    spec = make();
    const keys = spec.series.filter((one) => !one.front).map((one) => one.key);
    shown ??= hiddenFromAddress() ?? new Set(spec.all ? keys : keys.slice(0, FIRST));
    const visible = () => spec.series.filter((one) => one.front || shown.has(one.key));
    drawLegend(keys);
    plot = build(box, tip, spec, visible(), { x: log("x"), y: log("y"), title });
    hint.textContent = plot ? (spec.hint ?? "") : "Nothing to draw here.";
    made.stale();
  }

  function change(set) {
    shown = set;
    keep({ [`${id}-lines`]: [...shown].join(".") || "-" });
    draw();
  }

  function drawLegend(keys) {
    const focused = document.activeElement?.dataset?.key;
    const items = spec.series
      .filter((one) => !one.front)
      .map((one) => {
        const style = lineStyle(one.style);
        const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
        swatch.style.borderTopColor = style.colour;
        swatch.style.borderTopStyle = style.dash.length
          ? style.dash[0] < 4
            ? "dotted"
            : "dashed"
          : "solid";
        const item = el(
          "button",
          {
            type: "button",
            class: "line",
            "aria-pressed": `${shown.has(one.key)}`,
            "data-key": `${id}/${one.key}`,
            onclick: () => {
              const next = new Set(shown);
              if (!next.delete(one.key)) next.add(one.key);
              change(next);
            },
          },
          swatch,
          el("span", { class: "name" }, one.label),
        );
        return item;
      });
    const all =
      items.length > 1
        ? [
            button("All", () => change(new Set(keys)), {
              "aria-label": `Show all lines of ${title}`,
            }),
            button("None", () => change(new Set()), { "aria-label": `Hide all lines of ${title}` }),
          ]
        : [];
    legend.replaceChildren(...items, ...all);
    if (focused) [...legend.children].find((item) => item.dataset.key === focused)?.focus();
  }

  const zoom = (factor) => () => plot?.zoomBy(factor);
  const named = (what) => ({ "aria-label": `${what}: ${title}` });
  const switches = logs.map((axis) =>
    toggle(`log ${axis}`, log(axis), (on) => {
      keep({ [`${id}-log${axis}`]: on ? "1" : null });
      draw();
    }),
  );
  const rows = () => {
    const head = columns ?? ["entry", spec.xLabel, spec.yLabel, "low", "high"];
    const found = spec.series
      .filter((one) => !one.front && shown.has(one.key))
      .flatMap((one) =>
        one.x.map((x, i) => [
          one.label,
          spec.ticks ? spec.ticks[x] : x,
          one.y[i],
          one.low?.[i] ?? null,
          one.high?.[i] ?? null,
        ]),
      );
    return { head, rows: found };
  };
  const made = figure({
    id,
    title,
    note,
    controls: [
      ...controls.map((control) => control(() => draw())),
      ...switches,
      el(
        "span",
        { class: "zoom" },
        button("+", zoom(0.5), named("Zoom in")),
        button("−", zoom(2), named("Zoom out")),
        button("Reset", () => draw(), named("Reset the zoom")),
      ),
    ],
    body: el("div", {}, box, hint, legend),
    rows,
    picture: {
      ending: "png",
      make: () =>
        picture(
          plot,
          title,
          spec.series.filter((one) => shown.has(one.key)),
        ),
    },
  });
  return { section: made.section, draw };
}

function build(box, tip, spec, series, { x: logX, y: logY, title }) {
  const usable = (n, log) => n !== null && n !== undefined && Number.isFinite(n) && (!log || n > 0);
  const xs = series.flatMap((one) => one.x.filter((n) => usable(n, logX)));
  const points = series.flatMap((one) =>
    one.y.map((value, i) => {
      const range = [one.low?.[i] ?? null, one.high?.[i] ?? null];
      // A band of seeds is drawn whole, an interval as far as it leaves the means room.
      return isBand(one) ? { value, dots: range } : { value, interval: range };
    }),
  );
  const yRange = extent(points, spec.lines ?? [], logY);
  if (!xs.length || !yRange) return null;
  const xRange = padded(xs, logX, spec.ticks ? 0.12 : 0.03);
  const text = colour("soft");
  const axis = (label, more) => ({
    stroke: text,
    label,
    labelSize: 20,
    labelGap: 0,
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    grid: { stroke: colour("rule"), width: 1 },
    ticks: { stroke: colour("rule"), width: 1, size: 5 },
    values: (_, splits) => splits.map((n) => (n === null ? "" : number(n, 3))),
    ...more,
  });
  const named = spec.ticks
    ? { splits: () => spec.ticks.map((_, i) => i), values: (_, at) => at.map((i) => spec.ticks[i]) }
    : { space: 60 };
  const scale = (log) => ({
    time: false,
    distr: log ? 3 : 1,
    log: 10,
    range: (_, low, high) => [low, high],
  });
  const plot = new uPlot(
    {
      width: Math.max(260, box.clientWidth),
      height: HEIGHT,
      scales: { x: scale(logX), y: scale(logY) },
      axes: [axis(spec.xLabel, { size: 32, ...named }), axis(spec.yLabel, { size: 58 })],
      series: [{}, { paths: () => null, points: { show: false } }],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: true, y: true, uni: 30 } },
      hooks: {
        draw: [(u) => paint(u, series, spec.lines ?? [])],
        setCursor: [(u) => point(u, tip, spec, series)],
      },
    },
    [xRange, yRange],
    box,
  );
  const canvas = box.querySelector("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute(
    "aria-label",
    `${title}: ${count(series.filter((one) => !one.front).length, "line")}, ${spec.yLabel} against ${spec.xLabel}. Its numbers are in the table below.`,
  );
  plot.zoomBy = (factor) => {
    plot.batch(() => {
      for (const [key, log] of [
        ["x", logX],
        ["y", logY],
      ]) {
        const { min, max } = plot.scales[key];
        const to = log ? Math.log : (n) => n;
        const back = log ? Math.exp : (n) => n;
        const [middle, half] = [(to(min) + to(max)) / 2, ((to(max) - to(min)) / 2) * factor];
        plot.setScale(key, { min: back(middle - half), max: back(middle + half) });
      }
    });
  };
  return plot;
}

function padded(values, log, share) {
  // Not Math.min(...values), which fails for very many.
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (log) {
    const factor = (high / low) ** share * 1.02;
    return [low / factor, high * factor];
  }
  const pad = (high - low) * share || Math.abs(high) * 0.05 || 1;
  return [low - pad, high + pad];
}

function paint(u, series, lines) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.lineJoin = "round";
  ctx.strokeStyle = colour("soft");
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  for (const line of lines) {
    const y = u.valToPos(line.value, "y", true);
    const [start, end] = endsOf(u, line);
    stroke(ctx, [
      [start, y],
      [end, y],
    ]);
  }
  for (const one of series) paintSeries(u, ctx, one, ratio);
  paintLabels(u, ctx, series, lines, ratio);
  ctx.restore();
}

/** Where a reference begins and ends on the canvas. */
function endsOf(u, line) {
  const { left, width } = u.bbox;
  if (line.from === undefined) return [left, left + width];
  const inside = (x) => Math.min(Math.max(u.valToPos(x, "x", true), left), left + width);
  return [inside(line.from), inside(line.to)];
}

/** Names of references and of named points: last, on a halo, so that no line hides them. */
function paintLabels(u, ctx, series, lines, ratio) {
  const { left, top, width } = u.bbox;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "alphabetic";
  ctx.setLineDash([]);
  ctx.strokeStyle = colour("ground");
  ctx.fillStyle = colour("soft");
  ctx.lineWidth = 4 * ratio;
  const write = (text, align, x, y) => {
    ctx.textAlign = align;
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
  };
  for (const line of lines) {
    const y = u.valToPos(line.value, "y", true);
    const under = y - top < 16 * ratio;
    write(line.label, "right", endsOf(u, line)[1] - 6 * ratio, y + (under ? 13 : -4) * ratio);
  }
  for (const one of series.filter((each) => each.names)) {
    const named = [];
    for (const [i, name] of one.names.entries()) {
      const [x, y] = [u.valToPos(one.x[i], "x", true), u.valToPos(one.y[i], "y", true)];
      if (named.some(([a, b]) => Math.hypot(a - x, b - y) < 14 * ratio)) continue;
      named.push([x, y]);
      const side = x < left + width / 2 ? ["left", 8] : ["right", -8];
      const under = y - top < 20 * ratio;
      write(name.slice(0, 24), side[0], x + side[1] * ratio, y + (under ? 14 : -5) * ratio);
    }
  }
}

function paintSeries(u, ctx, one, ratio) {
  const { colour: own, dash } = one.front
    ? { colour: colour("soft"), dash: [] }
    : lineStyle(one.style);
  const at = (values) =>
    one.x
      .map((x, i) => [u.valToPos(x, "x", true), u.valToPos(values[i] ?? NaN, "y", true), values[i]])
      .filter(([x, y, value]) => Number.isFinite(x) && Number.isFinite(y) && value !== null);
  ctx.strokeStyle = ctx.fillStyle = own;
  ctx.setLineDash([]);
  if (isBand(one)) {
    ctx.globalAlpha = 0.15;
    ctx.beginPath();
    trace(ctx, [...at(one.high), ...at(one.low).reverse()]);
    ctx.fill();
    ctx.globalAlpha = 1;
  } else if (one.low) {
    ctx.lineWidth = 1.2 * ratio;
    const [low, high] = [at(one.low), at(one.high)];
    for (const [i, end] of low.entries()) if (high[i]) stroke(ctx, [end, high[i]]);
  }
  const points = at(one.y);
  if (one.joined !== false) {
    ctx.lineWidth = (one.front ? 1.2 : 1.8) * ratio;
    ctx.setLineDash(dash.map((n) => n * ratio));
    stroke(
      ctx,
      one.step
        ? points.flatMap(([x, y], i) =>
            i
              ? [
                  [x, points[i - 1][1]],
                  [x, y],
                ]
              : [[x, y]],
          )
        : points,
    );
    ctx.setLineDash([]);
  }
  if (one.points || points.length === 1) {
    for (const [x, y] of points) {
      ctx.beginPath();
      ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
      ctx.fill();
    }
  }
}

function stroke(ctx, points) {
  ctx.beginPath();
  trace(ctx, points);
  ctx.stroke();
}

/** Whether low and high are drawn as a band along the line, not as a bar at each point. */
function isBand(one) {
  return Boolean(one.low) && one.joined !== false && !one.bars;
}

function trace(ctx, points) {
  for (const [i, [x, y]] of points.entries()) {
    if (i) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
  }
}

/** Says what the point nearest to the cursor is. */
function point(u, tip, spec, series) {
  const { left, top } = u.cursor;
  let best = null;
  if (left >= 0) {
    for (const one of series.filter((each) => !each.front)) {
      one.x.forEach((x, i) => {
        if (one.y[i] === null) return;
        const far = Math.hypot(u.valToPos(x, "x") - left, u.valToPos(one.y[i], "y") - top);
        if (far < (best?.far ?? NEAR)) best = { far, one, i, x };
      });
    }
  }
  tip.hidden = best === null;
  if (best === null) return;
  const { one, i, x } = best;
  const range =
    one.low?.[i] === null || one.low?.[i] === undefined || one.low[i] === one.high[i]
      ? ""
      : ` (${number(one.low[i])} to ${number(one.high[i])})`;
  tip.replaceChildren(
    el("strong", {}, one.label),
    el("br"),
    `${spec.ticks ? spec.ticks[x] : `${spec.xLabel} ${number(x)}`}: ${number(one.y[i])}${range}`,
  );
  const shift = u.over.offsetLeft;
  const room = u.over.clientWidth;
  tip.style.left = `${Math.min(left + shift + 14, Math.max(shift, room + shift - tip.offsetWidth - 4))}px`;
  tip.style.top = `${top + u.over.offsetTop + 16}px`;
}

/** A plot as PNG, with its title and its legend. */
async function picture(plot, title, series) {
  const ratio = devicePixelRatio || 1;
  const from = plot?.ctx.canvas ?? el("canvas", { width: 600, height: 40 });
  const canvas = document.createElement("canvas");
  const across = Math.max(1, Math.floor(from.width / (220 * ratio)));
  const lines = Math.ceil(series.length / across);
  canvas.width = from.width;
  canvas.height = from.height + (40 + lines * 20) * ratio;
  const ctx = canvas.getContext("2d");
  ctx.fillStyle = colour("ground");
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = colour("ink");
  ctx.font = `600 ${14 * ratio}px system-ui, sans-serif`;
  ctx.fillText(title, 10 * ratio, 22 * ratio);
  ctx.drawImage(from, 0, 32 * ratio);
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  series.forEach((one, i) => {
    const x = (10 + (i % across) * 220) * ratio;
    const y = from.height + (44 + Math.floor(i / across) * 20) * ratio;
    const style = lineStyle(one.style);
    ctx.strokeStyle = style.colour;
    ctx.lineWidth = 2 * ratio;
    ctx.setLineDash(style.dash.map((n) => n * ratio));
    stroke(ctx, [
      [x, y],
      [x + 24 * ratio, y],
    ]);
    ctx.fillText(one.label.slice(0, 28), x + 30 * ratio, y + 4 * ratio);
  });
  return new Promise((done) => canvas.toBlob((blob) => done([blob, "image/png"]), "image/png"));
}
