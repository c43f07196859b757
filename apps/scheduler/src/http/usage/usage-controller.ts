import { Controller, Inject } from '@nestjs/common';
import { getUsage, USAGE_DAYS, type UsageAnswer } from '@crewtab/api-contract/usage-routes';
import type { UsageGroup, UsageSum } from '@crewtab/domain/ports/usage-store';
import { addUpCells } from '@crewtab/domain/runs/usage-sums';
import { lastLocalDays, localDaysBetween, type LocalDay } from '@crewtab/domain/schedules/local-days';
import { Route, type RouteInput } from '../contract/route';
import { HTTP_DEPS, type HttpDeps } from '../http-deps';

type SumView = UsageAnswer['total'];

@Controller()
export class UsageController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: Pick<HttpDeps, 'usage' | 'clock'>) {}

  @Route(getUsage)
  async get({ caller, query }: RouteInput<typeof getUsage>): Promise<UsageAnswer> {
    const { zone, by, limit } = query;
    const { from, to } =
      query.from && query.to
        ? { from: query.from, to: query.to }
        : lastLocalDays(zone, USAGE_DAYS, this.deps.clock.now());
    const days = localDaysBetween(zone, from, to);
    const report = await this.deps.usage.sumUsage(caller.organizationId, { days, by, limit });
    return {
      ...{ from: from.toISOString(), to: to.toISOString(), zone, by },
      total: toSum(report.total),
      days: days.map((day, index) => ({
        ...{ date: day.date, from: day.from.toISOString(), to: day.to.toISOString() },
        ...toSum(report.days.get(index) ?? addUpCells([], 'runs')),
      })),
      groups: report.groups.map((group) => toGroup(group, days)),
      others: report.others && { groups: report.others.groups, ...toSum(report.others.total) },
    };
  }
}

function toGroup({ id, name, preset, model, total, days: sums }: UsageGroup, days: readonly LocalDay[]) {
  return {
    ...{ id, name, preset, model },
    ...toSum(total),
    days: days.flatMap(({ date }, index) => {
      const sum = sums.get(index);
      return sum ? [{ date, ...toSum(sum) }] : [];
    }),
  };
}

export function toSum({ runs, inputTokens, outputTokens, costs, unknown, incomplete }: UsageSum): SumView {
  const missing = { unknown: { ...unknown }, incomplete: { ...incomplete } };
  return { runs, inputTokens, outputTokens, costs: [...costs], ...missing };
}
