// The documentation as its reader has it: `npm run docs` builds it without a warning and serves it, and every link in
// it leads somewhere.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../js/tools/run.mjs';
import { startProgram } from '../support/hosts.mjs';

let docs;
/** By path: the ids of a page, or none where it is no page; absent where there is nothing. */
const found = new Map();
const links = [];

before(async () => {
  const program = path.join(ROOT, 'js', 'tools', 'docs.mjs');
  docs = await startProgram(process.execPath, [program, '--port', '0'], /^ +(http:\S+)$/m);
  const waiting = ['/'];
  for (const place of waiting) {
    const response = await fetch(new URL(place, docs.said));
    const html = await response.text();
    if (!response.ok) continue;
    found.set(place, new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => id)));
    if (!response.headers.get('content-type')?.startsWith('text/html')) continue;
    for (const [, text] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const target = new URL(text.replaceAll('&amp;', '&'), new URL(place, docs.said));
      if (target.origin !== new URL(docs.said).origin) continue;
      links.push({ from: place, to: target.pathname, part: decodeURIComponent(target.hash.slice(1)) });
      if (!waiting.includes(target.pathname)) waiting.push(target.pathname);
    }
  }
});
after(() => docs?.stop());

test('it has the guide, every entry and what they name', () => {
  const pages = [...found.keys()].filter((place) => place.endsWith('.html'));
  assert.ok(pages.length > 100, `there are ${pages.length} pages`);
  for (const place of ['/documents/Start.html', '/modules/index.html', '/classes/index.EventStore.html']) {
    assert.ok(found.has(place), place);
  }
});

test('every link leads somewhere', () => {
  const broken = links.filter(({ to, part }) => !found.has(to) || (part && !found.get(to).has(part)));
  assert.deepEqual(broken, []);
  assert.ok(links.some(({ part }) => part !== ''));
});
