// `npm start`'s server as a child process: started, stopped and started again on the same port.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from '../../js/tools/run.mjs';

const inDist = (...place) => path.join(ROOT, 'dist', ...place);
/** As `npm start` does. */
const SERVE = [inDist('cli', 'index.js'), 'serve', '--static', inDist('www')];

/**
 * Starts the server and waits until it says where it listens.
 * @param {{ port?: number, env: Record<string, string>, args?: string[] }} options
 */
export async function serve({ port = 0, env, args = [] }) {
  const server = spawn(process.execPath, [...SERVE, '--port', String(port), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const gone = new Promise((resolve) => server.once('exit', (code) => resolve(code)));
  const address = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      printed += chunk;
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(printed);
      if (found) resolve({ url: found[0], port: Number(found[1]) });
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    gone.then((code) => reject(new Error(`the server ended with code ${code}:\n${printed}`)));
  });
  return {
    ...address,
    printed: () => printed,
    gone,
    async stop(signal = 'SIGTERM') {
      server.kill(signal);
      return gone;
    },
  };
}
