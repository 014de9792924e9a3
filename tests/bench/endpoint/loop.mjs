// Callers that ask again as soon as they are answered, for some seconds after a while that is not counted.

export const CALLERS = 32;
/** Events of a commit in the row `commits`. */
export const COMMIT = 100;
/** Events that a stream gets in the row `push`, before the next one begins. */
export const STREAM = 10;
const WARM_UP_MS = 500;

/**
 * @typedef {{ rate: number, p50: number, p99: number }} Measured Events per second, and milliseconds of a call.
 * @param {number} callers @param {number} seconds
 * @param {(caller: number, number: number) => Promise<number>} once Answers with how many events it was.
 * @returns {Promise<Measured>}
 */
export async function closedLoop(callers, seconds, once) {
  const counted = performance.now() + WARM_UP_MS;
  const end = counted + seconds * 1_000;
  let events = 0;
  const times = [];
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let number = 0; performance.now() < end; number += 1) {
        const began = performance.now();
        const count = await once(caller, number);
        if (began < counted) continue;
        events += count;
        times.push(performance.now() - began);
      }
    }),
  );
  const rate = (events / (performance.now() - counted)) * 1_000;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor((times.length - 1) * share)];
  return { rate, p50: at(0.5), p99: at(0.99) };
}

/** About 480 bytes as JSON, with what a store adds to it; the same as in `load.rs`. */
export const payload = (number) => ({
  order: `order-${number}`,
  customer: { name: 'Ada Lovelace', email: `ada-${number}@example.com` },
  currency: 'EUR',
  lines: [
    { sku: `SKU-${number % 997}`, quantity: (number % 7) + 1, price: 12.5 },
    { sku: `SKU-${number % 991}`, quantity: 1, price: 99.9 },
  ],
  note: 'Leave it with the neighbours if nobody is at home.',
});

/** The stream of a caller's n-th commit, and how many commits it has already. */
export const place = (row, caller, number) => ({
  stream: `${row}-${caller}-${Math.floor(number / STREAM)}`,
  before: number % STREAM,
});
