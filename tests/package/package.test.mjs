// The packed package as tools see it: its files, its entries, its types.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { run } from '../../js/tools/run.mjs';
import { inside, install, tool } from './project.mjs';

let packed;

before(async () => {
  packed = await install();
});

describe('the package', () => {
  test('publint finds nothing', async () => {
    const { publint } = await tool('publint');
    const { messages } = await publint({ pkgDir: inside('node_modules/eventcore-web'), strict: true });
    assert.deepEqual(messages, []);
  });

  test('the types are those of the code, in every way of resolving that ES modules have', async () => {
    const program = inside('node_modules/@arethetypeswrong/cli/dist/index.js');
    const exclude = ['--exclude-entrypoints', './eventcore.wasm'];
    await run(process.execPath, [program, packed.tarball, '--profile', 'esm-only', ...exclude]);
  });

  test('it has what it needs and nothing else', () => {
    const strange = packed.files.filter(
      (file) =>
        !/^(package\.json|README\.md|ARCHITECTURE\.md|CHANGELOG\.md|LICENSE(-\w+)?)$/.test(file) &&
        !/^www\/guide\/[a-z-]+\.md$/.test(file) &&
        !/^dist\/(?!www|wasm\/contract).*\.(js|d\.ts|js\.map|wasm)$/.test(file),
    );
    assert.deepEqual(strange, []);
    assert.ok(packed.files.includes('dist/wasm/client/eventcore_bg.wasm'));
    const linked = [
      ...readFileSync(inside('node_modules/eventcore-web/README.md'), 'utf8').matchAll(/\]\(([\w/.-]+)\)/g),
    ];
    assert.ok(linked.length > 10);
    for (const [, file] of linked) assert.ok(packed.files.includes(file), `the README links ${file}`);
  });

  test('its types hold under TypeScript 5.4 too', async () => {
    const tsc = inside('node_modules/typescript-5/bin/tsc');
    await run(process.execPath, [tsc, '-p', inside('apps/types/tsconfig.bundler.json')]);
  });

  test('its types hold under the strictest options, and refuse what is wrong', async () => {
    const tsc = inside('node_modules/typescript/bin/tsc');
    for (const config of ['bundler', 'node', 'frameworks', 'pglite']) {
      await run(process.execPath, [tsc, '-p', inside('apps/types', `tsconfig.${config}.json`)]);
    }
  });
});
