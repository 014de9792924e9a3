// What the command line says when it cannot go on.

/** A problem that was foreseen: a sentence for a person, and no stack trace. */
export class Problem extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** An optional package that is needed after all. */
export function missing(name: string): never {
  throw new Problem(`the npm package ${name} is not installed\n  → npm install ${name}`);
}

/** What a failure says; one to connect to several addresses has no message of its own. */
export function reason(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: Error[] };
  return message || errors?.map((each) => each.message).join(', ') || code || String(error);
}

/** Does a step, and says how long it took. */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  console.log(`• ${label} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  return result;
}
