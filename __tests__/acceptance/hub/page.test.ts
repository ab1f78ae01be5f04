import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { bundleHub } from '../../../src/programs/hub';
import { createHubClient, type HubClient } from '../../../src/hub/client';
import {
  BUILD_AGENT_TYPE,
  CAPABILITY_DOMAIN,
  instanceTitle,
  typeEntry,
  type NewCapability,
} from '../../../src/model/capability';
import { STREAM_LIMIT } from '../../../src/hub/live-streams';
import { endBundledHubs, startBundledHub, type BundledHub } from '../../src/hub/support/bundled-hub';
import { serve } from '../../src/hub/support/running-hub';
import { agentKeywords } from '../../support/agent-keywords';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { machineRows, openPage, startBrowser } from './support/browser';
import { RunningAgent } from './support/running-agent';

jest.setTimeout(60_000);

const QUERY = { capabilityType: BUILD_AGENT_TYPE, domain: CAPABILITY_DOMAIN };
const BROAD = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740, isMobile: true, hasTouch: true };

const machine = (name: string, facts = 'load=0.25 builds=none', port = 12221): NewCapability => ({
  domain: CAPABILITY_DOMAIN,
  capability_type: BUILD_AGENT_TYPE,
  title: instanceTitle(`haskell-build-${name}`),
  description: `Compiles Haskell for this fleet. ${facts}`,
  keywords: agentKeywords({ ghcVersions: ['9.6.6'], hostName: `haskell-build-${name}`, tunnelPort: port }),
});

