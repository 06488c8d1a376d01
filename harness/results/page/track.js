// A track: its table, and figures of all that is known of its entries.

import { choice, count, el, figure, keep, table, toggle, view, withHalf } from "./base.js";
import { plotSection } from "./plots.js";
import { dotSection } from "./study.js";
import { board, here, matching, rankText, SIZES } from "./table.js";

const AXES = [
  ["step", "steps"],
  ["seconds", "seconds of training"],
  ["tokens", "tokens"],
];
const MEASURED = ["train_seconds", "tokens_per_second", "training_memory_bytes"];

/** The sections of a track, as `[{section, draw}]`; a filter above holds for all of them. */
export function trackView(track) {
  track.rows.forEach((row, place) => {
    row.place = place;
    row.name = row.older ? `${row.label} (older code)` : row.label;
  });
  const chosen = () => matching(track.rows);
  const scored = () => chosen().filter((row) => row.test !== null);
  const sections = [board(track, chosen), scores(track, scored)];
  if (track.rows.some((row) => row.curves.length)) sections.push(curves(track, scored));
  if (track.rows.some((row) => row.parameters !== null)) sections.push(costs(track, scored));
  if (track.rows.some((row) => Object.keys(row.splits).length))
    sections.push(lengths(track, scored));
  if (track.rows.some((row) => row.tried.some((trial) => trial.lr !== null)))
    sections.push(tuning(track, chosen));
  if (track.rows.some((row) => row.runs.some((run) => run.speed)))
    sections.push(speeds(track, scored));
  if (track.rows.some((row) => row.failures.length)) sections.push(failures(chosen));
  sections.push(provenance(track));
  return sections;
}

/** The references of a split: what they score on another one says nothing of it. */
const lines = (track, split = track.split) =>
  Object.entries(track.references[split] ?? {}).map(([label, value]) => ({ label, value }));

/** Those of several splits, each above its own tick; one that does not change is one line. */
function levels(track, splits) {
  const found = [];
  splits.forEach((split, i) => {
    for (const { label, value } of lines(track, split)) {
      const before = found.find((one) => one.label === label && one.to === i - 0.5);
      if (before?.value === value) before.to = i + 0.5;
      else found.push({ label, value, from: i - 0.5, to: i + 0.5 });
    }
  });
  return found;
}

function scores(track, scored) {
  return dotSection({
    id: "scores",
    title: "Scores",
    note: `Mean ${track.split} ${track.metric ?? "score"} with its 95 % interval; small dots are seeds, dashed lines are references. Bars at the right join entries that cannot be told apart.`,
    controls: [
      (draw) =>
        toggle("log axis", view("scores-log", "0") === "1", (on) => {
          keep({ "scores-log": on ? "1" : null });
          draw();
        }),
    ],
    make: () => ({
      axis: `${track.split} ${track.metric ?? "score"}, ${track.higher ? "higher" : "lower"} is better`,
      log: view("scores-log", "0") === "1",
      lines: lines(track),
      rows: scored().map((row) => ({
        label: row.name,
        value: row.test,
        interval: row.interval,
        dots: row.runs.map((run) => run.test),
        groups: row.ties.match(/\([^)]*\)|./g) ?? [],
        muted: row.older,
        said: `${row.name}: ${withHalf(row.test, row.interval)}, ${count(row.seeds, "seed")}, rank ${rankText(row)}`,
      })),
    }),
    head: ["entry", "test", "low", "high"],
    values: (row) => [row.label, row.value, ...(row.interval ?? [null, null])],
  });
}

/** A control whose choice stands in the address. */
function chooser(name, label, options, otherwise) {
  const known = options.map(([value]) => value);
  const value = () => view(name, otherwise, known);
  const control = (draw) =>
    choice(label, options, value(), (next) => {
      keep({ [name]: next === otherwise ? null : next });
      draw();
    });
  return [value, control];
}

