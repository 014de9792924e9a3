// The database behind `eventcore-web serve`: the one that DATABASE_URL names, or PGlite in a folder.

import { access, constants, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fromPGlite, fromPg, type SqlClient } from '../server/index.js';
import { lockFolder } from './lock.js';
import type { Options } from './options.js';
import { missing, Problem, reason } from './problem.js';

export interface Database {
  /** For a person: which database this is, without its password. */
  name: string;
  sql: SqlClient;
  close(): Promise<void>;
}

export function openDatabase(options: Options): Promise<Database> {
  return options.databaseUrl === undefined ? openFolder(options.data) : openServer(options.databaseUrl);
}

async function openServer(url: string): Promise<Database> {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new Problem('DATABASE_URL is no address of the form postgres://user:password@host:5432/database');
  }
  const { default: pg } = await import('pg').catch(() => missing('pg'));
  const { host, pathname } = new URL(url);
  const name = `PostgreSQL at ${host}${pathname}`;
  const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 5_000, max: 20 });
  // An idle connection that breaks is replaced by the next request; without a listener it would end the process.
  pool.on('error', (error) => console.error(`${name}: ${error.message}`));
  const close = () => pool.end();
  try {
    (await pool.connect()).release();
  } catch (error) {
    await close();
    throw new Problem(
      `${name} cannot be reached: ${reason(error)}\n  → is it running, and is DATABASE_URL right?`,
    );
  }
  return { name, sql: fromPg(pool), close };
}

async function openFolder(data: string): Promise<Database> {
  const folder = path.resolve(data);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Problem(
      `the data folder ${folder} cannot be used: ${reason(error)}\n  → choose another with --data`,
    );
  }
  const { PGlite } = await import('@electric-sql/pglite').catch(() => missing('@electric-sql/pglite'));
  const release = await lockFolder(folder);
  try {
    const db = await PGlite.create(path.join(folder, 'pglite'));
    return {
      name: `embedded PostgreSQL (PGlite) in ${folder}`,
      sql: fromPGlite(db),
      async close() {
        await db.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw new Problem(
      `the database in ${folder} cannot be opened: ${reason(error)}\n  → restore the folder, or choose another with --data`,
    );
  }
}
