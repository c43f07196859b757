import { describe, expect, it } from 'vitest';
import { bodyOfWorkspace, repeatedPaths, workspaceDraftOf } from './workspace-draft';

const STORED = {
  files: { 'notes/style.md': 'Short.\n' },
  git: {
    ...{ url: 'https://git.example/site.git', ref: 'main', depth: 1, secret: 'github', username: 'bot' },
    ...{ push: { branch: 'crewtab/updates' }, diff: true },
  },
  persist: true,
};

describe('a workspace', () => {
  it('that was not touched is what is stored', () => {
    expect(bodyOfWorkspace(workspaceDraftOf(STORED))).toEqual(STORED);
    expect(bodyOfWorkspace(workspaceDraftOf(null))).toBeNull();
  });

  it('loses what is emptied, and keeps what the form does not show', () => {
    const stored = { ...STORED, git: { ...STORED.git, later: true }, other: [1] };
    const emptied = { ref: '', depth: ' ', secret: '', pushBranch: ' ', hasDiff: false, isKept: false };
    const draft = { ...workspaceDraftOf(stored), files: [], ...emptied };
    expect(bodyOfWorkspace(draft)).toEqual({ other: [1], git: { url: STORED.git.url, later: true } });
    const nothing = { hasGit: false, isKept: false, files: [{ path: '', text: '' }] };
    expect(bodyOfWorkspace({ ...workspaceDraftOf(STORED), ...nothing })).toBeNull();
  });

  it('sends what is no number as it was typed', () => {
    expect(bodyOfWorkspace({ ...workspaceDraftOf(STORED), depth: 'all' })?.git?.depth).toBe('all');
  });

  it('cannot have two files of one path', () => {
    const files = [
      { path: 'a.md', text: '' },
      { path: ' a.md', text: 'x' },
      { path: 'b.md', text: '' },
    ];
    expect([...repeatedPaths({ ...workspaceDraftOf(null), files })]).toEqual(['a.md']);
  });
});
