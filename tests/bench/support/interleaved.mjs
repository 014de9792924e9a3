// Repetitions in turn: each goes round all competitors, starting with another one each time, so that what
// changes on the machine meanwhile favours nobody.

import { say } from '../../../js/tools/step.mjs';

/**
 * @param {string[]} competitors
 * @param {number} repetitions
 * @param {(competitor: string, repetition: number) => Promise<Record<string, number>>} measure A value per row.
 * @returns {Promise<Record<string, Record<string, number[]>>>} By row and competitor, a value per repetition.
 */
export async function interleaved(competitors, repetitions, measure) {
  const results = {};
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const shift = repetition % competitors.length;
    for (const competitor of [...competitors.slice(shift), ...competitors.slice(0, shift)]) {
      const values = await measure(competitor, repetition);
      say(`• ${repetition + 1}/${repetitions} ${competitor}: ${JSON.stringify(values, rounded)}`);
      for (const [row, value] of Object.entries(values)) {
        results[row] ??= Object.fromEntries(competitors.map((name) => [name, []]));
        results[row][competitor][repetition] = value;
      }
    }
  }
  return results;
}

const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(3)) : value);

/**
 * The chosen of several names, given as a list with commas; all of them for `all`.
 * @param {string} list @param {string[]} names
 */
export function chosen(list, names) {
  if (list === 'all') return names;
  const some = list.split(',');
  const unknown = some.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return names.filter((name) => some.includes(name));
}
