import { el, show } from "./dom.js";
import { seconds, t } from "./i18n.js";

/** Where an entry stands, as a phrase. */
export function phrase(entry) {
  const now = performance.now();
  switch (entry.state) {
    case "uploading":
      return t("uploading", { percent: Math.floor(entry.uploaded * 100) });
    case "reading":
      if (entry.result) {
        const { pages, pages_total: total } = entry.result;
        return t(total ? "readingPages" : "readingSome", { done: pages.length, total });
      }
      return t("reading", { seconds: Math.floor((now - entry.since) / 1000) });
    case "busy":
      return t("busy", { seconds: Math.max(0, Math.ceil((entry.until - now) / 1000)) });
    case "done":
      return t("done", { seconds: seconds(entry.tookS) });
    default:
      return t(entry.state);
  }
}

/** A bar with its phrase; hidden once there is nothing left to wait for. */
export class Progress {
  #bar = el("div", { class: "done-part" });
  #track = el("div", { class: "track", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  #phrase = el("span", { class: "phrase" });

  constructor() {
    this.#track.append(this.#bar);
    this.node = el("div", { class: "progress" }, this.#phrase, this.#track);
  }

  update(entry, fraction) {
    const percent = Math.round(fraction * 100);
    const words = phrase(entry);
    this.#phrase.textContent = words;
    this.#bar.style.setProperty("width", `${percent}%`);
    this.#track.setAttribute("aria-label", entry.name);
    this.#track.setAttribute("aria-valuenow", String(percent));
    this.#track.setAttribute("aria-valuetext", words);
    show(this.#track, !entry.settled);
  }
}
