// What a faulty disk does, on purpose.

/**
 * In a page: replaces the text of the record whose first event has this position; answers with the store where it
 * lay.
 * @param {{ name: string, position: number, text: string }} what Of a database.
 * @returns {Promise<string>}
 */
export const damage = ({ name, position, text }) =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction(['log', 'tail'], 'readwrite');
      let where = 'nowhere';
      for (const store of ['log', 'tail']) {
        transaction.objectStore(store).openCursor().onsuccess = ({ target: { result: cursor } }) => {
          if (!cursor) return;
          if (cursor.value.p === position && cursor.value.n > 0) {
            cursor.update({ ...cursor.value, t: text });
            where = store;
          } else cursor.continue();
        };
      }
      transaction.oncomplete = () => {
        request.result.close();
        resolve(where);
      };
    };
  });
