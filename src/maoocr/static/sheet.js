import { el, show, svg } from "./dom.js";
import { t } from "./i18n.js";

/** Lines below this score are marked as unsure. */
export const UNSURE_BELOW = 0.8;

const ZOOM_STEP = 1.5;
const ZOOM_MOST = 8;
const A4 = 210 / 297;

function points(polygon) {
  return polygon.map(([x, y]) => `${x},${y}`).join(" ");
}

/** The text of a line set into its polygon, for pages whose picture the browser cannot show. */
function typeset(line) {
  const [a, b, , d] = line.polygon;
  const along = Math.hypot(b[0] - a[0], b[1] - a[1]);
  const across = Math.hypot(d[0] - a[0], d[1] - a[1]);
  const upright = across > along * 1.5 && line.text.length > 1;
  const size = (upright ? along : across) * 0.78;
  const angle = (Math.atan2(b[1] - a[1], b[0] - a[0]) * 180) / Math.PI;
  const text = svg(
    "text",
    {
      "font-size": size,
      textLength: upright ? across : along,
      lengthAdjust: "spacingAndGlyphs",
      x: upright ? along / 2 : 0,
      y: upright ? 0 : across * 0.78,
      transform: `translate(${a[0]} ${a[1]}) rotate(${angle})`,
      class: upright ? "set upright" : "set",
    },
    line.text,
  );
  return text;
}

/** The picture of a page with its lines drawn over it. */
export class Sheet {
  #stage;
  #sheet;
  #image;
  #over;
  #kind;
  #page = null;
  #polygons = [];
  #zoom = 1;
  #url = "";

  /**
   * @param {{onPick: (index: number) => void, onPoint: (index: number) => void}} listeners
   *   `index` is the line's place in the page, -1 for none
   */
  constructor({ onPick, onPoint }) {
    this.#image = el("img", { alt: "", draggable: "false" });
    this.#over = svg("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.#kind = el("span", { class: "kind", "aria-hidden": "true" });
    this.#sheet = el("div", { class: "sheet" }, this.#kind, this.#image, this.#over);
    this.#stage = el("div", { class: "stage", tabindex: "0", role: "group" }, this.#sheet);
    this.#stage.setAttribute("aria-label", t("picture"));
    const button = (key, label, step) =>
      el("button", { type: "button", title: t(key), "aria-label": t(key), onclick: step }, label);
    const zoom = el(
      "div",
      { class: "bar" },
      button("zoomOut", "−", () => this.#scale(this.#zoom / ZOOM_STEP)),
      button("zoomFit", t("zoomFit"), () => this.#scale(1)),
      button("zoomIn", "+", () => this.#scale(this.#zoom * ZOOM_STEP)),
    );
    this.node = el("div", { class: "picture" }, zoom, this.#stage);
    const index = (event) => Number(event.target.dataset?.line ?? -1);
    this.#over.addEventListener("click", (event) => onPick(index(event)));
    this.#over.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") onPoint(index(event));
    });
    this.#over.addEventListener("pointerleave", () => onPoint(-1));
    this.#image.addEventListener("load", () => this.#fit());
    this.#image.addEventListener("error", () => this.#blank());
  }

  /** Shows another document, at first without lines; an empty URL is a white page. */
  open(url, kind) {
    this.#url = url;
    this.#kind.textContent = kind;
    this.#page = null;
    this.#scale(1);
    this.#image.removeAttribute("src");
    this.draw(null);
  }

  /** Draws a page's lines; null draws the picture as it was given. */
  draw(page) {
    this.#page = page;
    this.#polygons = [];
    const lines = page?.lines ?? [];
    for (const [index, line] of lines.entries()) {
      const polygon = svg("polygon", { points: points(line.polygon), "data-line": index });
      polygon.classList.toggle("unsure", line.score < UNSURE_BELOW);
      this.#polygons.push(polygon);
    }
    this.#over.replaceChildren(...this.#polygons);
    if (page?.width) this.#over.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    // Only the first page of a file is what the browser shows of it.
    const picture = this.#url && (page?.number ?? 1) === 1;
    if (!picture) {
      this.#image.removeAttribute("src");
      this.#blank();
    } else if (this.#image.getAttribute("src") !== this.#url) {
      this.#image.src = this.#url;
    } else if (this.#image.complete) {
      this.#fit();
    }
  }

  /** Marks one line (-1 for none); `reveal` also scrolls the picture to it. */
  mark(index, kind, reveal = false) {
    for (const polygon of this.#over.querySelectorAll(`.${kind}`)) polygon.classList.remove(kind);
    const polygon = this.#polygons[index];
    polygon?.classList.add(kind);
    if (kind !== "picked") return;
    for (const word of this.#over.querySelectorAll(".word")) word.remove();
    if (!polygon) return;
    for (const word of this.#page.lines[index].words ?? []) {
      this.#over.append(svg("polygon", { points: points(word.polygon), class: "word" }));
    }
    if (reveal) this.#reveal(polygon);
  }

  #reveal(polygon) {
    const box = polygon.getBoundingClientRect();
    const view = this.#stage.getBoundingClientRect();
    const left = box.left + box.width / 2 - view.left - view.width / 2;
    const top = box.top + box.height / 2 - view.top - view.height / 2;
    const outside =
      box.left < view.left || box.right > view.right || box.top < view.top || box.bottom > view.bottom;
    if (outside) this.#stage.scrollBy({ left, top });
  }

  #scale(zoom) {
    this.#zoom = Math.min(Math.max(zoom, 1), ZOOM_MOST);
    this.#sheet.style.setProperty("--zoom", String(this.#zoom));
  }

  #ratio(ratio) {
    this.#sheet.style.setProperty("--ratio", String(ratio));
  }

  #blank() {
    show(this.#image, false);
    this.#sheet.classList.add("blank");
    const page = this.#page;
    this.#ratio(page?.width ? page.width / page.height : A4);
    const set = (page?.lines ?? []).map(typeset);
    for (const old of this.#over.querySelectorAll("text")) old.remove();
    this.#over.prepend(...set);
  }

  /** Lays the decoded picture under the lines: turned upright, and only if it is the same page. */
  #fit() {
    const { naturalWidth: width, naturalHeight: height } = this.#image;
    if (!width || !height) return this.#blank();
    const page = this.#page?.width ? this.#page : { width, height, rotation_deg: 0 };
    const turned = page.rotation_deg % 180 !== 0;
    const ratio = page.width / page.height;
    const seen = turned ? height / width : width / height;
    if (Math.abs(Math.log(seen / ratio)) > 0.03) return this.#blank();
    this.#sheet.classList.remove("blank");
    this.#ratio(ratio);
    const style = this.#image.style;
    style.setProperty("width", turned ? `${100 / ratio}%` : "100%");
    style.setProperty("height", turned ? `${100 * ratio}%` : "100%");
    style.setProperty("transform", `translate(-50%, -50%) rotate(${page.rotation_deg}deg)`);
    show(this.#image, true);
    return undefined;
  }
}
