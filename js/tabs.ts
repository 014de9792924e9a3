// The tabs of one store: a lock elects the one that syncs, and the others see what it does.

import type { SyncStatus } from './sync.js';

type Message =
  | { status: SyncStatus }
  | { ask: string }
  | { answer: string; status?: SyncStatus; error?: { code: string; message: string } };

/** What the tab that syncs is asked for, and what the others are told. */
export interface Member {
  /** This tab syncs from now on, until the promise resolves. */
  lead(): Promise<void>;
  /** What another tab's sync shows. */
  saw(status: SyncStatus): void;
  /** The status, after a round. */
  round(): Promise<SyncStatus>;
  status(): SyncStatus;
}

/** One tab among those that have a store open. */
export class Tabs {
  readonly #member: Member;
  readonly #channel: BroadcastChannel | null;
  readonly #asked = new Map<string, (answer: Extract<Message, { answer: string }>) => void>();
  #leads = false;

  /** `name` is the store's; without one, or where there are no locks, this tab has the store for itself. */
  constructor(name: string | null, member: Member, signal: AbortSignal) {
    this.#member = member;
    const key = `eventcore-web:sync:${name}`;
    const locks = name === null ? undefined : globalThis.navigator?.locks;
    this.#channel = locks ? new BroadcastChannel(key) : null;
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#heard(data as Message);
    signal.addEventListener('abort', () => {
      this.#channel?.close();
      // A tab that syncs knows why it ended.
      if (this.#leads) return;
      const error = { code: 'CLOSED', message: 'the sync was stopped; start it again' };
      for (const [id, answer] of this.#asked) answer({ answer: id, error });
    });
    const lead = () => {
      this.#leads = true;
      return member.lead();
    };
    if (!locks) lead();
    else {
      // It is refused when the signal comes before this tab's turn.
      locks.request(key, { signal }, lead).catch(() => {});
      // Empty: only that the one that syncs says where it is.
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
    this.#post({ ask: id });
    return Promise.race([answered, turn.then(() => this.#member.round())]).finally(() =>
      this.#asked.delete(id),
    );
  }

  #heard(message: Message): void {
    if ('answer' in message) this.#asked.get(message.answer)?.(message);
    else if ('status' in message) {
      if (!this.#leads) this.#member.saw({ ...message.status, leader: false });
    } else if (this.#leads) this.#answer(message.ask);
  }

  #answer(id: string): void {
    if (id === '') {
      this.#post({ status: this.#member.status() });
      return;
    }
    this.#member.round().then(
      (status) => this.#post({ answer: id, status: { ...status, leader: false } }),
      ({ code, message }) => this.#post({ answer: id, error: { code, message } }),
    );
  }

  #post(message: Message): void {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // It is closed: nobody is to be told any more.
    }
  }
}
