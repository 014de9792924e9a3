// `eventcore-web/react`: hooks over what the client follows.

import { useMemo, useSyncExternalStore } from 'react';
import {
  type AnyEvents,
  type EventStore,
  type Live,
  liveProjection,
  liveStream,
  Projection,
  type ProjectionOptions,
  type ProjectionView,
  type StreamView,
  type Sync,
  type SyncStatus,
} from '../index.js';

// biome-ignore lint/suspicious/noExplicitAny: it has no events of any type.
const NOT_YET: StreamView<any> = { version: 0, events: [], loading: true, error: undefined };

/** A stream as it is now; loading while there is no store yet. */
export function useStream<M extends object = AnyEvents>(
  store: EventStore<M> | null | undefined,
  streamId: string,
): StreamView<M> {
  const view = useMemo(
    () => (store ? liveStream(store, streamId) : still<StreamView<M>>(NOT_YET)),
    [store, streamId],
  );
  return useLive(view);
}

/**
 * A projection's state as it is now; its initial state while there is no store yet. `apply` may be written in
 * place: it is taken once, and again where the store, the selection or `revision` changes.
 */
export function useProjection<S, M extends object = AnyEvents>(
  store: EventStore<M> | null | undefined,
  options: ProjectionOptions<S, M>,
): ProjectionView<S> {
  const { definition } = new Projection(options);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the definition stands for the options.
  const view = useMemo(
    () =>
      store
        ? liveProjection(store, new Projection(options))
        : still<ProjectionView<S>>({ state: options.initial, loading: true, error: undefined }),
    [store, definition],
  );
  return useLive(view);
}

/** What a sync is doing; `null` while there is none yet. */
export function useSyncStatus<M extends object = AnyEvents>(
  sync: Sync<M> | null | undefined,
): SyncStatus | null {
  return useLive<SyncStatus | null>(sync ?? NO_SYNC);
}

const NO_SYNC = still<SyncStatus | null>(null);

function useLive<T>({ subscribe, getSnapshot }: Live<T>): T {
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

/** A value that never changes. */
function still<T>(value: T): Live<T> {
  return { subscribe: () => () => {}, getSnapshot: () => value };
}
