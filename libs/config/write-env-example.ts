import { readFileSync, writeFileSync } from 'node:fs';
import { renderEnvExample } from './env-example';
import { listSettings, type ChartSchema } from './helm-settings';

const SCHEMA = 'deploy/helm/crewtab/values.schema.json';

/** `npm run env:example`: writes .env.example, and the names of settings that the chart takes, in the current directory. */
writeFileSync('.env.example', renderEnvExample());
const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as ChartSchema;
listSettings(schema);
writeFileSync(SCHEMA, `${JSON.stringify(schema, null, 2)}\n`);
