import { durationText, mebibytesText } from '../../model/units';
import type { VmInfo } from './report';

/** A VM as text: one fact a line, unknown ones left out. */
export function renderInfo(info: VmInfo): string {
  const { image, login, ports } = info;
  const age = image.ageDays === null ? '' : `, built ${image.ageDays} d ago`;
  const lines: readonly (readonly [name: string, value: string | null])[] = [
    ['VM', info.name],
    ['aliases', info.aliases.join(', ')],
    ['host', `${info.host} (${info.hypervisor})`],
    ['system', joined([info.system, info.kernel, info.architecture])],
    ['GHC', info.ghcVersions.length === 0 ? 'none' : info.ghcVersions.join(', ')],
    ['cabal', info.cabalVersion ?? 'none'],
    ['cores', joined([info.cores, info.load === null ? null : `load ${info.load.toFixed(2)}`])],
    ['memory', sizes(info.memoryMib, info.memoryFreeMib)],
    ['disk', sizes(info.diskMib, info.diskFreeMib)],
    ['up', info.uptimeSeconds === null ? null : durationText(info.uptimeSeconds)],
    ['image', `${image.id}, ${image.state}${age}`],
    ['port', `127.0.0.1:${ports.tunnel}`],
    ['log in', joined([login.command, login.user === null ? null : `as ${login.user}`, `with ${login.key}`])],
  ];
  return lines.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(9)}${value}`])).join('\n');
}

function joined(parts: readonly (string | number | null)[]): string | null {
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? null : known.join(', ');
}

function sizes(all: number | null, free: number | null): string | null {
  return joined([all === null ? null : mebibytesText(all), free === null ? null : `${mebibytesText(free)} free`]);
}
