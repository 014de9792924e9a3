// Pages that have the package, and what tests of it do again and again.

import { beforeEach } from 'node:test';

/**
 * Gives a page the package's `EventStore` and `Projection`, and functions: `noted` makes an event, `fails` answers the
 * code of what work throws, `change` changes records of a database behind its back.
 * @param {import('../../js/tools/drivers.mjs').Page} page
 */
export const loadPackage = (page) =>
  page.evaluate(async () => {
    const { EventStore, Projection } = await import('/index.js');
    const noted = (streamId, payload = {}, expectedVersion = 'noCheck') => ({
      ...{ streamId, type: 'Noted', payload, expectedVersion },
    });
    const fails = (work) =>
      work.then(
        () => 'nothing',
        (error) => error.code ?? error.name,
      );
    /** Those for which another value is answered; answers how many. */
    const change = (name, objectStore, changed) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const database = request.result;
          const transaction = database.transaction(objectStore, 'readwrite');
          let count = 0;
          transaction.onabort = () => reject(transaction.error);
          transaction.oncomplete = () => {
            database.close();
            resolve(count);
          };
          transaction.objectStore(objectStore).openCursor().onsuccess = ({ target: { result: cursor } }) => {
            if (cursor === null) return;
            const value = changed(cursor.value);
            if (value !== undefined) {
              count += 1;
              cursor.update(value);
            }
            cursor.continue();
          };
        };
      });
    Object.assign(globalThis, { EventStore, Projection, noted, fails, change });
  });

/** A name for the database of each test of the suite; none is used twice. @param {string} prefix */
export function freshNames(prefix) {
  let count = 0;
  beforeEach(() => {
    count += 1;
  });
  return () => `${prefix}-${count}`;
}
