// Following a space: the Rust handler's messages as a stream, with heartbeats, an end, and a look for changes.

import type { HostLive } from '../wasm/endpoint/eventcore.js';

/** A stream that is silent for longer is ended by proxies. */
const HEARTBEAT_MS = 10_000;
const HEARTBEAT = ':\n\n';
const PREAMBLE = 'retry: 1000\n\n';
/** How often a followed space is looked at where nobody tells of changes: often after one, then less and less. */
const LOOK_MS = { least: 250, most: 4_000 };
/** The longest that a timer takes. */
const FAR_MS = 2 ** 31 - 1;

interface Looking {
  followers: number;
  delay: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The followers of all spaces. `look` makes the handler look whether a space has changed. */
export class Followers {
  readonly #spaces = new Map<string, Looking>();
  readonly #look: (space: string) => void;

  constructor(look: (space: string) => void) {
    this.#look = look;
  }

  /** The messages to one follower, for as long as it reads. */
  stream(live: HostLive, space: string, signal: AbortSignal): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const looking = this.#follow(space);
    let waiting: Promise<string | undefined> | undefined;
    let over = false;
    const end = () => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', end);
      live.close();
      this.#leave(space, looking);
      // What was still being waited for ends first.
      Promise.resolve(waiting).finally(() => live.free());
    };
    signal.addEventListener('abort', end);
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
            looking.delay = LOOK_MS.least;
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

  #follow(space: string): Looking {
    const looking = this.#spaces.get(space) ?? { followers: 0, delay: LOOK_MS.least, timer: undefined };
    this.#spaces.set(space, looking);
    looking.followers += 1;
    if (looking.followers === 1) this.#wait(space, looking);
    return looking;
  }

  #wait(space: string, looking: Looking): void {
    looking.timer = setTimeout(() => {
      looking.delay = Math.min(looking.delay * 1.5, LOOK_MS.most);
      this.#look(space);
      this.#wait(space, looking);
    }, looking.delay);
  }

  #leave(space: string, looking: Looking): void {
    looking.followers -= 1;
    if (looking.followers > 0) return;
    clearTimeout(looking.timer);
    this.#spaces.delete(space);
  }
}

const late = Symbol('late');

/** What a promise says, or `late` where that takes longer. */
async function sooner<T>(promise: Promise<T>, ms: number): Promise<T | typeof late> {
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
