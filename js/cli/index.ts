#!/usr/bin/env node
// `eventcore-web`: the package from a command line.

import { readFile } from 'node:fs/promises';
import { readOptions, USAGE } from './options.js';
import { Problem } from './problem.js';
import { serve } from './serve.js';

async function main([command, ...args]: string[]): Promise<void> {
  if (command === undefined || command === 'help' || args.includes('--help') || args.includes('-h')) {
    return console.log(USAGE);
  }
  switch (command) {
    case '--help':
    case '-h':
      return console.log(USAGE);
    case '--version':
    case '-V':
      return console.log(await version());
    case 'serve':
      return args.includes('--version')
        ? console.log(await version())
        : serve(readOptions(args, process.env));
    default:
      throw new Problem(`${JSON.stringify(command)} is no command\n\n${USAGE}`, 2);
  }
}

async function version(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return `eventcore-web ${JSON.parse(manifest).version}`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Problem ? error.message : error);
  process.exitCode = error instanceof Problem ? error.exitCode : 1;
}
