// One store, and the guide's component of each framework, which shows the same of it.

import { EventStore, liveStream } from 'eventcore-web';
import { render } from 'solid-js/web';
import { mount, unmount } from 'svelte';
import { createApp } from 'vue';
import SolidOrder from './Order.jsx';
import SvelteOrder from './Order.svelte';
import VueOrder from './Order.vue';

const store = await EventStore.open('frameworks');
// Nobody listens there.
const sync = store.sync({ url: 'http://127.0.0.1:9', space: 's' });
const props = { store, sync, id: 'a' };
const target = document.getElementById('root');

/** Each shows the order, and answers how to take it away. */
const SHOW = {
  svelte() {
    const component = mount(SvelteOrder, { target, props });
    return () => unmount(component);
  },
  vue() {
    const app = createApp(VueOrder, props);
    app.mount(target);
    return () => app.unmount();
  },
  solid: () => render(() => SolidOrder(props), target),
};

/** How many wait for the store to change. */
let followers = 0;
const changed = store.changed.bind(store);
store.changed = (options) => {
  followers += 1;
  return changed(options).finally(() => {
    followers -= 1;
  });
};

Object.assign(globalThis, { store, liveStream, SHOW, followers: () => followers });
