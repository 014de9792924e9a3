// What a host under test serves with, by what it is told.

import { bearerTokens, createSyncHandler, fromPg } from 'eventcore-web/server';
import { jwtVerify } from 'jose';
import pg from 'pg';

export function optionsOf({ SCHEMA, ORIGIN, SECRET, BODY_TIMEOUT }) {
  if (SECRET === undefined) return { schema: SCHEMA, allowOrigin: ORIGIN };
  const secret = new TextEncoder().encode(SECRET);
  const verify = async (token) => {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] });
    if (payload.aud !== undefined) throw new Error('the token is for others');
    return payload;
  };
  return { schema: SCHEMA, authorize: bearerTokens(verify), bodyTimeout: Number(BODY_TIMEOUT) };
}

export function overPool(env) {
  const pool = new pg.Pool({ connectionString: env.DATABASE_URL, max: 8 });
  pool.on('error', () => {});
  return createSyncHandler({ sql: fromPg(pool), ...optionsOf(env) });
}
