import { observeCommands } from '../process/command-observer';
import { serveProvider } from './plugin/serve';
import { resources } from './resources';
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
});
