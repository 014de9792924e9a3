// The native server over TLS: what `sslmode` and `sslrootcert` in the database's address promise is kept.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { findProgram } from '../../js/tools/system.mjs';
import { buildServer, startServer } from '../support/hosts.mjs';
import { commit, send } from '../support/http.mjs';

const openssl = findProgram(['openssl']);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

let folder;
let postgres;
let admin;
before(async () => {
  if (!openssl) return;
  folder = mkdtempSync(path.join(tmpdir(), 'eventcore-tls-'));
  [postgres] = await Promise.all([startPostgres(), buildServer()]);
  admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
  admin.on('error', () => {});
  authority('ours');
  authority('another');
  await serveAs('IP:127.0.0.1');
});
after(async () => {
  await admin?.end();
  await postgres?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const at = (name) => path.join(folder, name);
const run = (...args) => execFileSync(openssl, args, { cwd: folder, stdio: 'pipe' });

function authority(name) {
  const subject = ['-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE'];
  run('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.pem`, ...subject);
}

/** Gives the server a certificate by our authority; its own user writes it, into its own folder. */
async function serveAs(host) {
  writeFileSync(at('host.cnf'), `subjectAltName=${host}\nbasicConstraints=CA:FALSE\n`);
  run(
    'req',
    '-new',
    ...KEY.slice(0, -2),
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=server',
  );
  const by = ['-CA', 'ours.pem', '-CAkey', 'ours.key', '-CAcreateserial', '-days', '2'];
  run('x509', '-req', '-in', 'server.csr', ...by, '-extfile', 'host.cnf', '-out', 'server.pem');
  for (const [source, target] of [
    ['server.pem', 'server.crt'],
    ['server.key', 'server.key'],
  ]) {
    const lines = readFileSync(at(source), 'utf8').trimEnd().replaceAll("'", "''");
    await admin.query(
      `copy (select unnest(string_to_array('${lines}', E'\\n'))) to program 'umask 077; rm -f ${target}; cat > ${target}'`,
    );
  }
  await admin.query('alter system set ssl = on');
  await admin.end();
  await postgres.restart();
  admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
  admin.on('error', () => {});
}

/** Starts a server, lets it write, and answers whether its connections are encrypted. */
async function isEncrypted(options) {
  const server = await startServer(['--database-url', `${postgres.url}?${options}`]);
  try {
    const body = JSON.stringify({ commits: [commit({ s: 'noCheck' }, [{ stream: 's' }])] });
    const { json } = await send(server.url, 'POST', '/v1/spaces/tls/push', { body });
    assert.equal(json.outcomes[0].status, 'accepted');
    const { rows } = await admin.query(
      `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'eventcore-web'`,
    );
    assert.ok(rows.length > 0);
    assert.equal(new Set(rows.map(({ ssl }) => ssl)).size, 1);
    return rows[0].ssl;
  } finally {
    await server.stop();
  }
}

const trusting = (mode, file) => `sslmode=${mode}&sslrootcert=${encodeURIComponent(at(file))}`;
const skip = !openssl && 'there is no openssl to make certificates with';

test('an address that asks for TLS gets it, and one that does not want it does not', { skip }, async () => {
  assert.equal(await isEncrypted('sslmode=disable'), false);
  for (const options of ['sslmode=prefer', 'sslmode=require', '']) {
    assert.equal(await isEncrypted(options), true, options);
  }
  assert.equal(await isEncrypted(trusting('verify-full', 'ours.pem')), true);
});

test('an authority that is not trusted is refused', { skip }, async () => {
  for (const mode of ['require', 'verify-ca', 'verify-full']) {
    await assert.rejects(
      isEncrypted(trusting(mode, 'another.pem')),
      /certificate.*(UnknownIssuer|BadSignature)/,
    );
  }
  // Without authorities of one's own, the public ones count.
  await assert.rejects(isEncrypted('sslmode=verify-full'), /certificate/);
  await assert.rejects(isEncrypted(trusting('verify-full', 'nowhere.pem')), /sslrootcert .*nowhere.pem/);
  await assert.rejects(isEncrypted('sslmode=always'), /sslmode is disable, prefer/);
});

test('another host than the certificate names is refused where that is asked for', { skip }, async () => {
  await serveAs('IP:127.0.0.2');
  assert.equal(await isEncrypted(trusting('verify-ca', 'ours.pem')), true);
  await assert.rejects(isEncrypted(trusting('verify-full', 'ours.pem')), /certificate not valid for name/);
});
