// A study: its entries over all tracks, on one scale.

import {
  address,
  choice,
  colour,
  count,
  csv,
  data,
  el,
  figure,
  keep,
  number,
  save,
  scrolling,
  view,
} from "./base.js";
import { dotPlot } from "./figures.js";
import { plotSection } from "./plots.js";

/** The sections of a study, as `[{section, draw}]`. */
export function studyView(study) {
  const ranked = study.standings.filter((one) => one.mean_rank !== null);
  const sections = [matrix(study)];
  if (ranked.length > 1) sections.push(ranks(study, ranked));
  if (ranked.length) sections.push(middle(ranked), profiles(ranked));
  if (study.improvement.length) sections.push(improvement(study));
  return sections;
}

function matrix(study) {
  const head = ["entry", "mean rank", "IQM", ...study.tracks.map((track) => track.name)];
  const rows = () => ({
    head,
    rows: study.standings.map((one) => [one.label, one.mean_rank, one.iqm, ...one.scores]),
  });
  const cells = (one) =>
    one.scores.map((score) => {
      if (score === null) return el("td", { class: "score missing" }, "missing");
      const cell = el("td", { class: "score" }, score.toFixed(3));
      const [ground, ink] = shade(score);
      cell.style.backgroundColor = ground;
      cell.style.color = ink;
      return cell;
    });
  const body = el("tbody", {});
  const draw = () =>
    body.replaceChildren(
      ...study.standings.map((one) =>
        el(
          "tr",
          {},
          el(
            "th",
            { scope: "row", class: "entry" },
            el("span", { class: "name", title: one.label }, one.label),
          ),
          el("td", { class: "num" }, one.mean_rank === null ? "–" : one.mean_rank.toFixed(1)),
          el("td", { class: "num" }, one.iqm === null ? "–" : one.iqm.toFixed(3)),
          cells(one),
        ),
      ),
    );
  const found = el(
    "table",
    { class: "matrix" },
    el("caption", { class: "hidden" }, "Mean normalised score of each entry on each track"),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        head
          .slice(0, 3)
          .map((name, i) => el("th", { scope: "col", class: i ? "num" : "entry" }, name)),
        study.tracks.map((track) =>
          el("th", { scope: "col" }, el("a", { href: address("track", track.id) }, track.name)),
        ),
      ),
    ),
    body,
  );
  const scale = study.tracks.map(
    (track) =>
      `${track.name}: ${track.zero[0]} ${number(track.zero[1])} and ${track.one[0]} ${number(track.one[1])}`,
  );
  const out = Object.entries(study.left_out).map(([id, why]) => {
    const name = data.tracks.find((track) => track.id === id)?.name ?? id;
    return el("li", {}, "Left out: ", el("a", { href: address("track", id) }, name), `: ${why}.`);
  });
  const section = el(
    "section",
    { id: "matrix", "aria-labelledby": "matrix-title" },
    el("h2", { id: "matrix-title", tabindex: -1 }, "Entries and tracks"),
    el(
      "p",
      { class: "note" },
      study.tracks.length
        ? "Mean normalised test score over seeds: 0 is the best naive reference of a track, 1 its optimum, or its best entry where the optimum is not known."
        : "No track of this study has a scale, so there is nothing to summarise.",
    ),
    study.standings.length ? scrolling("Entries and tracks", found) : null,
    el(
      "div",
      { class: "after" },
      el(
        "details",
        { class: "numbers" },
        el("summary", {}, "What 0 and 1 stand for"),
        el(
          "ul",
          {},
          scale.map((line) => el("li", {}, line)),
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
            "aria-label": "Download the numbers of Entries and tracks as CSV",
            onclick: () => save("matrix.csv", csv(rows()), "text/csv"),
          },
          "CSV",
        ),
      ),
    ),
    out.length ? el("ul", { class: "note" }, out) : null,
  );
  return { section, draw };
}

