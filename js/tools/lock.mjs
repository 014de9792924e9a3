// One build at a time: two of them would overwrite each other's module in Cargo's target folder.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from './run.mjs';
import { say } from './step.mjs';

const LOCK = path.join(ROOT, 'target', '.build-lock');
const POLL_MS = 200;

/**
 * Does the work while no other process of this project does work under the lock.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function locked(work) {
  mkdirSync(path.dirname(LOCK), { recursive: true });
  let told = false;
  for (;;) {
    const holder = take();
    if (holder === null) break;
    if (!told) say(`• waiting for another build (process ${holder})`);
    told = true;
    await pause(POLL_MS);
  }
  const release = () => rmSync(LOCK, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Takes the lock, or answers which process holds it. */
function take() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return null;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = readHolder();
  if (holder !== null && alive(holder)) return holder;
  // Left behind by a process that was killed.
  rmSync(LOCK, { force: true });
  return take();
}

function readHolder() {
  try {
    return Number(readFileSync(LOCK, 'utf8')) || null;
  } catch {
    return null;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
