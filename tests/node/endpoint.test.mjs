// The endpoint's hosts, all by one suite, and what each adds.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import { jwtVerify } from 'jose';
import pg from 'pg';
import { ERROR_CLASSES } from '../../dist/errors.js';
import {
  bearerTokens,
  createSyncHandler,
  fromPGlite,
  fromPg,
  fromPgClients,
} from '../../dist/server/index.js';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { ADMITTED, BODY_TIMEOUT, endpointSuite, SECRET, tokenSuite } from '../support/endpoint-suite.mjs';
import { buildServer, listen, serverProgram, startProgram, startServer } from '../support/hosts.mjs';
import { DOCUMENT } from '../support/openapi.mjs';

/** @type {Awaited<ReturnType<typeof startPostgres>>} */
let postgres;
/** @type {string} */
let folder;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'eventcore-endpoint-'));
  [postgres] = await Promise.all([startPostgres(), buildServer()]);
});
after(async () => {
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const overPGlite = async (options) => {
  const db = await PGlite.create();
  const host = await listen(createSyncHandler({ sql: fromPGlite(db), ...options }));
  return { url: host.url, stop: () => host.stop().then(() => db.close()) };
};
/** What makes a handler a strict one. */
const strict = {
  authorize: bearerTokens(async (token) => {
    const { payload } = await jwtVerify(token, Buffer.from(SECRET), { algorithms: ['HS256'] });
    if (payload.aud !== undefined) throw new Error('the token is for others');
    return payload;
  }),
  bodyTimeout: BODY_TIMEOUT,
};
endpointSuite('createSyncHandler over PGlite', () => overPGlite({ allowOrigin: ADMITTED }));

const overPg = async (options) => {
  const pool = new pg.Pool({ connectionString: postgres.url, max: 8 });
  pool.on('error', () => {});
  const host = await listen(createSyncHandler({ sql: fromPg(pool), ...options }));
  return { url: host.url, stop: () => host.stop().then(() => pool.end()), database: postgres };
};
endpointSuite('createSyncHandler over pg', () => overPg({ allowOrigin: [ADMITTED], schema: 'over "pg"' }), {
  canLoseDatabase: true,
});

const native = async (...args) => ({
  ...(await startServer(['--database-url', postgres.url, ...args])),
  database: postgres,
});
endpointSuite('eventcore-server', () => native('--schema', 'native', '--allow-origin', ADMITTED), {
  canLoseDatabase: true,
});

tokenSuite(
  {
    'createSyncHandler over PGlite': () => overPGlite(strict),
    'createSyncHandler over pg': () => overPg({ schema: 'strict "pg"', ...strict }),
    'eventcore-server': async () => {
      const secret = path.join(folder, 'secret');
      await writeFile(secret, SECRET);
      const times = ['--body-timeout', String(BODY_TIMEOUT), '--jwt-leeway', '0'];
      return native('--schema', 'strict', '--jwt-secret-file', secret, ...times);
    },
  },
  { ownHttp: true },
);

it('documents every code that an error can have', () => {
  assert.deepEqual(DOCUMENT.components.schemas.ErrorCode.enum, Object.keys(ERROR_CLASSES).sort());
});

describe('createSyncHandler', () => {
  /** @type {PGlite} */
  let db;
  before(async () => {
    db = await PGlite.create();
  });
  after(() => db.close());

  const ask = (handler, token) =>
    handler(
      new Request('https://sync.example.com/v1/spaces/team/events', {
        headers: token ? { authorization: token } : {},
      }),
    );

  it('asks authorize for the space and the right', async () => {
    const asked = [];
    const handler = createSyncHandler({
      sql: fromPGlite(db),
      async authorize(request, access) {
        asked.push(access);
        const token = request.headers.get('authorization');
        return token === null ? 'unauthorized' : token === 'good';
      },
    });
    assert.deepEqual(
      [await ask(handler), await ask(handler, 'bad'), await ask(handler, 'good')].map(({ status }) => status),
      [401, 403, 200],
    );
    assert.deepEqual(asked[0], { space: 'team', right: 'read' });
    const body = JSON.stringify({ commits: [] });
    await handler(new Request('https://sync.example.com/v1/spaces/x/push', { method: 'POST', body }));
    assert.deepEqual(asked[3], { space: 'x', right: 'write' });
  });

  it('reads no body of who may not', async () => {
    const allowed = new Set();
    const handler = createSyncHandler({
      sql: fromPGlite(db),
      authorize: (_, { space }) => allowed.has(space),
    });
    const ask = async () => {
      const body = new Blob([JSON.stringify({ commits: [] })]).stream();
      const request = new Request('https://sync.example.com/v1/spaces/x/push', {
        ...{ method: 'POST', body, duplex: 'half' },
      });
      const { status } = await handler(request);
      return [status, request.bodyUsed];
    };
    assert.deepEqual(await ask(), [403, false]);
    allowed.add('x');
    assert.deepEqual(await ask(), [200, true]);
  });

  it('lets nobody in when authorize fails, and says nothing of why', async () => {
    const authorize = () => {
      throw new Error('the secret is s3cret');
    };
    const response = await ask(createSyncHandler({ sql: fromPGlite(db), authorize }));
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /s3cret/);
  });

  it('answers loopback only without authorize', async () => {
    assert.equal((await ask(createSyncHandler({ sql: fromPGlite(db) }))).status, 403);
  });

  it('goes by the host that was asked for, whatever a framework made of the address', async () => {
    const handler = createSyncHandler({ sql: fromPGlite(db) });
    const status = async (headers) =>
      (await handler(new Request('http://localhost:3000/healthz', { headers }))).status;
    assert.equal(await status({ host: 'sync.example.com' }), 403);
    assert.equal(await status({ host: 'no host' }), 403);
    assert.equal(await status({ host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000' }), 200);
    assert.equal(await status({ host: '127.0.0.1:3000', origin: 'http://localhost:3000' }), 403);
  });

  it('refuses a schema that PostgreSQL would cut, and an origin that is none', async () => {
    await assert.rejects(createSyncHandler({ sql: fromPGlite(db), schema: 'x'.repeat(64) }).initialize(), {
      code: 'INVALID_REQUEST',
    });
    assert.throws(() => createSyncHandler({ sql: fromPGlite(db), allowOrigin: 'example.com' }), TypeError);
  });

  it('is alive, and unavailable, while there is no database', async () => {
    const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:1/nothing' });
    const handler = createSyncHandler({ sql: fromPg(pool) });
    const get = (path) => handler(new Request(`http://localhost${path}`));
    assert.equal((await get('/healthz')).status, 200);
    const events = await get('/v1/spaces/a/events');
    assert.deepEqual([events.status, (await events.json()).error.code], [503, 'STORAGE_UNAVAILABLE']);
    await pool.end();
  });
});

describe('createSyncHandler at the edge, made anew for each request', () => {
  /** The statements that a request's own handler sends. */
  const asked = async (schema, path = '/v1/spaces/a/events') => {
    const statements = [];
    const open = () => {
      const client = new pg.Client({ connectionString: postgres.url });
      const query = client.query.bind(client);
      client.query = (sent) => {
        statements.push(sent.text);
        return query(sent);
      };
      return client;
    };
    const handler = createSyncHandler({ sql: fromPgClients(open), schema });
    const { status } = await handler(new Request(`http://localhost${path}`));
    return { status, looked: statements.some((text) => text.includes('pg_advisory_xact_lock')) };
  };

  it('looks for the tables of a database once, and again where they are gone', async () => {
    assert.deepEqual(await asked('edge'), { status: 200, looked: true });
    assert.deepEqual(await asked('edge'), { status: 200, looked: false });
    assert.deepEqual(await asked('edge', '/readyz'), { status: 200, looked: false });
    assert.deepEqual(await asked('other edge'), { status: 200, looked: true }, 'another schema');
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query('drop schema edge cascade');
    await client.end();
    assert.deepEqual(await asked('edge'), { status: 503, looked: false });
    assert.deepEqual(await asked('edge'), { status: 200, looked: true });
  });
});

describe('eventcore-server', () => {
  const program = serverProgram();
  /** Runs it to an end that it comes to by itself. */
  const fails = async (args, expected) => {
    const { stop } = await startProgram(program, args, /(.+)/s);
    const { code, output } = await stop('SIGCONT');
    assert.notEqual(code, 0);
    assert.match(output, expected);
    assert.doesNotMatch(output, /panicked|backtrace/i);
  };

  it('refuses to listen where others reach it', () =>
    fails(
      ['--listen', '0.0.0.0:0', '--database-url', postgres.url],
      /without a key to verify tokens with.*loopback/s,
    ));

  it('says that a port is in use', async () => {
    const host = await listen(async () => new Response());
    try {
      const args = ['--listen', new URL(host.url).host, '--database-url', postgres.url];
      await fails(args, /cannot listen on .*in use.*--listen/s);
    } finally {
      await host.stop();
    }
  });

  it('says that the database cannot be reached', () =>
    fails(
      ['--listen', '127.0.0.1:0', '--database-url', 'postgres://x:s3cret@127.0.0.1:1/x'],
      /cannot use the database/,
    ));

  it('says that it does not know sslmode=allow, and what to take', () =>
    fails(
      ['--listen', '127.0.0.1:0', '--database-url', `${postgres.url}?sslmode=allow`],
      /sslmode=allow is not supported: take prefer/,
    ));

  it('says that there is no database', () => fails(['--listen', '127.0.0.1:0'], /--database-url/));

  it('groups its options by subject, each with how the environment names it', async () => {
    const { stop } = await startProgram(program, ['--help'], /(.+)/s);
    const { output } = await stop('SIGCONT');
    const [usage, ...subjects] = output.split(/^(?=\w[\w ]*:$)/m);
    assert.match(usage, /^Serves the sync endpoint of eventcore-web on PostgreSQL\.\n/);
    const named = Object.fromEntries(
      subjects.map((text) => [text.split(':')[0], text.match(/(?<=^ +(?:-\w, )?)--[a-z-]+/gm) ?? []]),
    );
    for (const [subject, option] of Object.entries({
      Options: '--listen',
      Database: '--database-url',
      Tokens: '--jwt-jwks',
      Limits: '--max-connections',
      Log: '--log-format',
    })) {
      assert.ok(named[subject]?.includes(option), `${option} is under ${subject}: ${JSON.stringify(named)}`);
    }
    assert.match(output, /--max-connections <N>[\s\S]*?EVENTCORE_MAX_CONNECTIONS/);
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`ends cleanly by ${signal}`, async () => {
      const server = await startServer(['--database-url', postgres.url]);
      const { code } = await server.stop(signal);
      assert.equal(code, 0);
    });
  }
});
