import { exportAs } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";

// What the page writes itself, from the answer that it has.
const LOCAL = new Set(["json", "jsonl", "text", "txt"]);
const FORMATS = [
  { value: "markdown", title: "Markdown" },
  { value: "html", title: "HTML" },
  { value: "hocr", title: "hOCR" },
  { value: "alto", title: "ALTO" },
  { value: "csv", title: "CSV" },
];
const ENDINGS = { markdown: "md", hocr: "html", alto: "xml" };

/** Hands a file to the browser's downloads. */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file's name with another ending. */
function renamed(name, ending) {
  return `${name.replace(/\.[^.]{1,8}$/, "") || "text"}.${ending}`;
}

/** The menu of the forms in which a result can be saved. */
export class Downloads {
  entry = null;
  #choices = el("div", { class: "choices" });
  #fail;

  /** @param {(words: string) => void} fail tells the person why a form could not be had */
  constructor(fail) {
    this.#fail = fail;
    const summary = el("summary", {}, t("download"));
    this.node = el("details", { class: "menu" }, summary, this.#choices);
    this.node.addEventListener("focusout", (event) => {
      if (!this.node.contains(event.relatedTarget)) this.node.open = false;
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.node.open) return;
      this.node.open = false;
      summary.focus();
    });
    this.offer(FORMATS);
  }

  /** Offers what the server writes, beside plain text and JSON. */
  offer(formats) {
    const others = formats.filter(({ value }) => !LOCAL.has(value));
    const all = [{ value: "text", title: t("asText") }, ...others, { value: "json", title: "JSON" }];
    const button = ({ value, title }) =>
      el("button", { type: "button", onclick: () => this.#take(value) }, title ?? value);
    this.#choices.replaceChildren(...all.map(button));
  }

  async #take(format) {
    const { file, fields, name, result } = this.entry;
    this.node.open = false;
    if (format === "json") {
      const json = JSON.stringify(result, null, 2);
      save(new Blob([json], { type: "application/json" }), renamed(name, "json"));
    } else if (format === "text") {
      save(new Blob([result.text], { type: "text/plain;charset=utf-8" }), renamed(name, "txt"));
    } else {
      try {
        save(await exportAs(file, fields, format), renamed(name, ENDINGS[format] ?? format));
      } catch (error) {
        this.#fail(error.message);
      }
    }
  }
}
