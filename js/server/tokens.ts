// Rights by bearer token: as `eventcore-server` reads them, over whatever verifies the host's tokens.

import type { Access, Authorization } from './handler.js';

/** What a token says once it is verified. */
export interface Claims {
  /** When it ends, in seconds since 1970; a token without an end is not taken. */
  exp?: number;
  [claim: string]: unknown;
}

/** How rights are read off a token. */
export interface BearerTokenOptions {
  /**
   * The claim that names rights by space; `spaces` without it. It looks like
   * `{ "team-1": ["read", "write"], "user-*": ["read"] }`: a name that ends with `*` means every space that begins
   * with what stands before it, and the rights of all names that match add up.
   */
  claim?: string;
}

/**
 * An `authorize` for `createSyncHandler`. `verify` answers with the claims of a token whose signature and times it
 * checked, and fails for any other: `async (token) => (await jwtVerify(token, key)).payload` with `jose`.
 */
export function bearerTokens(
  verify: (token: string) => Claims | Promise<Claims>,
  { claim = 'spaces' }: BearerTokenOptions = {},
): (request: Request, access: Access) => Promise<Authorization> {
  return async (request, { space, right }) => {
    const [, token] = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    if (token === undefined) return 'unauthorized';
    let claims: Claims;
    try {
      claims = await verify(token);
    } catch {
      return 'unauthorized';
    }
    const rights = claims[claim] ?? {};
    if (typeof claims.exp !== 'number' || !isRights(rights)) return 'unauthorized';
    const granted = Object.entries(rights).some(
      ([pattern, named]) => matches(pattern, space) && named.includes(right),
    );
    return granted && { until: claims.exp * 1_000 };
  };
}

function isRights(value: unknown): value is Record<string, string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(
    (named) => Array.isArray(named) && named.every((right) => typeof right === 'string'),
  );
}

function matches(pattern: string, space: string): boolean {
  return pattern.endsWith('*') ? space.startsWith(pattern.slice(0, -1)) : space === pattern;
}
