import { durationText } from '../../model/units';
import { renderTable, tableWidth } from '../table';
import type { Discovered, DiscoveryReport } from './report';

const HEADER = ['TYPE', 'DOMAIN', 'KIND', 'TITLE', 'WRITTEN', 'KEYWORDS'];

/**
 * The entries for people.
 *
 * @param columns how wide the terminal is; keywords are left out where they do not fit
 */
export function renderDiscovery({ entries }: DiscoveryReport, colour: boolean, columns = Infinity): string {
  const rows = entries.map(row);
  const narrow = tableWidth(HEADER, rows) > columns;
  return renderTable(narrow ? HEADER.slice(0, -1) : HEADER, rows, colour);
}

function row({ capabilityType, domain, kind, title, ageSeconds, keywords }: Discovered): string[] {
  const written = ageSeconds === null ? '' : `${durationText(ageSeconds)} ago`;
  return [capabilityType, domain, kind, title, written, keywords.join(' ')];
}
