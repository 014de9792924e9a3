// One process per data folder: PGlite itself does not notice a second one, and two would destroy the database.

import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Problem } from './problem.js';

/** Takes the folder for this process; the answer gives it back. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, 'lock');
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    if (isAlive(owner)) {
      throw new Problem(
        `process ${owner} uses the data folder ${folder}\n  → stop it, or choose another with --data`,
      );
    }
    // Its owner ended without giving it back.
    await rm(file, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
