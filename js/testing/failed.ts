// What a check that failed throws.

/** A check failed; test runners show the difference between `expected` and `actual`. */
export class ExpectationFailed extends Error {
  override name = 'ExpectationFailed';

  constructor(
    message: string,
    readonly actual?: unknown,
    readonly expected?: unknown,
  ) {
    super(message);
  }
}
