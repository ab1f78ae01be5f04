import { lazy } from '../model/lazy';
import { observeCommands } from '../process/command-observer';
import { watchProgress } from '../process/progress';
import { dataSources } from './data-sources';
import { serveProvider } from './plugin/serve';
import { resources } from './resources';
import { fleetPaths } from './resources/fleet-paths';
import { providerAttributes } from './resources/settings';
import { WARM_START_COMMAND } from './resources/vm/warm-start-command';

/** Only a process that changes something needs it. */
const journalModule = lazy<typeof import('./journal')>(() => require('./journal'));

/** Not for Terraform. */
const warmStartJob = lazy<typeof import('./resources/vm/warm-start-job')>(() =>
  require('./resources/vm/warm-start-job'),
);

function serve(): void {
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
}

if (process.argv[2] === WARM_START_COMMAND) void warmStartJob().runWarmStartJob(process.argv[3] ?? '');
else serve();