function curves(track, scored) {
  const [x, pickX] = chooser("x", "against", AXES, "step");
  const named = [
    ["val", `validation ${track.metric ?? "score"}`],
    ["loss", "training loss"],
  ];
  const known = named.filter(([key]) =>
    track.rows.some((row) => row.curves.some((one) => one[key].some((n) => n !== null))),
  );
  const [y, pickY] = chooser("y", "show", known, known[0]?.[0] ?? "val");
  return plotSection({
    id: "curves",
    title: "Learning curves",
    note: "Means over seeds; bands reach from the lowest to the highest seed. Drag over the plot to zoom. Curves are thinned to a few points a run; the records hold all.",
    controls: [pickY, pickX],
    logs: ["x", "y"],
    make: () => ({
      xLabel: AXES.find(([key]) => key === x())[1],
      yLabel: named.find(([key]) => key === y())[1],
      lines: y() === "val" ? lines(track, "val") : [],
      series: scored()
        .filter((row) => row.curves.length)
        .map((row) => ({
          label: row.name,
          key: `${row.place}`,
          style: row.place,
          ...averaged(row.curves, x(), y()),
        })),
    }),
  });
}

/** The mean and the range over seeds at each step that all of them have. */
function averaged(curves_, x, y) {
  const steps = curves_[0].step;
  const bySeed = curves_
    .map((curve) => {
      const at = new Map();
      (curve.step ?? steps).forEach((step, i) => {
        const places = {
          step,
          seconds: curve.seconds[i],
          tokens: curve.tokens && step * curve.tokens,
        };
        if (curve[y][i] !== null && places[x] !== null) at.set(step, [places[x], curve[y][i]]);
      });
      return at;
    })
    .filter((at) => at.size);
  const found = { x: [], y: [], low: [], high: [] };
  for (const step of bySeed[0]?.keys() ?? []) {
    const points = bySeed.map((at) => at.get(step)).filter(Boolean);
    if (points.length < bySeed.length) continue;
    const values = points.map(([, value]) => value);
    found.x.push(points.reduce((sum, [place]) => sum + place, 0) / points.length);
    found.y.push(values.reduce((sum, value) => sum + value, 0) / values.length);
    found.low.push(Math.min(...values));
    found.high.push(Math.max(...values));
  }
  return found;
}

function costs(track, scored) {
  const [size, pick] = chooser("cost", "against", SIZES, "parameters");
  return plotSection({
    id: "cost",
    title: "Score and cost",
    note: "Each entry is a point with the interval of its score. No entry beats one on the stepped line in both score and cost (Pareto front). Times, speeds and memory are of one hardware.",
    controls: [pick],
    logs: ["x", "y"],
    make: () => {
      const measured = MEASURED.includes(size());
      const value = (row) => (measured ? here(track, row, row[size()]) : row[size()]);
      const rows = scored().filter((row) => !row.older && value(row) !== null);
      const left = scored().length - rows.length;
      const series = rows.map((row) => ({
        label: row.name,
        key: `${row.place}`,
        style: row.place,
        joined: false,
        points: true,
        x: [value(row)],
        y: [row.test],
        low: row.interval && [row.interval[0]],
        high: row.interval && [row.interval[1]],
      }));
      return {
        all: true,
        xLabel: SIZES.find(([key]) => key === size())[1],
        yLabel: `${track.split} ${track.metric}`,
        lines: lines(track),
        series: [...series, ...front(track, rows, value, size() === "tokens_per_second")],
        hint: `${measured && track.machine ? `On ${track.machine}. ` : ""}${left ? `${count(left, "more row")} of older code or another machine not drawn.` : ""}`,
      };
    },
  });
}

/** The entries that no other beats in both; for speed, more is better. */
function front(track, rows, value, more) {
  const sign = more ? -1 : 1;
  const gain = track.higher ? 1 : -1;
  const order = [...rows].sort((a, b) => sign * (value(a) - value(b)) || gain * (b.test - a.test));
  const best = [];
  for (const row of order)
    if (!best.length || gain * (row.test - best.at(-1).test) > 0) best.push(row);
  if (best.length < 2) return [];
  return [
    {
      label: "Pareto front",
      key: "front",
      front: true,
      step: true,
      x: best.map(value),
      y: best.map((row) => row.test),
      names: best.map((row) => row.name),
    },
  ];
}

