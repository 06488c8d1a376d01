// The page: what can be opened, what is open, light and dark, and news from a server.

import { address, count, data, el, keep, view } from "./base.js";
import { studyView } from "./study.js";
import { filterBox } from "./table.js";
import { trackView } from "./track.js";

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const menu = document.getElementById("menu");
const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
let redraw = () => undefined;
let open = null;

/** The study or the track that the address names, else the first study with most tracks. */
function wanted() {
  const track = data.tracks.find((one) => one.id === view("track", null));
  if (track) return { track };
  const study = data.studies.find((one) => one.name === view("study", null));
  if (study) return { study };
  const most = [...data.studies].sort(
    (a, b) => b.tracks.length * b.standings.length - a.tracks.length * a.standings.length,
  )[0];
  if (most?.tracks.length) return { study: most };
  return data.tracks.length ? { track: data.tracks[0] } : {};
}

function show() {
  paintTheme();
  const { track, study } = wanted();
  open = track?.id ?? study?.name ?? null;
  const sections = track ? trackView(track) : study ? studyView(study) : [];
  redraw = () => {
    for (const one of sections) one.draw();
  };
  const heading = track
    ? [
        el("p", { class: "kind" }, "Track"),
        el("h1", {}, track.task),
        el("p", { class: "distinct" }, rest(track)),
        el(
          "p",
          { class: "lead" },
          `${track.metric ?? "no completed run"}, ${track.higher ? "higher" : "lower"} is better`,
          part(track),
        ),
      ]
    : study
      ? [
          el("p", { class: "kind" }, "Study"),
          el("h1", {}, study.name),
          el(
            "p",
            { class: "lead" },
            `${count(study.standings.length, "entry", "entries")} on ${count(tracksOf(study), "track")}`,
          ),
        ]
      : [
          el("h1", {}, "No records yet"),
          el("p", { class: "lead" }, "A run with `recurbench run` makes some."),
        ];
  main.replaceChildren(
    el(
      "div",
      { class: "heading" },
      heading,
      data.shared && track ? el("p", { class: "note" }, `All tracks: ${data.shared}`) : null,
    ),
    sections.length > 1 ? jumps(sections) : "",
    track ? filterBox(track, redraw) : "",
    ...sections.map((one) => one.section),
  );
  drawNav();
  document.title = `${track?.name ?? study?.name ?? "no records"} – recurbench leaderboard`;
  redraw();
  const at = view("at", null);
  if (at && sections.some((one) => one.section.id === at)) jump(at);
}

/** How many tracks a study has, those without a scale included. */
function tracksOf(study) {
  return study.tracks.length + Object.keys(study.left_out).length;
}

/** What tells a track from others of its task. */
function rest(track) {
  return track.name.slice(track.task.length).trim();
}

/** The studies that a track is part of. */
function part(track) {
  const known = track.studies.filter((name) => data.studies.some((one) => one.name === name));
  return known.flatMap((name, i) => [
    i ? ", " : " · study ",
    el("a", { href: address("study", name) }, name),
  ]);
}

function jumps(sections) {
  return el(
    "ul",
    { class: "jumps", "aria-label": "Sections" },
    sections.map(({ section }) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            type: "button",
            onclick: () => {
              keep({ at: section.id });
              jump(section.id);
            },
          },
          section.querySelector("h2").textContent,
        ),
      ),
    ),
  );
}

function jump(id) {
  const title = document.getElementById(`${id}-title`);
  title.scrollIntoView();
  title.focus({ preventScroll: true });
}

function drawNav() {
  const link = (kind, name, parts) =>
    el(
      "li",
      {},
      el(
        "a",
        {
          href: address(kind, name),
          "aria-current": name === open ? "page" : null,
        },
        parts,
      ),
    );
  const tracks = data.tracks.map((track) => {
    return link("track", track.id, [
      el("span", { class: "name" }, track.task),
      rest(track) ? el("small", {}, rest(track)) : "",
    ]);
  });
  const part_ = (title, items) => (items.length ? [el("h2", {}, title), el("ul", {}, items)] : []);
  nav.replaceChildren(
    ...part_(
      "Studies",
      data.studies.map((study) =>
        link("study", study.name, [
          el("span", { class: "name" }, study.name),
          el("small", {}, count(tracksOf(study), "track")),
        ]),
      ),
    ),
    ...part_("Tracks", tracks),
  );
}

function isDark() {
  const chosen = view("theme", null, ["light", "dark"]);
  return chosen ? chosen === "dark" : dark.matches;
}

function paintTheme() {
  const chosen = view("theme", null, ["light", "dark"]);
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  theme.setAttribute("aria-pressed", `${isDark()}`);
}

function closeMenu() {
  menu.setAttribute("aria-expanded", "false");
  nav.classList.remove("open");
}

theme.addEventListener("click", () => {
  const next = isDark() ? "light" : "dark";
  keep({ theme: (next === "dark") === dark.matches ? null : next });
  paintTheme();
  drawNav();
  redraw();
});
dark.addEventListener("change", () => {
  paintTheme();
  redraw();
});
menu.addEventListener("click", () => {
  const shown = nav.classList.toggle("open");
  menu.setAttribute("aria-expanded", `${shown}`);
});
nav.addEventListener("click", (event) => {
  if (event.target.closest("a")) closeMenu();
});
// A link within the page must not replace what the address says of the view.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenu();
});
addEventListener("hashchange", () => {
  const before = open;
  show();
  if (before !== open && !view("at", null)) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
});

let width = innerWidth;
let waiting = null;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's address bar comes and goes
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(() => redraw(), 150);
});

/** Asks the server whether records have changed since, while somebody looks. */
async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch("version", { cache: "no-store" });
    if (answer.ok && (await answer.text()) !== data.live) location.reload();
  } catch {
    // The server has gone; the page stays as it is.
  }
}

if (data.live) {
  setInterval(ask, 3000);
  addEventListener("focus", ask);
}

document.getElementById("about").textContent =
  `version ${data.version} · ${count(data.tracks.length, "track")}`;
show();
