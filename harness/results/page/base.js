// What all parts of the page share: elements, numbers as text, the view in the address, downloads.

export const data = JSON.parse(document.getElementById("data").textContent);

/** An element; texts among its children become text, never markup. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An element of a picture. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A number with four significant digits, as short as that allows; a dash where there is none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-5) return value.toExponential(2);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en", {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.min(places, 12),
  });
}

/** A mean with half of its interval's width, both to the place that the mean's digits end at. */
export function withHalf(mean, interval) {
  if (mean === null) return "–";
  const size = mean === 0 ? 0 : Math.floor(Math.log10(Math.abs(mean)));
  const places = Math.min(Math.max(3 - size, 0), 12);
  const half = interval ? ` ± ${((interval[1] - interval[0]) / 2).toFixed(places)}` : "";
  return mean.toFixed(places) + half;
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 120) return `${number(value, 3)} s`;
  return value < 7200 ? `${number(value / 60, 3)} min` : `${number(value / 3600, 3)} h`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(4, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${number(value / 1000 ** step, 3)} ${units[step]}`;
}

/** A count with its noun. */
export function count(many, one, several = `${one}s`) {
  return `${many} ${many === 1 ? one : several}`;
}

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

/** A colour of the style as `rgb(…)`, as it is in the theme of now. */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** The colour and the dashes of an entry's line, by its place. */
export function lineStyle(place) {
  const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
  return { colour: colour(`line-${place % 8}`), dash: dashes[Math.floor(place / 8) % 4] };
}

// The view: what is open, sorted, filtered and drawn stands in the address behind its #.

const parameters = () => new URLSearchParams(location.hash.slice(1));

/** A value of the view; one that is not among those allowed counts as absent. */
export function view(name, otherwise, allowed = null) {
  const value = parameters().get(name);
  return value === null || (allowed && !allowed.includes(value)) ? otherwise : value;
}

/** Keeps values in the address; what is null or empty leaves it. */
export function keep(changes) {
  const all = parameters();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") all.delete(name);
    else all.set(name, value);
  }
  history.replaceState(null, "", `#${all}`);
}

/** The address of a study or a track, in the theme that was chosen. */
export function address(kind, name, more = {}) {
  const theme = view("theme", null, ["light", "dark"]);
  return `#${new URLSearchParams({ [kind]: name, ...more, ...(theme ? { theme } : {}) })}`;
}

// Downloads.

export function save(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Rows as CSV; a text that a spreadsheet would take for a formula gets a quote in front. */
export function csv({ head, rows }) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : `${value}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${[head, ...rows].map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

/** A picture as a file of its own: what the page's style gives it is written into it. */
export function svgFile(picture) {
  const copy = picture.cloneNode(true);
  const names = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-size",
    "font-weight",
    "font-style",
    "text-anchor",
  ];
  const [from, to] = [picture, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((node, place) => {
    const style = getComputedStyle(node);
    for (const name of names) to[place].setAttribute(name, style.getPropertyValue(name));
    to[place].removeAttribute("class");
    to[place].removeAttribute("tabindex");
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("font-family", "system-ui, sans-serif");
  const { width, height } = picture.viewBox.baseVal;
  const ground = svg("rect", { x: 0, y: 0, width, height, fill: colour("ground") });
  copy.insertBefore(ground, copy.firstChild);
  return new XMLSerializer().serializeToString(copy);
}

// Parts that sections are made of.

export function table({ head, rows }, caption) {
  const cell = (value) =>
    typeof value === "number"
      ? el("td", { class: "num" }, number(value))
      : el("td", {}, value === null || value === undefined ? "–" : value);
  return scrolling(
    caption,
    el(
      "table",
      { class: "plain" },
      el("caption", { class: "hidden" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          head.map((name) => el("th", { scope: "col" }, name)),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((row) => el("tr", {}, row.map(cell))),
      ),
    ),
  );
}

/** A box in which something wide scrolls, which a keyboard reaches too. */
export function scrolling(label, ...children) {
  return el(
    "div",
    { class: "wide", role: "region", "aria-label": label, tabindex: 0 },
    ...children,
  );
}

/** A choice of one of several, as `[value, label]`. */
export function choice(label, options, value, onchange) {
  const select = el(
    "select",
    { onchange: () => onchange(select.value) },
    options.map(([name, text]) => el("option", { value: name, selected: name === value }, text)),
  );
  return el("label", { class: "control" }, el("span", {}, label), select);
}

export function toggle(label, on, onchange) {
  const box = el("input", { type: "checkbox", checked: on, onchange: () => onchange(box.checked) });
  return el("label", { class: "control check" }, box, el("span", {}, label));
}

export function button(label, onclick, props = {}) {
  return el("button", { type: "button", class: "quiet", ...props, onclick }, label);
}

/**
 * A section with a figure, its controls, its numbers as a table, and what to download.
 *
 * `rows()` gives the numbers; `picture()` gives `[content, type, ending]`.
 */
export function figure({ id, title, note, controls = [], body, rows, picture }) {
  const numbers = el(
    "details",
    {
      class: "numbers",
      ontoggle: () => {
        if (numbers.open && numbers.children.length === 1) numbers.append(table(rows(), title));
      },
    },
    el("summary", {}, "Numbers"),
  );
  const name = () => `${view("track", view("study", "board"))}-${id}`.replace(/[^\w.-]+/g, "_");
  const stale = () => {
    while (numbers.children.length > 1) numbers.lastChild.remove();
    numbers.open = false;
  };
  const section = el(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title`, tabindex: -1 }, title),
    note ? el("p", { class: "note" }, note) : null,
    controls.length ? el("div", { class: "controls" }, controls) : null,
    body,
    el(
      "div",
      { class: "after" },
      numbers,
      el(
        "span",
        { class: "files" },
        button("CSV", () => save(`${name()}.csv`, csv(rows()), "text/csv"), {
          "aria-label": `Download the numbers of ${title} as CSV`,
        }),
        picture
          ? button(
              picture.ending.toUpperCase(),
              async () => {
                const [content, type] = await picture.make();
                save(`${name()}.${picture.ending}`, content, type);
              },
              { "aria-label": `Download a picture of ${title} as ${picture.ending.toUpperCase()}` },
            )
          : null,
      ),
    ),
  );
  return { section, stale };
}
