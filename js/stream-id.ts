// Spreading the load of one busy stream over several.

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const LOW = 0xffffffffn;

/**
 * One of `partitions` streams named `{prefix}-{n}`, chosen by the key: the same as Rust's `StreamId::partitioned`,
 * on every platform and in every release. 64-bit FNV-1a over the key's UTF-8, its halves folded by xor, modulo
 * `partitions`.
 */
export function partitionedStreamId(prefix: string, key: string, partitions: number): string {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 0xffffffff) {
    throw new RangeError(`partitions is a whole number from 1 to 2^32 - 1, not ${partitions}`);
  }
  let hash = OFFSET;
  for (const byte of new TextEncoder().encode(key)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  const folded = (hash >> 32n) ^ (hash & LOW);
  return `${prefix}-${folded % BigInt(partitions)}`;
}
