import { readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FleetError } from '../../model/errors';
import { expandHome } from '../../model/paths';
import type { Context } from '../context';
import type { Sending } from './survey';

/**
 * What the user allows to be sent: by options, and for links in `~/.config/buildfleet/follow`. A file of the project
 * cannot allow it, because it may come from elsewhere together with the links.
 *
 * @throws FleetError `usage` for a path of an option that is not there
 */
export function sendingOf(
  { environment, home }: Pick<Context, 'environment' | 'home'>,
  {
    follow = [],
    sendIgnored = false,
    withGit = false,
  }: {
    follow?: readonly string[] | undefined;
    sendIgnored?: boolean | undefined;
    withGit?: boolean | undefined;
  },
): Sending {
  const given = follow.map((path) => {
    const real = realOf(resolve(expandHome(path, home)));
    if (real !== undefined) return real;
    throw new FleetError({
      code: 'usage',
      problem: 'there is no such file or directory to follow links to',
      value: path,
      remedy: 'give --follow the path that a link leads to',
    });
  });
  const lines = linesOf(join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'buildfleet/follow'));
  const listed = lines.flatMap((line) => realOf(resolve(home, expandHome(line, home))) ?? []);
  return { follow: [...given, ...listed], ignored: sendIgnored, git: withGit, home: realOf(home) ?? home };
}

function linesOf(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
