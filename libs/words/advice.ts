export interface Advice {
  readonly meaning: string;
  readonly advice: string;
}

/** What each code of a run's error means, and what to do: the words of docs/errors.md, which a test compares. */
export const ADVICE: Readonly<Record<string, Advice>> = {
  overlap_skipped: {
    meaning: 'Another run of the schedule was active, and its overlap policy is skip.',
    advice: 'Nothing, if that is what you want; otherwise choose allow or queue, or a shorter timeout.',
  },
  missed: {
    meaning: 'No scheduler was running to fire it in time, and the catch-up policy did not ask for it afterwards.',
    advice: 'Look why no scheduler was running; choose catchUp latest or all to have such occurrences run.',
  },
  cancelled: {
    meaning: 'A person cancelled the run.',
    advice: 'Nothing.',
  },
  replaced: {
    meaning: 'A newer run of the schedule took its place (overlap policy replace).',
    advice: 'Nothing; if runs rarely finish, fire less often.',
  },
  environment_unreadable: {
    meaning:
      'The stored environment of an agent could not be opened: the encryption key is another one, or the sealed value was altered or moved to another agent in the database.',
    advice:
      "Start with the former key as CREWTAB_FORMER_ENCRYPTION_KEY; otherwise set the agent's variables again, and find out who writes to the database.",
  },
  secret_unavailable: {
    meaning:
      'A secret that an agent names was not there when the run began, or its sealed value was altered or moved in the database.',
    advice: 'Set the secret again, then run again.',
  },
  not_allowed: {
    meaning:
      'An agent asks for more memory, CPUs or processes than the operator allows, or for an image that is not allowed. Teams that were made before a limit was set fail so.',
    advice:
      'Change the agent: PATCH says which field it is. The limits are AGENT_MEMORY_MAX, AGENT_CPUS_MAX, AGENT_PIDS_MAX, AGENT_IMAGES and AGENT_IMAGE_DIGESTS.',
  },
  workspace_failed: {
    meaning: 'What the workspace of the team asks for could not be put into the workspace of the run.',
    advice:
      "The run's message says what failed. A team that was made under another runtime may ask for what this one cannot do.",
  },
  preset_unusable: {
    meaning: 'The preset of an agent is not there on the worker, or lacks what it needs.',
    advice: 'Give schedulers and workers the same CREWTAB_PRESETS; presets.md says what a preset needs.',
  },
  image_not_found: {
    meaning: 'The image is neither on the host nor in a registry that the engine can reach.',
    advice: "Check its name and tag; docker pull it on the worker's host.",
  },
  image_pull_failed: {
    meaning: 'The engine could not pull the image.',
    advice: "The message is the engine's own: often a missing login or a full disk.",
  },
  image_build_failed: {
    meaning: "The image of a preset could not be built on the worker's host, twice.",
    advice:
      "The message has the end of the build's output: often a registry or package server that the host does not reach. PRESET_BUILD_ARGS gives another base image, PRESET_IMAGES an image of a registry in its place.",
  },
  create_failed: {
    meaning: 'The engine refused to create the container, network or volume.',
    advice: "The message is the engine's own: often resources that the host does not have.",
  },
  start_failed: {
    meaning: 'The engine or the operating system could not start the agent.',
    advice: 'Check that the image has the command, and that it may be executed.',
  },
  network_not_enforced: {
    meaning:
      'The team may reach listed hosts only (allowlist), and its cluster does not enforce network policies, which keep its pod from anything else; or whether it does could not be tested.',
    advice:
      'Install a network plugin that enforces them (Calico, Cilium); or give the team network: { "mode": "none" }; or accept it for all teams with KUBERNETES_UNENFORCED_NETWORK_ALLOWED (kubernetes.md).',
  },
  isolation_required: {
    meaning:
      'The agent would run as a plain process, without isolation, and only the demo may: npm start found no container engine.',
    advice: 'Start Docker; or, for agents that you trust with your account, start with CREWTAB_RUNTIME=process.',
  },
  name_conflict: {
    meaning:
      "A container of the run's name exists that does not belong to the run. Crewtab never touches what it did not make.",
    advice: 'Rename or remove that container.',
  },
  handshake_timeout: {
    meaning: "An agent was started but did not answer the protocol's handshake in time.",
    advice: 'Look at its stderr messages; check protocol; raise AGENT_HANDSHAKE_TIMEOUT for slow images.',
  },
  guard_missing: {
    meaning:
      "The build lacks a program for the engine's architecture without which agents cannot reach listed hosts only (network.md), cannot run in pods, or cannot have a workspace in memory (AGENT_WORKSPACE_TMPFS).",
    advice:
      'Build Crewtab where a C compiler is (Debian: apt-get install musl-tools, then npm run build) on a machine of the engine\'s architecture, or use the image; or give the team network: { "mode": "none" }.',
  },
  handshake_failed: {
    meaning: 'An agent answered the handshake with an error.',
    advice: "The message is the agent's own: often missing credentials in env, or a mode that it does not have.",
  },
  template_failed: {
    meaning:
      'The template of the prompt could not be rendered when the run began; nothing was started. The message has the place.',
    advice:
      'Correct the prompt or its variables: the builder and POST /schedules/:id/render show what the next run would be told.',
  },
  prompt_failed: {
    meaning: 'The prompt could not be sent.',
    advice:
      "Look at the leader's last messages: it was ending, or it does not read its input (AGENT_INPUT_TIMEOUT; the engine takes some hundred kilobytes all the same, so that a leader which never reads a short prompt ends as timeout).",
  },
  delivery_unconfirmed: {
    meaning:
      'A crash left open whether the prompt had been delivered. A prompt is never sent twice, so the run was ended.',
    advice: "Rerun it, if the agent's work may be done again.",
  },
  agent_error: {
    meaning: 'The agent reported an error.',
    advice: "The message is the agent's own.",
  },
  model_access: {
    meaning: "The agent says that its model's service refused the key or login.",
    advice:
      "Check the key in the agent's env: that it is whole, not revoked, and of the account that may use this model.",
  },
  model_unreachable: {
    meaning: "The agent says that it could not reach its model's service, or lost the connection.",
    advice:
      "List the service's host in the team's network.hosts; look at the network messages for what was refused; rerun when the service is back.",
  },
  model_limit: {
    meaning:
      'The agent says that a limit of its model or its account was reached: requests, tokens, context or credit.',
    advice: 'The message says which. Wait, raise the limit, or ask for less in one run.',
  },
  agent_refused: {
    meaning: 'The agent refused to go on.',
    advice: "Change the prompt or the agent's instructions.",
  },
  agent_limit: {
    meaning: 'The agent stopped at a limit of its own, of tokens or requests.',
    advice: "Raise that limit in the agent's settings, or ask for less.",
  },
  agent_cancelled: {
    meaning: 'The agent says that its turn was cancelled, though Crewtab did not ask for it.',
    advice: 'Look at the conversation for why; often something inside the container stopped it.',
  },
  permission_refused: {
    meaning: 'The agent ended its turn as cancelled after a permission had been refused to it.',
    advice:
      'Look at its permission messages. Allow what it needs in permissions, or tell it in its instructions what it may not do.',
  },
  empty_result: {
    meaning: 'The leader ended its turn without a word: nothing says that the work is done.',
    advice:
      "Look at the conversation for what it did. Ask for an answer in the prompt, or set the schedule's allowEmpty.",
  },
  tool_call_open: {
    meaning:
      "The leader ended its turn while a tool call of it was still open, so that what it began may not be done. What it said is the run's result all the same.",
    advice:
      "Have the agent wait for what it starts, or set the schedule's allowOpenToolCalls where it leaves work in the background on purpose.",
  },
  agent_idle: {
    meaning: 'An agent that had a task, and waited for no teammate, wrote nothing for its idleTimeout.',
    advice:
      'The message says what it was last seen doing. Look at the conversation; raise its idleTimeout if it works in silence.',
  },
  agent_evicted: {
    meaning:
      'The cluster ended the pod of an agent for a reason of its own: evicted for the disk or memory of its node, preempted, or past a limit of the pod.',
    advice:
      "The message is the cluster's own. A volume beyond its limit: RUN_DISK_LIMIT, AGENT_TMP_SIZE; a node under pressure: more room, or priorities. Rerun the run, if its work may be done again.",
  },
  agent_exited: {
    meaning: 'An agent ended before its work was done.',
    advice: 'The exit code is in the message; look at its stderr messages.',
  },
  agent_killed: {
    meaning: 'An agent was killed by a signal, not by Crewtab.',
    advice: "Look in the host's log. Exit code 137 alone does not say that memory ran out.",
  },
  out_of_memory: {
    meaning: 'The engine reports that an agent ran out of memory.',
    advice: "Raise the agent's resources.memory.",
  },
  agent_vanished: {
    meaning: "An agent's container is gone, removed by another program or a person.",
    advice: 'Find what removes containers on that host (a prune job, a person).',
  },
  output_lost: {
    meaning:
      "An agent ended while the container engine was down or restarting, and the end of its output is lost: it was killed together with its guard, or it had none. So it is unknown whether a plain program's answer is whole, whatever its exit code.",
    advice: 'Look at what the agent did; rerun the run, if its work may be done again.',
  },
  output_limit: {
    meaning: 'An agent wrote more output than a run may store.',
    advice:
      'Make it less talkative, or raise AGENT_OUTPUT_LIMIT. Tasks that it delegates, and its answers to tasks, count too.',
  },
  line_limit: {
    meaning:
      'An agent wrote a line that is longer than AGENT_LINE_LIMIT (16m). It is not stored; what came before it is.',
    advice: 'Have large things written to files of the workspace.',
  },
  batch_limit: {
    meaning:
      'An ACP agent put more messages into one line than AGENT_BATCH_LIMIT (1,000). None of that line is stored.',
    advice: "Update the agent's image; no known agent does this.",
  },
  json_limit: {
    meaning:
      'An ACP agent wrote a line of JSON that is nested deeper than AGENT_JSON_DEPTH_LIMIT (64), or has more values than AGENT_JSON_VALUES_LIMIT (100,000). It is not stored.',
    advice: "Look at what the agent's tools put into their results; raise the limit if that is as it should be.",
  },
  message_limit: {
    meaning: 'The run has more messages than RUN_MESSAGE_LIMIT (200,000).',
    advice: 'Make the team less talkative, or split the work between runs.',
  },
  disk_limit: {
    meaning:
      "The agents' changes to their file systems and the workspace of the run have more bytes than RUN_DISK_LIMIT.",
    advice: 'See what the agents write, in the conversation; raise RUN_DISK_LIMIT where the work needs it.',
  },
  protocol_error: {
    meaning: 'An agent broke the protocol.',
    advice: "Check protocol, and update the agent's image.",
  },
  verification_failed: {
    meaning:
      "The leader said that it is done, and a check of the schedule's verify did not pass. What it said is the run's result all the same.",
    advice:
      "The verification of the run has each check: why it failed and, of a command, its exit code and the end of its output. Mend what the check found, or the check. A command runs without the agents' variables and without a network.",
  },
  push_failed: {
    meaning:
      "The work of the run was not pushed to the branch that the team's workspace asks for: the remote refused it, the branch was moved since the run began, the commit does not follow it, or the agent left no repository.",
    advice:
      "The message has git's own words. Nothing is ever forced: bring the branch and the work together, or name another branch.",
  },
  push_unconfirmed: {
    meaning:
      'A push was cut off in the middle, and the remote could not be asked what became of it. It is never repeated.',
    advice: "Look at the branch: the run's push has the commit.",
  },
  timeout: {
    meaning: 'The deadline passed; the team was force-stopped, or is as soon as a worker of its host can.',
    advice: 'Give the schedule a longer timeout, or ask for less.',
  },
  teardown_failed: {
    meaning:
      'The engine could not remove what was made for the run within TEARDOWN_LIMIT, or until the stop grace after the deadline was over. Crewtab keeps trying until the engine is clean.',
    advice: "teardownFailure on the run has the engine's words; repair the engine.",
  },
  host_lost: {
    meaning:
      "The host of the run was unresponsive beyond HOST_UNRESPONSIVE_LIMIT, or at the run's deadline. On Kubernetes also: the cluster gave up the node of the run's pod, which the message names.",
    advice:
      'Bring the host back: what is left there is removed before it takes work. If it is gone for good, decommission it: operations. Rerun the run, if its work may be done again.',
  },
};
