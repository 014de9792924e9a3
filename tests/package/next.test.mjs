// Next.js: a client component, an edge function and the endpoint as a route of the same app, built and started.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from '../../js/tools/chromium.mjs';
import { run } from '../../js/tools/run.mjs';
import { startProgram } from '../support/hosts.mjs';
import { ENDPOINT_WELL, visit, WELL } from './pages.mjs';
import { inside, install } from './project.mjs';

const NEXT = () => inside('node_modules/next/dist/bin/next');
const APP = () => inside('apps/next');
const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };

let app;
let browser;

before(async () => {
  [, browser] = await Promise.all([install(), launchChromium()]);
  await run(process.execPath, [NEXT(), 'build', APP()], { env });
  const start = [NEXT(), 'start', APP(), '-H', '127.0.0.1', '-p', '0'];
  app = await startProgram(process.execPath, start, /(http:\/\/127\.0\.0\.1:\d+)/, env);
});
after(async () => {
  await browser?.close();
  await app?.stop();
});

test('a client component opens its store, and syncs it with a route of the app', async () => {
  assert.deepEqual(await visit(browser, app.said), { ...WELL, shown: '1', position: 1 });
});

test('an edge function', async () => {
  const response = await fetch(`${app.said}/api/edge`);
  assert.deepEqual(await response.json(), { client: WELL, endpoint: ENDPOINT_WELL });
});
