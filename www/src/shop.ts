// The shop's events, and what they look like to a person.

import type { StoredEvent } from 'eventcore-web';

export type Shop = {
  OrderPlaced: { customer: string; item: string; quantity: number };
  OrderPaid: { amount: number };
  OrderShipped: { carrier: string };
  NoteAdded: { note: string };
};

export type ShopEvent = StoredEvent<Shop>;

const TITLES: Record<keyof Shop, string> = {
  OrderPlaced: 'Placed',
  OrderPaid: 'Paid',
  OrderShipped: 'Shipped',
  NoteAdded: 'Note',
};

export function title(event: ShopEvent): string {
  return TITLES[event.type];
}

export function detail(event: ShopEvent): string {
  switch (event.type) {
    case 'OrderPlaced':
      return `${event.payload.quantity} × ${event.payload.item} for ${event.payload.customer}`;
    case 'OrderPaid':
      return `€ ${event.payload.amount.toFixed(2)}`;
    case 'OrderShipped':
      return `by ${event.payload.carrier}`;
    case 'NoteAdded':
      return event.payload.note;
  }
}
