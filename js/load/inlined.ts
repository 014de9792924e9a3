// A module that is part of the JavaScript: compressed, as text.

/** The bytes of a module that the build wrote as base64 of gzip. */
export async function inlined(base64: string): Promise<BufferSource> {
  const packed = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(unpacked).arrayBuffer();
}
