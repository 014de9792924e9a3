// The command line of `npm start`.

import { parseArgs } from 'node:util';
import { Problem } from './problem.js';

const USAGE = `npm start -- [--port 4870] [--data .eventcore] [--allow-origin https://app.example.com]

  --port          Where to listen on this machine; 0 picks a free port. Without it PORT, else 4870.
  --data          The folder of the embedded database. DATABASE_URL=postgres://… uses that database instead.
  --schema        The PostgreSQL schema that holds the tables; eventcore without it.
  --allow-origin  An origin whose pages may use the endpoint, beside its own. May be repeated.`;

export interface Options {
  port: number;
  data: string;
  schema: string;
  allowOrigin: string[];
  databaseUrl: string | undefined;
}

/** The options, or none where only help was asked for. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv): Options | undefined {
  const values = parse(args);
  if (values.help) {
    console.log(USAGE);
    return undefined;
  }
  return {
    port: readPort(values.port ?? (env.PORT || '4870')),
    data: values.data ?? '.eventcore',
    schema: values.schema ?? 'eventcore',
    allowOrigin: values['allow-origin'] ?? [],
    databaseUrl: env.DATABASE_URL || undefined,
  };
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        schema: { type: 'string' },
        'allow-origin': { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new Problem(`${(error as Error).message}\n\n${USAGE}`, 2);
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw new Problem(`the port must be a number from 0 to 65535, not ${JSON.stringify(text)}`, 2);
}
