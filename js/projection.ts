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
    const work = () => this.#catchUp(store, options);
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return abortable(turn, options.signal);
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
