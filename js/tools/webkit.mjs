// WebKit for tests, driven over WebDriver: WebKitGTK's small browser on a display of its own.
//
// A session of WebDriver has one current window and carries out one command at a time. So that pages can work at
// once, a call in a page is begun by one command, and its answer asked for by others.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { requireBrowser } from './browsers.mjs';
import { LAUNCH_MS } from './chromium.mjs';
import { killGroup } from './run.mjs';

/** How long to wait before an answer is asked for again, in milliseconds: at first, and at most. */
const POLL_MS = [2, 40];

/** Begins a call and keeps how it ends. */
const BEGIN = `
  const [id, source, argument] = arguments;
  const calls = (globalThis.driverCalls ??= new Map());
  const written = (value) => JSON.stringify({ value });
  const failed = (error) => JSON.stringify({ error: String(error?.stack ? error + '\\n' + error.stack : error) });
  calls.set(id, null);
  (async () => (0, eval)('(' + source + ')')(argument === null ? undefined : JSON.parse(argument)))()
    .then(written)
    .catch(failed)
    .then((answer) => calls.set(id, answer));`;

/** Takes the answer of a call; null while there is none, undefined where the page does not know of it. */
const TAKE = `
  const [id] = arguments;
  const calls = globalThis.driverCalls;
  if (!calls?.has(id)) return 'gone';
  const answer = calls.get(id);
  if (answer !== null) calls.delete(id);
  return answer;`;

/** Pages in the manner of `drivers.mjs`. Its storage ends with it. */
export async function launchWebKit() {
  const programs = await requireBrowser('webkit');
  const display = await startDisplay(programs.display);
  const driver = await startDriver(programs.driver, display.name).catch((error) => {
    display.kill();
    throw error;
  });
  const kill = () => {
    process.off('exit', kill);
    driver.kill();
    display.kill();
  };
  process.once('exit', kill);
  try {
    const session = await Session.open(driver.url, programs.browser);
    return {
      newPage: () => session.newPage(),
      async close() {
        await session.close();
        kill();
      },
      async kill() {
        kill();
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

/**
 * A page in WebKit without its driver, under which it keeps everything in memory: here storage is in a folder, and the
 * page does what its own scripts say. Answers with how it is ended.
 * @param {string} url @param {string} folder
 */
export async function openWebKitPage(url, folder) {
  const programs = await requireBrowser('webkit');
  const display = await startDisplay(programs.display);
  const places = { XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(programs.browser, [url], {
    stdio: 'ignore',
    detached: true,
    env: environment(display.name, places),
  });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const kill = () => {
    process.off('exit', kill);
    killGroup(child.pid);
    display.kill();
  };
  process.once('exit', kill);
  return async () => {
    kill();
    await gone;
  };
}

const environment = (display, more = {}) => ({
  ...process.env,
  DISPLAY: display,
  // Its sandbox needs what containers and root do not have.
  WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
  ...more,
});

/** A display that nobody sees, under a number that is free. */
async function startDisplay(program) {
  const child = spawn(program, ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${program} ended with code ${code}`);
  });
  failed.catch(() => {});
  const [said] = await Promise.race([once(child.stdio[3].setEncoding('utf8'), 'data'), failed]);
  return { name: `:${said.trim()}`, kill: () => killGroup(child.pid) };
}

async function startDriver(program, display) {
  const port = await freePort();
  const child = spawn(program, [`--port=${port}`], {
    stdio: 'ignore',
    detached: true,
    env: environment(display),
  });
  let gone = false;
  child.once('exit', () => {
    gone = true;
  });
  const url = `http://127.0.0.1:${port}`;
  const kill = () => killGroup(child.pid);
  for (const end = Date.now() + LAUNCH_MS; Date.now() < end && !gone; ) {
    const ready = await command(url, 'GET', '/status').catch(() => null);
    if (ready) return { url, kill };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  kill();
  throw new Error(`${program} does not answer on port ${port}`);
}

async function freePort() {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function command(url, method, path, body) {
  const response = await fetch(url + path, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
  return value;
}

class Session {
  #url;
  #turn = Promise.resolve();
  /** The window that a session starts with; new ones come from it, so that it stays. */
  #home;
  #current;

  constructor(url, home) {
    this.#url = url;
    this.#home = home;
    this.#current = home;
  }

  static async open(url, binary) {
    const capabilities = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
    const { sessionId } = await command(url, 'POST', '/session', {
      capabilities: {
        alwaysMatch: { ...capabilities, timeouts: { script: LAUNCH_MS, pageLoad: LAUNCH_MS } },
      },
    });
    const session = `${url}/session/${sessionId}`;
    return new Session(session, await command(session, 'GET', '/window'));
  }

  async newPage() {
    const { handle } = await this.#inWindow(this.#home, 'POST', '/window/new', { type: 'window' });
    return new WebKitPage((method, path, body) => this.#inWindow(handle, method, path, body));
  }

  async close() {
    await this.#inTurn(() => command(this.#url, 'DELETE', ''));
  }

  #inWindow(handle, method, path, body) {
    return this.#inTurn(async () => {
      if (this.#current !== handle) {
        await command(this.#url, 'POST', '/window', { handle });
        this.#current = handle;
      }
      return command(this.#url, method, path, body);
    });
  }

  #inTurn(work) {
    const answer = this.#turn.then(work);
    this.#turn = answer.catch(() => {});
    return answer;
  }
}

class WebKitPage {
  #command;
  #calls = 0;

  constructor(command) {
    this.#command = command;
  }

  async goto(url) {
    await this.#command('POST', '/url', { url });
  }

  async reload() {
    await this.#command('POST', '/refresh', {});
  }

  async close() {
    await this.#command('DELETE', '/window');
  }

  async evaluate(work, argument) {
    const id = `${++this.#calls}`;
    const written = argument === undefined ? null : JSON.stringify(argument);
    await this.#script(BEGIN, [id, String(work), written]);
    for (let pause = POLL_MS[0]; ; pause = Math.min(pause * 2, POLL_MS[1])) {
      const answer = await this.#script(TAKE, [id]);
      if (answer === 'gone') throw new Error('the page was left while it was called');
      if (answer !== null) return read(answer);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #script(script, args) {
    return this.#command('POST', '/execute/sync', { script, args });
  }
}

function read(answer) {
  const { value, error } = JSON.parse(answer);
  if (error !== undefined) throw new Error(error);
  return value;
}
