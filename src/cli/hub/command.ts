import type { Command } from 'commander';
import { load } from '../commands/load';
import type { Define } from './definition';

/** Commands for the State Hub. */
export const defineHubCommands: Define = ({ add, choose }) => {
  add('hub', { description: 'serve a State Hub in the foreground', examples: ['hub', 'hub --port 0 --json'] })
    .option('--port <port>', 'port on 127.0.0.1', '8000')
    .option('--database <path>', 'file of the database', '~/.local/state/buildfleet/hub.sqlite')
    .action(function (this: Command) {
      const { port, database } = this.opts<{ port: string; database: string }>();
      choose(this, (context) => load.hub().hub(context, port, database));
    });
};
