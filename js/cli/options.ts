// The command line of `eventcore-web serve`.

import { parseArgs } from 'node:util';
import { Problem } from './problem.js';

export const USAGE = `Usage: eventcore-web serve [options]

Serves the sync endpoint of eventcore-web, on PostgreSQL where DATABASE_URL=postgres://… names one, else on an
embedded PostgreSQL (PGlite) in a folder. Without a key to verify tokens with, it serves this machine only.

  --port N                Where to listen; 0 picks a free port. Without it PORT, else 4870.
  --host ADDRESS          The address to listen on; 127.0.0.1 without it.
  --data FOLDER           The folder of the embedded database; .eventcore without it.
  --schema NAME           The PostgreSQL schema that holds the tables; eventcore without it.
  --allow-origin ORIGIN   An origin whose pages may use the endpoint, such as https://app.example.com, or *.
                          May be repeated.
  --static FOLDER         Serves the files of a folder too, such as a built app.
  --jwt-secret-file FILE  Verifies tokens (JWT) by a secret that both sides share: HS256, at least 32 bytes.
  --jwt-key-file FILE     Verifies tokens by a public key as PEM: RS256, ES256 or EdDSA.
  --jwt-jwks URL          Verifies tokens by a key set (JWKS), which is fetched again when keys change.
  --jwt-issuer TEXT       Whom tokens must come from (the claim iss).
  --jwt-audience TEXT     Whom tokens must be for (the claim aud). May be repeated.
  --version               Prints the version.
  --help                  Prints this.

A token's claim "spaces" names rights by space: { "team-1": ["read", "write"], "user-*": ["read"] }.`;

export interface TokenOptions {
  keys: { from: 'secret' | 'pem' | 'jwks'; place: string };
  issuer: string | undefined;
  audience: string[];
}

export interface Options {
  port: number;
  host: string;
  data: string;
  schema: string;
  allowOrigin: string[];
  staticFolder: string | undefined;
  tokens: TokenOptions | undefined;
  databaseUrl: string | undefined;
}

/** @throws {Problem} where they are wrong. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const values = parse(args);
  return {
    port: readPort(values.port ?? (env.PORT || '4870')),
    host: values.host ?? '127.0.0.1',
    data: values.data ?? '.eventcore',
    schema: values.schema ?? 'eventcore',
    allowOrigin: values['allow-origin'] ?? [],
    staticFolder: values.static,
    tokens: readTokens(values),
    databaseUrl: env.DATABASE_URL || undefined,
  };
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        schema: { type: 'string' },
        'allow-origin': { type: 'string', multiple: true },
        static: { type: 'string' },
        'jwt-secret-file': { type: 'string' },
        'jwt-key-file': { type: 'string' },
        'jwt-jwks': { type: 'string' },
        'jwt-issuer': { type: 'string' },
        'jwt-audience': { type: 'string', multiple: true },
      },
    });
    return values;
  } catch (error) {
    throw new Problem(`${(error as Error).message}\n\n${USAGE}`, 2);
  }
}

function readTokens(values: ReturnType<typeof parse>): TokenOptions | undefined {
  const sources = { 'jwt-secret-file': 'secret', 'jwt-key-file': 'pem', 'jwt-jwks': 'jwks' } as const;
  const stated = Object.entries(sources).flatMap(([name, from]) => {
    const place = values[name as keyof typeof sources];
    return place === undefined ? [] : [{ from, place }];
  });
  const { 'jwt-issuer': issuer, 'jwt-audience': audience = [] } = values;
  const names = Object.keys(sources)
    .map((name) => `--${name}`)
    .join(', ');
  if (stated.length > 1) throw new Problem(`state one of ${names}`, 2);
  const [keys] = stated;
  if (keys) return { keys, issuer, audience };
  if (issuer === undefined && audience.length === 0) return undefined;
  throw new Problem(`--jwt-issuer and --jwt-audience need a key: one of ${names}`, 2);
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw new Problem(`the port must be a number from 0 to 65535, not ${JSON.stringify(text)}`, 2);
}
