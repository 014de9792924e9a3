// What of a log is sound, page by page, and what is not.

import { abortable } from '../abort.js';
import { rethrown, StorageCorrupt } from '../errors.js';
import type { FeedPage, StoredEvent } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** Something that is not as it was written. */
export interface Damage {
  /** Behind this position of the feed; of what is no part of the log, such as a commit that waits, its last. */
  after: number;
  /** Up to this one: `readAllEvents({ after: through })` goes on behind the damage. */
  through: number;
  /** What is wrong, and where it lies. */
  message: string;
}

/** What lies beside the log: what waits and can be read, and what of it all cannot. */
export interface Rest {
  /** The last position of the log. */
  head: number;
  pending: StoredEvent[];
  damage: string[];
}

/** Events that are read at a time. */
const PAGE = 1_000;

/** The confirmed events of a range of positions, going on behind what is damaged, which is told. */
export async function* soundEvents(
  inner: LocalStore,
  range: { after: number; head: number },
  tell: (damage: Damage) => void,
  signal?: AbortSignal,
): AsyncGenerator<StoredEvent[], void, void> {
  let { after } = range;
  let damage: Damage | undefined;
  const end = () => {
    if (damage !== undefined) tell(damage);
    damage = undefined;
  };
  while (after < range.head) {
    signal?.throwIfAborted();
    const selection = { after, confirmedOnly: true, maxEvents: Math.min(PAGE, range.head - after) };
    const read = await abortable(rethrown(inner.readAllEvents(selection)), signal).catch(damaged);
    if (typeof read === 'string') {
      end();
      const { events, cursor } = JSON.parse(read) as FeedPage;
      after = Math.max(after, cursor);
      yield events;
    } else {
      // Position by position: how far the damage goes is known where something can be read again.
      if (damage?.message !== read.message) end();
      damage ??= { after, through: after, message: read.message };
      after += 1;
      damage.through = after;
    }
  }
  end();
}

/** What lies beside the log. */
export async function restOf(inner: LocalStore, signal?: AbortSignal): Promise<Rest> {
  signal?.throwIfAborted();
  return JSON.parse(await abortable(rethrown(inner.salvage()), signal)) as Rest;
}

function damaged(error: unknown): StorageCorrupt {
  if (error instanceof StorageCorrupt) return error;
  throw error;
}
