// A shop's orders: everything that is shown was read from the local store, whether there is a network or not.

import { EventStore, type EventToWrite, type Sync, VersionConflict } from 'eventcore-web';
import { keepPage } from './offline.js';
import type { Shop, ShopEvent } from './shop.js';
import { conflictCard, element, eventItem, part } from './view.js';

const parameters = new URLSearchParams(location.search);
const space = parameters.get('space') ?? 'demo-shop';
const device = parameters.get('db') ?? 'this-browser';
const endpoint = parameters.get('endpoint') ?? location.origin;

/** How often the page looks for what other devices wrote, in milliseconds. */
const POLL = 1_000;
/** Events of the feed that are shown. */
const SHOWN = 50;

let selected = parameters.get('order') ?? '';

async function start(): Promise<void> {
  part('space').textContent = space;
  part('device').textContent = device;
  const store = await EventStore.open<Shop>(`orders-${device}-${space}`);
  const sync = new Syncing(store);
  const show = () => render(store).catch(complain);

  part('place').addEventListener('submit', (event) => {
    event.preventDefault();
    place(store, event.currentTarget as HTMLFormElement).catch(complain);
  });
  part('note').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const note = String(new FormData(form).get('note'));
    append(store, { type: 'NoteAdded', payload: { note } }).then(() => form.reset(), complain);
  });
  part('actions').addEventListener('click', (event) => {
    const action = (event.target as HTMLElement).dataset.action;
    if (action === 'pay') append(store, { type: 'OrderPaid', payload: { amount: 12.5 } }).catch(complain);
    if (action === 'ship')
      append(store, { type: 'OrderShipped', payload: { carrier: 'bike' } }).catch(complain);
  });
  part<HTMLInputElement>('online').addEventListener('change', (event) =>
    sync.turn((event.currentTarget as HTMLInputElement).checked),
  );
  part('orders').addEventListener('click', (event) => {
    const order = (event.target as HTMLElement).closest('button')?.dataset.order;
    if (order !== undefined) {
      selected = order;
      show();
    }
  });
  sync.turn(true);
  proposeNumber();
  await show();
  document.body.dataset.ready = 'true';
  keepPage().then(
    () => {
      const ready = part('offline-ready');
      ready.textContent = 'Ready to work offline.';
      ready.dataset.ready = 'true';
    },
    () => {
      part('offline-ready').textContent =
        'This browser cannot keep the page for offline use; the events it can.';
    },
  );
  // Everything that changes is shown, whoever changed it: this page, another tab, the sync.
  for (;;) {
    // Asked for before reading: what changes after the reading is shown next.
    const change = store.changed();
    await show();
    await sync.showConflicts();
    await change;
  }
}

/** The sync, which a switch turns off and on. */
class Syncing {
  readonly #store: EventStore<Shop>;
  #sync: Sync<Shop> | null = null;

  constructor(store: EventStore<Shop>) {
    this.#store = store;
  }

  turn(on: boolean): void {
    this.#sync?.stop();
    const sync = on ? this.#store.sync({ url: endpoint, space, pollInterval: POLL }) : null;
    this.#sync = sync;
    if (sync === null) return;
    const show = () => {
      if (this.#sync !== sync && sync.status.state !== 'stopped') return;
      this.#show(sync);
    };
    sync.subscribe(show);
    show();
  }

  #show(sync: Sync<Shop>): void {
    const { state, pendingEvents, confirmed, head, lastError, nextRetryMs } = sync.status;
    const pill = part('state');
    pill.textContent = state;
    pill.dataset.state = state;
    const retry = nextRetryMs === null ? '' : `, next try in ${Math.ceil(nextRetryMs / 1000)} s`;
    pill.title = lastError === null ? '' : `${lastError.message}${retry}`;
    part('confirmed').textContent = String(confirmed);
    part('head').textContent = String(head);
    if (state !== 'stopped') part('pending').textContent = String(pendingEvents);
    this.showConflicts().catch(complain);
  }

  async showConflicts(): Promise<void> {
    const sync = this.#sync;
    if (sync === null) return;
    const conflicts = await sync.conflicts();
    const shown = part('conflicts');
    const ids = conflicts.map((conflict) => conflict.commitId).join();
    if (shown.dataset.shown === ids) return;
    shown.dataset.shown = ids;
    shown.replaceChildren(
      ...conflicts.map((conflict) =>
        conflictCard(conflict, (resolution) => {
          sync.resolve(conflict.commitId, resolution).catch(complain);
        }),
      ),
    );
  }
}

async function place(store: EventStore<Shop>, form: HTMLFormElement): Promise<void> {
  const fields = new FormData(form);
  const streamId = `order-${fields.get('number')}`;
  const payload = {
    customer: String(fields.get('customer')),
    item: String(fields.get('item')),
    quantity: Number(fields.get('quantity')),
  };
  await store.writeEvents([{ streamId, type: 'OrderPlaced', payload, expectedVersion: 'noStream' }]);
  forgive();
  selected = streamId;
  proposeNumber();
  await render(store);
}

type Following = Pick<EventToWrite<Shop>, 'type' | 'payload'>;

/** Appends to the selected order, as it was when it was last read. */
async function append(store: EventStore<Shop>, event: Following): Promise<void> {
  const { version } = await store.readStream(selected);
  const write = { ...event, streamId: selected, expectedVersion: version } as EventToWrite<Shop>;
  await store.writeEvents([write]);
  forgive();
}

async function render(store: EventStore<Shop>): Promise<void> {
  const [placed, feed, stream] = await Promise.all([
    store.readAllEvents({ eventTypes: ['OrderPlaced'], maxEvents: 200, backwards: true }),
    store.readAllEvents({ maxEvents: SHOWN, backwards: true }),
    selected === '' ? null : store.readStream(selected),
  ]);
  const orders = [...new Map(placed.events.reverse().map((event) => [event.streamId, event])).values()];
  part('orders').replaceChildren(...orders.map(orderItem));
  part('no-orders').hidden = orders.length > 0;

  part('feed').replaceChildren(...feed.events.map((event) => eventItem(event, true)));
  part('no-feed').hidden = feed.events.length > 0;
  const pending = feed.events.filter((event) => event.position === null).length;
  if (pending < SHOWN) part('pending').textContent = String(pending);

  const events = stream?.events ?? [];
  part('stream-name').textContent = selected === '' ? 'none' : `${selected} · version ${stream?.version}`;
  part('stream').replaceChildren(...events.map((event) => eventItem(event, false)));
  part('no-stream').hidden = events.length > 0;
  part('actions').hidden = events.length === 0;
}

function orderItem(event: ShopEvent): HTMLElement {
  const about = event.type === 'OrderPlaced' ? `${event.payload.item}, ${event.payload.customer}` : '';
  const button = element('button', '', element('b', '', event.streamId), element('span', 'detail', about));
  button.dataset.order = event.streamId;
  button.setAttribute('aria-current', String(event.streamId === selected));
  return element('li', '', button);
}

function proposeNumber(): void {
  const number = part('place').querySelector<HTMLInputElement>('[name=number]');
  if (number !== null) number.value = Math.random().toString(36).slice(2, 7);
}

function complain(error: unknown): void {
  const problem = part('problem');
  problem.textContent =
    error instanceof VersionConflict
      ? `${error.streams[0]?.streamId} changed meanwhile; look at it and try again.`
      : error instanceof Error
        ? error.message
        : String(error);
  problem.hidden = false;
}

function forgive(): void {
  part('problem').hidden = true;
}

start().catch(complain);
