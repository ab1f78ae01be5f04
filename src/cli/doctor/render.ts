import { type Cell, renderTable } from '../table';
import type { DoctorReport, Finding } from './finding';

const HEADER = ['CHECK', 'LEVEL', 'FOUND'];

/** The report for people: a table, and below it a sentence with the remedy for each thing that has one. */
export function renderDoctor({ findings }: DoctorReport, colour: boolean): string {
  const table = renderTable(
    HEADER,
    findings.map(({ check, level, found }) => [check, mark(level), found]),
    colour,
  );
  const remedies = findings.flatMap(({ check, remedy }) => (remedy === null ? [] : [`\n${check}: ${remedy}`]));
  return [table, ...remedies].join('\n');
}

function mark(level: Finding['level']): Cell {
  return level === 'note' ? level : { text: level, colour: level === 'ok' ? 'good' : 'bad' };
}
