// The hosts of the endpoint: the JavaScript handler in this process, and the native server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { answer } from '../../dist/cli/http.js';
import { ROOT, run } from '../../js/tools/run.mjs';

/** Serves a `fetch` handler on a free port. */
export async function listen(handler) {
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, handler).catch(() => outgoing.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether tests start the native server as it is shipped: `SERVER=release`. As it is, it is quicker to build. */
const RELEASE = process.env.SERVER === 'release';

/** Builds the native server, when it is out of date. */
export function buildServer({ release = RELEASE } = {}) {
  const profile = release ? ['--release'] : [];
  return run('cargo', ['build', '--quiet', ...profile, '--features', 'server', '--bin', 'eventcore-server']);
}

/**
 * Starts a program and waits for a line that it prints.
 * @param {string} program @param {string[]} args @param {RegExp} expected Its first group is the answer's `said`.
 */
export async function startProgram(program, args, expected, env = {}) {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, output }));
  const said = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk;
      const found = expected.exec(output);
      if (found) resolve(found[1]);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    ended.then(({ code }) => reject(new Error(`${program} ended with ${code}: ${output}`)));
  });
  return {
    said,
    pid: child.pid,
    /** Asks it to end, and answers how it did. */
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Where the native server lies once it is built. */
export function serverProgram({ release = RELEASE } = {}) {
  return `${ROOT}/target/${release ? 'release' : 'debug'}/eventcore-server`;
}

/** Starts the native server on a free port. */
export async function startServer(args, options) {
  const { said, ...process } = await startProgram(
    serverProgram(options),
    ['--listen', '127.0.0.1:0', ...args],
    /(http:\S+)/,
  );
  return { url: said, ...process };
}
