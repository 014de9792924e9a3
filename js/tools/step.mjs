// What the tools say while they work: one line a step, with its time, and failures as sentences.

/** A failure that was foreseen: its message says what failed and what to do next, so it needs no stack trace. */
export class Failure extends Error {
  /** @param {string} message @param {{ next?: string, exitCode?: number }} [more] */
  constructor(message, { next, exitCode = 1 } = {}) {
    super(next ? `${message}\n  → ${next}` : message);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}

/** Whether the last line on the screen is a step's, still without its time. */
let open = false;

function closeLine() {
  if (open) process.stdout.write('\n');
  open = false;
}

/** Prints one line of its own. */
export function say(line) {
  closeLine();
  process.stdout.write(`${line}\n`);
}

/** Passes on what a command printed, without gluing it to a step's open line. */
export function passOn(chunk) {
  closeLine();
  process.stdout.write(chunk);
}

export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/**
 * Says what is being done, does it, and says how long it took.
 * @template T
 * @param {string} label
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(label, work) {
  closeLine();
  process.stdout.write(`• ${label} …`);
  open = true;
  const began = performance.now();
  const end = (note) => {
    const text = `${note}${seconds(performance.now() - began)}\n`;
    process.stdout.write(open ? ` ${text}` : `• ${label}: ${text}`);
    open = false;
  };
  try {
    const result = await work();
    end('');
    return result;
  } catch (error) {
    end('failed after ');
    throw error;
  }
}

/**
 * Runs a tool's main function and turns its outcome into the exit code.
 * @param {() => Promise<number | void>} work
 */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    closeLine();
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = error instanceof Failure ? error.exitCode : 1;
  }
}