function lengths(track, scored) {
  const ranks = track.split === "length_area" ? [] : [track.split];
  const splits = new Set([...ranks, ...track.rows.flatMap((row) => Object.keys(row.splits))]);
  splits.delete("test");
  const longer = [...splits].sort(
    (a, b) =>
      Number(a.match(/\d+$/)?.[0] ?? 0) - Number(b.match(/\d+$/)?.[0] ?? 0) || a.localeCompare(b),
  );
  const all = ["test", ...longer];
  const names = all.map((name) =>
    name === "test" ? "as trained" : name.replace(/^test_/, "").replaceAll("_", " "),
  );
  return plotSection({
    id: "length",
    title: "Longer sequences",
    note: "The same models on further test splits, which are longer than those trained on; bars are 95 % intervals over seeds, dashed lines the references of each split.",
    make: () => ({
      xLabel: "test split",
      yLabel: `test ${track.metric}`,
      ticks: names,
      lines: levels(track, all),
      series: scored().map((row) => {
        const known = all
          .map((name, i) => [i, name === track.split ? [row.test, row.interval] : row.splits[name]])
          .filter(([, found]) => found);
        return {
          label: row.name,
          key: `${row.place}`,
          style: row.place,
          points: true,
          bars: true,
          x: known.map(([i]) => i),
          y: known.map(([, [mean]]) => mean),
          low: known.map(([, [, range]]) => range?.[0] ?? null),
          high: known.map(([, [, range]]) => range?.[1] ?? null),
        };
      }),
    }),
    columns: ["entry", "split", "test", "low", "high"],
  });
}

function tuning(track, chosen) {
  return plotSection({
    id: "tuning",
    title: "Tuning",
    note: "Mean validation score of each trial against its learning rate. A best rate at either end of the grid says that the grid should be wider.",
    logs: ["x", "y"],
    make: () => {
      const rows = chosen().map((row) => [
        row,
        row.tried.filter((trial) => trial.lr !== null && trial.val !== null),
      ]);
      return {
        xLabel: "learning rate",
        yLabel: `validation ${track.metric ?? "score"}`,
        lines: [],
        series: rows
          .filter(([, tried]) => tried.length)
          .map(([row, tried]) => ({
            label: row.name,
            key: `${row.place}`,
            style: row.place,
            points: true,
            x: tried.map((trial) => trial.lr),
            y: tried.map((trial) => trial.val),
          })),
      };
    },
  });
}

function speeds(track, scored) {
  const machines = [
    ...new Set(track.rows.flatMap((row) => row.runs.map((run) => run.machine))),
  ].sort();
  const [machine, pick] = chooser(
    "machine",
    "hardware",
    machines.map((_, i) => [`${i}`, machines[i]]),
    `${Math.max(0, machines.indexOf(track.machine))}`,
  );
  const of = (row) =>
    row.runs
      .filter((run) => run.machine === machines[machine()] && run.speed)
      .map((run) => run.speed);
  return dotSection({
    id: "speed",
    title: "Speed",
    note: "Tokens per second of training, by hardware: the mean over seeds, and each seed as a small dot. More is faster.",
    controls: [pick],
    make: () => ({
      axis: "tokens per second",
      log: true,
      rows: scored()
        .map((row) => [row, of(row)])
        .filter(([, found]) => found.length)
        .map(([row, found]) => ({
          label: row.name,
          value: found.reduce((a, b) => a + b, 0) / found.length,
          dots: found,
          muted: row.older,
        }))
        .sort((a, b) => b.value - a.value),
    }),
    head: ["entry", "tokens per second"],
    values: (row) => [row.label, row.value],
  });
}

function failures(chosen) {
  const rows = () => ({
    head: ["entry", "seed", "status", "message", "run", "setting", "record"],
    rows: chosen().flatMap((row) =>
      row.failures.map((one) => [
        row.name,
        `${one.seed}`,
        one.status.replaceAll("_", " "),
        one.message,
        one.run_id,
        one.trial,
        one.record,
      ]),
    ),
  });
  const body = el("div", {});
  const made = figure({
    id: "failures",
    title: "Failures",
    note: "Runs without a finite score, with the message that ended them.",
    body,
    rows,
  });
  made.section.querySelector("details").remove();
  return { section: made.section, draw: () => body.replaceChildren(table(rows(), "Failures")) };
}

function provenance(track) {
  const settings = Object.entries(track.settings).map(([name, options]) => [name, options]);
  const rows = () => ({ head: ["what", "which"], rows: [...track.provenance, ...settings] });
  const list = el(
    "dl",
    { class: "facts" },
    rows().rows.flatMap(([name, said]) => [el("dt", {}, name), el("dd", {}, said)]),
  );
  const made = figure({
    id: "provenance",
    title: "Provenance",
    note: "Where these scores come from, and all settings that the runs of this track share.",
    body: list,
    rows,
  });
  made.section.querySelector("details").remove();
  return { section: made.section, draw: () => undefined };
}
