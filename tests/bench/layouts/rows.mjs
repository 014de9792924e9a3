// A record for each event: IndexedDB by hand.

export { open } from '../store/adapters/hand.mjs';
