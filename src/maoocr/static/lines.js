import { el } from "./dom.js";
import { t } from "./i18n.js";
import { UNSURE_BELOW } from "./sheet.js";

const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** The lines of a page as a list box: one tab stop, arrow keys move, Enter takes the line. */
export class Lines {
  #rows = [];
  #picked = -1;

  /**
   * @param {{onPick: (index: number) => void, onPoint: (index: number) => void,
   *   onTake: () => void}} listeners
   */
  constructor({ onPick, onPoint, onTake }) {
    this.node = el("ul", { class: "lines", role: "listbox", tabindex: "0", "aria-label": t("lines") });
    const index = (event) => Number(event.target.closest?.("li")?.dataset.line ?? -1);
    this.node.addEventListener("click", (event) => index(event) >= 0 && onPick(index(event)));
    this.node.addEventListener("pointerover", (event) => onPoint(index(event)));
    this.node.addEventListener("pointerleave", () => onPoint(-1));
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.#picked >= 0) {
        onTake();
      } else if (event.key in KEYS && this.#rows.length && !event.ctrlKey && !event.metaKey) {
        const to = this.#picked + KEYS[event.key];
        onPick(Math.min(Math.max(to, 0), this.#rows.length - 1));
      } else {
        return;
      }
      event.preventDefault();
    });
  }

  draw(lines) {
    this.#picked = -1;
    this.#rows = lines.map((line, index) => {
      const unsure = line.score < UNSURE_BELOW;
      const score = t("percent", { percent: Math.round(line.score * 100) });
      const title = t("unsure", { percent: Math.round(line.score * 100) });
      return el(
        "li",
        { role: "option", id: `line-${index}`, "data-line": index, "aria-selected": "false", class: unsure ? "unsure" : null },
        el("span", { dir: "auto" }, line.text),
        unsure ? el("small", { title, "aria-label": title }, score) : null,
      );
    });
    this.node.removeAttribute("aria-activedescendant");
    this.node.replaceChildren(...this.#rows);
  }

  point(index) {
    for (const row of this.node.querySelectorAll(".pointed")) row.classList.remove("pointed");
    this.#rows[index]?.classList.add("pointed");
  }

  pick(index) {
    this.#rows[this.#picked]?.setAttribute("aria-selected", "false");
    this.#picked = index;
    const row = this.#rows[index];
    if (!row) {
      this.node.removeAttribute("aria-activedescendant");
      return;
    }
    row.setAttribute("aria-selected", "true");
    this.node.setAttribute("aria-activedescendant", row.id);
    const above = row.offsetTop - this.node.scrollTop;
    // Moves the list alone: scrollIntoView would move the whole page under a finger.
    if (above < 0 || above + row.offsetHeight > this.node.clientHeight) {
      this.node.scrollTop += above - this.node.clientHeight / 2;
    }
  }
}
