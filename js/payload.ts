// Payloads to JSON text. What `JSON.stringify` would drop or change silently is refused, with its path.

import { errorOf } from './errors.js';

/** The JSON text of a value that arrives as it was. */
export function toJson(value: unknown): string {
  check(value, [], []);
  return JSON.stringify(value);
}

/** Where a value is: the keys and numbers that lead to it. */
type Path = (string | number)[];

function refuse(path: Path, problem: string): never {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  const place = `$${steps.join('')}`;
  throw errorOf('INVALID_PAYLOAD', `invalid payload: ${problem} at ${place}`, { path: place });
}

/** `above` are the objects that the value is in. */
function check(value: unknown, path: Path, above: object[]): void {
  if (typeof value === 'object') {
    if (value !== null) checkObject(value, path, above);
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value))
      refuse(path, `${value} is not a number that JSON has; send null or a string`);
  } else if (typeof value === 'bigint') {
    refuse(path, 'JSON has no BigInt; send it as a string');
  } else if (typeof value !== 'string' && typeof value !== 'boolean') {
    refuse(path, `JSON has no ${typeof value}; leave it out`);
  }
}

function checkObject(value: object, path: Path, above: object[]): void {
  if (above.includes(value)) refuse(path, 'the value contains itself');
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    check(value.toJSON(), path, above);
    return;
  }
  above.push(value);
  const depth = path.length;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      path[depth] = index;
      check(value[index], path, above);
    }
  } else {
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      refuse(path, `JSON has no ${prototype.constructor?.name ?? 'such object'}; send a plain object`);
    }
    for (const key of Object.keys(value)) {
      path[depth] = key;
      check((value as Record<string, unknown>)[key], path, above);
    }
  }
  path.length = depth;
  above.pop();
}
