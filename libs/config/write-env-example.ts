import { writeFileSync } from 'node:fs';
import { renderEnvExample } from './env-example';

/** `npm run env:example`: writes .env.example in the current directory. */
writeFileSync('.env.example', renderEnvExample());
