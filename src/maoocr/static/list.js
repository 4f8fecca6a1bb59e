import { el, show } from "./dom.js";
import { t } from "./i18n.js";
import { Progress } from "./progress.js";

/** A short label for the kind of a file, from its name or its type. */
export function kindOf(file) {
  const ending = /\.([a-z0-9]{1,4})$/i.exec(file.name ?? "")?.[1];
  return (ending ?? file.type.split("/").pop() ?? "").slice(0, 4).toUpperCase();
}

/** The list of documents: one row each, with its progress and what can be done about it. */
export class List {
  #node;
  #queue;
  #rows = new Map();
  #actions;

  /** @param {{select: Function, cancel: Function, retry: Function, remove: Function}} actions */
  constructor(node, queue, actions) {
    this.#node = node;
    this.#queue = queue;
    this.#actions = actions;
    queue.addEventListener("added", ({ detail }) => this.#add(detail));
    queue.addEventListener("changed", ({ detail }) => this.#update(detail));
    queue.addEventListener("removed", ({ detail }) => this.#remove(detail));
    queue.addEventListener("tick", () => {
      for (const entry of this.#queue.entries) if (entry.active) this.#update(entry);
    });
  }

  select(entry) {
    for (const [other, row] of this.#rows) {
      row.open.setAttribute("aria-pressed", String(other === entry));
    }
    this.#rows.get(entry)?.node.scrollIntoView({ block: "nearest" });
  }

  #add(entry) {
    const progress = new Progress();
    const open = el(
      "button",
      { type: "button", class: "open", "aria-pressed": "false", onclick: () => this.#actions.select(entry) },
      el("span", { class: "kind", "aria-hidden": "true" }, kindOf(entry.file)),
      el("span", { class: "about" }, el("bdi", { class: "name" }, entry.name), progress.node),
    );
    const small = (key, sign, action) =>
      el(
        "button",
        { type: "button", class: "small", title: t(key), "aria-label": `${t(key)}: ${entry.name}`, onclick: action },
        sign,
      );
    const cancel = small("cancel", "✕", () => this.#actions.cancel(entry));
    const retry = small("retry", "↻", () => this.#actions.retry(entry));
    const remove = small("remove", "✕", () => this.#actions.remove(entry));
    const node = el("li", {}, open, retry, cancel, remove);
    this.#rows.set(entry, { node, open, progress, cancel, retry, remove });
    this.#node.append(node);
    this.#update(entry);
  }

  #update(entry) {
    const row = this.#rows.get(entry);
    if (!row) return;
    row.progress.update(entry, this.#queue.progress(entry));
    row.node.dataset.state = entry.state;
    show(row.cancel, !entry.settled);
    show(row.retry, entry.state === "failed" || entry.state === "cancelled");
    show(row.remove, entry.settled);
  }

  #remove(entry) {
    const { node } = this.#rows.get(entry);
    const next = node.nextElementSibling ?? node.previousElementSibling;
    const focused = node.contains(document.activeElement);
    node.remove();
    this.#rows.delete(entry);
    if (focused) (next?.querySelector(".open") ?? document.querySelector("#choose")).focus();
  }
}
