// What every runtime does with the endpoint's entry: its module answers, and says that there is no database.

import { createSyncHandler } from 'eventcore-web/server';

const ask = (path) => new Request(`http://localhost${path}`);

export async function endpoint() {
  const handler = createSyncHandler({
    sql: { connect: () => Promise.reject(new Error('there is no database')) },
  });
  const health = await handler(ask('/healthz'));
  const push = await handler(ask('/v1/spaces/s/events'));
  return { health: health.status, feed: push.status, code: (await push.json()).error?.code };
}
