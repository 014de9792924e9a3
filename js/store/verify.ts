// Walking the whole log: is every position there, every version of every stream, and each record as it was written?

import { abortable } from '../abort.js';
import { rethrown, StorageCorrupt } from '../errors.js';
import type { FeedPage, StoredEvent } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** Something in the log that is not as it was written. */
export interface Damage {
  /** Behind this position of the feed. */
  after: number;
  /** Up to this one: `readAllEvents({ after: through })` goes on behind the damage. */
  through: number;
  /** What is wrong, and where it lies. */
  message: string;
}

/** What a walk through the log found. */
export interface Verification {
  /** Confirmed events that were read. */
  events: number;
  /** Pending events that were read. */
  pending: number;
  streams: number;
  /** Empty for a sound log. */
  damage: Damage[];
}

/** Events that are read at a time. */
const PAGE = 1_000;

/** Reads everything, page by page, and goes on behind what is damaged. */
export async function verify(inner: LocalStore, signal?: AbortSignal): Promise<Verification> {
  const walk = new Walk();
  const read = async (selection: object) => {
    signal?.throwIfAborted();
    return JSON.parse(await abortable(rethrown(inner.readAllEvents(selection)), signal)) as FeedPage;
  };
  const { cursor: head } = await rethrown(inner.state()).then(JSON.parse);
  while (walk.at < head) {
    try {
      const page = await read({ after: walk.at, confirmedOnly: true, maxEvents: PAGE });
      for (const event of page.events) walk.confirmed(event);
      walk.to(page.cursor);
    } catch (error) {
      walk.pass(error);
    }
  }
  try {
    const page = await read({ after: head, maxEvents: 2 ** 32 - 1 });
    for (const event of page.events) walk.pending(event);
  } catch (error) {
    walk.pass(error);
  }
  return walk.found();
}

class Walk {
  at = 0;
  readonly #damage: Damage[] = [];
  readonly #versions = new Map<string, number>();
  #events = 0;
  #pending = 0;

  confirmed(event: StoredEvent): void {
    const expected = this.at + 1;
    if (event.position !== expected) {
      this.#note(`position ${expected} is missing; ${event.position} follows`);
    }
    this.at = event.position ?? expected;
    this.#events += 1;
    this.#version(event);
  }

  pending(event: StoredEvent): void {
    // What was confirmed after the walk began is not its concern.
    if (event.position !== null) return;
    this.#pending += 1;
    this.#version(event);
  }

  to(cursor: number): void {
    this.at = Math.max(this.at, cursor);
  }

  /** Goes on one position behind a failure of the storage; any other is thrown. */
  pass(error: unknown): void {
    if (!(error instanceof StorageCorrupt)) throw error;
    let known = this.#damage.at(-1);
    if (known?.message !== error.message) known = this.#note(error.message);
    this.at += 1;
    known.through = this.at;
  }

  found(): Verification {
    const [events, pending, streams] = [this.#events, this.#pending, this.#versions.size];
    return { events, pending, streams, damage: this.#damage };
  }

  #version({ streamId, version }: StoredEvent): void {
    const expected = (this.#versions.get(streamId) ?? 0) + 1;
    // Where something was damaged, events are missing that are named already.
    const explained = this.#damage.length > 0 && version > expected;
    if (version !== expected && !explained) {
      this.#note(`stream ${JSON.stringify(streamId)} goes from version ${expected - 1} to ${version}`);
    }
    this.#versions.set(streamId, version);
  }

  #note(message: string): Damage {
    const damage = { after: this.at, through: this.at, message };
    this.#damage.push(damage);
    return damage;
  }
}
