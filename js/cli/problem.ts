// What the command line says when it cannot go on.

/** A problem that was foreseen: a sentence for a person, and no stack trace. */
export class Problem extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Does a step, and says how long it took. */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  console.log(`• ${label} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  return result;
}
