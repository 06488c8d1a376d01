// The table of a track: entries that sort and filter, references among them, and their runs.

import {
  bytes,
  count,
  csv,
  el,
  keep,
  number,
  save,
  scrolling,
  seconds,
  table,
  view,
  withHalf,
} from "./base.js";

export const SIZES = [
  ["parameters", "parameters"],
  ["recurrent_parameters", "recurrent parameters"],
  ["state_size", "state size"],
  ["flops_per_token", "FLOPs per token"],
  ["train_seconds", "seconds of training"],
  ["tokens_per_second", "tokens per second"],
  ["training_memory_bytes", "memory that training adds, in bytes"],
];

/** Whether rows have all the words of the filter. */
export function matching(rows) {
  const words = view("filter", "").toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => words.every((word) => row.label.toLowerCase().includes(word)));
}

export function filterBox(track, redraw) {
  const said = el("span", { class: "found", role: "status" });
  const say = () => {
    said.textContent = `${matching(track.rows).length} of ${count(track.rows.length, "entry", "entries")}`;
  };
  let waiting = null;
  const input = el("input", {
    type: "search",
    id: "filter",
    value: view("filter", ""),
    placeholder: "e.g. gru",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      keep({ filter: input.value, row: null });
      say();
      clearTimeout(waiting);
      waiting = setTimeout(redraw, 120);
    },
  });
  say();
  return el(
    "div",
    { class: "filter" },
    el("label", { for: "filter" }, "Filter entries"),
    input,
    said,
  );
}

export const rankText = (row) => {
  if (!row.rank) return "–";
  return row.rank[0] === row.rank[1] ? `${row.rank[0]}` : `${row.rank[0]}–${row.rank[1]}`;
};
export const here = (track, row, value) => (row.machine === track.machine ? value : null);

function columns(track) {
  const numeric = (key, head, text, sort = (row) => row[key]) => ({ key, head, text, sort });
  return [
    numeric("rank", "rank", rankText, (row) => (row.rank ? row.rank[0] + row.rank[1] / 1e6 : null)),
    { key: "entry", head: "entry", sort: (row) => row.label.toLowerCase() },
    { key: "ties", head: "ties", text: (row) => row.ties, sort: (row) => row.ties || null },
    numeric("test", track.split, (row) => withHalf(row.test, row.interval)),
    numeric("val", "val", (row) => number(row.val)),
    numeric("seeds", "seeds", (row) => `${row.seeds}`),
    numeric("trials", "trials", (row) => `${row.trials}${row.more ? "*" : ""}`),
    numeric("hidden_size", "hidden", (row) => number(row.hidden_size, 9)),
    numeric("parameters", "parameters", (row) => number(row.parameters, 15)),
    numeric("state_size", "state", (row) => number(row.state_size, 15)),
    numeric("flops_per_token", "FLOPs/token", (row) => number(row.flops_per_token, 15)),
    numeric(
      "train_seconds",
      "train time",
      (row) => seconds(here(track, row, row.train_seconds)),
      (row) => here(track, row, row.train_seconds),
    ),
    numeric(
      "tokens_per_second",
      "tokens/s",
      (row) => number(here(track, row, row.tokens_per_second), 3),
      (row) => here(track, row, row.tokens_per_second),
    ),
    numeric(
      "training_memory_bytes",
      "memory",
      (row) => bytes(here(track, row, row.training_memory_bytes)),
      (row) => here(track, row, row.training_memory_bytes),
    ),
    numeric(
      "failed",
      "failed",
      (row) => `${row.failures.length}`,
      (row) => row.failures.length,
    ),
  ];
}

