import { el } from "./dom.js";
import { t } from "./i18n.js";

// Choices about the form of the answer, not about the reading; the page has its own places for them.
const ELSEWHERE = new Set(["format", "image", "file", "requirements"]);

function control(option) {
  const id = `option-${option.name}`;
  if (option.type === "boolean") {
    const box = el("input", { type: "checkbox", id, name: option.name });
    box.checked = option.default === true;
    return box;
  }
  if (Array.isArray(option.values)) {
    const choices = option.values.map((choice) =>
      el(
        "option",
        { value: choice.value },
        t(`option.${option.name}.${choice.value}`, {}, choice.title ?? String(choice.value)),
      ),
    );
    const select = el("select", { id, name: option.name }, ...choices);
    select.value = String(option.default ?? "");
    return select;
  }
  const number = option.type === "integer" || option.type === "number";
  return el("input", {
    id,
    name: option.name,
    type: number ? "number" : "text",
    min: option.minimum,
    max: option.maximum,
    step: option.type === "number" ? "any" : null,
    placeholder: option.default ?? "",
    autocomplete: "off",
    spellcheck: "false",
  });
}

function row(option) {
  const field = control(option);
  const title = t(`option.${option.name}`, {}, option.title ?? option.name);
  const label = el("label", { for: field.id }, title);
  const words = t(`option.${option.name}.hint`, {}, option.description ?? "");
  const parts = words.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
  const hint = words ? el("small", { id: `${field.id}-hint` }, ...parts) : null;
  if (hint) field.setAttribute("aria-describedby", hint.id);
  const boolean = option.type === "boolean";
  return el("div", { class: boolean ? "field check" : "field" }, field, label, hint);
}

function isChoice(option) {
  const others = option.values?.filter(({ value }) => value !== "auto");
  return !ELSEWHERE.has(option.name) && (!others || others.length > 1);
}

/** Draws the form for what the server says can be chosen, leaving out what is no choice. */
export class Options {
  #form;
  #options = [];

  constructor(form, onChange) {
    this.#form = form;
    form.addEventListener("change", onChange);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  draw(options) {
    this.#options = options.filter(isChoice);
    this.#form.replaceChildren(...this.#options.map(row));
    return this.#options.length > 0;
  }

  /** What differs from the defaults, as form fields. */
  fields() {
    const fields = {};
    for (const option of this.#options) {
      const field = this.#form.elements[option.name];
      const value = option.type === "boolean" ? String(field.checked) : field.value.trim();
      if (value !== "" && value !== String(option.default ?? "")) fields[option.name] = value;
    }
    return fields;
  }
}
