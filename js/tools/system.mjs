// What has to be on the machine: finding programs, and installing Debian packages where that is ours to do.

import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './run.mjs';
import { Failure, step } from './step.mjs';

/** The first of these that can be run: absolute paths, or names to look for in PATH; null when there is none. */
export function findProgram(candidates) {
  for (const candidate of candidates) {
    const places = path.isAbsolute(candidate)
      ? [candidate]
      : (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, candidate));
    const found = places.find(runnable);
    if (found) return found;
  }
  return null;
}

export function isRoot() {
  return process.getuid?.() === 0;
}

/**
 * Installs Debian packages as root; elsewhere the machine is its owner's, and they are told the command.
 * @param {string[]} packages @param {string} what For people: what is missing. @param {string} elsewhere What to do on other systems.
 */
export async function installPackages(packages, what, elsewhere) {
  if (!isDebian()) throw new Failure(`${what} was not found`, { next: elsewhere });
  if (!isRoot())
    throw new Failure(`${what} was not found`, { next: `sudo apt-get install ${packages.join(' ')}` });
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const patience = ['-o', 'DPkg::Lock::Timeout=300'];
  await step(`${what} was not found: installing ${packages.join(', ')} with apt-get`, async () => {
    await run('apt-get', [...patience, 'update'], { env });
    await run('apt-get', [...patience, 'install', '--yes', '--no-install-recommends', ...packages], { env });
  });
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

function runnable(place) {
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
