// `eventcore-web/testing`: what tests of an app need; it runs in any test runner, and needs no store.

export { assertEventsOrdered, assertStreamVersionProgression, assertUniqueEventIds } from './assertions.js';
export { eventMetadata, type StoredEventFields, storedEvent } from './builders.js';
export { type Given, given, givenNothing, type Happened, type Then } from './decisions.js';
export { ExpectationFailed } from './failed.js';
