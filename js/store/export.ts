// A store as NDJSON: a header, a line for each event in feed order, and a last line that says it is whole.

import { abortable } from '../abort.js';
import { errorOf, rethrown } from '../errors.js';
import type { FeedPage, StoredEvent } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';
import { type Damage, restOf, soundEvents } from './sound.js';
import type { Writer } from './writer.js';

/** How an export or import goes on, and how it is ended. */
export interface TransferOptions {
  /** Called after each part. */
  onProgress?: (progress: TransferProgress) => void;
  /** Ends it, with the signal's reason. */
  signal?: AbortSignal;
}

/** How an export goes on, and what it does where something is damaged. */
export interface ExportOptions extends TransferOptions {
  /**
   * Called for each damage; the export goes on behind it. Versions behind it are counted anew, so that what is sound
   * can be imported into another store. Without it an export fails where something is damaged.
   */
  onDamage?: (damage: Damage) => void;
}

/** Events so far, and of how many; an export counts those that were there when it began. */
export interface TransferProgress {
  events: number;
  total: number;
}

/** What an import wrote, or found written already. */
export interface ImportResult {
  commits: number;
  events: number;
}

const FORMAT = 'eventcore-web';
const VERSION = 1;
/** Events that are read at a time. */
const PAGE = 1_000;
/** Commits that are under way at a time: they share transactions. */
const WINDOW = 64;

type Line = StoredEvent;
interface Header {
  format: string;
  version: number;
  events: number;
}

/** The events as they are stored, confirmed ones first; what is pending is as it is when the end is reached. */
export function exportEvents(inner: LocalStore, options: ExportOptions): ReadableStream<Uint8Array> {
  const lines = exported(inner, options);
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await lines.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await lines.return();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* exported(inner: LocalStore, options: ExportOptions): AsyncGenerator<string, void, void> {
  const { cursor: head, pendingEvents } = JSON.parse(await rethrown(inner.state()));
  const total = head + pendingEvents;
  yield ndjson([{ format: FORMAT, version: VERSION, events: total }]);
  const { onDamage, onProgress, signal } = options;
  let events = 0;
  for await (const page of onDamage ? sound(inner, onDamage, signal) : whole(inner, signal)) {
    if (page.length === 0) continue;
    events += page.length;
    yield ndjson(page);
    onProgress?.({ events, total });
  }
  yield ndjson([{ end: events }]);
}

type Pages = AsyncGenerator<StoredEvent[], void, void>;

async function* whole(inner: LocalStore, signal: AbortSignal | undefined): Pages {
  let after = 0;
  for (let pending = false; ; ) {
    signal?.throwIfAborted();
    // What is pending is read together with what was confirmed meanwhile, so that nothing is missed between.
    const selection = pending
      ? { after, maxEvents: 2 ** 32 - 1 }
      : { after, confirmedOnly: true, maxEvents: PAGE };
    const page = JSON.parse(await abortable(rethrown(inner.readAllEvents(selection)), signal)) as FeedPage;
    after = page.cursor;
    yield page.events;
    if (pending) return;
    pending = page.complete;
  }
}

/** What can be read, with versions as if nothing else had been there. */
async function* sound(
  inner: LocalStore,
  onDamage: (damage: Damage) => void,
  signal: AbortSignal | undefined,
): Pages {
  const versions = new Map<string, number>();
  const counted = (event: StoredEvent): StoredEvent => {
    const version = (versions.get(event.streamId) ?? 0) + 1;
    versions.set(event.streamId, version);
    return { ...event, version };
  };
  let after = 0;
  let rest = await restOf(inner, signal);
  while (after < rest.head) {
    const { head } = rest;
    for await (const events of soundEvents(inner, { after, head }, onDamage, signal)) {
      yield events.map(counted);
    }
    after = head;
    // Until what waits, and what it stands on, are of one moment.
    rest = await restOf(inner, signal);
  }
  for (const message of rest.damage) onDamage({ after, through: after, message });
  yield rest.pending.map(counted);
}

/**
 * Writes the events of an export, commit by commit, each whole or not at all, with the ids that they have: what
 * was imported before is recognised, so that an import that was interrupted is repeated from its beginning.
 */
export async function importEvents(
  writer: Writer,
  source: ReadableStream<Uint8Array>,
  options: TransferOptions,
): Promise<ImportResult> {
  const { signal, onProgress } = options;
  const result = { commits: 0, events: 0 };
  let header: Header | undefined;
  let waiting: Line[][] = [];
  let commit: Line[] = [];
  let whole = false;
  const write = async () => {
    signal?.throwIfAborted();
    const writes = await Promise.allSettled(waiting.map((events) => writer.write(batchOf(events))));
    for (const written of writes) if (written.status === 'rejected') throw written.reason;
    result.commits += waiting.length;
    result.events += waiting.reduce((count, events) => count + events.length, 0);
    waiting = [];
    onProgress?.({ events: result.events, total: header?.events ?? 0 });
  };
  for await (const line of linesOf(source, signal)) {
    const value = parsed(line);
    if (header === undefined) {
      header = checked(value as unknown as Header);
    } else if (typeof value.end === 'number') {
      whole = true;
    } else {
      const event = value as unknown as Line;
      if (commit.length > 0 && commit[0]?.commitId !== event.commitId) {
        waiting.push(commit);
        commit = [];
        if (waiting.length === WINDOW) await write();
      }
      commit.push(event);
    }
  }
  // The last commit is known to be whole by the line behind it.
  if (whole && commit.length > 0) waiting.push(commit);
  await write();
  if (!whole) throw errorOf('INVALID_REQUEST', 'the export ends early; what came of it was imported');
  return result;
}

function ndjson(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

function batchOf(events: readonly Line[]): string {
  return JSON.stringify({
    commitId: events[0]?.commitId,
    events: events.map(({ id, streamId, version, type, payload, metadata, occurredAt }) => ({
      ...{ id, streamId, type, payload, metadata, occurredAt },
      expectedVersion: version - 1,
    })),
    preconditions: [],
  });
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw errorOf('INVALID_REQUEST', `a line of the export is no JSON: ${String(error)}`);
  }
}

function checked(header: Header): Header {
  if (header.format === FORMAT && header.version === VERSION) return header;
  throw errorOf('INVALID_REQUEST', `this is no export of format ${FORMAT} ${VERSION}`);
}

async function* linesOf(source: ReadableStream<Uint8Array>, signal: AbortSignal | undefined) {
  const reader = source.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let done = false;
  try {
    while (!done) {
      signal?.throwIfAborted();
      const chunk = await abortable(reader.read(), signal);
      done = chunk.done;
      rest += decoder.decode(chunk.value, { stream: !done });
      const lines = rest.split('\n');
      rest = done ? '' : (lines.pop() ?? '');
      yield* lines.filter((line) => line !== '');
    }
  } finally {
    // A source that is left half-way is told, and not waited for: one that is stuck is stuck in this too.
    if (!done) reader.cancel(signal?.reason).catch(() => {});
  }
}
