// Validators: any Standard Schema library's schemas, for payloads on their way in and, if asked, out.

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { errorOf, type ValidationIssue } from './errors.js';
import type { AnyEvents, EventOf, PayloadOf, StoredEvent, TypeOf } from './events.js';

/**
 * For each event type, the schema of its payload: zod's, valibot's, arktype's, or of any other library that
 * implements Standard Schema. What the schema answers (with defaults filled in, say) is what is written.
 */
export type Validators<M extends object = AnyEvents> = {
  readonly [T in TypeOf<M>]?: StandardSchemaV1<unknown, PayloadOf<M, T>>;
};

/** Schemas by event type, of which the events' types are taken. */
export type Schemas = Readonly<Record<string, StandardSchemaV1>>;

/** The map of events that schemas describe. */
export type EventsOf<V extends Schemas> = { [T in keyof V & string]: StandardSchemaV1.InferOutput<V[T]> };

/**
 * The events with their payloads as the schemas answer. At once, unless a schema takes its time, so that writes
 * begin in the order in which they were asked for.
 *
 * @throws InvalidPayload
 */
export function validateWritten<M extends object, E extends EventOf<M>>(
  validators: Validators<M>,
  events: readonly E[],
): E[] | Promise<E[]> {
  return validated(validators, events, ({ type }, issues, summary) =>
    errorOf('INVALID_PAYLOAD', `invalid payload of "${type}": ${summary}`, { path: path(issues[0]), issues }),
  );
}

/** As {@link validateWritten}, of what was read. @throws UndecodableEvent */
export function validateRead<M extends object>(
  validators: Validators<M>,
  events: readonly StoredEvent<M>[],
): StoredEvent<M>[] | Promise<StoredEvent<M>[]> {
  return validated(validators, events, ({ id, type }, issues, summary) =>
    errorOf('UNDECODABLE_EVENT', `event ${id} of type "${type}" cannot be decoded: ${summary}`, {
      eventId: id,
      eventType: type,
      reason: summary,
      issues,
    }),
  );
}

function validated<E extends { type: string; payload: unknown }>(
  validators: Validators<never>,
  events: readonly E[],
  fault: (event: E, issues: readonly ValidationIssue[], summary: string) => Error,
): E[] | Promise<E[]> {
  const schemas: Schemas = validators;
  const results = events.map((event) => schemas[event.type]?.['~standard'].validate(event.payload));
  const take = (taken: (StandardSchemaV1.Result<unknown> | undefined)[]) =>
    events.map((event, index) => {
      const result = taken[index];
      if (result === undefined) return event;
      if (!result.issues) return { ...event, payload: result.value };
      const summary = result.issues.map((issue) => `${issue.message} at ${path(issue)}`).join('; ');
      throw fault(event, result.issues, summary);
    });
  return results.some((result) => result instanceof Promise)
    ? Promise.all(results).then(take)
    : take(results as (StandardSchemaV1.Result<unknown> | undefined)[]);
}

/** As `$.items[2].price`. */
function path(issue: ValidationIssue | undefined): string {
  return (issue?.path ?? []).reduce<string>((before, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment;
    return typeof key === 'number' ? `${before}[${key}]` : `${before}.${String(key)}`;
  }, '$');
}
