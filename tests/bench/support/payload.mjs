/**
 * What every benchmark writes: about 300 bytes as JSON, 480 with what a store adds to it. `endpoint/load.rs` has the
 * same. @param {number} number
 */
export const payload = (number) => ({
  order: `order-${number}`,
  customer: { name: 'Ada Lovelace', email: `ada-${number}@example.com` },
  currency: 'EUR',
  lines: [
    { sku: `SKU-${number % 997}`, quantity: (number % 7) + 1, price: 12.5 },
    { sku: `SKU-${number % 991}`, quantity: 1, price: 99.9 },
  ],
  note: 'Leave it with the neighbours if nobody is at home.',
});
