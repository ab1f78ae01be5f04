import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installSshConfig } from '../../../../src/cli/install-ssh-config/run';
import { openTerminal } from '../../../../src/cli/terminal';
import { run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';

const RENDERED = join(__dirname, '../../../../rendered/fleet/fleet.json');

let home: string;

beforeEach(() => {
  home = temporaryDirectory();
});

async function install(options: { readonly config?: string }): Promise<void> {
  const description = JSON.parse(readFileSync(RENDERED, 'utf8')) as { workstation: object };
  const workstation = { ...description.workstation, operatorSshConfig: '~/ssh/own' };
  const fleetOption = join(home, 'fleet.json');
  writeFileSync(fleetOption, JSON.stringify({ ...description, workstation }));
  const silent = { write: () => undefined };
  const terminal = openTerminal({ json: false, quiet: true }, {}, silent, silent);
  const signal = new AbortController().signal;
  await installSshConfig({ terminal, fleetOption, environment: {}, home, run, signal }, options);
}

test.each([
  ["the fleet's, as deploy does", {}, 'ssh/own'],
  ['the one that is named', { config: '~/named' }, 'named'],
])('the configuration that is changed is %s', async (_, options, file) => {
  await install(options);
  expect(readFileSync(join(home, file), 'utf8')).toContain('/.local/state/buildfleet/fleet/ssh-config');
});
