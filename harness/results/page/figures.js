// Points with intervals on one axis, a row each: scores, mean ranks, interquartile means, speeds.

import { el, number, svg, svgFile } from "./base.js";

const ROW = 24;
const LANE = 9;
const LANES = 14;

/** Round numbers across a range. */
export function ticks(low, high, many = 5) {
  const rough = (high - low) / many;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high * (1 + 1e-12); n++) {
    found.push(Number((n * step).toPrecision(12)));
  }
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    found.push(10 ** e);
  const inside = found.filter((tick) => tick >= low && tick <= high);
  return inside.length > 1 ? inside : ticks(low, high, 4).filter((tick) => tick > 0);
}

/**
 * The range of an axis: all values; intervals and references only as far as they leave the values
 * room to be told apart.
 */
export function extent(rows, lines, log) {
  const fits = (n) => n !== null && n !== undefined && Number.isFinite(n) && (!log || n > 0);
  const values = rows.flatMap((row) => [row.value, ...(row.dots ?? [])]).filter(fits);
  if (!values.length) return null;
  const place = log ? Math.log : (n) => n;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const spread = place(high) - place(low) || Math.abs(place(high)) * 0.1 || 1;
  const [first, last] = [place(low) - spread, place(high) + spread];
  const further = [
    ...rows.flatMap((row) => row.interval ?? []),
    ...lines.map((line) => line.value),
  ];
  for (const n of further.filter(fits)) {
    if (place(n) >= first && place(n) <= last) [low, high] = [Math.min(low, n), Math.max(high, n)];
  }
  const pad = (place(high) - place(low) || spread) * 0.04;
  const back = log ? Math.exp : (n) => n;
  return [back(place(low) - pad), back(place(high) + pad)];
}

/**
 * Draws rows `{label, value, interval, dots, groups, muted, said}` in the order given.
 *
 * `lines` are `{label, value}`, drawn across all rows; rows that share a group are joined by bars.
 */
export function dotPlot(
  box,
  { title, rows, lines = [], axis, log = false, bracket = null, fixed },
) {
  box.replaceChildren();
  const range = fixed ?? extent(rows, lines, log);
  if (!range) {
    box.append(el("p", { class: "note" }, "Nothing to draw: no scores."));
    return null;
  }
  const [low, high] = range;
  const width = Math.max(280, box.clientWidth || 640);
  const lanes = [...new Set(rows.flatMap((row) => row.groups ?? []))].sort();
  const drawn = lanes.length <= LANES ? lanes : [];
  const longest = Math.max(...rows.map((row) => row.label.length));
  const left = Math.min(longest * 7 + 14, width * 0.36, 230);
  const right = drawn.length ? drawn.length * LANE + 14 : 12;
  const place = log ? Math.log : (n) => n;
  const x = (n) =>
    left + ((place(n) - place(low)) / (place(high) - place(low) || 1)) * (width - left - right);
  const inside = (n) => n >= low && n <= high && (!log || n > 0);
  const shown = lines.filter((line) => inside(line.value)).sort((a, b) => a.value - b.value);
  const levels = stack(shown.map((line) => [x(line.value), line.label.length * 6 + 8]));
  const top = (Math.max(-1, ...levels) + 1) * 15 + 8 + (bracket ? 26 : 0);
  const height = top + rows.length * ROW + 40;
  const bottom = top + rows.length * ROW;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": `${title}: ${rows.length} entries. The numbers are in the table below.`,
    class: "dots",
  });
  const marks = log ? logTicks(low, high) : ticks(low, high, width < 500 ? 3 : 6);
  for (const mark of marks) {
    picture.append(
      svg("line", { x1: x(mark), x2: x(mark), y1: top, y2: bottom, class: "grid" }),
      svg(
        "text",
        { x: x(mark), y: bottom + 16, class: "tick", "text-anchor": "middle" },
        number(mark, 3),
      ),
    );
  }
  picture.append(
    svg(
      "text",
      {
        x: Math.min((left + width - right) / 2, width - axis.length * 3.4),
        y: bottom + 34,
        class: "axis",
        "text-anchor": "middle",
      },
      axis,
    ),
  );
  shown.forEach((line, place_) => {
    const at = x(line.value);
    const y = top - 6 - levels[place_] * 15;
    const anchor = at > width - right - 60 ? "end" : at < left + 40 ? "start" : "middle";
    picture.append(
      svg("line", { x1: at, x2: at, y1: y + 3, y2: bottom, class: "reference" }),
      svg("text", { x: at, y, class: "reference", "text-anchor": anchor }, line.label),
    );
  });
  if (bracket) drawBracket(picture, bracket, x, low, high);
  rows.forEach((row, place_) => {
    picture.append(drawRow(row, { y: top + place_ * ROW + ROW / 2, x, low, high, left, log }));
  });
  drawGroups(picture, rows, drawn, { top, start: width - right + 10 });
  const away = lines.filter((line) => !inside(line.value));
  box.append(picture);
  if (away.length) {
    box.append(
      el(
        "p",
        { class: "note" },
        "Beyond the axis: ",
        away.map((line) => `${line.label} ${number(line.value)}`).join(", "),
      ),
    );
  }
  return () => [svgFile(picture), "image/svg+xml"];
}

