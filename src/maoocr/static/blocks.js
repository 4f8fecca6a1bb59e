import { el } from "./dom.js";
import { t } from "./i18n.js";

const MOST_CELLS = 20_000;
// What Markdown could take for its own.
const MARKUP = /[\\`*_[\]<>|~$]|&(?=[#0-9A-Za-z])/g;
const LINE_START = /^([-+=#:]|\d+(?=[.)]))/;

/** The tags of tables alone, and of their attributes the spans alone. */
function tagsOnly(html) {
  return html.replace(/<(\/?)([a-z][a-z0-9]*)([^>]*)>?/gi, (whole, close, name, rest) => {
    if (!/^(table|tr|td|th)$/i.test(name)) return " ";
    const given = [...rest.matchAll(/\b(rowspan|colspan)\s*=\s*["']?(\d{1,3})/gi)];
    return `<${close}${name}${given.map(([, key, value]) => ` ${key}="${value}"`).join("")}>`;
  });
}

/** The cells of a table as text, with their spans; the markup itself never comes into the page. */
function cellsOf(html) {
  // A document without a window: nothing in it runs or is loaded.
  const inert = new DOMParser().parseFromString(tagsOnly(html ?? ""), "text/html");
  let left = MOST_CELLS;
  return [...inert.querySelectorAll("tr")]
    .map((row) =>
      [...row.cells].slice(0, Math.max(0, left)).map((cell) => {
        left -= 1;
        const text = cell.textContent.replace(/\s+/g, " ").trim();
        return { text, rowSpan: cell.rowSpan, colSpan: cell.colSpan };
      }),
    )
    .filter((row) => row.length);
}

function spans({ rowSpan, colSpan }) {
  return { rowspan: rowSpan > 1 ? rowSpan : null, colspan: colSpan > 1 ? colSpan : null };
}

function drawn(block) {
  const props = { class: `block ${block.kind}`, dir: "auto" };
  if (block.kind === "title") return el("h3", props, block.text);
  if (block.kind === "heading") return el(`h${Math.min(6, 3 + (block.level || 1))}`, props, block.text);
  if (block.kind === "list") return el("p", { ...props, "data-level": block.level || 1 }, block.text);
  if (block.kind === "code") return el("pre", props, block.text);
  if (block.kind === "formula") return el("p", props, el("code", {}, block.latex || block.text));
  const rows = block.kind === "table" ? cellsOf(block.html) : [];
  if (!rows.length) return el("p", props, block.text);
  const cell = (found) => el("td", { ...spans(found), dir: "auto" }, found.text);
  const body = rows.map((row) => el("tr", {}, ...row.map(cell)));
  return el("div", { ...props, tabindex: "0" }, el("table", {}, ...body));
}

function escaped(text, start = true) {
  const marked = text.replace(/\s+/g, " ").trim().replace(MARKUP, "\\$&");
  if (!start) return marked;
  return marked.replace(LINE_START, (found) => (/\d/.test(found) ? `${found}\\` : `\\${found}`));
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function plainText(text) {
  return text.replace(/[&<>]/g, (found) => ENTITIES[found]);
}

function tableMarkdown(block) {
  const rows = cellsOf(block.html);
  if (!rows.length) return escaped(block.text);
  const width = rows[0].length;
  const simple = rows.every((row) => row.length === width && row.every((c) => c.rowSpan * c.colSpan === 1));
  if (simple) {
    const lines = rows.map((row) => `| ${row.map((c) => escaped(c.text, false)).join(" | ")} |`);
    return [lines[0], `|${" --- |".repeat(width)}`, ...lines.slice(1)].join("\n");
  }
  const cell = (c) => {
    const given = Object.entries(spans(c)).filter(([, value]) => value);
    return `<td${given.map(([name, value]) => ` ${name}="${value}"`).join("")}>${plainText(c.text)}</td>`;
  };
  return `<table>${rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("")}</table>`;
}

function markdownOf(block) {
  if (block.kind === "page_number") return "";
  if (block.kind === "title") return `# ${escaped(block.text)}`;
  if (block.kind === "heading") return `${"#".repeat(Math.min(6, block.level || 1))} ${escaped(block.text)}`;
  if (block.kind === "table") return tableMarkdown(block);
  if (block.kind === "formula" && block.latex) return `$$\n${block.latex.replace(/\$+/g, "").trim()}\n$$`;
  if (block.kind === "list") {
    const number = /^\d{1,9}[.)]\s+/.exec(block.text)?.[0] ?? "";
    const mark = number ? number.trim().replace(")", ".") : "-";
    return `${"   ".repeat((block.level || 1) - 1)}${mark} ${escaped(block.text.slice(number.length))}`;
  }
  return block.text.split("\n").map((line) => escaped(line)).join("\n");
}

/** All pages as Markdown; pages without blocks as they were read. */
export function markdown(pages) {
  const page = ({ blocks, text }) => {
    if (!blocks?.length) return (text ?? "").split("\n").map((line) => escaped(line)).join("\n");
    return blocks.map(markdownOf).filter(Boolean).join("\n\n");
  };
  return pages.map(page).filter(Boolean).join("\n\n---\n\n");
}

/** The parts of a page: headings, paragraphs, lists and tables. */
export class Blocks {
  constructor() {
    this.node = el("div", { class: "blocks", tabindex: "0", role: "region", "aria-label": t("parts") });
  }

  draw(blocks) {
    this.node.replaceChildren(...blocks.map(drawn));
  }
}
