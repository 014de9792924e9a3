// `npm start`: sets up, builds what is out of date, and serves the endpoint and the page until it is stopped.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { build } from './build.mjs';
import { endAllOnSignals, ROOT } from './run.mjs';
import { setup } from './setup.mjs';
import { main } from './step.mjs';

/** The terminal and npm may both pass the same Ctrl-C on; a second one that a person means comes later. */
const SAME_SIGNAL_MS = 300;

/** @returns {Promise<number>} The server's exit code. */
function serve(args) {
  const inDist = (...place) => path.join(ROOT, 'dist', ...place);
  const command = [inDist('cli', 'index.js'), 'serve', '--static', inDist('www'), ...args];
  const server = spawn(process.execPath, command, {
    stdio: 'inherit',
    // Out of the terminal's reach, so that each signal arrives once: from here.
    detached: process.platform !== 'win32',
  });
  const last = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      const now = performance.now();
      if (now - (last.get(signal) ?? -Infinity) > SAME_SIGNAL_MS) server.kill(signal);
      last.set(signal, now);
    });
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

endAllOnSignals();
await main(async () => {
  await setup();
  await build();
  return serve(process.argv.slice(2));
});
