// What the endpoint says by itself: server-sent events, read by `fetch` so that they carry the token.

/** How long until the first word: a proxy that holds back what it should pass on is known by its silence. */
const FIRST_WORD_MS = 8_000;
/** A stream that is silent for longer is broken: the endpoint says something at least every 15 seconds. */
const SILENCE_MS = 40_000;
/** How long to wait before another try, at first and at most. */
const RETRY_MS = { least: 1_000, most: 300_000 };

/** What is followed, and who is told. */
export interface Following {
  /** Asks for the stream, from what is confirmed here on. */
  open(signal: AbortSignal): Promise<Response>;
  /** Resolves when there is nothing to catch up with. */
  rested(): Promise<void>;
  /** Whether the stream speaks: from the first word to the end. */
  live(speaks: boolean): void;
  /** A page of the feed, as JSON. */
  heard(page: string): void;
}

/** Follows the endpoint until the signal says so; where it cannot, nobody is worse off than without. */
export async function follow(following: Following, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    await following.rested();
    if (signal.aborted) return;
    const spoke = await listen(following, signal);
    failures = spoke ? 0 : failures + 1;
    const delay = Math.min(RETRY_MS.least * 2 ** failures, RETRY_MS.most);
    await sleep(delay * (0.5 + Math.random() / 2), signal);
  }
}

/** Listens to one stream until it ends, and answers whether it spoke at all. */
async function listen(following: Following, signal: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  const stop = () => silence.abort();
  signal.addEventListener('abort', stop);
  let alarm = setTimeout(stop, FIRST_WORD_MS);
  let spoke = false;
  try {
    const response = await following.open(silence.signal);
    const type = response.headers.get('content-type') ?? '';
    if (response.status !== 200 || !type.startsWith('text/event-stream') || response.body === null)
      return false;
    const messages = new Messages();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return spoke;
      clearTimeout(alarm);
      alarm = setTimeout(stop, SILENCE_MS);
      if (!spoke) following.live(true);
      spoke = true;
      for (const { event, data } of messages.read(value)) {
        if (event === 'end') return spoke;
        if (event === 'page') following.heard(data);
      }
    }
  } catch {
    // The network, or a stream that was given up: the next try will tell.
    return spoke;
  } finally {
    clearTimeout(alarm);
    signal.removeEventListener('abort', stop);
    silence.abort();
    if (spoke) following.live(false);
  }
}

/** Server-sent events out of the text that they come in. */
export class Messages {
  #rest = '';
  #event = '';
  #data: string[] = [];

  *read(text: string): Generator<{ event: string; data: string }> {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) yield { event: this.#event || 'message', data: this.#data.join('\n') };
        this.#event = '';
        this.#data = [];
      } else {
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (field === 'event') this.#event = value ?? '';
        if (field === 'data') this.#data.push(value ?? '');
      }
    }
  }
}

/** Waits, but not beyond the signal. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    // Timers keep Node alive; a sync that waits should not.
    if (typeof timer === 'object') timer.unref?.();
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
