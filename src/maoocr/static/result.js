import { Blocks, markdown } from "./blocks.js";
import { copyText } from "./copy.js";
import { el, show } from "./dom.js";
import { Downloads } from "./downloads.js";
import { countLines, seconds, t } from "./i18n.js";
import { Lines } from "./lines.js";
import { kindOf } from "./list.js";
import { Progress } from "./progress.js";
import { Sheet } from "./sheet.js";

const COPIED_MS = 2000;

/** One document: its picture with the lines, its text, and what can be taken away. */
export class Result {
  #entry = null;
  #page = null;
  #url = "";
  #picked = null;
  #drawn = 0;
  #answer = null;
  #say;
  #current;

  /**
   * @param {HTMLElement} node
   * @param {{retry: Function, cancel: Function, say: (words: string) => void,
   *   current: () => object}} actions `current` gives the options as they stand in the form
   */
  constructor(node, { retry, cancel, say, current }) {
    this.#say = say;
    this.#current = current;
    this.node = node;
    this.sheet = new Sheet({
      onPick: (index) => this.#pick(index),
      onPoint: (index) => this.#point(index),
    });
    this.lines = new Lines({
      onPick: (index) => this.#pick(index, true),
      onPoint: (index) => this.#point(index),
      onTake: () => this.#copy(this.#picked?.text ?? "", this.copyLine),
    });
    this.#build(retry, cancel);
  }

