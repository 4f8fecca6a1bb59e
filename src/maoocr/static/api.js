import { t } from "./i18n.js";
import { askForKey, key } from "./key.js";

/** A failed request: `message` is a sentence for a person, `retryAfter` seconds or null. */
export class Failure extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** Seconds of a Retry-After header, which may be a number or a date; null when there is none. */
export function parseRetryAfter(value, now = Date.now()) {
  if (!value) return null;
  const moment = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isFinite(moment) ? Math.max(0, moment) : null;
}

function failure(status, body, retryAfter) {
  let error = null;
  try {
    error = JSON.parse(body).error;
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  const message = typeof error?.message === "string" ? error.message : t("odd", { status });
  return new Failure(message, {
    status,
    code: String(error?.code ?? ""),
    requestId: String(error?.request_id ?? ""),
    retryAfter,
  });
}

function form(file, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, String(value));
  if (file.url) body.append("image_url", file.url);
  else body.append("image", file, file.name || "image");
  return body;
}

/** Send the file; where the server wants an API key, ask for one and send it again. */
async function post(file, fields, run) {
  for (;;) {
    const used = key();
    const request = await send(file, fields, used, run);
    if (request.status !== 401 || !(await askForKey(used))) return request;
  }
}

function send(file, fields, used, { type, signal, onUpload, onSent, onText } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/ocr/recognize");
    if (used) request.setRequestHeader("Authorization", `Bearer ${used}`);
    request.responseType = type;
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onUpload?.(event.loaded / event.total);
    };
    request.upload.onload = () => onSent?.();
    request.onprogress = () => {
      if (request.status === 200) onText?.(request);
    };
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Failure(t("offline")));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    if (signal?.aborted) {
      reject(new DOMException("", "AbortError"));
      return;
    }
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form(file, fields));
  });
}

/** Whether the file may have many pages, which are then worth having one by one. */
export function mayHavePages(file) {
  return Boolean(file.url) || /pdf|tiff?$/i.test(file.type) || /\.(pdf|tiff?)$/i.test(file.name ?? "");
}

/**
 * Read one file.
 *
 * @param {Blob | {url: string, name: string, type: string}} file or where the server finds it
 * @param {Object<string, string>} fields options of the request
 * @param {{signal?: AbortSignal, onUpload?: (fraction: number) => void, onSent?: () => void,
 *   onPages?: (answer: object) => void}} run `onPages` gets the answer as far as it is known
 * @returns {Promise<object>} the answer
 * @throws {Failure} or an AbortError
 */
export function recognize(file, fields, run = {}) {
  return mayHavePages(file) ? recognizePages(file, fields, run) : recognizeWhole(file, fields, run);
}

async function recognizeWhole(file, fields, run) {
  const request = await post(file, fields, { ...run, type: "text" });
  const retryAfter = parseRetryAfter(request.getResponseHeader("Retry-After"));
  if (request.status !== 200) throw failure(request.status, request.responseText, retryAfter);
  try {
    return JSON.parse(request.responseText);
  } catch {
    throw failure(request.status, "", null);
  }
}

/** An answer put together from the pages that came so far. */
function answerOf(pages, total) {
  let characters = 0;
  let sum = 0;
  for (const line of pages.flatMap((page) => page.lines ?? [])) {
    characters += line.text.length;
    sum += line.score * line.text.length;
  }
  const read = pages.filter((page) => !page.error);
  return {
    text: read.filter((page) => page.text).map((page) => page.text).join("\n\n"),
    confidence: characters ? sum / characters : 0,
    selected_models: [...new Set(read.map((page) => page.engine))],
    pages,
    pages_total: total,
    pages_done: read.length,
  };
}

async function recognizePages(file, fields, run) {
  const started = performance.now();
  const pages = [];
  let seen = 0;
  let total = 0;
  const take = (request) => {
    const text = request.responseText;
    total = Number(request.getResponseHeader("X-Pages-Total")) || 0;
    const before = pages.length;
    for (let end = text.indexOf("\n", seen); end >= 0; end = text.indexOf("\n", seen)) {
      const { page, ...rest } = JSON.parse(text.slice(seen, end));
      pages.push({ number: page, ...rest });
      seen = end + 1;
    }
    if (pages.length > before) run.onPages?.(answerOf(pages, total));
  };
  const asked = { ...fields, format: "jsonl" };
  const request = await post(file, asked, { ...run, type: "text", onText: take });
  const retryAfter = parseRetryAfter(request.getResponseHeader("Retry-After"));
  if (request.status !== 200) throw failure(request.status, request.responseText, retryAfter);
  take(request);
  const answer = answerOf(pages, total || pages.length);
  return { ...answer, processing_time: (performance.now() - started) / 1000 };
}

/** The same reading in another format; the server has it in its cache. */
export async function exportAs(file, fields, format) {
  const request = await post(file, { ...fields, format }, { type: "blob" });
  if (request.status !== 200) throw failure(request.status, await request.response.text(), null);
  return request.response;
}

/** What the caller may choose, and whether the server fetches; nothing where it does not tell. */
export async function options() {
  try {
    const response = await fetch("api/ocr/options", { headers: { Accept: "application/json" } });
    const told = response.ok ? await response.json() : {};
    return { options: told.options ?? [], imageUrl: told.image_url === true };
  } catch {
    return { options: [], imageUrl: false };
  }
}
