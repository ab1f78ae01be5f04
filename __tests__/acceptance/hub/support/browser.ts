import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { findProgram } from '../../../support/tools';

/** The distribution's Chromium, without windows. A container's root may use neither its sandbox nor a large /dev/shm. */
export async function startBrowser(): Promise<Browser> {
  const program = findProgram('chromium');
  if (program === null) throw new Error('chromium is missing');
  return puppeteer.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run'],
  });
}

/** A page that notes what Chromium complains about: errors of scripts, violations of policies, failed requests. */
export async function openPage(browser: Browser): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const client = await page.createCDPSession();
  client.on('Audits.issueAdded', ({ issue }) => complaints.push(`${issue.code} ${JSON.stringify(issue.details)}`));
  await client.send('Audits.enable');
  return { page, complaints };
}

/** Text of each cell of each machine, with white space made single. */
export function machineRows(page: Page): Promise<string[][]> {
  return page.$$eval('tbody tr', (rows) =>
    rows.map((row) => Array.from(row.children, (cell) => cell.textContent.replace(/\s+/g, ' ').trim())),
  );
}
