import { basename } from 'node:path';
import type { Commit, OpenTodo, SourceFile } from './repository-survey';
import { countLanguages, findRepository, findTodos, readCommits, readSources } from './repository-survey';
import { askTeammate, teamOf } from './teamwork';
import type { Turn } from './turn';
import { messageOf } from './turn';

const STEPS = ['Count files and languages', 'Read the recent commits', 'Find the open TODOs', 'Write the report'];
const RECENT_COMMITS = 5;
/** The teammate who counts, where the team has one of that name. */
const COUNTING_TEAMMATE = 'analyst';

/** Pauses that let a person follow; the whole takes about 7 s. */
const STEP_MS = 300;
const LINE_MS = 120;

/**
 * The demo: a short report on a repository, really read from its files. Counting is a teammate's task where there is
 * one. Its last block of text is the report and nothing else, since that becomes the run's result.
 */
export async function report(turn: Turn): Promise<void> {
  const root = findRepository(turn.context.settings.repositoryPath);
  const name = repositoryName(await readSources(root), root);
  await turn.answer(`I will write a short report on the repository ${name}.\n`);
  await showProgress(turn, 0);
  const counted = countWithTeam(turn, root);
  // Waited for below; without this an early failure would count as unhandled until then.
  counted.catch(() => undefined);
  await turn.breathe(2 * STEP_MS);
  const commits = await readRecentCommits(turn, root);
  await showProgress(turn, 1);
  const todos = await searchTodos(turn, root);
  const counts = await counted;
  await showProgress(turn, 3);
  await turn.breathe(STEP_MS);
  await speak(turn, writeReport(name, counts, commits, todos));
  await showProgress(turn, STEPS.length);
}

/** The teammate's part: files and languages, as text. */
export async function survey(turn: Turn): Promise<void> {
  const root = findRepository(turn.context.settings.repositoryPath);
  await turn.breathe(STEP_MS);
  await speak(turn, await countFiles(turn, root));
}

async function countWithTeam(turn: Turn, root: string): Promise<string> {
  if (!(await hasCountingTeammate(turn))) return countFiles(turn, root);
  try {
    return await askTeammate(turn, COUNTING_TEAMMATE, 'survey');
  } catch (error) {
    await turn.output.thought(`${COUNTING_TEAMMATE} could not do it (${messageOf(error)}), so I count myself.`);
    return countFiles(turn, root);
  }
}

async function hasCountingTeammate(turn: Turn): Promise<boolean> {
  if (!turn.context.team) return false;
  const team = await teamOf(turn);
  const tool = { title: 'list_teammates', kind: 'other' } as const;
  const list = await turn.useTool(tool, () => turn.orCancelled(team.listTeammates()));
  return new RegExp(`\\b${COUNTING_TEAMMATE}\\b`).test(list);
}

async function countFiles(turn: Turn, root: string): Promise<string> {
  return turn.useTool({ title: 'count files and lines', kind: 'search', input: { path: root } }, async (progress) => {
    const sources = await readSources(root);
    for (const { path, lines } of sources) {
      await turn.breathe(LINE_MS);
      await progress(`${path}: ${lines.length} lines`);
    }
    return describeCounts(sources);
  });
}

async function readRecentCommits(turn: Turn, root: string): Promise<Commit[]> {
  const commits = (await readCommits(root)).slice(0, RECENT_COMMITS);
  await turn.useTool({ title: 'read the history', kind: 'read', input: { path: root } }, async () => {
    await turn.breathe(STEP_MS);
    return commits.map(describeCommit).join('\n');
  });
  return commits;
}

async function searchTodos(turn: Turn, root: string): Promise<OpenTodo[]> {
  const todos = findTodos(await readSources(root));
  await turn.useTool(
    { title: 'search for TODO', kind: 'search', input: { path: root, pattern: 'TODO|FIXME' } },
    async (progress) => {
      for (const todo of todos) {
        await turn.breathe(LINE_MS);
        await progress(describeTodo(todo));
      }
      return `${todos.length} open TODOs`;
    },
  );
  return todos;
}

async function showProgress(turn: Turn, step: number): Promise<void> {
  const entries = STEPS.map((content, index) => {
    // Counting goes on beside the other steps until the report is written.
    const isOngoing = index === step || (index === 0 && step < 3);
    return { content, status: isOngoing ? 'in_progress' : index < step ? 'completed' : 'pending' } as const;
  });
  await turn.plan(entries);
  await turn.breathe(STEP_MS);
}

async function speak(turn: Turn, text: string): Promise<void> {
  const lines = text.split(/(?<=\n)/);
  for (const line of lines) {
    if (turn.isCancelled) return;
    await turn.say(line);
    if (line !== '\n') await turn.breathe(LINE_MS);
  }
}

function writeReport(name: string, counts: string, commits: readonly Commit[], todos: readonly OpenTodo[]): string {
  return [
    `# Report: ${name}`,
    '',
    '## Files and languages',
    '',
    counts.trim(),
    '',
    '## Recent commits',
    '',
    ...commits.map((commit) => `- ${describeCommit(commit)}`),
    '',
    `## Open TODOs (${todos.length})`,
    '',
    ...todos.map((todo) => `- ${describeTodo(todo)}`),
    '',
  ].join('\n');
}

function describeCounts(sources: readonly SourceFile[]): string {
  const languages = countLanguages(sources);
  const total = languages.reduce((sum, { lines }) => sum + lines, 0);
  return [
    `${sources.length} files, ${total} lines, ${languages.length} languages.`,
    '',
    '| language | files | lines |',
    '| --- | ---: | ---: |',
    ...languages.map(({ language, files, lines }) => `| ${language} | ${files} | ${lines} |`),
    '',
  ].join('\n');
}

function describeCommit({ id, date, author, subject }: Commit): string {
  return `\`${id}\` ${date} ${subject} (${author})`;
}

function describeTodo({ path, line, text }: OpenTodo): string {
  return `\`${path}:${line}\` ${text}`;
}

/** The title of its README, or the folder's name. */
function repositoryName(sources: readonly SourceFile[], root: string): string {
  const title = sources.find(({ path }) => path === 'README.md')?.lines[0] ?? '';
  return /^# (.+)$/.exec(title)?.[1] ?? basename(root);
}
