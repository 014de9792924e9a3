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

/** The stream of a caller's n-th commit, and how many commits it has already. */
export const place = (row, caller, number) => ({
  stream: `${row}-${caller}-${Math.floor(number / STREAM)}`,
  before: number % STREAM,
});
