import { el } from "./dom.js";
import { t } from "./i18n.js";

const KEPT = "maoocr.key";

let kept = "";
let asking = null;

/** The API key of this tab; empty where none was given. */
export function key() {
  try {
    return sessionStorage.getItem(KEPT) ?? kept;
  } catch {
    return kept;
  }
}

function keep(value) {
  kept = value;
  try {
    sessionStorage.setItem(KEPT, value);
  } catch {
    // Without a store it is known until the page is left.
  }
}

/**
 * Ask for a key, once for all requests that wait for it.
 *
 * @param {string} used the key that was refused; empty where none was sent
 * @returns {Promise<boolean>} whether there is another one to try
 */
export function askForKey(used) {
  if (key() !== used) return Promise.resolve(true);
  asking ??= ask(used !== "").finally(() => (asking = null));
  return asking;
}

function ask(again) {
  const field = el("input", {
    id: "key",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "off",
    "aria-describedby": "key-hint",
  });
  const cancel = el("button", { type: "button" }, t("cancel"));
  const form = el(
    "form",
    {},
    el("label", { for: "key" }, t("key")),
    field,
    el("p", { id: "key-hint", class: again ? "note" : "quiet" }, t(again ? "keyWrong" : "keyHint")),
    el("div", { class: "actions" }, el("button", { class: "primary" }, t("keyUse")), cancel),
  );
  const dialog = el("dialog", { "aria-label": t("key") }, form);
  return new Promise((resolve) => {
    const close = (given) => {
      if (given) keep(given);
      dialog.remove();
      resolve(Boolean(given));
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close(field.value.trim());
    });
    cancel.addEventListener("click", () => close(""));
    dialog.addEventListener("close", () => close(""));
    document.body.append(dialog);
    dialog.showModal();
  });
}
