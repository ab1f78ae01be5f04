import { observeCommands } from '../process/command-observer';
import { watchProgress } from '../process/progress';
import { serveProvider } from './plugin/serve';
import { resources } from './resources';
import { fleetName, fleetPaths } from './resources/fleet-paths';
import { providerAttributes } from './resources/settings';

void serveProvider({
  name: 'buildfleet',
  config: providerAttributes,
  configure: (settings) => settings,
  resources,
  logged: (log, work) =>
    observeCommands((argv) => {
      log.debug('running a command', { argv });
    }, work),
  journal: (settings) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- only a process that changes something needs it
    const { fleetJournal } = require('./journal') as typeof import('./journal');
    const { journal } = fleetPaths(settings);
    return fleetJournal({ fleet: fleetName(settings), directory: journal, environment: process.env });
  },
  watched: watchProgress,
});
