import { type Cell, renderTable } from '../table';
import type { StatusReport, VmStatus } from './report';

const HEADER = ['VM', 'POWER', 'TUNNEL', 'HUB ENTRY', 'GHC', 'LOG IN'];

/** The report for people: a table, and below it a sentence for each VM that cannot be used. */
export function renderStatus(report: StatusReport, colour: boolean): string {
  if (report.vms.length === 0) return `fleet ${report.fleet} has no VMs`;
  const table = renderTable(HEADER, report.vms.map(row), colour);
  const problems = report.vms.flatMap((vm) =>
    vm.problem === null ? [] : [`${vm.name}: ${vm.problem.reason}: ${vm.problem.remedy}`],
  );
  return [table, ...problems.map((sentence) => `\n${sentence}`)].join('\n');
}

function row(vm: VmStatus): Cell[] {
  return [
    vm.name,
    mark(vm.power.state, vm.power.state === 'running', vm.power.state === 'unknown'),
    mark(`${vm.tunnel.state} :${vm.tunnelPort}`, vm.tunnel.state === 'up', false),
    mark(hubText(vm), vm.hubEntry.state === 'fresh', vm.hubEntry.state === 'unknown-age'),
    vm.hubEntry.ghcVersions.join(', '),
    vm.usable ? vm.login : '',
  ];
}

function hubText({ hubEntry: { state, heartbeatAgeSeconds } }: VmStatus): string {
  const age = heartbeatAgeSeconds === null ? '' : `, ${heartbeatAgeSeconds} s ago`;
  return `${state}${age}`;
}

function mark(text: string, good: boolean, neutral: boolean): Cell {
  return neutral ? text : { text, colour: good ? 'good' : 'bad' };
}
