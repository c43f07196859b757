import { artifactRoutes } from './artifact-routes';
import { eventRoutes } from './event-routes';
import { overviewRoutes } from './overview-routes';
import { presetRoutes } from './preset-routes';
import { historyRoutes } from './history-routes';
import { promptRoutes } from './prompt-routes';
import { runRoutes } from './run-routes';
import { scheduleRoutes } from './schedule-routes';
import { secretRoutes } from './secret-routes';
import { serviceRoutes } from './service-routes';
import { sessionRoutes } from './session-routes';
import { systemRoutes } from './system-routes';
import { timelineRoutes } from './timeline-routes';
import { teamRoutes } from './team-routes';
import { usageRoutes } from './usage-routes';

/** Every route of the scheduler app, in the order of the document. The start fails unless each has its handler. */
export const allRoutes = [
  ...teamRoutes,
  ...presetRoutes,
  ...secretRoutes,
  ...scheduleRoutes,
  ...promptRoutes,
  ...historyRoutes,
  ...timelineRoutes,
  ...runRoutes,
  ...artifactRoutes,
  ...overviewRoutes,
  ...usageRoutes,
  ...eventRoutes,
  ...systemRoutes,
  ...sessionRoutes,
  ...serviceRoutes,
] as const;
