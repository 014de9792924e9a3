// A temporary PostgreSQL: its own cluster in a temporary folder, on a free loopback port, gone when its owner is.

import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { embeddedBinaries } from './embedded-postgres.mjs';
import { isMain } from './run.mjs';
import { Failure, main, say } from './step.mjs';
import { findProgram, installPackages, isRoot } from './system.mjs';

const POLL_MS = 25;
const START_MS = 30_000;
const SHOWN_CHARACTERS = 4_000;

/**
 * @typedef {object} Postgres
 * @property {string} url Of the database `postgres`, as its superuser, without a password.
 * @property {number} port It stays the same over restarts.
 * @property {() => Promise<void>} stop Shuts down and removes the data.
 * @property {() => Promise<void>} kill Ends it as a crash would; the data stays for `restart`.
 * @property {() => Promise<void>} restart Starts it again, after a `kill` or as it is.
 */

/**
 * Starts a cluster of its own and waits until it answers.
 * @returns {Promise<Postgres>}
 */
export async function startPostgres() {
  return start(await findBinaries(), unprivileged());
}

/**
 * As `startPostgres`, of the version that npm brings; null where it has none for this machine.
 * @returns {Promise<Postgres | null>}
 */
export async function startEmbeddedPostgres() {
  const user = unprivileged();
  const found = embeddedBinaries(user);
  if (found === null) return null;
  const { stop, ...postgres } = await start(found.bin, user);
  return { ...postgres, stop: () => stop().finally(found.remove) };
}

/** @returns {Promise<Postgres>} */
async function start(bin, user) {
  const data = mkdtempSync(path.join(tmpdir(), 'eventcore-postgres-'));
  if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
  const reaper = startReaper(data);
  let cluster;
  try {
    initialise(bin, data, user);
    cluster = await boot(bin, data, user, reaper);
  } catch (error) {
    reaper.watch(0);
    reaper.done();
    rmSync(data, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `postgres://postgres@127.0.0.1:${cluster.port}/postgres`,
    port: cluster.port,
    async stop() {
      await end(cluster.server, 'SIGINT');
      reaper.watch(0);
      reaper.done();
      rmSync(data, { recursive: true, force: true });
    },
    async kill() {
      await end(cluster.server, 'SIGKILL');
      reaper.watch(0);
    },
    async restart() {
      await end(cluster.server, 'SIGINT');
      cluster = await boot(bin, data, user, reaper, cluster.port);
    },
  };
}

/** The folder with the server's binaries, which few systems have in PATH. */
async function findBinaries() {
  const found = locateBinaries();
  if (found) return found;
  await installPackages(
    ['postgresql'],
    'PostgreSQL',
    'install PostgreSQL 14 or later, with pg_config in PATH',
  );
  const installed = locateBinaries();
  if (installed) return installed;
  throw new Failure('PostgreSQL was installed, but its server was not found', {
    next: 'put pg_config into PATH',
  });
}

function locateBinaries() {
  const folders = [];
  const config = findProgram(['pg_config']);
  if (config) folders.push(execFileSync(config, ['--bindir'], { encoding: 'utf8' }).trim());
  const debian = '/usr/lib/postgresql';
  if (existsSync(debian)) {
    const newestFirst = readdirSync(debian).sort((a, b) => Number(b) - Number(a));
    folders.push(...newestFirst.map((version) => path.join(debian, version, 'bin')));
  }
  const server = findProgram([...folders.map((folder) => path.join(folder, 'postgres')), 'postgres']);
  return server && existsSync(path.join(path.dirname(server), 'initdb')) ? path.dirname(server) : null;
}

/** PostgreSQL refuses to run as root: as root, another user runs it. */
function unprivileged() {
  if (!isRoot()) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // Not on this system.
    }
  }
  throw new Failure('PostgreSQL does not run as root, and there is no user postgres or nobody', {
    next: 'run this as another user',
  });
}

function initialise(bin, data, user) {
  // Nobody needs the empty cluster after a crash of the machine: only the running server syncs.
  const args = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];
  try {
    execFileSync(path.join(bin, 'initdb'), args, { ...user, cwd: data, stdio: 'pipe' });
  } catch (error) {
    throw new Failure(`initdb failed:\n${error.stderr}`);
  }
}

/** Starts the server, again on another port when somebody took it meanwhile. */
async function boot(bin, data, user, reaper, port) {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const chosen = port ?? (await freePort());
    const args = ['-D', data, '-h', '127.0.0.1', '-p', String(chosen), '-k', '', '-c', 'fsync=on'];
    const server = spawn(path.join(bin, 'postgres'), args, {
      ...user,
      cwd: data,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Out of the terminal's reach: on Ctrl-C its owner ends it, after those who use it.
      detached: true,
    });
    let log = '';
    const remember = (chunk) => {
      log = (log + chunk).slice(-SHOWN_CHARACTERS);
    };
    server.stdout.on('data', remember).unref();
    server.stderr.on('data', remember).unref();
    server.unref();
    reaper.watch(server.pid ?? 0);
    while (server.exitCode === null && server.signalCode === null && performance.now() < deadline) {
      if (await answers(chosen)) return { server, port: chosen };
      await pause(POLL_MS);
    }
    if (performance.now() >= deadline) {
      await end(server, 'SIGKILL');
      throw new Failure(`PostgreSQL did not start within ${START_MS / 1000} s:\n${log}`);
    }
    // After a kill, the old server's children need a moment to notice.
    await pause(POLL_MS);
  }
}

async function end(server, signal) {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = new Promise((resolve) => server.once('exit', resolve));
  server.ref();
  server.kill(signal);
  await exited;
}

/** Whether the server accepts a login, asked in its own protocol so that no client library is needed. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (ready) => {
      socket.destroy();
      resolve(ready);
    };
    socket.once('connect', () => socket.write(startupMessage({ user: 'postgres', database: 'postgres' })));
    // `R`, authentication, is the answer of a server that is ready; `E` is "the database system is starting up".
    socket.once('data', (data) => answer(data[0] === 'R'.charCodeAt(0)));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}

function startupMessage(parameters) {
  const text = `${Object.entries(parameters).flat().join('\0')}\0\0`;
  const message = Buffer.alloc(8 + Buffer.byteLength(text));
  message.writeInt32BE(message.length, 0);
  message.writeInt16BE(3, 4); // protocol 3.0
  message.write(text, 8);
  return message;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * A shell that outlives this process, however it ends, even by SIGKILL: when its input closes, it ends the server
 * that it was told last and removes the data.
 */
function startReaper(data) {
  const script = `
    while read -r pid; do last=$pid; done
    if [ "\${last:-0}" != 0 ] && kill -INT "$last" 2>/dev/null; then
      for _ in $(seq 100); do [ -e "$1/postmaster.pid" ] || break; sleep 0.1; done
      kill -KILL "$last" 2>/dev/null
    fi
    rm -rf -- "$1"`;
  const shell = spawn('/bin/sh', ['-c', script, 'reaper', data], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  shell.stdin.unref?.();
  return {
    watch: (pid) => shell.stdin.write(`${pid}\n`),
    done: () => shell.stdin.end(),
  };
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const postgres = await startPostgres();
    say(postgres.url);
    say('Ctrl-C stops it and removes its data.');
    // Something has to keep this process alive; the reaper cleans up behind it.
    setInterval(() => {}, 2 ** 30);
  });
}
