// Runs commands, each at the head of its own process group, so that ending one ends all that it started.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { Failure, passOn } from './step.mjs';

/** The top of the project. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

const WINDOWS = process.platform === 'win32';
/** How long a command may take to end after it was asked to. */
const GRACE_MS = 5_000;
const SHOWN_LINES = 80;

/** @type {Map<import('node:child_process').ChildProcess, Promise<unknown>>} */
const running = new Map();
/** @type {Set<() => Promise<unknown>>} */
const cleanups = new Set();
/** A signal has come: what runs is being ended, and nothing else begins. */
let ending = false;

/**
 * @typedef {object} RunOptions
 * @property {Record<string, string | undefined>} [env] Added to the environment.
 * @property {boolean} [stream] Pass the output on as it comes; otherwise it is shown only on failure.
 * @property {string} [next] What to do when the command fails.
 * @property {number} [timeoutMs]
 *
 * @typedef {{ code: number, output: string }} Outcome `output` has no colour codes; a signal's code is 128 + number.
 */

/**
 * Runs a command to its end, whatever that is.
 * @param {string} command @param {string[]} args @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export async function attempt(command, args, { env = {}, stream = false, timeoutMs } = {}) {
  if (ending) return forever();
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...colour(stream), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: !WINDOWS,
  });
  let output = '';
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      if (stream) passOn(chunk);
    });
  }
  const code = await new Promise((resolve, reject) => {
    const alarm = timeoutMs && setTimeout(expire, timeoutMs);
    function expire() {
      output += `\nended: it took more than ${timeoutMs / 1000} s\n`;
      if (stream) passOn(`\nended ${command}: it took more than ${timeoutMs / 1000} s\n`);
      endGroup(child);
    }
    const closed = new Promise((done) => child.once('close', done));
    running.set(child, closed);
    const forget = () => {
      clearTimeout(alarm);
      running.delete(child);
    };
    child.once('error', (error) => {
      forget();
      reject(error.code === 'ENOENT' ? new Failure(`${command} was not found`) : error);
    });
    child.once('close', (status, signal) => {
      forget();
      resolve(status ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
  return ending ? forever() : { code, output: stripVTControlCharacters(output) };
}

/**
 * Runs a command that has to succeed; answers what it printed.
 * @param {string} command @param {string[]} args @param {RunOptions} [options]
 */
export async function run(command, args, options = {}) {
  const { code, output } = await attempt(command, args, options);
  if (code === 0) return output;
  const shown = options.stream ? '' : `\n${tail(output)}`;
  throw new Failure(`${[command, ...args].join(' ')} failed (exit code ${code})${shown}`, {
    next: options.next,
  });
}

/**
 * The command line of a program that an npm package brings; started through Node, so that it needs no shell.
 * @param {string} name Of the package. @param {string} program @param {string[]} args
 * @returns {[string, string[]]}
 */
export function npmProgram(name, program, args) {
  const folder = path.join(ROOT, 'node_modules', name);
  const manifest = path.join(folder, 'package.json');
  if (!existsSync(manifest)) {
    throw new Failure(`the npm package ${name} is not installed`, { next: 'npm run setup' });
  }
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return [process.execPath, [path.join(folder, typeof bin === 'string' ? bin : bin[program]), ...args]];
}

/**
 * Registers what has to be undone however this process ends; the answer takes it back.
 * @param {() => Promise<unknown>} cleanup
 */
export function whenEnding(cleanup) {
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

/** From here on, Ctrl-C and friends end every command that is running before this process ends. */
export function endAllOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, async () => {
      // The terminal and npm may both pass the same Ctrl-C on.
      if (ending) return;
      ending = true;
      await Promise.all([...running].map(([child, closed]) => end(child, closed)));
      await Promise.allSettled([...cleanups].map((cleanup) => cleanup()));
      process.exit(128 + constants.signals[signal]);
    });
  }
}

/** Whether the module with this `import.meta.url` is the program that was started. */
export function isMain(url) {
  return url === pathToFileURL(process.argv[1] ?? '').href;
}

/** For work that a signal overtook: the process ends, so it neither succeeds nor fails. */
function forever() {
  return new Promise(() => {});
}

async function end(child, closed) {
  endGroup(child);
  await Promise.race([closed, new Promise((done) => setTimeout(done, GRACE_MS + 500))]);
}

function endGroup(child) {
  signalGroup(child, 'SIGTERM');
  setTimeout(() => running.has(child) && signalGroup(child, 'SIGKILL'), GRACE_MS).unref();
}

function signalGroup({ pid }, signal) {
  try {
    process.kill(WINDOWS ? pid : -pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** Ends a process and all that it started, at once, whatever they are doing. @param {number} pid */
export function killGroup(pid) {
  signalGroup({ pid }, 'SIGKILL');
}

function colour(stream) {
  return stream && process.stdout.isTTY && !process.env.NO_COLOR
    ? { FORCE_COLOR: '1', CARGO_TERM_COLOR: 'always' }
    : {};
}

function tail(output) {
  const lines = output.trimEnd().split('\n');
  const left = lines.length - SHOWN_LINES;
  return left > 0 ? `(${left} lines before)\n${lines.slice(left).join('\n')}` : lines.join('\n');
}
