import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asDebian, type ImageDefinition } from '../model/image-definition';
import { type AptSource, aptLine, debianLines, parseDeb822Sources, parseOneLineSources } from './apt-sources';

/**
 * apt's lines for an image: its mirror, else the Debian archives that the workstation uses. None leaves the choice to
 * mmdebstrap.
 *
 * @param aptDirectory `/etc/apt`
 */
export function mirrorLines(definition: ImageDefinition, aptDirectory = '/etc/apt'): string[] {
  const { base } = asDebian(definition);
  if (base.mirror === null) return debianLines(workstationSources(aptDirectory), base.suite);
  const uri = base.mirror.replace(/\/+$/, '');
  return [aptLine(base.snapshot === null ? uri : `${uri}/${base.snapshot}`, base.suite)];
}

function workstationSources(aptDirectory: string): AptSource[] {
  const parts = join(aptDirectory, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  return [join(aptDirectory, 'sources.list'), ...names.map((name) => join(parts, name))].flatMap((file) => {
    if (!existsSync(file)) return [];
    if (file.endsWith('.sources')) return parseDeb822Sources(readFileSync(file, 'utf8'));
    return file.endsWith('.list') ? parseOneLineSources(readFileSync(file, 'utf8')) : [];
  });
}