/** Levels for labels `[x, width]` in the order of x, so that none covers another. */
function stack(labels) {
  const ends = [];
  return labels.map(([x, width]) => {
    let level = ends.findIndex((end) => end < x - width / 2);
    if (level < 0) level = ends.length;
    ends[level] = x + width / 2;
    return level;
  });
}

function drawRow(row, { y, x, low, high, left, log }) {
  const signs = Math.max(4, Math.floor((left - 10) / 7.2));
  const label = row.label.length > signs ? `${row.label.slice(0, signs - 1)}…` : row.label;
  const group = svg(
    "g",
    { class: row.muted ? "row muted" : "row" },
    svg("title", {}, row.said ?? `${row.label}: ${number(row.value)}`),
    svg("rect", { x: 0, y: y - ROW / 2, width: "100%", height: ROW, class: "hit" }),
    svg("text", { x: left - 10, y: y + 4, class: "label", "text-anchor": "end" }, label),
  );
  const usable = (n) => n !== null && n !== undefined && Number.isFinite(n) && (!log || n > 0);
  if (row.interval) {
    const [from, to] = row.interval.map((n) => Math.min(Math.max(usable(n) ? n : low, low), high));
    group.append(svg("line", { x1: x(from), x2: x(to), y1: y, y2: y, class: "span" }));
    // An arrow says that the interval goes on beyond the axis.
    for (const [cut, at, way] of [
      [row.interval[0] < low, from, 1],
      [row.interval[1] > high, to, -1],
    ]) {
      const d = cut
        ? `M${x(at) + 6 * way},${y - 4}L${x(at)},${y}L${x(at) + 6 * way},${y + 4}`
        : `M${x(at)},${y - 4}V${y + 4}`;
      group.append(svg("path", { d, class: "cap" }));
    }
  }
  for (const dot of (row.dots ?? []).filter((n) => usable(n) && n >= low && n <= high)) {
    group.append(svg("circle", { cx: x(dot), cy: y, r: 2.5, class: "seed" }));
  }
  if (usable(row.value)) {
    group.append(svg("circle", { cx: x(row.value), cy: y, r: 4.5, class: "mean" }));
  } else {
    group.append(svg("text", { x: left + 6, y: y + 4, class: "tick" }, "no score"));
  }
  return group;
}

/** Bars at the right: a group's members are joined; one that passes over others is thin there. */
function drawGroups(picture, rows, lanes, { top, start }) {
  lanes.forEach((lane, place) => {
    const at = start + place * LANE;
    const members = rows
      .map((row, i) => ((row.groups ?? []).includes(lane) ? i : -1))
      .filter((i) => i >= 0);
    const [first, last] = [members[0], members.at(-1)];
    const part = svg(
      "g",
      {},
      svg("title", {}, `cannot be told apart: ${members.map((i) => rows[i].label).join(", ")}`),
      svg("line", {
        x1: at,
        x2: at,
        y1: top + first * ROW + 5,
        y2: top + (last + 1) * ROW - 5,
        class: "lane",
      }),
    );
    for (const i of members) {
      const [above, below] = [i - 1, i + 1].map((other) => (members.includes(other) ? 0 : 5));
      part.append(
        svg("line", {
          x1: at,
          x2: at,
          y1: top + i * ROW + above,
          y2: top + (i + 1) * ROW - below,
          class: "member",
        }),
      );
    }
    picture.append(part);
  });
}

/** The critical difference; an arrow says that it is longer than the axis. */
function drawBracket(picture, { label, length }, x, low, high) {
  const [from, to] = [x(low), x(Math.min(low + length, high))];
  const end = low + length > high ? `M${to - 6},16L${to},20L${to - 6},24` : `M${to},16v8`;
  picture.append(
    svg("path", { d: `M${from},16v8M${from},20H${to}${end}`, class: "bracket" }),
    svg("text", { x: from, y: 10, class: "axis" }, label),
  );
}
