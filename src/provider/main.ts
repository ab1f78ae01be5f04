import { lazy } from '../model/lazy';
import { observeCommands } from '../process/command-observer';
import { watchProgress } from '../process/progress';
import { dataSources } from './data-sources';
import { serveProvider } from './plugin/serve';
import { resources } from './resources';
import { fleetPaths } from './resources/fleet-paths';
import { providerAttributes } from './resources/settings';

/** Only a process that changes something needs it. */
const journalModule = lazy<typeof import('./journal')>(() => require('./journal'));

void serveProvider({
  name: 'buildfleet',
  config: providerAttributes,
  configure: (settings) => settings,
  resources,
  dataSources,
  logged: (log, work) =>
    observeCommands((argv) => {
      log.debug('running a command', { argv });
    }, work),
  journal: (settings) => {
    const { journal } = fleetPaths(settings);
    return journalModule().fleetJournal({ fleet: settings.fleet, directory: journal, environment: process.env });
  },
  watched: watchProgress,
});
