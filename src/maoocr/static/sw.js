// Keeps the page itself, so that it opens without a network. Nothing of documents is ever kept.
const SHELL = "shell-1";
const MODULES =
  "api app blocks copy dom downloads i18n key lines list options progress queue result sheet".split(" ");
const FILES = [
  "./",
  ...["static/style.css", "static/icon.svg", "static/manifest.webmanifest"],
  ...MODULES.map((name) => `static/${name}.js`),
];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)));
});

addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name !== SHELL).map((name) => caches.delete(name));
  event.waitUntil(caches.keys().then((names) => Promise.all(old(names))));
});

async function fresh(request) {
  const cache = await caches.open(SHELL);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const own = url.origin === location.origin && event.request.method === "GET";
  const shell = FILES.some((name) => new URL(name, registration.scope).pathname === url.pathname);
  // The network first: what is kept is only ever seen when there is none, so it never grows stale.
  if (own && shell) event.respondWith(fresh(event.request));
});
