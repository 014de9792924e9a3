// Tokens for tests, signed by Node's own cryptography.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto';

const base64 = (value) => Buffer.from(value).toString('base64url');
const json = (value) => base64(JSON.stringify(value));

/** Signs with a key of its own. @param {'HS256' | 'RS256' | 'ES256' | 'EdDSA'} alg */
export function signer(alg, kid) {
  if (alg === 'HS256') {
    const secret = 'a secret of at least thirty-two bytes';
    return { secret, token: (claims) => signed({ alg }, claims, (text) => hmac(secret, text)) };
  }
  const { publicKey, privateKey } = pair(alg);
  const header = { alg, ...(kid && { kid }) };
  return {
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), alg, use: 'sig', ...(kid && { kid }) },
    token: (claims) =>
      signed(header, claims, (text) =>
        sign(alg === 'EdDSA' ? null : 'sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
      ),
  };
}

function pair(alg) {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

export const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest();

/** A token with any header and any signature. */
export function signed(header, claims, signature) {
  const text = `${json({ typ: 'JWT', ...header })}.${json(claims)}`;
  return `${text}.${base64(signature(Buffer.from(text)))}`;
}

/** Claims that hold for five minutes. */
export const claims = (spaces, more = {}) => ({ sub: 'alice', exp: seconds() + 300, spaces, ...more });

export const seconds = () => Math.floor(Date.now() / 1_000);
