// The endpoint as a route of the app.

import { PGlite } from '@electric-sql/pglite';
import { createSyncHandler, fromPGlite } from 'eventcore-web/server';

let handler;

async function answer(request) {
  handler ??= PGlite.create().then((db) => createSyncHandler({ sql: fromPGlite(db) }));
  const url = new URL(request.url);
  url.pathname = url.pathname.replace('/api/sync', '');
  return (await handler)(new Request(url, request));
}

export { answer as GET, answer as POST };
