// Following the feed: an async iterable over the pages that the module reads.

/// <reference lib="esnext.disposable" preserve="true" />

import { rethrown } from './errors.js';
import type { AnyEvents, StoredEvent } from './events.js';

/** A module's subscription. */
export interface Subscription {
  /** The next events as a JSON array, or nothing once it is closed. */
  next(): Promise<string | undefined>;
  close(): void;
}

/** Events that are there, then events that come, each once and in order. Leaving the loop ends it. */
export interface EventSubscription<M extends object = AnyEvents>
  extends AsyncIterableIterator<StoredEvent<M>>,
    AsyncDisposable {
  /** Ends the subscription: a loop over it ends. */
  close(): void;
}

/** A subscription over a module's one, once it is there. */
export function subscription<M extends object>(
  opening: Promise<Subscription>,
  decode: (events: StoredEvent<M>[]) => StoredEvent<M>[] | Promise<StoredEvent<M>[]>,
  signal: AbortSignal | undefined,
): EventSubscription<M> {
  let closed = false;
  let page: StoredEvent<M>[] = [];
  let at = 0;
  // Calls of `next` that do not wait for each other are answered in turn.
  let turn: Promise<unknown> = opening;
  // The failure is thrown by `next`; without a call of it nobody asked.
  opening.catch(() => {});

  const end = { done: true, value: undefined } as const;
  const close = () => {
    if (closed) return;
    closed = true;
    signal?.removeEventListener('abort', close);
    opening.then(
      (inner) => inner.close(),
      () => {},
    );
  };
  if (signal?.aborted) close();
  signal?.addEventListener('abort', close);

  const step = async (): Promise<IteratorResult<StoredEvent<M>>> => {
    const inner = await rethrown(opening);
    if (at === page.length && !closed) {
      const text = await rethrown(inner.next());
      page = text === undefined ? [] : await decode(JSON.parse(text) as StoredEvent<M>[]);
      at = 0;
    }
    const event = page[at];
    if (closed || event === undefined) return end;
    at += 1;
    return { done: false, value: event };
  };

  return {
    next() {
      const answer = turn.then(step, step);
      turn = answer;
      // An error ends the iteration, as it does for a generator.
      answer.catch(close);
      return answer;
    },
    async return() {
      close();
      return end;
    },
    close,
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}
