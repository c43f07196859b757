import type { Browser, Page } from 'playwright-core';
import { describeWithDocker } from '../kit/services/docker';
import { findBarriers, launchBrowser, openWatched } from './support/browser';
import { Crewtab } from './support/crewtab';

let crewtab: Crewtab;
let browser: Browser;
let page: Page;
let complaints: string[];

// One after the other, in the same browser: from an empty installation on.
describeWithDocker('the pages at work, in a browser', () => {
  beforeAll(async () => {
    crewtab = await Crewtab.start();
    browser = await launchBrowser();
    const { code } = await crewtab.api.request('POST /session/codes');
    ({ page, complaints } = await openWatched(browser, `${crewtab.api.baseUrl}/#code=${code}`));
    await page.getByRole('heading', { name: 'Now' }).waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await crewtab?.stop();
  });

  it('an empty installation leads to a first success', async () => {
    await page.getByText('1 there, for 10 runs at a time').waitFor();
    await page.getByText('each agent gets a container of its own').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('Image of the demo agent').fill(crewtab.image);
    await page.getByRole('button', { name: 'Make it, and run it now' }).click();
    await page.getByRole('heading', { name: 'Morning report' }).waitFor();
    await page.getByText('success', { exact: true }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('a team is made with errors at their fields, edited, tried, and deleted', async () => {
    await page.getByRole('link', { name: 'Teams' }).click();
    await page.getByRole('link', { name: 'New team' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Night shift');
    await page.getByRole('button', { name: 'Make the team' }).click();
    await page.getByText('is required under the docker runtime without a preset').first().waitFor();
    await page.getByLabel('Image').fill(crewtab.image);
    await page.getByRole('button', { name: 'Add a variable' }).click();
    await page.getByLabel('Name of a variable').fill('TOKEN');
    await page.getByLabel('Value of TOKEN').fill('top secret');
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Make the team' }).click();
    await page.getByRole('heading', { name: 'Night shift' }).waitFor();
    await page.getByText('TOKEN').waitFor();

    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByText('is set, and stays').waitFor();
    await page.getByLabel('Description').fill('works at night');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('works at night').waitFor();
    const [row] = await crewtab.sql<{ sealed: boolean }>(
      `SELECT sealed_env IS NOT NULL AS sealed FROM agents a JOIN teams t ON t.id = a.team_id WHERE t.name = 'Night shift'`,
    );
    expect(row).toEqual({ sealed: true });

    await page.getByLabel('Prompt', { exact: true }).fill('answer well done');
    await page.getByRole('button', { name: 'Try' }).click();
    await page.getByText('success', { exact: true }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete the team' }).click();
    await page.getByRole('heading', { name: 'Teams', exact: true }).waitFor();
    await page.getByText('Night shift').waitFor({ state: 'detached' });
    // The browser says by itself that the first try was refused.
    expect(complaints.splice(0)).toEqual([expect.stringContaining('400 (Bad Request)')]);
  });

  it('a team gets a repository and files for its workspace, and a secret that is made on the way', async () => {
    await page.goto(`${crewtab.api.baseUrl}/teams/new`);
    await page.getByLabel('Name', { exact: true }).fill('Gardeners');
    await page.getByLabel('Image').fill(crewtab.image);
    await page.getByLabel('A repository').check();
    await page.getByLabel('URL', { exact: true }).fill('ftp://git.example/site.git');
    await page.getByLabel('Password or token').selectOption('New secret …');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Value').fill('short');
    await dialog.getByRole('button', { name: 'Set the secret' }).click();
    await dialog.getByText(/must have at least 8 characters/).waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await dialog.getByLabel('Value').fill('ghp_0123456789abcdef');
    await dialog.getByRole('button', { name: 'Set the secret' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await page.getByLabel('Password or token').inputValue()).toBe('github-token');
    await page.getByRole('button', { name: 'Add a file' }).click();
    await page.getByLabel('Path').fill('../style.md');
    await page.getByLabel('Text of ../style.md').fill('Short sentences.');
    await page.getByRole('button', { name: 'Make the team' }).click();
    await page.getByText('must begin with https:// or http://', { exact: true }).waitFor();
    await page
      .getByText('is no path of a file in the workspace: relative, in plain form, without ".."', { exact: true })
      .waitFor();
    await page.getByLabel('URL', { exact: true }).fill('https://git.example/site.git');
    await page.getByLabel('Path').fill('notes/style.md');
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Make the team' }).click();
    await page.getByRole('heading', { name: 'Gardeners' }).waitFor();
    await page.getByText('https://git.example/site.git').waitFor();
    const [row] = await crewtab.sql(`SELECT workspace FROM teams WHERE name = 'Gardeners'`);
    expect(row).toEqual({
      workspace: {
        git: { url: 'https://git.example/site.git', secret: 'github-token' },
        files: { 'notes/style.md': 'Short sentences.' },
      },
    });
    expect(complaints.splice(0).filter((complaint) => !/status of 400/.test(complaint))).toEqual([]);
  });

  it('what failed needs a person until one has seen it', async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Unlucky', agents: [crewtab.leader()] });
    const fields = { teamId: team.id, cron: '0 9 * * 1-5', timeout: '2m' };
    const schedule = await api.createSchedule({ ...fields, name: 'fails', prompt: 'error out of luck' });
    const { id } = await api.trigger(schedule.id);
    await api.untilFinished(id);
    await page.goto(api.baseUrl);
    await page.getByRole('button', { name: 'I have seen fails' }).waitFor();
    expect(await page.title()).toBe('■ fails failed · Crewtab');
    await page.getByRole('button', { name: 'I have seen fails' }).click();
    await page.getByLabel('Note').fill('the registry was down');
    await page.getByRole('button', { name: 'I have seen it' }).click();
    await page.getByText('Whatever failed has succeeded since, or was seen.').waitFor();
    expect(await page.title()).toBe('Now · Crewtab');
    const [row] = await crewtab.sql('SELECT acknowledged_by, acknowledgement_note FROM schedule_runs WHERE id = $1', [
      id,
    ]);
    expect(row).toEqual({ acknowledged_by: 'CREWTAB_API_KEY', acknowledgement_note: 'the registry was down' });
  });

  it('a run that goes on for too long is ended, said to be so, and cleaned up', async () => {
    const { api } = crewtab;
    const team = await api.createTeam({ name: 'Slow', agents: [crewtab.leader()] });
    const fields = { teamId: team.id, cron: '0 9 * * 1-5', timeout: '4s' };
    const schedule = await api.createSchedule({ ...fields, name: 'goes on', prompt: 'answer on my way\nhang' });
    await page.goto(`${api.baseUrl}/schedules/${schedule.id}`);
    await page.getByRole('button', { name: 'Run now', exact: true }).click();
    await page.getByRole('feed', { name: 'Conversation' }).getByText('on my way', { exact: true }).waitFor();
    await page.getByText('timeout', { exact: true }).first().waitFor();
    await page.getByText('What to do:').waitFor();
    await page.getByText(/verified clean/).waitFor();
    expect(await page.title()).toBe('timeout: goes on · Crewtab');
    expect(await findBarriers(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('the palette leads anywhere by the keyboard', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search' }).fill('unluck');
    await page.getByRole('option', { name: 'Unlucky' }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Unlucky' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('y');
    await page.getByRole('heading', { name: 'System' }).waitFor();
    await page.getByText('Settings in force').waitFor();
    expect(complaints).toEqual([]);
  });
});
