// The page itself works offline too: a service worker keeps its files.

/** Registers the worker and hands it the files that this page was made of; resolves when it has them. */
export async function keepPage(): Promise<void> {
  const registration = await navigator.serviceWorker.register('/sw.js');
  const worker = (await navigator.serviceWorker.ready).active ?? registration.active;
  const resources = performance.getEntriesByType('resource').map((entry) => entry.name);
  const own = resources.filter((url) => url.startsWith(location.origin) && !url.includes('/v1/'));
  const { port1, port2 } = new MessageChannel();
  await new Promise<void>((resolve, reject) => {
    port1.onmessage = (message: MessageEvent<string | null>) =>
      message.data === null ? resolve() : reject(new Error(message.data));
    worker?.postMessage({ urls: [location.pathname, ...new Set(own)] }, [port2]);
  });
}
