// Waiting that can be called off.

/** How to wait. */
export interface WaitOptions {
  /** Ends the waiting with its reason. What is under way goes on, but for what says otherwise. */
  signal?: AbortSignal;
}

/** What the work answers, or the signal's reason, whichever comes first. The work itself goes on. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What a source yields, each as it comes, until the signal says so: also while the source has nothing to say. */
export async function* abortableEach<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let done = false;
  try {
    for (;;) {
      const next = await abortable(iterator.next(), signal);
      done = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not waited for: a source that is stuck is stuck in this too.
    if (!done) iterator.return?.().catch(() => {});
  }
}
