'use strict';

/**
 * Stands beside one agent for as long as the agent lives, and depends on no worker, no pipe and no terminal.
 * Plain JavaScript, since it is started by itself: `node supervisor.js <the agent's directory>`, with the order (what
 * to start, and the agent's environment, which must not lie on disk) as JSON on stdin.
 *
 * It starts the agent as leader of a session and process group of its own, keeps its stdin open, writes down who it is
 * (`state/agent.json`) and how it ended (`state/exit.json`), ends it at the latest after `killInMs`, and leaves nothing of
 * its process group behind. Signals that end other programs (a terminal's Ctrl-C does not reach it anyway) don't end
 * it: the teardown stops the agent, and the supervisor follows.
 *
 * If it is killed itself, the agent goes on, but its exit code is then unknown, its stdin open only while a worker holds
 * it, and its deadline does not end it.
 */
const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { basename, dirname, join } = require('node:path');

const TERM_TO_KILL_MS = 5_000;
const POLL_MS = 50;
/** Far below 2^31 ms, where timers fire at once. */
const LONGEST_TIMER_MS = 60_000;

const agentDir = process.argv[2];
let hasEnded = false;
let exitsDir;

main();

function main() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
  const order = JSON.parse(fs.readFileSync(0, 'utf8'));
  // All that is written lies in this folder itself, whatever the agent puts in the place of its name later on.
  process.chdir(join(agentDir, 'state'));
  exitsDir = findExitsDir();
  // Many workers may ask for the same agent; one supervisor may have it.
  if (!claim()) process.exit(0);
  const input = openInput();
  let agent;
  try {
    agent = startAgent(order, input);
  } catch (error) {
    return end({ startError: error.message });
  }
  agent.on('error', (error) => end({ startError: error.message }));
  if (agent.pid === undefined) return;
  fs.closeSync(input.read);
  recordAgent(agent.pid);
  agent.on('exit', (code, signal) => {
    // Like a container, whose end is the end of everything in it.
    killGroup(agent.pid, 'SIGKILL');
    end({ exitCode: code, signal });
  });
  endAt(performance.now() + order.killInMs, agent.pid);
  if (order.stdin === 'once') endInputWhenAsked(input.hold);
}

/** A hard link appears with its content, and only for the first who makes it. */
function claim() {
  const own = `supervisor.${process.pid}`;
  fs.writeFileSync(own, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) }));
  try {
    fs.linkSync(own, 'supervisor.json');
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    fs.unlinkSync(own);
  }
}

/**
 * `hold` keeps the pipe open for writing, so that the agent sees no end of file when a worker dies; it does not keep it
 * open for reading, so that a write to an agent that is gone fails instead of waiting.
 */
function openInput() {
  const path = join(agentDir, 'stdin');
  // Opening one end alone would wait for the other.
  const both = fs.openSync(path, fs.constants.O_RDWR);
  const read = fs.openSync(path, fs.constants.O_RDONLY);
  const hold = fs.openSync(path, fs.constants.O_WRONLY);
  fs.closeSync(both);
  return { read, hold };
}

function startAgent(order, input) {
  const out = fs.openSync(join(agentDir, 'stdout'), 'a');
  const err = fs.openSync(join(agentDir, 'stderr'), 'a');
  const [program, ...args] = order.command;
  const agent = spawn(program, args, { cwd: order.cwd, env: order.env, detached: true, stdio: [input.read, out, err] });
  fs.closeSync(out);
  fs.closeSync(err);
  return agent;
}

/** An agent that no file names must not live: no teardown would find it. */
function recordAgent(pid) {
  try {
    write('agent.json', { pid, startedAt: startOf(pid) });
  } catch (error) {
    killGroup(pid, 'SIGKILL');
    throw error;
  }
}

/** An orphan on a host that no worker reaches any more ends alone. By a clock that cannot be set. */
function endAt(at, pid) {
  const leftMs = at - performance.now();
  if (leftMs > 0) {
    setTimeout(() => endAt(at, pid), Math.min(leftMs, LONGEST_TIMER_MS)).unref();
    return;
  }
  killGroup(pid, 'SIGTERM');
  setTimeout(() => killGroup(pid, 'SIGKILL'), TERM_TO_KILL_MS).unref();
}

function endInputWhenAsked(hold) {
  let isOver = false;
  const look = () => {
    if (isOver || !fs.existsSync('stdin-ended')) return;
    isOver = true;
    clearInterval(poll);
    watcher?.close();
    fs.closeSync(hold);
  };
  const poll = setInterval(look, POLL_MS).unref();
  const watcher = watch(look);
  look();
}

function watch(onChange) {
  try {
    const watcher = fs.watch('.', { persistent: false }, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    // No watches left on this host: the poll is enough.
    return null;
  }
}

function end(exit) {
  if (hasEnded) return;
  hasEnded = true;
  try {
    write('exit.json', exit);
    fs.writeFileSync(join(exitsDir, exitName()), '');
  } catch (error) {
    // The teardown has taken the directory away meanwhile.
    if (error.code !== 'ENOENT') throw error;
  }
  process.exit(0);
}

/** Where workers look for ends: `<root>/exits/<installation>/<run>~<agent>`; see run-folders.ts. */
function findExitsDir() {
  const runDir = dirname(dirname(agentDir));
  const { installationId } = JSON.parse(fs.readFileSync(join(runDir, 'run.json'), 'utf8'));
  return join(dirname(dirname(runDir)), 'exits', installationId);
}

function exitName() {
  return `${basename(dirname(dirname(agentDir)))}~${basename(agentDir)}`;
}

/** Readers see all of it or nothing. */
function write(name, content) {
  const unfinished = `${name}.${process.pid}`;
  // Never through a link.
  fs.writeFileSync(unfinished, JSON.stringify(content), { flag: 'wx' });
  fs.renameSync(unfinished, name);
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // EPERM: only zombies are left of it (macOS).
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}

/** The same words as in process-table.ts: a pid is given to another process sooner or later, a pid with its start is not. */
function startOf(pid) {
  if (process.platform !== 'linux')
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
}
