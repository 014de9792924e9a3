// Where code can run besides a window: workers of every kind, each with the package loaded, called from a page.

/** Script of every worker: carries out what it is posted, and answers to the port that came with it. */
const WORKER = `
import { EventStore } from '/index.js';
globalThis.EventStore = EventStore;
const answer = async ({ data: { work, argument }, ports: [port] }) => {
  try {
    port.postMessage({ value: await (0, eval)('(' + work + ')')(argument) });
  } catch (error) {
    port.postMessage({ error: String(error?.stack ? error + '\\n' + error.stack : error) });
  }
};
globalThis.onmessage = (event) => {
  const answered = answer(event);
  // Only a service worker has to say that it is not done yet.
  event.waitUntil?.(answered);
};
globalThis.onconnect = ({ ports: [port] }) => {
  port.onmessage = answer;
};
`;

/** Scripts that a site serves, so that its pages can have realms. */
export const REALM_SCRIPTS = { '/realm.js': WORKER };

/**
 * Gives a page `EventStore`, and `realm(kind)`: `window`, `dedicated`, `shared` or `service`. A realm has `call`,
 * which calls a function there that has nothing but its argument and the package, and `end`.
 * @param {import('../../js/tools/drivers.mjs').Page} page
 */
export const loadRealms = (page) =>
  page.evaluate(async () => {
    globalThis.EventStore = (await import('/index.js')).EventStore;
    const script = '/realm.js';
    const options = { type: 'module' };
    const over = (post, end) => ({
      end,
      call: (work, argument) =>
        new Promise((resolve, reject) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = ({ data }) => {
            port1.close();
            if ('error' in data) reject(new Error(data.error));
            else resolve(data.value);
          };
          post({ work: String(work), argument }, [port2]);
        }),
    });
    const kinds = {
      window: async () => ({ end: () => {}, call: (work, argument) => work(argument) }),
      async dedicated() {
        const worker = new Worker(script, options);
        return over(
          (message, ports) => worker.postMessage(message, ports),
          () => worker.terminate(),
        );
      },
      async shared() {
        const { port } = new SharedWorker(script, options);
        port.start();
        return over(
          (message, ports) => port.postMessage(message, ports),
          () => port.close(),
        );
      },
      async service() {
        const registration = await navigator.serviceWorker.register(script, options);
        const worker = registration.installing ?? registration.waiting ?? registration.active;
        while (worker.state !== 'activated') {
          await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }));
        }
        return over(
          (message, ports) => worker.postMessage(message, ports),
          () => {},
        );
      },
    };
    globalThis.realm = (kind) => kinds[kind]();
  });
