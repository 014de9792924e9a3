// Projections: a state that follows the feed. The same rules as in Rust's `state::Projection`.

import { abortable, type WaitOptions } from './abort.js';
import { errorOf } from './errors.js';
import type { EventStore } from './event-store.js';
import type { AnyEvents, ReadOptions, StoredEvent, TypeOf } from './events.js';
import { fold } from './state.js';

/** Which events a projection folds, and how. */
export interface ProjectionOptions<S, M extends object = AnyEvents> {
  /** The state before the first event. */
  initial: S;
  /** The state after an event; it must not change the one before. */
  apply: (state: S, event: StoredEvent<M>) => S;
  /** Only these types. */
  eventTypes?: readonly TypeOf<M>[];
  /** Only streams whose id starts with these very characters. */
  streamPrefix?: string;
  /** Raised with a change of `apply`, so that old checkpoints are not resumed; 0 without it. */
  revision?: number;
}

/** How a projection is kept in its store. */
export interface KeptProjectionOptions<S, M extends object = AnyEvents> extends ProjectionOptions<S, M> {
  /** Events that may have to be folded again; after so many a snapshot is written. 1,000 without it. */
  snapshotEvery?: number;
}

/** What is kept of a projection in the store. */
interface Snapshot<S> extends Checkpoint<S> {
  /** The event at the cursor, whatever its type: a log without it there is another one. */
  eventId: string | null;
}

/** The state of the confirmed log and how far it goes: JSON if the state is, to be kept and resumed from. */
export interface Checkpoint<S> {
  definition: string;
  cursor: number;
  state: S;
}

/**
 * A state that is folded from the feed, event by event, and never from the beginning twice. Pending events are
 * folded on top of the confirmed state: a rebase refolds only them.
 */
export class Projection<S, M extends object = AnyEvents> {
  readonly #options: ProjectionOptions<S, M>;
  /** What it folds, without `apply`: a checkpoint of another definition is not resumed. */
  readonly definition: string;
  #cursor = 0;
  #confirmed: S;
  #pending: StoredEvent<M>[] = [];
  #state: S;
  #turn: Promise<unknown> = Promise.resolve();
  #kept: { store: EventStore<M>; name: string; every: number; cursor: number } | undefined;

  /** A projection before the first event, or at a checkpoint; one of another definition is ignored. */
  constructor(options: ProjectionOptions<S, M>, checkpoint?: Checkpoint<S>) {
    this.#options = options;
    const { revision = 0, eventTypes = [], streamPrefix = null } = options;
    this.definition = JSON.stringify([revision, [...eventTypes].sort(), streamPrefix]);
    const resumes = checkpoint?.definition === this.definition;
    this.#confirmed = resumes ? checkpoint.state : options.initial;
    this.#cursor = resumes ? checkpoint.cursor : 0;
    this.#state = this.#confirmed;
  }

  /**
   * A projection that a store keeps under a name: it goes on where its last snapshot was written, and writes one now
   * and then while it catches up. It begins anew where its definition is another one, and where the log is.
   */
  static async open<S, M extends object = AnyEvents>(
    store: EventStore<M>,
    name: string,
    options: KeptProjectionOptions<S, M>,
  ): Promise<Projection<S, M>> {
    const snapshot = (await store.readSnapshot(name)) as Snapshot<S> | undefined;
    // Where the event cannot be read, there is nothing to go on with either.
    const resumes =
      snapshot !== undefined &&
      (await eventAt(store, snapshot.cursor).catch(() => undefined)) === snapshot.eventId;
    const projection = new Projection(options, resumes ? snapshot : undefined);
    const { snapshotEvery: every = 1_000 } = options;
    projection.#kept = { store, name, every, cursor: projection.#cursor };
    return projection;
  }

  /**
   * Writes a snapshot now, as before the app goes to sleep.
   *
   * @throws TypeError where the projection is not kept in a store; QuotaExceeded and others of the storage;
   * InvalidRequest where `structuredClone` does not take the state.
   */
  save(): Promise<void> {
    return this.#inTurn(() => this.#save());
  }

  /** The state as a user should see it: the confirmed log, with what is pending on top. */
  get state(): S {
    return this.#state;
  }

  /** The state of the confirmed log alone. */
  get confirmed(): S {
    return this.#confirmed;
  }

  /** The pending events in {@link state}. */
  get pending(): readonly StoredEvent<M>[] {
    return this.#pending;
  }

  /** The confirmed state and how far it goes, to be kept and resumed from. */
  checkpoint(): Checkpoint<S> {
    return { definition: this.definition, cursor: this.#cursor, state: this.#confirmed };
  }

  /**
   * Folds what is new in the feed. Calls that overlap take turns.
   *
   * @returns how many confirmed events were.
   * @throws EndpointReset where the feed ends before the cursor, so that it is another feed.
   */
  catchUp(store: EventStore<M>, options: WaitOptions = {}): Promise<number> {
    const folded = this.#inTurn(async () => {
      const folded = await this.#catchUp(store, options);
      const kept = this.#kept;
      // Where it cannot be written the next one may be: there is only more to fold until then.
      if (kept && this.#cursor - kept.cursor >= kept.every) await this.#save().catch(() => {});
      return folded;
    });
    return abortable(folded, options.signal);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return turn;
  }

  async #save(): Promise<void> {
    if (!this.#kept)
      throw new TypeError('this projection is not kept in a store: open it by Projection.open()');
    const { store, name } = this.#kept;
    const checkpoint = this.checkpoint();
    const eventId = await eventAt(store, checkpoint.cursor);
    // The log was cut meanwhile: the next catching up is told.
    if (eventId === undefined) return;
    await store.writeSnapshot(name, { ...checkpoint, eventId } satisfies Snapshot<S>);
    this.#kept.cursor = checkpoint.cursor;
  }

  async #catchUp(store: EventStore<M>, options: WaitOptions): Promise<number> {
    let folded = 0;
    for (let confirmedOnly = true; ; ) {
      const page = await store.readAllEvents({ ...this.#selection(confirmedOnly), ...options });
      if (page.head < this.#cursor) {
        throw errorOf(
          'ENDPOINT_RESET',
          `the projection is at position ${this.#cursor}, the store at ${page.head}; build the projection anew`,
        );
      }
      const confirmed = page.events.filter((event) => event.position !== null);
      this.#confirmed = fold(confirmed, this.#confirmed, this.#options.apply);
      this.#cursor = page.cursor;
      folded += confirmed.length;
      if (!confirmedOnly) {
        this.#pending = page.events.filter((event) => event.position === null);
        this.#state = fold(this.#pending, this.#confirmed, this.#options.apply);
        return folded;
      }
      // Page by page what is confirmed; then, in one read, what is pending, which is little.
      if (page.complete) confirmedOnly = false;
    }
  }

  #selection(confirmedOnly: boolean): ReadOptions<M> {
    const { eventTypes, streamPrefix } = this.#options;
    return {
      after: this.#cursor,
      confirmedOnly,
      ...(eventTypes && { eventTypes }),
      ...(streamPrefix !== undefined && { streamPrefix }),
      ...(!confirmedOnly && { maxEvents: 2 ** 32 - 1 }),
    };
  }
}

/** The id of the confirmed event at a position; `null` before the first, `undefined` where there is none. */
async function eventAt<M extends object>(
  store: EventStore<M>,
  position: number,
): Promise<string | null | undefined> {
  if (position === 0) return null;
  const page = await store.readAllEvents({ after: position - 1, confirmedOnly: true, maxEvents: 1 });
  const event = page.events[0];
  return event?.position === position ? event.id : undefined;
}
