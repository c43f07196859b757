import { writeFileSync } from 'node:fs';
import { allRoutes } from './all-routes';
import { renderRoutesPage } from './route-access';

/** `npm run api:routes`: writes docs/api-routes.md below the current directory. */
writeFileSync('docs/api-routes.md', renderRoutesPage(allRoutes));
