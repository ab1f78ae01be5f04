import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { bytesText, durationText } from '../../model/units';
import { account } from '../../process/account';
import { SshFailure } from '../../ssh/failure';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { findVm } from '../fleet-file';
import { findProject } from '../project/find-project';
import { BUILD_ROOT, isWorkspaceName, workspaceName } from '../project/workspace';
import { Connections } from '../ssh/connections';
import { scriptCommand } from '../ssh/remote-command';
import { renderTable } from '../table';
import { scriptText } from '../work/script';
import { parseWorkspaces } from './parse';
import type { WorkspaceList, WorkspaceRemoval } from './report';

interface Answers {
  readonly answers: readonly { readonly vm: FleetVm; readonly stdout: string }[];
  readonly notAsked: { vm: string; reason: string }[];
}

/** `buildfleet workspaces list` */
export async function listWorkspaces(context: Context, alias: string | undefined): Promise<number> {
  const { terminal } = context;
  const { answers, notAsked } = await askAll(context, alias, ['list']);
  const workspaces = answers
    .flatMap(({ vm, stdout }) => parseWorkspaces(stdout, vm.name))
    .sort((one, other) => Date.parse(other.lastUsed) - Date.parse(one.lastUsed));
  if (terminal.json) {
    const report: WorkspaceList = { formatVersion: 1, workspaces, notAsked };
    terminal.data(JSON.stringify(report, null, 2));
  } else if (workspaces.length === 0) terminal.message('there is no workspace');
  else {
    const rows = workspaces.map(({ vm, workspace, project, user, bytes, lastUsed, inUse }) => {
      const ago = durationText(Math.max(0, (Date.now() - Date.parse(lastUsed)) / 1000));
      return [vm, workspace, project ?? '?', user, bytesText(bytes), inUse ? 'now' : `${ago} ago`];
    });
    terminal.data(renderTable(['VM', 'WORKSPACE', 'PROJECT', 'USER', 'SIZE', 'LAST USED'], rows, terminal.colour));
  }
  if (!terminal.json) for (const { vm, reason } of notAsked) terminal.message(`not asked: ${vm}: ${reason}`);
  return notAsked.length === 0 ? EXIT.ok : EXIT.notUsable;
}

/**
 * `buildfleet workspaces rm NAME…`: of all VMs, or of one.
 *
 * @throws FleetError `workspace-unknown`, `workspace-in-use`, `project-not-found` and others of `findProject`
 */
export async function removeWorkspaces(
  context: Context,
  given: readonly string[],
  alias: string | undefined,
): Promise<number> {
  const { terminal } = context;
  const names = given.map((name) => nameOf(context, name));
  const { answers, notAsked } = await askAll(context, alias, ['rm', ...names]);
  const results = answers.flatMap(({ vm, stdout }) =>
    names.flatMap((name) =>
      ['removed', 'in-use', 'failed']
        .filter((word) => stdout.split('\n').includes(`${word} ${name}`))
        .map((word) => ({ vm: vm.name, id: vm.id, workspace: name, word })),
    ),
  );
  const removed = results.filter(({ word }) => word === 'removed').map(({ vm, workspace }) => ({ vm, workspace }));
  const report: WorkspaceRemoval = { formatVersion: 1, removed };
  if (terminal.json) terminal.data(JSON.stringify(report));
  else for (const { vm, workspace } of removed) terminal.message(`removed ${workspace} of ${vm}`);
  const stuck = results.find(({ word }) => word !== 'removed');
  if (stuck !== undefined) {
    throw new FleetError({
      code: stuck.word === 'in-use' ? 'workspace-in-use' : 'workspace-refused',
      problem: `${stuck.vm} ${stuck.word === 'in-use' ? 'works in' : 'cannot remove'} the workspace`,
      value: stuck.workspace,
      remedy: stuck.word === 'in-use' ? 'end what works there first' : `look at it with \`buildfleet ssh ${stuck.id}\``,
    });
  }
  const unknown = names.find((name) => results.every(({ workspace }) => workspace !== name));
  if (unknown !== undefined) {
    const silent = notAsked.map(({ vm, reason }) => `${vm} (${reason})`).join(', ');
    throw new FleetError({
      code: 'workspace-unknown',
      problem: `no VM that answers has this workspace${silent === '' ? '' : `; not asked: ${silent}`}`,
      value: unknown,
      remedy: '`buildfleet workspaces` lists them',
    });
  }
  return EXIT.ok;
}

/** The name of a workspace, or of that of a project here. */
function nameOf({ home }: Context, given: string): string {
  if (isWorkspaceName(given) && !existsSync(given)) return given;
  const { root } = findProject({ option: given === '.' ? undefined : given, cwd: process.cwd(), home, cabal: false });
  return workspaceName({ user: account().username, host: hostname() }, root);
}

async function askAll(context: Context, alias: string | undefined, words: readonly string[]): Promise<Answers> {
  const loaded = openFleet(context);
  const connections = new Connections(loaded, context);
  const command = scriptCommand('workspaces', scriptText('workspaces'), [BUILD_ROOT, ...words]);
  const vms = alias === undefined ? loaded.fleet.vms : [findVm(loaded, alias)];
  const answers: { vm: FleetVm; stdout: string }[] = [];
  const notAsked: { vm: string; reason: string }[] = [];
  await Promise.all(
    vms.map(async (vm) => {
      try {
        await connections.open(vm);
        const { stdout } = await connections.run(vm, { what: 'its workspaces', command });
        answers.push({ vm, stdout });
      } catch (error) {
        if (!(error instanceof SshFailure)) throw error;
        notAsked.push({ vm: vm.name, reason: error.said || error.message });
      }
    }),
  );
  return { answers, notAsked };
}
