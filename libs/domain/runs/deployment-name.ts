/** Docker allows 128 for a container's name; the team's part is kept short enough for run and agent to follow. */
const LONGEST_TEAM_PART = 40;

/**
 * The name of what is made for a run: `marketing-team-run-3f9a1c`, from the team's name and the last `digits` hex digits
 * of the run's id (UUIDv7: its end is random, its beginning is the time).
 */
export function deploymentName(teamName: string, runId: string, digits: 6 | 12): string {
  const slug = teamName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_TEAM_PART)
    .replace(/^-+|-+$/g, '');
  return `${slug || 'team'}-run-${runId.replaceAll('-', '').slice(-digits)}`;
}
