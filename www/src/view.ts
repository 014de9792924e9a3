// The page's elements, and how events become some of them.

import type { Conflict } from 'eventcore-web';
import { detail, type Shop, type ShopEvent, title } from './shop.js';

/** The element of this test id; the page has each of them. */
export function part<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.querySelector<E>(`[data-testid="${id}"]`);
  if (found === null) throw new Error(`the page lacks ${id}`);
  return found;
}

export function element(name: string, className = '', ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/** One event; `named` also says which stream it belongs to. */
export function eventItem(event: ShopEvent, named: boolean): HTMLElement {
  const pending = event.position === null;
  const pill = element('span', pending ? 'pill pending' : 'pill', pending ? 'pending' : `#${event.position}`);
  const name = named ? `${event.streamId} · ${title(event)}` : `${event.version}. ${title(event)}`;
  const item = element(
    'li',
    pending ? 'pending' : 'confirmed',
    element('div', 'line', element('b', '', name), pill),
    element('div', 'detail', detail(event)),
  );
  item.dataset.id = event.id;
  item.dataset.type = event.type;
  item.dataset.position = event.position === null ? 'pending' : String(event.position);
  return item;
}

/** A conflict, with what each side wrote and what can be done. */
export function conflictCard(
  conflict: Conflict<Shop>,
  resolve: (resolution: 'rebase' | 'drop') => void,
): HTMLElement {
  const streams = conflict.streams.map(({ streamId, expected, actual }) => {
    const was = expected === 'noStream' ? 'absent' : `at version ${expected}`;
    return `${streamId} was expected ${was} and is at version ${actual}`;
  });
  const side = (heading: string, events: ShopEvent[]) =>
    element(
      'div',
      'side',
      element('h3', '', heading),
      element('ol', 'events', ...events.map((event) => eventItem(event, false))),
    );
  const choice = (label: string, className: string, resolution: 'rebase' | 'drop') => {
    const button = element('button', className, label);
    button.setAttribute('type', 'button');
    button.dataset.resolution = resolution;
    button.addEventListener('click', () => resolve(resolution));
    return button;
  };
  const card = element(
    'article',
    'conflict',
    element('h2', '', 'Someone else was faster'),
    element('p', 'quiet', streams.join('; ') || (conflict.rejected?.message ?? '')),
    element(
      'div',
      'sides',
      side('On the other device', conflict.remoteEvents),
      side('Here, waiting', conflict.localEvents),
    ),
    element(
      'div',
      'choices',
      choice('Keep both: put mine on top', 'primary', 'rebase'),
      choice('Give mine up', '', 'drop'),
    ),
  );
  card.dataset.testid = 'conflict';
  return card;
}
