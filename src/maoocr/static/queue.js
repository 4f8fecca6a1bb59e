import { recognize } from "./api.js";

const PARALLEL = 2;
const TRIES = 5;
const LONGEST_WAIT_S = 60;
const TICK_MS = 250;

/**
 * One file and where it stands.
 *
 * state: waiting | uploading | reading | busy | done | failed | cancelled
 */
class Entry {
  constructor(id, file, fields) {
    this.id = id;
    this.file = file;
    this.name = file.name || "image";
    this.reset(fields);
  }

  reset(fields) {
    this.fields = fields;
    this.state = "waiting";
    this.uploaded = 0;
    this.tries = 0;
    this.since = 0;
    this.until = 0;
    this.tookS = 0;
    this.result = null;
    this.error = null;
    this.abort = new AbortController();
  }

  get active() {
    return ["uploading", "reading", "busy"].includes(this.state);
  }

  get settled() {
    return ["done", "failed", "cancelled"].includes(this.state);
  }
}

/** A pause that the signal ends early. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/**
 * The files that were given, read a few at a time in the order in which they came.
 *
 * Events: `added`, `changed` and `removed` with the entry as `detail`; `tick` while the clock
 * matters to somebody.
 */
export class Queue extends EventTarget {
  entries = [];
  #ids = 0;
  #running = 0;
  #timer = 0;
  #pace = 1.5;

  add(files, fields) {
    const added = Array.from(files, (file) => new Entry(++this.#ids, file, fields));
    for (const entry of added) {
      this.entries.push(entry);
      this.#tell("added", entry);
    }
    this.#pump();
    return added;
  }

  retry(entry, fields) {
    entry.abort.abort();
    entry.reset(fields);
    this.#tell("changed", entry);
    this.#pump();
  }

  cancel(entry) {
    if (entry.settled) return;
    entry.abort.abort();
    this.#move(entry, "cancelled");
  }

  remove(entry) {
    this.cancel(entry);
    this.entries = this.entries.filter((other) => other !== entry);
    this.#tell("removed", entry);
  }

  /** How far the entry is, in 0..1: the upload is measured, reading follows earlier readings. */
  progress(entry) {
    if (entry.settled) return 1;
    if (entry.state === "uploading") return entry.uploaded / 2;
    if (entry.state !== "reading") return 0;
    const { pages, pages_total: total } = entry.result ?? {};
    if (total) return 0.5 + (0.5 * pages.length) / total;
    const passed = (performance.now() - entry.since) / 1000;
    return 0.5 + 0.47 * (1 - Math.exp(-passed / this.#pace));
  }

  #tell(type, entry) {
    this.dispatchEvent(new CustomEvent(type, { detail: entry }));
  }

  #move(entry, state) {
    entry.state = state;
    entry.since = performance.now();
    this.#tell("changed", entry);
    this.#watchClock();
  }

  #watchClock() {
    const wanted = this.entries.some((entry) => entry.state === "reading" || entry.state === "busy");
    if (wanted && !this.#timer) {
      this.#timer = setInterval(() => this.dispatchEvent(new Event("tick")), TICK_MS);
    } else if (!wanted && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = 0;
    }
  }

  #pump() {
    while (this.#running < PARALLEL) {
      const next = this.entries.find((entry) => entry.state === "waiting");
      if (!next) return;
      this.#running += 1;
      this.#run(next, next.abort.signal).finally(() => {
        this.#running -= 1;
        this.#pump();
      });
    }
  }

  async #run(entry, signal) {
    const started = performance.now();
    for (;;) {
      entry.tries += 1;
      entry.uploaded = 0;
      entry.result = null;
      this.#move(entry, "uploading");
      try {
        entry.result = await recognize(entry.file, entry.fields, {
          signal,
          onUpload: (fraction) => {
            entry.uploaded = fraction;
            this.#tell("changed", entry);
          },
          onSent: () => this.#move(entry, "reading"),
          onPages: (answer) => {
            entry.result = answer;
            this.#tell("changed", entry);
          },
        });
        if (signal.aborted) return;
        this.#pace = (this.#pace + (performance.now() - entry.since) / 1000) / 2;
        entry.tookS = (performance.now() - started) / 1000;
        this.#move(entry, "done");
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(await this.#waitForRoom(entry, error, signal))) return;
      }
    }
  }

  /** Whether to try again, after the wait that a busy server asked for. */
  async #waitForRoom(entry, error, signal) {
    entry.error = error;
    const busy = error.status === 429 || (error.status === 503 && error.retryAfter !== null);
    if (!busy || entry.tries >= TRIES) {
      this.#move(entry, "failed");
      return false;
    }
    const wait = Math.min(error.retryAfter ?? 2 ** entry.tries, LONGEST_WAIT_S) * 1000;
    entry.until = performance.now() + wait;
    this.#move(entry, "busy");
    await pause(wait, signal);
    entry.error = null;
    return !signal.aborted;
  }
}
