// The tabs of one store: a lock elects the one that syncs, and the others see what it does.

import { sleep } from './live.js';
import type { SyncStatus } from './sync-options.js';

/** How long the tab that syncs may be silent when it is asked, in milliseconds: one that is frozen always is. */
const SILENCE_MS = 2_000;

/** The longest pause between two looks at whether it still syncs what waits, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Only the tab that syncs says where it is, and answers. */
type Message =
  | { status: SyncStatus }
  | { ask: string }
  | { answer: string; status?: SyncStatus; error?: { code: string; message: string } };

/** What the tab that syncs is asked for, and what the others are told. */
export interface Member {
  /** This tab syncs from now on, until the promise resolves. */
  lead(): Promise<void>;
  /** Another tab took over, since this one did not answer; it may wait for its turn again. */
  deposed(): void;
  /** What another tab's sync shows. */
  saw(status: SyncStatus): void;
  /** The status, after a round. */
  round(): Promise<SyncStatus>;
  status(): SyncStatus;
  /** Resolves at the next change of the store. */
  changed(): Promise<void>;
  /** Whether something waits in the outbox. */
  waits(): Promise<boolean>;
}

/** One tab among those that have a store open. */
export class Tabs {
  readonly #member: Member;
  readonly #signal: AbortSignal;
  readonly #key: string;
  readonly #locks: LockManager | undefined;
  readonly #channel: BroadcastChannel | null;
  readonly #asked = new Map<string, (answer: Extract<Message, { answer: string }>) => void>();
  /** Rounds that another tab waits for. */
  readonly #answering = new Set<string>();
  /** Those who wait for a word of the tab that syncs. */
  readonly #listening = new Set<() => void>();
  /** Ends this tab's waiting for its turn. */
  #waiting = new AbortController();
  #leads = false;

  /** `name` is the store's; without one, or where there are no locks, this tab has the store for itself. */
  constructor(name: string | null, member: Member, signal: AbortSignal) {
    this.#member = member;
    this.#signal = signal;
    this.#key = `eventcore-web:sync:${name}`;
    this.#locks = name === null ? undefined : globalThis.navigator?.locks;
    this.#channel = this.#locks ? new BroadcastChannel(this.#key) : null;
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#heard(data as Message);
    signal.addEventListener('abort', () => {
      this.#channel?.close();
      this.#waiting.abort();
      // A tab that syncs knows why it ended.
      if (this.#leads) return;
      const error = { code: 'CLOSED', message: 'the sync was stopped; start it again' };
      for (const [id, answer] of this.#asked) answer({ answer: id, error });
    });
    if (!this.#locks) this.#lead();
    else {
      this.#elect({ signal: this.#waiting.signal });
      this.#watch();
      // Only that the one that syncs says where it is.
      this.#post({ ask: '' });
    }
  }

  /** Tells the others. */
  tell(status: SyncStatus): void {
    if (this.#leads) this.#post({ status });
  }

  /** Has the tab that syncs make a round, or this one, should its turn come before the answer. */
  round(turn: Promise<void>): Promise<SyncStatus> {
    const id = crypto.randomUUID();
    const answered = new Promise<SyncStatus>((resolve, reject) => {
      this.#asked.set(id, ({ status, error }) => (status ? resolve(status) : reject(error)));
    });
    this.#insist(id);
    return Promise.race([answered, turn.then(() => this.#member.round())]).finally(() =>
      this.#asked.delete(id),
    );
  }

  #elect(options: LockOptions): void {
    const elected = this.#locks?.request(this.#key, options, () => this.#lead());
    elected?.catch(() => {
      // This tab ended before its turn came, or another one took over.
      if (!this.#leads || this.#signal.aborted) return;
      this.#leads = false;
      this.#member.deposed();
    });
  }

  #lead(): Promise<void> {
    this.#leads = true;
    return this.#member.lead();
  }

  /** Asks for a round until it is answered, as the tab that is asked may freeze meanwhile. */
  async #insist(id: string): Promise<void> {
    while (this.#follows() && this.#asked.has(id)) {
      await this.#ask(id);
      await sleep(SILENCE_MS, this.#signal);
    }
  }

  /** Where the store changes, somebody has to sync it; the one that does may freeze before it has. */
  async #watch(): Promise<void> {
    for (let change = this.#member.changed(); ; ) {
      await change;
      for (let pause = SILENCE_MS; ; pause = Math.min(2 * pause, PATIENCE_MS)) {
        if (!this.#follows()) return;
        await this.#ask('');
        await sleep(pause, this.#signal);
        change = this.#member.changed();
        if (!(await this.#member.waits())) break;
      }
    }
  }

  /** Asks the tab that syncs, and takes over where it is silent. */
  async #ask(ask: string): Promise<void> {
    let heard = () => {};
    const word = new Promise<boolean>((resolve) => {
      heard = () => resolve(true);
    });
    this.#listening.add(heard);
    this.#post({ ask });
    const silence = sleep(SILENCE_MS, this.#signal).then(() => false);
    const answers = await Promise.race([word, silence]);
    this.#listening.delete(heard);
    if (answers || !this.#follows()) return;
    this.#waiting.abort();
    this.#elect({ steal: true });
  }

  #follows(): boolean {
    return !this.#leads && !this.#signal.aborted;
  }

  #heard(message: Message): void {
    if ('ask' in message) {
      if (this.#leads) this.#answer(message.ask);
      return;
    }
    for (const listener of this.#listening) listener();
    if ('answer' in message) this.#asked.get(message.answer)?.(message);
    else if (!this.#leads) this.#member.saw({ ...message.status, leader: false });
  }

  #answer(id: string): void {
    this.#post({ status: this.#member.status() });
    if (id === '' || this.#answering.has(id)) return;
    this.#answering.add(id);
    this.#member
      .round()
      .then(
        (status) => this.#post({ answer: id, status: { ...status, leader: false } }),
        ({ code, message }) => this.#post({ answer: id, error: { code, message } }),
      )
      .finally(() => this.#answering.delete(id));
  }

  #post(message: Message): void {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // It is closed: nobody is to be told any more.
    }
  }
}