describeWithTools(['chromium', 'python3'], "the hub's page in Chromium", () => {
  let directory: string;
  let script: string;
  let browser: Browser;
  let hub: BundledHub;
  let client: HubClient;

  const start = (database: string, port = 0) =>
    startBundledHub(script, ['--port', String(port), '--database', join(directory, database)]);
  const live = (page: Page) => page.waitForFunction("document.getElementById('live').textContent === 'live'");

  beforeAll(async () => {
    directory = temporaryDirectory();
    [script] = bundleHub(directory) as [string];
    [hub, browser] = await Promise.all([start('hub.db'), startBrowser()]);
    client = createHubClient({ url: hub.url });
  });

  afterAll(async () => {
    await browser.close();
    endBundledHubs();
  });

  afterEach(async () => {
    for (const page of (await browser.pages()).slice(1)) await page.close();
    const entries = (await (await fetch(`${hub.url}/capability-catalog/`)).json()) as { id: string }[];
    for (const { id } of entries) await client.remove(id);
  });

  test('shows a real agent register, live and without a reload', async () => {
    const { page, complaints } = await openPage(browser);
    await page.setViewport(BROAD);
    await page.goto(hub.url);
    expect(await page.$eval('main', (main) => main.textContent)).toContain('No machine has registered.');
    await page.evaluate('window.notReloaded = true');
    const agent = RunningAgent.start(hub.url, 'haskell-build-alpha', 12221);
    try {
      await page.waitForSelector('tbody tr.fresh');
      const [row] = await machineRows(page);
      expect(row?.[0]).toContain('haskell-build-alpha');
      expect(row?.[1]).toMatch(/^fresh \d+ s ago$/);
      expect(row?.[5]).toBe('12221');
      expect(row?.[6]).toMatch(/^\d+\.\d\d of \d+ CPUs$/);
      expect(await page.$eval('.strip.hour .beat', (beats) => beats.getBoundingClientRect().width)).toBeGreaterThan(1);
      expect(await page.$eval('#live', (live) => live.textContent)).toBe('live');
    } finally {
      await agent.stop();
    }
    // The row is told from an earlier one by its element, which stays: only what differs is changed.
    await page.evaluate("window.firstRow = document.querySelector('tbody tr')");
    const [entry] = await client.list(QUERY);
    await client.update(entry!.id, { description: 'load=7.77 builds=parser-3f' });
    await page.waitForFunction("document.querySelector('tbody tr').textContent.includes('7.77')");
    expect((await machineRows(page))[0]?.[3]).toBe('parser-3f');
    await client.postProgress({ summary: 'alpha is being drained', detail: 'one build runs' });
    await page.waitForFunction("document.querySelector('.notes')?.textContent.includes('alpha is being drained')");
    await client.create(machine('beta', undefined, 12222));
    await page.waitForFunction("document.querySelectorAll('tbody tr').length === 2");
    expect(await page.evaluate("firstRow === document.querySelector('tbody tr') && notReloaded")).toBe(true);
    await client.remove(entry!.id);
    await page.waitForFunction("document.querySelectorAll('tbody tr').length === 1");
    expect(await page.evaluate('notReloaded')).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('says when the hub is gone, and is live again when it is back', async () => {
    const first = await start('killed.db');
    const { page } = await openPage(browser);
    await page.goto(first.url);
    await live(page);
    first.child.kill('SIGKILL');
    await first.ended;
    await page.waitForFunction("document.getElementById('live').textContent.startsWith('not live')");
    const second = await start('killed.db', Number(new URL(first.url).port));
    await createHubClient({ url: second.url }).create(machine('gamma'));
    await page.waitForFunction("document.querySelector('tbody')?.textContent.includes('haskell-build-gamma')");
    await live(page);
  });

  test('needs no JavaScript, and is current without it', async () => {
    await client.create(machine('alpha'));
    const { page, complaints } = await openPage(browser);
    await page.setJavaScriptEnabled(false);
    await page.goto(hub.url);
    expect((await machineRows(page))[0]?.slice(0, 2)).toEqual([
      'haskell-build-alpha',
      expect.stringMatching(/^fresh \d+ s ago$/),
    ]);
    await client.create(machine('beta', undefined, 12222));
    await until('the page was loaded again', 20, async () => {
      // The page may be loaded again while it is asked.
      const rows = await machineRows(page).catch(() => []);
      return rows.some(([name]) => name === 'haskell-build-beta');
    });
    expect(complaints).toEqual([]);
  });

  test('fits a phone, with all lengths of texts in entries', async () => {
    const long = 'x'.repeat(200);
    await client.create(
      machine(
        'alpha',
        'cpus=4 memory=3922MiB memory-free=3000MiB load=1.00 builds=a-very-long-name.0123456789abcdef,other',
      ),
    );
    await client.create({ ...machine('beta'), title: long, keywords: [] });
    await client.create({ ...typeEntry(), description: long.repeat(10) });
    await client.postProgress({ summary: long, detail: `${long}\n${long}` });
    const { page, complaints } = await openPage(browser);
    for (const viewport of [PHONE, { width: 960, height: 600 }, { width: 961, height: 600 }, BROAD]) {
      await page.setViewport(viewport);
      await page.goto(hub.url);
      await live(page);
      expect(
        await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]'),
      ).toEqual([viewport.width, viewport.width]);
    }
    await page.setViewport(PHONE);
    const widest = await page.$$eval('tbody *', (all) =>
      Math.max(...all.map((one) => one.getBoundingClientRect().right)),
    );
    expect(widest).toBeLessThanOrEqual(PHONE.width);
    expect(complaints).toEqual([]);
  });

  test('runs nothing that entries and notes say, at first and live', async () => {
    const hostile =
      '</title></svg><script>window.hacked=1</script><img src=x onerror="window.hacked=1"><style>*{display:none}</style>';
    const put = async (title: string) => {
      await client.create({ ...machine('alpha'), title: `${title}${hostile}` });
      await client.create({ ...typeEntry(), title, capability_type: 'other', description: hostile });
      await client.postProgress({ summary: `${title}${hostile}`, detail: hostile, event_type: '<b>' });
    };
    await put('first');
    const { page, complaints } = await openPage(browser);
    await page.goto(hub.url);
    await live(page);
    await put('second');
    await page.waitForFunction("document.querySelectorAll('tbody tr').length === 2");
    await page.waitForFunction("document.querySelector('.notes li').textContent.includes('second')");
    expect((await machineRows(page)).map(([name]) => name)).toEqual([`first${hostile}`, `second${hostile}`]);
    expect(
      await page.evaluate(
        '[typeof hacked, document.querySelectorAll("main script, main img, main style, main b").length]',
      ),
    ).toEqual(['undefined', 0]);
    expect(complaints).toEqual([]);
  });

  test('can be open in many tabs of one browser', async () => {
    await client.create(machine('alpha'));
    // More than the connections that a browser keeps to one host.
    for (let n = 0; n < 7; n += 1) {
      const page = await browser.newPage();
      await page.goto(hub.url);
      await live(page);
    }
  });

  describe.each(['127.0.0.1', 'localhost'])('a page of another origin on %s', (host) => {
    let stop: () => Promise<void>;
    let address: string;
    let id: string;

    beforeAll(async () => {
      const server = await serve((request, response) => {
        const frame = request.url === '/frame' ? `<iframe src="${hub.url}/"></iframe>` : '';
        response.setHeader('content-type', 'text/html').end(`<!doctype html><title>elsewhere</title><body>${frame}`);
      });
      stop = server.stop;
      address = `http://${host}:${new URL(server.url).port}`;
    });

    afterAll(() => stop());

    beforeEach(async () => {
      id = (await client.create(machine('alpha'))).id;
    });

    /** Runs the body of a function in such a page and answers what it returns. */
    const elsewhere = async (body: string): Promise<unknown> => {
      const { page } = await openPage(browser);
      await page.goto(address);
      return page.evaluate(
        `(async (hub, id, entry) => { ${body} })(${[hub.url, id, machine('evil')].map((value) => JSON.stringify(value)).join()})`,
      );
    };

    test('can read nothing', async () => {
      const read = await elsewhere(`
        const outcome = {};
        for (const path of ['/', '/events', '/capability-catalog/', '/progress/', '/health'])
          outcome[path] = await fetch(hub + path).then((answer) => answer.text(), (error) => error.name);
        return outcome;`);
      expect(Object.values(read as object)).toEqual(Array(5).fill('TypeError'));
    });

    test('can write nothing', async () => {
      const before = await client.list(QUERY);
      const notes = await (await fetch(`${hub.url}/progress/?limit=1`)).json();
      await elsewhere(`
        const body = JSON.stringify({ ...entry, summary: 'evil' });
        const tries = [];
        for (const mode of ['cors', 'no-cors'])
          for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded'])
            for (const [method, path] of [
              ['POST', '/capability-catalog/'], ['POST', '/progress/'],
              ['PATCH', '/capability-catalog/' + id], ['DELETE', '/capability-catalog/' + id],
            ]) {
              const init = { method, mode, body, headers: { 'content-type': type } };
              tries.push((async () => fetch(hub + path, init))());
            }
        for (const path of ['/capability-catalog/', '/progress/']) {
          navigator.sendBeacon(hub + path, body);
          const frame = document.createElement('iframe');
          frame.name = path;
          const field = document.createElement('input');
          field.name = body.slice(0, -1) + ',"x":"';
          field.value = '"}';
          const form = document.createElement('form');
          Object.assign(form, { action: hub + path, method: 'POST', enctype: 'text/plain', target: path });
          form.append(field);
          document.body.append(frame, form);
          tries.push(new Promise((done) => { frame.onload = done; form.submit(); }));
        }
        await Promise.allSettled(tries);`);
      expect(await client.list(QUERY)).toEqual(before);
      expect(await (await fetch(`${hub.url}/progress/?limit=1`)).json()).toEqual(notes);
    });

    test('can hold no stream, so that the page itself stays live', async () => {
      // More of each kind than there may be streams.
      const outcome = await elsewhere(`
        const load = (name, attribute) => new Promise((done) => {
          const element = document.createElement(name);
          element.onload = element.onerror = (event) => done(name + ' ' + event.type);
          element[attribute] = hub + '/events';
          element.rel = 'stylesheet';
          document.body.append(element);
        });
        const listen = () => new Promise((done) => {
          const source = new EventSource(hub + '/events');
          source.onopen = () => done('stream open');
          source.onerror = () => done(source.readyState === EventSource.CLOSED ? 'stream refused' : 'stream retried');
        });
        const ask = () => fetch(hub + '/events', { mode: 'no-cors' }).then(() => 'fetch done', () => 'fetch refused');
        const all = [];
        for (let n = 0; n < ${STREAM_LIMIT + 1}; n += 1)
          all.push(listen(), ask(), load('img', 'src'), load('script', 'src'), load('link', 'href'));
        for (let n = 0; n < 3; n += 1) all.push(load('iframe', 'src'));
        return [...new Set(await Promise.all(all))].sort();`);
      expect(outcome).toEqual([
        'fetch refused',
        'iframe load',
        'img error',
        'link error',
        'script error',
        'stream refused',
      ]);
      const { page } = await openPage(browser);
      await page.goto(hub.url);
      await live(page);
    });

    test('can show nothing in a frame', async () => {
      const { page } = await openPage(browser);
      await page.goto(`${address}/frame`);
      const [, frame] = page.frames();
      expect(frame?.parentFrame()).toBe(page.mainFrame());
      expect(await frame?.content()).not.toContain('haskell-build-alpha');
    });
  });
});