  #build(retry, cancel) {
    const button = (key, action, kind = "") =>
      el("button", { type: "button", class: kind, onclick: action }, t(key));
    this.name = el("h2", { id: "name", tabindex: "-1" });
    this.about = el("p", { class: "about" });
    this.copy = button("copy", () => this.#copy(this.#entry.result.text, this.copy), "primary");
    this.rerun = button("rerun", () => retry(this.#entry));
    this.downloads = new Downloads((words) => {
      this.notice.textContent = words;
      show(this.notice, true);
      this.#say(words);
    });
    this.actions = el("div", { class: "actions" }, this.rerun, this.downloads.node, this.copy);
    this.notice = el("p", { class: "note", hidden: true });
    this.ongoing = new Progress();
    this.stop = button("cancel", () => cancel(this.#entry));
    this.again = button("retry", () => retry(this.#entry));
    this.strip = el("div", { class: "strip" }, this.ongoing.node, this.stop, this.again);
    this.tabs = el("div", { class: "pages", role: "tablist", "aria-label": t("pages") });
    this.tabs.addEventListener("keydown", (event) => this.#moveTab(event));

    this.lineText = el("span", { dir: "auto" });
    this.copyLine = button("copyLine", () => this.#copy(this.#picked?.text ?? "", this.copyLine));
    this.lineBar = el("div", { class: "line-bar", hidden: true }, this.lineText, this.copyLine);
    this.sheet.node.append(this.lineBar);

    this.all = el("textarea", { readonly: true, spellcheck: "false", "aria-label": t("allText") });
    this.asLines = button("lines", () => this.#view("lines"));
    this.asText = button("text", () => this.#view("plain"));
    this.asBlocks = button("parts", () => this.#view("parts"));
    this.copyMarkdown = button("copyMarkdown", () => {
      this.#copy(markdown(this.#entry.result.pages), this.copyMarkdown, "copyMarkdown");
    });
    this.views = el("div", { class: "bar views" }, this.asLines, this.asText, this.asBlocks, this.copyMarkdown);
    this.blocks = new Blocks();
    this.empty = el("p", { class: "nothing" });
    this.reading = el("div", { class: "text" }, this.views, this.empty, this.lines.node, this.all, this.blocks.node);

    this.progress = new Progress();
    this.trouble = el("p", { class: "trouble" });
    this.request = el("small");
    this.cancel = button("cancel", () => cancel(this.#entry));
    this.retry = button("retry", () => retry(this.#entry), "primary");
    this.pending = el(
      "div",
      { class: "pending" },
      this.progress.node,
      this.trouble,
      this.request,
      el("div", { class: "actions" }, this.cancel, this.retry),
    );
    this.node.replaceChildren(
      el("header", {}, el("div", {}, this.name, this.about), this.actions),
      this.strip,
      this.notice,
      this.tabs,
      el("div", { class: "panes" }, this.sheet.node, this.reading, this.pending),
    );
    this.#view("lines");
  }

  get entry() {
    return this.#entry;
  }

  /** Shows a document, or nothing for null. */
  open(entry) {
    if (this.#url) URL.revokeObjectURL(this.#url);
    // The browser never goes itself where the server is sent.
    this.#url = entry && !entry.file.url ? URL.createObjectURL(entry.file) : "";
    this.#entry = entry;
    this.#page = null;
    show(this.node, entry !== null);
    if (!entry) return;
    this.name.textContent = entry.name;
    this.#clear();
    this.sheet.open(this.#url, kindOf(entry.file));
    this.update();
  }

  /** Follows the state of the document that is shown; the first pages may be there before the rest. */
  update(fraction = 0) {
    const { state, error, result, settled } = this.#entry;
    const done = state === "done";
    for (const node of [this.reading, this.about]) show(node, result !== null);
    show(this.pending, result === null);
    show(this.actions, done);
    show(this.strip, result !== null && !done);
    show(this.tabs, result !== null && result.pages.length > 1);
    if (result) this.#draw(result);
    else if (this.#page) this.#clear();
    for (const [progress, stop, again] of [
      [this.progress, this.cancel, this.retry],
      [this.ongoing, this.stop, this.again],
    ]) {
      progress.update(this.#entry, fraction);
      show(stop, !settled);
      show(again, settled);
    }
    this.trouble.textContent = error?.message ?? "";
    this.request.textContent = error?.requestId ? t("requestId", { id: error.requestId }) : "";
    this.pending.dataset.state = state;
    this.strip.dataset.state = state;
    this.#notify(done, result, error);
    this.optionsChanged();
  }

  #notify(done, result, error) {
    const words = [];
    if (result && error) words.push(error.message);
    if (result && done) {
      const [total, failed] = [result.pages.length, result.pages.length - result.pages_done];
      if (failed) words.push(t("partly", { failed, total }));
      if (result.pages_total > total) words.push(t("some", { done: total, total: result.pages_total }));
    }
    this.notice.textContent = words.join(" ");
    show(this.notice, words.length > 0);
  }

  /** Offers another reading when the form no longer says what this one was made with. */
  optionsChanged() {
    if (!this.#entry) return;
    const same = JSON.stringify(this.#entry.fields) === JSON.stringify(this.#current());
    show(this.rerun, !same);
  }

  #clear() {
    this.#page = null;
    this.#drawn = 0;
    this.tabs.replaceChildren();
    this.sheet.draw(null);
    this.#pick(-1);
  }

  #draw(result) {
    if (this.#drawn === result.pages.length && this.#answer === result) return;
    this.#answer = result;
    this.all.value = result.text;
    this.tabs.append(...result.pages.slice(this.#drawn).map((page) => this.#tab(page)));
    this.#drawn = result.pages.length;
    this.downloads.entry = this.#entry;
    const page = result.pages.find(({ number }) => number === this.#page?.number);
    if (page) this.about.textContent = this.#describe(page, result);
    else this.#turnTo(result.pages[0] ?? { number: 1, lines: [] });
  }

  #tab(page) {
    const label = t(page.error ? "pageFailed" : "page", { number: page.number });
    const props = { role: "tab", title: label, "aria-label": label, "aria-selected": "false", tabindex: -1 };
    const turn = () => this.#turnTo(page);
    return el(
      "button",
      { type: "button", ...props, class: page.error ? "failed" : null, onclick: turn },
      String(page.number),
    );
  }

  #turnTo(page) {
    this.#page = page;
    const { result } = this.#entry;
    for (const [index, tab] of [...this.tabs.children].entries()) {
      const here = result.pages[index]?.number === page.number;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      if (here && !this.tabs.hidden) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.sheet.draw(page);
    this.lines.draw(page.lines ?? []);
    this.blocks.draw(page.blocks ?? []);
    const parted = result?.pages.some(({ blocks }) => blocks?.length) ?? false;
    for (const node of [this.asBlocks, this.copyMarkdown]) show(node, parted);
    if (!parted && this.reading.classList.contains("parts")) this.#view("lines");
    this.#pick(-1);
    this.empty.textContent = page.error ? page.error.message : page.lines?.length ? "" : t("noText");
    this.empty.classList.toggle("trouble", Boolean(page.error));
    this.about.textContent = this.#describe(page, result);
  }

  #describe(page, result) {
    const confidence = result.pages.length > 1 ? page.confidence : result.confidence;
    const count = page.lines?.length ?? 0;
    return [
      page.error ? "" : countLines(count),
      count ? t("sure", { percent: Math.round((confidence ?? 0) * 100) }) : "",
      result.processing_time ? t("seconds", { seconds: seconds(result.processing_time) }) : "",
      page.source === "text_layer" ? t("layer") : page.engine,
      page.rotation_deg ? t("turned", { degrees: page.rotation_deg }) : "",
      result.cached ? t("cached") : "",
    ]
      .filter(Boolean)
      .join(" · ");
  }

  #moveTab(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tabs = [...this.tabs.children];
    const next = tabs[tabs.indexOf(event.target) + (step ?? 0)];
    if (!step || !next) return;
    event.preventDefault();
    next.click();
    next.focus();
  }

  #pick(index, reveal = false) {
    this.#picked = this.#page?.lines?.[index] ?? null;
    this.sheet.mark(index, "picked", reveal);
    this.lines.pick(index);
    this.lineText.textContent = this.#picked?.text ?? "";
    show(this.lineBar, this.#picked !== null);
  }

  #point(index) {
    this.sheet.mark(index, "pointed");
    this.lines.point(index);
  }

  /** Shows the `lines`, the `plain` text or the `parts` of the page. */
  #view(kind) {
    const views = { lines: this.asLines, plain: this.asText, parts: this.asBlocks };
    for (const [name, button] of Object.entries(views)) {
      button.setAttribute("aria-pressed", String(name === kind));
    }
    for (const name of ["plain", "parts"]) this.reading.classList.toggle(name, name === kind);
  }

  async #copy(text, button, key = button === this.copy ? "copy" : "copyLine") {
    const copied = await copyText(text);
    this.#say(t(copied ? "copied" : "copyFailed"));
    if (!copied) {
      this.#view("plain");
      this.all.select();
      return;
    }
    const label = t(key);
    button.textContent = t("copied");
    setTimeout(() => (button.textContent = label), COPIED_MS);
  }
}
