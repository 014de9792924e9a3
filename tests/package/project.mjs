// A project of a user: the packed package, installed from its tarball beside the tools that users build with.

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, run } from '../../js/tools/run.mjs';
import { digest, fresh, unstamp, writeStamp } from '../../js/tools/stamp.mjs';

const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';
/** The tools are development dependencies: they are wanted whatever the environment says. */
const QUIET = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
const HERE = 'tests/package';
/** Kept between runs, since the tools are large; the package is packed and installed anew by each. */
export const PROJECT = path.join(ROOT, 'target', 'package');

/** Installs the tools where they are out of date, then the package as it is built. */
export async function install() {
  const stamp = 'target/package/node_modules/.eventcore-stamp';
  const key = digest([`${HERE}/package.json`, `${HERE}/package-lock.json`]);
  mkdirSync(PROJECT, { recursive: true });
  if (!fresh(stamp, key)) {
    unstamp(stamp);
    for (const file of ['package.json', 'package-lock.json'])
      cpSync(path.join(ROOT, HERE, file), inside(file));
    await run(NPM, ['ci', '--prefix', PROJECT, ...QUIET]);
    writeStamp(stamp, key);
  }
  for (const entry of readdirSync(PROJECT)) {
    if (!/^(node_modules|package.*\.json)$/.test(entry)) rmSync(inside(entry), { recursive: true });
  }
  const packed = JSON.parse(await run(NPM, ['pack', '--json', '--pack-destination', PROJECT, ...QUIET]));
  const tarball = inside(packed[0].filename);
  await run(NPM, ['install', '--no-save', '--ignore-scripts', '--prefix', PROJECT, ...QUIET, tarball]);
  cpSync(path.join(ROOT, HERE, 'apps'), inside('apps'), { recursive: true });
  if (!existsSync(inside('node_modules/eventcore-web/package.json'))) throw new Error('it was not installed');
  return { tarball, files: packed[0].files.map((file) => file.path) };
}

/** A path in the project. */
export function inside(...parts) {
  return path.join(PROJECT, ...parts);
}

/** Deno, from the package of this platform. */
export function denoProgram() {
  const folder = { linux: 'linux', darwin: 'darwin', win32: 'win32' }[process.platform];
  const libc = process.platform === 'linux' ? '-glibc' : '';
  return inside('node_modules/@deno', `${folder}-${process.arch}${libc}`, 'deno');
}

/** Bun, from the package of this platform; or from where its install script puts it, if that was let run. */
export function bunProgram() {
  const installed = inside('node_modules/bun/bin/bun.exe');
  const packaged = inside('node_modules/@oven', `bun-${process.platform}-${process.arch}`, 'bin', 'bun');
  return existsSync(packaged) ? packaged : installed;
}

/** A tool of the project, by its API. @param {string} name */
export function tool(name) {
  return import(pathToFileURL(createRequire(inside('package.json')).resolve(name)).href);
}

/** Writes a file of the project. */
export function write(file, text) {
  mkdirSync(path.dirname(inside(file)), { recursive: true });
  writeFileSync(inside(file), text);
}
