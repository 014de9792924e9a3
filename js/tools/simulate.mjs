// `npm run simulate -- --seeds N --from S`: runs as many schedules of the simulation as asked, with progress.

import { parseArgs } from 'node:util';
import { endAllOnSignals, run } from './run.mjs';
import { setup } from './setup.mjs';
import { Failure, main, say } from './step.mjs';

function whole(name, text) {
  if (!/^\d{1,15}$/.test(text)) throw new Failure(`--${name} takes a whole number, not ${text}`);
  return text;
}

endAllOnSignals();
await main(async () => {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '0' } },
  });
  const env = { SEEDS: whole('seeds', values.seeds), FROM: whole('from', values.from), RUST_BACKTRACE: '0' };
  await setup();
  say(`• ${env.SEEDS} schedules from seed ${env.FROM}`);
  const only = ['the_rules_hold_in_every_schedule', '--', '--nocapture'];
  await run('cargo', ['test', '--quiet', '--release', '--test', 'simulation', ...only], {
    env,
    stream: true,
  });
});
