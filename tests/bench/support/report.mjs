// What a suite answers with, and how it is shown: minimum, median and maximum, and the ratio to a base.

/**
 * @typedef {object} Row
 * @property {string} unit Such as `events/s`.
 * @property {'more' | 'less'} better
 *
 * @typedef {object} Report
 * @property {Record<string, Row>} rows
 * @property {string} base The competitor that the others are compared with.
 * @property {Record<string, Record<string, number[]>>} results By row and competitor, a value per repetition.
 */

/** @param {number[]} values */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted.at(-1) };
}

/**
 * How many times better than the base, repetition by repetition: what disturbs one disturbs both.
 * @param {number[]} values @param {number[]} base @param {Row} row
 */
export function ratios(values, base, { better }) {
  const found = values.map((value, index) => (better === 'more' ? value / base[index] : base[index] / value));
  return spread(found);
}

/** @param {Report} report */
export function comparison({ rows, base, results }) {
  const lines = [['row', 'competitor', 'median', 'min', 'max', 'unit', 'times as good']];
  for (const [name, row] of Object.entries(rows)) {
    for (const [competitor, values] of Object.entries(results[name] ?? {})) {
      // Some are measured in some rows only.
      if (values.length === 0) continue;
      const { min, median, max } = spread(values);
      const against = results[name][base];
      const times = against ? timesAsGood(ratios(values, against, row)) : '';
      lines.push([name, competitor, ...[median, min, max].map(short), row.unit, times]);
    }
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isNumber = (column) => (column > 1 && column < 5) || column === 6;
  const pad = (cell, column) => cell[isNumber(column) ? 'padStart' : 'padEnd'](widths[column]);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** The median, and between what it lies. @param {{ min: number, median: number, max: number }} of */
const timesAsGood = ({ min, median, max }) =>
  `${median.toFixed(2)}× (${min.toFixed(2)} to ${max.toFixed(2)})`;

/** @param {number} value */
function short(value) {
  return value >= 1_000_000
    ? `${(value / 1_000_000).toFixed(2)}M`
    : value >= 10_000
      ? `${(value / 1_000).toFixed(1)}k`
      : value.toFixed(value < 100 ? 1 : 0);
}
