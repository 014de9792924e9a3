// Payloads to JSON text. What `JSON.stringify` would drop or change silently is refused, with its path.

import { errorOf } from './errors.js';

/** The JSON text of a value that arrives as it was. */
export function toJson(value: unknown): string {
  check(value, '$', new Set());
  return JSON.stringify(value);
}

function refuse(path: string, problem: string): never {
  throw errorOf('INVALID_PAYLOAD', `invalid payload: ${problem} at ${path}`, { path });
}

function check(value: unknown, path: string, above: Set<object>): void {
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

function checkObject(value: object, path: string, above: Set<object>): void {
  if (above.has(value)) refuse(path, 'the value contains itself');
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    check(value.toJSON(), path, above);
    return;
  }
  above.add(value);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      check(value[index], `${path}[${index}]`, above);
    }
  } else {
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      refuse(path, `JSON has no ${prototype.constructor?.name ?? 'such object'}; send a plain object`);
    }
    for (const [key, field] of Object.entries(value)) check(field, `${path}.${key}`, above);
  }
  above.delete(value);
}
