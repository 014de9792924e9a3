// Live views: a value that follows the store, as UI libraries take it.

import type { EventStore } from './event-store.js';
import type { AnyEvents, Stored, StoredEvent } from './events.js';
import type { Projection } from './projection.js';

/**
 * A value that changes. React's `useSyncExternalStore`, Svelte's `$`, Solid's `from` and Vue's `shallowRef` take it
 * as it is.
 */
export interface Live<T> {
  /** Calls back with the value at once and whenever it changed; the answer ends that. */
  subscribe(listener: (value: T) => void): () => void;
  /** The value: the same object until it changes. */
  getSnapshot(): T;
}

/** A stream as it is now. */
export interface StreamView<M extends object = AnyEvents> {
  /** 0 until it was read, and where the stream does not exist. */
  version: number;
  /** Confirmed ones, then pending ones. */
  events: readonly StoredEvent<M>[];
  /** Whether nothing was read yet. */
  loading: boolean;
  /** Why it is not followed any more; `undefined` while all is well. */
  error: unknown;
}

/** A projection's state as it is now. */
export interface ProjectionView<S> {
  state: S;
  /** Whether `state` does not have everything yet that was there at the start. */
  loading: boolean;
  /** Why it is not followed any more; `undefined` while all is well. */
  error: unknown;
}

/** Follows a stream while somebody looks; a change reads only what is not yet known to be confirmed. */
export function liveStream<M extends object = AnyEvents>(
  store: EventStore<M>,
  streamId: string,
): Live<StreamView<M>> {
  const initial: StreamView<M> = { version: 0, events: [], loading: true, error: undefined };
  return live(store, initial, async (view) => {
    const pending = view.events.findIndex((event) => event.position === null);
    const known = pending === -1 ? view.events : view.events.slice(0, pending);
    const read = await store.readStream(streamId, { fromVersion: known.length + 1 });
    // A stream that became shorter than what was confirmed is another one: the database was replaced.
    const { version, events } = read.version < known.length ? await store.readStream(streamId) : read;
    const all = read.version < known.length ? events : [...known, ...events];
    const same =
      all.length === view.events.length && all.every((event, at) => isSame(event, view.events[at]));
    return same && !view.loading
      ? view
      : { version, events: same ? view.events : all, loading: false, error: undefined };
  });
}

/** Follows a projection while somebody looks. */
export function liveProjection<S, M extends object = AnyEvents>(
  store: EventStore<M>,
  projection: Projection<S, M>,
): Live<ProjectionView<S>> {
  const initial = { state: projection.state, loading: true, error: undefined };
  return live<M, ProjectionView<S>>(store, initial, async (view) => {
    await projection.catchUp(store);
    const { state } = projection;
    return Object.is(state, view.state) && !view.loading ? view : { state, loading: false, error: undefined };
  });
}

/** Reads when the first listener comes and at every change until the last one goes. */
function live<M extends object, V extends { error: unknown }>(
  store: EventStore<M>,
  initial: V,
  read: (view: V) => Promise<V>,
): Live<V> {
  let view = initial;
  const listeners = new Set<(value: V) => void>();
  let abort: AbortController | undefined;

  const show = (next: V) => {
    if (next === view) return;
    view = next;
    for (const listener of [...listeners]) listener(view);
  };
  const follow = async (signal: AbortSignal) => {
    try {
      while (!signal.aborted) {
        // Asked for before reading: what changes after the reading is read next.
        const change = store.changed({ signal });
        change.catch(() => {});
        const next = await read(view);
        if (signal.aborted) return;
        show(next);
        await change;
      }
    } catch (error) {
      if (!signal.aborted) show({ ...view, loading: false, error });
    }
  };
  return {
    getSnapshot: () => view,
    subscribe(listener) {
      // A copy of its own: the same function may be given twice.
      const call = (value: V) => listener(value);
      listeners.add(call);
      if (abort === undefined) {
        abort = new AbortController();
        follow(abort.signal);
      }
      call(view);
      return () => {
        listeners.delete(call);
        if (listeners.size > 0) return;
        abort?.abort();
        abort = undefined;
      };
    },
  };
}

function isSame(one: Stored, other: Stored | undefined): boolean {
  return one.id === other?.id && one.position === other.position && one.version === other.version;
}
