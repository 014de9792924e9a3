// Keeps the page's own files, so that it opens without a server. The network comes first: what is kept is only
// used where there is none. Requests to the endpoint are not touched.

const CACHE = 'orders-page';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  const [port] = event.ports;
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(event.data.urls))
      .then(
        () => port.postMessage(null),
        (error) => port.postMessage(String(error)),
      ),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin || url.pathname.startsWith('/v1/'))
    return;
  event.respondWith(
    fetch(event.request).catch(async (error) => {
      const kept = await caches.match(event.request, { ignoreSearch: true, cacheName: CACHE });
      if (kept === undefined) throw error;
      return kept;
    }),
  );
});
