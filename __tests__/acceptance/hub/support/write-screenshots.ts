/**
 * Writes docs/images/hub-page*.png: a day of heartbeats of three machines in a real hub, seen by a real Chromium.
 *
 *   node --require ./scripts/ts-node.cjs __tests__/acceptance/hub/support/write-screenshots.ts
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleHub } from '../../../../src/programs/hub';
import { openHubStore } from '../../../../src/hub/store';
import {
  BUILD_AGENT_TYPE,
  CAPABILITY_DOMAIN,
  instanceTitle,
  progressNoteSchema,
  typeEntry,
} from '../../../../src/model/capability';
import { startBundledHub } from '../../../src/hub/support/bundled-hub';
import { agentKeywords } from '../../../support/agent-keywords';
import { startBrowser } from './browser';

const IMAGES = resolve(__dirname, '../../../../docs/images');
const DAY = 24 * 60;

interface Machine {
  readonly name: string;
  readonly port: number;
  readonly ghcVersions: readonly string[];
  readonly facts: string;
  /** Whether it had a heartbeat so many minutes ago. */
  readonly beats: (minutesAgo: number) => boolean;
}

const MACHINES: readonly Machine[] = [
  {
    name: 'haskell-build-alpha',
    port: 12221,
    ghcVersions: ['9.6.6'],
    facts: 'cpus=4 memory=7953MiB memory-free=5120MiB disk-free=31232MiB load=2.31 uptime=200000s builds=parser-5d1c',
    beats: () => true,
  },
  {
    name: 'haskell-build-beta',
    port: 12222,
    ghcVersions: ['9.6.6'],
    facts: 'cpus=2 memory=3922MiB memory-free=3310MiB disk-free=12800MiB load=0.04 uptime=2460s builds=none',
    beats: (ago) => ago < 41 || (ago > 49 && ago < 900),
  },
  {
    name: 'haskell-build-gamma',
    port: 12223,
    ghcVersions: ['9.8.4', '9.6.6'],
    facts: 'cpus=4 memory=7953MiB memory-free=6400MiB disk-free=28672MiB load=0.10 uptime=86000s builds=none',
    beats: (ago) => ago > 17,
  },
];

/** Fills a database as a day of a fleet does. */
function writeHistory(database: string): void {
  const end = Date.now();
  let now = end;
  const store = openHubStore(database, { now: () => new Date(now) });
  const note = (event_type: string, summary: string, detail = '') =>
    store.addProgress(progressNoteSchema.parse({ event_type, summary, detail }));
  for (let ago = DAY; ago >= 0; ago -= 1) {
    now = end - ago * 60_000;
    if (ago === DAY) store.put(typeEntry());
    if (ago === 51) note('deploy', 'fleet: update buildfleet_vm beta: stopping');
    if (ago === 42) note('deploy', 'fleet: update buildfleet_vm beta: done after 512 s');
    for (const { name, port, ghcVersions, facts, beats } of MACHINES) {
      if (!beats(ago)) continue;
      store.put({
        domain: CAPABILITY_DOMAIN,
        capability_type: BUILD_AGENT_TYPE,
        title: instanceTitle(name),
        description: `Compiles Haskell for this fleet. ${facts}`,
        keywords: agentKeywords({ ghcVersions, hostName: name, tunnelPort: port }),
      });
    }
  }
  store.close();
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'buildfleet-hub-'));
  const browser = await startBrowser();
  try {
    const database = join(directory, 'hub.db');
    writeHistory(database);
    const [script] = bundleHub(directory);
    if (script === undefined) throw new Error('the hub was not bundled');
    const hub = await startBundledHub(script, ['--port', '0', '--database', database]);
    mkdirSync(IMAGES, { recursive: true });
    for (const [name, width, scheme] of [
      ['hub-page', 1200, 'light'],
      ['hub-page-phone', 360, 'dark'],
    ] as const) {
      const page = await browser.newPage();
      await page.setViewport({ width, height: 400 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.goto(hub.url);
      await page.waitForFunction("document.getElementById('live').textContent === 'live'");
      await page.screenshot({ path: `${join(IMAGES, name)}.png`, fullPage: true });
    }
    hub.child.kill('SIGTERM');
    await hub.ended;
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true });
  }
}

void main();
