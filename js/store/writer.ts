// What an app writes in one turn, as one call of the module: so that many writers at once cost little more than one.

import { type ToldError, told, typed } from '../errors.js';
import type { WriteResult } from '../events.js';
import type { LocalStore } from '../wasm/client/eventcore.js';

/** Characters of a call, about: so that a flood of writes lets readers in between. */
const CALL_CHARACTERS = 1 << 20;

/** A batch, as JSON in one line, and who wrote it. */
interface Writing {
  batch: string;
  signal: AbortSignal | undefined;
  resolve(result: WriteResult): void;
  reject(reason: unknown): void;
}

/** Writes batches to a store; each succeeds or fails alone. */
export class Writer {
  readonly #inner: LocalStore;
  #turn: Writing[] = [];

  constructor(inner: LocalStore) {
    this.#inner = inner;
  }

  /** Writes a batch with all others of this turn, unless the signal keeps it from that. */
  write(batch: string, signal?: AbortSignal): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#turn.push({ batch, signal, resolve, reject });
      // Cheaper than `queueMicrotask` in Chromium and Firefox.
      if (this.#turn.length === 1) Promise.resolve().then(() => this.#end());
    });
  }

  #end(): void {
    let call: Writing[] = [];
    let characters = 0;
    for (const writing of this.#turn) {
      if (writing.signal?.aborted) {
        writing.reject(writing.signal.reason);
        continue;
      }
      call.push(writing);
      characters += writing.batch.length;
      if (characters >= CALL_CHARACTERS) {
        this.#send(call);
        call = [];
        characters = 0;
      }
    }
    this.#turn = [];
    if (call.length > 0) this.#send(call);
  }

  #send(call: readonly Writing[]): void {
    const answered = (answers: unknown[]): void => {
      for (const [index, { resolve, reject }] of call.entries()) {
        const answer = answers[index] as WriteResult | ToldError;
        if ('code' in answer) reject(told(answer));
        else resolve(answer);
      }
    };
    try {
      this.#inner.writeEvents(call.map(({ batch }) => batch).join('\n'), answered);
    } catch (error) {
      // Of the module as a whole.
      for (const { reject } of call) reject(typed(error));
    }
  }
}
