// The code of the guide and the README: each chapter's blocks as programs, and what they say that they print.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../js/tools/run.mjs';

/** Where the chapters are. */
export const GUIDE = path.join(ROOT, 'www', 'guide');
/** Their names. */
export const CHAPTERS = readdirSync(GUIDE)
  .filter((file) => file.endsWith('.md'))
  .map((file) => file.replace(/\.md$/, ''));

const BLOCK = /(?:<!-- (run|compile): ([^>]*?) -->\n)?```tsx?\n([\s\S]*?)```/g;

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {'run' | 'compile'} task
 * @property {string[]} how Where it runs, or what it is.
 * @property {string} code
 * @property {string[]} prints What stands behind `// →` in it, in order.
 *
 * A block without a task of its own goes on with the one before.
 * @returns {Program[]}
 */
export function programs() {
  return ['README', ...CHAPTERS].flatMap((name) => {
    const found = [];
    for (const [, task, how, code] of chapter(name).matchAll(BLOCK)) {
      if (task) found.push({ task, how: how.split(' '), code: '' });
      if (found.length === 0) throw new Error(`${name} begins with a block that says not how it runs`);
      found.at(-1).code += code;
    }
    return found.map((program, index) => ({
      ...program,
      name: `${name}-${index + 1}`,
      prints: [...program.code.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => text),
    }));
  });
}

/** The text of a chapter, or of the README. @param {string} name */
export function chapter(name) {
  return readFileSync(path.join(name === 'README' ? ROOT : GUIDE, `${name}.md`), 'utf8');
}

/**
 * The components of a chapter, by the language of their block.
 * @param {string} name @param {string[]} languages @returns {string[]}
 */
export function components(name, languages) {
  const text = chapter(name);
  return languages.map((language) => {
    const [, code] = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text) ?? [];
    if (code === undefined) throw new Error(`${name} has no ${language}`);
    return code;
  });
}
