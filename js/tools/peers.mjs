// What an app bundles to open a store with what else there is, weighed as `npm run size` weighs this package.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT, run } from './run.mjs';
import { digest, fresh, unstamp, writeStamp } from './stamp.mjs';
import { step } from './step.mjs';

const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const HERE = 'tests/peers';
/** The peers are large, so they are kept between runs, and installed only for whoever asks. */
const PROJECT = 'target/peers';

/** What an app imports of each, by package. @type {Record<string, string>} */
const PEERS = {
  idb: "export { openDB } from 'idb';",
  dexie: "export { Dexie } from 'dexie';",
  tinybase: [
    "export { createStore } from 'tinybase';",
    "export { createIndexedDbPersister } from 'tinybase/persisters/persister-indexed-db';",
  ].join('\n'),
  'pouchdb-browser': "export { default } from 'pouchdb-browser';",
  rxdb: [
    "export { createRxDatabase } from 'rxdb/plugins/core';",
    "export { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';",
  ].join('\n'),
  '@sqlite.org/sqlite-wasm': "export { default } from '@sqlite.org/sqlite-wasm';",
  '@livestore/livestore': [
    "import { makePersistedAdapter } from '@livestore/adapter-web';",
    "import sharedWorker from '@livestore/adapter-web/shared-worker?sharedworker';",
    "import worker from './livestore-worker.mjs?worker';",
    "export { createStorePromise } from '@livestore/livestore';",
    "export const adapter = makePersistedAdapter({ storage: { type: 'opfs' }, worker, sharedWorker });",
  ].join('\n'),
};
/** Which of them starts workers at once. */
const WITH_WORKERS = ['@livestore/livestore'];
/** The workers that an app makes itself, by file. @type {Record<string, string>} */
const WORKERS = {
  'livestore-worker.mjs': [
    "import { makeWorker } from '@livestore/adapter-web/worker';",
    "import { makeSchema, State } from '@livestore/livestore';",
    'const state = State.SQLite.makeState({ tables: {}, materializers: {} });',
    'makeWorker({ schema: makeSchema({ events: {}, state }) });',
  ].join('\n'),
};

/** The entry of each: a file that imports what an app imports. */
export async function peers() {
  const stamp = `${PROJECT}/node_modules/.eventcore-stamp`;
  const key = digest([`${HERE}/package.json`, `${HERE}/package-lock.json`]);
  mkdirSync(path.join(ROOT, PROJECT), { recursive: true });
  if (!fresh(stamp, key)) {
    unstamp(stamp);
    for (const file of ['package.json', 'package-lock.json'])
      cpSync(path.join(ROOT, HERE, file), path.join(ROOT, PROJECT, file));
    const quiet = ['--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await step('installing the peers (once)', () =>
      run(NPM, ['ci', '--prefix', path.join(ROOT, PROJECT), ...quiet]),
    );
    writeStamp(stamp, key);
  }
  const write = (name, code) => {
    const file = path.join(ROOT, PROJECT, name);
    writeFileSync(file, `${code}\n`);
    return file;
  };
  for (const [name, code] of Object.entries(WORKERS)) write(name, code);
  return Object.entries(PEERS).map(([name, code]) => ({
    name,
    workers: WITH_WORKERS.includes(name),
    file: write(`${name.replaceAll(/\W/g, '-')}.mjs`, code),
  }));
}
