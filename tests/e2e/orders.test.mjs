// The page as a person uses it: offline, online again, on two devices that disagree.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { freshProfile, launchPersistentContext } from '../../js/tools/chromium.mjs';
import { startPostgres } from '../../js/tools/postgres.mjs';
import { serve } from './serving.mjs';

const PATIENCE = 20_000;

/** The page on one device, and what a person does with it. */
class Device {
  static async start(url) {
    const profile = freshProfile();
    const context = await launchPersistentContext(profile.userDataDir);
    const device = new Device(profile, context, await context.newPage(), `${url}/?space=shop`);
    device.page.setDefaultTimeout(PATIENCE);
    await device.open();
    return device;
  }

  constructor(profile, context, page, url) {
    this.profile = profile;
    this.context = context;
    this.page = page;
    this.url = url;
    this.errors = [];
    page.on('pageerror', (error) => this.errors.push(error));
  }

  async open() {
    await this.page.goto(this.url);
    await this.page.waitForSelector('body[data-ready=true]');
  }

  async reload() {
    await this.page.reload();
    await this.page.waitForSelector('body[data-ready=true]');
  }

  part(id) {
    return this.page.getByTestId(id);
  }

  async place(number) {
    await this.part('place').locator('[name=number]').fill(number);
    await this.page.getByRole('button', { name: 'Place order' }).click();
    await this.part('stream').locator('li').first().waitFor();
    await this.page.locator(`[data-order="order-${number}"][aria-current=true]`).waitFor();
  }

  async note(order, text) {
    await this.page.locator(`[data-order="${order}"]`).click();
    await this.part('stream-name').getByText(order).waitFor();
    await this.part('note').locator('[name=note]').fill(text);
    await this.page.getByRole('button', { name: 'Add note' }).click();
    await this.part('stream').getByText(text).waitFor();
  }

  /** The feed, newest first: for each event its position, or `pending`. */
  positions() {
    return this.part('feed')
      .locator('li')
      .evaluateAll((items) => items.map((item) => item.dataset.position));
  }

  /** Waits until the feed's positions are these. */
  async shows(expected) {
    const list = JSON.stringify(expected);
    await this.page
      .waitForFunction((wanted) => {
        const items = [...document.querySelectorAll('[data-testid=feed] li')];
        return JSON.stringify(items.map((item) => item.dataset.position)) === wanted;
      }, list)
      .catch(async () => assert.deepEqual(await this.positions(), expected));
  }

  async close() {
    await this.context.close();
    this.profile.remove();
  }
}

describe('a shop that works offline', () => {
  let postgres;
  let database;
  let server;
  const devices = [];

  const start = async (port) => serve({ port, env: { DATABASE_URL: postgres.url } });
  const rows = async () => {
    const { rows } = await database.query(
      'select position::int, stream_id, version::int, event_type from eventcore.events where space = $1 order by position',
      ['shop'],
    );
    return rows;
  };

  before(async () => {
    postgres = await startPostgres();
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    server = await start();
  });

  after(async () => {
    await Promise.all(devices.map((device) => device.close()));
    await server?.stop();
    await database?.end();
    await postgres?.stop();
  });

  test('what is written offline survives a reload and reaches PostgreSQL with dense positions', async () => {
    const device = await Device.start(server.url);
    devices.push(device);
    for (const number of ['a', 'b', 'c']) await device.place(number);
    await device.shows(['3', '2', '1']);
    await device.page.waitForSelector('[data-testid=offline-ready][data-ready=true]');

    await server.stop();
    await device.place('d');
    await device.place('e');
    await device.shows(['pending', 'pending', '3', '2', '1']);

    await device.reload();
    await device.shows(['pending', 'pending', '3', '2', '1']);
    assert.equal(await device.part('pending').textContent(), '2');

    server = await start(server.port);
    await device.shows(['5', '4', '3', '2', '1']);
    assert.deepEqual(
      await rows(),
      ['a', 'b', 'c', 'd', 'e'].map((number, index) => ({
        position: index + 1,
        stream_id: `order-${number}`,
        version: 1,
        event_type: 'OrderPlaced',
      })),
    );
    assert.deepEqual(device.errors, []);
  });

  test('a second device sees them', async () => {
    const second = await Device.start(server.url);
    devices.push(second);
    await second.shows(['5', '4', '3', '2', '1']);
  });

  test('two devices that write to one stream offline: the second is asked, and keeps both by a rebase', async () => {
    const [first, second] = devices;
    for (const device of devices) await device.part('online').uncheck();
    await first.note('order-a', 'from the first device');
    await second.note('order-a', 'from the second device');

    await first.part('online').check();
    await first.shows(['6', '5', '4', '3', '2', '1']);
    await second.part('online').check();

    const conflict = second.part('conflict');
    await conflict.waitFor();
    const text = await conflict.textContent();
    assert.match(text, /order-a was expected at version 1 and is at version 2/);
    assert.match(text, /from the first device/);
    assert.match(text, /from the second device/);
    assert.equal(await second.part('state').textContent(), 'conflicted');

    await second.page.reload();
    await second.part('conflict').waitFor();
    await second.page.getByRole('button', { name: /Keep both/ }).click();
    await second.shows(['7', '6', '5', '4', '3', '2', '1']);
    await second.part('conflict').waitFor({ state: 'detached' });
    await first.shows(['7', '6', '5', '4', '3', '2', '1']);

    const stream = (await rows()).filter((row) => row.stream_id === 'order-a');
    assert.deepEqual(
      stream.map((row) => [row.position, row.version]),
      [
        [1, 1],
        [6, 2],
        [7, 3],
      ],
    );
    assert.deepEqual([...first.errors, ...second.errors], []);
  });
});
