import { type Cell, renderTable, tableWidth } from '../table';
import type { Problem, StatusReport, VmStatus } from './report';
import { durationText, mebibytesText } from '../../model/units';

/** One column of the table. */
interface Column {
  readonly title: string;
  readonly cell: (vm: VmStatus) => Cell;
}

const LOG_IN: Column = { title: 'LOG IN', cell: (vm) => (vm.usable ? vm.login : '') };
const UP: Column = { title: 'UP', cell: heard(({ facts }) => text(facts.uptimeSeconds, durationText)) };
const MEMORY: Column = { title: 'FREE MEM', cell: heard(({ facts }) => text(facts.memoryFreeMib, mebibytesText)) };
const DISK: Column = { title: 'FREE DISK', cell: heard(({ facts }) => text(facts.diskFreeMib, mebibytesText)) };
const GHC: Column = { title: 'GHC', cell: ({ hubEntry }) => hubEntry.ghcVersions.join(', ') };
const LOAD: Column = { title: 'LOAD', cell: heard(loadText) };
const IMAGE: Column = { title: 'IMAGE', cell: imageText };
const BUILDS: Column = {
  title: 'BUILDS',
  cell: heard(({ facts }) => text(facts.builds, ({ length }) => String(length))),
};

const COLUMNS: readonly Column[] = [
  { title: 'VM', cell: ({ id }) => id },
  { title: 'POWER', cell: ({ power }) => mark(power.state, power.state === 'running', power.state === 'unknown') },
  { title: 'TUNNEL', cell: tunnelText },
  { title: 'HUB ENTRY', cell: hubText },
  ...[GHC, LOAD, BUILDS, MEMORY, DISK, UP, IMAGE, LOG_IN],
];

/** Columns that a narrow terminal leaves out, the first one first. */
const EXPENDABLE: readonly Column[] = [LOG_IN, UP, MEMORY, DISK, GHC, LOAD, IMAGE, BUILDS];

/**
 * The report for people: a table, and below it a sentence for each thing that is not as it should be.
 *
 * @param columns width of the terminal; undefined where it is unknown, and no column is left out
 */
export function renderStatus(report: StatusReport, colour: boolean, columns?: number): string {
  if (report.vms.length === 0) return `fleet ${report.fleet} has no VMs`;
  const table = renderFitting(report.vms, colour, columns ?? Infinity);
  const sentences = report.vms.flatMap((vm) =>
    [...(vm.problem === null ? [] : [vm.problem]), ...vm.notes].map((problem) => sentence(vm, problem)),
  );
  return [table, ...sentences.map((line) => `\n${line}`)].join('\n');
}

function renderFitting(vms: readonly VmStatus[], colour: boolean, width: number): string {
  let columns = COLUMNS;
  for (const column of EXPENDABLE) {
    if (tableWidth(...cellsOf(columns, vms)) <= width) break;
    columns = columns.filter((other) => other !== column);
  }
  return renderTable(...cellsOf(columns, vms), colour);
}

function cellsOf(columns: readonly Column[], vms: readonly VmStatus[]): [string[], Cell[][]] {
  return [columns.map(({ title }) => title), vms.map((vm) => columns.map(({ cell }) => cell(vm)))];
}

function sentence(vm: VmStatus, { reason, remedy }: Problem): string {
  return `${vm.id}: ${reason}: ${remedy}`;
}

function tunnelText({ tunnel: { state }, tunnelPort }: VmStatus): Cell {
  return mark(`${state} :${tunnelPort}`, state === 'up', state === 'slow');
}

function hubText({ hubEntry: { state, heartbeatAgeSeconds } }: VmStatus): Cell {
  const age = heartbeatAgeSeconds === null ? '' : ` ${durationText(heartbeatAgeSeconds)}`;
  return mark(`${state}${age}`, state === 'fresh', state === 'unknown-age');
}

function loadText({ facts: { load, cpus } }: VmStatus): string {
  if (load === null) return '';
  return cpus === null ? load.toFixed(2) : `${load.toFixed(2)}/${cpus}`;
}

function imageText({ image: { state, ageDays } }: VmStatus): Cell {
  if (state === 'unknown') return '';
  return state === 'current' ? state : `${state}${ageDays === null ? '' : ` ${ageDays} d`}`;
}

/** Facts of an old heartbeat are left out: they would count as present ones. */
function heard(show: (vm: VmStatus) => string): (vm: VmStatus) => Cell {
  return (vm) => (['fresh', 'unknown-age', 'wrong-port'].includes(vm.hubEntry.state) ? show(vm) : '');
}

function text<T>(value: T | null, show: (value: T) => string): string {
  return value === null ? '' : show(value);
}

function mark(text: string, good: boolean, neutral: boolean): Cell {
  return neutral ? text : { text, colour: good ? 'good' : 'bad' };
}
