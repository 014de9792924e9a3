// eventcore-web on the same PostgreSQL: the store in Rust without HTTP, and the endpoint through HTTP. Who asks is a
// program in Rust, so that it takes little of the machine; see `load.rs`.

import { randomUUID } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { attempt, ROOT } from '../../../js/tools/run.mjs';
import { startProgram } from '../../support/hosts.mjs';

const RELEASE = path.join(ROOT, 'target', 'release');
const LOAD = path.join(RELEASE, 'examples', 'bench-endpoint');

/** @returns {Promise<import('./loop.mjs').Measured>} */
async function load(...args) {
  const { code, output } = await attempt(LOAD, args.map(String));
  if (code !== 0) throw new Error(`${args.join(' ')}: ${output}`);
  return JSON.parse(output);
}

async function schema(url) {
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const tables = ['events', 'spaces'].map((table) => `${name}.${table}`).join(', ');
  return { name, empty: () => pool.query(`truncate ${tables}`), end: () => pool.end() };
}

export async function store(url) {
  const { name, empty, end } = await schema(url);
  const measure = (row) => (_, seconds) => load('store', url, name, row, seconds);
  await measure('push')('', 0.1); // It makes the tables.
  await empty();
  return {
    push: measure('push'),
    commits: measure('commits'),
    feed: measure('feed'),
    fill: () => load('store', url, name, 'commits', 1),
    empty,
    stop: end,
  };
}

export async function endpoint(url) {
  const { name, empty, end } = await schema(url);
  const args = ['--listen', '127.0.0.1:0', '--database-url', url, '--schema', name];
  const server = await startProgram(path.join(RELEASE, 'eventcore-server'), args, /(http:\S+)/);
  const measure = (row) => (_, seconds) => load('http', server.said, 'bench', row, seconds);
  return {
    push: measure('push'),
    commits: measure('commits'),
    feed: measure('feed'),
    fill: () => load('http', server.said, 'bench', 'commits', 1),
    empty,
    async stop() {
      await server.stop();
      await end();
    },
  };
}
