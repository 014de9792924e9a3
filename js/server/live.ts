// Following a space: the Rust handler's messages as a stream, with heartbeats and an end.

import type { HostLive } from '../wasm/endpoint/eventcore.js';

/** A stream that is silent for longer is ended by proxies. */
const HEARTBEAT_MS = 10_000;
const HEARTBEAT = ':\n\n';
const PREAMBLE = 'retry: 1000\n\n';
/** The longest that a timer takes. */
const FAR_MS = 2 ** 31 - 1;

/** The messages to one follower, for as long as it reads; `ends` has what ends them, as long as they go on. */
export function follow(
  live: HostLive,
  signal: AbortSignal,
  ends: Set<() => void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: Promise<string | undefined> | undefined;
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    signal.removeEventListener('abort', end);
    ends.delete(end);
    live.close();
    // What was still being waited for ends first.
    Promise.resolve(waiting).finally(() => live.free());
  };
  signal.addEventListener('abort', end);
  ends.add(end);
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(PREAMBLE)),
    async pull(controller) {
      if (!over) {
        waiting ??= live.next();
        const said = await sooner(waiting, Math.min(HEARTBEAT_MS, (live.until ?? Infinity) - Date.now()));
        if (over) return controller.close();
        const expired = said === late && Date.now() >= (live.until ?? Infinity);
        if (said === late) controller.enqueue(encoder.encode(expired ? live.expired() : HEARTBEAT));
        else {
          waiting = undefined;
          if (said !== undefined) return controller.enqueue(encoder.encode(said));
        }
        if (said === late && !expired) return;
        end();
      }
      controller.close();
    },
    cancel: end,
  });
}

export const late = Symbol('late');

/** What a promise says, or `late` where that takes longer. */
export async function sooner<T>(promise: Promise<T>, ms: number): Promise<T | typeof late> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alarm = new Promise<typeof late>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, Math.min(ms, FAR_MS)), late);
  });
  try {
    return await Promise.race([promise, alarm]);
  } finally {
    clearTimeout(timer);
  }
}
