import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { deadVm } from './benchmarks/dead-vm';
import { deploy } from './benchmarks/deploy';
import { disk } from './benchmarks/disk';
import { image } from './benchmarks/image';
import { ova } from './benchmarks/ova';
import { plan } from './benchmarks/plan';
import { status } from './benchmarks/status';
import { synth } from './benchmarks/synth';
import { warmStart } from './benchmarks/warm-start';
import { virtualbox } from './benchmarks/virtualbox';
import { work } from './benchmarks/work';
import { type Benchmark, type Figure, isMissed } from './figure';
import makePrivilegeSeparationDirectory, {
  removePrivilegeSeparationDirectory,
} from '../../__tests__/support/privilege-separation';
import { describeMachine } from './machine';
import { figureLine, renderReport, renewRows } from './report';

/** In the order of the report. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  plan,
  deploy,
  'warm-start': warmStart,
  status,
  work,
  'dead-vm': deadVm,
  image,
  ova,
  disk,
  synth,
  virtualbox,
};

const REPORT = join(__dirname, '../../docs/performance.md');

/**
 * Runs the named benchmarks, or all of them, one after the other. A complete run writes the report anew, others their rows
 * in it.
 *
 * @returns whether every limit was kept
 */
async function main(names: readonly string[], signal: AbortSignal): Promise<boolean> {
  const unknown = names.filter((name) => !(name in BENCHMARKS));
  if (unknown.length > 0) {
    throw new Error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  }
  const machine = await describeMachine();
  const figures: Figure[] = [];
  makePrivilegeSeparationDirectory();
  process.once('exit', removePrivilegeSeparationDirectory);
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const findings = await benchmark({ signal, progress: (text) => process.stderr.write(`${name}: ${text}\n`) });
    for (const figure of findings.figures) process.stdout.write(`${figureLine(figure)}\n`);
    figures.push(...findings.figures);
    Object.assign(machine, findings.facts);
  }
  const report =
    names.length === 0 ? renderReport(machine, figures) : renewRows(readFileSync(REPORT, 'utf8'), machine, figures);
  writeFileSync(REPORT, await format(report, { ...(await resolveConfig(REPORT)), filepath: REPORT }));
  return !figures.some(isMissed);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  // not once(): signal-exit, which execa uses, would take itself for the only listener and end the process
  process.on(signal, () => {
    stop.abort();
  });
main(process.argv.slice(2), stop.signal).then(
  (isKept) => {
    process.exitCode = isKept ? 0 : 1;
  },
  (error: unknown) => {
    process.stderr.write(`${stop.signal.aborted ? 'stopped' : String((error as Error).stack)}\n`);
    process.exitCode = 1;
  },
);
