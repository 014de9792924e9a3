// Walking the whole log: is every position there, every version of every stream, each record as it was written, and
// is each stream found where it is?

import { abortable } from '../abort.js';
import { rethrown } from '../errors.js';
import type { StoredEvent, StreamEvents } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';
import { type Damage, restOf, soundEvents } from './sound.js';

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

/** Streams that are looked up at a time. */
const STREAMS = 256;

/** Reads everything, page by page, and goes on behind what is damaged. */
export async function verify(inner: LocalStore, signal?: AbortSignal): Promise<Verification> {
  const walk = new Walk();
  const head = await headOf(inner);
  for await (const events of soundEvents(inner, { after: 0, head }, (damage) => walk.pass(damage), signal)) {
    for (const event of events) walk.confirmed(event);
  }
  // Where records cannot be read, neither can their streams be looked up.
  if (walk.isSound) await lookUp(inner, walk, head, signal);
  const rest = await restOf(inner, signal);
  for (const message of rest.damage) walk.note(message);
  for (const event of rest.pending) walk.waits(event, rest.head === head);
  return walk.found();
}

/** Holds what the log holds of each stream against what is found by the stream's id. */
async function lookUp(
  inner: LocalStore,
  walk: Walk,
  head: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const known = [...walk.versions.keys()];
  const others: StreamEvents[] = [];
  for (let at = 0; at < known.length; at += STREAMS) {
    signal?.throwIfAborted();
    const ids = known.slice(at, at + STREAMS);
    const selection = { backwards: true, maxEvents: 1, confirmedOnly: true };
    const streams = JSON.parse(await abortable(rethrown(inner.readStreams(ids, selection)), signal));
    for (const stream of streams as StreamEvents[]) {
      const versions = [stream.version, stream.events[0]?.version];
      if (versions.some((version) => version !== walk.versions.get(stream.streamId))) others.push(stream);
    }
  }
  // Where something was confirmed meanwhile, streams may have gone on.
  const isAsItWas = (await headOf(inner)) === head;
  for (const { streamId, version } of others) {
    const last = walk.versions.get(streamId) ?? 0;
    if (isAsItWas || version < last) {
      walk.note(`stream ${JSON.stringify(streamId)} is found up to version ${version}; the log has ${last}`);
    }
  }
}

async function headOf(inner: LocalStore): Promise<number> {
  return (JSON.parse(await rethrown(inner.state())) as { cursor: number }).cursor;
}

class Walk {
  /** The last version of each stream. */
  readonly versions = new Map<string, number>();
  readonly #damage: Damage[] = [];
  #at = 0;
  #events = 0;
  #pending = 0;

  get isSound(): boolean {
    return this.#damage.length === 0;
  }

  confirmed(event: StoredEvent): void {
    const expected = this.#at + 1;
    if (event.position !== expected) this.note(`position ${expected} is missing; ${event.position} follows`);
    this.#at = event.position ?? expected;
    this.#events += 1;
    this.#version(event, !this.isSound);
  }

  /** Goes on behind damage. */
  pass(damage: Damage): void {
    this.#damage.push(damage);
    this.#at = damage.through;
  }

  /** A pending event; it may stand on what was confirmed after the walk, which is not its concern. */
  waits(event: StoredEvent, isAsItWas: boolean): void {
    this.#pending += 1;
    this.#version(event, !isAsItWas || !this.isSound);
  }

  note(message: string): void {
    this.#damage.push({ after: this.#at, through: this.#at, message });
  }

  found(): Verification {
    const [events, pending, streams] = [this.#events, this.#pending, this.versions.size];
    return { events, pending, streams, damage: this.#damage };
  }

  /** Versions have no holes, but for those of events that are known to be missing here. */
  #version({ streamId, version }: StoredEvent, mayLack: boolean): void {
    const expected = (this.versions.get(streamId) ?? 0) + 1;
    if (version !== expected && !(mayLack && version > expected)) {
      this.note(`stream ${JSON.stringify(streamId)} goes from version ${expected - 1} to ${version}`);
    }
    this.versions.set(streamId, version);
  }
}
