// Errors: a code is one of those that are known, or a newer one.

import { EventCoreError, type ErrorCode, PayloadTooLarge, VersionConflict } from 'eventcore-web';

export function advice(error: unknown): string {
  if (error instanceof VersionConflict) return error.streams.map(({ streamId, actual }) => `${streamId} is at ${actual + 0}`).join();
  if (error instanceof PayloadTooLarge) return `${error.limit - error.size}`;
  // @ts-expect-error only that class has it
  if (error instanceof EventCoreError) error.streams;
  return error instanceof EventCoreError ? wayOut(error.code) : String(error);
}

function wayOut(code: EventCoreError['code']): string {
  switch (code) {
    case 'QUOTA_EXCEEDED':
      return 'free some room';
    default:
      return code;
  }
}

export const known: ErrorCode = 'OFFLINE';
// @ts-expect-error there is no such code
export const unknown: ErrorCode = 'OFLINE';
