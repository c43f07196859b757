import { SETTINGS } from './settings';

/** What the chart sets itself, and what says nothing where teams are pods. */
const NOT_OF_THE_CHART: readonly string[] = [
  'CREWTAB_RUNTIME',
  'KUBERNETES_NAMESPACE',
  'HOST',
  'PORT',
  'CREWTAB_DATA_DIR',
  'CREWTAB_ALIVE_FILE',
  'WORKER_CONCURRENCY',
  'WORKER_METRICS_PORT',
  'KUBECONFIG',
  'DOCKER_HOST',
  'CREWTAB_PROCESS_COMMAND',
  'AGENT_WORKSPACE_TMPFS',
  'CREWTAB_FAILPOINT',
];

interface Names {
  readonly propertyNames: { enum: string[] };
}

/** The part of deploy/helm/crewtab/values.schema.json that lists settings. */
export interface ChartSchema {
  readonly properties: {
    readonly settings: Names;
    readonly secret: { readonly properties: { readonly values: Names } };
  };
}

/** Puts the names of all settings where the chart takes them: those that hold a secret go into its Secret. */
export function listSettings({ properties: { settings, secret } }: ChartSchema): void {
  const known = Object.entries(SETTINGS).filter(([name]) => !NOT_OF_THE_CHART.includes(name));
  const namesOf = (wanted: boolean): string[] =>
    known.filter(([, { isSecret }]) => isSecret === wanted).map(([name]) => name);
  settings.propertyNames.enum = namesOf(false);
  secret.properties.values.propertyNames.enum = namesOf(true);
}