export function board(track, chosen) {
  const all = columns(track);
  const ranked = track.rows.filter((row) => row.rank);
  // Where nothing could be told apart, nothing is best.
  const decided = ranked.some((row) => row.rank[0] > 1);
  for (const row of ranked) row.best = decided && row.rank[0] === 1;
  const body = el("tbody", {});
  const heads = new Map();
  const order = () => {
    const wanted = view("sort", "");
    const column = all.find((one) => one.key === wanted.replace("-", ""));
    return column ? [column, wanted.startsWith("-") ? -1 : 1] : [null, 1];
  };
  const sorted = () => {
    const [column, sign] = order();
    const rows = chosen();
    if (!column) return rows;
    return [...rows].sort((one, other) => {
      const [a, b] = [column.sort(one), column.sort(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (a < b ? -1 : a > b ? 1 : 0) || one.place - other.place;
    });
  };
  const press = (column) => {
    const [now, sign] = order();
    const next = now !== column ? column.key : sign === 1 ? `-${column.key}` : null;
    keep({ sort: next });
    draw();
  };
  const headRow = el(
    "tr",
    {},
    all.map((column) => {
      const arrow = el("span", { class: "arrow", "aria-hidden": "true" });
      const head = el(
        "th",
        { scope: "col", class: column.text && column.key !== "ties" ? "num" : column.key },
        el(
          "button",
          { type: "button", class: "sort", onclick: () => press(column) },
          column.head,
          arrow,
        ),
      );
      heads.set(column, [head, arrow]);
      return head;
    }),
  );

  function draw() {
    const [by, sign] = order();
    for (const [column, [head, arrow]] of heads) {
      head.setAttribute(
        "aria-sort",
        by !== column ? "none" : sign === 1 ? "ascending" : "descending",
      );
      arrow.textContent = by !== column ? "" : sign === 1 ? "▲" : "▼";
    }
    const rows = sorted().map((row) => entryRows(row, all, draw));
    const lines = references(track, by, sign).map(([name, score]) => ({
      score,
      nodes: [referenceRow(name, score, all)],
    }));
    body.replaceChildren(...merged(track, rows, lines, by, sign));
    if (!rows.length)
      body.prepend(
        el("tr", {}, el("td", { colspan: all.length, class: "none" }, "No entry fits the filter.")),
      );
  }
  const numbers = () => ({
    head: [
      "entry",
      "cell",
      "rank from",
      "rank to",
      "ties",
      "test",
      "low",
      "high",
      "val",
      "seeds",
      "trials",
      "edge",
      "older code",
      "hidden size",
      ...SIZES.map(([name]) => name),
      "machine",
      "failed",
      "setting",
    ],
    rows: sorted().map((row) => [
      row.label,
      row.cell,
      ...(row.rank ?? [null, null]),
      row.ties,
      row.test,
      ...(row.interval ?? [null, null]),
      row.val,
      row.seeds,
      row.trials,
      row.edge,
      row.older,
      row.hidden_size,
      ...SIZES.map(([name]) => row[name]),
      row.machine,
      row.failures.length,
      row.setting,
    ]),
  });
  const section = el(
    "section",
    { id: "table", "aria-labelledby": "table-title" },
    el("h2", { id: "table-title", tabindex: -1 }, "Table"),
    scrolling(
      "Table of entries",
      el(
        "table",
        { class: "board" },
        el(
          "caption",
          { class: "hidden" },
          `${track.name}: entries and references, ${track.metric ?? "no score"}`,
        ),
        el("thead", {}, headRow),
        body,
      ),
    ),
    el(
      "div",
      { class: "after" },
      el(
        "details",
        { class: "numbers" },
        el("summary", {}, "How to read it"),
        el(
          "ul",
          {},
          track.captions.map((line) => el("li", {}, line)),
        ),
      ),
      el(
        "span",
        { class: "files" },
        el(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": "Download the table as CSV",
            onclick: () => save(`${track.id}-table.csv`, csv(numbers()), "text/csv"),
          },
          "CSV",
        ),
      ),
    ),
  );
  return { section, draw };
}

/** References in the order in which they stand between the rows. */
function references(track, by, sign) {
  const up = by?.key === "test" ? sign : track.higher ? -1 : 1;
  return Object.entries(track.references[track.split]).sort((a, b) => up * (a[1] - b[1]));
}

/** Rows with each reference where its score belongs, or all at the end in another order. */
function merged(track, rows, lines, by, sign) {
  if (by && by.key !== "test") return [...rows, ...lines].flatMap((one) => one.nodes);
  const up = by ? sign : track.higher ? -1 : 1;
  const found = [];
  let next = 0;
  for (const row of rows) {
    while (
      next < lines.length &&
      (row.score === null || up * (lines[next].score - row.score) <= 0)
    ) {
      found.push(...lines[next++].nodes);
    }
    found.push(...row.nodes);
  }
  return [...found, ...lines.slice(next).flatMap((one) => one.nodes)];
}

function referenceRow(name, score, all) {
  return el(
    "tr",
    { class: "reference" },
    all.map((column) => {
      if (column.key === "entry")
        return el(
          "th",
          { scope: "row", class: "entry" },
          el("span", { class: "name", title: name }, name),
        );
      return el("td", { class: "num" }, column.key === "test" ? number(score) : "");
    }),
  );
}

function entryRows(row, all, redraw) {
  const open = view("row", null) === `${row.place}`;
  const marks = [
    row.older ? ["older code", "newer code has been run since; not ranked"] : null,
    row.edge ? ["edge", "the best rate is the least or the largest tried; widen the grid"] : null,
  ].filter(Boolean);
  const id = `row-${row.place}`;
  const line = el(
    "tr",
    { class: row.older ? "older" : row.best ? "best" : "" },
    all.map((column) => {
      if (column.key !== "entry")
        return el("td", { class: column.key === "ties" ? "ties" : "num" }, column.text(row));
      return el(
        "th",
        { scope: "row", class: "entry" },
        el(
          "button",
          {
            type: "button",
            class: "open",
            "aria-expanded": `${open}`,
            "aria-controls": id,
            onclick: () => {
              keep({ row: open ? null : row.place });
              redraw();
              document.querySelector(`[aria-controls="${id}"]`)?.focus();
            },
          },
          el("span", { class: "name", title: row.label }, row.label),
        ),
        marks.map(([mark, why]) => el("span", { class: "mark", title: why }, mark)),
      );
    }),
  );
  const nodes = [line];
  if (open)
    nodes.push(el("tr", { class: "detail", id }, el("td", { colspan: all.length }, details(row))));
  return { score: row.test, nodes };
}

/** All that is known of an entry's runs. */
function details(row) {
  const facts = (pairs) =>
    el(
      "dl",
      {},
      pairs
        .filter(([, value]) => value)
        .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
  const versions = (run) =>
    Object.entries(run.versions)
      .filter(([, v]) => v)
      .map(([n, v]) => `${n} ${v}`)
      .join(", ");
  const unique = (of) => [...new Set(row.runs.map(of).filter(Boolean))].join("; ");
  return el(
    "div",
    { class: "details" },
    facts([
      ["cell", unique((run) => run.cell)],
      ["chosen setting", row.setting],
      ["not chosen, too few seeds", row.left_out.join(", ")],
      [
        "repeated",
        row.repeated
          ? `${count(row.repeated, "more run")} with the same seed: the latest completed one counts`
          : "",
      ],
      ["code", unique((run) => run.code)],
      ["versions", unique(versions)],
      ["machine", unique((run) => run.machine)],
    ]),
    row.runs.length
      ? table(
          {
            head: ["seed", "test", "val", "run", "finished", "commit", "train time", "record"],
            rows: row.runs.map((run) => [
              `${run.seed}`,
              run.test,
              run.val,
              run.run_id,
              `${run.finished ?? "–"}${run.resumed === null || run.resumed === undefined ? "" : `, resumed after step ${run.resumed}`}`,
              `${(run.commit ?? "unknown").slice(0, 12)}${run.dirty ? " (changed)" : ""}`,
              seconds(run.seconds),
              run.record,
            ]),
          },
          `Runs of ${row.label}`,
        )
      : null,
    row.tried.length > 1
      ? table(
          {
            head: ["setting", "seeds", "failed", "val", "test", ""],
            rows: row.tried.map((trial) => [
              trial.setting,
              trial.seeds,
              trial.failed,
              trial.val,
              trial.test,
              trial.chosen ? "chosen" : "",
            ]),
          },
          `Trials of ${row.label}`,
        )
      : null,
    (row.probes ?? []).map(([title, figures]) => {
      const trained = figures.some((figure) => figure[2] !== null);
      return table(
        {
          head: [`probe: ${title}`, "initial", ...(trained ? ["trained"] : [])],
          rows: trained ? figures : figures.map((figure) => figure.slice(0, 2)),
        },
        `Probe of ${row.label}: ${title}`,
      );
    }),
  );
}
