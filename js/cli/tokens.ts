// Whom `eventcore-web serve` lets in: tokens, verified by `jose`.

import { readFile } from 'node:fs/promises';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { bearerTokens, type SyncHandlerOptions } from '../server/index.js';
import type { TokenOptions } from './options.js';
import { missing, Problem, reason } from './problem.js';

/** RFC 7518: a key for HS256 has at least as many bytes as the hash. */
const MIN_SECRET_BYTES = 32;
/** What a public key may be, by the algorithm that it then serves; no key serves two. */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];

/** @throws {Problem} where the keys are none. */
export async function authorizeBy(
  options: TokenOptions,
): Promise<NonNullable<SyncHandlerOptions['authorize']>> {
  const verify = await verifier(options.keys, {
    ...(options.issuer !== undefined && { issuer: options.issuer }),
    ...(options.audience.length > 0 && { audience: options.audience }),
    requiredClaims: ['exp'],
  });
  return bearerTokens(async (token) => {
    const claims = await verify(token);
    // A token that names an audience is not for somebody who expects none.
    if (options.audience.length === 0 && claims.aud !== undefined) throw new Error('for others');
    return claims;
  });
}

type Verify = (token: string) => Promise<JWTPayload>;

async function verifier({ from, place }: TokenOptions['keys'], checks: JWTVerifyOptions): Promise<Verify> {
  const { createRemoteJWKSet, importSPKI, jwtVerify } = await import('jose').catch(() => missing('jose'));
  if (from === 'jwks') {
    if (!URL.canParse(place) || !isTrusted(new URL(place))) {
      throw new Problem('--jwt-jwks takes an address by https, or on this machine');
    }
    const keys = createRemoteJWKSet(new URL(place));
    const options = { ...checks, algorithms: ALGORITHMS };
    return async (token) => (await jwtVerify(token, keys, options)).payload;
  }
  const content = await readFile(place).catch((error) => {
    throw new Problem(`the key in ${place} cannot be read: ${reason(error)}`);
  });
  if (from === 'secret') {
    const secret = Buffer.from(content.toString('latin1').trimEnd(), 'latin1');
    if (secret.length < MIN_SECRET_BYTES) {
      throw new Problem(
        `the secret in ${place} has ${secret.length} bytes; HS256 needs at least ${MIN_SECRET_BYTES}`,
      );
    }
    return async (token) => (await jwtVerify(token, secret, { ...checks, algorithms: ['HS256'] })).payload;
  }
  for (const algorithm of ALGORITHMS) {
    const key = await importSPKI(content.toString('utf8'), algorithm).catch(() => undefined);
    if (key)
      return async (token) => (await jwtVerify(token, key, { ...checks, algorithms: [algorithm] })).payload;
  }
  throw new Problem(`${place} is no public key of RSA, P-256 or Ed25519 as PEM`);
}

function isTrusted({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(address);
}