/** Ground and ink of a normalised score: blue upwards from 0, orange below. */
function shade(score) {
  const share = Math.min(1, Math.abs(score));
  const mix = (to) =>
    channels(colour("ground")).map((n, i) => Math.round(n + (channels(to)[i] - n) * share));
  const ground = mix(colour(score < 0 ? "below" : "above"));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((n) =>
      n / 255 <= 0.03928 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = light(ground) > 0.179 ? "#000" : "#fff"; // either has a contrast of 4.5 at least
  return [`rgb(${ground.join(",")})`, ink];
}

function channels(rgb) {
  return rgb.match(/\d+/g).slice(0, 3).map(Number);
}

/** A section whose figure is of points with intervals. */
export function dotSection({ id, title, note, controls = [], make, head, values }) {
  const body = el("div", { class: "dotbox" });
  let file = null;
  const made = figure({
    id,
    title,
    note,
    body,
    controls: controls.map((control) => control(() => draw())),
    rows: () => ({ head, rows: make().rows.map(values) }),
    picture: {
      ending: "svg",
      make: () => file?.() ?? ["<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"],
    },
  });
  function draw() {
    file = dotPlot(body, { title, ...make() });
    made.stale();
  }
  return { section: made.section, draw };
}

function ranks(study, ranked) {
  const note =
    study.cd === null
      ? "One track says nothing about ranks over tracks: no test."
      : `Mean rank over ${count(study.tracks.length, "track")} of the entries that have all. Entries joined by a bar differ by less than the critical difference of ${number(study.cd, 3)} and cannot be told apart (Nemenyi's test, 5 %).`;
  return dotSection({
    id: "ranks",
    title: "Mean ranks",
    note,
    make: () => ({
      axis: "mean rank, 1 is best",
      fixed: [1 - 0.02 * ranked.length, ranked.length * 1.02],
      rows: ranked.map((one, i) => ({
        label: one.label,
        value: one.mean_rank,
        groups: study.groups.flatMap((group, g) =>
          group.includes(i) ? [String.fromCodePoint(97 + g)] : [],
        ),
      })),
      bracket:
        study.cd === null
          ? null
          : { label: `critical difference ${number(study.cd, 3)}`, length: study.cd },
    }),
    head: ["entry", "mean rank"],
    values: (row) => [row.label, row.value],
  });
}

function middle(ranked) {
  const order = [...ranked].sort((a, b) => b.iqm - a.iqm);
  return dotSection({
    id: "iqm",
    title: "Interquartile mean",
    note: "The mean of the middle half of an entry's normalised scores, over tracks and seeds; 95 % intervals by stratified bootstrap over runs.",
    make: () => ({
      axis: "interquartile mean of normalised scores",
      lines: [{ label: "naive", value: 0 }],
      rows: order.map((one) => ({
        label: one.label,
        value: one.iqm,
        interval: one.iqm_interval,
        said: `${one.label}: ${one.iqm.toFixed(3)}${one.iqm_interval ? ` (${one.iqm_interval.map((n) => n.toFixed(3)).join(" to ")})` : ""}`,
      })),
    }),
    head: ["entry", "IQM", "low", "high"],
    values: (row) => [row.label, row.value, ...(row.interval ?? [null, null])],
  });
}

function profiles(ranked) {
  return plotSection({
    id: "profiles",
    title: "Performance profiles",
    note: "The share of an entry's runs above a normalised score, averaged over tracks. A line above another is better at that score.",
    make: () => ({
      xLabel: "normalised score",
      yLabel: "share of runs above",
      series: ranked.map((one, i) => ({
        label: one.label,
        key: `${i}`,
        style: i,
        x: data.thresholds,
        y: one.profile,
      })),
    }),
    logs: [],
  });
}

function improvement(study) {
  const names = study.standings.map((one) => one.label);
  const compared = [...new Set(study.improvement.flatMap((pair) => pair.slice(0, 2)))].sort(
    (a, b) => a - b,
  );
  const ranked = study.standings.filter((one) => one.mean_rank !== null).length;
  const first = compared.length < ranked ? ` Of the first ${compared.length} entries.` : "";
  const chosen = () => Number(view("against", `${compared[0]}`, compared.map(String)));
  return dotSection({
    id: "improvement",
    title: "Probability of improvement",
    note: `How likely a run of the chosen entry is better than one of another on the same track, averaged over tracks; 95 % intervals by bootstrap. At ½ neither is.${first}`,
    controls: [
      (draw) =>
        choice(
          "entry",
          compared.map((i) => [`${i}`, names[i]]),
          `${chosen()}`,
          (value) => {
            keep({ against: value });
            draw();
          },
        ),
    ],
    make: () => ({
      axis: "probability that the chosen entry is better",
      lines: [{ label: "½", value: 0.5 }],
      fixed: [-0.02, 1.02],
      rows: study.improvement
        .flatMap(([one, other, share, low, high]) => {
          if (one === chosen())
            return [{ label: names[other], value: share, interval: [low, high] }];
          if (other === chosen()) {
            const turned = [1 - high, 1 - low];
            return [{ label: names[one], value: 1 - share, interval: turned }];
          }
          return [];
        })
        .sort((a, b) => b.value - a.value),
    }),
    head: ["against", "probability", "low", "high"],
    values: (row) => [row.label, row.value, ...row.interval],
  });
}
