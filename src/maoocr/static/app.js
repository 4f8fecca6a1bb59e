import { options as fetchOptions } from "./api.js";
import { show } from "./dom.js";
import { countLines, t, translate } from "./i18n.js";
import { List } from "./list.js";
import { Options } from "./options.js";
import { Queue } from "./queue.js";
import { Result } from "./result.js";

const $ = (selector) => document.querySelector(selector);

translate(document);

const queue = new Queue();
const options = new Options($("#options form"), () => result.optionsChanged());
const result = new Result($("#result"), {
  retry: (entry) => queue.retry(entry, options.fields()),
  cancel: (entry) => queue.cancel(entry),
  current: () => options.fields(),
  say,
});
const list = new List($("#documents ul"), queue, {
  select: open,
  cancel: (entry) => queue.cancel(entry),
  retry: (entry) => (queue.retry(entry, options.fields()), open(entry)),
  remove: (entry) => queue.remove(entry),
});

function say(words) {
  $("#live").textContent = words;
}

function note(words) {
  $("#note").textContent = words;
  show($("#note"), words !== "");
}

function open(entry) {
  result.open(entry);
  list.select(entry);
}

function add(files) {
  note("");
  const added = queue.add(files, options.fields());
  if (added.length) open(added[0]);
}

const SAID = {
  reading: (entry) => t("saidReading", { name: entry.name }),
  busy: (entry) => t("busy", { seconds: Math.ceil((entry.until - performance.now()) / 1000) }),
  failed: (entry) => t("saidFailed", { name: entry.name, message: entry.error.message }),
  done: (entry) => {
    const count = entry.result.pages.reduce((sum, page) => sum + (page.lines?.length ?? 0), 0);
    return t("saidDone", { name: entry.name, lines: countLines(count) });
  },
};
const announced = new WeakMap();

function follow(entry) {
  if (entry === result.entry) result.update(queue.progress(entry));
  if (announced.get(entry) === entry.state) return;
  announced.set(entry, entry.state);
  const words = SAID[entry.state]?.(entry);
  if (words) say(words);
}

function recount() {
  const filled = queue.entries.length > 0;
  document.body.classList.toggle("empty", !filled);
  show($("#documents"), filled);
}

queue.addEventListener("added", recount);
queue.addEventListener("changed", ({ detail }) => follow(detail));
queue.addEventListener("tick", () => result.entry && follow(result.entry));
queue.addEventListener("removed", ({ detail }) => {
  recount();
  if (detail === result.entry) open(queue.entries.at(-1) ?? null);
});

for (const [button, input] of [["#choose", "#files"], ["#camera", "#shot"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => {
    // Copied before the reset, which empties the list; the reset lets the same file be chosen again.
    const files = [...$(input).files];
    $(input).value = "";
    add(files);
  });
}

$("#clear").addEventListener("click", () => {
  for (const entry of [...queue.entries]) queue.remove(entry);
  $("#choose").focus();
});

let pastes = 0;

function addPasted(blobs) {
  add(
    blobs.map((blob) => {
      if (blob.name && blob.name !== "image.png") return blob;
      const ending = blob.type.split("/").pop().replace(/\W.*/, "") || "png";
      return new File([blob], `${t("pasted", { number: ++pastes })}.${ending}`, { type: blob.type });
    }),
  );
}

addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  addPasted(files);
});

show($("#paste"), Boolean(navigator.clipboard?.read));
$("#paste").addEventListener("click", async () => {
  const blobs = [];
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith("image/"));
      if (type) blobs.push(await item.getType(type));
    }
  } catch {
    // Refused by the person or the browser: the same as nothing to paste.
  }
  if (blobs.length) addPasted(blobs);
  else note(t("nothingToPaste"));
});

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!carriesFiles(event)) return;
  event.preventDefault();
  const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
  const files = items
    .filter((item) => !item.webkitGetAsEntry?.()?.isDirectory)
    .map((item) => item.getAsFile())
    .filter(Boolean);
  add(files);
  if (files.length < items.length) note(t("folder"));
});

function nameOf(address) {
  const last = address.pathname.replace(/\/+$/, "").split("/").pop();
  try {
    return decodeURIComponent(last) || address.host;
  } catch {
    return last || address.host;
  }
}

$("#link").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = $("#link input");
  const address = new URL(field.value);
  field.value = "";
  add([{ url: address.href, name: nameOf(address), type: "" }]);
});

const described = await fetchOptions();
show($("#options"), options.draw(described.options));
show($("#link"), described.imageUrl);
const formats = described.options.find((option) => option.name === "format")?.values;
if (formats) result.downloads.offer(formats);
navigator.serviceWorker?.register("sw.js").catch(() => {});
